"""Marked goods, agents and corrections at the door: what a receipt must say, each refusal with its field."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from fiscal.live.schema import Defaults, read_receipt
from fiscal.orders import Line, Moment, Order, Paid, Rules, receipt_for, return_of
from fiscal.receipt import (
    Agent,
    Buyer,
    Correction,
    Invalid,
    Item,
    Mark,
    Payments,
    Receipt,
    SettlementMethod,
    SettlementType,
    Taxation,
    Vat,
    normalised,
    validate,
)
from fiscal.rules import AtPayment
from fiscal.validation import FFD_12, FFD_105, InvalidOrder, check

DAY = date(2026, 5, 17)
CODE = "01046006531059902152CUnq\x1d93Gk30"
OTHER = "01046006531059902152CUnr\x1d93Gk31"
SHOES = Item("Кроссовки", 500_000, 1_000_000, 500_000, Vat.VAT_22, subject=33, mark=Mark(CODE))
BANK = Agent(
    1,
    "7707083893",
    operation="перевод",
    phones=("+79001234567",),
    operator_phones=("+78002000000",),
    operator_name="ООО Перевод",
    operator_address="Москва",
    operator_inn="7830002293",
)
TERMINAL = Agent(
    4,
    "7707083893",
    phones=("+79001234567",),
    acceptor_phones=("+79001234568",),
    supplier_phones=("+79001234569",),
)
COMMISSION = Agent(32, "7707083893", "ООО Продавец", ("+79001234567",))


def of(*items: Item, **changes: Any) -> Receipt:
    total = sum(item.sum_kop for item in items)
    receipt = Receipt(
        SettlementType.SALE,
        items,
        Payments(cashless_kop=total),
        Taxation.GENERAL,
        "7707083893",
        "https://shop.example",
        Buyer(email="buyer@example.org"),
    )
    return replace(receipt, **changes)


def shoes(**changes: Any) -> Receipt:
    return of(replace(SHOES, **changes))


def test_good_ones_pass() -> None:
    validate(shoes(), DAY)
    validate(shoes(), DAY, ffd=FFD_12)
    validate(shoes(subject=1), DAY, ffd=FFD_105)
    validate(shoes(subject=32, mark=None), DAY, ffd=FFD_12)
    validate(shoes(mark=Mark(CODE, 0, 1, 4), quantity_e6=250_000, sum_kop=125_000), DAY, ffd=FFD_12)
    validate(shoes(unit=11, quantity_e6=353_000, sum_kop=176_500), DAY, ffd=FFD_12)
    validate(shoes(mark=None, method=SettlementMethod.FULL_PREPAYMENT), DAY, ffd=FFD_12)
    for agent in (BANK, TERMINAL, COMMISSION, Agent(64, "7707083893"), Agent(16, "7707083893")):
        validate(shoes(agent=agent), DAY, ffd=FFD_12)


REFUSED: dict[str, tuple[Receipt, int | None, str]] = {
    "goods with a code, without it": (shoes(mark=None), FFD_12, "items[0].mark"),
    "... whatever the format": (shoes(mark=None, subject=31), None, "items[0].mark"),
    "goods without a code, with one": (shoes(subject=32), FFD_12, "items[0].mark"),
    "ordinary goods with a code": (shoes(subject=1), FFD_12, "items[0].subject"),
    "a service with a code": (shoes(subject=4), None, "items[0].subject"),
    "subject before 1.2": (shoes(), FFD_105, "items[0].subject"),
    "prepaid, with a code": (shoes(method=SettlementMethod.FULL_PREPAYMENT), FFD_12, "items[0].mark"),
    "no code at all": (shoes(mark=Mark("")), FFD_12, "items[0].mark.code"),
    "code damaged": (shoes(mark=Mark(CODE[:-1])), FFD_12, "items[0].mark.code"),
    "code by keyboard": (shoes(mark=Mark("01046006531059902152СГтй\x1d93Пл30")), FFD_12, "items[0].mark.code"),
    "code not as it is kept": (shoes(mark=Mark("]d2" + CODE)), FFD_12, "items[0].mark.code"),
    "code without verification": (shoes(mark=Mark(CODE[:24])), FFD_12, "items[0].mark.code"),
    "bar code of the article": (shoes(mark=Mark("4603934000793")), FFD_12, "items[0].mark.code"),
    "status unknown": (shoes(mark=Mark(CODE, 7)), FFD_12, "items[0].mark.planned"),
    "part that is none": (shoes(mark=Mark(CODE, 0, 4, 4)), FFD_12, "items[0].mark.part"),
    "part below zero": (shoes(mark=Mark(CODE, 0, -1, 4)), FFD_12, "items[0].mark.part"),
    "part of kilograms": (shoes(mark=Mark(CODE, 0, 1, 4), unit=11), FFD_12, "items[0].mark.part"),
    "part and another quantity": (shoes(mark=Mark(CODE, 0, 1, 4)), FFD_12, "items[0].quantity_e6"),
    "two pieces, one code": (
        shoes(quantity_e6=2_000_000, sum_kop=1_000_000),
        FFD_12,
        "items[0].quantity_e6",
    ),
    "the same code twice": (of(SHOES, SHOES), FFD_12, "items[1].mark.code"),
    "agent of no kind": (shoes(agent=replace(COMMISSION, kind=3)), None, "items[0].agent.kind"),
    "agent without supplier": (shoes(agent=replace(COMMISSION, supplier_inn="")), None, "items[0].agent.supplier_inn"),
    "supplier's number wrong": (shoes(agent=Agent(64, "7707083894")), None, "items[0].agent.supplier_inn"),
    "bank's agent, operation": (shoes(agent=replace(BANK, operation="")), None, "items[0].agent.operation"),
    "bank's agent, phones": (shoes(agent=replace(BANK, phones=())), None, "items[0].agent.phones"),
    "bank's agent, operator": (shoes(agent=replace(BANK, operator_name="")), None, "items[0].agent.operator_name"),
    "bank's agent, address": (shoes(agent=replace(BANK, operator_address="")), None, "items[0].agent.operator_address"),
    "bank's agent, operator's number": (shoes(agent=replace(BANK, operator_inn="1")), None, "items[0].agent.operator_inn"),
    "bank's agent, operator's phones": (shoes(agent=replace(BANK, operator_phones=())), None, "items[0].agent.operator_phones"),
    "paying agent, acceptor": (shoes(agent=replace(TERMINAL, acceptor_phones=())), None, "items[0].agent.acceptor_phones"),
    "paying agent, supplier's phones": (shoes(agent=replace(TERMINAL, supplier_phones=())), None, "items[0].agent.supplier_phones"),
    "data of another kind": (shoes(agent=replace(COMMISSION, operator_name="x")), None, "items[0].agent.operator_name"),
    "phone of an agent": (shoes(agent=replace(COMMISSION, supplier_phones=("8",))), None, "items[0].agent.supplier_phones"),
    "too many phones": (shoes(agent=replace(COMMISSION, supplier_phones=("+79001234567",) * 6)), None, "items[0].agent.supplier_phones"),
    "operation too long": (shoes(agent=replace(BANK, operation="x" * 25)), None, "items[0].agent.operation"),
    "supplier's name unprintable": (shoes(agent=replace(COMMISSION, supplier_name="a\nb")), None, "items[0].agent.supplier_name"),
    "data too long together": (
        shoes(
            agent=replace(
                BANK,
                operator_name="x" * 64,
                operator_address="x" * 256,
                phones=("+79001234567",) * 5,
                operator_phones=("+79001234567",) * 5,
            )
        ),
        None,
        "items[0].agent.kind",
    ),
    "sign of a wrong receipt": (
        of(SHOES, correction=Correction(False, "2026-05-01", sign="12a")),
        FFD_12,
        "correction.sign",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_names_the_field(case: str) -> None:
    receipt, ffd, path = REFUSED[case]
    (problem,) = check(receipt, DAY, ffd)
    assert problem.field == path
    assert problem.why and problem.todo


def test_more_codes_than_a_drive_checks() -> None:
    items = tuple(replace(SHOES, mark=Mark(f"0104600653105990215{n:05}\x1d93Gk30")) for n in range(129))
    assert [problem.field for problem in check(of(*items), DAY, FFD_12)] == ["items"]
    assert check(of(*items[:128]), DAY, FFD_12) == []


def test_normalising_takes_the_scanner_off() -> None:
    receipt = normalised(
        shoes(
            mark=Mark("]d2\x1d" + CODE + "\r"),
            agent=replace(COMMISSION, supplier_phones=("8 900 123-45-67",)),
        )
    )
    assert receipt.items[0].mark == Mark(CODE)
    assert receipt.items[0].agent == COMMISSION
    assert normalised(shoes(mark=Mark("]d2bad{"))).items[0].mark == Mark("]d2bad{")


# ---- orders --------------------------------------------------------------------------------------------------------------------


def order(*codes: str, **changes: Any) -> Order:
    line = Line(
        "Кроссовки", 100_000, 1_000_000 * len(codes), Vat.VAT_22, 1, 33, codes=codes, agent=COMMISSION
    )
    values: dict[str, Any] = {
        "key": "7",
        "placed_s": 0,
        "lines": (replace(line, **changes),),
        "payments": (Paid("card", 100_000 * len(codes) - 1),),
        "entity": "7707083893",
        "site": "https://shop.example",
        "buyer": Buyer(email="buyer@example.org"),
    }
    return Order(**values)


def test_an_order_gives_each_piece_its_code_and_its_kopecks() -> None:
    made = receipt_for(order("]d2" + CODE, OTHER), Moment.PAYMENT, Rules(), DAY)
    assert made is not None
    assert sorted((i.quantity_e6, i.sum_kop, i.price_kop) for i in made.items) == [
        (1_000_000, 99_999, 99_999),
        (1_000_000, 100_000, 100_000),
    ]
    assert [i.mark for i in made.items] == [Mark(CODE), Mark(OTHER)]
    assert {i.agent for i in made.items} == {COMMISSION}
    validate(made, DAY, ffd=FFD_12)
    validate(return_of(made, [1]), DAY, ffd=FFD_12)


def test_a_prepayment_has_no_codes_and_the_shipment_has_them() -> None:
    rules = Rules(AtPayment.PREPAYMENT)
    first = receipt_for(order(CODE, OTHER), Moment.PAYMENT, rules, DAY)
    last = receipt_for(order(CODE, OTHER), Moment.SHIPMENT, rules, DAY)
    assert first is not None and last is not None
    assert [item.mark for item in first.items] == [None, None]
    assert [item.mark for item in last.items] == [Mark(CODE), Mark(OTHER)]
    for made in (first, last):
        validate(made, DAY, ffd=FFD_12)


@pytest.mark.parametrize("changes", [{"quantity_e6": 3_000_000}, {"unit": 11}])
def test_codes_and_pieces_must_agree(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidOrder) as caught:
        receipt_for(order(CODE, OTHER, **changes), Moment.PAYMENT, Rules(), DAY)
    assert [problem.field for problem in caught.value.problems] == ["lines[0].codes"]


# ---- over HTTP -----------------------------------------------------------------------------------------------------------------

DEFAULTS = Defaults("7707083893", "shop.example", Taxation.GENERAL)


def read(**line: Any) -> Receipt:
    body = {"items": [{"name": "Shoes", "price": "5000", **line}], "buyer": {"email": "a@b.ru"}}
    return read_receipt(json.dumps(body).encode(), DEFAULTS)[0]


def test_a_marked_line_as_shops_send_it() -> None:
    for mark in (
        {"code": CODE},
        {"base64": base64.b64encode(CODE.encode()).decode()},
        {"code": "]d2" + CODE.replace("\x1d", "\\x1d")},
    ):
        (item,) = read(subject=33, mark=mark).items
        assert item.mark == Mark(CODE)
    assert read(subject=33, mark={"code": CODE, "part": "1/20", "planned": 2}, quantity="0.05").items[
        0
    ].mark == Mark(CODE, 2, 1, 20)


def test_an_agent_as_shops_send_it() -> None:
    agent = {
        "kind": "commission_agent",
        "supplier_inn": "7707083893",
        "supplier_name": " ООО  Продавец",
        "supplier_phones": ["89001234567"],
    }
    assert read(agent=agent).items[0].agent == COMMISSION


@pytest.mark.parametrize(
    ("line", "field", "why"),
    [
        ({"mark": {}}, "items[0].mark", "give the marking code once"),
        ({"mark": {"code": "x", "base64": "eA=="}}, "items[0].mark", "give the marking code once"),
        ({"mark": {"base64": "*"}}, "items[0].mark.base64", "is not Base64"),
        ({"mark": {"code": "x", "part": "1:2"}}, "items[0].mark.part", "no part of a package"),
        ({"mark": {"code": 1}}, "items[0].mark.code", "string"),
        ({"agent": {"kind": "friend"}}, "items[0].agent.kind", "expected one of bank_paying_agent"),
        ({"agent": {}}, "items[0].agent.kind", "is missing"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_json(line: dict[str, Any], field: str, why: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(**line)
    (problem,) = caught.value.problems
    assert problem.field == field
    assert why in problem.why


def test_a_correction_with_the_sign_of_the_wrong_receipt() -> None:
    body = {
        "type": "sale_return",
        "items": [{"name": "Tea", "price": "1"}],
        "buyer": {"email": "a@b.ru"},
        "correction": {"date": "2026-05-01", "sign": "0476807588"},
    }
    receipt = read_receipt(json.dumps(body).encode(), DEFAULTS)[0]
    assert receipt.correction == Correction(False, "2026-05-01", "", "0476807588")
    assert check(receipt, DAY, FFD_12) == []
