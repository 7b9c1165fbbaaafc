"""The self-test: what a shop checks when something is wrong, a line for each thing, each with what to do.

Internet and operator are two lines, and both are always shown: a network that works says nothing about an operator who does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fiscal.engine.views import RegisterView
from fiscal.watch.facts import Fact

TODO = {
    "cable": "check cable, power and address of the register",
    "agent": "the program that asks the register hangs: restart it",
    "internet": "check the network between the register and the world",
    "operator": "ask the operator: is he there, is the account paid?",
    "drive": "look at the drive: see what it warns of",
    "paper": "put paper in",
    "cover": "close the cover",
    "clock": "set the clock: close the shift first",
}
CLOCK_LIMIT_S = 300


def lines(views: Sequence[RegisterView], facts: Iterable[Mapping[str, Fact]]) -> list[dict[str, Any]]:
    """Everything that was looked at: register, what, ok (``None``: unknown), detail, todo."""
    found = []
    for view, known in zip(views, facts, strict=True):
        for name, fact in known.items():
            found.append(_line(view.name, name, fact.ok, fact.detail))
        seen = view.seen
        if seen is not None:
            drift_s = seen.time_s - view.seen_wall_us // 1_000_000
            found.append(_line(view.name, "paper", seen.paper, "" if seen.paper else "out of paper"))
            found.append(_line(view.name, "cover", seen.cover_closed, "" if seen.cover_closed else "open"))
            found.append(_line(view.name, "clock", abs(drift_s) <= CLOCK_LIMIT_S, f"{drift_s:+d} s"))
    return found


def _line(register: str, what: str, ok: bool | None, detail: str) -> dict[str, Any]:
    todo = TODO[what] if ok is False else ""
    return {"register": register, "what": what, "ok": ok, "detail": detail, "todo": todo}
