"""The receipt in the making inside a Shtrih-M register, and what it becomes for the drive.

A register collects lines and tags, and at closing writes the body of a fiscal document: items (1059), taxation (1055), the five sums, VAT,
what the host sent, and its own standing facts. Types are counted as the register counts them: 0 sale, 1 purchase, 2 sale return, 3
purchase return. Source: reference sheets of the register (2.5, 5) and of the format (2, 3).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache

from fiscal.emulators.drive_documents import Sums
from fiscal.emulators.drive_marking import CheckedCode
from fiscal.emulators.drive_registration import Registration
from fiscal.ffd.documents import item_value, vat_fields
from fiscal.ffd.goods_fields import verdict_field
from fiscal.ffd.tlv import HEADER, byte, text, vln, walk
from fiscal.registers.shtrih.receipts import TAX_BYTES
from fiscal.vat import TURNOVER, vat_fraction

__all__ = [
    "GROUP_VAT",
    "TAX_VAT",
    "TYPE_1054",
    "Line",
    "OpenReceipt",
    "day_of",
    "document_body",
    "five_sums",
    "lacks_code",
    "strange_agent",
    "vat_pairs",
]

TYPE_1054 = (1, 3, 2, 4)
"""Register's type -> tag 1054."""

TAX_VAT: dict[int, int] = {tax: vat for vat, tax in TAX_BYTES.items()} | {0x00: 6, 0x90: 11, 0xA0: 12}
"""Tax byte of FF46 -> tag 1199; 90h and A0h as one model writes 22 %."""

GROUP_VAT = (6, 1, 2, 5, 6, 3, 4, 7, 8, 9, 10, 11, 12)
"""Tax group of 80h..85h (row of table 6, 0 = none) -> tag 1199."""

FFD_12 = 4
_WITH_CODE = frozenset((31, 33))
_LEAVING = frozenset((4, 5, 6))
_UNIT = 2108
_AGENT = 1222
_ITEM = 1059
_pack_header = HEADER.pack


@lru_cache(maxsize=1024)
def _day(number: int) -> date:
    return datetime.fromtimestamp(number * 86_400, UTC).date()


def day_of(time_s: int) -> date:
    """The calendar day of a wall clock."""
    return _day(time_s // 86_400)


class Line:
    """One operation. ``tags``: fields bound to it by FF4D; ``code``: the marking code bound to it, checked."""

    __slots__ = (
        "code",
        "department",
        "method",
        "name",
        "price_kop",
        "quantity_e6",
        "subject",
        "sum_kop",
        "tags",
        "vat",
    )

    def __init__(
        self,
        name: str,
        price_kop: int,
        quantity_e6: int,
        sum_kop: int,
        vat: int,
        method: int,
        subject: int,
        department: int,
    ) -> None:
        self.name = name
        self.price_kop = price_kop
        self.quantity_e6 = quantity_e6
        self.sum_kop = sum_kop
        self.vat = vat
        self.method = method
        self.subject = subject
        self.department = department
        self.tags = b""
        self.code: CheckedCode | None = None

    def field(self, ffd: int) -> bytes:
        """Tag 1059."""
        unit = 0
        extra = b""
        if self.tags:
            for tag, value in walk(self.tags):
                if tag == _UNIT:
                    unit = value[0] if value else 0
                else:
                    extra += _pack_header(tag, len(value)) + value
        if self.code is not None:
            extra += self.code.item_fields
        value = item_value(
            self.name,
            self.price_kop,
            self.quantity_e6,
            self.sum_kop,
            self.vat,
            self.method,
            self.subject,
            unit,
            ffd,
        )
        return _pack_header(_ITEM, len(value) + len(extra)) + value + extra


class OpenReceipt:
    """What has been entered since the receipt was opened."""

    __slots__ = (
        "correction",
        "discounts_kop",
        "lines",
        "surcharges_kop",
        "tag_numbers",
        "tags",
        "total_kop",
        "type",
    )

    def __init__(self, type_: int, correction: bool = False) -> None:
        self.type = type_
        self.correction = correction
        self.lines: list[Line] = []
        self.tags: list[bytes] = []
        self.tag_numbers: set[int] = set()
        self.total_kop = 0
        self.discounts_kop = 0
        self.surcharges_kop = 0

    def add(self, line: Line) -> None:
        self.lines.append(line)
        self.total_kop += line.sum_kop

    def adjust(self, line: Line, difference_kop: int) -> None:
        """A discount (negative) or surcharge on a line."""
        line.sum_kop += difference_kop
        self.total_kop += difference_kop
        if difference_kop < 0:
            self.discounts_kop -= difference_kop
        else:
            self.surcharges_kop += difference_kop


def five_sums(slots: list[int] | tuple[int, ...], change_kop: int) -> tuple[int, int, int, int, int]:
    """Sixteen payment slots -> cash (without change), cashless, prepaid, credit, provision."""
    return slots[0] - change_kop, sum(slots[1:13]), slots[13], slots[14], slots[15]


def lacks_code(receipt: OpenReceipt, ffd: int) -> bool:
    """Goods that carry a marking code leave without it."""
    return ffd >= FFD_12 and any(
        line.code is None and line.subject in _WITH_CODE and line.method in _LEAVING for line in receipt.lines
    )


def strange_agent(receipt: OpenReceipt, registration: Registration) -> bool:
    """A line is sold as an agent of a kind that the register is not registered for (1222 against 1057). FFD 1.2 registers none."""
    if registration.ffd >= FFD_12:
        return False
    kinds = {value[0] for line in receipt.lines for tag, value in walk(line.tags) if tag == _AGENT and value}
    return any(kind & ~registration.agents for kind in kinds)


def vat_pairs(lines: list[Line], on: date) -> dict[int, int]:
    """Sums by code of tag 1199, ascending: the turnover under 0 % and none, the tax under the others, rounded once per code."""
    turnover: dict[int, int] = {}
    for line in lines:
        turnover[line.vat] = turnover.get(line.vat, 0) + line.sum_kop
    if len(turnover) > 1:
        turnover = {code: turnover[code] for code in sorted(turnover)}
    for code, kop in turnover.items():
        if code not in TURNOVER:
            numerator, denominator = vat_fraction(code, on)
            turnover[code] = (2 * kop * numerator + denominator) // (2 * denominator)
    return turnover


@lru_cache(maxsize=1024)
def _tax_site(site: str) -> bytes:
    return text(1060, site)


def document_body(
    receipt: OpenReceipt,
    sums: tuple[int, int, int, int, int],
    taxation: int,
    vat: dict[int, int],
    ffd: int,
    standing: bytes,
    tax_site: str = "www.nalog.gov.ru",
) -> tuple[Sums, bytes]:
    """The body of form 3 or 31, and the same sums for the counters of the drive."""
    parts = [line.field(ffd) for line in receipt.lines]
    cash, cashless, prepaid, credit, provision = sums
    codes = [line.code.result for line in receipt.lines if line.code is not None]
    if codes:
        parts.append(verdict_field(codes))
    if receipt.correction and receipt.tags:
        parts += receipt.tags
    parts += (
        byte(1055, taxation),
        vln(1031, cash),
        vln(1081, cashless),
        vln(1215, prepaid),
        vln(1216, credit),
        vln(1217, provision),
        _tax_site(tax_site),
        vat_fields(vat),
    )
    if receipt.tags and not receipt.correction:
        parts += receipt.tags
    parts.append(standing)
    pairs = tuple([pair for pair in vat.items() if pair[1]])
    return Sums(cash, cashless, prepaid, credit, provision, pairs), b"".join(parts)
