"""The memory of an emulated drive, on disk.

A real drive survives a power cut, so the memory of an emulated one must survive its process: every document, every confirmation and
every notification of marked goods is on disk, synced, before the answer leaves. What is in between - an open shift, counters -
follows from the documents and is played again.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from fiscal.emulators.drive import Confirmation, Drive, Stored
from fiscal.emulators.drive_marking import Notice
from fiscal.emulators.money_memory import MoneyMemory

APPLICATION_ID = 0x46354E44
SNAPSHOT_EVERY = 2000
"""Documents between two snapshots: how many are played again after a crash, at most."""


class DriveFileError(Exception):
    """The file cannot be used; one line for people."""


class DriveFile:
    """One drive's documents, confirmations and snapshot in a SQLite file, locked for as long as it is open."""

    def __init__(self, path: Path, wait_s: float = 2.0) -> None:
        self.path = path
        fresh = _fresh(path)
        if not path.exists() and fresh.exists():
            fresh.rename(path)  # the process died while drives were changed
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=wait_s, isolation_level=None, check_same_thread=False
            )
        except (sqlite3.Error, OSError) as error:
            raise DriveFileError(f"drive {path}: cannot open: {error}") from None
        try:
            self._open()
        except sqlite3.Error as error:
            self._connection.close()
            why = "in use by another emulator" if "locked" in str(error) else str(error)
            raise DriveFileError(f"drive {path}: {why}") from None
        except DriveFileError:
            self._connection.close()
            raise
        self._drive: Drive | None = None
        self._since_snapshot = 0
        self._money: MoneyMemory | None = None
        self._counted = 0  # the document up to which the register's counters are kept
        self._notices: list[Notice] = []  # made by the document that is being recorded

    def _open(self) -> None:
        run = self._connection.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run("BEGIN IMMEDIATE")
        application = run("PRAGMA application_id").fetchone()[0]
        if application == 0 and run("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            run(
                "CREATE TABLE documents (document INTEGER PRIMARY KEY, form INTEGER, time_s INTEGER, sign INTEGER,"
                " tlv BLOB, shift INTEGER, receipt_number INTEGER, type INTEGER, total_kop INTEGER)"
            )
            run("CREATE TABLE confirmations (document INTEGER PRIMARY KEY, time_s INTEGER, sign BLOB)")
            run("CREATE TABLE snapshot (id INTEGER PRIMARY KEY, json TEXT)")
            run(f"PRAGMA application_id = {APPLICATION_ID}")
        elif application != APPLICATION_ID:
            raise DriveFileError(f"drive {self.path}: this is not the memory of a drive")
        run(
            "CREATE TABLE IF NOT EXISTS notices (number INTEGER PRIMARY KEY, document INTEGER, time_s INTEGER, tlv BLOB,"
            " confirmed INTEGER DEFAULT 0)"
        )
        run("CREATE TABLE IF NOT EXISTS register (id INTEGER PRIMARY KEY, document INTEGER, json TEXT)")
        run("COMMIT")

    def load(self) -> Drive | None:
        """The drive as it was, or ``None`` for a new file. Keeps it from now on."""
        run = self._connection.execute
        try:
            row = run("SELECT json FROM snapshot").fetchone()
            if row is None:
                return None
            drive = Drive.restore(
                json.loads(row[0]),
                (Stored(*document) for document in run("SELECT * FROM documents ORDER BY document")),
                list(run("SELECT document, time_s, sign FROM confirmations ORDER BY document")),
            )
            made = run("SELECT max(number) FROM notices").fetchone()[0]
            waiting = run(
                "SELECT number, document, time_s, tlv FROM notices WHERE NOT confirmed ORDER BY number"
            )
            drive.marks.resume(made or 0, [Notice(*notice) for notice in waiting])
        except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
            raise DriveFileError(f"drive {self.path}: damaged: {error}") from None
        self.keep(drive)
        return drive

    def keep(self, drive: Drive) -> None:
        """From now on every document and confirmation of this drive is on disk before its answer leaves."""
        self._drive = drive
        self.save()
        drive.on_record = self._record
        drive.on_confirm = self._confirm
        drive.marks.on_notice = self._notices.append
        drive.marks.on_ticket = self._ticket

    def _record(self, stored: Stored) -> None:
        run = self._connection.execute
        notices, self._notices[:] = self._notices[:], []
        if notices:  # a receipt and what is to be told of it, both or neither
            run("BEGIN")
        run("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", stored)
        for notice in notices:
            run("INSERT INTO notices (number, document, time_s, tlv) VALUES (?, ?, ?, ?)", notice)
        if notices:
            run("COMMIT")
        self._since_snapshot += 1
        if self._since_snapshot >= SNAPSHOT_EVERY:
            self.save()

    def _confirm(self, confirmation: Confirmation) -> None:
        self._connection.execute("INSERT INTO confirmations VALUES (?, ?, ?)", confirmation)

    def _ticket(self, number: int) -> None:
        self._connection.execute("UPDATE notices SET confirmed = 1 WHERE number = ?", (number,))

    def save(self) -> None:
        """Write a snapshot."""
        assert self._drive is not None
        text = json.dumps(self._drive.snapshot())
        self._connection.execute("INSERT OR REPLACE INTO snapshot VALUES (1, ?)", (text,))
        self._since_snapshot = 0

    def keep_money(self, money: MoneyMemory) -> None:
        """The counters of the register this drive is in: as they were, and kept from now on. After `load` or `keep`."""
        assert self._drive is not None
        try:
            row = self._connection.execute("SELECT document, json FROM register").fetchone()
            counted = 0
            if row is not None:
                counted = row[0]
                money.restore(json.loads(row[1]))
            for number in range(counted + 1, self._drive.last_document + 1):
                money.replay(self._drive.find(number))
        except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
            raise DriveFileError(f"drive {self.path}: the register's counters are damaged: {error}") from None
        self._money = money
        self._save_money()

    def note_money(self) -> None:
        """Between two commands: write down what no document tells of, and now and then the rest."""
        money, drive = self._money, self._drive
        if money is None or drive is None:
            return
        if money.unkept or drive.last_document - self._counted >= SNAPSHOT_EVERY:
            self._save_money()

    def _save_money(self) -> None:
        assert self._money is not None
        assert self._drive is not None
        counted = self._drive.last_document
        text = json.dumps(self._money.snapshot())
        self._connection.execute("INSERT OR REPLACE INTO register VALUES (1, ?, ?)", (counted, text))
        self._counted = counted
        self._money.unkept = False

    def succeed(self, drive: Drive) -> DriveFile:
        """The memory of the drive that was put in after this one, in the place of this one, with the register's counters. What this drive
        remembers is kept beside it, under its number. A process that dies in between finds the one drive or the other, whole."""
        money, old, fresh = self._money, self._drive, _fresh(self.path)
        assert old is not None
        fresh.unlink(missing_ok=True)
        made = DriveFile(fresh)
        made.keep(drive)
        if money is not None:
            made.keep_money(money)
        made.close()
        self._money = None  # they are the new drive's by now
        self.close()
        self.path.rename(self.path.with_name(f"{self.path.stem}-{old.serial}{self.path.suffix}"))
        fresh.rename(self.path)
        follower = DriveFile(self.path)
        follower.keep(drive)
        if money is not None:
            follower.keep_money(money)
        return follower

    def close(self) -> None:
        if self._money is not None:
            self._save_money()
        if self._drive is not None:
            self._drive.on_record = self._drive.on_confirm = None
            self._drive.marks.on_notice = self._drive.marks.on_ticket = None
            self.save()
        self._connection.close()


def _fresh(path: Path) -> Path:
    """Where the memory of a new drive is made before it takes its place."""
    return path.with_name(f"{path.name}.new")
