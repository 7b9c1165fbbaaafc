"""The store of an emulated operator, on disk: what he has taken survives him.

A document is on disk, synced, before its confirmation leaves; a document that cannot be written is not confirmed. Others may read the file
while the operator runs.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from fiscal.emulators.operator_store import Received

APPLICATION_ID = 0x46344F44


class OperatorFileError(Exception):
    """The file cannot be used; one line for people."""


class OperatorFile:
    """The documents of an operator in a SQLite file, in the order in which they came."""

    def __init__(self, path: Path, wait_s: float = 2.0) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=wait_s, isolation_level=None, check_same_thread=False
            )
            self._open()
        except (sqlite3.Error, OSError) as error:
            raise OperatorFileError(f"store {path}: cannot be used: {error}") from None

    def _open(self) -> None:
        run = self._connection.execute
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        application = run("PRAGMA application_id").fetchone()[0]
        if application == 0 and run("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            run(
                "CREATE TABLE documents (id INTEGER PRIMARY KEY, drive TEXT, document INTEGER, form INTEGER, received_us INTEGER,"
                " received_s INTEGER, code INTEGER, tlv BLOB, sign BLOB, answer BLOB, problems TEXT, UNIQUE (drive, document))"
            )
            run(f"PRAGMA application_id = {APPLICATION_ID}")
        elif application != APPLICATION_ID:
            self._connection.close()
            raise OperatorFileError(f"store {self.path}: this is not the store of an operator")

    def load(self) -> Iterator[Received]:
        """Everything kept by earlier lives."""
        rows = self._connection.execute(
            "SELECT drive, document, form, received_us, received_s, code, tlv, sign, answer, problems FROM documents ORDER BY id"
        )
        for row in rows:
            *fields, problems = row
            yield Received._make((*fields, tuple(json.loads(problems))))

    def keep(self, received: Received) -> None:
        """On disk when this returns. Raises `sqlite3.Error`."""
        self._connection.execute(
            "INSERT INTO documents (drive, document, form, received_us, received_s, code, tlv, sign, answer, problems)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*received[:9], json.dumps(received.problems, ensure_ascii=False)),
        )

    def close(self) -> None:
        self._connection.close()


def read_store(path: Path) -> list[Received]:
    """What the store holds, without disturbing who uses it. Raises `OperatorFileError`."""
    if not path.exists():
        raise OperatorFileError(f"store {path}: no such file")
    with closing(OperatorFile(path)) as file:
        return list(file.load())
