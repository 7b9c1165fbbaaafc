"""The journal's thread: group commit.

Commits queue up while the disk is busy with the last fsync; the thread takes all that wait and writes them in one transaction. So one
register costs one fsync a record, and a hundred registers cost hardly more.

When a batch fails nothing that was asked for *after* it may be written: a later record can rest on an earlier one. So after a failure
every commit fails until the engine has heard of the failure (`Writer.heard`), and knows what it did not get.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from fiscal.engine.events import Commit, CommitFailed, Committed
from fiscal.journal import Journal, JournalError, JournalFull

log = logging.getLogger("fiscal.journal")
LARGEST_GROUP = 512

Heard = tuple[()]
_HEARD: Heard = ()


class Writer(threading.Thread):
    """Writes what `write` is given, in order; tells ``post`` of each ticket. ``broken`` is called when the journal is beyond use."""

    def __init__(
        self,
        journal: Journal,
        post: Callable[[Committed | CommitFailed], None],
        broken: Callable[[str], None],
    ) -> None:
        super().__init__(name="journal", daemon=True)
        self._journal = journal
        self._post = post
        self._broken = broken
        self._inbox: SimpleQueue[Commit | Heard | None] = SimpleQueue()
        self._unheard = 0
        self.asked = 0
        self.answered = 0

    @property
    def idle(self) -> bool:
        """Everything asked for was answered."""
        return self.asked == self.answered

    def write(self, commit: Commit) -> None:
        self.asked += 1
        self._inbox.put(commit)

    def heard(self) -> None:
        """The engine has handled one `CommitFailed`."""
        self._inbox.put(_HEARD)

    def close(self) -> None:
        """Write what waits, then end the thread."""
        self._inbox.put(None)

    def run(self) -> None:
        going = True
        while going:
            item = self._inbox.get()
            group: list[Commit] = []
            while True:
                if item is None:
                    going = False
                    break
                if item == ():
                    self._flush(group)
                    group = []
                    self._unheard -= 1
                elif isinstance(item, Commit):
                    group.append(item)
                    if len(group) >= LARGEST_GROUP:
                        break
                try:
                    item = self._inbox.get_nowait()
                except Empty:
                    break
            self._flush(group)

    def _flush(self, group: list[Commit]) -> None:
        if not group:
            return
        if self._unheard:
            for commit in group:
                self._fail(commit, "an earlier write failed")
            return
        records = group[0].records if len(group) == 1 else [r for commit in group for r in commit.records]
        try:
            self._journal.append(records)
        except JournalFull as full:
            self._one_by_one(group, full)
        except JournalError as error:
            self._give_up(group, error)
        else:
            for commit in group:
                self._post(Committed(commit.ticket))
            self.answered += len(group)

    def _one_by_one(self, group: list[Commit], full: JournalFull) -> None:
        """The group does not fit; its beginning may."""
        for index, commit in enumerate(group):
            try:
                if len(group) == 1:
                    raise full
                self._journal.append(commit.records)
            except JournalFull as error:
                log.error("%s; %d commits refused", error, len(group) - index)
                for refused in group[index:]:
                    self._fail(refused, str(error))
                return
            except JournalError as error:
                self._give_up(group[index:], error)
                return
            self._post(Committed(commit.ticket))
            self.answered += 1

    def _give_up(self, group: list[Commit], error: JournalError) -> None:
        for commit in group:
            self._fail(commit, str(error))
        self._broken(str(error))

    def _fail(self, commit: Commit, reason: str) -> None:
        self._unheard += 1
        self._post(CommitFailed(commit.ticket, reason))
        self.answered += 1
