"""Five separate facts about a register, each with its own "last seen"; none is concluded from another.

* *cable*: the line to the register carries an answer.
* *agent*: the program that asks the register is alive.
* *internet*: the network on the way to the operator works.
* *operator*: the operator takes documents and confirms them.
* *drive*: the fiscal drive makes documents, and nothing warns of its end.

A fact is yes, no, or unknown. Whoever learns something tells it: a conversation that got an answer, a check of the network, a probe. What
nobody has looked at for longer than `STALE_US` is unknown again, whatever it was: "it was well an hour ago" is not "it is well". The
operator is the exception that needs care: with nothing to send nobody learns whether he is there, so only documents that come through,
documents that stay, and a question to himself count.

Pure: time is an argument, the same for both hosts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fiscal.engine.outcomes import Seen
from fiscal.engine.states import BLOCKED

NAMES = ("cable", "agent", "internet", "operator", "drive")
STALE_US = 150_000_000
"""Each fact is checked once a minute; two checks may be missed."""
OPERATOR_LATE_S = 300
"""A document that has waited so long says that the operator does not take it."""
DAY_S = 86_400
BLOCKS_AFTER_DAYS = 30
FISCAL_MODE = 3

WARNINGS = {
    0x01: "the keys end within 3 days: replace the drive now",
    0x02: "the keys end within 30 days: replace the drive soon",
    0x04: "the memory is nearly full",
    0x08: "the operator has not answered for 2 days",
}
"""Bits of the drive's warning byte, in words."""


class Fact(NamedTuple):
    """``ok``: yes, no, ``None`` for unknown; ``since_us``: since when it is so; ``seen_us``: when somebody last looked, 0 for never."""

    ok: bool | None
    since_us: int
    seen_us: int
    detail: str


_NEVER = Fact(None, 0, 0, "nobody has looked yet")


class Facts:
    """What is known of one register."""

    def __init__(self) -> None:
        self._facts: dict[str, Fact] = dict.fromkeys(NAMES, _NEVER)
        self._first_unsent = 0
        self._last_document = 0
        self._drive = ""

    def tell(self, name: str, ok: bool | None, now_us: int, detail: str = "") -> bool:
        """Somebody has looked. Returns whether it is news."""
        before = self.at(now_us)[name]
        news = before.ok is not ok
        self._facts[name] = Fact(ok, now_us if news else before.since_us, now_us, detail)
        return news

    def at(self, now_us: int) -> Mapping[str, Fact]:
        """The facts as they may be believed at this moment."""
        return {
            name: fact
            if fact.ok is None or now_us - fact.seen_us <= STALE_US
            else Fact(None, fact.seen_us + STALE_US, fact.seen_us, "nobody has looked for too long")
            for name, fact in self._facts.items()
        }

    def probed(self, seen: Seen, now_us: int) -> None:
        """The register said how it is."""
        self.tell("cable", True, now_us)
        problems = drive_problems(seen)
        self.tell("drive", not problems, now_us, "; ".join(problems) or f"{seen.unsent} documents unsent")
        if seen.connected:
            self.tell("internet", True, now_us, "the register is connected to the operator")
        self._operator(seen, now_us)
        self._first_unsent = seen.first_unsent if seen.unsent else seen.last_document + 1
        self._last_document = seen.last_document
        self._drive = seen.drive

    def carried(self, connected: bool, answered: bool, problem: str, now_us: int) -> None:
        """The engine tried to carry a document."""
        if connected:
            self.tell("internet", True, now_us)
            self.tell("operator", answered, now_us, problem)
        elif self.at(now_us)["internet"].ok:
            self.tell("operator", False, now_us, problem)

    def _operator(self, seen: Seen, now_us: int) -> None:
        first = seen.first_unsent if seen.unsent else seen.last_document + 1
        same_drive = seen.drive == self._drive
        waits_s = seen.time_s - seen.unsent_since_s if seen.unsent and seen.unsent_since_s else 0
        if same_drive and first > self._first_unsent:
            self.tell("operator", True, now_us, f"document {first - 1} was confirmed")
        elif waits_s > OPERATOR_LATE_S:
            left = BLOCKS_AFTER_DAYS - waits_s // DAY_S
            self.tell(
                "operator",
                False,
                now_us,
                f"{seen.unsent} documents not confirmed, the first for {waiting(waits_s)}; "
                + (f"the drive blocks in {left} days" if left > 0 else "the drive blocks"),
            )
        elif not seen.unsent and self._facts["operator"].ok:
            # he has everything, and nothing says otherwise
            self.tell("operator", True, now_us, "has every document")


def drive_problems(seen: Seen) -> list[str]:
    """What is wrong with a drive, or will be soon; nothing when all is well."""
    found = []
    if seen.phase != FISCAL_MODE:
        found.append(f"life phase {seen.phase}: it makes no documents")
    found += [words for bit, words in WARNINGS.items() if seen.flags & bit]
    if seen.unsent and seen.unsent_since_s and seen.time_s - seen.unsent_since_s > BLOCKS_AFTER_DAYS * DAY_S:
        found.append(f"{BLOCKED}: documents unsent for {BLOCKS_AFTER_DAYS} days")
    return found


def waiting(seconds: int) -> str:
    """A time that something has waited, for people."""
    for size, unit in ((DAY_S, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"
