"""Layouts: the fields of an ATOL command or answer, declared as data, compiled once into packers.

A layout is written as words ``name:kind``. Numbers are packed decimals (BCD), most significant digit first, but
for what passes through from the drive (little-endian) and tables (big-endian). Money is kopecks. Text is CP866
with two signs swapped. The same declaration packs in the driver and unpacks in the emulator. Source: reference
sheet, sections 1.3 and 1.4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from struct import Struct
from typing import Any

from fiscal.ffd import cp866

__all__ = ["KINDS", "Kind", "Layout", "LayoutError", "decode_text", "encode_text"]


class LayoutError(ValueError):
    """The bytes do not fit the declared fields."""


_SWAP = bytes.maketrans(
    b"\x24\xfc", b"\xfc\x24"
)  # the numero sign has the code of the dollar, and the other way round


@lru_cache(maxsize=4096)
def encode_text(text: str) -> bytes:
    return cp866.encode_text(text).translate(_SWAP)


def decode_text(data: bytes) -> str:
    return cp866.decode_text(data.split(b"\0", 1)[0].translate(_SWAP))


def _day(data: bytes) -> tuple[int, int, int]:
    try:
        return int(data[0:1].hex()), int(data[1:2].hex()), int(data[2:3].hex())
    except ValueError:
        raise LayoutError(f"{data.hex()} is no date or time") from None


def _day_bytes(parts: tuple[int, int, int]) -> bytes:
    first, second, third = parts
    return bytes.fromhex(f"{first:02d}{second:02d}{third:02d}")


_EPOCH_DAYS = datetime(1970, 1, 1, tzinfo=UTC).toordinal()


@lru_cache(maxsize=4096)
def _minute(number: int) -> tuple[int, int, int, int, int]:
    at = datetime.fromtimestamp(number * 60, UTC)
    return at.year % 100, at.month, at.day, at.hour, at.minute


def _seconds(year: int, month: int, day: int, hour: int, minute: int, second: int = 0) -> int:
    try:
        return int(datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
    except ValueError:
        return 0


@lru_cache(maxsize=4096)
def _moment(data: bytes) -> int:
    return _seconds(*data)


def _moment_bytes(time_s: int) -> bytes:
    return bytes(_minute(time_s // 60)) if time_s > 0 else bytes(5)


@lru_cache(maxsize=4096)
def _bcd_moment(data: bytes) -> int:
    try:
        day, month, year, hour, minute = (int(data[at : at + 1].hex()) for at in range(5))
    except ValueError:
        raise LayoutError(f"{data.hex()} is no moment") from None
    return _seconds(year, month, day, hour, minute)


@lru_cache(maxsize=4096)
def _bcd_moment_bytes(time_s: int) -> bytes:
    if time_s <= 0:
        return bytes(5)
    year, month, day, hour, minute = _minute(time_s // 60)
    return bytes.fromhex(f"{day:02d}{month:02d}{year:02d}{hour:02d}{minute:02d}")


@lru_cache(maxsize=4096)
def _clock(data: bytes) -> int:
    try:
        parts = [int(data[at : at + 1].hex()) for at in range(6)]
    except ValueError:
        raise LayoutError(f"{data.hex()} is no date and time") from None
    return _seconds(parts[2], parts[1], parts[0], *parts[3:])


def _clock_bytes(time_s: int) -> bytes:
    at = datetime.fromtimestamp(max(0, time_s), UTC)
    return bytes.fromhex(at.strftime("%d%m%y%H%M%S"))


@dataclass(frozen=True, slots=True)
class Kind:
    """How a field lies in the bytes. ``size`` 0 means "the rest of the frame"."""

    name: str
    size: int
    code: str  # of `struct`
    meaning: str
    read: Callable[[bytes], Any] | None = None
    write: Callable[[Any], bytes] | None = None


def _bcd(name: str, size: int, meaning: str) -> Kind:
    digits = f"%0{2 * size}d"
    whole = 2 * size
    fromhex = bytes.fromhex

    def write(value: int) -> bytes:
        text = digits % value
        if len(text) > whole or value < 0:
            raise OverflowError(f"{value} does not fit {whole} digits")
        return fromhex(text)

    def read(data: bytes) -> int:
        try:
            return int(data.hex())
        except ValueError:
            raise LayoutError(f"{data.hex()} is no packed decimal") from None

    return Kind(name, size, f"{size}s", meaning, read, write)


def _text(name: str, size: int) -> Kind:
    return Kind(
        name,
        size,
        f"{size}s" if size else "",
        "CP866" + (", zero padded" if size else ", the rest"),
        decode_text,
        (lambda text: encode_text(text)[:size]) if size else encode_text,
    )


def _ascii(size: int) -> Kind:
    return Kind(
        f"ascii{size}",
        size,
        f"{size}s",
        "ASCII, padded",
        lambda b: b.rstrip(b"\0 ").decode("ascii", "replace"),
        lambda t: t.encode("ascii", "replace").ljust(size),
    )


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("u8", 1, "B", "number"),
        Kind("u16", 2, ">H", "number, most significant byte first"),
        Kind("word", 2, "<H", "number of the drive"),
        Kind("long", 4, "<I", "number of the drive"),
        *(_bcd(f"bcd{size}", size, f"{2 * size} decimal digits") for size in (1, 2, 3, 4, 5, 6, 7)),
        _bcd("money5", 5, "kopecks"),
        _bcd("money6", 6, "kopecks"),
        _bcd("money7", 7, "kopecks"),
        _bcd("qty", 5, "quantity x 1,000"),
        Kind(
            "money",
            5,
            "5s",
            "kopecks of the drive",
            lambda b: int.from_bytes(b, "little"),
            lambda n: n.to_bytes(5, "little"),
        ),
        Kind("dmy", 3, "3s", "DD MM YY, decimal digits", _day, _day_bytes),
        Kind("ymd", 3, "3s", "YY MM DD, decimal digits", _day, _day_bytes),
        Kind("hms", 3, "3s", "HH MM SS, decimal digits", _day, _day_bytes),
        Kind("clock", 6, "6s", "DD MM YY HH MM SS, decimal digits", _clock, _clock_bytes),
        Kind("minute", 5, "5s", "DD MM YY HH MM, decimal digits", _bcd_moment, _bcd_moment_bytes),
        Kind("moment", 5, "5s", "YY MM DD HH MM of the drive, binary", _moment, _moment_bytes),
        Kind("day", 3, "3s", "YY MM DD of the drive, binary", tuple, bytes),
        _text("text", 0),
        _text("text64", 64),
        *map(_ascii, (2, 12, 16, 20)),
        *(Kind(f"bytes{size}", size, f"{size}s", "raw") for size in (2, 3, 17)),
        Kind("rest", 0, "", "raw, the rest"),
    )
}


class Layout:
    """Fields in their order. Fixed fields first, then at most one that takes the rest.

    ``pack(*values)`` gives the bytes; it raises `struct.error` or `OverflowError` for a value that does not fit.
    ``unpack(data, at=0)`` gives the list of values from offset ``at`` and raises `LayoutError` when bytes are
    missing or are no decimals. Bytes behind the last field are ignored.
    """

    __slots__ = ("fields", "names", "pack", "size", "text", "unpack")

    def __init__(self, text: str) -> None:
        words = [word.partition(":") for word in text.split()]
        self.text = text
        self.names = tuple(name for name, _, _ in words)
        self.fields = fields = tuple(KINDS[kind] for _, _, kind in words)
        if any(not kind.size for kind in fields[:-1]):
            raise ValueError(f"something stands behind the rest: {text!r}")
        self.size = sum(kind.size for kind in fields)
        space: dict[str, Any] = {"LayoutError": LayoutError, "size": self.size, "Struct": Struct}
        # Written out once a layout, as `collections.namedtuple` does: a loop over fields would cost several times as much.
        exec("\n".join(_source(fields, space)), space)
        self.pack: Callable[..., bytes] = space["pack"]
        self.unpack: Callable[..., list[Any]] = space["unpack"]

    def named(self, data: bytes, at: int = 0) -> dict[str, Any]:
        """The values by field name, for people."""
        return dict(zip(self.names, self.unpack(data, at), strict=True))


def _source(fields: tuple[Kind, ...], space: dict[str, Any]) -> list[str]:
    """Numbers of two and four bytes are taken apart by their own packers, so that the order of bytes may change
    within a layout."""
    code = ">"
    puts, gets, names = [], [], []
    rest_put = rest_get = ""
    for at, kind in enumerate(fields):
        name = f"v{at}"
        put, get = name, name
        if len(kind.code) == 2 and kind.code[0] in "<>":
            order = Struct(kind.code)
            space[f"w{at}"], space[f"r{at}"] = order.pack, lambda data, order=order: order.unpack(data)[0]
            put, get = f"w{at}({name})", f"r{at}({name})"
            code += f"{kind.size}s"
        else:
            space[f"w{at}"], space[f"r{at}"] = kind.write, kind.read
            put = f"w{at}({name})" if kind.write else name
            get = f"r{at}({name})" if kind.read else name
            code += kind.code
        if kind.size:
            names.append(name)
            puts.append(put)
        else:
            rest_put = f" + {put}"
            rest_get = f"    {name} = data[at + size:]"
        gets.append(get)
    head = Struct(code)
    space["pack_head"], space["unpack_head"] = head.pack, head.unpack_from
    arguments = ", ".join(f"v{at}" for at in range(len(fields)))
    return [
        f"def pack({arguments}):",
        f"    return pack_head({', '.join(puts)}){rest_put}",
        "def unpack(data, at=0):",
        "    if len(data) - at < size: raise LayoutError(f'{len(data) - at} bytes where {size} are needed')",
        f"    {', '.join(names)}, = unpack_head(data, at)" if names else "    pass",
        rest_get,
        f"    return [{', '.join(gets)}]",
    ]
