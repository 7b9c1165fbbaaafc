"""The tags of the fiscal data format, as data.

Three tables stand in ``tables/``: *tags* (number, name, type, length), *requirements* (which document or structure must, may or
can hold which tag, by version of the format and by medium) and *enums* (what a code or a bit means). Everything else in this
package reads them: the codec for types and lengths, the validator for what is missing or misplaced, the view for names.

Types: ``string`` (CP866), ``byte``, ``uint16``, ``uint32``, ``bitmask8``, ``bitmask32``, ``unixtime``, ``vln``, ``fvln``,
``bytes``, ``stlv``. ``fixed``: the value always has ``max_length`` bytes (text is padded).

Where sources disagree about a length, the text of the order decides, except that a greater length is admitted when drivers or
genuine documents use it, or when a structure could not hold its own children; the column *note* states each choice and what is
not verified (the tags that got their meaning in 2025). Sources: reference sheet on the format, sections 2-4.
"""

from __future__ import annotations

import csv
import pkgutil
from dataclasses import dataclass

FFD_105 = 2
"""FFD 1.05, as tags 1209, 1189 and 1190 write it."""
FFD_12 = 4
"""FFD 1.2."""
FFD_NAMES = {1: "1.0", FFD_105: "1.05", 3: "1.1", FFD_12: "1.2"}

FORMS = {
    1: "registration report",
    2: "shift opening report",
    3: "receipt",
    4: "strict accounting form",
    5: "shift closing report",
    6: "drive closing report",
    7: "operator's confirmation",
    11: "registration change report",
    21: "state of settlements report",
    31: "correction receipt",
    41: "correction strict accounting form",
    81: "marking code request",
    82: "marked goods notification",
    83: "answer to a marking code request",
    84: "ticket for a notification",
}
"""Form codes: the kinds of fiscal documents."""


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag of the format. ``max_length`` in bytes; ``json``: its name in receipts that operators and the tax service hand out."""

    number: int
    name: str
    name_ru: str
    type: str
    max_length: int
    fixed: bool
    repeatable: bool
    json: str
    note: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one parent (a form or a structure) demands of one tag. ``need``: mandatory, conditional (mandatory in cases that only the
    law knows) or optional; ``medium``: print, electronic or both."""

    tag: int
    medium: str
    need: str
    repeatable: bool


def _rows(name: str) -> list[list[str]]:
    data = pkgutil.get_data(__name__, f"tables/{name}.csv")
    assert data is not None, name
    return list(csv.reader(data.decode().splitlines()))[1:]


def _load_tags() -> dict[int, Tag]:
    tags = {}
    for number, name, name_ru, kind, length, fixed, repeatable, json, note in _rows("tags"):
        tags[int(number)] = Tag(
            int(number), name, name_ru, kind, int(length), fixed == "yes", repeatable == "yes", json, note
        )
    return tags


def _load_requirements() -> dict[tuple[int, int], dict[int, Requirement]]:
    table: dict[tuple[int, int], dict[int, Requirement]] = {}
    for versions, parents, tag, medium, need, repeatable, _note in _rows("requirements"):
        requirement = Requirement(int(tag), medium, need, repeatable == "yes")
        for version in versions.split():
            for parent in parents.split():
                table.setdefault((int(version), int(parent)), {})[requirement.tag] = requirement
    return table


def _load_meanings(kind: str) -> dict[int, dict[int, str]]:
    table: dict[int, dict[int, str]] = {}
    for tags, row_kind, code, name, _name_ru in _rows("enums"):
        if row_kind == kind:
            for tag in tags.split():
                table.setdefault(int(tag), {})[int(code)] = name
    return table


TAGS: dict[int, Tag] = _load_tags()
"""Every known tag by its number."""

REQUIREMENTS: dict[tuple[int, int], dict[int, Requirement]] = _load_requirements()
"""(version of the format, form or structure tag) -> tag -> what is demanded. A structure without an entry is not checked inside."""

CODES: dict[int, dict[int, str]] = _load_meanings("value")
"""Tag -> code -> meaning."""

MASKS: dict[int, dict[int, str]] = _load_meanings("mask")
"""Tag -> bit (its value, not its number) -> meaning."""


def meaning(tag: int, value: int) -> str:
    """What a code or a mask says, in words; empty when the tables do not know."""
    codes = CODES.get(tag)
    if codes is not None:
        return codes.get(value, "")
    bits = MASKS.get(tag)
    if bits is not None:
        return ", ".join(name for bit, name in bits.items() if value & bit)
    return ""
