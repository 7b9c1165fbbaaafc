"""Both envelopes of ATOL registers, with the vectors of the reference sheet, in both directions."""

from __future__ import annotations

import pytest

from fiscal.registers.atol import frames, frames_v2

VECTORS = [
    (0x00, "C4", "FE 01 00 00 C4 02"),
    (0x00, "A3", "FE 01 00 00 A3 2E"),
    (0x00, "C1 01 00 00 00 A5", "FE 06 00 00 C1 01 00 00 00 A5 77"),
    (0x00, "A1", "FE 01 00 00 A1 4C"),
    (0x01, "C2 00", "FE 02 00 01 C2 00 7E"),
    (0x01, "A3", "FE 01 00 01 A3 DA"),
    (0x0E, "C1 01 07 00 00 46 13 00 01 04", "FE 0A 00 0E C1 01 07 00 00 46 13 00 01 04 3F"),
    (0x0E, "A1", "FE 01 00 0E A1 21"),
    (0xF0, "A6 07 55 00", "FE 04 00 F0 A6 07 55 00 9E"),
    (0x0F, "C2 07", "FE 02 00 0F C2 07 1E"),
    (0x10, "C2 DE", "FE 02 00 10 C2 DE 87"),
    (0x11, "C2 DF", "FE 02 00 11 C2 DF F0"),
    (0x12, "C4", "FE 01 00 12 C4 B5"),
    (0xF0, "A6 57 55 00 00", "FE 05 00 F0 A6 57 55 00 00 FD EE"),
    (0x01, "", "FE 00 00 01 9D"),
]
OLD = [
    ("1F 00 FF 10 02 03 1A", "02 1F 00 FF 10 10 02 10 03 1A 03 E8"),
    ("00 00 3F", "02 00 00 3F 03 3C"),
    ("00 00 45", "02 00 00 45 03 46"),
    ("00 00 56 03 00 00 00 30", "02 00 00 56 10 03 00 00 00 30 03 76"),
]


def test_the_checksum() -> None:
    assert frames.crc8(b"123456789") == 0xF7
    assert frames.crc8(b"123456789" * 5) == frames.crc8(b"123456789" * 4 + b"12345678" + b"9")


@pytest.mark.parametrize(("id_", "data", "raw"), VECTORS)
def test_packets(id_: int, data: str, raw: str) -> None:
    assert frames.build(id_, bytes.fromhex(data)) == bytes.fromhex(raw)
    assert frames.parse(bytes.fromhex(raw)) == (id_, bytes.fromhex(data))


@pytest.mark.parametrize(("data", "raw"), OLD)
def test_frames_of_version_2(data: str, raw: str) -> None:
    assert frames_v2.build(bytes.fromhex(data)) == bytes.fromhex(raw)
    assert frames_v2.parse(bytes.fromhex(raw)) == bytes.fromhex(data)


def test_the_probe_of_the_vendors_driver_is_skipped() -> None:
    stream = bytes.fromhex("24400D002001F740746573746565 FE010000C402")
    assert frames.PacketReader().feed(stream) == ((0, b"\xc4", True),)


def test_a_packet_cut_short_costs_only_itself() -> None:
    good = frames.build(5, b"\xc4")
    assert frames.PacketReader().feed(frames.build(4, b"\xc1\1\0abc")[:-3] + good) == ((5, b"\xc4", True),)


def test_what_no_packet_can_carry() -> None:
    with pytest.raises(frames.FrameError):
        frames.build(0, bytes(frames.MAX_DATA + 1))
    with pytest.raises(frames.FrameError):
        frames.build(0xFE)
