"""Marking codes on a Shtrih-M register: checked and kept after the receipt was opened, bound to their lines one by one.

The order of commands: 8D, then FF61 and FF69 for every code, then FF46 and FF67 for every line, then FF45. A code that the shop's
policy does not let pass is dropped (FF69 with 0). Source: reference sheet, section 2.7.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from fiscal.engine.outcomes import Refused
from fiscal.marking import Mark, planned_status
from fiscal.receipt import Receipt
from fiscal.registers.marking import MODE, Check, Policy, checked_lines, measured, refusal
from fiscal.registers.shtrih.commands import COMMANDS
from fiscal.registers.shtrih.talk import AnyTalk

__all__ = ["BIND", "bind", "check_all"]

BIND = COMMANDS[0xFF67]
_CHECK = COMMANDS[0xFF61]
_KEEP = COMMANDS[0xFF69]


def bind(pack: Callable[..., bytes], mark: Mark) -> bytes:
    """The frame that binds a code to the line before."""
    code = mark.code.encode("ascii")
    return pack(BIND, len(code), code)


def check_all(
    talk: AnyTalk, receipt: Receipt, ffd: int, policy: Policy
) -> Generator[Any, Any, Refused | None]:
    """Check every code of a receipt. ``None`` when all may be sold; else why not, and the register has dropped the code."""
    for index, item in checked_lines(receipt, ffd):
        assert item.mark is not None
        code = item.mark.code.encode("ascii")
        fields = measured(item)
        planned = planned_status(item.mark, int(receipt.type), item.unit)
        answer = yield from talk.ask(_CHECK, planned, MODE, len(code), len(fields), code + fields)
        check = Check.read(*answer)
        refused = refusal(index, item, check, policy)
        yield from talk.ask(_KEEP, refused is None)
        if refused is not None:
            return refused
    return None
