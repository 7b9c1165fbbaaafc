"""What a plan leads to: a farm in five numbers, the same days under each, and what theory says beside them.

A planner asks "and with one register more? with slower ones? if twice as many come?". So a plan is what can be turned on a panel of
sliders: how many registers, seconds a receipt, how much traffic, how long a Z-report makes a register deaf, and who gets a receipt. All
plans are held to the same days (common random numbers), through the compiled kernel; the late receipts are those of
`bench.planner.lateness`, receipt by receipt. Days are made once for each amount of traffic and kept.

    >>> from bench.scenario import load
    >>> outlooks = Outlooks(load("scenarios/z_windows_together.toml"), days=3)
    >>> outlooks.of(outlooks.plan).late.late
    (16, 7, 0)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bench.growth import Growth
from bench.planner import DRAIN_US, Day, Lateness, Lived, busiest_hour, day, live
from bench.scenario import Scenario
from bench.scenario_model import US_PER_S
from bench.simulate import Place, engine_config, places
from bench.statistics import rule_of_three
from bench.theory import beside
from bench.theory_staffing import closed_window, hour_by_hour, largest_burst
from bench.what_if import closing_at, more_orders, one_out, z_report_minutes, z_reports_of
from bench.wording import share_text, wait_text
from fiscal.engine.config import EngineConfig
from fiscal.engine.shifts import closing_us

Ints = npt.NDArray[np.int64]
HOUR_US = 3_600 * US_PER_S

_SPEEDS_KEPT = 16
"""Speeds for which a day keeps its service times: a slider that is turned for an hour must not fill the memory."""


class Plan(NamedTuple):
    """What a planner turns.

    ``registers`` of the whole farm, which grows in its own proportions (`bench.growth`). ``receipt_s``: seconds a receipt, on the mean
    over receipts and the scenario's registers; long receipts still take longer, and slow registers are still slower. ``rate`` in times of
    the scenario's own traffic (bursts stay as they are). ``window_min``: minutes of a Z-report, of every register; ``first_closing``: when
    the first one begins ("HH:MM"; further closings of the day stay; "": at no hour), ``stagger_min``: minutes from one register to the
    next. ``out_min``: for how many minutes the first register is out of service, from the busiest hour on.
    """

    registers: int
    receipt_s: float
    rate: float
    window_min: float
    first_closing: str
    stagger_min: float
    out_min: float
    policy: str


class Span(NamedTuple):
    """From when to when a register did something, microseconds from the start of the run."""

    register: int
    begin_us: int
    end_us: int


class Service(NamedTuple):
    """How long a receipt takes: mean (seconds), and squared coefficient of variation, over receipts and registers."""

    mean_s: float
    cv2: float


class Formula(NamedTuple):
    """What a formula says: of what, the number as people write it, and which formula."""

    name: str
    says: str
    source: str


@dataclass(frozen=True)
class Outlook:
    """What a plan leads to, over the days it was tried on."""

    plan: Plan
    scenario: Scenario
    days: Sequence[Day] = field(repr=False)
    lived: Sequence[Lived] = field(repr=False)
    service_cv2: float = 0.0

    @cached_property
    def _is_late(self) -> list[npt.NDArray[np.bool_]]:
        deadline_us = round(self.scenario.shop.deadline_s * US_PER_S)
        end_us = self.scenario.duration_us + DRAIN_US
        return [
            lived.fates.late(one.traffic, deadline_us, end_us)
            for one, lived in zip(self.days, self.lived, strict=True)
        ]

    @cached_property
    def late(self) -> Lateness:
        """Late receipts and all receipts of each day."""
        return Lateness(
            tuple(int(found.sum()) for found in self._is_late), tuple(len(one.traffic) for one in self.days)
        )

    @cached_property
    def queues(self) -> list[tuple[Ints, Ints]]:
        """For each day the receipts that wait to be begun: moments of change (microseconds), and how many wait from then on."""
        return [_queue(one, lived) for one, lived in zip(self.days, self.lived, strict=True)]

    @cached_property
    def worst(self) -> int:
        """Which of the days has the most late receipts; among equals, the longest queue."""
        longest = [int(waiting.max(initial=0)) for _, waiting in self.queues]
        return max(range(len(self.days)), key=lambda n: (self.late.late[n], longest[n], -n))

    @cached_property
    def worst_hour_us(self) -> tuple[int, int]:
        """The hour of the worst day in which most of its late receipts were paid; without late ones, the hour about its longest queue."""
        late_us = self.days[self.worst].traffic.at_us[self._is_late[self.worst]]
        if len(late_us):
            counts = np.searchsorted(late_us, late_us + HOUR_US) - np.arange(len(late_us))
            begin_us = int(late_us[int(np.argmax(counts))]) - HOUR_US // 12
        else:
            moments, waiting = self.queues[self.worst]
            begin_us = int(moments[int(np.argmax(waiting))]) - HOUR_US // 2 if len(moments) else 0
        begin_us = max(begin_us, 0)
        return begin_us, begin_us + HOUR_US

    @property
    def unit(self) -> str:
        """What a replication is called: "day", or "run" where it lasts longer."""
        return "day" if self.scenario.duration_us <= 24 * HOUR_US else "run"

    @cached_property
    def register_names(self) -> tuple[str, ...]:
        return tuple(register.name for register in self.scenario.registers())

    def busy(self) -> list[Span]:
        """Receipts of the worst day, by register and time."""
        lived = self.lived[self.worst]
        begun_us = _begun_us(lived)
        return [
            Span(register, int(begun_us[n]), int(lived.fates.done_us[n]))
            for register in range(len(lived.farm))
            for n in _of(lived, register)
        ]

    def windows(self) -> list[Span]:
        """Z-reports of the worst day that begin while orders come, by register and time."""
        lived = self.lived[self.worst]
        config = engine_config(self.scenario, places(self.scenario))
        begun_us = _begun_us(lived)
        found = []
        for register in range(len(lived.farm)):
            mine = _of(lived, register)
            found += _closings(config, lived, register, begun_us[mine], lived.fates.done_us[mine])
        return [span for span in found if span.begin_us < self.scenario.duration_us]

    def outages(self) -> list[Span]:
        """Planned outages, by register and time."""
        spans = self.lived[self.worst].farm.outages_us
        return [Span(register, *span) for register, mine in enumerate(spans) for span in mine]

    def late_marks(self) -> list[tuple[int, int]]:
        """Late receipts of the worst day that were recorded: register, moment of the record."""
        fates, late = self.lived[self.worst].fates, self._is_late[self.worst]
        rows = np.flatnonzero(late & (fates.done_us >= 0))
        return list(zip(fates.register[rows].tolist(), fates.done_us[rows].tolist(), strict=True))

    @property
    def late_by_hours(self) -> float:
        """Late share that theory gives the day hour by hour (`hour_by_hour`)."""
        return hour_by_hour(
            self.hourly, len(self.register_names), self.plan.receipt_s, self.scenario.shop.deadline_s
        )

    @cached_property
    def hourly(self) -> npt.NDArray[np.float64]:
        """Mean receipts in each hour of the run, over the days."""
        hours = max(1, -(-self.scenario.duration_us // HOUR_US))
        edges = np.arange(hours + 1) * HOUR_US
        counts = [np.histogram(one.traffic.at_us, edges)[0] for one in self.days]
        mean: npt.NDArray[np.float64] = np.mean(counts, axis=0)
        return mean

    @cached_property
    def theory(self) -> tuple[Formula, ...]:
        """What formulas say of this plan, for equal registers that each serve every receipt.

        The day hour by hour; its busiest hour for ever; a farm that is closed as a whole; a burst into that busiest hour. None of them
        sees registers that are deaf one after the other: that is what simulation is for.
        """
        farm, service_s = len(self.register_names), self.plan.receipt_s
        deadline_s, window_s = self.scenario.shop.deadline_s, self.plan.window_min * 60
        rate, capacity = float(self.hourly.max(initial=0.0)) / 3600, farm / service_s
        waits = [
            Formula(one.name + ", busiest hour", wait_text(one.value), one.source)
            for one in beside(farm, rate, service_s, self.service_cv2, deadline_s)
            if one.name in ("mean wait, exponential service", "mean wait, this service")
        ]
        drained_s = closed_window(rate, window_s, capacity).drained_s
        burst = largest_burst(deadline_s, capacity, min(rate, capacity))
        return (
            Formula(
                "late, hour by hour",
                _little(self.late_by_hours),
                "M/M/c in steady state, pointwise stationary",
            ),
            Formula("busy registers, busiest hour", f"{rate * service_s:.2f} of {farm}", "rate x service"),
            *waits,
            Formula(
                "late of a Z-report of the whole farm, busiest hour",
                f"{rate * max(window_s - deadline_s, 0.0):,.0f}",
                "fluid: who pays more than the deadline before its end",
            ),
            Formula(
                "until its backlog is gone",
                wait_text(drained_s) if math.isfinite(drained_s) else "never",
                "fluid, Newell 1971",
            ),
            Formula("largest burst in time, busiest hour", f"{burst:,}", "fluid"),
        )

    def words(self) -> str:
        """The answer in one or two sentences."""
        share, late, plan = self.late.share(), self.late, self.plan
        queue = max((int(waiting.max(initial=0)) for _, waiting in self.queues), default=0)
        count, farm, unit = len(late.late), len(self.register_names), self.unit
        if late.days_with_late:
            found = (
                f"late {share_text(share.estimate)} (95 % over {count} {unit}s: {share_text(max(share.low, 0.0))} to "
                f"{share_text(min(share.high, 1.0))}); {late.days_with_late} of {count} {unit}s have a late receipt"
            )
        else:
            found = f"none late in {count} {unit}s (so, at 95 %, at most {rule_of_three(count):.0%} of {unit}s have a late receipt)"
        closing = f"from {plan.first_closing}, {plan.stagger_min:g} min apart, " if plan.first_closing else ""
        out = f"one of them out for {plan.out_min:g} min, " if plan.out_min else ""
        return (
            f"{farm} register{'s' * (farm > 1)}, {out}{plan.receipt_s:g} s a receipt, Z-reports of {plan.window_min:g} min {closing}"
            f"policy {plan.policy.replace('_', ' ')}, {sum(late.receipts) / count:,.0f} receipts a {unit}: {found}; "
            f"longest queue {queue:,}"
        )

    def plot(self) -> Any:
        """Late share with theory beside it, the queue of every day, the worst hour (`bench.charts_outlook`)."""
        from bench.charts_outlook import plot_outlook

        return plot_outlook(self)


class Outlooks:
    """The outlook of any plan for a scenario's shop, over so many days. Accidents are left out, planned outages stay."""

    def __init__(self, scenario: Scenario, days: int = 10) -> None:
        if days < 2:
            raise ValueError(f"{days} days: at least two are needed, one says nothing about how days differ")
        planned_only = tuple(fault for fault in scenario.faults if fault.kind == "planned_outage")
        farm = scenario.farm.model_copy(update={"queue_limit": 0})  # what waits waits
        self.scenario = scenario.model_copy(update={"faults": planned_only, "farm": farm})
        self._count = days
        self._made: dict[float, list[Day]] = {}
        own = self._days(1.0)
        self._growth = Growth(
            self.scenario, "", tuple(dict.fromkeys(kind for one in own for kind in one.kinds))
        )
        self._service = _service(places(self.scenario), own)
        self._busiest_s, _ = busiest_hour(self.scenario, own)
        self._closings = tuple(map(str, self.scenario.shifts.close_at))

    @property
    def plan(self) -> Plan:
        """The scenario as it stands."""
        return Plan(
            len(self.scenario.registers()),
            self._service.mean_s,
            1.0,
            round(z_report_minutes(self.scenario), 1),
            next(iter(self._closings), ""),
            float(self.scenario.shifts.stagger_min),
            0.0,
            self.scenario.farm.policy,
        )

    @property
    def least(self) -> int:
        """The fewest registers that can record every receipt there is."""
        return self._growth.least

    def of(self, plan: Plan) -> Outlook:
        """What a plan leads to. Raises ValueError for numbers no farm has, ScenarioError as `bench.planner.day` does."""
        scenario, days = self.planned(plan), self._days(plan.rate)
        lived = list(live(scenario, days, slower=self.slower(plan)))
        return Outlook(plan, scenario, days, lived, self._service.cv2)

    def planned(self, plan: Plan) -> Scenario:
        """The scenario with a plan's farm, but for its speed (`slower`). Raises ValueError for numbers no farm has."""
        for name in ("registers", "receipt_s", "rate", "window_min"):
            if not getattr(plan, name) > 0:
                raise ValueError(f"{name} = {getattr(plan, name)}: it must be above 0")
        for name in ("stagger_min", "out_min"):
            if getattr(plan, name) < 0:
                raise ValueError(f"{name} = {getattr(plan, name)}: it must not be below 0")
        if plan.registers < self.least:
            raise ValueError(f"registers = {plan.registers}: {self.least} are needed to record every receipt")
        scenario = z_reports_of(self._growth.farm(plan.registers), plan.window_min)
        closings = dict.fromkeys((plan.first_closing, *self._closings[1:]) if plan.first_closing else ())
        scenario = closing_at(scenario, tuple(closings), plan.stagger_min)
        scenario = one_out(scenario, self._busiest_s, 60 * plan.out_min)
        farm = scenario.farm.model_copy(update={"policy": plan.policy})
        return more_orders(scenario.model_copy(update={"farm": farm}), plan.rate)

    def slower(self, plan: Plan) -> float:
        """How many times as long as in the scenario a receipt takes."""
        return plan.receipt_s / self._service.mean_s

    def _days(self, rate: float) -> list[Day]:
        if rate not in self._made:
            scenario = more_orders(self.scenario, rate)
            self._made[rate] = [day(scenario, replication) for replication in range(self._count)]
        for one in self._made[rate]:
            if len(one.services) > _SPEEDS_KEPT:
                one.services.clear()
        return self._made[rate]


def _little(share: float) -> str:
    return "below 0.0001 %" if 0 < share < 1e-6 else share_text(share)


def _service(farm: Sequence[Place], days: Sequence[Day]) -> Service:
    """How long the receipts of the days take in the registers of a farm; without receipts, those of one line. The mean is rounded to
    a tenth of a second, so that a person can turn back to it."""
    taken = np.concatenate(
        [
            one.service_us(place.register.service, place.facts.service_base_us, place.facts.service_line_us)
            for one in days
            for place in farm
        ]
    )
    if not len(taken):
        return Service(max(round(farm[0].facts.service_base_us / 1e6, 1), 0.1), 0.0)
    mean_us = float(taken.mean())
    return Service(max(round(mean_us / 1e6, 1), 0.1), float(taken.var()) / mean_us**2)


def _of(lived: Lived, register: int) -> Ints:
    """The receipts a register recorded, in its order."""
    mine = np.flatnonzero((lived.fates.register == register) & (lived.fates.done_us >= 0))
    return mine[np.argsort(lived.fates.done_us[mine], kind="stable")]


def _begun_us(lived: Lived) -> Ints:
    """When each receipt was begun; where it was not, a number without meaning."""
    rows = lived.farm.service_class[lived.fates.register]
    begun: Ints = lived.fates.done_us - lived.service_us[rows, np.arange(len(rows))]
    return begun


def _queue(one: Day, lived: Lived) -> tuple[Ints, Ints]:
    begun_us = _begun_us(lived)[lived.fates.done_us >= 0]
    moments = np.concatenate([one.traffic.at_us, begun_us])
    steps = np.repeat(np.array([1, -1], np.int64), [len(one.traffic), len(begun_us)])
    order = np.argsort(moments, kind="stable")
    moments, waiting = moments[order], np.cumsum(steps[order])
    last = np.append(np.diff(moments) > 0, True)[: len(moments)]  # who is begun as he comes does not wait
    return moments[last], waiting[last]


def _closings(config: EngineConfig, lived: Lived, register: int, begun_us: Ints, done_us: Ints) -> list[Span]:
    """The Z-reports of a register, from the receipts it recorded: each shift is opened by its first receipt, and closed when it is due
    and the receipt in work is done."""
    found = []
    first = 0
    while first < len(begun_us):
        due_us = closing_us(config, register, int(begun_us[first]), lived.farm.wall_offset_us)
        after = int(np.searchsorted(begun_us, due_us))
        at_us = max(due_us, int(done_us[after - 1]))
        found.append(Span(register, at_us, at_us + int(lived.farm.z_us[register])))
        first = int(np.searchsorted(begun_us, found[-1].end_us))
    return found
