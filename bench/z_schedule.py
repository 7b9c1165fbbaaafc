"""The best Z-schedule: when shifts close, and how far apart from register to register, searched over the same days.

A Z-report makes a register deaf for some twelve minutes; the shop may choose when. The search moves one closing at a time over the clock,
tries staggers from all at once to evenly over the day, and goes round until nothing is better (coordinate descent). It looks at a few of
the days; the best ones and the shop's own schedule are then held against each other on all of them. Better means fewer late receipts, and
among equals a shorter mean wait.

Before each of the days goes another one that is not counted: else a closing early in the run would find no shift to close and cost nothing.

    >>> import bench
    >>> found = best_schedule(bench.load("scenarios/z_windows_together.toml"), replications=3)
    >>> found.late, found.own.late > found.late
    (0, True)
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from bench.planner import Lateness, SameDays
from bench.progress import Progress
from bench.scenario import Scenario, ScenarioError
from bench.scenario_model import US_PER_DAY, US_PER_S
from bench.statistics import Interval, t_interval
from bench.what_if import closing_at, with_day_before, z_report_minutes

if TYPE_CHECKING:
    from bench.charts_style import Chart

_FEW = 5  # days of the search
_FINAL = 6  # schedules that are held against each other on all days
_ROUNDS = 4


class Schedule(NamedTuple):
    """When shifts close ("HH:MM"), and the minutes from one register's closing to the next one's."""

    close_at: tuple[str, ...]
    stagger_min: float

    def __str__(self) -> str:
        return f"{', '.join(self.close_at)}, {self.stagger_min:g} minutes apart"


class Measured(NamedTuple):
    """A schedule over all the days: late receipts, mean wait (seconds), and day by day."""

    schedule: Schedule
    late: int
    mean_wait_s: float
    found: Lateness


@dataclass(frozen=True)
class BestSchedule:
    """The answer: ``best`` beside the shop's ``own`` schedule; ``searched`` has each schedule looked at, on the days of the search."""

    scenario: str
    best: Measured
    own: Measured
    days: int
    searched: pd.DataFrame

    @property
    def late(self) -> int:
        return self.best.late

    @property
    def fewer_late(self) -> Interval:
        """Late share of the shop's own schedule less the best one's, day by day, with its 95 % interval."""
        pairs = zip(self.own.found.shares(), self.best.found.shares(), strict=True)
        return t_interval([own - best for own, best in pairs])

    def as_json(self) -> dict[str, Any]:
        """Plain data."""

        def told(one: Measured) -> dict[str, Any]:
            return {
                "close_at": list(one.schedule.close_at),
                "stagger_min": one.schedule.stagger_min,
                "late": one.late,
                "late_share": one.found.share()._asdict(),
                "mean_wait_s": one.mean_wait_s,
            }

        return {
            "best": told(self.best),
            "own": told(self.own),
            "late_share_less": self.fewer_late._asdict(),
            "schedules_tried": len(self.searched),
            "days": self.days,
        }

    def report(self) -> str:
        """The answer in words."""
        less = self.fewer_late
        lines = [f"the best Z-schedule of {len(self.searched)} tried, over {self.days} days:"]
        for name, one in (("best", self.best), ("own", self.own)):
            lines.append(
                f"  {name:<5} {one.schedule!s:<36} late {one.found.share().estimate:.4%}, mean wait {one.mean_wait_s:.2f} s"
            )
        if self.own.late <= self.best.late:
            lines.append(
                "  the shop's own schedule has no more late receipts: nothing to change for their sake"
            )
        else:
            lines.append(f"  late share less by {less.estimate:.4%} ({less.low:.4%} ... {less.high:.4%})")
        return "\n".join(lines)

    def plot(self) -> Chart:
        """Late share and mean wait over the time of the closing (`bench.charts_sizing`)."""
        from bench.charts_sizing import plot_schedules

        return plot_schedules(self)


def best_schedule(
    scenario: Scenario,
    *,
    step_min: int = 30,
    replications: int = 30,
    seed: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> BestSchedule:
    """Search the closings of the scenario's shifts, every ``step_min`` minutes of the clock within the run.

    The shop keeps its number of closings a day (at least one). In a run shorter than a day only times within it are looked at, as a
    closing outside would cost nothing here and something there. Raises ValueError for a step that is no part of a day, or too few days.
    """
    if not 1 <= step_min <= 720 or replications < 2:
        raise ValueError("a step of 1 to 720 minutes and at least two days are needed")
    longer = with_day_before(scenario)
    counted = (US_PER_DAY, longer.duration_us)
    few = SameDays(longer, min(_FEW, replications), seed, executor)
    times = _times(scenario, step_min)
    closings = tuple(str(clock) for clock in scenario.shifts.close_at) or (times[-1],)
    own = Schedule(closings, float(scenario.shifts.stagger_min))
    staggers = _staggers(scenario, len(closings), own.stagger_min)
    seen: dict[Schedule, Lateness] = {}

    def look(schedules: Sequence[Schedule]) -> Schedule:
        new = [one for one in dict.fromkeys(schedules) if one not in seen]
        found = few.lateness([closing_at(longer, *one) for one in new], paid_us=counted)
        seen.update(zip(new, found, strict=True))
        return min(schedules, key=lambda one: _badness(seen[one]))  # the first of equals: the one there was

    best = look([own])
    for round_ in range(_ROUNDS):
        before = best
        for place in range(len(closings)):
            moved = [(*best.close_at[:place], time, *best.close_at[place + 1 :]) for time in times]
            best = look(
                [
                    best,
                    *(
                        Schedule(close_at, best.stagger_min)
                        for close_at in moved
                        if len(set(close_at)) == len(close_at)
                    ),
                ]
            )
            if progress is not None:
                progress(round_ * len(closings) + place + 1, _ROUNDS * len(closings) + 1)
        best = look([best, *(Schedule(best.close_at, stagger) for stagger in staggers)])
        if best == before:
            break
    ranked = sorted(seen, key=lambda one: _badness(seen[one]))
    final = list(dict.fromkeys([own, *ranked[:_FINAL]]))
    whole = SameDays(longer, replications, seed, executor)
    measured = [
        Measured(one, sum(found.late), _mean(found.mean_wait_s), found)
        for one, found in zip(
            final, whole.lateness([closing_at(longer, *one) for one in final], paid_us=counted), strict=True
        )
    ]
    if progress is not None:
        progress(1, 1)
    return BestSchedule(
        scenario.name,
        min(measured, key=lambda one: (one.late, one.mean_wait_s)),
        measured[0],
        replications,
        _table(seen),
    )


def _badness(found: Lateness) -> tuple[int, float]:
    return sum(found.late), _mean(found.mean_wait_s)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _times(scenario: Scenario, step_min: int) -> list[str]:
    """Times of the clock, at which the run has a closing."""
    found = []
    for minute in range(0, 1440, step_min):
        clock = f"{minute // 60:02}:{minute % 60:02}"
        if any(at_us < scenario.duration_us for at_us in scenario.daily_us(clock)):
            found.append(clock)
    if not found:
        raise ScenarioError(
            f"{scenario.name}: duration_h: no time of every {step_min} minutes is within the run; take a smaller step"
        )
    return found


def _staggers(scenario: Scenario, closings: int, own_min: float) -> list[float]:
    """Minutes apart: all at once, by parts of a Z-report, and evenly over the time between closings."""
    z_min = z_report_minutes(scenario)
    length_min = min(scenario.duration_us, US_PER_DAY) / US_PER_S / 60
    even = length_min / max(1, len(scenario.registers())) / closings
    wanted = (0.0, z_min / 2, z_min, 1.25 * z_min, 2 * z_min, even)
    return sorted({own_min, *(float(round(minutes)) for minutes in wanted)})


def _table(seen: dict[Schedule, Lateness]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "close_at": ", ".join(one.close_at),
                "stagger_min": one.stagger_min,
                "late_share": found.share().estimate,
                "mean_wait_s": _mean(found.mean_wait_s),
            }
            for one, found in seen.items()
        ]
    )
