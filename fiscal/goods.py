"""What an order's goods cost: items with exact sums.

Discounts and bonuses of an order are spread over its lines to the kopeck, prices follow the sums, and a line becomes two where no whole
price yields its sum. The same goods then appear under the settlement method of the moment, with the VAT rate that the method and
the day ask for. Sources: reference sheet on shops, section 1.4 (calculated rates) and 9 (faults F11-F16).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from typing import Final

from fiscal.marking import BadCode, Mark, parse
from fiscal.money import line_sum_kop, price_lines, spread
from fiscal.receipt import Item, Problem, SettlementMethod, Vat, tidy_name
from fiscal.rules import Form, Line, Order, Rules, refuse
from fiscal.validation import PAYMENT_SUBJECT, InvalidOrder
from fiscal.vat import calculated, current

PIECE: Final = 1_000_000
"""Millionths of a unit."""


def check_order(order: Order, rules: Rules) -> None:
    """Raise `InvalidOrder` with all that makes an order impossible; sums are judged later."""
    problems: list[Problem] = []

    def wrong(name: str, why: str, todo: str) -> None:
        problems.append(Problem(name, why, todo))

    lines = order.lines
    if not lines:
        wrong(
            "lines",
            "the order has no goods",
            "add goods, or cancel the order: if a receipt was made, by its return",
        )
    back = bool(lines) and lines[0].quantity_e6 < 0
    for index, line in enumerate(lines):
        quantity = line.quantity_e6
        if type(quantity) is not int or not quantity:
            wrong(
                f"lines[{index}].quantity_e6",
                f"{quantity!r} is no quantity",
                "give whole millionths, not zero",
            )
        elif (quantity < 0) is not back:
            wrong(
                f"lines[{index}].quantity_e6",
                "goods go both ways in one order",
                "make a sale and a return of it",
            )
        if type(line.price_kop) is not int or line.price_kop < 0:
            wrong(
                f"lines[{index}].price_kop", f"{line.price_kop!r} is no price", "give kopecks, zero or more"
            )
        if type(line.discount_kop) is not int or line.discount_kop < 0:
            wrong(
                f"lines[{index}].discount_kop",
                f"{line.discount_kop!r} is no discount",
                "give kopecks, zero or more",
            )
        if line.codes and (line.unit or abs(quantity) != PIECE * len(line.codes)):
            wrong(
                f"lines[{index}].codes",
                f"{len(line.codes)} marking codes for a quantity of {abs(quantity) / PIECE:g}",
                "give each piece its code, and other goods a line of their own",
            )
        if not tidy_name(line.name):
            wrong(f"lines[{index}].name", "the name is empty", "name the goods")
    for name in ("delivery_kop", "discount_kop", "bonus_kop"):
        value = getattr(order, name)
        if type(value) is not int or value < 0:
            wrong(name, f"{value!r} is no sum", "give kopecks, zero or more")
    for index, payment in enumerate(order.payments):
        if payment.system not in rules.systems:
            known = ", ".join(rules.systems)
            wrong(
                f"payments[{index}].system",
                f"{payment.system!r} is not known",
                f"use one of {known}, or add it",
            )
        if type(payment.sum_kop) is not int or payment.sum_kop < 0:
            wrong(
                f"payments[{index}].sum_kop", f"{payment.sum_kop!r} is no sum", "give kopecks, zero or more"
            )
    if problems:
        raise InvalidOrder(problems)


def goods(order: Order, rules: Rules, on: date) -> tuple[tuple[Item, ...], ...]:
    """What an order costs, as items of full settlement after all discounts: for each line one item or two, then the delivery's.

    A line becomes two items where no whole price yields its discounted sum. Raises `InvalidOrder` with all problems.
    """
    check_order(order, rules)
    lines = list(order.lines)
    bases = []
    for index, line in enumerate(lines):
        base = line_sum_kop(line.price_kop, abs(line.quantity_e6)) - line.discount_kop
        if base < 0:
            refuse(
                f"lines[{index}].discount_kop", "is more than the line costs", "give at most the line's sum"
            )
        bases.append(base)
    lowered = order.discount_kop + order.bonus_kop
    for payment in order.payments:
        if rules.systems[payment.system].form is Form.BONUS:
            lowered += payment.sum_kop
    if order.delivery_kop:
        lines.append(Line(rules.delivery_name, order.delivery_kop, 1_000_000, order.delivery_vat, subject=4))
        bases.append(order.delivery_kop)
    if lowered:
        weights = bases
        if order.delivery_kop and not rules.discount_on_delivery:
            weights = [*bases[:-1], 0]
        if lowered > sum(weights):
            why = f"discount and bonuses of {lowered} are more than the goods' {sum(weights)}"
            refuse("discount_kop", why, "give at most what the goods cost")
        bases = [base - share for base, share in zip(bases, spread(lowered, weights), strict=True)]
    full = SettlementMethod.FULL_SETTLEMENT
    back = order.lines[0].quantity_e6 < 0  # what comes back keeps the rate it was sold with
    return tuple(
        [
            ()
            if rules.drop_free and not sum_kop
            else priced(
                line, abs(line.quantity_e6), sum_kop, full, line.vat if back else current(line.vat, on)
            )
            for line, sum_kop in zip(lines, bases, strict=True)
        ]
    )


def priced(
    line: Line, quantity_e6: int, sum_kop: int, method: SettlementMethod, vat: Vat
) -> tuple[Item, ...]:
    """So much of a line for this sum: one item, or two whose prices are a kopeck apart; of marked goods an item for each piece."""
    name = tidy_name(line.name)
    if line.codes:
        return tuple(
            Item(
                name, part_kop, PIECE, part_kop, vat, method, line.subject, line.unit, _mark(code), line.agent
            )
            for code, part_kop in zip(line.codes, spread(sum_kop, [1] * len(line.codes)), strict=True)
        )
    return tuple(
        [
            Item(name, price, quantity, part_kop, vat, method, line.subject, line.unit, None, line.agent)
            for price, quantity, part_kop in price_lines(line.price_kop, quantity_e6, sum_kop)
        ]
    )


def _mark(code: str) -> Mark:
    """The code as it is kept; one that can't be understood stays for `fiscal.receipt.validate` to name."""
    with suppress(BadCode):
        code = parse(code).code
    return Mark(code)


_BEFORE_GOODS: Final = frozenset(
    (SettlementMethod.FULL_PREPAYMENT, SettlementMethod.PREPAYMENT, SettlementMethod.ADVANCE)
)


def as_method(
    items: Sequence[Item], method: SettlementMethod, rules: Rules, sum_kop: int | None = None
) -> tuple[Item, ...]:
    """The same goods under another settlement method, for their whole sum or for a part of it, spread over the lines.

    Money before the goods gets calculated VAT rates (if the rules say so). An advance names no goods: one line for each VAT rate; the
    payment of a credit is one line without VAT, which was accounted for when the goods left.
    """
    if method is SettlementMethod.FULL_SETTLEMENT and sum_kop is None:
        return tuple(items)
    sums = [item.sum_kop for item in items]
    if sum_kop is not None:
        sums = spread(sum_kop, sums)
    if method is SettlementMethod.CREDIT_PAYMENT:
        whole = sum(sums)
        return (Item(rules.credit_name, whole, 1_000_000, whole, Vat.NONE, method, PAYMENT_SUBJECT),)
    change = method in _BEFORE_GOODS and rules.calculated_vat
    if method is SettlementMethod.ADVANCE:
        by_vat: dict[Vat, int] = {}
        for item, part_kop in zip(items, sums, strict=True):
            vat = calculated(item.vat) if change else item.vat
            by_vat[vat] = by_vat.get(vat, 0) + part_kop
        return tuple(
            Item(rules.advance_name, part_kop, 1_000_000, part_kop, vat, method, PAYMENT_SUBJECT)
            for vat, part_kop in by_vat.items()
            if part_kop
        )
    return tuple(
        Item(
            item.name,
            price,
            quantity,
            priced_kop,
            calculated(item.vat) if change else item.vat,
            method,
            item.subject,
            item.unit,
            None if method in _BEFORE_GOODS else item.mark,
            item.agent,
        )
        for item, part_kop in zip(items, sums, strict=True)
        for price, quantity, priced_kop in price_lines(item.price_kop, item.quantity_e6, part_kop)
    )
