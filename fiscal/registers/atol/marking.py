"""Marking codes on an ATOL register: checked and kept after the receipt was opened, bound to their positions by an attribute.

What the vendor's driver sends for marked goods was never published byte by byte. These commands are *assumed*: the drive's own
commands for marking (B1h, B2h, B7h), passed through like all of the drive's (A4h), carrying what they carry on registers of the
other make; and the whole code (tag 2000) as an attribute of the position, which the register turns into what the format wants.
Source: reference sheets ``atol.md`` sections 1.3 and 2.2 (imcParams), ``shtrih.md`` section 2.7.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fiscal.engine.outcomes import Refused
from fiscal.ffd.tlv import raw
from fiscal.marking import Mark, planned_status
from fiscal.receipt import Receipt
from fiscal.registers.atol.commands import COMMANDS
from fiscal.registers.atol.talk import Talk
from fiscal.registers.atol.talk_v2 import SessionTalk
from fiscal.registers.marking import MODE, Check, Policy, checked_lines, measured, refusal

__all__ = ["bound", "check_all"]

_CHECK = COMMANDS[0xA4B1]
_KEEP = COMMANDS[0xA4B2]


def bound(mark: Mark) -> bytes:
    """The attribute that binds a code to the position in work: tag 2000."""
    return raw(2000, mark.code.encode("ascii"))


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
