"""What a sweep has found so far: a file that only grows, so that a sweep that was interrupted goes on where it was.

The first line says what was asked, each further line is the answer to one task; a line is on the disk before the next task's answer
is looked at. Whatever kills the sweep, whole lines stay. A torn one is no answer: its task is done again. A file of another question, or
of another version of the bench, is left alone.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

NAME = "results.jsonl"


class Answer(NamedTuple):
    """What one task found: the receipts of its day, and for each of its configurations the late ones and the waits (seconds)."""

    receipts: int
    late: tuple[int, ...]
    mean_wait_s: tuple[float, ...]
    longest_wait_s: tuple[float, ...]


class SweepFileError(ValueError):
    """A folder that cannot take this sweep. One line: where, why, what to do."""


class SweepFile:
    """The answers in a folder, by number of task, and the way to add one. Close it, or use it in a ``with``."""

    def __init__(
        self, folder: Path, question: Mapping[str, Any], fits: Callable[[int, Answer], bool]
    ) -> None:
        """Open or begin; ``fits`` says whether an answer can be that task's. Raises SweepFileError, and OSError for the disk's reasons."""
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / NAME
        self.answers: dict[int, Answer] = {}
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            self._begin(folder, question, fits)
        except BaseException:
            self.close()
            raise

    def add(self, task: int, answer: Answer) -> None:
        """Keep an answer: it is on the disk when this returns."""
        self.answers[task] = answer
        self._write({"task": task, **answer._asdict()})

    def close(self) -> None:
        os.close(self._file)

    def __enter__(self) -> SweepFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self, folder: Path, question: Mapping[str, Any], fits: Callable[[int, Answer], bool]) -> None:
        if not _locked(self._file):
            raise SweepFileError(
                f"{folder}: another sweep is writing there; wait for it, or name another folder"
            )
        # What follows the last line end was being written when the sweep was killed.
        *lines, torn = self.path.read_bytes().split(b"\n")
        if not lines:
            os.ftruncate(self._file, 0)  # not even the first line was whole
            self._write(question)
            _keep_name(folder)
            return
        self._compare(folder, _object(lines[0]), question)
        for line in lines[1:]:
            found = _answer(_object(line))
            if found is not None and fits(*found):
                self.answers[found[0]] = found[1]
        if torn:
            os.write(self._file, b"\n")

    @staticmethod
    def _compare(folder: Path, kept: dict[str, Any], asked: Mapping[str, Any]) -> None:
        if "bench_sweep" not in kept:
            raise SweepFileError(f"{folder}: its {NAME} is not of a sweep; name another folder")
        for key, what in (("question", "another question"), ("code", "another version of the bench")):
            if kept.get(key) != asked[key]:
                raise SweepFileError(
                    f"{folder}: holds the answers to {what} ({kept.get('name')}); name another folder, or remove that one"
                )

    def _write(self, line: Mapping[str, Any]) -> None:
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"
        rest = memoryview(text.encode("utf-8", "surrogatepass"))
        while rest:
            rest = rest[os.write(self._file, rest) :]
        os.fsync(self._file)


def _locked(file: int) -> bool:
    """Take the file for this process, as long as it lives; where there are no such locks, everybody may have it."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _keep_name(folder: Path) -> None:
    """A new file's name is in its folder, which is written for itself (not on Windows)."""
    if os.name != "posix":
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def kept(folder: Path) -> int:
    """How many answers are in a folder, none when there is no such folder."""
    try:
        lines = (folder / NAME).read_bytes().split(b"\n")[1:-1]
    except FileNotFoundError:
        return 0
    return len({found[0] for line in lines if (found := _answer(_object(line))) is not None})


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _answer(line: Mapping[str, Any]) -> tuple[int, Answer] | None:
    match line:
        case {
            "task": int(task),
            "receipts": int(receipts),
            "late": list(late),
            "mean_wait_s": list(mean),
            "longest_wait_s": list(longest),
        } if (
            len(late) == len(mean) == len(longest)
            and all(isinstance(n, int) and 0 <= n <= receipts for n in late)
            and all(isinstance(s, float) and 0 <= s < math.inf for s in (*mean, *longest))
        ):
            return task, Answer(receipts, tuple(late), tuple(mean), tuple(longest))
    return None
