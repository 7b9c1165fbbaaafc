"""A journal in memory: the same rules for virtual time and for tests.

When a batch becomes durable, and what a crash forgets, is the business of the world that calls `append`: a batch that was never
appended is a batch that was lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fiscal.engine.records import Accepted, Record
from fiscal.journal.contract import JournalError, JournalFull


class MemoryJournal:
    """Keeps records in a list. ``capacity`` (records) makes it full, as a disk gets full; it may be changed at any time."""

    def __init__(self, capacity: int | None = None) -> None:
        self.capacity = capacity
        self._records: list[Record] = []
        self._accepted: set[str] = set()

    def append(self, records: Sequence[Record]) -> None:
        if self.capacity is not None and len(self._records) + len(records) > self.capacity:
            raise JournalFull(f"journal full: room for {self.capacity} records")
        new: set[str] = set()
        for record in records:
            if type(record) is Accepted:
                if record.key in self._accepted or record.key in new:
                    raise JournalError(f"key {record.key!r} would be accepted twice")
                new.add(record.key)
        self._accepted |= new
        self._records.extend(records)

    def records(self) -> Iterator[Record]:
        return iter(tuple(self._records))

    def __len__(self) -> int:
        return len(self._records)

    def close(self) -> None:
        pass
