"""Frames of Shtrih-M protocol version 1: the envelope around a command, both directions alike.

A frame is ``02 | LEN | payload | LRC``. LEN counts the payload (1..255 bytes), LRC is the exclusive or of LEN and the payload. Three
single bytes make the handshake around it: ENQ (what do you have?), ACK, NAK. A network adapter of the desktop models puts a stray
``FF`` in front of a control byte now and then. Source: reference sheet, section 1.1.
"""

from __future__ import annotations

__all__ = ["ACK", "ENQ", "NAK", "STRAY", "STX", "FrameError", "FrameReader", "build", "lrc", "parse"]

ENQ = b"\x05"
STX = b"\x02"
ACK = b"\x06"
NAK = b"\x15"
STRAY = b"\xff"
"""The byte some network adapters emit after the host's ACK; a host skips it."""

MAX_PAYLOAD = 255

_BYTE = tuple(bytes((n,)) for n in range(256))
_HEAD = tuple(b"\x02" + bytes((n,)) for n in range(256))
_from_bytes = int.from_bytes


class FrameError(ValueError):
    """The bytes are not one whole frame."""


def _fold(n: int, size: int) -> int:
    # Exclusive or of all bytes of a number of ``size`` bytes: fold it in halves, from where it begins.
    if size > 16:
        if size > 64:
            n ^= n >> 1024
            n ^= n >> 512
        n ^= n >> 256
        n ^= n >> 128
    n ^= n >> 64
    n ^= n >> 32
    n ^= n >> 16
    return (n ^ n >> 8) & 0xFF


def lrc(data: bytes) -> int:
    """Exclusive or of all bytes (at most 256)."""
    return _fold(_from_bytes(data, "little"), len(data))


def build(payload: bytes) -> bytes:
    """The frame that carries ``payload``. Raises `FrameError` when it is empty or longer than 255 bytes."""
    size = len(payload)
    if not 0 < size < 256:
        raise FrameError(f"a frame carries 1 to {MAX_PAYLOAD} bytes, not {size}")
    n = _from_bytes(payload, "little")
    if size > 64:  # `_fold`, written out: this and `parse` run thirty times a receipt
        n ^= n >> 1024
        n ^= n >> 512
    if size > 16:
        n ^= n >> 256
        n ^= n >> 128
    n ^= n >> 64
    n ^= n >> 32
    n ^= n >> 16
    return _HEAD[size] + payload + _BYTE[(n ^ n >> 8) & 0xFF ^ size]


def parse(data: bytes) -> bytes:
    """The payload of exactly one whole frame. Raises `FrameError` on anything else."""
    size = len(data) - 3
    if size < 1 or data[0] != 2 or data[1] != size:
        raise FrameError("not one whole frame")
    payload = data[2:-1]
    n = _from_bytes(payload, "little")
    if size > 64:
        n ^= n >> 1024
        n ^= n >> 512
    if size > 16:
        n ^= n >> 256
        n ^= n >> 128
    n ^= n >> 64
    n ^= n >> 32
    n ^= n >> 16
    if (n ^ n >> 8) & 0xFF ^ size != data[-1]:
        raise FrameError("wrong checksum")
    return payload


class FrameReader:
    """Cuts a stream of chunks into frames and the single bytes between them.

    `feed` returns events in the order of the bytes: ``("control", byte)`` for a byte outside a frame, ``("frame", payload)``, or
    ``("bad", raw)`` for a whole frame with a wrong checksum. At most one unfinished frame (257 bytes) is kept.
    """

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending = b""

    @property
    def pending(self) -> bytes:
        """The beginning of a frame whose rest has not come yet."""
        return self._pending

    def reset(self) -> None:
        self._pending = b""

    def feed(self, chunk: bytes) -> list[tuple[str, bytes]]:
        events: list[tuple[str, bytes]] = []
        data = self._pending + chunk
        at, end = 0, len(data)
        while at < end:
            if data[at] != 2:
                events.append(("control", data[at : at + 1]))
                at += 1
                continue
            if at + 1 >= end:
                break
            stop = at + data[at + 1] + 3
            if stop > end:
                break
            raw = data[at:stop]
            good = len(raw) > 3 and lrc(raw[1:-1]) == raw[-1]
            events.append(("frame", raw[2:-1]) if good else ("bad", raw))
            at = stop
        self._pending = data[at:]
        return events
