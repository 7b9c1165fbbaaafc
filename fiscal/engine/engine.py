"""The engine: decides which register prints which receipt, and never loses or doubles one.

A pure function of events and time: no clock, no I/O, no threads, no randomness. A host feeds it events and carries out the effects it
returns; the live host and the virtual host run this very class.

The law it keeps: nothing is promised to a shop, and no byte goes to a register, before the journal has the record that covers it. All
records that one event gives rise to travel in one `Commit`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from heapq import heappop, heappush
from typing import Any

from fiscal.engine import events, records, states
from fiscal.engine.config import EngineConfig
from fiscal.engine.dispatch import Dispatch
from fiscal.engine.events import Effect, Event
from fiscal.engine.farm import Doubt, Entry, Station
from fiscal.engine.outcomes import (
    Attempt,
    Blame,
    ClockSet,
    Found,
    Outcome,
    Recorded,
    Refused,
    Seen,
    ShiftClosed,
    ShiftState,
    Unknown,
)
from fiscal.engine.recovery import Rebuilt
from fiscal.engine.shifts import closing_us
from fiscal.engine.views import ReceiptView, RegisterView
from fiscal.receipt import InvalidReceipt, Receipt, SettlementType, mark, validate

OPPOSITE = {
    SettlementType.SALE: SettlementType.SALE_RETURN,
    SettlementType.SALE_RETURN: SettlementType.SALE,
    SettlementType.PURCHASE: SettlementType.PURCHASE_RETURN,
    SettlementType.PURCHASE_RETURN: SettlementType.PURCHASE,
}
FISCAL_MODE = 3  # life phase of a drive that makes documents
_SEEN_SHIFT = {
    ShiftState.OPEN: "seen_open",
    ShiftState.CLOSED: "seen_closed",
    ShiftState.EXPIRED: "seen_expired",
}
# Registers in these states are not given receipts; a change from or to one of them is worth telling.
_DEAF = frozenset({states.UNSEEN, states.CLOSING, states.DOWN, states.ASKING, states.SETTING})


class Engine:
    """Receipts in, effects out. See `fiscal.engine.events` for the vocabulary."""

    def __init__(self, config: EngineConfig, rebuilt: Rebuilt | None = None) -> None:
        self.config = config
        self._dispatch = rebuilt.dispatch if rebuilt else Dispatch(config)
        self._stations = self._dispatch.stations
        self._entries: dict[str, Entry] = rebuilt.entries if rebuilt else {}
        self._arrivals = rebuilt.arrivals if rebuilt else 0
        self._tickets = 0
        self._tasks = 0
        self._wall_offset_us = 0
        self._out: list[Effect] = []
        self._records: list[records.Record] = []
        self._after: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._pending: dict[
            int, tuple[tuple[records.Record, ...], list[tuple[Callable[..., None], tuple[Any, ...]]]]
        ] = {}
        self._timers: list[tuple[int, int, Callable[[Any, int], None], Any]] = []
        self._timer_number = 0
        self._journal_down = False
        self._unwritten: list[
            tuple[tuple[records.Record, ...], list[tuple[Callable[..., None], tuple[Any, ...]]]]
        ] = []
        self._handlers: dict[type[Any], Callable[[Any, int], None]] = {
            events.Submitted: self._submitted,
            events.Committed: self._committed,
            events.Performed: self._performed,
            events.CommitFailed: self._commit_failed,
            events.Started: self._started,
            events.ShiftCloseAsked: self._shift_close_asked,
            events.RetryAsked: self._retry_asked,
            events.CancelAsked: self._cancel_asked,
            events.WallClockSet: self._wall_clock_set,
        }
        self._ended: dict[type[Any], Callable[[Station, Any, Outcome, int], None]] = {
            events.Fiscalize: self._fiscalize_ended,
            events.Find: self._find_ended,
            events.Probe: self._probe_ended,
            events.CloseShift: self._close_ended,
            events.SetClock: self._clock_ended,
        }

    @classmethod
    def recover(
        cls, config: EngineConfig, history: Iterable[records.Record], now_us: int, wall_us: int
    ) -> Engine:
        """The engine as the journal knows it. The host then says `Started`, and the engine asks what is in doubt."""
        return cls(config, Rebuilt(config, history, wall_us - now_us))

    # --- the host's side ---------------------------------------------------------------------------------------------

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        """Something happened. Returns what to do about it, in order."""
        self._handlers[type(event)](event, now_us)
        return self._flush()

    def next_wakeup(self) -> int | None:
        """When `wake` wants to be called, or ``None``."""
        return self._timers[0][0] if self._timers else None

    def wake(self, now_us: int) -> list[Effect]:
        """Time has passed: shifts fall due, failed registers are asked again."""
        timers = self._timers
        while timers and timers[0][0] <= now_us:
            at_us, _, action, subject = heappop(timers)
            action(subject, at_us if at_us > now_us else now_us)
        return self._flush()

    def _flush(self) -> list[Effect]:
        if self._records:
            self._tickets += 1
            written = tuple(self._records)
            self._pending[self._tickets] = (written, self._after)
            self._out.append(events.Commit(self._tickets, written))
            self._records = []
            self._after = []
        out, self._out = self._out, []
        return out

    def _at(self, at_us: int, action: Callable[[Any, int], None], subject: Any = None) -> None:
        self._timer_number += 1
        heappush(self._timers, (at_us, self._timer_number, action, subject))

    def _write(
        self, record: records.Record, after: Callable[..., None] | None = None, *arguments: Any
    ) -> None:
        self._records.append(record)
        if after is not None:
            self._after.append((after, arguments))

    def _today(self, now_us: int) -> date:
        return datetime.fromtimestamp((now_us + self._wall_offset_us) // 1_000_000, UTC).date()

    # --- receipts come in --------------------------------------------------------------------------------------------

    def _submitted(self, event: events.Submitted, now_us: int) -> None:
        known = self._entries.get(event.key)
        if known is not None:
            if known.fingerprint != event.fingerprint:
                self._out.append(
                    events.Reply(
                        event.key, False, "conflict: this key was used for a receipt with other contents"
                    )
                )
            elif known.state == states.ACCEPTING:
                known.waiters += 1
            else:
                self._out.append(events.Reply(event.key, True))
            return
        try:
            validate(event.receipt, self._today(now_us))
        except InvalidReceipt as problem:
            self._out.append(events.Reply(event.key, False, f"invalid: {problem}"))
            return
        group = self._dispatch.group(event.receipt)
        if not group.candidates:
            receipt = event.receipt
            self._out.append(
                events.Reply(
                    event.key,
                    False,
                    f"no register: none belongs to entity {receipt.entity} with taxation {int(receipt.taxation)} "
                    f"and is registered for site {receipt.site!r}",
                )
            )
            return
        deadline_us = now_us + self.config.deadline_us if event.deadline_us is None else event.deadline_us
        self._accept(event.key, event.receipt, event.fingerprint, deadline_us, now_us)

    def _accept(self, key: str, receipt: Receipt, fingerprint: str, deadline_us: int, now_us: int) -> None:
        self._arrivals += 1
        wall_us = now_us + self._wall_offset_us
        entry = Entry(key, self._arrivals, fingerprint, receipt, mark(key), deadline_us, wall_us)
        entry.group = self._dispatch.group(receipt)
        self._entries[key] = entry
        self._write(
            records.Accepted(
                key, entry.number, fingerprint, receipt, wall_us, deadline_us + self._wall_offset_us
            ),
            self._accepted,
            entry,
        )

    def _accepted(self, entry: Entry, now_us: int) -> None:
        entry.move("committed")
        for _ in range(entry.waiters):
            self._out.append(events.Reply(entry.key, True))
        self._out.append(events.StatusChanged(entry.key, states.QUEUED))
        self._enter(entry, now_us)

    def _enter(self, entry: Entry, now_us: int) -> None:
        station = self._dispatch.enter(entry, now_us)
        if station is not None:
            self._next(station, now_us)

    # --- the journal answers -----------------------------------------------------------------------------------------

    def _committed(self, event: events.Committed, now_us: int) -> None:
        _, after = self._pending.pop(event.ticket)
        if self._journal_down:
            self._journal_back(now_us)
        for action, arguments in after:
            action(*arguments, now_us)

    def _commit_failed(self, event: events.CommitFailed, now_us: int) -> None:
        """Nothing of the batch was written: what was only promised is taken back, what has happened is written again later."""
        written, after = self._pending.pop(event.ticket)
        kept: list[records.Record] = []
        waiting = list(after)
        for record in written:
            if isinstance(record, records.Accepted) and self._entries[record.key].waiters:
                entry = self._entries.pop(record.key)
                waiting = [step for step in waiting if step[1][:1] != (entry,)]
                for _ in range(entry.waiters):
                    self._out.append(events.Reply(record.key, False, f"journal: {event.reason}"))
            elif isinstance(record, records.Attempted):
                entry = self._entries[record.key]
                waiting = [
                    step for step in waiting if step[0] != self._attempt_written or step[1][0] is not entry
                ]
                station = self._stations[entry.register]
                entry.move("commit_failed")
                entry.attempt -= 1
                station.work = None
                self._dispatch.release(station, now_us)
                station.move("done")
                entry.group.waiting += 1
                self._dispatch.replace([entry], now_us)
            else:
                kept.append(record)
        if kept:
            self._unwritten.append((tuple(kept), waiting))
        if not self._journal_down:
            self._journal_down = True
        self._at(now_us + self.config.retry_us, self._journal_again)

    def _journal_again(self, _: None, now_us: int) -> None:
        """Try the journal with something small: what is still unwritten, else simply go on and see."""
        if not self._journal_down:
            return
        if self._unwritten:
            unwritten, self._unwritten = self._unwritten, []
            for written, after in unwritten:
                self._records.extend(written)
                self._after.extend(after)
        else:
            self._journal_back(now_us)

    def _journal_back(self, now_us: int) -> None:
        self._journal_down = False
        for station in self._stations:
            if station.state == states.READY:
                self._next(station, now_us)

    # --- a register is free ------------------------------------------------------------------------------------------

    def _next(self, station: Station, now_us: int) -> None:
        """Give a ready register its next work: what was asked of it first, then a receipt."""
        if station.state != states.READY:
            return
        if station.close_asked:
            self._close(station, now_us)
        elif station.clock_asked and station.shift == states.SHIFT_CLOSED:
            station.clock_asked = False
            self._tell_move(station, "set_clock", "clock differs", now_us)
            self._perform(station, events.SetClock())
        elif station.probe_asked:
            self._probe(station, now_us)
        elif not self._journal_down:
            entry = self._dispatch.take(station, now_us)
            if entry is not None:
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

    # --- a receipt came back -----------------------------------------------------------------------------------------

    def _fiscalize_ended(
        self, station: Station, task: events.Fiscalize, outcome: Outcome, now_us: int
    ) -> None:
        entry = station.work
        assert entry is not None and entry.key == task.key
        station.work = None
        last_document = station.last_document
        self._dispatch.release(station, now_us)
        if type(outcome) is Recorded:
            entry.move("recorded")
            station.move("done")
            station.failures = 0
            self._record(station, entry, entry.attempt, outcome, now_us)
            self._next(station, now_us)
        elif isinstance(outcome, Refused) and outcome.blame is Blame.RECEIPT:
            station.move("done")
            self._set_aside(entry, "refused", f"{outcome.code}: {outcome.meaning}", now_us)
            station.probe_asked = True  # a refusal in mid-receipt may have left something open
            self._next(station, now_us)
        elif isinstance(outcome, Refused):
            if outcome.blame is Blame.REGISTER:
                entry.refused_by.append(station.index)
            reason = f"{outcome.code}: {outcome.meaning}"
            self._fail(station, reason, now_us)
            if self._poisonous(entry):
                self._set_aside(
                    entry, "refused", f"{len(entry.refused_by)} times refused, last {reason}", now_us
                )
            else:
                self._requeue(entry, "not_made", reason, now_us)
        else:
            assert isinstance(outcome, Unknown), outcome
            entry.move("unknown")
            entry.reason = outcome.reason
            station.doubt = Doubt(entry, entry.attempt, last_document)
            self._out.append(events.StatusChanged(entry.key, states.IN_DOUBT, station.index, outcome.reason))
            if self.config.in_doubt == "reissue":
                self._at(
                    max(now_us, entry.deadline_us - self.config.reissue_before_deadline_us),
                    self._reissue,
                    station.doubt,
                )
            self._fail(station, outcome.reason, now_us)

    def _poisonous(self, entry: Entry) -> bool:
        """Refused by too many registers, or too long by the same: it would go round for ever."""
        refusals = len(entry.refused_by)
        limit = self.config.max_refusals
        return refusals >= 4 * limit or (refusals >= limit and len(set(entry.refused_by)) > 2)

    def _record(self, station: Station, entry: Entry, attempt: int, recorded: Recorded, now_us: int) -> None:
        """The drive has it: note the fact; the shop is told when the journal has it, too."""
        entry.recorded = recorded
        entry.register = station.index
        entry.recorded_wall_us = now_us + self._wall_offset_us
        station.last_document = recorded.document
        station.drive = recorded.drive
        station.unconfirmed.append(entry)
        if station.shift != states.SHIFT_OPEN:
            self._shift_opened(station, recorded.shift, now_us)
        self._write(
            records.Documented(entry.key, attempt, station.facts.name, recorded, entry.recorded_wall_us),
            self._recorded,
            entry,
        )

    def _recorded(self, entry: Entry, now_us: int) -> None:
        assert entry.recorded is not None
        document = str(entry.recorded.document)
        self._out.append(events.StatusChanged(entry.key, states.RECORDED, entry.register, document))

    def _requeue(self, entry: Entry, event: str, reason: str, now_us: int) -> None:
        entry.move(event)
        entry.reason = reason
        self._write(records.Cleared(entry.key, entry.attempt, reason))
        self._out.append(events.StatusChanged(entry.key, states.QUEUED, -1, reason))
        self._enter(entry, now_us)

    def _set_aside(self, entry: Entry, event: str, reason: str, now_us: int) -> None:
        entry.move(event)
        entry.reason = reason
        self._write(records.SetAside(entry.key, reason), self._told_aside, entry)

    def _told_aside(self, entry: Entry, now_us: int) -> None:
        self._out.append(events.StatusChanged(entry.key, states.SET_ASIDE, entry.register, entry.reason))

    # --- in doubt ----------------------------------------------------------------------------------------------------

    def _ask(self, station: Station, doubt: Doubt, now_us: int) -> None:
        self._tell_move(station, "ask", f"asked about {doubt.entry.key}", now_us)
        attempt = Attempt(doubt.entry.mark, doubt.last_document)
        self._perform(station, events.Find(doubt.entry.key, doubt.entry.receipt, attempt))

    def _find_ended(self, station: Station, task: events.Find, outcome: Outcome, now_us: int) -> None:
        doubt = station.doubt
        assert doubt is not None
        entry = doubt.entry
        if not isinstance(outcome, Found):
            reason = (
                outcome.reason if isinstance(outcome, Unknown) else getattr(outcome, "meaning", "no answer")
            )
            self._fail(station, f"in doubt, cannot be asked: {reason}", now_us)
            return
        station.doubt = None
        station.last_document = outcome.last_document
        station.failures = 0
        station.probe_asked = True  # who knows what else has changed
        if outcome.recorded is None:
            if not doubt.reissued:
                self._requeue(entry, "not_found", "the drive does not have it", now_us)
        elif not doubt.reissued or entry.state == states.QUEUED:
            if doubt.reissued:
                self._dispatch.leave(entry)
            entry.move("found")
            self._record(station, entry, doubt.attempt, outcome.recorded, now_us)
        else:
            self._orphan(station, doubt, outcome.recorded, now_us)
        self._well(station, now_us)

    def _reissue(self, doubt: Doubt, now_us: int) -> None:
        """The shop chose not to wait: the receipt goes elsewhere, the attempt stays in doubt as a possible orphan."""
        entry = doubt.entry
        if entry.state != states.IN_DOUBT or doubt.reissued:
            return
        doubt.reissued = True
        entry.move("reissue")
        self._write(records.Reissued(entry.key, doubt.attempt))
        self._out.append(
            events.StatusChanged(entry.key, states.QUEUED, -1, "reissued, an attempt is in doubt")
        )
        self._enter(entry, now_us)

    def _orphan(self, station: Station, doubt: Doubt, recorded: Recorded, now_us: int) -> None:
        """The receipt was reissued and the first attempt had made a document after all: that document gets its return receipt."""
        entry = doubt.entry
        return_key = f"{entry.key}~return{doubt.attempt}"
        station.last_document = recorded.document
        station.drive = recorded.drive
        self._write(records.Orphaned(entry.key, doubt.attempt, station.facts.name, recorded, return_key))
        back = replace(entry.receipt, type=OPPOSITE[entry.receipt.type])
        self._accept(
            return_key, back, f"return of {entry.fingerprint}", now_us + self.config.deadline_us, now_us
        )

    # --- how a register is -------------------------------------------------------------------------------------------

    def _tell_move(self, station: Station, event: str, detail: str, now_us: int) -> None:
        """Move, keep availability right, and say so when it is news."""
        before = station.state
        station.move(event)
        station.detail = detail
        available = station.state not in _DEAF and not (before in _DEAF and station.state == states.PROBING)
        if available != station.available or station.state in _DEAF:
            self._out.append(events.RegisterChanged(station.index, station.state, detail))
        if available != station.available:
            self._dispatch.set_available(station, available)
            if not available and (self.config.reroute or station.state != states.CLOSING):
                for other in self._dispatch.replace(self._dispatch.withdraw(station), now_us):
                    self._next(other, now_us)

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
            reason = (
                outcome.reason if isinstance(outcome, Unknown) else getattr(outcome, "meaning", "no answer")
            )
            self._fail(station, reason, now_us)
            return
        station.seen = outcome
        station.seen_us = now_us
        station.drive = outcome.drive
        station.last_document = outcome.last_document
        self._see_shift(station, outcome, now_us)
        self._see_operator(station, outcome, now_us)
        drift_s = outcome.time_s - (now_us + self._wall_offset_us) // 1_000_000
        if abs(drift_s) > self.config.clock_tolerance_s:
            station.clock_asked = True
            # an open shift must be closed before the clock can be set; worth it only when the law's limit is passed
            if (
                abs(drift_s) > self.config.clock_limit_s
                and station.shift == states.SHIFT_OPEN
                and not station.failures
            ):
                station.close_asked = True
        if outcome.phase != FISCAL_MODE:
            self._fail(station, f"the drive is in phase {outcome.phase}, not in fiscal mode", now_us)
        elif not outcome.paper:
            self._fail(station, "out of paper", now_us)
        else:
            self._well(station, now_us)

    def _well(self, station: Station, now_us: int) -> None:
        self._tell_move(station, "well" if station.state == states.PROBING else "done", "", now_us)
        for other in self._dispatch.drain_pools(station, now_us):
            self._next(other, now_us)
        self._next(station, now_us)

    def _see_shift(self, station: Station, seen: Seen, now_us: int) -> None:
        was, number = station.shift, station.shift_number
        station.shift = states.SHIFT[was][_SEEN_SHIFT[seen.shift]]
        station.shift_number = seen.shift_number
        if station.shift == states.SHIFT_CLOSED:
            station.close_at_us = station.shift_opened_us = None
            station.close_asked = False
        elif station.shift == states.SHIFT_EXPIRED:
            station.close_asked = True
        elif was != states.SHIFT_OPEN or station.close_at_us is None or seen.shift_number != number:
            known_us = station.shift_opened_us if was == states.SHIFT_UNKNOWN else None
            self._shift_opened(station, seen.shift_number, now_us if known_us is None else known_us)

    def _see_operator(self, station: Station, seen: Seen, now_us: int) -> None:
        """Documents before the first unsent one are confirmed by the operator."""
        confirmed = seen.first_unsent - 1 if seen.unsent else seen.last_document
        waiting = station.unconfirmed
        count = 0
        while count < len(waiting):
            recorded = waiting[count].recorded
            if recorded is not None and recorded.drive == seen.drive and recorded.document > confirmed:
                break
            count += 1
        if count:
            done = waiting[:count]
            del waiting[:count]
            wall_us = now_us + self._wall_offset_us
            self._write(
                records.Confirmed(station.facts.name, seen.drive, confirmed, wall_us),
                self._confirmed,
                done,
                wall_us,
            )

    def _confirmed(self, done: list[Entry], wall_us: int, now_us: int) -> None:
        for entry in done:
            entry.move("confirmed")
            entry.confirmed_wall_us = wall_us
            self._out.append(events.StatusChanged(entry.key, states.CONFIRMED, entry.register))

    # --- shifts ------------------------------------------------------------------------------------------------------

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
        if station.shift != states.SHIFT_CLOSED:
            station.close_asked = True
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
            station.shift_number = outcome.shift
            station.last_document = outcome.document
            station.failures = 0
            self._write(
                records.ShiftEnded(
                    station.facts.name,
                    station.drive,
                    outcome.shift,
                    outcome.document,
                    outcome.receipts,
                    outcome.totals_kop,
                    now_us + self._wall_offset_us,
                )
            )
            self._well(station, now_us)
        else:
            # whether the report was made is seen by the probe: the shift is closed, or it is not and falls due again
            reason = (
                outcome.reason if isinstance(outcome, Unknown) else getattr(outcome, "meaning", "no answer")
            )
            self._fail(station, f"Z-report: {reason}", now_us)
            station.close_asked = True

    def _clock_ended(self, station: Station, task: events.SetClock, outcome: Outcome, now_us: int) -> None:
        if isinstance(outcome, ClockSet):
            self._well(station, now_us)
        else:
            reason = (
                outcome.reason if isinstance(outcome, Unknown) else getattr(outcome, "meaning", "no answer")
            )
            self._fail(station, f"clock: {reason}", now_us)

    # --- people and clocks -------------------------------------------------------------------------------------------

    def _started(self, event: events.Started, now_us: int) -> None:
        self._wall_offset_us = event.wall_us - now_us
        for station in self._stations:
            self._at(now_us + self.config.probe_us, self._probe_due, station)
            if station.doubt is not None:
                self._ask(station, station.doubt, now_us)
            else:
                self._probe(station, now_us)

    def _wall_clock_set(self, event: events.WallClockSet, now_us: int) -> None:
        self._wall_offset_us = event.wall_us - now_us
        for station in self._stations:
            if station.shift_opened_us is not None:
                self._shift_opened(station, station.shift_number, station.shift_opened_us)

    def _retry_asked(self, event: events.RetryAsked, now_us: int) -> None:
        entry = self._entries.get(event.key)
        if entry is None or entry.state != states.SET_ASIDE:
            self._out.append(events.Reply(event.key, False, "not set aside: there is nothing to retry"))
            return
        entry.move("retry")
        entry.refused_by = []
        self._write(records.Retried(entry.key), self._retried, entry)

    def _retried(self, entry: Entry, now_us: int) -> None:
        self._out.append(events.Reply(entry.key, True))
        self._out.append(events.StatusChanged(entry.key, states.QUEUED, -1, "sent back by hand"))
        self._enter(entry, now_us)

    def _cancel_asked(self, event: events.CancelAsked, now_us: int) -> None:
        entry = self._entries.get(event.key)
        if entry is None or entry.state != states.QUEUED or entry.place is None:
            what = "unknown" if entry is None else entry.state
            self._out.append(
                events.Reply(
                    event.key,
                    False,
                    f"cannot be cancelled: it is {what}; what a register has seen needs a return receipt",
                )
            )
            return
        self._dispatch.leave(entry)
        entry.move("cancel")
        entry.reason = event.reason
        self._write(records.Cancelled(entry.key, event.reason), self._cancelled, entry)

    def _cancelled(self, entry: Entry, now_us: int) -> None:
        self._out.append(events.Reply(entry.key, True))
        self._out.append(events.StatusChanged(entry.key, states.CANCELLED, -1, entry.reason))

    # --- views -------------------------------------------------------------------------------------------------------

    @property
    def backlog(self) -> int:
        """Promised receipts that no register works on."""
        return self._dispatch.waiting

    def keys(self) -> Iterable[str]:
        """Every key ever accepted, in the order of arrival."""
        return self._entries.keys()

    def status(self, key: str) -> ReceiptView | None:
        """What is true of a receipt, or ``None`` for a key never accepted."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        return ReceiptView(
            key,
            entry.number,
            entry.state,
            entry.receipt,
            self._stations[entry.register].facts.name if entry.register >= 0 else "",
            entry.attempt,
            entry.reason,
            entry.accepted_wall_us,
            entry.deadline_us + self._wall_offset_us,
            entry.recorded,
            entry.recorded_wall_us,
            entry.confirmed_wall_us,
        )

    def registers(self) -> tuple[RegisterView, ...]:
        """What is true of each register."""
        offset_us = self._wall_offset_us
        return tuple(
            RegisterView(
                station.facts.name,
                station.state,
                station.detail,
                station.shift,
                station.shift_number,
                None if station.shift_opened_us is None else station.shift_opened_us + offset_us,
                None if station.close_at_us is None else station.close_at_us + offset_us,
                len(station.queue),
                station.work.key if station.work else "",
                station.doubt.entry.key if station.doubt else "",
                station.last_document,
                station.drive,
                station.seen,
                station.seen_us + offset_us if station.seen else 0,
            )
            for station in self._stations
        )
