"""The host's end of ATOL transport version 3: one command, one answer, whatever the line does in between.

A command is a task in the register's buffer, known by a number. The register says the result by itself; a host
that missed it asks for it by the number, so a lost answer is never a reason to send a command again. A command is
sent again only when the register said it came damaged, or never heard of it *and* doing it twice does no harm
(`Command.repeatable`): the register forgets its buffer when its power fails, so "not found" alone proves nothing.
Everything else ends in `LineLost`, and `Talk.sent` tells which command may have been executed.

The first packet of a conversation empties the buffer of what others left there; the confirmation of a result
travels in one piece with the next command. Source: reference sheet, section 1.2.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import lru_cache
from typing import Any

from fiscal.registers.atol.commands import COMMANDS, DONE, Command
from fiscal.registers.atol.frames import ASYNC_ID, ID_LIMIT, PacketReader, build, build_often
from fiscal.registers.atol.layouts import LayoutError
from fiscal.registers.conversation import LineLost, Pause, Receive, Send, Settings, Step

__all__ = ["PATIENCE_US", "RegisterError", "Steps", "Talk", "request", "values_of"]

Steps = Generator[Step, bytes | None, Any]

PATIENCE_US = 120_000_000
"""How long a register may be "still working" before the host gives up; at least `Command.timeout_us` times ten."""

ROUNDS = 10
"""So many packets in answer to nothing, or damaged ones, are borne for one command."""

_ACCESS = b"\0\0"
_ABORT = b"\xc4"
_ADD = b"\xc1\x01"
_ACK = b"\xc2"
_REQ = b"\xc3"
_SHORT = 12
"""Requests of this size are the same few: questions, beginnings, ends."""
_BYTE = tuple(bytes((n,)) for n in range(256))

_PENDING, _IN_PROGRESS, _RESULT, _ERROR, _STOPPED, _ASYNC_RESULT, _ASYNC_ERROR, _WAITING = range(0xA1, 0xA9)
_OVERFLOW, _EXISTS, _NOT_FOUND = 0xB1, 0xB2, 0xB3
_SPONTANEOUS = (_ASYNC_RESULT, _ASYNC_ERROR)
_ANSWERS = (_RESULT, _ERROR)
_TAKEN = frozenset((_PENDING, _IN_PROGRESS, _WAITING, _EXISTS))


class RegisterError(Exception):
    """The register answered with an error byte: the command was not carried out."""

    def __init__(self, code: int, command: Command) -> None:
        super().__init__(code, command.name)
        self.code = code
        self.command = command


def request(command: Command, *values: object) -> bytes:
    """Password, code and fields. Raises `OverflowError` or `struct.error` for values that do not fit."""
    return _ACCESS + command.prefix + command.request.pack(*values)


@lru_cache(maxsize=4096)
def _request_of(code: int, values: tuple[object, ...]) -> bytes:
    # The same few questions are asked all day long.
    return request(COMMANDS[code], *values)


@lru_cache(maxsize=512)
def _taken_at(number: int) -> bytes:
    """What the register says at once when it takes a command."""
    return build(number, _BYTE[_PENDING])


@lru_cache(maxsize=512)
def _confirming(number: int, owed: int) -> tuple[bytes, bytes, int]:
    """The packet that confirms a result, what register says to it and to the command behind it, and that one's number."""
    after = number + 1 if number + 1 < ID_LIMIT else 0
    return build(number, _ACK + _BYTE[owed]), build(number, _BYTE[_RESULT]) + _taken_at(after), after


@lru_cache(maxsize=512)
def _emptying(number: int) -> tuple[bytes, bytes, int]:
    """As `_confirming`, with the packet that empties the buffer."""
    after = number + 1 if number + 1 < ID_LIMIT else 0
    return build(number, _ABORT), build(number, _BYTE[_RESULT]) + _taken_at(after), after


def values_of(command: Command, answer: bytes) -> list[Any]:
    """The fields of an answer. Raises `RegisterError`, or `LineLost` when it is too short to be one."""
    head = command.head
    at = len(head)
    if answer[:at] == head and (head != b"\x55" or len(answer) != 2):
        try:
            return command.reply.unpack(answer, at)
        except LayoutError as why:
            raise LineLost(f"the answer to {command.name!r} cannot be read: {why}") from None
    if len(answer) < 2 or answer[0] != DONE[0]:
        raise LineLost(f"the answer to {command.name!r} is none")
    if answer[1] == 1 and head is DONE:  # also "done"
        return command.reply.unpack(answer, at)
    raise RegisterError(answer[1], command)


class Talk:
    """One conversation's end of the line. Not shared, not kept; ``number`` goes on from the conversation before, so
    that nothing late is taken for an answer."""

    __slots__ = (
        "_answer",
        "_answer_us",
        "_byte",
        "_byte_us",
        "_first",
        "_owed",
        "_reader",
        "_tries",
        "number",
        "repeated",
        "sent",
    )

    def __init__(self, settings: Settings, number: int = 0) -> None:
        self._byte_us = settings.byte_timeout_us
        self._byte = Receive(settings.byte_timeout_us)
        self._answer = Receive(settings.answer_timeout_us)
        self._answer_us = settings.answer_timeout_us
        self._tries = settings.attempts
        self._reader = PacketReader()
        self._first = True
        self._owed = -1
        self.number = number
        self.sent = 0
        """Code of the command that may have reached the register and was not answered yet."""
        self.repeated = False
        """The last command was sent more than once."""

    def ask(self, command: Command, *values: object) -> Steps:
        """Send a command, return the values of its answer. Raises `RegisterError`, `LineLost`."""
        return self.send(command, _request_of(command.code, values))

    def send(self, command: Command, body: bytes) -> Steps:
        """As `ask`, with a request made before."""
        number = self.number
        if self._owed >= 0:
            before, said, number = _confirming(number, self._owed)
            self._owed = -1
        elif self._first:
            self._first = False
            before, said, number = _emptying(number)
        else:
            before, said = b"", _taken_at(number)
        mine = _BYTE[number]
        packet = (build_often if len(body) <= _SHORT else build)(number, _ADD + mine + body)
        self.number = number + 1 if number + 1 < ID_LIMIT else 0
        self.sent = command.code
        self.repeated = False
        yield Send(before + packet, True)
        data = yield self._byte
        taken = data == said  # as nearly always
        answer = None
        if not taken:
            for id_, content, good in self._reader.feed(data) if data else ():
                if id_ == number and good and content and content[0] == _PENDING:
                    taken = True
                elif taken and id_ == ASYNC_ID and good and content[1:2] == mine:
                    answer = content[2:]
        if taken and answer is None:
            data = yield (Receive(command.timeout_us) if command.timeout_us else self._answer)
            for id_, content, good in self._reader.feed(data) if data else ():
                if id_ == ASYNC_ID and good and content[1:2] == mine:
                    answer = content[2:]
        if answer is None:
            answer = yield from self._insist(command, packet, number, taken)
        self._owed = number
        self.sent = 0
        try:
            return values_of(command, answer)
        except LineLost:
            self.sent = command.code
            raise

    def confirm(self) -> Steps:
        """Confirm the last answer now, without a further command."""
        if self._owed >= 0:
            yield Send(build(self._next(), _ACK + _BYTE[self._owed]))
            self._owed = -1

    def pause(self, duration_us: int) -> Steps:
        yield from self.confirm()
        yield Pause(duration_us)

    # ---- when the line misbehaves -----------------------------------------------------------------------------------------------

    def _next(self) -> int:
        number = self.number
        self.number = number + 1 if number + 1 < ID_LIMIT else 0
        return number

    def _insist(self, command: Command, packet: bytes, number: int, taken: bool) -> Steps:
        """The answer did not come at once. ``taken``: the register has said that it has the task."""
        limit_us = max(PATIENCE_US, 10 * command.timeout_us)
        mine = _BYTE[number]
        question = -1  # id of the packet that asks for the result
        asked = False
        waited_us = silent = strange = 0
        while True:
            waiting_us = (command.timeout_us or self._answer_us) if taken and not asked else self._byte_us
            data = yield Receive(waiting_us)
            packets = self._reader.feed(data) if data else []
            if data and not packets:
                strange += 1
            for id_, content, good in packets:
                state = content[0] if good and content else 0
                if id_ == ASYNC_ID and state in _SPONTANEOUS and content[1:2] == mine and taken:
                    return content[2:]
                if id_ not in (number, question) or not good:
                    strange += 1
                elif state in _TAKEN:
                    taken, asked, silent = True, False, 0
                elif state in _ANSWERS and len(content) > 1:
                    return content[1:]
                elif (not content and id_ == number and not taken) or (
                    state == _NOT_FOUND and not taken and command.repeatable
                ):
                    # It came damaged, or not at all; the one is certain, the other harmless.
                    self.repeated, asked = True, False
                    strange += 1
                    yield Send(packet, True)
                elif state == _NOT_FOUND:
                    raise LineLost(
                        "the register does not know the command; it may have been carried out before a restart"
                    )
                elif state == _OVERFLOW:
                    self.sent = 0
                    raise LineLost("the buffer of the register is full")
                else:
                    strange += 1
            if strange > ROUNDS:
                raise LineLost("garbage instead of an answer")
            if data:
                continue
            waited_us += waiting_us
            silent += 1
            if silent > self._tries:
                raise LineLost("the register does not answer")
            if waited_us > limit_us:
                raise LineLost("the register never finishes the command")
            question, asked = self._next(), True
            yield Send(build(question, _REQ + mine))
