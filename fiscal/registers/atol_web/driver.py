"""The driver of ATOL registers behind a web server of JSON tasks: the engine's tasks as conversations in HTTP.

What makes a document is handed in under a uuid that follows from the receipt's mark, so that a lost answer is never a reason to make a
second one. A task that the server calls done is believed when its result is that of a receipt; what it only concluded from the drive's
count of documents is looked up by the mark, because a sale on a closed shift makes two. Before `find` says that nothing is there, the uuid
is used up, so that nothing late can still arrive. Source: reference sheet, sections 2.3 and 2.4.
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
    DriveClosed,
    DriveRegistered,
    Found,
    Outcome,
    Recorded,
    Refused,
    Seen,
    ShiftOpened,
    ShiftState,
    ShiftTotals,
    Turnover,
    Unknown,
)
from fiscal.ffd.identity import OWN_NAME
from fiscal.receipt import Receipt
from fiscal.registers.atol.errors import error, refusal
from fiscal.registers.atol.receipts import Facts, Unfit
from fiscal.registers.atol_web.errors import BLOCKS, CODES, LINK_LOST, MISSING, NOT_ASKED, TIMEOUT
from fiscal.registers.atol_web.receipts import task_of
from fiscal.registers.atol_web.talk import TaskError, WebTalk
from fiscal.registers.atol_web.words import FFDS, word_of
from fiscal.registers.conversation import Conversation, LineLost, Settings, Unoffered
from fiscal.registers.totals import Own, Report, Turnovers, closed

__all__ = ["AtolWebDriver"]

_LINKS = frozenset((1, LINK_LOST, 3, 4, 241, TIMEOUT))
"""Codes of the driver in the web server that mean: the register could not be asked."""
_BYTES = {code: byte for byte, code in reversed(CODES.items())}
"""Code of that driver -> the first error byte of the register that gives it."""
_WRONG_STATE = 0xD4
_EXPIRED, _SHIFT_IS_OPEN, _CLOSED_OF_SHIFT = 0x88, 0x9C, 0x8F
_FIND_LIMIT = 200
_NEAR = 20
_SHIFTS = {"closed": ShiftState.CLOSED, "opened": ShiftState.OPEN, "expired": ShiftState.EXPIRED}
_PHASES = {"init": 0, "configured": 1, "fiscalMode": 3, "postFiscalMode": 7, "accessArchive": 15}
_WARNINGS = {
    "needReplacement": 0x01,
    "resourceExhausted": 0x02,
    "memoryOverflow": 0x04,
    "ofdTimeout": 0x08,
    "criticalError": 0x80,
}
_KINDS = ("sell", "sellReturn", "buy", "buyReturn")
_FORMS = ("receipt", "bso"), ("receiptCorrection", "bsoCorrection")

Steps = Generator[Any, Any, Any]


class AtolWebDriver(Unoffered):
    """Drives one register. ``account``: the header by which the web server knows us, empty when it asks nobody. Between conversations
    it remembers who answers: model, serial number, registration."""

    def __init__(
        self, settings: Settings | None = None, facts: Facts | None = None, account: str = ""
    ) -> None:
        self._settings = settings or Settings()
        self._facts = facts or Facts()
        self._account = account
        self._about: tuple[str, dict[str, Any], str] | None = None  # drive and registrations, device, RNM

    # ---- tasks ------------------------------------------------------------------------------------------------------------------

    def fiscalize(self, receipt: Receipt, mark: str) -> Conversation:
        """Make the fiscal document of a receipt. `Recorded`, `Refused` or `Unknown`."""
        return self._run(lambda talk: self._fiscalize(talk, receipt, mark))

    def find(self, receipt: Receipt, attempt: Attempt) -> Conversation:
        """Did an attempt make a document? `Found`, or `Refused`/`Unknown` when nobody can tell now."""
        return self._run(lambda talk: self._find(talk, receipt, attempt))

    def open_shift(self) -> Conversation:
        return self._run(self._open_shift)

    def close_shift(self) -> Conversation:
        """The Z-report; the conversation ends when the register is ready again."""
        return self._run(self._close_shift)

    def find_report(self) -> Conversation:
        """The last Z-report, made while nobody listened: `ShiftClosed` without the turnovers that it ended."""
        return self._run(self._find_report)

    def probe(self) -> Conversation:
        return self._run(self._probe)

    def set_clock(self, time_s: int) -> Conversation:
        """Set date and time; the register allows it with the shift closed."""
        return self._run(lambda talk: self._set_clock(talk, time_s))

    def read_totals(self, paper: bool) -> Conversation:
        """The X-report; ``paper``: printed, too. `ShiftTotals`, or why not."""
        return self._run(lambda talk: self._totals(talk, paper))

    def close_drive(self) -> Conversation:
        """End the drive's life."""
        return self._run(self._close_drive)

    def register_drive(self) -> Conversation:
        """Register the register anew with the drive that was put in, as it remembers it."""
        return self._run(self._register_drive)

    # ---- the frame around every task --------------------------------------------------------------------------------------------

    def _run(self, task: Callable[[WebTalk], Steps]) -> Conversation:
        talk = WebTalk(self._settings, self._account)
        try:
            outcome: Outcome = yield from task(talk)
            return outcome
        except LineLost as lost:
            self._about = None
            reason = str(lost) or "the line was lost"
            if talk.acted:
                return Unknown(reason)
            return Refused("line", reason, Blame.LINE, "check network, address and web server")
        except TaskError as failed:
            return _outcome(failed, talk.acted)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as strange:
            reason = f"the web server's answer cannot be read: {strange!r}"
            return Unknown(reason) if talk.acted else Refused("line", reason, Blame.LINE, "check the address")

    # ---- receipts ---------------------------------------------------------------------------------------------------------------

    def _fiscalize(self, talk: WebTalk, receipt: Receipt, mark: str) -> Steps:
        try:
            task = task_of(receipt, mark, self._facts)
        except Unfit as unfit:
            return Refused("driver:fit", str(unfit), Blame.RECEIPT, "correct the receipt and submit it again")
        shift = yield from talk.ask("ShiftStatus")
        if shift["state"] == "expired":
            return refusal(_EXPIRED)
        if shift["state"] == "closed":
            yield from self._begin_shift(talk)
        return (
            yield from talk.do(
                task, "receipt", mark, makes=True, truth=lambda made: self._truth(talk, receipt, mark, made)
            )
        )

    def _truth(self, talk: WebTalk, receipt: Receipt, mark: str, made: dict[str, Any]) -> Steps:
        """What a result says, when it is that of the receipt; else what the document says that it names, ``None`` when it is another."""
        params = made.get("fiscalParams") or {}
        if "total" in params and _kop(params["total"]) == receipt.total_kop:
            return _recorded(params)
        if not {"fnNumber", "fiscalDocumentNumber"} <= params.keys():
            raise TaskError(0, "the web server does not say which document it made")
        return (
            yield from self._look(talk, receipt, mark, params["fnNumber"], params["fiscalDocumentNumber"])
        )

    def _look(self, talk: WebTalk, receipt: Receipt, mark: str, drive: str, number: int) -> Steps:
        """The document with this number, when it bears the mark."""
        document = yield from self._document(talk, drive, number)
        if document["fiscalDocumentType"] not in _FORMS[receipt.correction is not None]:
            return None
        if mark not in _marks(document):
            return None
        return Recorded(
            number,
            int(str(document["1077"])[4:], 16),
            _seconds(document["1012"]),
            drive,
            int(document["1038"]),
            int(document["1042"]),
        )

    def _document(self, talk: WebTalk, drive: str, number: int) -> Steps:
        task = {"type": "getFnDocument", "fiscalDocumentNumber": number}
        return (yield from talk.do(task, "document", drive, number))["documentTLV"]

    def _find(self, talk: WebTalk, receipt: Receipt, attempt: Attempt) -> Steps:
        def truth(made: dict[str, Any]) -> Steps:
            try:
                return (yield from self._truth(talk, receipt, attempt.mark, made))
            except TaskError:
                return None  # the drive's documents will tell

        drive = (yield from talk.ask("FnInfo"))["serial"]
        recorded = yield from talk.claimed(truth, "receipt", attempt.mark)
        last = int((yield from talk.ask("FnStatus"))["fiscalDocumentNumber"])
        if recorded is not None:
            return Found(recorded, last)
        if last < attempt.last_document:
            return Unknown(f"the drive {drive} has {last} documents, fewer than before; was it replaced?")
        first = attempt.last_document + 1
        if last - first >= _FIND_LIMIT:
            return Unknown(f"more than {_FIND_LIMIT} documents were made since")
        for number in range(first, last + 1):
            try:
                recorded = yield from self._look(talk, receipt, attempt.mark, drive, number)
            except TaskError as failed:
                return Unknown(f"document {number} cannot be read: {failed}")
            if recorded is not None:
                return Found(recorded, last)
        return Found(None, last)

    # ---- shifts -----------------------------------------------------------------------------------------------------------------

    def _begin_shift(self, talk: WebTalk) -> Steps:
        """Open the shift; the fiscal parameters of its report."""
        drive, last = yield from self._place(talk)
        task = {"type": "openShift", "electronically": not self._facts.prints_all}
        return (yield from talk.do(task, "open", drive, last, makes=True))["fiscalParams"]

    def _place(self, talk: WebTalk) -> Steps:
        """Where things stand: (drive, its last document). What is done there is done once."""
        last = (yield from talk.ask("FnStatus"))["fiscalDocumentNumber"]
        return (yield from talk.ask("FnInfo"))["serial"], last

    def _open_shift(self, talk: WebTalk) -> Steps:
        shift = yield from talk.ask("ShiftStatus")
        if shift["state"] == "expired":
            return refusal(_EXPIRED)
        if shift["state"] == "opened":
            found = yield from self._last_of(talk, "openShift")
            return refusal(_CLOSED_OF_SHIFT) if found is None else ShiftOpened(shift["number"], found[0])
        params = yield from self._begin_shift(talk)
        return ShiftOpened(params["shiftNumber"], params["fiscalDocumentNumber"])

    def _close_shift(self, talk: WebTalk) -> Steps:
        shift = yield from talk.ask("ShiftStatus")
        if shift["state"] == "closed":
            found = yield from self._last_of(talk, "closeShift")
            if found is None:
                return refusal(_CLOSED_OF_SHIFT)
            number, document = found
            return closed(_report(number, document), document["1041"], int(document["1118"]), None, Own(), 0)
        drive, last = yield from self._place(talk)
        totals = yield from self._read_totals(talk, drive, last)
        params = (yield from talk.do({"type": "closeShift"}, "close", drive, last, makes=True))[
            "fiscalParams"
        ]
        receipts = int(params.get("receiptsCount", 0))
        report = Report(
            params["fiscalDocumentNumber"],
            params["shiftNumber"],
            _seconds(params["fiscalDocumentDateTime"]),
            int(params["fiscalDocumentSign"]),
        )
        # corrections are counted apart, and the web server does not tell of them: then these are not the totals of the report
        if sum(one.count for one in totals.turnovers) != receipts:
            return closed(report, params["fnNumber"], receipts, None, Own(), 0)
        first = 0
        with suppress(LineLost, TaskError):  # the report is made, whatever becomes of the line now
            first = yield from self._first_of_shift(talk, drive, report, receipts)
        own = Own(totals.drawer_kop, totals.running_kop)
        return closed(report, params["fnNumber"], receipts, totals.turnovers, own, first)

    def _find_report(self, talk: WebTalk) -> Steps:
        """With the shift closed the running totals still are those of the report."""
        found = yield from self._last_of(talk, "closeShift")
        if found is None:
            return refusal(_CLOSED_OF_SHIFT)
        number, document = found
        own = Own()
        if (yield from talk.ask("ShiftStatus"))["state"] == "closed":
            totals = yield from self._read_totals(talk, *(yield from self._place(talk)))
            own = Own(totals.drawer_kop, totals.running_kop)
        return closed(_report(number, document), document["1041"], 0, None, own, 0)

    def _first_of_shift(self, talk: WebTalk, drive: str, report: Report, receipts: int) -> Steps:
        """The document that opened the shift; 0 when the drive does not show it. At least the receipts lie between, seldom more."""
        newest = report.document - 1 - receipts
        for number in range(newest, max(0, newest - _NEAR), -1):
            document = yield from self._document(talk, drive, number)
            if document["fiscalDocumentType"] == "openShift" and document["1038"] == report.shift:
                return number
        return 0

    def _last_of(self, talk: WebTalk, kind: str) -> Steps:
        """The last document of a kind: (number, document); ``None`` when there is none among the last ones."""
        drive, last = yield from self._place(talk)
        for number in range(last, max(0, last - _NEAR), -1):
            document = yield from self._document(talk, drive, number)
            if document["fiscalDocumentType"] == kind:
                return number, document
        return None

    def _totals(self, talk: WebTalk, paper: bool) -> Steps:
        drive, last = yield from self._place(talk)
        if paper:
            clock = (yield from talk.ask("DeviceStatus"))["currentDateTime"]
            yield from talk.do({"type": "reportX"}, "report", drive, last, clock)
        return (yield from self._read_totals(talk, drive, last))

    def _read_totals(self, talk: WebTalk, drive: str, last: int) -> Steps:
        shift = yield from talk.ask("ShiftTotals")
        overall = (yield from talk.do({"type": "getOverallTotals"}, "overall", drive, last))["overallTotals"]
        # corrections are not told: what they changed is missing here
        running = [_kop(overall["receipts"][kind]["sum"]) for kind in _KINDS]
        return ShiftTotals(
            shift["shiftNumber"],
            _turnovers(shift["receipts"]),
            _kop(shift["cashDrawer"]["sum"]),
            (running[0], running[1], running[2], running[3]),
        )

    # ---- a new drive ------------------------------------------------------------------------------------------------------------

    def _close_drive(self, talk: WebTalk) -> Steps:
        drive, last = yield from self._place(talk)
        phase = (yield from talk.ask("FnInfo"))["livePhase"]
        if phase in ("postFiscalMode", "accessArchive"):
            return DriveClosed(last, drive)
        if phase != "fiscalMode" or (yield from talk.ask("ShiftStatus"))["state"] != "closed":
            return refusal(_WRONG_STATE)
        made = yield from talk.do({"type": "closeArchive"}, "archive", drive, makes=True)
        return DriveClosed(made["fiscalParams"]["fiscalDocumentNumber"], drive)

    def _register_drive(self, talk: WebTalk) -> Steps:
        info = yield from talk.ask("FnInfo")
        drive, phase = info["serial"], info["livePhase"]
        if phase == "fiscalMode":
            return DriveRegistered(1, drive)
        if phase != "configured":
            return refusal(_WRONG_STATE)
        known = yield from talk.do({"type": "getRegistrationInfo"}, "remembered", drive)
        device = {name: value for name, value in known["device"].items() if value != ""}
        if not device.get("registrationNumber") or not known["organization"]["vatin"]:
            return Refused(
                "driver:requisites",
                "the register does not remember what it is registered as",
                Blame.REGISTER,
                "register the new drive with the vendor's tool; the engine goes on by itself",
            )
        # the vendor's word for the format is the last one that its driver knew
        device["ffdVersion"] = word_of(FFDS, self._facts.ffd)
        task = {
            "type": "fnChange",
            "device": device,
            "organization": known["organization"],
            "ofd": known["ofd"],
        }
        yield from talk.do(task, "register", drive, makes=True)
        return DriveRegistered(1, drive)

    # ---- self test and clock ----------------------------------------------------------------------------------------------------

    def _probe(self, talk: WebTalk) -> Steps:
        device = yield from talk.ask("DeviceStatus")
        shift = yield from talk.ask("ShiftStatus")
        drive = yield from talk.ask("FnInfo")
        last = (yield from talk.ask("FnStatus"))["fiscalDocumentNumber"]
        exchange = yield from talk.ask("OfdExchangeStatus")
        who = f"{drive['serial']} {drive['numberOfRegistrations']}"
        if self._about is None or self._about[0] != who:
            about = yield from talk.ask("DeviceInfo")
            rnm = yield from self._registration(talk, who)
            self._about = who, about, rnm
        _, about, rnm = self._about
        unsent = exchange["notSentCount"]
        phase = _PHASES.get(drive["livePhase"], 0)
        return Seen(
            shift=_SHIFTS[shift["state"]],
            shift_number=shift["number"],
            last_document=last,
            drive=drive["serial"],
            phase=phase,
            flags=sum(bit for name, bit in _WARNINGS.items() if drive["warnings"].get(name)),
            unsent=unsent,
            first_unsent=exchange["notSentFirstDocNumber"] if unsent else 0,
            paper=bool(device["paperPresent"]),
            time_s=_seconds(device["currentDateTime"]),
            model=about["modelName"],
            serial=about["serial"],
            registration=rnm,
            unsent_since_s=_seconds(exchange["notSentFirstDocDateTime"]) if unsent else 0,
            valid_until_s=_seconds(drive["validityDate"]) if phase == 3 else 0,
            cover_closed=not device["coverOpened"],
        )

    def _registration(self, talk: WebTalk, who: str) -> Steps:
        try:
            found = yield from talk.do({"type": "getRegistrationInfo"}, "registration", who)
        except TaskError:
            return ""
        return found["device"]["registrationNumber"]

    def _set_clock(self, talk: WebTalk, time_s: int) -> Steps:
        shift = yield from talk.ask("ShiftStatus")
        if shift["state"] != "closed":
            return Refused(
                f"atol:{_SHIFT_IS_OPEN:02X}",
                "the clock is set with the shift closed only",
                Blame.REGISTER,
                "close the shift",
            )
        at = f"{datetime.fromtimestamp(time_s, UTC):%Y.%m.%d %H:%M:%S}"
        yield from talk.do({"type": "setDateTime", "dateTime": at}, "clock", time_s)
        return ClockSet(time_s)


# ---- what answers say -------------------------------------------------------------------------------------------------------------


def _outcome(failed: TaskError, acted: bool) -> Outcome:
    """An error of the server, of its driver or of the register, as an outcome."""
    code = failed.code
    if acted and code <= 0:
        return Unknown(str(failed))
    if code in _LINKS:
        return Refused(
            "line", "the web server does not reach its register", Blame.LINE, "check cable and power"
        )
    if code == -401:
        return Refused("web:401", str(failed), Blame.REGISTER, "check the account in the configuration")
    if code in _BYTES:
        byte = _BYTES[code]
        known = error(byte)
        # for some of those that are not certain the server asks the drive; for the others nobody has
        if known.certain or code in BLOCKS or not failed.made:
            return refusal(byte)
        return Unknown(f"error {code}: {known.meaning}")
    if code in (MISSING, NOT_ASKED):
        return Refused(f"web:{code}", "the web server cannot read the task", Blame.RECEIPT, "report this")
    if failed.made:
        return Unknown(f"error {code} of the driver in the web server")
    return Refused(f"web:{abs(code)}", "the web server refuses the call", Blame.REGISTER, "check its version")


def _recorded(params: dict[str, Any]) -> Recorded:
    return Recorded(
        params["fiscalDocumentNumber"],
        int(params["fiscalDocumentSign"]),
        _seconds(params["fiscalDocumentDateTime"]),
        params["fnNumber"],
        params["shiftNumber"],
        params["fiscalReceiptNumber"],
    )


def _marks(document: dict[str, Any]) -> list[str]:
    """See `fiscal.ffd.identity`."""
    own = document.get("1084") or {}
    return [document.get("1192", ""), *([own.get("1086", "")] if own.get("1085") == OWN_NAME else [])]


def _seconds(moment: str) -> int:
    """A wall clock of the register, as tag 1012 counts."""
    return int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp())


def _report(number: int, document: dict[str, Any]) -> Report:
    sign = int(str(document["1077"])[4:], 16)
    return Report(number, int(document["1038"]), _seconds(document["1012"]), sign)


def _kop(roubles: float) -> int:
    return round(roubles * 100)


def _turnovers(receipts: dict[str, Any]) -> Turnovers:
    found = []
    for kind in _KINDS:
        one = receipts[kind]
        paid = {name: _kop(kop) for name, kop in one["payments"].items()}
        usual = [paid.pop(name, 0) for name in ("cash", "electronically", "prepaid", "credit", "other")]
        usual[1] += sum(paid.values())  # the shop's own kinds of payment
        found.append(Turnover(one["count"], _kop(one["sum"]), *usual))
    return found[0], found[1], found[2], found[3]
