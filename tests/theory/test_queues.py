"""The simulator against queueing theory: fidelity ``timed`` is the real engine over service times, so formulas must come out of it.

Each mean is held against the formula by a t-interval of 99.9 % over independent replications at fixed seeds, and the interval itself
has to be narrow, so that the test cannot pass by knowing nothing. Wait includes the service: from payment to the recorded document.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import t as student

import bench
from bench import theory
from bench.log import STATUS, SUBMITTED
from bench.measures import measure
from bench.scenario import Scenario, parse
from bench.simulate import Simulation

HOURS = {
    "exponential-1": 12.0,
    "exponential-3": 3.0,
    "deterministic-1": 3.0,
}  # from six in the morning: no Z-report comes between
MEAN_S = 8.0
CONFIDENCE = 0.999
NARROW = 0.06
REPLICATIONS = 20


def queue(kind: str, servers: int, load: float) -> Scenario:
    """A farm that is a textbook queue: Poisson arrivals, one line, first come first served, nothing else takes time."""
    return parse(
        {
            "schema_version": 1,
            "name": f"{kind}-{servers}",
            "question": "Does the simulator know its queueing theory?",
            "start": "2026-03-11T06:00:00",
            "duration_h": HOURS[f"{kind}-{servers}"],
            "seed": 54,
            "shop": {
                "entities": [{"name": "llc", "inn": "7701234560", "user": "OOO Primer"}],
                "commit_ms": 0,
                "deadline_s": 100_000,
            },
            "arrivals": {
                "kind": "poisson",
                "rate_per_min": 60 * load * servers / MEAN_S,
                "lines": {"kind": "fixed", "count": 1},
            },
            "farm": {
                "policy": "central",
                "registers": [
                    {
                        "name": "server",
                        "device": "shtrih-m-01f",
                        "count": servers,
                        "service": {"kind": kind, "mean_s": MEAN_S},
                    }
                ],
            },
        }
    )


def mean_wait_s(kind: str, servers: int, load: float) -> float:
    """Time in the system, by formula."""
    rate = load * servers / MEAN_S
    if kind == "deterministic":
        assert servers == 1
        return theory.md1_wait_s(rate, MEAN_S) + MEAN_S
    return theory.MMc(servers, rate, MEAN_S).mean_sojourn_s


class Interval(NamedTuple):
    mean: float
    half_width: float

    def holds(self, value: float) -> bool:
        return abs(self.mean - value) <= self.half_width


def interval(values: list[float]) -> Interval:
    n = len(values)
    quantile = float(student.ppf((1 + CONFIDENCE) / 2, n - 1))
    return Interval(float(np.mean(values)), quantile * float(np.std(values, ddof=1)) / math.sqrt(n))


class Day(NamedTuple):
    """One replication: (paid, recorded) of each receipt in microseconds, and the mean share of time the servers worked."""

    receipts: list[tuple[int, int]]
    utilization: float

    @property
    def mean_wait_s(self) -> float:
        return float(np.mean([done - paid for paid, done in self.receipts])) / 1e6


@lru_cache
def days(kind: str, servers: int, load: float) -> tuple[Day, ...]:
    scenario = queue(kind, servers, load)
    found = []
    for replication in range(REPLICATIONS):
        run = Simulation(scenario, fidelity="timed", replication=replication).run()
        assert run.audit["problems"] == []
        paid = {key: t_us for t_us, row, key, *_ in run.log.rows if row == SUBMITTED}
        done = {row[2]: row[0] for row in run.log.rows if row[1] == STATUS and row[4] == "recorded"}
        assert paid.keys() == done.keys()
        shares = [register["utilization"] for register in measure(run).summary["registers"].values()]
        found.append(Day([(paid[key], done[key]) for key in paid], float(np.mean(shares))))
    return tuple(found)


QUEUES = [
    ("exponential", 1, 0.4),
    ("exponential", 3, 0.5),
    ("deterministic", 1, 0.5),
]


@pytest.mark.parametrize(("kind", "servers", "load"), QUEUES)
def test_mean_wait_is_what_the_formula_says(kind: str, servers: int, load: float) -> None:
    found = interval([day.mean_wait_s for day in days(kind, servers, load)])
    expected = mean_wait_s(kind, servers, load)
    assert found.half_width < NARROW * expected, found
    assert found.holds(expected), (found, expected)


@pytest.mark.parametrize(("kind", "servers", "load"), QUEUES)
def test_the_interval_tells_a_neighbouring_load_apart(kind: str, servers: int, load: float) -> None:
    """Were the arrivals off by a fifth, the test above would say so."""
    found = interval([day.mean_wait_s for day in days(kind, servers, load)])
    assert not found.holds(mean_wait_s(kind, servers, load * 1.2))
    assert not found.holds(mean_wait_s(kind, servers, load / 1.2))


@pytest.mark.parametrize(("kind", "servers", "load"), QUEUES)
def test_utilization_is_the_load(kind: str, servers: int, load: float) -> None:
    found = interval([day.utilization for day in days(kind, servers, load)])
    assert found.half_width < NARROW * load
    assert found.holds(load), found


def test_the_queue_is_first_come_first_served() -> None:
    """With one server and a fixed time the receipts leave in the order in which they came, and follow Lindley's recursion exactly."""
    service_us = round(MEAN_S * 1e6)
    for day in days("deterministic", 1, 0.5):
        free_us = 0
        for paid_us, done_us in day.receipts:
            free_us = max(free_us, paid_us) + service_us
            assert done_us == free_us


def test_littles_law_joins_the_queue_chart_and_the_waits() -> None:
    """The time average of the queue, as charted, is the arrival rate times the mean wait for a register: two tables, one truth."""
    result = bench.run(queue("exponential", 1, 0.4), fidelity="timed")
    receipts = result.receipts
    before_s = (receipts["printing"] - receipts["submitted"]).dt.total_seconds()
    total = result.queue[result.queue["register"] == "total"]
    seconds = (total["time"] - result.begin).dt.total_seconds().to_numpy()
    waiting = total["waiting"].to_numpy()
    end_s = (result.end - result.begin).total_seconds()
    area = float(np.sum(waiting * np.diff(np.append(seconds, end_s))))
    assert area == pytest.approx(float(before_s.sum()), rel=1e-6)
    arrivals_per_s = len(receipts) / (HOURS["exponential-1"] * 3600)
    load = 0.4
    assert arrivals_per_s * MEAN_S == pytest.approx(load, rel=0.1)
    assert area / (HOURS["exponential-1"] * 3600) == pytest.approx(
        load**2 / (1 - load), rel=0.3
    )  # one day: no interval, only the size
