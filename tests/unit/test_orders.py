"""Which event of an order makes which receipt, under which rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import product
from typing import Any

import pytest

from fiscal.orders import (
    SYSTEMS,
    TABLE,
    AtPayment,
    Form,
    InvalidOrder,
    Line,
    Moment,
    Order,
    Paid,
    PaymentSystem,
    Rules,
    cancel,
    receipt_for,
    return_of,
)
from fiscal.receipt import (
    Buyer,
    Correction,
    Payments,
    Receipt,
    SettlementMethod,
    SettlementType,
    Taxation,
    Vat,
    validate,
)

DAY = date(2025, 6, 2)
KETTLE = Line("Kettle", 150_000, 1_000_000, Vat.VAT_20)
TEA = Line("Tea", 29_900, 3_000_000, Vat.VAT_10)
BOOK = Line("Book", 50_000, 1_000_000, Vat.VAT_10)
ORDER = Order(
    "A-1",
    0,
    (KETTLE, TEA, BOOK),
    (Paid("card", 289_700),),
    "7707083893",
    "https://shop.example",
    Taxation.GENERAL,
    Buyer("buyer@example.org"),
)
PREPAYMENT = Rules(at_payment=AtPayment.PREPAYMENT)
ADVANCE = Rules(at_payment=AtPayment.ADVANCE)
SELL = Rules()


def paid(*payments: tuple[str, int], **changes: Any) -> Order:
    return replace(ORDER, payments=tuple(Paid(*payment) for payment in payments), **changes)


def made(order: Order, moment: Moment, rules: Rules, *, shipped: bool = False) -> Receipt:
    receipt = receipt_for(order, moment, rules, DAY, shipped=shipped)
    assert receipt is not None
    validate(receipt, DAY)
    return receipt


def methods(receipt: Receipt) -> set[SettlementMethod]:
    return {item.method for item in receipt.items}


ALL = (("card", 289_700),)
HALF = (("card", 100_000),)
NOTHING: tuple[tuple[str, int], ...] = ()
M = SettlementMethod

CASES: list[tuple[Moment, Rules, bool, tuple[tuple[str, int], ...], SettlementMethod | None, Payments]] = [
    (Moment.PAYMENT, SELL, False, ALL, M.FULL_SETTLEMENT, Payments(cashless_kop=289_700)),
    (
        Moment.PAYMENT,
        SELL,
        False,
        HALF,
        M.PARTIAL_SETTLEMENT_AND_CREDIT,
        Payments(cashless_kop=100_000, credit_kop=189_700),
    ),
    (Moment.PAYMENT, PREPAYMENT, False, ALL, M.FULL_PREPAYMENT, Payments(cashless_kop=289_700)),
    (Moment.PAYMENT, PREPAYMENT, False, HALF, M.PREPAYMENT, Payments(cashless_kop=100_000)),
    (Moment.PAYMENT, ADVANCE, False, ALL, M.ADVANCE, Payments(cashless_kop=289_700)),
    (Moment.PAYMENT, ADVANCE, False, HALF, M.ADVANCE, Payments(cashless_kop=100_000)),
    (Moment.PAYMENT, SELL, True, ALL, M.CREDIT_PAYMENT, Payments(cashless_kop=289_700)),
    (Moment.PAYMENT, ADVANCE, True, HALF, M.CREDIT_PAYMENT, Payments(cashless_kop=100_000)),
    (Moment.PAYMENT, SELL, False, NOTHING, None, Payments()),
    (Moment.SHIPMENT, SELL, False, ALL, None, Payments()),
    (Moment.SHIPMENT, SELL, False, HALF, None, Payments()),
    (Moment.SHIPMENT, PREPAYMENT, False, ALL, M.FULL_SETTLEMENT, Payments(prepaid_kop=289_700)),
    (Moment.SHIPMENT, ADVANCE, False, ALL, M.FULL_SETTLEMENT, Payments(prepaid_kop=289_700)),
    (
        Moment.SHIPMENT,
        ADVANCE,
        False,
        HALF,
        M.PARTIAL_SETTLEMENT_AND_CREDIT,
        Payments(prepaid_kop=100_000, credit_kop=189_700),
    ),
    (Moment.SHIPMENT, SELL, False, NOTHING, M.TRANSFER_ON_CREDIT, Payments(credit_kop=289_700)),
    (Moment.SHIPMENT, PREPAYMENT, False, NOTHING, M.TRANSFER_ON_CREDIT, Payments(credit_kop=289_700)),
]


@pytest.mark.parametrize(("moment", "rules", "shipped", "payments", "method", "expected"), CASES)
def test_which_event_makes_which_receipt(
    moment: Moment,
    rules: Rules,
    shipped: bool,
    payments: tuple[tuple[str, int], ...],
    method: SettlementMethod | None,
    expected: Payments,
) -> None:
    order = paid(*payments)
    if method is None:
        assert receipt_for(order, moment, rules, DAY, shipped=shipped) is None
        return
    receipt = made(order, moment, rules, shipped=shipped)
    assert methods(receipt) == {method}
    assert receipt.payments == expected
    assert receipt.type is SettlementType.SALE


def test_every_case_has_a_row_and_every_row_a_case() -> None:
    used = set()
    for moment, at_payment, shipped, payments in product(
        Moment, AtPayment, (False, True), (ALL, HALF, NOTHING)
    ):
        receipt = receipt_for(paid(*payments), moment, Rules(at_payment=at_payment), DAY, shipped=shipped)
        used.add(None if receipt is None else receipt.items[0].method)
    assert used == {row.method for row in TABLE} == {*SettlementMethod, None}


def test_money_before_the_goods_has_calculated_rates() -> None:
    receipt = made(ORDER, Moment.PAYMENT, PREPAYMENT)
    assert [item.vat for item in receipt.items] == [Vat.VAT_20_120, Vat.VAT_10_110, Vat.VAT_10_110]
    plain = made(ORDER, Moment.PAYMENT, replace(PREPAYMENT, calculated_vat=False))
    assert [item.vat for item in plain.items] == [Vat.VAT_20, Vat.VAT_10, Vat.VAT_10]


def test_an_advance_names_no_goods_but_keeps_the_rates_apart() -> None:
    receipt = made(ORDER, Moment.PAYMENT, ADVANCE)
    assert [(item.name, item.subject, item.vat, item.sum_kop) for item in receipt.items] == [
        ("Аванс", 10, Vat.VAT_20_120, 150_000),
        ("Аванс", 10, Vat.VAT_10_110, 139_700),
    ]


def test_a_partial_prepayment_is_spread_over_the_goods() -> None:
    receipt = made(paid(("card", 100_000)), Moment.PAYMENT, PREPAYMENT)
    assert [item.name for item in receipt.items] == ["Kettle", "Tea", "Book"]
    assert [item.sum_kop for item in receipt.items] == [51_778, 30_963, 17_259]


def test_mixed_payments_in_one_order() -> None:
    cash_and_card = made(paid(("card", 200_000), ("cash", 89_700)), Moment.PAYMENT, SELL)
    assert cash_and_card.payments == Payments(cash_kop=89_700, cashless_kop=200_000)
    with_bonus = made(paid(("card", 250_000), ("bonus", 39_700)), Moment.PAYMENT, SELL)
    assert with_bonus.payments == Payments(cashless_kop=250_000)
    assert with_bonus.total_kop == 250_000
    with_account = made(paid(("account", 89_700), ("sbp", 200_000)), Moment.PAYMENT, SELL)
    assert with_account.payments == Payments(cashless_kop=200_000, prepaid_kop=89_700)
    on_credit = made(paid(("account", 89_700), ("credit", 200_000)), Moment.PAYMENT, SELL)
    assert on_credit.payments == Payments(prepaid_kop=89_700, credit_kop=200_000)
    assert methods(on_credit) == {SettlementMethod.PARTIAL_SETTLEMENT_AND_CREDIT}


def test_an_advance_takes_only_new_money() -> None:
    order = paid(("account", 89_700), ("card", 200_000))
    assert made(order, Moment.PAYMENT, ADVANCE).payments == Payments(cashless_kop=200_000)
    assert made(order, Moment.SHIPMENT, ADVANCE).payments == Payments(prepaid_kop=289_700)
    assert receipt_for(paid(("account", 289_700)), Moment.PAYMENT, ADVANCE, DAY) is None


def test_payment_systems_that_need_no_receipt() -> None:
    assert receipt_for(paid(("invoice", 289_700)), Moment.PAYMENT, SELL, DAY) is None
    assert receipt_for(paid(("invoice", 289_700)), Moment.SHIPMENT, PREPAYMENT, DAY) is None
    with pytest.raises(InvalidOrder, match="two orders"):
        receipt_for(paid(("invoice", 200_000), ("card", 89_700)), Moment.PAYMENT, SELL, DAY)


def test_a_shop_may_know_other_payment_systems() -> None:
    rules = Rules(systems={**SYSTEMS, "stickers": PaymentSystem(Form.BONUS)})
    assert made(paid(("stickers", 9_700), ("card", 280_000)), Moment.PAYMENT, rules).total_kop == 280_000


def test_discount_and_bonus_lower_the_goods_and_not_the_delivery() -> None:
    order = paid(("card", 262_399), discount_kop=50_000, bonus_kop=7_301, delivery_kop=30_000)
    receipt = made(order, Moment.PAYMENT, SELL)
    assert receipt.total_kop == 262_399
    assert (receipt.items[-1].name, receipt.items[-1].subject, receipt.items[-1].sum_kop) == (
        "Доставка",
        4,
        30_000,
    )
    lowered = made(order, Moment.PAYMENT, replace(SELL, discount_on_delivery=True))
    assert lowered.total_kop == 262_399
    assert lowered.items[-1].sum_kop < 30_000


def test_a_discounted_line_becomes_two_when_no_price_fits() -> None:
    line = Line("Mugs", 1_000, 7_000_000, Vat.VAT_20, discount_kop=3)
    receipt = made(paid(("card", 6_997), lines=(line,)), Moment.PAYMENT, SELL)
    assert [(i.price_kop, i.quantity_e6, i.sum_kop) for i in receipt.items] == [
        (999, 3_000_000, 2_997),
        (1_000, 4_000_000, 4_000),
    ]


def test_the_line_that_registers_refused_in_the_field() -> None:
    """47.80 x 21.99 less 0.12."""
    line = Line("Cable", 4_780, 21_990_000, Vat.VAT_20, discount_kop=12, unit=22)
    receipt = made(paid(("card", 105_100), lines=(line,)), Moment.PAYMENT, SELL)
    assert receipt.total_kop == 105_100
    assert sum(item.quantity_e6 for item in receipt.items) == 21_990_000


def test_free_lines_stay_or_go() -> None:
    order = paid(("card", 150_000), lines=(KETTLE, Line("Gift", 0, 1_000_000)))
    assert [item.name for item in made(order, Moment.PAYMENT, SELL).items] == ["Kettle", "Gift"]
    dropped = made(order, Moment.PAYMENT, replace(SELL, drop_free=True))
    assert [item.name for item in dropped.items] == ["Kettle"]


def test_an_order_discounted_away_needs_no_receipt() -> None:
    assert receipt_for(paid(("bonus", 289_700)), Moment.PAYMENT, SELL, DAY) is None


def test_names_are_cut_and_cleaned() -> None:
    line = replace(KETTLE, name=" Kettle\n\x07" + "e" * 200)
    receipt = made(paid(("card", 150_000), lines=(line,)), Moment.PAYMENT, SELL)
    assert receipt.items[0].name == "Kettle " + "e" * 121


def test_the_buyers_contact_is_normalised_or_replaced() -> None:
    phone = made(replace(ORDER, buyer=Buyer(phone="8 (900) 123-45-67")), Moment.PAYMENT, SELL)
    assert phone.buyer.phone == "+79001234567"
    nobody = replace(ORDER, buyer=Buyer())
    shop = made(nobody, Moment.PAYMENT, replace(SELL, fallback_email="shop@example.org"))
    assert shop.buyer.email == "shop@example.org"
    receipt = receipt_for(nobody, Moment.PAYMENT, SELL, DAY)
    assert receipt is not None
    with pytest.raises(ValueError, match="buyer: an electronic receipt has nowhere to go"):
        validate(receipt, DAY)


def test_the_standard_rate_is_that_of_the_day() -> None:
    receipt = receipt_for(ORDER, Moment.PAYMENT, SELL, date(2026, 1, 1))
    assert receipt is not None
    assert receipt.items[0].vat is Vat.VAT_22


def test_quantities_below_zero_make_a_return() -> None:
    lines = (replace(TEA, quantity_e6=-2_000_000),)
    receipt = made(paid(("card", 59_800), lines=lines), Moment.PAYMENT, SELL)
    assert receipt.type is SettlementType.SALE_RETURN
    assert receipt.items[0].quantity_e6 == 2_000_000
    assert receipt.payments == Payments(cashless_kop=59_800)
    with pytest.raises(InvalidOrder, match="payments: 1 goes back for goods of 59800"):
        receipt_for(paid(("card", 1), lines=lines), Moment.PAYMENT, SELL, DAY)


def test_what_comes_back_keeps_its_rate() -> None:
    order = paid(("card", 150_000), lines=(replace(KETTLE, quantity_e6=-1_000_000),))
    receipt = receipt_for(order, Moment.PAYMENT, SELL, date(2026, 1, 1))
    assert receipt is not None
    assert receipt.items[0].vat is Vat.VAT_20
    validate(receipt, date(2026, 1, 1))


IMPOSSIBLE: dict[str, tuple[Order, str]] = {
    "no goods": (paid(lines=()), "lines"),
    "no quantity": (paid(lines=(replace(TEA, quantity_e6=0),)), "lines[0].quantity_e6"),
    "both ways": (paid(lines=(TEA, replace(TEA, quantity_e6=-1))), "lines[1].quantity_e6"),
    "price below zero": (paid(lines=(replace(TEA, price_kop=-1),)), "lines[0].price_kop"),
    "price a float": (paid(lines=(replace(TEA, price_kop=1.5),)), "lines[0].price_kop"),  # type: ignore[arg-type]
    "discount below zero": (paid(lines=(replace(TEA, discount_kop=-1),)), "lines[0].discount_kop"),
    "discount above the line": (paid(lines=(replace(TEA, discount_kop=89_701),)), "lines[0].discount_kop"),
    "nameless": (paid(lines=(KETTLE, replace(TEA, name=" \n"))), "lines[1].name"),
    "delivery below zero": (paid(delivery_kop=-1), "delivery_kop"),
    "discount above the goods": (paid(discount_kop=289_701, delivery_kop=1), "discount_kop"),
    "unknown system": (paid(("cheque", 289_700)), "payments[0].system"),
    "payment below zero": (paid(("card", -1)), "payments[0].sum_kop"),
    "paid too much": (paid(("card", 289_701)), "payments"),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_an_impossible_order_is_refused_with_its_field(case: str) -> None:
    order, path = IMPOSSIBLE[case]
    with pytest.raises(InvalidOrder) as caught:
        receipt_for(order, Moment.PAYMENT, SELL, DAY)
    assert [problem.field for problem in caught.value.problems] == [path]


def test_all_problems_of_an_order_at_once() -> None:
    order = paid(("cheque", 1), lines=(replace(TEA, name="", quantity_e6=0),), bonus_kop=-1)
    with pytest.raises(InvalidOrder) as caught:
        receipt_for(order, Moment.PAYMENT, SELL, DAY)
    assert [problem.field for problem in caught.value.problems] == [
        "lines[0].quantity_e6",
        "lines[0].name",
        "bonus_kop",
        "payments[0].system",
    ]


def test_a_return_copies_the_payment_forms() -> None:
    sale = made(paid(("card", 200_000), ("cash", 89_700)), Moment.PAYMENT, SELL)
    assert return_of(sale) == replace(sale, type=SettlementType.SALE_RETURN)
    some = return_of(sale, [0])
    validate(some, DAY)
    assert [item.name for item in some.items] == ["Kettle"]
    assert some.payments == Payments(cash_kop=46_445, cashless_kop=103_555)


@pytest.mark.parametrize("items", [[], [3], [-1]])
def test_a_return_of_items_that_are_not_there(items: list[int]) -> None:
    with pytest.raises(ValueError, match="are not items"):
        return_of(made(ORDER, Moment.PAYMENT, SELL), items)


def test_only_sales_and_purchases_can_be_returned() -> None:
    sale = made(ORDER, Moment.PAYMENT, SELL)
    assert return_of(replace(sale, type=SettlementType.PURCHASE)).type is SettlementType.PURCHASE_RETURN
    with pytest.raises(ValueError, match="only a sale"):
        return_of(return_of(sale))
    with pytest.raises(ValueError, match="only a sale"):
        return_of(replace(sale, correction=Correction(False, "2025-06-01")))


def test_an_order_with_receipts_is_cancelled_by_their_returns() -> None:
    prepaid = made(ORDER, Moment.PAYMENT, PREPAYMENT)
    closing = made(ORDER, Moment.SHIPMENT, PREPAYMENT)
    assert cancel(()) == ()
    assert cancel((prepaid, closing)) == (return_of(closing), return_of(prepaid))
    assert cancel((prepaid, closing, return_of(closing))) == (return_of(prepaid),)
    assert cancel((prepaid, return_of(prepaid))) == ()
    with pytest.raises(ValueError, match="in part"):
        cancel((prepaid, return_of(prepaid, [0])))
