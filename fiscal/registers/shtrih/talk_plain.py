"""The host's end of Shtrih-M "plain transfer" (protocol version 1.1): a length and the data, both directions, and nothing else.

It is meant for a line that loses and changes nothing (TCP); it has no checksum, no confirmation and no numbers. A lost answer
cannot be fetched, so a command is sent again only if doing it twice does no harm, and after any other silence `PlainTalk.sent`
tells which command may have been executed. Answers come in order, so what does not belong to the command that waits is an old
answer and is skipped. Source: reference sheet, section 1.2.
"""

from __future__ import annotations

from typing import Any

from fiscal.registers.conversation import LineLost, Pause, Receive, Send, Settings
from fiscal.registers.shtrih.commands import Command
from fiscal.registers.shtrih.frames import MAX_PAYLOAD, FrameError
from fiscal.registers.shtrih.talk import Steps, values_of

__all__ = ["PlainTalk", "frame_of"]

_QUIET = Receive(50_000)
_NOISE_LIMIT = 20_000
_HEAD = tuple(b"\x02" + bytes((n,)) for n in range(256))


def frame_of(payload: bytes) -> bytes:
    """The frame that carries ``payload``. Raises `FrameError` when it is empty or longer than 255 bytes."""
    size = len(payload)
    if not 0 < size <= MAX_PAYLOAD:
        raise FrameError(f"a frame carries 1 to {MAX_PAYLOAD} bytes, not {size}")
    return _HEAD[size] + payload


class PlainTalk:
    """One conversation's end of the line. Not shared, not kept."""

    __slots__ = ("_answer", "_byte", "_password", "_tries", "_unsettled", "repeated", "sent")

    def __init__(self, settings: Settings) -> None:
        self._byte = Receive(settings.byte_timeout_us)
        self._answer = Receive(settings.answer_timeout_us)
        self._password = settings.password
        self._tries = settings.attempts
        self._unsettled = False  # more than one answer may be under way
        self.sent = 0
        """Code of the command whose frame may have reached the register and was not answered yet."""
        self.repeated = False
        """A frame of the last command was sent more than once."""

    def pack(self, command: Command, *values: object) -> bytes:
        """The frame of a command. Raises `OverflowError`, `struct.error` or `FrameError` for values that do not fit."""
        given = (self._password, *values) if command.password else values
        return frame_of(command.prefix + command.request.pack(*given))

    def ask(self, command: Command, *values: object) -> Steps:
        """Send a command, return the values of its reply. Raises `RegisterError`, `LineLost`."""
        return self.send(command, self.pack(command, *values))

    def send(self, command: Command, frame: bytes) -> Steps:
        """As `ask`, with a frame made before."""
        if self._unsettled:
            self._unsettled = False
            yield from self._drain()
        self.sent = command.code
        self.repeated = False
        for _ in range(self._tries if command.repeatable else 1):
            yield Send(frame, True)
            reply = yield from self._read(command)
            if reply:
                values: list[Any] = values_of(self, command, reply)
                return values
            self._unsettled = self.repeated = True
        raise LineLost("no answer to a command")

    def confirm(self) -> Steps:
        """Nothing to do: answers are not confirmed."""
        yield from ()

    def pause(self, duration_us: int) -> Steps:
        yield Pause(duration_us)

    def _read(self, command: Command) -> Steps:
        """The reply of this command, or nothing when none comes in time."""
        wait = Receive(command.timeout_us) if command.timeout_us else self._answer
        data = b""
        noise = 0
        while noise < _NOISE_LIMIT:
            got = (yield self._byte if data else wait) or b""
            if not got:
                return b""
            if got[0] == 2 and len(got) > 2 and got[1] == len(got) - 2 and _belongs(command, got[2:]):
                return got[2:]  # as nearly always; whatever was half read before it is not its beginning
            noise += len(got)
            data += got
            while (at := data.find(2)) >= 0:
                end = at + 2 + data[at + 1] if at + 1 < len(data) else len(data) + 1
                if end > len(data):
                    data = data[at:]
                    break
                reply, data = data[at + 2 : end], data[end:]
                if _belongs(command, reply):
                    return reply
            else:
                data = b""
        raise LineLost("garbage instead of an answer")

    def _drain(self) -> Steps:
        """Read until the line is quiet."""
        for _ in range(1000):
            if not (yield _QUIET):
                return
        raise LineLost("the line never falls silent")


def _belongs(command: Command, reply: bytes) -> bool:
    prefix = command.prefix
    return reply[: len(prefix)] == prefix or (len(prefix) == len(reply) == 2 and reply[0] == 0xFF)
