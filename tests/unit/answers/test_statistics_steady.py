"""One long run: the warm-up is found, batches cover the truth, and a run that is too short says so."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from bench import theory
from bench.statistics import clopper_pearson
from bench.statistics_steady import batch_means, mser5, steady_state, von_neumann

Floats = npt.NDArray[np.float64]


def autoregressive(n: int, seed: int, phi: float = 0.5, begins: float = 0.0) -> Floats:
    """x = phi x + noise, of mean 0 in the long run; begins far off when told to."""
    noise = np.random.default_rng(seed).normal(size=n)
    x = np.empty(n)
    last = begins if begins else noise[0] / math.sqrt(1 - phi * phi)
    for i in range(n):
        last = phi * last + noise[i]
        x[i] = last
    return x


def waits(n: int, seed: int, load: float) -> Floats:
    """Waits of a single server from empty on, by Lindley's recursion."""
    random = np.random.default_rng(seed)
    step = random.exponential(1, n) - random.exponential(1 / load, n)
    walk = np.concatenate(([0.0], np.cumsum(step)))[:-1]
    found: Floats = walk - np.minimum.accumulate(walk)
    return found


def test_batch_means_by_hand() -> None:
    around = batch_means([9, 1, 3, 2, 4, 6, 8], batches=3)  # the first is left out; means 2, 3, 7
    assert around.estimate == 4
    assert around.half_width == pytest.approx(4.302653 * math.sqrt(7) / math.sqrt(3), rel=1e-6)


def test_batches_cover_the_mean_as_often_as_they_say() -> None:
    covered = 0
    for seed in range(400):
        around = batch_means(autoregressive(4000, seed))
        covered += around.low <= 0 <= around.high
    assert clopper_pearson(covered, 400, 0.999).low <= 0.95 <= clopper_pearson(covered, 400, 0.999).high


def test_orders_taken_as_independent_would_not() -> None:
    """What batches are for: with batches of one observation the same runs cover the mean far too rarely."""
    covered = 0
    for seed in range(200):
        around = batch_means(autoregressive(1000, seed, phi=0.9), batches=1000)
        covered += around.low <= 0 <= around.high
    assert covered < 120


@pytest.mark.parametrize("begins", [30.0, -300.0])
def test_the_warm_up_is_found(begins: float) -> None:
    """0.9^n x 300 has sunk below the noise after some fifty steps."""
    runs = [autoregressive(2000, seed, 0.9, begins) for seed in range(20)]
    cuts = [mser5(run) for run in runs]
    assert all(cut % 5 == 0 for cut in cuts)
    assert 10 <= np.median(cuts) <= 120
    whole = np.mean([run.mean() ** 2 for run in runs])
    assert np.mean([run[cut:].mean() ** 2 for run, cut in zip(runs, cuts, strict=True)]) < whole


def test_the_cut_is_the_one_that_the_formula_names() -> None:
    x = autoregressive(400, 3, begins=20.0)
    means = x.reshape(-1, 5).mean(1)
    by_hand = [np.sum((means[d:] - means[d:].mean()) ** 2) / (80 - d) ** 2 for d in range(41)]
    assert mser5(x) == 5 * int(np.argmin(by_hand))


def test_large_numbers_do_not_cancel() -> None:
    x = autoregressive(400, 3, begins=20.0)
    assert mser5(x + 1e9) == mser5(x)


def test_a_trend_has_no_steady_state() -> None:
    with pytest.raises(ValueError, match="make the run longer"):
        mser5(np.arange(1000.0))
    with pytest.raises(ValueError, match="too few to find a warm-up"):
        mser5([1.0] * 19)
    assert mser5([2.0] * 100) == 0


def test_neighbours_alike_are_told_from_strangers() -> None:
    strangers = [von_neumann(np.random.default_rng(seed).normal(size=20)) for seed in range(400)]
    alarms = sum(p < 0.05 for p in strangers)
    assert clopper_pearson(alarms, 400, 0.999).low <= 0.05 <= clopper_pearson(alarms, 400, 0.999).high
    assert von_neumann(np.arange(20.0)) < 1e-4
    assert von_neumann([0.0, 1.0] * 10) > 0.999  # opposites make intervals wider than need be, not narrower
    assert von_neumann([3.0] * 5) == 1.0
    with pytest.raises(ValueError, match="three are the least"):
        von_neumann([1.0, 2.0])


def test_a_queue_from_empty_on() -> None:
    """M/M/1 of load 0.8, 200,000 orders: the interval holds the exact mean wait of 4 and is narrow."""
    held = 0
    for seed in range(30):
        found = steady_state(waits(200_000, seed, 0.8), level=0.99)
        assert found.long_enough or found.likeness_p < 0.05
        assert found.batch == (200_000 - found.warm_up) // 20
        assert found.interval.half_width < 0.6
        held += found.interval.low <= theory.MMc(1, 0.8, 1).mean_wait_s <= found.interval.high
    assert held >= 27  # binomial(30, 0.99) is below with chance 2e-4


def test_a_run_too_short_for_its_load_is_said_to_be() -> None:
    """At load 0.98 the queue remembers some 10,000 services; 20 batches of 200 are mostly alike."""
    found = []
    for seed in range(10):
        try:
            found.append(steady_state(waits(4000, seed, 0.98)).long_enough)
        except ValueError as error:
            assert "longer" in str(error)
            found.append(False)
    assert sum(found) <= 3


def test_impossible_batches_are_refused() -> None:
    for values, batches in (([1.0, 2.0], 3), ([1.0, 2.0], 1), ([], 2)):
        with pytest.raises(ValueError, match="do not make"):
            batch_means(values, batches)
