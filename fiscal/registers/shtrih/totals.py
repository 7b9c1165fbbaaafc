"""Totals of a shift: what a Shtrih-M register has counted by itself (the X-report, and what a Z-report will say).

Nothing is added up here that the register does not say: counts of receipts are operation registers, sums are money registers by form of
payment, the running totals stand in a place of their own that no report clears. What a register does not tell stays unknown.
Source: reference sheet, section 2.4 (1Ah, 1Bh, 40h, FEh F4h).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fiscal.engine.outcomes import ShiftTotals, Turnover
from fiscal.registers.conversation import LineLost
from fiscal.registers.shtrih.commands import COMMANDS
from fiscal.registers.shtrih.receipts import OPEN_TYPES
from fiscal.registers.shtrih.talk import AnyTalk, RegisterError
from fiscal.registers.totals import Own, Turnovers

__all__ = ["first_of_shift", "of_register", "of_shift", "read"]

_MONEY = COMMANDS[0x1A]
_COUNT = COMMANDS[0x1B]
_SERVICE = COMMANDS[0xFE]
_SHIFT = COMMANDS[0xFF40]
_FIND = COMMANDS[0xFF0A]

_RECEIPTS = 144
_DRAWER = 241
_PAYMENTS = (193, 197, 201, 205, *range(4144, 4192, 4))
"""Money registers of the sixteen payments of a shift, for type 0; the other types stand behind each."""

_FORMS = (0, *[1] * 12, 2, 3, 4)
"""Payment 1 is cash, 2 to 13 are cashless, 14 prepaid, 15 credit, 16 provision."""

_RUNNING = (0xF4, bytes(4))
_SUM = 8
_OPENING = 2
_NEAR = 20


def read(talk: AnyTalk) -> Generator[Any, Any, ShiftTotals]:
    """All of it, now. Raises `RegisterError`, `LineLost`."""
    _, shift, _ = yield from talk.ask(_SHIFT)
    turnovers = yield from of_shift(talk)
    drawer_kop, running_kop = yield from of_register(talk)
    return ShiftTotals(shift, turnovers, drawer_kop, running_kop)


def of_shift(talk: AnyTalk) -> Generator[Any, Any, Turnovers]:
    """What the shift took of each settlement type."""
    found = []
    for type_ in sorted(OPEN_TYPES):
        found.append((yield from _turnover(talk, OPEN_TYPES[type_])))
    return found[0], found[1], found[2], found[3]


def _turnover(talk: AnyTalk, opening: int) -> Generator[Any, Any, Turnover]:
    count = (yield from talk.ask(_COUNT, _RECEIPTS + opening))[1]
    sums = [0] * 5
    for payment, form in zip(_PAYMENTS if count else (), _FORMS, strict=False):
        register = payment + opening
        number = (register & 0xFF, register >> 8) if register > 0xFF else (register,)
        sums[form] += (yield from talk.ask(_MONEY, *number))[1]
    return Turnover(count, sum(sums), *sums)


def of_register(talk: AnyTalk) -> Generator[Any, Any, Own]:
    """Cash in the drawer, and the totals that are never reset: sale, sale return, purchase, purchase return."""
    drawer_kop = (yield from talk.ask(_MONEY, _DRAWER))[1]
    try:
        (data,) = yield from talk.ask(_SERVICE, *_RUNNING)
    except RegisterError:
        return Own(drawer_kop)  # of an older kind
    if len(data) < 4 * _SUM:
        raise LineLost(f"the running totals came in {len(data)} bytes")
    sale, sale_return, purchase, purchase_return = (
        int.from_bytes(data[at : at + _SUM], "little") for at in range(0, 4 * _SUM, _SUM)
    )
    return Own(drawer_kop, (sale, sale_return, purchase, purchase_return))


def first_of_shift(talk: AnyTalk, shift: int, closing: int, receipts: int) -> Generator[Any, Any, int]:
    """The document that opened a shift which ended with document ``closing``; 0 when the drive does not show it.

    There are at least as many documents between as receipts were counted, seldom more.
    """
    newest = closing - 1 - receipts
    for number in range(newest, max(0, newest - _NEAR), -1):
        try:
            form, _, _, document, _, tail = yield from talk.ask(_FIND, number)
        except RegisterError:
            return 0
        if (form, document, int.from_bytes(tail[:2], "little")) == (_OPENING, number, shift):
            return number
    return 0
