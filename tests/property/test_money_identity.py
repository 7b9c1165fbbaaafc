"""A receipt and its text are one to one: round trip, and different receipts never look the same."""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from fiscal.receipt import (
    Buyer,
    Correction,
    InvalidReceipt,
    Item,
    Payments,
    Receipt,
    SettlementMethod,
    SettlementType,
    Taxation,
    UnreadableReceipt,
    Vat,
    canonical,
    fingerprint,
    from_json,
    normalised,
    to_json,
    validate,
)
from fiscal.validation import check

steady = settings(derandomize=True, deadline=None, max_examples=120)
DAY = date(2025, 6, 2)

texts = st.text(max_size=12)
numbers = st.one_of(st.integers(-5, 5), st.integers(-(2**70), 2**70))
items = st.builds(
    Item,
    texts,
    numbers,
    numbers,
    numbers,
    st.sampled_from(Vat),
    st.sampled_from(SettlementMethod),
    numbers,
    numbers,
)
receipts = st.builds(
    Receipt,
    st.sampled_from(SettlementType),
    st.lists(items, max_size=3).map(tuple),
    st.builds(Payments, numbers, numbers, numbers, numbers, numbers),
    st.integers(0, 63).map(Taxation),
    texts,
    texts,
    st.builds(Buyer, texts, texts, texts, texts),
    texts,
    texts,
    st.booleans(),
    st.booleans(),
    st.none() | st.builds(Correction, st.booleans(), texts, texts),
    numbers,
    numbers,
)


@steady
@given(receipts)
def test_a_receipt_comes_back_from_its_text(receipt: Receipt) -> None:
    text = to_json(receipt)
    assert from_json(text) == receipt
    assert to_json(from_json(text)) == text
    assert "\n" not in text


@steady
@given(receipts, receipts)
def test_equal_bytes_mean_equal_receipts(one: Receipt, other: Receipt) -> None:
    assert (canonical(one) == canonical(other)) is (one == other)
    assert (fingerprint(one) == fingerprint(other)) is (one == other)


@steady
@given(receipts, st.data())
def test_damaged_text_is_refused_or_is_another_receipt(receipt: Receipt, data: st.DataObject) -> None:
    text = to_json(receipt)
    at = data.draw(st.integers(0, len(text) - 1))
    damaged = (
        text[:at] + data.draw(st.sampled_from(['"', "[", "]", ",", "1", ".", "e", "\\", ""])) + text[at + 1 :]
    )
    try:
        read = from_json(damaged)
    except UnreadableReceipt:
        return
    assert from_json(to_json(read)) == read


@steady
@given(receipts)
def test_any_receipt_is_judged_without_breaking_down(receipt: Receipt) -> None:
    problems = check(receipt, DAY)
    assert all(problem.field and problem.why and problem.todo for problem in problems)
    try:
        validate(receipt, DAY)
    except InvalidReceipt as error:
        assert list(error.problems) == problems
        assert len(str(error)) < 5_000
    else:
        assert not problems
    assert normalised(normalised(receipt)) == normalised(receipt)


odd = st.sampled_from
close_items = st.builds(
    Item,
    odd(["Goods", "", "x" * 128, "x" * 129, "a\x00"]),
    odd([100, 0, -1, 99, 101]),
    odd([1_000_000, 0, -1, 2_000_000]),
    odd([100, 0, -1, 98, 102, 200]),
    odd([1, 2, 6, 7, 11, 0, 13]),
    odd([4, 1, 3, 6, 0, 8]),
    odd([1, 10, 27, 28, 29, 30, 33, 34, 0]),
    odd([0, 255, 1, 10]),
)


@steady
@given(close_items, st.sampled_from([None, 2, 4]))
def test_a_line_that_fails_the_quick_comparison_always_gets_its_reason(item: Item, ffd: int | None) -> None:
    """The quick comparison of a line and the words for its problems are two readings of the same rules."""
    total = item.sum_kop
    receipt = Receipt(
        SettlementType.SALE,
        (item,),
        Payments(credit_kop=total) if item.method == 6 else Payments(cash_kop=total),
        Taxation.GENERAL,
        "7707083893",
        "shop.example",
        Buyer("b@example.org"),
    )
    sane = (
        item.name in ("Goods", "x" * 128)
        and item.price_kop >= 0
        and item.quantity_e6 > 0
        and item.sum_kop >= 0
        and abs(item.price_kop * item.quantity_e6 - item.sum_kop * 1_000_000) <= 1_000_000
        and item.vat in (1, 2, 6, 7)
        and item.method in (1, 3, 4, 6)
        and item.unit in (0, 255, 10)
        and (item.subject in (1, 10, 27) or (item.subject in (30, 33) and ffd != 2))
        and (item.method != 3 or item.subject == 10)
    )
    of_the_line = [problem for problem in check(receipt, DAY, ffd) if problem.field.startswith("items[")]
    assert bool(of_the_line) is not sane
