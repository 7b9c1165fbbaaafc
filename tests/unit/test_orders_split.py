"""An order too long for one fiscal document becomes parts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest

from fiscal.orders import part_keys, split
from fiscal.receipt import (
    Buyer,
    InvalidReceipt,
    Item,
    Payments,
    Receipt,
    SettlementMethod,
    SettlementType,
    Taxation,
    Vat,
    validate,
)
from fiscal.splitting import divide

DAY = date(2024, 5, 17)


def receipt_of(lines: int, payments: Payments | None = None) -> Receipt:
    items = tuple(Item(f"Goods {n}", 100 + n, 1_000_000, 100 + n, Vat.VAT_20) for n in range(lines))
    total = sum(item.sum_kop for item in items)
    return Receipt(
        SettlementType.SALE,
        items,
        payments or Payments(cash_kop=total // 3, cashless_kop=total - total // 3),
        Taxation.GENERAL,
        "7707083893",
        "https://shop.example",
        Buyer("b@example.org"),
    )


def size(receipt: Receipt) -> int:
    return 400 + sum(30 + len(item.name) for item in receipt.items)


def test_what_fits_stays_whole() -> None:
    receipt = receipt_of(12)
    assert split(receipt) == (receipt,)
    assert split(receipt, max_items=12)[0] is receipt
    assert split(receipt, estimate=size)[0] is receipt


def test_by_lines() -> None:
    parts = split(receipt_of(25), max_items=10)
    assert [len(part.items) for part in parts] == [10, 10, 5]
    assert [(part.part, part.parts) for part in parts] == [(1, 3), (2, 3), (3, 3)]
    for part in parts:
        validate(part, DAY)


def test_by_bytes_each_part_is_as_long_as_may_be() -> None:
    whole = receipt_of(675)
    parts = split(whole, estimate=size, max_bytes=8_000)
    assert tuple(item for part in parts for item in part.items) == whole.items
    assert all(size(part) <= 8_000 for part in parts)
    for part, following in pairwise(parts):
        assert size(replace(part, items=(*part.items, following.items[0]))) > 8_000


def test_by_any_rule() -> None:
    parts = split(receipt_of(10), lambda receipt: receipt.total_kop <= 320)
    assert [[item.sum_kop for item in part.items] for part in parts] == [
        [100, 101, 102],
        [103, 104, 105],
        [106, 107],
        [108, 109],
    ]


def test_few_questions_are_asked() -> None:
    asked = 0

    def count(receipt: Receipt) -> int:
        nonlocal asked
        asked += 1
        return size(receipt)

    parts = split(receipt_of(675), estimate=count, max_bytes=8_000)
    assert asked <= 1 + 11 * len(parts)


def test_a_line_too_long_by_itself_is_named() -> None:
    receipt = receipt_of(5)
    long = replace(receipt.items[3], name="x" * 128)
    receipt = replace(receipt, items=(*receipt.items[:3], long, receipt.items[4]))
    with pytest.raises(InvalidReceipt) as caught:
        split(receipt, estimate=size, max_bytes=500)
    assert [problem.field for problem in caught.value.problems] == ["items[3]"]


def test_payments_that_disagree_are_not_divided() -> None:
    with pytest.raises(ValueError, match="can't be divided"):
        split(receipt_of(5, Payments(cash_kop=1)), max_items=2)
    receipt = receipt_of(5)
    with pytest.raises(ValueError, match="groups are not the lines"):
        divide(receipt, (receipt.items[:2],))


def test_an_empty_receipt_is_left_for_validation() -> None:
    empty = replace(receipt_of(0), payments=Payments())
    assert split(empty, estimate=size, max_items=1) == (empty,)


def test_credit_stays_with_what_was_given_on_credit() -> None:
    def item(method: SettlementMethod, subject: int = 1) -> Item:
        return Item("Goods", 100, 1_000_000, 100, Vat.VAT_20, method, subject)

    items = (
        item(SettlementMethod.TRANSFER_ON_CREDIT),
        item(SettlementMethod.FULL_SETTLEMENT),
        item(SettlementMethod.ADVANCE, 10),
    )
    receipt = replace(receipt_of(0), items=items, payments=Payments(30, 70, 100, 100, 0))
    validate(receipt, DAY)
    parts = split(receipt, max_items=1)
    assert [part.payments for part in parts] == [
        Payments(credit_kop=100),
        Payments(prepaid_kop=100),
        Payments(cash_kop=30, cashless_kop=70),
    ]
    for part in parts:
        validate(part, DAY)


def test_an_advance_is_served_with_new_money_first() -> None:
    advance = Item("Advance", 100, 1_000_000, 100, Vat.VAT_20, SettlementMethod.ADVANCE, 10)
    partial = replace(advance, method=SettlementMethod.PARTIAL_SETTLEMENT_AND_CREDIT)
    receipt = replace(receipt_of(0), items=(partial, advance), payments=Payments(100, 0, 50, 50, 0))
    parts = split(receipt, max_items=1)
    assert [part.payments for part in parts] == [Payments(0, 0, 50, 50, 0), Payments(100, 0, 0, 0, 0)]


def test_keys_of_parts() -> None:
    assert part_keys("A-1", 1) == ("A-1",)
    assert part_keys("A-1", 3) == ("A-1/1", "A-1/2", "A-1/3")
