"""What an answer depends on most: orders, the registers' speed, the length of Z-reports, a register out of service.

Each is moved through a range about the scenario's own value, all together, and the days are lived through again at every point. The
cheap look (Morris) tells what matters from what does not; the thorough one (Sobol) shares the answer's variance out among them
(`bench.statistics_sensitivity`).
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.executors import mapped
from bench.planner import SameDays, busiest_hour, day, lateness
from bench.progress import Progress
from bench.scenario import Scenario
from bench.statistics_sensitivity import morris, sobol
from bench.what_if import more_orders, one_out, z_report_minutes, z_reports_of

if TYPE_CHECKING:
    from bench.charts_style import Chart

SIZE = {"morris": "size", "sobol": "total"}
"""By which column of the table the inputs are ranked."""
MEASURES = ("longest_wait_s", "mean_wait_s", "late_share")


@dataclass(frozen=True)
class WhatMatters:
    """The answer: ``table`` of `bench.statistics_sensitivity.morris` or ``sobol``, the ``ranges`` moved through, what was asked ``of``."""

    scenario: str
    method: str
    of: str
    ranges: dict[str, tuple[float, float]]
    days: int
    points: int
    table: pd.DataFrame

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "of": self.of,
            "method": self.method,
            "ranges": {name: list(ends) for name, ends in self.ranges.items()},
            "days": self.days,
            "points": self.points,
            "inputs": self.table.to_dict("records"),
        }

    def report(self) -> str:
        """The answer in words, what matters most first."""
        size = SIZE[self.method]
        what = (
            "change of it over the whole range"
            if self.method == "morris"
            else "share of its variance, with interplay"
        )
        lines = [
            f"what the {self.of} depends on ({self.method}, {self.points} points of {self.days} days): {what}"
        ]
        for row in self.table.sort_values(size, ascending=False).to_dict("records"):
            low, high = self.ranges[row["input"]]
            lines.append(f"  {row['input']:<18} {low:>6.3g} ... {high:<6.3g} {row[size]:>10.4g}")
        return "\n".join(lines)

    def plot(self) -> Chart:
        """Bars, the longest first (`bench.charts_sizing`)."""
        from bench.charts_sizing import plot_what_matters

        return plot_what_matters(self)


def what_matters(
    scenario: Scenario,
    *,
    of: str = "longest_wait_s",
    method: str = "morris",
    ranges: dict[str, tuple[float, float]] | None = None,
    replications: int = 5,
    effort: int = 10,
    seed: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> WhatMatters:
    """Move orders, slowness, Z-report length and outage through ranges, and see what the answer does.

    Inputs: ``orders`` (factor), ``slowness`` (factor on service times), ``z_report_min``, ``outage_min`` (the first register, from the
    busiest hour on); ``ranges`` replaces the usual ones, by name. ``effort``: paths of Morris, or points of Sobol (then a power of two).
    Raises ValueError for an unknown measure, method or input.
    """
    if of not in MEASURES:
        raise ValueError(f"cannot ask of {of!r}; there are: {', '.join(MEASURES)}")
    if method not in ("morris", "sobol"):
        raise ValueError(f"unknown method {method!r}; there are: morris, sobol")
    minutes = z_report_minutes(scenario)
    asked = {
        "orders": (0.7, 1.3),
        "slowness": (0.7, 1.3),
        "z_report_min": (0.7 * minutes, 1.3 * minutes),
        "outage_min": (0.0, 60.0),
    }
    unknown = [name for name in ranges or {} if name not in asked]
    if unknown:
        raise ValueError(f"no input is named {unknown[0]!r}; there are: {', '.join(asked)}")
    asked |= ranges or {}
    busiest_s, _ = busiest_hour(scenario, SameDays(scenario, replications, seed).days())
    points = 0

    def model(x: npt.NDArray[np.float64]) -> list[float]:
        nonlocal points
        points += len(x)
        tasks = [_Point(scenario, seed, replications, busiest_s, of, tuple(row)) for row in x.tolist()]
        return mapped(executor, _answer, tasks, progress)

    table = (
        morris(model, asked, effort, seed=scenario.seed)
        if method == "morris"
        else sobol(model, asked, effort, seed=scenario.seed)
    )
    return WhatMatters(scenario.name, method, of, asked, replications, points, table)


class _Point(NamedTuple):
    scenario: Scenario
    seed: int | None
    replications: int
    busiest_s: float
    of: str
    values: tuple[float, ...]  # in the order of the inputs


def _answer(point: _Point) -> float:
    orders, slowness, z_report_min, outage_min = point.values
    busier = more_orders(point.scenario, orders)
    days = [day(busier, replication, point.seed) for replication in range(point.replications)]
    farm = one_out(z_reports_of(busier, z_report_min), point.busiest_s, outage_min * 60)
    found = lateness(farm, days, point.seed, slower=slowness)
    values = found.shares() if point.of == "late_share" else getattr(found, point.of)
    return float(sum(values) / len(values))
