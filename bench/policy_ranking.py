"""Which policy deals receipts best, with a stated chance of being right.

All policies live through the same days on the same farm. Clearly worse ones drop out, the others get more days, until one is left or
the rest are as good as equal (`bench.statistics_selection.select_best`, Kim and Nelson 2001). They are judged by the share of late
receipts, or, where no policy is ever late, by the mean wait.

    >>> import bench
    >>> found = best_policy(bench.load("scenarios/black_friday.toml"), policies=("round_robin", "earliest_completion"))
    >>> found.best, found.by, found.decided
    ('earliest_completion', 'mean_wait_s', True)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.kernel import POLICIES
from bench.planner import Day, Lateness, day, lateness
from bench.progress import Progress
from bench.scenario import Scenario
from bench.statistics import t_interval
from bench.statistics_selection import select_best

if TYPE_CHECKING:
    from bench.charts_style import Chart

INDIFFERENCE = {"late_share": 0.0005, "mean_wait_s": 0.25, "longest_wait_s": 5.0}
"""Differences that nobody would change a policy for, by what is judged."""
_FIRST = 10
_MOST = 200


@dataclass(frozen=True)
class BestPolicy:
    """The answer. ``best`` is right with at least ``probability``, or worse than the best by less than the ``indifference`` in ``by``.

    ``left`` are the policies still in the race at the end: more than one are as good as equal, or, when it is not ``decided``, the days
    ran out. ``table``: policy, days, late_share, mean_wait_s, longest_wait_s, and of what is judged low and high over its days.
    """

    scenario: str
    best: str
    by: str
    indifference: float
    probability: float
    decided: bool
    left: tuple[str, ...]
    own: str
    table: pd.DataFrame

    @property
    def as_good(self) -> tuple[str, ...]:
        """Policies whose mean differs from the best one's by no more than the indifference."""
        means = dict(zip(self.table["policy"], self.table[self.by], strict=True))
        return tuple(
            name
            for name, mean in means.items()
            if name != self.best and mean - means[self.best] <= self.indifference
        )

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "best": self.best,
            "own": self.own,
            "judged_by": self.by,
            "indifference": self.indifference,
            "probability_of_correct_selection": self.probability,
            "decided": self.decided,
            "left": list(self.left),
            "as_good": list(self.as_good),
            "policies": self.table.to_dict("records"),
        }

    def report(self) -> str:
        """The answer in words."""
        days = int(self.table["days"].max())
        sure = (
            f"right with probability {self.probability:.0%} or more, or worse by less than {self.indifference:g}"
            if self.decided
            else f"not decided after {days} days; left: {', '.join(self.left)}"
        )
        lines = [f"the best policy by {self.by}: {self.best} ({sure})"]
        for row in self.table.to_dict("records"):
            mark = "  <-" if row["policy"] == self.best else ""
            lines.append(
                f"  {row['policy']:<20} late {row['late_share']:>9.4%}  mean wait {row['mean_wait_s']:>7.2f} s  "
                f"longest {row['longest_wait_s']:>6.0f} s  ({row['days']} days){mark}"
            )
        if self.as_good:
            lines.append(f"  as good, within {self.indifference:g}: {', '.join(self.as_good)}")
        return "\n".join(lines)

    def plot(self) -> Chart:
        """What is judged, policy by policy, with its interval (`bench.charts_sizing`)."""
        from bench.charts_sizing import plot_policies

        return plot_policies(self)


def best_policy(
    scenario: Scenario,
    *,
    policies: Sequence[str] = POLICIES,
    by: str = "",
    indifference: float | None = None,
    probability: float = 0.95,
    most: int = _MOST,
    seed: int | None = None,
    progress: Progress | None = None,
) -> BestPolicy:
    """Choose among policies for the scenario's farm.

    ``by``: "late_share", "mean_wait_s" or "longest_wait_s" (default: the first where any policy is late in the first ten days, else the
    second). ``most`` days at most. Raises ValueError for an unknown policy or measure, or an impossible probability.
    """
    unknown = [name for name in policies if name not in POLICIES]
    if unknown or not policies:
        raise ValueError(
            f"unknown policies {', '.join(unknown) or '(none given)'}; there are: {', '.join(POLICIES)}"
        )
    if by and by not in INDIFFERENCE:
        raise ValueError(f"cannot judge by {by!r}; there are: {', '.join(INDIFFERENCE)}")
    own = scenario.farm.policy
    policies = sorted(
        policies, key=lambda name: name != own
    )  # of equals the first is chosen: the one there is
    days: list[Day] = []
    seen: list[list[Lateness]] = [[] for _ in policies]
    farms = [
        scenario.model_copy(update={"farm": scenario.farm.model_copy(update={"policy": policy})})
        for policy in policies
    ]

    def lived(policy: int, replication: int) -> Lateness:
        while len(days) <= replication:
            days.append(day(scenario, len(days), seed))
        while len(seen[policy]) <= replication:
            seen[policy].append(lateness(farms[policy], [days[len(seen[policy])]], seed))
            if progress is not None:
                progress(min(sum(map(len, seen)), len(policies) * most - 1), len(policies) * most)
        return seen[policy][replication]

    first = min(_FIRST, most)
    if not by:
        late = any(sum(lived(n, r).late) for n in range(len(policies)) for r in range(first))
        by = "late_share" if late else "mean_wait_s"
    gap = INDIFFERENCE[by] if indifference is None else indifference
    found = select_best(
        lambda policy, replication: _value(lived(policy, replication), by),
        len(policies),
        gap,
        probability=probability,
        first=first,
        most=most,
    )
    if progress is not None:
        progress(1, 1)
    return BestPolicy(
        scenario.name,
        policies[found.best],
        by,
        gap,
        found.probability,
        found.decided,
        tuple(policies[n] for n in found.left),
        own,
        pd.DataFrame([_row(policy, lives, by) for policy, lives in zip(policies, seen, strict=True)]),
    )


def _value(found: Lateness, by: str) -> float:
    return found.shares()[0] if by == "late_share" else float(getattr(found, by)[0])


def _row(policy: str, lives: Sequence[Lateness], by: str) -> dict[str, Any]:
    means = {name: [_value(life, name) for life in lives] for name in INDIFFERENCE}
    judged = t_interval(means[by])
    return {
        "policy": policy,
        "days": len(lives),
        **{name: t_interval(values).estimate for name, values in means.items()},
        "low": judged.low,
        "high": judged.high,
    }
