"""What a receipt costs in each program, beside bare SimPy: ``pytest -m speed --benchmark-only tests/speed/test_ratios.py``.

Nothing here asserts a time: machines differ, and are shared. The ratios (`bench speed` prints them, too) are what to look at.
"""

from __future__ import annotations

from typing import Any

import pytest

from bench import reference_farm, speed, speed_farm
from bench.simulate import Simulation

RECEIPTS = 2_000
DAYS = speed_farm.days()
pytestmark = pytest.mark.speed


@pytest.mark.parametrize("name", ["bare_simpy", "timed"])
def test_one_day_of_the_reference_farm(benchmark: Any, name: str) -> None:
    _, [done_us] = benchmark.pedantic(getattr(speed_farm, name), (DAYS[0],), rounds=3)
    benchmark.extra_info |= {"receipts": len(done_us), "late": reference_farm.late(DAYS[0][0], done_us)}


@pytest.mark.parametrize("name", ["engine", "recursion", "lanes"])
def test_eight_days_of_the_reference_farm(benchmark: Any, name: str) -> None:
    program = speed_farm.lanes if name == "lanes" else speed_farm.compiled(name)
    _, found = benchmark.pedantic(program, (DAYS,), rounds=5, warmup_rounds=1)
    late = [reference_farm.late(traffic, done_us) for (traffic, _), done_us in zip(DAYS, found, strict=True)]
    benchmark.extra_info |= {"receipts": sum(map(len, found)), "late": late}


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
    speeds = speed.measure(rounds=3, receipts=RECEIPTS)
    with capsys.disabled():
        print("\n" + speed.table(speeds))
    assert speed.disagreement(speeds) == ""
    assert {"Ciw", "timed", "kernel, recursion", "kernel, eight lanes", "wire, one more line"} <= {
        s.name for s in speeds
    }
