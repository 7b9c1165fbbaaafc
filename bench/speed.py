"""How fast the bench is here: what a receipt costs in each program, as ratios to bare SimPy in the same run.

Seconds say more about a machine than about a program, and machines are shared; so every figure is CPU time, the rounds of the
programs are interleaved, medians are taken, and what counts is the ratio.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench import reference_farm, speed_farm
from bench.scenario import Scenario, parse

REGISTERS = 8
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Speed:
    """One program's figure: microseconds of CPU a receipt, and how many times a bare SimPy order that is.

    ``late``: how many orders of the reference farm's first day came too late, by this program; ``None`` where it ran something else.
    """

    name: str
    receipts: int
    us_per_receipt: float
    ratio: float
    late: int | None = None
    same_as: str = ""
    """The row that must have as many late orders."""

    @property
    def per_second(self) -> float:
        return 1e6 / self.us_per_receipt


MAKES = {"wire": "shtrih-m-01f", "wire, ATOL": "atol-42fs"}
"""What is measured in ``wire``: a model of each make, both recording without paper."""


def farm(lines: int, receipts: int, device: str = MAKES["wire"]) -> Scenario:
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
                "registers": [{"name": "kkt", "device": device, "count": REGISTERS}],
            },
        }
    )


def simulated(fidelity: str, lines: int, receipts: int, device: str = MAKES["wire"]) -> tuple[float, int]:
    """CPU seconds and receipts of a run of the real engine, building and audit apart."""
    from bench.simulate import Simulation

    simulation = Simulation(farm(lines, receipts, device), fidelity=fidelity)
    began = time.process_time()
    simulation.live()
    return time.process_time() - began, len(simulation.requests)


Program = Callable[[], tuple[float, int, int | None]]
"""Runs once: CPU seconds, receipts, late ones."""


def programs(receipts: int) -> dict[str, Program]:
    """What is measured, by name: first the reference farm in every program that takes given numbers, then the fidelities as they are."""
    days = speed_farm.days()
    first, service = days[0]

    def one(run: Callable[[speed_farm.Day], speed_farm.Ran]) -> Program:
        def program() -> tuple[float, int, int | None]:
            seconds, [done_us] = run((first, service))
            return seconds, len(first), reference_farm.late(first, done_us)

        return program

    def several(run: Callable[[list[speed_farm.Day]], speed_farm.Ran]) -> Program:
        def program() -> tuple[float, int, int | None]:
            seconds, done_us = run(days)
            return seconds, sum(len(traffic) for traffic, _ in days), reference_farm.late(first, done_us[0])

        return program

    def fidelity(name: str, lines: int, count: int, device: str = MAKES["wire"]) -> Program:
        return lambda: (*simulated(name, lines, count, device), None)

    return {
        BASE: one(speed_farm.bare_simpy),
        **({CIW: one(run)} if (run := _ciw()) is not None else {}),
        "timed": one(speed_farm.timed),
        "kernel, engine's twin": several(speed_farm.compiled("engine")),
        "kernel, twin, commit 2 ms": several(speed_farm.compiled("engine", 2_000)),
        "kernel, recursion": several(speed_farm.compiled("recursion")),
        "kernel, eight lanes": several(speed_farm.lanes),
        "timed, 3 lines": fidelity("timed", 3, receipts),
        **{f"{name}, 3 lines": fidelity("wire", 3, receipts, device) for name, device in MAKES.items()},
        **{
            f"{name}, 13 lines": fidelity("wire", 13, receipts // 2, device) for name, device in MAKES.items()
        },
        **on_wire_times(),
    }


BASE = "bare SimPy"
CIW = "Ciw"


def on_wire_times() -> dict[str, Program]:
    """The reference farm in ``wire``, and in every other program on the times that came out."""
    from bench.speed_wire import wire_day

    def given(run: Callable[[speed_farm.Day, Sequence[int]], speed_farm.Ran]) -> Program:
        def program() -> tuple[float, int, int | None]:
            day = wire_day()
            seconds, [done_us] = run((day.traffic, day.service_us), day.z_us)
            return seconds, len(day.traffic), reference_farm.late(day.traffic, done_us)

        return program

    def wire() -> tuple[float, int, int | None]:
        day = wire_day()
        return day.seconds, len(day.traffic), reference_farm.late(day.traffic, day.done_us)

    others: dict[str, Callable[[speed_farm.Day, Sequence[int]], speed_farm.Ran]] = {
        BASE: speed_farm.bare_simpy,
        **({CIW: run} if (run := _ciw()) is not None else {}),
        "timed": speed_farm.timed,
        "kernel, twin": lambda day, z_us: speed_farm.compiled("engine", z_us=z_us)([day]),
        "kernel, recursion": lambda day, z_us: speed_farm.compiled("recursion", z_us=z_us)([day]),
    }
    return {WIRE: wire, **{f"{name}{ON_ITS_TIMES}": given(run) for name, run in others.items()}}


WIRE = "wire, its own times"
ON_ITS_TIMES = ", on wire's"


def _ciw() -> Callable[..., speed_farm.Ran] | None:
    """The reference farm in Ciw, where Ciw is installed."""
    try:
        from bench.speed_ciw import ciw
    except ImportError:
        return None
    return ciw


def measure(
    rounds: int = ROUNDS, receipts: int = 4_000, progress: Callable[[float, float], None] | None = None
) -> list[Speed]:
    """All programs, interleaved. The last rows are the cost of one further line in ``wire``, in microseconds, for each make."""
    measured = programs(receipts)
    for name, program in measured.items():
        if name.startswith("kernel"):
            program()  # compiling is not what is measured
    times: dict[str, list[float]] = {name: [] for name in measured}
    counts: dict[str, int] = {}
    late: dict[str, int | None] = {}
    for n in range(rounds):
        for i, (name, program) in enumerate(measured.items()):
            seconds, counts[name], late[name] = program()
            times[name].append(seconds / counts[name] * 1e6)
            if progress is not None:
                progress(n * len(measured) + i + 1, rounds * len(measured))
    us = {name: statistics.median(found) for name, found in times.items()}
    for name in MAKES:
        us[f"{name}, one more line"] = (us[f"{name}, 13 lines"] - us[f"{name}, 3 lines"]) / 10
        counts[f"{name}, one more line"] = 0
    return [
        Speed(name, counts[name], value, value / us[BASE], late.get(name), _held_to(name))
        for name, value in us.items()
    ]


def table(speeds: list[Speed]) -> str:
    """For people."""
    lines = [f"{'':28}{'ns of CPU':>12}{'a second':>14}{'times SimPy':>14}{'late':>8}"]
    for speed in speeds:
        lines.append(
            f"{speed.name:28}{speed.us_per_receipt * 1000:12,.0f}{speed.per_second:14,.0f}{speed.ratio:14.4f}"
            f"{'' if speed.late is None else speed.late:>8}"
        )
    if all(speed.name != CIW for speed in speeds):
        lines.append(
            "Ciw is not installed, so it was left out: python -m pip install -c requirements.txt -e '.[speed]'"
        )
    return "\n".join(lines)


def disagreement(speeds: list[Speed]) -> str:
    """Which programs found another number of late orders than the one they are held to; "" when all agree."""
    late = {speed.name: speed.late for speed in speeds}
    other = [
        f"{speed.name}: {speed.late} and not {late[speed.same_as]}"
        for speed in speeds
        if speed.same_as and speed.late != late[speed.same_as]
    ]
    return f"late orders differ from {BASE}'s or wire's: {', '.join(other)}" if other else ""


def _held_to(name: str) -> str:
    """The row that must have as many late orders as this one; a commit that takes time is another farm."""
    if name == WIRE or name.endswith(ON_ITS_TIMES):
        return WIRE
    return "" if "commit" in name or "lines" in name or "more line" in name else BASE
