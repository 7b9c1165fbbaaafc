"""From a scenario to the arrays of the kernel: its days once, its farm as numbers.

Sizing compares farms on the same days (common random numbers). So a day's traffic and draws are made once for each
replication; a farm, under any number of registers, only looks them up. The numbers are those of fidelity ``timed``: the same seed and
replication give the same late receipts there, which a test holds.

    >>> from bench.scenario import load
    >>> scenario = load("scenarios/burst_of_15.toml")
    >>> lateness(scenario, [day(scenario, 0)]).receipts
    (66,)
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bench import kernel
from bench.executors import mapped
from bench.faults import Span, calendar, outages
from bench.progress import Progress
from bench.scenario import Scenario, parse
from bench.scenario_farm import Service
from bench.scenario_model import US_PER_S
from bench.simulate import Place, engine_config, places
from bench.statistics import Interval, t_interval
from bench.streams import stream
from bench.timed import service_times
from bench.traffic_arrays import receipt_arrays

ServiceKey = tuple[str, int, int]
_PIECES = 8  # days go to workers in so many pieces
_HOUR_US = 3_600 * US_PER_S
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
    """What one farm does with each of the days: late receipts, all receipts, mean and longest wait from payment to the record (seconds).

    A receipt that was never recorded waits until a day after the orders end.
    """

    late: tuple[int, ...]
    receipts: tuple[int, ...]
    mean_wait_s: tuple[float, ...] = ()
    longest_wait_s: tuple[float, ...] = ()

    def shares(self) -> list[float]:
        """The late share of each day; 0 on a day without receipts."""
        return [
            late / receipts if receipts else 0.0
            for late, receipts in zip(self.late, self.receipts, strict=True)
        ]

    def share(self, level: float = 0.95) -> Interval:
        """Late share with Student's t interval over days; the receipts of one day are not independent, days are."""
        return t_interval(self.shares(), level)

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


def lateness(
    scenario: Scenario,
    days: Sequence[Day],
    seed: int | None = None,
    *,
    slower: float = 1.0,
    paid_us: Span | None = None,
) -> Lateness:
    """How many receipts of each day the scenario's farm records late, and how long they wait.

    ``paid_us`` asks only of receipts paid from a moment on and before another: of a burst, or of the days after the first.
    """
    deadline_us = round(scenario.shop.deadline_s * US_PER_S)
    end_us = scenario.duration_us + DRAIN_US
    late, receipts, mean_s, longest_s = [], [], [], []
    for one, lived in zip(days, live(scenario, days, seed, slower=slower), strict=True):
        told_us, at_us = lived.fates.told_us, one.traffic.at_us
        within = (
            np.full(len(at_us), True) if paid_us is None else (paid_us[0] <= at_us) & (at_us < paid_us[1])
        )
        asked = within & (one.traffic.kind >= 0)
        late.append(int((lived.fates.late(one.traffic, deadline_us, end_us) & asked).sum()))
        receipts.append(int(within.sum()))
        waits_us = (np.where(told_us < 0, end_us, told_us) - at_us)[asked]
        mean_s.append(int(waits_us.sum()) / len(waits_us) / 1e6 if len(waits_us) else 0.0)
        longest_s.append(int(waits_us.max()) / 1e6 if len(waits_us) else 0.0)
    return Lateness(tuple(late), tuple(receipts), tuple(mean_s), tuple(longest_s))


def live(
    scenario: Scenario, days: Sequence[Day], seed: int | None = None, *, slower: float = 1.0
) -> Iterator[Lived]:
    """Let the scenario's farm live through each of the days; ``slower`` stretches the service times of all registers."""
    farm_places = [_slower(place, slower) for place in places(scenario)]
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
        if slower != 1.0 and any(service is not None for service, _, _ in services):
            named = np.array([[service is not None] for service, _, _ in services])
            service_us = np.where(named, np.rint(service_us * slower).astype(np.int64), service_us)
        yield Lived(farm, service_us, kernel.simulate(farm, one.traffic, service_us, end_us))


def _slower(place: Place, factor: float) -> Place:
    facts = place.facts
    changed = replace(
        facts,
        service_base_us=round(facts.service_base_us * factor),
        service_line_us=round(facts.service_line_us * factor),
    )
    return replace(place, facts=changed)


class Overview(NamedTuple):
    """What a day brings: receipts, their kinds, the load they are (erlangs, `offered_load`), receipts in each hour of the run."""

    receipts: int
    kinds: tuple[kernel.Kind, ...]
    load: float
    hourly: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SameDays:
    """The days that a question asks about, the same for every farm (common random numbers).

    Here they are made once. With an executor, pieces of them go to its workers, which make the days they are asked for and keep them: the
    numbers of a day follow from scenario, seed and replication alone, so the answers are the same to the bit wherever they are found.
    """

    scenario: Scenario
    replications: int
    seed: int | None = None
    executor: Executor | None = None
    _made: list[Day] = field(default_factory=list, repr=False)

    def days(self, progress: Progress | None = None) -> list[Day]:
        """The days themselves, made here."""
        for replication in range(len(self._made), self.replications):
            self._made.append(day(self.scenario, replication, self.seed))
            if progress is not None:
                progress(replication + 1, self.replications)
        return self._made

    def overviews(self, progress: Progress | None = None) -> list[Overview]:
        """How many receipts each day has, of which kinds, and the load they are."""
        if self.executor is None:
            return [_overview(self.scenario, one) for one in self.days(progress)]
        pieces = [_Piece(self.scenario, self.seed, part) for part in self._parts()]
        return list(chain.from_iterable(mapped(self.executor, _overviews_of_piece, pieces, progress)))

    def _parts(self) -> list[range]:
        step = -(-self.replications // _PIECES)
        return [range(n, min(n + step, self.replications)) for n in range(0, self.replications, step)]

    def lateness(
        self, farms: Sequence[Scenario], *, slower: float = 1.0, paid_us: Span | None = None
    ) -> list[Lateness]:
        """What each farm does with the days, as `lateness` says it."""
        if self.executor is None:
            return [lateness(farm, self.days(), self.seed, slower=slower, paid_us=paid_us) for farm in farms]
        pieces = [
            _Piece(self.scenario, self.seed, part, tuple(farms), slower, paid_us) for part in self._parts()
        ]
        answers = mapped(self.executor, _lateness_of_piece, pieces)
        return [
            Lateness(
                *(
                    tuple(chain.from_iterable(getattr(part, column.name) for part in parts))
                    for column in fields(Lateness)
                )
            )
            for parts in zip(*answers, strict=True)
        ]


class _Piece(NamedTuple):
    scenario: Scenario
    seed: int | None
    replications: range
    farms: tuple[Scenario, ...] = ()
    slower: float = 1.0
    paid_us: Span | None = None


def _days_of_piece(piece: _Piece) -> list[Day]:
    text, folder = piece.scenario.model_dump_json(), str(piece.scenario.folder)
    return [_kept_day(text, folder, piece.seed, replication) for replication in piece.replications]


def _lateness_of_piece(piece: _Piece) -> list[Lateness]:
    days = _days_of_piece(piece)
    return [
        lateness(farm, days, piece.seed, slower=piece.slower, paid_us=piece.paid_us) for farm in piece.farms
    ]


def _overviews_of_piece(piece: _Piece) -> list[Overview]:
    return [_overview(piece.scenario, one) for one in _days_of_piece(piece)]


def _overview(scenario: Scenario, one: Day) -> Overview:
    hours = np.bincount(one.traffic.at_us // _HOUR_US, minlength=-(-scenario.duration_us // _HOUR_US))
    return Overview(len(one.traffic), one.kinds, offered_load(scenario, one), tuple(hours.tolist()))


@functools.lru_cache(maxsize=256)
def _kept_day(text: str, folder: str, seed: int | None, replication: int) -> Day:
    return day(parse(json.loads(text), folder=folder), replication, seed)


def left_out(scenario: Scenario) -> dict[str, int]:
    """Faults of the scenario that sizing does without, by kind: accidents. Planned outages stay."""
    return dict(Counter(fault.kind for fault in scenario.faults if fault.kind != "planned_outage"))


def offered_load(scenario: Scenario, one: Day) -> float:
    """Registers kept busy by the day's receipts alone, on the mean over the run (erlangs), at the farm's mean service time."""
    farm_places = places(scenario)
    total = 0.0
    for place in farm_places:
        facts = place.facts
        total += float(
            one.service_us(place.register.service, facts.service_base_us, facts.service_line_us).sum()
        )
    return total / scenario.duration_us / len(farm_places)


def unavoidably_late(scenario: Scenario, one: Day, registers: int) -> float:
    """Late share of a day below which no farm of so many of the scenario's registers comes, whatever its rules.

    Even without a pause, every receipt at its fastest register and the quick ones first, no more fit into the run and a deadline after it.
    """
    if not len(one.traffic):
        return 0.0
    asked = {
        (repr(place.register.service), place.facts.service_base_us, place.facts.service_line_us): place
        for place in places(scenario)
    }
    fastest_us = np.min(
        [one.service_us(place.register.service, base, line) for (_, base, line), place in asked.items()],
        axis=0,
    )
    room_us = registers * (scenario.duration_us + round(scenario.shop.deadline_s * US_PER_S))
    fit = int(np.searchsorted(np.cumsum(np.sort(fastest_us)), room_us, side="right"))
    return 1 - fit / len(one.traffic)


def busiest_hour(scenario: Scenario, days: Sequence[Day]) -> tuple[float, float]:
    """Seconds of the run at which the hour with most receipts begins, over all days, and its receipts a second."""
    hour_us = 3600 * US_PER_S
    hours = max(1, -(-scenario.duration_us // hour_us))
    counts = np.zeros(hours, np.int64)
    for one in days:
        counts += np.bincount(one.traffic.at_us // hour_us, minlength=hours)[:hours]
    hour = int(counts.argmax())
    return hour * 3600.0, float(counts[hour]) / max(1, len(days)) / 3600
