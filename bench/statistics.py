"""How sure an answer is: intervals over replications.

A fiscal day is a *terminating* simulation: it begins empty and ends when the queues are empty. The receipts of one day share its bursts and
outages, so they are no independent sample: treating them as one gives intervals many times too narrow (76 times in one measured
farm). Independent are whole days with different seeds. So run *replications*, take one number from each, and put an interval around their
mean. All functions here take such numbers: one value a replication.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from scipy import special


class Interval(NamedTuple):
    """An estimate and the bounds around it."""

    estimate: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2


def t_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Mean of independent replications with Student's t interval.

    Law, *Simulation Modeling and Analysis*, 5th ed., section 9.4.1. One replication says nothing about its own scatter: the bounds are
    then infinite. Raises ValueError without values.
    """
    x = np.asarray(values, dtype=float)
    if not len(x):
        raise ValueError("no replications")
    mean = math.fsum(x) / len(x)
    if len(x) == 1:
        return Interval(mean, -math.inf, math.inf)
    half = float(special.stdtrit(len(x) - 1, (1 + level) / 2)) * float(np.std(x, ddof=1)) / math.sqrt(len(x))
    return Interval(mean, mean - half, mean + half)


def wilson(successes: int, trials: int, level: float = 0.95) -> Interval:
    """A probability estimated from independent yes-or-no trials (days with a late receipt; not the receipts of one day).

    Wilson 1927; recommended over the textbook interval by Brown, Cai and DasGupta, *Statistical Science* 16 (2001) 101. Raises
    ValueError when the counts are impossible.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"{successes} of {trials} is no share")
    z2 = float(special.ndtri((1 + level) / 2)) ** 2
    share = successes / trials
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = math.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    low = 0.0 if successes == 0 else max(centre - half, 0.0)
    high = 1.0 if successes == trials else min(centre + half, 1.0)
    return Interval(share, low, high)


def clopper_pearson(successes: int, trials: int, level: float = 0.95) -> Interval:
    """As `wilson`, with bounds that never hold the truth less often than they say; wider for it.

    Clopper and Pearson, *Biometrika* 26 (1934) 404. For a promise ("at most one day in a thousand") take this one. Raises ValueError when
    the counts are impossible.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"{successes} of {trials} is no share")
    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else float(special.betaincinv(successes, trials - successes + 1, tail))
    high = (
        1.0 if successes == trials else float(special.betaincinv(successes + 1, trials - successes, 1 - tail))
    )
    return Interval(successes / trials, low, high)


def rule_of_three(trials: int, level: float = 0.95) -> float:
    """Upper bound of a probability when none of so many independent trials showed the thing: about 3 / trials.

    The exact form 1 - (1 - level) ** (1 / trials); Hanley and Lippman-Hand, *JAMA* 249 (1983) 1743. Raises ValueError without trials.
    """
    if trials < 1:
        raise ValueError("no trials")
    return -math.expm1(math.log1p(-level) / trials)


def quantile(values: Sequence[float], p: float) -> float:
    """The smallest value that at least a share ``p`` of the values does not exceed (a value that occurred, no interpolation).

    Hyndman and Fan, *The American Statistician* 50 (1996) 361, definition 1. Raises ValueError without values.
    """
    x = np.sort(np.asarray(values, dtype=float))
    if not len(x):
        raise ValueError("no values")
    return float(x[max(math.ceil(p * len(x) - 1e-9), 1) - 1])


def quantile_interval(values: Sequence[float], p: float, level: float = 0.95) -> Interval:
    """A quantile of independent values, with bounds that are order statistics: no assumption on the distribution.

    Conover, *Practical Nonparametric Statistics*, 3rd ed., section 3.2. Where there are too few values for a bound, it is infinite.
    """
    x = np.sort(np.asarray(values, dtype=float))
    n = len(x)
    estimate = quantile(values, p)
    below = special.bdtr(np.arange(n + 1), n, p)  # P(at most k of n values lie below the quantile)
    tail = (1 - level) / 2
    low = int(np.searchsorted(below, tail, side="right"))  # P(fewer than `low` below) is at most the tail
    high = int(np.searchsorted(below, 1 - tail, side="left")) + 1
    return Interval(
        estimate,
        float(x[low - 1]) if low >= 1 else -math.inf,
        float(x[high - 1]) if high <= n else math.inf,
    )


class Paired(NamedTuple):
    """The difference of two systems on the same days, and what sharing the days was worth.

    ``difference``: of the means, second less first. ``correlation``: of the two over days. ``gain``: the variance the difference would have
    on days of their own, over the one it has; below 1 sharing did harm.
    """

    difference: Interval
    correlation: float
    gain: float


def paired(first: Sequence[float], second: Sequence[float], level: float = 0.95) -> Paired:
    """Two systems compared on common random numbers: one value of each for every day, both under the same traffic and outages.

    The paired-t interval. Law, sections 10.2.1 and 11.2; the gain is no promise: where the one system is overloaded and the other
    not, it is about 1. Raises ValueError unless both have the same number of values, two or more.
    """
    x, y = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if len(x) != len(y) or len(x) < 2:
        raise ValueError(f"{len(x)} and {len(y)} values make no pairs; both need the same days, two or more")
    apart, together = float(np.var(x, ddof=1) + np.var(y, ddof=1)), float(np.var(y - x, ddof=1))
    scale = math.sqrt(float(np.var(x)) * float(np.var(y)))
    correlation = float(np.mean((x - x.mean()) * (y - y.mean()))) / scale if scale else 0.0
    gain = apart / together if together else (math.inf if apart else 1.0)
    return Paired(t_interval((y - x).tolist(), level), correlation, gain)


def controlled(values: Sequence[float], controls: Sequence[Sequence[float]], level: float = 0.95) -> Interval:
    """Mean of independent replications, made surer by what is known beside them: control variates.

    A control is a number of each replication whose true mean is known and already taken off, e.g. the mean service time drawn less the
    one asked for: a replication that happened to draw long services waited longer for it. Regression takes that out, and Student's t
    interval is narrower by the root of the share it explains. Lavenberg and Welch, *Management Science* 27 (1981) 322. ``controls``
    has a row for each control. Raises ValueError when a row has another length, or there are too few replications for so many controls.
    """
    y, given = np.asarray(values, dtype=float), [np.asarray(control, dtype=float) for control in controls]
    freedom = len(y) - len(given) - 1
    if freedom < 1 or any(len(control) != len(y) for control in given):
        raise ValueError(
            f"{len(y)} replications are not enough for {len(given)} controls of that many values"
        )
    design = np.column_stack([np.ones(len(y)), *given])
    fitted, *_ = np.linalg.lstsq(design, y, rcond=None)
    variance = float(np.sum((y - design @ fitted) ** 2)) / freedom
    half = float(special.stdtrit(freedom, (1 + level) / 2)) * math.sqrt(
        variance * float(np.linalg.pinv(design.T @ design)[0, 0])
    )
    return Interval(float(fitted[0]), float(fitted[0]) - half, float(fitted[0]) + half)


class Summarised(Protocol):
    """A result: anything with a summary."""

    @property
    def summary(self) -> Mapping[str, Any]: ...


METRICS = ("in_time_share", "late", "lost", "doubled", "in_doubt", "refused", "queue_max")
WAITS = ("mean", "p50", "p95", "p99", "max")


def metrics(summary: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of one replication, flat: ``wait_s.p95``, ``utilization.kkt-1``. Waits that do not exist are left out."""
    flat = {name: float(summary[name]) for name in METRICS}
    flat |= {f"wait_s.{q}": float(summary["wait_s"][q]) for q in WAITS if summary["wait_s"][q] is not None}
    flat |= {f"utilization.{name}": float(r["utilization"]) for name, r in summary["registers"].items()}
    return flat


def replicate_summary(results: Iterable[Summarised | Mapping[str, Any]], level: float = 0.95) -> pd.DataFrame:
    """Mean and t interval of every number over replications (results of the same scenario with different seeds).

    Columns: metric, n (replications that have it), mean, low, high, half_width, min, max. Raises ValueError without results.
    """
    flats = [metrics(result if isinstance(result, Mapping) else result.summary) for result in results]
    if not flats:
        raise ValueError("no results to summarise")
    rows = []
    for name in dict.fromkeys(name for flat in flats for name in flat):
        values = [flat[name] for flat in flats if name in flat]
        around = t_interval(values, level)
        rows.append((name, len(values), *around, around.half_width, min(values), max(values)))
    return pd.DataFrame(rows, columns=["metric", "n", "mean", "low", "high", "half_width", "min", "max"])
