"""A new drive: the end of the old one's life, and the first document of the next.

Both steps can be done once only, so each begins by asking how the drive is: what was done before is told again, not done again. The
commands and their order are those of the vendor's own driver (tasks ``closeArchive`` and ``fnChange``): attributes are written one
by one, then mode 6 takes A7 (close) or A6 (register; tag 1101, in FFD 1.2 the mask 1205, says that the drive is another). That a
register answers E9 with the requisites it remembers while its drive is new is *assumed*; where it does not, a person registers the
drive, and the engine sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from fiscal.engine.outcomes import Blame, DriveClosed, DriveRegistered, Outcome, Refused
from fiscal.ffd.tlv import byte, u32
from fiscal.registers.atol.commands import COMMANDS
from fiscal.registers.atol.errors import refusal
from fiscal.registers.atol.talk import RegisterError, Talk
from fiscal.registers.atol.talk_v2 import SessionTalk

__all__ = ["RECORDS", "close_drive", "register_drive"]

_DRIVE_STATUS = COMMANDS[0xA430]
_FIND = COMMANDS[0xA440]
_READ_ATTRIBUTE = COMMANDS[0xE9]
_WRITE_ATTRIBUTE = COMMANDS[0xE8]
_LEAVE = COMMANDS[0x48]
_REGISTER = COMMANDS[0xA6]
_CLOSE = COMMANDS[0xA7]

RECORDS = frozenset((0xA6, 0xA7))
"""Commands after which only the drive knows what happened."""

REGISTRATION_MODE = 6
READY, FISCAL, CLOSED, ARCHIVE = 1, 3, 7, 15
_WRONG_STATE = 0xD4
_NO_DATA = 0xDA
_OBLIGATORY = (1037, 1018, 1062, 1209)
_REQUISITES = (
    *_OBLIGATORY,
    *(1017, 1046, 1048, 1009, 1117, 1187, 1060, 1036, 1002, 1056, 1001),
    *(1108, 1109, 1110, 1221, 1207, 1193, 1126, 1290),
)
"""What a registration report states and the host writes; a format lacks those it does not know."""
_DRIVE_REPLACED = {2: byte(1101, 1), 4: u32(1205, 1)}
"""Why, in each format (tag 1209)."""

_Talk = Talk | SessionTalk
Enter = Callable[[int], Generator[Any, Any, Any]]
"""Brings the register into a mode."""


def close_drive(talk: _Talk, enter: Enter) -> Generator[Any, Any, Outcome]:
    """The shift is closed and nothing is being printed. `DriveClosed`, or why not."""
    phase, _, _, shift_open, _, _, drive, last = yield from talk.ask(_DRIVE_STATUS)
    if phase not in (CLOSED, ARCHIVE):
        if phase != FISCAL or shift_open:
            return refusal(_WRONG_STATE)
        yield from enter(REGISTRATION_MODE)
        yield from talk.ask(_CLOSE)
        last = (yield from talk.ask(_DRIVE_STATUS))[7]
        yield from talk.ask(_LEAVE)
    return DriveClosed(last, drive)


def register_drive(talk: _Talk, enter: Enter) -> Generator[Any, Any, Outcome]:
    """A drive that has made no document yet is in the register. `DriveRegistered`, or why not."""
    phase, _, _, _, _, _, drive, _ = yield from talk.ask(_DRIVE_STATUS)
    if phase == FISCAL:
        return DriveRegistered(1, drive)
    if phase != READY:
        return refusal(_WRONG_STATE)
    known = {}
    for tag in _REQUISITES:
        try:
            known[tag] = (yield from talk.ask(_READ_ATTRIBUTE, tag, 0))[1]
        except RegisterError as refused:
            if refused.code != _NO_DATA:
                raise
    if not all(tag in known for tag in _OBLIGATORY):
        return Refused(
            "driver:requisites",
            "the register does not remember what it is registered as",
            Blame.REGISTER,
            "register the new drive with the vendor's tool; the engine goes on by itself",
        )
    for tlv in (_DRIVE_REPLACED[4 if known[1209][-1] == 4 else 2], *known.values()):
        yield from talk.ask(_WRITE_ATTRIBUTE, 1, 1, 0, tlv)
    yield from enter(REGISTRATION_MODE)
    yield from talk.ask(_REGISTER)
    yield from talk.ask(_LEAVE)
    return DriveRegistered(1, drive)
