"""The session: thirty bytes in front of everything that goes over the connection between a register and the operator.

======  =====  ==========================================================================================
offset  bytes  meaning
======  =====  ==========================================================================================
0       4      signature 2A 08 41 0A
4       2      version of this protocol, 81 A2
6       2      version of the documents' format: 01 05, 01 10, 01 20 ...
8       16     number of the drive, ASCII, padded with spaces
24      2      length of the body, LE; 0 when there is no container
26      2      flags, LE: bits 0-1 `CrcMode`, 2 a container follows, 4-5 whether an answer is expected, 6-7 priority
28      2      CRC-16 of the first 28 bytes, or of those and the body; 0 when not computed
======  =====  ==========================================================================================

A header without a body asks whether anybody is there. Genuine frames carry the flags 0014h: container, answer expected, no CRC.
Source: reference sheet ``ffd_ofd.md`` section 1.1; what an operator answers to a bare header is assumed (a bare header).
"""

from __future__ import annotations

import struct
from binascii import crc_hqx
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from fiscal.ofd.errors import OfdError

HEADER_BYTES = 30
SIGNATURE = bytes.fromhex("2a08410a81a2")
"""The signature and the version of the session protocol."""

MAX_BODY = 32_768 + 32 + 10
"""The longest document a drive makes, the container's header and its tail."""

FORMATS: dict[int, bytes] = {1: b"\x01\x00", 2: b"\x01\x05", 3: b"\x01\x10", 4: b"\x01\x20"}
"""Tag 1209 -> version of the format as a session header writes it (that of FFD 1.2 has one source)."""

VERSIONS: dict[bytes, int] = {
    **{written: ffd for ffd, written in FORMATS.items()},
    b"\x00\x01": 1,
    b"\x00\x02": 1,
    b"\x01\x01": 3,  # some registers write 1.1 and 1.2 so; `corrected` mends it
    b"\x01\x02": 4,
}
"""Every version that is met in session headers -> tag 1209."""

_REST = struct.Struct("<HHH")
_unpack_rest = _REST.unpack_from
_LENGTH = struct.Struct("<H")
_NO_BODY = b""

CONTAINER = 0x04
REPLY = 0x10
_CRC_MASK = 0x03
_FLAGS = frozenset(
    crc | container | reply | priority << 6
    for crc in (0, 1, 2)
    for container in (0, CONTAINER)
    for reply in (0, REPLY)
    for priority in range(4)
)
"""Every value of the flags that is not forbidden."""


class CrcMode(IntEnum):
    """What the CRC of a session header covers."""

    NONE = 0
    HEADER = 1
    ALL = 2


class SessionHeader(NamedTuple):
    """A header, read. ``drive``: its number without padding; ``version``: the two bytes of the format; ``length``: bytes of the body."""

    drive: str
    version: bytes
    length: int
    flags: int
    crc: int

    @property
    def ffd(self) -> int:
        """The version of the format as tag 1209 counts."""
        return VERSIONS[self.version]

    @property
    def crc_mode(self) -> CrcMode:
        return CrcMode(self.flags & _CRC_MASK)

    @property
    def wants_reply(self) -> bool:
        return bool(self.flags & REPLY)


class Message(NamedTuple):
    """A whole message. ``body`` is a container, or empty: then the message only asks whether the other side is there."""

    header: SessionHeader
    body: bytes


@lru_cache(maxsize=4096)
def _read_head(head: bytes) -> tuple[str, bytes]:
    # The first 24 bytes of a drive's messages stay the same.
    version, drive = head[6:8], head[8:24].rstrip(b" ")
    if head[:6] != SIGNATURE:
        raise OfdError("session", f"begins with {head[:6].hex()}")
    if version not in VERSIONS:
        raise OfdError("session", f"format version {version.hex()} is not known")
    if not drive.isdigit():
        raise OfdError("session", "the number of the drive is not made of digits")
    return drive.decode("ascii"), version


def read_header(data: bytes) -> SessionHeader:
    """The header that the first 30 bytes are. Raises `OfdError` for too few bytes, a wrong signature or version, a drive number that is
    none, forbidden flags, a length that contradicts them, and a wrong CRC when it covers the header only."""
    if len(data) < HEADER_BYTES:
        raise OfdError("session", f"{len(data)} bytes are no header")
    drive, version = _read_head(data[:24])
    length, flags, crc = _unpack_rest(data, 24)
    if flags not in _FLAGS:
        raise OfdError("session", f"flags {flags:04x} are forbidden")
    if bool(length) != bool(flags & CONTAINER):
        raise OfdError("session", f"a body of {length} bytes, but flags {flags:04x}")
    if length > MAX_BODY:
        raise OfdError("session", f"a body of {length} bytes; {MAX_BODY} are the most")
    if crc or flags & _CRC_MASK:
        mode = flags & _CRC_MASK
        if mode == CrcMode.HEADER and crc != crc_hqx(data[:28], 0xFFFF):
            raise OfdError("session", "the CRC of the header is wrong")
        if not mode:
            raise OfdError("session", "a CRC where none is announced")
    return SessionHeader(drive, version, length, flags, crc)


def read_message(data: bytes) -> Message:
    """The message that these bytes are, no more and no less. Raises `OfdError`."""
    header = read_header(data)
    if len(data) != HEADER_BYTES + header.length:
        raise OfdError(
            "session", f"a body of {header.length} bytes announced, {len(data) - HEADER_BYTES} there"
        )
    return _whole(header, data)


def _whole(header: SessionHeader, data: bytes) -> Message:
    body = data[HEADER_BYTES:]
    if header.flags & CrcMode.ALL and header.crc != crc_hqx(body, crc_hqx(data[:28], 0xFFFF)):
        raise OfdError("session", "the CRC of header and body is wrong")
    return Message(header, body)


def head_of(drive: str, ffd: int) -> bytes:
    """The first 24 bytes of a header, the same for all messages of a drive. Raises `OfdError`."""
    version = FORMATS.get(ffd)
    if version is None:
        raise OfdError("session", f"no format version for tag 1209 = {ffd}")
    if not 0 < len(drive) <= 16 or not (drive.isascii() and drive.isdigit()):
        raise OfdError("session", f"{drive[:20]!r} is not the number of a drive")
    return SIGNATURE + version + drive.encode("ascii").ljust(16)


def finish(head: bytes, body: bytes, flags: int, crc: int = CrcMode.NONE) -> bytes:
    """The message with a head of `head_of`. ``flags`` without CRC mode. Raises `OfdError` for a body that is too long."""
    length = len(body)
    if length > MAX_BODY:
        raise OfdError("session", f"a body of {length} bytes; {MAX_BODY} are the most")
    if not crc:
        return head + _REST.pack(length, flags, 0) + body
    start = head + _REST.pack(length, flags | crc, 0)[:4]
    value = crc_hqx(start, 0xFFFF)
    if crc == CrcMode.ALL:
        value = crc_hqx(body, value)
    return start + _LENGTH.pack(value) + body


def write_message(
    drive: str,
    ffd: int,
    body: bytes = _NO_BODY,
    *,
    crc: CrcMode = CrcMode.NONE,
    reply: bool = True,
    priority: int = 0,
) -> bytes:
    """A message: header and ``body`` (a container, or nothing). ``ffd`` by tag 1209, ``priority`` 0 (normal) to 3. Raises `OfdError`."""
    if not 0 <= priority <= 3:
        raise OfdError("session", f"priority {priority}")
    flags = (CONTAINER if body else 0) | (REPLY if reply else 0) | priority << 6
    return finish(head_of(drive, ffd), body, flags, crc)


def ping(drive: str, ffd: int) -> bytes:
    """The bare header that asks whether the operator is there."""
    return write_message(drive, ffd)


def missing(data: bytes) -> int:
    """How many bytes are still to come until ``data`` is a whole message; below zero: so many too many. Who carries messages reads until
    this is 0. Raises `OfdError` as soon as the bytes cannot become a message."""
    if len(data) < HEADER_BYTES:
        shown = data[:6]
        if shown != SIGNATURE[: len(shown)]:
            raise OfdError("session", f"begins with {shown.hex()}")
        return HEADER_BYTES - len(data)
    return HEADER_BYTES + read_header(data).length - len(data)


def corrected(message: bytes) -> bytes:
    """The message with the format version as operators know it: registers are met that write 01 01 for FFD 1.1 and 01 02 for 1.2. Only
    where no CRC protects the header."""
    if len(message) >= HEADER_BYTES and message[28:30] == b"\0\0":
        right = _CORRECTIONS.get(message[6:8])
        if right is not None:
            return message[:6] + right + message[8:]
    return message


_CORRECTIONS = {b"\x01\x01": b"\x01\x10", b"\x01\x02": b"\x01\x20"}


class MessageReader:
    """Makes messages of the bytes of a connection, however they are cut. Keeps at most one unfinished message."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are whole by now. Raises `OfdError` when the bytes are none: the connection has to be closed, nothing
        tells where the next message begins. (Messages that were whole before the damage are lost with it.)"""
        buffer = self._buffer + data if self._buffer else data
        messages = []
        while buffer:
            if len(buffer) < HEADER_BYTES:
                missing(buffer)  # the beginning may be wrong already
                break
            header = read_header(buffer)
            end = HEADER_BYTES + header.length
            if len(buffer) < end:
                break
            messages.append(_whole(header, buffer if len(buffer) == end else buffer[:end]))
            buffer = buffer[end:]
        self._buffer = buffer
        return messages
