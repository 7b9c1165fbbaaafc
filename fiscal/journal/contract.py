"""What the engine asks of a journal: whole batches, in order, durable - or an error and nothing written.

The engine is event-sourced: replaying the journal's records gives its state. So a journal has one promise to keep: after
`Journal.append` returned, `Journal.records` of any later process on this journal yields that batch, after everything appended
before it; after `Journal.append` raised, nothing of the batch is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from fiscal.engine.records import Record


class JournalError(Exception):
    """The journal cannot be used: foreign or damaged file, another engine holds it, the disk failed. The text is one line for people."""


class JournalFull(JournalError):
    """No room for this batch; nothing of it was written, and later batches may fit again."""


class Journal(Protocol):
    """Where records survive."""

    def append(self, records: Sequence[Record]) -> None:
        """Write one batch, all or nothing, durably. Raises `JournalFull` or `JournalError` with nothing written."""
        ...

    def records(self) -> Iterator[Record]:
        """Everything appended so far, in order. Raises `JournalError` at the first record that is not what was written."""
        ...

    def close(self) -> None: ...
