"""The relay: the host carries messages to the operator for a register that has no network of its own.

Such a register shows the message that waits (FF30: size and greatest block; FF31: a block of it) and takes the operator's answer back
(FF32: begin; FF33: a block). What the bytes mean is none of the carrier's business: drive and operator read them. The relay is a
conversation with two lines. On the register's line it yields whatever steps the register's driver yields; on the other side it yields
one kind of step of its own, `Exchange`: open a connection to the operator, send, read one whole answer, close. Its two halves on the
register's line, `take_message` and `put_answer`, stand alone as well: the engine lets a register make receipts between them.

Nothing can be lost or doubled on the way. Until the drive has accepted the confirmation it shows the same message again, and an operator
answers a document he has with the confirmation he gave before. Source: reference sheet ``shtrih.md`` section 2.6.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Protocol

from fiscal.ofd.container import HEADER_BYTES as CONTAINER_HEADER
from fiscal.ofd.errors import OfdError
from fiscal.ofd.session import HEADER_BYTES, corrected, missing, read_message

BUFFER_STATE = 0xFF30
READ_BLOCK = 0xFF31
BEGIN_ANSWER = 0xFF32
WRITE_BLOCK = 0xFF33

REPLY_US = 60_000_000
"""How long the operator may take. The protocol names no figure: *assumed*."""

Steps = Generator[Any, Any, Any]
"""A part of a conversation; which steps it yields is known to the driver it comes from."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Carry ``data`` to the operator over a fresh connection and resume with his answer: read until `fiscal.ofd.session.missing` says 0
    (connecting included at most ``timeout_us``). When there is no answer the host throws `OperatorUnreachable`; an answer cut short
    may also simply be given."""

    data: bytes
    timeout_us: int = REPLY_US


class OperatorUnreachable(Exception):
    """There was no answer. Thrown by the host into the relay, which ends with it as `Relayed.problem`. ``connected``: a connection stood,
    but it was closed or silent - then the network is fine and the operator is not."""

    def __init__(self, reason: str = "", connected: bool = False) -> None:
        super().__init__(reason)
        self.connected = connected


class BufferRefused(Exception):
    """The register refused a command of the exchange. ``code``: its error code (20h: the drive does not accept the answer)."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class OperatorBuffer(Protocol):
    """What a register offers a relay. Each method is a part of a conversation; all raise `BufferRefused`."""

    def state(self) -> Generator[Any, Any, tuple[int, int]]:
        """(bytes of the message that waits, 0 for none; greatest block)."""
        ...

    def read(self, offset: int, count: int) -> Generator[Any, Any, bytes]: ...

    def begin(self, size: int) -> Generator[Any, Any, int]:
        """An answer of so many bytes comes. Returns the greatest block."""
        ...

    def write(self, offset: int, data: bytes) -> Generator[Any, Any, None]: ...


class CommandBuffer:
    """The buffer behind the four commands of a Shtrih-M register. ``ask(code, *values)`` is the driver's way to ask and returns the values
    of the reply; ``refusal`` is what it raises for an error code (in its attribute ``code``)."""

    __slots__ = ("_ask", "_refusal")

    def __init__(self, ask: Callable[..., Steps], refusal: type[Exception]) -> None:
        self._ask = ask
        self._refusal = refusal

    def _do(self, code: int, *values: object) -> Steps:
        try:
            return (yield from self._ask(code, *values))
        except self._refusal as refused:
            raise BufferRefused(getattr(refused, "code", 0)) from None

    def state(self) -> Generator[Any, Any, tuple[int, int]]:
        size, block = yield from self._do(BUFFER_STATE)
        return size, block

    def read(self, offset: int, count: int) -> Generator[Any, Any, bytes]:
        (data,) = yield from self._do(READ_BLOCK, offset, count)
        return bytes(data)

    def begin(self, size: int) -> Generator[Any, Any, int]:
        (block,) = yield from self._do(BEGIN_ANSWER, size)
        return int(block)

    def write(self, offset: int, data: bytes) -> Generator[Any, Any, None]:
        yield from self._do(WRITE_BLOCK, offset, len(data), data)


@dataclass(frozen=True, slots=True)
class Relayed:
    """What a relay did. ``confirmed``: answers that the drive accepted; ``document``: number of the last of them (0: none).

    Two facts that are not the same: ``connected``, whether a connection to the operator stood (the network), and ``reached``, whether he
    answered (the operator); ``None``: not tried. ``empty``: nothing waits any more; ``problem``: why it stopped before that, empty when
    it did not; ``code``: the register's error code then, if it was the register.
    """

    confirmed: int
    document: int
    connected: bool | None
    reached: bool | None
    empty: bool
    problem: str = ""
    code: int = 0


def relay(buffer: OperatorBuffer, limit: int = 1, timeout_us: int = REPLY_US) -> Generator[Any, Any, Relayed]:
    """Carry at most ``limit`` messages, one after another. One by one is polite: between two the line is free for a receipt.

    Errors of the register's line pass through (`LineLost`): what had been accepted stays accepted.
    """
    confirmed = document = 0
    connected: bool | None = None
    reached: bool | None = None
    empty = False
    problem = ""
    code = 0
    try:
        while confirmed < limit:
            message = yield from take_message(buffer)
            if not message:
                empty = True
                break
            reached = False
            answer = yield Exchange(corrected(message), timeout_us)
            connected = bool(answer)
            if not answer or missing(answer):
                raise OfdError("session", "the operator's answer breaks off")
            reached = True
            if not read_message(answer).body:
                raise OfdError("session", "the operator answers without a container")
            yield from put_answer(buffer, answer)
            confirmed += 1
            document = document_number(message)
    except OperatorUnreachable as error:
        connected, reached = error.connected, False
        problem = str(error) or "no answer from the operator"
    except OfdError as error:
        problem = str(error)
    except BufferRefused as error:
        code = error.code
        problem = f"the register answers {code:02X}h"
    return Relayed(confirmed, document, connected, reached, empty, problem, code)


def take_message(buffer: OperatorBuffer) -> Generator[Any, Any, bytes]:
    """The message that waits in the register, empty when none does. Raises `OfdError` when the register says strange things, and
    `BufferRefused`."""
    size, block = yield from buffer.state()
    if not size:
        return b""
    if block < 1:
        raise OfdError("session", "the register reads in blocks of nothing")
    parts = []
    offset = 0
    while offset < size:
        count = min(block, size - offset)
        data = yield from buffer.read(offset, count)
        if len(data) != count:
            raise OfdError("session", f"{len(data)} bytes where the register was asked for {count}")
        parts.append(data)
        offset += count
    return b"".join(parts)


def put_answer(buffer: OperatorBuffer, answer: bytes) -> Generator[Any, Any, None]:
    """Give the operator's answer to the register, whose drive checks it. Raises as `take_message`."""
    block = yield from buffer.begin(len(answer))
    if block < 1:
        raise OfdError("session", "the register takes blocks of nothing")
    for offset in range(0, len(answer), block):
        yield from buffer.write(offset, answer[offset : offset + block])


def document_number(message: bytes) -> int:
    """The number of the document in a message, 0 when it carries none: all that the carrier reads of it."""
    if len(message) < HEADER_BYTES + CONTAINER_HEADER:
        return 0
    return int.from_bytes(message[HEADER_BYTES + 17 : HEADER_BYTES + 20], "big")
