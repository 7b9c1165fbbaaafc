"""Marked goods in virtual time: what is sold under each policy, and that the marking service hears of every piece once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench import load
from bench.scenario import ScenarioError, parse
from bench.simulate import Simulation
from bench.special_goods import against_service, pieces
from bench.traffic import make_orders
from fiscal.emulators.marking_service import State
from fiscal.marking import parse as parse_code
from fiscal.receipt import SettlementType

FILE = Path(__file__).parents[2] / "scenarios" / "marked_goods.toml"
NOON_S, HALF_PAST_S = 3 * 3600, 3 * 3600 + 1800
"""The outage, seconds after the start."""


def run(*sets: str) -> tuple[Simulation, Any]:
    simulation = Simulation(load(FILE, sets))
    return simulation, simulation.run()


@pytest.fixture(scope="module")
def day() -> tuple[Simulation, Any]:
    return run()


def asked(simulation: Simulation, sold_before: bool) -> set[str]:
    """The products of codes that the shop brought, by their state at the beginning."""
    return {
        parse_code(item.mark.code).product
        for request in simulation.requests
        for item in request.receipt.items
        if item.mark is not None and parse_code(item.mark.code).serial.startswith("9") is sold_before
    }


def test_special_goods_move_no_order() -> None:
    plain = make_orders(load(FILE, ["shop.goods.marked_share=0", "shop.goods.agent_share=0"]))
    special = make_orders(load(FILE))
    assert [(o.at_us, o.key, o.receipt.total_kop, o.receipt.taxation) for o in plain] == [
        (o.at_us, o.key, o.receipt.total_kop, o.receipt.taxation) for o in special
    ]
    assert not any(item.mark or item.agent for order in plain for item in order.receipt.items)
    items = [item for order in special for item in order.receipt.items]
    codes = [item.mark.code for item in items if item.mark is not None]
    assert len(codes) == len(set(codes)) > 500
    assert {item.agent.kind for item in items if item.agent is not None} == {32, 64}


def test_the_old_format_has_codes_and_no_subjects_of_their_own() -> None:
    orders = make_orders(load(FILE, ["shop.ffd=1.05"]))
    marked = [item for order in orders for item in order.receipt.items if item.mark is not None]
    assert marked and {item.subject for item in marked} == {1}


def test_a_day_by_the_law(day: tuple[Simulation, Any]) -> None:
    simulation, result = day
    assert result.audit["problems"] == []
    sold = simulation.pieces()
    silent = {piece.result for piece in sold if in_outage(simulation, piece)}
    assert Counter(piece.result for piece in sold) == Counter({15: 621, 3: 56})
    assert silent == {3}
    gone_before = asked(simulation, True)
    assert all(piece.result == 3 for piece in sold if piece.product in gone_before)
    refused = [key for key, view in views(simulation) if view.status == "set_aside"]
    assert len(refused) == 12
    for key, view in views(simulation):
        if key in refused:
            assert "was sold before" in view.reason
            assert any(parse_code(i.mark.code).product in gone_before for i in view.receipt.items if i.mark)


def in_outage(simulation: Simulation, piece: Any) -> bool:
    seat = next(seat for seat in simulation.seats if seat.name == piece.register)
    stored = seat.drive.find(piece.document)  # type: ignore[union-attr]
    at_s = stored.time_s - simulation.scenario.start_s
    return NOON_S + 60 <= at_s < HALF_PAST_S - 60


def views(simulation: Simulation) -> list[tuple[str, Any]]:
    engine = simulation.world.engine
    assert engine is not None
    known = tuple(engine.keys())
    return [(key, engine.status(key)) for key in known]


def test_the_service_knows_in_the_end_what_became_of_every_piece(day: tuple[Simulation, Any]) -> None:
    simulation, _ = day
    sold = {piece.product for piece in simulation.pieces()}
    by_type = {
        parse_code(item.mark.code).code: view.receipt.type
        for _, view in views(simulation)
        for item in view.receipt.items
        if item.mark is not None and parse_code(item.mark.code).product in sold
    }
    assert set(by_type.values()) == {SettlementType.SALE, SettlementType.SALE_RETURN}
    for code, type_ in by_type.items():
        assert simulation.marking.state(code) is (State.SOLD if type_ == 1 else State.CIRCULATES)


def test_both_taxation_systems_and_all_registers_took_part(day: tuple[Simulation, Any]) -> None:
    simulation, _ = day
    found = Counter(
        (view.register, int(view.receipt.taxation))
        for _, view in views(simulation)
        if view.recorded is not None
    )
    assert {register for register, _ in found} == {"shtrih", "shtrih-v2", "atol"}
    assert {taxation for _, taxation in found} == {2, 32} and min(found.values()) > 50


@pytest.mark.parametrize(
    ("policy", "refused", "results"),
    [("refuse_unchecked", 23, {15}), ("sell_all", 0, {15, 3, 7})],
)
def test_the_other_policies(policy: str, refused: int, results: set[int]) -> None:
    simulation, result = run(f"shop.goods.policy={policy}")
    assert result.audit["problems"] == []
    assert sum(view.status == "set_aside" for _, view in views(simulation)) == refused
    assert {piece.result for piece in simulation.pieces()} == results


def test_what_the_service_was_not_told_or_told_twice_is_found(day: tuple[Simulation, Any]) -> None:
    simulation, _ = day
    seat = simulation.seats[0]
    drive, service = seat.drive, simulation.marking  # type: ignore[union-attr]
    assert against_service(seat.name, drive, service) == []
    number = min(n for serial, n in service.notices if serial == drive.serial)
    kept = service.notices.pop((drive.serial, number))
    assert all("nobody was told" in line for line in against_service(seat.name, drive, service))
    assert against_service(seat.name, drive, service)
    service.notices[drive.serial, number] = kept
    service.notices[drive.serial, 10_000] = kept
    assert all("told twice" in line for line in against_service(seat.name, drive, service))
    del service.notices[drive.serial, 10_000]
    assert len(pieces(seat.name, drive)) > 100


def test_more_codes_in_a_receipt_than_a_drive_checks_is_a_mistake() -> None:
    data = load(FILE).model_dump(mode="json", exclude_none=True)
    data["shop"]["max_lines_per_receipt"] = 500
    with pytest.raises(ScenarioError, match="a drive checks 128 marking codes"):
        parse(data)
