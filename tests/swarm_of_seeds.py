"""A swarm: one scenario, many seeds, each another bad day; and what must be true of every single one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from bench.scenario import load
from bench.simulate import Simulation

SCENARIO = "scenarios/swarm_faults.toml"
NEVER = (
    "lost",
    "doubled",
    "gaps",
    "wrong_totals",
    "strangers",
    "operator_differs",
    "unfinished",
    "in_doubt",
    "set_aside",
)
"""Nothing may be lost or doubled; and once the faults are over everything has to come to an end."""
_ROOT = Path(__file__).parent.parent


def kinds() -> set[str]:
    """The kinds of fault the scenario has."""
    return {spec.kind for spec in load(_ROOT / SCENARIO).faults}


def swarm(seeds: Iterable[int], name: str = SCENARIO) -> tuple[Counter[str], list[str]]:
    """Run the seeds: (how often each fault fired, what went wrong with the command that plays it again)."""
    scenario = load(_ROOT / name)
    fired: Counter[str] = Counter()
    wrong: list[str] = []
    for seed in seeds:
        again = f"replay with: bench run {name} --seed {seed}"
        try:
            run = Simulation(scenario, seed).run()
        except Exception as error:
            wrong.append(f"seed {seed}: {error!r}\n    {again}")
            continue
        fired.update(run.fired)
        bad = [f"{name} {run.audit[name]}" for name in NEVER if run.audit[name]]
        if run.audit["documents"] < len(run.asked):
            bad.append(f"{len(run.asked) - run.audit['documents']} receipts without a document")
        if bad:
            problems = "\n    ".join(run.audit["problems"][:5])
            wrong.append(f"seed {seed}: {', '.join(bad)}\n    {problems}\n    {again}")
    return fired, wrong
