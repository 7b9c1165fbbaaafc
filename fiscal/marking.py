"""Marking codes: what stands in the Data Matrix on a pair of shoes or a fur coat, and what a receipt makes of it.

A marked piece of goods has a number of its own. Most carry a GS1 row (`fiscal.gs1`): number of goods (01), serial number (21),
and a part that proves it genuine - key and signature (91, 92) or four characters (93). Packs of tobacco have the same without
identifiers, in 29 characters; furs, spirits and goods with a plain bar code have forms of their own. `KINDS` is the table of
them.

Shops send these codes in many dresses: with the scanner's prefix, with the separator written out, with brackets, without
separator at all. `parse` takes off what can be taken off without guessing and says so in ``notes``; a separator is put back
only when the code can be divided in one way. All else is a `BadCode` that says where.

A receipt of FFD 1.05 carries `product_105` (tag 1162), one of FFD 1.2 `product_12` (inside tag 1163) and the last digits of a
checksum (`control`, tag 2115); the whole code (tag 2000) goes to the marking service only.

Sources: reference sheet on the format, section 4; tags.csv (1300-1309). Of the type codes of tag 1162, 444Dh, 450Dh and 5246h
are public (issues of the driver for Shtrih-M and of one cloud); the others, and the places inside the codes for spirits, are
from memory.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final, NamedTuple
from zlib import crc32

from fiscal.gs1 import ALPHABET, GS, BadCode, Element, elements, gtin_fault

__all__ = ["GS", "KINDS", "MOST_CODES", "BadCode", "Kind", "Mark", "MarkingCode", "parse", "planned_status"]

MOST_CODES: Final = 128
"""So many marked goods one receipt may have: what the table of checks in a drive holds."""
CODE_LENGTH: Final = 256  # tag 2000


class Kind(enum.Enum):
    """The forms of codes; the value is the name that shops' interfaces use."""

    GS1_MARKED = "gs1m"
    GS1_PLAIN = "gs1"
    SHORT = "short"
    FUR = "fur"
    EGAIS_2 = "egais20"
    EGAIS_3 = "egais30"
    EAN_8 = "ean8"
    EAN_13 = "ean13"
    ITF_14 = "itf14"
    UNKNOWN = "unknown"


class About(NamedTuple):
    """``tag``: inside 1163; ``type_105``: the first two bytes of 1162; ``marked``: such a code stands for one marked piece of goods."""

    title: str
    tag: int
    type_105: bytes
    marked: bool


KINDS: Final[dict[Kind, About]] = {
    Kind.GS1_MARKED: About("marking code (GS1)", 1305, b"\x44\x4d", True),
    Kind.GS1_PLAIN: About("number of goods and serial number (GS1), without verification", 1304, b"\x44\x4d", False),
    Kind.SHORT: About("short marking code (a pack of tobacco)", 1306, b"\x44\x4d", True),
    Kind.FUR: About("control mark of a fur", 1307, b"\x52\x46", True),
    Kind.EGAIS_2: About("excise stamp of spirits, old (68 characters)", 1308, b"\xc5\x14", True),
    Kind.EGAIS_3: About("excise stamp of spirits (150 characters)", 1309, b"\xc5\x1e", True),
    Kind.EAN_8: About("bar code EAN-8", 1301, b"\x45\x08", False),
    Kind.EAN_13: About("bar code EAN-13", 1302, b"\x45\x0d", False),
    Kind.ITF_14: About("bar code ITF-14", 1303, b"\x49\x0e", False),
    Kind.UNKNOWN: About("code of no known form", 1300, b"\x00\x00", True),
}  # fmt: skip

_WITH_NUMBER = (Kind.GS1_MARKED, Kind.GS1_PLAIN, Kind.SHORT, Kind.EAN_8, Kind.EAN_13, Kind.ITF_14)
_PRODUCT_LENGTH = {1300: 32, 1304: 38, 1305: 38, 1306: 38}
_TYPED_LENGTH = 30  # bytes of tag 1162 behind the type


@dataclass(frozen=True, slots=True)
class MarkingCode:
    """A code that was understood. ``code``: as the marking service wants it (tag 2000), with separators, without the scanner's prefix.

    ``gtin`` (14 digits), ``serial``, ``key`` (91) and ``proof`` (92, 93, the end of a short code) are empty where the kind has none.
    ``product``: what a receipt names it by. ``notes``: what had to be mended, for people.
    """

    kind: Kind
    code: str
    product: str
    gtin: str = ""
    serial: str = ""
    key: str = ""
    proof: str = ""
    parts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def raw(self) -> bytes:
        """Tag 2000."""
        return self.code.encode("ascii")

    @property
    def control(self) -> str:
        """Tag 2115: the last four decimal digits of the CRC-32 of the whole code."""
        return f"{crc32(self.raw) % 10_000:04}"

    @property
    def product_12(self) -> tuple[int, str]:
        """The field inside tag 1163 (FFD 1.2): its number and text."""
        tag = KINDS[self.kind].tag
        return tag, self.product[: _PRODUCT_LENGTH.get(tag, CODE_LENGTH)]

    @property
    def product_105(self) -> bytes:
        """Tag 1162 (FFD 1.05): type of code, then number of goods and serial number, or text; 32 bytes at most."""
        about = KINDS[self.kind]
        if self.kind in _WITH_NUMBER:
            text = self.serial
            return (
                about.type_105 + int(self.gtin).to_bytes(6, "big") + text.encode("ascii")[: _TYPED_LENGTH - 6]
            )
        return about.type_105 + self.product.encode("ascii")[:_TYPED_LENGTH]


@dataclass(frozen=True, slots=True)
class Mark:
    """What a line of a receipt says of its marking code.

    ``code``: as `parse` returns it. ``planned``: the status the goods get (tag 2003), 0 for the one that follows from the receipt's type.
    ``numerator`` of ``denominator``: a part of a package is sold (tag 1291), both 0 for whole ones.
    """

    code: str
    planned: int = 0
    numerator: int = 0
    denominator: int = 0


SOLD, PART_SOLD, RETURNED, PART_RETURNED, UNCHANGED = 1, 2, 3, 4, 255
"""Tags 2003 and 2110."""
STATUSES: Final = frozenset((SOLD, PART_SOLD, RETURNED, PART_RETURNED, UNCHANGED))


def planned_status(mark: Mark, type_: int, unit: int = 0) -> int:
    """Tag 2003: what becomes of the goods. Sales and returned purchases take them out of circulation, the others put them back; a part of a
    package, and what is measured, has a status of its own."""
    if mark.planned:
        return mark.planned
    whole = not mark.denominator and not unit
    if type_ in (1, 4):
        return SOLD if whole else PART_SOLD
    return RETURNED if whole else PART_RETURNED


# --- reading ---------------------------------------------------------------------------------------------------------------------

_PREFIXES = ("]d2", "]C1", "]e0", "]Q3", "]J1")
"""What scanners put before a code to say its symbology."""
_WRITTEN_GS = re.compile(
    r"\\x1[dD]|\\u001[dD]|\\029|&#29;|&#x1[dD];|_x001[dD]_|<GS>|\{GS\}|\[GS\]|<FNC1>|␝|\xe8"
)
_BRACKETS = re.compile(
    r"\((01)\)(\d{14})\((21)\)(.{1,20}?)((?:\((?:91|92|93|240|8005|310\d|335\d|10|17)\).+)?)", re.S
)
_BRACKET_PART = re.compile(r"\((91|92|93|240|8005|310\d|335\d|10|17)\)")
_FUR = re.compile(r"[A-Z]{2}-[A-Z0-9]{6}-[A-Z0-9]{10}")
_EGAIS_2 = re.compile(r"[0-9A-Z]{68}")
_EGAIS_3 = re.compile(r"[0-9A-Z]{150}")
_GS1_HEAD = re.compile(r"01(\d{14})21")
_TAIL = re.compile(
    r"91(?P<key>.{4})92(?P<proof>.{88}|.{44})"
    r"|93(?P<short>.{4})(?P<weight>310\d\d{6})?"
    r"|8005(?P<price>\d{6})93(?P<priced>.{4})(?P<more>240.{1,30})?"
)
_SERIALS = (5, 6, 7, 8, 13, 20)
"""How long serial numbers are in the groups of goods; needed only where the separator is lost."""
_SCAN = "scan the code again"
_SETTING = "set the scanner to send the separator (GS, 1Dh, also called FNC1)"


def parse(text: str | bytes) -> MarkingCode:
    """The code behind what a scanner or a shop sent. Raises `BadCode`, and nothing else, for all other characters."""
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    notes: list[str] = []
    row = _undressed(text, notes)
    if not row:
        raise BadCode(0, "the code is empty", _SCAN)
    if len(row) > CODE_LENGTH:
        raise BadCode(CODE_LENGTH + 1, f"the code has {len(row)} characters, {CODE_LENGTH} at most", _SCAN)
    _check_characters(row)
    made = _plain_form(row)
    if made is not None:
        return made if not notes else _noted(made, notes)
    if _GS1_HEAD.match(row):
        return _gs1(row, notes)
    if re.match(r"01\d{14}", row):
        raise BadCode(
            17, "after the number of goods (01) the serial number (21) must follow", "scan the whole code"
        )
    if GS in row:
        raise BadCode(
            1, "the row of elements does not begin with the number of goods (01)", "scan the whole code"
        )
    return MarkingCode(Kind.UNKNOWN, row, row[:32], notes=tuple(notes))


def _noted(made: MarkingCode, notes: list[str]) -> MarkingCode:
    return MarkingCode(
        made.kind,
        made.code,
        made.product,
        made.gtin,
        made.serial,
        made.key,
        made.proof,
        made.parts,
        tuple(notes),
    )


def _undressed(text: str, notes: list[str]) -> str:
    """Without line ends, prefix, leading separator, brackets; separators as they should be."""
    row = text.strip(" \t\r\n\0")
    for prefix in _PREFIXES:
        if row.startswith(prefix):
            row = row.removeprefix(prefix)
            notes.append(f"the scanner's prefix {prefix} was taken off")
            break
    written = _WRITTEN_GS.sub(GS, row)
    if written != row:
        notes.append("separators that were written out have become characters")
        row = written
    brackets = _BRACKETS.fullmatch(row)
    if brackets is not None:
        notes.append("brackets around identifiers were taken off")
        row = _without_brackets(brackets)
    return row.lstrip(GS).rstrip(GS)


def _without_brackets(found: re.Match[str]) -> str:
    parts = _BRACKET_PART.split(found[5])[1:]
    row = found[1] + found[2] + found[3] + found[4]
    for ai, value in zip(parts[::2], parts[1::2], strict=True):
        row += GS + ai + value.rstrip(GS)
    return row


def _check_characters(row: str) -> None:
    for at, char in enumerate(row, start=1):
        if char in ALPHABET or char == GS:
            continue
        if "Ѐ" <= char <= "ӿ" or char == "№":
            raise BadCode(
                at,
                f"the Cyrillic character {char!r}: the scanner typed it with a Russian keyboard layout",
                "switch the keyboard to English, or the scanner to a serial port, and scan again",
            )
        name = f"U+{ord(char):04X}" if not char.isprintable() or char.isspace() else repr(char)
        raise BadCode(at, f"the character {name} does not occur in codes", _SCAN)


def _plain_form(row: str) -> MarkingCode | None:
    """What is known by its length and characters alone."""
    size = len(row)
    if row.isdigit() and size in (8, 13, 14):
        fault = gtin_fault(row)
        if fault:
            raise BadCode(size, f"the bar code {row} {fault}", _SCAN)
        kind = {8: Kind.EAN_8, 13: Kind.EAN_13, 14: Kind.ITF_14}[size]
        return MarkingCode(kind, row, row, row.zfill(14))
    if size == 20 and _FUR.fullmatch(row):
        return MarkingCode(Kind.FUR, row, row)
    if size == 68 and _EGAIS_2.fullmatch(row):
        return MarkingCode(Kind.EGAIS_2, row, row[8:31])
    if size == 150 and _EGAIS_3.fullmatch(row):
        return MarkingCode(Kind.EGAIS_3, row, row[:14])
    if size == 29 and row[:14].isdigit() and GS not in row and not gtin_fault(row[:14]):
        gtin, serial = row[:14], row[14:21]
        parts = (("01", gtin), ("21", serial), ("8005", row[21:25]), ("93", row[25:]))
        return MarkingCode(Kind.SHORT, row, gtin + serial, gtin, serial, proof=row[25:], parts=parts)
    return None


def _gs1(row: str, notes: list[str]) -> MarkingCode:
    gtin = row[2:16]
    fault = gtin_fault(gtin)
    if fault:
        raise BadCode(3, f"the number of goods {gtin} {fault}", _SCAN)
    row = _with_separators(row, notes)
    found = elements(row)
    _check_once(found)
    values = {element.ai: element.value for element in found}
    key, proof, short = values.get("91", ""), values.get("92", ""), values.get("93", "")
    if proof and len(proof) not in (44, 88):
        at = next(each.position for each in found if each.ai == "92") + 2
        raise BadCode(
            at, f"the verification code has {len(proof)} characters, not 44 or 88", "scan the whole code"
        )
    if bool(key) is not bool(proof):
        lone, missing = ("91", "92") if key else ("92", "91")
        at = next(each.position for each in found if each.ai == lone)
        raise BadCode(
            at,
            f"{lone} stands without {missing}: key and verification code belong together",
            "scan the whole code",
        )
    serial = values["21"]
    return MarkingCode(
        Kind.GS1_MARKED if proof or short else Kind.GS1_PLAIN,
        row,
        f"01{gtin}21{serial}",
        gtin,
        serial,
        key,
        proof or short,
        tuple((each.ai, each.value) for each in found),
        tuple(notes),
    )


def _check_once(found: list[Element]) -> None:
    seen: set[str] = set()
    for element in found:
        if element.ai in seen:
            raise BadCode(element.position, f"{element.ai} stands twice", _SCAN)
        seen.add(element.ai)


def _with_separators(row: str, notes: list[str]) -> str:
    """The row with the separators it must have. Where some are lost they are put back if there is one way only."""
    head, rest = row[:18], row[18:]
    serial, first, tail = rest.partition(GS)
    if first and tail.startswith("91") and GS not in tail and len(tail) > 6:
        if tail[6:8] == "92":  # only the second is lost: the key has always four characters
            notes.append("the separator before 92 was lost and has been put back")
            return f"{head}{serial}{GS}{tail[:6]}{GS}{tail[6:]}"
        raise BadCode(
            19 + len(serial) + 7,
            "after the key (91) the verification code (92) must follow",
            "scan the whole code",
        )
    if first and tail.startswith("92") and serial[-6:-4] == "91":  # only the first is lost
        if len(serial) - 6 not in _SERIALS:
            raise BadCode(19, "the separator after the serial number is lost", _SETTING)
        notes.append("the separator before 91 was lost and has been put back")
        return f"{head}{serial[:-6]}{GS}{serial[-6:]}{GS}{tail}"
    if first:
        return row
    ways = [way for size in _SERIALS if (way := _divided(rest, size))]
    if len(rest) in _SERIALS:
        ways.append(rest)
    if len(ways) == 1:
        if ways[0] != rest:
            notes.append(
                "the separators were lost and have been put back: the code can be divided in one way only"
            )
        return head + ways[0]
    if len(ways) > 1:
        raise BadCode(19, "the separator is lost, and the code can be divided in more than one way", _SETTING)
    if len(rest) <= 20:
        return row  # a serial number of a length that is not usual, and nothing more
    raise BadCode(
        19, "the separator is lost, or characters are missing: the serial number does not end", _SETTING
    )


def _divided(rest: str, size: int) -> str:
    found = _TAIL.fullmatch(rest, size)
    if found is None:
        return ""
    said = found.groupdict()
    serial = rest[:size]
    if said["key"] is not None:
        return f"{serial}{GS}91{said['key']}{GS}92{said['proof']}"
    if said["short"] is not None:
        return f"{serial}{GS}93{said['short']}" + (f"{GS}{said['weight']}" if said["weight"] else "")
    return f"{serial}{GS}8005{said['price']}{GS}93{said['priced']}" + (
        f"{GS}{said['more']}" if said["more"] else ""
    )
