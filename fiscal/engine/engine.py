"""The engine: decides which register prints which receipt, and never loses or doubles one.

A pure function of events and time: no clock, no I/O, no threads, no randomness. A host feeds it events and carries out the effects it
returns; the live host and the virtual host run this very class.

The law it keeps: nothing is promised to a shop, and no byte goes to a register, before the journal has the record that covers it. All
records that one event gives rise to travel in one `Commit`.

The class is built in layers, each a module that knows only those below it: `core` (effects, records, timers), `care` (registers),
`service` (what else is wanted of them), `relaying` (documents on their way to the operator), `intake` (receipts come in), `printing`
(receipts come back), and here the host's side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop
from typing import Any

from fiscal.engine import events, records, states
from fiscal.engine.config import EngineConfig
from fiscal.engine.events import Effect, Event
from fiscal.engine.farm import Relay
from fiscal.engine.printing import Printing
from fiscal.engine.recovery import Rebuilt
from fiscal.engine.views import ReceiptView, RegisterView, RelayView


class Engine(Printing):
    """Receipts in, effects out. See `fiscal.engine.events` for the vocabulary."""

    def __init__(self, config: EngineConfig, rebuilt: Rebuilt | None = None) -> None:
        super().__init__(config, rebuilt)
        self._handlers: dict[type[Any], Callable[[Any, int], None]] = {
            events.Submitted: self._submitted,
            events.Committed: self._committed,
            events.Performed: self._performed,
            events.CommitFailed: self._commit_failed,
            events.Started: self._started,
            events.ShiftCloseAsked: self._shift_close_asked,
            events.PauseAsked: self._pause_asked,
            events.ResumeAsked: self._resume_asked,
            events.LookAsked: self._look_asked,
            events.TotalsAsked: self._totals_asked,
            events.DriveReplacementAsked: self._replacement_asked,
            events.Exchanged: self._exchanged,
            events.RetryAsked: self._retry_asked,
            events.CancelAsked: self._cancel_asked,
            events.WallClockSet: self._wall_clock_set,
        }
        self._ended = {
            events.Fiscalize: self._fiscalize_ended,
            events.Find: self._find_ended,
            events.Probe: self._probe_ended,
            events.CloseShift: self._close_ended,
            events.SetClock: self._clock_ended,
            events.FindReport: self._report_found,
            events.ReadTotals: self._totals_ended,
            events.CloseDrive: self._drive_task_ended,
            events.RegisterDrive: self._drive_task_ended,
            events.ReadMessage: self._message_read,
            events.WriteAnswer: self._answer_written,
        }
        self._errands = (self._report_due, self._totals_due, self._replacement_due, self._relay_due)

    @classmethod
    def recover(
        cls, config: EngineConfig, history: Iterable[records.Record], now_us: int, wall_us: int
    ) -> Engine:
        """The engine as the journal knows it. The host then says `Started`, and the engine asks what is in doubt."""
        return cls(config, Rebuilt(config, history, wall_us - now_us))

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

    def _started(self, event: events.Started, now_us: int) -> None:
        self._wall_offset_us = event.wall_us - now_us
        for station in self._stations:
            self._at(now_us + self.config.probe_us, self._probe_due, station)
            for doubt in station.doubts:
                self._wait_or_reissue(doubt, now_us)
            if station.doubts:
                self._ask(station, station.doubts[0], now_us)
            else:
                self._probe(station, now_us)

    def _wall_clock_set(self, event: events.WallClockSet, now_us: int) -> None:
        self._wall_offset_us = event.wall_us - now_us
        for station in self._stations:
            station.clock_tried_us = None
            if station.shift == states.SHIFT_OPEN and station.shift_opened_us is not None:
                self._shift_opened(station, station.shift_number, station.shift_opened_us)

    @property
    def settled(self) -> bool:
        """Nothing waits, nothing is in work, nothing is in doubt, no shift is being closed, nothing is on its way to the journal."""
        return (
            not self._pending
            and not self._unwritten
            and not self._dispatch.waiting
            and all(
                station.work is None
                and not station.doubts
                and station.state not in (states.CLOSING, states.SERVING)
                for station in self._stations
            )
        )

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
            entry.sent_wall_us,
            entry.person,
            entry.why,
        )

    def registers(self) -> tuple[RegisterView, ...]:
        """What is true of each register."""
        offset_us = self._wall_offset_us
        return tuple(
            RegisterView(
                station.facts.name,
                station.state,
                station.detail or station.service_why,
                station.shift,
                station.shift_number,
                None if station.shift_opened_us is None else station.shift_opened_us + offset_us,
                None if station.close_at_us is None else station.close_at_us + offset_us,
                station.load - (station.work is not None),
                station.work.key if station.work else "",
                station.doubt.entry.key if station.doubt else "",
                station.last_document,
                station.drive,
                station.seen,
                station.seen_us + offset_us if station.seen else 0,
                station.service,
                station.replacement.step if station.replacement else "",
                _relay_view(station.relay, offset_us),
            )
            for station in self._stations
        )


def _relay_view(relay: Relay | None, offset_us: int) -> RelayView | None:
    if relay is None:
        return None

    def wall(at_us: int | None) -> int:
        return 0 if at_us is None else at_us + offset_us

    return RelayView(relay.step, wall(relay.connected_us), wall(relay.answered_us), relay.problem)
