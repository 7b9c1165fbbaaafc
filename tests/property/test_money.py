"""Money is divided exactly, whatever the amounts: spreading, pricing, discounts, parts."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from fiscal.money import E6, fits, half_up, line_sum_kop, price_lines, spread
from fiscal.orders import AtPayment, Line, Moment, Order, Paid, Rules, goods, receipt_for, return_of, split
from fiscal.receipt import (
    Buyer,
    Item,
    Payments,
    Receipt,
    SettlementMethod,
    SettlementType,
    Taxation,
    Vat,
    validate,
)
from fiscal.splitting import divide
from fiscal.stories import delivered_in_parts, missing_money_back, net, refused_at_door
from fiscal.vat import vat_amount_kop

steady = settings(derandomize=True, deadline=None, max_examples=80)
DAY = date(2025, 6, 2)

kopecks = st.integers(0, 10**9)
quantities = st.one_of(
    st.integers(1, 2_000).map(lambda n: n * E6),
    st.integers(1, 10**6).map(lambda n: n * 1_000),
    st.integers(1, 10**9),
)


@steady
@given(st.lists(kopecks, min_size=1, max_size=30), st.data())
def test_shares_add_up_and_are_within_a_kopeck_of_their_proportion(
    weights: list[int], data: st.DataObject
) -> None:
    whole = sum(weights)
    assume(whole)
    amount = data.draw(st.integers(0, whole))
    shares = spread(amount, weights)
    assert sum(shares) == amount
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share * whole - amount * weight) < whole
        assert 0 <= share <= weight


@steady
@given(st.lists(kopecks, min_size=2, max_size=10), kopecks)
def test_equal_weights_differ_by_a_kopeck_and_the_earlier_has_more(weights: list[int], amount: int) -> None:
    shares = spread(amount, [7] * len(weights))
    assert shares == sorted(shares, reverse=True)
    assert shares[0] - shares[-1] <= 1


@steady
@given(kopecks, quantities, kopecks)
@example(4_780, 21_990_000, 105_100)
@example(1_000, 7 * E6, 6_997)
@example(33, 3 * E6, 100)
@example(0, 10 * E6, 5)
def test_lines_have_the_whole_quantity_and_sum_and_prices_that_registers_accept(
    price: int, quantity: int, total: int
) -> None:
    lines = price_lines(price, quantity, total)
    assert 1 <= len(lines) <= 2
    assert sum(line[1] for line in lines) == quantity
    assert sum(line[2] for line in lines) == total
    for each in lines:
        assert each[1] > 0 and each[0] >= 0 and each[2] >= 0
        assert fits(*each)
    for resolution in (E6, E6 // 10, E6 // 100, E6 // 1_000):
        if quantity % resolution == 0:
            assert all(line[1] % resolution == 0 for line in lines)
            break
    if len(lines) == 2:
        assert lines[1][0] == lines[0][0] + 1
        assert not any(fits(lines[0][0] + step, quantity, total) for step in (-1, 0, 1, 2))


@steady
@given(kopecks, quantities)
def test_an_undiscounted_line_keeps_its_price(price: int, quantity: int) -> None:
    total = line_sum_kop(price, quantity)
    assert price_lines(price, quantity, total) == ((price, quantity, total),)


@steady
@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_half_up_is_the_nearest_whole_number(numerator: int, denominator: int) -> None:
    rounded = half_up(numerator, denominator)
    assert -denominator <= 2 * (numerator - rounded * denominator) < denominator or (
        2 * (numerator - rounded * denominator) == -denominator
    )
    assert half_up(2 * rounded + 1, 2) == rounded + 1


@steady
@given(kopecks, kopecks, st.sampled_from([1, 2, 3, 4, 7, 8, 9, 10]))
def test_tax_grows_with_the_sum_and_stays_below_it(one: int, other: int, code: int) -> None:
    low, high = sorted((one, other))
    assert vat_amount_kop(low, code, DAY) <= vat_amount_kop(high, code, DAY) <= high


lines_of_an_order = st.lists(
    st.builds(
        Line,
        name=st.sampled_from(["Kettle", "Tea", "Book"]),
        price_kop=st.integers(1, 10**7),
        quantity_e6=st.one_of(st.integers(1, 500).map(lambda n: n * E6), st.integers(10_000, 50 * E6)),
        vat=st.sampled_from([Vat.VAT_20, Vat.VAT_10, Vat.NONE]),
    ),
    min_size=1,
    max_size=8,
)


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """A paid order with discount, bonus, delivery, by cash and card and from the account."""
    lines = draw(lines_of_an_order)
    cost = sum(line_sum_kop(line.price_kop, line.quantity_e6) for line in lines)
    assume(cost > 1)
    discount = draw(st.integers(0, cost - 1))
    bonus = draw(st.integers(0, cost - 1 - discount))
    delivery = draw(st.integers(0, 100_000))
    due = cost - discount - bonus + delivery
    cash = draw(st.integers(0, due))
    return Order(
        "A",
        0,
        tuple(lines),
        (Paid("cash", cash), Paid("card", due - cash), Paid("bonus", bonus)),
        "7707083893",
        "https://shop.example",
        Taxation.GENERAL,
        Buyer("b@example.org"),
        delivery,
        Vat.VAT_20,
        discount,
    )


@steady
@given(orders(), st.sampled_from(AtPayment), st.booleans())
def test_every_kopeck_of_an_order_is_in_its_receipts(order: Order, school: AtPayment, wide: bool) -> None:
    rules = Rules(at_payment=school, discount_on_delivery=wide)
    due = sum(paid.sum_kop for paid in order.payments if paid.system != "bonus")
    first = receipt_for(order, Moment.PAYMENT, rules, DAY)
    assert first is not None
    validate(first, DAY)
    assert first.total_kop == due
    second = receipt_for(order, Moment.SHIPMENT, rules, DAY)
    if school is AtPayment.SELL:
        assert second is None
        return
    assert second is not None
    validate(second, DAY)
    assert second.payments == Payments(prepaid_kop=due)
    assert sum(item.quantity_e6 for item in second.items) == sum(line.quantity_e6 for line in order.lines) + (
        E6 if order.delivery_kop else 0
    )


@steady
@given(orders(), st.data())
def test_a_partial_prepayment_and_the_rest_on_credit(order: Order, data: st.DataObject) -> None:
    due = sum(paid.sum_kop for paid in order.payments if paid.system != "bonus")
    assume(due > 1)
    now = data.draw(st.integers(1, due - 1))
    order = replace(order, payments=(Paid("sbp", now), order.payments[2]))
    rules = Rules(at_payment=AtPayment.PREPAYMENT)
    for moment, method in (
        (Moment.PAYMENT, SettlementMethod.PREPAYMENT),
        (Moment.SHIPMENT, SettlementMethod.PARTIAL_SETTLEMENT_AND_CREDIT),
    ):
        receipt = receipt_for(order, moment, rules, DAY)
        assert receipt is not None
        assert {item.method for item in receipt.items} == {method}
        validate(receipt, DAY)


@steady
@given(orders(), st.data())
def test_stories_move_what_the_buyer_paid_and_got_back(order: Order, data: st.DataObject) -> None:
    count = len(goods(order, Rules(), DAY))
    missing = data.draw(st.sets(st.integers(0, count - 1), min_size=1))
    for rules in (Rules(), Rules(at_payment=AtPayment.PREPAYMENT)):
        lines = goods(order, rules, DAY)
        gone = sum(item.sum_kop for index in missing for item in lines[index])
        whole = sum(item.sum_kop for line in lines for item in line)
        assume(gone)
        for receipts in (
            missing_money_back(order, missing, rules, DAY),
            refused_at_door(order, missing, rules, DAY, paid_before=True),
        ):
            for receipt in receipts:
                validate(receipt, DAY)
            moved = net(receipts)
            assert moved.cash_kop + moved.cashless_kop == whole - gone
            assert moved.cash_kop >= 0 and moved.cashless_kop >= 0


@steady
@given(orders(), st.data())
def test_parcels_divide_a_prepaid_order_exactly(order: Order, data: st.DataObject) -> None:
    cuts = [data.draw(st.integers(1, line.quantity_e6)) for line in order.lines]
    first = dict(enumerate(cuts))
    rest = {index: line.quantity_e6 - cuts[index] for index, line in enumerate(order.lines)}
    second = {index: quantity for index, quantity in rest.items() if quantity}
    rules = Rules(at_payment=AtPayment.PREPAYMENT)
    lines = goods(order, rules, DAY)
    whole = sum(item.sum_kop for line in lines for item in line)
    parcels = [first, second]
    sums = [0, 0]
    for index, line in enumerate(order.lines):
        line_kop = sum(item.sum_kop for item in lines[index])
        sums[0] += half_up(line_kop * cuts[index], line.quantity_e6)
    sums[0] += order.delivery_kop
    sums[1] = whole - sums[0]
    assume(all(sums))
    receipts = delivered_in_parts(order, parcels, rules, DAY)
    for receipt in receipts:
        validate(receipt, DAY)
    assert [receipt.total_kop for receipt in receipts] == [whole, *sums]


methods = st.sampled_from(
    [
        (SettlementMethod.FULL_PREPAYMENT, 1),
        (SettlementMethod.PREPAYMENT, 1),
        (SettlementMethod.ADVANCE, 10),
        (SettlementMethod.FULL_SETTLEMENT, 1),
        (SettlementMethod.PARTIAL_SETTLEMENT_AND_CREDIT, 1),
        (SettlementMethod.TRANSFER_ON_CREDIT, 1),
        (SettlementMethod.CREDIT_PAYMENT, 10),
    ]
)


@st.composite
def receipts(draw: st.DrawFn) -> Receipt:
    """A valid receipt with lines of any methods and any payments that they allow."""
    items = []
    by_method = [0] * 8
    for _ in range(draw(st.integers(1, 12))):
        method, subject = draw(methods)
        price = draw(st.integers(2, 10**8))
        items.append(Item("Goods", price, E6, price, Vat.VAT_20, method, subject))
        by_method[method] += price
    total = sum(by_method)
    credit = by_method[6]
    if by_method[5]:
        credit += draw(st.integers(1, by_method[5] - 1))
    prepaid = draw(st.integers(0, total - credit - by_method[3]))
    left = total - credit - prepaid
    cash = draw(st.integers(0, left))
    cashless = draw(st.integers(0, left - cash))
    receipt = Receipt(
        SettlementType.SALE,
        tuple(items),
        Payments(cash, cashless, prepaid, credit, left - cash - cashless),
        Taxation.GENERAL,
        "7707083893",
        "https://shop.example",
        Buyer("b@example.org"),
    )
    validate(receipt, DAY)
    return receipt


FORMS = [each.name for each in fields(Payments)]


@steady
@given(receipts(), st.integers(1, 12), st.integers(20, 400))
def test_parts_are_valid_and_add_up_form_by_form(receipt: Receipt, max_items: int, max_bytes: int) -> None:
    def size(part: Receipt) -> int:
        return 20 * len(part.items)

    parts = split(receipt, max_items=max_items, max_bytes=max_bytes, estimate=size)
    assert tuple(item for part in parts for item in part.items) == receipt.items
    for form in FORMS:
        assert sum(getattr(part.payments, form) for part in parts) == getattr(receipt.payments, form)
    for number, part in enumerate(parts, 1):
        validate(part, DAY)
        assert (part.part, part.parts) == (number, len(parts))
        assert len(part.items) <= max_items and size(part) <= max_bytes
        assert part.payments.total_kop == part.total_kop
    assert split(receipt, max_items=max_items, max_bytes=max_bytes, estimate=size) == parts


@steady
@given(receipts(), st.data())
def test_payments_divide_exactly_among_any_groups(receipt: Receipt, data: st.DataObject) -> None:
    where = [data.draw(st.integers(0, 2)) for _ in receipt.items]
    groups = [
        [item for item, at in zip(receipt.items, where, strict=True) if at == group] for group in range(3)
    ]
    divided = divide(receipt, groups)
    for payments, group in zip(divided, groups, strict=True):
        assert payments.total_kop == sum(item.sum_kop for item in group)
        assert min(getattr(payments, form) for form in FORMS) >= 0
    for form in FORMS:
        assert sum(getattr(each, form) for each in divided) == getattr(receipt.payments, form)


@steady
@given(receipts(), st.data())
def test_a_return_of_some_items_takes_their_share_of_each_form(receipt: Receipt, data: st.DataObject) -> None:
    chosen = data.draw(st.sets(st.integers(0, len(receipt.items) - 1), min_size=1))
    back = return_of(receipt, sorted(chosen))
    assert back.payments.total_kop == back.total_kop == sum(receipt.items[index].sum_kop for index in chosen)
    for form in FORMS:
        assert getattr(back.payments, form) <= getattr(receipt.payments, form)
