"""What one register can make and another cannot: by the format it works in, and by the kinds of agents it is registered for.

The rules of each format stand in `fiscal.validation`; here they are asked for what they add to the rules of all. FFD 1.05 has no subjects
for marked goods and corrects no returns; FFD 1.2 wants marked goods to be called so. A register of FFD 1.05 is registered for some kinds of
agents (tag 1057) and sells for no others; FFD 1.2 registers none. Source: reference sheet on the format, sections 3 and 4.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

from fiscal.agents import KINDS
from fiscal.validation import MARKED_SUBJECTS, Problem, check

if TYPE_CHECKING:
    from fiscal.receipt import Receipt

FFD_105: Final = 2
FORMATS: Final = {FFD_105: "1.05", 4: "1.2"}
"""Tag 1209 in words."""
_ANY_DAY: Final = date(2026, 1, 1)
"""Formats differ in nothing that depends on the day."""


def peculiar(receipt: Receipt) -> bool:
    """Whether it can matter which register makes it."""
    return receipt.correction is not None or any(
        item.mark is not None or item.agent is not None or item.subject in MARKED_SUBJECTS
        for item in receipt.items
    )


def misfits(receipt: Receipt, ffd: int, agents: int) -> list[Problem]:
    """Why a register of this format (tag 1209, 0: unknown) and these kinds of agents (tag 1057) cannot make a receipt that is right
    otherwise."""
    if not ffd:
        return []
    always = check(receipt, _ANY_DAY)
    found = [problem for problem in check(receipt, _ANY_DAY, ffd) if problem not in always]
    if ffd == FFD_105:
        for index, item in enumerate(receipt.items):
            if item.agent is not None and item.agent.kind & ~agents:
                title = KINDS[item.agent.kind].title
                why = f"the register is not registered as {title} (tag 1057)"
                found.append(
                    Problem(
                        f"items[{index}].agent.kind", why, "register it anew, or sell at another register"
                    )
                )
    return found
