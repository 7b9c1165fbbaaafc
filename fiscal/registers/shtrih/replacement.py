"""A new drive: the end of the old one's life, and the first document of the next.

Both steps can be done once only, so each begins by asking how the drive is: what was done before is told again, not done again. The
requisites of the registration are the register's own (table 18). Source: reference sheet, section 2.6 (FF05, FF06, FF3D, FF3E).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fiscal.engine.outcomes import Blame, DriveClosed, DriveRegistered, Outcome, Refused
from fiscal.registers.shtrih import documents
from fiscal.registers.shtrih.commands import COMMANDS
from fiscal.registers.shtrih.errors import refusal
from fiscal.registers.shtrih.layouts import decode_text
from fiscal.registers.shtrih.talk import AnyTalk, RegisterError

__all__ = ["RECORDS", "close_drive", "register_drive"]

_DRIVE_STATUS = COMMANDS[0xFF01]
_BEGIN_REGISTRATION = COMMANDS[0xFF05]
_REGISTER = COMMANDS[0xFF06]
_BEGIN_CLOSING = COMMANDS[0xFF3D]
_CLOSE = COMMANDS[0xFF3E]
_READ_TABLE = COMMANDS[0x1F]
_CANCEL_DOCUMENT = COMMANDS[0xFF08]

RECORDS = frozenset((0xFF06, 0xFF3E))
"""Commands after which only the drive knows what happened."""

READY, FISCAL, CLOSED, ARCHIVE = 1, 3, 7, 15
_DRIVE_REPLACED = 1
_WRONG_STATE = 0x02
_REQUISITES = {"inn": 2, "rnm": 3, "taxation": 5, "mode": 6}
"""Fields of table 18."""


def close_drive(talk: AnyTalk) -> Generator[Any, Any, Outcome]:
    """The shift is closed and nothing is being printed. `DriveClosed`, or why not."""
    phase, begun, _, shift_open, _, _, drive, last = yield from talk.ask(_DRIVE_STATUS)
    if phase in (CLOSED, ARCHIVE):
        found = yield from documents.last_of(talk, 6, last)
        return DriveClosed(found[0] if found else last, drive)
    if phase != FISCAL or shift_open:
        return refusal(_WRONG_STATE)
    if begun:
        yield from talk.ask(_CANCEL_DOCUMENT)
    yield from talk.ask(_BEGIN_CLOSING)
    answer = yield from talk.ask(_CLOSE)
    return DriveClosed(answer[0], drive)


def register_drive(talk: AnyTalk) -> Generator[Any, Any, Outcome]:
    """A drive that has made no document yet is in the register. `DriveRegistered`, or why not."""
    phase, begun, _, _, _, _, drive, _ = yield from talk.ask(_DRIVE_STATUS)
    if phase == FISCAL:
        return DriveRegistered(1, drive)
    if phase != READY:
        return refusal(_WRONG_STATE)
    known = {}
    for name, field in _REQUISITES.items():
        (known[name],) = yield from talk.ask(_READ_TABLE, 18, 1, field)
    inn, rnm = (decode_text(known[name]).rstrip("\0 ") for name in ("inn", "rnm"))
    if not inn or not rnm:
        return Refused(
            "driver:requisites",
            "the register does not remember what it is registered as",
            Blame.REGISTER,
            "register the new drive with the vendor's tool; the engine goes on by itself",
        )
    if begun:
        yield from talk.ask(_CANCEL_DOCUMENT)
    yield from talk.ask(_BEGIN_REGISTRATION, _DRIVE_REPLACED)
    taxation, mode = (int.from_bytes(known[name], "little") for name in ("taxation", "mode"))
    try:
        answer = yield from talk.ask(_REGISTER, inn, rnm, taxation, mode)
    except RegisterError as refused:
        return refusal(refused.code)
    return DriveRegistered(answer[0], drive)
