"""The session header: genuine bytes both ways, flags, CRCs, and messages cut anywhere."""

from __future__ import annotations

import pytest
from ofd_frames import FRAME_B

from fiscal.ofd import CrcMode, MessageReader, OfdError, crc16, missing, ping, read_message, write_message
from fiscal.ofd.session import HEADER_BYTES, MAX_BODY, corrected, read_header

DRIVE = "9999078900005488"
PUBLIC_HEADER = bytes.fromhex("2a08410a81a2 0001 39393939303738393530202020202020 3101 1400 0000")
BODY = FRAME_B[HEADER_BYTES:]


def test_a_genuine_header_is_read() -> None:
    header = read_header(PUBLIC_HEADER)
    assert header.drive == "9999078950"
    assert (header.version, header.ffd) == (b"\0\1", 1)
    assert (header.length, header.flags, header.crc) == (305, 0x14, 0)
    assert header.wants_reply
    assert header.crc_mode is CrcMode.NONE


def test_a_genuine_message_is_read_and_written() -> None:
    message = read_message(FRAME_B)
    assert message.header.drive == DRIVE
    assert message.header.length == 436 == len(message.body)
    # frame B writes its version as 00 01; everything else is what we write for FFD 1.0
    ours = write_message(DRIVE, 1, BODY)
    assert ours[:6] + FRAME_B[6:8] + ours[8:] == FRAME_B


def test_crc_figures_of_the_reference_sheet() -> None:
    """Over frame B as it stands; no genuine frame has a CRC switched on."""
    assert crc16(FRAME_B[:28]) == 0xE35E
    assert crc16(FRAME_B[:28] + BODY) == 0x69DE


@pytest.mark.parametrize("mode", [CrcMode.HEADER, CrcMode.ALL])
def test_crc_protects_what_it_covers(mode: CrcMode) -> None:
    message = write_message(DRIVE, 1, BODY, crc=mode)
    assert int.from_bytes(message[28:30], "little") == crc16(message[:28] + BODY * (mode is CrcMode.ALL))
    assert read_message(message).header.crc
    for at in (10, 27, 28, 29) if mode is CrcMode.HEADER else (10, 29, 40, len(message) - 1):
        with pytest.raises(OfdError):
            read_message(message[:at] + bytes((message[at] ^ 1,)) + message[at + 1 :])


@pytest.mark.parametrize("mode", list(CrcMode))
@pytest.mark.parametrize("reply", [True, False])
@pytest.mark.parametrize("body", [b"", BODY])
def test_what_is_written_is_read(mode: CrcMode, reply: bool, body: bytes) -> None:
    message = read_message(write_message(DRIVE, 4, body, crc=mode, reply=reply, priority=2))
    assert message.body == body
    assert message.header.crc_mode is mode
    assert message.header.wants_reply is reply
    assert message.header.version == b"\x01\x20"
    assert message.header.flags >> 6 == 2


def test_the_connection_test_is_a_bare_header() -> None:
    data = ping(DRIVE, 2)
    assert len(data) == HEADER_BYTES
    assert data[24:] == bytes.fromhex("0000 1000 0000")
    assert read_message(data).body == b""
    assert read_message(data[:26] + b"\0\0" + data[28:]).header.flags == 0  # the other form that is met


@pytest.mark.parametrize(
    ("at", "bytes_", "reason"),
    [
        (0, b"\x2b", "begins with"),
        (4, b"\x82", "begins with"),
        (6, b"\x09\x09", "version"),
        (8, b" ", "digits"),
        (8, b"x", "digits"),
        (24, b"\0\0", "flags"),
        (24, b"\xff\xff", "are the most"),
        (26, b"\x10\x00", "flags"),
        (26, b"\x17\x00", "forbidden"),
        (26, b"\x1c\x00", "forbidden"),
        (26, b"\x24\x00", "forbidden"),
        (26, b"\x34\x00", "forbidden"),
        (26, b"\x14\x01", "forbidden"),
        (28, b"\x01", "none is announced"),
    ],
)
def test_a_wrong_header_is_refused_with_the_reason(at: int, bytes_: bytes, reason: str) -> None:
    data = FRAME_B[:at] + bytes_ + FRAME_B[at + len(bytes_) :]
    with pytest.raises(OfdError, match=reason) as error:
        read_message(data)
    assert error.value.part == "session"


def test_what_does_not_fit_is_not_written() -> None:
    for make in (
        lambda: write_message(DRIVE, 4, bytes(MAX_BODY + 1)),
        lambda: write_message("99990789000054881", 4),
        lambda: write_message("", 4),
        lambda: write_message("²²", 4),
        lambda: write_message(DRIVE, 7),
        lambda: write_message(DRIVE, 4, priority=4),
    ):
        with pytest.raises(OfdError):
            make()


def test_missing_counts_down_to_the_end_of_the_message() -> None:
    assert missing(b"") == HEADER_BYTES
    assert missing(FRAME_B[:10]) == 20
    assert missing(FRAME_B[:30]) == 436
    assert missing(FRAME_B) == 0
    assert missing(FRAME_B + b"xyz") == -3
    with pytest.raises(OfdError):
        missing(b"GET / HTTP/1.1")
    with pytest.raises(OfdError):
        missing(b"\x2a\x09")


def test_messages_come_whole_however_they_are_cut() -> None:
    stream = FRAME_B + ping(DRIVE, 2) + write_message(DRIVE, 4, BODY, crc=CrcMode.ALL)
    expected = [BODY, b"", BODY]
    for size in (1, 7, 30, 31, 466, len(stream)):
        reader = MessageReader()
        bodies = []
        for at in range(0, len(stream), size):
            bodies += [message.body for message in reader.feed(stream[at : at + size])]
        assert bodies == expected


def test_the_reader_says_at_once_that_bytes_are_no_message() -> None:
    with pytest.raises(OfdError):
        MessageReader().feed(b"G")


@pytest.mark.parametrize(
    ("written", "right"), [("0101", "0110"), ("0102", "0120"), ("0105", "0105"), ("0001", "0001")]
)
def test_versions_that_registers_write_wrongly_are_mended(written: str, right: str) -> None:
    data = FRAME_B[:6] + bytes.fromhex(written) + FRAME_B[8:]
    mended = corrected(data)
    assert mended == FRAME_B[:6] + bytes.fromhex(right) + FRAME_B[8:]
    protected = data[:28] + b"\x5e\xe3" + data[30:]
    assert corrected(protected) == protected
    assert corrected(b"short") == b"short"
