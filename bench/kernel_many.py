"""Many farms over many days: a sweep's inner loop.

The days are made once and shared by all farms (common random numbers). Where a farm is simple enough, eight days go through it
at once (lanes, in `bench.kernel_recursion`); else each goes alone (`bench.kernel.simulate`). The compiled programs let go of Python's
lock, so threads work side by side; and as no run knows of another, the answers are the same to the bit with any number of them.

    >>> from bench import reference_farm
    >>> days = [reference_farm.day(replication) for replication in range(3)]
    >>> farm = reference_farm.farm()
    >>> found = simulate_many([farm, farm.with_policy("central")], days)
    >>> [[reference_farm.late(traffic, fates.done_us) for (traffic, _), fates in zip(days, each)] for each in found]
    [[15, 3272, 1449], [0, 3235, 937]]
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from bench import kernel_recursion
from bench.kernel import Farm, Fates, Ints, Traffic, recursion_tables, simulate
from bench.kernel_engine import NEVER
from bench.kernel_recursion import LANE_REGISTERS, LANES

Day = tuple[Traffic, Any]
"""Receipts, and how long each takes in a register (by class of registers, where there are several)."""
_LANES_LEAST = 4  # for fewer days a lane each is not worth its empty neighbours
_PADDING_US = (
    1 << 61
)  # receipts that make all lanes equally long come after the end of time, each when the one before is done
_PADDING_STEP_US = 1_000_000


def simulate_many(
    farms: Sequence[Farm], days: Sequence[Day], stop_us: int = NEVER, *, workers: int = 1
) -> list[list[Fates]]:
    """What becomes of every receipt of every day in every farm: a list for each farm, with the fates of each day.

    Raises ValueError as `bench.kernel.simulate` does, and for less than one worker.
    """
    if workers < 1:
        raise ValueError(f"{workers} workers: there must be at least one")
    bundles = [_Bundle(days[n : n + LANES]) for n in range(0, len(days), LANES)]
    tasks = [(farm, bundle, stop_us) for farm in farms for bundle in bundles]
    if workers == 1:
        found = [_run(*task) for task in tasks]
    else:
        with ThreadPoolExecutor(workers) as pool:
            found = list(pool.map(lambda task: _run(*task), tasks))
    step = len(bundles)
    return (
        [[fates for part in found[n : n + step] for fates in part] for n in range(0, len(found), step)]
        if step
        else [[] for _ in farms]
    )


class _Bundle:
    """Days that go through a farm side by side."""

    def __init__(self, days: Sequence[Day]) -> None:
        self.days = days
        self.fits = len(days) >= _LANES_LEAST and all(
            np.shape(service) == (len(traffic),)
            and (traffic.kind == 0).all()
            and (np.asarray(service) >= 1).all()
            and (np.diff(traffic.deadline_us) >= 0).all()
            for traffic, service in days
        )
        if not self.fits:
            return
        longest = max(len(traffic) for traffic, _ in days)
        after_us = _PADDING_US + _PADDING_STEP_US * np.arange(longest, dtype=np.int64)
        self.at_us = np.repeat(after_us[:, None], LANES, axis=1)
        self.service_us = np.ones((longest, LANES), np.int64)
        for lane, (traffic, service) in enumerate(days):
            self.at_us[: len(traffic), lane] = traffic.at_us
            self.service_us[: len(traffic), lane] = service


def _run(farm: Farm, bundle: _Bundle, stop_us: int) -> list[Fates]:
    if bundle.fits and _simple(farm):
        return _lanes(farm, bundle, stop_us)
    return [simulate(farm, traffic, service, stop_us) for traffic, service in bundle.days]


def _simple(farm: Farm) -> bool:
    """Whether the lanes know all the rules of a farm."""
    return (
        farm.policy == "shortest_queue"
        and not farm.commit_us
        and bool((farm.z_us >= 1).all())
        and not farm.reroute
        and not farm.queue_limit
        and not farm.spare.any()
        and not farm.service_class.any()
        and len(farm.may) == 1
        and bool(farm.may.all())
        and len(farm) <= LANE_REGISTERS
    )


def _lanes(farm: Farm, bundle: _Bundle, stop_us: int) -> list[Fates]:
    rules, pauses, table, _ = recursion_tables(farm)
    stations = np.repeat(table[None], LANES, axis=0)
    register = np.empty(bundle.at_us.shape[::-1], np.int64)
    done_us = np.empty_like(register)
    reasons = kernel_recursion.run_lanes(
        rules, farm.close_at_us, stations, pauses, bundle.at_us, bundle.service_us, register, done_us
    )
    found = []
    for lane, (traffic, service) in enumerate(bundle.days):
        if reasons[lane]:
            found.append(simulate(farm, traffic, service, stop_us))
        else:
            found.append(_fates(register[lane, : len(traffic)], done_us[lane, : len(traffic)], stop_us))
    return found


def _fates(register: Ints, done_us: Ints, stop_us: int) -> Fates:
    if stop_us < NEVER:
        happened = done_us < stop_us
        register, done_us = np.where(happened, register, -1), np.where(happened, done_us, -1)
    return Fates(register, done_us, done_us, "lanes")
