"""Corrections of FFD 1.05 in an emulated Shtrih-M register: sums without goods.

FFD 1.2 has no commands of its own for corrections: there a correction is a receipt opened as one. Source: reference sheet, section 2.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fiscal.emulators.drive_documents import read_sums
from fiscal.emulators.drive_rules import CurrentDocument
from fiscal.emulators.shtrih_dispatch import CommandError, handles, moment_of, reply
from fiscal.emulators.shtrih_receipt import TYPE_1054, OpenReceipt, document_body
from fiscal.ffd.tlv import byte, raw, walk

if TYPE_CHECKING:
    from fiscal.emulators.shtrih import ShtrihRegister as Register

BAD_VALUE = 0x33
WRONG_MODE = 0x73

_VAT_ORDER = (1, 2, 5, 6, 3, 4)  # of the six sums

_correction = reply(0xFF36)


@handles(0xFF35)
def begin_correction(register: Register) -> bytes:
    register.drive.begin(CurrentDocument.CORRECTION, register.now_s)
    register.correction = OpenReceipt(0, correction=True)
    return b""


@handles(0xFF36)
def correction(register: Register, total_kop: int, type_: int) -> bytes:
    return _correct(register, None, type_, total_kop, (total_kop, 0, 0, 0, 0), (0,) * 6, 0)


@handles(0xFF4A)
def correction_v2(
    register: Register,
    reason: int,
    type_: int,
    total_kop: int,
    cash: int,
    electronic: int,
    prepaid: int,
    credit: int,
    provision: int,
    taxes: tuple[int, ...],
    taxation: int,
) -> bytes:
    if reason > 1:
        raise CommandError(BAD_VALUE)
    sums = (cash, electronic, prepaid, credit, provision)
    return _correct(register, reason, type_, total_kop, sums, taxes, taxation)


def _newer_rates(receipt: OpenReceipt) -> dict[int, int]:
    """The sums of VAT that the host gave as a tag (1115): taken out of its tags. Without items the register cannot know them."""
    fields = walk(b"".join(receipt.tags))
    given = [(tag, value) for tag, value in fields if tag == 1115]
    if given:
        receipt.tags = [raw(tag, value) for tag, value in fields if tag != 1115]
    return dict(read_sums(given).vat)


def _correct(
    register: Register,
    reason: int | None,
    type_: int,
    total_kop: int,
    sums: tuple[int, int, int, int, int],
    taxes: tuple[int, ...],
    taxation: int,
) -> bytes:
    receipt = register.correction
    if receipt is None:
        raise CommandError(WRONG_MODE)
    if type_ not in (1, 3) or sum(sums) != total_kop:
        raise CommandError(BAD_VALUE)
    registration = register.drive.registration
    assert registration is not None
    taxation = taxation or registration.taxation & -registration.taxation
    receipt.type = TYPE_1054.index(type_)
    receipt.total_kop = total_kop
    if reason is not None and 1173 not in receipt.tag_numbers:
        receipt.tags.insert(0, byte(1173, reason))
    vat = {code: kop for code, kop in zip(_VAT_ORDER, taxes, strict=True) if kop}
    vat |= _newer_rates(receipt)
    vat = {code: vat[code] for code in sorted(vat)}
    ffd = registration.ffd
    declared, body = document_body(
        receipt, sums, taxation, vat, ffd, register.standing(receipt, ffd), registration.tax_site
    )
    stored = register.drive.record(31, type_, total_kop, declared, body, register.now_s)
    register.correction = None
    register.counters.close(
        receipt, [sums[0], sums[1], *[0] * 11, *sums[2:]], sums[0] if type_ == 1 else -sums[0]
    )
    register.counters.corrections[receipt.type] += total_kop
    register.print_lines(register.device.receipt_lines, document=True)
    return _correction(stored.receipt_number, stored.document, stored.sign, *moment_of(register, stored))
