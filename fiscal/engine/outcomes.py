"""What a register answers: the outcomes of a task.

There are three kinds, not two:

* a result (`Recorded`, `ShiftOpened`, `ShiftClosed`, `ClockSet`, `Seen`, `Found`): it is done;
* `Refused`: nothing happened, with the reason and whose fault it is;
* `Unknown`: the line died after a byte that may have mattered. Only the fiscal drive knows.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Blame(enum.Enum):
    """Whose fault a refusal is, hence what to do: set the receipt aside, try another register, or wait."""

    RECEIPT = "receipt"  # this receipt will be refused everywhere
    REGISTER = "register"  # this register cannot now; another may
    LINE = "line"  # never reached the register


@dataclass(frozen=True, slots=True)
class Recorded:
    """The drive made a document of it. ``time_s`` is the register's wall clock (seconds since 1970 *as if* it were UTC, tag 1012)."""

    document: int  # fiscal document number, tag 1040
    sign: int  # fiscal sign, tag 1077, as printed
    time_s: int
    drive: str  # drive number, tag 1041
    shift: int = 0
    receipt_number: int = 0  # number in the shift, tag 1042; 0 when the register does not say


@dataclass(frozen=True, slots=True)
class ShiftOpened:
    shift: int
    document: int


@dataclass(frozen=True, slots=True)
class Turnover:
    """What a shift took of one settlement type: how many receipts, their sum, and how it was paid."""

    count: int = 0
    total_kop: int = 0
    cash_kop: int = 0
    cashless_kop: int = 0
    prepaid_kop: int = 0
    credit_kop: int = 0
    provision_kop: int = 0


@dataclass(frozen=True, slots=True)
class ShiftTotals:
    """An X-report: the totals of the shift as the register itself counts them.

    ``turnovers`` and ``running_kop`` by settlement type (sale, sale return, purchase, purchase return); the running totals are never reset.
    ``None``: the register does not tell, or - the turnovers of a shift that was closed before - not any more.
    """

    shift: int
    turnovers: tuple[Turnover, Turnover, Turnover, Turnover] | None
    drawer_kop: int | None
    running_kop: tuple[int, int, int, int] | None


@dataclass(frozen=True, slots=True)
class ShiftClosed:
    """A Z-report. Sums by settlement type (sale, sale return, purchase, purchase return); ``None`` when they could not be read any more.

    ``details`` were read just before the shift was closed. ``sign`` and ``time_s`` are those of the report's own document;
    ``first_document`` is the report of opening; zero or empty where the register does not say.
    """

    shift: int
    document: int
    receipts: int = 0
    totals_kop: tuple[int, int, int, int] | None = None
    details: ShiftTotals | None = None
    first_document: int = 0
    sign: int = 0
    time_s: int = 0
    drive: str = ""


@dataclass(frozen=True, slots=True)
class ClockSet:
    """The register's clock was set."""

    time_s: int


class ShiftState(enum.Enum):
    CLOSED = "closed"
    OPEN = "open"
    EXPIRED = "expired"  # open for more than 24 hours: only closing works


@dataclass(frozen=True, slots=True)
class Seen:
    """What a register says of itself when asked (a probe)."""

    shift: ShiftState
    shift_number: int
    last_document: int
    drive: str
    phase: int  # life phase byte of the drive, 3 = fiscal mode
    flags: int  # warning byte of the drive
    unsent: int  # documents the operator has not confirmed
    first_unsent: int  # number of the first of them, 0 when none
    paper: bool
    time_s: int  # the register's clock
    model: str = ""
    serial: str = ""
    registration: str = ""  # RNM
    connected: bool | None = None  # its own connection to the operator stands; None: it cannot say
    awaiting: int = 0  # the document that was sent and whose confirmation is awaited, 0 when none
    unsent_since_s: int = 0  # when the first unsent document was made (its own clock), 0 when none
    valid_until_s: int = 0  # when the drive's life ends, 0 when it does not say
    cover_closed: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """Answer to "is our document there?": the document, or ``None`` when the drive has nothing of ours after ``last_document``."""

    recorded: Recorded | None
    last_document: int


@dataclass(frozen=True, slots=True)
class MessageRead:
    """What the drive has for the operator: the message of its oldest unconfirmed document, empty when nothing waits."""

    message: bytes
    document: int = 0


@dataclass(frozen=True, slots=True)
class AnswerTaken:
    """The drive has accepted the operator's confirmation of this document."""

    document: int


@dataclass(frozen=True, slots=True)
class DriveClosed:
    """The drive made its last document (form 6): from now on it only sends."""

    document: int
    drive: str


@dataclass(frozen=True, slots=True)
class DriveRegistered:
    """A new drive made its first document (form 11): it is in fiscal mode."""

    document: int
    drive: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing happened in the drive."""

    code: str  # as the register says it, e.g. "shtrih:4E"; for the line: "line"
    meaning: str
    blame: Blame
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something may have happened. ``reason`` is for people."""

    reason: str


Outcome = (
    Recorded
    | ShiftOpened
    | ShiftClosed
    | ShiftTotals
    | ClockSet
    | Seen
    | Found
    | MessageRead
    | AnswerTaken
    | DriveClosed
    | DriveRegistered
    | Refused
    | Unknown
)


def reason_of(outcome: Outcome) -> str:
    """Why a task did not end as it should, for people."""
    if isinstance(outcome, Refused):
        return f"{outcome.code}: {outcome.meaning}"
    return outcome.reason if isinstance(outcome, Unknown) else "unexpected answer"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a driver needs to find again, after a crash, what it may have made.

    ``mark`` is 16 characters derived from the receipt's key, written into
    the document (tag 1192), so that a document can be told to be ours.
    """

    mark: str
    last_document: int
