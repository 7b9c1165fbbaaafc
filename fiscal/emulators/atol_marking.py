"""Marking codes in an emulated ATOL register: the drive's commands for them, and the command that gives a position its code.

The latter (EF 08) is what the vendor's driver sends; the register makes of the code what its format wants. The rest is *assumed*, see
`fiscal.registers.atol.marking`; what the drive and the marking service do with a code is the same as on any register.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fiscal.emulators.atol_dispatch import CommandError, handles, reply
from fiscal.emulators.shtrih_receipt import FFD_12, Line
from fiscal.ffd.tlv import raw
from fiscal.gs1 import BadCode
from fiscal.marking import parse

if TYPE_CHECKING:
    from fiscal.emulators.atol import AtolRegister as Register
    from fiscal.emulators.atol_receipt import Sale

BAD_LENGTH = 0x14
BAD_FORMAT = 0x13
EXTENDED, BAD_CODE, NOT_BEGUN = 0xEE, 0x0106, 0x0207
GIVE_CODE = 0x08

_check = reply(0xA4B1)
_keep = reply(0xA4B2)
_status = reply(0xA4B7)


@handles(0xEF)
def service(register: Register, data: bytes) -> bytes:
    """08: the marking code of the position in work. What the other subcommands do is not known; they are accepted."""
    if data[:1] == bytes((GIVE_CODE,)):
        receipt = register.receipt
        if receipt is None or not receipt.position:
            raise CommandError(EXTENDED, NOT_BEGUN)
        if len(data) < 3:
            raise CommandError(BAD_LENGTH)
        receipt.item_code = data[2:]
    return b""


@handles(0xA4B1)
def check_code(
    register: Register, planned: int, processing: int, length: int, size: int, rest: bytes
) -> bytes:
    if length + size != len(rest) or not length:
        raise CommandError(BAD_LENGTH)
    checked = register.check_code(rest[:length], planned, processing, rest[length:], register.now_s)
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


def bind(register: Register, receipt: Sale, line: Line) -> None:
    """The code that was given to the position becomes the line's. One that was not checked before is checked now."""
    data = receipt.item_code
    if register.ffd < FFD_12:
        try:
            line.tags += raw(1162, parse(data).product_105)
        except BadCode:
            raise CommandError(EXTENDED, BAD_CODE) from None
        return
    marks = register.drive.marks
    checked = marks.bind(data)
    if checked is None:
        register.check_code(data, 1 if receipt.type in (1, 4) else 3, 0, b"", register.now_s)
        marks.keep(True)
        checked = marks.bind(data)
    line.code = checked
