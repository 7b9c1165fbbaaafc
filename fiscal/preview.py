"""A receipt as a person reads it before it is made: what will stand on it, as lines of text.

The register adds what only it knows: numbers, its own moment, the fiscal sign.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import date

from fiscal.receipt import Item, Receipt, SettlementMethod, SettlementType, Vat
from fiscal.validation_correction import day_of
from fiscal.vat import TURNOVER, vat_sums

WIDTH = 48

TITLES = {
    SettlementType.SALE: "Sale",
    SettlementType.SALE_RETURN: "Return of a sale",
    SettlementType.PURCHASE: "Purchase",
    SettlementType.PURCHASE_RETURN: "Return of a purchase",
}
VAT_TITLES = {
    Vat.NONE: "no VAT",
    Vat.VAT_0: "VAT 0%",
    Vat.VAT_5: "VAT 5%",
    Vat.VAT_7: "VAT 7%",
    Vat.VAT_10: "VAT 10%",
    Vat.VAT_20: "VAT 20%",
    Vat.VAT_22: "VAT 22%",
    Vat.VAT_5_105: "VAT 5/105",
    Vat.VAT_7_107: "VAT 7/107",
    Vat.VAT_10_110: "VAT 10/110",
    Vat.VAT_20_120: "VAT 20/120",
    Vat.VAT_22_122: "VAT 22/122",
}


def lines(receipt: Receipt, on: date, width: int = WIDTH) -> list[str]:
    """The receipt as it would be made on this day. For a receipt that `fiscal.validation.validate` lets pass."""
    return list(_lines(receipt, on, width))


def _lines(receipt: Receipt, on: date, width: int) -> Iterator[str]:
    correction = receipt.correction
    title = TITLES[receipt.type]
    yield (f"Correction: {title.lower()}" if correction else title).center(width).rstrip()
    if correction:
        yield f"of the settlement of {correction.date}"
        if correction.by_order:
            yield f"by order {correction.number} of the tax office"
        elif correction.number:
            yield f"by document {correction.number}"
        if correction.sign:
            yield f"the wrong receipt has the sign {correction.sign}"
    yield "-" * width
    for item in receipt.items:
        yield from _item(item, width)
    yield "-" * width
    yield _two("TOTAL", _roubles(receipt.total_kop), width)
    paid = receipt.payments
    for name, kop in (
        ("cash", paid.cash_kop),
        ("cashless", paid.cashless_kop),
        ("prepaid", paid.prepaid_kop),
        ("credit", paid.credit_kop),
        ("in kind", paid.provision_kop),
    ):
        if kop:
            yield _two(f"  {name}", _roubles(kop), width)
    for code, kop in vat_sums(receipt, day_of(correction, on) if correction else on).items():
        yield _two(f"  {VAT_TITLES[code]}{', settled' if code in TURNOVER else ''}", _roubles(kop), width)
    yield "-" * width
    yield _two("taxation", (receipt.taxation.name or "").lower().replace("_", " "), width)
    yield _two("seller", receipt.entity, width)
    yield _two("place", receipt.site, width)
    if receipt.cashier:
        yield _two("cashier", receipt.cashier, width)
    if receipt.buyer.contact:
        yield _two("sent to", receipt.buyer.contact, width)
    yield _two("on paper", "no" if receipt.electronic else "yes", width)


def _item(item: Item, width: int) -> Iterator[str]:
    yield from textwrap.wrap(item.name, width) or [""]
    whole, part = divmod(item.quantity_e6, 1_000_000)
    quantity = f"{whole}.{part:06}".rstrip("0").rstrip(".")
    yield _two(f"  {quantity} x {_roubles(item.price_kop)}", _roubles(item.sum_kop), width)
    if item.method is not SettlementMethod.FULL_SETTLEMENT:
        yield f"  {item.method.name.lower().replace('_', ' ')}"
    if item.mark is not None:
        yield "  marked goods"
    if item.agent is not None:
        yield f"  for a supplier{f', INN {item.agent.supplier_inn}' if item.agent.supplier_inn else ''}"


def _two(left: str, right: str, width: int) -> str:
    """One at each end; on a line of its own what is too long."""
    if len(left) + 1 + len(right) <= width:
        return left + right.rjust(width - len(left))
    return f"{left}\n{right.rjust(width)}"


def _roubles(kop: int) -> str:
    return f"{kop // 100}.{kop % 100:02}"
