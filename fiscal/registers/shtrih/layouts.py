"""Layouts: the fields of a command or a reply, declared as data, compiled once into packers.

A layout is written as words ``name:kind``; a kind is a width, an endianness, a scale and a meaning (`KINDS`). The same declaration
packs in the driver, unpacks in the emulator, names the fields in the trace and fills the tables of the documentation. Integers are
little-endian, money is kopecks in five bytes, text is CP1251. Source: reference sheet, sections 2 and 5.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

__all__ = [
    "KINDS",
    "Field",
    "Kind",
    "Layout",
    "LayoutError",
    "decode_text",
    "encode_text",
    "moment_bytes",
    "moment_s",
]


class LayoutError(ValueError):
    """The bytes do not fit the declared fields."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_int = int.from_bytes

# Characters that CP1251 lacks and that product names do contain; everything else unknown becomes "?".
_REPLACED = str.maketrans(
    {"₽": "р", "−": "-", "×": "x", "\u2009": " ", "\u202f": " ", "\u2028": " ", "≈": "~", "½": "1/2"}
)


@lru_cache(maxsize=4096)
def encode_text(text: str) -> bytes:
    """CP1251, with look-alikes for a few common signs it lacks and ``?`` for the rest."""
    try:
        return text.encode("cp1251")
    except UnicodeEncodeError:
        return text.translate(_REPLACED).encode("cp1251", "replace")


def decode_text(data: bytes) -> str:
    """CP1251 up to the first zero byte; the one unassigned code becomes the replacement sign."""
    return data.split(b"\0", 1)[0].decode("cp1251", "replace")


@lru_cache(maxsize=4096)
def _minute_bytes(minute: int) -> bytes:
    at = _EPOCH + minute * _MINUTE
    return bytes((at.year % 100, at.month, at.day, at.hour, at.minute))


def moment_bytes(time_s: int) -> bytes:
    """YY MM DD HH MM of a wall clock in seconds (tag 1012); five zero bytes for "never" (0)."""
    return _minute_bytes(time_s // 60) if time_s > 0 else bytes(5)


@lru_cache(maxsize=4096)
def moment_s(data: bytes) -> int:
    """The seconds behind YY MM DD HH MM; 0 when the five bytes are no date."""
    try:
        at = datetime(2000 + data[0], data[1], data[2], data[3], data[4], tzinfo=UTC)
    except (ValueError, IndexError):
        return 0
    return int((at - _EPOCH) / timedelta(seconds=1))


@dataclass(frozen=True, slots=True)
class Kind:
    """How a field lies in the bytes. ``size`` 0 means "the rest of the frame"."""

    name: str
    size: int
    code: str  # of `struct`
    meaning: str
    read: Callable[[bytes], Any] | None = None
    write: Callable[[Any], bytes] | None = None
    empty: Any = 0


def _wide(name: str, size: int, meaning: str) -> Kind:
    return Kind(
        name, size, f"{size}s", meaning, lambda b: _int(b, "little"), lambda n: n.to_bytes(size, "little")
    )


def _sums(name: str, count: int, size: int, meaning: str) -> Kind:
    """``count`` sums of ``size`` bytes each, as a tuple. Most are zero: the packer touches only those that are not."""
    width, step = count * size, 8 * size
    limit = (1 << step) - 1

    def write(values: tuple[int, ...]) -> bytes:
        whole = 0
        for at, value in enumerate(values):
            if value:
                if not 0 < value <= limit:
                    raise OverflowError(f"a sum of {value} kopecks does not fit {size} bytes")
                whole |= value << at * step
        return whole.to_bytes(width, "little")

    zero = bytes(size)
    places = tuple(slice(at, at + size) for at in range(0, width, size))

    def read(data: bytes) -> tuple[int, ...]:
        return tuple([0 if data[at] == zero else _int(data[at], "little") for at in places])

    return Kind(name, width, f"{width}s", meaning, read, write, (0,) * count)


def _text(size: int) -> Kind:
    return Kind(
        f"text{size}",
        size,
        f"{size}s",
        "CP1251, zero padded",
        decode_text,
        lambda t: encode_text(t)[:size],
        "",
    )


def _ascii(size: int) -> Kind:
    return Kind(
        f"ascii{size}",
        size,
        f"{size}s",
        "ASCII, padded",
        lambda b: b.rstrip(b"\0 ").decode("ascii", "replace"),
        lambda t: t.encode("ascii", "replace").ljust(size),
        "",
    )


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("u8", 1, "B", "number"),
        Kind("s16", 2, "h", "signed number"),
        Kind("u16", 2, "H", "number"),
        Kind("u32", 4, "I", "number"),
        _wide("money", 5, "kopecks; all FF = not given"),
        _wide("total", 6, "kopecks"),
        _wide("inn", 6, "tax number, little-endian binary; all FF = none"),
        _wide("serial7", 7, "number"),
        _wide("qty3", 5, "quantity x 1,000"),
        _wide("qty6", 6, "quantity x 1,000,000"),
        _sums("money16", 16, 5, "sixteen sums by payment slot"),
        _sums(
            "money6", 6, 5, "six VAT sums: 20 %, 10 %, turnover at 0 %, turnover without VAT, 20/120, 10/110"
        ),
        _sums("total4", 4, 8, "four sums: sale, sale return, purchase, purchase return"),
        Kind("date", 3, "3s", "DD MM YY", tuple, bytes, (1, 1, 10)),
        Kind("time", 3, "3s", "HH MM SS", tuple, bytes, (0, 0, 0)),
        Kind("fndate", 3, "3s", "YY MM DD", tuple, bytes, (0, 0, 0)),
        Kind("moment", 5, "5s", "YY MM DD HH MM", moment_s, moment_bytes),
        Kind(
            "version", 2, "2s", "two characters", lambda b: b.decode("cp1251", "replace"), encode_text, "A0"
        ),
        *map(_text, (20, 30, 40)),
        *map(_ascii, (10, 12, 16, 20)),
        *(Kind(f"bytes{n}", n, f"{n}s", "raw", None, None, b"") for n in (3, 4, 8, 18)),
        Kind("text", 0, "", "CP1251, the rest", decode_text, encode_text, ""),
        Kind("rest", 0, "", "raw, the rest", None, None, b""),
        Kind("tlv", 0, "", "TLV structures, the rest (at most 250 bytes)", None, None, b""),
    )
}


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: Kind
    optional: bool = False


class Layout:
    """Fields in their order. Fixed fields first, then optional ones, then at most one that takes the rest."""

    __slots__ = ("_fixed", "_reads", "_struct", "_tail", "_writes", "fields", "names", "size", "text")

    def __init__(self, text: str) -> None:
        fields = []
        for word in text.split():
            name, _, kind = word.partition(":")
            fields.append(Field(name, KINDS[kind.rstrip("?")], kind.endswith("?")))
        self.text = text
        self.fields = tuple(fields)
        self.names = tuple(field.name for field in fields)
        head = [field for field in fields if not field.optional and field.kind.size]
        self._tail = tuple(fields[len(head) :])
        if any(not field.optional and field.kind.size for field in self._tail):
            raise ValueError(f"a fixed field stands behind a loose one: {text!r}")
        self._fixed = len(head)
        self._struct = struct.Struct("<" + "".join(field.kind.code for field in head))
        self.size = self._struct.size
        self._reads = tuple((i, f.kind.read) for i, f in enumerate(head) if f.kind.read is not None)
        self._writes = tuple((i, f.kind.write) for i, f in enumerate(head) if f.kind.write is not None)

    def pack(self, *values: Any) -> bytes:
        """The bytes. Optional fields at the end may be left out. Raises `OverflowError` or `struct.error` on a value too large."""
        if not self._tail:
            if not self._writes:
                return self._struct.pack(*values)
            head = list(values)
            for i, write in self._writes:
                head[i] = write(head[i])
            return self._struct.pack(*head)
        head = list(values[: self._fixed])
        for i, write in self._writes:
            head[i] = write(head[i])
        data = self._struct.pack(*head)
        for field, value in zip(self._tail, values[self._fixed :], strict=False):
            kind = field.kind
            if value is None:
                break
            if kind.write is not None:
                data += kind.write(value)
            elif kind.size in (0, len(value) if isinstance(value, bytes) else -1):
                data += value
            else:
                data += struct.pack("<" + kind.code, value)
        return data

    def unpack(self, data: bytes, at: int = 0, *, strict: bool = False) -> list[Any]:
        """All values from offset ``at``; absent optional fields are ``None``, an absent rest is empty.

        Raises `LayoutError` when bytes are missing, or too many under ``strict``.
        """
        size = self.size
        spare = len(data) - at - size
        if not self.fields:
            if spare and strict:
                raise LayoutError(f"{spare} bytes too many")
            return []
        if spare < 0:
            raise LayoutError(f"{len(data) - at} bytes where {size} are needed")
        values = list(self._struct.unpack_from(data, at))
        for i, read in self._reads:
            values[i] = read(values[i])
        if not self._tail:
            if spare and strict:
                raise LayoutError(f"{spare} bytes too many")
            return values
        at += size
        for field in self._tail:
            kind = field.kind
            part = data[at : at + kind.size] if kind.size else data[at:]
            at += len(part)
            if len(part) < kind.size:
                values.append(None)
            elif kind.read is not None:
                values.append(kind.read(part))
            elif kind.code and kind.code[-1] != "s":
                values.append(struct.unpack("<" + kind.code, part)[0])
            else:
                values.append(part)
        return values

    def named(self, data: bytes, at: int = 0) -> dict[str, Any]:
        """The values by field name, for people."""
        return dict(zip(self.names, self.unpack(data, at), strict=True))
