"""The documents of a register: from receipts to bytes.

A document in a drive has two makers. The *drive* writes the head: its own number, the numbers of document, shift and receipt,
the time, the fiscal sign, the total (`head`). The *register* contributes the body: items, payments, tax, buyer, place
(`receipt_body`; the reports are in `fiscal.ffd.reports`). `whole` joins both. The order of tags is the order of genuine
receipts, see the reference sheet on the format, section 2.

Since 2025-09-01 a settlement over the Internet says so (1125), names the site (1187) and the buyer's contact (1008); VAT of 5,
7 and 22 % goes into the group 1115 {1119 {1199, 1120}}, the other rates into 1102-1107. A correction of FFD 1.05 has no items,
one of FFD 1.2 has them.

These functions are a hot path: a register farm makes thousands of receipts a second through them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import compress, zip_longest
from typing import Final, cast

from fiscal.ffd.cp866 import encode_text
from fiscal.ffd.facts import RegisterFacts
from fiscal.ffd.goods_fields import agent_fields, common_agent, mark_fields, verdict_field
from fiscal.ffd.identity import identity_fields
from fiscal.ffd.reports import (
    TypeTotals,
    close_drive_body,
    close_shift_body,
    counters,
    open_shift_body,
    registration_body,
    state_body,
)
from fiscal.ffd.tags import FFD_12, TAGS
from fiscal.ffd.tlv import HEADER, FfdError, byte, fvln_bytes, raw, stlv, text, u32, vln
from fiscal.ffd.validation import DOCUMENT_LIMITS, Problem, validate
from fiscal.receipt import Correction, Item, Receipt
from fiscal.vat import vat_sums

INTERNET_SIGN_SINCE: Final = date(2025, 9, 1)
"""From this day tag 1125 has its meaning and is obligatory for settlements over the Internet."""

VAT_TAGS: Final = {1: 1102, 2: 1103, 3: 1106, 4: 1107, 5: 1104, 6: 1105}
"""Code of tag 1199 -> tag of its sum in a receipt; the codes that are not here go into the group 1115."""

_VAT_ORDER: Final = (1, 2, 5, 6, 3, 4)  # ascending numbers of the tags
_NAME_LIMIT: Final = TAGS[1030].max_length
_NO_NUMBER: Final = "б/н"  # the field's customary way to say that a document has no number
_UNIX_DAY: Final = date(1970, 1, 1).toordinal()
_pack_header = HEADER.pack


# --- the drive's part --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Head:
    """What the drive itself writes in front. ``time_s``: local wall clock as seconds since 1970 (1012); ``sign``: the printed number
    of 10 digits; ``mark``: first byte of the fiscal sign, 21h in drives for tests, 31h in genuine ones."""

    drive: str  # 1041
    register_number: str  # 1037
    inn: str  # 1018
    document: int  # 1040
    time_s: int  # 1012
    sign: int  # 1077
    shift: int = 0  # 1038
    receipt: int = 0  # 1042
    type: int = 0  # 1054
    total_kop: int = 0  # 1020
    mark: int = 0x21


def sign_bytes(sign: int, mark: int = 0x21) -> bytes:
    """Tag 1077: the mark, the length 4, the printed number big-endian. 476807588 -> ``21 04 1c 6b 81 a4``."""
    return bytes((mark, 4)) + sign.to_bytes(4, "big")


def sign_number(data: bytes) -> int:
    """The printed number behind the six bytes of tag 1077. Raises `FfdError`."""
    if len(data) != 6 or data[1] != 4:
        raise FfdError(1077, f"{data.hex(' ')} is not a fiscal sign: mark, 04, four bytes")
    return int.from_bytes(data[2:], "big")


def head(form: int, facts: Head) -> bytes:
    """The fields that the drive contributes to a document of this form."""
    parts = [
        text(1041, facts.drive, width=16),
        text(1037, facts.register_number, width=20),
        text(1018, facts.inn, width=12),
        u32(1040, facts.document),
        u32(1012, facts.time_s),
        raw(1077, sign_bytes(facts.sign, facts.mark)),
    ]
    if form in (3, 31):
        parts += (
            u32(1038, facts.shift),
            u32(1042, facts.receipt),
            byte(1054, facts.type),
            vln(1020, facts.total_kop),
        )
    elif form in (2, 5, 6) or (form == 21 and facts.shift):
        parts.append(u32(1038, facts.shift))
    return b"".join(parts)


def whole(form: int, head_fields: bytes, body: bytes) -> bytes:
    """A document: form code, length, the drive's fields, the register's fields."""
    return _pack_header(form, len(head_fields) + len(body)) + head_fields + body


# --- items -------------------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _item_tail(vat: int, method: int, subject: int, unit: int, ffd: int) -> bytes:
    tail = byte(1199, vat) + byte(1214, method) + byte(1212, subject)
    return tail + byte(2108, unit) if ffd >= FFD_12 else tail


def item_value(
    name: str,
    price_kop: int,
    quantity_e6: int,
    sum_kop: int,
    vat: int,
    method: int,
    subject: int,
    unit: int,
    ffd: int,
) -> bytes:
    """The value of tag 1059 from plain values: 1030 1079 1023 1043 1199 1214 1212, and 2108 under FFD 1.2.

    A name of more than 128 bytes is cut; sums are kopecks, the quantity millionths. Raises `FfdError` for what does not fit a field.
    """
    quantity = fvln_bytes(quantity_e6)
    label = (name.encode() if name.isascii() else encode_text(name))[:_NAME_LIMIT]
    return b"".join(
        (
            _pack_header(1030, len(label)),
            label,
            vln(1079, price_kop),
            _pack_header(1023, len(quantity)),
            quantity,
            vln(1043, sum_kop),
            _item_tail(vat, method, subject, unit, ffd),
        )
    )


def item_body(item: Item, ffd: int, result: int = 0) -> bytes:
    """The value of tag 1059 for one line of a receipt, see `item_value`; what it says of a marking code and an agent stands behind.
    ``result``: what came of the check of its code (tag 2106)."""
    value = item_value(
        item.name,
        item.price_kop,
        item.quantity_e6,
        item.sum_kop,
        item.vat,
        item.method,
        item.subject,
        item.unit,
        ffd,
    )
    if item.mark is not None:
        value += mark_fields(item.mark, ffd, result)
    if item.agent is not None:
        value += agent_fields(item.agent)
    return value


# --- receipts ----------------------------------------------------------------------------------------------------------------------


def vat_fields(sums: Mapping[int, int]) -> bytes:
    """Tags 1102-1107 and the group 1115 from sums by code of 1199 (`fiscal.vat.vat_sums`), kopecks."""
    parts = [vln(VAT_TAGS[code], sums[code]) for code in _VAT_ORDER if code in sums]
    if len(parts) < len(sums):
        group = [
            stlv(1119, byte(1199, code) + vln(1120, kop))
            for code, kop in sums.items()
            if code not in VAT_TAGS
        ]
        parts.append(stlv(1115, b"".join(group)))
    return b"".join(parts)


def correction_fields(correction: Correction, ffd: int) -> bytes:
    """Tags 1173 and 1174 {1178, 1179}. FFD 1.05 demands a number even where there is none. Raises `FfdError` for a malformed date."""
    try:
        day = date.fromisoformat(correction.date)
    except ValueError:
        raise FfdError((1174, 1178), f"{correction.date!r} is not a date (YYYY-MM-DD)") from None
    seconds = (day.toordinal() - _UNIX_DAY) * 86_400
    if not 0 <= seconds <= 0xFFFFFFFF:
        raise FfdError((1174, 1178), f"{correction.date} is out of the range of the format")
    basis = u32(1178, seconds)
    if correction.number or ffd < FFD_12:
        basis += text(1179, correction.number or _NO_NUMBER, limit=32)
    return byte(1173, correction.by_order) + stlv(1174, basis)


def _buyer_identity(name: str, inn: str, ffd: int) -> bytes:
    fields = (text(1227, name, limit=256) if name else b"") + (text(1228, inn, width=12) if inn else b"")
    return stlv(1256, fields) if ffd >= FFD_12 else fields


def _standing(facts: RegisterFacts, receipt: Receipt, ffd: int, internet: bool) -> bytes:
    """The fields that are the same in most receipts of a register: made once per register, site and cashier."""
    place = receipt.site or facts.place
    key = (ffd, place, internet, receipt.cashier, receipt.cashier_inn)
    known = facts.standing.get(key)
    if known is not None:
        return known
    parts = [
        text(1117, facts.sender_email, limit=64) if facts.sender_email else b"",
        byte(1125, 1) if internet else b"",
        byte(1108, 1) if facts.internet_only else b"",
        text(1187, place, limit=256) if place or ffd >= FFD_12 else b"",
        text(1009, facts.address, limit=256) if facts.address or ffd >= FFD_12 else b"",
        text(1048, facts.user, limit=256) if facts.user else b"",
        text(1021, receipt.cashier, limit=64) if receipt.cashier else b"",
        text(1203, receipt.cashier_inn, width=12) if receipt.cashier_inn else b"",
        text(1036, facts.automat_number, limit=20) if facts.automatic and facts.automat_number else b"",
        byte(1209, ffd),
    ]
    made = b"".join(parts)
    if len(facts.standing) >= 1024:  # a bound, for farms whose cashiers are without number
        facts.standing.clear()
    facts.standing[key] = made
    return made


def receipt_body(
    receipt: Receipt,
    ffd: int,
    facts: RegisterFacts,
    on: date,
    mark: str = "",
    vat: Mapping[int, int] | None = None,
    results: Sequence[int] = (),
) -> bytes:
    """Everything the register contributes to a receipt (form 3) or, when ``receipt.correction`` is set, to a correction (form 31).

    ``on``: the day of the document, which decides the VAT rates and the Internet sign; a correction takes the rates of the day it
    corrects. ``mark``: tag 1192, by which the shop knows its receipt again (16 bytes of CP866). ``vat``: sums by code when they are
    known already. ``results``: for each line what came of the check of its marking code (tag 2106). Raises `FfdError` for what does
    not fit the format and `fiscal.vat.UnknownRate` for a code without rate on that day.
    """
    parts: list[bytes] = []
    correction = receipt.correction
    if correction is None or ffd >= FFD_12:
        for item, result in zip_longest(receipt.items, results, fillvalue=0):
            assert isinstance(item, Item)
            parts.append(stlv(1059, item_body(item, ffd, result)))
    if correction is not None:
        parts.append(correction_fields(correction, ffd))
    if vat is None:
        # a correction repeats the tax of the day it corrects
        taxed_on = on if correction is None else date.fromisoformat(correction.date)
        vat = cast(Mapping[int, int], vat_sums(receipt, taxed_on))
    paid = receipt.payments
    parts += (
        byte(1055, receipt.taxation),
        vln(1031, paid.cash_kop),
        vln(1081, paid.cashless_kop),
        vln(1215, paid.prepaid_kop),
        vln(1216, paid.credit_kop),
        vln(1217, paid.provision_kop),
        text(1060, facts.tax_service_site, limit=256),
        vat_fields(vat),
    )
    buyer = receipt.buyer
    contact = buyer.email or buyer.phone
    if contact:
        parts.append(text(1008, contact, limit=64))
    if buyer.name or buyer.inn:
        parts.append(_buyer_identity(buyer.name, buyer.inn, ffd))
    if any(item.agent is not None for item in receipt.items):
        parts.append(common_agent([item.agent for item in receipt.items], ffd))
    if results and ffd >= FFD_12:
        marked = [item.mark is not None for item in receipt.items]
        parts.append(verdict_field(compress(results, marked)))
    parts.append(identity_fields(mark, "" if correction is None else correction.sign))
    parts.append(_standing(facts, receipt, ffd, receipt.internet and on >= INTERNET_SIGN_SINCE))
    return b"".join(parts)


# --- size --------------------------------------------------------------------------------------------------------------------------

RECEIPT_LIMIT: Final = DOCUMENT_LIMITS[3]
"""Bytes of the longest receipt that a drive stores."""

_HEAD_TAGS = (1041, 1037, 1018, 1040, 1012, 1077, 1038, 1042, 1054, 1020)
_BODY_TAGS = (
    *(1055, 1031, 1081, 1215, 1216, 1217, 1060, 1102, 1103, 1104, 1105, 1106, 1107, 1115, 1173, 1174),
    *(1008, 1256, 1057, 2107, 1192, 1084, 1117, 1125, 1108, 1187, 1009, 1048, 1021, 1203, 1036, 1209),
)
_ITEM_TAGS = (1059, 1079, 1023, 1043, 1199, 1214, 1212, 2108)


def _most(tags: tuple[int, ...]) -> int:
    """Bytes of these fields at their longest (structures: as receipts fill them; sums: with 8 bytes, as `vln` allows)."""
    lengths = {
        1059: 0,
        1256: 4 + 256 + 4 + 12,
        1174: 4 + 4 + 4 + 32,
        1115: 6 * (4 + 5 + 4 + 8),
        1163: 4 + 38,
        1291: 24,
    }
    return sum(4 + lengths.get(tag, 8 if TAGS[tag].type == "vln" else TAGS[tag].max_length) for tag in tags)


_FRAME_MOST: Final = 4 + _most(_HEAD_TAGS) + _most(_BODY_TAGS)
_MARK_MOST: Final = _most((1163, 1291, 2102, 2106))
_ITEM_MOST: Final = _most(_ITEM_TAGS) + 4  # ... and the name's tag and length; the name itself is counted


def estimate(receipt: Receipt) -> int:
    """Bytes of the whole document, head included: never less than it will be, some 2 KiB more at most.

    What does not fit `RECEIPT_LIMIT` has to become several receipts.
    """
    size = _FRAME_MOST + _ITEM_MOST * len(receipt.items)
    for item in receipt.items:
        name = item.name
        size += min(_NAME_LIMIT, len(name) if name.isascii() else len(encode_text(name)))
        if item.mark is not None:
            size += _MARK_MOST
        if item.agent is not None:
            size += len(agent_fields(item.agent))
    return size


__all__ = [
    "DOCUMENT_LIMITS",
    "INTERNET_SIGN_SINCE",
    "RECEIPT_LIMIT",
    "VAT_TAGS",
    "Head",
    "Problem",
    "RegisterFacts",
    "TypeTotals",
    "close_drive_body",
    "close_shift_body",
    "correction_fields",
    "counters",
    "estimate",
    "head",
    "item_body",
    "item_value",
    "open_shift_body",
    "receipt_body",
    "registration_body",
    "sign_bytes",
    "sign_number",
    "state_body",
    "validate",
    "vat_fields",
    "whole",
]
