"""Many seeds of the fault-heavy scenario, each held to the first law; a failure says how to see it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from bench.scenario import load
from bench.simulate import Simulation

SCENARIO = Path(__file__).parents[1] / "scenarios" / "swarm_faults.toml"
LAWS = ("lost", "doubled", "gaps", "wrong_totals", "strangers")
LIVENESS = ("unfinished", "in_doubt")


def swarm(seeds: Iterable[int]) -> Counter[str]:
    """Run every seed; returns in how many of them each kind of fault struck."""
    scenario = load(SCENARIO)
    struck: Counter[str] = Counter()
    for seed in seeds:
        run = Simulation(scenario, seed).run()
        wrong = {name: run.audit[name] for name in LAWS + LIVENESS if run.audit[name]}
        assert not wrong, (
            f"seed {seed}: {wrong}: {run.audit['problems'][:3]}; replay with "
            f"bench run scenarios/swarm_faults.toml --seed {seed}"
        )
        struck.update({kind for kind, times in run.fired.items() if times})
    return struck


def all_kinds() -> set[str]:
    return {fault.kind for fault in load(SCENARIO).faults}
