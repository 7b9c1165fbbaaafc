"""The web server and its client against whatever bytes come: answers, refusals, no exception but the documented ones."""

from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from web_line import REQUESTS, Client, make_web

from fiscal.emulators.atol_json import TASKS
from fiscal.registers.atol_web.messages import BadMessage, Reader, Request, Response

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(-1e9, 1e9) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
WORDS = (
    "items",
    "payments",
    "operator",
    "type",
    "sum",
    "total",
    "name",
    "price",
    "quantity",
    "amount",
    "tax",
)
FIELDS = st.dictionaries(
    st.sampled_from((*WORDS, "taxes", "clientInfo", "taxationType", "cashSum", "dateTime")),
    VALUES,
    max_size=5,
)
ITEM = {
    "type": "position",
    "name": "Чай",
    "price": 10,
    "quantity": 1,
    "amount": 10,
    "tax": {"type": "vat10"},
    "paymentMethod": "fullPayment",
    "paymentObject": "commodity",
}
SALE = {"taxationType": "osn", "items": [ITEM], "payments": [{"type": "cash", "sum": 10}], "total": 10}
ENDED = ("ready", "error", "interrupted")


@given(chunks=st.lists(st.binary(max_size=80), max_size=6))
@settings(max_examples=1000, deadline=None, derandomize=True)
def test_a_reader_takes_any_bytes(chunks: list[bytes]) -> None:
    for responses in (False, True):
        reader = Reader(responses)
        try:
            for chunk in chunks:
                for message in reader.feed(chunk):
                    assert isinstance(message, Response if responses else Request)
        except BadMessage as bad:
            assert bad.status in (400, 413) and str(bad)


@given(
    body=st.binary(max_size=200),
    target=st.text("abcdefghijklmnopqrstuvwxyz/?=&%", max_size=20),
    cuts=st.lists(st.integers(0, 400), max_size=4),
    method=st.sampled_from(("GET", "POST", "DELETE", "PUT")),
)
@settings(max_examples=1000, deadline=None, derandomize=True)
def test_a_message_survives_its_bytes_however_they_are_cut(
    body: bytes, target: str, cuts: list[int], method: str
) -> None:
    request, response = Request(method, f"/{target}", body, "Basic x", "host"), Response(200, body, True)
    for message, reader in ((request, Reader()), (response, Reader(responses=True))):
        raw = bytes(message)
        places = sorted({0, len(raw), *(cut % len(raw) for cut in cuts)})
        found = [each for begin, end in itertools.pairwise(places) for each in reader.feed(raw[begin:end])]
        assert found == [message] and not reader.waiting


@given(
    target=st.text(max_size=30), body=st.binary(max_size=60) | VALUES.map(lambda v: json.dumps(v).encode())
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_every_call_is_answered(target: str, body: bytes) -> None:
    client = Client(make_web())
    line = "".join(c for c in target if c.isascii() and c.isprintable() and c != " ")
    for where in (f"/{line}", REQUESTS, f"{REQUESTS}/{line}", f"/api/v2/operations/query{line}"):
        for method in ("POST", "GET", "DELETE"):
            status, said = client.call(method, where, body)
            assert status in (200, 201, 400, 404, 405, 409) and said is not None


@given(kind=st.sampled_from(sorted(TASKS)), fields=FIELDS, item=FIELDS)
@settings(max_examples=500, deadline=None, derandomize=True)
def test_every_task_ends(kind: str, fields: dict[str, Any], item: dict[str, Any]) -> None:
    register = make_web()
    register.slow = 0.001
    client = Client(register)
    client.post("a", {**SALE, "items": [{**ITEM, **item}], **fields, "type": kind})
    client.advance(60_000_000)
    (result,) = client.results("a")
    assert result["status"] in ENDED, result
    assert result["error"]["description"]
    assert register.receipt is None, "nothing half made is left"
