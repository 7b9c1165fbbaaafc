"""What must survive: the engine's records, in order, whole batches or nothing."""

from fiscal.journal.contract import Journal, JournalError, JournalFull
from fiscal.journal.memory import MemoryJournal
from fiscal.journal.sqlite import SqliteJournal

__all__ = ["Journal", "JournalError", "JournalFull", "MemoryJournal", "SqliteJournal"]
