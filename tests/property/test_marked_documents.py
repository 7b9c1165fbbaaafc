"""Documents with marked goods, agents and corrections, in both formats: there and back byte for byte, without an objection."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fiscal.agents import KINDS, faults
from fiscal.emulators.marking_keys import issue
from fiscal.ffd import FfdError, decode, encode
from fiscal.ffd.documents import (
    RECEIPT_LIMIT,
    Head,
    RegisterFacts,
    estimate,
    head,
    receipt_body,
    validate,
    whole,
)
from fiscal.ffd.goods_fields import negative
from fiscal.ffd.identity import identity_fields, marks_in
from fiscal.ffd.tlv import walk
from fiscal.receipt import (
    Agent,
    Buyer,
    Correction,
    Item,
    Mark,
    Payments,
    Receipt,
    SettlementType,
    Taxation,
    Vat,
    from_json,
    mark,
    to_json,
)
from fiscal.validation import check

FIXED = settings(derandomize=True, deadline=None, max_examples=120)
DAY = date(2026, 5, 17)
FACTS = RegisterFacts(user="ООО Ромашка", address="Москва", place="https://shop.example")
FRONT = Head("9999078900001234", "0000000000012345", "7701234567", 7, 1_790_000_040, 476_807_588, 3, 5, 1, 0)

phones = st.lists(st.integers(9_000_000_000, 9_999_999_999).map("+7{}".format), min_size=1, max_size=3).map(
    tuple
)
words = st.text("абвгд xyz,.-№", min_size=1, max_size=24).map(str.strip).filter(bool)


@st.composite
def agents(draw: st.DrawFn) -> Agent:
    kind = draw(st.sampled_from(sorted(KINDS)))
    given: dict[str, Any] = {"kind": kind, "supplier_inn": "7707083893"}
    for name in (*KINDS[kind].needs, *draw(st.sets(st.sampled_from(KINDS[kind].may)))):
        given[name] = (
            "7830002293" if name.endswith("inn") else draw(phones if name.endswith("phones") else words)
        )
    return Agent(**given)


@st.composite
def items(draw: st.DrawFn, number: int, ffd: int) -> Item:
    price = draw(st.integers(1, 10**7))
    item = Item(
        f"Товар {number}", price, 1_000_000, price, draw(st.sampled_from((Vat.NONE, Vat.VAT_10, Vat.VAT_22)))
    )
    if draw(st.booleans()):
        item = replace(item, agent=draw(agents()))
    if draw(st.booleans()):
        code = issue("0460123456789", f"{number:06}", size=draw(st.sampled_from((4, 44, 88))))
        item = replace(item, mark=Mark(code), subject=33 if ffd == 4 else 1)
        if draw(st.booleans()):
            parts = draw(st.sampled_from((2, 4, 5, 10, 20)))
            quantity = 1_000_000 // parts
            item = replace(
                item,
                mark=Mark(code, 0, 1, parts),
                quantity_e6=quantity,
                sum_kop=(price * quantity + 500_000) // 1_000_000,
            )
    return item


@st.composite
def receipts(draw: st.DrawFn) -> tuple[Receipt, int]:
    ffd = draw(st.sampled_from((2, 4)))
    lines = tuple(draw(items(n, ffd)) for n in range(draw(st.integers(1, 4))))
    correction = None
    type_ = draw(st.sampled_from(SettlementType))
    if draw(st.booleans()):
        by_order = draw(st.booleans())
        sign = draw(st.sampled_from(("", "0476807588")))
        correction = Correction(by_order, "2026-05-01", "17-1" if by_order or ffd == 2 else "", sign)
        type_ = (
            draw(st.sampled_from(SettlementType))
            if ffd == 4
            else SettlementType(draw(st.sampled_from((1, 3))))
        )
    total = sum(item.sum_kop for item in lines)
    assume(total)
    receipt = Receipt(
        type_,
        lines,
        Payments(cashless_kop=total),
        Taxation.GENERAL,
        "7707083893",
        "https://shop.example",
        Buyer(email="buyer@example.ru"),
        correction=correction,
    )
    return receipt, ffd


@FIXED
@given(receipts(), st.lists(st.integers(0, 31), max_size=4), st.text("abc123", min_size=1))
def test_a_receipt_goes_there_and_back(made: tuple[Receipt, int], found: list[int], key: str) -> None:
    receipt, ffd = made
    assert check(receipt, DAY, ffd) == []
    assert from_json(to_json(receipt)) == receipt
    results = (found + [0] * 4)[: len(receipt.items)]
    front = replace(FRONT, type=int(receipt.type), total_kop=receipt.total_kop)
    form = 31 if receipt.correction else 3
    data = whole(form, head(form, front), receipt_body(receipt, ffd, FACTS, DAY, mark(key), results=results))
    document = decode(data)
    assert encode(document) == data
    assert validate(document, ffd) == []
    assert marks_in(walk(data[4:]))[-1] == mark(key)
    assert len(data) <= estimate(receipt) <= RECEIPT_LIMIT
    if receipt.correction is None and ffd == 4:
        marked = [result for item, result in zip(receipt.items, results, strict=True) if item.mark]
        assert [dict(item).get(2106) for item in document.all(1059) if 2106 in dict(item)] == marked  # type: ignore[arg-type, call-overload]
        assert (document.get(2107) == 1) is any(map(negative, marked))


@FIXED
@given(agents())
def test_an_agent_with_what_his_kind_owes_has_no_fault_and_without_any_of_it_one(agent: Agent) -> None:
    assert list(faults(agent)) == []
    for name in KINDS[agent.kind].needs:
        value = getattr(agent, name)
        (fault,) = faults(replace(agent, **{name: () if isinstance(value, tuple) else ""}))
        assert fault.field == name


def test_a_mark_must_fit_beside_the_sign_and_alone() -> None:
    with pytest.raises(FfdError):
        identity_fields("seventeen letters")
    assert marks_in(walk(identity_fields("A" * 16, "0476807588"))) == ["0476807588", "A" * 16]
    assert marks_in(walk(identity_fields("", "0476807588"))) == ["0476807588"]
