"""Documents of a register that has no network of its own, read out of it and confirmed to it by the host.

Such a register shows the message that waits (FF30: size and greatest block; FF31: a block of it) and takes the operator's answer back
(FF32: begin; FF33: a block). What the bytes mean is none of the carrier's business: drive and operator read them. The two halves stand
alone, `take_message` and `put_answer`, each a part of a conversation on the register's line: between them the host carries the message
to the operator, and the register makes receipts.

Nothing can be lost or doubled on the way. Until the drive has accepted the confirmation it shows the same message again, and an operator
answers a document he has with the confirmation he gave before. Source: reference sheet ``shtrih.md`` section 2.6.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Protocol

from fiscal.ofd.container import HEADER_BYTES as CONTAINER_HEADER
from fiscal.ofd.errors import OfdError
from fiscal.ofd.session import HEADER_BYTES

BUFFER_STATE = 0xFF30
READ_BLOCK = 0xFF31
BEGIN_ANSWER = 0xFF32
WRITE_BLOCK = 0xFF33

Steps = Generator[Any, Any, Any]
"""A part of a conversation; which steps it yields is known to the driver it comes from."""


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
