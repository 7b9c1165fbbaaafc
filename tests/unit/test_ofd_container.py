"""The container: two genuine ones, byte for byte both ways."""

from __future__ import annotations

import pytest
from ofd_frames import FRAME_A, FRAME_B

from fiscal.ffd import decode
from fiscal.ofd import Container, OfdError, crc16, read_container, write_container
from fiscal.ofd.container import ContainerWriter, pack_drive, unpack_drive
from fiscal.ofd.session import HEADER_BYTES

CONTAINER_B = FRAME_B[HEADER_BYTES:]


def test_crc_of_the_usual_check() -> None:
    assert crc16(b"123456789") == 0x29B1


@pytest.mark.parametrize(("data", "crc"), [(FRAME_A, 0xEC03), (CONTAINER_B, 0x7825)])
def test_the_crc_skips_its_own_bytes(data: bytes, crc: int) -> None:
    assert int.from_bytes(data[2:4], "little") == crc == crc16(data[:2] + data[4:])
    assert crc16(data[:2] + b"\0\0" + data[4:]) != crc


def test_frame_a() -> None:
    container = read_container(FRAME_A)
    assert (container.form, container.drive, container.document) == (1, "999907891234567", 1)
    assert (container.kind, container.version, container.service.hex()) == (0xA5, 1, "1009")
    assert (container.key.hex(), container.key_document, container.mode.hex()) == ("00230982c4", 1, "0002")
    assert (container.sign.hex(), container.tail) == ("810673fca34b2872", b"\0\0")
    assert len(container.tlv) == 263
    document = decode(container.tlv)
    assert document.form == 1
    assert document.get(1040) == 1


def test_frame_b() -> None:
    container = read_container(CONTAINER_B)
    assert (container.form, container.drive, container.document) == (11, "9999078900005488", 1)
    assert (container.key.hex(), container.key_document, container.mode.hex()) == ("84ec4c14c2", 1, "0004")
    assert (container.sign.hex(), container.tail) == ("8106a55ae10c4d75", b"\0\0")
    document = decode(container.tlv)
    assert document.get(1041) == "9999078900005488"
    assert document.get(1077) == bytes.fromhex("2104aa107541")


@pytest.mark.parametrize("data", [FRAME_A, CONTAINER_B])
def test_genuine_containers_are_written_again_byte_for_byte(data: bytes) -> None:
    container = read_container(data)
    assert write_container(container) == data
    writer = ContainerWriter(container)
    assert writer.write(container.form, container.document, container.tlv, container.sign) == data


def test_stored_containers_have_no_tail() -> None:
    container = read_container(CONTAINER_B)._replace(tail=b"")
    data = write_container(container)
    assert len(data) == len(CONTAINER_B) - 2
    assert read_container(data) == container
    unsigned = container._replace(sign=b"")
    assert read_container(write_container(unsigned)).sign == b""


def test_every_damaged_byte_is_noticed() -> None:
    for at in range(len(FRAME_A)):
        with pytest.raises(OfdError):
            read_container(FRAME_A[:at] + bytes((FRAME_A[at] ^ 0x40,)) + FRAME_A[at + 1 :])


def resealed(data: bytes) -> bytes:
    return data[:2] + crc16(data[:2] + data[4:]).to_bytes(2, "little") + data[4:]


@pytest.mark.parametrize(
    ("at", "value", "reason"),
    [
        (0, b"\xff", "announced"),
        (4, b"\x00", "type"),
        (5, b"\x02", "another form"),
        (6, b"\x11", "version"),
        (9, b"\xaa", "drive"),
        (9, b"\xff" * 8, "drive"),
        (30, b"\xff", "longer"),
        (31, b"\x00", "another form or length"),
        (303, b"\x00\x01", "after the document"),
    ],
)
def test_a_wrong_field_is_refused_with_the_reason(at: int, value: bytes, reason: str) -> None:
    data = resealed(FRAME_A[:at] + value + FRAME_A[at + len(value) :])
    with pytest.raises(OfdError, match=reason) as error:
        read_container(data)
    assert error.value.part == "container"


def test_both_types_are_read() -> None:
    container = read_container(CONTAINER_B)._replace(kind=0x5A)
    assert read_container(write_container(container)) == container


def test_a_short_or_cut_container_is_refused() -> None:
    for size in (0, 1, 31, 32, len(FRAME_A) - 1):
        with pytest.raises(OfdError):
            read_container(FRAME_A[:size])


def test_drive_numbers_in_packed_digits() -> None:
    assert pack_drive("9999078900005488").hex() == "9999078900005488"
    assert pack_drive("999907891234567").hex() == "999907891234567f"
    assert unpack_drive(pack_drive("1")) == "1"
    for bad in ("", "12345678901234567", "12a", "²"):
        with pytest.raises(OfdError):
            pack_drive(bad)


def test_values_that_do_not_fit_are_refused() -> None:
    good = Container(3, "1", 1, b"\x03\0\0\0", b"\x81\6......")
    for bad in (
        good._replace(document=1 << 24),
        good._replace(form=256),
        good._replace(tlv=bytes(1 << 16)),
        good._replace(key_document=-1),
    ):
        with pytest.raises(OfdError):
            write_container(bad)
