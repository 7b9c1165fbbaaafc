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
    if size < 7:  # read and written in two pieces, see `_pack_source`
        return Kind(name, size, "IB" if size == 5 else "IH", meaning)
    return Kind(
        name, size, f"{size}s", meaning, lambda b: _int(b, "little"), lambda n: n.to_bytes(size, "little")
    )


def _sums(name: str, count: int, size: int, meaning: str) -> Kind:
    """``count`` sums of ``size`` bytes each, as a tuple. Most are zero: the packer touches only those that are not."""
    width, step = count * size, 8 * size
    limit = (1 << step) - 1

    nothing = bytes(width)

    def write(values: tuple[int, ...]) -> bytes:
        if not any(values):
            return nothing
        whole = 0
        for at, value in enumerate(values):
            if value:
                if not 0 < value <= limit:
                    raise OverflowError(f"a sum of {value} kopecks does not fit {size} bytes")
                whole |= value << at * step
        return whole.to_bytes(width, "little")

    zero = bytes(size)
    places = tuple(slice(at, at + size) for at in range(0, width, size))

    none = (0,) * count

    def read(data: bytes) -> tuple[int, ...]:
        if data == nothing:
            return none
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
        *(Kind(f"bytes{n}", n, f"{n}s", "raw", None, None, b"") for n in (2, 3, 4, 8, 18)),
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
    """Fields in their order. Fixed fields first, then optional ones, then at most one that takes the rest.

    ``pack(*values)`` gives the bytes; values of loose fields at the end may be left out. It raises `struct.error` or
    `OverflowError` for a value that does not fit. ``unpack(data, at=0, strict=False)`` gives the list of values from offset ``at``;
    an absent optional field is ``None``, an absent rest is empty. It raises `LayoutError` when bytes are missing or, under
    ``strict``, too many.
    """

    __slots__ = ("fields", "names", "pack", "size", "text", "unpack")

    def __init__(self, text: str) -> None:
        fields = []
        for word in text.split():
            name, _, kind = word.partition(":")
            fields.append(Field(name, KINDS[kind.rstrip("?")], kind.endswith("?")))
        self.text = text
        self.fields = tuple(fields)
        self.names = tuple(field.name for field in fields)
        fixed = [field.kind.size > 0 and not field.optional for field in fields]
        count = fixed.index(False) if False in fixed else len(fixed)
        if any(fixed[count:]):
            raise ValueError(f"a fixed field stands behind a loose one: {text!r}")
        head = struct.Struct("<" + "".join(field.kind.code for field in fields[:count]))
        self.size = head.size
        self.pack: Callable[..., bytes] = _make("pack", _pack_source(self.fields, count), self.fields, head)
        self.unpack: Callable[..., list[Any]] = _make(
            "unpack", _unpack_source(self.fields, count), self.fields, head
        )

    def named(self, data: bytes, at: int = 0) -> dict[str, Any]:
        """The values by field name, for people."""
        return dict(zip(self.names, self.unpack(data, at), strict=True))


# Packing and unpacking happen some thirty times a receipt. As `collections.namedtuple` does, the functions are written out once per layout:
# a loop over fields would cost several times as much.


def _pack_source(fields: tuple[Field, ...], count: int) -> list[str]:
    arguments = [f"v{i}" if i < count else f"v{i}=None" for i in range(len(fields))]
    parts = []
    for i, field in enumerate(fields[:count]):
        if len(field.kind.code) == 2 and field.kind.code[0] == "I":  # a wide integer in two pieces
            parts += [f"v{i} & 0xFFFFFFFF", f"v{i} >> 32"]
        else:
            parts.append(f"write{i}(v{i})" if field.kind.write is not None else f"v{i}")
    lines = [f"def pack({', '.join(arguments)}):", f"    data = pack_head({', '.join(parts)})"]
    for i, field in enumerate(fields[count:], count):
        value = f"write{i}(v{i})" if field.kind.write is not None else f"v{i}"
        if field.kind.write is None and field.kind.code and field.kind.code[-1] != "s":
            value = f"number{i}.pack(v{i})"
        lines.append(f"    if v{i} is not None: data += {value}")
    return [*lines, "    return data"]


def _unpack_source(fields: tuple[Field, ...], count: int) -> list[str]:
    lines = ["def unpack(data, at=0, *, strict=False):", "    spare = len(data) - at - size"]
    lines.append("    if spare < 0: raise LayoutError(f'{len(data) - at} bytes where {size} are needed')")
    targets = []
    values = []
    for i, field in enumerate(fields):
        kind = field.kind
        value = f"v{i}"
        if i < count:
            targets.append(value)
            if len(kind.code) == 2 and kind.code[0] == "I":
                targets.append(f"h{i}")
                value = f"v{i} | h{i} << 32"
            elif kind.read is not None:
                value = f"read{i}(v{i})"
        values.append(value)
    if targets:
        lines.append(f"    {', '.join(targets)}, = unpack_head(data, at)")
    if count == len(fields):
        lines.append("    if spare and strict: raise LayoutError(f'{spare} bytes too many')")
    else:
        lines.append("    at += size")
    for i, field in enumerate(fields[count:], count):
        kind = field.kind
        value = f"read{i}(part)" if kind.read is not None else "part"
        if kind.read is None and kind.code and kind.code[-1] != "s":
            value = f"number{i}.unpack(part)[0]"
        if kind.size:
            lines += [f"    part = data[at:at + {kind.size}]", f"    at += {kind.size}"]
            lines.append(f"    v{i} = {value} if len(part) == {kind.size} else None")
        else:
            lines += ["    part = data[at:]", f"    v{i} = {value}"]
    return [*lines, f"    return [{', '.join(values)}]"]


def _make(name: str, source: list[str], fields: tuple[Field, ...], head: struct.Struct) -> Callable[..., Any]:
    space: dict[str, Any] = {
        "pack_head": head.pack,
        "unpack_head": head.unpack_from,
        "size": head.size,
        "LayoutError": LayoutError,
    }
    for i, field in enumerate(fields):
        kind = field.kind
        space[f"read{i}"], space[f"write{i}"] = kind.read, kind.write
        if kind.code and kind.code[-1] != "s" and len(kind.code) == 1:
            space[f"number{i}"] = struct.Struct("<" + kind.code)
    exec("\n".join(source), space)
    made: Callable[..., Any] = space[name]
    return made
