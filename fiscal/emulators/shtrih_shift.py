"""The shift, its reports and the drawer of an emulated Shtrih-M register.

Register and drive open and close the shift together. The Z report is the one command that keeps the register deaf for minutes: the drive
records at once, then a long report is printed. Source: reference sheet, section 2.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fiscal.emulators.drive_documents import Stored
from fiscal.emulators.shtrih_dispatch import CommandError, handles, operator_only, reply
from fiscal.ffd.tlv import text, walk

if TYPE_CHECKING:
    from fiscal.emulators.shtrih import ShtrihRegister as Register

DRAWER_EMPTY = 0x46
KEEP_DRAWER = (1, 1, 2)

_cash = reply(0x50)


def _report_tags(register: Register) -> bytes:
    tags = register.shift_tags
    register.shift_tags = b""
    cashier = register.tables.text(2, register.operator, 2)
    if cashier and not any(tag == 1021 for tag, _ in walk(tags)):
        tags += text(1021, cashier)
    return tags


def begin_shift(register: Register) -> Stored:
    """The opening report; the register and the drive open the shift together."""
    stored = register.drive.open_shift(register.now_s, _report_tags(register))
    register.counters.next_document()
    return stored


def end_shift(register: Register) -> Stored:
    """The Z report: the drive records, the counters of the shift are cleared, the register is deaf for a while."""
    stored = register.drive.close_shift(register.now_s, _report_tags(register))
    register.counters.close_shift(keep_drawer=not register.tables.number(KEEP_DRAWER))
    register.occupy_for_report()
    return stored


@handles(0xE0)
def open_shift(register: Register) -> bytes:
    begin_shift(register)
    register.print_lines(register.device.report_lines // 2)
    return operator_only(register)


@handles(0x41)
def z_report(register: Register) -> bytes:
    end_shift(register)
    return operator_only(register)


@handles(0x40, 0x42, 0x43)
def x_report(register: Register) -> bytes:
    register.counters.x_report()
    register.print_lines(register.device.report_lines)
    return operator_only(register)


@handles(0x50)
def cash_in(register: Register, kop: int) -> bytes:
    number = register.counters.cash(kop)
    register.print_lines(8)
    return _cash(register.operator, number)


@handles(0x51)
def cash_out(register: Register, kop: int) -> bytes:
    if kop > register.counters.drawer_kop:
        raise CommandError(DRAWER_EMPTY)
    number = register.counters.cash(-kop)
    register.print_lines(8)
    return _cash(register.operator, number)
