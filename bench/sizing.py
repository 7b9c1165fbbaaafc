"""How many registers are enough: the smallest farm that keeps a target, with how sure that is and what would change it.

The farm grows as a whole in its own proportions, or by one template (`bench.growth`); all else of the scenario stays. Every farm sees
the same days (common random numbers), so that a larger farm differs from a smaller one by its registers alone. The answer is
bracketed by doubling and then bisected; a farm is enough when the upper 95 % bound of its late share over the days is not above the
target. Each farm is a run of the compiled kernel, whose numbers are those of fidelity ``timed``.

    >>> import bench
    >>> from bench.scenario import load
    >>> answer = bench.size(load("scenarios/z_windows_together.toml"), 0.01, replications=5)
    >>> answer.registers, answer.ok
    (6, True)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bench import kernel
from bench.fewest import fewest
from bench.growth import Growth
from bench.planner import Lateness, Overview, SameDays, day, left_out, offered_load, unavoidably_late
from bench.progress import Progress
from bench.scenario import Scenario, ScenarioError
from bench.scenario_model import US_PER_S
from bench.statistics import Interval, rule_of_three, t_interval, wilson
from bench.statistics_precision import replications_needed
from bench.theory_staffing import hour_by_hour_staffing
from bench.what_if import more_orders, z_report_minutes, z_reports_of

MOST = 256
"""Registers at which the search gives up unless told otherwise."""


_LOOKED_BELOW = 8  # so many smaller farms than the bisected answer are looked at, every one


_COLUMNS = [
    *("registers", "late_share", "low", "high", "late", "receipts", "days_with_late"),
    *("mean_wait_s", "longest_wait_s", "enough"),
]


@dataclass(frozen=True)
class Change:
    """What a change of the world does to the answer: the late share of the farm found, and whether it still is enough."""

    what: str
    late_share: Interval
    enough: bool


@dataclass(frozen=True)
class Sizing:
    """The answer. ``registers`` is how many of those that grow, None when no allowed farm keeps the target.

    ``template`` is the entry of ``farm.registers`` that grows, "" when the whole farm does; ``others`` are the registers beside it.
    ``counts`` says how many of each entry the answer has, ``kinds`` which kinds of receipts come. ``tried`` holds every farm looked at,
    by its registers that grow; it is empty where ``why`` says that no allowed farm can do it.
    """

    scenario: str
    template: str
    registers: int | None
    others: int
    counts: dict[str, int]
    late_share: float
    least: int
    most: int
    days: int
    policy: str
    tried: dict[int, Lateness]
    load: float
    changes: tuple[Change, ...]
    assumptions: tuple[str, ...]
    kinds: tuple[kernel.Kind, ...] = ()
    question: str = ""
    why: str = ""
    theory: int | None = None
    """Registers in all that theory takes, hour by hour; None when it has no answer."""

    @property
    def ok(self) -> bool:
        return self.registers is not None

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each farm tried.

        registers, late_share with low and high over days, late (of all days), receipts, days_with_late, mean_wait_s and longest_wait_s
        (the mean day's), enough.
        """
        rows = []
        for count, found in sorted(self.tried.items()):
            share = found.share()
            rows.append(
                {
                    "registers": count,
                    "late_share": share.estimate,
                    "low": max(share.low, 0.0),
                    "high": min(share.high, 1.0),
                    "late": sum(found.late),
                    "receipts": sum(found.receipts),
                    "days_with_late": found.days_with_late,
                    "mean_wait_s": t_interval(found.mean_wait_s).estimate,
                    "longest_wait_s": t_interval(found.longest_wait_s).estimate,
                    "enough": enough(found, self.late_share),
                }
            )
        return pd.DataFrame(rows, columns=_COLUMNS)

    @cached_property
    def one_more(self) -> dict[str, Interval] | None:
        """What one more register buys, as differences day by day (paired: the days are the same), each with its 95 % interval.

        late_share, mean_wait_s, longest_wait_s; positive: less. None without an answer or when no more were allowed.
        """
        if self.registers is None or self.registers + 1 not in self.tried:
            return None
        now, more = self.tried[self.registers], self.tried[self.registers + 1]
        pairs = {
            "late_share": (now.shares(), more.shares()),
            "mean_wait_s": (now.mean_wait_s, more.mean_wait_s),
            "longest_wait_s": (now.longest_wait_s, more.longest_wait_s),
        }
        return {
            name: t_interval([a - b for a, b in zip(before, after, strict=True)])
            for name, (before, after) in pairs.items()
        }

    @cached_property
    def precision(self) -> str:
        """How sure the late share of the answer is, and how many days would make it surer; "" without an answer."""
        if self.registers is None:
            return ""
        found = self.tried[self.registers]
        if not sum(found.late):
            known, wanted = rule_of_three(self.days), 0.01
            more = math.ceil(math.log1p(-0.95) / math.log1p(-wanted))
            return (
                f"no late receipt in {self.days} days: at most {known:.1%} of days have one, at 95 %; "
                f"{more} days without one would say {wanted:.0%}"
            )
        half = (self.late_share or found.share().estimate) / 4
        needed = replications_needed(found.shares(), half)
        return (
            f"the late share is known to {found.share().half_width:.4%} either way; "
            f"for {half:.4%} either way {needed} days are needed (--replications)"
        )

    def as_json(self) -> dict[str, Any]:
        """Plain data: the answer, its neighbours, how sure it is, what it rests on."""
        answer = self.tried[self.registers] if self.registers is not None else None
        bad = None
        if answer is not None:
            days = wilson(answer.days_with_late, self.days)
            high = rule_of_three(self.days) if not answer.days_with_late else days.high
            bad = {"estimate": days.estimate, "low": days.low, "high": high}
        return {
            "scenario": self.scenario,
            "grows": self.template or "the whole farm",
            "registers": self.registers,
            "registers_in_all": None if self.registers is None else self.registers + self.others,
            "farm": self.counts,
            "late_share_target": self.late_share,
            "policy": self.policy,
            "days": self.days,
            "load_erlangs": self.load,
            "theory_registers_in_all": self.theory,
            "share_of_days_with_a_late_receipt": bad,
            "farms": self.table.to_dict("records"),
            "one_more_register_buys": None
            if self.one_more is None
            else {name: found._asdict() for name, found in self.one_more.items()},
            "what_would_change_it": [
                {"what": c.what, "late_share": c.late_share._asdict(), "enough": c.enough}
                for c in self.changes
            ],
            "precision": self.precision or None,
            "why_not": self.why or None,
            "assumptions": list(self.assumptions),
        }

    def report(self) -> str:
        """The answer in words."""
        what = self.template or "the whole farm in its proportions"
        if self.registers is None:
            lines = [
                f"{self.scenario}: no farm of up to {self.most} registers ({what}) keeps the late share at {self.late_share:.3%}"
            ]
        else:
            farm = ", ".join(f"{count} x {name}" for name, count in self.counts.items())
            lines = [
                f"{self.scenario}: enough: {self.registers + self.others} registers ({farm}) for a late share of at most "
                f"{self.late_share:.3%}, policy {self.policy}"
            ]
        if self.why:
            lines.append(f"  {self.why}; no farm was tried")
        else:
            lines.append(
                f"\n  {'registers':>9}  {'late share':>10}  {'95 % over days':>19}  {'days with a late one':>20}  {'longest wait':>12}"
            )
            lines += [self._line(row) for row in self.table.to_dict("records")]
            lines.append(f"\nreceipts alone keep {self.load:.2f} registers busy on the mean over the run")
        if self.precision:
            lines.append(self.precision)
        if self.theory is not None:
            lines.append(
                f"theory, hour by hour (M/M/c; blind to closings, bursts, outages and divided queues): {self.theory} registers in all"
            )
        if self.one_more is not None:
            share, longest = self.one_more["late_share"], self.one_more["longest_wait_s"]
            lines.append(
                f"one more register: late share down by {share.estimate:.4%} ({share.low:.4%} ... {share.high:.4%}), "
                f"the longest wait by {longest.estimate:.0f} s ({longest.low:.0f} ... {longest.high:.0f})"
            )
        if self.changes:
            lines.append("what would change it:")
        for change in self.changes:
            verdict = "still enough" if change.enough else "no longer enough"
            share = change.late_share
            lines.append(
                f"  - {change.what}: late share {share.estimate:.4%} (at most {share.high:.4%}), {verdict}"
            )
        lines += ["assumed:", *(f"  - {text}" for text in self.assumptions)]
        return "\n".join(lines)

    def _line(self, row: dict[str, Any]) -> str:
        mark = "  <-" if row["registers"] == self.registers else ""
        return (
            f"  {row['registers']:>9}  {row['late_share']:>10.4%}  {row['low']:>8.4%} ... {row['high']:>7.4%}"
            f"  {row['days_with_late']:>13} of {self.days:<3}  {row['longest_wait_s']:>10.0f} s{mark}"
        )

    def plot(self) -> Any:
        """Late share against registers, with the interval over days and the target (`bench.charts_sizing`)."""
        from bench.charts_sizing import plot_sizing

        return plot_sizing(self)


def size(
    scenario: Scenario,
    late_share: float,
    *,
    replications: int = 30,
    template: str = "",
    most: int = MOST,
    seed: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Sizing:
    """The fewest registers whose late share, at the upper 95 % bound over ``replications`` days, is at most ``late_share``.

    The whole farm grows in its own proportions, or with ``template`` that entry of ``farm.registers`` alone. With a target of 0 no late
    receipt in any of the days is wanted. ``executor`` spreads the days over its workers; the answer is the same to the bit. Raises
    ScenarioError for an unknown template or no orders, ValueError for a target outside 0 to 1 or too few days.
    """
    if not 0 <= late_share < 1:
        raise ValueError(f"a late share of {late_share}: give a share from 0 to below 1, such as 0.001")
    if replications < 2:
        raise ValueError("at least two days are needed: one says nothing about how days differ")
    if most < 1:
        raise ValueError("at least one register must be allowed")
    others = Growth(scenario, template).others  # an unknown template is found before any work
    first = day(scenario, 0, seed)
    load = offered_load(scenario, first)
    hopeless = unavoidably_late(scenario, first, most + others)
    if hopeless > late_share:
        why = (
            f"receipts alone keep {load:,.1f} registers busy all the time; with {most + others} at work without a pause, "
            f"{hopeless:.1%} of them would still be late"
        )
        assumed = _assumptions(scenario, [Overview(len(first.traffic), first.kinds, load)], template)[:2]
        return Sizing(
            scenario=scenario.name,
            template=template,
            registers=None,
            others=others,
            counts={},
            late_share=late_share,
            least=1,
            most=most,
            days=1,
            policy=scenario.farm.policy,
            tried={},
            load=load,
            changes=(),
            assumptions=assumed,
            question=scenario.question,
            why=why,
        )
    same = SameDays(scenario, replications, seed, executor)

    def told(done: float, whole: float) -> None:
        if progress is not None:
            progress(done * 0.7, whole)

    days = same.overviews(told)
    if not sum(one.receipts for one in days):
        raise ScenarioError(f"{scenario.name}: arrivals: no orders come, so there is nothing to size")
    kinds = tuple(dict.fromkeys(kind for one in days for kind in one.kinds))
    growth = Growth(scenario, template, kinds)
    tried: dict[int, Lateness] = {}

    def keeps(count: int) -> bool:
        if count not in tried:
            (tried[count],) = same.lateness([growth.farm(count)])
        return enough(tried[count], late_share)

    least = growth.least
    if most < least:
        raise ValueError(
            f"at most {most} registers, but {least} are needed for some receipts to be recorded at all: allow more"
        )
    found = fewest(keeps, least, most)
    changes: list[Change] = []
    if found is not None:
        # a slow register in turn with fast ones can make two worse than one: look at all smaller farms, as far as they are few
        found = next((n for n in range(max(least, found - _LOOKED_BELOW), found) if keeps(n)), found)
        for neighbour in (found - 1, found + 1):
            if least <= neighbour <= most:
                keeps(neighbour)
        changes = _changes(growth.farm(found), same, late_share)
    if progress is not None:
        progress(1, 1)
    return Sizing(
        scenario=scenario.name,
        template=growth.template,
        registers=found,
        others=growth.others,
        counts=growth.counts(found) if found is not None else {},
        late_share=late_share,
        least=least,
        most=most,
        days=replications,
        policy=scenario.farm.policy,
        tried=tried,
        load=math.fsum(one.load for one in days) / len(days),
        changes=tuple(changes),
        assumptions=_assumptions(scenario, days, growth.template),
        kinds=kinds,
        question=scenario.question,
        theory=_by_theory(scenario, days, late_share, most + growth.others),
    )


def _by_theory(scenario: Scenario, days: Sequence[Overview], late_share: float, most: int) -> int | None:
    """The fewest registers by `bench.theory_staffing.hour_by_hour_staffing`, for the mean day and the mean service."""
    busy_s = math.fsum(one.load for one in days) * scenario.duration_us / US_PER_S
    hourly = np.mean([one.hourly for one in days], axis=0)
    try:
        return hour_by_hour_staffing(
            hourly, busy_s / sum(one.receipts for one in days), scenario.shop.deadline_s, late_share, most
        )
    except ValueError:
        return None


def enough(found: Lateness, late_share: float) -> bool:
    """Whether a farm keeps the target: none late in any day, or the upper 95 % bound over the days within it."""
    return not sum(found.late) or found.share().high <= late_share


def _changes(farm: Scenario, same: SameDays, late_share: float) -> list[Change]:
    """The farm found, in worlds a little worse than the one supposed."""
    minutes = z_report_minutes(farm)
    busier = more_orders(farm, 1.2)
    found = {
        "20 % more orders": SameDays(busier, same.replications, same.seed, same.executor).lateness([busier]),
        "registers 20 % slower": same.lateness([farm], slower=1.2),
        f"Z-reports of {1.5 * minutes:.0f} instead of {minutes:.0f} minutes": same.lateness(
            [z_reports_of(farm, 1.5 * minutes)]
        ),
    }
    return [Change(what, each.share(), enough(each, late_share)) for what, (each,) in found.items()]


def _assumptions(scenario: Scenario, days: Sequence[Overview], template: str) -> tuple[str, ...]:
    mean = sum(one.receipts for one in days) / len(days)
    shifts = scenario.shifts
    grows = f"only the number of {template} changes" if template else "the farm grows in its own proportions"
    texts = [
        f"{len(days)} days of {mean:,.0f} receipts on the mean, {scenario.arrivals.kind} arrivals, the same days for every farm",
        "a register takes its service time for a receipt and its Z-report time for a closing; fidelity timed, not wire",
        f"closings at {', '.join(str(clock) for clock in shifts.close_at) or 'no set time'}, {shifts.stagger_min:g} minutes apart",
        "each day begins with no shift open and nothing waiting; a register that has recorded nothing has no shift to close",
        f"the journal commits in {scenario.shop.commit_ms:g} ms",
        f"{grows}; every one of the {_LOOKED_BELOW} next smaller farms was tried, farther ones are taken to be no better",
        "a farm is enough when the upper 95 % bound of its late share over the days is within the target",
    ]
    accidents = left_out(scenario)
    if accidents:
        told = ", ".join(f"{count} {kind}" for kind, count in accidents.items())
        texts.append(f"days without accidents; left out: {told} (bench run --replications shows them)")
    return tuple(texts)
