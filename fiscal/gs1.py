"""GS1 element strings: how a Data Matrix code says many things in one row of characters.

An element is an *application identifier* (AI: 01 goods, 21 serial number, 92 verification code ...) and its value. Identifiers whose
values always have the same length follow one another directly; after any other value stands a separator, the character GS (1Dh), unless
the row ends. Without it nobody can say where a serial number ends, for its characters may well spell ``91``.

Positions in faults count characters from 1, as people do. Source: the general specifications of GS1; which identifiers the marking of
goods uses and how long their values are: the rules of the system *Chestny Znak* (public descriptions, from memory where no sheet has it).
"""

from __future__ import annotations

from typing import Final, NamedTuple

GS: Final = "\x1d"
"""The separator."""


class BadCode(ValueError):
    """This is no code: ``position`` (from 1, 0 for the whole), why, and what to do."""

    def __init__(self, position: int, why: str, todo: str) -> None:
        self.position = position
        self.why = why
        self.todo = todo
        super().__init__(position, why, todo)

    def __str__(self) -> str:
        where = f"position {self.position}: " if self.position else ""
        return f"{where}{self.why}; {self.todo}"


class Identifier(NamedTuple):
    """What stands behind an application identifier. ``open``: a separator follows unless the row ends."""

    title: str
    least: int
    most: int
    digits: bool
    open: bool


_DATE = Identifier("date", 6, 6, True, False)
_MEASURE = Identifier("measure", 6, 6, True, False)

IDENTIFIERS: Final[dict[str, Identifier]] = {
    "00": Identifier("transport package", 18, 18, True, False),
    "01": Identifier("goods (GTIN)", 14, 14, True, False),
    "02": Identifier("goods in the package (GTIN)", 14, 14, True, False),
    "10": Identifier("batch", 1, 20, False, True),
    "11": _DATE,
    "13": _DATE,
    "15": _DATE,
    "17": _DATE,
    "20": Identifier("variant", 2, 2, True, False),
    "21": Identifier("serial number", 1, 20, False, True),
    "37": Identifier("count", 1, 8, True, True),
    "91": Identifier("verification key", 4, 4, False, True),
    "92": Identifier("verification code", 44, 88, False, True),
    "93": Identifier("short verification code", 4, 4, False, True),
    "240": Identifier("additional goods number", 1, 30, False, True),
    **{f"310{n}": _MEASURE for n in range(6)},
    **{f"335{n}": _MEASURE for n in range(6)},
    "7003": Identifier("expiry", 10, 10, True, True),
    "8005": Identifier("price", 6, 6, True, True),
}
"""The identifiers that codes of goods carry."""

ALPHABET: Final = frozenset(
    "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
)
"""The 82 characters that a value may have."""


class Element(NamedTuple):
    """``position``: of the identifier's first character, from 1."""

    ai: str
    value: str
    position: int


def check_digit(digits: str) -> int:
    """The last digit that belongs to these (EAN-8, EAN-13, ITF-14, GTIN): weights 3, 1, 3 ... from the right."""
    total = sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(reversed(digits)))
    return -total % 10


def gtin_fault(gtin: str) -> str:
    """Why this is no number of goods (8, 12, 13 or 14 digits, the last one checks), or an empty string."""
    if not (gtin.isascii() and gtin.isdigit()):
        return "is not all digits"
    if len(gtin) not in (8, 12, 13, 14):
        return f"has {len(gtin)} digits"
    right = check_digit(gtin[:-1])
    return "" if right == int(gtin[-1]) else f"ends with {gtin[-1]}, by its check digit it must be {right}"


def elements(row: str) -> list[Element]:
    """The elements of a row, in order. Raises `BadCode`; the lengths of values are checked, the sense of their order is not."""
    found: list[Element] = []
    at = 0
    while at < len(row):
        ai = next((row[at : at + size] for size in (2, 3, 4) if row[at : at + size] in IDENTIFIERS), "")
        if not ai:
            raise BadCode(
                at + 1,
                f"{row[at : at + 4]!r} is no application identifier of marked goods",
                "scan the code again; if it stays so, the code is damaged",
            )
        kind = IDENTIFIERS[ai]
        begin = at + len(ai)
        if kind.open:
            end = row.find(GS, begin)
            end = len(row) if end < 0 else end
        else:
            end = min(begin + kind.most, len(row))
        value = row[begin:end]
        _check_value(ai, kind, value, begin + 1)
        found.append(Element(ai, value, at + 1))
        at = end
        if row[at : at + 1] == GS:
            at += 1
    return found


def _check_value(ai: str, kind: Identifier, value: str, position: int) -> None:
    if not kind.least <= len(value) <= kind.most:
        wanted = str(kind.most) if kind.least == kind.most else f"{kind.least} to {kind.most}"
        raise BadCode(
            position,
            f"the {kind.title} behind {ai} has {len(value)} characters, not {wanted}",
            "scan the whole code",
        )
    if kind.digits and not (value.isascii() and value.isdigit()):
        at = next(n for n, char in enumerate(value) if not ("0" <= char <= "9"))
        raise BadCode(
            position + at,
            f"{value[at]!r} in the {kind.title} behind {ai}, which is all digits",
            "scan the code again",
        )
