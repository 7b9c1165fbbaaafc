"""What a register counts for itself, kept over the end of a process.

A real register survives a power cut with its money: the drawer, the shift's sums, the totals that are never reset. Most of it follows from
the documents in the drive and can be played again; what leaves no document - cash put in and taken out, cancelled receipts - cannot, so a
host writes it down as soon as it has happened.
"""

from __future__ import annotations

from typing import Any, Protocol

from fiscal.emulators.drive_documents import Stored

__all__ = ["MoneyMemory"]


class MoneyMemory(Protocol):
    """The counters of an emulated register, seen from a host that keeps them."""

    unkept: bool
    """Something has happened that no document tells of. Whoever writes the `snapshot` down clears it."""

    def snapshot(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        ...

    def restore(self, snapshot: dict[str, Any]) -> None:
        """What `snapshot` gave. Raises `KeyError`, `TypeError`, `ValueError` for anything else."""
        ...

    def replay(self, stored: Stored) -> None:
        """A document that the drive has made since."""
        ...
