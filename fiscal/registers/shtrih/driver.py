"""The driver of Shtrih-M registers: the engine's tasks as conversations.

It asks before it acts: mode and submode decide by a table what must come first. It never leaves a half-made receipt behind when it
can help it (88h), and never guesses: once the closing command may have reached the register, a lost line means *unknown*, and only the
drive's own documents tell what happened (`find`). Source: reference sheet, sections 1 to 3.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

from fiscal.engine.outcomes import (
    Attempt,
    Blame,
    ClockSet,
    Outcome,
    Recorded,
    Refused,
    Seen,
    ShiftOpened,
    ShiftState,
    Unknown,
)
from fiscal.receipt import Receipt
from fiscal.registers.conversation import Conversation, LineLost, Settings, Unoffered
from fiscal.registers.shtrih import documents, marking, relay, replacement, totals
from fiscal.registers.shtrih.clock import date_and_time, day_s, seconds
from fiscal.registers.shtrih.commands import COMMANDS
from fiscal.registers.shtrih.errors import error, refusal
from fiscal.registers.shtrih.receipts import Facts, Unfit, frames_of
from fiscal.registers.shtrih.talk import AnyTalk, RegisterError, Steps
from fiscal.registers.shtrih.transports import TALKS, Protocol
from fiscal.registers.totals import Own, Report, Turnovers, closed

__all__ = ["MODE_STEPS", "SUBMODE_STEPS", "ShtrihDriver"]

_STATUS = COMMANDS[0x10]
_FULL_STATUS = COMMANDS[0x11]
_METRICS = COMMANDS[0xFC]
_CANCEL = COMMANDS[0x88]
_CONTINUE = COMMANDS[0xB0]
_OPEN_SHIFT = COMMANDS[0xE0]
_Z_REPORT = COMMANDS[0x41]
_WRITE_TABLE = COMMANDS[0x1E]
_X_REPORT = COMMANDS[0x40]
_SET_TIME = COMMANDS[0x21]
_SET_DATE = COMMANDS[0x22]
_CONFIRM_DATE = COMMANDS[0x23]
_DRIVE_STATUS = COMMANDS[0xFF01]
_CANCEL_DOCUMENT = COMMANDS[0xFF08]
_REGISTRATION = COMMANDS[0xFF09]
_EXCHANGE = COMMANDS[0xFF39]
_EXPIRY = COMMANDS[0xFF03]

GO, WAIT, OPEN, CANCEL, CONTINUE, DRAIN, EXPIRED, PAPER, REFUSE = (
    "go",
    "wait",
    "open the shift",
    "cancel the document",
    "continue printing",
    "read the output to its end",
    "shift expired",
    "no paper",
    "refuse",
)

SUBMODE_STEPS: dict[int, str] = {0: GO, 1: PAPER, 2: PAPER, 3: CONTINUE, 4: WAIT, 5: WAIT}
"""What the submode demands before anything else."""

MODE_STEPS: dict[int, str] = {1: DRAIN, 2: GO, 3: EXPIRED, 4: OPEN, 8: CANCEL}
"""What the mode demands before a receipt; a mode without a row refuses."""

_OPENS_RECEIPT = 0x8D
_RECEIPT_RECORDS = frozenset((0xFF45, 0xFF4A))
_CHECKS = 40
_BUSY_LIMIT_US = 60_000_000
_REPORT_LIMIT_US = 2_400_000_000

FISCAL = 3
CONNECTED, AWAITING = 0x01, 0x04
"""Flags of the exchange with the operator."""

_PRINTING = (17, 1, 7)  # table, row, field: 0 print, 1 skip one document, 2 never print


class ShtrihDriver(Unoffered):
    """Drives one register over one transport: ``v1``, ``v2`` or ``plain``, as the register is set up.

    Between conversations it remembers facts only: number of the drive, model, registration.
    """

    def __init__(
        self, settings: Settings | None = None, facts: Facts | None = None, *, protocol: Protocol = "v1"
    ) -> None:
        self._talk = TALKS[protocol]
        self._settings = settings or Settings()
        self._facts = facts or Facts()
        self._drive = ""
        self._model = ""
        self._rnm = ""
        self._valid_until = "", 0

    # ---- tasks ------------------------------------------------------------------------------------------------------------------

    def fiscalize(self, receipt: Receipt, mark: str) -> Conversation:
        """Make the fiscal document of a receipt. `Recorded`, `Refused` or `Unknown`."""
        talk = self._talk(self._settings)
        return self._run(talk, self._fiscalize(talk, receipt, mark), _RECEIPT_RECORDS)

    def find(self, receipt: Receipt, attempt: Attempt) -> Conversation:
        """Did an attempt make a document? `Found`, or `Refused`/`Unknown` when the register cannot tell now."""
        talk = self._talk(self._settings)
        return self._run(talk, self._find(talk, receipt, attempt), frozenset())

    def open_shift(self) -> Conversation:
        talk = self._talk(self._settings)
        return self._run(talk, self._open_shift(talk), frozenset((0xE0,)))

    def close_shift(self) -> Conversation:
        """The Z report; the conversation ends when the register is ready again."""
        talk = self._talk(self._settings)
        return self._run(talk, self._close_shift(talk), frozenset((0x41,)))

    def find_report(self) -> Conversation:
        """The newest Z-report of the drive, whoever had it made. `ShiftClosed`, or `Refused` when there is none among the last few."""
        talk = self._talk(self._settings)
        return self._run(talk, self._find_report(talk), frozenset())

    def probe(self) -> Conversation:
        talk = self._talk(self._settings)
        return self._run(talk, self._probe(talk), frozenset())

    def set_clock(self, time_s: int) -> Conversation:
        """Set date and time; the register allows it with the shift closed."""
        talk = self._talk(self._settings)
        return self._run(talk, self._set_clock(talk, time_s), frozenset())

    def read_totals(self, paper: bool) -> Conversation:
        """The X-report; ``paper``: printed, too. `ShiftTotals`, or why not."""
        talk = self._talk(self._settings)
        return self._run(talk, self._totals(talk, paper), frozenset())

    def read_message(self) -> Conversation:
        """What the drive has for the operator."""
        talk = self._talk(self._settings)
        return self._run(talk, relay.read_message(talk), frozenset())

    def write_answer(self, answer: bytes) -> Conversation:
        """Put the operator's answer into the drive."""
        talk = self._talk(self._settings)
        return self._run(talk, relay.write_answer(talk, answer), frozenset())

    def close_drive(self) -> Conversation:
        """End the drive's life."""
        talk = self._talk(self._settings)
        return self._run(talk, self._when_idle(talk, replacement.close_drive), replacement.RECORDS)

    def register_drive(self) -> Conversation:
        """Register the register anew with the drive that was put in."""
        talk = self._talk(self._settings)
        return self._run(talk, self._when_idle(talk, replacement.register_drive), replacement.RECORDS)

    # ---- the frame around every task --------------------------------------------------------------------------------------------

    def _run(
        self, talk: AnyTalk, task: Generator[Any, Any, Outcome], records: frozenset[int]
    ) -> Conversation:
        try:
            outcome = yield from task
        except LineLost as lost:
            self._drive = self._model = self._rnm = ""  # who answers next may be another register
            if talk.sent in records:
                return Unknown(str(lost) or "the line was lost")
            return Refused(
                "line", str(lost) or "the line was lost", Blame.LINE, "check cable, power and port"
            )
        except RegisterError as refused:
            outcome = _refused(refused)
        try:
            yield from talk.confirm()
        except LineLost:
            self._drive = self._model = self._rnm = ""
        return outcome

    # ---- receipts ---------------------------------------------------------------------------------------------------------------

    def _fiscalize(self, talk: AnyTalk, receipt: Receipt, mark: str) -> Generator[Any, Any, Outcome]:
        facts = self._facts
        try:
            frames = frames_of(talk, receipt, mark, facts)
        except Unfit as unfit:
            return Refused("driver:fit", str(unfit), Blame.RECEIPT, "correct the receipt and submit it again")
        status = yield from talk.ask(_STATUS)
        if status[2] != 2 or status[3]:
            stop = yield from self._get_ready(talk, status)
            if stop is not None:
                return stop
        if not self._drive:
            self._drive = (yield from talk.ask(_DRIVE_STATUS))[6]
        if receipt.electronic is facts.prints and not facts.prints_all:
            yield from self._write(talk, _PRINTING, 1 if receipt.electronic else 0)
        answer: list[Any] = []
        command = _STATUS
        try:
            for command, frame in frames:
                answer = yield from talk.send(command, frame)
                if command.code == _OPENS_RECEIPT:
                    stop = yield from marking.check_all(talk, receipt, facts.ffd, facts.marking)
                    if stop is not None:
                        yield from self._tidy(talk, _OPENS_RECEIPT)
                        return stop
        except RegisterError as refused:
            if refused.command.code in _RECEIPT_RECORDS and (
                not error(refused.code).certain or talk.repeated
            ):
                return Unknown(f"error {refused.code:02X}h on closing: {error(refused.code).meaning}")
            yield from self._tidy(talk, refused.command.code)
            return _refused(refused)
        _, document, sign, moment = answer
        if moment is None:
            try:
                moment = (yield from documents.document(talk, document))[2]
            except (RegisterError, LineLost):
                return Unknown(f"recorded as document {document}, but its time could not be read")
        if not receipt.electronic and not facts.prints:
            # If this fails a receipt too many is printed, until the next shift opening sets it.
            with suppress(RegisterError, LineLost):
                yield from self._write(talk, _PRINTING, 2)
        return Recorded(document, sign, moment, self._drive)

    def _get_ready(self, talk: AnyTalk, status: list[Any]) -> Generator[Any, Any, Refused | None]:
        """Bring the register where a receipt can begin. ``None`` when it is there."""
        for _ in range(_CHECKS):
            mode, submode = status[2] & 0x0F, status[3]
            step = SUBMODE_STEPS.get(submode, REFUSE)
            if step is GO:
                step = MODE_STEPS.get(mode, REFUSE)
                if step is GO:
                    return None
            if step is WAIT:
                waited = yield from self._wait(talk, _BUSY_LIMIT_US)
                if waited is not None:
                    return waited
            elif step is CONTINUE:
                yield from talk.ask(_CONTINUE)
            elif step is OPEN:
                yield from self._begin_shift(talk)
            elif step is CANCEL:
                yield from talk.ask(_CANCEL)
            elif step is DRAIN:
                yield from documents.blocks(talk)
            elif step is EXPIRED:
                return refusal(0x4E)
            elif step is PAPER:
                return refusal(0x6B)
            else:
                return Refused(
                    f"shtrih:mode{mode}.{submode}",
                    f"the register is in mode {mode}, submode {submode}",
                    Blame.REGISTER,
                    "look at the register; it needs a person",
                )
            status = yield from talk.ask(_STATUS)
        return refusal(0x72)

    def _wait(self, talk: AnyTalk, limit_us: int) -> Generator[Any, Any, Refused | None]:
        """Poll while the register prints. ``None`` when it is done (or needs something else)."""
        pause_us = 250_000
        waited_us = 0
        while True:
            yield from talk.pause(pause_us)
            waited_us += pause_us
            status = yield from talk.ask(_STATUS)
            if SUBMODE_STEPS.get(status[3], REFUSE) is not WAIT:
                return None
            if waited_us >= limit_us:
                return refusal(0x50)
            pause_us = min(pause_us + pause_us // 2, 500_000 if limit_us <= _BUSY_LIMIT_US else 5_000_000)

    def _tidy(self, talk: AnyTalk, code: int) -> Steps:
        """Cancel what is half made. What cannot be cancelled now is cancelled before the next receipt."""
        try:
            yield from talk.ask(_CANCEL_DOCUMENT if code in (0xFF35, 0xFF4A) else _CANCEL)
        except RegisterError:
            pass
        except LineLost:
            talk.sent = 0

    def _write(self, talk: AnyTalk, place: tuple[int, int, int], value: int) -> Steps:
        yield from talk.ask(_WRITE_TABLE, *place, bytes((value,)))

    # ---- shifts -----------------------------------------------------------------------------------------------------------------

    def _begin_shift(self, talk: AnyTalk) -> Steps:
        yield from self._write(talk, _PRINTING, 0 if self._facts.prints else 2)
        yield from talk.ask(_OPEN_SHIFT)

    def _open_shift(self, talk: AnyTalk) -> Generator[Any, Any, Outcome]:
        status = yield from self._idle(talk, _BUSY_LIMIT_US)
        if isinstance(status, Refused):
            return status
        mode = status[2] & 0x0F
        if mode == 4:
            yield from self._begin_shift(talk)
        elif mode not in (2, 8):
            return refusal(0x4E if mode == 3 else 0x73)
        found = yield from self._last_of(talk, 2)
        if found is None:
            return refusal(0x3C)
        return ShiftOpened(found.shift, found.document)

    def _close_shift(self, talk: AnyTalk) -> Generator[Any, Any, Outcome]:
        status = yield from self._idle(talk, _BUSY_LIMIT_US)
        if isinstance(status, Refused):
            return status
        mode = status[2] & 0x0F
        counted: Turnovers | None = None  # a report that was made before leaves no totals to read
        own = Own()
        if mode == 8:
            yield from talk.ask(_CANCEL)
            status = yield from self._idle(talk, _BUSY_LIMIT_US)
            if isinstance(status, Refused):
                return status
            mode = status[2] & 0x0F
        if mode in (2, 3):
            with suppress(RegisterError):  # a register that will not tell closes its shift all the same
                counted = yield from totals.of_shift(talk)
                own = yield from totals.of_register(talk)
            yield from talk.ask(_Z_REPORT)
            status = yield from self._idle(talk, _REPORT_LIMIT_US)
            if isinstance(status, Refused) and status.code != "shtrih:6B":
                return Unknown(f"the shift report was taken, then: {status.meaning}")
        elif mode != 4:
            return refusal(0x73)
        found = yield from self._last_of(talk, 5)
        if found is None:
            return refusal(0x3D)
        receipts = 0 if counted is None else sum(one.count for one in counted)
        first = 0
        if counted is not None:
            with suppress(LineLost):  # the report is made, whatever becomes of the line now
                first = yield from totals.first_of_shift(talk, found.shift, found.document, receipts)
        return closed(found, self._drive, receipts, counted, own, first)

    def _find_report(self, talk: AnyTalk) -> Generator[Any, Any, Outcome]:
        """With the shift closed the running totals still are those of the report."""
        status = yield from self._idle(talk, _BUSY_LIMIT_US)
        if isinstance(status, Refused):
            return status
        found = yield from self._last_of(talk, 5)
        if found is None:
            return refusal(0x3D)
        own = Own()
        if status[2] & 0x0F == 4:
            with suppress(RegisterError):
                own = yield from totals.of_register(talk)
        return closed(found, self._drive, 0, None, own, 0)

    def _totals(self, talk: AnyTalk, paper: bool) -> Generator[Any, Any, Outcome]:
        """The X-report. Paper first: a register that cannot print says so before anything is read."""
        if paper:
            status = yield from self._idle(talk, _BUSY_LIMIT_US)
            if isinstance(status, Refused):
                return status
            if status[2] & 0x0F == 8:
                yield from talk.ask(_CANCEL)
            yield from talk.ask(_X_REPORT)
            status = yield from self._idle(talk, _BUSY_LIMIT_US)
            if isinstance(status, Refused):
                return status
        return (yield from totals.read(talk))

    def _idle(self, talk: AnyTalk, limit_us: int) -> Generator[Any, Any, list[Any] | Refused]:
        """The status once the register is not printing any more."""
        for _ in range(_CHECKS):
            status = yield from talk.ask(_STATUS)
            step = SUBMODE_STEPS.get(status[3], REFUSE)
            if step is GO:
                if status[2] == 1:
                    yield from documents.blocks(talk)
                    continue
                return status  # type: ignore[no-any-return]
            if step is PAPER:
                return refusal(0x6B)
            if step is CONTINUE:
                yield from talk.ask(_CONTINUE)
                continue
            waited = yield from self._wait(talk, limit_us)
            if waited is not None:
                return waited
        return refusal(0x72)

    def _when_idle(
        self, talk: AnyTalk, task: Callable[[AnyTalk], Generator[Any, Any, Outcome]]
    ) -> Generator[Any, Any, Outcome]:
        status = yield from self._idle(talk, _REPORT_LIMIT_US)
        return status if isinstance(status, Refused) else (yield from task(talk))

    def _last_of(self, talk: AnyTalk, form: int) -> Generator[Any, Any, Report | None]:
        status = yield from talk.ask(_DRIVE_STATUS)
        self._drive = status[6]
        return (yield from documents.last_of(talk, form, status[7]))

    # ---- what happened? ---------------------------------------------------------------------------------------------------------

    def _find(self, talk: AnyTalk, receipt: Receipt, attempt: Attempt) -> Generator[Any, Any, Outcome]:
        status = yield from talk.ask(_STATUS)
        if status[2] == 1:
            yield from documents.blocks(talk)
        drive = yield from talk.ask(_DRIVE_STATUS)
        self._drive = drive[6]
        return (yield from documents.search(talk, receipt, attempt, self._drive, drive[7]))

    # ---- self test and clock ----------------------------------------------------------------------------------------------------

    def _probe(self, talk: AnyTalk) -> Generator[Any, Any, Outcome]:
        if not self._model:
            self._model = (yield from talk.ask(_METRICS))[6]
        full = dict(zip(_FULL_STATUS.reply.names, (yield from talk.ask(_FULL_STATUS)), strict=True))
        phase, _, _, shift_open, warnings, _, drive, last = yield from talk.ask(_DRIVE_STATUS)
        self._drive = drive
        if not self._rnm:
            try:
                self._rnm = (yield from talk.ask(_REGISTRATION))[2].strip()
            except RegisterError:
                self._rnm = ""
        flags, _, queue, first, since_s = yield from talk.ask(_EXCHANGE)
        if self._valid_until[0] != drive:
            self._valid_until = drive, day_s((yield from talk.ask(_EXPIRY))[0]) if phase == FISCAL else 0
        mode = full["mode"] & 0x0F
        state = ShiftState.OPEN if shift_open else ShiftState.CLOSED
        if mode == 3:
            state = ShiftState.EXPIRED
        closed: int = full["last_shift"]
        return Seen(
            shift=state,
            shift_number=closed + 1 if shift_open else closed,
            last_document=last,
            drive=drive,
            phase=phase,
            flags=warnings,
            unsent=queue,
            first_unsent=first if queue else 0,
            paper=bool(full["flags"] & 0x80),
            time_s=seconds(full["date"], full["time"]),
            model=self._model,
            serial=str(full["serial"]).zfill(8) if full["serial"] != 0xFFFFFFFF else "",
            registration=self._rnm,
            connected=bool(flags & CONNECTED),
            awaiting=first if queue and flags & AWAITING else 0,
            unsent_since_s=since_s if queue else 0,
            valid_until_s=self._valid_until[1],
            cover_closed=not full["flags"] & 0x0400,
        )

    def _set_clock(self, talk: AnyTalk, time_s: int) -> Generator[Any, Any, Outcome]:
        full = dict(zip(_FULL_STATUS.reply.names, (yield from talk.ask(_FULL_STATUS)), strict=True))
        mode = full["mode"] & 0x0F
        day, time = date_and_time(time_s)
        if mode not in (4, 6, 7, 9):
            return Refused(
                "shtrih:73", "the clock is set with the shift closed only", Blame.REGISTER, "close the shift"
            )
        if mode != 6 and full["date"] != day:
            yield from talk.ask(_SET_DATE, day)
            mode = 6
        if mode == 6:
            yield from talk.ask(_CONFIRM_DATE, day)
        yield from talk.ask(_SET_TIME, time)
        return ClockSet(time_s)


def _refused(refused: RegisterError) -> Refused:
    return refusal(refused.code)
