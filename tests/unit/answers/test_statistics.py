"""Intervals against values worked out elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from bench.statistics import quantile, quantile_interval, replicate_summary, rule_of_three, t_interval, wilson


def test_t_interval_of_a_textbook_sample() -> None:
    # Law, 5th ed., example 4.26: ten observations, 90 % interval 1.34 +- 0.24.
    around = t_interval([1.20, 1.50, 1.68, 1.89, 0.95, 1.49, 1.58, 1.55, 0.50, 1.09], level=0.90)
    assert around.estimate == pytest.approx(1.343)
    assert around.half_width == pytest.approx(0.24, abs=0.005)


def test_one_replication_says_nothing_of_its_scatter() -> None:
    assert t_interval([3.0]) == (3.0, -math.inf, math.inf)
    with pytest.raises(ValueError, match="no replications"):
        t_interval([])


def test_the_t_interval_covers_as_often_as_it_says() -> None:
    draws = np.random.default_rng(1).normal(10, 3, size=(2000, 8))
    covered = sum(i.low <= 10 <= i.high for i in map(t_interval, draws))
    assert wilson(covered, 2000, level=0.999).low <= 0.95 <= wilson(covered, 2000, level=0.999).high


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (1, 10), (5, 10), (10, 10), (3, 200)])
def test_wilson_is_scipys(successes: int, trials: int) -> None:
    theirs = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    mine = wilson(successes, trials)
    assert (mine.low, mine.high) == (
        pytest.approx(theirs.low, abs=1e-12),
        pytest.approx(theirs.high, abs=1e-12),
    )


@pytest.mark.parametrize(("successes", "trials"), [(-1, 10), (11, 10), (0, 0)])
def test_wilson_refuses_what_is_no_share(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(successes, trials)


def test_rule_of_three_is_about_three_by_n_and_exact_for_few() -> None:
    assert rule_of_three(1) == pytest.approx(0.95)
    assert rule_of_three(1000) == pytest.approx(0.003, rel=0.005)
    assert rule_of_three(10) == pytest.approx(stats.binomtest(0, 10).proportion_ci(0.90, method="exact").high)


def test_a_quantile_is_a_value_that_occurred() -> None:
    assert quantile([5, 1, 4, 2, 3], 0.5) == 3
    assert quantile([1, 2, 3, 4], 0.5) == 2
    assert quantile([1, 2, 3, 4], 0) == 1
    assert quantile([7], 0.99) == 7


def test_quantile_interval_by_order_statistics() -> None:
    # For the median of 10 values the 2nd and the 9th are the 95 % bounds (Conover, table of the sign test).
    assert quantile_interval(range(1, 11), 0.5) == (5, 2, 9)
    assert (
        quantile_interval([1, 2, 3], 0.99) == (3, 1, math.inf)
        or quantile_interval([1, 2, 3], 0.99).high == math.inf
    )


def test_quantile_interval_covers_at_least_as_often_as_it_says() -> None:
    draws = np.random.default_rng(2).exponential(size=(1000, 40))
    truth = -math.log(1 - 0.8)
    covered = sum(i.low <= truth <= i.high for i in (quantile_interval(row, 0.8) for row in draws))
    assert covered / 1000 >= 0.94


def summary(late: int, p95: float | None) -> dict[str, object]:
    zeros = dict.fromkeys(("lost", "doubled", "in_doubt", "refused", "queue_max"), 0)
    waits = dict.fromkeys(("mean", "p50", "p95", "p99", "max"), p95)
    return {
        "in_time_share": 1 - late / 100,
        "late": late,
        **zeros,
        "wait_s": waits,
        "registers": {"a": {"receipts": 1, "utilization": 0.5, "z_reports": 0}},
    }


def test_replications_are_summarised_number_by_number() -> None:
    table = replicate_summary([summary(2, 10.0), summary(4, 20.0), summary(6, None)]).set_index("metric")
    late = table.loc["late"]
    assert (late["n"], late["mean"], late["min"], late["max"]) == (3, 4.0, 2.0, 6.0)
    assert late["half_width"] == pytest.approx(4.302653 * 2 / math.sqrt(3), rel=1e-6)
    assert table.loc["wait_s.p95", ["n", "mean"]].tolist() == [2, 15.0]
    assert table.loc["utilization.a", "half_width"] == 0
    with pytest.raises(ValueError, match="no results"):
        replicate_summary([])
