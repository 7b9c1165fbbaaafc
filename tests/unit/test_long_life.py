"""Months of a shop: drives that block and unblock, that are replaced, that grow old; on their registers, with the operator, in wire."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_shop import AUDIT_NEVER, problems, run, small

from bench.scenario import load, parse
from bench.simulate import Simulation
from fiscal.emulators.drive_profile import Alarm, Phase

ROOT = Path(__file__).parents[2]


def quiet(days: float, faults: list[dict[str, Any]], **register: Any) -> Any:
    """A few receipts a day over many days, two registers of both makes."""
    return parse(
        {
            "schema_version": 1,
            "name": "quiet",
            "question": "What becomes of the drives?",
            "start": "2026-03-02T00:00:00",
            "duration_h": 24 * days,
            "drain_h": 48,
            "shop": {"entities": [{"name": "llc", "inn": "7701234560", "user": "OOO Primer"}]},
            "arrivals": {"kind": "poisson", "rate_per_min": 0.005},
            "farm": {
                "policy": "round_robin",
                "probe_s": 1800,
                "registers": [
                    {"name": "front", "device": "shtrih-m-01f", **register},
                    {"name": "back", "device": "atol-42fs"},
                ],
            },
            "shifts": {"close_at": "23:00", "stagger_min": 20, "z_report_min": 10},
            "faults": faults,
        }
    )


def test_a_drive_is_replaced_while_the_other_register_goes_on() -> None:
    simulation = run(
        small([{"kind": "drive_replacement", "target": "front-1", "at": "10:01", "hands_s": 30}], drain_h=4)
    )
    assert not problems(simulation)
    seat: Any = simulation.seats[0]
    (old,), new = seat.old_drives, seat.drive
    assert (old.phase, new.phase) == (Phase.ARCHIVE, Phase.FISCAL)
    assert old.find(old.last_document).form == 6 and new.find(1).form == 11
    assert [r.document for r in simulation.operator.store.drives[new.serial]] == list(
        range(1, new.last_document + 1)
    )
    register = simulation.world.engine.registers()[0]  # type: ignore[union-attr]
    assert (register.service, register.drive) == ("in_service", new.serial)


def test_after_thirty_days_without_the_operator_the_drives_block_and_then_catch_up() -> None:
    outage = {"kind": "operator_unreachable", "at": "day 2 08:00", "for_s": 31 * 86_400}
    simulation = run(quiet(36, [outage]))
    assert not problems(simulation)
    rows = simulation.world.log.rows
    told = [
        (t, detail)
        for t, kind, _, _, detail, _ in rows
        if kind == "register" and detail.startswith("blocked")
    ]
    assert len(told) >= 2 and all("has not reached the operator for 30 days" in detail for _, detail in told)
    day = 86_400_000_000
    first_us = min(t for t, _ in told)
    assert 31 * day < first_us < 32.5 * day, first_us / day
    recorded = [t for t, kind, _, _, detail, _ in rows if kind == "status" and detail == "recorded"]
    over_us = round(1 + 8 / 24 + 31) * day
    last_blocked_us = max(t for t, _ in told)
    assert not any(last_blocked_us + 60_000_000 < t < over_us for t in recorded), (
        "nobody prints while all are blocked"
    )
    assert all(seat.drive.unsent.count == 0 for seat in simulation.seats)  # type: ignore[union-attr]


def test_a_drive_warns_before_its_life_is_over_and_then_makes_no_receipts() -> None:
    simulation = run(quiet(45, [], drive="13", drive_age_days=410 - 40))
    seat: Any = simulation.seats[0]
    end_s = simulation.scenario.start_s + 45 * 86_400
    assert seat.drive.status(end_s).flags & Alarm.REPLACE_SOON
    rows = simulation.world.log.rows
    (blocked,) = {
        detail for _, kind, _, r, detail, _ in rows if (kind, r) == ("register", 0) and "blocked" in detail
    }
    assert blocked == "blocked: the life of the drive is over: it must be replaced"
    audit = simulation.found.audit  # type: ignore[attr-defined]
    assert not any(audit[name] for name in AUDIT_NEVER), "the other register makes the rest"
    assert audit["documents"] == len(simulation.requests)


@pytest.mark.swarm
def test_fourteen_months() -> None:
    scenario = load(ROOT / "scenarios/fourteen_months.toml")
    found = Simulation(scenario).run()
    assert not any(found.audit[name] for name in AUDIT_NEVER), found.audit["problems"]
    assert found.audit["operator_differs"] == 0
