"""What a line of a receipt must say of marked goods, and of whom it is sold for.

Whether a line needs a marking code follows from its subject (tag 1212) and from whether the goods leave now: a prepayment knows
no pieces yet. FFD 1.05 has no subjects of its own for marked goods, there the code alone tells. Sources: reference sheet on the
format, section 4; enums.csv (1212, 2003).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from fiscal import agents
from fiscal.gs1 import BadCode
from fiscal.marking import KINDS, STATUSES, Kind, parse

if TYPE_CHECKING:
    from fiscal.receipt import Item

FFD_105: Final = 2

WITH_CODE: Final = frozenset((31, 33))
"""Tag 1212: excisable goods and goods that carry a marking code."""
WITHOUT_CODE: Final = frozenset((30, 32))
"""... and those that ought to, but have none."""
_OLD: Final = {31: 2, 33: 1}
"""What FFD 1.05 calls them."""
_GOODS: Final = frozenset((1, 2))
_LEAVING: Final = frozenset((4, 5, 6))
"""Settlement methods (tag 1214) by which the goods leave."""
MOST_PARTS: Final = 10**12 - 1
PIECE: Final = 1_000_000

Found = Iterator[tuple[str, str, str]]


def mark_faults(item: Item, ffd: int | None) -> Found:
    """(field, why, what to do) of all that is wrong with a line's marking code, or with its having none."""
    mark, subject, method = item.mark, item.subject, item.method
    if mark is None:
        if subject in WITH_CODE and method in _LEAVING:
            yield (
                "mark",
                f"subject {subject} is for goods with a marking code, the line has none",
                f"give the code from the goods, or subject {subject - 1} if they carry none",
            )
        return
    if method not in _LEAVING:
        yield (
            "mark",
            "the goods do not leave with this payment, so none of them is known by its code",
            "leave it out",
        )
    if subject in WITHOUT_CODE:
        yield (
            "mark",
            f"subject {subject} is for goods without a marking code",
            f"leave the code out, or give subject {subject + 1}",
        )
    elif ffd is not None and ffd > FFD_105 and subject not in WITH_CODE:
        yield (
            "subject",
            f"subject {subject} carries no marking code in FFD 1.2",
            "give 33, or 31 for excisable goods",
        )
    elif subject not in WITH_CODE | _GOODS:
        yield (
            "subject",
            f"subject {subject} is no goods, only goods carry a marking code",
            "give 33 or 31, in FFD 1.05 1 or 2",
        )
    try:
        code = parse(mark.code)
    except BadCode as bad:
        where = f" at position {bad.position}" if bad.position else ""
        yield "mark.code", f"{bad.why}{where}", bad.todo
    else:
        if code.code != mark.code:
            yield (
                "mark.code",
                "is not in the form that is kept: " + "; ".join(code.notes or ("line ends",)),
                "normalise the receipt",
            )
        elif not KINDS[code.kind].marked and subject in WITH_CODE:
            wanted = "scan the Data Matrix code of the piece, the whole of it"
            if code.kind is Kind.GS1_PLAIN:
                yield (
                    "mark.code",
                    "has number of goods and serial number but no verification part (91 and 92, or 93)",
                    wanted,
                )
            else:
                yield (
                    "mark.code",
                    f"is a {KINDS[code.kind].title}: it names the article, not the piece",
                    wanted,
                )
    yield from _quantity_faults(item)


def _quantity_faults(item: Item) -> Found:
    mark = item.mark
    assert mark is not None
    if mark.planned and mark.planned not in STATUSES:
        yield (
            "mark.planned",
            f"{mark.planned!r} is not a status of goods",
            "give 1 to 4 or 255, or leave it out",
        )
    part, whole = mark.numerator, mark.denominator
    if part or whole:
        if not (type(part) is int and type(whole) is int and 0 < part < whole <= MOST_PARTS):
            yield (
                "mark.part",
                f"{part!r} of {whole!r} is not a part of a package",
                "give two whole numbers, the first one less",
            )
        elif item.unit:
            yield "mark.part", "parts of a package are counted in pieces", "give unit 0"
        elif type(item.quantity_e6) is int and not -1 < item.quantity_e6 - part * PIECE / whole < 1:
            yield "quantity_e6", f"{part} of {whole} is another quantity", f"give {part * PIECE // whole}"
    elif not item.unit and item.quantity_e6 != PIECE:
        yield (
            "quantity_e6",
            "one marking code stands for one piece",
            "give a line to each piece, with its own code",
        )


def agent_faults(item: Item) -> Found:
    """(field, why, what to do) of all that is wrong with what a line says of its agent."""
    agent = item.agent
    if agent is None:
        return
    for fault in agents.faults(agent):
        yield f"agent.{fault.field}", fault.why, fault.todo
