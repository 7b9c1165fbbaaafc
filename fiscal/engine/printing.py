"""Printing: what becomes of a receipt that a register worked on, doubt included."""

from __future__ import annotations

from dataclasses import replace

from fiscal.engine import events, records, states
from fiscal.engine.farm import Doubt, Entry, Station
from fiscal.engine.intake import Intake
from fiscal.engine.outcomes import Blame, Found, Outcome, Recorded, Refused, Unknown, reason_of
from fiscal.receipt import SettlementType

OPPOSITE = {
    SettlementType.SALE: SettlementType.SALE_RETURN,
    SettlementType.SALE_RETURN: SettlementType.SALE,
    SettlementType.PURCHASE: SettlementType.PURCHASE_RETURN,
    SettlementType.PURCHASE_RETURN: SettlementType.PURCHASE,
}


class Printing(Intake):
    """What the engine does with the outcomes of its attempts."""

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
            if self._poisonous(entry):
                self._set_aside(
                    entry, "refused", f"{len(entry.refused_by)} times refused, last {reason}", now_us
                )
            else:
                self._not_made(entry, "not_made", reason)
                self._dispatch.put_back(station, entry)  # and with its queue to other registers, in order
            self._fail(station, reason, now_us)
        else:
            assert isinstance(outcome, Unknown), outcome
            entry.move("unknown")
            entry.reason = outcome.reason
            doubt = Doubt(entry, entry.attempt, last_document)
            station.doubts.append(doubt)
            self._out.append(events.StatusChanged(entry.key, states.IN_DOUBT, station.index, outcome.reason))
            self._wait_or_reissue(doubt, now_us)
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
        station.recording += 1
        entry.recorded_wall_us = now_us + self._wall_offset_us
        station.last_document = recorded.document
        station.drive = recorded.drive
        if station.relay is not None:
            self._relay_asked(station, now_us)
        if station.shift == states.SHIFT_OPEN and 0 < station.shift_number < recorded.shift:
            self._owe_report(station)  # somebody closed the shift, and this receipt has opened another
            self._shift_opened(station, recorded.shift, now_us)
        if station.shift != states.SHIFT_OPEN:
            # many registers do not tell the number: it is the one after the shift that was closed
            number = recorded.shift or station.shift_number + (station.shift == states.SHIFT_CLOSED)
            opened_us = station.shift_opened_us
            if opened_us is None or number != station.shift_number:
                opened_us = now_us
            self._shift_opened(station, number, opened_us)
        self._write(
            records.Documented(entry.key, attempt, station.facts.name, recorded, entry.recorded_wall_us),
            self._recorded,
            entry,
        )

    def _recorded(self, entry: Entry, now_us: int) -> None:
        assert entry.recorded is not None
        station = self._stations[entry.register]
        station.recording -= 1
        station.unconfirmed.append(entry)
        document = str(entry.recorded.document)
        self._out.append(events.StatusChanged(entry.key, states.RECORDED, entry.register, document))

    def _not_made(self, entry: Entry, event: str, reason: str) -> None:
        entry.move(event)
        entry.reason = reason
        self._write(records.Cleared(entry.key, entry.attempt, reason))
        self._out.append(events.StatusChanged(entry.key, states.QUEUED, -1, reason))

    def _find_ended(self, station: Station, task: events.Find, outcome: Outcome, now_us: int) -> None:
        doubt = station.doubt
        assert doubt is not None
        entry = doubt.entry
        if not isinstance(outcome, Found):
            reason = reason_of(outcome)
            self._fail(station, f"in doubt, cannot be asked: {reason}", now_us)
            return
        del station.doubts[0]
        station.last_document = outcome.last_document
        station.failures = 0
        station.probe_asked = True  # who knows what else has changed
        waits_for_this = entry.state == states.IN_DOUBT and entry.attempt == doubt.attempt
        if outcome.recorded is None:
            if waits_for_this:
                self._not_made(entry, "not_found", "the drive does not have it")
                self._enter(entry, now_us)
            else:
                self._write(records.Cleared(entry.key, doubt.attempt, "the drive does not have it"))
        elif waits_for_this or entry.state in (states.QUEUED, states.SET_ASIDE):
            if entry.place is not None:
                self._dispatch.leave(entry)
            entry.move("found")
            self._record(station, entry, doubt.attempt, outcome.recorded, now_us)
        else:
            self._orphan(station, doubt, outcome.recorded, now_us)
        if station.doubts:
            self._ask(station, station.doubts[0], now_us)
        else:
            self._well(station, now_us)

    def _wait_or_reissue(self, doubt: Doubt, now_us: int) -> None:
        if self.config.in_doubt == "reissue" and not doubt.reissued:
            due_us = doubt.entry.deadline_us - self.config.reissue_before_deadline_us
            self._at(max(now_us, due_us), self._reissue, doubt)

    def _reissue(self, doubt: Doubt, now_us: int) -> None:
        """The shop chose not to wait: the receipt goes elsewhere, the attempt stays in doubt as a possible orphan."""
        entry = doubt.entry
        if entry.state == states.IN_DOUBT and entry.attempt == doubt.attempt and not doubt.reissued:
            doubt.reissued = True
            self._write(records.Reissued(entry.key, doubt.attempt), self._reissued, doubt)

    def _reissued(self, doubt: Doubt, now_us: int) -> None:
        entry = doubt.entry
        if entry.state == states.IN_DOUBT and entry.attempt == doubt.attempt:  # else the drive has answered
            entry.move("reissue")
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
        self._entries[return_key].waiters = 0  # no shop asked for it: no answer, and no taking back
