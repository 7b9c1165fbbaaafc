"""Fields of the fiscal data format, byte for byte."""

from __future__ import annotations

import unicodedata

import pytest

from fiscal.ffd import FfdError, Quantity, decode_fields, encode_fields
from fiscal.ffd.tlv import (
    byte,
    decode_text,
    encode_text,
    fvln,
    fvln_bytes,
    fvln_value,
    raw,
    stlv,
    text,
    u16,
    u32,
    unixtime,
    vln,
    vln_bytes,
    walk,
)


def test_quantity_of_a_register_driver_vector() -> None:
    assert fvln(1023, 9_950_000) == bytes.fromhex("FF 03 03 00 02 E3 03")
    assert encode_fields(((1023, Quantity(9_950_000)),)) == bytes.fromhex("FF 03 03 00 02 E3 03")


def test_long_form_of_a_quantity_is_read() -> None:
    assert fvln_value(bytes.fromhex("06 40 42 0F")) == 1_000_000
    assert fvln_value(bytes.fromhex("03 E8 03")) == 1_000_000
    assert decode_fields(bytes.fromhex("FF 03 04 00 06 40 42 0F")) == ((1023, Quantity(1_000_000)),)


def test_time_vector_is_a_wall_clock() -> None:
    assert unixtime(1012, 1_522_692_960) == bytes.fromhex("F4 03 04 00 60 73 C2 5A")  # 2018-04-02 18:16


def test_structure_vector() -> None:
    expected = bytes.fromhex("C8 04 15 00 93 04 0C 00 2B 37 39 31 32 33 34 35 36 37 38 39 C9 04 01 00 80")
    assert stlv(1224, text(1171, "+79123456789") + raw(1225, b"\x80")) == expected
    assert encode_fields(((1224, ((1171, "+79123456789"), (1225, "А"))),)) == expected
    assert decode_fields(expected) == ((1224, ((1171, "+79123456789"), (1225, "А"))),)


def test_item_of_a_captured_document() -> None:
    """The item that a register sent in a captured exchange: 1.000000 of 10.00, VAT 10 %."""
    captured = (
        text(1030, "x")
        + vln(1079, 1000)
        + bytes.fromhex("FF 03 04 00 06 40 42 0F")
        + vln(1043, 1000)
        + byte(1199, 2)
        + vln(1200, 91)
        + byte(1214, 4)
        + byte(1212, 10)
    )
    fields = decode_fields(captured)
    assert [tag for tag, _ in fields] == [1030, 1079, 1023, 1043, 1199, 1200, 1214, 1212]
    assert dict(fields) == {
        1030: "x",
        1079: 1000,
        1023: Quantity(1_000_000),
        1043: 1000,
        1199: 2,
        1200: 91,
        1214: 4,
        1212: 10,
    }
    again = encode_fields(fields)
    assert len(again) == len(captured) - 2  # our quantity is the shortest: 00 01
    assert decode_fields(again) == fields


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (0, "00"),
        (1, "01"),
        (255, "ff"),
        (256, "00 01"),
        (65_535, "ff ff"),
        (65_536, "00 00 01"),
        (2**48 - 1, "ff ff ff ff ff ff"),
        (2**64 - 1, "ff ff ff ff ff ff ff ff"),
    ],
)
def test_numbers_take_the_fewest_bytes(n: int, expected: str) -> None:
    assert vln_bytes(n).hex(" ") == expected
    assert vln(1020, n)[4:].hex(" ") == expected
    assert vln(1020, n)[:4] == bytes((0xFC, 0x03, len(bytes.fromhex(expected)), 0))


@pytest.mark.parametrize(
    ("value_e6", "expected"),
    [
        (0, "00 00"),
        (1_000_000, "00 01"),
        (1_500_000, "01 0f"),
        (10_000_000, "00 0a"),
        (1, "06 01"),
        (1_000_001, "06 41 42 0f"),
        (123_450_000, "02 39 30"),
    ],
)
def test_fractions_take_the_shortest_form(value_e6: int, expected: str) -> None:
    assert fvln_bytes(value_e6).hex(" ") == expected
    assert fvln_value(bytes.fromhex(expected)) == value_e6


def test_other_widths() -> None:
    assert byte(1054, 1).hex(" ") == "1e 04 01 00 01"
    assert u16(1213, 410).hex(" ") == "bd 04 02 00 9a 01"
    assert u32(1040, 163).hex(" ") == "10 04 04 00 a3 00 00 00"
    assert text(1018, "7701234567", width=12) == b"\xfa\x03\x0c\x007701234567  "
    assert text(1030, "abcdef", limit=4) == b"\x06\x04\x04\x00abcd"


@pytest.mark.parametrize(
    "call",
    [
        lambda: vln(1020, -1),
        lambda: vln(1020, 2**64),
        lambda: vln_bytes(-1),
        lambda: vln_bytes(2**64),
        lambda: fvln(1023, -1),
        lambda: fvln(1023, 2**60 + 1),
        lambda: byte(1054, 256),
        lambda: byte(1054, -1),
        lambda: u16(1213, 65_536),
        lambda: u32(1012, 2**32),
        lambda: text(1018, "1" * 13, width=12),
        lambda: text(1196, "x" * 65_536),
        lambda: raw(1077, bytes(65_536)),
        lambda: fvln_value(b""),
        lambda: fvln_value(b"\x00"),
        lambda: fvln_value(bytes(9)),
        lambda: fvln_value(b"\x07\x01"),
        lambda: fvln_value(b"\xff\x00"),
        lambda: walk(b"\x01"),
        lambda: walk(b"\x01\x00\x02\x00\x00"),
    ],
)
def test_what_does_not_fit_is_refused(call: object) -> None:
    assert callable(call)
    with pytest.raises(FfdError):
        call()


def test_walk_gives_the_top_level_only() -> None:
    data = vln(1020, 5) + stlv(1059, text(1030, "tea"))
    assert walk(data) == [(1020, b"\x05"), (1059, b"\x06\x04\x03\x00tea")]
    assert walk(b"") == []


def test_every_byte_of_the_page_survives() -> None:
    page = bytes(range(256))
    assert encode_text(decode_text(page)) == page


def test_every_character_of_unicode_has_bytes() -> None:
    for start in range(0, 0x20000, 64):  # the planes with letters and signs
        encode_text("".join(map(chr, range(start, start + 64))))
    for code in range(0x20000, 0x110000, 97):
        assert encode_text(chr(code)) in (b"?", b"")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("PACK OF 6 £5 MUGS", "PACK OF 6 GBP5 MUGS"),
        ("CAFÉ CRÈME", "CAFE CREME"),
        ("RÉSUMÉ — “draft”", 'RESUME - "draft"'),
        ("½ PINT, 2×4", "1/2 PINT, 2x4"),
        ("Straße", "Strasse"),
        ("Ёлка №1 · 20°", "Ёлка №1 · 20°"),
        ("Кафе «Й»", 'Кафе "Й"'),
        (unicodedata.normalize("NFD", "йё Й"), "йё Й"),
        ("Київ, її ґанок", "Київ, її ганок"),
        ("100 ₽", "100 руб."),
        ("no\u200bbreak\u00adhere\ufeff", "nobreakhere"),
        ("tea 🫖 日本", "tea ? ??"),
        ("\ud800", "?"),
        ("ﬁne ①", "fine 1"),
    ],
)
def test_text_outside_the_page_is_spelt(shown: str, expected: str) -> None:
    assert decode_text(encode_text(shown)) == expected


def test_errors_name_the_path_and_the_reason() -> None:
    with pytest.raises(FfdError) as caught:
        encode_fields(((1059, ((1030, "x" * 129),)),))
    assert caught.value.path == (1059, 1030)
    assert str(caught.value) == "1059/1030: item name has 128 bytes at most, not 129"
    with pytest.raises(FfdError, match=r"1059/1023: .*2 to 8 bytes"):
        decode_fields(stlv(1059, raw(1023, b"\x00")))
    with pytest.raises(FfdError, match=r"^1012: .*4 bytes, not 3"):
        decode_fields(raw(1012, b"abc"))
