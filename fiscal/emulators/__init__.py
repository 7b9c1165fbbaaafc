"""The other ends: registers, drives and operators that behave like real ones, refusals included.

An emulator is sans-IO, with time as an argument. A host feeds it bytes and the time, asks when it wants to be woken, and carries the
chunks it wants to send: each with the moment it leaves.

Fiscal signs and keys are emulated: nothing made here has legal force.
"""

from __future__ import annotations

from typing import Protocol

Output = list[tuple[int, bytes]]
"""Chunks to send: (moment it leaves, microseconds on the host's monotonic clock; bytes)."""


class Emulator(Protocol):
    """What a host needs of an emulated device."""

    def receive(self, data: bytes, now_us: int) -> Output:
        """Bytes arrived. Returns what leaves because of them (a command under way answers later, by `wake`)."""
        ...

    def next_wakeup(self) -> int | None:
        """When `wake` wants to be called, or ``None``."""
        ...

    def wake(self, now_us: int) -> Output:
        """The moment has come: a command is done, a byte timeout has passed, a report is printed."""
        ...

    def power_off(self, now_us: int) -> None: ...

    def power_on(self, now_us: int) -> None: ...
