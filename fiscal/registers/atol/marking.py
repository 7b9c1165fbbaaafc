"""Marking codes on an ATOL register: checked and kept after the receipt was opened, given to their positions one by one.

How a position gets its code is known: between "begin position" and "end position" the vendor's driver (10.8) sends EF 08 00 and the
whole code, with separators. How codes are checked before (FFD 1.2) was never published byte by byte, and that driver cannot do it.
These commands are *assumed*: the drive's own for marking (B1h, B2h, B7h), passed through like all of the drive's (A4h), carrying
what they carry on registers of the other make. Source: seen from the driver; reference sheets ``atol.md`` sections 1.3 and 2.2
(imcParams), ``shtrih.md`` section 2.7.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fiscal.engine.outcomes import Refused
from fiscal.marking import Mark, planned_status
from fiscal.receipt import Receipt
from fiscal.registers.atol.commands import COMMANDS, Command
from fiscal.registers.atol.talk import Talk, request
from fiscal.registers.atol.talk_v2 import SessionTalk
from fiscal.registers.marking import MODE, Check, Policy, checked_lines, measured, refusal

__all__ = ["check_all", "given"]

_GIVE = COMMANDS[0xEF]
_CHECK = COMMANDS[0xA4B1]
_KEEP = COMMANDS[0xA4B2]


def given(mark: Mark) -> tuple[Command, bytes]:
    """The request that gives the position in work its code."""
    return _GIVE, request(_GIVE, b"\x08\x00" + mark.code.encode("ascii"))


def check_all(
    talk: Talk | SessionTalk, receipt: Receipt, ffd: int, policy: Policy
) -> Generator[Any, Any, Refused | None]:
    """Check every code of a receipt. ``None`` when all may be sold; else why not, and the register has dropped the code."""
    for index, item in checked_lines(receipt, ffd):
        assert item.mark is not None
        code = item.mark.code.encode("ascii")
        fields = measured(item)
        planned = planned_status(item.mark, int(receipt.type), item.unit)
        answer = yield from talk.ask(_CHECK, planned, MODE, len(code), len(fields), code + fields)
        refused = refusal(index, item, Check.read(*answer), policy)
        yield from talk.ask(_KEEP, refused is None)
        if refused is not None:
            return refused
    return None
