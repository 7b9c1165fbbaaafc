"""Logs written by hand, for tests of what is computed and drawn from them."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest

from bench.faults import Fault
from bench.log import EventLog
from bench.measures import Asked, Measured, Run, measure
from bench.scenario import Scenario
from fiscal.receipt import SettlementType

S = 1_000_000
START = dt.datetime.fromisoformat("2025-11-28 08:00")


class Story:
    """A farm and its log; times in seconds."""

    def __init__(
        self,
        *registers: str,
        entities: tuple[str, ...] = (),
        computer: str = "pc",
        reroute: bool = True,
        expect: dict[str, Any] | None = None,
    ) -> None:
        self.registers = registers
        self.log = EventLog()
        self.faults: list[Fault] = []
        self.asked: dict[str, Asked] = {}
        owners = entities or ("llc",) * len(registers)
        self.shop = Scenario.model_validate(
            {
                "schema_version": 1,
                "name": "by_hand",
                "question": "Are the numbers right?",
                "start": START,
                "duration_h": 1.0,
                "shop": {
                    "entities": [{"name": e, "inn": "7701234567", "user": e} for e in dict.fromkeys(owners)]
                },
                "arrivals": {"kind": "poisson", "rate_per_min": 1.0},
                "farm": {
                    "reroute": reroute,
                    "registers": [
                        {"name": name, "device": "any", "entity": owner, "computer": computer}
                        for name, owner in zip(registers, owners, strict=True)
                    ],
                },
                "expect": expect or {},
            }
        )
        for i in range(len(registers)):
            self.register(0, i, "unseen")
            self.register(0, i, "ready")

    def pay(self, t: float, key: str, accepted: float | None = None, order: str = "", lines: int = 3) -> None:
        """``accepted`` None: at once; negative: not (yet)."""
        self.log.add(round(t * S), "submitted", key, -1, "", lines)
        self.asked[key] = Asked(order or key, SettlementType.SALE, 10_000)
        yes = t if accepted is None else accepted
        if yes >= 0:
            self.log.add(round(yes * S), "reply", key, -1, "accepted")
            self.status(yes, key, "queued")

    def refuse(self, t: float, key: str, reason: str) -> None:
        self.log.add(round(t * S), "reply", key, -1, reason)

    def status(self, t: float, key: str, status: str, register: int = -1, number: int = 0) -> None:
        self.log.add(round(t * S), "status", key, register, status, number)

    def register(self, t: float, register: int, state: str) -> None:
        self.log.add(round(t * S), "register", "", register, state)

    def engine(self, t: float, what: str) -> None:
        self.log.add(round(t * S), "engine", "", -1, what)

    def work(self, begin: float, end: float, key: str, register: int = 0, document: int = 1) -> None:
        self.status(begin, key, "printing", register)
        self.status(end, key, "recorded", register, document)

    def lose(self, begin: float, end: float, state: str, register: int = 0) -> None:
        self.register(begin, register, state)
        self.register(end, register, "ready")

    def run(self, seed: int = 7, horizon: float = 3600, **audit: Any) -> Run:
        self.log.rows.sort(key=lambda row: row[0])
        fired: dict[str, int] = {}
        for fault in self.faults:
            fired[fault.kind] = fired.get(fault.kind, 0) + 1
        return Run(
            scenario=self.shop,
            seed=seed,
            fidelity="wire",
            log=self.log,
            registers=self.registers,
            start_s=self.shop.start_s,
            horizon_us=round(horizon * S),
            drained_us=0,
            faults=self.faults,
            fired=fired,
            audit=audit,
            wall_s=0.25,
            asked=self.asked,
        )

    def measured(self) -> Measured:
        return measure(self.run(horizon=7200))

    def why(self) -> dict[str, str]:
        """The cause of each late receipt."""
        receipts = self.measured().receipts
        late = receipts[receipts["late"]]
        return dict(zip(late["key"], late["why_late"], strict=True))


def day(receipts: int, registers: int = 3, seed: int = 1, gap_s: float = 3.0, **more: Any) -> Story:
    """A day of a farm with one queue: a burst, a Z-report on each register, a pulled cable, an engine death."""
    chance = random.Random(seed)
    story = Story(*(f"kkt-{i + 1}" for i in range(registers)), **more)
    free = [0.0] * registers
    documents = [0] * registers
    arrivals = sorted(
        [chance.uniform(0, receipts * gap_s) for _ in range(receipts)]
        + [receipts * gap_s / 3] * min(receipts, 15)
    )
    closings = {i: receipts * gap_s * 0.5 + 30 * i for i in range(registers)}
    for n, t in enumerate(arrivals):
        key = f"r{n:05d}"
        story.pay(t, key, accepted=t + 0.002)
        i = min(range(registers), key=lambda k: max(free[k], t))
        if i in closings and max(free[i], t) >= closings[i]:
            begin = max(free[i], closings.pop(i))
            story.lose(begin, begin + 400, "closing: schedule", i)
            free[i] = begin + 400
            i = min(range(registers), key=lambda k: max(free[k], t))
        begin = max(free[i], t + 0.004)
        free[i] = begin + chance.expovariate(1 / (gap_s * registers * 0.8))
        documents[i] += 1
        story.work(begin, free[i], key, i, documents[i])
        story.status(free[i] + 2, key, "confirmed", i)
    if receipts:
        end = max(free)
        story.faults = [Fault("cable_pulled", "kkt-1", round(end + 10) * S, round(end + 400) * S)]
        story.lose(end + 10, end + 401, "down: no answer", 0)
        story.engine(end + 500, "crash")
        story.engine(end + 510, "restart")
    return story


@pytest.fixture(name="new_story")
def _new_story() -> type[Story]:
    return Story


@pytest.fixture(name="day")
def _day() -> Any:
    return day
