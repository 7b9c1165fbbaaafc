"""Theory beside a simulated answer: what formulas say of the very same day, and what they cannot see.

Two views, one on either side. *Hour by hour* takes each hour as a queue of its own in steady state, with one line for all registers: it
knows chance, and is blind to closings, bursts, outages and to how orders are given to registers. *One fast register* goes through
the day's own orders, as fast as all registers together that were open at each moment: it knows closings, bursts and outages as they
were, and is blind to the farm being many. A simulated answer far above both tells that dividing the orders among registers costs that much;
one near the second and far above the first, that closings and bursts decide and no cleverer queue would help.

    >>> import bench
    >>> result = bench.run(bench.load("scenarios/z_windows_together.toml"), fidelity="timed")
    >>> [(row.formula, round(row.simulated, 3), round(row.theory, 3)) for row in beside(result) if row.answer == "late"]
    [('hour by hour', 0.023, 0.0), ('one fast register', 0.023, 0.023)]
"""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.measures_log import GIVEN_UP
from bench.theory_staffing import closed_window, hour_by_hour, hour_by_hour_wait_s
from bench.wording import share_text, wait_text

if TYPE_CHECKING:
    from bench.result import Result

Floats = npt.NDArray[np.float64]
OPEN = ("ready", "busy", "unseen", "probing", "asking", "setting")
"""States in which a register takes receipts, or is about to."""

_JUST = 1e-5  # seconds

_WRITE = {
    "registers busy": lambda x: f"{x:.2f}",
    "late": share_text,
    "mean wait": wait_text,
    "waiting": "{:.0f}".format,
}
_SOURCES = {
    "rate x service": "Little 1961: exact, whatever the queue",
    "hour by hour": "M/G/c and M/M/c, pointwise stationary (Green and Kolesar 1991); blind to closings, bursts, outages",
    "one fast register": "Lindley 1952, as fast as all that are open together; blind to the farm being many",
    "closed window": "fluid (Newell 1971): rate of the hour x length",
}


class Beside(NamedTuple):
    """A simulated answer and what a formula says of it. Waits are seconds, ``late`` is a share; ``source`` says its limits, too."""

    answer: str
    simulated: float
    theory: float
    formula: str

    @property
    def source(self) -> str:
        return _SOURCES[self.formula]

    @property
    def words(self) -> tuple[str, str]:
        """Both numbers as people write them."""
        write = _WRITE[self.answer.partition(",")[0]]
        return write(self.simulated), write(self.theory) if math.isfinite(self.theory) else "without end"


def beside(result: Result) -> tuple[Beside, ...]:
    """What theory says of a run's answers; nothing for a run without recorded receipts.

    Every register counts as one that serves every receipt, and all as equally fast.
    """
    receipts = result.receipts[~result.receipts["status"].isin(GIVEN_UP)]
    done = receipts[receipts["recorded"].notna() & receipts["printing"].notna()]
    if done.empty:
        return ()
    paid_s = _seconds(receipts["submitted"], result.begin)
    service = (done["recorded"] - done["printing"]).dt.total_seconds().to_numpy()
    service_s = float(service.mean())
    capacity = _Capacity(result)
    deadline_s = result.scenario.shop.deadline_s
    hours = max(1, math.ceil(result.scenario.duration_us / 3.6e9))
    hourly = np.histogram(paid_s, np.arange(hours + 1) * 3600.0)[0]
    registers = len(result.registers)
    fast_s = capacity.waits(paid_s, _of_all(receipts, done, service))
    mean_wait, late = float(result.summary["wait_s"]["mean"]), 1 - float(result.summary["in_time_share"])
    rows = [
        Beside(
            "registers busy",
            float(service.sum()) / capacity.end_s,
            len(done) / capacity.end_s * service_s,
            "rate x service",
        ),
        Beside(
            "mean wait",
            mean_wait,
            hour_by_hour_wait_s(hourly, registers, service_s, float(service.var()) / service_s**2),
            "hour by hour",
        ),
        Beside("mean wait", mean_wait, float(fast_s.mean()), "one fast register"),
        Beside("late", late, hour_by_hour(hourly, registers, service_s, deadline_s), "hour by hour"),
        Beside("late", late, float(np.mean(fast_s > deadline_s)), "one fast register"),
    ]
    begin_s, end_s = capacity.longest_closed
    if end_s - begin_s >= 60:
        rate = float(hourly[min(int(begin_s // 3600), hours - 1)]) / 3600
        start = result.begin + pd.Timedelta(seconds=begin_s)
        waiting = np.sum((paid_s <= end_s) & ~(_seconds(receipts["printing"], result.begin) < end_s))
        rows.append(
            Beside(
                f"waiting, all closed from {start:%H:%M}",
                float(waiting),
                closed_window(rate, end_s - begin_s, math.inf).orders,
                "closed window",
            )
        )
    return tuple(rows)


def table(rows: tuple[Beside, ...]) -> str:
    """Theory beside the answers, as text; "" when there is none."""
    if not rows:
        return ""
    lines = ["Theory beside it", f"  {'answer':<31}{'simulated':>10} {'theory':>16}  formula"]
    for row in rows:
        simulated, theory = row.words
        lines.append(f"  {row.answer:<31}{simulated:>10} {theory:>16}  {row.formula}")
    for name in dict.fromkeys(row.formula for row in rows):
        lines += textwrap.wrap(f"{name}: {_SOURCES[name]}", 80, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(lines)


def _seconds(moments: Any, begin: pd.Timestamp) -> Floats:
    found: Floats = (moments - begin).dt.total_seconds().to_numpy()
    return found


def _of_all(receipts: pd.DataFrame, done: pd.DataFrame, service: Floats) -> Floats:
    """The service time of every receipt; the mean for those that were never recorded."""
    known = pd.Series(service, index=done.index)
    found: Floats = known.reindex(receipts.index).fillna(float(service.mean())).to_numpy()
    return found


class _Capacity:
    """How many registers are open at each moment of a run, and how much work they could have done by then (seconds of one register)."""

    def __init__(self, result: Result) -> None:
        self.end_s = (result.end - result.begin).total_seconds()
        spans = result.timeline[result.timeline["state"].isin(OPEN)]
        begins, ends = _seconds(spans["begin"], result.begin), _seconds(spans["end"], result.begin)
        steps = pd.Series(np.concatenate([np.ones(len(begins)), -np.ones(len(ends))]))
        change = steps.groupby(np.concatenate([begins, ends])).sum().sort_index()
        self.moments = np.concatenate(([0.0], change.index.to_numpy(), [self.end_s]))
        self.open = np.concatenate(([0.0], change.to_numpy().cumsum()))
        self.done = np.concatenate(([0.0], np.cumsum(np.diff(self.moments) * self.open)))

    def waits(self, paid_s: Floats, service: Floats) -> Floats:
        """Time from payment to the document with one register as fast as all that are open, first come first served (Lindley 1952).

        Time is counted in work that could be done: there the register has a constant speed. No receipt is faster than its own service.
        """
        order = np.argsort(paid_s, kind="stable")
        paid, work = paid_s[order], service[order]
        before = np.cumsum(work) - work
        finished = np.maximum.accumulate(np.interp(paid, self.moments, self.done) - before) + before + work
        speed = max(float(self.open[-1]), 1.0)  # after the end the farm goes on as it was
        moments = np.append(self.moments, self.end_s + float(work.sum()) / speed)
        # who finishes just as all registers close has finished before, not after
        at = np.interp(finished - _JUST, np.append(self.done, self.done[-1] + float(work.sum())), moments)
        found: Floats = np.empty(len(paid))
        found[order] = np.maximum(at - paid, work)
        return found

    @property
    def longest_closed(self) -> tuple[float, float]:
        """The longest time during which no register was open, after the first has opened."""
        shut = np.flatnonzero((self.open <= 0) & (np.arange(len(self.open)) > 0))
        if not len(shut):
            return 0.0, 0.0
        longest = shut[int(np.argmax(self.moments[shut + 1] - self.moments[shut]))]
        return float(self.moments[longest]), float(self.moments[longest + 1])
