"""What one register can make and another cannot: said at the door, and kept in mind when receipts are given out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from shtrih_line import make_receipt

from fiscal.agents import ALL_KINDS, KINDS
from fiscal.emulators.marking_keys import issue
from fiscal.engine import events
from fiscal.engine.config import EngineConfig, RegisterFacts
from fiscal.engine.engine import Engine
from fiscal.fitting import FFD_105, misfits, peculiar
from fiscal.receipt import Agent, Correction, Item, Mark, Payments, Receipt, SettlementType, Vat, fingerprint

INN = "7701234560"
TEA = Item("Чай", 10_000, 1_000_000, 10_000, Vat.VAT_22)
FFD_12 = 4
CODE = Mark(issue("0460123456789", "5abcdefgh0000"))
SHOES = Item("Кроссовки", 500_000, 1_000_000, 500_000, Vat.VAT_22, subject=33, mark=CODE)
COMMISSION = Agent(32, "7707083893", "ООО Продавец", ("+79001234567",))
BANK = Agent(
    1,
    "7707083893",
    operation="перевод",
    phones=("+79001234567",),
    operator_phones=("+78002000000",),
    operator_name="ООО Перевод",
    operator_address="Москва, ул. Ильинка, 9",
    operator_inn="7830002293",
)


def sale(item: Item) -> Receipt:
    return make_receipt(0, items=(item,), payments=Payments(cashless_kop=item.sum_kop), entity=INN)


PLAIN = make_receipt(entity=INN)
MARKED = sale(SHOES)
OLD_MARKED = sale(replace(SHOES, subject=1))
BACK = make_receipt(
    type_=SettlementType.SALE_RETURN, entity=INN, correction=Correction(True, "2026-09-01", "17")
)


def agent(which: Any) -> Receipt:
    return sale(replace(TEA, agent=which))


@pytest.mark.parametrize(
    ("receipt", "ffd", "agents", "field"),
    [
        (PLAIN, FFD_105, 0, ""),
        (MARKED, FFD_12, 0, ""),
        (MARKED, FFD_105, 0, "items[0].subject"),
        (OLD_MARKED, FFD_105, 0, ""),
        (OLD_MARKED, FFD_12, 0, "items[0].subject"),
        (MARKED, 0, 0, ""),
        (BACK, FFD_105, 0, "type"),
        (BACK, FFD_12, 0, ""),
        (agent(COMMISSION), FFD_105, 32, ""),
        (agent(COMMISSION), FFD_105, ALL_KINDS, ""),
        (agent(COMMISSION), FFD_105, 64, "items[0].agent.kind"),
        (agent(BANK), FFD_105, 32, "items[0].agent.kind"),
        (agent(BANK), FFD_12, 0, ""),
    ],
)
def test_what_a_register_cannot_make(receipt: Receipt, ffd: int, agents: int, field: str) -> None:
    problems = misfits(receipt, ffd, agents)
    assert [problem.field for problem in problems] == ([field] if field else [])
    assert all(problem.why and problem.todo for problem in problems)
    assert peculiar(receipt) or not problems, "what is looked at in no other way is never refused"


def test_each_kind_of_agent_is_named_in_its_refusal() -> None:
    for kind, about in KINDS.items():
        (problem,) = misfits(agent(replace(COMMISSION, kind=kind)), FFD_105, ALL_KINDS & ~kind)
        assert about.title in problem.why


def engine(*registers: RegisterFacts) -> Engine:
    made = Engine(EngineConfig(registers))
    made.handle(events.Started(1_790_000_100_000_000), 0)
    return made


def submitted(engine: Engine, receipt: Receipt, key: str = "a") -> list[events.Effect]:
    return engine.handle(events.Submitted(key, receipt, fingerprint(receipt)), 1)


def test_what_no_register_can_make_is_refused_at_the_door_in_one_line() -> None:
    old = RegisterFacts("old", INN, ffd=FFD_105, agents=64)
    for receipt, says in (
        (MARKED, "no register: old works in FFD 1.05: items[0].subject: "),
        (
            agent(COMMISSION),
            "no register: old works in FFD 1.05: items[0].agent.kind: the register is not registered as a commission agent",
        ),
    ):
        (reply,) = submitted(engine(old), receipt)
        assert isinstance(reply, events.Reply) and not reply.accepted
        assert reply.reason.startswith(says) and "\n" not in reply.reason
    (reply,) = submitted(engine(old), make_receipt(entity="7707083893"))
    assert isinstance(reply, events.Reply) and "none belongs to entity 7707083893" in reply.reason


def test_a_peculiar_receipt_goes_where_it_can_be_made_and_the_others_anywhere() -> None:
    farm = engine(RegisterFacts("old", INN, ffd=FFD_105), RegisterFacts("new", INN, ffd=FFD_12))
    group = farm._dispatch.group
    assert [station.facts.name for station in group(MARKED).candidates] == ["new"]
    assert [station.facts.name for station in group(OLD_MARKED).candidates] == ["old"]
    assert group(agent(COMMISSION)) is group(PLAIN), "what any can make waits with the others"
    assert [station.facts.name for station in group(PLAIN).candidates] == ["old", "new"]
    assert isinstance(submitted(farm, MARKED)[0], events.Commit)


def test_formats_that_are_not_known_refuse_nothing() -> None:
    assert isinstance(submitted(engine(RegisterFacts("a", INN)), MARKED)[0], events.Commit)
