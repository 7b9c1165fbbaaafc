"""TLV: tag, length, value - the grain of every fiscal document.

A field is ``tag uint16 LE | length uint16 LE | value``, without alignment or terminator; a structure (STLV) is a field whose
value is fields. These functions write one whole field each and look nothing up: the caller knows the type of his tag
(`fiscal.ffd.tags` knows it for all). They are the hot path of registers, drives and emulators.

Coding (reference sheet on the format, section 2): numbers are little-endian. VLN: unsigned with the fewest bytes, zero is one
byte. FVLN: one byte with the number of decimals, then a VLN, here always in the shortest form (1 -> ``00 01``, 1.5 -> ``01
0F``). Text: CP866; fixed text is padded with spaces on the right. Times: seconds since 1970 of the local wall clock, as if it
were UTC.

Wrong input raises `FfdError`, which names the path of tags and the reason.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from fiscal.ffd.cp866 import decode_text, encode_text

HEADER = struct.Struct("<HH")
"""Tag and length, in front of every value; also the form code and length in front of a document."""

_BYTE = struct.Struct("<HHB")
_U16 = struct.Struct("<HHH")
_U32 = struct.Struct("<HHI")
_pack_header = HEADER.pack
_unpack_header = HEADER.unpack_from
_pack_byte = _BYTE.pack
_pack_u16 = _U16.pack
_pack_u32 = _U32.pack

MAX_VLN = 8
"""A VLN and an FVLN have 8 bytes at most."""

E6_DECIMALS = 6
_POWERS: tuple[int, ...] = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)


class FfdError(ValueError):
    """Data that the format does not allow. ``path``: the tags from the outside in; ``reason``: what is wrong there."""

    def __init__(self, path: tuple[int, ...] | int, reason: str) -> None:
        self.path = (path,) if isinstance(path, int) else path
        self.reason = reason
        where = "/".join(str(tag) for tag in self.path)
        super().__init__(f"{where}: {reason}" if where else reason)


def _refuse(tag: int, value: object, what: str) -> FfdError:
    shown = repr(value)
    if len(shown) > 40:
        shown = shown[:40] + "..."
    return FfdError(tag, f"{shown} is not {what}")


def vln_bytes(n: int) -> bytes:
    """The value of a VLN: unsigned, little-endian, as few bytes as possible. Raises `FfdError` below zero and above 8 bytes."""
    if n < 0x100:
        if n >= 0:
            return n.to_bytes(1, "little")
        raise _refuse(0, n, "zero or more")
    size = (n.bit_length() + 7) >> 3
    if size > MAX_VLN:
        raise _refuse(0, n, "a number of 8 bytes or less")
    return n.to_bytes(size, "little")


@lru_cache(maxsize=4096)
def fvln_bytes(value_e6: int) -> bytes:
    """The value of an FVLN in its shortest form; ``value_e6`` in millionths. Raises `FfdError` below zero and above 8 bytes."""
    decimals = E6_DECIMALS
    n = value_e6
    while decimals and not n % 10:
        n //= 10
        decimals -= 1
    data = vln_bytes(n)
    if len(data) >= MAX_VLN:
        raise _refuse(0, value_e6, "a fractional number of 8 bytes or less")
    return bytes((decimals,)) + data


def fvln_value(data: bytes) -> int:
    """Millionths behind the value of an FVLN, minimal or not. Raises `FfdError` when it is malformed or finer than a millionth."""
    if not 2 <= len(data) <= MAX_VLN:
        raise FfdError((), f"a fractional number has 2 to 8 bytes, not {len(data)}")
    decimals = data[0]
    n = int.from_bytes(data[1:], "little")
    if decimals <= E6_DECIMALS:
        return n * _POWERS[E6_DECIMALS - decimals]
    if decimals > 2 * MAX_VLN + E6_DECIMALS:  # more than any 7 bytes can hold: only zero would be left
        raise FfdError((), f"{decimals} decimals")
    scale: int = 10 ** (decimals - E6_DECIMALS)
    whole, rest = divmod(n, scale)
    if rest:
        raise FfdError((), "finer than a millionth")
    return whole


def vln(tag: int, n: int) -> bytes:
    """A field with an unsigned number of variable length: sums in kopecks."""
    if 0 <= n < 0x100:
        return _pack_byte(tag, 1, n)
    size = (n.bit_length() + 7) >> 3
    if n < 0 or size > MAX_VLN:
        raise _refuse(tag, n, "a number of 0 to 8 bytes")
    return _pack_header(tag, size) + n.to_bytes(size, "little")


def fvln(tag: int, value_e6: int) -> bytes:
    """A field with a fractional number, in millionths: quantities."""
    data = fvln_bytes(value_e6)
    return _pack_header(tag, len(data)) + data


def text(tag: int, s: str, width: int = 0, limit: int = 0) -> bytes:
    """A field with text in CP866. ``width``: pad with spaces to so many bytes (fixed text); ``limit``: cut after so many bytes."""
    data = encode_text(s)
    if width:
        if len(data) > width:
            raise _refuse(tag, s, f"text of {width} bytes or less")
        data = data.ljust(width)
    elif limit and len(data) > limit:
        data = data[:limit]
    try:
        return _pack_header(tag, len(data)) + data
    except struct.error:
        raise _refuse(tag, s, "text of 65535 bytes or less") from None


def byte(tag: int, n: int) -> bytes:
    """A field of one byte: codes, flags, 8-bit masks."""
    try:
        return _pack_byte(tag, 1, n)
    except struct.error:
        raise _refuse(tag, n, "a byte") from None


def u16(tag: int, n: int) -> bytes:
    """A field with an unsigned number of two bytes."""
    try:
        return _pack_u16(tag, 2, n)
    except struct.error:
        raise _refuse(tag, n, "a number of two bytes") from None


def u32(tag: int, n: int) -> bytes:
    """A field with an unsigned number of four bytes: counters, 32-bit masks, times."""
    try:
        return _pack_u32(tag, 4, n)
    except struct.error:
        raise _refuse(tag, n, "a number of four bytes") from None


unixtime = u32
"""A field with a moment: seconds since 1970 of the local wall clock, as if it were UTC (tag 1012)."""


def raw(tag: int, data: bytes) -> bytes:
    """A field with bytes as they are: fiscal signs, product codes."""
    try:
        return _pack_header(tag, len(data)) + data
    except struct.error:
        raise _refuse(tag, data, "65535 bytes or less") from None


stlv = raw
"""A field whose value is fields: ``body`` is their bytes, one after another."""


def walk(data: bytes) -> list[tuple[int, bytes]]:
    """The top-level fields as (tag, value). Raises `FfdError` when the bytes do not end where a field ends."""
    fields = []
    at = 0
    end = len(data)
    while at < end:
        if end - at < 4:
            raise FfdError((), f"{end - at} bytes left where a field begins")
        tag, size = _unpack_header(data, at)
        at += 4
        if size > end - at:
            raise FfdError(tag, f"length {size}, but {end - at} bytes are left")
        fields.append((tag, data[at : at + size]))
        at += size
    return fields


__all__ = [
    "HEADER",
    "FfdError",
    "byte",
    "decode_text",
    "encode_text",
    "fvln",
    "fvln_bytes",
    "fvln_value",
    "raw",
    "stlv",
    "text",
    "u16",
    "u32",
    "unixtime",
    "vln",
    "vln_bytes",
    "walk",
]
