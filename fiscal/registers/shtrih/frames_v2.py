"""Frames of Shtrih-M protocol version 2: numbered, with a CRC, without a handshake.

A frame is ``8F | LEN | NUM | data | CRC``, each number two bytes, little-endian. LEN counts NUM and data: 0 is a synchronisation request
(no NUM at all), 2 is a number without data, which only a register sends. CRC-16/CCITT-FALSE covers LEN, NUM and data. Behind the first
byte 8F and 9F are replaced by ``9F 81`` and ``9F 83``, so that a bare 8F always begins a frame. Source: reference sheet, section 1.3.
"""

from __future__ import annotations

from binascii import crc_hqx

from fiscal.registers.shtrih.frames import FrameError

__all__ = ["MAX_DATA", "SYNC", "WRAP", "Frame", "FrameReader", "build", "parse"]

Frame = tuple[int | None, bytes]
"""(number, data); the number is ``None`` in a synchronisation request."""

WRAP = 0xFFFF
"""Numbers are counted modulo this plus one: 65535 is followed by 0."""

MAX_DATA = 4096
"""More than any command or answer carries; a length beyond it is damage, and a reader keeps no more."""

_BEGIN = 0x8F
_ESCAPE = 0x9F
_ESCAPED = {0x81: _BEGIN, 0x83: _ESCAPE}
_HEAD = b"\x8f"
_OVERHEAD = 4  # length and checksum


def _seal(body: bytes) -> bytes:
    body += crc_hqx(body, 0xFFFF).to_bytes(2, "little")
    return _HEAD + body.replace(b"\x9f", b"\x9f\x83").replace(b"\x8f", b"\x9f\x81")


SYNC = _seal(b"\0\0")
"""What a host asks to learn the number of the last command."""


def build(number: int, data: bytes = b"") -> bytes:
    """The frame that carries ``data`` under a number (0..65535). Raises `FrameError` for what does not fit."""
    size = len(data)
    if size > MAX_DATA or not 0 <= number <= WRAP:
        raise FrameError(f"no frame for {size} bytes under number {number}")
    return _seal((size + 2 | number << 16).to_bytes(4, "little") + data)


def parse(raw: bytes) -> Frame:
    """Number and data of exactly one whole frame. Raises `FrameError` on anything else."""
    if raw[:1] != _HEAD:
        raise FrameError("not one whole frame")
    body = raw[1:]
    if _BEGIN in body:
        raise FrameError("a frame begins inside the frame")
    if _ESCAPE in body:
        if body.count(b"\x9f") != body.count(b"\x9f\x81") + body.count(b"\x9f\x83"):
            raise FrameError("9F followed by something else than 81 or 83")
        body = body.replace(b"\x9f\x81", b"\x8f").replace(b"\x9f\x83", b"\x9f")
    size = len(body)
    if size < _OVERHEAD or body[0] | body[1] << 8 != size - _OVERHEAD:
        raise FrameError("not one whole frame")
    return _open(body)


def _open(body: bytes) -> Frame:
    # ``body`` has the length it declares.
    if crc_hqx(body[:-2], 0xFFFF) != body[-2] | body[-1] << 8:
        raise FrameError("wrong checksum")
    size = len(body)
    if size == _OVERHEAD:
        return None, b""
    if size == _OVERHEAD + 1:
        raise FrameError("half a number")
    return body[2] | body[3] << 8, body[4:-2]


class FrameReader:
    """Cuts a stream of chunks into frames.

    `feed` returns what the chunk completes: a `Frame`, or ``None`` for a frame that was damaged. Bytes outside a frame are skipped. At
    most one unfinished frame is kept.
    """

    __slots__ = ("_body", "_escaped", "_need", "begun")

    def __init__(self) -> None:
        self._body = bytearray()
        self.reset()

    def reset(self) -> None:
        self.begun = False
        """A frame has begun and its rest has not come yet."""
        self._body.clear()
        self._escaped = False
        self._need = 0

    @property
    def kept(self) -> int:
        """So many bytes of an unfinished frame are kept."""
        return len(self._body)

    def feed(self, chunk: bytes) -> list[Frame | None]:
        if not self.begun:
            try:
                return [parse(chunk)]  # as nearly always
            except FrameError:
                pass
        events: list[Frame | None] = []
        body = self._body
        for byte in chunk:
            if byte == _BEGIN:
                if self.begun:
                    events.append(None)
                self.reset()
                self.begun = True
                continue
            if not self.begun:
                continue
            if self._escaped:
                self._escaped = False
                if byte not in _ESCAPED:
                    self.reset()
                    events.append(None)
                    continue
                byte = _ESCAPED[byte]
            elif byte == _ESCAPE:
                self._escaped = True
                continue
            body.append(byte)
            size = len(body)
            if size == 2:
                declared = body[0] | body[1] << 8
                if declared == 1 or declared > MAX_DATA + 2:
                    self.reset()
                    events.append(None)
                    continue
                self._need = declared + _OVERHEAD
            if size == self._need:
                try:
                    events.append(_open(bytes(body)))
                except FrameError:
                    events.append(None)
                self.reset()
        return events
