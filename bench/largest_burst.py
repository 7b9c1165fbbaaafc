"""The largest burst a farm survives: how many orders may come at one instant, at its worst moments.

A burst of orders is laid into each of the days at a moment: in the busiest hour, or as the registers begin to close their shifts. It is
survived when of its own receipts no more than the allowed share is late, at the upper 95 % bound over the days. A larger burst has the
orders of a smaller one and some more, so the size is bracketed by doubling and bisected.

    >>> import bench
    >>> found = largest_burst(bench.load("scenarios/quiet_day.toml"), replications=3, most=2000)
    >>> found.orders == min(found.by_moment.values())
    True
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.fewest import fewest
from bench.planner import Lateness, SameDays, busiest_hour
from bench.progress import Progress
from bench.scenario import Scenario, ScenarioError
from bench.scenario_arrivals import Burst, FixedLines, GeometricLines, Lines
from bench.scenario_model import US_PER_S, day_time_text
from bench.simulate import places
from bench.sizing import enough
from bench.theory_staffing import largest_burst as fluid_burst
from bench.timed import service_time

MOST = 20_000
"""Orders at which the search ends unless told otherwise."""


@dataclass(frozen=True)
class LargestBurst:
    """The answer. ``orders`` is survived at every moment looked at; ``by_moment`` says how many at each ("13:00:00, shifts close").

    ``edges`` has at each moment what became of the largest burst survived and of one order more. ``fluid`` is the theory of a farm that
    works at full speed through the five minutes, beside the day's busiest hour.
    """

    scenario: str
    late_share: float
    days: int
    most: int
    by_moment: dict[str, int]
    edges: dict[str, dict[int, Lateness]]
    fluid: int

    @property
    def orders(self) -> int:
        return min(self.by_moment.values())

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "orders": self.orders,
            "late_share_target": self.late_share,
            "days": self.days,
            "by_moment": self.by_moment,
            "theory_at_full_speed": self.fluid,
        }

    def report(self) -> str:
        """The answer in words."""
        allowed = f"at most {self.late_share:.3%} of them late" if self.late_share else "none of them late"
        lines = [f"the largest burst that is survived, {allowed}, over {self.days} days:"]
        for moment, orders in self.by_moment.items():
            more = " or more" if orders == self.most else ""
            lines.append(f"  {orders:>6}{more} orders at {moment}")
        lines.append(f"  {self.fluid:>6} by theory, with every register at work for the whole five minutes")
        return "\n".join(lines)


def largest_burst(
    scenario: Scenario,
    late_share: float = 0.0,
    *,
    at: str = "",
    replications: int = 10,
    most: int = MOST,
    seed: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> LargestBurst:
    """How many orders at one instant the scenario's farm records in time, beside its other orders.

    ``at`` names one moment by the shop's clock; without it the busiest hour and every closing are looked at. The orders have as many lines
    as those of the scenario's first burst, or three on the mean. Raises ValueError for a target outside 0 to 1, ScenarioError for a moment
    outside the run.
    """
    if not 0 <= late_share < 1:
        raise ValueError(f"a late share of {late_share}: give a share from 0 to below 1, such as 0.001")
    if replications < 2 or most < 1:
        raise ValueError("at least two days and a burst of one order are needed")
    busiest_s, rate = busiest_hour(scenario, SameDays(scenario, replications, seed).days())
    moments = {f"{at}, as asked": at} if at else _moments(scenario, busiest_s)
    by_moment: dict[str, int] = {}
    edges: dict[str, dict[int, Lateness]] = {}
    for number, (name, clock) in enumerate(moments.items()):
        if not 0 <= scenario.at_us(clock) < scenario.duration_us:
            raise ScenarioError(f"{scenario.name}: a burst at {clock}: that is outside the run")
        tried: dict[int, Lateness] = {}

        def too_many(orders: int, clock: str = clock, tried: dict[int, Lateness] = tried) -> bool:
            if orders not in tried:
                burst = _with_burst(scenario, clock, orders)
                same = SameDays(burst, replications, seed, executor)
                moment_us = scenario.at_us(clock)
                (tried[orders],) = same.lateness([burst], paid_us=(moment_us, moment_us + 1))
            return not enough(tried[orders], late_share)

        found = fewest(too_many, 1, most)
        by_moment[name] = most if found is None else found - 1
        kept = (by_moment[name], by_moment[name] + 1)
        edges[name] = {orders: what for orders, what in tried.items() if orders in kept}
        if progress is not None:
            progress(number + 1, len(moments))
    return LargestBurst(
        scenario.name,
        late_share,
        replications,
        most,
        by_moment,
        edges,
        fluid_burst(scenario.shop.deadline_s, _capacity(scenario), rate),
    )


def _with_burst(scenario: Scenario, clock: str, orders: int) -> Scenario:
    bursts = (*scenario.arrivals.bursts, Burst(at=clock, orders=orders, lines=_lines(scenario)))
    arrivals = scenario.arrivals.model_copy(update={"bursts": bursts})
    return scenario.model_copy(update={"arrivals": arrivals})


def _lines(scenario: Scenario) -> Lines:
    bursts = scenario.arrivals.bursts
    return bursts[0].lines if bursts else GeometricLines(kind="geometric", mean=3.0)


def _moments(scenario: Scenario, busiest_s: float) -> Mapping[str, str]:
    """The moments to look at, by what they are."""
    busiest = day_time_text(scenario.start_of_day_us + round(busiest_s) * US_PER_S)
    found = {f"{busiest}, the busiest hour": busiest}
    for close_at in scenario.shifts.close_at:
        for at_us in scenario.daily_us(close_at)[:1]:
            clock = day_time_text(scenario.start_of_day_us + at_us)
            if at_us < scenario.duration_us:
                found[f"{clock}, as shifts begin to close"] = clock
    return found


def _capacity(scenario: Scenario) -> float:
    """Receipts a second that the whole farm records, of the size of the burst's."""
    spec = _lines(scenario)
    lines = spec.count if isinstance(spec, FixedLines) else max(1, round(spec.mean))
    total = 0.0
    for place in places(scenario):
        take = service_time(place.register.service, place.facts.service_base_us, place.facts.service_line_us)
        grid = (np.arange(999) + 0.5) / 999  # the mean over the draws, by quantiles
        total += 1e6 / max(1.0, float(np.mean([take(float(u), lines) for u in grid])))
    return total
