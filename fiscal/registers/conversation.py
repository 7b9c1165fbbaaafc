"""Conversations: how a driver talks to a register without knowing which clock runs it.

A driver is a *generator*. It yields what it wants from the line - `Send` bytes, `Receive` bytes, `Pause` - and is resumed with what
the line gave: ``None`` after `Send` and `Pause`, the bytes that arrived after `Receive` (``b""`` when the timeout passed). The live host
runs it over pyserial or TCP, the virtual host over a simulated line; the driver cannot tell which. A host that loses the line
throws `LineLost` into the generator.

A conversation *returns* an outcome, and there are three, not two:

* a result (`Recorded`, `ShiftOpened`, `ShiftClosed`, `Seen`, `Found`): it is done;
* `Refused`: nothing happened, with the reason and whose fault it is;
* `Unknown`: the line died after a byte that may have mattered. Only the fiscal drive knows.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from fiscal.engine.outcomes import (
    Attempt,
    Blame,
    ClockSet,
    Found,
    Outcome,
    Recorded,
    Refused,
    Seen,
    ShiftClosed,
    ShiftOpened,
    ShiftState,
    Unknown,
)
from fiscal.receipt import Receipt

__all__ = [
    "Attempt",
    "Blame",
    "ClockSet",
    "Conversation",
    "Driver",
    "Found",
    "LineLost",
    "Outcome",
    "Pause",
    "Receive",
    "Recorded",
    "Refused",
    "Seen",
    "Send",
    "Settings",
    "ShiftClosed",
    "ShiftOpened",
    "ShiftState",
    "Step",
    "Unknown",
]


class Send(NamedTuple):  # made for every command: a tuple is made twice as fast as a frozen class
    """Put bytes on the line. ``command`` marks the bytes that make the register act (not handshake bytes)."""

    data: bytes
    command: bool = False


@dataclass(frozen=True, slots=True)
class Receive:
    """Wait for bytes, at most ``timeout_us``. The answer is whatever chunk arrived (one byte or more), or ``b""``."""

    timeout_us: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for ``duration_us``."""

    duration_us: int


Step = Send | Receive | Pause


class LineLost(Exception):
    """The line is gone (cable, adapter, socket). Thrown by the host into a conversation, or raised by a driver that gave up."""


Conversation = Generator[Step, bytes | None, Outcome]


class Driver(Protocol):
    """What every make of register offers the engine. Each method starts a conversation; nothing is shared between conversations."""

    def fiscalize(self, receipt: Receipt, mark: str) -> Conversation: ...

    def open_shift(self) -> Conversation: ...

    def close_shift(self) -> Conversation: ...

    def find_report(self) -> Conversation: ...

    def probe(self) -> Conversation: ...

    def find(self, receipt: Receipt, attempt: Attempt) -> Conversation: ...

    def set_clock(self, time_s: int) -> Conversation: ...

    def read_totals(self, paper: bool) -> Conversation: ...

    def read_message(self) -> Conversation: ...

    def write_answer(self, answer: bytes) -> Conversation: ...

    def close_drive(self) -> Conversation: ...

    def register_drive(self) -> Conversation: ...


class Unoffered:
    """What not every register offers: a driver inherits the refusals and replaces those it can do better."""

    def find_report(self) -> Conversation:
        return _unoffered("its Z-reports")

    def read_totals(self, paper: bool) -> Conversation:
        return _unoffered("totals of the shift")

    def read_message(self) -> Conversation:
        return _unoffered("messages for the operator")

    def write_answer(self, answer: bytes) -> Conversation:
        return _unoffered("the operator's answers")

    def close_drive(self) -> Conversation:
        return _unoffered("closing the drive")

    def register_drive(self) -> Conversation:
        return _unoffered("registering a new drive")


def _unoffered(what: str) -> Conversation:
    yield from ()
    return Refused("unoffered", f"this register does not offer {what} to its host", Blame.REGISTER)


@dataclass(frozen=True, slots=True)
class Settings:
    """How a driver speaks to one register."""

    password: int = 30
    byte_timeout_us: int = 3_000_000
    answer_timeout_us: int = 10_000_000
    attempts: int = field(default=3)
