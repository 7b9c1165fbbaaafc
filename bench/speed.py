"""How fast the bench is here: receipts a second, as ratios to a bare SimPy queue of the same farm in the same run.

Seconds say more about a machine than about a program, and machines are shared; so every figure is CPU time, the rounds of the
programs are interleaved, medians are taken, and what counts is the ratio.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import simpy

from bench.scenario import Scenario, parse

REGISTERS = 8
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Speed:
    """One program's figure: microseconds of CPU a receipt, and how many times a bare SimPy order that is."""

    name: str
    receipts: int
    us_per_receipt: float
    ratio: float

    @property
    def per_second(self) -> float:
        return 1e6 / self.us_per_receipt


def farm(lines: int, receipts: int) -> Scenario:
    """Eight registers over serial lines, receipts of so many lines, busy but not overloaded, no faults."""
    hours = 1.0
    return parse(
        {
            "schema_version": 1,
            "name": f"speed-{lines}",
            "question": "How many receipts a second does the bench simulate?",
            "start": "2026-11-27T09:00:00",
            "duration_h": hours,
            "shop": {"entities": [{"name": "shop", "inn": "7707083893", "user": "Shop"}]},
            "arrivals": {
                "kind": "poisson",
                "rate_per_min": receipts / hours / 60,
                "lines": {"kind": "fixed", "count": lines},
            },
            "farm": {
                "policy": "shortest_queue",
                "registers": [{"name": "kkt", "device": "shtrih-m-01f", "count": REGISTERS}],
            },
        }
    )


def bare_simpy(orders: int) -> float:
    """CPU seconds of a bare SimPy queue: an arrival process, a process for each order, a resource of eight servers."""
    env = simpy.Environment()
    servers = simpy.Resource(env, REGISTERS)

    def order() -> Generator[Any, Any, None]:
        with servers.request() as request:
            yield request
            yield env.timeout(700_000)

    def arrivals() -> Generator[Any, Any, None]:
        for _ in range(orders):
            env.process(order())
            yield env.timeout(100_000)

    env.process(arrivals())
    began = time.process_time()
    env.run()
    return time.process_time() - began


def simulated(fidelity: str, lines: int, receipts: int) -> tuple[float, int]:
    """CPU seconds and receipts of a run of the real engine, building and audit apart."""
    from bench.simulate import Simulation

    simulation = Simulation(farm(lines, receipts), fidelity=fidelity)
    began = time.process_time()
    simulation.live()
    return time.process_time() - began, len(simulation.requests)


def measure(
    rounds: int = ROUNDS, receipts: int = 4_000, progress: Callable[[float, float], None] | None = None
) -> list[Speed]:
    """All programs, interleaved. The last row is the cost of one further line in ``wire``, in microseconds."""
    programs: dict[str, Callable[[], tuple[float, int]]] = {
        "bare SimPy queue": lambda: (bare_simpy(receipts), receipts),
        "timed, 3 lines": lambda: simulated("timed", 3, receipts),
        "wire, 3 lines": lambda: simulated("wire", 3, receipts),
        "wire, 13 lines": lambda: simulated("wire", 13, receipts // 2),
    }
    times: dict[str, list[float]] = {name: [] for name in programs}
    counts: dict[str, int] = {}
    for n in range(rounds):
        for i, (name, program) in enumerate(programs.items()):
            seconds, count = program()
            times[name].append(seconds / count * 1e6)
            counts[name] = count
            if progress is not None:
                progress(n * len(programs) + i + 1, rounds * len(programs))
    us = {name: statistics.median(found) for name, found in times.items()}
    us["wire, one more line"] = (us["wire, 13 lines"] - us["wire, 3 lines"]) / 10
    counts["wire, one more line"] = 0
    base = us["bare SimPy queue"]
    return [Speed(name, counts[name], value, value / base) for name, value in us.items()]


def table(speeds: list[Speed]) -> str:
    """For people."""
    lines = [f"{'':24}{'us of CPU':>12}{'a second':>12}{'times SimPy':>13}"]
    for speed in speeds:
        lines.append(
            f"{speed.name:24}{speed.us_per_receipt:12.1f}{speed.per_second:12,.0f}{speed.ratio:13.2f}"
        )
    return "\n".join(lines)
