"""The trace: every exchange with the registers, as bytes and in words."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from fiscal.live.converse import Trace


class TraceFile:
    """A text file that grows: local time, register, direction (``>`` to it, ``<`` from it, ``!`` lost), bytes."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()

    def of(self, name: str) -> Trace:
        """The trace of one register."""

        def write(direction: str, data: bytes) -> None:
            line = line_of(name, direction, data)
            with self._lock:
                if not self._file.closed:
                    self._file.write(line + "\n")

        return write

    def close(self) -> None:
        with self._lock:
            self._file.close()


def line_of(name: str, direction: str, data: bytes) -> str:
    ns = time.time_ns()
    stamp = time.strftime("%H:%M:%S", time.localtime(ns // 1_000_000_000)) + f".{ns // 1000 % 1_000_000:06}"
    text = data.decode("utf-8", "replace") if direction == "!" else data.hex(" ")
    return f"{stamp} {name} {direction} {text}"
