"""VAT by code and date: the days on which a rate changed, and rounding."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from fiscal.receipt import Buyer, Item, Payments, Receipt, SettlementType, Taxation, Vat
from fiscal.vat import (
    RATES,
    UnknownRate,
    calculated,
    current,
    known,
    legal,
    standard,
    vat_amount_kop,
    vat_fraction,
    vat_sums,
)

OLD = frozenset(range(1, 7))
WITH_5_AND_7 = frozenset(range(1, 11))
OF_22 = frozenset((2, 4, 5, 6, 7, 8, 9, 10, 11, 12))


@pytest.mark.parametrize(
    ("day", "codes"),
    [
        (date(2017, 7, 1), OLD),
        (date(2018, 12, 31), OLD),
        (date(2019, 1, 1), OLD),
        (date(2024, 12, 31), OLD),
        (date(2025, 1, 1), WITH_5_AND_7),
        (date(2025, 12, 31), WITH_5_AND_7),
        (date(2026, 1, 1), OF_22),
    ],
)
def test_codes_that_a_sale_may_carry(day: date, codes: frozenset[int]) -> None:
    assert legal(day) == codes
    assert known(day) >= codes


@pytest.mark.parametrize(
    ("code", "day", "fraction"),
    [
        (1, date(2018, 12, 31), (18, 118)),
        (1, date(2019, 1, 1), (20, 120)),
        (3, date(2018, 12, 31), (18, 118)),
        (3, date(2019, 1, 1), (20, 120)),
        (1, date(2026, 3, 1), (20, 120)),  # a return of what was sold before
        (2, date(2010, 1, 1), (10, 110)),
        (4, date(2030, 1, 1), (10, 110)),
        (5, date(2024, 1, 1), (0, 100)),
        (6, date(2024, 1, 1), (0, 100)),
        (7, date(2025, 1, 1), (5, 105)),
        (8, date(2025, 1, 1), (7, 107)),
        (9, date(2025, 1, 1), (5, 105)),
        (10, date(2025, 1, 1), (7, 107)),
        (11, date(2026, 1, 1), (22, 122)),
        (12, date(2026, 1, 1), (22, 122)),
    ],
)
def test_the_rate_behind_a_code(code: int, day: date, fraction: tuple[int, int]) -> None:
    assert vat_fraction(code, day) == fraction


@pytest.mark.parametrize(
    ("code", "day"),
    [(0, date(2024, 1, 1)), (13, date(2030, 1, 1)), (7, date(2024, 12, 31)), (11, date(2025, 12, 31))],
)
def test_a_rate_that_is_not_there(code: int, day: date) -> None:
    with pytest.raises(UnknownRate, match=rf"code {code} has no rate on {day}"):
        vat_fraction(code, day)


def test_the_standard_rate_changes_its_code_on_new_year_2026() -> None:
    assert standard(date(2025, 12, 31)) is Vat.VAT_20
    assert standard(date(2026, 1, 1)) is Vat.VAT_22
    assert current(Vat.VAT_20, date(2026, 1, 1)) is Vat.VAT_22
    assert current(Vat.VAT_22, date(2025, 12, 31)) is Vat.VAT_20
    assert current(Vat.VAT_10, date(2026, 1, 1)) is Vat.VAT_10


def test_a_calculated_twin_is_the_same_share_of_the_same_sum() -> None:
    day = date(2026, 1, 1)
    for rate in RATES:
        twin = calculated(rate.code)
        assert vat_fraction(twin, day) == vat_fraction(rate.code, day)
        assert calculated(twin) is twin
        assert {each.calculated for each in RATES if each.code is twin} == {rate.percent > 0}


def test_periods_of_a_code_do_not_overlap_or_leave_a_gap() -> None:
    for code in Vat:
        periods = [rate for rate in RATES if rate.code is code]
        for before, after in pairwise(periods):
            assert after.since == before.until + timedelta(days=1)


@pytest.mark.parametrize(
    ("sum_kop", "code", "vat_kop"),
    [
        (120, 1, 20),
        (3, 1, 1),
        (2, 1, 0),
        (100, 1, 17),
        (0, 1, 0),
        (11, 2, 1),
        (5, 2, 0),
        (100, 5, 0),
        (100, 6, 0),
    ],
)
def test_tax_is_rounded_half_up(sum_kop: int, code: int, vat_kop: int) -> None:
    assert vat_amount_kop(sum_kop, code, date(2024, 1, 1)) == vat_kop


def test_sums_of_a_receipt_are_by_code_and_rounded_once() -> None:
    def item(sum_kop: int, code: Vat) -> Item:
        return Item("Goods", sum_kop, 1_000_000, sum_kop, code)

    items = (
        item(2, Vat.VAT_20),
        item(700, Vat.NONE),
        item(2, Vat.VAT_20),
        item(110, Vat.VAT_10),
        item(9, Vat.VAT_0),
    )
    receipt = Receipt(
        SettlementType.SALE,
        items,
        Payments(cash_kop=823),
        Taxation.GENERAL,
        "7707083893",
        "shop.example",
        Buyer("b@example.org"),
    )
    sums = vat_sums(receipt, date(2024, 1, 1))
    # two lines of 2 kopecks have no tax each, but 4 kopecks have 0.67
    assert sums == {Vat.VAT_20: 1, Vat.VAT_10: 10, Vat.VAT_0: 9, Vat.NONE: 700}
    assert list(sums) == sorted(sums)
    assert vat_sums(receipt, date(2018, 12, 31))[Vat.VAT_20] == 1
