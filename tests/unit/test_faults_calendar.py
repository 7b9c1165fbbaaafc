"""The calendar of faults: what is set stands where it was set, what is random comes at its rate and moves nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.faults import Fault, calendar
from bench.scenario import Scenario, apply_set, load, parse
from bench.scenario_faults import REACH

SWARM = Path(__file__).resolve().parents[2] / "scenarios" / "swarm_faults.toml"
HOUR_US = 3_600_000_000


def scenario(
    *faults: str, start: str = "08:00", hours: float = 12, first: dict[str, Any] | None = None
) -> Scenario:
    data: dict[str, Any] = {
        "schema_version": 1,
        "name": "faults",
        "question": "What goes wrong?",
        "start": f"2026-03-11T{start}:00",
        "duration_h": hours,
        "shop": {"entities": [{"name": "llc", "inn": "7701234560", "user": "OOO Primer"}]},
        "arrivals": {"kind": "poisson", "rate_per_min": 1.0},
        "farm": {
            "registers": [
                {"name": "a", "device": "shtrih-m-01f", "count": 2, "computer": "pc-1", **(first or {})},
                {"name": "b", "device": "shtrih-m-01f", "computer": "pc-2"},
            ]
        },
    }
    apply_set(data, f"faults=[{', '.join(faults)}]")
    return parse(data)


def test_a_fault_at_a_set_time_stands_there() -> None:
    found = calendar(
        scenario(
            "{kind='cable_pulled', target='b', at='09:30', for_s=90}",
            "{kind='reply_lost', target='a-2', at='09:00:01', count=3}",
            "{kind='clock_jump', target='all', at='10:00', shift_s=-1.5}",
            "{kind='register_slow', target='a-1', at='11:00', for_s=60, factor=4}",
            "{kind='operator_unreachable', at='12:00', for_s=600}",
            "{kind='engine_crash', at='13:00', restart_s=7}",
        )
    )
    assert found == [
        Fault("reply_lost", "a-2", HOUR_US + 1_000_000, HOUR_US + 1_000_000, {"count": 3}),
        Fault("cable_pulled", "b", HOUR_US * 3 // 2, HOUR_US * 3 // 2 + 90_000_000),
        Fault("clock_jump", "all", 2 * HOUR_US, 2 * HOUR_US, {"shift_us": -1_500_000}),
        Fault("register_slow", "a-1", 3 * HOUR_US, 3 * HOUR_US + 60_000_000, {"factor": 4.0}),
        Fault("operator_unreachable", "", 4 * HOUR_US, 4 * HOUR_US + 600_000_000),
        Fault("engine_crash", "", 5 * HOUR_US, 5 * HOUR_US, {"restart_us": 7_000_000}),
    ]


def test_a_crash_at_a_step_has_no_time() -> None:
    assert calendar(scenario("{kind='engine_crash', effect='performed', nth=9}")) == [
        Fault("engine_crash", "", 0, 0, {"effect": "performed", "nth": 9, "restart_us": 10_000_000})
    ]


def test_noise_without_a_time_lasts_the_whole_run() -> None:
    assert calendar(scenario("{kind='garbled_bytes', probability=0.2}")) == [
        Fault("garbled_bytes", "all", 0, 12 * HOUR_US, {"probability": 0.2})
    ]


def test_random_faults_come_at_their_rate_and_last_their_mean() -> None:
    many = calendar(scenario("{kind='paper_out', per_day=600, mean_for_s=2}", hours=240))
    mean = 6000
    assert abs(len(many) - mean) < 4 * mean**0.5 + 30  # joined ones make a few fewer
    lasted = [(fault.until_us - fault.at_us) / 1e6 for fault in many]
    assert abs(np.mean(lasted) - 2) < 4 * 2 / len(lasted) ** 0.5 + 0.02
    assert {fault.target for fault in many} == {"a-1", "a-2", "b"}
    assert [fault.at_us for fault in many] == sorted(fault.at_us for fault in many)


def test_any_means_what_the_kind_can_reach() -> None:
    hit = {
        kind: {
            f.target for f in calendar(scenario(f"{{kind='{kind}', per_day=400, mean_for_s=1}}", hours=48))
        }
        for kind in ("power_cut", "computer_hang", "cable_pulled")
    }
    assert hit == {
        "power_cut": {"a-1", "a-2", "b", "pc-1", "pc-2"},
        "computer_hang": {"pc-1", "pc-2"},
        "cable_pulled": {"a-1", "a-2", "b"},
    }


def test_any_means_a_register_that_can_suffer_it() -> None:
    """Only a web server hangs."""
    changes = {"protocol": "web", "device": "atol-42fs", "line": {"kind": "tcp"}}
    many = calendar(scenario("{kind='web_server_hang', per_day=400, mean_for_s=1}", first=changes))
    assert {fault.target for fault in many} == {"a-1", "a-2"}


def test_the_same_seed_gives_the_same_calendar_and_another_seed_another() -> None:
    one = scenario("{kind='reply_lost', per_day=20}")
    assert calendar(one) == calendar(one) == calendar(one, seed=1)
    assert calendar(one) != calendar(one, seed=2)
    assert calendar(one) != calendar(one, replication=1)


def test_adding_a_fault_moves_no_other() -> None:
    cut, lost = "{kind='power_cut', per_day=12, mean_for_s=60}", "{kind='reply_lost', per_day=20}"
    alone = calendar(scenario(cut))
    both = calendar(scenario(lost, cut))
    assert [fault for fault in both if fault.kind == "power_cut"] == alone
    twice = calendar(scenario(cut, "{kind='power_cut', target='b', per_day=3, mean_for_s=60}"))
    assert {fault.at_us for fault in alone} <= {fault.at_us for fault in twice}


def test_overlapping_faults_on_one_target_are_one() -> None:
    found = calendar(
        scenario(
            "{kind='cable_pulled', target='b', at='09:00', for_s=600}",
            "{kind='cable_pulled', target='b', at='09:05', for_s=600}",
            "{kind='cable_pulled', target='a-1', at='09:05', for_s=600}",
        )
    )
    minute = 60_000_000
    assert found == [
        Fault("cable_pulled", "b", HOUR_US, HOUR_US + 15 * minute),
        Fault("cable_pulled", "a-1", HOUR_US + 5 * minute, HOUR_US + 15 * minute),
    ]


def test_random_faults_are_over_at_the_end_of_the_run() -> None:
    found = calendar(scenario("{kind='disk_full', per_day=30, mean_for_s=100000}"))
    assert found
    assert all(fault.until_us <= 12 * HOUR_US for fault in found)


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_chance_says_in_how_many_runs_a_fault_is(chance: float) -> None:
    some = scenario(f"{{kind='cable_pulled', at='09:00', for_s=1, chance={chance}}}")
    runs = sum(bool(calendar(some, seed=seed)) for seed in range(200))
    assert abs(runs - 200 * chance) <= 4 * (200 * chance * (1 - chance)) ** 0.5


def test_the_swarm_strikes_with_every_kind_within_a_few_seeds() -> None:
    swarm = load(SWARM)
    kinds = [{fault.kind for fault in calendar(swarm, seed=seed)} for seed in range(20)]
    assert set.union(*kinds) == set(REACH) - {"web_server_hang"}
    assert len({frozenset(k) for k in kinds}) > 10  # the seed chooses the mixture
