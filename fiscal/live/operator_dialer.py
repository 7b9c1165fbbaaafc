"""An emulated register that sends by itself, over real TCP.

The agent (`fiscal.emulators.operator_agent`) decides, in the register's own thread, since it works on the drive; what it wants of the
network - dial, send, hang up - is done here, in a thread for each connection, and what happens there is told back through a queue.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from fiscal.emulators.operator_agent import Action, Dial, OperatorAgent, Transmit

CONNECT_S = 10.0


class Dialer:
    """Runs ``agent`` against the operator at ``host``:``port``. `settle` belongs to the register's thread; ``nudge`` asks for it."""

    def __init__(self, agent: OperatorAgent, host: str, port: int) -> None:
        self.agent = agent
        self.nudge: Callable[[], None] = lambda: None
        self._where = host, port
        self._said: SimpleQueue[tuple[int, str, Any]] = SimpleQueue()
        self._number = 0  # of the connection that counts
        self._line: socket.socket | None = None

    def settle(self, now_us: int) -> None:
        """Hear what the network said, and do what the agent wants."""
        agent = self.agent
        while True:
            try:
                number, what, value = self._said.get_nowait()
            except Empty:
                break
            if number != self._number:
                if what == "connected":
                    value.close()
            elif what == "connected":
                self._line = value
                self._do(agent.connected(now_us))
            elif what == "data":
                self._do(agent.received(value, now_us))
            else:
                self._line = None
                self._do(agent.lost(now_us, value))
        if now_us >= agent.next_wakeup():
            self._do(agent.wake(now_us))

    def close(self) -> None:
        self._number += 1
        self._hang_up()

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Dial):
                self._number += 1
                threading.Thread(
                    target=self._converse, args=(self._number,), name="register's network", daemon=True
                ).start()
            elif isinstance(action, Transmit):
                if self._line is not None:
                    with contextlib.suppress(OSError):
                        self._line.sendall(action.data)
            else:
                self._number += 1
                self._hang_up()

    def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()

    def _converse(self, number: int) -> None:
        try:
            line = socket.create_connection(self._where, CONNECT_S)
            line.settimeout(None)
        except OSError as error:
            self._tell(
                number, "lost", f"no connection to the operator: {(error.strerror or str(error)).lower()}"
            )
            return
        self._tell(number, "connected", line)
        try:
            while data := line.recv(65_536):
                self._tell(number, "data", data)
            self._tell(number, "lost", "the operator closed the connection")
        except OSError as error:
            self._tell(number, "lost", f"the connection broke off: {(error.strerror or str(error)).lower()}")

    def _tell(self, number: int, what: str, value: Any) -> None:
        self._said.put((number, what, value))
        self.nudge()
