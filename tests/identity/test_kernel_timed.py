"""The compiled kernel and the real engine go the same way: same register and same microseconds for every receipt, farm after farm."""

from __future__ import annotations

from collections import Counter
from random import Random
from zlib import crc32

import numpy as np
import pytest
import simpy

from bench import kernel
from bench.faults import Fault, outages
from bench.shop import Request
from bench.timed import ServiceTime, TimedSeat
from bench.world import World
from fiscal.engine.config import EngineConfig, RegisterFacts
from fiscal.receipt import Buyer, Item, Payments, Receipt, SettlementType, Taxation, Vat, fingerprint

CASES = 50  # for each policy
START_S = 1_795_737_600  # a Friday's midnight
SECOND = 1_000_000
ENTITIES = ("7707083893", "500100732259")
SITES = ("a.example", "b.example")


class Case:
    """A generated farm and its day."""

    def __init__(self, policy: str, seed: int) -> None:
        draw = Random(f"{policy} {seed}")
        at_once = (
            draw.random() < 0.6
        )  # what the recursion can do: commits take no time, receipts some, deadlines rise
        self.commit_us = 0 if at_once else draw.choice((0, 0, 1, 2_000, 300_000))
        registers = tuple(
            RegisterFacts(
                f"kkt-{n}",
                draw.choice(ENTITIES[: 1 + (seed % 3 == 0)]),
                taxation=draw.choice((63, 63, 1)),
                sites=draw.choice(((), (), SITES[:1])),
                weight=draw.choice((1, 2, 5)),
                spare=n > 0 and draw.random() < 0.2,
                service_base_us=draw.choice((600_000, 4_000_000)),
                service_line_us=draw.choice((25_000, 500_000)),
                z_report_us=draw.choice((30, 720)) * SECOND,
            )
            for n in range(draw.randint(3, 9) if at_once else draw.randint(1, 6))
        )
        self.config = EngineConfig(
            registers,
            policy=policy,
            reroute=draw.random() < 0.5,
            close_at_s=draw.choice(((86_100,), (3600, 7200), (1800, 3600, 5400))),
            stagger_us=draw.choice((0, 60, 480)) * SECOND,
            max_age_us=draw.choice((84_600, 2_400)) * SECOND,
            probe_us=draw.choice((60, 60, 7, 100_000)) * SECOND,
            spare_join_queue=draw.choice((2, 10)),
            salt=draw.getrandbits(62),
            queue_limit=draw.choice((0, 0, 0, 3, 25)),
        )
        # a coarse clock makes moments coincide: arrivals, completions, probes, closings
        tick = draw.choice((1, 1, SECOND // 2, 5 * SECOND))
        span = 7200 * SECOND
        count = draw.choice((40, 150, 300))
        at = [draw.randrange(span) // tick * tick for _ in range(count)]
        for _ in range(3):
            at += [draw.randrange(0, 7200, 1800) * SECOND] * 15
        at.sort()
        mean = draw.choice((4.0, 12.0)) * SECOND
        self.at = at
        self.lines = [draw.randint(1, 9) for _ in at]
        self.service = [max(at_once, round(draw.expovariate(1 / mean)) // tick * tick) for _ in at]
        # some farms have two classes of registers, and each receipt a time in each
        self.classes = [draw.choice((0, 1)) if draw.random() < 0.3 else 0 for _ in registers]
        self.services = [self.service, [2 * takes_us + tick for takes_us in self.service]]
        self.wanted = [
            (draw.choice(ENTITIES), draw.choice((1, 1, 2)), draw.choice(SITES))
            if seed % 3 == 0
            else (ENTITIES[0], 1, SITES[0])
            for _ in at
        ]
        self.deadlines = [
            t + (draw.choice((60, 300)) if seed % 5 == 0 and not at_once else 300) * SECOND for t in at
        ]
        self.stop_us = 14_400 * SECOND
        self.faults = []
        for _ in range(draw.choice((0, 0, 1, 4))):
            fact = draw.choice(registers)
            begin_us = (
                draw.choice((0, draw.randrange(span), draw.randrange(0, 7200, 600) * SECOND)) // tick * tick
            )
            lasts_us = draw.choice((300, 2_000)) * SECOND
            self.faults.append(Fault("planned_outage", fact.name, begin_us, begin_us + lasts_us))

    def _service(self, register: int) -> ServiceTime:
        takes = self.services[self.classes[register]]
        return lambda place, lines: takes[int(place)]

    def timed(self) -> list[tuple[int, int]]:
        """The real engine: (register, moment the journal knows) of every receipt."""
        env = simpy.Environment()
        requests = []
        for n, (at_us, lines, (entity, taxation, site), due) in enumerate(
            zip(self.at, self.lines, self.wanted, self.deadlines, strict=True)
        ):
            item = Item("Tea", 100_00, 1_000_000, 100_00, Vat.NONE)
            receipt = Receipt(
                SettlementType.SALE,
                (item,) * lines,
                Payments(cashless_kop=100_00 * lines),
                Taxation(taxation),
                entity,
                site,
                Buyer(email=f"buyer-{n % 17}@example.org"),
            )
            requests.append(Request(f"{n:05}", receipt, fingerprint(receipt), at_us, due))
        draws = {request.key: float(n) for n, request in enumerate(requests)}
        seats = [
            TimedSeat(env, fact.name, self._service(n), draws, fact.z_report_us, START_S)
            for n, fact in enumerate(self.config.registers)
        ]
        names = [fact.name for fact in self.config.registers]
        world = World(env, self.config, seats, {}, names, requests, self.faults, START_S, self.commit_us)
        env.run(until=self.stop_us)
        found = []
        for request in requests:
            engine = world.engine
            assert engine is not None
            view = engine.status(request.key)
            if view is None or view.recorded is None:
                found.append((-1, -1))
            else:
                found.append((names.index(view.register), view.recorded_wall_us - START_S * SECOND))
        return found

    def compiled(self, program: str = "") -> tuple[str, list[tuple[int, int]]]:
        """The compiled one: which program did it; (register, moment recorded) of every receipt."""
        kinds = list(dict.fromkeys(self.wanted))
        places = {fact.name: (n,) for n, fact in enumerate(self.config.registers)}
        farm = kernel.farm_of(
            self.config,
            kinds,
            start_us=START_S * SECOND,
            commit_us=self.commit_us,
            service_class=self.classes,
            outages_us=outages(self.faults, places),
        )
        who = [crc32(f"buyer-{n % 17}@example.org".encode()) for n in range(len(self.at))]
        traffic = kernel.Traffic(
            np.array(self.at),
            np.array(self.deadlines),
            np.array(self.lines),
            np.array([kinds.index(kind) for kind in self.wanted]),
            np.array(who, np.uint64),
        )
        fates = kernel.simulate(farm, traffic, np.array(self.services), self.stop_us, program=program)
        return fates.program, list(zip(fates.register.tolist(), fates.done_us.tolist(), strict=True))


@pytest.mark.parametrize("policy", kernel.POLICIES)
def test_same_path(policy: str) -> None:
    receipts = recorded = refused = 0
    programs: Counter[str] = Counter()
    for seed in range(CASES):
        case = Case(policy, seed)
        timed = case.timed()
        program, compiled = case.compiled()
        programs[program] += 1
        ways = {program: compiled}
        if program == "recursion":
            _, ways["engine"] = case.compiled("engine")
        for name, way in ways.items():
            differing = [n for n, pair in enumerate(zip(timed, way, strict=True)) if pair[0] != pair[1]]
            assert not differing, (
                f"Case({policy!r}, {seed}): {len(differing)} of {len(timed)} receipts differ, first number {differing[0]} at "
                f"{case.at[differing[0]]}: timed {timed[differing[0]]}, {name} {way[differing[0]]}"
            )
        receipts += len(timed)
        recorded += sum(register >= 0 for register, _ in timed)
        refused += case.config.queue_limit > 0
    print(
        f"{policy}: {CASES} cases ({programs['recursion']} by the recursion, {programs['engine']} by the engine's twin alone, "
        f"{refused} with a limited queue), {receipts} receipts, {recorded} recorded, all on the same path"
    )
    assert recorded > receipts / 3
    assert programs["recursion"] >= CASES / 6
