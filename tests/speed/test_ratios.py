"""How fast each fidelity is beside a bare SimPy queue of the same farm: ``pytest -m speed --benchmark-only tests/speed/test_ratios.py``.

Nothing here asserts a time: machines differ, and are shared. The ratios (`bench speed` prints them, too) are what to look at.
"""

from __future__ import annotations

from typing import Any

import pytest

from bench import speed
from bench.simulate import Simulation

RECEIPTS = 2_000
pytestmark = pytest.mark.speed


def test_bare_simpy(benchmark: Any) -> None:
    benchmark.extra_info["receipts"] = RECEIPTS
    benchmark.pedantic(speed.bare_simpy, (RECEIPTS,), rounds=5)


@pytest.mark.parametrize("lines", [3, 13])
@pytest.mark.parametrize("fidelity", ["timed", "wire"])
def test_fidelity(benchmark: Any, fidelity: str, lines: int) -> None:
    runs: list[Simulation] = []

    def build() -> tuple[tuple[Simulation], dict[str, Any]]:
        runs.append(Simulation(speed.farm(lines, RECEIPTS), fidelity=fidelity))
        return (runs[-1],), {}

    benchmark.pedantic(lambda simulation: simulation.live(), setup=build, rounds=5)
    benchmark.extra_info["receipts"] = len(runs[-1].requests)
    engine = runs[-1].world.engine
    assert engine is not None
    assert engine.settled
    assert len(list(engine.keys())) == len(runs[-1].requests)


def test_ratios_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    table = speed.table(speed.measure(rounds=3, receipts=RECEIPTS))
    with capsys.disabled():
        print("\n" + table)
    assert "wire, one more line" in table
