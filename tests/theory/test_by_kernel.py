"""The compiled farm against queueing theory: millions of orders through `bench.kernel_many`, at fixed seeds.

Each mean lies inside a t-interval of 99.9 % over independent replications that is itself narrower than 1 % of the mean, end to end. A
replication is a run from empty on, long against the memory of the queue; its beginning is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from bench import kernel, theory, theory_staffing
from bench.kernel_many import simulate_many
from bench.scenario import parse
from bench.statistics import Interval, controlled, t_interval
from bench.streams import stream
from bench.traffic_profiles import moments
from fiscal.engine.config import EngineConfig, RegisterFacts

US = 10_000  # a mean service, microseconds: short, so that millions of them fit between two Z-reports; fine enough to be continuous
CONFIDENCE = 0.999
NARROW = 0.01
ENTITY = "7707083893"
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def farm(servers: int, policy: str, outages_us: Any = None) -> kernel.Farm:
    """Equal registers that never close a shift."""
    config = EngineConfig(
        tuple(
            RegisterFacts(f"kkt-{n + 1}", ENTITY, service_base_us=US, service_line_us=0)
            for n in range(servers)
        ),
        policy=policy,
        reroute=False,
        close_at_s=(),
        max_age_us=1 << 60,
    )
    return kernel.farm_of(config, [(ENTITY, 1, "")], outages_us=outages_us)


Draw = Callable[[np.random.Generator, int], Floats]
"""So many service times, or gaps between arrivals, of mean 1."""


def exponential(random: np.random.Generator, n: int) -> Floats:
    return random.standard_exponential(n)


def fixed(random: np.random.Generator, n: int) -> Floats:
    return np.ones(n)


def two_phases(random: np.random.Generator, n: int) -> Floats:
    """Erlang of order 2: squared coefficient of variation 1/2."""
    return (random.standard_exponential(n) + random.standard_exponential(n)) / 2


def two_kinds(random: np.random.Generator, n: int) -> Floats:
    """Hyperexponential of balanced means: squared coefficient of variation 2."""
    often = 0.5 * (1 + 3**-0.5)
    short = random.random(n) < often
    found: Floats = random.standard_exponential(n) / np.where(short, 2 * often, 2 * (1 - often))
    return found


Measure = Callable[[Floats, Floats], npt.NDArray[Any]]
"""A number of each order, from its time in system and its service, both in mean services."""


def sojourn(times: Floats, service: Floats) -> Floats:
    return times


def waited(times: Floats, service: Floats) -> npt.NDArray[np.bool_]:
    return times > service


def longer_than_three(times: Floats, service: Floats) -> npt.NDArray[np.bool_]:
    return times > 3


class Case(NamedTuple):
    """A queue of which a mean is known. ``row``: of the reference sheet."""

    row: int
    servers: int
    load: float  # of each server
    service: Draw
    exact: float  # of the measure
    replications: int
    policy: str = "central"
    batch: int = 1
    measure: Measure = sojourn


def mm(servers: int, load: float) -> float:
    return theory.MMc(servers, servers * load, 1).mean_sojourn_s


def md(servers: int, load: float) -> float:
    return 1 + theory.MDc(servers, servers * load, 1).mean_wait_s


JSQ = "shortest_queue"
ONE = JSQ  # of one server: the same as central, and goes through the lanes
ORDERS = 199_995  # of a replication; a multiple of the batch
CASES = {
    "M/M/8": Case(6, 8, 0.85, exponential, mm(8, 0.85), 72),
    "M/M/8 waits": Case(5, 8, 0.85, exponential, theory.erlang_c(8, 6.8), 96, measure=waited),
    "M/M/3": Case(6, 3, 0.6, exponential, mm(3, 0.6), 24),
    "M/M/1 late": Case(
        8, 1, 0.5, exponential, theory.MMc(1, 0.5, 1).sojourn_exceeds(3), 48, ONE, measure=longer_than_three
    ),
    "M/M/1": Case(7, 1, 0.9, exponential, mm(1, 0.9), 560, ONE),
    "M/D/1": Case(10, 1, 0.9, fixed, md(1, 0.9), 224, ONE),
    "M/D/2": Case(11, 2, 0.8, fixed, md(2, 0.8), 56),
    "M/D/8": Case(13, 8, 0.85, fixed, md(8, 0.85), 24),
    "M/D/8 waits": Case(13, 8, 0.85, fixed, theory.MDc(8, 6.8, 1).waiting_share, 96, measure=waited),
    "M/E2/1": Case(17, 1, 0.8, two_phases, 1 + theory.mg1_wait_s(0.8, 1, 0.5), 96, ONE),
    "M/H2/1": Case(17, 1, 0.8, two_kinds, 1 + theory.mg1_wait_s(0.8, 1, 2), 280, ONE),
    "M^15/M/1": Case(19, 1, 0.6, exponential, theory.Batches(0.04, 1, 15).mean_sojourn_s, 192, ONE, batch=15),
    "JSQ/2": Case(27, 2, 0.8, exponential, theory.jsq2_sojourn(0.8), 96, JSQ),
}
"""The lightest of a kind where the row has several: the others need the more orders for an interval as narrow."""


def day(case: Case, replication: int, orders: int = ORDERS) -> tuple[kernel.Traffic, Ints]:
    random = stream(54, f"row {case.row} {case.service.__name__} {case.measure.__name__}", replication)
    gaps = random.standard_exponential(orders // case.batch) * case.batch / (case.load * case.servers)
    at_us = np.repeat(np.round(np.cumsum(gaps) * US).astype(np.int64), case.batch)
    service_us = np.maximum(np.round(case.service(random, orders) * US).astype(np.int64), 1)
    return kernel.traffic_of(at_us), service_us


@lru_cache
def mean(case: Case) -> Interval:
    """The measure's mean over replications; the mean service and the mean gap drawn are controls."""
    queue = farm(case.servers, case.policy)
    end = ORDERS / (case.load * case.servers)  # when the last order comes, on the mean
    rows = []
    for first in range(0, case.replications, 8):
        days = [day(case, first + n) for n in range(8)]
        for (traffic, service_us), fates in zip(days, simulate_many([queue], days)[0], strict=True):
            seen = case.measure((fates.done_us - traffic.at_us) / US, service_us / US)[ORDERS // 50 :]
            rows.append((seen.mean(), service_us.mean() / US - 1, traffic.at_us[-1] / US / end - 1))
    means, *controls = np.array(rows).T.tolist()
    return controlled(means, controls, CONFIDENCE)


def agree(found: Interval, exact: float) -> None:
    assert found.low <= exact <= found.high, (found, exact)
    assert found.high - found.low < NARROW * exact, (found, (found.high - found.low) / exact)


@pytest.mark.parametrize("name", CASES)
def test_the_farm_knows_its_queueing_theory(name: str) -> None:
    agree(mean(CASES[name]), CASES[name].exact)


def test_eight_queues_lie_between_one_queue_and_none_shared() -> None:
    """Row 28: no exact value is known; 1.688 +- 0.006 is one of an independent program."""
    found = mean(Case(28, 8, 0.85, exponential, 1.688, 72, JSQ))
    assert found.high - found.low < NARROW * found.estimate
    assert found.low < 1.694 and found.high > 1.682
    assert mm(8, 0.85) < found.low and found.high < mm(1, 0.85)


def test_the_memory_of_a_queue_is_its_relaxation_time() -> None:
    """Row 26: after so many services as `relaxation_time` says, twice over, a queue is near its mean; after a tenth it is not."""
    case = Case(26, 1, 0.8, exponential, mm(1, 0.8), 600, ONE)
    queue, orders = farm(1, ONE), []
    memory = theory.relaxation_time(0.8)
    for first in range(0, 2000, 8):
        days = [day(case, first + n, 400) for n in range(8)]
        for (traffic, _), fates in zip(days, simulate_many([queue], days)[0], strict=True):
            orders.append((fates.done_us - traffic.at_us) / US)
    over_time = np.mean(orders, axis=0)
    early, late = (int(factor * memory * 0.8) for factor in (0.1, 2))  # orders by then
    assert over_time[early - 3 : early + 3].mean() < 0.65 * case.exact
    assert over_time[late - 20 : late + 20].mean() > 0.88 * case.exact


@pytest.mark.parametrize(("cv2", "replications"), [(0.0, 64), (1.0, 256)])
def test_a_server_that_goes_away_whenever_it_is_idle(cv2: float, replications: int) -> None:
    """Row 18. A vacation is an order of the lowest rank: the central queue gives by deadline, so it is begun only when nobody waits."""
    load, away, orders = 0.6, 12.0, 60_000
    exact = 1 + theory.vacation_wait_s(load, 1, 1, away, cv2)
    queue, rows = farm(1, "central"), []
    for replication in range(replications):
        random = stream(54, f"vacations {cv2}", replication)
        at_us = np.round(np.cumsum(random.standard_exponential(orders)) / load * US).astype(np.int64)
        service = random.standard_exponential(orders)
        many = int(1.5 * (1 - load) * orders / load / away)
        vacations = away * (random.standard_exponential(many) if cv2 else np.ones(many))
        both_us = np.concatenate([np.zeros(many, np.int64), at_us])
        deadline_us = np.concatenate([np.full(many, 1 << 60), at_us])
        traffic = replace(kernel.traffic_of(both_us), deadline_us=deadline_us)
        takes_us = np.maximum(np.round(np.concatenate([vacations, service]) * US), 1).astype(np.int64)
        fates = kernel.simulate(queue, traffic, takes_us)
        assert fates.done_us[:many].max() > at_us[-1]  # vacations enough for the whole run
        times = (fates.done_us[many:] - at_us)[orders // 50 :] / US
        rows.append((times.mean(), service.mean() - 1, at_us[-1] / US / (orders / load) - 1))
    means, *controls = np.array(rows).T.tolist()
    agree(controlled(means, controls, CONFIDENCE), exact)


def test_a_closed_window_drains_as_the_fluid_says() -> None:
    """Row 37: 0.09 orders a second, 720 s closed, 8 s a receipt: 65 orders, gone after 1,851 s. Windows come when nobody waits."""
    load, window, cycle, windows = 0.72, 90.0, 1200.0, 250  # in services of 8 s
    fluid = theory_staffing.closed_window(load, window, 1.0)
    assert fluid.drained_s * 8 == pytest.approx(1851, abs=0.5)
    starts = np.arange(windows) * cycle
    spans = [(round(start * US), round((start + window) * US)) for start in starts]
    queue = farm(1, ONE, outages_us={0: spans})
    piled, drained = [], []
    for replication in range(120):
        random = stream(54, "closed window", replication)
        moments = np.sort(random.random(random.poisson(load * 900 * windows)) * 900 * windows)
        at = moments + (moments // 900) * (
            cycle - 900
        )  # orders come in the first three quarters of each cycle
        at_us = np.round(at * US).astype(np.int64)
        done_us = kernel.simulate(queue, kernel.traffic_of(at_us), np.full(len(at_us), US)).done_us
        idle_after = np.flatnonzero(np.append(at_us[1:] >= done_us[:-1], True))
        which, first = np.unique(at_us[idle_after] // round(cycle * US), return_index=True)
        assert len(which) == windows
        drained.append(float(np.mean(done_us[idle_after[first]] / US - starts - window)))
        piled.append(float(np.sum(at % cycle < window)) / windows)
    agree(t_interval(piled, CONFIDENCE), fluid.orders)
    agree(controlled(drained, [[orders - fluid.orders for orders in piled]], CONFIDENCE), fluid.drained_s)


@pytest.mark.parametrize("servers", [1, 3, 8])
def test_the_largest_burst_in_time_is_the_largest(servers: int) -> None:
    """Fixed service, everybody at once: exactly so many are served within the deadline, and one more is one late."""
    deadline, queue = 37.5, farm(servers, "central")
    most = theory_staffing.largest_burst(37.0, servers)  # the half service left is of no use
    for orders, late in ((most, 0), (most + 1, 1)):
        fates = kernel.simulate(queue, kernel.traffic_of(np.zeros(orders, np.int64)), np.full(orders, US))
        assert np.sum(fates.done_us > deadline * US) == late


def test_a_wave_of_orders_makes_a_later_flatter_wave_of_busy_registers() -> None:
    """Row 35: 100 +- 20 orders an hour over a day, an hour each, registers enough: the load peaks 0.978 h later, at 119.348.

    The first harmonic of the number of busy registers, over days, is an integral over each receipt's time in work, so it is exact.
    """
    wave = theory_staffing.SinusoidalLoad(100, 20, 24, 1)
    days, hour_us, turn = 21, 3_600_000_000, 2 * np.pi / 24
    scenario = parse(
        {
            "schema_version": 1,
            "name": "wave",
            "question": "When is the farm busiest?",
            "start": "2026-03-11T00:00:00",
            "duration_h": 24 * days,
            "shop": {"entities": [{"name": "llc", "inn": "7701234560", "user": "OOO Primer"}]},
            "arrivals": {"kind": "sinusoidal", "rate_per_h": 100, "swing": 0.2, "peak_at": "06:00"},
            "farm": {"registers": [{"name": "front", "device": "shtrih-m-01f"}]},
        }
    )
    registers, peaks, across = farm(180, "central"), [], []
    for replication in range(48):
        at_us = moments(scenario, scenario.arrivals, 54, replication)  # type: ignore[arg-type]
        takes_us = np.round(stream(54, "wave", replication).standard_exponential(len(at_us)) * hour_us)
        fates = kernel.simulate(registers, kernel.traffic_of(at_us), np.maximum(takes_us, 1).astype(np.int64))
        begin, end = (np.clip(x / hour_us, 24, 24 * days) for x in (fates.done_us - takes_us, fates.done_us))
        phase = turn * (6 + wave.lag_s)
        whole = 24 * (days - 1)
        level = np.sum(end - begin) / whole
        along = np.sum(np.sin(turn * end - phase) - np.sin(turn * begin - phase)) * 2 / (turn * whole)
        across.append(
            float(np.sum(np.cos(turn * begin - phase) - np.cos(turn * end - phase)) * 2 / (turn * whole))
        )
        peaks.append(float(level + along))
    agree(t_interval(peaks, CONFIDENCE), wave.peak)
    aside = t_interval(across, CONFIDENCE)
    assert aside.low <= 0 <= aside.high
    assert aside.half_width / wave.load_amplitude < 0.1 * turn * wave.lag_s  # the lag is known to a tenth
