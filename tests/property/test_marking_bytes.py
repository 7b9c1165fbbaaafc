"""Any characters: a code, or a `BadCode` that says where; what was understood is understood again, the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from fiscal.gs1 import ALPHABET, GS, IDENTIFIERS, BadCode, check_digit
from fiscal.marking import KINDS, Kind, MarkingCode, parse

FIXED = settings(derandomize=True, deadline=None)
plain = st.text(st.sampled_from(sorted(ALPHABET)))
near = st.text(
    st.sampled_from(sorted(ALPHABET) + [GS] * 8 + list("0129") * 4 + ["\\", "<", "Ы", " "]), max_size=160
)


@st.composite
def rows(draw: st.DrawFn) -> str:
    """A genuine row of elements."""
    digits = draw(st.text("0123456789", min_size=13, max_size=13))
    serial = draw(st.text(st.sampled_from(sorted(ALPHABET)), min_size=1, max_size=20))
    row = f"01{digits}{check_digit(digits)}21{serial}"
    size = draw(st.sampled_from([0, 4, 44, 88]))
    proof = draw(st.text(st.sampled_from(sorted(ALPHABET)), min_size=size, max_size=size))
    if size == 4:
        row += f"{GS}93{proof}"
    elif size:
        key = draw(st.text("0123456789ABCDEF", min_size=4, max_size=4))
        row += f"{GS}91{key}{GS}92{proof}"
    return row


def understood(text: str | bytes) -> MarkingCode | None:
    try:
        code = parse(text)
    except BadCode as bad:
        assert 0 <= bad.position <= 257
        assert bad.why and bad.todo
        return None
    again = parse(code.code)
    assert (again.code, again.kind, again.product, again.notes) == (code.code, code.kind, code.product, ())
    assert 2 < len(code.product_105) <= 32
    tag, value = code.product_12
    assert tag == KINDS[code.kind].tag and 0 < len(value) <= 38
    assert set(code.code) <= ALPHABET | {GS}
    return code


@settings(FIXED, max_examples=1500)
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    understood(data)


@settings(FIXED, max_examples=1500)
@given(near | st.text(max_size=60))
def test_any_text(text: str) -> None:
    understood(text)


@settings(FIXED, max_examples=400)
@given(rows())
def test_a_genuine_row_is_understood(row: str) -> None:
    code = understood(row)
    assert code is not None
    assert code.code == row
    assert code.kind in (Kind.GS1_MARKED, Kind.GS1_PLAIN)
    assert code.serial == row[18:].split(GS)[0]


@settings(FIXED, max_examples=1500)
@given(rows(), st.data())
def test_a_damaged_row_is_refused_or_another_code(row: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(row) - 1))
    damaged = data.draw(
        st.sampled_from(
            [
                row[:at],
                row[at:],
                row[:at] + row[at + 1 :],
                row[:at] + "\x1d" + row[at:],
                row[:at] + "9" + row[at + 1 :],
            ]
        )
    )
    understood(damaged)


@settings(FIXED, max_examples=400)
@given(rows())
def test_without_separators_it_is_the_same_code_or_refused(row: str) -> None:
    """Nothing is guessed: a row whose separators were lost is put together as it was, or is a code without verification, or is refused."""
    code = understood(row.replace(GS, ""))
    if (
        code is not None
        and code.kind is Kind.GS1_MARKED
        and len(row[18:].split(GS)[0]) in (5, 6, 7, 8, 13, 20)
    ):
        assert code.code == row


def test_identifiers_can_be_told_apart() -> None:
    """None begins like another, so that the first that fits is the only one."""
    for one in IDENTIFIERS:
        assert not any(other != one and other.startswith(one) for other in IDENTIFIERS)
