"""Keeping a result: the whole folder or nothing of it, whenever somebody presses Ctrl-C.

Files are written into a hidden folder beside the wanted one and moved over when all of them are there.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.result import Result


def unwritable(folder: Path) -> str:
    """Why a result cannot be kept there; empty when it can, as far as can be seen before. Nothing is written."""
    place = Path(os.path.abspath(folder))  # noqa: PTH100  Path.resolve would follow the last link, too
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        return f"{place} is not a folder"
    return "" if os.access(place, os.W_OK | os.X_OK) else f"no right to write into {place}"


def keep(result: Result, folder: Path) -> None:
    """Write the result folder. Files of an earlier result there are replaced. Raises OSError when it cannot be written."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
        fresh = Path(beside)
        result.save(fresh)
        with uninterrupted():
            for path in sorted(fresh.rglob("*")):
                target = folder / path.relative_to(fresh)
                if path.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                else:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    path.replace(target)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A moment in which Ctrl-C comes too late: it would leave half of something."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
