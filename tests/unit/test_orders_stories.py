"""The stories of orders: every receipt of them is valid, and together they move what the buyer really paid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest

from fiscal.orders import AtPayment, InvalidOrder, Line, Order, Paid, Rules
from fiscal.receipt import Buyer, Payments, Receipt, SettlementMethod, SettlementType, Taxation, Vat, validate
from fiscal.stories import delivered_in_parts, missing_money_back, missing_money_kept, net, refused_at_door

DAY = date(2025, 12, 30)
LATER = date(2026, 1, 12)
ORDER = Order(
    "A-1",
    0,
    (
        Line("Kettle", 150_000, 1_000_000, Vat.VAT_20),
        Line("Tea", 29_900, 3_000_000, Vat.VAT_10),
        Line("Book", 50_000, 1_000_000, Vat.VAT_10),
    ),
    (Paid("card", 200_000), Paid("cash", 62_899), Paid("bonus", 10_000)),
    "7707083893",
    "https://shop.example",
    Taxation.GENERAL,
    Buyer("buyer@example.org"),
    delivery_kop=30_000,
    delivery_vat=Vat.VAT_20,
    discount_kop=46_801,
)
PAID = 262_899
SELL = Rules()
PREPAYMENT = Rules(at_payment=AtPayment.PREPAYMENT)
ADVANCE = Rules(at_payment=AtPayment.ADVANCE)
S, R = SettlementType.SALE, SettlementType.SALE_RETURN
M = SettlementMethod


def shape(receipts: Sequence[Receipt]) -> list[tuple[SettlementType, SettlementMethod]]:
    for receipt in receipts:
        assert len({item.method for item in receipt.items}) == 1
    return [(receipt.type, receipt.items[0].method) for receipt in receipts]


def valid(receipts: Sequence[Receipt], days: Sequence[date] = ()) -> None:
    for number, receipt in enumerate(receipts):
        validate(receipt, days[number] if days else DAY)


def test_a_missing_and_money_back() -> None:
    receipts = missing_money_back(ORDER, [1], SELL, DAY)
    valid(receipts)
    assert shape(receipts) == [(S, M.FULL_SETTLEMENT), (R, M.FULL_SETTLEMENT), (S, M.FULL_SETTLEMENT)]
    sold, back, rest = receipts
    assert back.items == sold.items and back.payments == sold.payments
    assert "Tea" not in {item.name for item in rest.items}
    tea_kop = sum(item.sum_kop for item in sold.items if item.name == "Tea")
    moved = net(receipts)
    assert moved.total_kop == moved.cash_kop + moved.cashless_kop == PAID - tea_kop


def test_a_prepaid_order_with_goods_missing() -> None:
    receipts = missing_money_back(ORDER, [0, 2], PREPAYMENT, DAY)
    valid(receipts)
    assert shape(receipts) == [(S, M.FULL_PREPAYMENT), (R, M.FULL_PREPAYMENT), (S, M.FULL_PREPAYMENT)]


def test_everything_missing_leaves_nothing() -> None:
    receipts = missing_money_back(ORDER, [0, 1, 2, 3], SELL, DAY)
    assert len(receipts) == 2
    assert net(receipts) == Payments()


def test_missing_from_an_order_partly_on_credit() -> None:
    order = replace(ORDER, payments=(Paid("card", 262_898), Paid("bonus", 10_000)))
    receipts = missing_money_back(order, [1], SELL, DAY)
    valid(receipts)
    assert shape(receipts)[0] == (S, M.PARTIAL_SETTLEMENT_AND_CREDIT)
    assert net(receipts).credit_kop in (0, 1)


def test_b_missing_and_money_kept() -> None:
    receipts = missing_money_kept(ORDER, [1], SELL, DAY, LATER)
    valid(receipts, (DAY, DAY, DAY, DAY, LATER))
    assert shape(receipts) == [
        (S, M.FULL_SETTLEMENT),
        (R, M.FULL_SETTLEMENT),
        (S, M.FULL_SETTLEMENT),
        (S, M.ADVANCE),
        (S, M.FULL_SETTLEMENT),
    ]
    sold, _, _, advance, closing = receipts
    assert closing.payments == Payments(prepaid_kop=advance.total_kop)
    assert {item.name for item in closing.items} == {"Tea"}
    moved = net(receipts)
    assert (moved.cash_kop, moved.cashless_kop) == (sold.payments.cash_kop, sold.payments.cashless_kop)
    assert moved.cash_kop + moved.cashless_kop == PAID
    assert net(receipts[:4]).total_kop == PAID
    assert missing_money_kept(ORDER, [1], SELL, DAY) == receipts[:4]


def test_b_the_closing_has_the_rate_of_its_day() -> None:
    *_, advance, closing = missing_money_kept(ORDER, [0], SELL, DAY, LATER)
    assert {item.vat for item in advance.items} == {Vat.VAT_20_120}
    assert {item.vat for item in closing.items} == {Vat.VAT_22}


def test_b_old_money_does_not_become_an_advance_again() -> None:
    order = replace(ORDER, payments=(Paid("account", PAID), Paid("bonus", 10_000)))
    with pytest.raises(InvalidOrder, match="only new money"):
        missing_money_kept(order, [1], SELL, DAY)


PARCELS = ({0: 1_000_000, 1: 1_000_000}, {1: 1_000_000}, {2: 1_000_000, 1: 1_000_000})


@pytest.mark.parametrize(
    ("rules", "first"), [(PREPAYMENT, M.FULL_PREPAYMENT), (ADVANCE, M.ADVANCE)], ids=["prepayment", "advance"]
)
def test_c_prepaid_and_delivered_in_parts(rules: Rules, first: SettlementMethod) -> None:
    days = (DAY, date(2025, 12, 31), LATER)
    receipts = delivered_in_parts(ORDER, PARCELS, rules, DAY, days)
    valid(receipts, (DAY, *days))
    assert shape(receipts) == [(S, first), *[(S, M.FULL_SETTLEMENT)] * 3]
    assert receipts[0].payments == Payments(cash_kop=62_899, cashless_kop=200_000)
    moved = net(receipts)
    assert moved.prepaid_kop == PAID == moved.cash_kop + moved.cashless_kop
    assert sum(receipt.total_kop for receipt in receipts[1:]) == PAID
    assert [item.name for item in receipts[1].items][-1] == "Доставка"
    for name, quantity_e6 in (("Kettle", 1_000_000), ("Tea", 3_000_000), ("Book", 1_000_000)):
        delivered = [item for receipt in receipts[1:] for item in receipt.items if item.name == name]
        assert sum(item.quantity_e6 for item in delivered) == quantity_e6


def test_c_until_the_order_is_done_something_stays_prepaid() -> None:
    receipts = delivered_in_parts(ORDER, PARCELS[:2], PREPAYMENT, DAY)
    moved = net(receipts)
    assert 0 < moved.prepaid_kop < PAID == moved.cash_kop + moved.cashless_kop


@pytest.mark.parametrize(
    ("parcels", "why"),
    [
        (({3: 1},), "line 3 does not exist"),
        (({1: 3_000_001},), "deliver what is left"),
        (({1: 0},), "deliver what is left"),
        (({1: 2_000_000}, {1: 2_000_000}), r"parcels\[1\]"),
        (({}, {}), r"parcels\[1\]: there is nothing"),
    ],
)
def test_c_impossible_parcels(parcels: Sequence[dict[int, int]], why: str) -> None:
    with pytest.raises(InvalidOrder, match=why):
        delivered_in_parts(ORDER, parcels, PREPAYMENT, DAY)


def test_c_needs_a_prepaid_order() -> None:
    with pytest.raises(InvalidOrder, match="not prepaid"):
        delivered_in_parts(ORDER, PARCELS, SELL, DAY)
    half = replace(ORDER, payments=(Paid("card", 100_000),))
    with pytest.raises(InvalidOrder, match="not prepaid as a whole"):
        delivered_in_parts(half, PARCELS, PREPAYMENT, DAY)


def test_courier_two_of_three_refused_and_the_rest_paid_at_the_door() -> None:
    receipts = refused_at_door(ORDER, [0, 2], SELL, DAY, paid_before=False)
    valid(receipts)
    (receipt,) = receipts
    assert {item.name for item in receipt.items} == {"Tea", "Доставка"}
    assert receipt.payments.total_kop == receipt.total_kop < PAID


def test_courier_everything_refused_and_nothing_paid() -> None:
    assert refused_at_door(ORDER, [0, 1, 2, 3], SELL, DAY, paid_before=False) == ()


def test_courier_nothing_refused() -> None:
    (receipt,) = refused_at_door(ORDER, [], SELL, DAY, paid_before=False)
    assert receipt.total_kop == PAID


@pytest.mark.parametrize(
    ("rules", "shapes"),
    [
        (SELL, [(S, M.FULL_SETTLEMENT), (R, M.FULL_SETTLEMENT)]),
        (PREPAYMENT, [(S, M.FULL_PREPAYMENT), (S, M.FULL_SETTLEMENT), (R, M.FULL_PREPAYMENT)]),
        (ADVANCE, [(S, M.ADVANCE), (S, M.FULL_SETTLEMENT), (R, M.ADVANCE)]),
    ],
    ids=["sell", "prepayment", "advance"],
)
def test_courier_two_of_three_refused_after_payment(
    rules: Rules, shapes: list[tuple[SettlementType, SettlementMethod]]
) -> None:
    receipts = refused_at_door(ORDER, [0, 2], rules, DAY, paid_before=True)
    valid(receipts)
    assert shape(receipts) == shapes
    refund = receipts[-1]
    moved = net(receipts)
    assert moved.cash_kop + moved.cashless_kop == PAID - refund.total_kop
    if rules is not SELL:
        assert moved.prepaid_kop == PAID - refund.total_kop


def test_courier_everything_refused_after_payment() -> None:
    receipts = refused_at_door(ORDER, [0, 1, 2, 3], PREPAYMENT, DAY, paid_before=True)
    assert shape(receipts) == [(S, M.FULL_PREPAYMENT), (R, M.FULL_PREPAYMENT)]
    assert net(receipts) == Payments()


@pytest.mark.parametrize("index", [-1, 4])
def test_lines_that_are_not_there(index: int) -> None:
    with pytest.raises(InvalidOrder, match="does not exist"):
        missing_money_back(ORDER, [index], SELL, DAY)


def test_nothing_missing_is_no_story() -> None:
    with pytest.raises(InvalidOrder, match="nothing that costs money"):
        missing_money_back(ORDER, [], SELL, DAY)
