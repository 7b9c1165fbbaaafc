"""The registers of an ATOL device: what it counts itself (the drawer), and what it tells of the drive's counters.

Money and counts of the shift are the drive's own, so that what a host reads is what the closing report will say.
Source: reference sheet, section 1.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fiscal.emulators.atol_dispatch import CommandError, handles, reply
from fiscal.emulators.atol_receipt import RECEIPT_TYPES, Sale
from fiscal.emulators.atol_sales import taxes_of
from fiscal.emulators.atol_service import serial_of
from fiscal.emulators.drive_counters import Counters
from fiscal.emulators.drive_documents import RECEIPT_FORMS, Stored, fields_of, read_sums
from fiscal.emulators.drive_profile import HOUR_S
from fiscal.registers.atol.layouts import KINDS

if TYPE_CHECKING:
    from fiscal.emulators.atol import AtolRegister as Register

__all__ = ["Drawer"]

BAD_REGISTER = 0x94
_money = reply(0x910A)
_short = reply(0x9104)
_count = reply(0x9108)
_long_count = reply(0x9141)
_shift = reply(0x9112)
_receipt = reply(0x9113)
_sums = reply(0x9114)
_registrations = reply(0x911A)
_document = reply(0x9134)
_numbers = reply(0x9135)
_error = reply(0x9137)
_clock = KINDS["clock"].write
assert _clock is not None

_INCOME = (1, -1, -1, 1)
"""What a settlement type does to the drawer."""


_KEPT = ("sum_kop", "in_kop", "out_kop", "in_count", "out_count", "last_income_kop", "last_outcome_kop")
_CLOSING = 5


class Drawer:
    """Cash, paid in and out, the last receipt, and what was counted with drives that the register had before. Survives a power cut, and
    its process (`fiscal.emulators.money_memory`); the shift report clears what speaks of the shift."""

    __slots__ = ("controlled", "earlier", "last", "unkept", *_KEPT)

    def __init__(self) -> None:
        self.sum_kop = 0
        self.controlled = False  # cash that is not there cannot be paid out by a return
        self.in_kop = self.out_kop = 0
        self.in_count = self.out_count = 0
        self.last: Sale | None = None
        self.last_income_kop = self.last_outcome_kop = 0
        self.earlier = Counters()
        self.unkept = False

    def put(self, kop: int) -> None:
        self.sum_kop += kop
        self.in_kop += kop
        self.in_count += 1
        self.unkept = True

    def take(self, kop: int) -> None:
        self.sum_kop -= kop
        self.out_kop += kop
        self.out_count += 1
        self.unkept = True

    def closed(self, receipt: Sale, gained_kop: int) -> None:
        """A receipt is recorded."""
        self.sum_kop += gained_kop
        self.last = receipt

    def open_shift(self) -> None:
        self.last = None

    def close_shift(self, counters: Counters) -> None:
        self.last_income_kop = counters.total_kop(1) + counters.total_kop(4)
        self.last_outcome_kop = counters.total_kop(2) + counters.total_kop(3)
        self.in_kop = self.out_kop = self.in_count = self.out_count = 0
        self.unkept = True

    def drive_taken_out(self, counters: Counters) -> None:
        """The totals that are never reset are the register's: a new drive begins at nothing, they do not."""
        self.earlier.add_all(counters)
        self.unkept = True

    def snapshot(self) -> dict[str, Any]:
        """Everything but the last receipt, ready for JSON."""
        return {name: getattr(self, name) for name in _KEPT} | {"earlier": self.earlier.rows}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """What `snapshot` gave."""
        for name in _KEPT:
            setattr(self, name, int(snapshot[name]))
        self.earlier = Counters(snapshot["earlier"])

    def replay(self, stored: Stored) -> None:
        """A document of the drive, counted as when it was made. What the shift took is the drive's own account."""
        if stored.form in RECEIPT_FORMS:
            cash_kop = read_sums(fields_of(stored.tlv)).cash_kop
            self.sum_kop += cash_kop if stored.type in (1, 4) else -cash_kop
        elif stored.form == _CLOSING:
            self.in_kop = self.out_kop = self.in_count = self.out_count = 0


def _of_shift(register: Register) -> Counters:
    """The counters of the shift; a closed one has none any more."""
    drive = register.drive
    return drive.shift_counters if drive.shift_open else Counters()


def _of_life(register: Register) -> Counters:
    """What is never reset: this drive's account, and those of the drives before it."""
    return register.drive.life_counters.plus(register.drawer.earlier)


def _type(value: int) -> tuple[int, bool]:
    found = RECEIPT_TYPES.get(value)
    if found is None:
        raise CommandError(BAD_REGISTER)
    return found


@handles(0x9103)
def payments(register: Register, type_: int, slot: int) -> bytes:
    settlement, correction = _type(type_)
    sums = _of_shift(register).sums(settlement, correction)
    if not 1 <= slot <= 10:
        raise CommandError(BAD_REGISTER)
    return _short(sums[slot - 1] if slot <= 5 else 0)


@handles(0x9106)
def receipts(register: Register, type_: int) -> bytes:
    settlement, correction = _type(type_)
    return _count(_of_shift(register).count(settlement, correction) % 10_000)


@handles(0x9104)
def cash_in_sum(register: Register, rest: bytes) -> bytes:
    return _short(register.drawer.in_kop)


@handles(0x9105)
def cash_out_sum(register: Register, rest: bytes) -> bytes:
    return _short(register.drawer.out_kop)


@handles(0x9108)
def cash_in_count(register: Register, rest: bytes) -> bytes:
    return _count(register.drawer.in_count % 10_000)


@handles(0x9109)
def cash_out_count(register: Register, rest: bytes) -> bytes:
    return _count(register.drawer.out_count % 10_000)


@handles(0x910A)
def drawer(register: Register, rest: bytes) -> bytes:
    return _money(abs(register.drawer.sum_kop))


_REVENUE = (1, 4, 2, 5)
"""What register 0C is asked for: 0 sale, 1 purchase, 2 sale return, 3 purchase return -> receipt type."""


@handles(0x910C)
def revenue(register: Register, rest: bytes) -> bytes:
    which = rest[0] if rest else 0
    if which >= len(_REVENUE):
        raise CommandError(BAD_REGISTER)
    settlement, correction = _type(_REVENUE[which])
    return _money(_of_shift(register).total_kop(settlement, correction))


@handles(0x910D)
def cumulative(register: Register, rest: bytes) -> bytes:
    counters = _of_life(register)
    return _money(abs(sum(sign * counters.total_kop(type_) for type_, sign in enumerate(_INCOME, 1))))


@handles(0x9128)
def cumulative_by_type(register: Register, rest: bytes) -> bytes:
    settlement, correction = _type(rest[0] if rest else 1)
    return _money(_of_life(register).total_kop(settlement, correction))


@handles(0x9138)
def cumulative_payments(register: Register, type_: int, slot: int) -> bytes:
    settlement, correction = _type(type_)
    if not 1 <= slot <= 10:
        raise CommandError(BAD_REGISTER)
    return _money(_of_life(register).sums(settlement, correction)[slot - 1] if slot <= 5 else 0)


@handles(0x9141)
def count_of_type(register: Register, rest: bytes) -> bytes:
    settlement, correction = _type(rest[0] if rest else 1)
    return _long_count(_of_shift(register).count(settlement, correction))


@handles(0x9111)
def clock(register: Register, rest: bytes) -> bytes:
    assert _clock is not None
    return _clock(register.now_s)


@handles(0x9112)
def shift(register: Register, rest: bytes) -> bytes:
    drive = register.drive
    if not drive.shift_open:
        return b"\0" + bytes(6)
    state = 2 if drive.shift_age_exceeded(register.now_s) else 1
    return _shift(state, drive.shift_opened_s + drive.profile.shift_hours * HOUR_S)


@handles(0x9113)
def receipt_state(register: Register, rest: bytes) -> bytes:
    receipt = register.receipt
    number = register.drive.receipts_in_shift % 10_000
    if receipt is None:
        return _receipt(register.mode_byte, 0, number, 0, 0)
    return _receipt(register.mode_byte, receipt.kind, number, receipt.total_kop, 0)


@handles(0x9114)
def receipt_sums(register: Register, rest: bytes) -> bytes:
    receipt = register.receipt or register.drawer.last
    if receipt is None:
        return _sums(0, 0, 0)
    difference = receipt.paid_kop - receipt.due_kop
    return _sums(receipt.due_kop, max(0, -difference), max(0, difference))


@handles(0x9115)
def last_shift(register: Register, rest: bytes) -> bytes:
    drive = register.drive
    return _count((drive.shift - drive.shift_open) % 10_000)


@handles(0x9116)
def serial(register: Register, rest: bytes) -> bytes:
    return _money(serial_of(register) % 10**14)


@handles(0x9118)
def width(register: Register, rest: bytes) -> bytes:
    device = register.device
    return bytes.fromhex(f"{device.line_width % 100:02d}{device.paper_dots % 10_000:04d}")


@handles(0x911A)
def registrations(register: Register, rest: bytes) -> bytes:
    date_s, left, done = register.drive.expiry()
    return _registrations(min(done, 255), min(left, 255), date_s, bytes(3))


@handles(0x912B)
def exchange(register: Register, rest: bytes) -> bytes:
    return bytes(16)


@handles(0x912C)
def unsent(register: Register, rest: bytes) -> bytes:
    return bytes.fromhex(f"{register.drive.unsent.count % 1_000_000:06d}")


@handles(0x9134)
def last_document(register: Register, rest: bytes) -> bytes:
    drive = register.drive
    if not drive.last_document:
        return _document(0, 0, 0)
    stored = drive.find(drive.last_document)
    return _document(stored.document, stored.time_s, stored.sign)


@handles(0x9135)
def numbers(register: Register, rest: bytes) -> bytes:
    drive = register.drive
    return _numbers(drive.receipts_in_shift % 1_000_000, drive.shift % 1_000_000)


@handles(0x9136)
def formats(register: Register, rest: bytes) -> bytes:
    ffd = register.ffd
    return bytes((ffd, ffd, ffd, register.drive.profile.ffd))


@handles(0x9137)
def last_error(register: Register, rest: bytes) -> bytes:
    return _error(register.last_command, register.last_extended, bytes(4))


@handles(0x913B)
def document_state(register: Register, rest: bytes) -> bytes:
    return bytes((0x10 if register.not_printed else 0, 0, 0, 0))


@handles(0x913D)
def receipt_taxes(register: Register, rest: bytes) -> bytes:
    receipt = register.receipt or register.drawer.last
    code = rest[0] if rest else 0
    return _money(taxes_of(register, receipt).get(code, 0) if receipt is not None else 0)
