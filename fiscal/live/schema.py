"""Receipts as shops send them: JSON with roubles and names, checked field by field.

Outside, money is roubles (``"199.90"`` or ``199.90``), quantities are units (``"1.5"``), and codes have names. Inside, everything is whole
kopecks, millionths and the format's own codes. This border converts exactly - a third decimal of a rouble is an error, not a
rounding - and names every field that is wrong.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from fiscal import agents
from fiscal.money import line_sum_kop
from fiscal.receipt import (
    Agent,
    Buyer,
    Correction,
    Invalid,
    Item,
    Mark,
    Payments,
    Problem,
    Receipt,
    SettlementMethod,
    SettlementType,
    Taxation,
    Vat,
    normalised,
)
from fiscal.texts import text_fault

KEY_LENGTH = 128
PERSON_LENGTH = 64  # as long as tag 1021 may be
REASON_LENGTH = 200
LARGEST = 2**63

VAT_NAMES = {
    "none": Vat.NONE,
    "0%": Vat.VAT_0,
    "5%": Vat.VAT_5,
    "7%": Vat.VAT_7,
    "10%": Vat.VAT_10,
    "20%": Vat.VAT_20,
    "22%": Vat.VAT_22,
    "5/105": Vat.VAT_5_105,
    "7/107": Vat.VAT_7_107,
    "10/110": Vat.VAT_10_110,
    "20/120": Vat.VAT_20_120,
    "22/122": Vat.VAT_22_122,
}
_PART = re.compile(r"[0-9]{1,12}/[0-9]{1,12}")
TYPE_NAMES = {member.name.lower(): member for member in SettlementType}
METHOD_NAMES = {member.name.lower(): member for member in SettlementMethod}
TAXATION_NAMES = {member.name.lower(): member for member in Taxation if member.name}


def _scaled(value: Any, scale: int, unit: str) -> int:
    """A decimal number times ``scale``, exactly."""
    if type(value) is int:
        whole = value * scale
    else:
        if not isinstance(value, str | float | Decimal):
            raise ValueError(f'expected a number such as "199.90", not {type(value).__name__}')
        text = str(value)
        try:
            # a length within the precision of the context, so that nothing is rounded; a size that an integer can take
            scaled = Decimal(text) * scale if len(text) <= 24 else None
            if scaled is None or not -LARGEST <= scaled <= LARGEST:
                raise ValueError(f"{text[:40]!r} is too long or too large")
            whole = int(scaled)
        except ArithmeticError:
            raise ValueError(f"{text[:40]!r} is not a number") from None
        if whole != scaled:
            raise ValueError(f"{text[:40]!r} has more decimals than {unit} has")
    if whole > LARGEST:
        raise ValueError("is too large")
    if whole < 0:
        raise ValueError("is negative; a return has its own type and positive sums")
    return whole


def kopecks(value: Any) -> int:
    """Roubles as they come from outside. Raises ValueError."""
    return _scaled(value, 100, "a rouble")


def _millionths(value: Any) -> int:
    return _scaled(value, 1_000_000, "a quantity (6)")


def _written(limit: int) -> Callable[[str], str]:
    def read(value: str) -> str:
        tidy = " ".join(value.split())
        if not tidy or text_fault(tidy, limit):
            raise ValueError(text_fault(tidy, limit) or "is empty")
        return tidy

    return read


def _named(names: dict[str, Any]) -> BeforeValidator:
    def read(value: Any) -> Any:
        found = names.get(value) if isinstance(value, str) else None
        if found is None:
            raise ValueError(f"expected one of {', '.join(names)}")
        return found

    return BeforeValidator(read)


Roubles = Annotated[int, BeforeValidator(kopecks)]
"""Kopecks inside, roubles outside."""
Quantity = Annotated[int, BeforeValidator(_millionths)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MarkIn(_Strict):
    """A marking code: as a scanner gives it in ``code``, or in Base64 where JSON would spoil it. ``part``: ``"1/20"`` of a package."""

    code: str = ""
    base64: str = ""
    planned: int = 0
    part: str = ""

    def mark(self) -> Mark:
        code = self.code
        if self.base64:
            code = b64decode(self.base64).decode("latin-1")
        part, _, whole = self.part.partition("/")
        return Mark(code, self.planned, int(part or 0), int(whole or 0))

    @model_validator(mode="after")
    def _one_code(self) -> MarkIn:
        if bool(self.code) is bool(self.base64):
            raise ValueError("give the marking code once: as code or as base64")
        return self

    @field_validator("base64")
    @classmethod
    def _is_base64(cls, value: str) -> str:
        try:
            b64decode(value, validate=True)
        except ValueError:
            raise ValueError("is not Base64") from None
        return value

    @field_validator("part")
    @classmethod
    def _is_part(cls, value: str) -> str:
        if value and not _PART.fullmatch(value):
            raise ValueError(f'{value[:20]!r} is no part of a package such as "1/20"')
        return value


class AgentIn(_Strict):
    """For whom a line is sold; which fields a kind of agent owes says `fiscal.agents`."""

    kind: Annotated[int, _named(agents.NAMES)]
    supplier_inn: str = ""
    supplier_name: str = ""
    supplier_phones: tuple[str, ...] = ()
    operation: str = ""
    phones: tuple[str, ...] = ()
    acceptor_phones: tuple[str, ...] = ()
    operator_phones: tuple[str, ...] = ()
    operator_name: str = ""
    operator_address: str = ""
    operator_inn: str = ""

    def agent(self) -> Agent:
        return Agent(**dict(self))


class ItemIn(_Strict):
    """One line. ``sum`` may be left out: price times quantity, rounded half up."""

    name: str
    price: Roubles
    quantity: Quantity = 1_000_000
    sum: Roubles | None = None
    vat: Annotated[Vat, _named(VAT_NAMES)] = Vat.NONE
    method: Annotated[SettlementMethod, _named(METHOD_NAMES)] = SettlementMethod.FULL_SETTLEMENT
    subject: int = 1
    unit: int = 0
    mark: MarkIn | None = None
    agent: AgentIn | None = None

    def item(self) -> Item:
        return Item(
            self.name,
            self.price,
            self.quantity,
            line_sum_kop(self.price, self.quantity) if self.sum is None else self.sum,
            self.vat,
            self.method,
            self.subject,
            self.unit,
            None if self.mark is None else self.mark.mark(),
            None if self.agent is None else self.agent.agent(),
        )


class PaymentsIn(_Strict):
    cash: Roubles = 0
    cashless: Roubles = 0
    prepaid: Roubles = 0
    credit: Roubles = 0
    provision: Roubles = 0


class BuyerIn(_Strict):
    email: str = ""
    phone: str = ""
    name: str = ""
    inn: str = ""


class CorrectionIn(_Strict):
    """What is corrected; ``sign``: the fiscal sign printed on the wrong receipt."""

    date: str
    by_order: bool = False
    number: str = ""
    sign: str = ""


class ManualIn(_Strict):
    """Who has this receipt made by hand, and why. The person is the cashier, too, where none is named."""

    person: Annotated[str, AfterValidator(_written(PERSON_LENGTH))]
    reason: Annotated[str, AfterValidator(_written(REASON_LENGTH))]


class ReceiptIn(_Strict):
    """A receipt as a shop sends it. What it leaves out the shop's defaults fill in; payments left out mean all cashless."""

    key: str | None = None
    deadline_s: Annotated[int, Field(ge=1, le=7 * 86_400)] | None = None
    type: Annotated[SettlementType, _named(TYPE_NAMES)] = SettlementType.SALE
    items: Annotated[list[ItemIn], Field(max_length=2000)]
    payments: PaymentsIn | None = None
    taxation: Annotated[Taxation, _named(TAXATION_NAMES)] | None = None
    entity: str | None = None
    site: str | None = None
    buyer: BuyerIn = BuyerIn()
    cashier: str = ""
    cashier_inn: str = ""
    electronic: bool = True
    internet: bool = True
    correction: CorrectionIn | None = None
    manual: ManualIn | None = None


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a shop need not repeat in every receipt. Empty: it must."""

    entity: str = ""
    site: str = ""
    taxation: Taxation | None = None


def problems_of(error: ValidationError) -> list[Problem]:
    """Pydantic's findings in our words: path of the field, why, what to do."""
    found = []
    for detail in error.errors(include_url=False, include_input=False):
        kind = detail["type"]
        if kind == "missing":
            why, todo = "is missing", "give it"
        elif kind == "extra_forbidden":
            why, todo = "is not a field of a receipt", "leave it out, or correct its name"
        elif kind == "json_invalid":
            why, todo = str(detail["msg"]).lower(), "send one JSON object, in UTF-8"
        else:
            why, todo = str(detail["msg"]).removeprefix("Value error, "), "correct it"
        found.append(Problem(path_of(detail["loc"]), why, todo))
    return found


def path_of(loc: tuple[int | str, ...]) -> str:
    """``("items", 0, "price")`` -> ``items[0].price``."""
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else (f".{part}" if path else part)
    return path or "body"


def read_receipt(body: bytes, defaults: Defaults) -> tuple[Receipt, ReceiptIn]:
    """The receipt a shop sent, in the form that is kept, and the request it came in. Raises `fiscal.receipt.Invalid`."""
    try:
        given = ReceiptIn.model_validate_json(body)
    except ValidationError as error:
        raise Invalid(problems_of(error)) from None
    taxation = given.taxation or defaults.taxation
    if taxation is None:
        raise Invalid(
            [
                Problem(
                    "taxation",
                    "is missing",
                    f"give one of {', '.join(TAXATION_NAMES)}, or a default in [shop]",
                )
            ]
        )
    items = tuple([item.item() for item in given.items])
    paid = given.payments
    if paid is None:
        payments = Payments(cashless_kop=sum(item.sum_kop for item in items))
    else:
        payments = Payments(paid.cash, paid.cashless, paid.prepaid, paid.credit, paid.provision)
    buyer = given.buyer
    correction = given.correction
    return normalised(
        Receipt(
            type=given.type,
            items=items,
            payments=payments,
            taxation=taxation,
            entity=defaults.entity if given.entity is None else given.entity,
            site=defaults.site if given.site is None else given.site,
            buyer=Buyer(buyer.email, buyer.phone, buyer.name, buyer.inn),
            cashier=given.cashier or (given.manual.person if given.manual else ""),
            cashier_inn=given.cashier_inn,
            electronic=given.electronic,
            internet=given.internet,
            correction=Correction(correction.by_order, correction.date, correction.number, correction.sign)
            if correction
            else None,
        )
    ), given


def key_fault(key: str) -> str:
    """Why this cannot be an idempotency key, or an empty string."""
    if not key:
        return "is empty"
    if len(key) > KEY_LENGTH:
        return f"has {len(key)} characters, {KEY_LENGTH} are allowed"
    if not key.isprintable() or "/" in key or key in (".", ".."):
        return "has a slash or an unprintable character"
    return ""
