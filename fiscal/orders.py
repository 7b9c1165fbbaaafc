"""From an order to its receipts.

A shop thinks in orders, the law in settlements: money that moves, goods that move, and what remains between the two. `TABLE` says which
event of an order makes which receipt under which rules; `receipt_for` reads it. What was made can be taken back: by a return of the
whole or of some items, in the payment forms of the original; an order that has receipts is never deleted but cancelled (`cancel`).

Sources: reference sheet on shops, section 1.9 (which event makes which receipt) and 9 (faults F36, F39, F44); the rows on partial
payment are our own completion.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final, NamedTuple

from fiscal.goods import as_method, goods
from fiscal.parties import normal_phone
from fiscal.receipt import Buyer, Item, Payments, Receipt, SettlementMethod, SettlementType
from fiscal.rules import SYSTEMS, AtPayment, Form, Line, Order, Paid, PaymentSystem, Rules, refuse
from fiscal.splitting import divide, part_keys, split
from fiscal.validation import InvalidOrder

__all__ = [
    "SYSTEMS",
    "TABLE",
    "AtPayment",
    "Form",
    "InvalidOrder",
    "Line",
    "Moment",
    "Order",
    "Paid",
    "PaymentSystem",
    "Rules",
    "as_method",
    "cancel",
    "goods",
    "part_keys",
    "receipt_for",
    "return_of",
    "split",
]

# --- which event makes which receipt ---------------------------------------------------------------------------------


class Moment(enum.Enum):
    """What happened to an order."""

    PAYMENT = "payment"
    SHIPMENT = "shipment"


class Share(enum.Enum):
    """How much of the price is paid."""

    NOTHING = "nothing"
    PART = "part"
    ALL = "all"


class Row(NamedTuple):
    """A case: None stands for any. ``method`` None means no receipt; ``offset``: what was paid before is offset, no money moves."""

    moment: Moment
    at_payment: frozenset[AtPayment] | None
    shipped: bool | None
    share: Share | None
    method: SettlementMethod | None
    offset: bool = False


_SELL: Final = frozenset((AtPayment.SELL,))
_PREPAYMENT: Final = frozenset((AtPayment.PREPAYMENT,))
_ADVANCE: Final = frozenset((AtPayment.ADVANCE,))
_LATER: Final = _PREPAYMENT | _ADVANCE

TABLE: Final[tuple[Row, ...]] = (
    Row(Moment.PAYMENT, None, None, Share.NOTHING, None),
    Row(Moment.PAYMENT, None, True, None, SettlementMethod.CREDIT_PAYMENT),
    Row(Moment.PAYMENT, _SELL, False, Share.ALL, SettlementMethod.FULL_SETTLEMENT),
    Row(Moment.PAYMENT, _SELL, False, Share.PART, SettlementMethod.PARTIAL_SETTLEMENT_AND_CREDIT),
    Row(Moment.PAYMENT, _PREPAYMENT, False, Share.ALL, SettlementMethod.FULL_PREPAYMENT),
    Row(Moment.PAYMENT, _PREPAYMENT, False, Share.PART, SettlementMethod.PREPAYMENT),
    Row(Moment.PAYMENT, _ADVANCE, False, None, SettlementMethod.ADVANCE),
    Row(Moment.SHIPMENT, None, None, Share.NOTHING, SettlementMethod.TRANSFER_ON_CREDIT),
    Row(Moment.SHIPMENT, _SELL, None, None, None),
    Row(Moment.SHIPMENT, _LATER, None, Share.ALL, SettlementMethod.FULL_SETTLEMENT, offset=True),
    Row(
        Moment.SHIPMENT, _LATER, None, Share.PART, SettlementMethod.PARTIAL_SETTLEMENT_AND_CREDIT, offset=True
    ),
)
"""The first row that fits decides."""


def _row(moment: Moment, at_payment: AtPayment, shipped: bool, share: Share) -> Row:
    for row in TABLE:
        if (
            row.moment is moment
            and (row.at_payment is None or at_payment in row.at_payment)
            and (row.shipped is None or row.shipped is shipped)
            and (row.share is None or row.share is share)
        ):
            return row
    raise AssertionError(f"no row for {moment}, {at_payment}, {shipped}, {share}")


def receipt_for(
    order: Order, moment: Moment, rules: Rules, on: date, *, shipped: bool = False
) -> Receipt | None:
    """The receipt that this event of an order needs, or None when it needs none.

    At a payment, the order's payments are what is paid now, and ``shipped`` says whether the goods left before; at a shipment, they
    are all that was paid before. An order with quantities below zero gets its return, whatever the moment. None: nothing is paid,
    everything is discounted away, no payment system needs a receipt, or an earlier receipt covers the event. Raises `InvalidOrder`.
    """
    lines = goods(order, rules, on)
    items = [item for line in lines for item in line]
    total = sum(item.sum_kop for item in items)
    money = _money(order, rules)
    if money is None or not total:
        return None
    paid = money.total_kop - money.credit_kop
    if paid > total:
        refuse("payments", f"{paid} is paid for an order of {total}", "give what the order costs")
    if order.lines[0].quantity_e6 < 0:
        return _return_order(order, rules, items, money, total)
    share = Share.ALL if paid == total else Share.PART if paid else Share.NOTHING
    row = _row(moment, rules.at_payment, shipped, share)
    if row.method is None:
        return None
    if row.offset:
        money = Payments(prepaid_kop=paid)
    elif row.method is SettlementMethod.ADVANCE:
        money = replace(money, prepaid_kop=0)  # what lies on the account is an advance already
    if moment is Moment.SHIPMENT or row.method is SettlementMethod.PARTIAL_SETTLEMENT_AND_CREDIT:
        money = replace(money, credit_kop=total - paid)
    else:
        money = replace(money, credit_kop=0)
    if not money.total_kop:
        return None
    if money.total_kop == total and row.method not in (
        SettlementMethod.ADVANCE,
        SettlementMethod.CREDIT_PAYMENT,
    ):
        made = as_method(items, row.method, rules)
    else:
        made = as_method(items, row.method, rules, money.total_kop)
    return _receipt(order, rules, SettlementType.SALE, made, money)


def _return_order(order: Order, rules: Rules, items: list[Item], money: Payments, total: int) -> Receipt:
    if money.total_kop != total:
        refuse(
            "payments",
            f"{money.total_kop} goes back for goods of {total}",
            "give what the buyer gets back, by payment system",
        )
    return _receipt(order, rules, SettlementType.SALE_RETURN, tuple(items), money)


def _receipt(
    order: Order, rules: Rules, kind: SettlementType, items: tuple[Item, ...], money: Payments
) -> Receipt:
    return Receipt(
        kind,
        items,
        money,
        order.taxation,
        order.entity,
        order.site,
        _buyer(order.buyer, rules),
        rules.cashier,
        rules.cashier_inn,
        rules.electronic,
        rules.internet,
    )


def _buyer(buyer: Buyer, rules: Rules) -> Buyer:
    email, phone = buyer.email.strip(), buyer.phone
    if phone:
        try:
            phone = normal_phone(phone)
        except ValueError:
            phone = phone.strip()  # validation names it
    if not email and not phone:
        email = rules.fallback_email
    if email == buyer.email and phone == buyer.phone:
        return buyer
    return replace(buyer, email=email, phone=phone)


def _money(order: Order, rules: Rules) -> Payments | None:
    """The payments by form, without bonuses; None when no payment needs a receipt."""
    sums = dict.fromkeys(Form, 0)
    needed: list[bool] = []
    for payment in order.payments:
        system = rules.systems[payment.system]
        sums[system.form] += payment.sum_kop
        if system.form not in (Form.BONUS, Form.PREPAID, Form.CREDIT):
            needed.append(system.receipt)
    if needed and not all(needed):
        if any(needed):
            refuse("payments", "some payments need a receipt and some must not have one", "make two orders")
        return None
    return Payments(
        sums[Form.CASH], sums[Form.CASHLESS], sums[Form.PREPAID], sums[Form.CREDIT], sums[Form.PROVISION]
    )


# --- taking back -----------------------------------------------------------------------------------------------------

_RETURN_OF: Final = {
    SettlementType.SALE: SettlementType.SALE_RETURN,
    SettlementType.PURCHASE: SettlementType.PURCHASE_RETURN,
}


def return_of(receipt: Receipt, items: Sequence[int] | None = None) -> Receipt:
    """The return of a receipt, or of some of its items (by index), in the payment forms of the original.

    Raises `ValueError` for a return, a correction, or no items.
    """
    kind = _RETURN_OF.get(receipt.type)
    if kind is None or receipt.correction is not None:
        raise ValueError("only a sale or a purchase can be returned")
    if items is None or len(items) == len(receipt.items):
        return replace(receipt, type=kind)
    chosen = frozenset(items)
    if not chosen or not chosen <= frozenset(range(len(receipt.items))):
        raise ValueError(f"items {sorted(chosen)} are not items of a receipt with {len(receipt.items)}")
    back = tuple(item for index, item in enumerate(receipt.items) if index in chosen)
    rest = tuple(item for index, item in enumerate(receipt.items) if index not in chosen)
    return replace(receipt, type=kind, items=back, payments=divide(receipt, (back, rest))[0])


def cancel(made: Sequence[Receipt]) -> tuple[Receipt, ...]:
    """The returns that cancel an order with these receipts (in their order): the latest first, none for what is returned already.

    An order without receipts needs none and may be deleted; one with receipts must not be. Raises `ValueError` when a receipt was
    returned in part: then only the rest may go back, by `return_of` with the items.
    """
    open_: list[Receipt] = []
    for receipt in made:
        if receipt.type in _RETURN_OF:
            open_.append(receipt)
            continue
        for index in range(len(open_) - 1, -1, -1):
            if return_of(open_[index]) == receipt:
                del open_[index]
                break
        else:
            raise ValueError("a receipt was returned in part: return the rest by its items")
    return tuple(return_of(receipt) for receipt in reversed(open_))
