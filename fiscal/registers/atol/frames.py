"""Packets of ATOL transport version 3: the envelope on TCP, USB and today's serial lines, both directions alike.

A packet is ``FE | length, low 7 bits | length, high 7 bits | id | data | CRC8``. The start byte is unique on the
line: FE and FD inside data and checksum are escaped (``FD EE``, ``FD ED``), and the length, which counts data
before escaping, and the id never reach FD. So a receiver finds the next packet after any garbage. An empty packet
means "the packet with this id came damaged, repeat it"; id F0 is for what the register says without being asked.
Source: reference sheet, section 1.2.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import NamedTuple

__all__ = [
    "ASYNC_ID",
    "ID_LIMIT",
    "MAX_DATA",
    "FrameError",
    "Packet",
    "PacketReader",
    "build",
    "build_often",
    "crc8",
    "parse",
]

START = 0xFE
ESCAPE = 0xFD
ASYNC_ID = 0xF0
"""The id of packets that answer nothing."""
ID_LIMIT = 0xE0
"""Packet ids and task ids count from 0 up to this, and then from 0 again."""
MAX_DATA = (1 << 14) - 1


class FrameError(ValueError):
    """The bytes are not one whole packet, or there is no packet for these values."""


class Packet(NamedTuple):
    """``good`` is false when the checksum or an escape was wrong; ``id`` may then be wrong, too."""

    id: int
    data: bytes
    good: bool = True


def _byte_table() -> bytes:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value << 1 ^ (0x131 if value & 0x80 else 0)
        table.append(value)
    return bytes(table)


_TABLE = _byte_table()
# Long data are walked two bytes at a time: the table is asked with (first byte ^ checksum so far) and the second byte above it.
_PAIRS = bytes(_TABLE[_TABLE[pair & 0xFF] ^ pair >> 8] for pair in range(1 << 16))
_SHORT = 24
_BYTE = tuple(bytes((n,)) for n in range(256))
_CHECK = tuple(bytes((n,)) if n < ESCAPE or n == 0xFF else bytes((ESCAPE, n - 0x10)) for n in range(256))
_HEAD = tuple(bytes((n & 0x7F, n >> 7)) for n in range(512))
_FE, _FD = b"\xfe", b"\xfd"

# Where host and register live in one process, nearly every packet that is read was built here a moment ago.
_RECENT = 64
_recent: dict[bytes, Packet] = {}
_new_packet = tuple.__new__


def crc8(data: bytes, crc: int = 0xFF) -> int:
    """CRC8 with the polynomial 31h, most significant bit first. "123456789" gives F7h."""
    size = len(data)
    if size <= 12:
        table = _TABLE
        for byte in data:
            crc = table[crc ^ byte]
        return crc
    odd = size & 1
    if odd:
        crc = _TABLE[crc ^ data[0]]
    pairs = _PAIRS
    for pair in Struct(f"<{size >> 1}H").unpack_from(data, odd):
        crc = pairs[pair ^ crc]
    return crc


def build(id_: int, data: bytes = b"") -> bytes:
    """The packet that carries ``data``. Raises `FrameError` when it is longer than 14 bits can say, or the id would
    need escaping."""
    size = len(data)
    if size > MAX_DATA or not 0 <= id_ < ESCAPE:
        raise FrameError(f"no packet has id {id_} and {size} bytes")
    check = crc8(data, _TABLE[0xFF ^ id_])
    escaped = data
    if _FD in data or _FE in data:
        escaped = data.replace(_FD, b"\xfd\xed").replace(_FE, b"\xfd\xee")
    head = _HEAD[size] if size < 512 else bytes((size & 0x7F, size >> 7))
    piece = head + _BYTE[id_] + escaped + _CHECK[check]
    if len(_recent) >= _RECENT:
        _recent.clear()
    _recent[piece] = _new_packet(Packet, (id_, data, True))
    return _FE + piece


build_often = lru_cache(maxsize=8192)(build)
"""As `build`, for the few things that are said all day long: what was built is kept."""


def _unescaped(data: bytes) -> bytes | None:
    """The bytes behind the escapes, ``None`` when an escape is none."""
    parts = data.split(_FD)
    for at in range(1, len(parts)):
        part = parts[at]
        first = part[:1]
        if first == b"\xed":
            parts[at] = _FD + part[1:]
        elif first == b"\xee":
            parts[at] = _FE + part[1:]
        else:
            return None
    return b"".join(parts)


def parse(data: bytes) -> tuple[int, bytes]:
    """(id, data) of exactly one whole packet. Raises `FrameError` on anything else."""
    size = len(data) - 5
    if size < 0 or data[0] != START:
        raise FrameError("not one whole packet")
    body = data[4:]
    if _FD in body:
        plain = _unescaped(body)
        if plain is None:
            raise FrameError("a wrong escape")
        body = plain
        size = len(body) - 1
    id_ = data[3]
    if data[1] | data[2] << 7 != size or data[1] > 0x7F or data[2] > 0x7F:
        raise FrameError("not one whole packet")
    content = body[:-1]
    if crc8(content, _TABLE[0xFF ^ id_]) != body[-1]:
        raise FrameError("wrong checksum")
    return id_, content


class PacketReader:
    """Cuts a stream of chunks into packets; whatever stands between them is skipped.

    A start byte inside a packet begins a new one (it cannot occur there), so a packet cut short costs nothing but
    itself. At most one unfinished packet is kept.
    """

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending = b""

    @property
    def pending(self) -> bytes:
        """The beginning of a packet whose rest has not come yet."""
        return self._pending

    def reset(self) -> None:
        self._pending = b""

    def feed(self, chunk: bytes) -> tuple[Packet, ...]:
        """The packets that this chunk completes."""
        if self._pending:
            chunk = self._pending + chunk
        packets, self._pending = _read_short(chunk) if len(chunk) <= _SHORT else _read(chunk)
        return packets


def _read(data: bytes) -> tuple[tuple[Packet, ...], bytes]:
    """The packets in these bytes, and the beginning of one whose rest has not come yet."""
    _, *pieces = data.split(_FE)
    packets = []
    packet = None
    for piece in pieces:
        packet = _packet_often(piece) if len(piece) <= _SHORT else _recent.get(piece) or _packet(piece)
        if packet is not None:  # else it is cut short, and the next one begins
            packets.append(packet)
    return tuple(packets), _FE + pieces[-1] if pieces and packet is None else b""


_read_short = lru_cache(maxsize=8192)(_read)


def _packet(piece: bytes) -> Packet | None:
    """The packet that stands behind a start byte, whatever follows it; ``None`` while bytes are missing."""
    if len(piece) < 4:
        return None
    stop = 3
    need = ((piece[0] & 0x7F) | (piece[1] & 0x7F) << 7) + 1
    while need:
        # Each escape takes one byte more than it means.
        start, stop = stop, stop + need
        if stop > len(piece):
            return None
        need = piece.count(_FD, start, stop)
    try:
        return Packet(*parse(_FE + piece[:stop]))
    except FrameError:
        return Packet(piece[2], b"", False)


_packet_often = lru_cache(maxsize=8192)(_packet)
