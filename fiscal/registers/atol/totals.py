"""Totals of a shift: what an ATOL register has counted by itself (the X-report, and what a Z-report will say).

Counts and sums are registers by type of receipt; an ATOL counts corrections as types of their own, which are added to their settlement type
here. A register that does not know those types refuses them: it has counted no corrections. Source: reference sheet, section 1.3
(registers 03, 0A, 0C, 28, 41).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple

from fiscal.engine.outcomes import ShiftTotals, Turnover
from fiscal.registers.atol.commands import COMMANDS
from fiscal.registers.atol.talk import RegisterError, Talk
from fiscal.registers.atol.talk_v2 import SessionTalk
from fiscal.registers.totals import Own, Turnovers

__all__ = ["first_of_shift", "of_register", "of_shift", "read"]

_PAYMENTS = COMMANDS[0x9103]
_DRAWER = COMMANDS[0x910A]
_SUM = COMMANDS[0x910C]
_RUNNING = COMMANDS[0x9128]
_COUNT = COMMANDS[0x9141]
_DRIVE_SHIFT = COMMANDS[0xA410]
_FIND = COMMANDS[0xA440]

_ALL = b"\0\0"
_FORMS = {1: 0, 2: 1, 3: 2, 4: 3, 5: 4, 6: 1, 7: 1, 8: 1, 9: 1, 10: 1}
"""Payment -> cash, cashless, prepaid, credit, provision; what a shop may define for itself is cashless."""
_USUAL = 5
_BAD_REGISTER = 0x94
_OPENING = 2
_NEAR = 20

_Talk = Talk | SessionTalk


class _Kind(NamedTuple):
    """How the registers name a settlement type: the receipt, its correction, and the number that the sum is asked by."""

    receipt: int
    correction: int
    sum: int


_KINDS = (_Kind(1, 7, 0), _Kind(2, 8, 2), _Kind(4, 9, 1), _Kind(5, 10, 3))
"""Sale, sale return, purchase, purchase return."""


def read(talk: _Talk) -> Generator[Any, Any, ShiftTotals]:
    """All of it, now. Raises `RegisterError`, `LineLost`."""
    _, shift, receipts = yield from talk.ask(_DRIVE_SHIFT)
    turnovers = yield from of_shift(talk, receipts)
    drawer_kop, running_kop = yield from of_register(talk)
    return ShiftTotals(shift, turnovers, drawer_kop, running_kop)


def of_shift(talk: _Talk, receipts: int) -> Generator[Any, Any, Turnovers]:
    """What the shift took of each settlement type. ``receipts``: how many documents of all types the drive has counted."""
    found = []
    for kind in _KINDS:
        found.append((yield from _turnover(talk, kind)))
    if sum(one.count for one in found) < receipts:
        for at, kind in enumerate(_KINDS):
            found[at] = yield from _with_corrections(talk, kind, found[at])
    return found[0], found[1], found[2], found[3]


def _turnover(talk: _Talk, kind: _Kind) -> Generator[Any, Any, Turnover]:
    (count,) = yield from talk.ask(_COUNT, bytes((kind.receipt, 0)))
    if not count:
        return Turnover()
    (total_kop,) = yield from talk.ask(_SUM, bytes((kind.sum, 0)))
    sums = yield from _paid(talk, kind.receipt, total_kop)
    return Turnover(count, total_kop, *sums)


def _with_corrections(talk: _Talk, kind: _Kind, plain: Turnover) -> Generator[Any, Any, Turnover]:
    try:
        (count,) = yield from talk.ask(_COUNT, bytes((kind.correction, 0)))
    except RegisterError as refused:
        if refused.code != _BAD_REGISTER:
            raise
        return plain
    if not count:
        return plain
    sums = yield from _paid(talk, kind.correction, None)
    mine = (plain.cash_kop, plain.cashless_kop, plain.prepaid_kop, plain.credit_kop, plain.provision_kop)
    both = [a + b for a, b in zip(mine, sums, strict=True)]
    return Turnover(plain.count + count, plain.total_kop + sum(sums), *both)


def _paid(talk: _Talk, type_: int, total_kop: int | None) -> Generator[Any, Any, list[int]]:
    """By form of payment. The shop's own kinds of payment are asked for when the usual five do not make up the total."""
    sums = [0] * 5
    for payment, form in _FORMS.items():
        if payment > _USUAL and sum(sums) == total_kop:
            break
        sums[form] += (yield from talk.ask(_PAYMENTS, type_, payment))[0]
    return sums


def of_register(talk: _Talk) -> Generator[Any, Any, Own]:
    """Cash in the drawer, and the totals that are never reset: sale, sale return, purchase, purchase return."""
    (drawer_kop,) = yield from talk.ask(_DRAWER, _ALL)
    running = []
    for kind in _KINDS:
        try:
            (kop,) = yield from talk.ask(_RUNNING, bytes((kind.receipt, 0)))
        except RegisterError:
            return Own(drawer_kop)  # of an older kind
        try:
            kop += (yield from talk.ask(_RUNNING, bytes((kind.correction, 0))))[0]
        except RegisterError as refused:
            if refused.code != _BAD_REGISTER:
                raise
        running.append(kop)
    return Own(drawer_kop, (running[0], running[1], running[2], running[3]))


def first_of_shift(talk: _Talk, shift: int, closing: int, receipts: int) -> Generator[Any, Any, int]:
    """The document that opened a shift which ended with document ``closing``; 0 when the drive does not show it.

    There are at least as many documents between as receipts were counted, seldom more.
    """
    newest = closing - 1 - receipts
    for number in range(newest, max(0, newest - _NEAR), -1):
        try:
            form, _, record = yield from talk.ask(_FIND, number)
        except RegisterError:
            return 0
        if form == _OPENING and int.from_bytes(record[13:15], "little") == shift:
            return number
    return 0
