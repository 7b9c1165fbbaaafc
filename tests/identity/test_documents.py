"""What a shop submitted is what the drives hold: documents of a wire run, decoded from their bytes, against the receipts."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from small_shop import run, small

from bench.seats import WireSeat
from bench.simulate import Simulation
from fiscal import ffd
from fiscal.ffd import Document, Fields
from fiscal.receipt import Receipt, mark
from fiscal.vat import vat_sums

RECEIPT_FORM = 3
PAYMENT_TAGS = {
    1031: "cash_kop",
    1081: "cashless_kop",
    1215: "prepaid_kop",
    1216: "credit_kop",
    1217: "provision_kop",
}


def documents(simulation: Simulation) -> dict[str, Document]:
    """Receipts in all drives, by mark."""
    found: dict[str, Document] = {}
    for seat in simulation.seats:
        assert isinstance(seat, WireSeat)
        for number in range(1, seat.drive.last_document + 1):
            document = ffd.decode(seat.drive.find(number).tlv)
            if document.form == RECEIPT_FORM:
                key = dict(document.fields)[1192]
                assert key not in found
                found[key] = document
    return found


def items(fields: Fields) -> list[tuple[Any, ...]]:
    """Name, price, quantity, sum, VAT, method and subject of each line."""
    lines = [dict(value) for tag, value in fields if tag == 1059]
    return [tuple(line[tag] for tag in (1030, 1079, 1023, 1043, 1199, 1214, 1212)) for line in lines]


def expected_items(receipt: Receipt) -> list[tuple[Any, ...]]:
    return [
        (
            item.name,
            item.price_kop,
            ffd.Quantity(item.quantity_e6),
            item.sum_kop,
            int(item.vat),
            int(item.method),
            item.subject,
        )
        for item in receipt.items
    ]


@pytest.mark.parametrize("version", ["1.05", "1.2"])
def test_every_document_says_what_the_receipt_said(version: str) -> None:
    simulation = run(
        small(
            [
                {"kind": "garbled_bytes", "probability": 0.02},
                {"kind": "reply_lost", "at": "10:01:01", "target": "front-1"},
            ],
            shop={"ffd": version, "payment": {"cashless": 0.4, "cash": 0.3, "mixed": 0.3}},
            arrivals={
                "kind": "poisson",
                "rate_per_min": 8,
                "lines": {"kind": "geometric", "mean": 4},
                "return_share": 0.2,
            },
        )
    )
    held = documents(simulation)
    assert len(held) == len(simulation.requests) > 20
    types = set()
    for request in simulation.requests:
        receipt = request.receipt
        document = held[mark(request.key)]
        fields = dict(document.fields)
        types.add(fields[1054])
        assert fields[1054] == receipt.type
        assert fields[1020] == receipt.total_kop
        assert fields[1055] == receipt.taxation
        assert fields[1008] == receipt.buyer.contact
        assert str(fields[1018]).strip() == receipt.entity
        for tag, name in PAYMENT_TAGS.items():
            assert fields.get(tag, 0) == getattr(receipt.payments, name), tag
        assert items(document.fields) == expected_items(receipt)
        assert _vat(document.fields) == _expected_vat(receipt)
    assert types == {1, 2}


VAT_TAGS = {1: 1102, 2: 1103, 3: 1106, 4: 1107, 5: 1104, 6: 1105}
DAY = date(2026, 7, 1)


def _vat(fields: Fields) -> dict[int, Any]:
    """Sums by code of tag 1199: six tags of their own, the newer rates in a group."""
    by_tag = dict(fields)
    found: dict[int, Any] = {code: by_tag[tag] for code, tag in VAT_TAGS.items() if by_tag.get(tag)}
    for tag, value in fields:
        if tag == 1115:
            assert isinstance(value, tuple)
            for _, one in value:
                assert isinstance(one, tuple)
                found[dict(one)[1199]] = dict(one)[1120]  # type: ignore[index]
    return found


def _expected_vat(receipt: Receipt) -> dict[int, int]:
    return {int(code): kopecks for code, kopecks in vat_sums(receipt, DAY).items() if kopecks}
