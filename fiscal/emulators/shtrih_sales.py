"""Receipts of an emulated Shtrih-M register.

Two ways lead to the same fiscal document: operations v2 (FF46, FF45) and the classic one (80h-87h, 85h), which older hosts still go.
A receipt is checked as it grows; at closing the drive records it, and only then do the counters move. Source: reference sheet, section 2.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fiscal.emulators.drive_documents import Stored
from fiscal.emulators.drive_profile import DriveError, Refusal
from fiscal.emulators.drive_rules import CurrentDocument
from fiscal.emulators.shtrih_dispatch import CommandError, handles, moment_of, operator_only, reply
from fiscal.emulators.shtrih_receipt import (
    GROUP_VAT,
    TAX_VAT,
    TYPE_1054,
    Line,
    OpenReceipt,
    day_of,
    document_body,
    five_sums,
    lacks_code,
    strange_agent,
    vat_pairs,
)
from fiscal.emulators.shtrih_shift import begin_shift
from fiscal.ffd.tlv import walk
from fiscal.vat import UnknownRate

if TYPE_CHECKING:
    from fiscal.emulators.shtrih import ShtrihRegister as Register

BAD_VALUE = 0x33
CONTRADICTS_SETTINGS = 0x35
PAID_TOO_LITTLE = 0x45
TOTAL_OVERFLOW = 0x48
WRONG_TYPE = 0x49
TOO_MUCH_CASHLESS = 0x4D
DISCOUNT_TOO_LARGE = 0x5A
BAD_OPERATION = 0x5E
OVERFLOW = 0x60
NO_DEPARTMENT = 0x63
WRONG_MODE = 0x73
ZERO_TOTAL = 0x8E
FORBID_ZERO = (1, 1, 23)

NOT_GIVEN = (1 << 40) - 1
MAX_KOP = 9_999_999_999
FFD_11 = 3

_OPERATION_TYPES = {1: 0, 2: 2, 3: 1, 4: 3}  # FF46 -> register's type

_close = reply(0x85)
_close_v2 = reply(0xFF45)
_subtotal = reply(0x89)


# ---- a receipt grows --------------------------------------------------------------------------------------------------------------


@handles(0x8D)
def open_receipt(register: Register, kind: int) -> bytes:
    correction = bool(kind & 0x80)
    type_ = kind & 0x7F
    if type_ > 3 or (correction and register.ffd < FFD_11):
        raise CommandError(BAD_VALUE)
    _begin(register, type_, correction)
    return operator_only(register)


def _begin(register: Register, type_: int, correction: bool = False) -> OpenReceipt:
    drive = register.drive
    if not drive.shift_open:
        begin_shift(register)
    drive.begin(CurrentDocument.CORRECTION if correction else CurrentDocument.RECEIPT, register.now_s)
    receipt = register.receipt = OpenReceipt(type_, correction)
    return receipt


@handles(0xFF46)
def operation(
    register: Register,
    type_: int,
    quantity_e6: int,
    price_kop: int,
    sum_kop: int,
    tax_kop: int,
    tax: int,
    department: int,
    method: int,
    subject: int,
    name: str,
) -> bytes:
    receipt = register.receipt
    if receipt is None or _OPERATION_TYPES.get(type_) != receipt.type:
        raise CommandError(WRONG_TYPE)
    computed = (quantity_e6 * price_kop + 500_000) // 1_000_000
    if sum_kop == NOT_GIVEN:
        sum_kop = computed
    elif not -1 <= sum_kop - computed <= 1:
        raise CommandError(BAD_VALUE)
    vat = TAX_VAT.get(tax)
    if vat is None or not 1 <= method <= 7 or not subject:
        raise CommandError(BAD_VALUE)
    if department > 16:
        raise CommandError(NO_DEPARTMENT)
    if sum_kop > MAX_KOP or receipt.total_kop + sum_kop > MAX_KOP:
        raise CommandError(TOTAL_OVERFLOW)
    receipt.lines.append(Line(name, price_kop, quantity_e6, sum_kop, vat, method, subject, department))
    receipt.total_kop += sum_kop
    return b""


def _classic(
    register: Register,
    type_: int,
    quantity_e3: int,
    price_kop: int,
    department: int,
    group: int,
    name: str,
    sum_kop: int,
) -> None:
    if department > 16:
        raise CommandError(NO_DEPARTMENT)
    if group >= len(GROUP_VAT):
        raise CommandError(BAD_VALUE)
    receipt = register.receipt
    if receipt is not None and receipt.type != type_:
        raise CommandError(WRONG_TYPE)
    if (receipt.total_kop if receipt is not None else 0) + sum_kop > MAX_KOP:
        raise CommandError(OVERFLOW)
    if receipt is None:
        receipt = _begin(register, type_)
    receipt.add(
        Line(name.rstrip(), price_kop, quantity_e3 * 1000, sum_kop, GROUP_VAT[group], 4, 1, department)
    )


def _classic_item(type_: int) -> None:
    @handles(0x80 + type_)
    def item(
        register: Register,
        quantity_e3: int,
        price_kop: int,
        department: int,
        tax1: int,
        tax2: int,
        tax3: int,
        tax4: int,
        name: str,
    ) -> bytes:
        sum_kop = (quantity_e3 * price_kop + 500) // 1000
        _classic(register, type_, quantity_e3, price_kop, department, tax1, name, sum_kop)
        return operator_only(register)


for _type in range(4):
    _classic_item(_type)


@handles(0xFF0D)
def operation_with_discount(
    register: Register,
    type_: int,
    quantity_e3: int,
    price_kop: int,
    discount_kop: int,
    surcharge_kop: int,
    department: int,
    tax: int,
    barcode: int,
    name: str,
) -> bytes:
    if type_ not in _OPERATION_TYPES:
        raise CommandError(BAD_VALUE)
    sum_kop = (quantity_e3 * price_kop + 500) // 1000 - discount_kop + surcharge_kop
    if sum_kop < 0:
        raise CommandError(DISCOUNT_TOO_LARGE)
    _classic(register, _OPERATION_TYPES[type_], quantity_e3, price_kop, department, tax, name, sum_kop)
    return b""


@handles(0x84)
def storno(
    register: Register,
    quantity_e3: int,
    price_kop: int,
    department: int,
    tax1: int,
    tax2: int,
    tax3: int,
    tax4: int,
    name: str,
) -> bytes:
    """Take a line back. A fiscal document has no negative lines, so a line of that price and quantity must be there."""
    receipt = _open(register)
    for line in reversed(receipt.lines):
        if line.price_kop == price_kop and line.quantity_e6 == quantity_e3 * 1000:
            receipt.lines.remove(line)
            receipt.total_kop -= line.sum_kop
            return operator_only(register)
    raise CommandError(BAD_OPERATION)


def _open(register: Register) -> OpenReceipt:
    if register.receipt is None:
        raise CommandError(WRONG_MODE)
    return register.receipt


@handles(0x86)
def discount(register: Register, kop: int, tax1: int, tax2: int, tax3: int, tax4: int, name: str) -> bytes:
    _adjust(_open(register), -kop)
    return operator_only(register)


@handles(0x87)
def surcharge(register: Register, kop: int, tax1: int, tax2: int, tax3: int, tax4: int, name: str) -> bytes:
    _adjust(_open(register), kop)
    return operator_only(register)


@handles(0xFF4B)
def receipt_discount(register: Register, discount_kop: int, surcharge_kop: int, tax: int, name: str) -> bytes:
    _adjust(_open(register), surcharge_kop - discount_kop)
    return b""


def _adjust(receipt: OpenReceipt, kop: int) -> None:
    # A fiscal document knows discounts only inside the prices of its lines: take it off from the last line backwards.
    if not receipt.lines or receipt.total_kop + kop < 0:
        raise CommandError(DISCOUNT_TOO_LARGE)
    if receipt.total_kop + kop > MAX_KOP:
        raise CommandError(TOTAL_OVERFLOW)
    for line in reversed(receipt.lines):
        part = max(kop, -line.sum_kop)
        receipt.adjust(line, part)
        kop -= part
        if not kop:
            return


@handles(0x89)
def subtotal(register: Register) -> bytes:
    return _subtotal(register.operator, _open(register).total_kop)


@handles(0xFF0C)
def document_tags(register: Register, tags: bytes) -> bytes:
    fields = walk(tags)
    receipt = register.receipt or register.correction
    if receipt is not None:
        receipt.tags.append(tags)
        receipt.tag_numbers.update([tag for tag, _ in fields])
    elif register.drive.current_document in (CurrentDocument.SHIFT_OPENING, CurrentDocument.SHIFT_CLOSING):
        register.shift_tags += tags
    else:
        raise CommandError(WRONG_MODE)
    return b""


@handles(0xFF4D)
def operation_tags(register: Register, tags: bytes) -> bytes:
    walk(tags)
    receipt = _open(register)
    if not receipt.lines:
        raise CommandError(BAD_VALUE)
    receipt.lines[-1].tags += tags
    return b""


@handles(0x88)
def cancel(register: Register) -> bytes:
    register.counters.cancel(_open(register))
    register.drive.cancel()
    register.receipt = None
    register.print_lines(6)
    return operator_only(register)


# ---- a receipt is closed ----------------------------------------------------------------------------------------------------------


def _settle(
    register: Register, receipt: OpenReceipt, slots: list[int], taxation: int, rounding_kop: int
) -> tuple[Stored, int]:
    """Let the drive record the receipt. Returns its document and the change."""
    total = receipt.total_kop - rounding_kop
    if total < 0 or (not receipt.lines):
        raise CommandError(BAD_OPERATION)
    if not total and register.tables.number(FORBID_ZERO):
        raise CommandError(ZERO_TOTAL)
    change = sum(slots) - total
    if change:
        if change < 0:
            raise CommandError(PAID_TOO_LITTLE)
        if change > slots[0]:
            raise CommandError(TOO_MUCH_CASHLESS)
    registration = register.drive.registration
    assert registration is not None
    allowed = registration.taxation
    if not taxation:
        taxation = allowed & -allowed
    elif taxation & (taxation - 1) or not taxation & allowed:
        raise CommandError(CONTRADICTS_SETTINGS)
    sums = five_sums(slots, change)
    ffd = registration.ffd
    if lacks_code(receipt, ffd):
        raise DriveError(Refusal.REQUISITE_MISSING)
    if strange_agent(receipt, registration):
        raise DriveError(Refusal.BAD_REQUISITE)
    now_s = register.now_s
    try:
        vat = vat_pairs(receipt.lines, day_of(now_s))
    except UnknownRate:
        raise CommandError(BAD_VALUE) from None
    declared, body = document_body(
        receipt, sums, taxation, vat, ffd, register.standing(receipt, ffd), registration.tax_site
    )
    form = 31 if receipt.correction else 3
    stored = register.drive.record(form, TYPE_1054[receipt.type], total, declared, body, now_s)
    slots[0] -= change
    register.receipt = None
    register.counters.close(receipt, slots, slots[0] if receipt.type in (0, 3) else -slots[0])
    device = register.device
    register.print_lines(device.receipt_lines + device.item_lines * len(receipt.lines), document=True)
    return stored, change


@handles(0xFF45)
def close_v2(
    register: Register,
    payments: tuple[int, ...],
    rounding_kop: int,
    taxes: tuple[int, ...],
    taxation: int,
    words: str,
) -> bytes:
    if rounding_kop > 99:
        raise CommandError(BAD_VALUE)
    stored, change = _settle(register, _open(register), list(payments), taxation, rounding_kop)
    return _close_v2(change, stored.document, stored.sign, *moment_of(register, stored))


@handles(0x85)
def close(
    register: Register,
    cash: int,
    type2: int,
    type3: int,
    type4: int,
    discount_percent: int,
    tax1: int,
    tax2: int,
    tax3: int,
    tax4: int,
    words: str,
) -> bytes:
    receipt = _open(register)
    if not -9999 <= discount_percent <= 9999:
        raise CommandError(BAD_VALUE)
    total = receipt.total_kop
    off = 0
    if discount_percent:
        off = (2 * total * discount_percent + 10_000) // 20_000
        if cash + type2 + type3 + type4 < total - off:
            raise CommandError(PAID_TOO_LITTLE)
        _adjust(receipt, -off)
    _, change = _settle(register, receipt, [cash, type2, type3, type4] + [0] * 12, 0, 0)
    return _close(register.operator, change)
