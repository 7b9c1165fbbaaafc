"""The event log of a run: what happened, when, in one flat list.

Everything a run can answer is computed from these rows, and the hash over them is what "the same run" means: same scenario and seed,
same hash, on any machine.
"""

from __future__ import annotations

import hashlib

Row = tuple[int, str, str, int, str, int]
"""(moment in microseconds, kind, receipt key or "", register index or -1, detail, number)."""

SUBMITTED = "submitted"
REPLY = "reply"
STATUS = "status"
REGISTER = "register"
Z_REPORT = "z_report"
FAULT = "fault"
ENGINE = "engine"
OPERATOR = "operator"

COLUMNS = ("t_us", "kind", "key", "register", "detail", "number")


class EventLog:
    """Rows in the order they happened."""

    __slots__ = ("rows",)

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(
        self, t_us: int, kind: str, key: str = "", register: int = -1, detail: str = "", number: int = 0
    ) -> None:
        self.rows.append((t_us, kind, key, register, detail, number))

    def sha256(self) -> str:
        """Hash of all rows, independent of platform and process."""
        digest = hashlib.sha256()
        for start in range(0, len(self.rows), 1000):
            digest.update("\n".join(map(repr, self.rows[start : start + 1000])).encode())
            digest.update(b"\n")
        return digest.hexdigest()
