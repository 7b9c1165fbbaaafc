"""The shop's side of a run: it pays, asks for a receipt, and asks again until somebody says yes.

A real shop's module repeats a request whose answer did not come, with the same key; that is what idempotency is for. The wait of a receipt
counts from the first time of asking: the buyer has paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fiscal.receipt import Receipt

RETRY_US = 5_000_000
"""How long a shop waits for an answer before it asks again."""


@dataclass(slots=True)
class Request:
    """One receipt a shop wants."""

    key: str
    receipt: Receipt
    fingerprint: str
    at_us: int
    deadline_us: int


class Shop:
    """Requests that have not been answered yet, in the order they were first made."""

    def __init__(self) -> None:
        self.unanswered: dict[str, Request] = {}
        self.accepted: set[str] = set()
        self.refused: dict[str, str] = {}

    def ask(self, request: Request) -> None:
        self.unanswered[request.key] = request

    def answer(self, key: str, accepted: bool, reason: str) -> bool:
        """The engine's answer. Returns whether the shop has to ask again (the journal could not take it)."""
        if accepted:
            self.accepted.add(key)
            self.unanswered.pop(key, None)
            return False
        if reason.startswith("journal"):
            return key in self.unanswered
        if self.unanswered.pop(key, None) is not None:
            self.refused[key] = reason
        return False

    def to_repeat(self) -> Sequence[Request]:
        """What must be asked again."""
        return tuple(self.unanswered.values())
