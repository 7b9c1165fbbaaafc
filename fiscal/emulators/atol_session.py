"""The device's end of ATOL transport version 2: half-duplex sessions on the serial line of the old platform.

Who wants to talk asks (ENQ), the other agrees (ACK), a frame follows and is confirmed, EOT ends the session. A
command is one session, its answer another in the other direction. A command frame that comes twice because its
ACK was lost is confirmed again and carried out once; an answer that is not confirmed is repeated and at last
dropped, and then only the drive knows. Source: reference sheet, section 1.1.
"""

from __future__ import annotations

from enum import IntEnum

from fiscal.registers.atol.frames_v2 import ACK, ENQ, EOT, NAK, SessionReader, build

__all__ = ["SessionLink", "State"]

T1_US = 500_000
T3_US = 500_000
T6_US = 500_000
ASKS = 5
SENDS = 10


class State(IntEnum):
    """Where the device stands in the session."""

    IDLE = 0
    COMMAND = 1  # agreed to listen
    TAKEN = 2  # the command is confirmed and in work
    ASKED = 3  # wants to answer, waits for agreement
    ANSWERED = 4  # the answer is sent, waits for its confirmation


class SessionLink:
    """One device's link, with the same methods as the link of version 3."""

    __slots__ = ("_answer", "_payload", "_reader", "_tries", "deadline_us", "state")

    def __init__(self) -> None:
        self._reader = SessionReader()
        self.reset()

    def reset(self) -> None:
        """Power-up: nothing is remembered."""
        self._reader.reset()
        self.state = State.IDLE
        self.deadline_us: int | None = None
        self._payload: bytes | None = None
        self._answer = b""
        self._tries = 0

    def receive(self, data: bytes, now_us: int) -> bytes:
        """Bytes arrived. Returns what the device puts on the line at once."""
        out = self.timeout(now_us)
        for kind, part in self._reader.feed(data):
            out += self._frame(part, kind == "frame") if kind != "control" else self._control(part, now_us)
        if self._reader.pending:
            self.deadline_us = now_us + T6_US
        return out

    def take(self) -> bytes | None:
        """The command that was accepted, once."""
        payload, self._payload = self._payload, None
        return payload

    def done(self, answer: bytes, good: bool, now_us: int) -> bytes:
        """The command is carried out: the device asks to answer."""
        self._answer = build(answer)
        self.state = State.ASKED
        self._tries = 0
        self.deadline_us = now_us + T1_US
        return ENQ

    def timeout(self, now_us: int) -> bytes:
        """Nobody reacted in time."""
        if self.deadline_us is None or now_us < self.deadline_us:
            return b""
        self.deadline_us = None
        if self._reader.pending:
            self._reader.reset()
            if self.state is State.COMMAND:
                return NAK
        if self.state is State.COMMAND:
            self.state = State.IDLE
        elif self.state in (State.ASKED, State.ANSWERED):
            self._tries += 1
            if self._tries < ASKS:
                self.state = State.ASKED
                self.deadline_us = now_us + T1_US
                return ENQ
            self.state = State.IDLE
            return EOT
        return b""

    def _frame(self, payload: bytes, good: bool) -> bytes:
        state = self.state
        if state is State.COMMAND:
            if not good:
                return NAK
            self.state = State.TAKEN
            self.deadline_us = None
            self._payload = payload
            return ACK
        return ACK if good and state is State.TAKEN else b""

    def _control(self, byte: bytes, now_us: int) -> bytes:
        state = self.state
        if byte == ENQ:
            if state in (State.IDLE, State.COMMAND):
                self.state = State.COMMAND
                self.deadline_us = now_us + 4 * T3_US
                return ACK
            if state is State.TAKEN:
                return NAK  # busy
            self.state = State.ASKED
            self.deadline_us = now_us + T1_US
            return ENQ  # both want to talk
        if byte == ACK:
            if state is State.ASKED:
                self.state = State.ANSWERED
                self.deadline_us = now_us + T3_US
                return self._answer
            if state is State.ANSWERED:
                self.state = State.IDLE
                self.deadline_us = None
                return EOT
        elif byte == NAK:
            if state is State.ANSWERED and self._tries < SENDS:
                self._tries += 1
                self.deadline_us = now_us + T3_US
                return self._answer
        elif byte == EOT and state is State.COMMAND:
            self.state = State.IDLE
            self.deadline_us = None
        return b""
