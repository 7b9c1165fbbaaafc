"""How many registers are enough: the smallest farm that keeps a target, with how sure that is.

The farm grows in one place: the registers of one template (an entry of ``farm.registers``) become more or fewer, all else of the
scenario stays. Every farm sees the same days (common random numbers), so that a larger farm differs from a smaller one by its registers
alone. The answer is bracketed by doubling and then bisected; a farm is enough when the upper 95 % bound of its late share over the days
is not above the target. Each farm is a run of the compiled kernel, whose numbers are those of fidelity ``timed``.

    >>> import bench
    >>> from bench.scenario import load
    >>> answer = bench.size(load("scenarios/z_windows_together.toml"), 0.01, replications=5)
    >>> answer.registers, answer.ok
    (6, True)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from bench.planner import Day, Lateness, day, lateness, left_out, offered_load
from bench.progress import Progress
from bench.scenario import Scenario, ScenarioError
from bench.statistics import rule_of_three, wilson

MOST = 256
"""Registers of the template at which the search gives up unless told otherwise."""


@dataclass(frozen=True)
class Sizing:
    """The answer. ``registers`` is the count of the template's registers, None when no allowed farm keeps the target."""

    scenario: str
    template: str
    registers: int | None
    others: int
    late_share: float
    most: int
    days: int
    policy: str
    tried: dict[int, Lateness]
    load: float
    assumptions: tuple[str, ...]
    question: str = ""

    @property
    def ok(self) -> bool:
        return self.registers is not None

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each farm tried: registers, late_share with low and high over days, late (of all days), days_with_late, enough."""
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
                    "enough": _enough(found, self.late_share),
                }
            )
        return pd.DataFrame(rows)

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
            "template": self.template,
            "registers": self.registers,
            "registers_in_all": None if self.registers is None else self.registers + self.others,
            "late_share_target": self.late_share,
            "policy": self.policy,
            "days": self.days,
            "load_erlangs": self.load,
            "share_of_days_with_a_late_receipt": bad,
            "farms": self.table.to_dict("records"),
            "assumptions": list(self.assumptions),
        }

    def report(self) -> str:
        """The answer in words."""
        lines = []
        if self.registers is None:
            lines.append(
                f"{self.scenario}: no farm of up to {self.most} {self.template} keeps the late share at {self.late_share:.3%}"
            )
        else:
            lines.append(
                f"{self.scenario}: enough: {self.registers} x {self.template} (with {self.others} other registers) "
                f"for a late share of at most {self.late_share:.3%}, policy {self.policy}"
            )
        lines.append(
            f"\n  {'registers':>9}  {'late share':>10}  {'95 % over days':>19}  {'days with a late one':>20}"
        )
        for row in self.table.to_dict("records"):
            mark = "  <-" if row["registers"] == self.registers else ""
            lines.append(
                f"  {row['registers']:>9}  {row['late_share']:>10.4%}  {row['low']:>8.4%} ... {row['high']:>7.4%}"
                f"  {row['days_with_late']:>11} of {self.days}{mark}"
            )
        lines.append(f"\nreceipts alone keep {self.load:.2f} registers busy on the mean over the run")
        lines += ["assumed:", *(f"  - {text}" for text in self.assumptions)]
        return "\n".join(lines)

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
    progress: Progress | None = None,
) -> Sizing:
    """The fewest registers of a template whose late share, at the upper 95 % bound over ``replications`` days, is at most ``late_share``.

    ``template`` names the entry of ``farm.registers`` that grows (default: the first). With a target of 0 no late receipt in any of the
    days is wanted. Raises ScenarioError for an unknown template or no orders, ValueError for a target outside 0 to 1 or too few days.
    """
    if not 0 <= late_share < 1:
        raise ValueError(f"a late share of {late_share}: give a share from 0 to below 1, such as 0.001")
    if replications < 2:
        raise ValueError("at least two days are needed: one says nothing about how days differ")
    if most < 1:
        raise ValueError("at least one register must be allowed")
    index = _template(scenario, template)
    name = scenario.farm.registers[index].name
    days = []
    for replication in range(replications):
        days.append(day(scenario, replication, seed))
        if progress is not None:
            progress(replication + 1, replications + 1)
    if not sum(len(one.traffic) for one in days):
        raise ScenarioError(f"{scenario.name}: arrivals: no orders come, so there is nothing to size")
    tried: dict[int, Lateness] = {}

    def enough(count: int) -> bool:
        if count not in tried:
            tried[count] = lateness(with_count(scenario, index, count), days, seed)
        return _enough(tried[count], late_share)

    found = _fewest(enough, most)
    if found is not None:
        for neighbour in (found - 1, min(found + 1, most)):
            if neighbour >= 1:
                enough(neighbour)
    if progress is not None:
        progress(replications + 1, replications + 1)
    return Sizing(
        scenario.name,
        name,
        found,
        sum(r.count for n, r in enumerate(scenario.farm.registers) if n != index),
        late_share,
        most,
        replications,
        scenario.farm.policy,
        tried,
        offered_load(scenario, days),
        _assumptions(scenario, days, name),
        scenario.question,
    )


def with_count(scenario: Scenario, index: int, count: int) -> Scenario:
    """The scenario with so many registers of a template."""
    registers = tuple(
        register.model_copy(update={"count": count}) if n == index else register
        for n, register in enumerate(scenario.farm.registers)
    )
    return scenario.model_copy(update={"farm": scenario.farm.model_copy(update={"registers": registers})})


def _template(scenario: Scenario, wanted: str) -> int:
    names = [register.name for register in scenario.farm.registers]
    if not wanted:
        return 0
    if wanted not in names:
        raise ScenarioError(
            f"{scenario.name}: farm.registers: no entry is named {wanted!r}; there are: {', '.join(names)}"
        )
    return names.index(wanted)


def _enough(found: Lateness, late_share: float) -> bool:
    return not sum(found.late) or found.share().high <= late_share


def _fewest(enough: Any, most: int) -> int | None:
    """Bracket by doubling, then bisect; every farm is looked at once at most."""
    below, count = 0, 1
    while not enough(count):
        if count == most:
            return None
        below, count = count, min(2 * count, most)
    while count - below > 1:
        middle = (below + count) // 2
        if enough(middle):
            count = middle
        else:
            below = middle
    return count


def _assumptions(scenario: Scenario, days: Sequence[Day], name: str) -> tuple[str, ...]:
    mean = sum(len(one.traffic) for one in days) / len(days)
    shifts = scenario.shifts
    texts = [
        f"{len(days)} days of {mean:,.0f} receipts on the mean, {scenario.arrivals.kind} arrivals, the same days for every farm",
        "a register takes its service time for a receipt and its Z-report time for a closing; fidelity timed, not wire",
        f"closings at {', '.join(str(clock) for clock in shifts.close_at) or 'no set time'}, {shifts.stagger_min:g} minutes apart",
        f"the journal commits in {scenario.shop.commit_ms:g} ms; only the number of {name} changes, more are taken to be no worse",
        "a farm is enough when the upper 95 % bound of its late share over the days is within the target",
    ]
    accidents = left_out(scenario)
    if accidents:
        told = ", ".join(f"{count} {kind}" for kind, count in accidents.items())
        texts.append(f"days without accidents; left out: {told} (bench run --replications shows them)")
    return tuple(texts)
