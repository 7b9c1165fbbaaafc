"""Receipts of an emulated ATOL register: opened, filled position by position, paid, closed; and corrections, which
are receipts of their own types.

A receipt is checked as it grows; at closing the drive records it, and only then does the drawer change. Source:
reference sheet, section 1.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fiscal.emulators import atol_marking
from fiscal.emulators.atol_dispatch import CommandError, handles, reply
from fiscal.emulators.atol_receipt import PAYMENT_SUMS, RECEIPT_TYPES, Sale
from fiscal.emulators.drive_documents import read_sums
from fiscal.emulators.drive_profile import DriveError, Refusal
from fiscal.emulators.drive_rules import CurrentDocument
from fiscal.emulators.shtrih_receipt import (
    Line,
    day_of,
    document_body,
    lacks_code,
    strange_agent,
    vat_pairs,
)
from fiscal.ffd.documents import VAT_TAGS
from fiscal.ffd.tlv import FfdError, walk
from fiscal.vat import UnknownRate

if TYPE_CHECKING:
    from fiscal.emulators.atol import AtolRegister as Register

BAD_SUM = 0x08
BAD_QUANTITY = 0x0A
BAD_FORMAT = 0x13
UNFINISHED = 0x76
NOTHING_REGISTERED = 0x96
WRONG_TYPE = 0x6A
CASHLESS_OVER_TOTAL = 0x71
PAID_TOO_LITTLE = 0x86
OVERFLOW = 0x81
BAD_SECTION = 0x7D
BAD_PAYMENT = 0x7E
BAD_DISCOUNT = 0x7B
RECEIPT_CLOSED = 0x9A
SHIFT_CLOSED = 0x8F
SHIFT_EXPIRED = 0x88
DRAWER_EMPTY = 0x98
NO_DATA = 0xAC
EXTENDED = 0xEE

BAD_TAXATION = 0x0103
BAD_TAX = 0x0104
BAD_METHOD = 0x0105
BAD_SUBJECT = 0x0106
NOT_BEGUN = 0x0207
BEGUN = 0x0208
TAGS_FULL = 0x020A

TEST, QUIET = 0x01, 0x06
MAX_KOP = 9_999_999_999
MAX_TAGS = 100
FFD_12 = 4

TAX_TAGS = {tag: code for code, tag in VAT_TAGS.items()}
"""The sums of VAT that a host may give itself -> code of tag 1199."""

TAX_GROUP = 1115
"""... and the group of those that came later: 5, 7 and 22 %."""

_payment = reply(0x99)


def is_quiet(register: Register, code: int, values: list[Any]) -> bool:
    """Nothing of this command will be printed: no paper is needed."""
    receipt = register.receipt
    if receipt is not None:
        return receipt.quiet
    return code in (0x92, 0x9A) and bool(values[0] & QUIET)


def _open(register: Register) -> Sale:
    receipt = register.receipt
    if receipt is None:
        raise CommandError(RECEIPT_CLOSED)
    return receipt


# ---- a receipt grows --------------------------------------------------------------------------------------------------------------


@handles(0x92)
def open_receipt(register: Register, flags: int, kind: int) -> bytes:
    if kind not in RECEIPT_TYPES:
        raise CommandError(WRONG_TYPE)
    if register.not_printed:
        raise CommandError(UNFINISHED)
    drive = register.drive
    if not drive.shift_open:
        raise CommandError(SHIFT_CLOSED)
    if drive.shift_age_exceeded(register.now_s):
        raise CommandError(SHIFT_EXPIRED)
    if flags & TEST:
        return b""
    correction = RECEIPT_TYPES[kind][1]
    drive.begin(CurrentDocument.CORRECTION if correction else CurrentDocument.RECEIPT, register.now_s)
    receipt = register.receipt = Sale(kind, bool(flags & QUIET))
    given, register.pending_tags = register.pending_tags, []
    for tlv in given:
        _give(register, receipt, tlv)
    return b""


@handles(0xE8)
def write_attribute(register: Register, print_: int, blocks: int, number: int, part: bytes) -> bytes:
    if blocks > 1:
        if number == 0:
            register.split_tag = b""
        register.split_tag += part
        if number < blocks - 1:
            return b""
        part, register.split_tag = register.split_tag, b""
    if not walk(part):
        raise CommandError(BAD_FORMAT)
    receipt = register.receipt
    if receipt is not None:
        _give(register, receipt, part)
        return b""
    pending = register.pending_tags
    tag = part[:2]
    if len(pending) >= MAX_TAGS:
        raise CommandError(EXTENDED, TAGS_FULL)
    register.pending_tags = [each for each in pending if each[:2] != tag] + [part]
    return b""


def _give(register: Register, receipt: Sale, tlv: bytes) -> None:
    tag = tlv[0] | tlv[1] << 8
    if receipt.position:
        receipt.item_tags.append(tlv)
    elif tag == 1055:
        receipt.taxation = tlv[4]
        registration = register.drive.registration
        if registration is not None and not receipt.taxation & registration.taxation:
            receipt.taxation = 0
            raise CommandError(EXTENDED, BAD_TAXATION)
    elif tag in TAX_TAGS:
        receipt.taxes[TAX_TAGS[tag]] = int.from_bytes(tlv[4:], "little")
    elif tag == TAX_GROUP and receipt.correction:
        receipt.taxes |= dict(read_sums(walk(tlv)).vat)
    else:
        if len(receipt.tags) >= MAX_TAGS:
            raise CommandError(EXTENDED, TAGS_FULL)
        receipt.tags.append(tlv)
        receipt.tag_numbers.add(tag)


@handles(0xEA)
def begin_position(register: Register, data: bytes) -> bytes:
    receipt = _open(register)
    if receipt.position:
        raise CommandError(EXTENDED, BEGUN)
    receipt.position = True
    receipt.item_tags = []
    receipt.item_code = b""
    return b""


@handles(0xEB)
def end_position(
    register: Register,
    flags: int,
    price_kop: int,
    quantity_e3: int,
    sum_kop: int,
    tax: int,
    tax_kop: int,
    section: int,
    subject: int,
    method: int,
    sign: int,
    discount_kop: int,
    reserved: bytes,
    name: str,
) -> bytes:
    receipt = _open(register)
    if not receipt.position:
        raise CommandError(EXTENDED, NOT_BEGUN)
    if not quantity_e3:
        raise CommandError(BAD_QUANTITY)
    # What the host gives is price after discount; the sum may differ from the product by what rounding does to price and quantity.
    computed = (quantity_e3 * price_kop + 500) // 1000
    if not -1 <= sum_kop - computed <= 1:
        raise CommandError(BAD_SUM)
    if not 1 <= tax <= 12:
        raise CommandError(EXTENDED, BAD_TAX)
    if not 1 <= (method or 4) <= 7:
        raise CommandError(EXTENDED, BAD_METHOD)
    line = Line(name, price_kop, quantity_e3 * 1000, sum_kop, tax, method or 4, subject or 1, section)
    line.tags = b"".join(receipt.item_tags)
    if receipt.item_code and not flags & TEST:
        atol_marking.bind(register, receipt, line)
    _register(register, receipt, line, flags)
    receipt.position = False
    receipt.item_tags = []
    return b""


def _register(register: Register, receipt: Sale, line: Line, flags: int) -> None:
    if line.department > 99:
        raise CommandError(BAD_SECTION)
    if receipt.total_kop + line.sum_kop > MAX_KOP:
        raise CommandError(OVERFLOW)
    if not flags & TEST:
        receipt.add(line)


@handles(0xE6)
def position(
    register: Register,
    flags: int,
    name: str,
    price_kop: int,
    quantity_e3: int,
    discount_type: int,
    sign: int,
    discount_kop: int,
    tax: int,
    section: int,
    reserved: bytes,
) -> bytes:
    receipt = _open(register)
    if not quantity_e3:
        raise CommandError(BAD_QUANTITY)
    if not 1 <= tax <= 12:
        raise CommandError(EXTENDED, BAD_TAX)
    sum_kop = (quantity_e3 * price_kop + 500) // 1000
    if discount_kop:
        sum_kop += discount_kop if sign else -discount_kop
    if sum_kop < 0:
        raise CommandError(BAD_DISCOUNT)
    _register(
        register, receipt, Line(name, price_kop, quantity_e3 * 1000, sum_kop, tax, 4, 1, section), flags
    )
    return b""


@handles(0x52, 0x57)
def registration(register: Register, flags: int, price_kop: int, quantity_e3: int, section: int) -> bytes:
    if not quantity_e3:
        raise CommandError(BAD_QUANTITY)
    sum_kop = (quantity_e3 * price_kop + 500) // 1000
    line = Line("", price_kop, quantity_e3 * 1000, sum_kop, 6, 4, 1, section)
    _register(register, _open(register), line, flags)
    return b""


@handles(0x43)
def discount(register: Register, flags: int, area: int, kind: int, sign: int, kop: int) -> bytes:
    """A discount on the receipt: only kopecks of the last line, so that the sum of the lines stays the total."""
    receipt = _open(register)
    if not receipt.lines or kop > receipt.lines[-1].sum_kop:
        raise CommandError(BAD_DISCOUNT)
    if not flags & TEST:
        receipt.adjust(receipt.lines[-1], kop if sign else -kop)
    return b""


@handles(0xB8)
def receipt_tax(register: Register, flags: int, reserved: int, tax: int, kop: int) -> bytes:
    if not 1 <= tax <= 12:
        raise CommandError(EXTENDED, BAD_TAX)
    receipt = _open(register)
    if not flags & TEST:
        receipt.taxes[tax] = receipt.taxes.get(tax, 0) + kop
    return b""


# ---- it is paid and closed --------------------------------------------------------------------------------------------------------


def _pay(register: Register, receipt: Sale, slot: int, kop: int) -> None:
    if not 1 <= slot <= 10:
        raise CommandError(BAD_PAYMENT)
    if receipt.position:
        raise CommandError(UNFINISHED)
    if slot != 1 and receipt.lines and receipt.paid_kop - receipt.paid[0] + kop > receipt.total_kop:
        raise CommandError(CASHLESS_OVER_TOTAL)
    receipt.paid[slot - 1] += kop


@handles(0x99)
def payment(register: Register, flags: int, slot: int, kop: int) -> bytes:
    receipt = _open(register)
    if not flags & TEST:
        _pay(register, receipt, slot, kop)
    return _payment(slot, *rest_and_change(receipt))


@handles(0x9B)
def payment_back(register: Register, flags: int, slot: int, kop: int) -> bytes:
    receipt = _open(register)
    if not 1 <= slot <= 10 or kop > receipt.paid[slot - 1]:
        raise CommandError(BAD_PAYMENT)
    if not flags & TEST:
        receipt.paid[slot - 1] -= kop
    return _payment(slot, *rest_and_change(receipt))


def rest_and_change(receipt: Sale) -> tuple[int, int]:
    """What is still to be paid, and what the buyer gets back."""
    difference = receipt.paid_kop - receipt.due_kop
    return max(0, -difference), max(0, difference)


@handles(0x4A)
def close_receipt(register: Register, flags: int, slot: int, kop: int) -> bytes:
    receipt = _open(register)
    if receipt.position:
        raise CommandError(UNFINISHED)
    paid = list(receipt.paid)
    if kop or not any(paid):
        if not 1 <= slot <= 10:
            raise CommandError(BAD_PAYMENT)
        paid[slot - 1] += kop or receipt.due_kop
    total = receipt.due_kop or (sum(paid) if receipt.correction else 0)
    change = sum(paid) - total
    if change < 0:
        raise CommandError(PAID_TOO_LITTLE)
    if change > paid[0]:
        raise CommandError(CASHLESS_OVER_TOTAL)
    if not receipt.lines and not receipt.correction:
        raise CommandError(NOTHING_REGISTERED)
    if flags & TEST:
        return b""
    sums = [0] * 5
    for at, sum_kop in enumerate(paid):
        sums[PAYMENT_SUMS[at]] += sum_kop
    sums[0] -= change
    registration = register.drive.registration
    assert registration is not None
    gained = sums[0] if receipt.type in (1, 4) else -sums[0]
    if register.drawer.sum_kop + gained < 0 and register.drawer.controlled:
        raise CommandError(DRAWER_EMPTY)
    ffd = registration.ffd
    if lacks_code(receipt, ffd):
        raise DriveError(Refusal.REQUISITE_MISSING)
    if strange_agent(receipt, registration):
        raise DriveError(Refusal.BAD_REQUISITE)
    vat = taxes_of(register, receipt)
    if receipt.correction and ffd < FFD_12:
        receipt.lines = []  # one line for the sum; the document of this format has none
    declared, body = document_body(
        receipt,
        (sums[0], sums[1], sums[2], sums[3], sums[4]),
        receipt.taxation or registration.taxation & -registration.taxation,
        vat,
        ffd,
        register.standing(receipt, ffd),
        registration.tax_site,
    )
    form = 31 if receipt.correction else 3
    register.drive.record(form, receipt.type, total, declared, body, register.now_s)
    receipt.change_kop = change
    receipt.paid = paid
    register.receipt = None
    register.drawer.closed(receipt, gained)
    if not receipt.quiet:
        device = register.device
        register.print_lines(device.receipt_lines + device.item_lines * len(receipt.lines))
    return b""


def taxes_of(register: Register, receipt: Sale) -> dict[int, int]:
    """The sums by code of tag 1199: the turnover under 0 % and none, the tax under the others."""
    given = receipt.taxes
    if not receipt.lines or (given and receipt.correction):
        return {code: given[code] for code in sorted(given) if given[code]}
    on = register.now_s
    if receipt.correction:
        for tlv in receipt.tags:
            if tlv[:2] == b"\x96\x04":  # 1174 holds 1178, the day that is corrected
                on = dict(_structure(tlv)).get(1178, on)
    try:
        vat = vat_pairs(receipt.lines, day_of(on))
        return {**vat, **given} if given else vat
    except UnknownRate:
        raise CommandError(EXTENDED, BAD_TAX) from None


def _structure(tlv: bytes) -> list[tuple[int, int]]:
    try:
        return [(tag, int.from_bytes(value, "little")) for tag, value in walk(tlv[4:])]
    except FfdError:
        return []


@handles(0x59)
def annul(register: Register) -> bytes:
    """Drop the receipt. With none open there is nothing to drop, and that is fine."""
    register.pending_tags = []
    register.split_tag = b""
    if register.receipt is not None:
        register.receipt = None
        register.drive.cancel()
        register.print_lines(4)
    return b""
