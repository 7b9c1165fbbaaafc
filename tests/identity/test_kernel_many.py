"""Eight days side by side, days one by one, any number of threads: the same register and microsecond for every receipt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench import kernel, reference_farm
from bench.kernel import Farm, Fates
from bench.kernel_many import simulate_many

MINUTE_US = 60_000_000
DAYS = [reference_farm.day(replication) for replication in range(9)]
REFERENCE = reference_farm.farm()
OUTAGES = (
    (),
    ((9 * 60 * MINUTE_US, 10 * 60 * MINUTE_US),),
    (),
    (),
    (),
    ((29 * MINUTE_US, 33 * MINUTE_US),),
    (),
    (),
)


def same(one: Fates, two: Fates) -> bool:
    return bool((one.register == two.register).all() and (one.done_us == two.done_us).all())


@pytest.mark.parametrize(
    "farm",
    [
        REFERENCE,
        replace(REFERENCE, outages_us=OUTAGES),
        replace(REFERENCE, close_at_us=np.array([0, 20 * 60 * MINUTE_US]), stagger_us=7 * MINUTE_US + 1),
    ],
    ids=["reference", "outages", "two closings a day, soon after one another"],
)
def test_lanes_go_the_way_of_the_engines_twin(farm: Farm) -> None:
    [found] = simulate_many([farm], DAYS)
    assert [fates.program for fates in found[:8]] == ["lanes"] * 8
    for (traffic, service), fates in zip(DAYS, found, strict=True):
        assert same(fates, kernel.simulate(farm, traffic, service, program="engine"))
        assert (fates.done_us > traffic.at_us).all()


@pytest.mark.parametrize("workers", [2, 3])
def test_any_number_of_threads_gives_the_same_bits(workers: int) -> None:
    farms = [REFERENCE, REFERENCE.with_policy("central"), replace(REFERENCE, reroute=True)]
    alone = simulate_many(farms, DAYS)
    together = simulate_many(farms, DAYS, workers=workers)
    assert [len(found) for found in together] == [len(DAYS)] * 3
    assert all(
        same(one, two) for a, b in zip(alone, together, strict=True) for one, two in zip(a, b, strict=True)
    )


def test_the_day_is_at_the_edge_of_what_the_farm_can_do() -> None:
    """Else equal numbers of late orders would say nothing."""
    [found] = simulate_many([REFERENCE], DAYS)
    late = [
        reference_farm.late(traffic, fates.done_us) for (traffic, _), fates in zip(DAYS, found, strict=True)
    ]
    assert len(set(late)) > 5
    assert 0.001 < sum(late) / sum(len(traffic) for traffic, _ in DAYS) < 0.2


def test_a_queue_too_long_for_the_lanes_goes_alone() -> None:
    slow = [(traffic, 2 * service) for traffic, service in DAYS[:4]]
    [found] = simulate_many([REFERENCE], slow)
    assert {fates.program for fates in found} == {"recursion"}
    for (traffic, service), fates in zip(slow, found, strict=True):
        assert same(fates, kernel.simulate(REFERENCE, traffic, service, program="engine"))


def test_what_has_not_happened_when_the_run_is_cut_is_not_told() -> None:
    stop_us = 8 * 60 * MINUTE_US
    [found] = simulate_many([REFERENCE], DAYS[:8], stop_us)
    for (traffic, service), fates in zip(DAYS, found, strict=False):
        assert fates.program == "lanes"
        assert same(fates, kernel.simulate(REFERENCE, traffic, service, stop_us, program="engine"))
        assert 0 < (fates.done_us < 0).sum() < len(traffic)


def test_nobody_to_work_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        simulate_many([REFERENCE], DAYS, workers=0)
