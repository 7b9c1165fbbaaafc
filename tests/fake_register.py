"""A register and its drive for tests of the engine, reduced to what is true of them: a list of documents that only grows.

Beside it the makings of a test: receipts, facts of registers, farms, units of time.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fiscal.engine import events
from fiscal.engine.config import EngineConfig, RegisterFacts
from fiscal.engine.outcomes import (
    AnswerTaken,
    Blame,
    ClockSet,
    DriveClosed,
    DriveRegistered,
    Found,
    MessageRead,
    Outcome,
    Recorded,
    Refused,
    Seen,
    ShiftClosed,
    ShiftState,
    ShiftTotals,
    Turnover,
    Unknown,
)
from fiscal.receipt import Buyer, Item, Payments, Receipt, SettlementType, Taxation, Vat

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
ENTITY = "7707083893"
OTHER_ENTITY = "500100732259"
SITE = "shop.example"
NOON_US = int(datetime(2025, 6, 2, 12, tzinfo=UTC).timestamp()) * SECOND
"""The wall clock at monotonic zero: noon of a working day."""


def receipt(
    lines: int = 1,
    price_kop: int = 100_00,
    *,
    entity: str = ENTITY,
    site: str = SITE,
    taxation: Taxation = Taxation.GENERAL,
    email: str = "buyer@example.org",
    name: str = "Tea",
) -> Receipt:
    """A sale of ``lines`` equal lines, paid by card."""
    item = Item(name, price_kop, 1_000_000, price_kop, Vat.NONE)
    return Receipt(
        SettlementType.SALE,
        (item,) * lines,
        Payments(cashless_kop=price_kop * lines),
        taxation,
        entity,
        site,
        Buyer(email=email),
    )


def facts(name: str, **changes: Any) -> RegisterFacts:
    """A register of the usual entity with quick Z-reports."""
    return RegisterFacts(name, **{"entity": ENTITY, "z_report_us": 30 * SECOND, **changes})


def config(registers: int | tuple[RegisterFacts, ...] = 2, **changes: Any) -> EngineConfig:
    """A farm; ``registers`` may be a number of equal ones, named a, b, c, ..."""
    if isinstance(registers, int):
        registers = tuple(facts(chr(ord("a") + i)) for i in range(registers))
    return EngineConfig(registers, **changes)


@dataclass(frozen=True, slots=True)
class Document:
    """What a drive holds: a receipt (with its mark) or a report."""

    number: int
    kind: str  # receipt, open, close; the drive's first and last: registered, closed
    mark: str
    type: int
    total_kop: int
    shift: int


@dataclass
class FakeRegister:
    """A register and its drive, reduced to what is true of them."""

    facts: RegisterFacts
    drive: str
    documents: list[Document] = field(default_factory=list)
    shift: int = 0
    opened_us: int | None = None
    clock_ahead_s: int = 0
    paper: bool = True
    phase: int = 3
    reachable: bool = True
    confirmed: int = 0  # the operator has the documents up to this one
    operator: bool = True
    accepts_clock: bool = True
    tells_shift: bool = True  # with every document, which no make in use does
    valid_until_s: int = 0
    unsent_since_s: int = 0  # when the first unsent document was made, where a test wants it long ago
    old_drives: list[tuple[str, list[Document]]] = field(default_factory=list)
    script: dict[type[Any], deque[str]] = field(default_factory=lambda: defaultdict(deque))
    """Fates of the coming tasks by type; when there is none, the task is done."""

    def add(self, kind: str, text: str = "", type_: int = 0, total_kop: int = 0) -> Document:
        document = Document(len(self.documents) + 1, kind, text, type_, total_kop, self.shift)
        self.documents.append(document)
        if self.operator and not self.facts.relay:
            self.confirmed = document.number
        return document

    def put_in(self, drive: str) -> None:
        """A person takes the drive out and puts a new one in."""
        assert self.phase == 7 and self.confirmed == len(self.documents), "the old drive is not done yet"
        self.old_drives.append((self.drive, self.documents))
        self.drive, self.documents, self.confirmed, self.phase, self.shift = drive, [], 0, 1, 0

    def all_documents(self) -> list[Document]:
        """Of every drive it ever had."""
        return [d for _, documents in self.old_drives for d in documents] + self.documents

    def answer(self, message: bytes) -> bytes:
        """The operator's answer to a message of this register."""
        return message + b" taken"

    def shift_state(self, now_us: int) -> ShiftState:
        if self.opened_us is None:
            return ShiftState.CLOSED
        return ShiftState.EXPIRED if now_us - self.opened_us > DAY else ShiftState.OPEN

    def make(self, sale: Receipt, text: str, now_us: int, time_s: int) -> Recorded:
        """A document of this receipt; opens the shift if need be."""
        if self.opened_us is None:
            self.shift += 1
            self.opened_us = now_us
            self.add("open")
        document = self.add("receipt", text, int(sale.type), sale.total_kop)
        return Recorded(document.number, 4242, time_s, self.drive, self.shift if self.tells_shift else 0)

    def z_report(self) -> ShiftClosed:
        mine = [d for d in self.documents if d.kind == "receipt" and d.shift == self.shift]
        totals = [0, 0, 0, 0]
        for document in mine:
            totals[document.type - 1] += document.total_kop
        self.opened_us = None
        closing = self.add("close")
        return ShiftClosed(
            self.shift, closing.number, len(mine), (totals[0], totals[1], totals[2], totals[3])
        )

    def talk_to_operator(self, on: bool) -> None:
        self.operator = on
        if on and not self.facts.relay:
            self.confirmed = len(self.documents)

    def outcome(
        self, task: events.Task, fate: str, now_us: int, wall_us: int, poison: Collection[str] = ()
    ) -> Outcome:
        """How a task with this fate ends. The fates: done, refused_register, refused_receipt, line (never reached the register),
        lost_made and lost_not_made (the answer was lost).
        """
        if not self.reachable or fate == "line":
            return Refused("line", "no answer", Blame.LINE)
        if fate == "refused_register":
            return Refused("fake:1", "cannot now", Blame.REGISTER)
        if fate == "refused_receipt":
            return Refused("fake:2", "impossible receipt", Blame.RECEIPT)
        if fate == "lost_not_made":
            return Unknown("the line died, nothing happened")
        outcome = self._do(task, now_us, wall_us, poison)
        if fate == "lost_made" and not isinstance(outcome, Refused):
            return Unknown("the line died, it happened")
        return outcome

    def _do(self, task: events.Task, now_us: int, wall_us: int, poison: Collection[str]) -> Outcome:
        """What a healthy line lets happen."""
        time_s = wall_us // SECOND + self.clock_ahead_s
        shift = self.shift_state(now_us)
        if isinstance(task, events.Fiscalize):
            if task.key in poison:
                return Refused("fake:2", "impossible receipt", Blame.RECEIPT)
            if shift is ShiftState.EXPIRED:
                return Refused("fake:4E", "the shift exceeds 24 hours", Blame.REGISTER)
            blocked = self.unsent_since_s and self.confirmed < len(self.documents)
            if (
                blocked and time_s > self.unsent_since_s + 30 * 86_400
            ) or 0 < self.valid_until_s < time_s - 86_400:
                return Refused("fake:15", "the drive is blocked", Blame.REGISTER)
            if not self.paper or self.phase != 3:
                return Refused("fake:6B", "no paper", Blame.REGISTER)
            return self.make(task.receipt, task.mark, now_us, time_s)
        if isinstance(task, events.Find):
            for document in self.documents[task.attempt.last_document :]:
                if document.mark == task.attempt.mark:
                    shift = document.shift if self.tells_shift else 0
                    recorded = Recorded(document.number, 4242, time_s, self.drive, shift)
                    return Found(recorded, len(self.documents))
            return Found(None, len(self.documents))
        if isinstance(task, events.CloseShift):
            if self.opened_us is None:
                return Refused("fake:49", "the shift is closed", Blame.REGISTER)
            return self.z_report()
        if isinstance(task, events.SetClock):
            assert shift is ShiftState.CLOSED, "the clock can be set only while the shift is closed"
            if not self.accepts_clock:
                return Refused("fake:CD", "the clock cannot go back", Blame.REGISTER)
            self.clock_ahead_s = 0
            return ClockSet(wall_us // SECOND)
        if type(task) in _BESIDE:
            return _BESIDE[type(task)](self, task)
        unsent = len(self.documents) - self.confirmed
        return Seen(
            shift,
            self.shift,
            len(self.documents),
            self.drive,
            self.phase,
            0,
            unsent,
            self.confirmed + 1 if unsent else 0,
            self.paper,
            time_s,
            unsent_since_s=self.unsent_since_s if unsent else 0,
            valid_until_s=self.valid_until_s,
        )

    # --- beside receipts ---------------------------------------------------------------------------------------------

    def _report(self, task: events.FindReport) -> Outcome:
        closed = [d for d in self.documents if d.kind == "close"]
        if not closed:
            return Refused("fake:3D", "no report", Blame.REGISTER)
        return ShiftClosed(closed[-1].shift, closed[-1].number, drive=self.drive)

    def _totals(self, task: events.ReadTotals) -> Outcome:
        turnovers = []
        for kind in range(1, 5):
            mine = [
                d.total_kop
                for d in self.documents
                if (d.kind, d.shift, d.type) == ("receipt", self.shift, kind)
            ]
            turnovers.append(Turnover(len(mine), sum(mine), cashless_kop=sum(mine)))
        a, b, c, d = turnovers
        return ShiftTotals(self.shift, (a, b, c, d), 0, (a.total_kop, b.total_kop, c.total_kop, d.total_kop))

    def _message(self, task: events.ReadMessage) -> Outcome:
        if self.confirmed == len(self.documents):
            return MessageRead(b"")
        number = self.confirmed + 1
        return MessageRead(f"{self.drive} {number}".encode(), number)

    def _take(self, task: events.WriteAnswer) -> Outcome:
        if task.answer != self.answer(f"{self.drive} {self.confirmed + 1}".encode()):
            return Refused("fake:20", "not the answer to what was shown", Blame.REGISTER)
        self.confirmed += 1
        return AnswerTaken(self.confirmed)

    def _close_drive(self, task: events.CloseDrive) -> Outcome:
        if self.opened_us is not None or self.phase != 3:
            return Refused("fake:2", "wrong state of the drive", Blame.REGISTER)
        self.phase = 7
        return DriveClosed(self.add("closed").number, self.drive)

    def _register_drive(self, task: events.RegisterDrive) -> Outcome:
        if self.phase != 1:
            return Refused("fake:2", "wrong state of the drive", Blame.REGISTER)
        self.phase = 3
        return DriveRegistered(self.add("registered").number, self.drive)


_BESIDE: dict[type[Any], Any] = {
    events.FindReport: FakeRegister._report,
    events.ReadTotals: FakeRegister._totals,
    events.ReadMessage: FakeRegister._message,
    events.WriteAnswer: FakeRegister._take,
    events.CloseDrive: FakeRegister._close_drive,
    events.RegisterDrive: FakeRegister._register_drive,
}
