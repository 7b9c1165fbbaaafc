"""The host's end of Shtrih-M protocol version 1: one command, one answer, whatever the line does in between.

Before each command the host asks (ENQ) and the register says "waiting for a command" (NAK). That handshake is what makes a lost answer
harmless: a command that was confirmed leaves its answer pending, the next ENQ is answered with ACK and the very same answer. So a
command is sent again only when the register said it had not taken it; after silence it is sent again only if doing it twice does no
harm (`Command.repeatable`). Everything else ends in `LineLost`, and `Talk.sent` tells which command may have been executed.

The confirmation of an answer travels in one piece with the next ENQ. Source: reference sheet, section 1.1, host-side rules.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import lru_cache
from typing import Any, Protocol

from fiscal.registers.conversation import LineLost, Pause, Receive, Send, Settings, Step
from fiscal.registers.shtrih.commands import COMMANDS, Command
from fiscal.registers.shtrih.frames import ACK, ENQ, NAK, STX, FrameError, build, parse
from fiscal.registers.shtrih.layouts import LayoutError

__all__ = ["AnyTalk", "RegisterError", "Steps", "Talk", "values_of"]

Steps = Generator[Step, bytes | None, Any]

_SEND_ENQ = Send(ENQ)
_SEND_ACK = Send(ACK)
_SEND_ACK_ENQ = Send(ACK + ENQ)
_SEND_NAK_ENQ = Send(NAK + ENQ)
_QUIET = Receive(50_000)

JUNK_LIMIT = 10
"""So many times the vendor's own host asks before it says "no connection"."""

PATIENCE_US = 120_000_000
"""How long a register may say "still working" before the host gives up; reports have `Command.timeout_us` times thirty."""


class RegisterError(Exception):
    """The register answered with an error code: the command was not carried out."""

    def __init__(self, code: int, command: Command) -> None:
        super().__init__(code, command.name)
        self.code = code
        self.command = command


class AnyTalk(Protocol):
    """What the driver needs of a transport, whichever it is."""

    sent: int
    repeated: bool

    def pack(self, command: Command, *values: object) -> bytes: ...

    def ask(self, command: Command, *values: object) -> Steps: ...

    def send(self, command: Command, frame: bytes) -> Steps: ...

    def confirm(self) -> Steps: ...

    def pause(self, duration_us: int) -> Steps: ...


def values_of(talk: AnyTalk, command: Command, payload: bytes) -> list[Any]:
    """The values of a reply on a transport without confirmations. Raises `RegisterError`, `LineLost`."""
    prefix = command.prefix
    at = len(prefix)
    if payload[:at] != prefix:
        if not (at == 2 and len(payload) == 2 and payload[0] == 0xFF):
            raise LineLost(f"the answer to {command.name!r} belongs to another command")
        at = 1  # a register that does not know the two-byte family answers FF and the error
    code = payload[at] if len(payload) > at else payload[-1]
    if code:
        talk.sent = 0
        raise RegisterError(code, command)
    try:
        values: list[Any] = command.reply.unpack(payload, at + 1)
    except LayoutError:
        raise LineLost(f"the answer to {command.name!r} is too short") from None
    talk.sent = 0
    return values


class Talk:
    """One conversation's end of the line. Not shared, not kept."""

    __slots__ = ("_answer_us", "_byte", "_owed", "_password", "_tries", "repeated", "sent")

    def __init__(self, settings: Settings) -> None:
        self._byte = Receive(settings.byte_timeout_us)
        self._answer_us = settings.answer_timeout_us
        self._password = settings.password
        self._tries = settings.attempts
        self._owed = False
        self.sent = 0
        """Code of the command whose frame may have reached the register and was not answered yet."""
        self.repeated = False
        """A frame of the last command was sent more than once."""

    def pack(self, command: Command, *values: object) -> bytes:
        """The frame of a command. Raises `OverflowError`, `struct.error` or `FrameError` for values that do not fit."""
        if command.password:
            return build(command.prefix + command.request.pack(self._password, *values))
        return build(command.prefix + command.request.pack(*values))

    def ask(self, command: Command, *values: object) -> Steps:
        """Send a command, return the values of its reply. Raises `RegisterError`, `LineLost`."""
        return self.send(command, _frame_of(self._password, command.code, values))

    def send(self, command: Command, frame: bytes) -> Steps:
        """As `ask`, with a frame made before."""
        yield _SEND_ACK_ENQ if self._owed else _SEND_ENQ
        self._owed = False
        got = yield self._byte
        if got != NAK:
            yield from self._until_ready(got or b"")
        self.sent = command.code
        self.repeated = False
        yield Send(frame, True)
        got = yield self._byte
        payload = None
        if got and got[0] == 6:
            rest = got[1:] or (yield Receive(command.timeout_us or self._answer_us))
            try:
                payload = parse(rest or b"")
            except FrameError:
                payload = yield from self._read(command, rest or b"")
        else:
            payload = yield from self._after(command, frame, got or b"")
        prefix = command.prefix
        at = len(prefix)
        while payload[:at] != prefix:
            if payload[0] == 0xFF and len(payload) == 2 and at == 2:
                break  # a register that does not know the two-byte family answers FF and the error
            # The answer to something asked long ago, still under way on the line. Ours is pending.
            yield _SEND_ACK
            payload = yield from self._fetch(command)
        self._owed = True
        code = payload[at] if len(payload) > at else payload[-1]
        if code:
            self.sent = 0
            raise RegisterError(code, command)
        try:
            values = command.reply.unpack(payload, at + 1)
        except LayoutError:
            raise LineLost(f"the answer to {command.name!r} is too short") from None
        self.sent = 0
        return values

    def confirm(self) -> Steps:
        """Confirm the last answer now, without a further command."""
        if self._owed:
            self._owed = False
            yield _SEND_ACK

    def pause(self, duration_us: int) -> Steps:
        yield from self.confirm()
        yield Pause(duration_us)

    # ---- when the line misbehaves -----------------------------------------------------------------------------------------------

    def _until_ready(self, got: bytes) -> Steps:
        """Ask until the register waits for a command; a stale answer is read, confirmed and dropped."""
        silent = 0
        for _ in range(JUNK_LIMIT):
            control = _control(got)
            if control == NAK:
                return
            if control == ACK:
                yield from self._stale(got[got.index(ACK) + 1 :])
            elif got:
                yield from self._drain()
            else:
                silent += 1
                if silent >= self._tries:
                    raise LineLost("the register does not answer")
            yield _SEND_ENQ
            got = (yield self._byte) or b""
        if _control(got) != NAK:
            raise LineLost("the register does not get ready for a command")

    def _stale(self, data: bytes) -> Steps:
        waited = 0
        while True:
            frame, whole = _frame(data)
            if whole:
                yield _SEND_ACK if frame is not None else _SEND_NAK_ENQ
                return
            wait = self._byte if frame or data[:1] == STX else Receive(self._answer_us)
            more = yield wait
            if not more:
                waited += wait.timeout_us
                return
            data += more

    def _drain(self) -> Steps:
        """Read until the line is quiet."""
        for _ in range(1000):
            if not (yield _QUIET):
                return
        raise LineLost("the line never falls silent")

    def _after(self, command: Command, frame: bytes, got: bytes) -> Steps:
        """The frame was sent and something else than ACK came first."""
        refused = 0
        while True:
            control = _control(got)
            if control == ACK:
                return (yield from self._read(command, got[got.index(ACK) + 1 :]))
            if control == STX:
                return (yield from self._read(command, got[got.index(STX) :]))
            said_no = control == NAK
            yield from self._drain()
            # Did it take the command or not? Its state decides, not the byte we saw.
            for _ in range(self._tries):
                yield _SEND_ENQ
                got = (yield self._byte) or b""
                control = _control(got)
                if control in (NAK, ACK):
                    break
                if got:
                    yield from self._drain()
            if control == ACK:
                continue
            if control != NAK:
                raise LineLost("no answer to a command")
            refused += 1
            if refused > self._tries:
                self.sent = 0
                raise LineLost("the register does not take the command")
            if not said_no and not command.repeatable:
                raise LineLost("a command vanished; it may have been executed before a restart")
            self.repeated = True
            yield Send(frame, True)
            got = (yield self._byte) or b""

    def _fetch(self, command: Command) -> Steps:
        """Ask for the pending answer."""
        for _ in range(self._tries):
            yield _SEND_ENQ
            got = (yield self._byte) or b""
            control = _control(got)
            if control == ACK:
                return (yield from self._read(command, got[got.index(ACK) + 1 :]))
            if control == NAK:
                raise LineLost("the register does not remember the command")
            if got:
                yield from self._drain()
        raise LineLost("no answer to a command")

    def _read(self, command: Command, data: bytes) -> Steps:
        """Read the answer frame, asking for it again when it is damaged or does not come. ``data`` is what came after ACK."""
        timeout_us = command.timeout_us or self._answer_us
        patience_us = max(PATIENCE_US, 30 * command.timeout_us)
        damaged = 0
        waited_us = 0
        while True:
            payload, whole = _frame(data)
            if payload is not None:
                return payload
            if not whole:
                begun = STX in data
                wait = self._byte if begun else Receive(timeout_us)
                more = yield wait
                if more:
                    data += more
                    if len(data) > 2000:
                        raise LineLost("garbage instead of an answer")
                    continue
                waited_us += wait.timeout_us
                if waited_us > patience_us:
                    raise LineLost("the register never finishes the command")
                question = _SEND_ENQ
                damaged += begun
            else:
                question = _SEND_NAK_ENQ
                damaged += 1
            if damaged > JUNK_LIMIT:
                raise LineLost("the answer comes damaged every time")
            data = b""
            for _ in range(self._tries):
                yield question
                question = _SEND_ENQ
                got = (yield self._byte) or b""
                control = _control(got)
                if control == ACK:
                    data = got[got.index(ACK) + 1 :]
                    break
                if control == STX:
                    data = got[got.index(STX) :]
                    break
                if control == NAK:
                    raise LineLost("the register does not remember the command")
                if got:
                    yield from self._drain()
            else:
                raise LineLost("no answer to a command")


@lru_cache(maxsize=4096)
def _frame_of(password: int, code: int, values: tuple[object, ...]) -> bytes:
    # The same few questions are asked all day long.
    command = COMMANDS[code]
    return build(
        command.prefix + command.request.pack(*((password, *values) if command.password else values))
    )


def _control(got: bytes) -> bytes:
    """The first byte that is not the stray FF of a network adapter, or nothing."""
    return got.lstrip(b"\xff")[:1]


def _frame(data: bytes) -> tuple[bytes | None, bool]:
    """(payload, True) for a good frame, (None, True) for a damaged one, (None, False) while bytes are missing."""
    at = data.find(STX)
    if at < 0 or len(data) < at + 2:
        return None, False
    end = at + data[at + 1] + 3
    if len(data) < end:
        return None, False
    try:
        return parse(data[at:end]), True
    except FrameError:
        return None, True
