"""What happens to orders in life: sequences of receipts.

Goods turn out to be missing, come in several parcels, are refused at the door. Each story here is a function from an order to its
receipts in the order in which they are made, and each keeps one promise: what the receipts move in money, taken together (`net`), is
what the buyer really paid and got back.

* `missing_money_back` (a): the receipt, its return, a new receipt without the missing goods.
* `missing_money_kept` (b): the same, an advance for what stays on the buyer's account, and later a closing receipt "by advance" that
  moves no new money.
* `delivered_in_parts` (c): a prepayment, then a closing receipt for each parcel.
* `refused_at_door`: the courier brings some goods back.

Lines are named by their index in the order; the index after the last line is the delivery. Every receipt here is valid on the days given
(`validate`). All raise `InvalidOrder` for an impossible order or story.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date

from fiscal.goods import as_method, goods, priced
from fiscal.money import half_up
from fiscal.orders import Moment, receipt_for, return_of
from fiscal.receipt import Item, Payments, Receipt, SettlementMethod, SettlementType
from fiscal.rules import AtPayment, Line, Order, Rules, refuse
from fiscal.splitting import divide
from fiscal.vat import current

_SIGNS = {
    SettlementType.SALE: 1,
    SettlementType.SALE_RETURN: -1,
    SettlementType.PURCHASE: -1,
    SettlementType.PURCHASE_RETURN: 1,
}


def net(receipts: Sequence[Receipt]) -> Payments:
    """What these receipts together move towards the shop, form by form; a form may be negative."""
    sums = [0] * 5
    for receipt in receipts:
        sign = _SIGNS[receipt.type]
        paid = receipt.payments
        forms = (paid.cash_kop, paid.cashless_kop, paid.prepaid_kop, paid.credit_kop, paid.provision_kop)
        for form, part_kop in enumerate(forms):
            sums[form] += sign * part_kop
    return Payments(*sums)


def missing_money_back(order: Order, missing: Collection[int], rules: Rules, on: date) -> tuple[Receipt, ...]:
    """(a) Some goods of a paid order are missing and their money goes back, in the forms in which it came.

    Three receipts: the whole, its return, and the rest; two when everything is missing.
    """
    sold, kept, gone = _sold_and_missing(order, missing, rules, on)
    _something(gone)
    return (sold, return_of(sold), *kept)


def missing_money_kept(
    order: Order, missing: Collection[int], rules: Rules, on: date, closed_on: date | None = None
) -> tuple[Receipt, ...]:
    """(b) Some goods are missing and their money stays on the buyer's account, until they come.

    The receipts of (a), then an advance for the missing goods and, on ``closed_on``, their closing receipt by advance. Without that
    day the story ends with the advance. Needs money that is an advance when it stays: cash, cashless or barter.
    """
    sold, kept, gone = _sold_and_missing(order, missing, rules, on)
    _something(gone)
    if gone.payments.prepaid_kop or gone.payments.credit_kop:
        refuse(
            "payments",
            "only new money can become an advance",
            "give the missing goods' part back as it was paid",
        )
    total = gone.total_kop
    advance = replace(gone, items=as_method(gone.items, SettlementMethod.ADVANCE, rules, total))
    made = (sold, return_of(sold), *kept, advance)
    if closed_on is None:
        return made
    _, items = _parted(goods(order, rules, closed_on), missing)
    return (*made, replace(gone, items=items, payments=Payments(prepaid_kop=total)))


def delivered_in_parts(
    order: Order,
    parcels: Sequence[Mapping[int, int]],
    rules: Rules,
    on: date,
    delivered_on: Sequence[date] | None = None,
) -> tuple[Receipt, ...]:
    """(c) An order prepaid as a whole and delivered in parcels: the prepayment, then a closing receipt for each parcel.

    A parcel is line -> quantity (millionths). The money of a line is divided over its parcels in proportion to the quantity and adds
    up exactly when the line is complete. A delivery charge is closed with the first parcel. ``delivered_on`` has the day of each parcel
    (``on`` without it). The rules must say prepayment or advance.
    """
    if rules.at_payment is AtPayment.SELL:
        refuse(
            "rules.at_payment", "goods sold at payment are not prepaid", "use the rule prepayment or advance"
        )
    prepaid = _paid_receipt(order, rules, on)
    lines = goods(order, rules, on)
    if prepaid.total_kop != sum(item.sum_kop for line in lines for item in line):
        refuse(
            "payments", "the order is not prepaid as a whole", "deliver it on credit, or take the rest first"
        )
    days = delivered_on if delivered_on is not None else (on,) * len(parcels)
    if len(days) != len(parcels):
        refuse("delivered_on", f"{len(days)} days for {len(parcels)} parcels", "give one day for each parcel")
    done = [0] * len(order.lines)
    receipts = [prepaid]
    for number, (parcel, day) in enumerate(zip(parcels, days, strict=True)):
        items: list[Item] = []
        for index in sorted(parcel):
            items += _portion(order, lines, done, index, parcel[index], day, f"parcels[{number}]")
        if number == 0 and order.delivery_kop:
            items += goods(order, rules, day)[-1]
        total = sum(item.sum_kop for item in items)
        if not total:
            refuse(f"parcels[{number}]", "there is nothing in it", "leave it out")
        receipts.append(replace(prepaid, items=tuple(items), payments=Payments(prepaid_kop=total)))
    return tuple(receipts)


def _portion(
    order: Order,
    lines: Sequence[Sequence[Item]],
    done: list[int],
    index: int,
    quantity_e6: int,
    day: date,
    where: str,
) -> tuple[Item, ...]:
    """So much of a line, for what its sum grows by when so much more of it is done."""
    if not 0 <= index < len(order.lines):
        refuse(where, f"line {index} does not exist", f"name lines 0 to {len(order.lines) - 1}")
    line: Line = order.lines[index]
    whole_kop = sum(item.sum_kop for item in lines[index])
    before, after = done[index], done[index] + quantity_e6
    if quantity_e6 <= 0 or after > line.quantity_e6:
        refuse(
            where,
            f"{quantity_e6} of line {index} when {before} of {line.quantity_e6} is delivered",
            "deliver what is left of it at most",
        )
    done[index] = after
    if not lines[index]:  # a free line the rules leave out
        return ()
    part_kop = half_up(whole_kop * after, line.quantity_e6) - half_up(whole_kop * before, line.quantity_e6)
    return priced(line, quantity_e6, part_kop, SettlementMethod.FULL_SETTLEMENT, current(line.vat, day))


def refused_at_door(
    order: Order, refused: Collection[int], rules: Rules, on: date, *, paid_before: bool
) -> tuple[Receipt, ...]:
    """The buyer refuses some goods at the door.

    When he pays there (``paid_before`` false), one receipt for what he keeps; the order's payments are scaled down to it. When he has
    paid before: under the rule sell, the receipt and the return of what was refused; under prepayment or advance, that receipt, the
    closing receipt for what he keeps, and the return of the money that was prepaid for the rest. Nothing kept and nothing paid
    before makes no receipt.
    """
    if not paid_before:
        _, kept, _ = _sold_and_missing(order, refused, replace(rules, at_payment=AtPayment.SELL), on)
        return kept
    first = _paid_receipt(order, rules, on)
    lines = goods(order, rules, on)
    kept_items, gone_items = _parted(lines, refused)
    kept_kop = sum(item.sum_kop for item in kept_items)
    gone_kop = sum(item.sum_kop for item in gone_items)
    if first.total_kop != kept_kop + gone_kop:
        refuse(
            "payments", "the order is not paid as a whole", "make the receipts of each payment by themselves"
        )
    method = first.items[0].method
    back_items = as_method(gone_items, method, rules, gone_kop)
    rest_items = as_method(kept_items, method, rules, kept_kop)
    _, back = divide(replace(first, items=(*rest_items, *back_items)), (rest_items, back_items))
    made = [first]
    if rules.at_payment is not AtPayment.SELL and kept_kop:
        closing = Payments(prepaid_kop=kept_kop)
        made.append(replace(first, items=kept_items, payments=closing))
    if gone_kop:
        refund = _by_credit(replace(first, items=back_items, payments=back))
        made.append(replace(refund, type=SettlementType.SALE_RETURN))
    return tuple(made)


def _paid_receipt(order: Order, rules: Rules, on: date) -> Receipt:
    receipt = receipt_for(order, Moment.PAYMENT, rules, on)
    if receipt is None:
        refuse("payments", "this payment makes no receipt", "give what the buyer paid, by payment system")
    return receipt


def _parted(
    lines: Sequence[Sequence[Item]], chosen: Collection[int]
) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    for index in sorted(chosen):
        if not 0 <= index < len(lines):
            refuse("lines", f"line {index} does not exist", f"name lines 0 to {len(lines) - 1}")
    left = tuple(item for index, line in enumerate(lines) if index not in chosen for item in line)
    gone = tuple(item for index, line in enumerate(lines) if index in chosen for item in line)
    return left, gone


def _sold_and_missing(
    order: Order, missing: Collection[int], rules: Rules, on: date
) -> tuple[Receipt, tuple[Receipt, ...], Receipt]:
    """The receipt of the whole, of what is left of it (none if nothing is), and of what is missing, as if sold by themselves."""
    sold = _paid_receipt(order, rules, on)
    method = sold.items[0].method
    lines = goods(order, rules, on)
    whole = as_method([item for line in lines for item in line], method, rules)
    if method is SettlementMethod.ADVANCE or sold.items != whole:
        refuse(
            "payments",
            "the payment's receipt does not have the whole goods",
            "pay at once, by the rule sell or prepayment",
        )
    left, gone = _parted([as_method(line, method, rules) for line in lines], missing)
    left_paid, gone_paid = divide(sold, (left, gone))
    kept = (_by_credit(replace(sold, items=left, payments=left_paid)),) if left_paid.total_kop else ()
    return sold, kept, replace(sold, items=gone, payments=gone_paid)


def _something(gone: Receipt) -> None:
    if not gone.total_kop:
        refuse("missing", "nothing that costs money is missing", "name the missing lines")


def _by_credit(receipt: Receipt) -> Receipt:
    """A part of a receipt partly on credit may itself be wholly paid or wholly on credit: then its method says so."""
    part = SettlementMethod.PARTIAL_SETTLEMENT_AND_CREDIT
    credit = receipt.payments.credit_kop
    if receipt.items[0].method is not part or 0 < credit < receipt.total_kop:
        return receipt
    method = SettlementMethod.TRANSFER_ON_CREDIT if credit else SettlementMethod.FULL_SETTLEMENT
    return replace(receipt, items=tuple(replace(item, method=method) for item in receipt.items))
