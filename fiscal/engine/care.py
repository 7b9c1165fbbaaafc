"""Care for the registers: what each does next, probes, failures, shifts, clocks.

A register that fails gets nothing until it has been asked how it is; one in doubt is asked about its attempt first. Shifts close at
their hour and before they are too old; the receipt in work is finished first.
"""

from __future__ import annotations

from dataclasses import astuple

from fiscal.engine import events, records, states
from fiscal.engine.config import HOUR_US
from fiscal.engine.core import Core
from fiscal.engine.farm import Doubt, Entry, Station
from fiscal.engine.outcomes import (
    Attempt,
    Blame,
    ClockSet,
    Outcome,
    Refused,
    Seen,
    ShiftClosed,
    ShiftState,
    reason_of,
)
from fiscal.engine.shifts import closing_us

DAY_S = 86_400
UNSENT_LIMIT_S = 30 * DAY_S
"""A drive blocks when a document has not been confirmed for so long."""
FISCAL_MODE = 3  # life phase of a drive that makes documents
_SEEN_SHIFT = {
    ShiftState.OPEN: "seen_open",
    ShiftState.CLOSED: "seen_closed",
    ShiftState.EXPIRED: "seen_expired",
}
CLOCK_AGAIN_US = 12 * HOUR_US
"""A shift is not closed for the clock's sake more often than this: a register whose clock will not be set would do nothing else."""
# Registers in these states are not given receipts; a change to one of them is worth telling.
_DEAF = frozenset({states.UNSEEN, states.CLOSING, states.DOWN, states.ASKING, states.SETTING})


class Care(Core):
    """What the engine does with its registers."""

    def _next(self, station: Station, now_us: int) -> None:
        """Give a ready register its next work: what was asked of it first, then a receipt."""
        if station.state != states.READY:
            return
        if station.pause_asked:
            station.pause_asked = False
            self._serve_not(station, "pause", station.detail, now_us)
        if station.close_asked and station.shift == states.SHIFT_CLOSED:
            station.close_asked = False  # there is nothing to close
        if station.close_asked:
            self._close(station, now_us)
        elif station.clock_asked and station.shift == states.SHIFT_CLOSED:
            station.clock_asked = False
            self._tell_move(station, "set_clock", "clock differs", now_us)
            self._perform(station, events.SetClock())
        elif station.probe_asked:
            self._probe(station, now_us)
        elif station.errand and self._errand(station, False, now_us):
            pass
        elif not self._journal_fault:
            entry = self._dispatch.take(station, now_us) if station.service is states.IN_SERVICE else None
            if entry is None:
                if station.errand:
                    self._errand(station, True, now_us)
            else:
                entry.move("assign")
                entry.attempt += 1
                station.work = entry
                station.move("perform")
                self._write(
                    records.Attempted(
                        entry.key, entry.attempt, station.facts.name, station.last_document, station.drive
                    ),
                    self._attempt_written,
                    entry,
                    station,
                )

    def _errand(self, station: Station, idle: bool, now_us: int) -> bool:
        """Let it do something beside receipts; whether it is busy now. ``idle``: no receipt waits for it."""
        return any(errand(station, idle, now_us) for errand in self._errands) or station.state != states.READY

    def _serve(self, station: Station, task: events.Task, detail: str, now_us: int) -> None:
        self._tell_move(station, "serve", detail, now_us)
        self._perform(station, task)

    def _attempt_written(self, entry: Entry, station: Station, now_us: int) -> None:
        entry.move("committed")
        self._out.append(events.StatusChanged(entry.key, states.PRINTING, station.index))
        self._perform(station, events.Fiscalize(entry.key, entry.receipt, entry.mark))

    def _perform(self, station: Station, task: events.Task) -> None:
        self._tasks += 1
        station.task = task
        station.task_number = self._tasks
        self._out.append(events.Perform(station.index, self._tasks, task))

    def _performed(self, event: events.Performed, now_us: int) -> None:
        station = self._stations[event.register]
        if event.task != station.task_number or station.task is None:
            return  # of an earlier life
        task, station.task = station.task, None
        self._ended[type(task)](station, task, event.outcome, now_us)

    def _tell_move(self, station: Station, event: str, detail: str, now_us: int) -> None:
        """Move, keep availability right, and say so when it is news."""
        before = station.state
        station.move(event)
        station.detail = detail
        available = station.state not in _DEAF and not (before in _DEAF and station.state == states.PROBING)
        serves = station.service is states.IN_SERVICE
        if (available and serves) != station.available or station.state in _DEAF:
            self._out.append(events.RegisterChanged(station.index, station.state, detail))
        elif not serves and before in _DEAF and station.state == states.READY:
            self._tell_service(station)
        self._see_available(station, available and serves, now_us)

    def _serve_not(self, station: Station, event: str, detail: str, now_us: int) -> None:
        """A register goes out of service: it may be asked and told things, but gets no receipt."""
        station.service = states.SERVICE[station.service][event]
        station.service_why = detail
        self._tell_service(station)
        self._see_available(station, False, now_us)

    def _tell_service(self, station: Station) -> None:
        self._out.append(events.RegisterChanged(station.index, station.service, station.service_why))

    def _serve_again(self, station: Station, event: str, now_us: int) -> None:
        station.service = states.SERVICE[station.service][event]
        station.service_why = station.detail = ""
        if station.state == states.READY:
            self._out.append(events.RegisterChanged(station.index, station.state))
            self._see_available(station, True, now_us)
            self._next(station, now_us)

    def _see_available(self, station: Station, available: bool, now_us: int) -> None:
        """Note whether it may be given receipts; if not, let others do what waits for it."""
        if available != station.available:
            self._dispatch.set_available(station, available)
            if not available:
                for other in self._dispatch.stand_ins(station):
                    self._next(other, now_us)
        if not available and station.queue and not self._waits_on(station):
            for other in self._dispatch.replace(self._dispatch.withdraw(station), now_us):
                self._next(other, now_us)

    def _waits_on(self, station: Station) -> bool:
        """Whether what waits for an unavailable register goes on waiting for it: it is planned that it comes back."""
        planned = station.state == states.CLOSING or (
            station.service == states.PAUSED and station.state != states.DOWN
        )
        return planned and not self.config.reroute

    def _fail(self, station: Station, reason: str, now_us: int) -> None:
        """A register failed: it gets nothing until it has been asked again."""
        station.failures += 1
        pause_us = min(self.config.retry_us << min(station.failures - 1, 20), self.config.retry_max_us)
        station.retry_at_us = now_us + pause_us
        self._tell_move(station, "ill" if station.state == states.PROBING else "failed", reason, now_us)
        self._at(station.retry_at_us, self._retry, station)

    def _retry(self, station: Station, now_us: int) -> None:
        if station.state == states.DOWN and station.retry_at_us <= now_us:
            if station.doubt is not None:
                self._ask(station, station.doubt, now_us)
            else:
                self._probe(station, now_us)

    def _ask(self, station: Station, doubt: Doubt, now_us: int) -> None:
        self._tell_move(station, "ask", f"asked about {doubt.entry.key}", now_us)
        attempt = Attempt(doubt.entry.mark, doubt.last_document)
        self._perform(station, events.Find(doubt.entry.key, doubt.entry.receipt, attempt))

    def _probe(self, station: Station, now_us: int) -> None:
        station.probe_asked = False
        self._tell_move(station, "probe", station.detail, now_us)
        self._perform(station, events.Probe())

    def _probe_due(self, station: Station, now_us: int) -> None:
        """At least once a minute each register is asked how it is; while it works on receipts, every fifth minute."""
        self._at(now_us + self.config.probe_us, self._probe_due, station)
        if station.state == states.READY:
            self._probe(station, now_us)
        elif station.state == states.BUSY and now_us - station.seen_us >= 5 * self.config.probe_us:
            station.probe_asked = True

    def _probe_ended(self, station: Station, task: events.Probe, outcome: Outcome, now_us: int) -> None:
        if not isinstance(outcome, Seen):
            reason = reason_of(outcome)
            self._fail(station, reason, now_us)
            return
        station.seen = outcome
        station.seen_us = now_us
        if station.drive not in ("", outcome.drive):
            station.shift_opened_us = None  # that was another drive's
        station.drive = outcome.drive
        station.last_document = outcome.last_document
        self._see_shift(station, outcome, now_us)
        self._see_operator(station, outcome, now_us)
        drift_s = outcome.time_s - (now_us + self._wall_offset_us) // 1_000_000
        station.clock_asked = abs(drift_s) > self.config.clock_tolerance_s
        # an open shift must be closed before the clock can be set; worth it only when the law's limit is passed
        if (
            abs(drift_s) > self.config.clock_limit_s
            and station.shift == states.SHIFT_OPEN
            and not station.failures
            and (station.clock_tried_us is None or now_us - station.clock_tried_us > CLOCK_AGAIN_US)
        ):
            station.close_asked = True
        self._see_drive(station, outcome, now_us)
        if station.replacement is not None:
            self._well(station, now_us)  # what the drive is like is what its replacement is about
        elif outcome.phase != FISCAL_MODE:
            self._fail(station, f"the drive is in phase {outcome.phase}, not in fiscal mode", now_us)
        elif not outcome.paper:
            self._fail(station, "out of paper", now_us)
        else:
            self._well(station, now_us)

    def _see_drive(self, station: Station, seen: Seen, now_us: int) -> None:
        """A drive that makes no receipts for now is no failure of the register: it still closes shifts and sends documents."""
        reason = _blocked(seen)
        if reason and station.service is states.IN_SERVICE:
            self._serve_not(station, "block", reason, now_us)
        elif not reason and station.service is states.BLOCKED:
            station.service = states.SERVICE[station.service]["unblock"]

    def _well(self, station: Station, now_us: int, detail: str = "") -> None:
        self._tell_move(station, "well" if station.state == states.PROBING else "done", detail, now_us)
        if station.service is not states.IN_SERVICE and station.failures:
            station.failures = 0  # it was told that it is down
            self._tell_service(station)
        self._next(station, now_us)

    def _see_shift(self, station: Station, seen: Seen, now_us: int) -> None:
        was, number = station.shift, station.shift_number
        station.shift = states.SHIFT[was][_SEEN_SHIFT[seen.shift]]
        station.shift_number = seen.shift_number
        if station.shift == states.SHIFT_CLOSED:
            if station.shift_opened_us is not None:
                self._owe_report(station)
            station.close_at_us = station.shift_opened_us = None
            station.close_asked = False
        elif station.shift == states.SHIFT_EXPIRED:
            station.close_asked = True
        elif was != states.SHIFT_OPEN or station.close_at_us is None or seen.shift_number != number:
            # the register does not say since when: the journal may, if it was this shift
            opened_us = station.shift_opened_us
            if number and seen.shift_number > number and opened_us is not None:
                self._owe_report(station)
            if opened_us is None or (number and seen.shift_number != number):
                opened_us = now_us
            self._shift_opened(station, seen.shift_number, opened_us)

    def _owe_report(self, station: Station) -> None:
        """A shift was closed, and nobody told the engine: by a command whose answer was lost, before a crash, by hand."""
        station.report_owed = True
        station.note_errands()

    def _see_operator(self, station: Station, seen: Seen, now_us: int) -> None:
        """Documents before the first unsent one are confirmed by the operator; that one may be on its way."""
        self._operator_has(
            station, seen.drive, seen.first_unsent - 1 if seen.unsent else seen.last_document, now_us
        )
        if seen.awaiting:
            self._on_its_way(station, seen.drive, seen.awaiting, now_us)

    def _operator_has(self, station: Station, drive: str, document: int, now_us: int) -> None:
        """The operator has confirmed every document of this drive up to and including this one."""
        done, waiting = [], []
        for entry in station.unconfirmed:
            recorded = entry.recorded
            assert recorded is not None
            if recorded.drive == drive and recorded.document <= document:
                done.append(entry)
            else:
                waiting.append(entry)
        reports = len(station.reports)
        station.reports = [one for one in station.reports if one[0] != drive or one[1] > document]
        if done or len(station.reports) < reports:
            station.unconfirmed = waiting
            wall_us = now_us + self._wall_offset_us
            self._write(
                records.Confirmed(station.facts.name, drive, document, wall_us),
                self._confirmed,
                done,
                wall_us,
            )

    def _on_its_way(self, station: Station, drive: str, document: int, now_us: int) -> None:
        """The documents of this drive up to and including this one were sent to the operator."""
        sent = [
            entry
            for entry in station.unconfirmed
            if entry.state == states.RECORDED
            and entry.recorded is not None
            and entry.recorded.drive == drive
            and entry.recorded.document <= document
        ]
        if sent:
            wall_us = now_us + self._wall_offset_us
            for entry in sent:
                entry.move("sent")
                entry.sent_wall_us = wall_us
            self._write(records.Sent(station.facts.name, drive, document, wall_us), self._sent, sent)

    def _sent(self, sent: list[Entry], now_us: int) -> None:
        for entry in sent:
            if entry.state == states.SENT:
                self._out.append(events.StatusChanged(entry.key, states.SENT, entry.register))

    def _confirmed(self, done: list[Entry], wall_us: int, now_us: int) -> None:
        for entry in done:
            entry.move("confirmed")
            entry.confirmed_wall_us = wall_us
            self._out.append(events.StatusChanged(entry.key, states.CONFIRMED, entry.register))

    def _shift_opened(self, station: Station, number: int, opened_us: int) -> None:
        station.shift = (
            states.SHIFT[station.shift]["receipt"] if station.shift != states.SHIFT_EXPIRED else station.shift
        )
        station.shift_number = number
        station.shift_opened_us = opened_us
        station.close_at_us = closing_us(self.config, station.index, opened_us, self._wall_offset_us)
        self._at(station.close_at_us, self._close_due, station)

    def _close_due(self, station: Station, now_us: int) -> None:
        if station.close_at_us is not None and station.close_at_us <= now_us:
            station.close_asked = True
            self._next(station, now_us)

    def _shift_close_asked(self, event: events.ShiftCloseAsked, now_us: int) -> None:
        station = self._stations[event.register]
        station.close_asked = True  # the receipt in work may be the one that opens the shift
        self._next(station, now_us)

    def _close(self, station: Station, now_us: int) -> None:
        station.close_asked = False
        station.busy_until_us = now_us + station.facts.z_report_us
        self._tell_move(station, "close", "Z-report", now_us)
        self._perform(station, events.CloseShift())

    def _close_ended(self, station: Station, task: events.CloseShift, outcome: Outcome, now_us: int) -> None:
        station.busy_until_us = now_us
        if isinstance(outcome, ShiftClosed):
            station.shift = states.SHIFT[station.shift]["z_report"]
            station.shift_opened_us = station.close_at_us = None
            station.close_asked = False  # it may have fallen due once more while the report was made
            station.shift_number = outcome.shift
            station.last_document = outcome.document
            station.failures = 0
            self._write_report(station, outcome, now_us + self._wall_offset_us)
            self._well(station, now_us)
        else:
            # whether the report was made is seen by the probe: the shift is closed, or it is not and falls due again
            reason = reason_of(outcome)
            self._fail(station, f"Z-report: {reason}", now_us)
            station.close_asked = True

    def _write_report(self, station: Station, closed: ShiftClosed, wall_us: int) -> None:
        ended = _ended(station, closed, wall_us)
        station.reports.append((ended.drive, ended.document))
        self._write(ended)

    def _clock_ended(self, station: Station, task: events.SetClock, outcome: Outcome, now_us: int) -> None:
        if isinstance(outcome, ClockSet):
            station.clock_tried_us = now_us
            self._well(station, now_us)
        elif isinstance(outcome, Refused) and outcome.blame is Blame.REGISTER:
            station.clock_tried_us = now_us  # it still makes receipts
            self._well(station, now_us, f"clock: {reason_of(outcome)}")
        else:
            self._fail(station, f"clock: {reason_of(outcome)}", now_us)


def _blocked(seen: Seen) -> str:
    """Why the drive makes no receipts now, in words; empty when it does. The drive's own rules (reference: ffd_ofd, section 6)."""
    if seen.unsent and seen.unsent_since_s and seen.time_s > seen.unsent_since_s + UNSENT_LIMIT_S:
        days = (seen.time_s - seen.unsent_since_s) // DAY_S
        return (
            f"the drive is blocked: document {seen.first_unsent} has not reached the operator for {days} days"
        )
    if seen.valid_until_s and seen.time_s >= seen.valid_until_s + DAY_S:
        return "the life of the drive is over: it must be replaced"
    return ""


def _ended(station: Station, closed: ShiftClosed, wall_us: int) -> records.ShiftEnded:
    """What the journal keeps of a Z-report."""
    details = closed.details
    return records.ShiftEnded(
        station.facts.name,
        closed.drive or station.drive,
        closed.shift,
        closed.document,
        closed.receipts,
        closed.totals_kop or (),
        wall_us,
        tuple(kop for one in (details.turnovers if details else None) or () for kop in astuple(one)),
        (details.drawer_kop if details else None) or 0,
        (details.running_kop if details else None) or (),
        closed.first_document,
        closed.sign,
        closed.time_s,
        "" if station.seen is None else station.seen.registration,
    )
