"""How far a run is: a callback, and a bar for people at a terminal.

Whatever runs for long takes ``progress: Progress | None``, a function of how much is done and how much there is. The bar writes to stderr,
and only if that is a terminal, so that neither a pipe nor a log file nor a notebook ever sees it.
"""

from __future__ import annotations

import sys
from typing import Protocol, TextIO


class Progress(Protocol):
    """Called now and then with what is done and the whole, in the same unit; the last call has both equal."""

    def __call__(self, done: float, whole: float) -> None: ...


class Bar:
    """A bar of text that redraws itself on one line and is gone at the end."""

    def __init__(self, label: str, stream: TextIO | None = None, width: int = 40) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._alive = self._stream.isatty()
        self._label = label
        self._width = width
        self._shown = ""

    def __call__(self, done: float, whole: float) -> None:
        if not self._alive:
            return
        share = min(max(done / whole, 0.0), 1.0) if whole > 0 else 1.0
        filled = int(share * self._width)
        text = f"{self._label} [{'#' * filled}{'.' * (self._width - filled)}] {int(share * 100):3d}%"
        if text != self._shown:
            self._stream.write("\r" + text)
            self._stream.flush()
            self._shown = text

    def close(self) -> None:
        """Wipe the bar."""
        if self._shown:
            self._stream.write("\r" + " " * len(self._shown) + "\r")
            self._stream.flush()
            self._shown = ""

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
