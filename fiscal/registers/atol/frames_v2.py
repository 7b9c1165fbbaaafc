"""Frames of ATOL transport version 2: the envelope of the old platform, both directions alike.

A frame is ``STX | data | ETX | checksum``. Inside data DLE and ETX are masked, each by a DLE in front of it;
nothing else is. The checksum is the exclusive or of everything after STX, masks and ETX included, and is never
masked itself. Single control bytes make the session around it. Source: reference sheet, section 1.1.
"""

from __future__ import annotations

from fiscal.registers.atol.frames import FrameError

__all__ = ["ACK", "DLE", "ENQ", "EOT", "ETX", "NAK", "STX", "SessionReader", "build", "parse"]

STX, ETX, EOT, ENQ, ACK, DLE, NAK = (bytes((n,)) for n in (0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x15))

MAX_DATA = 1024
"""More than any command or answer has; a receiver gives up behind it."""

_MASKED = {0x10, 0x03}


def _xor(data: bytes) -> int:
    check = 0
    for byte in data:
        check ^= byte
    return check


def build(data: bytes) -> bytes:
    """The frame that carries ``data``."""
    body = data.replace(DLE, b"\x10\x10").replace(ETX, b"\x10\x03") + ETX
    return STX + body + bytes((_xor(body),))


def parse(raw: bytes) -> bytes:
    """The data of exactly one whole frame. Raises `FrameError` on anything else."""
    reader = SessionReader()
    events = reader.feed(raw)
    if len(events) != 1 or reader.pending:
        raise FrameError("not one whole frame")
    kind, data = events[0]
    if kind == "bad":
        raise FrameError("wrong checksum")
    if kind != "frame":
        raise FrameError("not a frame")
    return data


class SessionReader:
    """Cuts a stream of chunks into frames and the single bytes between them.

    `feed` returns events in the order of the bytes: ``("control", byte)``, ``("frame", data)``, or ``("bad",
    raw)`` for a frame with a wrong checksum or without end. At most one unfinished frame is kept.
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
            plain = bytearray()
            place = at + 1
            while place < end and data[place] != 3:
                if data[place] == 0x10:
                    place += 1
                    if place == end:
                        break
                plain.append(data[place])
                place += 1
            if place + 1 >= end:  # ETX or the checksum has not come
                if end - at > 2 * MAX_DATA:
                    events.append(("bad", data[at:]))
                    at = end
                break
            raw = data[at : place + 2]
            good = _xor(raw[1:-1]) == raw[-1] and plain
            events.append(("frame", bytes(plain)) if good else ("bad", raw))
            at = place + 2
        self._pending = data[at:]
        return events
