"""The shift, its reports and the drawer of an emulated ATOL register. Source: reference sheet, section 1.3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fiscal.emulators.atol_dispatch import CommandError, handles

if TYPE_CHECKING:
    from fiscal.emulators.atol import AtolRegister as Register

SHIFT_CLOSED = 0x8F
SHIFT_OPEN = 0x9C
DRAWER_EMPTY = 0x98
BAD_VALUE = 0x13

TEST, QUIET = 0x01, 0x06
"""Flags: do everything but the thing itself; do not print."""

_REPORTS = frozenset((1, 2, 3, 5, 7, 8, 9))
_REPORT_SUBMODE = 2


def _tags(register: Register) -> bytes:
    """The attributes given for the report (cashier)."""
    return b"".join(register.pending_tags)


@handles(0x9A)
def open_shift(register: Register, flags: int, words: str) -> bytes:
    if register.drive.shift_open:
        raise CommandError(SHIFT_OPEN)
    if flags & TEST:
        return b""
    register.drive.open_shift(register.now_s, _tags(register))
    register.pending_tags = []
    register.drawer.open_shift()
    if not flags & QUIET:
        register.print_lines(register.device.report_lines // 2)
    return b""


@handles(0x5A)
def close_shift(register: Register) -> bytes:
    if not register.drive.shift_open:
        raise CommandError(SHIFT_CLOSED)
    register.drive.close_shift(register.now_s, _tags(register))
    register.pending_tags = []
    register.drawer.close_shift(register.drive.shift_counters)
    register.occupy(register.device.z_report_us, _REPORT_SUBMODE)
    return b""


@handles(0x67)
def report(register: Register, kind: int) -> bytes:
    if kind not in _REPORTS:
        raise CommandError(BAD_VALUE)
    if kind == 9:
        register.drive.state_report(register.now_s, _tags(register))
        register.pending_tags = []
    if register.prints:
        register.occupy(register.device.print_us(register.device.report_lines), _REPORT_SUBMODE)
    return b""


@handles(0x49)
def cash_in(register: Register, flags: int, kop: int) -> bytes:
    if not flags & TEST:
        register.drawer.put(kop)
        register.print_lines(8)
    return b""


@handles(0x4F)
def cash_out(register: Register, flags: int, kop: int) -> bytes:
    if kop > register.drawer.sum_kop:
        raise CommandError(DRAWER_EMPTY)
    if not flags & TEST:
        register.drawer.take(kop)
        register.print_lines(8)
    return b""
