"""Registers reduced to their service times: fidelity ``timed``.

The engine is the real one; a register is a server that takes a time for each receipt. The time comes from a distribution that the scenario
names, so that the bench can be held against queueing theory, or from what the same receipt takes in ``wire`` (a base and so much a
line). One uniform draw belongs to each receipt, by its number, whichever register serves it: common random numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import simpy
from simpy.events import Timeout

from bench.faults import Fault
from bench.scenario_farm import (
    DeterministicService,
    EmpiricalService,
    ExponentialService,
    LognormalService,
    Service,
)
from fiscal.engine import events
from fiscal.engine.outcomes import (
    Blame,
    ClockSet,
    Found,
    Outcome,
    Recorded,
    Refused,
    Seen,
    ShiftClosed,
    ShiftOpened,
    ShiftState,
    Unknown,
)

ServiceTime = Callable[[float, int], int]
"""(uniform draw of the receipt, its lines) -> microseconds."""


@dataclass(frozen=True, slots=True)
class ByLines:
    """Service times measured for every number of lines from 0 up, and what each further line takes; microseconds."""

    us: tuple[int, ...]
    further_us: int

    def of(self, lines: int) -> int:
        last = len(self.us) - 1
        return self.us[min(lines, last)] + self.further_us * max(lines - last, 0)


def service_time(service: Service | ByLines | None, base_us: int, line_us: int) -> ServiceTime:
    """The function behind a scenario's ``service``; without one, what the wire takes."""
    if isinstance(service, ByLines):
        return lambda u, lines: service.of(lines)
    if isinstance(service, DeterministicService):
        fixed = round(service.mean_s * 1e6)
        return lambda u, lines: fixed
    if isinstance(service, ExponentialService):
        mean = service.mean_s * 1e6
        return lambda u, lines: round(-mean * math.log1p(-u))
    if isinstance(service, LognormalService):
        sigma = math.sqrt(math.log1p((service.sd_s / service.mean_s) ** 2))
        mu = math.log(service.mean_s * 1e6) - sigma * sigma / 2
        normal = NormalDist(mu, sigma)
        return lambda u, lines: round(math.exp(normal.inv_cdf(min(max(u, 1e-12), 1 - 1e-12))))
    if isinstance(service, EmpiricalService):
        values = [round(value * 1e6) for value in service.values_s]
        return lambda u, lines: values[int(u * len(values))]
    return lambda u, lines: base_us + line_us * lines


def service_times(
    service: Service | ByLines | None,
    base_us: int,
    line_us: int,
    draws: npt.NDArray[np.float64],
    lines: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """`service_time` of many receipts, the same to the microsecond."""
    if isinstance(service, DeterministicService):
        return np.full(len(lines), round(service.mean_s * 1e6), np.int64)
    if service is None:
        return base_us + line_us * lines
    if isinstance(service, ByLines):
        last = len(service.us) - 1
        measured = np.array(service.us, np.int64)[np.minimum(lines, last)]
        return np.asarray(measured + service.further_us * np.maximum(lines - last, 0), np.int64)
    take = service_time(service, base_us, line_us)  # logarithms of arrays may differ in the last bit
    return np.array([take(u, 0) for u in draws.tolist()], np.int64)


class TimedSeat:
    """A register that knows only how long things take."""

    def __init__(
        self,
        env: simpy.Environment,
        name: str,
        service: ServiceTime,
        draws: Mapping[str, float],
        z_report_us: int,
        start_s: int,
    ) -> None:
        self.name = name
        self.documents: list[
            tuple[int, str, int, int, int]
        ] = []  # number, key, settlement type, total, shift
        self._env = env
        self._service = service
        self._draws = draws
        self._z_report_us = z_report_us
        self._start_s = start_s
        self._document = 1  # the registration report
        self._shift = 0
        self._shift_open = False
        self._totals = [0, 0, 0, 0]
        self._receipts = 0
        self._report: ShiftClosed | None = None  # the newest
        self._down = 0
        self._paper_out = 0
        self._factor = 1.0
        self._lose_replies = 0
        self._lost = 0
        self._run = 0  # a fault or an abandoned task makes earlier timers void
        self._busy: tuple[events.Task, Callable[[Outcome | None], None]] | None = None

    def perform(self, task: events.Task, done: Callable[[Outcome | None], None]) -> None:
        duration_us = 0
        if not self._down:
            if isinstance(task, events.Fiscalize):
                lines = len(task.receipt.items)
                duration_us = round(self._service(self._draws.get(task.key, 0.5), lines) * self._factor)
            elif isinstance(task, events.CloseShift):
                duration_us = round(self._z_report_us * self._factor)
        self._busy = (task, done)
        self._run += 1
        self._later(duration_us)

    def _later(self, delay_us: int) -> None:
        run = self._run
        timeout = Timeout(self._env, delay_us)
        assert timeout.callbacks is not None
        timeout.callbacks.append(lambda _: self._end(run))

    def _end(self, run: int) -> None:
        if run == self._run and self._busy is not None:
            (task, done), self._busy = self._busy, None
            done(self._outcome(task))

    def _outcome(self, task: events.Task) -> Outcome:
        if self._down:
            return Refused("line", "no connection", Blame.LINE)
        if isinstance(task, events.Fiscalize):
            if self._paper_out:
                return Refused("paper", "out of paper", Blame.REGISTER)
            recorded = self._record(task)
            if self._lose_replies:
                self._lose_replies -= 1
                self._lost += 1
                return Unknown("the answer was lost")
            return recorded
        if isinstance(task, events.Find):
            earlier = next(
                (
                    self._recorded(number, shift)
                    for number, key, _, _, shift in self.documents
                    if key == task.key and number > task.attempt.last_document
                ),
                None,
            )
            return Found(earlier, self._document)
        if isinstance(task, events.CloseShift):
            return self._close()
        if isinstance(task, events.Probe):
            return self._seen()
        if isinstance(task, events.FindReport):
            return self._report or Refused("report", "no shift was closed yet", Blame.REGISTER)
        if isinstance(task, events.OpenShift):
            return ShiftOpened(self._shift, self._document)
        return ClockSet(self._wall_s)

    @property
    def _wall_s(self) -> int:
        return self._start_s + int(self._env.now) // 1_000_000

    def _record(self, task: events.Fiscalize) -> Recorded:
        if not self._shift_open:
            self._shift_open = True
            self._shift += 1
            self._document += 1
            self._receipts = 0
            self._totals = [0, 0, 0, 0]
        self._document += 1
        self._receipts += 1
        receipt = task.receipt
        self._totals[receipt.type - 1] += receipt.total_kop
        self.documents.append((self._document, task.key, int(receipt.type), receipt.total_kop, self._shift))
        return self._recorded(self._document, self._shift)

    def _recorded(self, number: int, shift: int) -> Recorded:
        return Recorded(number, 0, self._wall_s, self.name, shift)

    def _close(self) -> Outcome:
        if not self._shift_open:
            return Refused("shift", "the shift is closed", Blame.REGISTER)
        self._shift_open = False
        self._document += 1
        a, b, c, d = self._totals
        self._report = ShiftClosed(self._shift, self._document, self._receipts, (a, b, c, d))
        return self._report

    def _seen(self) -> Seen:
        state = ShiftState.OPEN if self._shift_open else ShiftState.CLOSED
        return Seen(
            state, self._shift, self._document, self.name, 3, 0, 0, 0, not self._paper_out, self._wall_s
        )

    def abandon(self) -> None:
        """The engine died. A receipt in work is finished, unheard, unless somebody asks the register something before: that drops it."""
        if self._busy is not None:
            task, _ = self._busy
            self._busy = (task, lambda _: None)

    def sent(self, now_us: int) -> bool:
        """There is no operator in ``timed``."""
        return True

    def fault(self, fault: Fault, begins: bool) -> bool:
        step = 1 if begins else -1
        if fault.kind in ("power_cut", "cable_pulled", "computer_hang"):
            self._down += step
            if begins and self._busy is not None:
                self._run += 1
                self._later(0)
            return True
        if fault.kind == "paper_out":
            self._paper_out += step
            return True
        if fault.kind == "register_slow":
            self._factor = float(fault.params["factor"]) if begins else 1.0
            return True
        if fault.kind == "reply_lost":
            self._lose_replies += int(fault.params["count"])
            return True
        return fault.kind == "internet_lost"  # there is no operator here, and no drive

    def change_drive(self) -> bool:
        """There are no drives in ``timed``."""
        return True

    def fired(self) -> dict[str, int]:
        return {"reply_lost": self._lost}
