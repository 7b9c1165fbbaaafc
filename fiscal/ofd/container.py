"""The container: a fiscal document, packed for the way between the drive and the operator.

A header of 32 bytes, the document as it stands in the drive, the sign of the message. Bytes 7 to 31 are *service data*, made by the
drive and read by the operator's machine; what is known of them comes from genuine frames.

======  =====  ==========================================================================================
offset  bytes  meaning
======  =====  ==========================================================================================
0       2      length of the whole container, LE
2       2      CRC-16 over everything but these two bytes (skipped, not zeroed), LE
4       1      A5 or 5A; A5 in all genuine frames from registers, in answers both are accepted
5       1      form of the document
6       1      version of the container, 01
7       2      10 09 in all genuine frames
9       8      number of the drive, packed BCD, padded with F
17      3      number of the document, big-endian
20      5      opaque, the same in all frames of a drive
25      3      opaque; perhaps the number of the document with which the key came, big-endian
28      2      opaque
30      2      length of the document, big-endian
32      n      the document
32 + n  8      the sign of the message: 81 06 and six bytes
40 + n  2      00 00 on the wire, absent in stored containers
======  =====  ==========================================================================================

Source: reference sheet ``ffd_ofd.md`` sections 1.2 and 1.3, ``ofd_frame_layout.csv``.
"""

from __future__ import annotations

import struct
from binascii import crc_hqx
from functools import lru_cache
from typing import NamedTuple

from fiscal.ofd.errors import OfdError

HEADER_BYTES = 32
SIGN_BYTES = 8
TAIL = b"\0\0"
KIND = 0xA5
KINDS = frozenset((0xA5, 0x5A))
VERSION = 1
SERVICE = b"\x10\x09"

_HEADER = struct.Struct("<HHBBB2s8s3s5s3s2s2s")
_LENGTH = struct.Struct("<H")
_FORM = struct.Struct("<HH")


class Container(NamedTuple):
    """A container, read. ``document``: number of the fiscal document; ``tlv``: its bytes; ``sign``: of the message, empty when there is
    none; ``tail``: what follows it (nothing, or two zero bytes). The rest is kept as it came, so that `write_container` gives the
    same bytes again."""

    form: int
    drive: str
    document: int
    tlv: bytes
    sign: bytes
    tail: bytes = TAIL
    kind: int = KIND
    version: int = VERSION
    service: bytes = SERVICE
    key: bytes = b"\0\0\0\0\0"
    key_document: int = 0
    mode: bytes = b"\0\4"


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 1021h, initial value FFFFh, not reflected.

    >>> hex(crc16(b"123456789"))
    '0x29b1'
    """
    return crc_hqx(data, 0xFFFF)


def pack_drive(drive: str) -> bytes:
    """The number of a drive as packed BCD, eight bytes padded with F. Raises `OfdError`."""
    if not 0 < len(drive) <= 16 or not (drive.isascii() and drive.isdigit()):
        raise OfdError("container", f"{drive[:20]!r} is not the number of a drive")
    return bytes.fromhex(drive.ljust(16, "f"))


@lru_cache(maxsize=4096)
def unpack_drive(data: bytes) -> str:
    """The number behind packed BCD. Raises `OfdError` when it is none."""
    drive = data.hex().rstrip("f")
    if not drive.isdigit():
        raise OfdError("container", f"{data.hex()} is not the number of a drive")
    return drive


def service_data(container: Container) -> bytes:
    """Bytes 6 to 16 of the header and 20 to 29, with nothing where the document's number stands: what is the same for all containers
    of a drive."""
    return (
        bytes((container.version,))
        + container.service
        + pack_drive(container.drive)
        + b"\0\0\0"
        + container.key
        + container.key_document.to_bytes(3, "big")
        + container.mode
    )


def write_container(container: Container) -> bytes:
    """The bytes. Raises `OfdError` for values that do not fit."""
    c = container
    try:
        head = _HEADER.pack(
            HEADER_BYTES + len(c.tlv) + len(c.sign) + len(c.tail),
            0,
            c.kind,
            c.form,
            c.version,
            c.service,
            pack_drive(c.drive),
            c.document.to_bytes(3, "big"),
            c.key,
            c.key_document.to_bytes(3, "big"),
            c.mode,
            len(c.tlv).to_bytes(2, "big"),
        )
    except (struct.error, OverflowError):
        raise OfdError("container", "a value does not fit into its field") from None
    return sealed(head[:2], head[4:], c.tlv, c.sign + c.tail)


def sealed(total: bytes, rest: bytes, tlv: bytes, end: bytes) -> bytes:
    """The container with its CRC. ``total``: bytes 0 and 1; ``rest``: bytes 4 to 31."""
    after = rest + tlv + end
    return total + _LENGTH.pack(crc_hqx(after, crc_hqx(total, 0xFFFF))) + after


def read_container(data: bytes) -> Container:
    """The container that these bytes are, no more and no less. Raises `OfdError` for lengths that contradict each other, a wrong CRC, a
    type, version or drive number that is none, or a tail of a wrong length. The document itself is not looked into, but its form and
    length have to be those of the header."""
    if len(data) < HEADER_BYTES:
        raise OfdError("container", f"{len(data)} bytes are no container")
    total, crc, kind, form, version, service, drive, document, key, key_document, mode, size = (
        _HEADER.unpack_from(data)
    )
    if total != len(data):
        raise OfdError("container", f"{total} bytes announced, {len(data)} there")
    if crc != crc_hqx(data[4:], crc_hqx(data[:2], 0xFFFF)):
        raise OfdError("container", "the CRC is wrong")
    if kind not in KINDS or version >> 4:
        raise OfdError("container", f"type {kind:02x}, version {version:02x}")
    end = HEADER_BYTES + int.from_bytes(size, "big")
    if end > total:
        raise OfdError("container", "the document is longer than the container")
    tlv = data[HEADER_BYTES:end]
    if len(tlv) < 4 or _FORM.unpack_from(tlv) != (form, len(tlv) - 4):
        raise OfdError("container", "the document has another form or length than the header says")
    tail = data[end + SIGN_BYTES :]
    if total - end not in (0, SIGN_BYTES, SIGN_BYTES + 2) or tail not in (b"", TAIL):
        raise OfdError("container", f"{total - end} bytes after the document")
    return Container(
        form,
        unpack_drive(drive),
        int.from_bytes(document, "big"),
        tlv,
        data[end : end + SIGN_BYTES],
        tail,
        kind,
        version,
        service,
        key,
        int.from_bytes(key_document, "big"),
        mode,
    )


class ContainerWriter:
    """Writes the containers of one drive, everything that stays the same being made once. ``like``: a container with its values."""

    __slots__ = ("_after", "_before", "_drive", "_head")

    def __init__(self, like: Container) -> None:
        service = service_data(like)
        self._head = bytes((like.kind,))
        self._before = service[:11]
        self._after = service[14:]
        self._drive = like.drive

    def write(self, form: int, document: int, tlv: bytes, sign: bytes) -> bytes:
        """The container for the wire. ``form`` below 256, ``document`` below 2**24 (`OverflowError`, `struct.error` otherwise: a drive
        has no such documents)."""
        size = len(tlv)
        return sealed(
            _LENGTH.pack(HEADER_BYTES + size + len(sign) + 2),
            b"".join(
                (
                    self._head,
                    form.to_bytes(1, "big"),
                    self._before,
                    document.to_bytes(3, "big"),
                    self._after,
                    size.to_bytes(2, "big"),
                )
            ),
            tlv,
            sign + TAIL,
        )
