"""From a receipt to the requests that make an ATOL register record it.

All requests are made before the first byte is sent: what does not fit a field is found while nothing has happened
yet. A receipt is opened (92h), gets its attributes one by one (E8h), its positions (EAh, the position's own
attributes, EBh), its payments (99h), and is closed (4Ah). A correction is a receipt of its own type; in FFD 1.05
it has one nameless position for the sum, and its taxes are told by attributes, as the vendor's driver does it.
Source: reference sheet, section 1.3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from fiscal.ffd.documents import VAT_TAGS, correction_fields, vat_fields
from fiscal.ffd.goods_fields import agent_fields, common_agent, mark_fields
from fiscal.ffd.identity import identity_fields
from fiscal.ffd.tlv import FfdError, byte, stlv, text, vln, walk
from fiscal.gs1 import BadCode
from fiscal.receipt import Item, Receipt
from fiscal.registers.atol import marking
from fiscal.registers.atol.commands import COMMANDS, Command
from fiscal.registers.atol.talk import request
from fiscal.registers.marking import REFUSE_BAD, Policy
from fiscal.vat import UnknownRate, vat_sums

__all__ = ["FFD_12", "RECEIPT_TYPES", "TRANSPORTS", "Facts", "Unfit", "requests_of"]

FFD_12 = 4

RECEIPT_TYPES: dict[tuple[int, bool], int] = {
    (1, False): 1,
    (2, False): 2,
    (3, False): 4,
    (4, False): 5,
    (1, True): 7,
    (2, True): 8,
    (3, True): 9,
    (4, True): 10,
}
"""(tag 1054, is it a correction) -> receipt type of 92h. The types of corrections as the vendor's driver sends them."""

PAYMENTS: dict[str, int] = {
    "cash_kop": 1,
    "cashless_kop": 2,
    "prepaid_kop": 3,
    "credit_kop": 4,
    "provision_kop": 5,
}
"""The payment types of 99h that the five sums of a receipt go into."""

NO_PRINT = 0x04
CHECKED = 0x0A
"""Flags of EBh that the vendor's driver sends with a position."""
SUM_ONLY = 0x02
"""... and with the position that carries the sum of a correction."""

TRANSPORTS = ("v3", "v2")

_NAME_LIMIT = 128
_OPEN = COMMANDS[0x92]
_ATTRIBUTE = COMMANDS[0xE8]
_BEGIN = COMMANDS[0xEA]
_END = COMMANDS[0xEB]
_PAYMENT = COMMANDS[0x99]
_CLOSE = COMMANDS[0x4A]

_BEGIN_REQUEST = (_BEGIN, request(_BEGIN, b"\0\1\0"))
_CLOSE_REQUEST = (_CLOSE, request(_CLOSE, 0, 1, 0))
_ATTRIBUTE_HEAD = request(_ATTRIBUTE, 1, 1, 0, b"")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the driver must know of a register to write a receipt for it.

    ``ffd``: the format by tag 1209 (2 = 1.05, 4 = 1.2). ``place``: the place of settlement it is registered with;
    a receipt for another site carries its own (1187). ``prints``: paper comes out of receipts that ask for it.
    ``prints_all``: paper comes out of every receipt, electronic ones included. ``internet_sign``: settlements
    over the Internet are marked (1125, obligatory from 1 September 2025). ``transport``: "v3", or "v2" for the
    old platform. ``marking``: which goods are sold whose marking code could not be checked, or was refused
    (`fiscal.registers.marking.POLICIES`).
    """

    ffd: int = 2
    place: str = ""
    prints: bool = False
    prints_all: bool = False
    internet_sign: bool = True
    transport: str = "v3"
    marking: Policy = REFUSE_BAD


class Unfit(ValueError):
    """The receipt does not fit the commands of this register; the text names what."""


Requests = list[tuple[Command, bytes]]


def _attribute(tlv: bytes) -> tuple[Command, bytes]:
    return _ATTRIBUTE, _ATTRIBUTE_HEAD + tlv


@lru_cache(maxsize=4096)
def _standing(
    taxation: int, site: str, cashier: str, cashier_inn: str, internet: bool
) -> tuple[tuple[Command, bytes], ...]:
    fields = [byte(1055, taxation)]
    if cashier:
        fields.append(text(1021, cashier, limit=64))
    if cashier_inn:
        fields.append(text(1203, cashier_inn, width=12))
    if internet:
        fields.append(byte(1125, 1))
    if site:
        fields.append(text(1187, site, limit=256))
    return tuple([_attribute(field) for field in fields])


def _attributes(receipt: Receipt, mark: str, facts: Facts) -> Requests:
    """The attributes of the document that the register cannot know."""
    made: Requests = []
    correction = receipt.correction
    if correction is not None:
        fields = correction_fields(correction, facts.ffd)
        made += [_attribute(stlv(tag, value)) for tag, value in walk(fields)]
    buyer = receipt.buyer
    contact = buyer.contact
    if contact:
        made.append(_attribute(text(1008, contact, limit=64)))
    own = identity_fields(mark, "" if correction is None else correction.sign)
    made += [_attribute(stlv(tag, value)) for tag, value in walk(own)]
    if any(item.agent is not None for item in receipt.items) and (correction is None or facts.ffd >= FFD_12):
        agent = common_agent([item.agent for item in receipt.items], facts.ffd)
        if agent:
            made.append(_attribute(agent))
    if buyer.name or buyer.inn:
        who = [text(1227, buyer.name, limit=128)] if buyer.name else []
        if buyer.inn:
            who.append(text(1228, buyer.inn, width=12))
        if facts.ffd >= FFD_12:
            who = [stlv(1256, b"".join(who))]
        made += [_attribute(field) for field in who]
    site = receipt.site
    made += _standing(
        int(receipt.taxation),
        site if site != facts.place else "",
        receipt.cashier,
        receipt.cashier_inn,
        receipt.internet and facts.internet_sign,
    )
    return made


def _line_attributes(item: Item, ffd: int) -> Requests:
    """What the command of a position has no room for."""
    fields = byte(2108, item.unit) if item.unit and ffd >= FFD_12 else b""
    if item.mark is not None and ffd < FFD_12:
        fields += mark_fields(item.mark, ffd)
    if item.agent is not None:
        fields += agent_fields(item.agent)
    made = [_attribute(stlv(tag, value)) for tag, value in walk(fields)] if fields else []
    if item.mark is not None and ffd >= FFD_12:
        made.append(marking.given(item.mark))
    return made


@lru_cache(maxsize=4096)
def _position(
    flags: int,
    price_kop: int,
    quantity_e3: int,
    sum_kop: int,
    vat: int,
    subject: int,
    method: int,
    name: str,
) -> tuple[Command, bytes]:
    # Shops sell the same goods all day long.
    values = (
        flags,
        price_kop,
        quantity_e3,
        sum_kop,
        vat,
        0,
        1,
        subject,
        method,
        0,
        0,
        b"\0\0",
        name[:_NAME_LIMIT],
    )
    return _END, request(_END, *values)


def requests_of(receipt: Receipt, mark: str, facts: Facts) -> Requests:
    """The commands of a receipt with their requests, in order; the last one records. Raises `Unfit`."""
    try:
        corrects = receipt.correction is not None
        quiet = receipt.electronic and not facts.prints_all
        kind = RECEIPT_TYPES[int(receipt.type), corrects]
        made = [(_OPEN, request(_OPEN, NO_PRINT if quiet else 0, kind))]
        made += _attributes(receipt, mark, facts)
        if corrects and facts.ffd < FFD_12:
            made += _correction_105(receipt)
        else:
            for item in receipt.items:
                quantity_e3, finer = divmod(item.quantity_e6, 1000)
                if finer:
                    raise Unfit(
                        f"{item.name!r}: this register counts in thousandths, not {item.quantity_e6} millionths"
                    )
                made.append(_BEGIN_REQUEST)
                made += _line_attributes(item, facts.ffd)
                made.append(
                    _position(
                        CHECKED,
                        item.price_kop,
                        quantity_e3,
                        item.sum_kop,
                        int(item.vat),
                        item.subject,
                        int(item.method),
                        item.name,
                    )
                )
        paid = receipt.payments
        for name, slot in PAYMENTS.items():
            kop = getattr(paid, name)
            if kop:
                made.append((_PAYMENT, request(_PAYMENT, 0, slot, kop)))
        if not paid.total_kop:
            made.append((_PAYMENT, request(_PAYMENT, 0, 1, 0)))
    except (OverflowError, struct.error, FfdError, UnknownRate, KeyError, BadCode) as error:
        raise Unfit(f"the receipt does not fit the register's commands: {error}") from None
    made.append(_CLOSE_REQUEST)
    return made


def _correction_105(receipt: Receipt) -> Requests:
    correction = receipt.correction
    assert correction is not None
    if receipt.type not in (1, 3):
        raise Unfit("FFD 1.05 corrects sales and purchases only; a wrong return needs a return of its own")
    taxes = vat_sums(receipt, date.fromisoformat(correction.date))
    total = receipt.total_kop
    made: Requests = [_BEGIN_REQUEST, _position(SUM_ONLY, total, 1000, total, 5, 0, 0, "")]
    if 5 not in taxes:
        made.append(_attribute(vln(VAT_TAGS[5], 0)))
    made += [_attribute(vln(VAT_TAGS[code], kop)) for code, kop in taxes.items() if code in VAT_TAGS]
    newer = {int(code): kop for code, kop in taxes.items() if code not in VAT_TAGS}
    if newer:
        made.append(_attribute(vat_fields(newer)))
    return made
