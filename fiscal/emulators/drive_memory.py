"""What a fiscal drive remembers, and how it comes back.

Three things live in a drive: the documents, in one row without gaps; the mark up to which the operator has
confirmed them (they are confirmed from the head only, so one number is the whole queue); and the state that
the documents led to - phase, shift, counters. The third follows from the first: a host that keeps documents
and confirmations and takes a `snapshot` now and then can `restore` the drive, newer documents being played
again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, Self

from fiscal.emulators.drive_answers import Expiry, Memory, Status, Unsent
from fiscal.emulators.drive_counters import Counters
from fiscal.emulators.drive_documents import Confirmation, Stored, Sums, fields_of, read_stored, read_sums
from fiscal.emulators.drive_marking import DriveMarking
from fiscal.emulators.drive_profile import (
    DAY_S,
    HOUR_S,
    PROFILES,
    Alarm,
    DriveError,
    DriveProfile,
    Phase,
    Refusal,
)
from fiscal.emulators.drive_registration import Registration, read_registration
from fiscal.emulators.drive_rules import RECEIPT_KINDS


class DriveMemory:
    """The state of a drive, questions about it, and its way to a host's disk and back. The commands are in
    `Drive`.

    ``serial``: 16 digits. ``keep_documents``: forget confirmed documents but for the last so many (for long
    simulated runs); `find` then answers 08 for them.
    """

    def __init__(
        self,
        serial: str,
        profile: DriveProfile = PROFILES["15"],
        *,
        phase: int = Phase.READY,
        keep_documents: int | None = None,
    ) -> None:
        if len(serial) != 16 or not (serial.isascii() and serial.isdigit()):
            raise ValueError(f"the number of a drive has 16 digits, not {serial!r}")
        if keep_documents is not None and keep_documents < 1:
            raise ValueError("keep_documents must be 1 or more")
        self.serial = serial
        self.profile = profile
        self.phase = int(phase)
        self.registration: Registration | None = None
        self.registrations: list[int] = []  # the numbers of the registration reports
        self.keep_documents = keep_documents
        self.on_record: Callable[[Stored], None] | None = None
        self.on_confirm: Callable[[Confirmation], None] | None = None
        self.marks = DriveMarking()

        self.last_document = 0
        self.last_time_s = 0
        self.shift = 0
        self.shift_open = False
        self.shift_opened_s = 0
        self.documents_in_shift = 0
        self.receipts_in_shift = 0
        self.shift_counters = Counters()
        self.current_document = 0

        self._begun_s: int | None = None
        self._data = False
        self._registered_s = 0
        self._before_shift = Counters()
        self._documents: list[Stored] = []
        self._first_kept = 1
        self._sent_through = 0
        self._unsent_bytes = 0
        self._confirmations: dict[int, Confirmation] = {}

        self._resolution_s = profile.resolution_s
        self._capacity = min(profile.max_documents, profile.max_signatures)
        self._autonomous = False
        self._deadline_s = 0  # until then nothing that depends on time forbids a receipt, see _set_deadline

    # ---- questions -----------------------------------------------------------------------------------------

    def status(self, now_s: int) -> Status:
        return Status(
            self.phase,
            self.current_document,
            self._data,
            self.shift_open,
            self.flags(now_s),
            self.last_time_s,
            self.serial,
            self.last_document,
        )

    def flags(self, now_s: int) -> int:
        """The warning byte, bits of `Alarm`."""
        flags = 0
        profile = self.profile
        if self.phase == Phase.FISCAL:
            days = self.days_left(now_s)
            if days <= profile.urgent_days:
                flags |= Alarm.URGENT_REPLACEMENT
            if days <= profile.soon_days:
                flags |= Alarm.REPLACE_SOON
            if self.memory_used(profile.memory_flag_percent):
                flags |= Alarm.MEMORY
        unsent = self.unsent
        if unsent.count and now_s - unsent.time_s > profile.overdue_days * DAY_S:
            flags |= Alarm.OPERATOR_OVERDUE
        return int(flags)

    def memory_used(self, percent: int) -> bool:
        """The archive is filled to so many per cent or more."""
        return self.last_document * 100 >= self._capacity * percent

    @property
    def memory(self) -> Memory:
        return Memory(
            max(0, self._capacity - self.last_document), max(0, self.profile.store_bytes - self._unsent_bytes)
        )

    @property
    def _expiry_s(self) -> int:
        return self._registered_s - self._registered_s % DAY_S + self.profile.life_days * DAY_S

    @property
    def _life_end_s(self) -> int:
        return self._expiry_s + DAY_S

    def expiry(self) -> Expiry:
        done = len(self.registrations)
        date_s = self._expiry_s if self.registration else 0
        return Expiry(date_s, max(0, self.profile.max_registrations - done), done)

    def days_left(self, now_s: int) -> int:
        """Days of life left (tag 1213); 0 on the last day and after it. Before the registration: the whole
        life."""
        if self.registration is None:
            return self.profile.life_days
        return max(0, (self._expiry_s - (now_s - now_s % DAY_S)) // DAY_S)

    @property
    def _shift_end_s(self) -> int:
        return self.shift_opened_s + self.profile.shift_hours * HOUR_S

    def shift_age_exceeded(self, now_s: int) -> bool:
        """The shift is open longer than 24 hours: nothing but its closing and reports on the state are
        recorded (16)."""
        return self.shift_open and now_s - now_s % self._resolution_s > self._shift_end_s

    @property
    def life_counters(self) -> Counters:
        """Sums over the whole life, the last shift included."""
        return self._before_shift.plus(self.shift_counters)

    def find(self, document: int) -> Stored:
        """A document by its number. Error 08 when there is none, or it is no longer kept."""
        index = document - self._first_kept
        if index < 0 or document > self.last_document:
            raise DriveError(Refusal.NO_DATA)
        return self._documents[index]

    # ---- the operator --------------------------------------------------------------------------------------

    @property
    def head(self) -> Stored | None:
        """The document that the operator must get next."""
        if self._sent_through == self.last_document:
            return None
        return self._documents[self._sent_through + 1 - self._first_kept]

    @property
    def unsent(self) -> Unsent:
        """The queue to the operator: documents leave it from the head only."""
        head = self.head
        if head is None:
            return Unsent(0, 0, 0)
        return Unsent(self.last_document - self._sent_through, head.document, head.time_s)

    def confirm(self, document: int, now_s: int, sign: bytes = b"") -> None:
        """The operator's confirmation of the head document; ``sign`` is his fiscal sign (tag 1078), kept as
        it is. Error 20 (detail 3) for any other document, and the head stays."""
        if document != self._sent_through + 1 or document > self.last_document:
            raise DriveError(Refusal.BAD_CONFIRMATION, 3)
        confirmation = Confirmation(document, now_s, sign)
        self._confirm(confirmation)
        if self.on_confirm is not None:
            self.on_confirm(confirmation)

    def is_confirmed(self, document: int) -> bool:
        """Nothing of this document waits for the operator: he confirmed it, or it was made in autonomous
        mode."""
        return 1 <= document <= self._sent_through

    def confirmation(self, document: int) -> Confirmation:
        """The confirmation of a document. Error 08 when there is none, or it is no longer kept."""
        found = self._confirmations.get(document)
        if found is None:
            raise DriveError(Refusal.NO_DATA)
        return found

    # ---- to the host's disk and back -----------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Everything but documents and confirmations, ready for JSON."""
        return {
            "serial": self.serial,
            "profile": asdict(self.profile),
            "keep_documents": self.keep_documents,
            "phase": self.phase,
            "registration": asdict(self.registration) if self.registration else None,
            "registrations": list(self.registrations),
            "registered_s": self._registered_s,
            "last_document": self.last_document,
            "last_time_s": self.last_time_s,
            "shift": self.shift,
            "shift_open": self.shift_open,
            "shift_opened_s": self.shift_opened_s,
            "documents_in_shift": self.documents_in_shift,
            "receipts_in_shift": self.receipts_in_shift,
            "shift_counters": [list(row) for row in self.shift_counters.rows],
            "before_shift": [list(row) for row in self._before_shift.rows],
            "current_document": self.current_document,
            "begun_s": self._begun_s,
            "data": self._data,
            "sent_through": self._sent_through,
            "marking": self.marks.snapshot(),
        }

    @classmethod
    def restore(
        cls,
        snapshot: dict[str, Any],
        documents: Iterable[Stored | bytes],
        confirmations: Iterable[tuple[int, int, bytes]] = (),
    ) -> Self:
        """Bring a drive back. ``documents`` (as stored, or their bytes) and ``confirmations`` come in order,
        without gaps, up to the last; what is newer than the snapshot is played again. The hooks are not set.
        Raises `ValueError` when a document is missing, be it between two others or one that still waits for
        the operator."""
        drive = cls(
            snapshot["serial"],
            DriveProfile(**snapshot["profile"]),
            phase=snapshot["phase"],
            keep_documents=snapshot["keep_documents"],
        )
        drive._load(snapshot)
        if "marking" in snapshot:
            drive.marks.load(snapshot["marking"])
        old = drive.last_document
        newer: list[Stored] = []
        expected = 0
        for entry in documents:
            stored = entry if isinstance(entry, Stored) else read_stored(entry)
            if not expected:
                drive._first_kept = expected = stored.document
            if stored.document != expected:
                raise ValueError(f"document {expected} of drive {drive.serial} is missing")
            expected += 1
            if stored.document <= old:
                drive._documents.append(stored)
            else:
                newer.append(stored)
        if not expected:
            drive._first_kept = expected = old + 1
        waiting = drive._sent_through + 1
        if expected <= old or drive._first_kept > waiting:
            raise ValueError(f"drive {drive.serial} needs its documents {waiting} to {old}")
        drive._unsent_bytes = sum(
            len(stored.tlv) for stored in drive._documents[waiting - drive._first_kept :]
        )
        for stored in newer:
            drive._replay(stored)
        for document, time_s, sign in confirmations:
            confirmation = Confirmation(document, time_s, sign)
            if document <= drive._sent_through:
                if document >= drive._first_kept:
                    drive._confirmations[document] = confirmation
            elif document == drive._sent_through + 1 <= drive.last_document:
                drive._confirm(confirmation)
            else:
                raise ValueError(f"the confirmation of document {document} does not follow the one before")
        drive._trim()
        drive._set_deadline()
        return drive

    def _load(self, snapshot: dict[str, Any]) -> None:
        given = snapshot["registration"]
        if given:
            self._use(Registration(**given))
        self.registrations = list(snapshot["registrations"])
        self._registered_s = snapshot["registered_s"]
        self.last_document = snapshot["last_document"]
        self.last_time_s = snapshot["last_time_s"]
        self.shift = snapshot["shift"]
        self.shift_open = snapshot["shift_open"]
        self.shift_opened_s = snapshot["shift_opened_s"]
        self.documents_in_shift = snapshot["documents_in_shift"]
        self.receipts_in_shift = snapshot["receipts_in_shift"]
        self.shift_counters = Counters(snapshot["shift_counters"])
        self._before_shift = Counters(snapshot["before_shift"])
        self.current_document = snapshot["current_document"]
        self._begun_s = snapshot["begun_s"]
        self._data = snapshot["data"]
        self._sent_through = snapshot["sent_through"]

    # ---- what a document leads to --------------------------------------------------------------------------

    def _use(self, registration: Registration) -> None:
        self.registration = registration
        self._autonomous = registration.autonomous

    def _replay(self, stored: Stored) -> None:
        if stored.form in RECEIPT_KINDS:
            self._count(stored, read_sums(fields_of(stored.tlv)))
        else:
            self._turn(stored)
        self._append(stored)

    def _count(self, stored: Stored, sums: Sums) -> None:
        self.receipts_in_shift = stored.receipt_number
        self.shift_counters.add(stored.form, stored.type, stored.total_kop, sums)

    def _turn(self, stored: Stored) -> None:
        """Take the turn in the drive's life that a report stands for. The state after it follows from the
        report alone."""
        form = stored.form
        if form in (1, 11):
            if self.phase == Phase.READY:
                self.phase = int(Phase.FISCAL)
                self._registered_s = stored.time_s
            was_autonomous = self._autonomous
            self.registrations.append(stored.document)
            self._use(read_registration(fields_of(stored.tlv)))
            if self._autonomous and not was_autonomous:  # allowed with an empty queue only
                self._sent_through = stored.document - 1
                self._unsent_bytes = 0
        elif form == 2:
            self._before_shift.add_all(self.shift_counters)
            self.shift_counters = Counters()
            self.shift = stored.shift
            self.shift_open = True
            self.shift_opened_s = stored.time_s
            self.documents_in_shift = 0
            self.receipts_in_shift = 0
        elif form == 6:
            self.phase = int(Phase.CLOSED)

    def _append(self, stored: Stored) -> None:
        self._documents.append(stored)
        self.last_document = document = stored.document
        self.last_time_s = stored.time_s
        self.current_document = 0
        self._begun_s = None
        self._data = False
        if self.shift_open:
            self.documents_in_shift += 1
        form = stored.form
        if self._autonomous and self._sent_through == document - 1:
            self._sent_through = document
            if form == 6:
                self.phase = int(Phase.ARCHIVE)
        else:
            self._unsent_bytes += len(stored.tlv)
        if form not in RECEIPT_KINDS:
            if form == 5:
                self.shift_open = False
            self._set_deadline()
        if self.keep_documents is not None and len(self._documents) > 2 * self.keep_documents:
            self._trim()

    def _confirm(self, confirmation: Confirmation) -> None:
        document = confirmation.document
        self._unsent_bytes -= len(self._documents[document - self._first_kept].tlv)
        self._sent_through = document
        self._confirmations[document] = confirmation
        if document == self.last_document and self.phase == Phase.CLOSED:
            self.phase = int(Phase.ARCHIVE)

    def _trim(self) -> None:
        keep = self.keep_documents
        if keep is None:
            return
        gone = min(len(self._documents) - keep, self._sent_through + 1 - self._first_kept)
        if gone > 0:
            for document in range(self._first_kept, self._first_kept + gone):
                self._confirmations.pop(document, None)
            del self._documents[:gone]
            self._first_kept += gone

    def _set_deadline(self) -> None:
        """Note until when time forbids nothing. Confirmations may move that moment further away, nothing brings it nearer: what is
        recorded later waits for the operator from later on. So it is found anew at reports only, and beyond it all is looked at."""
        head = self.head
        waits_since_s = self.last_time_s if head is None else head.time_s
        deadline = min(self._life_end_s - 1, waits_since_s + self.profile.unsent_s, (1 << 32) - 1)
        if self.shift_open:
            deadline = min(deadline, self._shift_end_s)
        self._deadline_s = deadline
