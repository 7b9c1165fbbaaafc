"""The line inside a web server of tasks: from its own driver to its register, in the register's time.

A conversation is a generator (`fiscal.registers.conversation`). The host of the web server knows only when it wants to be woken; here
that becomes the register's wakeups, its answers on their way, and the driver's timeouts. The bytes take no time of their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import Any

from fiscal.emulators import Emulator
from fiscal.registers.conversation import Receive, Send, Step

__all__ = ["InnerLine"]

Talking = Generator[Step, bytes | None, Any]


class InnerLine:
    """Holds one conversation after the other. What one finds it puts where it belongs by itself."""

    def __init__(self, register: Emulator) -> None:
        self.register = register
        self._talking: Talking | None = None
        self._until_us: int | None = None  # how long the step in work waits; None between conversations
        self._receives = False
        self._inbox: deque[tuple[int, bytes]] = deque()

    @property
    def busy(self) -> bool:
        """A conversation is under way."""
        return self._talking is not None

    def start(self, conversation: Talking, now_us: int) -> None:
        """Begin a conversation."""
        self._talking = conversation
        self._inbox.clear()
        self._go_on(None, now_us)

    def next_wakeup(self) -> int | None:
        """When `wake` has something to do."""
        at_us = self.register.next_wakeup()
        until_us = self._until_us
        if until_us is None:
            return at_us
        if self._receives and self._inbox and self._inbox[0][0] < until_us:
            until_us = self._inbox[0][0]
        return until_us if at_us is None or until_us < at_us else at_us

    def wake(self, now_us: int) -> None:
        """Let the register act, then the driver."""
        register = self.register
        at_us = register.next_wakeup()
        while at_us is not None and at_us <= now_us:
            self._inbox.extend(register.wake(at_us))
            at_us = register.next_wakeup()
        if self._talking is None:
            self._inbox.clear()
        elif self._receives and self._inbox and self._inbox[0][0] <= now_us:
            self._go_on(self._inbox.popleft()[1], now_us)
        elif self._until_us is not None and self._until_us <= now_us:
            self._go_on(b"" if self._receives else None, now_us)

    def _go_on(self, answer: bytes | None, now_us: int) -> None:
        talking = self._talking
        assert talking is not None
        while True:
            try:
                step = talking.send(answer)
            except StopIteration:
                self._talking = self._until_us = None
                self._receives = False
                return
            if isinstance(step, Send):
                self._inbox.extend(self.register.receive(step.data, now_us))
                answer = None
                continue
            self._receives = isinstance(step, Receive)
            if self._receives and self._inbox and self._inbox[0][0] <= now_us:
                answer = self._inbox.popleft()[1]
                continue
            self._until_us = now_us + (step.timeout_us if isinstance(step, Receive) else step.duration_us)
            return
