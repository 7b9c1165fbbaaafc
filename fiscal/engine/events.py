"""What happens to the engine, and what it wants done about it.

`Engine.handle` takes an *event* and returns *effects*. The host carries the effects out and brings their results back as events. Both are
plain frozen values: they can be logged, compared, replayed. Registers are named by their index in the configuration, which is
also the order in which ties are decided.
"""

from __future__ import annotations

from dataclasses import dataclass

from fiscal.engine.outcomes import Attempt, Outcome
from fiscal.engine.records import Record
from fiscal.receipt import Receipt

# --- tasks: what a register can be asked to do -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fiscalize:
    """Make a document of this receipt."""

    key: str
    receipt: Receipt
    mark: str


@dataclass(frozen=True, slots=True)
class Find:
    """Find out whether an earlier attempt made a document."""

    key: str
    receipt: Receipt
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class OpenShift:
    pass


@dataclass(frozen=True, slots=True)
class CloseShift:
    """Make the Z-report."""


@dataclass(frozen=True, slots=True)
class FindReport:
    """Find the Z-report of a shift whose end was not seen: the drive's newest."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask the register how it is."""


@dataclass(frozen=True, slots=True)
class SetClock:
    """Set the register's clock. The host fills in the time at the moment the bytes leave."""


@dataclass(frozen=True, slots=True)
class ReadTotals:
    """Read the totals of the shift (X-report); ``paper``: print it, too."""

    paper: bool = False


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """Read what the drive has for the operator."""


@dataclass(frozen=True, slots=True)
class WriteAnswer:
    """Put the operator's answer into the drive."""

    answer: bytes


@dataclass(frozen=True, slots=True)
class CloseDrive:
    """End the drive's fiscal life."""


@dataclass(frozen=True, slots=True)
class RegisterDrive:
    """Register the register anew, with the drive that was put in."""


Task = (
    Fiscalize
    | Find
    | OpenShift
    | CloseShift
    | FindReport
    | Probe
    | SetClock
    | ReadTotals
    | ReadMessage
    | WriteAnswer
    | CloseDrive
    | RegisterDrive
)

# --- events ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Started:
    """The host is ready: registers may be probed. ``wall_us`` is the local wall clock at ``now``, in microseconds."""

    wall_us: int


@dataclass(frozen=True, slots=True)
class Submitted:
    """A shop wants this receipt. ``deadline_us`` (monotonic) overrides the configured one.

    ``person`` and ``why``: who had it made by hand and for what reason; empty when a shop's program brought it.
    """

    key: str
    receipt: Receipt
    fingerprint: str
    deadline_us: int | None = None
    person: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Committed:
    """The journal has this batch."""

    ticket: int


@dataclass(frozen=True, slots=True)
class CommitFailed:
    """The journal could not take this batch; nothing of it was written."""

    ticket: int
    reason: str


@dataclass(frozen=True, slots=True)
class Performed:
    """A task on a register ended with this outcome."""

    register: int
    task: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ShiftCloseAsked:
    """A person wants the Z-report now."""

    register: int


@dataclass(frozen=True, slots=True)
class PauseAsked:
    """The register is wanted for something else (a planned outage): the receipt in work is finished, then it gets nothing."""

    register: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ResumeAsked:
    """It may work again."""

    register: int


@dataclass(frozen=True, slots=True)
class LookAsked:
    """Somebody has done something at the register: ask it how it is, as soon as it is free."""

    register: int


@dataclass(frozen=True, slots=True)
class TotalsAsked:
    """A person wants an X-report; the answer is `Reported` with the same number."""

    register: int
    number: int
    paper: bool = False


@dataclass(frozen=True, slots=True)
class DriveReplacementAsked:
    """The register is to get a new drive: see `fiscal.engine.states.REPLACEMENT`. The others go on."""

    register: int


@dataclass(frozen=True, slots=True)
class Exchanged:
    """How an `Exchange` ended: the operator's whole answer, or none and why. ``connected``: a connection stood."""

    register: int
    number: int
    answer: bytes
    problem: str = ""
    connected: bool = True


@dataclass(frozen=True, slots=True)
class RetryAsked:
    """A person wants a receipt that was set aside tried again."""

    key: str


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """The shop takes a receipt back. Only possible while no register has seen it."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class WallClockSet:
    """The host's wall clock was found to differ: it is ``wall_us`` now."""

    wall_us: int


Event = (
    Started
    | Submitted
    | Committed
    | CommitFailed
    | Performed
    | ShiftCloseAsked
    | PauseAsked
    | ResumeAsked
    | LookAsked
    | TotalsAsked
    | DriveReplacementAsked
    | Exchanged
    | RetryAsked
    | CancelAsked
    | WallClockSet
)

# --- effects ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Commit:
    """Write these records, all or none, then say `Committed` with the same ticket. Tickets rise; order must be kept."""

    ticket: int
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Perform:
    """Start this task on this register, then say `Performed` with the same number."""

    register: int
    number: int
    task: Task


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer the shop: the receipt is accepted (durably), or why not."""

    key: str
    accepted: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Carry this message to the operator over a fresh connection, then say `Exchanged` with the same number."""

    register: int
    number: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Reported:
    """The X-report that was asked for under this number, or why there is none."""

    register: int
    number: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """A receipt has a new public status."""

    key: str
    status: str
    register: int = -1
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RegisterChanged:
    """A register has a new state; ``detail`` says why."""

    register: int
    state: str
    detail: str = ""


Effect = Commit | Perform | Exchange | Reply | Reported | StatusChanged | RegisterChanged
