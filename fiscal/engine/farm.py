"""The farm as the engine remembers it: receipts in hand, registers, and which may serve which.

These are the engine's private notes, kept small and mutable. Everything durable in them can be rebuilt from the journal's records.
"""

from __future__ import annotations

from heapq import heappush

from fiscal.engine import states
from fiscal.engine.config import RegisterFacts
from fiscal.engine.events import Task, TotalsAsked
from fiscal.engine.outcomes import Recorded, Seen
from fiscal.receipt import Receipt

Waiting = list[tuple[int, int, "Entry"]]
"""A heap: (deadline, arrival number, receipt). That order is the queue discipline everywhere."""


class Entry:
    """A receipt in the engine's care."""

    __slots__ = (
        "accepted_wall_us",
        "attempt",
        "confirmed_wall_us",
        "deadline_us",
        "fingerprint",
        "group",
        "key",
        "lines",
        "mark",
        "number",
        "person",
        "place",
        "reason",
        "receipt",
        "recorded",
        "recorded_wall_us",
        "refused_by",
        "register",
        "sent_wall_us",
        "state",
        "told",
        "waiters",
        "why",
    )

    def __init__(
        self,
        key: str,
        number: int,
        fingerprint: str,
        receipt: Receipt,
        mark: str,
        deadline_us: int,
        accepted_wall_us: int,
    ) -> None:
        self.key = key
        self.number = number
        self.fingerprint = fingerprint
        self.receipt = receipt
        self.mark = mark
        self.deadline_us = deadline_us
        self.accepted_wall_us = accepted_wall_us
        self.lines = len(receipt.items)
        self.state = states.ACCEPTING
        self.group: Group
        self.register = -1
        self.place: object = None  # the heap it waits in: a queue entry elsewhere is stale
        self.attempt = 0
        self.refused_by: list[int] = []  # registers, in order
        self.waiters = 1  # how many times a shop asked while it was being accepted
        self.person = ""  # who had it made by hand, and why
        self.why = ""
        self.told = True  # that it was set aside is in the journal
        self.reason = ""
        self.recorded: Recorded | None = None
        self.recorded_wall_us = 0
        self.sent_wall_us = 0  # 0 also when it was never seen on its way
        self.confirmed_wall_us = 0

    def move(self, event: str) -> None:
        """Follow the table; an event the state does not know is a bug."""
        self.state = states.RECEIPT[self.state][event]


class Doubt:
    """An attempt whose effect only the drive knows."""

    __slots__ = ("attempt", "entry", "last_document", "reissued")

    def __init__(self, entry: Entry, attempt: int, last_document: int) -> None:
        self.entry = entry
        self.attempt = attempt
        self.last_document = last_document
        self.reissued = False


class Replacement:
    """A drive that is being replaced."""

    __slots__ = ("drive", "moves", "step")

    def __init__(self, step: str, drive: str) -> None:
        self.step = step
        self.moves = False  # the next step is on the way to the journal
        self.drive = drive  # the old one


class Relay:
    """Documents of a register without a network, on their way to the operator.

    ``connected_us``, ``answered_us``: when a connection to the operator last stood, when he last answered; ``None`` for never.
    """

    __slots__ = (
        "answer",
        "answered_us",
        "connected_us",
        "document",
        "failures",
        "number",
        "problem",
        "retry_at_us",
        "step",
        "waits_since_us",
    )

    def __init__(self) -> None:
        self.step = states.RELAY_IDLE
        self.waits_since_us: int | None = None  # something waits to be carried
        self.number = 0
        self.document = 0
        self.answer = b""
        self.retry_at_us = 0
        self.failures = 0
        self.problem = ""
        self.connected_us: int | None = None
        self.answered_us: int | None = None

    def move(self, event: str) -> None:
        """Follow the table; an event the state does not know is a bug."""
        self.step = states.RELAY[self.step][event]


class Station:
    """A register in the engine's care."""

    __slots__ = (
        "asks",
        "available",
        "backlog_us",
        "busy_until_us",
        "clock_asked",
        "clock_tried_us",
        "close_asked",
        "close_at_us",
        "credit",
        "detail",
        "doubts",
        "drive",
        "errand",
        "facts",
        "failures",
        "groups",
        "index",
        "last_document",
        "load",
        "pause_asked",
        "probe_asked",
        "queue",
        "recording",
        "relay",
        "replacement",
        "report_owed",
        "reports",
        "retry_at_us",
        "seen",
        "seen_us",
        "service",
        "service_why",
        "shift",
        "shift_number",
        "shift_opened_us",
        "state",
        "task",
        "task_number",
        "unconfirmed",
        "work",
    )

    def __init__(self, index: int, facts: RegisterFacts) -> None:
        self.index = index
        self.facts = facts
        self.state = states.UNSEEN
        self.detail = ""
        self.available = False
        self.queue: Waiting = []
        self.groups: list[Group] = []
        self.load = 0  # receipts waiting for it or in work
        self.backlog_us = 0  # their estimated time
        self.busy_until_us = 0
        self.work: Entry | None = None
        self.task: Task | None = None
        self.task_number = 0
        self.doubts: list[Doubt] = []  # attempts to ask about, in order; after a crash there may be two
        self.last_document = 0
        self.drive = ""
        self.shift = states.SHIFT_UNKNOWN
        self.shift_number = 0
        self.shift_opened_us: int | None = None
        self.close_at_us: int | None = None
        self.close_asked = False
        self.clock_asked = False
        self.clock_tried_us: int | None = None  # when it was last set, or refused to be set
        self.probe_asked = False
        self.retry_at_us = 0
        self.failures = 0
        self.seen: Seen | None = None
        self.seen_us = 0
        self.credit = 0  # of the weighted policy
        self.unconfirmed: list[Entry] = []  # recorded here, in order, not yet confirmed by the operator
        self.reports: list[
            tuple[str, int]
        ] = []  # Z-reports (drive, document) not yet confirmed by the operator
        self.report_owed = False  # a shift has ended, and the journal does not have its report
        self.recording = 0  # recorded here, on the way to the journal: not among the unconfirmed yet
        self.service = states.IN_SERVICE
        self.service_why = ""
        self.pause_asked = False
        self.asks: list[TotalsAsked] = []  # X-reports somebody waits for
        self.replacement: Replacement | None = None
        self.relay: Relay | None = Relay() if facts.relay else None
        self.errand = facts.relay  # whether there may be something to do beside receipts

    def note_errands(self) -> None:
        """Look again whether there may be something to do beside receipts."""
        self.errand = (
            self.report_owed or bool(self.asks) or self.replacement is not None or self.relay is not None
        )

    def move(self, event: str) -> None:
        """Follow the table; an event the state does not know is a bug."""
        self.state = states.REGISTER[self.state][event]

    @property
    def doubt(self) -> Doubt | None:
        """The attempt to ask about first."""
        return self.doubts[0] if self.doubts else None

    def estimate_us(self, entry: Entry) -> int:
        """How long this register is expected to need for this receipt."""
        return self.facts.service_base_us + self.facts.service_line_us * entry.lines


class Group:
    """Receipts with the same who-may: the same entity, taxation system and site, hence the same candidates."""

    __slots__ = ("candidates", "open", "open_regular", "pool", "spare_joined", "turn", "waiting")

    def __init__(self, candidates: tuple[Station, ...]) -> None:
        self.candidates = candidates
        self.pool: Waiting = []  # not assigned to any register (yet)
        self.waiting = 0  # promised receipts no register works on
        self.turn = -1  # of round robin: the last register chosen
        self.spare_joined = False
        self.open: list[Station] = []
        self.open_regular: list[Station] = []

    def refresh(self) -> None:
        """Note again which candidates may be given receipts now."""
        self.open = [station for station in self.candidates if station.available]
        self.open_regular = [station for station in self.open if not station.facts.spare]

    def eligible(self) -> list[Station]:
        """Candidates a policy may choose from now: spares only under load, or when nobody else is there."""
        if self.spare_joined or not self.open_regular:
            return self.open
        return self.open_regular


def push(heap: Waiting, entry: Entry) -> None:
    entry.place = heap
    heappush(heap, (entry.deadline_us, entry.number, entry))


def may_serve(facts: RegisterFacts, receipt: Receipt) -> bool:
    """Who may: the register belongs to the entity, is registered for the taxation system and for the site."""
    return (
        facts.entity == receipt.entity
        and bool(facts.taxation & receipt.taxation)
        and (not facts.sites or receipt.site in facts.sites)
    )
