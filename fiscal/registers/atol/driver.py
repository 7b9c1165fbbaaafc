"""The driver of ATOL registers: the engine's tasks as conversations, over either transport.

It asks before it acts: the status says mode, shift and receipt, and a table says what must come first. It does
not leave a half-made receipt behind when it can help it (59h), and never guesses: once the closing command may
have reached the register, a lost line means *unknown*, and only the drive's own documents tell what happened
(`find`). Source: reference sheet, section 1.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from fiscal.engine.outcomes import (
    Attempt,
    Blame,
    ClockSet,
    Found,
    Outcome,
    Recorded,
    Refused,
    Seen,
    ShiftOpened,
    ShiftState,
    Unknown,
)
from fiscal.ffd.identity import marks_in
from fiscal.ffd.tlv import FfdError, decode_text, walk
from fiscal.receipt import Receipt
from fiscal.registers.atol import marking, relay, replacement, totals
from fiscal.registers.atol.commands import COMMANDS
from fiscal.registers.atol.errors import EXTENDED_BYTE, error, refusal
from fiscal.registers.atol.receipts import Facts, Unfit, requests_of
from fiscal.registers.atol.talk import RegisterError, Steps, Talk
from fiscal.registers.atol.talk_v2 import SessionTalk
from fiscal.registers.conversation import Conversation, LineLost, Settings, Unoffered
from fiscal.registers.totals import Own, Report, Turnovers, closed

__all__ = ["AtolDriver"]

_STATUS = COMMANDS[0x3F]
_STATE = COMMANDS[0x45]
_DEVICE = COMMANDS[0xA5]
_ENTER = COMMANDS[0x56]
_LEAVE = COMMANDS[0x48]
_ANNUL = COMMANDS[0x59]
_FINISH = COMMANDS[0xEE]
_OPEN_SHIFT = COMMANDS[0x9A]
_CLOSE_SHIFT = COMMANDS[0x5A]
_REPORT = COMMANDS[0x67]
_SET_TIME = COMMANDS[0x4B]
_SET_DATE = COMMANDS[0x64]
_SHIFT = COMMANDS[0x9112]
_SERIAL = COMMANDS[0x9116]
_LAST = COMMANDS[0x9134]
_LAST_ERROR = COMMANDS[0x9137]
_READ_ATTRIBUTE = COMMANDS[0xE9]
_DRIVE_SHIFT = COMMANDS[0xA410]
_EXCHANGE = COMMANDS[0xA420]
_VALIDITY = COMMANDS[0xA432]
_DRIVE_STATUS = COMMANDS[0xA430]
_DRIVE_NUMBER = COMMANDS[0xA431]
_FIND = COMMANDS[0xA440]
_OPEN_DOCUMENT = COMMANDS[0xA445]
_NEXT_BLOCK = COMMANDS[0xA446]

_TALKS: dict[str, type[Talk] | type[SessionTalk]] = {"v3": Talk, "v2": SessionTalk}

REGISTRATION_MODE, REPORTS_MODE, CLEARING_MODE = 1, 2, 3
SHIFT_OPEN, PAPER, COVER_OPEN = 0x02, 0x08, 0x20
"""Flags of the status."""

FISCAL = 3
CONNECTED, AWAITING = 0x01, 0x04
"""Flags of the exchange with the operator."""

_CLOSES_RECEIPT = 0x4A
_RECEIPT_RECORDS = frozenset((_CLOSES_RECEIPT,))
_RECEIPT_FORMS = frozenset((3, 4))
_CORRECTION_FORMS = frozenset((31, 41))
_NO_DATA = 0xDA
_UNFINISHED = 0x76
_NO_PAPER = 0x67
_WRONG_MODE = 0x66
_EXPIRED = 0x88
_SHIFT_IS_OPEN = 0x9C
_CLOSED_OF_SHIFT = 0x8F
_CHECKS = 40
_BUSY_LIMIT_US = 60_000_000
_REPORT_LIMIT_US = 2_400_000_000
_FIND_LIMIT = 200
_BLOCK_LIMIT = 4000

_ALL = b"\0\0"
_X_REPORT = 1
"""Type of a report without clearing."""

_Talk = Talk | SessionTalk


class AtolDriver(Unoffered):
    """Drives one register. Between conversations it remembers facts only: number of the drive, model, registration,
    and where the count of packets is."""

    def __init__(self, settings: Settings | None = None, facts: Facts | None = None) -> None:
        self._settings = settings or Settings()
        self._facts = facts or Facts()
        self._talk = _TALKS[self._facts.transport]
        self._number = 0
        self._drive = ""
        self._model = ""
        self._serial = ""
        self._rnm = ""
        self._valid_until = "", 0

    # ---- tasks ------------------------------------------------------------------------------------------------------------------

    def fiscalize(self, receipt: Receipt, mark: str) -> Conversation:
        """Make the fiscal document of a receipt. `Recorded`, `Refused` or `Unknown`."""
        talk = self._talk(self._settings, self._number)
        return self._run(talk, self._fiscalize(talk, receipt, mark), _RECEIPT_RECORDS)

    def find(self, receipt: Receipt, attempt: Attempt) -> Conversation:
        """Did an attempt make a document? `Found`, or `Refused`/`Unknown` when the register cannot tell now."""
        talk = self._talk(self._settings, self._number)
        return self._run(talk, self._find(talk, receipt, attempt), frozenset())

    def open_shift(self) -> Conversation:
        talk = self._talk(self._settings, self._number)
        return self._run(talk, self._open_shift(talk), frozenset((0x9A,)))

    def close_shift(self) -> Conversation:
        """The Z report; the conversation ends when the register is ready again."""
        talk = self._talk(self._settings, self._number)
        return self._run(talk, self._close_shift(talk), frozenset((0x5A,)))

    def find_report(self) -> Conversation:
        """The newest Z-report of the drive, whoever had it made. `ShiftClosed`, or `Refused` when there is none among the last few."""
        talk = self._talk(self._settings, self._number)
        return self._run(talk, self._find_report(talk), frozenset())

    def probe(self) -> Conversation:
        talk = self._talk(self._settings, self._number)
        return self._run(talk, self._probe(talk), frozenset())

    def set_clock(self, time_s: int) -> Conversation:
        """Set date and time; the register allows it with the shift closed."""
        talk = self._talk(self._settings, self._number)
        return self._run(talk, self._set_clock(talk, time_s), frozenset())

    def read_totals(self, paper: bool) -> Conversation:
        """The X-report; ``paper``: printed, too. `ShiftTotals`, or why not."""
        talk = self._talk(self._settings, self._number)
        return self._run(talk, self._totals(talk, paper), frozenset())

    def read_message(self) -> Conversation:
        """What the drive has for the operator."""
        talk = self._talk(self._settings, self._number)
        return self._run(talk, relay.read_message(talk), frozenset())

    def write_answer(self, answer: bytes) -> Conversation:
        """Put the operator's answer into the drive."""
        talk = self._talk(self._settings, self._number)
        return self._run(talk, relay.write_answer(talk, answer), frozenset())

    def close_drive(self) -> Conversation:
        """End the drive's life."""
        talk = self._talk(self._settings, self._number)
        return self._run(talk, self._when_idle(talk, replacement.close_drive), replacement.RECORDS)

    def register_drive(self) -> Conversation:
        """Register the register anew with the drive that was put in."""
        talk = self._talk(self._settings, self._number)
        return self._run(talk, self._when_idle(talk, replacement.register_drive), replacement.RECORDS)

    # ---- the frame around every task --------------------------------------------------------------------------------------------

    def _run(self, talk: _Talk, task: Generator[Any, Any, Outcome], records: frozenset[int]) -> Conversation:
        try:
            outcome = yield from task
        except LineLost as lost:
            self._forget()
            self._number = talk.number
            if talk.sent in records:
                return Unknown(str(lost) or "the line was lost")
            return Refused(
                "line", str(lost) or "the line was lost", Blame.LINE, "check cable, power and port"
            )
        except RegisterError as refused:
            outcome = refusal(refused.code)
        try:
            yield from talk.confirm()
        except LineLost:
            self._forget()
        self._number = talk.number
        return outcome

    def _forget(self) -> None:
        """Who answers next may be another register."""
        self._drive = self._model = self._serial = self._rnm = ""

    # ---- receipts ---------------------------------------------------------------------------------------------------------------

    def _fiscalize(self, talk: _Talk, receipt: Receipt, mark: str) -> Generator[Any, Any, Outcome]:
        try:
            requests = requests_of(receipt, mark, self._facts)
        except Unfit as unfit:
            return Refused("driver:fit", str(unfit), Blame.RECEIPT, "correct the receipt and submit it again")
        status = yield from talk.ask(_STATUS)
        stop = yield from self._get_ready(talk, status, paper=not receipt.electronic and self._facts.prints)
        if stop is not None:
            return stop
        if not self._drive:
            self._drive = (yield from talk.ask(_DRIVE_NUMBER))[0]
        command = _STATUS
        try:
            command, body = requests[0]
            try:
                yield from talk.send(command, body)
            except RegisterError as refused:
                if refused.code != _UNFINISHED:
                    raise
                yield from talk.ask(_FINISH)  # the paper of the document before
                yield from talk.send(command, body)
            stop = yield from marking.check_all(talk, receipt, self._facts.ffd, self._facts.marking)
            if stop is not None:
                yield from self._tidy(talk)
                return stop
            for command, body in requests[1:]:
                yield from talk.send(command, body)
        except RegisterError as refused:
            extended = 0
            if refused.code == EXTENDED_BYTE:
                extended = yield from self._extended(talk)
            known = error(refused.code, extended)
            if command.code == _CLOSES_RECEIPT and (not known.certain or talk.repeated):
                return Unknown(f"error {refused.code:02X}h on closing: {known.meaning}")
            yield from self._tidy(talk)
            return refusal(refused.code, extended)
        try:
            document, moment, sign = yield from talk.ask(_LAST, _ALL)
        except (RegisterError, LineLost):
            return Unknown("closed, but the number of the document could not be read")
        return Recorded(document, sign, moment, self._drive)

    def _get_ready(
        self, talk: _Talk, status: list[Any], *, paper: bool, shift: bool = True
    ) -> Generator[Any, Any, Refused | None]:
        """Bring the register where a receipt can begin. ``None`` when it is there."""
        for _ in range(_CHECKS):
            flags, mode, kind = status[4], status[8], status[11]
            if mode == REGISTRATION_MODE and not kind and (flags & SHIFT_OPEN or not shift):
                return refusal(_NO_PAPER) if paper and not flags & PAPER else None
            if mode >> 4:  # a report is being printed
                waited = yield from self._wait(talk, _BUSY_LIMIT_US)
                if waited is not None:
                    return waited
            elif kind:
                yield from talk.ask(_ANNUL)
            elif mode != REGISTRATION_MODE:
                yield from self._enter(talk, mode, REGISTRATION_MODE)
            else:
                yield from self._begin_shift(talk)
            status = yield from talk.ask(_STATUS)
        return refusal(_UNFINISHED)

    def _enter(self, talk: _Talk, current: int, mode: int) -> Steps:
        if current:
            yield from talk.ask(_LEAVE)
        yield from talk.ask(_ENTER, mode, self._settings.password)

    def _wait(self, talk: _Talk, limit_us: int) -> Generator[Any, Any, Refused | None]:
        """Poll while a report is printed. ``None`` when it is done."""
        pause_us, waited_us = 250_000, 0
        while True:
            yield from talk.pause(pause_us)
            waited_us += pause_us
            if not (yield from talk.ask(_STATE))[0] >> 4:
                return None
            if waited_us >= limit_us:
                return refusal(_UNFINISHED)
            pause_us = min(pause_us + pause_us // 2, 500_000 if limit_us <= _BUSY_LIMIT_US else 5_000_000)

    def _tidy(self, talk: _Talk) -> Steps:
        """Drop what is half made. What cannot be dropped now is dropped before the next receipt."""
        try:
            yield from talk.ask(_ANNUL)
        except RegisterError:
            pass
        except LineLost:
            talk.sent = 0

    def _extended(self, talk: _Talk) -> Generator[Any, Any, int]:
        try:
            word: int = (yield from talk.ask(_LAST_ERROR, _ALL))[1]
        except (RegisterError, LineLost):
            return 0
        return word

    # ---- shifts -----------------------------------------------------------------------------------------------------------------

    def _begin_shift(self, talk: _Talk) -> Steps:
        try:
            yield from talk.ask(_OPEN_SHIFT, 0, "")
        except RegisterError as refused:
            if refused.code != _UNFINISHED:
                raise
            yield from talk.ask(_FINISH)
            yield from talk.ask(_OPEN_SHIFT, 0, "")

    def _open_shift(self, talk: _Talk) -> Generator[Any, Any, Outcome]:
        status = yield from talk.ask(_STATUS)
        if status[4] & SHIFT_OPEN:
            if (yield from talk.ask(_SHIFT, b"\0\1"))[0] == 2:
                return refusal(_EXPIRED)
        else:
            stop = yield from self._get_ready(talk, status, paper=False, shift=False)
            if stop is not None:
                return stop
            try:
                yield from self._begin_shift(talk)
            except RegisterError as refused:
                if not error(refused.code).certain:
                    return Unknown(
                        f"error {refused.code:02X}h on opening the shift: {error(refused.code).meaning}"
                    )
                raise
        found = yield from self._last_of(talk, 2)
        return refusal(_CLOSED_OF_SHIFT) if found is None else ShiftOpened(found.shift, found.document)

    def _close_shift(self, talk: _Talk) -> Generator[Any, Any, Outcome]:
        status = yield from talk.ask(_STATUS)
        was_open, receipts = bool(status[4] & SHIFT_OPEN), 0
        counted: Turnovers | None = None  # a report that was made before leaves no totals to read
        own = Own()
        if was_open:
            if status[8] >> 4:
                waited = yield from self._wait(talk, _REPORT_LIMIT_US)
                if waited is not None:
                    return waited
            if status[11]:
                yield from talk.ask(_ANNUL)
            receipts = (yield from talk.ask(_DRIVE_SHIFT))[2]
            with suppress(RegisterError):  # a register that will not tell closes its shift all the same
                counted = yield from totals.of_shift(talk, receipts)
                own = yield from totals.of_register(talk)
            yield from self._enter(talk, status[8] & 0x0F, CLEARING_MODE)
            try:
                yield from talk.ask(_CLOSE_SHIFT)
            except RegisterError as refused:
                if not error(refused.code).certain:
                    return Unknown(
                        f"error {refused.code:02X}h on closing the shift: {error(refused.code).meaning}"
                    )
                yield from talk.ask(_LEAVE)
                raise
        try:
            waited = yield from self._wait_done(talk)
            if waited is not None:
                return Unknown(f"the shift report was taken, then: {waited.meaning}")
            found = yield from self._last_of(talk, 5)
        except LineLost as lost:
            if not was_open:
                raise
            self._forget()
            return Unknown(f"the shift report was taken, then: {lost}")
        if found is None:
            return refusal(_UNFINISHED if was_open else _CLOSED_OF_SHIFT)
        first = 0
        if counted is not None:
            with suppress(LineLost):  # the report is made, whatever becomes of the line now
                first = yield from totals.first_of_shift(talk, found.shift, found.document, receipts)
        return closed(found, self._drive, receipts, counted, own, first)

    def _find_report(self, talk: _Talk) -> Generator[Any, Any, Outcome]:
        """With the shift closed the running totals still are those of the report."""
        waited = yield from self._wait_done(talk)
        if waited is not None:
            return waited
        status = yield from talk.ask(_STATUS)
        found = yield from self._last_of(talk, 5)
        if found is None:
            return refusal(_CLOSED_OF_SHIFT)
        own = Own()
        if not status[4] & SHIFT_OPEN:
            with suppress(RegisterError):
                own = yield from totals.of_register(talk)
        return closed(found, self._drive, 0, None, own, 0)

    def _totals(self, talk: _Talk, paper: bool) -> Generator[Any, Any, Outcome]:
        """The X-report. Paper first: a register that cannot print says so before anything is read."""
        if paper:
            stop = yield from self._wait_done(talk)
            if stop is not None:
                return stop
            status = yield from talk.ask(_STATUS)
            if status[11]:
                yield from talk.ask(_ANNUL)
            yield from self._enter(talk, status[8] & 0x0F, REPORTS_MODE)
            yield from talk.ask(_REPORT, _X_REPORT)
            stop = yield from self._wait_done(talk)
            if stop is not None:
                return stop
        return (yield from totals.read(talk))

    def _when_idle(
        self, talk: _Talk, task: Callable[[_Talk, replacement.Enter], Generator[Any, Any, Outcome]]
    ) -> Generator[Any, Any, Outcome]:
        """From mode 0: attributes that are written there belong to no receipt."""
        stop = yield from self._wait_done(talk)
        if stop is not None:
            return stop
        status = yield from talk.ask(_STATUS)
        if status[11]:
            yield from talk.ask(_ANNUL)
        if status[8]:
            yield from talk.ask(_LEAVE)
        return (yield from task(talk, lambda mode: self._enter(talk, 0, mode)))

    def _wait_done(self, talk: _Talk) -> Generator[Any, Any, Refused | None]:
        """Until no report is printed any more."""
        mode = (yield from talk.ask(_STATE))[0]
        if mode >> 4:
            stop: Refused | None = yield from self._wait(talk, _REPORT_LIMIT_US)
            return stop
        return None

    def _last_of(self, talk: _Talk, form: int) -> Generator[Any, Any, Report | None]:
        """The newest document of a form, looked for among the last few."""
        status = yield from talk.ask(_DRIVE_STATUS)
        self._drive, last = status[6], status[7]
        shift = (yield from talk.ask(_DRIVE_SHIFT))[1]
        for document in range(last, max(0, last - 5), -1):
            try:
                found_form, _, record = yield from talk.ask(_FIND, document)
            except RegisterError as refused:
                if refused.code == _NO_DATA:
                    return None
                raise
            if found_form == form:
                tail = record[13:15]
                number = int.from_bytes(tail, "little") if len(tail) == 2 else shift
                return Report(document, number, _moment(record[:5]), int.from_bytes(record[9:13], "little"))
        return None

    # ---- what happened? ---------------------------------------------------------------------------------------------------------

    def _find(self, talk: _Talk, receipt: Receipt, attempt: Attempt) -> Generator[Any, Any, Outcome]:
        drive = yield from talk.ask(_DRIVE_STATUS)
        self._drive, last = drive[6], drive[7]
        if last == attempt.last_document:
            return Found(None, last)
        if last < attempt.last_document:
            return Unknown(
                f"the drive {self._drive} has {last} documents, fewer than before; was it replaced?"
            )
        first = attempt.last_document + 1
        if last - first >= _FIND_LIMIT:
            return Unknown(f"more than {_FIND_LIMIT} documents were made since")
        forms = _CORRECTION_FORMS if receipt.correction is not None else _RECEIPT_FORMS
        for document in range(first, last + 1):
            try:
                form, _, record = yield from talk.ask(_FIND, document)
            except RegisterError as refused:
                return Unknown(f"document {document} cannot be read: {error(refused.code).meaning}")
            if form not in forms or record[13:14] != bytes((receipt.type,)):
                continue
            if int.from_bytes(record[14:19], "little") != receipt.total_kop:
                continue
            try:
                marks = yield from self._marks(talk, document)
            except FfdError:
                return Unknown(f"document {document} cannot be read")
            if attempt.mark in marks:
                moment = _moment(record[:5])
                sign = int.from_bytes(record[9:13], "little")
                return Found(Recorded(document, sign, moment, self._drive), last)
        return Found(None, last)

    def _marks(self, talk: _Talk, document: int) -> Generator[Any, Any, list[str]]:
        yield from talk.ask(_OPEN_DOCUMENT, document)
        parts = []
        for _ in range(_BLOCK_LIMIT):
            try:
                (data,) = yield from talk.ask(_NEXT_BLOCK)
            except RegisterError as refused:
                if refused.code == _NO_DATA:
                    break
                raise
            if not data:
                break
            parts.append(data)
        return marks_in(walk(b"".join(parts)))

    # ---- self test and clock ----------------------------------------------------------------------------------------------------

    def _probe(self, talk: _Talk) -> Generator[Any, Any, Outcome]:
        if not self._model:
            self._model = (yield from talk.ask(_DEVICE))[8]
        status = yield from talk.ask(_STATUS)
        phase, _, _, open_, warnings, _, drive, last = yield from talk.ask(_DRIVE_STATUS)
        self._drive = drive
        if not self._serial:
            self._serial = str((yield from talk.ask(_SERIAL, _ALL))[0]).zfill(14)
        if not self._rnm:
            self._rnm = yield from self._registration(talk)
        flags, _, queue, first, since_s = yield from talk.ask(_EXCHANGE)
        if self._valid_until[0] != drive:
            until_s = _seconds((*(yield from talk.ask(_VALIDITY))[0], 0, 0, 0)) if phase == FISCAL else 0
            self._valid_until = drive, until_s
        number = (yield from talk.ask(_DRIVE_SHIFT))[1]
        state = ShiftState.OPEN if open_ else ShiftState.CLOSED
        if open_ and (yield from talk.ask(_SHIFT, b"\0\1"))[0] == 2:
            state = ShiftState.EXPIRED
        return Seen(
            shift=state,
            shift_number=number,
            last_document=last,
            drive=drive,
            phase=phase,
            flags=warnings,
            unsent=queue,
            first_unsent=first if queue else 0,
            paper=bool(status[4] & PAPER),
            time_s=_seconds((*status[2], *status[3])),
            model=self._model,
            serial=self._serial,
            registration=self._rnm,
            connected=bool(flags & CONNECTED),
            awaiting=first if queue and flags & AWAITING else 0,
            unsent_since_s=since_s if queue else 0,
            valid_until_s=self._valid_until[1],
            cover_closed=not status[4] & COVER_OPEN,
        )

    def _registration(self, talk: _Talk) -> Generator[Any, Any, str]:
        try:
            tlv = (yield from talk.ask(_READ_ATTRIBUTE, 1037, 0))[1]
            return decode_text(walk(tlv)[0][1]).strip()
        except (RegisterError, FfdError, IndexError):
            return ""

    def _set_clock(self, talk: _Talk, time_s: int) -> Generator[Any, Any, Outcome]:
        status = yield from talk.ask(_STATUS)
        if status[4] & SHIFT_OPEN:
            return Refused(
                f"atol:{_SHIFT_IS_OPEN:02X}",
                "the clock is set with the shift closed only",
                Blame.REGISTER,
                "close the shift",
            )
        stop = yield from self._get_ready(talk, status, paper=False, shift=False)
        if stop is not None:
            return stop
        at = datetime.fromtimestamp(time_s, UTC)
        if status[2] != (at.year % 100, at.month, at.day):
            yield from talk.ask(_SET_DATE, (at.day, at.month, at.year % 100))
        yield from talk.ask(_SET_TIME, (at.hour, at.minute, at.second))
        return ClockSet(time_s)


def _seconds(parts: tuple[int, int, int, int, int, int]) -> int:
    """Seconds since 1970 as if it were UTC; 0 when the digits are no date."""
    year, month, day, hour, minute, second = parts
    try:
        return int(datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
    except ValueError:
        return 0


def _moment(data: bytes) -> int:
    return _seconds((data[0], data[1], data[2], data[3], data[4], 0))
