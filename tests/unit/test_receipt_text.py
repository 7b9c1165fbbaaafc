"""A receipt as text: round trip, strictness, identity."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from fiscal.receipt import (
    Agent,
    Buyer,
    Correction,
    Item,
    Mark,
    Payments,
    Receipt,
    SettlementMethod,
    SettlementType,
    Taxation,
    UnreadableReceipt,
    Vat,
    canonical,
    fingerprint,
    from_json,
    mark,
    to_json,
)

RECEIPT = Receipt(
    SettlementType.SALE_RETURN,
    (
        Item('Чай "Ассам"', 12_345, 1_500_000, 18_518, Vat.VAT_10, SettlementMethod.PREPAYMENT, 4, 11),
        Item("Mug", 100, 1_000_000, 100),
    ),
    Payments(1, 2, 3, 4, 18_608),
    Taxation.PATENT,
    "7707083893",
    "https://shop.example",
    Buyer("a@b.example", "+79001234567", "Иван", "500100732259"),
    "Cashier",
    "500100732259",
    False,
    False,
    Correction(True, "2024-01-02", "5"),
    2,
    3,
)
TEXT = (
    '[1,2,[["Чай \\"Ассам\\"",12345,1500000,18518,2,2,4,11],["Mug",100,1000000,100,6,4,1,0]],[1,2,3,4,18608],32,'
    '"7707083893","https://shop.example",["a@b.example","+79001234567","Иван","500100732259"],"Cashier",'
    '"500100732259",false,false,[true,"2024-01-02","5"],2,3]'
)


def test_the_text_is_what_journals_have() -> None:
    """A change here makes every journal on disk unreadable: raise the format's number and read both."""
    assert to_json(RECEIPT) == TEXT
    assert from_json(TEXT) == RECEIPT


def test_the_kinds_come_back() -> None:
    read = from_json(TEXT)
    assert type(read.type) is SettlementType
    assert type(read.taxation) is Taxation
    assert type(read.items[0].vat) is Vat
    assert type(read.items[0].method) is SettlementMethod
    assert type(read.electronic) is bool


def test_identity_is_fixed_for_ever() -> None:
    assert canonical(RECEIPT) == TEXT.encode()
    assert fingerprint(RECEIPT) == "030173cc0722757f8f133def9ce80941"
    assert mark("ORDER-1") == "F99548C9532FEE59"


def test_a_mark_fits_its_field() -> None:
    marks = {mark(f"ORDER/{number}") for number in range(2_000)}
    assert len(marks) == 2_000
    assert all(re.fullmatch("[A-Z0-9]{16}", each) for each in marks)


def changed(at: tuple[int, ...], value: Any) -> str:
    data = json.loads(TEXT)
    place = data
    for index in at[:-1]:
        place = place[index]
    place[at[-1]] = value
    return json.dumps(data)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ""),
        ("{}", ""),
        ("[]", ""),
        (TEXT[:-1], ""),
        (changed((0,), 2), ""),
        (changed((0,), True), ""),
        (json.dumps(json.loads(TEXT)[:-1]), ""),
        (changed((1,), 5), "type"),
        (changed((1,), "2"), "type"),
        (changed((2, 1), ["Mug"]), "items[1]"),
        (changed((2, 1, 3), 100.0), "items[1].sum_kop"),
        (changed((2, 1, 2), True), "items[1].quantity_e6"),
        (changed((2, 0, 4), 13), "items[0].vat"),
        (changed((2, 0, 5), 0), "items[0].method"),
        (changed((2, 0, 0), None), "items[0].name"),
        (changed((3, 0), None), "payments.cash_kop"),
        (changed((4,), 1.0), "taxation"),
        (changed((7, 3), 5), "buyer.inn"),
        (changed((10,), 1), "electronic"),
        (changed((12,), 1), "correction"),
        (changed((12, 0), 1), "correction.by_order"),
        (changed((14,), "3"), "parts"),
    ],
)
def test_what_is_not_a_receipt_is_refused_with_its_place(text: str, path: str) -> None:
    with pytest.raises(UnreadableReceipt) as caught:
        from_json(text)
    assert caught.value.path == path
    assert len(str(caught.value)) < 200


def test_a_change_of_any_field_changes_the_fingerprint() -> None:
    item = RECEIPT.items[0]
    assert RECEIPT.correction is not None
    changes: dict[str, Any] = {
        "type": SettlementType.SALE,
        "items": RECEIPT.items[:1],
        "payments": Payments(2, 1, 3, 4, 18_608),
        "taxation": Taxation.GENERAL,
        "entity": "7830002293",
        "site": "https://other.example",
        "buyer": Buyer("+79001234567", "a@b.example", "Иван", "500100732259"),
        "cashier": "",
        "cashier_inn": "",
        "electronic": True,
        "internet": True,
        "correction": replace(RECEIPT.correction, by_order=False),
        "part": 3,
        "parts": 4,
    }
    assert list(changes) == list(Receipt.__dataclass_fields__)
    item_changes: dict[str, Any] = {
        "name": item.name + ".",
        "price_kop": item.price_kop + 1,
        "quantity_e6": item.quantity_e6 + 1,
        "sum_kop": item.sum_kop + 1,
        "vat": Vat.VAT_0,
        "method": SettlementMethod.ADVANCE,
        "subject": 10,
        "unit": 0,
        "mark": Mark("4603934000793"),
        "agent": Agent(64, "7830002293"),
    }
    assert list(item_changes) == list(Item.__dataclass_fields__)
    variants = [replace(RECEIPT, **{name: value}) for name, value in changes.items()]
    for name, value in item_changes.items():
        changed_item = replace(item, **{name: value})
        variants.append(replace(RECEIPT, items=(changed_item, RECEIPT.items[1])))
    for code in (Mark("1"), Mark("", 1), Mark("", 0, 1), Mark("", 0, 0, 1)):
        variants.append(replace(RECEIPT, items=(replace(item, mark=code), RECEIPT.items[1])))
    variants.append(replace(RECEIPT, correction=replace(RECEIPT.correction, sign="1")))
    variants.append(replace(RECEIPT, items=RECEIPT.items[::-1]))
    variants.append(replace(RECEIPT, correction=None))
    prints = {fingerprint(variant) for variant in variants}
    assert len(prints) == len(variants)
    assert fingerprint(RECEIPT) not in prints
