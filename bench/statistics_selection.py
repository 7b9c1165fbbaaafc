"""Which of several systems is best, with a stated chance of being right.

Comparing intervals by eye says neither how likely the choice is right nor when to stop. *Ranking and selection* does. `select_best` runs
all systems side by side, drops those that are clearly worse, and stops when one is left: with at least the stated probability it is the
best, or no more than the *indifference* (a difference nobody would pay for) worse than the best. `spend_best` has a fixed budget
instead and puts it where the doubt is; its probability is an estimate, not a promise.

Both ask a function ``sample(system, replication)`` for numbers. With common random numbers (a replication is the same day for all systems)
`select_best` keeps its promise and needs fewer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
Sample = Callable[[int, int], float]
"""The number of a system in a replication, both counted from 0."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The system chosen. ``probability``: that the choice is correct. Of each system: its ``means`` and its ``replications``.

    ``decided`` is false when the replications allowed ran out first; then there is no promise, and ``left`` says who is still in the race.
    """

    best: int
    probability: float
    means: tuple[float, ...]
    replications: tuple[int, ...]
    left: tuple[int, ...]
    decided: bool = True


def select_best(
    sample: Sample,
    systems: int,
    indifference: float,
    *,
    probability: float = 0.95,
    first: int = 10,
    most: int = 10_000,
    largest: bool = False,
) -> Selection:
    """The system with the smallest (``largest``: largest) mean, by the fully sequential procedure KN.

    Kim and Nelson, "A fully sequential procedure for indifference-zone selection in simulation", *ACM TOMACS* 11 (2001) 251, with c = 1:
    correct with at least ``probability`` whenever the best is better by ``indifference`` or more, for normal values of any variances,
    also under common random numbers; proved for independent replications. Take means over whole days: they are nearly normal. Of equals
    the first is chosen. Raises ValueError for no systems, a probability not above 1 / systems, or fewer than two replications at first.
    """
    _check(systems, first, most)
    if not indifference > 0:
        raise ValueError(
            f"an indifference of {indifference:g}: it must be above zero, or equals could race for ever"
        )
    if not 1 / systems < probability < 1 and systems > 1:
        raise ValueError(f"a probability of {probability:g}: it must be above 1 / {systems} and below 1")
    sign = -1.0 if largest else 1.0
    x = np.array([[sign * sample(i, r) for r in range(first)] for i in range(systems)])
    sums, counts = x.sum(1), np.full(systems, first)
    race = list(range(systems))
    if systems > 1:
        eta = ((2 * (1 - probability) / (systems - 1)) ** (-2 / (first - 1)) - 1) / 2
        h2 = 2 * eta * (first - 1)
        scatter = np.var(x[:, None, :] - x[None, :, :], axis=2, ddof=1)
    r = first
    while len(race) > 1:
        reach = np.maximum(
            0.0, indifference / 2 * (h2 * scatter / indifference**2 - r)
        )  # r times W of the paper
        race = [i for i in race if all(sums[i] <= sums[k] + reach[i, k] for k in race)]
        done = not any(reach[i, k] > 0 for i in race for k in race if i != k)
        if done or r >= most or len(race) == 1:
            break  # done: whoever is left is equal to the last digit
        for i in race:
            sums[i] += sign * sample(i, r)
            counts[i] += 1
        r += 1
    decided = len(race) == 1 or done
    return Selection(
        best=min(race, key=lambda i: (sums[i] / counts[i], i)),
        probability=(probability if systems > 1 else 1.0) if decided else 0.0,
        means=tuple((sign * sums / counts).tolist()),
        replications=tuple(counts.tolist()),
        left=tuple(race),
        decided=decided,
    )


def ocba(means: Sequence[float], deviations: Sequence[float], *, largest: bool = False) -> tuple[float, ...]:
    """Shares of a budget of replications, one a system, that make a correct choice most likely.

    Chen, Lin, Yücesan and Chick, "Simulation budget allocation for further enhancing the efficiency of ordinal optimization",
    *Discrete Event Dynamic Systems* 10 (2000) 251, for independent normal values. A system without scatter needs nothing more. Raises
    ValueError unless there are as many deviations, none negative.
    """
    m = np.asarray(means, dtype=float) * (-1 if largest else 1)
    s = np.asarray(deviations, dtype=float)
    if len(m) != len(s) or not len(m) or (s < 0).any():
        raise ValueError("each system needs a mean and a deviation that is not negative")
    best = int(np.argmin(m))
    others = np.arange(len(m)) != best
    scale = max(float(np.ptp(m)), float(s.max()), 1e-300)
    gap = np.maximum(m - m[best], 1e-6 * scale)  # equals get nearly everything, not infinitely much
    weight = np.where(others, (s / gap) ** 2, 0.0)
    seen = others & (s > 0)
    weight[best] = s[best] * math.sqrt(float(np.sum((weight[seen] / s[seen]) ** 2)))
    if not weight.sum() > 0:
        return (1 / len(m),) * len(m)
    return tuple((weight / weight.sum()).tolist())


def spend_best(
    sample: Sample, systems: int, budget: int, *, first: int = 10, step: int = 0, largest: bool = False
) -> Selection:
    """The best system after a budget of replications in all, spent by `ocba` in steps (0: two for each system).

    ``probability`` is the approximate one of Chen and others: 1 less the sum, over the other systems, of the normal chance that it is
    better after all. Raises ValueError when the budget does not pay ``first`` replications of each.
    """
    _check(systems, first, first)
    if budget < systems * first:
        raise ValueError(
            f"a budget of {budget} does not pay {first} replications of each of {systems} systems"
        )
    values = [[sample(i, r) for r in range(first)] for i in range(systems)]
    spent = systems * first
    while spent < budget and systems > 1:
        now = min(step or 2 * systems, budget - spent)
        means_now = [math.fsum(v) / len(v) for v in values]
        shares = ocba(means_now, [float(np.std(v, ddof=1)) for v in values], largest=largest)
        due = [share * (spent + now) - len(v) for share, v in zip(shares, values, strict=True)]
        for _ in range(now):  # to whoever lacks most
            i = due.index(max(due))
            due[i] -= 1
            values[i].append(sample(i, len(values[i])))
        spent += now
    means = np.array([math.fsum(v) / len(v) for v in values])
    errors = np.array([np.var(v, ddof=1) / len(v) for v in values])
    best = int(np.argmax(means) if largest else np.argmin(means))
    wrong = 0.0
    for i in range(systems):
        if i != best:
            gap, error = abs(means[i] - means[best]), math.sqrt(errors[i] + errors[best])
            wrong += float(special.ndtr(-gap / error)) if error > 0 else (0.5 if gap == 0 else 0.0)
    return Selection(
        best, max(0.0, 1 - wrong), tuple(means.tolist()), tuple(map(len, values)), tuple(range(systems))
    )


def _check(systems: int, first: int, most: int) -> None:
    if systems < 1:
        raise ValueError("there are no systems to choose from")
    if not 2 <= first <= most:
        raise ValueError(
            f"first {first}, most {most}: at least two replications at first and no fewer at most"
        )
