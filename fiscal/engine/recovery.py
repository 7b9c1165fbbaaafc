"""Recovery: the engine's state out of the journal's records.

An attempt that the journal does not see the end of is *in doubt*: the register may have been sent everything, or nothing. Its drive
is asked before the receipt goes anywhere.

A record that could not be written at first comes later than it happened. So a record here only adds what is not known better: a document
is final, and a further attempt says that the one before it made nothing (or was reissued).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from fiscal.engine import records, states
from fiscal.engine.config import EngineConfig
from fiscal.engine.dispatch import Dispatch
from fiscal.engine.farm import Doubt, Entry, Replacement, Station
from fiscal.receipt import mark


class Rebuilt:
    """State after replaying ``history``. ``wall_offset_us`` is wall clock minus monotonic clock, now."""

    def __init__(self, config: EngineConfig, history: Iterable[records.Record], wall_offset_us: int) -> None:
        self.dispatch = Dispatch(config)
        self.entries: dict[str, Entry] = {}
        self.arrivals = 0
        self.wall_offset_us = wall_offset_us
        self._stations: dict[str, Station] = {
            station.facts.name: station for station in self.dispatch.stations
        }
        self._open: dict[tuple[str, int], records.Attempted] = {}
        self._reissued: set[tuple[str, int]] = set()
        apply: dict[type[Any], Callable[[Any], None]] = {
            records.Accepted: self._accepted,
            records.Attempted: self._attempted,
            records.Cleared: self._cleared,
            records.Documented: self._documented,
            records.SetAside: self._set_aside,
            records.Reissued: self._reissue,
            records.Orphaned: self._orphaned,
            records.Retried: self._retried,
            records.Cancelled: self._cancelled,
            records.Sent: self._sent,
            records.Confirmed: self._confirmed,
            records.Paused: self._paused,
            records.Resumed: self._resumed,
            records.Replacement: self._replacement,
            records.ShiftEnded: self._shift_ended,
        }
        for record in history:
            apply[type(record)](record)
        self._settle()

    def _accepted(self, record: records.Accepted) -> None:
        entry = Entry(
            record.key,
            record.number,
            record.fingerprint,
            record.receipt,
            mark(record.key),
            record.deadline_wall_us - self.wall_offset_us,
            record.accepted_wall_us,
        )
        entry.state = states.QUEUED
        entry.person, entry.why = record.person, record.why
        self.entries[record.key] = entry
        self.arrivals = max(self.arrivals, record.number)

    def _attempted(self, record: records.Attempted) -> None:
        entry = self.entries[record.key]
        self._made_nothing(record.key, record.attempt - 1)
        entry.attempt = record.attempt
        entry.state = states.IN_DOUBT
        station = self._stations.get(record.register)
        entry.register = station.index if station else -1
        self._open[record.key, record.attempt] = record

    def _made_nothing(self, key: str, attempt: int) -> None:
        if (key, attempt) not in self._reissued:
            self._open.pop((key, attempt), None)

    def _cleared(self, record: records.Cleared) -> None:
        opened = self._open.pop((record.key, record.attempt), None)
        entry = self.entries[record.key]
        if opened is not None and entry.state == states.IN_DOUBT and entry.attempt == record.attempt:
            entry.state = states.QUEUED
            entry.reason = record.reason

    def _documented(self, record: records.Documented) -> None:
        self._open.pop((record.key, record.attempt), None)
        entry = self.entries[record.key]
        entry.state = states.RECORDED
        entry.recorded = record.recorded
        entry.recorded_wall_us = record.recorded_wall_us
        station = self._stations.get(record.register)
        if station is not None:
            entry.register = station.index
            station.unconfirmed.append(entry)
            self._see_shift(station, record)

    def _see_shift(self, station: Station, record: records.Documented) -> None:
        """Which shift a document says is open, and since when. Many registers do not tell its number: it follows the one that ended."""
        recorded = record.recorded
        if recorded.drive != station.drive:
            station.drive, station.last_document = recorded.drive, 0
            station.shift_opened_us, station.shift_number = None, 0
        if recorded.document < station.last_document:
            return  # found late: of a shift that has ended meanwhile
        station.last_document = recorded.document
        number = recorded.shift or station.shift_number
        if station.shift_opened_us is None or number != station.shift_number:
            if not recorded.shift and number:
                number += 1
            station.shift_opened_us = record.recorded_wall_us - self.wall_offset_us
            station.shift_number = number

    def _set_aside(self, record: records.SetAside) -> None:
        entry = self.entries[record.key]
        self._made_nothing(record.key, entry.attempt)
        if entry.recorded is None:
            entry.state = states.SET_ASIDE
            entry.reason = record.reason

    def _reissue(self, record: records.Reissued) -> None:
        entry = self.entries[record.key]
        if (record.key, record.attempt) in self._open:
            self._reissued.add((record.key, record.attempt))
            if entry.state == states.IN_DOUBT and entry.attempt == record.attempt:
                entry.state = states.QUEUED

    def _orphaned(self, record: records.Orphaned) -> None:
        self._open.pop((record.key, record.attempt), None)

    def _retried(self, record: records.Retried) -> None:
        entry = self.entries[record.key]
        if entry.state == states.SET_ASIDE:
            entry.state = states.QUEUED

    def _cancelled(self, record: records.Cancelled) -> None:
        entry = self.entries[record.key]
        self._made_nothing(record.key, entry.attempt)
        entry.state = states.CANCELLED
        entry.reason = record.reason

    def _sent(self, record: records.Sent) -> None:
        station = self._stations.get(record.register)
        for entry in station.unconfirmed if station else ():
            recorded = entry.recorded
            if recorded and recorded.drive == record.drive and recorded.document <= record.document:
                entry.state = states.SENT
                entry.sent_wall_us = entry.sent_wall_us or record.sent_wall_us

    def _paused(self, record: records.Paused) -> None:
        station = self._stations.get(record.register)
        if station is not None:
            station.service = states.PAUSED
            station.service_why = record.reason

    def _resumed(self, record: records.Resumed) -> None:
        station = self._stations.get(record.register)
        if station is not None:
            station.service = states.IN_SERVICE
            station.service_why = ""

    def _replacement(self, record: records.Replacement) -> None:
        station = self._stations.get(record.register)
        if station is None:
            return
        if record.step == states.REPLACED:
            station.service, station.replacement = states.IN_SERVICE, None
        else:
            step = next(step for step in states.REPLACEMENT if step == record.step)
            station.service, station.replacement = states.REPLACING, Replacement(step, record.drive)
            station.service_why = step
        station.note_errands()

    def _confirmed(self, record: records.Confirmed) -> None:
        station = self._stations.get(record.register)
        if station is None:
            return
        left = []
        for entry in station.unconfirmed:
            assert entry.recorded is not None
            if entry.recorded.drive == record.drive and entry.recorded.document <= record.document:
                entry.state = states.CONFIRMED
                entry.confirmed_wall_us = record.confirmed_wall_us
            else:
                left.append(entry)
        station.unconfirmed = left
        station.reports = [
            one for one in station.reports if one[0] != record.drive or one[1] > record.document
        ]

    def _shift_ended(self, record: records.ShiftEnded) -> None:
        station = self._stations.get(record.register)
        if station is None:
            return
        station.reports.append((record.drive, record.document))
        if record.drive != station.drive or record.shift >= station.shift_number:
            station.drive = record.drive
            station.shift_opened_us, station.shift_number = None, record.shift
            station.last_document = record.document

    def _settle(self) -> None:
        for (key, attempt), record in self._open.items():
            entry = self.entries[key]
            station = self._stations.get(record.register)
            if station is None:
                entry.reason = f"in doubt at register {record.register!r}, which is not in the configuration"
                continue
            station.doubts.append(Doubt(entry, attempt, record.last_document))
        for entry in self.entries.values():
            entry.group = self.dispatch.group(entry.receipt)
            if entry.state == states.QUEUED:
                self.dispatch.enter(
                    entry, 0
                )  # no register is available yet: it waits in the pool of its group
