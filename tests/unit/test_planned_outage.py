"""A planned outage in the world: the receipt in work is finished, then the register is left alone; and a queue that is full."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from small_shop import AUDIT_NEVER, run, small

from bench.faults import joined
from bench.log import REPLY, STATUS
from bench.simulate import Simulation

OUT = (120_000_000, 240_000_000)  # 10:02 to 10:04
OUTAGE = {"kind": "planned_outage", "target": "front-1", "at": "10:02", "for_s": 120}


def busy(faults: Iterable[Mapping[str, Any]], fidelity: str, **farm: Any) -> Simulation:
    """Six minutes of two registers with more to do than they can, so that something is in work whenever an outage begins."""
    return run(
        small(
            faults,
            arrivals={"kind": "poisson", "rate_per_min": 300, "lines": {"kind": "fixed", "count": 3}},
            farm={
                "policy": "shortest_queue",
                "registers": [{"name": "front", "device": "shtrih-m-01f", "count": 2}],
                **farm,
            },
            shifts={"close_at": "23:55"},
        ),
        fidelity=fidelity,
    )


def begun(simulation: Simulation, register: int) -> list[int]:
    rows = simulation.world.log.rows
    return [row[0] for row in rows if row[1] == STATUS and row[4] == "printing" and row[3] == register]


def nothing_happened_that_may_not(simulation: Simulation) -> bool:
    found = simulation.found  # type: ignore[attr-defined]
    return all(not found.audit[name] for name in AUDIT_NEVER)


@pytest.mark.parametrize("reroute", [True, False])
@pytest.mark.parametrize("fidelity", ["timed", "wire"])
def test_no_receipt_is_begun_while_a_register_is_out(fidelity: str, reroute: bool) -> None:
    simulation = busy([OUTAGE], fidelity, reroute=reroute)
    out = begun(simulation, 0)
    assert not [t for t in out if OUT[0] < t < OUT[1]]
    again_us = (
        2_000_000 if reroute else 20_000
    )  # with the next order; with what has waited for it, after a commit
    assert min(t for t in out if t > OUT[0]) - OUT[1] < again_us
    assert len([t for t in begun(simulation, 1) if OUT[0] < t < OUT[1]]) > 50
    recorded = [r for r in simulation.world.log.rows if r[1] == STATUS and r[4] == "recorded" and r[3] == 0]
    assert len([r for r in recorded if OUT[0] < r[0] < OUT[1]]) == 1  # what was in work
    assert simulation.world.fired["planned_outage"] == 1
    assert nothing_happened_that_may_not(simulation)


@pytest.mark.parametrize(
    ("crash", "restart_s", "serves_at"),
    [("10:01:50", 30, OUT[1]), ("10:03", 5, OUT[1]), ("10:03:50", 30, 260_000_000)],
    ids=["begins while nobody hears", "survives a crash", "ends while nobody hears"],
)
def test_an_engine_that_was_away_learns_what_is_planned(crash: str, restart_s: int, serves_at: int) -> None:
    simulation = busy([OUTAGE, {"kind": "engine_crash", "at": crash, "restart_s": restart_s}], "timed")
    out = begun(simulation, 0)
    assert not [t for t in out if OUT[0] < t < serves_at]
    assert min(t for t in out if t > OUT[0]) - serves_at < 3_000_000
    assert nothing_happened_that_may_not(simulation)


@pytest.mark.parametrize("fidelity", ["timed", "wire"])
def test_a_full_queue_refuses_at_the_door(fidelity: str) -> None:
    simulation = busy([], fidelity, queue_limit=12)
    answers = [row[4] for row in simulation.world.log.rows if row[1] == REPLY]
    refused = [answer for answer in answers if answer != "accepted"]
    assert set(refused) == {"the queue is full: 12 receipts wait"}
    assert 0 < len(refused) < len(answers)
    assert nothing_happened_that_may_not(simulation)


def test_spans_that_overlap_or_touch_are_one() -> None:
    assert joined([(50, 60), (0, 10), (10, 20), (15, 18), (30, 30)]) == ((0, 20), (50, 60))
    for wrong in ((5, 4), (-1, 4)):
        with pytest.raises(ValueError, match="an outage from"):
            joined([wrong])
