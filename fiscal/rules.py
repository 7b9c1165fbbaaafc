"""What a shop says: its orders and its settings.

An order is goods, a discount, bonuses spent, a delivery, and payments through several systems. `Rules` are the shop's settings that turn
it into receipts (`fiscal.orders`): what each payment system is to the law, and what a payment before shipment gets. There are three
schools of the latter (`AtPayment`). *Sell*: one receipt of full settlement at payment. *Prepayment*: a receipt of (full) prepayment
with the goods, and one of full settlement at shipment, which offsets the first. *Advance*: the same with one line "advance" instead
of goods.

Discounts and bonuses are no payment: they lower the prices. Money is kopecks. Source: reference sheet on shops, section 1.9.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NoReturn

from fiscal.receipt import Agent, Buyer, Problem, Taxation, Vat
from fiscal.validation import InvalidOrder


class Form(enum.Enum):
    """What a payment is in a receipt: one of the five sums of the format, or no payment at all but a lower price."""

    CASH = "cash_kop"
    CASHLESS = "cashless_kop"
    PREPAID = "prepaid_kop"
    CREDIT = "credit_kop"
    PROVISION = "provision_kop"
    BONUS = "bonus"


@dataclass(frozen=True, slots=True)
class PaymentSystem:
    """What a payment system is to the law: the form of its money, and whether it needs a receipt."""

    form: Form
    receipt: bool = True


SYSTEMS: Final[Mapping[str, PaymentSystem]] = MappingProxyType(
    {
        "card": PaymentSystem(Form.CASHLESS),
        "wallet": PaymentSystem(Form.CASHLESS),
        "sbp": PaymentSystem(Form.CASHLESS),
        "bank": PaymentSystem(Form.CASHLESS),  # a person paying by bank transfer
        "cash": PaymentSystem(Form.CASH),
        "account": PaymentSystem(
            Form.PREPAID
        ),  # money left with the shop earlier, with an advance receipt then
        "gift_card": PaymentSystem(Form.PREPAID),
        "credit": PaymentSystem(Form.CREDIT),  # to be paid later
        "barter": PaymentSystem(Form.PROVISION),
        "bonus": PaymentSystem(Form.BONUS),
        "invoice": PaymentSystem(Form.CASHLESS, receipt=False),  # bank transfer between organisations
    }
)


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment of an order through one payment system."""

    system: str
    sum_kop: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order; ``discount_kop`` is its own discount, on the whole line.

    ``codes``: the marking codes of its pieces, one each, known once they are packed; ``agent``: for whom the shop sells them.
    """

    name: str
    price_kop: int
    quantity_e6: int
    vat: Vat = Vat.NONE
    discount_kop: int = 0
    subject: int = 1
    unit: int = 0
    codes: tuple[str, ...] = ()
    agent: Agent | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """An order of a shop. Quantities below zero, in all lines, make it a return. ``placed_s``: local wall clock, seconds.

    ``discount_kop`` and ``bonus_kop`` lower the prices of the whole order; payments through a bonus system add to the latter.
    """

    key: str
    placed_s: int
    lines: tuple[Line, ...]
    payments: tuple[Paid, ...]
    entity: str
    site: str
    taxation: Taxation = Taxation.GENERAL
    buyer: Buyer = field(default_factory=Buyer)
    delivery_kop: int = 0
    delivery_vat: Vat = Vat.NONE
    discount_kop: int = 0
    bonus_kop: int = 0


class AtPayment(enum.Enum):
    """What a payment before shipment gets."""

    SELL = "sell"
    PREPAYMENT = "prepayment"
    ADVANCE = "advance"


@dataclass(frozen=True, slots=True)
class Rules:
    """A shop's settings for making receipts.

    ``electronic``: nothing is printed. ``fallback_email``: the shop's own address, for buyers who leave none. ``calculated_vat``: money
    before the goods carries the calculated rate. ``discount_on_delivery``: the order's discount lowers the delivery too.
    ``drop_free``: lines that cost nothing are left out (some registers refuse a price of zero).
    """

    at_payment: AtPayment = AtPayment.SELL
    systems: Mapping[str, PaymentSystem] = field(default_factory=lambda: SYSTEMS)
    electronic: bool = True
    internet: bool = True
    fallback_email: str = ""
    cashier: str = ""
    cashier_inn: str = ""
    calculated_vat: bool = True
    discount_on_delivery: bool = False
    drop_free: bool = False
    delivery_name: str = "Доставка"
    advance_name: str = "Аванс"
    credit_name: str = "Оплата кредита"


def refuse(name: str, why: str, todo: str) -> NoReturn:
    """Raise `InvalidOrder` with this one problem."""
    raise InvalidOrder((Problem(name, why, todo),))
