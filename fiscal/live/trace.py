"""The trace: every exchange with the registers, as bytes and in words.

For finding out why a register does what it does. It holds all that went over the line but the buyers' addresses, which are masked; it is
written only where it was asked for.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

from fiscal.live.converse import Trace
from fiscal.makes import Words, line_of


class TraceFile:
    """A text file that grows: local time, register, direction (``>`` to it, ``<`` from it, ``!`` lost), bytes, what they mean."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()

    def of(self, name: str, words: Words) -> Trace:
        """The trace of one register."""

        def write(direction: str, data: bytes) -> None:
            line = line_of(now_stamp(), name, direction, data, words)
            with self._lock:
                if not self._file.closed:
                    self._file.write(line + "\n")

        return write

    def close(self) -> None:
        with self._lock:
            self._file.close()


def now_stamp() -> str:
    """The local time of day, to the microsecond."""
    ns = time.time_ns()
    return time.strftime("%H:%M:%S", time.localtime(ns // 1_000_000_000)) + f".{ns // 1000 % 1_000_000:06}"
