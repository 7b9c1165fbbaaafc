"""Frames, layouts and the vectors of genuine exchanges."""

from __future__ import annotations

import struct
from functools import reduce
from operator import xor

import pytest

from fiscal.registers.shtrih import frames
from fiscal.registers.shtrih.commands import COMMANDS, code_of
from fiscal.registers.shtrih.errors import ERRORS, error, refusal
from fiscal.registers.shtrih.layouts import KINDS, Layout, LayoutError, encode_text, moment_bytes, moment_s
from fiscal.registers.shtrih.trace import decode_frame

FF45 = "02 76 FF 45 1E 00 00 00" + " 00" * 15 + " 10 27 00 00 00" + " 00" * 91 + " 04 E1"
FF46 = (
    "02 30 FF 46 1E 00 00 00 01 40 42 0F 00 00 00 10 27 00 00 00 10 27 00 00 00 FF FF FF FF FF 08 00 00 00 "
    "CA EE EC EF EB E5 EA F1 ED FB E9 20 EE E1 E5 E4 8F"
)
FULL = (
    "02 30 11 00 1E 43 31 4A 86 0D 01 11 01 37 00 B2 02 02 00 00 4E 41 00 00 01 01 10 01 03 11 0D 2F 15 00 8F 10 00 00 "
    "09 00 00 00 00 00 AE A9 DB 56 01 00 3E"
)
STATUS = "02 21 FF 01 00 03 04 01 01 08 13 01 0D 02 0B 39 39 39 39 30 37 38 39 30 32 30 30 30 32 37 33 10 00 00 00 D4"

# (frame, command code, request?, values): captured on real lines
CAPTURES = [
    ("02 05 10 1E 00 00 00 0B", 0x10, True, [30]),
    (
        "02 10 10 00 1E B2 02 02 00 00 9F F8 00 00 00 75 08 00 B6",
        0x10,
        False,
        [30, 0x02B2, 2, 0, 0, 0x9F, 0xF8, 0, 0, 0, b"\x75\x08\x00"],
    ),
    (
        "02 10 10 00 1E 92 02 02 05 00 A0 DD 01 C0 00 1D 08 00 20",
        0x10,
        False,
        [30, 0x0292, 2, 5, 0, 0xA0, 0xDD, 1, 0xC0, 0, b"\x1d\x08\x00"],
    ),
    ("02 05 11 1E 00 00 00 0A", 0x11, True, [30]),
    (
        FULL,
        0x11,
        False,
        [
            30,
            "C1",
            34378,
            (13, 1, 17),
            1,
            55,
            690,
            2,
            0,
            0,
            "NA",
            0,
            (1, 1, 16),
            (1, 3, 17),
            (13, 47, 21),
            0,
            4239,
            9,
            0,
            0,
            0,
            5752203694,
        ],
    ),
    (FF45, 0xFF45, True, [30, (0, 0, 0, 10000, *[0] * 12), 0, (0,) * 6, 4, ""]),
    ("02 10 FF 45 00 00 00 00 00 00 DC 45 00 00 B5 BC 48 11 63", 0xFF45, False, [0, 17884, 0x1148BCB5]),
    (
        FF46,
        0xFF46,
        True,
        [30, 1, 1_000_000, 10000, 10000, (1 << 40) - 1, 8, 0, 0, 0, "Комплексный обед"],
    ),
    ("02 03 FF 46 00 BA", 0xFF46, False, []),
    ("02 06 FF 01 1E 00 00 00 E6", 0xFF01, True, [30]),
    (STATUS, 0xFF01, False, [3, 4, 1, 1, 8, 1547345460, "9999078902000273", 16]),
    ("02 06 FF 39 1E 00 00 00 DE", 0xFF39, True, [30]),
    ("02 10 FF 39 00" + " 00" * 13 + " D6", 0xFF39, False, [0, 0, 0, 0, 0]),
    ("02 05 88 1E 00 00 00 93", 0x88, True, [30]),
    ("02 01 FC FD", 0xFC, True, []),
    ("02 02 F7 01 F4", 0xF7, True, [1]),
    ("02 05 E0 1E 00 00 00 FB", 0xE0, True, [30]),
    ("02 05 89 01 00 00 00 8D", 0x89, True, [1]),
    ("02 08 89 00 01 00 00 00 00 00 80", 0x89, False, [1, 0]),
    ("02 06 26 1E 00 00 00 01 3F", 0x26, True, [30, 1]),
    ("02 07 26 00 40 02 0C 13 08 74", 0x26, False, [576, 12, 19, 8]),
    ("02 07 2E 1E 00 00 00 11 03 25", 0x2E, True, [30, 17, 3]),
    ("02 09 1F 1E 00 00 00 17 01 00 0B 15", 0x1F, True, [30, 23, 1, 11]),
]


@pytest.mark.parametrize(("text", "code", "request_", "values"), CAPTURES)
def test_captured_frames_read_and_written(text: str, code: int, request_: bool, values: list[object]) -> None:
    raw = bytes.fromhex(text)
    command = COMMANDS[code]
    payload = frames.parse(raw)
    assert code_of(payload) == code
    if request_:
        layout, head = command.request, command.prefix
    else:
        layout, head = command.reply, command.prefix + b"\0"
    read = layout.unpack(payload, len(head))
    shown = [value for value in read if value is not None]
    assert shown == values
    assert frames.build(head + layout.pack(*values)) == raw


def test_captured_refusal_is_read() -> None:
    payload = frames.parse(bytes.fromhex("02 02 88 73 F9"))
    assert payload == b"\x88\x73"
    assert "impossible in this mode" in decode_frame(bytes.fromhex("02 02 88 73 F9"))


def test_captured_model_parameters_fit_one_frame() -> None:
    raw = bytes.fromhex(
        "02 27 F7 00 5A A0 40 03 20 EC 01 00 0C 18 01 0C 10 00 00 00 00 00 00 1E 00 00 00 00 06 FF 00 48 40 B6 03 12 13 18 11 11 19 F7"
    )
    payload = frames.parse(raw)
    assert len(payload) == 0x27
    assert frames.build(payload) == raw


@pytest.mark.parametrize("size", [1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 129, 254, 255])
def test_checksum_of_every_size_equals_the_plain_loop(size: int) -> None:
    payload = bytes((7 * i + 3) & 0xFF for i in range(size))
    frame = frames.build(payload)
    assert frame[-1] == reduce(xor, frame[1:-1])
    assert frames.parse(frame) == payload
    assert frames.lrc(payload) == reduce(xor, payload)


@pytest.mark.parametrize("payload", [b"", bytes(256)])
def test_a_frame_carries_1_to_255_bytes(payload: bytes) -> None:
    with pytest.raises(frames.FrameError):
        frames.build(payload)


def test_reader_cuts_a_stream_that_comes_byte_by_byte() -> None:
    stream = b"\x15" + frames.build(b"\x10\x00") + b"\x06" + frames.build(b"\x11\x00")[:-1] + b"\x00"
    reader = frames.FrameReader()
    events = [event for at in range(len(stream)) for event in reader.feed(stream[at : at + 1])]
    assert [kind for kind, _ in events] == ["control", "frame", "control", "bad"]
    assert events[1][1] == b"\x10\x00"
    assert reader.pending == b""
    assert reader.feed(b"\x02\x05") == []
    assert reader.pending == b"\x02\x05"


def test_layout_says_what_does_not_fit() -> None:
    layout = Layout("a:u8 b:money c:moment?")
    assert layout.pack(1, 500) == b"\x01\xf4\x01\x00\x00\x00"
    assert layout.unpack(b"\x01\xf4\x01\x00\x00\x00") == [1, 500, None]
    assert layout.named(b"\x01\xf4\x01\x00\x00\x00")["b"] == 500
    with pytest.raises(LayoutError):
        layout.unpack(b"\x01\xf4")
    with pytest.raises(struct.error):
        layout.pack(1, 1 << 40)
    with pytest.raises(LayoutError):
        Layout("a:u8").unpack(b"\x01\x02", strict=True)
    with pytest.raises(ValueError, match="loose"):
        Layout("a:text b:u8")


def test_every_layout_packs_its_own_empty_values() -> None:
    for command in COMMANDS.values():
        for layout in (command.request, command.reply):
            values = [field.kind.empty for field in layout.fields]
            data = layout.pack(*values)
            assert len(data) >= layout.size
            assert layout.unpack(data) == [
                kept(field.kind.name, field.kind.empty) for field in layout.fields
            ], command.name


def kept(kind: str, empty: object) -> object:
    """What an empty value reads back as: raw bytes come back padded."""
    return bytes(KINDS[kind].size) if kind.startswith("bytes") else empty


def test_text_the_codepage_lacks_is_replaced() -> None:
    assert encode_text("Цена 5 ₽") == "Цена 5 р".encode("cp1251")
    assert encode_text("茶 tea") == b"? tea"


def test_moments() -> None:
    assert moment_s(bytes((19, 1, 13, 2, 11))) == 1547345460
    assert moment_bytes(1547345460 + 59) == bytes((19, 1, 13, 2, 11))
    assert moment_s(b"\x00\x00\x00\x00\x00") == 0
    assert moment_bytes(0) == bytes(5)


def test_errors_have_words_of_their_own() -> None:
    assert refusal(0x4E).code == "shtrih:4E"
    assert not error(0x2F).certain
    assert error(0x45).blame.value == "receipt"
    assert error(0x6B).blame.value == "register"
    assert error(0xEE).meaning == "unknown error code"
    assert all(row.meaning and row.todo for row in ERRORS.values())
