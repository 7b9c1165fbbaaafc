"""What a correction receipt must say of what it corrects.

FFD 1.05 corrects only income and expense (types 1 and 3), without goods, and always names a document; what else was wrong is
put right by an opposite receipt and a right one. FFD 1.2 corrects all four types with all goods - the wrong receipt by the
opposite sign, then the right one - and names a document only when the tax office ordered the correction. In both the fiscal
sign of the wrong document may be given (tag 1192).

Source: reference sheet on the format, section 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Final

from fiscal.texts import text_fault

if TYPE_CHECKING:
    from fiscal.receipt import Correction

FFD_105: Final = 2
FFD_12: Final = 4
ORDER_NUMBER_LENGTH: Final = 32  # tag 1179
SIGN_LENGTH: Final = 10  # a fiscal sign as it is printed
_RETURNS: Final = (2, 4)


def day_of(correction: Correction, on: date) -> date:
    """The day of the corrected settlement, whose VAT rates are legal; ``on`` when it says none that can be."""
    try:
        return min(date.fromisoformat(correction.date), on)
    except ValueError:
        return on


def correction_faults(
    kind: int, correction: Correction, on: date, ffd: int | None
) -> Iterator[tuple[str, str, str]]:
    """(field, why, what to do) of all that is wrong with a correction of this settlement type, made on this day."""
    if ffd == FFD_105 and kind in _RETURNS:
        yield (
            "type",
            "FFD 1.05 corrects only sales and purchases",
            "make an ordinary return, or use a register with FFD 1.2",
        )
    elif kind not in (1, 2, 3, 4):
        yield "type", f"{kind!r} is not a type of settlement", "give 1 to 4"
    yield from _number_faults(correction, ffd)
    sign = correction.sign
    if sign and not (sign.isascii() and sign.isdigit() and len(sign) <= SIGN_LENGTH):
        yield (
            "correction.sign",
            f"{sign!r} is not a fiscal sign",
            f"give the number of up to {SIGN_LENGTH} digits printed on the wrong receipt, or leave it out",
        )
    try:
        day = date.fromisoformat(correction.date)
    except ValueError:
        yield (
            "correction.date",
            f"{correction.date!r} is not a date",
            "give the day of the settlement as 2025-12-31",
        )
        return
    if day > on:
        yield (
            "correction.date",
            f"{correction.date} has not come yet",
            "give the day of the corrected settlement",
        )


def _number_faults(correction: Correction, ffd: int | None) -> Iterator[tuple[str, str, str]]:
    number = correction.number.strip()
    if fault := text_fault(correction.number, ORDER_NUMBER_LENGTH):
        yield "correction.number", f"the number {fault}", "shorten it"
    elif correction.by_order and not number:
        yield "correction.number", "the tax office's order has no number", "give the number of the order"
    elif ffd == FFD_105 and not number:
        yield (
            "correction.number",
            "FFD 1.05 wants a document behind every correction",
            "give the number of the memo",
        )
    elif ffd == FFD_12 and number and not correction.by_order:
        yield (
            "correction.number",
            "a correction of one's own has no number in FFD 1.2",
            "leave the number out",
        )
