"""Every rule of validation has one receipt that breaks it and nothing else, and the problem names the field."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from fiscal.parties import inn_fault, normal_phone
from fiscal.receipt import (
    Buyer,
    Correction,
    InvalidReceipt,
    Item,
    Payments,
    Receipt,
    SettlementMethod,
    SettlementType,
    Taxation,
    Vat,
    normalised,
    validate,
)
from fiscal.validation import FFD_12, FFD_105, MAX_QUANTITY_E6, MAX_SUM_KOP, check

DAY = date(2024, 5, 17)
ITEM = Item("Чайник эмалированный", 1_000, 2_000_000, 2_000, Vat.VAT_20)
GOOD = Receipt(
    SettlementType.SALE,
    (ITEM, ITEM, ITEM, replace(ITEM, name="Tea, 0.5 kg", price_kop=999, quantity_e6=500_000, sum_kop=500)),
    Payments(cash_kop=500, cashless_kop=6_000),
    Taxation.GENERAL,
    "7707083893",
    "https://shop.example",
    Buyer(email="buyer@example.org"),
)
CORRECTION = Correction(by_order=True, date="2024-05-01", number="17-1")


def with_item(**changes: Any) -> Receipt:
    """The fourth line changed; the payments follow its sum."""
    item = replace(GOOD.items[3], **changes)
    cash = item.sum_kop if type(item.sum_kop) is int and item.sum_kop >= 0 else 500
    return replace(GOOD, items=(*GOOD.items[:3], item), payments=Payments(cash_kop=cash, cashless_kop=6_000))


def one(method: SettlementMethod, payments: Payments, *, parts: int = 1, subject: int = 1) -> Receipt:
    item = Item("Goods", 1_000, 1_000_000, 1_000, Vat.VAT_20, method, subject)
    return replace(GOOD, items=(item,), payments=payments, parts=parts)


def of(**changes: Any) -> Receipt:
    return replace(GOOD, **changes)


def test_a_good_receipt_passes() -> None:
    validate(GOOD, DAY)
    validate(GOOD, DAY, ffd=FFD_105)
    validate(GOOD, DAY, ffd=FFD_12)


BROKEN: dict[str, tuple[Receipt, str]] = {
    "name empty": (with_item(name=""), "items[3].name"),
    "name too long": (with_item(name="x" * 129), "items[3].name"),
    "name unprintable": (with_item(name="a\nb"), "items[3].name"),
    "name half a character": (with_item(name="a\ud83d"), "items[3].name"),
    "price negative": (with_item(price_kop=-1, sum_kop=0), "items[3].price_kop"),
    "price a float": (with_item(price_kop=999.0), "items[3].price_kop"),
    "price too large": (
        with_item(price_kop=MAX_SUM_KOP + 1, quantity_e6=1, sum_kop=281_474_977),
        "items[3].price_kop",
    ),
    "quantity zero": (with_item(quantity_e6=0, sum_kop=0), "items[3].quantity_e6"),
    "quantity negative": (with_item(quantity_e6=-1_000_000, sum_kop=0), "items[3].quantity_e6"),
    "quantity too large": (
        with_item(quantity_e6=MAX_QUANTITY_E6 + 1, price_kop=0, sum_kop=0),
        "items[3].quantity_e6",
    ),
    "sum negative": (with_item(sum_kop=-1, price_kop=0), "items[3].sum_kop"),
    "sum a bool": (with_item(sum_kop=True, price_kop=1, quantity_e6=1_000_000), "items[3].sum_kop"),
    "sum more than a kopeck off": (with_item(sum_kop=501), "items[3].sum_kop"),
    "sum more than a kopeck short": (with_item(sum_kop=498), "items[3].sum_kop"),
    "discount of fault F11": (
        with_item(price_kop=4_780, quantity_e6=21_990_000, sum_kop=105_100),
        "items[3].sum_kop",
    ),
    "vat unknown": (with_item(vat=13), "items[3].vat"),
    "vat not yet": (with_item(vat=Vat.VAT_22), "items[3].vat"),
    "method unknown": (with_item(method=8), "items[3].method"),
    "subject unknown": (with_item(subject=28), "items[3].subject"),
    "unit unknown": (with_item(unit=1), "items[3].unit"),
    "advance for goods": (one(SettlementMethod.ADVANCE, Payments(cash_kop=1_000)), "items[0].subject"),
    "nothing in it": (of(items=(), payments=Payments()), "items"),
    "worth nothing": (
        of(items=(replace(ITEM, price_kop=0, sum_kop=0),), payments=Payments()),
        "items",
    ),
    "total too large": (
        of(
            items=(replace(ITEM, price_kop=MAX_SUM_KOP, quantity_e6=1_000_000, sum_kop=MAX_SUM_KOP),) * 2,
            payments=Payments(MAX_SUM_KOP, MAX_SUM_KOP),
        ),
        "items",
    ),
    "a kopeck short": (of(payments=Payments(cash_kop=499, cashless_kop=6_000)), "payments"),
    "cash negative": (of(payments=Payments(cash_kop=-1, cashless_kop=6_501)), "payments.cash_kop"),
    "cashless a float": (of(payments=Payments(500, 6_000.0)), "payments.cashless_kop"),  # type: ignore[arg-type]
    "prepaid negative": (of(payments=Payments(500, 6_001, -1)), "payments.prepaid_kop"),
    "provision too large": (
        of(payments=Payments(provision_kop=MAX_SUM_KOP + 1)),
        "payments.provision_kop",
    ),
    "credit under full settlement": (of(payments=Payments(500, 5_000, 0, 1_000)), "payments.credit_kop"),
    "credit under full prepayment": (
        one(SettlementMethod.FULL_PREPAYMENT, Payments(cash_kop=999, credit_kop=1)),
        "payments.credit_kop",
    ),
    "credit under prepayment": (
        one(SettlementMethod.PREPAYMENT, Payments(cash_kop=999, credit_kop=1)),
        "payments.credit_kop",
    ),
    "credit under payment of credit": (
        one(SettlementMethod.CREDIT_PAYMENT, Payments(cash_kop=999, credit_kop=1)),
        "payments.credit_kop",
    ),
    "partial without credit": (
        one(SettlementMethod.PARTIAL_SETTLEMENT_AND_CREDIT, Payments(cash_kop=1_000)),
        "payments.credit_kop",
    ),
    "partial with nothing but credit": (
        one(SettlementMethod.PARTIAL_SETTLEMENT_AND_CREDIT, Payments(credit_kop=1_000)),
        "payments.credit_kop",
    ),
    "on credit but paid": (
        one(SettlementMethod.TRANSFER_ON_CREDIT, Payments(cash_kop=1_000)),
        "payments.credit_kop",
    ),
    "advance by advance": (
        one(SettlementMethod.ADVANCE, Payments(prepaid_kop=1_000), subject=10),
        "payments.prepaid_kop",
    ),
    "more offset than the lines allow": (
        of(
            items=(ITEM, replace(ITEM, method=SettlementMethod.ADVANCE, subject=10)),
            payments=Payments(cash_kop=1_999, prepaid_kop=2_001),
        ),
        "payments.prepaid_kop",
    ),
    "type unknown": (of(type=5), "type"),
    "taxation none": (of(taxation=Taxation(0)), "taxation"),
    "taxation two": (of(taxation=Taxation.GENERAL | Taxation.PATENT), "taxation"),
    "entity check digit": (of(entity="7707083894"), "entity"),
    "entity length": (of(entity="77070838931"), "entity"),
    "entity zeros": (of(entity="0" * 10), "entity"),
    "site missing": (of(site=""), "site"),
    "site too long": (of(site="x" * 257), "site"),
    "cashier too long": (of(cashier="x" * 65), "cashier"),
    "cashier's tax number": (of(cashier_inn="500100732250"), "cashier_inn"),
    "nowhere to send": (of(buyer=Buyer()), "buyer"),
    "mail without a host": (of(buyer=Buyer(email="buyer@localhost")), "buyer.email"),
    "mail too long": (of(buyer=Buyer(email="b" * 53 + "@example.org")), "buyer.email"),
    "phone with ornament": (of(buyer=Buyer(phone="8 900 123-45-67")), "buyer.phone"),
    "phone too short for its country": (of(buyer=Buyer(phone="+7900123456")), "buyer.phone"),
    "buyer's name too long": (of(buyer=Buyer(email="b@example.org", name="x" * 257)), "buyer.name"),
    "buyer's tax number": (of(buyer=Buyer(email="b@example.org", inn="123")), "buyer.inn"),
    "part zero": (of(part=0), "part"),
    "part beyond": (of(part=2), "part"),
    "order without number": (of(correction=replace(CORRECTION, number=" ")), "correction.number"),
    "order's number too long": (of(correction=replace(CORRECTION, number="1" * 33)), "correction.number"),
    "correction without date": (of(correction=replace(CORRECTION, date="01.05.2024")), "correction.date"),
    "correction of the future": (of(correction=replace(CORRECTION, date="2024-05-18")), "correction.date"),
    "correction type unknown": (of(type=0, correction=CORRECTION), "type"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_receipt_names_the_field(case: str) -> None:
    receipt, path = BROKEN[case]
    with pytest.raises(InvalidReceipt) as caught:
        validate(receipt, DAY)
    assert [problem.field for problem in caught.value.problems] == [path]
    (problem,) = caught.value.problems
    assert problem.why and problem.todo
    assert str(caught.value) == f"{path}: {problem.why}; {problem.todo}"


OF_ONE_VERSION: dict[str, tuple[Receipt, int, str]] = {
    "marked goods before 1.2": (with_item(subject=32), FFD_105, "items[3].subject"),
    "return corrected in 1.05": (
        of(type=SettlementType.SALE_RETURN, correction=CORRECTION),
        FFD_105,
        "type",
    ),
    "no document in 1.05": (of(correction=Correction(False, "2024-05-01")), FFD_105, "correction.number"),
    "own correction with a number in 1.2": (
        of(correction=Correction(False, "2024-05-01", "7")),
        FFD_12,
        "correction.number",
    ),
}


@pytest.mark.parametrize("case", OF_ONE_VERSION)
def test_a_rule_of_one_version_of_the_format(case: str) -> None:
    receipt, version, path = OF_ONE_VERSION[case]
    other = FFD_12 if version == FFD_105 else FFD_105
    assert [problem.field for problem in check(receipt, DAY, version)] == [path]
    assert check(receipt, DAY, other) == []
    assert check(receipt, DAY) == []


@pytest.mark.parametrize("sum_kop", [499, 500])
def test_a_sum_within_a_kopeck_of_price_times_quantity(sum_kop: int) -> None:
    assert check(with_item(sum_kop=sum_kop), DAY) == []


def test_exactly_a_kopeck_off_is_within() -> None:
    assert check(with_item(quantity_e6=1_000_000, price_kop=501, sum_kop=500), DAY) == []


def test_a_settlement_is_corrected_on_its_own_day_at_the_earliest() -> None:
    assert check(of(correction=replace(CORRECTION, date=DAY.isoformat())), DAY) == []


def test_cashless_above_the_total_is_named_beside_the_disagreement() -> None:
    problems = check(of(payments=Payments(cashless_kop=7_000)), DAY)
    assert [problem.field for problem in problems] == ["payments", "payments.cashless_kop"]


def test_all_problems_are_reported_at_once_and_the_text_stays_short() -> None:
    bad = replace(ITEM, name="", unit=1)
    receipt = of(items=(bad,) * 20, payments=Payments(cash_kop=40_000), entity="1", buyer=Buyer())
    with pytest.raises(InvalidReceipt) as caught:
        validate(receipt, DAY)
    fields = [problem.field for problem in caught.value.problems]
    assert len(fields) == 42
    assert fields[:2] == ["items[0].name", "items[0].unit"]
    assert fields[-2:] == ["entity", "buyer"]
    assert str(caught.value).endswith("and 32 more")


@pytest.mark.parametrize(
    ("method", "payments"),
    [
        (SettlementMethod.FULL_PREPAYMENT, Payments(cash_kop=400, cashless_kop=600)),
        (SettlementMethod.FULL_PREPAYMENT, Payments(cashless_kop=600, prepaid_kop=400)),
        (SettlementMethod.PREPAYMENT, Payments(cashless_kop=1_000)),
        (SettlementMethod.FULL_SETTLEMENT, Payments(prepaid_kop=1_000)),
        (SettlementMethod.FULL_SETTLEMENT, Payments(100, 200, 300, 0, 400)),
        (SettlementMethod.PARTIAL_SETTLEMENT_AND_CREDIT, Payments(prepaid_kop=400, credit_kop=600)),
        (SettlementMethod.TRANSFER_ON_CREDIT, Payments(credit_kop=1_000)),
        (SettlementMethod.CREDIT_PAYMENT, Payments(cashless_kop=1_000)),
    ],
)
def test_the_methods_and_the_payments_they_allow(method: SettlementMethod, payments: Payments) -> None:
    assert check(one(method, payments), DAY) == []


def test_an_advance_is_a_payment_in_new_money() -> None:
    assert check(one(SettlementMethod.ADVANCE, Payments(cashless_kop=1_000), subject=10), DAY) == []


def test_methods_in_one_receipt_share_its_payments() -> None:
    paid = one(SettlementMethod.FULL_SETTLEMENT, Payments()).items[0]
    owed = replace(paid, method=SettlementMethod.TRANSFER_ON_CREDIT)
    assert check(of(items=(paid, owed), payments=Payments(prepaid_kop=1_000, credit_kop=1_000)), DAY) == []
    (problem,) = check(of(items=(paid, owed), payments=Payments(cash_kop=1_001, credit_kop=999)), DAY)
    assert problem.field == "payments.credit_kop"


def test_a_part_of_a_divided_receipt_may_have_its_credit_elsewhere() -> None:
    method = SettlementMethod.PARTIAL_SETTLEMENT_AND_CREDIT
    assert check(one(method, Payments(cash_kop=1_000), parts=2), DAY) == []
    assert check(one(method, Payments(credit_kop=1_000), parts=2), DAY) == []


def test_old_rates_are_legal_in_returns_and_corrections_only() -> None:
    later = date(2026, 2, 1)
    sale = of(items=(ITEM,), payments=Payments(cash_kop=2_000))
    assert [problem.field for problem in check(sale, later)] == ["items[0].vat"]
    assert check(replace(sale, type=SettlementType.SALE_RETURN), later) == []
    assert check(replace(sale, correction=replace(CORRECTION, date="2025-12-31")), later) == []
    corrected = replace(sale, correction=replace(CORRECTION, date="2026-01-01"))
    assert [problem.field for problem in check(corrected, later)] == ["items[0].vat"]


def test_paper_needs_no_contact_but_a_given_one_must_be_right() -> None:
    assert check(of(electronic=False, buyer=Buyer()), DAY) == []
    assert [p.field for p in check(of(electronic=False, buyer=Buyer(phone="12")), DAY)] == ["buyer.phone"]


@pytest.mark.parametrize("inn", ["7707083893", "7830002293", "500100732259", "7702070139"])
def test_tax_numbers_with_right_check_digits(inn: str) -> None:
    assert inn_fault(inn) == ""


@pytest.mark.parametrize(
    ("inn", "place"), [(inn, place) for inn in ("7707083893", "500100732259") for place in range(len(inn))]
)
def test_one_wrong_digit_of_a_tax_number_is_found(inn: str, place: int) -> None:
    digit = str((int(inn[place]) + 1) % 10)
    assert inn_fault(inn[:place] + digit + inn[place + 1 :]) == "has wrong check digits"


def test_both_check_digits_of_a_person_count() -> None:
    assert inn_fault("500100732266") == "has wrong check digits"


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("+7 (900) 123-45-67", "+79001234567"),
        ("8 900 123 45 67", "+79001234567"),
        ("79001234567", "+79001234567"),
        ("900.123.45.67", "+79001234567"),
        ("+375 29 123-45-67", "+375291234567"),
        ("00 49 30 123456", "+4930123456"),
    ],
)
def test_phones_as_people_write_them(written: str, normal: str) -> None:
    assert normal_phone(written) == normal


@pytest.mark.parametrize(
    "written", ["", "12345", "call me", "+7 900 123-45-6", "+0 123 456 78 90", "٩٠٠١٢٣٤٥٦٧"]
)
def test_what_is_not_a_phone(written: str) -> None:
    with pytest.raises(ValueError, match="not a telephone number"):
        normal_phone(written)


def test_a_receipt_from_outside_is_normalised_before_it_is_judged() -> None:
    item = replace(ITEM, name="  Long\tname " + "x" * 200)
    raw = of(
        items=(item,),
        payments=Payments(cash_kop=2_000),
        buyer=Buyer(email=" b@example.org ", phone="8 900 123-45-67"),
    )
    kept = normalised(raw)
    assert kept.items[0].name == "Long name " + "x" * 118
    assert kept.buyer == Buyer(email="b@example.org", phone="+79001234567")
    assert check(raw, DAY) != []
    assert check(kept, DAY) == []
    assert normalised(kept) == kept


def test_a_phone_that_cannot_be_understood_is_left_for_validation() -> None:
    kept = normalised(of(buyer=Buyer(phone=" call me ")))
    assert [problem.field for problem in check(kept, DAY)] == ["buyer.phone"]
