"""How sure the answer of one long run is: steady state, where a question is about a constant load for ever.

Days are the normal case here and are replicated whole (`bench.statistics`). Where a queue is asked about its *steady state*, one long run
will do, but two things are in the way. It begins empty, so its beginning is unlike the rest and has to be cut off (*warm-up*). And its
observations follow one another, so they are not independent: neighbours are put together into *batches* so long that their means nearly
are. Both cures are checked and the check is part of the answer: a run that is too short is said to be so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from bench.statistics import Interval, t_interval

Floats = npt.NDArray[np.float64]
_MSER_BATCH = 5


def mser5(values: Sequence[float] | Floats) -> int:
    """How many observations at the beginning to leave out: the cut after which the mean of the rest is known best.

    Averages of five observations are cut at the place that makes sum of squares / length^2 of the rest smallest; only cuts in the first
    half are looked at. White, *Simulation* 69 (1997) 323; White, Cobb and Spratt, WSC 2000. Raises ValueError for a run of
    fewer than 20 observations, and for one whose best cut is its middle: there the beginning has not died out.
    """
    x = np.asarray(values, dtype=float)
    n = len(x) // _MSER_BATCH
    if n < 4:
        raise ValueError(f"{len(x)} observations are too few to find a warm-up; 20 are the least")
    means = x[: n * _MSER_BATCH].reshape(n, _MSER_BATCH).mean(1)
    rest = np.arange(n, 0, -1)  # averages left after each cut
    centred = means - means.mean()  # else squares of large numbers would cancel
    total = np.cumsum(centred[::-1])[::-1]
    squares = np.cumsum(np.square(centred)[::-1])[::-1]
    error = (squares - total**2 / rest) / rest**2.0
    half = n // 2
    cut = int(np.argmin(error[: half + 1]))
    if cut == half:
        raise ValueError(
            f"the beginning has not died out within half of {len(x)} observations; make the run longer"
        )
    return cut * _MSER_BATCH


def batch_means(values: Sequence[float] | Floats, batches: int = 20, level: float = 0.95) -> Interval:
    """Mean of a stationary run, with Student's t interval over the means of so many batches of neighbours.

    Conway, *Management Science* 10 (1963) 47; ten to thirty batches: Schmeiser, *Operations Research* 30 (1982) 556. What does not fill
    a batch is left out at the beginning. Raises ValueError for fewer than two batches or fewer observations than batches.
    """
    return t_interval(_batches(values, batches).tolist(), level)


def _batches(values: Sequence[float] | Floats, batches: int) -> Floats:
    x = np.asarray(values, dtype=float)
    if batches < 2 or len(x) < batches:
        raise ValueError(
            f"{len(x)} observations do not make {batches} batches; at least two of one are needed"
        )
    size = len(x) // batches
    means: Floats = x[len(x) - size * batches :].reshape(batches, size).mean(1)
    return means


def von_neumann(values: Sequence[float] | Floats) -> float:
    """Chance that independent values would be as alike to their neighbours as these are: small means correlated.

    Von Neumann's ratio of successive differences, *Annals of Mathematical Statistics* 12 (1941) 367, one-sided, by its normal
    approximation. Raises ValueError for fewer than three values.
    """
    x = np.asarray(values, dtype=float)
    n = len(x)
    if n < 3:
        raise ValueError(f"{n} values have too few neighbours; three are the least")
    scatter = float(np.sum((x - x.mean()) ** 2))
    if scatter == 0:
        return 1.0
    likeness = 1 - float(np.sum(np.diff(x) ** 2)) / (2 * scatter)
    return float(special.ndtr(-likeness * math.sqrt((n**2 - 1) / (n - 2))))


@dataclass(frozen=True, slots=True)
class SteadyState:
    """The mean of a steady state with its interval; what was left out; and whether the batches pass for independent.

    ``likeness_p``: see `von_neumann`. ``warm_up`` and ``batch`` are numbers of observations.
    """

    interval: Interval
    warm_up: int
    batch: int
    likeness_p: float

    @property
    def long_enough(self) -> bool:
        """Whether nothing speaks against the interval: batches whose means are alike would make it too narrow."""
        return self.likeness_p >= 0.05


def steady_state(values: Sequence[float] | Floats, batches: int = 20, level: float = 0.95) -> SteadyState:
    """Mean of one long run: warm-up cut off by `mser5`, interval by `batch_means`, batches tested by `von_neumann`.

    Raises ValueError as those do.
    """
    x = np.asarray(values, dtype=float)
    warm_up = mser5(x)
    means = _batches(x[warm_up:], batches)
    return SteadyState(
        t_interval(means.tolist(), level), warm_up, (len(x) - warm_up) // batches, von_neumann(means)
    )
