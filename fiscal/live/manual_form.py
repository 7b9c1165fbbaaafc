"""The form for a receipt by hand: its fields, as a browser sends them, and the receipt of POST /receipts that they stand for.

A field that is left empty is left out, so that the shop's defaults and the rules of the receipt decide, never the form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from fiscal.engine.views import ReceiptView
from fiscal.live.schema import METHOD_NAMES, VAT_NAMES
from fiscal.receipt import SettlementType
from fiscal.watch.z_checks import roubles

ROWS = 8
"""Lines that the form offers; a longer receipt goes over POST /receipts or `fiscal receipt`."""
ITEM_FIELDS = ("name", "price", "quantity", "vat", "method")
TEXT_FIELDS = (
    "type",
    "cash",
    "cashless",
    "prepaid",
    "credit",
    "email",
    "phone",
    "taxation",
    "entity",
    "site",
)
CORRECTION_FIELDS = ("corrects", "order", "sign")
HAND_FIELDS = ("key", "person", "reason", "paper")

Form = dict[str, list[str]]
"""Name of a field -> what was written into it; fields of a line have a value a row."""


def read(body: bytes) -> Form:
    """What a browser sent. Raises ValueError for what is no form."""
    return parse_qs(body.decode("utf-8"), keep_blank_values=True, strict_parsing=False, max_num_fields=200)


def one(form: Mapping[str, Sequence[str]], name: str) -> str:
    values = form.get(name, ())
    return values[0].strip() if values else ""


def as_receipt(form: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The receipt as for POST /receipts."""
    content: dict[str, Any] = {
        "key": one(form, "key"),
        "manual": {"person": one(form, "person"), "reason": one(form, "reason")},
        "items": _items(form),
        "buyer": {name: one(form, name) for name in ("email", "phone") if one(form, name)},
        "electronic": not one(form, "paper"),
    }
    for name in ("type", "taxation", "entity", "site"):
        if one(form, name):
            content[name] = one(form, name)
    paid = {name: one(form, name) for name in ("cash", "cashless", "prepaid", "credit") if one(form, name)}
    if paid:
        content["payments"] = paid
    if any(one(form, name) for name in CORRECTION_FIELDS):
        content["correction"] = {
            "date": one(form, "corrects"),
            "by_order": bool(one(form, "order")),
            "number": one(form, "order"),
            "sign": one(form, "sign"),
        }
    return content


def _items(form: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    rows = max((len(form.get(name, ())) for name in ("name", "price")), default=0)
    items = []
    for row in range(min(rows, ROWS)):
        values = {name: _cell(form, name, row) for name in ITEM_FIELDS}
        if values["name"] or values["price"]:
            items.append(
                {name: value for name, value in values.items() if value or name in ("name", "price")}
            )
    return items


def _cell(form: Mapping[str, Sequence[str]], name: str, row: int) -> str:
    values = form.get(name, ())
    return values[row].strip() if row < len(values) else ""


def from_receipt(view: ReceiptView) -> Form:
    """A form filled in to take a receipt back: the opposite type, the same lines and forms of payment."""
    receipt = view.receipt
    opposite = {1: 2, 2: 1, 3: 4, 4: 3}[int(receipt.type)]
    vats = {code: name for name, code in VAT_NAMES.items()}
    methods = {code: name for name, code in METHOD_NAMES.items()}
    items = receipt.items
    paid = receipt.payments
    return {
        "type": [SettlementType(opposite).name.lower()],
        "name": [item.name for item in items],
        "price": [roubles(item.price_kop) for item in items],
        "quantity": [f"{item.quantity_e6 / 1_000_000:.6f}".rstrip("0").rstrip(".") for item in items],
        "vat": [vats[item.vat] for item in items],
        "method": [methods[item.method] for item in items],
        "cash": [_paid(paid.cash_kop)],
        "cashless": [_paid(paid.cashless_kop)],
        "prepaid": [_paid(paid.prepaid_kop)],
        "credit": [_paid(paid.credit_kop)],
        "email": [receipt.buyer.email],
        "phone": [receipt.buyer.phone],
        "taxation": [(receipt.taxation.name or "").lower()],
        "entity": [receipt.entity],
        "site": [receipt.site],
        "paper": [] if receipt.electronic else ["yes"],
    }


def unlike(view: ReceiptView) -> str:
    """Why the form cannot take this receipt back; empty when it can."""
    receipt = view.receipt
    if len(receipt.items) > ROWS:
        return f"it has {len(receipt.items)} lines, the form has {ROWS}"
    if any(item.mark is not None or item.agent is not None for item in receipt.items):
        return "it has marked goods or goods of a supplier"
    if receipt.payments.provision_kop or receipt.correction is not None:
        return "it is a correction, or was paid in kind"
    if any(item.sum_kop * 1_000_000 != item.price_kop * item.quantity_e6 for item in receipt.items):
        return "a line's sum is not its price times its quantity"
    return ""


def _paid(kop: int) -> str:
    return roubles(kop) if kop else ""
