"""What the engine shows of itself: true statuses of receipts and registers, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from fiscal.engine.outcomes import Recorded, Seen
from fiscal.receipt import Receipt


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """A receipt's status says what is true: see `fiscal.engine.states`."""

    key: str
    number: int
    status: str
    receipt: Receipt
    register: str
    attempts: int
    reason: str
    accepted_wall_us: int
    deadline_wall_us: int
    recorded: Recorded | None
    recorded_wall_us: int
    confirmed_wall_us: int
    sent_wall_us: int = 0  # 0 also when the document was never seen on its way
    person: str = ""  # who had it made by hand, and why; empty when a shop's program brought it
    why: str = ""


@dataclass(frozen=True, slots=True)
class RelayView:
    """How it goes with the documents the engine carries for a register: the network and the operator are two facts. Times 0 for never."""

    step: str
    connected_wall_us: int
    answered_wall_us: int
    problem: str


@dataclass(frozen=True, slots=True)
class RegisterView:
    """A register's status: its state, its shift, its queue, and what it last said of itself and when."""

    name: str
    state: str
    detail: str
    shift: str
    shift_number: int
    shift_opened_wall_us: int | None
    closes_wall_us: int | None
    waiting: int
    working_on: str
    in_doubt: str
    last_document: int
    drive: str
    seen: Seen | None
    seen_wall_us: int
    service: str = "in_service"
    replacement: str = ""  # the step its drive's replacement has come to
    relay: RelayView | None = None
