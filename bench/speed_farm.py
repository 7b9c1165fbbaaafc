"""The reference farm in every program that can run it on given numbers: what each costs, and when it says each order was recorded.

All read the same arrays of moments and service times (`bench.reference_farm`), so all must name the same moment for every order. A
program that is fast because it does something else is found out here.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import simpy

from bench import kernel, reference_farm
from bench.kernel_many import simulate_many
from bench.kernel_recursion import LANES
from bench.shop import Request
from bench.timed import TimedSeat
from bench.world import World
from fiscal.receipt import Buyer, Item, Payments, Receipt, SettlementType, Taxation, Vat, fingerprint

Ints = npt.NDArray[np.int64]
Day = tuple[kernel.Traffic, Ints]
Ran = tuple[float, list[Ints]]
"""CPU seconds, and for each day when each order was recorded."""

_START_S = 1_795_737_600  # a Friday's midnight


def bare_simpy(day: Day, z_us: Sequence[int] = reference_farm.Z_REPORTS_US) -> Ran:
    """As one writes it in SimPy: a process for each order, a resource with priorities for each register, a process that closes it."""
    traffic, service = day
    moments, takes = traffic.at_us.tolist(), service.tolist()
    registers = range(reference_farm.REGISTERS)
    done = [0] * len(moments)
    load = [0] * len(registers)
    is_open = [True] * len(registers)
    env = simpy.Environment()
    resources = [simpy.PriorityResource(env, 1) for _ in registers]

    def order(n: int, s: int) -> Generator[Any, Any, None]:
        with resources[s].request(priority=1) as request:
            yield request
            yield env.timeout(takes[n])
        load[s] -= 1
        done[n] = int(env.now)

    def orders() -> Generator[Any, Any, None]:
        for n, at_us in enumerate(moments):
            if at_us > env.now:
                yield env.timeout(at_us - env.now)
            best = min((s for s in registers if is_open[s]), key=load.__getitem__)
            load[best] += 1
            env.process(order(n, best))

    def closings(s: int) -> Generator[Any, Any, None]:
        yield env.timeout((reference_farm.FIRST_CLOSING_S + s * reference_farm.STAGGER_S) * 1_000_000)
        with resources[s].request(priority=0) as request:
            yield request
            is_open[s] = False
            yield env.timeout(z_us[s])
            is_open[s] = True

    env.process(orders())
    for s in registers:
        env.process(closings(s))
    began = time.process_time()
    env.run()
    return time.process_time() - began, [np.array(done)]


def timed(day: Day, z_us: Sequence[int] = reference_farm.Z_REPORTS_US) -> Ran:
    """The real engine over registers that are service times (fidelity ``timed``)."""
    traffic, service = day
    takes = service.tolist()
    item = Item("Tea", 100_00, 1_000_000, 100_00, Vat.NONE)
    receipt = Receipt(
        SettlementType.SALE,
        (item,),
        Payments(cashless_kop=100_00),
        Taxation.GENERAL,
        reference_farm.ENTITY,
        "https://shop.example",
        Buyer(email="buyer@example.org"),
    )
    prints = fingerprint(receipt)
    requests = [
        Request(f"{n:06}", receipt, prints, at_us, at_us + reference_farm.LATE_US)
        for n, at_us in enumerate(traffic.at_us.tolist())
    ]
    env = simpy.Environment()
    config = reference_farm.config(z_us)
    draws = {request.key: float(n) for n, request in enumerate(requests)}
    seats = [
        TimedSeat(env, fact.name, lambda u, lines: takes[int(u)], draws, fact.z_report_us, _START_S)
        for fact in config.registers
    ]
    world = World(env, config, seats, {}, [fact.name for fact in config.registers], requests, (), _START_S, 0)
    gc.collect()
    gc.freeze()  # as `bench.simulate` does
    began = time.process_time()
    try:
        env.run(until=2 * reference_farm.DAY_S * reference_farm.US)
    finally:
        gc.unfreeze()
    spent = time.process_time() - began
    engine = world.engine
    assert engine is not None and engine.settled
    views = [engine.status(request.key) for request in requests]
    return spent, [
        np.array([view.recorded_wall_us - _START_S * 1_000_000 for view in views if view is not None])
    ]


def compiled(
    program: str, commit_us: int = 0, z_us: Sequence[int] = reference_farm.Z_REPORTS_US
) -> Callable[[Sequence[Day]], Ran]:
    """A program of `bench.kernel` on days one by one."""

    def run(days: Sequence[Day]) -> Ran:
        farm = reference_farm.farm(commit_us=commit_us, z_us=z_us)
        began = time.process_time()
        found = [kernel.simulate(farm, traffic, service, program=program) for traffic, service in days]
        return time.process_time() - began, [fates.done_us for fates in found]

    return run


def lanes(days: Sequence[Day]) -> Ran:
    """Eight days at once, for eight farms, as a sweep does it: the days are put side by side once."""
    farms = [reference_farm.farm()] * 8
    began = time.process_time()
    found = simulate_many(farms, days)
    spent = time.process_time() - began
    assert {fates.program for each in found for fates in each} == {"lanes"}
    return spent / len(farms), [fates.done_us for fates in found[0]]


def days() -> list[Day]:
    """As many as there are lanes; in the first one in twenty orders is late."""
    return [reference_farm.day(replication) for replication in range(1, 1 + LANES)]


def first_orders(count: int) -> Day:
    """The first orders of the first of the `days`."""
    traffic, service = reference_farm.day(1)
    return kernel.traffic_of(traffic.at_us[:count], deadline_after_us=reference_farm.LATE_US), service[:count]
