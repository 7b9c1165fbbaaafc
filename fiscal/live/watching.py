"""What the live host notes beside the engine: facts about registers, and the Z-reports. All of it in the engine's thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fiscal.engine.events import Commit, CommitFailed, Committed, Exchanged, Performed
from fiscal.engine.outcomes import Blame, Refused, Seen, Unknown, reason_of
from fiscal.engine.records import Record
from fiscal.live import clock
from fiscal.watch.facts import Facts
from fiscal.watch.z_reports import Book


class Watching:
    """``facts`` in the order of the registers; ``book`` holds what the journal has, never what is only on its way there."""

    def __init__(self, registers: int) -> None:
        self.facts = [Facts() for _ in range(registers)]
        self.book = Book()
        self._batches: dict[int, tuple[Record, ...]] = {}  # on their way to the journal, by ticket

    def reading(self, history: Iterable[Record]) -> Iterator[Record]:
        """The same records, noted on their way."""
        for record in history:
            self.book.add(record)
            yield record

    def commit(self, effect: Commit) -> None:
        self._batches[effect.ticket] = effect.records

    def event(self, event: Any) -> None:
        """Note what an event says of a register, or of the journal."""
        if isinstance(event, Committed):
            for record in self._batches.pop(event.ticket):
                self.book.add(record)
        elif isinstance(event, CommitFailed):
            del self._batches[event.ticket]
        elif isinstance(event, Exchanged):
            facts = self.facts[event.register]
            facts.carried(event.connected, bool(event.answer), event.problem, clock.wall_us())
        elif isinstance(event, Performed):
            self._performed(event, clock.wall_us())

    def _performed(self, event: Performed, wall_us: int) -> None:
        facts = self.facts[event.register]
        outcome = event.outcome
        facts.tell("agent", True, wall_us)
        if isinstance(outcome, Seen):
            facts.probed(outcome, wall_us)
        elif isinstance(outcome, Unknown) or (isinstance(outcome, Refused) and outcome.blame is Blame.LINE):
            facts.tell("cable", False, wall_us, reason_of(outcome))

    def network(self, ok: bool, detail: str) -> None:
        """Somebody has looked whether this computer reaches the world."""
        wall_us = clock.wall_us()
        for facts in self.facts:
            facts.tell("internet", ok, wall_us, detail)
