"""Receipts from outside: exact money, names for codes, and every wrong field named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fiscal.live.logs import masked
from fiscal.live.schema import Defaults, key_fault, read_receipt
from fiscal.receipt import Invalid, SettlementMethod, SettlementType, Taxation, Vat

DEFAULTS = Defaults("7700000009", "shop.example", Taxation.GENERAL)


def read(**given: Any) -> Any:
    body = {"items": [{"name": "Tea", "price": "199.90"}], "buyer": {"email": "a@b.ru"}, **given}
    return read_receipt(json.dumps(body).encode(), DEFAULTS)[0]


def item(**given: Any) -> Any:
    return read(items=[{"name": "Tea", "price": "1", **given}]).items[0]


def problems(body: bytes | dict[str, Any], defaults: Defaults = DEFAULTS) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        read_receipt(body if isinstance(body, bytes) else json.dumps(body).encode(), defaults)
    return {problem.field: problem.why for problem in caught.value.problems}


def test_the_shortest_receipt() -> None:
    receipt = read()
    assert receipt.type is SettlementType.SALE
    assert receipt.total_kop == receipt.payments.cashless_kop == 19_990
    assert (receipt.entity, receipt.site, receipt.taxation) == (
        "7700000009",
        "shop.example",
        Taxation.GENERAL,
    )


@pytest.mark.parametrize(
    ("given", "kopecks"),
    [
        ("0.01", 1),
        (0.29, 29),
        (1.1, 110),
        ("1e3", 100_000),
        (7, 700),
        ("92233720368547758.07", 9_223_372_036_854_775_807),
    ],
)
def test_roubles_become_kopecks_exactly(given: Any, kopecks: int) -> None:
    assert item(price=given).price_kop == kopecks


def test_a_line_is_price_times_quantity_rounded_half_up() -> None:
    assert item(price="0.99", quantity="1.5").sum_kop == 149
    assert item(price="0.99", quantity="0.333333").sum_kop == 33
    assert item(price="10", quantity=3, sum="29.99").sum_kop == 2999


def test_codes_have_names() -> None:
    given = item(vat="22/122", method="credit_payment")
    assert given.vat is Vat.VAT_22_122
    assert given.method is SettlementMethod.CREDIT_PAYMENT
    assert read(type="purchase_return", taxation="patent").taxation is Taxation.PATENT


def test_what_is_wrong_is_named() -> None:
    wrong = problems(
        {
            "items": [{"name": "Tea", "price": "1.999"}, {"price": -1, "quantity": "x", "vat": "18%"}],
            "colour": "red",
            "payments": {"cash": True},
            "type": 1,
        }
    )
    assert set(wrong) == {
        "items[0].price",
        "items[1].name",
        "items[1].price",
        "items[1].quantity",
        "items[1].vat",
        "colour",
        "payments.cash",
        "type",
    }
    assert "more decimals" in wrong["items[0].price"]
    assert "negative" in wrong["items[1].price"]
    assert wrong["items[1].name"] == "is missing"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"items": 1}', b"{}"])
def test_no_receipt_at_all(body: bytes) -> None:
    assert problems(body)


@pytest.mark.parametrize(
    "number",
    [
        "NaN",
        "Infinity",
        "1e400",
        "1e-400",
        "",
        "0x10",
        "1_000.123",
        "1e999999999",
        "1.0000000000000000000000000000001",
    ],
)
def test_odd_numbers(number: str) -> None:
    assert "items[0].price" in problems({"items": [{"name": "Tea", "price": number}]})


def test_without_defaults_the_taxation_is_asked_for() -> None:
    assert "taxation" in problems({"items": []}, Defaults())


def test_keys() -> None:
    assert key_fault("order-1 №7") == ""
    for bad in ("", "x" * 129, "a/b", "a\nb", ".."):
        assert key_fault(bad)


def test_contacts_are_masked() -> None:
    line = masked(
        "buyer ivan.petrov@mail.example.org or +7 (900) 123-45-67, order +5, drive 9999000000000001"
    )
    assert "petrov" not in line
    assert "example" not in line
    assert "123" not in line
    assert line.endswith("order +5, drive 9999000000000001")
