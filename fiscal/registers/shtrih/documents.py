"""What the drive behind a register remembers: its documents looked up, read out, and told from one another.

The drive is the only witness of what became of a receipt when the line died. A document is ours when its kind, its type and its total
are those of the receipt and the mark the engine gave it stands among its fields. Source: reference sheet, section 2.6.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fiscal.engine.outcomes import Attempt, Found, Outcome, Recorded, Unknown
from fiscal.ffd.identity import marks_in
from fiscal.ffd.tlv import FfdError, walk
from fiscal.receipt import Receipt
from fiscal.registers.conversation import LineLost
from fiscal.registers.shtrih.commands import COMMANDS
from fiscal.registers.shtrih.errors import error
from fiscal.registers.shtrih.talk import AnyTalk, RegisterError, Steps
from fiscal.registers.totals import Report

__all__ = ["blocks", "document", "last_of", "search"]

_FIND = COMMANDS[0xFF0A]
_SELECT = COMMANDS[0xFF3A]
_NEXT_BLOCK = COMMANDS[0xFF3B]

_RECEIPT_FORMS = frozenset((3, 4))
_CORRECTION_FORMS = frozenset((31, 41))
_NO_DATA = 0x08
_FIND_LIMIT = 200
_BLOCK_LIMIT = 4000
_RECENT = 5


def document(talk: AnyTalk, number: int) -> Steps:
    """The values of command FF0Ah. Raises `RegisterError`, and `LineLost` when another document is answered."""
    found = yield from talk.ask(_FIND, number)
    if found[3] != number:
        raise LineLost(f"asked for document {number}, answered {found[3]}")
    return found


def search(
    talk: AnyTalk, receipt: Receipt, attempt: Attempt, drive: str, last: int
) -> Generator[Any, Any, Outcome]:
    """Look for an attempt's document among those made since, ``last`` being the newest. `Found` or `Unknown`."""
    if last == attempt.last_document:
        return Found(None, last)
    if last < attempt.last_document:
        return Unknown(f"the drive {drive} has {last} documents, fewer than before; was it replaced?")
    first = attempt.last_document + 1
    if last - first >= _FIND_LIMIT:
        return Unknown(f"more than {_FIND_LIMIT} documents were made since")
    forms = _CORRECTION_FORMS if receipt.correction is not None else _RECEIPT_FORMS
    for number in range(first, last + 1):
        try:
            form, _, moment, _, sign, tail = yield from document(talk, number)
        except RegisterError as refused:
            return Unknown(f"document {number} cannot be read: {error(refused.code).meaning}")
        if form not in forms or tail[:1] != bytes((receipt.type,)):
            continue
        if int.from_bytes(tail[1:6], "little") != receipt.total_kop:
            continue
        try:
            marks = yield from _marks(talk, number)
        except FfdError:
            return Unknown(f"document {number} cannot be read")
        if attempt.mark in marks:
            return Found(Recorded(number, sign, moment, drive), last)
    return Found(None, last)


def last_of(talk: AnyTalk, form: int, last: int) -> Generator[Any, Any, Report | None]:
    """The newest document of a form, looked for among the few up to ``last``."""
    for number in range(last, max(0, last - _RECENT), -1):
        try:
            found = yield from document(talk, number)
        except RegisterError as refused:
            if refused.code == _NO_DATA:
                return None
            raise
        if found[0] == form:
            return Report(number, int.from_bytes(found[5][:2], "little"), found[2], found[4])
    return None


def blocks(talk: AnyTalk) -> Generator[Any, Any, bytes]:
    """Everything the register still has to put out."""
    parts = []
    for _ in range(_BLOCK_LIMIT):
        try:
            (data,) = yield from talk.ask(_NEXT_BLOCK)
        except RegisterError as refused:
            if refused.code == _NO_DATA:
                break
            raise
        if not data:
            break
        parts.append(data)
    return b"".join(parts)


def _marks(talk: AnyTalk, number: int) -> Generator[Any, Any, list[str]]:
    yield from talk.ask(_SELECT, number)
    data = yield from blocks(talk)
    return marks_in(walk(data))
