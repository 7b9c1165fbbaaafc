"""What must survive: the facts the engine writes into the journal before it acts on them.

The engine is event-sourced: its durable state is exactly what replaying these records gives. Each record is a frozen value with a
short ``kind``; a journal stores them in order, whole batches or nothing. Times are wall-clock microseconds (``_wall_us``), because the
monotonic clock starts anew with every process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fiscal.engine.outcomes import Recorded
from fiscal.receipt import Receipt


@dataclass(frozen=True, slots=True)
class Accepted:
    """A shop's receipt is ours now. Written before the shop gets its yes."""

    kind: ClassVar[str] = "accepted"
    key: str
    number: int  # arrival number, breaks ties in the queue
    fingerprint: str
    receipt: Receipt
    accepted_wall_us: int
    deadline_wall_us: int
    person: str = ""  # who had it made by hand, and why
    why: str = ""


@dataclass(frozen=True, slots=True)
class Attempted:
    """About to be sent to a register whose last document is known. Written before the first byte leaves."""

    kind: ClassVar[str] = "attempted"
    key: str
    attempt: int
    register: str
    last_document: int
    drive: str


@dataclass(frozen=True, slots=True)
class Cleared:
    """The attempt certainly made no document: the receipt may go anywhere again."""

    kind: ClassVar[str] = "cleared"
    key: str
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class Documented:
    """A register recorded the receipt."""

    kind: ClassVar[str] = "documented"
    key: str
    attempt: int
    register: str
    recorded: Recorded
    recorded_wall_us: int


@dataclass(frozen=True, slots=True)
class SetAside:
    """An impossible receipt, out of the queue with its reason; the others go on."""

    kind: ClassVar[str] = "set_aside"
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reissued:
    """The declared policy gave up waiting for an attempt in doubt: the receipt goes to another register."""

    kind: ClassVar[str] = "reissued"
    key: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Orphaned:
    """A document turned up for a receipt that was reissued elsewhere: it gets a return receipt of its own (``return_key``)."""

    kind: ClassVar[str] = "orphaned"
    key: str
    attempt: int
    register: str
    recorded: Recorded
    return_key: str


@dataclass(frozen=True, slots=True)
class Retried:
    """A person sent a receipt that was set aside back into the queue."""

    kind: ClassVar[str] = "retried"
    key: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A shop took back a receipt that no register had seen."""

    kind: ClassVar[str] = "cancelled"
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sent:
    """The documents of this drive up to and including this one were on their way to the operator."""

    kind: ClassVar[str] = "sent"
    register: str
    drive: str
    document: int
    sent_wall_us: int


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The operator has every document of this drive up to and including this one."""

    kind: ClassVar[str] = "confirmed"
    register: str
    drive: str
    document: int
    confirmed_wall_us: int


@dataclass(frozen=True, slots=True)
class ShiftEnded:
    """A Z-report."""

    kind: ClassVar[str] = "shift_ended"
    register: str
    drive: str
    shift: int
    document: int
    receipts: int
    totals_kop: tuple[int, ...]  # by settlement type; empty when they could not be read
    ended_wall_us: int
    # what came in 0.2.0; zero or empty where the register did not say
    turnovers_kop: tuple[
        int, ...
    ] = ()  # count, total, cash, cashless, prepaid, credit, provision of each settlement type
    drawer_kop: int = 0
    running_kop: tuple[int, ...] = ()  # by settlement type, never reset
    first_document: int = 0
    sign: int = 0
    time_s: int = 0
    registration: str = ""


@dataclass(frozen=True, slots=True)
class Paused:
    """A register is out of service, because somebody wants it so."""

    kind: ClassVar[str] = "paused"
    register: str
    reason: str
    wall_us: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """It may work again."""

    kind: ClassVar[str] = "resumed"
    register: str
    wall_us: int


@dataclass(frozen=True, slots=True)
class Replacement:
    """The replacement of a drive has come to this step (`fiscal.engine.states.REPLACEMENT`). ``drive``: the one that is replaced."""

    kind: ClassVar[str] = "replacement"
    register: str
    step: str
    drive: str
    wall_us: int


Record = (
    Accepted
    | Attempted
    | Cleared
    | Documented
    | SetAside
    | Reissued
    | Orphaned
    | Retried
    | Cancelled
    | Sent
    | Confirmed
    | ShiftEnded
    | Paused
    | Resumed
    | Replacement
)
KINDS: dict[str, type[Record]] = {
    record.kind: record
    for record in (
        Accepted,
        Attempted,
        Cleared,
        Documented,
        SetAside,
        Reissued,
        Orphaned,
        Retried,
        Cancelled,
        Sent,
        Confirmed,
        ShiftEnded,
        Paused,
        Resumed,
        Replacement,
    )
}
