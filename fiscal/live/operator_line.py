"""The way to the operator over TCP: one connection for each message, as the protocol wants it.

`carry` does one exchange. `Carrier` does it for the engine, in threads of its own, so that neither a register nor the engine ever waits for
the operator.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from fiscal.engine.events import Exchange, Exchanged
from fiscal.ofd import OfdError, missing

log = logging.getLogger("fiscal.operator")
CONNECT_S = 10.0
REPLY_S = 60.0
AT_ONCE = 16
"""Messages under way at the same time: one for each register, and few farms are larger."""


class Carried(NamedTuple):
    """What came of a message. ``connected``: a connection stood, so the network is fine."""

    answer: bytes
    problem: str
    connected: bool


def carry(
    host: str, port: int, data: bytes, connect_s: float = CONNECT_S, reply_s: float = REPLY_S
) -> Carried:
    """Send one message to the operator and read his whole answer. Never raises: what goes wrong is told."""
    try:
        line = socket.create_connection((host, port), connect_s)
    except OSError as error:
        return Carried(b"", f"no connection to the operator: {(error.strerror or str(error)).lower()}", False)
    with line:
        try:
            line.settimeout(reply_s)
            line.sendall(data)
            answer = b""
            while (left := missing(answer)) > 0:
                chunk = line.recv(left)
                if not chunk:
                    return Carried(b"", "the operator closed the connection", True)
                answer += chunk
        except TimeoutError:
            return Carried(b"", "no answer from the operator", True)
        except OSError as error:
            return Carried(b"", f"the connection broke off: {(error.strerror or str(error)).lower()}", True)
        except OfdError as error:
            return Carried(b"", f"the operator answers what is no message: {error}", True)
    return Carried(answer, "", True)


class Carrier:
    """Carries the engine's messages. ``post`` gets an `Exchanged` for each."""

    def __init__(
        self, host: str, port: int, post: Callable[[Exchanged], None], reply_s: float = REPLY_S
    ) -> None:
        self._host = host
        self._port = port
        self._post = post
        self._reply_s = reply_s
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="operator")
        self._going = True

    def carry(self, effect: Exchange) -> None:
        """Start an exchange."""
        if self._going:
            self._pool.submit(self._carry, effect)

    def _carry(self, effect: Exchange) -> None:
        carried = carry(self._host, self._port, effect.data, reply_s=self._reply_s)
        if carried.problem:
            log.warning("%s", carried.problem)
        if self._going:
            self._post(
                Exchanged(effect.register, effect.number, carried.answer, carried.problem, carried.connected)
            )

    def stop(self) -> None:
        """Nothing is started or told any more. A message under way is sent again after the next start: the drive still shows it."""
        self._going = False
        self._pool.shutdown(wait=False, cancel_futures=True)
