"""From a scenario to the arrays of the kernel: its days once, its farm as numbers.

Sizing compares farms on the same days (common random numbers). So a day's traffic and draws are made once for each
replication; a farm, under any number of registers, only looks them up. The numbers are those of fidelity ``timed``: the same seed and
replication give the same late receipts there, which a test holds.

    >>> from bench.scenario import load
    >>> scenario = load("scenarios/burst_of_15.toml")
    >>> lateness(scenario, [day(scenario, 0)]).receipts
    (15,)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bench import kernel
from bench.faults import calendar, outages
from bench.scenario import Scenario
from bench.scenario_farm import Service
from bench.scenario_model import US_PER_S
from bench.simulate import engine_config, places
from bench.statistics import Interval, t_interval
from bench.streams import stream
from bench.timed import service_times
from bench.traffic_arrays import receipt_arrays

ServiceKey = tuple[str, int, int]
DRAIN_US = 86_400 * US_PER_S
"""How long after the end of the orders a queue may still be worked off, before what waits counts as late."""


@dataclass(frozen=True, slots=True)
class Day:
    """The receipts of one replication, as arrays in the order of payment, the kinds in the order of first coming, a draw for each.

    ``services`` holds the service times that were asked for, for the next farm with the same registers.
    """

    replication: int
    traffic: kernel.Traffic
    kinds: tuple[kernel.Kind, ...]
    draws: npt.NDArray[np.float64]
    services: dict[ServiceKey, kernel.Ints] = field(default_factory=dict, compare=False, repr=False)

    def service_us(self, service: Service | None, base_us: int, line_us: int) -> kernel.Ints:
        """How long each receipt takes in a register, microseconds."""
        key = (repr(service), base_us, line_us)
        if key not in self.services:
            self.services[key] = service_times(service, base_us, line_us, self.draws, self.traffic.lines)
        return self.services[key]


@dataclass(frozen=True, slots=True)
class Lateness:
    """Late receipts and all receipts of each day, under one farm."""

    late: tuple[int, ...]
    receipts: tuple[int, ...]

    def share(self, level: float = 0.95) -> Interval:
        """Late share with Student's t interval over days; the receipts of one day are not independent, days are."""
        return t_interval(
            [
                late / receipts if receipts else 0.0
                for late, receipts in zip(self.late, self.receipts, strict=True)
            ],
            level,
        )

    @property
    def days_with_late(self) -> int:
        return sum(late > 0 for late in self.late)


def day(scenario: Scenario, replication: int, seed: int | None = None) -> Day:
    """The traffic of one replication. Raises ScenarioError as `bench.traffic.make_orders` does."""
    seed = scenario.seed if seed is None else seed
    receipts = receipt_arrays(scenario, seed, replication)
    traffic = kernel.traffic_of(
        receipts.at_us,
        receipts.lines,
        receipts.kind,
        round(scenario.shop.deadline_s * US_PER_S),
        receipts.who,
    )
    return Day(
        replication, traffic, receipts.kinds, stream(seed, "service", replication).random(len(traffic))
    )


class Lived(NamedTuple):
    """A day that a farm lived through: the farm as numbers, how long each receipt takes there (by class), what became of each."""

    farm: kernel.Farm
    service_us: npt.NDArray[np.int64]
    fates: kernel.Fates


def lateness(scenario: Scenario, days: Sequence[Day], seed: int | None = None) -> Lateness:
    """How many receipts of each day the scenario's farm records late."""
    deadline_us = round(scenario.shop.deadline_s * US_PER_S)
    end_us = scenario.duration_us + DRAIN_US
    late = [
        int(lived.fates.late(one.traffic, deadline_us, end_us).sum())
        for one, lived in zip(days, live(scenario, days, seed), strict=True)
    ]
    return Lateness(tuple(late), tuple(len(one.traffic) for one in days))


def live(scenario: Scenario, days: Sequence[Day], seed: int | None = None) -> Iterator[Lived]:
    """Let the scenario's farm live through each of the days."""
    farm_places = places(scenario)
    config = engine_config(scenario, farm_places)
    end_us = scenario.duration_us + DRAIN_US
    names = {
        "all": range(len(farm_places)),
        **{place.facts.name: (n,) for n, place in enumerate(farm_places)},
    }
    for computer in scenario.computers():
        names[computer] = [n for n, place in enumerate(farm_places) if place.facts.computer == computer]
    drawn: dict[ServiceKey, int] = {}
    services: list[tuple[Service | None, int, int]] = []
    classes: list[int] = []
    for place in farm_places:
        service, facts = place.register.service, place.facts
        key = (repr(service), facts.service_base_us, facts.service_line_us)
        if key not in drawn:
            drawn[key] = len(services)
            services.append((service, key[1], key[2]))
        classes.append(drawn[key])
    for one in days:
        farm = kernel.farm_of(
            config,
            one.kinds,
            start_us=scenario.start_s * US_PER_S,
            commit_us=round(scenario.shop.commit_ms * 1000),
            service_class=classes,
            outages_us=outages(
                (f for f in calendar(scenario, seed, one.replication) if f.target in names), names
            ),
        )
        service_us = np.stack([one.service_us(*wanted) for wanted in services])
        yield Lived(farm, service_us, kernel.simulate(farm, one.traffic, service_us, end_us))


def left_out(scenario: Scenario) -> dict[str, int]:
    """Faults of the scenario that sizing does without, by kind: accidents. Planned outages stay."""
    return dict(Counter(fault.kind for fault in scenario.faults if fault.kind != "planned_outage"))


def offered_load(scenario: Scenario, days: Sequence[Day]) -> float:
    """Registers kept busy by the receipts alone, on the mean over the run (erlangs), at the farm's mean service time."""
    farm_places = places(scenario)
    seconds = scenario.duration_us / US_PER_S
    total = 0.0
    for one in days:
        for place in farm_places:
            facts = place.facts
            total += float(
                one.service_us(place.register.service, facts.service_base_us, facts.service_line_us).sum()
            )
    return total / 1e6 / seconds / max(len(days) * len(farm_places), 1)
