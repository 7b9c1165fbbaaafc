"""From a receipt to the frames that make a Shtrih-M register record it.

All frames are made before the first byte is sent: what does not fit a field is found while nothing has happened yet. A receipt is
opened (8Dh), its lines follow (FF46, and FF4D for a unit of measure), then the tags of the document in blocks of at most 250 bytes
(FF0C), then it is closed (FF45). A correction of FFD 1.05 has no lines (FF35, FF0C, FF4A); one of FFD 1.2 is a receipt opened as a
correction.

Mind the two orders of settlement types: 8Dh counts sale, purchase, sale return, purchase return from 0; FF46 and tag 1054 count sale,
sale return, purchase, purchase return from 1. Source: reference sheet, sections 2.5 and 5.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from fiscal.ffd.documents import vat_fields
from fiscal.ffd.goods_fields import agent_fields, common_agent, mark_fields
from fiscal.ffd.identity import identity_fields
from fiscal.ffd.tlv import FfdError, byte, stlv, text, u32, walk
from fiscal.gs1 import BadCode
from fiscal.receipt import Item, Receipt
from fiscal.registers.marking import REFUSE_BAD, Policy
from fiscal.registers.shtrih import marking
from fiscal.registers.shtrih.commands import COMMANDS, Command
from fiscal.registers.shtrih.frames import FrameError
from fiscal.registers.shtrih.talk import AnyTalk
from fiscal.vat import UnknownRate, vat_sums

__all__ = [
    "FFD_12",
    "NOT_GIVEN",
    "OPEN_TYPES",
    "SLOTS",
    "TAX_BYTES",
    "Facts",
    "Unfit",
    "frames_of",
    "tags_of",
]

FFD_12 = 4

NOT_GIVEN = (1 << 40) - 1
"""Five bytes FF: the register computes the sum itself."""

OPEN_TYPES: dict[int, int] = {1: 0, 2: 2, 3: 1, 4: 3}
"""Tag 1054 -> type of command 8Dh."""

TAX_BYTES: dict[int, int] = {
    1: 0x01,
    2: 0x02,
    5: 0x04,
    6: 0x08,
    3: 0x10,
    4: 0x20,
    7: 0x81,
    8: 0x82,
    9: 0x84,
    10: 0x88,
    11: 0xCB,
    12: 0xCC,
}
"""Tag 1199 -> tax byte of FF46."""

SLOTS: dict[str, int] = {
    "cash_kop": 0,
    "cashless_kop": 1,
    "prepaid_kop": 13,
    "credit_kop": 14,
    "provision_kop": 15,
}
"""The payment slots (of sixteen, from 0) that the five sums of a receipt go into."""

_TAX_ORDER = (1, 2, 5, 6, 3, 4)  # of the six sums in FF45 and FF4A
_BLOCK = 250
_NAME_LIMIT = 128

_OPEN = COMMANDS[0x8D]
_OPERATION = COMMANDS[0xFF46]
_OPERATION_TAGS = COMMANDS[0xFF4D]
_TAGS = COMMANDS[0xFF0C]
_CLOSE = COMMANDS[0xFF45]
_BEGIN_CORRECTION = COMMANDS[0xFF35]
_CORRECTION = COMMANDS[0xFF4A]

_NO_TAXES = (0,) * 6


@dataclass(frozen=True, slots=True)
class Facts:
    """What the driver must know of a register to write a receipt for it.

    ``ffd``: the format by tag 1209 (2 = 1.05, 4 = 1.2). ``place``: the place of settlement it is registered with; a receipt for
    another site carries its own (1187). ``prints``: paper comes out of receipts that ask for it; otherwise the register is set to
    record without printing. ``prints_all``: paper comes out of every receipt, electronic ones included. ``internet_sign``:
    settlements over the Internet are marked (1125, obligatory from 1 September 2025). ``marking``: which goods are sold whose
    marking code could not be checked, or was refused (`fiscal.registers.marking.POLICIES`).
    """

    ffd: int = 2
    place: str = ""
    prints: bool = False
    prints_all: bool = False
    internet_sign: bool = True
    marking: Policy = REFUSE_BAD


class Unfit(ValueError):
    """The receipt does not fit the commands of this register; the text names what."""


@lru_cache(maxsize=4096)
def _standing(site: str, cashier: str, cashier_inn: str, internet: bool) -> bytes:
    return b"".join(
        (
            byte(1125, 1) if internet else b"",
            text(1187, site, limit=256) if site else b"",
            text(1021, cashier, limit=64) if cashier else b"",
            text(1203, cashier_inn, width=12) if cashier_inn else b"",
        )
    )


def tags_of(receipt: Receipt, mark: str, facts: Facts) -> list[bytes]:
    """The tags of the document that the register cannot know, as fields."""
    buyer = receipt.buyer
    site = receipt.site
    parts = []
    contact = buyer.contact
    if contact:
        parts.append(text(1008, contact, limit=64))
    correction = receipt.correction
    own = identity_fields(mark, "" if correction is None else correction.sign)
    if own:
        parts.append(own)
    if any(item.agent is not None for item in receipt.items) and (correction is None or facts.ffd >= FFD_12):
        parts.append(common_agent([item.agent for item in receipt.items], facts.ffd))
    if buyer.name or buyer.inn:
        who = (text(1227, buyer.name, limit=128) if buyer.name else b"") + (
            text(1228, buyer.inn, width=12) if buyer.inn else b""
        )
        parts.append(stlv(1256, who) if facts.ffd >= FFD_12 else who)
    if correction is not None:
        day = (date.fromisoformat(correction.date) - date(1970, 1, 1)).days * 86_400
        basis = u32(1178, day)
        if correction.number or facts.ffd < FFD_12:
            basis += text(1179, correction.number or "б/н", limit=32)
        if facts.ffd >= FFD_12:
            parts.append(byte(1173, correction.by_order))
        parts.append(stlv(1174, basis))
    standing = _standing(
        site if site != facts.place else "",
        receipt.cashier,
        receipt.cashier_inn,
        receipt.internet and facts.internet_sign,
    )
    if standing:
        parts.append(standing)
    return parts


def _line_tags(item: Item, ffd: int) -> list[bytes]:
    """What the command of a line has no room for."""
    parts = [byte(2108, item.unit)] if item.unit and ffd >= FFD_12 else []
    if item.mark is not None and ffd < FFD_12:
        parts.append(mark_fields(item.mark, ffd))
    if item.agent is not None:
        fields = agent_fields(item.agent)
        parts += [stlv(tag, value) for tag, value in walk(fields)]
    return parts


def _blocks(parts: list[bytes]) -> list[bytes]:
    whole = b"".join(parts)
    if len(whole) <= _BLOCK:
        return [whole] if whole else []
    blocks = [b""]
    for part in parts:
        # A field longer than a block (a long site address) cannot be sent at all: the register would refuse it.
        if len(blocks[-1]) + len(part) > _BLOCK:
            blocks.append(b"")
        blocks[-1] += part
    return [block for block in blocks if block]


def frames_of(talk: AnyTalk, receipt: Receipt, mark: str, facts: Facts) -> list[tuple[Command, bytes]]:
    """The commands of a receipt with their frames, in order; the last one records. Raises `Unfit`."""
    try:
        if receipt.correction is not None and facts.ffd < FFD_12:
            return _correction_105(talk, receipt, mark, facts)
        pack = talk.pack
        type_ = int(receipt.type)
        opening = OPEN_TYPES[type_] | (0x80 if receipt.correction is not None else 0)
        made = [(_OPEN, pack(_OPEN, opening))]
        for item in receipt.items:
            frame = pack(
                _OPERATION,
                type_,
                item.quantity_e6,
                item.price_kop,
                item.sum_kop,
                NOT_GIVEN,
                TAX_BYTES[item.vat],
                1,
                item.method,
                item.subject,
                item.name[:_NAME_LIMIT],
            )
            made.append((_OPERATION, frame))
            made += [
                (_OPERATION_TAGS, pack(_OPERATION_TAGS, block))
                for block in _blocks(_line_tags(item, facts.ffd))
            ]
            if item.mark is not None and facts.ffd >= FFD_12:
                made.append((marking.BIND, marking.bind(pack, item.mark)))
        for block in _blocks(tags_of(receipt, mark, facts)):
            made.append((_TAGS, pack(_TAGS, block)))
        paid = receipt.payments
        sums = [0] * 16
        sums[0] = paid.cash_kop
        sums[1] = paid.cashless_kop
        sums[13] = paid.prepaid_kop
        sums[14] = paid.credit_kop
        sums[15] = paid.provision_kop
        made.append((_CLOSE, pack(_CLOSE, sums, 0, _NO_TAXES, int(receipt.taxation), "")))
    except (OverflowError, struct.error, FrameError, FfdError, UnknownRate, KeyError, BadCode) as error:
        raise Unfit(f"the receipt does not fit the register's commands: {error}") from None
    return made


def _correction_105(talk: AnyTalk, receipt: Receipt, mark: str, facts: Facts) -> list[tuple[Command, bytes]]:
    correction = receipt.correction
    assert correction is not None
    if receipt.type not in (1, 3):
        raise Unfit("FFD 1.05 corrects sales and purchases only; a wrong return needs a return of its own")
    taxes = vat_sums(receipt, date.fromisoformat(correction.date))
    pack = talk.pack
    made = [(_BEGIN_CORRECTION, pack(_BEGIN_CORRECTION))]
    parts = tags_of(receipt, mark, facts)
    newer = {int(code): kop for code, kop in taxes.items() if code not in _TAX_ORDER}
    if newer:  # the command is older than these rates: their sums go as a tag, like the rest of the document
        parts.append(vat_fields(newer))
    made += [(_TAGS, pack(_TAGS, block)) for block in _blocks(parts)]
    paid = receipt.payments
    frame = pack(
        _CORRECTION,
        int(correction.by_order),
        int(receipt.type),
        receipt.total_kop,
        paid.cash_kop,
        paid.cashless_kop,
        paid.prepaid_kop,
        paid.credit_kop,
        paid.provision_kop,
        tuple(taxes.get(code, 0) for code in _TAX_ORDER),  # type: ignore[call-overload]
        int(receipt.taxation),
    )
    made.append((_CORRECTION, frame))
    return made
