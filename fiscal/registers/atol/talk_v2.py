"""The host's end of ATOL transport version 2: a session to give the command, a session to take the answer.

Within a session bytes may be repeated without harm: a command frame that was confirmed and comes again is not
carried out again, and a frame without the question before it (ENQ) is not taken at all. But an answer that nobody
takes is dropped by the register, and then only the drive knows; so after the frame has left, everything but an
answer ends in `LineLost`. The last confirmation of an answer travels in one piece with the next question. Source:
reference sheet, section 1.1.
"""

from __future__ import annotations

from typing import Any

from fiscal.registers.atol.commands import COMMANDS, Command
from fiscal.registers.atol.frames_v2 import ACK, ENQ, EOT, NAK, SessionReader, build
from fiscal.registers.atol.talk import ROUNDS, RegisterError, Steps, request, values_of
from fiscal.registers.conversation import LineLost, Pause, Receive, Send, Settings

__all__ = ["RegisterError", "SessionTalk"]

T1_US = 500_000
T2_US = 2_000_000
T3_US = 500_000
T6_US = 500_000
T7_US = 500_000
ASKS = 5
SENDS = 10
BUSY_ROUNDS = 100

_LISTEN, _TAKE, _LAST, _QUIET = Receive(T1_US), Receive(T2_US), Receive(T3_US), Receive(T6_US)


class SessionTalk:
    """As `fiscal.registers.atol.talk.Talk`, over sessions."""

    __slots__ = ("_answer_us", "_owed", "_queue", "_reader", "number", "repeated", "sent")

    def __init__(self, settings: Settings, number: int = 0) -> None:
        self._answer_us = settings.answer_timeout_us
        self._reader = SessionReader()
        self._queue: list[tuple[str, bytes]] = []
        self._owed = False
        self.number = number
        self.sent = 0
        self.repeated = False

    def ask(self, command: Command, *values: object) -> Steps:
        """Send a command, return the values of its answer. Raises `RegisterError`, `LineLost`."""
        return self.send(command, request(COMMANDS[command.code], *values))

    def send(self, command: Command, body: bytes) -> Steps:
        """As `ask`, with a request made before."""
        yield from self._agree()
        yield from self._give(command, build(body))
        answer = yield from self._answer(command)
        self._owed = True
        try:
            values = values_of(command, answer)
        except RegisterError:
            self.sent = 0
            raise
        self.sent = 0
        return values

    def confirm(self) -> Steps:
        """Confirm the last answer now, without a further command."""
        if self._owed:
            self._owed = False
            yield Send(ACK)

    def pause(self, duration_us: int) -> Steps:
        yield from self.confirm()
        yield Pause(duration_us)

    # ---- a session --------------------------------------------------------------------------------------------------------------

    def _event(self, wait: Receive) -> Steps:
        """The next byte or frame, ``("", b"")`` for silence."""
        while not self._queue:
            data = yield wait
            if not data:
                self._reader.reset()
                return "", b""
            self._queue = self._reader.feed(data)
            wait = _QUIET if self._reader.pending else wait
        return self._queue.pop(0)

    def _agree(self) -> Steps:
        """Ask until the register listens. A stale answer is taken and dropped."""
        question = ACK + ENQ if self._owed else ENQ
        self._owed = False
        silent = 0
        for _ in range(BUSY_ROUNDS):
            yield Send(question)
            question = ENQ
            kind, byte = yield from self._event(_LISTEN)
            while kind and byte == EOT:
                kind, byte = yield from self._event(_LISTEN)
            if kind == "control" and byte == ACK:
                return
            if not kind:
                silent += 1
                if silent >= ASKS:
                    break
            elif byte == NAK:
                yield Pause(T7_US)
            elif byte == ENQ:  # it wants to talk itself
                yield Send(ACK)
                kind, _ = yield from self._event(_TAKE)
                if kind == "frame":
                    question = ACK + ENQ
            else:
                yield from self._drain()
        yield Send(EOT)
        raise LineLost("the register does not answer")

    def _give(self, command: Command, frame: bytes) -> Steps:
        self.sent = command.code
        self.repeated = False
        for attempt in range(SENDS):
            yield Send(frame, True)
            kind, byte = yield from self._event(_LAST)
            if kind == "control" and byte == ACK:
                yield Send(EOT)
                return
            if kind == "control" and byte == ENQ and attempt:  # it took the frame before and answers already
                self._queue.insert(0, (kind, byte))
                return
            if kind and byte != NAK:
                yield from self._drain()
        yield Send(EOT)
        raise LineLost("the register does not confirm the command")

    def _answer(self, command: Command) -> Steps:
        wait = Receive(command.timeout_us or self._answer_us)
        strange = 0
        while strange < ROUNDS:
            kind, byte = yield from self._event(wait)
            if not kind:
                raise LineLost("no answer to a command")
            if kind == "control" and byte == ENQ:
                frame: Any = yield from self._take()
                if frame is not None:
                    return frame
            strange += 1
        raise LineLost("garbage instead of an answer")

    def _take(self) -> Steps:
        """Agree to listen and take a frame, ``None`` when it does not come whole."""
        yield Send(ACK)
        for _ in range(SENDS):
            kind, data = yield from self._event(_TAKE)
            if kind == "frame":
                return data
            if not kind:
                return None
            if kind == "control" and data == ENQ:  # it did not see our ACK
                yield Send(ACK)
            else:
                yield from self._drain()
                yield Send(NAK)
        return None

    def _drain(self) -> Steps:
        """Read until the line is quiet."""
        self._queue = []
        for _ in range(1000):
            data = yield _QUIET
            if not data:
                self._reader.reset()
                return
        raise LineLost("the line never falls silent")
