"""What a receipt is.

A *receipt* is the shop's promise to the buyer and to the state: who sold what, for how much, with which tax, paid how.
This module holds the vocabulary of 54-FZ as plain values; it knows no register, no clock and no file.

Units: money is an integer number of kopecks (``_kop``); quantities are integer millionths of a unit (``_e6``), the resolution of
the registers' own commands; dates are `datetime.date`. Nothing here is a float.

A receipt is checked by `validate`, known again by its `fingerprint` (the same request twice gives the same receipt once), found again in a
drive by its `mark`, and kept in a journal by `to_json` and `from_json`. The rules are in `fiscal.validation`, the rates in `fiscal.vat`.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, TypeVar

from fiscal.agents import Agent, tidy
from fiscal.marking import BadCode, Mark, parse
from fiscal.parties import normal_phone
from fiscal.receipt_rows import Shape, UnreadableReceipt, extras, read_agent, read_mark, unreadable
from fiscal.texts import UNWRITABLE
from fiscal.validation import NAME_LENGTH, Invalid, InvalidReceipt, Problem, validate
from fiscal.vat import Vat

__all__ = [
    "Agent",
    "Buyer",
    "Correction",
    "Invalid",
    "InvalidReceipt",
    "Item",
    "Mark",
    "Payments",
    "Problem",
    "Receipt",
    "SettlementMethod",
    "SettlementType",
    "Taxation",
    "UnreadableReceipt",
    "Vat",
    "canonical",
    "fingerprint",
    "from_json",
    "mark",
    "normalised",
    "tidy_name",
    "to_json",
    "validate",
]


class SettlementType(enum.IntEnum):
    """Tag 1054: which way money and goods move."""

    SALE = 1
    SALE_RETURN = 2
    PURCHASE = 3
    PURCHASE_RETURN = 4


class SettlementMethod(enum.IntEnum):
    """Tag 1214: the seven settlement methods."""

    FULL_PREPAYMENT = 1
    PREPAYMENT = 2
    ADVANCE = 3
    FULL_SETTLEMENT = 4
    PARTIAL_SETTLEMENT_AND_CREDIT = 5
    TRANSFER_ON_CREDIT = 6
    CREDIT_PAYMENT = 7


class Taxation(enum.IntFlag):
    """Tags 1055 (exactly one bit) and 1062 (a mask): taxation systems."""

    GENERAL = 1
    SIMPLIFIED_INCOME = 2
    SIMPLIFIED_INCOME_MINUS_EXPENSE = 4
    IMPUTED_INCOME = 8
    AGRICULTURAL = 16
    PATENT = 32


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a receipt (tag 1059). ``sum_kop`` is authoritative: price times quantity after discounts, to the kopeck."""

    name: str
    price_kop: int
    quantity_e6: int
    sum_kop: int
    vat: Vat = Vat.NONE
    method: SettlementMethod = SettlementMethod.FULL_SETTLEMENT
    subject: int = 1  # tag 1212, 1 = goods
    unit: int = 0  # tag 2108, 0 = piece (FFD 1.2)
    mark: Mark | None = None  # tags 1162 (FFD 1.05), 1163 (FFD 1.2): its marking code
    agent: Agent | None = None  # tags 1222-1226: for whom it is sold


@dataclass(frozen=True, slots=True)
class Payments:
    """How the total is settled, by the five sums of the format (tags 1031, 1081, 1215, 1216, 1217)."""

    cash_kop: int = 0
    cashless_kop: int = 0
    prepaid_kop: int = 0
    credit_kop: int = 0
    provision_kop: int = 0

    @property
    def total_kop(self) -> int:
        return self.cash_kop + self.cashless_kop + self.prepaid_kop + self.credit_kop + self.provision_kop


@dataclass(frozen=True, slots=True)
class Buyer:
    """Where the electronic receipt goes (tag 1008), and who the buyer is if he says so (1227, 1228)."""

    email: str = ""
    phone: str = ""
    name: str = ""
    inn: str = ""

    @property
    def contact(self) -> str:
        return self.email or self.phone


@dataclass(frozen=True, slots=True)
class Correction:
    """What a correction receipt corrects (tags 1173, 1174 {1178, 1179}); ``sign``: the fiscal sign of the wrong document (tag 1192)."""

    by_order: bool
    date: str  # ISO date of the corrected settlement
    number: str = ""
    sign: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as the shop wants it: before any register gave it a number.

    ``entity`` is the tax number (INN) of the legal entity that sells; ``site`` the place of settlement (tag 1187), for a web shop
    its address; ``electronic`` means nothing is printed and the buyer's contact is obligatory.
    """

    type: SettlementType
    items: tuple[Item, ...]
    payments: Payments
    taxation: Taxation
    entity: str
    site: str
    buyer: Buyer = field(default_factory=Buyer)
    cashier: str = ""
    cashier_inn: str = ""
    electronic: bool = True
    internet: bool = True
    correction: Correction | None = None
    part: int = 1  # an order too long for one document becomes several receipts: part n ...
    parts: int = 1  # ... of so many

    @property
    def total_kop(self) -> int:
        return sum(item.sum_kop for item in self.items)


# --- identity --------------------------------------------------------------------------------------------------------


def normalised(receipt: Receipt) -> Receipt:
    """The same receipt as it is kept: white space in names made single, names cut to 128, the phone in the form E.164, marking codes as the
    marking service wants them.

    For receipts that come from outside, before `validate` and `fingerprint`. What can't be understood stays for `validate` to name.
    """
    buyer = receipt.buyer
    phone = buyer.phone
    if phone:
        try:
            phone = normal_phone(phone)
        except ValueError:
            phone = phone.strip()
    return replace(
        receipt,
        items=tuple(_tidy_item(item) for item in receipt.items),
        site=receipt.site.strip(),
        buyer=replace(buyer, email=buyer.email.strip(), phone=phone, name=" ".join(buyer.name.split())),
    )


def _tidy_item(item: Item) -> Item:
    mark, agent = item.mark, item.agent
    if mark is not None:
        with suppress(BadCode):
            mark = replace(mark, code=parse(mark.code).code)
    return replace(item, name=tidy_name(item.name), mark=mark, agent=None if agent is None else tidy(agent))


@lru_cache(maxsize=8192)
def tidy_name(name: str, limit: int = NAME_LENGTH) -> str:
    """A name with single spaces and without unprintable characters, cut to the length of its field."""
    return " ".join(UNWRITABLE.sub(" ", name).split())[:limit].rstrip()


def canonical(receipt: Receipt) -> bytes:
    """The receipt as bytes: equal for equal receipts, different for different ones, the same in every version of Python."""
    return to_json(receipt).encode("utf-8", "surrogatepass")


def fingerprint(receipt: Receipt) -> str:
    """32 hexadecimal digits that stand for the contents of a receipt: the same key with another fingerprint is a conflict."""
    return blake2b(canonical(receipt), digest_size=16).hexdigest()


def mark(key: str) -> str:
    """16 characters 0-9, A-F that stand for a receipt's key in the drive (tag 1192), to find the document of an attempt in doubt."""
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest().upper()


# --- the journal's form ----------------------------------------------------------------------------------------------

_FORMAT: Final = 1
"""The first number of the text; another one is another order of fields."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def to_json(receipt: Receipt) -> str:
    """The receipt as one line of JSON without names: arrays in the order of the fields, after the number of the format."""
    payments = receipt.payments
    buyer = receipt.buyer
    correction = receipt.correction
    return _encode(
        [
            _FORMAT,
            receipt.type,
            [
                [i.name, i.price_kop, i.quantity_e6, i.sum_kop, i.vat, i.method, i.subject, i.unit]
                if i.mark is None and i.agent is None
                else [
                    *(i.name, i.price_kop, i.quantity_e6, i.sum_kop, i.vat, i.method, i.subject, i.unit),
                    *extras(i.mark, i.agent),
                ]
                for i in receipt.items
            ],
            [
                payments.cash_kop,
                payments.cashless_kop,
                payments.prepaid_kop,
                payments.credit_kop,
                payments.provision_kop,
            ],
            receipt.taxation,
            receipt.entity,
            receipt.site,
            [buyer.email, buyer.phone, buyer.name, buyer.inn],
            receipt.cashier,
            receipt.cashier_inn,
            receipt.electronic,
            receipt.internet,
            None
            if correction is None
            else [correction.by_order, correction.date, correction.number, *filter(None, (correction.sign,))],
            receipt.part,
            receipt.parts,
        ]
    )


def from_json(text: str) -> Receipt:
    """The receipt behind `to_json`, equal to the one that was written. Raises `UnreadableReceipt`; judges form, not sense."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UnreadableReceipt("", f"not JSON: {error}") from None
    if not isinstance(data, list) or not data:
        unreadable("", "not an array", data)
    if data[0] != _FORMAT or type(data[0]) is not int:
        unreadable("", f"format {_FORMAT} expected", data[0])
    _RECEIPT.read("", data)
    correction = data[12]
    return Receipt(
        type=_code("type", _TYPES, data[1]),
        items=tuple([_item(index, row) for index, row in enumerate(data[2])]),
        payments=Payments(*_PAYMENTS.read("payments", data[3])),
        taxation=_code("taxation", _TAXATIONS, data[4]),
        entity=data[5],
        site=data[6],
        buyer=Buyer(*_BUYER.read("buyer", data[7])),
        cashier=data[8],
        cashier_inn=data[9],
        electronic=data[10],
        internet=data[11],
        correction=None if correction is None else _correction(correction),
        part=data[13],
        parts=data[14],
    )


_RECEIPT: Final = Shape(
    format=int,
    type=int,
    items=list,
    payments=list,
    taxation=int,
    entity=str,
    site=str,
    buyer=list,
    cashier=str,
    cashier_inn=str,
    electronic=bool,
    internet=bool,
    correction=list,
    part=int,
    parts=int,
)
_ITEM: Final = Shape(
    name=str, price_kop=int, quantity_e6=int, sum_kop=int, vat=int, method=int, subject=int, unit=int
)
_PAYMENTS: Final = Shape(cash_kop=int, cashless_kop=int, prepaid_kop=int, credit_kop=int, provision_kop=int)
_BUYER: Final = Shape(email=str, phone=str, name=str, inn=str)
_CORRECTION: Final = Shape(by_order=bool, date=str, number=str)
_CORRECTION_WITH_SIGN: Final = Shape(by_order=bool, date=str, number=str, sign=str)

# By number, because calling an enumeration is slow and a journal is long.
_TYPES: Final = {int(each): each for each in SettlementType}
_METHODS: Final = {int(each): each for each in SettlementMethod}
_VATS: Final = {int(each): each for each in Vat}
_TAXATIONS: Final = {mask: Taxation(mask) for mask in range(64)}

_Code = TypeVar("_Code")


def _correction(row: Any) -> Correction:
    shape = _CORRECTION_WITH_SIGN if type(row) is list and len(row) == 4 else _CORRECTION
    return Correction(*shape.read("correction", row))


def _item(index: int, row: Any) -> Item:
    mark = agent = None
    if type(row) is not list or tuple(map(type, row)) != _ITEM.kinds:
        path = f"items[{index}]"
        if type(row) is list and len(row) == len(_ITEM.kinds) + 2:
            mark = read_mark(f"{path}.mark", row[-2])
            agent = read_agent(f"{path}.agent", row[-1])
            row = row[:-2]
        _ITEM.read(path, row)
    name, price_kop, quantity_e6, sum_kop, vat, method, subject, unit = row
    if vat not in _VATS or method not in _METHODS:
        _code(f"items[{index}].vat", _VATS, vat)
        _code(f"items[{index}].method", _METHODS, method)
    return Item(
        name, price_kop, quantity_e6, sum_kop, _VATS[vat], _METHODS[method], subject, unit, mark, agent
    )


def _code(path: str, known: Mapping[int, _Code], value: int) -> _Code:
    code = known.get(value)
    if code is None:
        unreadable(path, "no such code", value)
    return code
