"""Marking codes: the forms shops have, what a receipt makes of them, and where a bad one is bad."""

from __future__ import annotations

import base64
import io
import json

import pytest

from fiscal.cli import main
from fiscal.gs1 import GS, BadCode, check_digit, elements, gtin_fault
from fiscal.marking import Kind, Mark, parse, planned_status

SHORT_TAIL = (
    "01046006531059902152CUnq" + GS + "93Gk30"
)  # as a register got it (an issue of the vendor's driver)
TAIL_44 = f"014494550435306821QXYXSALGLMYQQ{GS}91EE06{GS}92YWCXbmK6SN8vvwoxZFk7WAY8WoJNMGGr6Cgtiuja04c="
TAIL_88 = (
    f"010460406000600021N4N57RSCBUZTQ{GS}2403004002910161218{GS}1724010191ffd0{GS}"
    "92tIAF/YVoU4roQS3M/m4z78yFq0fc/WsSmLeX5QkF/YVWwy8IMYAeiQ91Xa2z/fFSJcOkb2N+uUUmfr4n0mOX0Q=="
)
WEIGHED = SHORT_TAIL + GS + "3103000353"
TOBACCO = "00000046198488X?io+qCABm8wAYa"
FUR = "RU-401301-AAA0277031"
STAMP_68 = "22N00000XOIJT87CH2W0123456789012345678901234567890123456789000000001"
STAMP_150 = "136222000058810918" + "Q" * 132

KINDS = {
    "four characters": (SHORT_TAIL, Kind.GS1_MARKED, 1305, "01046006531059902152CUnq"),
    "key and 44": (TAIL_44, Kind.GS1_MARKED, 1305, "014494550435306821QXYXSALGLMYQQ"),
    "medicine, key and 88": (TAIL_88, Kind.GS1_MARKED, 1305, "010460406000600021N4N57RSCBUZTQ"),
    "milk by weight": (WEIGHED, Kind.GS1_MARKED, 1305, "01046006531059902152CUnq"),
    "no verification": (TAIL_44[:31], Kind.GS1_PLAIN, 1304, "014494550435306821QXYXSALGLMYQQ"),
    "pack of tobacco": (TOBACCO, Kind.SHORT, 1306, "00000046198488X?io+qC"),
    "fur": (FUR, Kind.FUR, 1307, FUR),
    "spirits, old": (STAMP_68, Kind.EGAIS_2, 1308, "XOIJT87CH2W012345678901"),
    "spirits": (STAMP_150, Kind.EGAIS_3, 1309, "13622200005881"),
    "EAN-8": ("46009333", Kind.EAN_8, 1301, "46009333"),
    "EAN-13": ("4603934000793", Kind.EAN_13, 1302, "4603934000793"),
    "ITF-14": ("14603934000790", Kind.ITF_14, 1303, "14603934000790"),
    "of no form": ("ABC-123", Kind.UNKNOWN, 1300, "ABC-123"),
}


@pytest.mark.parametrize("case", KINDS)
def test_a_code_is_known_by_its_form(case: str) -> None:
    text, kind, tag, product = KINDS[case]
    code = parse(text)
    assert (code.kind, code.product_12, code.code, code.notes) == (kind, (tag, product), text, ())
    assert parse(text.encode()) == code
    assert len(code.product_105) <= 32
    assert len(code.control) == 4 and code.control.isdigit()


def test_parts_of_a_row() -> None:
    code = parse(TAIL_88)
    assert (code.gtin, code.serial, code.key, len(code.proof)) == (
        "04604060006000",
        "N4N57RSCBUZTQ",
        "ffd0",
        88,
    )
    assert dict(code.parts)["240"] == "3004002910161218" and dict(code.parts)["17"] == "240101"
    assert dict(parse(WEIGHED).parts)["3103"] == "000353"


def test_tag_1162_as_registers_and_clouds_have_it() -> None:
    # both from public issues: a pack of tobacco (its six digits of price left out here), a bar code in a cloud's form
    number = 0x042F1F968178
    row = f"01{number:014}21JgXJ5.T{GS}8005112000{GS}93abcd"
    assert gtin_fault(f"{number:014}") == ""
    assert parse(row).product_105.hex(" ") == "44 4d 04 2f 1f 96 81 78 4a 67 58 4a 35 2e 54"
    assert parse(str(0x043077195761)).product_105.hex(" ") == "45 0d 04 30 77 19 57 61"
    assert parse(FUR).product_105 == b"RF" + FUR.encode()
    assert parse(STAMP_150).product_105 == b"\xc5\x1e13622200005881"
    assert parse("x" * 200).product_105 == b"\0\0" + b"x" * 30


def test_the_control_number_is_the_checksum_of_the_whole_code() -> None:
    assert parse("123456789").control == f"{0xCBF43926 % 10_000:04}"  # the check value of CRC-32
    assert parse(TAIL_44).control != parse(TAIL_44[:31]).control


DRESSES = {
    "line end": SHORT_TAIL + "\r\n",
    "prefix": "]d2" + SHORT_TAIL,
    "prefix of another symbology": "]C1" + SHORT_TAIL,
    "leading separator": GS + SHORT_TAIL,
    "prefix and leading separator": "]d2" + GS + SHORT_TAIL,
    "leading FNC1 as a byte": "\xe8" + SHORT_TAIL,
    "written \\x1d": SHORT_TAIL.replace(GS, "\\x1d"),
    "written \\u001D": SHORT_TAIL.replace(GS, "\\u001D"),
    "written <GS>": "<GS>" + SHORT_TAIL.replace(GS, "<GS>"),
    "written for XML": SHORT_TAIL.replace(GS, "&#29;"),
    "written by a table": SHORT_TAIL.replace(GS, "_x001D_"),
    "as a picture of the separator": SHORT_TAIL.replace(GS, "␝"),
    "brackets": "(01)04600653105990(21)52CUnq(93)Gk30",
    "separator lost": SHORT_TAIL.replace(GS, ""),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_what_scanners_and_tables_put_around_it_comes_off(dress: str) -> None:
    code = parse(DRESSES[dress])
    assert code.code == SHORT_TAIL
    assert bool(code.notes) is (dress not in ("line end", "leading separator"))


@pytest.mark.parametrize("row", [TAIL_44, SHORT_TAIL, WEIGHED])
def test_lost_separators_are_put_back_and_said(row: str) -> None:
    code = parse(row.replace(GS, ""))
    assert code.code == row
    assert "one way only" in code.notes[0]


@pytest.mark.parametrize("which", [1, 2])
def test_one_of_two_separators_lost(which: int) -> None:
    first, second, third = TAIL_44.split(GS)
    row = first + second + GS + third if which == 1 else first + GS + second + third
    code = parse(row)
    assert code.code == TAIL_44
    assert code.notes == (f"the separator before 9{which} was lost and has been put back",)


BAD = {
    "empty": ("", 0, "empty"),
    "blank": (" \r\n", 0, "empty"),
    "too long": ("A" * 257, 257, "256 at most"),
    "check digit of the goods": ("0104600653105991" + SHORT_TAIL[16:], 3, "check digit"),
    "check digit of a bar code": ("4603934000794", 13, "check digit"),
    "Russian layout": ("0104600653105990" + "21ЫВАФ", 19, "Russian keyboard"),
    "foreign character": ("0104600653105990" + "21ab{c", 21, "does not occur"),
    "blank inside": ("0104600653105990" + "21ab c", 21, "U+0020"),
    "no serial number": ("0104600653105990" + "17240101", 17, "serial number (21)"),
    "key alone": (TAIL_44[:31] + GS + "91EE06", 33, "stands without 92"),
    "code without key": (TAIL_44[:31] + GS + TAIL_44[39:], 33, "stands without 91"),
    "code cut short": (TAIL_44[:-5], 42, "39 characters"),
    "code of 45": (TAIL_44 + "=", 42, "not 44 or 88"),
    "twice": (SHORT_TAIL + GS + "93Gk30", 33, "stands twice"),
    "unknown identifier": (SHORT_TAIL + GS + "77x", 33, "no application identifier"),
    "letters in a weight": (SHORT_TAIL + GS + "310300x353", 39, "all digits"),
    "does not begin with the goods": ("21abc" + GS + "93abcd", 1, "does not begin"),
    "lost and ambiguous": ("0104600653105990" + "21abcdefg93wxyz", 19, "more than one way"),
    "lost and too long": ("0104600653105990" + "21" + "a" * 30, 19, "does not end"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_code_says_where_and_why(case: str) -> None:
    text, position, why = BAD[case]
    with pytest.raises(BadCode) as caught:
        parse(text)
    bad = caught.value
    assert (bad.position, why in bad.why) == (position, True), str(bad)
    assert bad.todo and bad.todo in str(bad)


def test_check_digits() -> None:
    assert [check_digit(d) for d in ("460393400079", "4600933", "1460393400079")] == [3, 3, 0]
    assert gtin_fault("460393400079x") == "is not all digits"
    assert gtin_fault("123") == "has 3 digits"


def test_elements_keep_their_places() -> None:
    found = elements(WEIGHED)
    assert [(each.ai, each.position) for each in found] == [("01", 1), ("21", 17), ("93", 26), ("3103", 33)]


@pytest.mark.parametrize(
    ("mark", "type_", "unit", "status"),
    [
        (Mark("x"), 1, 0, 1),
        (Mark("x"), 2, 0, 3),
        (Mark("x"), 3, 0, 3),
        (Mark("x"), 4, 0, 1),
        (Mark("x", 0, 1, 20), 1, 0, 2),
        (Mark("x", 0, 1, 20), 2, 0, 4),
        (Mark("x"), 1, 11, 2),
        (Mark("x", 255), 1, 0, 255),
    ],
)
def test_the_planned_status_follows_from_the_receipt(mark: Mark, type_: int, unit: int, status: int) -> None:
    assert planned_status(mark, type_, unit) == status


def test_base64_of_a_public_example() -> None:
    text = (
        "MDEwMjkwMDAwMDQ3NTgzMDIxTWRFZng6WHA2WUZkNx05MTgwMjkdOTJhUUlRa0k3b0hYbXpHL21kS3h6Q1VDS1RKSFhvQk9EZG1DZE01"
        "azhRajdnYVpWMnhibjY2eEJYR0lLcnRmdnFQSU5BMmprYmp5ajMvTytreTZvdTFOQT09"
    )
    code = parse(base64.b64decode(text))
    assert (code.kind, code.serial, code.key, len(code.proof)) == (
        Kind.GS1_MARKED,
        "MdEfx:Xp6YFd7",
        "8029",
        88,
    )


def test_the_command_explains_codes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["code", SHORT_TAIL.replace(GS, "")]) == 0
    said = capsys.readouterr().out
    assert "21   serial number: 52CUnq" in said and "note: the separators were lost" in said
    assert main(["code", "--json", TAIL_44]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["code"], told["tag_2115"]) == (TAIL_44, parse(TAIL_44).control)
    monkeypatch.setattr("sys.stdin", io.StringIO("4603934000793\n\n4603934000794\nЫ\n"))
    assert main(["code", "-"]) == 3
    out, err = capsys.readouterr()
    assert out.startswith("bar code EAN-13")
    assert [line[:7] for line in err.splitlines()] == ["line 3:", "line 4:"]
    assert "Traceback" not in err
