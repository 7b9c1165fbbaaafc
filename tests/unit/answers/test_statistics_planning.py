"""How many replications, which system is best: rules with a promise, and the promise kept at fixed seeds."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import bench
from bench.cli import main
from bench.statistics import clopper_pearson, controlled, paired, t_interval
from bench.statistics_precision import replications_needed, until_precise
from bench.statistics_selection import Sample, ocba, select_best, spend_best

LAW = [1.20, 1.50, 1.68, 1.89, 0.95, 1.49, 1.58, 1.55, 0.50, 1.09]


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (1, 10), (5, 10), (10, 10), (3, 200)])
def test_clopper_pearson_is_scipys(successes: int, trials: int) -> None:
    theirs = stats.binomtest(successes, trials).proportion_ci(0.95, method="exact")
    mine = clopper_pearson(successes, trials)
    assert mine == pytest.approx((successes / trials, theirs.low, theirs.high), abs=1e-12)


def test_clopper_pearson_refuses_what_is_no_share() -> None:
    with pytest.raises(ValueError, match="no share"):
        clopper_pearson(3, 2)


# --- precision ---------------------------------------------------------------------------------------------------------------------


def test_the_replications_needed_are_the_first_that_are_enough() -> None:
    for half_width in (0.3, 0.2, 0.1, 0.05, 0.01):
        n = replications_needed(LAW, half_width, level=0.9)

        def width(m: int) -> float:
            return float(stats.t.ppf(0.95, m - 1)) * float(np.std(LAW, ddof=1)) / math.sqrt(m)

        assert width(n) <= half_width
        assert n == 10 or width(n - 1) > half_width


def test_a_relative_width_is_a_share_of_the_true_mean() -> None:
    mean = float(np.mean(LAW))
    assert replications_needed(LAW, 0.05, relative=True) == replications_needed(LAW, mean * 0.05 / 1.05)
    assert replications_needed([-x for x in LAW], 0.05, relative=True) == replications_needed(
        LAW, 0.05, relative=True
    )


def test_no_scatter_needs_no_more() -> None:
    assert replications_needed([2.0, 2.0, 2.0], 1e-9) == 3


@pytest.mark.parametrize(
    ("values", "half_width", "relative", "words"),
    [
        ([1.0], 0.1, False, "two are the least"),
        ([1.0, 2.0], 0.0, False, "out of reach"),
        ([1.0, 2.0], math.nan, False, "out of reach"),
        ([-1.0, 1.0], 0.1, True, "the mean is zero"),
    ],
)
def test_precision_out_of_reach_is_said(
    values: list[float], half_width: float, relative: bool, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        replications_needed(values, half_width, relative=relative)


def normal(seed: int, mean: float = 10, deviation: float = 3) -> Callable[[int], float]:
    draws = np.random.default_rng(seed).normal(mean, deviation, 3000)
    return lambda replication: float(draws[replication])


def test_the_sequential_rule_stops_when_it_may_and_covers() -> None:
    covered = 0
    for seed in range(600):
        found = until_precise(normal(seed), 1.0, level=0.9)
        assert found.enough and found.interval.half_width <= 1.0
        before = found.values[:-1]
        assert len(before) < 10 or t_interval(before, 0.9).half_width > 1.0
        covered += found.interval.low <= 10 <= found.interval.high
    bounds = clopper_pearson(covered, 600, 0.999)
    assert bounds.high > 0.87 and bounds.low < 0.9  # a little below 0.9: Chow and Robbins


def test_a_budget_ends_the_sequential_rule() -> None:
    found = until_precise(normal(1), 0.001, relative=True, most=40)
    assert not found.enough and len(found.values) == 40
    still = until_precise(lambda replication: 7.0, 0.001, relative=True)
    assert still.enough and len(still.values) == 10
    none = until_precise(lambda replication: 0.0, 0.1, relative=True)
    assert none.enough
    with pytest.raises(ValueError, match="at least two"):
        until_precise(normal(1), 1.0, first=1)


def test_the_command_says_how_many_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = str(Path(__file__).parents[3] / "scenarios" / "z_windows_together.toml")
    scenario = bench.load(path)
    waits = [bench.run(scenario, fidelity="timed", replication=r).summary["wait_s"]["mean"] for r in range(3)]
    needed = replications_needed(waits, 0.05, relative=True)
    assert needed > 3
    main(["run", path, "--fidelity", "timed", "--replications", "3"])
    assert f"the mean wait to within 5 %: --replications {needed}\n" in capsys.readouterr().out
    still = ["--set", "arrivals.bursts=[]", "--set", "shop.deadline_s=900"]
    main(
        [
            "run",
            path.replace("z_windows_together", "burst_of_15"),
            "--fidelity",
            "timed",
            "--replications",
            "2",
            *still,
        ]
    )
    assert "the mean wait to within 5 %" in capsys.readouterr().out


# --- common random numbers -----------------------------------------------------------------------------------------------------------


def test_pairs_are_compared_by_their_differences() -> None:
    first, second = [1.0, 5.0, 9.0, 2.0], [1.5, 5.4, 9.7, 2.4]
    found = paired(first, second)
    theirs = stats.ttest_rel(second, first).confidence_interval(0.95)
    assert found.difference == pytest.approx((0.5, theirs.low, theirs.high))
    assert found.correlation == pytest.approx(stats.pearsonr(first, second).statistic)
    assert found.gain == pytest.approx((np.var(first) + np.var(second)) / np.var(np.subtract(second, first)))
    assert found.gain > 300
    assert paired(first, first).gain == math.inf
    assert paired([1, 1], [2, 2]) == ((1, 1, 1), 0.0, 1.0)
    with pytest.raises(ValueError, match="no pairs"):
        paired([1, 2], [1])


# --- control variates ----------------------------------------------------------------------------------------------------------------


def test_a_control_takes_out_what_it_explains() -> None:
    """Half of the scatter comes from a number whose mean is known: intervals shrink by the root of two and cover as they say."""
    covered, widths = 0, []
    for seed in range(400):
        random = np.random.default_rng(seed)
        known, unknown = random.normal(size=(2, 20))
        values = 5 + known + unknown
        found = controlled(values.tolist(), [known.tolist()], 0.95)
        covered += found.low <= 5 <= found.high
        widths.append(found.half_width / t_interval(values.tolist()).half_width)
    assert clopper_pearson(covered, 400, 0.999).low <= 0.95 <= clopper_pearson(covered, 400, 0.999).high
    assert np.mean(widths) == pytest.approx(2**-0.5, abs=0.04)


def test_controls_are_a_regression() -> None:
    control = [0.5, -1.0, 0.25, 1.5, -0.75, 0.1]
    values = [2.0, 1.1, 1.7, 3.4, 0.9, 2.2]
    theirs = stats.linregress(control, values)
    found = controlled(values, [control], 0.95)
    assert found.estimate == pytest.approx(theirs.intercept)
    assert found.half_width == pytest.approx(stats.t.ppf(0.975, 4) * theirs.intercept_stderr)
    assert controlled(values, []) == pytest.approx(t_interval(values))
    with pytest.raises(ValueError, match="not enough"):
        controlled([1.0, 2.0], [[0.0, 1.0]])
    with pytest.raises(ValueError, match="not enough"):
        controlled(values, [[1.0]])


# --- the best of several -------------------------------------------------------------------------------------------------------------


def systems(means: list[float], deviations: list[float], shared: float, seed: int) -> Sample:
    """Normal numbers; ``shared`` is the correlation that common days give."""
    random = np.random.default_rng(seed)
    own = random.normal(size=(len(means), 5000))
    day = random.normal(size=5000)

    def sample(system: int, replication: int) -> float:
        z = math.sqrt(shared) * day[replication] + math.sqrt(1 - shared) * own[system, replication]
        return float(means[system] + deviations[system] * z)

    return sample


@pytest.mark.parametrize("shared", [0.0, 0.6])
def test_the_promise_is_kept_where_it_is_hardest(shared: float) -> None:
    """Four systems that are all worse by just the indifference: the slippage configuration."""
    right, replications = 0, []
    for seed in range(200):
        found = select_best(systems([1, 0, 1, 1, 1], [2, 3, 2, 4, 2], shared, seed), 5, 1.0, probability=0.9)
        assert found.decided and found.probability == 0.9
        right += found.best == 1
        replications.append(sum(found.replications))
    assert clopper_pearson(right, 200, 0.999).high >= 0.9
    assert right >= 180
    assert np.mean(replications) < (900 if shared else 2000)


def test_common_days_decide_sooner() -> None:
    cost = [
        sum(select_best(systems([0, 1, 2], [3, 3, 3], shared, 5), 3, 0.5).replications)
        for shared in (0.0, 0.9)
    ]
    assert cost[1] < cost[0] / 3


def test_who_is_clearly_worse_is_dropped_early() -> None:
    found = select_best(systems([0, 0.6, 30], [2, 2, 2], 0, 1), 3, 0.5)
    assert found.best == 0
    assert found.replications[2] == 10 < found.replications[1]
    assert found.left == (0,)


def test_the_largest_can_be_wanted() -> None:
    sample = systems([5, 9, 7], [1, 1, 1], 0, 3)
    found = select_best(sample, 3, 1.0, largest=True)
    assert found.best == 1 and found.means[1] == pytest.approx(9, abs=1)
    assert spend_best(sample, 3, 60, largest=True).best == 1


def test_equals_do_not_race_for_ever() -> None:
    same = select_best(lambda system, replication: float(replication), 3, 0.1)
    assert same.best == 0 and same.left == (0, 1, 2) and same.decided
    assert same.replications == (10, 10, 10)
    alone = select_best(lambda system, replication: 1.0, 1, 0.1)
    assert (alone.best, alone.probability) == (0, 1.0)


def test_a_budget_that_is_too_small_makes_no_promise() -> None:
    found = select_best(systems([0, 0.01], [5, 5], 0, 2), 2, 0.01, most=30)
    assert not found.decided and found.probability == 0 and found.left == (0, 1)
    assert found.replications == (30, 30)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"systems": 0, "indifference": 1}, "no systems"),
        ({"systems": 2, "indifference": 0}, "above zero"),
        ({"systems": 2, "indifference": 1, "probability": 0.5}, "above 1 / 2"),
        ({"systems": 2, "indifference": 1, "first": 1}, "at least two"),
    ],
)
def test_impossible_selections_are_refused(options: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        select_best(lambda system, replication: 0.0, **options)  # type: ignore[arg-type]


def test_the_budget_goes_where_the_doubt_is() -> None:
    """Chen and others, theorem 1: shares as (deviation / gap)^2, and the best as the root of the sum of squares."""
    best, near, far = ocba([1, 2, 3], [2, 2, 2])
    assert near / far == pytest.approx(4)
    assert best == pytest.approx(math.hypot(near, far))
    assert best + near + far == pytest.approx(1)
    _, noisy, calm = ocba([1, 2, 2], [1, 3, 1])
    assert noisy / calm == pytest.approx(9)
    assert ocba([3, 2, 1], [2, 2, 2], largest=True) == ocba([1, 2, 3], [2, 2, 2])
    assert ocba([1, 2], [0, 0]) == (0.5, 0.5)
    assert ocba([1, 2, 3], [1, 0, 1])[1] == 0
    equal = ocba([1, 1, 9], [1, 1, 1])
    assert equal[0] == pytest.approx(equal[1], rel=1e-3) and equal[2] < 1e-6
    with pytest.raises(ValueError, match="not negative"):
        ocba([1, 2], [1, -1])


def test_a_spent_budget_beats_an_even_one() -> None:
    """Ten systems, the chance to find the best with 400 replications: where the doubt is, or forty each."""
    means = [0.0, 0.5] + [float(n) for n in range(2, 10)]
    spent = even = 0
    for seed in range(150):
        sample = systems(means, [2.0] * 10, 0, seed)
        found = spend_best(sample, 10, 400)
        assert sum(found.replications) == 400 and min(found.replications) >= 10
        spent += found.best == 0
        averages = [np.mean([sample(i, r) for r in range(40)]) for i in range(10)]
        even += int(np.argmin(averages)) == 0
    assert spent > even + 8
    with pytest.raises(ValueError, match="does not pay"):
        spend_best(lambda system, replication: 0.0, 10, 99)


def test_the_estimated_probability_is_about_right() -> None:
    found = [spend_best(systems([0, 1, 1], [2, 2, 2], 0, seed), 3, 120) for seed in range(150)]
    right = sum(each.best == 0 for each in found) / 150
    assert np.mean([each.probability for each in found]) == pytest.approx(right, abs=0.06)
