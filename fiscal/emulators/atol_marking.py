"""Marking codes in an emulated ATOL register: the drive's commands for them, and the attribute that binds a code to a position.

All of it is *assumed*, see `fiscal.registers.atol.marking`; what the drive and the marking service do with a code is the same as
on any register.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fiscal.emulators.atol_dispatch import CommandError, handles, reply
from fiscal.emulators.shtrih_receipt import Line
from fiscal.ffd.tlv import raw, walk

if TYPE_CHECKING:
    from fiscal.emulators.atol import AtolRegister as Register

BAD_LENGTH = 0x14
BAD_FORMAT = 0x13
WHOLE_CODE = 2000

_check = reply(0xA4B1)
_keep = reply(0xA4B2)
_status = reply(0xA4B7)


@handles(0xA4B1)
def check_code(register: Register, planned: int, mode: int, length: int, size: int, rest: bytes) -> bytes:
    if length + size != len(rest) or not length:
        raise CommandError(BAD_LENGTH)
    checked = register.check_code(rest[:length], planned, mode, rest[length:], register.now_s)
    return _check(checked.local, checked.reason, checked.kind, checked.reply if register.marking else b"\0")


@handles(0xA4B2)
def keep_code(register: Register, accept: int) -> bytes:
    if accept > 1:
        raise CommandError(BAD_FORMAT)
    return _keep(register.drive.marks.keep(bool(accept)))


@handles(0xA4B7)
def marking_status(register: Register) -> bytes:
    register.send_notices(register.now_s)
    marks = register.drive.marks
    head = marks.head
    number = head.number if head is not None else 0
    return _status(
        marks.pending is not None, len(marks.kept), len(marks.bound), marks.fill, len(marks.notices), number
    )


def bind(register: Register, line: Line, type_: int) -> None:
    """The code among a position's attributes becomes the position's own. A code that was not checked before is checked now."""
    fields = walk(line.tags)
    given = [value for tag, value in fields if tag == WHOLE_CODE]
    if not given:
        return
    marks = register.drive.marks
    checked = marks.bind(given[0])
    if checked is None:
        register.check_code(given[0], 1 if type_ in (1, 4) else 3, 0, b"", register.now_s)
        marks.keep(True)
        checked = marks.bind(given[0])
    line.code = checked
    line.tags = b"".join(raw(tag, value) for tag, value in fields if tag != WHOLE_CODE)
