"""Intake: receipts are judged at the door, promised when the journal has them, taken back or set aside; and what a full disk means."""

from __future__ import annotations

from fiscal.engine import events, records, states
from fiscal.engine.farm import Entry
from fiscal.engine.relaying import Relaying
from fiscal.receipt import InvalidReceipt, Receipt, mark, validate


class Intake(Relaying):
    """What the engine does with shops, and with the journal's answers."""

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
        if self._journal_fault:
            self._out.append(events.Reply(event.key, False, f"journal: {self._journal_fault}"))
            return
        try:
            validate(event.receipt, self._today(now_us))
        except InvalidReceipt as problem:
            self._out.append(events.Reply(event.key, False, f"invalid: {problem}"))
            return
        group = self._dispatch.group(event.receipt)
        if not group.candidates:
            why = self._dispatch.why_none(event.receipt)
            self._out.append(events.Reply(event.key, False, f"no register: {why}"))
            return
        limit = self.config.queue_limit
        if limit and self.backlog >= limit:
            self._out.append(events.Reply(event.key, False, f"the queue is full: {limit} receipts wait"))
            return
        deadline_us = now_us + self.config.deadline_us if event.deadline_us is None else event.deadline_us
        self._accept(
            event.key, event.receipt, event.fingerprint, deadline_us, now_us, event.person, event.why
        )

    @property
    def backlog(self) -> int:
        """Receipts that no register works on: promised, or on the way to the journal."""
        return self._dispatch.waiting + self._accepting

    def _accept(
        self,
        key: str,
        receipt: Receipt,
        fingerprint: str,
        deadline_us: int,
        now_us: int,
        person: str = "",
        why: str = "",
    ) -> None:
        self._arrivals += 1
        self._accepting += 1
        wall_us = now_us + self._wall_offset_us
        entry = Entry(key, self._arrivals, fingerprint, receipt, mark(key), deadline_us, wall_us)
        entry.group = self._dispatch.group(receipt)
        entry.person, entry.why = person, why
        self._entries[key] = entry
        self._write(
            records.Accepted(
                key,
                entry.number,
                fingerprint,
                receipt,
                wall_us,
                deadline_us + self._wall_offset_us,
                person,
                why,
            ),
            self._accepted,
            entry,
        )

    def _accepted(self, entry: Entry, now_us: int) -> None:
        entry.move("committed")
        self._accepting -= 1
        for _ in range(entry.waiters):
            self._out.append(events.Reply(entry.key, True))
        self._out.append(events.StatusChanged(entry.key, states.QUEUED))
        self._enter(entry, now_us)

    def _enter(self, entry: Entry, now_us: int) -> None:
        station = self._dispatch.enter(entry, now_us)
        if station is not None:
            self._next(station, now_us)

    def _committed(self, event: events.Committed, now_us: int) -> None:
        _, after = self._pending.pop(event.ticket)
        for action, arguments in after:
            action(*arguments, now_us)
        if self._journal_fault and self._rewriting in (0, event.ticket):
            self._rewriting = 0
            self._journal_again(now_us)

    def _commit_failed(self, event: events.CommitFailed, now_us: int) -> None:
        """Nothing of the batch was written: what was only promised is taken back, what has happened is written again later."""
        written, after = self._pending.pop(event.ticket)
        kept: list[records.Record] = []
        waiting = list(after)
        for record in written:
            if isinstance(record, records.Accepted) and self._entries[record.key].waiters:
                entry = self._entries.pop(record.key)
                self._accepting -= 1
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
            self._unwritten.append((event.ticket, (tuple(kept), waiting)))
        if event.ticket == self._rewriting:
            self._rewriting = 0
        self._journal_fault = event.reason or "cannot be written"
        self._at(now_us + self.config.retry_us, self._journal_due)

    def _journal_due(self, _: None, now_us: int) -> None:
        if self._journal_fault and not self._rewriting:
            self._journal_again(now_us)

    def _journal_again(self, now_us: int) -> None:
        """Write what waits to be written, in the order in which it happened; when nothing does, go on and see."""
        if self._unwritten:
            unwritten, self._unwritten = sorted(self._unwritten, key=lambda waiting: waiting[0]), []
            written = tuple(record for _, batch in unwritten for record in batch[0])
            after = [step for _, batch in unwritten for step in batch[1]]
            self._rewriting = self._commit((written, after))
            return
        self._journal_fault = ""
        for station in self._stations:
            if station.state == states.READY:
                self._next(station, now_us)

    def _set_aside(self, entry: Entry, event: str, reason: str, now_us: int) -> None:
        entry.move(event)
        entry.reason = reason
        entry.told = False
        self._write(records.SetAside(entry.key, reason), self._told_aside, entry)

    def _told_aside(self, entry: Entry, now_us: int) -> None:
        entry.told = True
        if entry.state == states.SET_ASIDE:
            self._out.append(events.StatusChanged(entry.key, states.SET_ASIDE, entry.register, entry.reason))

    def _retry_asked(self, event: events.RetryAsked, now_us: int) -> None:
        entry = self._entries.get(event.key)
        if entry is None or entry.state != states.SET_ASIDE:
            self._out.append(events.Reply(event.key, False, "not set aside: there is nothing to retry"))
            return
        if self._journal_fault or not entry.told:
            reason = self._journal_fault or "that it was set aside is being written"
            self._out.append(events.Reply(event.key, False, f"journal: {reason}"))
            return
        entry.move("retry")
        entry.refused_by = []
        self._write(records.Retried(entry.key), self._retried, entry)

    def _retried(self, entry: Entry, now_us: int) -> None:
        self._out.append(events.Reply(entry.key, True))
        if entry.state == states.QUEUED:  # else its document has turned up meanwhile
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
        if self._journal_fault:
            self._out.append(events.Reply(event.key, False, f"journal: {self._journal_fault}"))
            return
        self._dispatch.leave(entry)
        entry.move("cancel")
        entry.reason = event.reason
        self._write(records.Cancelled(entry.key, event.reason), self._cancelled, entry)

    def _cancelled(self, entry: Entry, now_us: int) -> None:
        self._out.append(events.Reply(entry.key, True))
        self._out.append(events.StatusChanged(entry.key, states.CANCELLED, -1, entry.reason))
