"""A shop so small that a test can let it live through hundreds of disasters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bench.scenario import Scenario, parse
from bench.simulate import Simulation

AUDIT_NEVER = ("lost", "doubled", "gaps", "wrong_totals", "strangers")
"""What no run may ever show, whatever happens in it."""


def small(
    faults: Iterable[Mapping[str, Any]] = (),
    *,
    registers: int = 2,
    shop: Mapping[str, Any] = {},
    **changes: Any,
) -> Scenario:
    """Six minutes of two registers: a trickle, a burst of six, and a Z-report on each. Tables in ``changes`` replace those here."""
    return parse(
        {
            "schema_version": 1,
            "name": "small",
            "question": "Is anything lost or doubled?",
            "start": "2026-07-01T10:00:00",
            "duration_h": 0.1,
            "drain_h": 2,
            "shop": {
                "entities": [{"name": "llc", "inn": "7701234560", "user": "OOO Primer"}],
                "commit_ms": 5,
                **shop,
            },
            "arrivals": {
                "kind": "poisson",
                "rate_per_min": 1.5,
                "lines": {"kind": "geometric", "mean": 2},
                "bursts": [{"at": "10:01:00", "orders": 6, "lines": {"kind": "fixed", "count": 2}}],
            },
            "farm": {
                "policy": "round_robin",
                "registers": [{"name": "front", "device": "shtrih-m-01f", "count": registers}],
            },
            "shifts": {"close_at": "10:02", "stagger_min": 1, "z_report_min": 1},
            "faults": list(faults),
            **changes,
        }
    )


def run(scenario: Scenario, seed: int = 1, fidelity: str = "wire") -> Simulation:
    """The simulation after its run, so that its parts can be looked at; ``.found`` is what the run handed over."""
    simulation = Simulation(scenario, seed, fidelity)
    simulation.found = simulation.run()  # type: ignore[attr-defined]
    return simulation


def problems(simulation: Any) -> list[str]:
    """Everything that is wrong with a run that has ended: nothing may be lost, nor left undone."""
    audit = simulation.found.audit
    wrong = [name for name in (*AUDIT_NEVER, "unfinished", "in_doubt") if audit[name]]
    return [f"{name}: {audit[name]}" for name in wrong] + audit["problems"]
