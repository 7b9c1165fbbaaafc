"""Service: what a person, or a plan, wants of a register beside receipts.

An X-report; a planned outage; a new drive. None of it interrupts a receipt, and the queue goes on at the other registers. The
replacement of a drive is a row of steps (`fiscal.engine.states.REPLACEMENT`); whether one is over is judged by what the register says of
itself when it is asked, never by what was sent to it: a step may be done by hand, and a crash in the middle changes nothing.
"""

from __future__ import annotations

from fiscal.engine import events, records, states
from fiscal.engine.care import Care
from fiscal.engine.farm import Replacement, Station
from fiscal.engine.outcomes import (
    Blame,
    DriveClosed,
    DriveRegistered,
    Outcome,
    Refused,
    ShiftClosed,
    ShiftTotals,
    Unknown,
    reason_of,
)

READY_TO_REGISTER = 1  # life phase of a drive that has made no document yet
LIFE_OVER = frozenset({7, 15})  # life phases of a drive that only sends, or has sent all
_IN_CONVERSATION = frozenset(
    {states.PROBING, states.BUSY, states.CLOSING, states.ASKING, states.SETTING, states.SERVING}
)


class Service(Care):
    """What the engine does with registers that are wanted for something else."""

    def _look_asked(self, event: events.LookAsked, now_us: int) -> None:
        station = self._stations[event.register]
        station.probe_asked = True
        self._next(station, now_us)

    # --- planned outages ---------------------------------------------------------------------------------------------

    def _pause_asked(self, event: events.PauseAsked, now_us: int) -> None:
        station = self._stations[event.register]
        if station.service not in (states.IN_SERVICE, states.BLOCKED) or station.pause_asked:
            return
        station.detail = event.reason
        self._write(records.Paused(station.facts.name, event.reason, now_us + self._wall_offset_us))
        if station.state in _IN_CONVERSATION:
            station.pause_asked = True
        else:
            self._serve_not(station, "pause", event.reason, now_us)

    def _resume_asked(self, event: events.ResumeAsked, now_us: int) -> None:
        station = self._stations[event.register]
        if station.service == states.PAUSED:
            self._serve_again(station, "resume", now_us)
        elif not station.pause_asked:
            return
        station.pause_asked = False
        self._write(records.Resumed(station.facts.name, now_us + self._wall_offset_us))

    # --- reports that nobody saw ------------------------------------------------------------------------------------

    def _report_due(self, station: Station, idle: bool, now_us: int) -> bool:
        """Before the next receipt, which would change the running totals."""
        if not station.report_owed:
            return False
        self._serve(station, events.FindReport(), "looking for the Z-report", now_us)
        return True

    def _report_found(self, station: Station, task: events.FindReport, outcome: Outcome, now_us: int) -> None:
        if not isinstance(outcome, ShiftClosed) and not _harmless(outcome):
            self._fail(station, f"Z-report: {reason_of(outcome)}", now_us)
            return
        station.report_owed = False  # a register that cannot tell will not be able to later
        station.note_errands()
        if isinstance(outcome, ShiftClosed):
            self._write_report(station, outcome, outcome.time_s * 1_000_000 or now_us + self._wall_offset_us)
        self._well(station, now_us)

    # --- totals ------------------------------------------------------------------------------------------------------

    def _totals_asked(self, event: events.TotalsAsked, now_us: int) -> None:
        station = self._stations[event.register]
        if station.state == states.DOWN:
            refused = Refused("down", f"the register is down: {station.detail}", Blame.REGISTER)
            self._out.append(events.Reported(station.index, event.number, refused))
            return
        station.asks.append(event)
        station.note_errands()
        self._next(station, now_us)

    def _totals_due(self, station: Station, idle: bool, now_us: int) -> bool:
        if not station.asks:
            return False
        self._serve(station, events.ReadTotals(station.asks[0].paper), "X-report", now_us)
        return True

    def _totals_ended(self, station: Station, task: events.ReadTotals, outcome: Outcome, now_us: int) -> None:
        asked = station.asks.pop(0)
        station.note_errands()
        self._out.append(events.Reported(station.index, asked.number, outcome))
        if isinstance(outcome, ShiftTotals) or _harmless(outcome):
            self._well(station, now_us)
        else:
            self._fail(station, f"X-report: {reason_of(outcome)}", now_us)

    # --- a new drive -------------------------------------------------------------------------------------------------

    def _replacement_asked(self, event: events.DriveReplacementAsked, now_us: int) -> None:
        station = self._stations[event.register]
        if station.replacement is None:
            # a drive cannot be opened again: that this is wanted is durable before anything is done about it
            wall_us = now_us + self._wall_offset_us
            begin = records.Replacement(station.facts.name, states.CLOSING_SHIFT, station.drive, wall_us)
            self._write(begin, self._replacement_begins, station)

    def _replacement_begins(self, station: Station, now_us: int) -> None:
        if station.replacement is None:
            station.pause_asked = False
            station.replacement = Replacement(states.CLOSING_SHIFT, station.drive)
            station.note_errands()
            self._serve_not(station, "replace", "its drive is being replaced", now_us)
            self._next(station, now_us)

    def _replacement_due(self, station: Station, idle: bool, now_us: int) -> bool:
        """Go one step further, if the register's own words allow it. Returns whether it was given something to do."""
        replacement, seen = station.replacement, station.seen
        if replacement is None or seen is None or replacement.moves:
            return False
        replacement.drive = replacement.drive or seen.drive
        step = replacement.step
        if step == states.REGISTERING:
            if seen.phase == READY_TO_REGISTER:
                self._serve(station, events.RegisterDrive(), "registering the new drive", now_us)
                return True
            self._step(station, replacement, "registered", now_us)
        elif seen.phase == READY_TO_REGISTER:
            self._step(station, replacement, "put_in", now_us)
        elif seen.drive != replacement.drive:
            self._step(station, replacement, "registered", now_us)
        elif step == states.CLOSING_SHIFT:
            if station.shift in (states.SHIFT_OPEN, states.SHIFT_EXPIRED):
                self._close(station, now_us)
                return True
            if station.shift == states.SHIFT_CLOSED:
                self._step(station, replacement, "shift_closed", now_us)
        elif step == states.CLOSING_DRIVE:
            if seen.phase not in LIFE_OVER:
                self._serve(station, events.CloseDrive(), "closing the drive", now_us)
                return True
            self._step(station, replacement, "drive_closed", now_us)
        elif step == states.DRAINING and not (seen.unsent or station.recording or station.unconfirmed):
            self._step(station, replacement, "drained", now_us)
        return False

    def _step(self, station: Station, replacement: Replacement, event: str, now_us: int) -> None:
        """A person acts on the step he is shown, so the journal has it before; and with it all that led there."""
        step = states.REPLACEMENT[replacement.step][event]
        replacement.moves = True
        wall_us = now_us + self._wall_offset_us
        record = records.Replacement(station.facts.name, step, replacement.drive, wall_us)
        self._write(record, self._stepped, station, replacement, step)

    def _stepped(self, station: Station, replacement: Replacement, step: str, now_us: int) -> None:
        replacement.moves = False
        replacement.step = step
        if step == states.REPLACED:
            station.replacement = None
            station.note_errands()
            self._serve_again(station, "replaced", now_us)
        else:
            station.service_why = step
            self._tell_service(station)
            self._next(station, now_us)

    def _drive_task_ended(
        self, station: Station, task: events.CloseDrive | events.RegisterDrive, outcome: Outcome, now_us: int
    ) -> None:
        """Whatever came of it, the register is asked how it is now."""
        station.probe_asked = True
        if isinstance(outcome, DriveClosed | DriveRegistered):
            station.last_document = outcome.document
            station.drive = outcome.drive
            self._well(station, now_us)
        else:
            self._fail(station, f"drive: {reason_of(outcome)}", now_us)


def _harmless(outcome: Outcome) -> bool:
    """The register answered that it will not, and is as well as before."""
    return (
        isinstance(outcome, Refused) and outcome.blame is not Blame.LINE and not isinstance(outcome, Unknown)
    )
