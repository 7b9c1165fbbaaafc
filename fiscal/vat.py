"""Value added tax: what a code of tag 1199 means on a given day.

A receipt carries a *code*, not a percentage, and the percentage behind a code is a matter of date: code 1 is the standard rate, 18 % until
the end of 2018, 20 % from 2019, and from 2026 the standard rate is 22 % under codes of its own (11, 12), so that 1 and 3 stay behind for
returns and corrections of older sales. Prices contain the tax; a *calculated* rate (20/120) says the same fraction of the same sum, for
money that arrives before the goods do.

Everything here is one table, `RATES`. Sums are kopecks, rounded half up; dates are days of the settlement.

Sources: reference sheet on the format, section 4 (codes 1-12; 12 by continuation) and 2 (tags 1102-1107); law on the rates: 18 -> 20 % on
1 January 2019, 5 and 7 % for simplified taxation on 1 January 2025, 20 -> 22 % on 1 January 2026.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fiscal.receipt import Receipt


class Vat(enum.IntEnum):
    """Tag 1199: the VAT rate of an item. The percentage behind a code depends on the date, see `vat_fraction`."""

    VAT_20 = 1
    VAT_10 = 2
    VAT_20_120 = 3
    VAT_10_110 = 4
    VAT_0 = 5
    NONE = 6
    VAT_5 = 7
    VAT_7 = 8
    VAT_5_105 = 9
    VAT_7_107 = 10
    VAT_22 = 11
    VAT_22_122 = 12


@dataclass(frozen=True, slots=True)
class Rate:
    """One code during one period: ``percent`` on top of the price without tax; ``until`` is the last day for new sales."""

    code: Vat
    percent: int
    since: date = date.min
    until: date = date.max
    calculated: bool = False


_2019: Final = date(2019, 1, 1)
_2025: Final = date(2025, 1, 1)
_2026: Final = date(2026, 1, 1)
_LAST_18: Final = date(2018, 12, 31)
_LAST_20: Final = date(2025, 12, 31)

RATES: Final[tuple[Rate, ...]] = (
    Rate(Vat.VAT_20, 18, until=_LAST_18),
    Rate(Vat.VAT_20, 20, _2019, _LAST_20),
    Rate(Vat.VAT_10, 10),
    Rate(Vat.VAT_20_120, 18, until=_LAST_18, calculated=True),
    Rate(Vat.VAT_20_120, 20, _2019, _LAST_20, calculated=True),
    Rate(Vat.VAT_10_110, 10, calculated=True),
    Rate(Vat.VAT_0, 0),
    Rate(Vat.NONE, 0),
    Rate(Vat.VAT_5, 5, _2025),
    Rate(Vat.VAT_7, 7, _2025),
    Rate(Vat.VAT_5_105, 5, _2025, calculated=True),
    Rate(Vat.VAT_7_107, 7, _2025, calculated=True),
    Rate(Vat.VAT_22, 22, _2026),
    Rate(Vat.VAT_22_122, 22, _2026, calculated=True),
)
"""All rates, by code and then by date."""

STANDARD: Final = (Vat.VAT_20, Vat.VAT_22)
"""The codes that have been the standard rate, in order of time."""

TURNOVER: Final = frozenset((Vat.VAT_0, Vat.NONE))
"""Codes whose sum in a receipt is the settlement itself (tags 1104, 1105), not an amount of tax."""

_CALCULATED: Final = {
    Vat.VAT_20: Vat.VAT_20_120,
    Vat.VAT_10: Vat.VAT_10_110,
    Vat.VAT_5: Vat.VAT_5_105,
    Vat.VAT_7: Vat.VAT_7_107,
    Vat.VAT_22: Vat.VAT_22_122,
}


class UnknownRate(ValueError):
    """A VAT code that does not exist, or did not exist yet on the day in question."""


@lru_cache(maxsize=1024)
def legal(on: date) -> frozenset[int]:
    """The codes a new sale may carry on this day."""
    return frozenset(int(rate.code) for rate in RATES if rate.since <= on <= rate.until)


@lru_cache(maxsize=1024)
def known(on: date) -> frozenset[int]:
    """The codes that exist by this day, with those that only returns and corrections of older sales still carry."""
    return frozenset(int(rate.code) for rate in RATES if rate.since <= on)


@lru_cache(maxsize=4096)
def vat_fraction(code: int, on: date) -> tuple[int, int]:
    """The share of tax in a price that contains it, as (numerator, denominator): (20, 120), (0, 100) for 0 % and none.

    A code that new sales no longer carry keeps its last rate. Raises `UnknownRate`.
    """
    found = None
    for rate in RATES:
        if rate.code == code and rate.since <= on:
            found = rate
    if found is None:
        raise UnknownRate(f"VAT code {code} has no rate on {on.isoformat()}")
    return found.percent, 100 + found.percent


def standard(on: date) -> Vat:
    """The code of the standard rate on this day."""
    return Vat.VAT_22 if on >= _2026 else Vat.VAT_20


def current(code: Vat, on: date) -> Vat:
    """The same kind of rate as a new sale carries it on this day: a standard rate becomes the standard rate of the day."""
    return standard(on) if code in STANDARD else code


def calculated(code: Vat) -> Vat:
    """The calculated twin of a rate (20 % -> 20/120), for prepayments and advances; 0 %, none and calculated rates stay."""
    return _CALCULATED.get(code, code)


def vat_amount_kop(sum_kop: int, code: int, on: date) -> int:
    """The tax inside a sum (kopecks, tax included), rounded half up. Raises `UnknownRate`."""
    numerator, denominator = vat_fraction(code, on)
    return (2 * sum_kop * numerator + denominator) // (2 * denominator)


def vat_sums(receipt: Receipt, on: date) -> dict[Vat, int]:
    """What a receipt says about tax, by code in ascending order, only codes that occur.

    For 0 % and none the *settlement* (tags 1105, 1104), for the others the *tax* (1102, 1103, 1106, 1107 and the group 1115). Tax is
    taken once from all the sums under a code, so it is rounded once. Raises `UnknownRate`.
    """
    turnover: dict[Vat, int] = {}
    for item in receipt.items:
        turnover[item.vat] = turnover.get(item.vat, 0) + item.sum_kop
    return {
        code: turnover[code] if code in TURNOVER else vat_amount_kop(turnover[code], code, on)
        for code in sorted(turnover)
    }
