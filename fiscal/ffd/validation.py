"""What is wrong with a document.

`validate` holds a document against the requirement table of its format version: tags that are missing, unknown, misplaced or
repeated, values of the wrong type or length, codes without a meaning; and against arithmetic: the total is the sum of the
payments and of the items. It reports all problems at once and never stops at the first. What only the law knows (*conditional*
tags) is not demanded, except the rule for settlements over the Internet, which the document itself decides.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from fiscal.ffd.codec import Document, Fields, Value, encode_fields
from fiscal.ffd.tags import CODES, FFD_NAMES, FORMS, REQUIREMENTS, TAGS
from fiscal.ffd.tlv import FfdError

DOCUMENT_LIMITS = {
    1: 6_144,
    11: 6_144,
    2: 4_096,
    5: 4_096,
    6: 4_096,
    21: 4_096,
    7: 512,
    3: 32_768,
    31: 32_768,
}
"""Form -> the greatest document in bytes, head and length field included (receipts also for forms 4 and 41)."""

INTERNET_RULE_SINCE_S = 1_756_684_800
"""2025-09-01 00:00 as tag 1012 counts: from then on 1125 = 1 demands 1187 and 1008."""

_RECEIPTS = frozenset((3, 4, 31, 41))
_PAYMENTS = (1031, 1081, 1215, 1216, 1217)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong. ``kind``: form, missing, unknown, misplaced, repeated, value, code, sum, size; ``path``: tags from outside in."""

    kind: str
    path: tuple[int, ...]
    text: str

    def __str__(self) -> str:
        where = "/".join(str(tag) for tag in self.path)
        return f"{where}: {self.text}" if where else self.text


def validate(document: Document, ffd: int, medium: str = "electronic") -> list[Problem]:
    """All problems of a document under a version of the format (tag 1209: 2 or 4). ``medium``: ``electronic`` or ``print``.

    An empty list means that the tables and the arithmetic have no objection. Raises `FfdError` for a version without tables.
    """
    if (ffd, 3) not in REQUIREMENTS:
        raise FfdError((), f"no requirements for format version {ffd} ({FFD_NAMES.get(ffd, 'unknown')})")
    if (ffd, document.form) not in REQUIREMENTS:
        name = FORMS.get(document.form, "unknown")
        return [Problem("form", (), f"form {document.form} ({name}) does not exist in FFD {FFD_NAMES[ffd]}")]
    problems: list[Problem] = []
    size = 4 + _check_fields(document.fields, (ffd, document.form), medium, (), problems)
    limit = DOCUMENT_LIMITS.get(document.form, DOCUMENT_LIMITS[3])
    if size > limit:
        problems.append(
            Problem("size", (), f"{size} bytes; a document of form {document.form} has {limit} at most")
        )
    version = document.get(1209)
    if isinstance(version, int) and version != ffd:
        problems.append(Problem("value", (1209,), f"format version {version} in a document of version {ffd}"))
    if document.form in _RECEIPTS:
        _check_sums(document, problems)
        _check_internet(document, problems)
    return problems


def _check_fields(
    fields: Fields, parent: tuple[int, int], medium: str, path: tuple[int, ...], problems: list[Problem]
) -> int:
    """Adds the problems of one level and those below; returns the bytes of the level."""
    ffd, number = parent
    allowed = REQUIREMENTS.get(parent)
    size = 0
    for tag, value in fields:
        here = (*path, tag)
        known = TAGS.get(tag)
        if known is None:
            problems.append(Problem("unknown", here, "unknown tag"))
            size += 4 + (len(value) if isinstance(value, bytes) else 0)
            continue
        if allowed is not None and tag not in allowed:
            where = f"form {number}" if not path else f"tag {number}"
            problems.append(Problem("misplaced", here, f"{known.name} does not belong to {where}"))
        if isinstance(value, tuple) and known.type == "stlv":
            below = _check_fields(value, (ffd, tag), medium, here, problems)
            size += 4 + below
            if below > known.max_length:
                problems.append(
                    Problem("value", here, f"{known.name} has {known.max_length} bytes at most, not {below}")
                )
        else:
            size += _check_value(tag, value, here, problems)
    if allowed is not None:
        _check_presence(fields, parent, medium, path, problems)
    return size


def _check_value(tag: int, value: Value, here: tuple[int, ...], problems: list[Problem]) -> int:
    try:
        size = len(encode_fields(((tag, value),)))
    except FfdError as error:
        problems.append(Problem("value", here, error.reason))
        return 4
    if isinstance(value, int):
        codes = CODES.get(tag)
        if codes is not None and value not in codes:
            problems.append(Problem("code", here, f"{value} is not a {TAGS[tag].name}"))
        elif tag == 1055 and (value < 1 or value & (value - 1)):
            problems.append(Problem("code", here, f"{value} is not exactly one taxation system"))
    return size


def _check_presence(
    fields: Fields, parent: tuple[int, int], medium: str, path: tuple[int, ...], problems: list[Problem]
) -> None:
    present = Counter(tag for tag, _ in fields)
    for requirement in REQUIREMENTS[parent].values():
        count = present[requirement.tag]
        if count > 1 and not requirement.repeatable:
            problems.append(
                Problem(
                    "repeated", (*path, requirement.tag), f"{TAGS[requirement.tag].name} stands {count} times"
                )
            )
        elif not count and requirement.need == "mandatory" and requirement.medium in ("both", medium):
            problems.append(
                Problem("missing", (*path, requirement.tag), f"{TAGS[requirement.tag].name} is mandatory")
            )


def _check_sums(document: Document, problems: list[Problem]) -> None:
    total = document.get(1020)
    if not isinstance(total, int):
        return
    payments = sum(value for tag, value in document.fields if tag in _PAYMENTS and isinstance(value, int))
    if payments != total:
        problems.append(Problem("sum", (1020,), f"total {total} kopecks, but the payments make {payments}"))
    items = [value for value in document.all(1059) if isinstance(value, tuple)]
    if items:
        sums = sum(value for item in items for tag, value in item if tag == 1043 and isinstance(value, int))
        if sums != total:
            problems.append(Problem("sum", (1020,), f"total {total} kopecks, but the items make {sums}"))


def _check_internet(document: Document, problems: list[Problem]) -> None:
    moment = document.get(1012)
    if document.get(1125) != 1 or not isinstance(moment, int) or moment < INTERNET_RULE_SINCE_S:
        return
    for tag in (1187, 1008):
        if not document.get(tag):
            problems.append(
                Problem(
                    "missing", (tag,), f"{TAGS[tag].name} is mandatory for a settlement over the Internet"
                )
            )
