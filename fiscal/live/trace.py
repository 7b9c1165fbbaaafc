"""The trace: every exchange with the registers, as bytes and in words.

For finding out why a register does what it does. It holds all that went over the line, the buyers' addresses included; it is written only
where it was asked for, and belongs to nobody else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from fiscal.live.converse import Trace

Words = Callable[[str, bytes], list[str]]
"""What an exchange means: given direction and chunk, the frames that are complete now, in words."""


class TraceFile:
    """A text file that grows: local time, register, direction (``>`` to it, ``<`` from it, ``!`` lost), bytes, what they mean."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()

    def of(self, name: str, words: Words) -> Trace:
        """The trace of one register."""

        def write(direction: str, data: bytes) -> None:
            line = line_of(name, direction, data, words)
            with self._lock:
                if not self._file.closed:
                    self._file.write(line + "\n")

        return write

    def close(self) -> None:
        with self._lock:
            self._file.close()


def line_of(name: str, direction: str, data: bytes, words: Words) -> str:
    ns = time.time_ns()
    stamp = time.strftime("%H:%M:%S", time.localtime(ns // 1_000_000_000)) + f".{ns // 1000 % 1_000_000:06}"
    if direction == "!":
        return f"{stamp} {name} ! {data.decode('utf-8', 'replace')}"
    said = "; ".join(words(direction, data))
    return f"{stamp} {name} {direction} {data.hex(' ')}" + (f" | {said}" if said else "")
