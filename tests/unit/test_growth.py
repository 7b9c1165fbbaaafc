"""A farm of any size out of one scenario: nested, in proportion, able to record everything, with the faults of the registers it has."""

from __future__ import annotations

from pathlib import Path

import pytest

import bench
from bench.growth import Growth
from bench.planner import day

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"


@pytest.mark.parametrize("name", ["black_friday", "two_entities", "spare_register", "mixed_makes"])
def test_every_farm_holds_the_smaller_ones_and_one_of_them_is_the_scenario(name: str) -> None:
    scenario = bench.load(SCENARIOS / f"{name}.toml")
    growth = Growth(scenario)
    own = {entry.name: entry.count for entry in scenario.farm.registers}
    whole = sum(own.values())
    assert growth.counts(whole) == own
    before: dict[str, int] = {}
    for count in range(growth.least, 4 * whole):
        now = growth.counts(count)
        assert sum(now.values()) == count == len(growth.farm(count).registers())
        assert all(now.get(entry, 0) >= n for entry, n in before.items())
        assert all(n <= count / whole * own[entry] + 1.5 for entry, n in now.items())
        before = now


def test_the_smallest_farm_records_every_kind_of_receipt() -> None:
    scenario = bench.load(SCENARIOS / "two_entities.toml")
    kinds = day(scenario, 0).kinds
    assert len({entity for entity, _, _ in kinds}) == 2
    growth = Growth(scenario, kinds=kinds)
    assert growth.least == 2
    farm = growth.farm(2)
    assert {register.entity for register in farm.registers()} == {e.name for e in scenario.shop.entities}
    assert bench.run(farm, fidelity="timed").summary["refused"] == 0


def test_faults_follow_their_registers() -> None:
    scenario = bench.load(SCENARIOS / "black_friday.toml")
    growth = Growth(scenario, "office")
    assert {fault.target for fault in growth.farm(1).faults} == {"office"}
    assert {fault.target for fault in growth.farm(3).faults} == {"office-1"}
    second = scenario.model_copy(
        update={"faults": tuple(fault.model_copy(update={"target": "office-2"}) for fault in scenario.faults)}
    )
    assert Growth(second, "office").farm(1).faults == ()
    assert len(Growth(second, "office").farm(2).faults) == 2


def test_one_template_leaves_the_others() -> None:
    growth = Growth(bench.load(SCENARIOS / "black_friday.toml"), "net")
    assert (growth.least, growth.others) == (1, 4)
    assert growth.counts(7) == {"office": 2, "store": 1, "net": 7, "mini": 1}
