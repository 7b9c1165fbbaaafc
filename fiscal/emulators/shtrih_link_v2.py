"""The device's end of Shtrih-M protocol version 2: what a frame's number makes it do.

The rules are data (`CHART`). The next number executes; every other number, and a synchronisation request, only bring the last answer
again, so nothing a confused host does can make a command act twice. Until the first command there is no answer, and an empty frame with
the number 1 stands for it. After power-up counting begins anew. Damaged frames are dropped without a word.

The reference sheet does not say what a device does with frames that come while a command is executed; here they are dropped, for the
answer that is in work is what they could bring. Source: reference sheet, section 1.3.
"""

from __future__ import annotations

from enum import IntEnum

from fiscal.registers.shtrih.frames import FrameError
from fiscal.registers.shtrih.frames_v2 import WRAP, FrameReader, build, parse

__all__ = ["CHART", "Act", "Came", "LinkV2", "State"]

FIRST_NUMBER = 1


class State(IntEnum):
    """Where the device stands in the exchange."""

    READY = 0
    EXECUTING = 1


class Came(IntEnum):
    """What came in."""

    SYNC = 0  # a synchronisation request
    NEXT = 1  # a command under the next number
    OTHER = 2  # a frame under any other number, or without a command
    DAMAGED = 3
    ANSWER = 4  # the command has been executed


class Act(IntEnum):
    """What the device does about it."""

    NOTHING = 0
    EXECUTE = 1
    TELL = 2  # send the last answer, under its number


CHART: dict[tuple[State, Came], tuple[State, Act]] = {
    (State.READY, Came.SYNC): (State.READY, Act.TELL),
    (State.READY, Came.NEXT): (State.EXECUTING, Act.EXECUTE),
    (State.READY, Came.OTHER): (State.READY, Act.TELL),
    (State.READY, Came.DAMAGED): (State.READY, Act.NOTHING),
    (State.EXECUTING, Came.SYNC): (State.EXECUTING, Act.NOTHING),
    (State.EXECUTING, Came.NEXT): (State.EXECUTING, Act.NOTHING),
    (State.EXECUTING, Came.OTHER): (State.EXECUTING, Act.NOTHING),
    (State.EXECUTING, Came.DAMAGED): (State.EXECUTING, Act.NOTHING),
    (State.EXECUTING, Came.ANSWER): (State.READY, Act.TELL),
}
"""(state, what came) -> (next state, act)."""


_READY, _EXECUTING = State


class LinkV2:
    """One device's link, of the same use as `fiscal.emulators.shtrih_link.Link`."""

    __slots__ = ("_byte_timeout_us", "_kept", "_reader", "command", "deadline_us", "number", "state")

    def __init__(self, byte_timeout_us: int = 100_000, *, number: int = FIRST_NUMBER) -> None:
        self._byte_timeout_us = byte_timeout_us
        self._reader = FrameReader()
        self.reset()
        self.number = number
        self._kept = build(number)

    def reset(self) -> None:
        """Power-up: counting begins anew, nothing is remembered."""
        self.state = State.READY
        self.command: bytes | None = None
        self.deadline_us: int | None = None
        self.number = FIRST_NUMBER
        """Of the last command that was taken."""
        self._kept = build(FIRST_NUMBER)
        self._reader.reset()

    def set_timeout(self, byte_timeout_us: int) -> None:
        """Command 14h: the pause between two bytes of a frame after which the device gives up."""
        self._byte_timeout_us = byte_timeout_us

    def receive(self, data: bytes, now_us: int) -> bytes:
        """Bytes arrived. Returns what the device puts on the line at once; a command lies in ``command`` until taken."""
        deadline_us = self.deadline_us
        if deadline_us is None:
            if self.state is _READY:  # as nearly always: one chunk is the next command
                try:
                    number, command = parse(data)
                except FrameError:
                    pass
                else:
                    if number == self.number + 1 & WRAP and command:
                        self.state = _EXECUTING
                        self.command = command
                        self.number = number
                        return b""
        elif now_us >= deadline_us:
            self._reader.reset()
        out = b""
        for frame in self._reader.feed(data):
            if frame is None:
                came = Came.DAMAGED
            else:
                number, command = frame
                if number is None:
                    came = Came.SYNC
                else:
                    came = Came.NEXT if number == self.number + 1 & WRAP and command else Came.OTHER
            self.state, act = CHART[self.state, came]
            if act is Act.EXECUTE:
                self.command = command
                self.number = self.number + 1 & WRAP
            elif act is Act.TELL:
                out += self._kept
        self.deadline_us = now_us + self._byte_timeout_us if self._reader.begun else None
        return out

    def answer(self, payload: bytes, now_us: int) -> bytes:
        """The command is executed: its answer leaves, and is kept until the next command."""
        self.state = _READY
        self._kept = frame = build(self.number, payload)
        return frame

    def timeout(self, now_us: int) -> bytes:
        """The pause inside a frame was too long: what came of it is dropped."""
        if self.deadline_us is not None and now_us >= self.deadline_us:
            self.deadline_us = None
            self._reader.reset()
        return b""
