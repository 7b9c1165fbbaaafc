"""Sensitivity and rare events, against functions and queues whose answers are known exactly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bench import theory
from bench.statistics_rare import splitting
from bench.statistics_sensitivity import morris, sobol

Floats = npt.NDArray[np.float64]
PI = dict.fromkeys(("x1", "x2", "x3"), (-math.pi, math.pi))


def ishigami(x: Floats) -> Floats:
    """Ishigami and Homma 1990, a = 7, b = 0.1."""
    found: Floats = np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])
    return found


def exact() -> tuple[list[float], list[float]]:
    a, b, pi4 = 7.0, 0.1, math.pi**4
    v1, v2, v13 = 0.5 * (1 + b * pi4 / 5) ** 2, a * a / 8, 8 * b * b * pi4 * pi4 / 225
    variance = v1 + v2 + v13
    return [v1 / variance, v2 / variance, 0.0], [(v1 + v13) / variance, v2 / variance, v13 / variance]


def test_the_exact_indices_are_the_published_ones() -> None:
    first, total = exact()
    assert first == pytest.approx([0.3139, 0.4424, 0], abs=5e-5)
    assert total == pytest.approx([0.5576, 0.4424, 0.2437], abs=5e-5)


def test_sobol_indices_of_ishigami() -> None:
    first, total = exact()
    found = sobol(ishigami, PI, 1024, repeats=10, level=0.999)
    assert list(found["input"]) == ["x1", "x2", "x3"]
    for i, row in enumerate(found.to_dict("records")):
        assert row["first_low"] <= first[i] <= row["first_high"]
        assert row["total_low"] <= total[i] <= row["total_high"]
        assert row["first_high"] - row["first_low"] < 0.06
        assert row["total_high"] - row["total_low"] < 0.05
    assert found.equals(sobol(ishigami, PI, 1024, repeats=10, level=0.999))
    assert not found.equals(sobol(ishigami, PI, 1024, repeats=10, level=0.999, seed=1))


def test_sobol_shares_of_a_sum_do_not_depend_on_its_level() -> None:
    """Independent inputs 1, 2 and 4 times as wide: variances 1 : 4 : 16, no interplay, and a constant that must not matter."""
    ranges = {"a": (0.0, 1.0), "b": (0.0, 2.0), "c": (5.0, 9.0)}
    found = sobol(lambda x: x.sum(1) + 1e6, ranges, 256)
    for column in ("first", "total"):
        assert found[column].to_numpy() == pytest.approx(np.array([1, 4, 16]) / 21, abs=0.01)


def test_sobol_of_nothing_is_nothing() -> None:
    found = sobol(lambda x: np.zeros(len(x)), {"a": (0.0, 1.0)}, 4)
    assert found[["first", "total"]].to_numpy().tolist() == [[0.0, 0.0]]


def test_morris_finds_slopes_curves_and_idlers() -> None:
    """A plane has the same effect everywhere; a product has not; an idle input has none."""
    ranges = {"slope": (0.0, 10.0), "one": (0.0, 1.0), "other": (0.0, 1.0), "idle": (0.0, 1.0)}
    asked: list[int] = []

    def model(x: Floats) -> Floats:
        asked.append(len(x))
        found: Floats = 3 - 0.5 * x[:, 0] + 8 * (x[:, 1] - 0.5) * (x[:, 2] - 0.5)
        return found

    found = morris(model, ranges, 40).set_index("input")
    assert asked == [40 * 5]
    assert found.loc["slope", ["mean", "size", "low", "high", "spread"]].tolist() == pytest.approx(
        [-5, 5, 5, 5, 0]
    )
    assert found.loc["idle", "size"] == 0
    # over the four levels the effect of one factor is 8 (y - 0.5): -4, -4/3, 4/3 or 4
    for name in ("one", "other"):
        assert found.loc[name, "low"] <= 8 / 3 <= found.loc[name, "high"]
        assert abs(found.loc[name, "mean"]) < 2 and found.loc[name, "spread"] > 2


def test_morris_of_ishigami() -> None:
    """The effect of x2 over half a turn and more is one of two known numbers, the same in size."""
    found = morris(ishigami, PI, 30).set_index("input")
    steps = [-math.pi + 2 * math.pi * k / 3 for k in range(4)]
    effects = {
        abs(7 * (math.sin(b) ** 2 - math.sin(a) ** 2)) * 1.5 for a, b in zip(steps, steps[2:], strict=False)
    }
    assert found.loc["x2", "size"] == pytest.approx(max(effects))
    assert found.loc["x3", "spread"] > found.loc["x3", "mean"]  # acts only together with x1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ranges": {}}, "no inputs"),
        ({"ranges": {"a": (1.0, 1.0)}}, "a: 1 to 1 is no range"),
        ({"model": lambda x: [1.0]}, "one answer a point"),
        ({"points": 3}, "power of two"),
        ({"paths": 1}, "two paths"),
        ({"levels": 3}, "even number"),
    ],
)
def test_impossible_questions_are_refused(change: dict[str, Any], words: str) -> None:
    options: dict[str, Any] = {"model": lambda x: x.sum(1), "ranges": {"a": (0.0, 1.0)}, **change}
    ask = sobol if "points" in change else morris
    with pytest.raises(ValueError, match=words):
        ask(**options)


# --- splitting ---------------------------------------------------------------------------------------------------------------------


def climb(load: float) -> Any:
    """The queue of M/M/1, step by step, until it is empty again."""

    def run(states: npt.NDArray[Any], height: float, random: np.random.Generator) -> npt.NDArray[Any]:
        queue, arrived = states.copy(), [states[:0]]
        while len(queue):
            queue = queue + np.where(random.random(len(queue)) < load / (1 + load), 1, -1)
            arrived.append(queue[queue >= height])
            queue = queue[(queue > 0) & (queue < height)]
        return np.concatenate(arrived)

    return run


def test_splitting_reaches_what_hardly_ever_happens() -> None:
    """A queue of 60 before it is empty again, load 0.8: 3.831e-7, with some millions of steps instead of billions."""
    truth = theory.reaches(60, 0.8)
    assert truth == pytest.approx(3.831e-7, rel=1e-4)
    found = splitting(climb(0.8), np.array([1]), [6, 14, 22, 30, 38, 46, 54, 60], effort=2000, level=0.999)
    assert found.interval.low <= truth <= found.interval.high
    assert found.interval.half_width < 0.15 * truth
    assert math.prod(found.shares) == pytest.approx(truth, rel=0.15)
    assert all(0.1 < share < 0.5 for share in found.shares[1:])


def test_splitting_in_one_step_is_plain_counting() -> None:
    found = splitting(climb(0.5), np.array([1]), [3], effort=3000, level=0.999)
    assert found.interval.low <= theory.reaches(3, 0.5) <= found.interval.high


def test_other_levels_and_seeds_tell_the_same() -> None:
    truth = theory.reaches(24, 0.7)
    for seed, levels in ((1, [4, 8, 12, 16, 20, 24]), (2, [12, 24]), (3, [3, 5, 11, 24])):
        found = splitting(climb(0.7), np.array([1]), levels, effort=2000, seed=seed, level=0.999)
        assert found.interval.low <= truth <= found.interval.high, levels
        assert found == splitting(climb(0.7), np.array([1]), levels, effort=2000, seed=seed, level=0.999)


def test_a_level_out_of_reach_is_zero_and_impossible_questions_are_refused() -> None:
    found = splitting(climb(0.1), np.array([1]), [2, 40], effort=50)
    assert found.interval.estimate == 0 and found.shares[0] > 0 == found.shares[1]
    with pytest.raises(ValueError, match="are needed"):
        splitting(climb(0.5), np.array([1]), [])
    with pytest.raises(ValueError, match="are needed"):
        splitting(climb(0.5), np.array([1]), [2], repetitions=1)
