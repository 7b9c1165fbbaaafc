"""What an answer depends on most: sensitivity over a whole range of inputs, not about one point.

`morris` is the cheap look: it moves one input at a time along random paths, some ten steps an input in all, and tells inputs that matter
from inputs that do not. `sobol` shares out the variance of the answer: how much goes on account of an input alone (*first order*), and
how much vanishes only when it is fixed, its interplay with others included (*total*). Both ask a model for the answers to many
points at once, so that the points can be worked on side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.statistics import t_interval
from bench.streams import stream

Floats = npt.NDArray[np.float64]
Model = Callable[[Floats], Sequence[float] | Floats]
"""Answers to points: an array with a row for each point and a column for each input, in the order of the ranges."""
Ranges = Mapping[str, tuple[float, float]]
"""Each input by name, with the least and the largest value it may have."""


def morris(
    model: Model, ranges: Ranges, paths: int = 20, *, levels: int = 4, seed: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """Elementary effects: what the answer does when one input moves by a set share of its range.

    Columns: input; ``mean`` effect (signed, per whole range); ``size`` (mean of its absolute value, the measure to rank by) with its t
    interval over paths ``low``, ``high``; ``spread`` (standard deviation: an effect that depends on where one stands). Costs
    paths x (inputs + 1) answers. Morris, *Technometrics* 33 (1991) 161; ``size``: Campolongo, Cariboni and Saltelli, *Environmental
    Modelling & Software* 22 (2007) 1509. Raises ValueError for no inputs, an empty range, fewer than two paths or an odd number of levels.
    """
    low, width = _box(ranges)
    if paths < 2 or levels < 2 or levels % 2:
        raise ValueError(f"{paths} paths, {levels} levels: two paths at least, and an even number of levels")
    d = len(low)
    random = stream(seed, "morris")
    jump = levels / (2 * (levels - 1))
    points, orders, signs = [], [], []
    for _ in range(paths):
        order, sign = random.permutation(d), random.choice([-1.0, 1.0], d)
        grid = random.integers(levels // 2, size=d) / (levels - 1)
        here = np.where(sign > 0, grid, grid + jump)
        path = [here]
        for i in order:
            here = here.copy()
            here[i] += sign[i] * jump
            path.append(here)
        points.append(path)
        orders.append(order)
        signs.append(sign)
    answers = _ask(model, low + width * np.array(points).reshape(-1, d)).reshape(paths, d + 1)
    effects = np.empty((paths, d))
    for p in range(paths):
        effects[p, orders[p]] = np.diff(answers[p]) / (jump * signs[p][orders[p]])
    rows = []
    for i, name in enumerate(ranges):
        size = t_interval(np.abs(effects[:, i]).tolist(), level)
        mean, spread = float(effects[:, i].mean()), float(np.std(effects[:, i], ddof=1))
        rows.append((name, mean, size.estimate, max(size.low, 0.0), size.high, spread))
    return pd.DataFrame(rows, columns=["input", "mean", "size", "low", "high", "spread"])


def sobol(
    model: Model, ranges: Ranges, points: int = 256, *, repeats: int = 8, seed: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """First-order and total indices: shares of the variance of the answer when the inputs vary evenly over their ranges.

    Columns: input, ``first``, ``first_low``, ``first_high``, ``total``, ``total_low``, ``total_high``. Points are a Sobol' sequence,
    shifted at random in each repeat; the t interval is over repeats. Costs repeats x points x (inputs + 2) answers; ``points`` must be a
    power of two. First order: Saltelli and others, *Computer Physics Communications* 181 (2010) 259, table 2 (b); total: Jansen, ibid. 117
    (1999) 35; the shift: Cranley and Patterson, *SIAM Journal on Numerical Analysis* 13 (1976) 904. Raises ValueError for no inputs, an
    empty range, other numbers of points, or fewer than two repeats.
    """
    from scipy.stats import qmc

    low, width = _box(ranges)
    if points < 2 or points & (points - 1) or repeats < 2:
        raise ValueError(
            f"{points} points, {repeats} repeats: a power of two is needed, and two repeats at least"
        )
    d = len(low)
    firsts, totals = np.zeros((repeats, d)), np.zeros((repeats, d))
    net = qmc.Sobol(2 * d, scramble=False).random(points)
    for repeat in range(repeats):
        drawn = (net + stream(seed, "sobol", repeat).random(2 * d)) % 1.0
        a, b = drawn[:, :d], drawn[:, d:]
        mixed = np.repeat(a[None], d, axis=0)
        for i in range(d):
            mixed[i, :, i] = b[:, i]
        answers = _ask(model, low + width * np.concatenate([a, b, mixed.reshape(-1, d)]))
        f_a, f_b, f_mixed = (
            answers[:points],
            answers[points : 2 * points],
            answers[2 * points :].reshape(d, points),
        )
        centre = answers[: 2 * points].mean()
        variance = answers[: 2 * points].var()
        if variance > 0:
            firsts[repeat] = np.mean((f_b - centre) * (f_mixed - f_a), axis=1) / variance
            totals[repeat] = np.mean((f_a - f_mixed) ** 2, axis=1) / (2 * variance)
    rows = [
        (name, *t_interval(firsts[:, i].tolist(), level), *t_interval(totals[:, i].tolist(), level))
        for i, name in enumerate(ranges)
    ]
    return pd.DataFrame(
        rows, columns=["input", "first", "first_low", "first_high", "total", "total_low", "total_high"]
    )


def _box(ranges: Ranges) -> tuple[Floats, Floats]:
    if not ranges:
        raise ValueError("there are no inputs to vary")
    for name, (low, high) in ranges.items():
        if not low < high:
            raise ValueError(f"{name}: {low:g} to {high:g} is no range; the first must be below the second")
    bounds = np.array(list(ranges.values()), dtype=float)
    return bounds[:, 0], bounds[:, 1] - bounds[:, 0]


def _ask(model: Model, points: Floats) -> Floats:
    answers = np.asarray(model(points), dtype=float)
    if answers.shape != (len(points),):
        raise ValueError(
            f"the model gave {answers.shape} for {len(points)} points; it must give one answer a point"
        )
    return answers
