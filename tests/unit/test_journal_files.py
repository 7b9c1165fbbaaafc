"""A journal file that is not one, is damaged, or is in use: one clear line each."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from fiscal.engine.records import Attempted, Cancelled, Retried
from fiscal.journal import JournalError, JournalFull, MemoryJournal, SqliteJournal
from fiscal.journal.encode import FORMAT, check_layout, layout


def filled(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.append([Retried(f"key {number}") for number in range(3)])
    journal.append([Attempted("key 1", 1, "kkt1", 7, "9999")])
    journal.close()


def tamper(path: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement, values)
    connection.commit()
    connection.close()


def problem(path: Path) -> str:
    """What opening and reading this file says. One line, naming the file."""
    with pytest.raises(JournalError) as caught:
        journal = SqliteJournal(path, wait_s=0.05)
        try:
            list(journal.records())
        finally:
            journal.close()
    text = str(caught.value)
    assert "\n" not in text
    assert path.name in text
    return text


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"shopping list\n" * 200)
    assert "not a journal, or damaged" in problem(path)
    assert path.read_bytes() == b"shopping list\n" * 200


def test_a_database_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    tamper(path, "CREATE TABLE songs (name TEXT)")
    assert "another program" in problem(path)


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    assert "cannot open" in problem(tmp_path / "nowhere" / "j.sqlite")


def test_a_newer_format(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    filled(path)
    tamper(path, f"PRAGMA user_version = {FORMAT + 1}")
    assert f"format {FORMAT + 1}" in problem(path)


def test_fields_of_another_version(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    filled(path)
    other = layout()
    other["Retried"] = ["key", "by"]
    tamper(path, "UPDATE meta SET value = ? WHERE name = 'layout'", json.dumps(other))
    assert "the fields of Retried are key, by" in problem(path)


def test_an_older_layout_without_later_fields_is_read(tmp_path: Path) -> None:
    older = layout()
    assert older["Recorded"][-1] == "receipt_number"
    older["Recorded"] = older["Recorded"][:-1]  # a field with a default
    assert check_layout(older) == ""
    older["Recorded"] = older["Recorded"][:2]
    assert "lacks time_s" in check_layout(older)
    assert "does not know" in check_layout({"Lottery": ["key"]})


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE records SET body = ? WHERE seq = 2", "record 2 is damaged"),
        ("UPDATE records SET chain = chain + 1 WHERE seq = 3 AND ? != ''", "record 3 is damaged"),
        ("UPDATE records SET kind = 'cancelled' WHERE seq = 1 AND ? != ''", "record 1 is damaged"),
        ("DELETE FROM records WHERE seq = 2 AND ? != ''", "record 2 is missing"),
        ("UPDATE records SET body = 'text' WHERE seq = 2 AND ? != ''", "record 2 is damaged"),
    ],
)
def test_rows_that_were_tampered_with(tmp_path: Path, statement: str, says: str) -> None:
    path = tmp_path / "j.sqlite"
    filled(path)
    tamper(path, statement, b'["key 9"]')
    assert says in problem(path)


def test_a_damaged_page(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    journal = SqliteJournal(path)
    journal.append([Retried("k" * 3000) for _ in range(50)])
    journal.close()
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 5000] = b"\xa5" * 5000
    path.write_bytes(data)
    problem(path)


def test_a_second_engine_is_kept_away(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    journal = SqliteJournal(path)
    journal.append([Retried("a")])
    script = (
        "import sys; from fiscal.journal import *\n"
        "try: SqliteJournal(sys.argv[1], wait_s=0.05)\n"
        "except JournalError as error: print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert "in use by another engine" in told.stdout
    journal.append([Retried("b")])
    journal.close()
    again = SqliteJournal(path)
    assert list(again.records()) == [Retried("a"), Retried("b")]
    again.close()


def test_after_a_full_disk_the_service_resumes(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.sqlite")
    journal.append([Retried("a")])
    journal.limit_pages(journal.pages)
    with pytest.raises(JournalFull, match="no room"):
        journal.append([Cancelled("k", "x" * 2000) for _ in range(20)])
    assert list(journal.records()) == [Retried("a")]
    journal.limit_pages(0)
    journal.append([Retried("b")])
    assert list(journal.records()) == [Retried("a"), Retried("b")]
    journal.close()


def test_memory_gets_full_too() -> None:
    journal = MemoryJournal(capacity=2)
    journal.append([Retried("a")])
    with pytest.raises(JournalFull):
        journal.append([Retried("b"), Retried("c")])
    journal.capacity = 3
    journal.append([Retried("b"), Retried("c")])
    assert len(journal) == 3


def test_fields_of_this_version() -> None:
    """The journals out there have these fields. A change that is no new field at the end, with a default, needs another FORMAT."""
    assert FORMAT == 1
    assert layout() == {
        "Accepted": [
            "key",
            "number",
            "fingerprint",
            "receipt",
            "accepted_wall_us",
            "deadline_wall_us",
            "person",
            "why",
        ],
        "Attempted": ["key", "attempt", "register", "last_document", "drive"],
        "Cancelled": ["key", "reason"],
        "Cleared": ["key", "attempt", "reason"],
        "Confirmed": ["register", "drive", "document", "confirmed_wall_us"],
        "Documented": ["key", "attempt", "register", "recorded", "recorded_wall_us"],
        "Orphaned": ["key", "attempt", "register", "recorded", "return_key"],
        "Recorded": ["document", "sign", "time_s", "drive", "shift", "receipt_number"],
        "Reissued": ["key", "attempt"],
        "Retried": ["key"],
        "SetAside": ["key", "reason"],
        "ShiftEnded": [
            "register",
            "drive",
            "shift",
            "document",
            "receipts",
            "totals_kop",
            "ended_wall_us",
            "turnovers_kop",
            "drawer_kop",
            "running_kop",
            "first_document",
            "sign",
            "time_s",
            "registration",
        ],
        "Paused": ["register", "reason", "wall_us"],
        "Replacement": ["register", "step", "drive", "wall_us"],
        "Resumed": ["register", "wall_us"],
        "Sent": ["register", "drive", "document", "sent_wall_us"],
    }
