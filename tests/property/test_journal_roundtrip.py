"""Records survive: any record, any batch, any number of openings."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiscal.engine import records
from fiscal.engine.outcomes import Recorded
from fiscal.journal import JournalError, JournalFull, MemoryJournal, SqliteJournal
from fiscal.journal.encode import EncodingError, decode, encode
from fiscal.receipt import (
    Agent,
    Buyer,
    Correction,
    Item,
    Mark,
    Payments,
    Receipt,
    SettlementMethod,
    SettlementType,
    Taxation,
    Vat,
)

FIXED = settings(derandomize=True, deadline=None, max_examples=80)
# characters of all planes, lone surrogates included: a shop's JSON may hold "\ud800"
text = st.text(st.characters(exclude_categories=()), max_size=20)
number = st.integers(min_value=0, max_value=2**63)
texts = st.lists(text, max_size=2).map(tuple)
item = st.builds(
    Item,
    text,
    number,
    number,
    number,
    st.sampled_from(Vat),
    st.sampled_from(SettlementMethod),
    number,
    number,
    st.none() | st.builds(Mark, text, number, number, number),
    st.none() | st.builds(Agent, number, text, text, texts, text, texts, texts, texts, text, text, text),
)
receipt = st.builds(
    Receipt,
    type=st.sampled_from(SettlementType),
    items=st.lists(item, max_size=4).map(tuple),
    payments=st.builds(Payments, number, number, number, number, number),
    taxation=st.sampled_from(Taxation),
    entity=text,
    site=text,
    buyer=st.builds(Buyer, text, text, text, text),
    cashier=text,
    cashier_inn=text,
    electronic=st.booleans(),
    internet=st.booleans(),
    correction=st.none() | st.builds(Correction, st.booleans(), text, text, text),
    part=number,
    parts=number,
)
recorded = st.builds(Recorded, number, number, number, text, number, number)
totals = st.tuples(number, number, number, number)
record = st.one_of(
    st.builds(records.Accepted, text, number, text, receipt, number, number),
    st.builds(records.Attempted, text, number, text, number, text),
    st.builds(records.Cleared, text, number, text),
    st.builds(records.Documented, text, number, text, recorded, number),
    st.builds(records.SetAside, text, text),
    st.builds(records.Reissued, text, number),
    st.builds(records.Orphaned, text, number, text, recorded, text),
    st.builds(records.Retried, text),
    st.builds(records.Cancelled, text, text),
    st.builds(records.Confirmed, text, text, number, number),
    st.builds(records.ShiftEnded, text, text, number, number, number, totals, number),
)


def accepted_once(batches: list[list[records.Record]]) -> list[list[records.Record]]:
    """The same batches without a second acceptance of any key."""
    seen: set[str] = set()
    kept: list[list[records.Record]] = []
    for batch in batches:
        kept.append([])
        for one in batch:
            if isinstance(one, records.Accepted):
                if one.key in seen:
                    continue
                seen.add(one.key)
            kept[-1].append(one)
    return kept


@FIXED
@given(record)
def test_every_record_comes_back_equal(one: records.Record) -> None:
    again = decode(one.kind, encode(one))
    assert again == one
    assert type(again) is type(one)


@FIXED
@given(record, st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_changed_byte_is_another_record_or_an_error(one: records.Record, at: int, flip: int) -> None:
    data = bytearray(encode(one))
    data[at % len(data)] ^= flip
    try:
        again = decode(one.kind, bytes(data))
    except EncodingError:
        return
    assert type(again) is type(one)


@FIXED
@given(st.binary(max_size=60), st.sampled_from(sorted(records.KINDS)))
def test_garbage_is_an_encoding_error(data: bytes, kind: str) -> None:
    with pytest.raises(EncodingError):
        decode(kind, data)


@settings(FIXED, max_examples=25)
@given(st.lists(st.lists(record, max_size=4), max_size=4).map(accepted_once))
def test_reopening_gives_the_same_records(batches: list[list[records.Record]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j.sqlite"
        written: list[records.Record] = []
        memory = MemoryJournal()
        for batch in batches:
            journal = SqliteJournal(path)
            assert list(journal.records()) == written
            journal.append(batch)
            memory.append(batch)
            written += batch
            journal.close()
        journal = SqliteJournal(path)
        assert list(journal.records()) == written == list(memory.records())
        journal.close()


@settings(FIXED, max_examples=15)
@given(st.lists(st.lists(record, min_size=1, max_size=40), min_size=1, max_size=12).map(accepted_once))
def test_a_full_journal_takes_whole_batches_or_nothing(batches: list[list[records.Record]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = SqliteJournal(Path(folder) / "j.sqlite")
        journal.limit_pages(journal.pages + 1)
        written: list[records.Record] = []
        for batch in batches:
            try:
                journal.append(batch)
            except JournalFull:
                journal.append([])  # still usable
            else:
                written += batch
            assert list(journal.records()) == written
        journal.close()


@settings(FIXED, max_examples=30)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=6), st.booleans())
def test_no_key_is_accepted_twice(keys: list[str], durable: bool) -> None:
    kind = records.Accepted
    receipt_ = Receipt(SettlementType.SALE, (), Payments(), Taxation.GENERAL, "", "")
    with tempfile.TemporaryDirectory() as folder:
        journal = SqliteJournal(Path(folder) / "j.sqlite") if durable else MemoryJournal()
        seen: set[str] = set()
        for index, key in enumerate(keys):
            batch = [records.Retried("x"), kind(key, index, "", receipt_, 0, 0)]
            before = len(list(journal.records()))
            if key in seen:
                with pytest.raises(JournalError):
                    journal.append(batch)
                assert len(list(journal.records())) == before
            else:
                journal.append(batch)
                seen.add(key)
        journal.close()
