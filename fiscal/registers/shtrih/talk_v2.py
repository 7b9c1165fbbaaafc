"""The host's end of Shtrih-M protocol version 2: commands are numbered, and the number is what makes a lost answer harmless.

The register remembers the number of the last command it executed, and its answer. The next number makes it act; any other number, and a
synchronisation request, only bring that answer again. So after silence or damage the host synchronises: the number of its own command
means "here is the answer", the number before it means "not executed", and then the same frame may be sent again without any danger.
Only a register that was restarted meanwhile has forgotten; it shows that by counting anew or by having nothing to repeat, and then
`Talk.sent` tells which command may have been executed. Source: reference sheet, section 1.3.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fiscal.registers.conversation import LineLost, Pause, Receive, Send, Settings
from fiscal.registers.shtrih.commands import COMMANDS, Command
from fiscal.registers.shtrih.frames import MAX_PAYLOAD, FrameError
from fiscal.registers.shtrih.frames_v2 import SYNC, WRAP, FrameReader, build, parse
from fiscal.registers.shtrih.talk import JUNK_LIMIT, Steps, values_of

__all__ = ["TalkV2"]

_SEND_SYNC = Send(SYNC)

_NOISE_LIMIT = 20_000
"""So many bytes without an answer in them, and the line is given up."""


class TalkV2:
    """One conversation's end of the line. Not shared, not kept: each conversation synchronises first."""

    __slots__ = ("_answer", "_answered", "_byte", "_last", "_password", "_tries", "repeated", "sent")

    def __init__(self, settings: Settings) -> None:
        self._byte = Receive(settings.byte_timeout_us)
        self._answer = Receive(settings.answer_timeout_us)
        self._password = settings.password
        self._tries = settings.attempts
        self._last = -1  # number of the last command, -1 before synchronisation
        self._answered = False
        self.sent = 0
        """Code of the command whose frame may have reached the register and was not answered yet."""
        self.repeated = False
        """Never: a frame that is sent again under its number is executed once."""

    def pack(self, command: Command, *values: object) -> bytes:
        """The payload of a command; its number comes later. Raises `OverflowError`, `struct.error` or `FrameError`."""
        given = (self._password, *values) if command.password else values
        payload = command.prefix + command.request.pack(*given)
        if len(payload) > MAX_PAYLOAD:  # what a register takes does not depend on the frame around it
            raise FrameError(f"a command has at most {MAX_PAYLOAD} bytes, not {len(payload)}")
        return payload

    def ask(self, command: Command, *values: object) -> Steps:
        """Send a command, return the values of its reply. Raises `RegisterError`, `LineLost`."""
        return self.send(command, _payload_of(self._password, command.code, values))

    def send(self, command: Command, payload: bytes) -> Steps:
        """As `ask`, with a payload packed before."""
        last = self._last
        if last < 0:
            last = yield from self._synchronise()
        number = last + 1 & WRAP
        self.sent = command.code
        yield Send(build(number, payload), True)
        limit = command.timeout_us
        got = (yield Receive(limit) if limit else self._answer) or b""
        try:
            came, reply = parse(got)
        except FrameError:
            came, reply = None, b""
        if came != number or not reply:
            self._last = -1
            number, reply = yield from self._settle(command, payload, number, got)
        self._last = number
        self._answered = True
        values: list[Any] = values_of(self, command, reply)
        return values

    def confirm(self) -> Steps:
        """Nothing to do: answers are not confirmed."""
        yield from ()

    def pause(self, duration_us: int) -> Steps:
        yield Pause(duration_us)

    # ---- when the line misbehaves -----------------------------------------------------------------------------------------------

    def _synchronise(self) -> Steps:
        """The number of the last command the register executed."""
        reader = FrameReader()
        silent = 0
        for _ in range(JUNK_LIMIT):
            yield _SEND_SYNC
            noise = 0
            while True:
                got = (yield self._byte) or b""
                frames = reader.feed(got)
                numbers = [frame[0] for frame in frames if frame is not None and frame[0] is not None]
                if numbers:
                    return numbers[-1]
                noise += len(got)
                if not got or None in frames or noise > _NOISE_LIMIT:
                    break
            if not noise and not reader.begun:
                silent += 1
                if silent >= self._tries:
                    raise LineLost("the register does not answer")
            reader.reset()
        raise LineLost("the register does not synchronise")

    def _settle(self, command: Command, payload: bytes, number: int, got: bytes) -> Steps:
        """The answer did not come as it should: find out what happened. Returns the number in the end and the answer."""
        wait = Receive(command.timeout_us) if command.timeout_us else self._answer
        reader = FrameReader()
        asked = False  # a synchronisation request is under way, so the register's own number will come
        silent = damaged = resent = noise = 0
        while True:
            ask = False
            noise += len(got)
            if noise > _NOISE_LIMIT:
                raise LineLost("garbage instead of an answer")
            if not got:
                if reader.begun:
                    reader.reset()
                    damaged += 1
                else:
                    silent += 1
                ask = True
            again = False
            for frame in reader.feed(got):
                if frame is None or frame[0] is None:  # damaged, or an echo of our own question
                    damaged += 1
                    ask = True
                    continue
                came, answer = frame
                if came == number and answer:
                    return number, answer
                if came == number - 1 & WRAP and not asked:
                    continue  # the answer before, once more
                if asked:
                    number, again = self._judge(command, number, came, answer), True
                else:
                    ask = True
            if damaged > JUNK_LIMIT:
                raise LineLost("the answer comes damaged every time")
            if silent > self._tries:
                raise LineLost("no answer to a command")
            if again:
                resent += 1
                if resent > self._tries:
                    raise LineLost("the register does not take the command")
                asked = False
                yield Send(build(number, payload), True)
            elif ask:
                asked = True
                yield _SEND_SYNC
            got = (yield self._byte if asked or reader.begun else wait) or b""

    def _judge(self, command: Command, number: int, came: int | None, answer: bytes) -> int:
        """The register told another number than ours: may the command be sent (again), and under which number?"""
        harmless = command.repeatable and not self._answered
        if came == number - 1 & WRAP and (answer or harmless):
            return number
        if came is not None and harmless:
            return came + 1 & WRAP
        raise LineLost("the register counts anew; a command may have been executed before a restart")


@lru_cache(maxsize=4096)
def _payload_of(password: int, code: int, values: tuple[object, ...]) -> bytes:
    # The same few questions are asked all day long.
    command = COMMANDS[code]
    payload = command.prefix + command.request.pack(*((password, *values) if command.password else values))
    if len(payload) > MAX_PAYLOAD:
        raise FrameError(f"a command has at most {MAX_PAYLOAD} bytes, not {len(payload)}")
    return payload
