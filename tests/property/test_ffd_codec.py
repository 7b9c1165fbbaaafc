"""The codec under arbitrary documents and arbitrary bytes."""

from __future__ import annotations

import random
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from fiscal.ffd import (
    TAGS,
    Document,
    FfdError,
    Fields,
    Quantity,
    Tag,
    Value,
    decode,
    encode,
    encode_fields,
    pretty,
)
from fiscal.ffd.documents import (
    Head,
    RegisterFacts,
    close_shift_body,
    estimate,
    head,
    receipt_body,
    registration_body,
    validate,
    whole,
)
from fiscal.ffd.qr import parse_qr, qr_text
from fiscal.ffd.tlv import decode_text, encode_text, fvln_bytes, fvln_value, vln_bytes, walk
from fiscal.receipt import (
    Buyer,
    Correction,
    Item,
    Payments,
    Receipt,
    SettlementMethod,
    SettlementType,
    Taxation,
    Vat,
)

_PAGE = bytes(range(256)).decode("cp866")
_NUMBERS = {"byte": 8, "bitmask8": 8, "uint16": 16, "uint32": 32, "bitmask32": 32, "unixtime": 32}
_LEAVES = [tag for tag in TAGS.values() if tag.type != "stlv"]
_STRUCTURES = [tag for tag in TAGS.values() if tag.type == "stlv"]
_QUICK = settings(derandomize=True, deadline=None, max_examples=150)


def _leaf(tag: Tag) -> st.SearchStrategy[Value]:
    if tag.type in _NUMBERS:
        return st.integers(0, 2 ** _NUMBERS[tag.type] - 1)
    if tag.type == "vln":
        return st.integers(0, 2 ** (8 * tag.max_length) - 1)
    if tag.type == "fvln":
        return st.integers(0, 2 ** (8 * (tag.max_length - 1)) - 1).map(Quantity)
    if tag.type == "bytes":
        return st.binary(min_size=tag.max_length if tag.fixed else 0, max_size=tag.max_length)
    text = st.text(_PAGE, max_size=min(tag.max_length, 40))
    return text.map(lambda s: s.rstrip(" ")) if tag.fixed else text


@st.composite
def _field(draw: st.DrawFn, depth: int = 0) -> tuple[int, Value]:
    if depth < 3 and draw(st.integers(0, 3)) == 0:
        tag = draw(st.sampled_from(_STRUCTURES))
        inner: list[tuple[int, Value]] = draw(st.lists(_field(depth + 1), max_size=4))
        while len(encode_fields(tuple(inner))) > tag.max_length:
            inner.pop()
        return tag.number, tuple(inner)
    if draw(st.integers(0, 9)) == 0:
        number = draw(st.integers(0, 65_535).filter(lambda n: n not in TAGS))
        return number, draw(st.binary(max_size=20))
    tag = draw(st.sampled_from(_LEAVES))
    return tag.number, draw(_leaf(tag))


@_QUICK
@given(st.integers(0, 65_535), st.lists(_field(), max_size=8))
def test_any_document_of_the_tag_table_survives(form: int, fields: list[tuple[int, Value]]) -> None:
    document = Document(form, tuple(fields))
    data = encode(document)
    assert decode(data) == document
    assert pretty(document) and document._repr_html_()
    validate(document, 4)


_ALIEN: st.SearchStrategy[Value] = st.one_of(
    st.integers(-(2**70), 2**70),
    st.text(max_size=300),
    st.binary(max_size=300),
    st.integers(-5, 2**70).map(Quantity),
    st.just(()),
)


@_QUICK
@given(st.lists(st.tuples(st.integers(-5, 70_000) | st.sampled_from(sorted(TAGS)), _ALIEN), max_size=5))
def test_values_of_any_kind_are_encoded_or_refused(fields: list[tuple[int, Value]]) -> None:
    document = Document(3, tuple(fields))
    validate(document, 2)
    try:
        data = encode(document)
    except FfdError as error:
        assert error.reason
    else:
        assert encode(decode(data)) == data


def _good_documents() -> list[bytes]:
    facts = RegisterFacts(
        user="ООО Ромашка", address="Москва", place="shop.example", register_version="1", key_days=9
    )
    items = tuple(Item(f"item {rate}", 100, 1_500_000, 150, rate) for rate in Vat)
    receipt = Receipt(
        SettlementType.SALE,
        items,
        Payments(0, 1800),
        Taxation.GENERAL,
        "7701234567",
        "s",
        Buyer("a@b.example"),
    )
    front = Head("9999078900002270", "0000000221017090", "7701234567", 1, 1_770_000_000, 5, 1, 1, 1, 1800)
    return [
        whole(3, head(3, front), receipt_body(receipt, 4, facts, date(2026, 2, 2))),
        whole(3, head(3, front), receipt_body(receipt, 2, facts, date(2026, 2, 2))),
        whole(1, head(1, front), registration_body(facts, 4)),
        whole(5, head(5, front), close_shift_body(facts, 4, receipts=1, documents=3)),
    ]


def _read(data: bytes) -> bool:
    try:
        document = decode(data)
    except FfdError:
        return False
    try:
        again = encode(document)
    except FfdError:
        return True  # readable, but too long for its tag
    assert decode(again) == document
    return True


def test_random_bytes_are_a_document_or_an_error() -> None:
    draw = random.Random(54)
    for _ in range(4_000):
        body = draw.randbytes(draw.randrange(0, 60))
        _read(body)
        _read(b"\x03\x00" + len(body).to_bytes(2, "little") + body)
        try:
            fields = walk(body)
        except FfdError:
            continue
        assert sum(4 + len(value) for _, value in fields) == len(body)


def test_known_tags_with_random_values_are_a_document_or_an_error() -> None:
    draw = random.Random(55)
    tags = sorted(TAGS)
    read = 0
    for _ in range(4_000):
        body = b""
        for _ in range(draw.randrange(1, 4)):
            value = draw.randbytes(draw.choice((0, 1, 2, 4, 6, 8, 9, 12)))
            body += draw.choice(tags).to_bytes(2, "little") + len(value).to_bytes(2, "little") + value
        read += _read(b"\x03\x00" + len(body).to_bytes(2, "little") + body)
    assert read > 100


def test_damaged_documents_are_a_document_or_an_error() -> None:
    draw = random.Random(56)
    good = _good_documents()
    read = 0
    for _ in range(6_000):
        data = bytearray(draw.choice(good))
        for _ in range(draw.randrange(1, 4)):
            at = draw.randrange(len(data))
            kind = draw.randrange(5)
            if kind == 0:
                data[at] = draw.randrange(256)
            elif kind == 1:
                data[at] ^= 1 << draw.randrange(8)
            elif kind == 2:
                del data[at : at + draw.randrange(1, 9)]
            elif kind == 3:
                data[at:at] = draw.randbytes(draw.randrange(1, 9))
            else:
                data[at:] = b""
            if not data:
                data = bytearray(1)
        if draw.randrange(2) and len(data) > 4:
            data[2:4] = (len(data) - 4).to_bytes(2, "little")
        read += _read(bytes(data))
    assert read > 300


def test_structures_without_end_are_refused() -> None:
    body = b""
    for _ in range(5_000):
        body = b"\x23\x04" + len(body).to_bytes(2, "little") + body
    assert not _read(b"\x03\x00" + len(body).to_bytes(2, "little") + body)
    value: Fields = ()
    for _ in range(50):
        value = ((1059, value),)
    try:
        encode(Document(3, value))
    except FfdError as error:
        assert "structures within each other" in error.reason
    else:
        raise AssertionError("50 structures within each other were written")


@_QUICK
@given(st.text())
def test_any_text_has_bytes_and_settles(text: str) -> None:
    data = encode_text(text)
    assert encode_text(decode_text(data)) == data


@_QUICK
@given(st.integers(0, 2**64 - 1))
def test_numbers_are_minimal(n: int) -> None:
    data = vln_bytes(n)
    assert int.from_bytes(data, "little") == n
    assert len(data) == 1 or data[-1] != 0


@_QUICK
@given(st.integers(0, 2**56 - 1), st.integers(0, 12))
def test_fractions_survive_in_every_form(value_e6: int, zeros: int) -> None:
    data = fvln_bytes(value_e6)
    assert fvln_value(data) == value_e6
    assert len(data) <= 8
    n = int.from_bytes(data[1:], "little")
    assert data[0] == 0 or n % 10 != 0
    padded = bytes((data[0],)) + n.to_bytes(7, "little")
    assert fvln_value(padded) == value_e6


_ITEMS = st.builds(
    Item,
    name=st.text(max_size=200),
    price_kop=st.integers(0, 10**9),
    quantity_e6=st.integers(1, 10**11),
    sum_kop=st.integers(0, 10**11),
    vat=st.sampled_from(Vat),
    method=st.sampled_from(SettlementMethod),
    subject=st.sampled_from([1, 3, 4, 10]),
    unit=st.sampled_from([0, 11, 255]),
)


@_QUICK
@given(
    st.lists(_ITEMS, min_size=1, max_size=6),
    st.sampled_from(SettlementType),
    st.sampled_from([2, 4]),
    st.text(min_size=1, max_size=300),
    st.text(max_size=300),
    st.none() | st.builds(Correction, st.booleans(), st.just("2026-01-15"), st.text(max_size=60)),
)
def test_any_receipt_becomes_a_document_without_objections(
    items: list[Item], kind: SettlementType, ffd: int, contact: str, name: str, correction: Correction | None
) -> None:
    total = sum(item.sum_kop for item in items)
    receipt = Receipt(
        kind,
        tuple(items),
        Payments(cashless_kop=total),
        Taxation.GENERAL,
        "7701234567",
        name or "site",
        Buyer(contact, name=name),
        cashier=name,
        correction=correction,
    )
    facts = RegisterFacts(
        user=name, address=name, place=name, sender_email=contact, automat_number=name, automatic=True
    )
    form = 31 if correction else 3
    front = Head(
        "9999078900002270", "0000000221017090", "7701234567", 1, 1_770_000_000, 5, 1, 1, int(kind), total
    )
    data = whole(form, head(form, front), receipt_body(receipt, ffd, facts, date(2026, 2, 2)))
    assert len(data) <= estimate(receipt)
    document = decode(data)
    assert encode(document) == data
    empty = [problem for problem in validate(document, ffd) if problem.path not in ((1008,), (1187,))]
    assert empty == []  # a contact of invisible characters alone is no contact


@_QUICK
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 10**13),
    st.integers(0, 10**16 - 1).map(lambda n: f"{n:016}"),
    st.integers(1, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(1, 4),
)
def test_qr_codes_survive(
    time_s: int, total_kop: int, drive: str, document: int, sign: int, kind: int
) -> None:
    facts = parse_qr(qr_text(time_s, total_kop, drive, document, sign, kind, seconds=True))
    assert (facts.time_s, facts.total_kop, facts.drive) == (time_s, total_kop, drive)
    assert (facts.document, facts.sign, facts.type) == (document, sign, kind)
