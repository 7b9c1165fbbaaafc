"""The device's end of Shtrih-M "plain transfer" (protocol version 1.1): a length and the data, for a line that changes nothing.

There is nothing to confirm and nothing to repeat, so an answer leaves once and is forgotten. What comes while a command is executed is
dropped. Source: reference sheet, section 1.2.
"""

from __future__ import annotations

from enum import IntEnum

from fiscal.registers.shtrih.talk_plain import frame_of

__all__ = ["CHART", "Came", "PlainLink", "State"]


class State(IntEnum):
    """Where the device stands in the exchange."""

    WAIT_STX = 0
    WAIT_LEN = 1
    BODY = 2
    EXECUTING = 3


class Came(IntEnum):
    """What happened on the line."""

    OTHER = 0
    STX = 2
    LENGTH = 257  # a plausible length byte
    BAD = 258  # an impossible one
    WHOLE = 259  # the last byte of the data
    TIMEOUT = 260
    ANSWER = 261  # the command has been executed


S, C = State, Came
CHART: dict[tuple[State, Came], State] = {
    (S.WAIT_STX, C.STX): S.WAIT_LEN,
    (S.WAIT_STX, C.OTHER): S.WAIT_STX,
    (S.WAIT_LEN, C.LENGTH): S.BODY,
    (S.WAIT_LEN, C.BAD): S.WAIT_STX,
    (S.WAIT_LEN, C.TIMEOUT): S.WAIT_STX,
    (S.BODY, C.OTHER): S.BODY,
    (S.BODY, C.WHOLE): S.EXECUTING,
    (S.BODY, C.TIMEOUT): S.WAIT_STX,
    (S.EXECUTING, C.OTHER): S.EXECUTING,
    (S.EXECUTING, C.ANSWER): S.WAIT_STX,
}
"""(state, what came) -> next state. The only thing the device ever says is an answer."""
del S, C

_STX = 2
_WAIT_STX, _WAIT_LEN, _BODY, _EXECUTING = State


class PlainLink:
    """One device's link, of the same use as `fiscal.emulators.shtrih_link.Link`."""

    __slots__ = ("_body", "_byte_timeout_us", "_need", "command", "deadline_us", "state")

    def __init__(self, byte_timeout_us: int = 100_000) -> None:
        self._byte_timeout_us = byte_timeout_us
        self._body = bytearray()
        self.reset()

    def reset(self) -> None:
        """Power-up: nothing is remembered."""
        self.state = State.WAIT_STX
        self.command: bytes | None = None
        self.deadline_us: int | None = None
        self._body.clear()
        self._need = 0

    def set_timeout(self, byte_timeout_us: int) -> None:
        """Command 14h: the pause between two bytes of a frame after which the device gives up."""
        self._byte_timeout_us = byte_timeout_us

    def receive(self, data: bytes, now_us: int) -> bytes:
        """Bytes arrived. A command that came whole lies in ``command`` until taken; nothing leaves."""
        self.timeout(now_us)
        # A whole frame in one chunk is taken at once, also behind a stray 02: no short frame of length 2 would be as long.
        size = len(data)
        if size > 2 and data[0] == _STX and data[1] == size - 2:
            state = self.state
            if state is _WAIT_STX or (state is _WAIT_LEN and size > 3):
                self.command = data[2:]
                self.state = _EXECUTING
                self.deadline_us = None
                return b""
        for byte in data:
            state = self.state
            if state is _WAIT_STX:
                came = Came.STX if byte == _STX else Came.OTHER
            elif state is _WAIT_LEN:
                came = Came.LENGTH if byte else Came.BAD
                self._need = byte
                self._body.clear()
            elif state is _BODY:
                self._body.append(byte)
                came = Came.OTHER
                if len(self._body) == self._need:
                    came = Came.WHOLE
                    self.command = bytes(self._body)
            else:
                came = Came.OTHER
            self.state = CHART[state, came]
        inside = self.state in (_WAIT_LEN, _BODY)
        self.deadline_us = now_us + self._byte_timeout_us if inside else None
        return b""

    def answer(self, payload: bytes, now_us: int) -> bytes:
        """The command is executed: its answer leaves."""
        self.state = CHART[self.state, Came.ANSWER]
        return frame_of(payload)

    def timeout(self, now_us: int) -> bytes:
        """The pause inside a frame was too long: what came of it is dropped."""
        if self.deadline_us is not None and now_us >= self.deadline_us:
            self.deadline_us = None
            self.state = CHART[self.state, Came.TIMEOUT]
        return b""
