"""The fiscal drive (FN): the sealed memory that makes a receipt a fiscal document.

A register may print what it likes; a settlement exists when the drive has recorded it. The drive numbers its
documents without gaps from the registration on, signs each, forbids what the law forbids (a shift longer than
a day, a clock that runs backwards, documents that the operator has not seen for a month) and remembers
everything through a power cut. It is a small state machine with a long memory, and this is the emulation of
it, sans-IO: the wall clock comes in with every call (``now_s``: local time, seconds since 1970 as if it were
UTC; the drive reads it to the minute).

**A refusal changes nothing.** Every command raises `DriveError` with the answer code of a real drive before
it has touched anything.

**What survives.** All of it: nothing is volatile. A document begun and not recorded when the power fails
stays the *current document* until it is recorded or cancelled. A host that wants the same of its process
keeps each document from ``on_record``, each confirmation from ``on_confirm`` (both are called when the drive
has taken it, before the answer leaves) and a `snapshot`; `restore` brings the drive back.

**Emulated.** The fiscal sign is a keyed BLAKE2b cut to 32 bits, the key made from the serial number. It has
no legal force.

Sources: reference sheets ``ffd_ofd.md`` section 6, ``shtrih.md`` sections 2.6 and 3.
"""

from __future__ import annotations

from fiscal.emulators.drive_answers import Expiry, Memory, Status, Unsent
from fiscal.emulators.drive_counters import Counters
from fiscal.emulators.drive_documents import (
    CORRECTION_FORMS,
    RECEIPT_NUMBERS,
    Confirmation,
    Stored,
    Sums,
    check_body,
    check_extra,
    read_stored,
    read_sums,
)
from fiscal.emulators.drive_marking import CheckedCode
from fiscal.emulators.drive_memory import DriveMemory
from fiscal.emulators.drive_profile import MEANINGS, PROFILES, Alarm, DriveError, DriveProfile, Phase, Refusal
from fiscal.emulators.drive_registration import (
    FFD_1_05,
    FFD_1_2,
    Mode,
    Reason,
    Registration,
    Usage,
    check_registration,
    reason_field,
    write_registration,
)
from fiscal.emulators.drive_reports import (
    Fields,
    alarm_fields,
    close_drive_fields,
    close_shift_fields,
    open_shift_fields,
    state_fields,
)
from fiscal.emulators.drive_rules import BY_KIND, RECEIPT_KINDS, REFUSALS, Block, CurrentDocument, Rule
from fiscal.emulators.drive_seal import Seal
from fiscal.ffd.tlv import byte, u32

_new_tuple = tuple.__new__
_pack_receipt = RECEIPT_NUMBERS.pack
_MAX_TOTAL = 1 << 48


class Drive(DriveMemory):
    """One fiscal drive: its commands. What it remembers, and the questions one may ask it, are in
    `DriveMemory`."""

    _seal: Seal

    # ---- life ----------------------------------------------------------------------------------------------

    def initialize(self) -> None:
        """Phase 0 -> 1: leave the factory. Error 02 in any other phase."""
        if self.phase != Phase.FACTORY:
            raise DriveError(Refusal.WRONG_STATE)
        self.phase = int(Phase.READY)

    def register(
        self, registration: Registration, now_s: int, extra: bytes = b"", *, replaces: bool = False
    ) -> Stored:
        """The registration report, document 1, which opens the fiscal mode. ``replaces``: the register had
        another drive before; the report then has form 11 with the reason "drive replaced". ``extra``: whole
        fields of the register (cashier 1021 ...). Errors 02, 07, 09, 10, 18."""
        kind = CurrentDocument.DRIVE_REPLACEMENT if replaces else CurrentDocument.REGISTRATION
        return self._register(BY_KIND[kind], registration, now_s, Reason.DRIVE if replaces else 0, 0, extra)

    def reregister(
        self,
        registration: Registration,
        now_s: int,
        reason: int = Reason.REQUISITES,
        changes: int = 0,
        extra: bytes = b"",
    ) -> Stored:
        """A new registration report, form 11, with the shift closed. ``reason`` is a `Reason` other than
        DRIVE, ``changes`` the mask of tag 1205. The tax number and the registration number cannot change, the
        format not go back (09). A drive takes only so many reports (02, *assumed*) and does not go autonomous
        while documents wait for the operator (02, *assumed*)."""
        rule = BY_KIND[CurrentDocument.REREGISTRATION]
        self._check_state(rule)
        old = self.registration
        assert old is not None  # the phase says so
        if len(self.registrations) >= self.profile.max_registrations:
            raise DriveError(Refusal.WRONG_STATE)
        if registration.autonomous and not old.autonomous and self.unsent.count:
            raise DriveError(Refusal.WRONG_STATE)
        if (
            (registration.inn, registration.rnm) != (old.inn, old.rnm)
            or registration.ffd < old.ffd
            or reason not in (Reason.OPERATOR, Reason.REQUISITES, Reason.SETTINGS)
            or not 0 <= changes < 1 << 32
        ):
            raise DriveError(Refusal.BAD_PARAMETER)
        return self._register(rule, registration, now_s, reason, changes, extra)

    def close(self, now_s: int, extra: bytes = b"") -> Stored:
        """The report on the closing of the drive, form 6, with the shift closed: the end of the fiscal mode.
        Phase 7 until the operator has confirmed everything, then 15. Not while notifications of marked goods wait (02, *assumed*): a drive
        that is taken out cannot tell them any more."""
        rule = BY_KIND[CurrentDocument.DRIVE_CLOSING]
        if self.marks.notices:
            raise DriveError(Refusal.WRONG_STATE)
        time_s = self._check(rule, now_s)
        return self._report(rule, time_s, self.shift, close_drive_fields(self, self._registered), extra)

    # ---- shift ---------------------------------------------------------------------------------------------

    def open_shift(self, now_s: int, extra: bytes = b"") -> Stored:
        """The report on the opening of a shift, form 2."""
        rule = BY_KIND[CurrentDocument.SHIFT_OPENING]
        time_s = self._check(rule, now_s)
        fields = open_shift_fields(self._registered) + alarm_fields(self, time_s)
        return self._report(rule, time_s, self.shift + 1, fields, extra)

    def close_shift(self, now_s: int, extra: bytes = b"") -> Stored:
        """The report on the closing of the shift, form 5, with its counters. Never refused for age, life or
        memory."""
        rule = BY_KIND[CurrentDocument.SHIFT_CLOSING]
        time_s = self._check(rule, now_s)
        fields = close_shift_fields(self, self._registered, time_s)
        return self._report(rule, time_s, self.shift, fields, extra)

    def state_report(self, now_s: int, extra: bytes = b"") -> Stored:
        """The report on the state of settlements, form 21: what waits for the operator. Any time in the
        fiscal mode."""
        rule = BY_KIND[CurrentDocument.STATE_REPORT]
        time_s = self._check(rule, now_s)
        return self._report(rule, time_s, self.shift, state_fields(self, self._registered, time_s), extra)

    # ---- receipt -------------------------------------------------------------------------------------------

    def begin(self, kind: int, now_s: int | None = None) -> None:
        """Begin a document: `CurrentDocument` ``kind`` stays current until it is recorded or cancelled,
        through a power cut too. With ``now_s`` the limits are checked at once, and until the document is
        recorded five minutes may pass (17). Beginning is optional: every document can also be made in one
        step."""
        rule = BY_KIND.get(kind)
        if rule is None:
            raise DriveError(Refusal.BAD_PARAMETER)
        if self.current_document:
            raise DriveError(Refusal.WRONG_STATE)
        if now_s is None:
            self._check_state(rule)
        else:
            self._begun_s = self._check(rule, now_s)
        self.current_document = int(kind)
        self._data = False

    def data_received(self) -> None:
        """The register gave data for the current document (a byte of the status record). Error 02 when there
        is none."""
        if not self.current_document:
            raise DriveError(Refusal.WRONG_STATE)
        self._data = True

    def cancel(self) -> None:
        """Drop the current document, if there is one."""
        self.current_document = 0
        self._begun_s = None
        self._data = False
        self.marks.clear()

    def check_code(self, data: bytes, planned: int, mode: int, fields: bytes) -> CheckedCode:
        """Take a marking code in, before the goods are sold (`DriveMarking`). Errors 02, 09, 18h; A0: the register is not registered for
        marked goods, or its format knows none; A2: too many notifications wait; A3."""
        registered = self.registration
        if registered is None or self.phase != Phase.FISCAL:
            raise DriveError(Refusal.WRONG_STATE)
        if registered.ffd < FFD_1_2 or not registered.usage & Usage.MARKED_GOODS:
            raise DriveError(Refusal.MARKING_FORBIDDEN)
        if self.marks.blocked:
            raise DriveError(Refusal.MARKING_BLOCKED)
        return self.marks.check(data, planned, mode, fields)

    def record(self, form: int, type: int, total_kop: int, sums: Sums, body: bytes, now_s: int) -> Stored:
        """Record a receipt (form 3, 4) or a correction (31, 41) of settlement ``type`` 1 ... 4.

        ``body``: the register's fields, whole and in order (1059 ... 1209); the drive puts the head in front.
        ``sums`` must say the same as the body; the five payments must make up the total (18). Errors 02, 05,
        06, 07, 09, 10, 12, 14, 15, 16, 17, 18, 19.
        """
        kind = RECEIPT_KINDS.get(form)
        if kind is None:
            raise DriveError(Refusal.BAD_PARAMETER)
        current = self.current_document
        if not self.shift_open or (current and current != kind):
            raise DriveError(Refusal.WRONG_STATE)
        if not 1 <= type <= 4 or not 0 <= total_kop < _MAX_TOTAL:
            raise DriveError(Refusal.BAD_PARAMETER)
        profile = self.profile
        time_s = now_s - now_s % self._resolution_s
        if (
            time_s > self._deadline_s
            or time_s < self.last_time_s
            or self.last_document >= self._capacity
            or self._unsent_bytes >= profile.store_bytes
            or ((begun := self._begun_s) is not None and abs(time_s - begun) > profile.step_s)
        ):
            self._check(BY_KIND[kind], now_s)  # finds the reason
        self._check_sums(form, type, total_kop, sums)
        if profile.verify_bodies:
            check_body(body, sums, bool(self._registered.usage & Usage.EXCISE))

        receipt = self.receipts_in_shift + 1
        document = self.last_document + 1
        shift = self.shift
        seal = self._seal
        size = (total_kop.bit_length() + 7) >> 3 or 1
        head = _pack_receipt(1038, 4, shift, 1042, 4, receipt, 1054, 1, type, 1020, size)
        rest = head + total_kop.to_bytes(size, "little") + body
        if seal.overhead + len(rest) > profile.receipt_bytes:
            raise DriveError(Refusal.TOO_LARGE)
        tlv, sign = seal.write(form, document, time_s, rest)
        stored = _new_tuple(Stored, (document, form, time_s, sign, tlv, shift, receipt, type, total_kop))
        self._count(stored, sums)
        self._append(stored)
        if self.marks.kept:
            self.marks.sold(self.serial, document, form, type, time_s, body)
        if self.on_record is not None:
            self.on_record(stored)
        return stored

    # ---- signs ---------------------------------------------------------------------------------------------

    def verify(self, tlv: bytes) -> bool:
        """Whether these bytes are a document that this drive signed."""
        return self.registration is not None and self._seal.verify(tlv)

    def message_sign(self, document: int) -> bytes:
        """The sign of the message to the operator, 8 bytes: 81 06 and six bytes (emulated). Error 08 when
        there is no such document."""
        return self._seal.message_sign(self.find(document).tlv)

    def _use(self, registration: Registration) -> None:
        super()._use(registration)
        self._seal = Seal(self.serial, registration, self.profile.mark)

    # ---- rules ---------------------------------------------------------------------------------------------

    @property
    def _registered(self) -> Registration:
        assert self.registration is not None  # every command that asks has checked the phase
        return self.registration

    def _check_state(self, rule: Rule) -> None:
        current = self.current_document
        if (
            self.phase != rule.phase
            or (current and current != rule.kind)
            or (rule.shift is not None and rule.shift != self.shift_open)
        ):
            raise DriveError(Refusal.WRONG_STATE)

    def _check(self, rule: Rule, now_s: int) -> int:
        """All that can forbid a document before its data are looked at. Returns its moment, to the minute."""
        self._check_state(rule)
        time_s = now_s - now_s % self._resolution_s
        if not 0 <= time_s < 1 << 32:
            raise DriveError(Refusal.WRONG_TIME)
        self._check_resources(rule, time_s)
        if time_s < self.last_time_s:
            raise DriveError(Refusal.WRONG_TIME)
        if rule.blocks & Block.SHIFT_AGE and self.shift_age_exceeded(time_s):
            raise DriveError(Refusal.SHIFT_TOO_LONG)
        begun = self._begun_s
        if begun is not None and abs(time_s - begun) > self.profile.step_s:
            raise DriveError(Refusal.TIME_STEP)
        return time_s

    def _check_resources(self, rule: Rule, time_s: int) -> None:
        if (
            time_s <= self._deadline_s
            and self.last_document < self._capacity
            and self._unsent_bytes < self.profile.store_bytes
        ):
            return  # the usual case: nothing is used up
        profile = self.profile
        unsent = self.unsent
        used_up = {
            Block.LIFE: self.registration is not None and time_s >= self._life_end_s,
            Block.KEYS: self.last_document >= profile.max_signatures,
            Block.ARCHIVE: self.last_document >= profile.max_documents,
            Block.STORE: self._unsent_bytes >= profile.store_bytes,
            Block.OPERATOR: bool(unsent.count) and time_s > unsent.time_s + profile.unsent_s,
        }
        for block, refusal in REFUSALS.items():
            if rule.blocks & block and used_up[block]:
                raise DriveError(refusal)

    def _check_sums(self, form: int, type: int, total_kop: int, sums: Sums) -> None:
        cash, cashless, prepaid, credit, provision, vat = sums
        if (
            cash + cashless + prepaid + credit + provision != total_kop
            or (cash | cashless | prepaid | credit | provision) < 0
        ):
            raise DriveError(Refusal.BAD_REQUISITE)
        for code, kop in vat:
            if not 1 <= code <= 12 or kop < 0:
                raise DriveError(Refusal.BAD_REQUISITE)
        if form in CORRECTION_FORMS and not type & 1 and self._registered.ffd < FFD_1_2:
            raise DriveError(Refusal.BAD_REQUISITE)  # FFD 1.05 corrects income and expense only

    # ---- reports -------------------------------------------------------------------------------------------

    def _register(
        self, rule: Rule, registration: Registration, now_s: int, reason: int, changes: int, extra: bytes
    ) -> Stored:
        time_s = self._check(rule, now_s)
        check_registration(registration, self.profile)
        ffd = registration.ffd
        fields = write_registration(registration, self.profile, self.days_left(time_s))
        if reason:
            fields.append(reason_field(ffd, reason, changes))
        if self.registration is not None and ffd >= FFD_1_2:
            fields.append((1157, self.life_counters.encode(1157)))
        return self._report(rule, time_s, 0, fields, extra, registration)

    def _report(
        self,
        rule: Rule,
        time_s: int,
        shift: int,
        fields: Fields,
        extra: bytes,
        registration: Registration | None = None,
    ) -> Stored:
        """Write and keep a report. The register's fields win over the drive's own of the same tag, but not in
        a registration."""
        given = check_extra(extra)
        ffd = (registration or self._registered).ffd
        if registration is None:
            seal = self._seal
        elif given & {1209, *(tag for tag, _ in fields)}:
            raise DriveError(Refusal.BAD_REQUISITE)
        else:
            seal = Seal(self.serial, registration, self.profile.mark)
        rest = b"".join(field for tag, field in fields if tag not in given) + extra
        if 1209 not in given:
            rest += byte(1209, ffd)
        if shift or rule.kind == CurrentDocument.DRIVE_CLOSING:
            rest = u32(1038, shift) + rest
        if seal.overhead + len(rest) > getattr(self.profile, rule.limit):
            raise DriveError(Refusal.TOO_LARGE)
        document = self.last_document + 1
        tlv, sign = seal.write(rule.form, document, time_s, rest)
        stored = Stored(document, rule.form, time_s, sign, tlv, shift, 0, 0, 0)
        self._turn(stored)
        self._append(stored)
        if self.on_record is not None:
            self.on_record(stored)
        return stored


__all__ = [
    "FFD_1_05",
    "FFD_1_2",
    "MEANINGS",
    "PROFILES",
    "Alarm",
    "Confirmation",
    "Counters",
    "CurrentDocument",
    "Drive",
    "DriveError",
    "DriveProfile",
    "Expiry",
    "Memory",
    "Mode",
    "Phase",
    "Reason",
    "Refusal",
    "Registration",
    "Status",
    "Stored",
    "Sums",
    "Unsent",
    "Usage",
    "read_stored",
    "read_sums",
]
