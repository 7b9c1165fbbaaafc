"""What a watcher would have known of each register, moment by moment: the facts of `fiscal.watch.facts` in virtual time.

Every answer of a register, every line that was lost and every check of a network is told to the tracker as the live host tells it. What
comes out is a list of changes: (moment, register, fact, yes/no/unknown, detail). It decides nothing and is no part of the event log.
"""

from __future__ import annotations

from collections.abc import Mapping

from fiscal.emulators.operator_queue import Windows, end_of
from fiscal.engine.outcomes import Blame, Outcome, Refused, Seen, Unknown, reason_of
from fiscal.watch.facts import Fact, Facts

FactRow = tuple[int, int, str, bool | None, str]


class FactLog:
    """The watcher of a farm. ``networks``: when the network of each register is down."""

    def __init__(self, registers: int) -> None:
        self.rows: list[FactRow] = []
        self.networks: Mapping[int, Windows] = {}
        self._facts = [Facts() for _ in range(registers)]
        self._known: list[dict[str, bool | None]] = [{} for _ in range(registers)]

    def at(self, now_us: int) -> list[Mapping[str, Fact]]:
        """What may be believed of each register at this moment, which must not lie before the last that was told."""
        return [facts.at(now_us) for facts in self._facts]

    def outcome(self, register: int, outcome: Outcome, now_us: int) -> None:
        """A task on a register has ended."""
        facts = self._facts[register]
        lost = isinstance(outcome, Unknown) or (isinstance(outcome, Refused) and outcome.blame is Blame.LINE)
        if isinstance(outcome, Seen):
            if self.networks:
                down = end_of(self.networks.get(register, ()), now_us) != now_us
                facts.tell("internet", not down, now_us, "no network" if down else "")
            facts.tell("agent", True, now_us)
            facts.probed(outcome, now_us)
        elif lost:
            facts.tell("agent", True, now_us)
            facts.tell("cable", False, now_us, reason_of(outcome))
        else:
            return  # probes come often enough
        self._note(register, now_us)

    def carried(self, register: int, connected: bool, answered: bool, problem: str, now_us: int) -> None:
        """A document was carried, or was not."""
        self._facts[register].carried(connected, answered, problem, now_us)
        self._note(register, now_us)

    def engine(self, alive: bool, now_us: int) -> None:
        """The program that asks the registers died, or is back."""
        for register, facts in enumerate(self._facts):
            facts.tell("agent", alive, now_us, "" if alive else "the engine is down")
            self._note(register, now_us)

    def _note(self, register: int, now_us: int) -> None:
        known = self._known[register]
        for name, fact in self._facts[register].at(now_us).items():
            if name not in known or known[name] is not fact.ok:
                known[name] = fact.ok
                self.rows.append((now_us, register, name, fact.ok, fact.detail))
