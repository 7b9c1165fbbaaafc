"""How many replications are enough: as many as make the interval as narrow as it has to be.

A first few replications tell the scatter, and from it follows how many are needed. The sequential rule runs on and asks again after each
one. As it stops where the scatter seen so far happens to be small, its interval holds the truth a little less often than it says; for
narrow intervals the difference vanishes (Chow and Robbins, *Annals of Mathematical Statistics* 36 (1965) 457). Start with ten or more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from bench.statistics import Interval, t_interval


def replications_needed(
    values: Sequence[float], half_width: float, *, relative: bool = False, level: float = 0.95
) -> int:
    """How many replications in all bring the half width of the t interval down to ``half_width``, going by the scatter of these.

    ``relative``: the half width as a share of the mean; then the scatter has to suffice for a true relative error of that size, for which
    Law takes share / (1 + share). Law, *Simulation Modeling and Analysis*, 5th ed., section 9.4.1. Never less than there are. Raises
    ValueError for fewer than two values, a half width of zero or below, and a relative one of a mean of zero.
    """
    x = np.asarray(values, dtype=float)
    if len(x) < 2:
        raise ValueError("one replication says nothing about the scatter; two are the least")
    wanted = _absolute(float(x.mean()), half_width, relative)
    deviation = float(np.std(x, ddof=1))

    def narrow(n: int) -> bool:
        return float(special.stdtrit(n - 1, (1 + level) / 2)) * deviation / math.sqrt(n) <= wanted

    high = len(x)
    while not narrow(high):
        high *= 2
    low = max(high // 2, len(x) - 1)
    while high - low > 1:  # the half width falls with n
        middle = (low + high) // 2
        low, high = (low, middle) if narrow(middle) else (middle, high)
    return high


def _absolute(mean: float, half_width: float, relative: bool) -> float:
    if not half_width > 0:
        raise ValueError(f"a half width of {half_width:g} is out of reach: it must be above zero")
    if not relative:
        return half_width
    if mean == 0:
        raise ValueError("the mean is zero: no half width is a share of it; ask for an absolute one")
    return abs(mean) * half_width / (1 + half_width)


@dataclass(frozen=True, slots=True)
class Precise:
    """What replications came to: the interval, the values, and whether it is as narrow as was asked."""

    interval: Interval
    values: tuple[float, ...]
    enough: bool


def until_precise(
    sample: Callable[[int], float],
    half_width: float,
    *,
    relative: bool = False,
    level: float = 0.95,
    first: int = 10,
    most: int = 1000,
) -> Precise:
    """Replicate until the interval is narrow enough: ``sample`` is asked for replication 0, 1, 2 and so on.

    The sequential procedure of Law, section 9.4.1: at least ``first`` replications, at most ``most``. A mean of zero is never
    relatively precise. Raises ValueError for fewer than two at first, fewer at most, or a half width of zero or below.
    """
    if not 2 <= first <= most:
        raise ValueError(
            f"first {first}, most {most}: at least two replications at first and no fewer at most"
        )
    _absolute(1.0, half_width, relative)
    values: list[float] = []
    while True:
        values.append(sample(len(values)))
        if len(values) < first:
            continue
        around = t_interval(values, level)
        enough = around.half_width == 0 or (
            not (relative and around.estimate == 0)
            and around.half_width <= _absolute(around.estimate, half_width, relative)
        )
        if enough or len(values) >= most:
            return Precise(around, tuple(values), enough)
