"""Marking codes in an emulated Shtrih-M register: commands FF61 and FF67 to FF73.

A code is checked by the drive and over the register's own network, kept or dropped, bound to a line; what was sold is told to the
marking service by notifications, which the register sends by itself, or, without a network, unloads to its host. Source: reference
sheet, section 2.7; what it leaves open (the state bytes of FF68 and FF70, when unloading is allowed) is *assumed*.
"""

from __future__ import annotations

from binascii import crc_hqx
from typing import TYPE_CHECKING

from fiscal.emulators.drive_marking import CheckedCode, Notice
from fiscal.emulators.drive_profile import DriveError, Refusal
from fiscal.emulators.shtrih_dispatch import CommandError, handles, reply
from fiscal.marking import KINDS, Kind
from fiscal.registers.shtrih.layouts import moment_bytes

if TYPE_CHECKING:
    from fiscal.emulators.shtrih import ShtrihRegister as Register

BAD_VALUE = 0x33
NO_DATA = 0x34
BAD_LENGTH = 0x7E
BLOCK = 128

_FORMS = {Kind.SHORT: 2, Kind.GS1_PLAIN: 0xFF}
"""Form of a Data Matrix in the reply of FF67, beside those with a key: 0 with 88 characters, 3 with 44, 1 with 4."""

_check = reply(0xFF61)
_keep = reply(0xFF69)
_bind = reply(0xFF67)
_exchange = reply(0xFF68)
_status = reply(0xFF70)
_begin = reply(0xFF71)
_block = reply(0xFF72)


@handles(0xFF61)
def check_code(register: Register, planned: int, mode: int, length: int, size: int, rest: bytes) -> bytes:
    if length + size != len(rest) or not length:
        raise CommandError(BAD_LENGTH)
    checked = register.check_code(rest[:length], planned, mode, rest[length:], register.now_s)
    extra = checked.reply if register.marking is not None else b"\0"
    return _check(checked.local, checked.reason, checked.kind, extra)


@handles(0xFF69)
def keep_code(register: Register, accept: int) -> bytes:
    if accept > 1:
        raise CommandError(BAD_VALUE)
    return _keep(register.drive.marks.keep(bool(accept)))


@handles(0xFF67)
def bind_code(register: Register, length: int, rest: bytes) -> bytes:
    receipt = register.receipt
    if length != len(rest) or not length:
        raise CommandError(BAD_LENGTH)
    if receipt is None or not receipt.lines or receipt.lines[-1].code is not None:
        raise CommandError(BAD_VALUE)
    marks = register.drive.marks
    checked = marks.bind(rest)
    late = b""
    if checked is None:  # a host that did not check before: the register does it now, and keeps what it finds
        made = register.check_code(rest, 1 if receipt.type in (0, 3) else 3, 0, b"", register.now_s)
        marks.keep(True)
        checked = marks.bind(rest)
        assert checked is not None
        late = bytes((made.local, made.reason, made.kind)) + made.reply
    receipt.lines[-1].code = checked
    prefix = int.from_bytes(KINDS[checked.code.kind].type_105, "little")
    return _bind(prefix, _form(checked), late)


def _form(checked: CheckedCode) -> int:
    code = checked.code
    known = _FORMS.get(code.kind)
    if known is not None:
        return known
    return {88: 0, 44: 3}.get(len(code.proof), 1)


@handles(0xFF68)
def exchange_status(register: Register) -> bytes:
    register.send_notices(register.now_s)
    head = register.drive.marks.head
    if head is None:
        return _exchange(0, 0, 0, (0, 0, 0), b"\0\0", 0)
    year, month, day, hour, minute = moment_bytes(head.time_s)
    marks = register.drive.marks
    return _exchange(
        2, len(marks.notices), head.number, (day, month, year), bytes((hour, minute)), marks.fill
    )


@handles(0xFF70)
def marking_status(register: Register) -> bytes:
    marks = register.drive.marks
    waiting = len(marks.notices)
    return _status(
        marks.pending is not None,
        1 if waiting else 0,
        0,
        len(marks.kept),
        len(marks.bound),
        marks.fill,
        waiting,
    )


# ---- without a network: the host carries -----------------------------------------------------------------------------------------


def _head(register: Register) -> Notice:
    head = register.drive.marks.head
    if head is None:
        raise CommandError(NO_DATA)
    return head


@handles(0xFF71)
def begin_unloading(register: Register) -> bytes:
    head = _head(register)
    register.output = head.tlv
    return _begin(len(register.drive.marks.notices), head.number, len(head.tlv))


@handles(0xFF72)
def unload_block(register: Register) -> bytes:
    head = _head(register)
    left = register.output
    if left is None:
        raise CommandError(NO_DATA)
    offset = len(head.tlv) - len(left)
    part = left[:BLOCK]
    register.output = left[BLOCK:] or None
    return _block(head.number, len(head.tlv), offset, len(part), part)


@handles(0xFF73)
def unloaded(register: Register, number: int, checksum: int) -> bytes:
    head = _head(register)
    if number != head.number or checksum != crc_hqx(head.tlv, 0xFFFF):
        raise DriveError(Refusal.BAD_CONFIRMATION, 3)
    register.drive.marks.unloaded()
    return b""
