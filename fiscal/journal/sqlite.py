"""The durable journal: one SQLite file, write-ahead log, an fsync for every batch.

Why these settings (reference: ecosystem, 5.4): ``synchronous=FULL`` is the only mode that kept every acknowledged row over a power
cut; ``NORMAL`` lost nearly all of them. A batch costs one fsync however many records it has, so the host commits in groups.

Every record carries a checksum chained over all records before it. A row that was changed, dropped or moved - by a failing disk or by
a person with a database browser - is found when the journal is read, and named.

An exclusive lock keeps a second engine away: two engines on one journal would print receipts twice.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from zlib import crc32

from fiscal.engine.records import Accepted, Record
from fiscal.journal.contract import JournalError, JournalFull
from fiscal.journal.encode import FORMAT, EncodingError, check_layout, decode, encode, layout

APPLICATION_ID = 0x46353446
"""Marks the file as a fiscal journal (SQLite's ``application_id``)."""

_TABLES = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE records (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, key BLOB, body BLOB NOT NULL, chain INTEGER NOT NULL)",
    "CREATE UNIQUE INDEX accepted_keys ON records (key) WHERE kind = 'accepted'",
)
_INSERT = "INSERT INTO records (seq, kind, key, body, chain) VALUES (?, ?, ?, ?, ?)"
_DAMAGE = ("not a database", "malformed", "encrypted")


class SqliteJournal:
    """A journal in one file. One thread at a time may use it.

    ``wait_s`` is how long a lock of another process is waited for (a predecessor that is just stopping). Raises `JournalError` when
    the file cannot be used: somebody else's database, damaged, another version's format, held by another engine.
    """

    def __init__(self, path: str | Path, wait_s: float = 2.0) -> None:
        self.path = Path(path)
        self._failed = ""
        try:
            self._connection = sqlite3.connect(
                self.path, timeout=wait_s, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise JournalError(f"journal {self.path}: cannot open: {error}") from None
        try:
            self._open()
        except sqlite3.Error as error:
            self._connection.close()
            raise JournalError(self._explain(error)) from None
        except JournalError:
            self._connection.close()
            raise

    def _open(self) -> None:
        run = self._connection.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        if run("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise JournalError(f"journal {self.path}: this file system does not support a write-ahead log")
        run("PRAGMA synchronous = FULL")
        run("BEGIN IMMEDIATE")  # takes the lock, which the exclusive mode then keeps
        application = run("PRAGMA application_id").fetchone()[0]
        tables = run("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application == 0 and tables == 0:
            for statement in _TABLES:
                run(statement)
            run(f"PRAGMA application_id = {APPLICATION_ID}")
            run(f"PRAGMA user_version = {FORMAT}")
        elif application != APPLICATION_ID:
            raise JournalError(f"journal {self.path}: this is a database of another program")
        self._check_version()
        run("INSERT OR REPLACE INTO meta VALUES ('layout', ?)", (json.dumps(layout()),))
        run("COMMIT")
        last = run("SELECT seq, chain FROM records ORDER BY seq DESC LIMIT 1").fetchone()
        self._seq: int = last[0] if last else 0
        self._chain: int = last[1] if last else 0

    def _check_version(self) -> None:
        run = self._connection.execute
        version = run("PRAGMA user_version").fetchone()[0]
        if version != FORMAT:
            raise JournalError(f"journal {self.path}: format {version}; this version reads format {FORMAT}")
        row = run("SELECT value FROM meta WHERE name = 'layout'").fetchone()
        if row is None:
            return
        try:
            reason = check_layout(json.loads(row[0]))
        except (ValueError, AttributeError, TypeError):
            reason = "its list of fields is damaged"
        if reason:
            raise JournalError(f"journal {self.path}: written by another version: {reason}")

    def _explain(self, error: sqlite3.Error) -> str:
        text = str(error)
        if "locked" in text:
            return f"journal {self.path}: in use by another engine; stop it first, two engines would print receipts twice"
        if any(word in text for word in _DAMAGE):
            return f"journal {self.path}: not a journal, or damaged ({text})"
        return f"journal {self.path}: {text}"

    def append(self, records: Sequence[Record]) -> None:
        if self._failed:
            raise JournalError(self._failed)
        rows = []
        seq, chain = self._seq, self._chain
        for record in records:
            body = encode(record)
            seq += 1
            chain = crc32(body, crc32(record.kind.encode(), chain))
            # bytes, because a key may hold what SQLite's text cannot: half of a surrogate pair
            key = record.key.encode("utf-8", "surrogatepass") if type(record) is Accepted else None
            rows.append((seq, record.kind, key, body, chain))
        try:
            self._connection.execute("BEGIN")
            self._connection.executemany(_INSERT, rows)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back(error)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._seq, self._chain = seq, chain

    def _roll_back(self, error: sqlite3.Error) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as second:
            self._failed = f"journal {self.path}: cannot roll back after {error}: {second}"
            raise JournalError(self._failed) from None
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL:
            raise JournalFull(f"journal {self.path}: no room left") from None
        if isinstance(error, sqlite3.IntegrityError):
            raise JournalError(f"journal {self.path}: a key would be accepted twice") from None
        # After a failed fsync nobody knows what the disk holds; a second try may claim a success that is none. Only a fresh
        # start, which reads what is really there, is safe.
        self._failed = f"journal {self.path}: the disk failed: {error}"
        raise JournalError(self._failed) from None

    def records(self) -> Iterator[Record]:
        chain = 0
        expected = 1
        try:
            for seq, kind, body, stored in self._connection.execute(
                "SELECT seq, kind, body, chain FROM records ORDER BY seq"
            ):
                if seq != expected:
                    raise JournalError(f"journal {self.path}: record {expected} is missing")
                if type(body) is not bytes or type(kind) is not str:
                    raise JournalError(f"journal {self.path}: record {seq} is damaged")
                chain = crc32(body, crc32(kind.encode(), chain))
                if chain != stored:
                    raise JournalError(f"journal {self.path}: record {seq} is damaged")
                expected += 1
                yield decode(kind, body)
        except sqlite3.Error as error:
            raise JournalError(self._explain(error)) from None
        except EncodingError as error:
            raise JournalError(
                f"journal {self.path}: record {expected - 1} cannot be read: {error}"
            ) from None

    def limit_pages(self, pages: int) -> None:
        """Let the file grow to so many pages at most (a quota; 0 lifts it)."""
        self._connection.execute(f"PRAGMA max_page_count = {pages or 1_073_741_823}")

    @property
    def pages(self) -> int:
        """How many pages the file has."""
        return int(self._connection.execute("PRAGMA page_count").fetchone()[0])

    def close(self) -> None:
        self._connection.close()
