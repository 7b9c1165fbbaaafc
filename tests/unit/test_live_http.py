"""The HTTP interface, over a real socket, with an emulated register behind it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fiscal.live.config import parse_config
from fiscal.live.serve import Server, StartError

BODY: dict[str, Any] = {
    "items": [{"name": "Tea", "price": "199.90"}],
    "buyer": {"email": "secret.buyer@example.org", "phone": "+79001234567"},
}
CONFIG = """\
[shop]
entity = "7700000009"
site = "shop.example"
taxation = "general"
[http]
port = 0
max_body_kib = 16
{more}
[engine]
close_at = []
[[registers]]
name = "kkt1"
emulate = {{ speed = 1000 }}
"""


def serving(folder: Path, more: str = "") -> Server:
    config = parse_config(CONFIG.format(more=more), "test", folder)
    server = Server(config, folder / "ports")
    server.start()
    return server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = serving(tmp_path_factory.mktemp("http"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def shop(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=10, verify=False) as client:
        yield client


def when(shop: httpx.Client, key: str, status: str) -> dict[str, Any]:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        shown: dict[str, Any] = shop.get(f"/receipts/{key}").json()
        if shown["status"] == status:
            return shown
        time.sleep(0.02)
    raise AssertionError(shown)


def test_a_receipt_from_acceptance_to_the_drive(shop: httpx.Client) -> None:
    answer = shop.post("/receipts", json=BODY, headers={"Idempotency-Key": "order 1 №7".encode()})
    assert answer.status_code == 202
    accepted = answer.json()
    assert accepted["key"] == "order 1 №7"
    assert accepted["status"] in ("queued", "assigned", "printing", "recorded")
    assert accepted["total"] == "199.90"
    recorded = when(shop, "order 1 №7", "recorded")
    document = recorded["document"]
    assert document["qr"].startswith("t=20")
    assert (
        f"&s=199.90&fn={document['drive']}&i={document['number']}&fp={document['sign']}&n=1" in document["qr"]
    )
    assert recorded["confirmed_at"] is None
    assert recorded["link"] is None  # the operator does not have it
    assert shop.get("/receipts/order 1 №7/copy").status_code == 404
    assert "secret" not in json.dumps(recorded)


def test_the_same_again_is_known_and_another_is_a_conflict(shop: httpx.Client) -> None:
    assert shop.post("/receipts", json={**BODY, "key": "twice"}).status_code == 202
    assert shop.post("/receipts", json={**BODY, "key": "twice"}).status_code == 200
    # the same money written another way is the same receipt
    same = {**BODY, "items": [{"name": " Tea ", "price": 199.9, "quantity": "1.0"}]}
    assert shop.post("/receipts", json={**same, "key": "twice"}).status_code == 200
    other = {**BODY, "items": [{"name": "Coffee", "price": "1"}]}
    answer = shop.post("/receipts", json={**other, "key": "twice"})
    assert answer.status_code == 409
    assert answer.json()["error"].startswith("conflict")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"items": []}, "items"),
        ({"items": [{"name": "", "price": "1"}]}, "items[0].name"),
        ({"items": [{"name": "Tea", "price": "1.001"}]}, "items[0].price"),
        ({"payments": {"cash": "1"}}, "payments"),
        ({"buyer": {}}, "buyer"),
        ({"entity": "123"}, "entity"),
        ({"colour": "red"}, "colour"),
        ({"key": ""}, "key"),
        ({"key": None}, "key"),
        ({"key": "a/b"}, "key"),
    ],
)
def test_an_impossible_receipt_is_refused_with_its_fields(
    shop: httpx.Client, change: dict[str, Any], field: str
) -> None:
    answer = shop.post("/receipts", json={**BODY, "key": "bad", **change})
    assert answer.status_code == 422
    problems = answer.json()["problems"]
    assert field in [problem["field"] for problem in problems]
    assert all(problem["why"] and problem["todo"] for problem in problems)
    assert shop.get("/receipts/bad").status_code == 404


def test_a_receipt_nobody_may_print(shop: httpx.Client) -> None:
    answer = shop.post("/receipts", json={**BODY, "key": "foreign", "entity": "7707083893"})
    assert answer.status_code == 422
    assert "no register" in answer.json()["error"]


def test_what_is_no_request(shop: httpx.Client) -> None:
    headers = {"Idempotency-Key": "k"}
    assert (
        shop.post(
            "/receipts", content=b"{", headers={**headers, "Content-Type": "application/json"}
        ).status_code
        == 422
    )
    assert (
        shop.post("/receipts", content=b"{}", headers={**headers, "Content-Type": "text/plain"}).status_code
        == 415
    )
    long = json.dumps({**BODY, "cashier": "x" * 20_000}).encode()
    json_ = {**headers, "Content-Type": "application/json"}
    assert shop.post("/receipts", content=long, headers=json_).status_code == 413
    assert shop.post("/receipts", content=iter([long[:9000], long[9000:]]), headers=json_).status_code == 413
    answer = shop.post("/receipts", json={**BODY, "key": "one"}, headers={"Idempotency-Key": "two"})
    assert answer.json()["problems"][0]["field"] == "key"


def test_lists(shop: httpx.Client) -> None:
    for number in range(3):
        shop.post("/receipts", json={**BODY, "key": f"list{number}"})
    for number in range(3):
        when(shop, f"list{number}", "recorded")
    shown = shop.get("/receipts?status=recorded&limit=2").json()
    assert len(shown["receipts"]) == 2
    assert all(one["status"] == "recorded" for one in shown["receipts"])
    assert shown["counts"]["recorded"] >= 3
    assert shop.get("/receipts?status=cancelled").json()["receipts"] == []
    assert shop.get("/receipts?status=lost").status_code == 422
    for limit in ("0", "-1", "x", "1001", "²"):
        assert shop.get("/receipts", params={"limit": limit}).status_code == 422


def test_registers_show_separate_facts(shop: httpx.Client) -> None:
    shop.post("/receipts", json={**BODY, "key": "facts"})
    when(shop, "facts", "recorded")
    (shown,) = shop.get("/registers").json()["registers"]
    assert shown["name"] == "kkt1"
    assert shown["cable"]["ok"]
    assert shown["drive"]["ok"]
    for fact in ("agent", "cable", "drive", "operator"):
        assert shown[fact]["last_seen"]
    assert shown["shift"]["state"] == "open"


def test_a_z_report_by_hand(shop: httpx.Client) -> None:
    shop.post("/receipts", json={**BODY, "key": "before z"})
    when(shop, "before z", "recorded")
    assert shop.post("/registers/kkt1/close-shift").status_code == 202
    assert shop.post("/registers/kkt9/close-shift").status_code == 404
    end = time.monotonic() + 10
    while shop.get("/registers").json()["registers"][0]["shift"]["state"] != "closed":
        assert time.monotonic() < end
        time.sleep(0.02)
    shop.post("/receipts", json={**BODY, "key": "after z"})
    when(shop, "after z", "recorded")


def test_what_cannot_be_retried_or_cancelled(shop: httpx.Client) -> None:
    shop.post("/receipts", json={**BODY, "key": "done"})
    when(shop, "done", "recorded")
    assert shop.post("/receipts/done/retry").status_code == 409
    answer = shop.post("/receipts/done/cancel")
    assert answer.status_code == 409
    assert "return" in answer.json()["error"]
    assert shop.post("/receipts/never/cancel").status_code == 404


def test_a_waiting_receipt_is_cancelled(tmp_path: Path) -> None:
    config = CONFIG.format(more="").replace("emulate = { speed = 1000 }", 'address = "/dev/nothing-here"')
    server = Server(parse_config(config, "test", tmp_path), tmp_path / "ports")
    server.start()
    try:
        with httpx.Client(base_url=server.url, timeout=10, verify=False) as shop:
            assert shop.post("/receipts", json={**BODY, "key": "k"}).json()["status"] == "queued"
            answer = shop.post("/receipts/k/cancel?reason=changed+his+mind")
            assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
            assert answer.json()["reason"] == "changed his mind"
            assert shop.post("/receipts", json={**BODY, "key": "k"}).status_code == 200
            assert shop.get("/health").json()["registers_up"] == 0
    finally:
        server.stop()


def test_the_page_needs_nothing_from_elsewhere_and_escapes(shop: httpx.Client) -> None:
    shop.post("/receipts", json={**BODY, "key": "<script>alert(1)<"})
    page = shop.get("/").text
    assert "&lt;script&gt;alert(1)&lt;" in page
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert "kkt1" in page
    assert "secret" not in page


def test_pages_of_others_and_other_names_are_kept_out(server: Server, shop: httpx.Client) -> None:
    assert (
        shop.post("/registers/kkt1/close-shift", headers={"Origin": "https://evil.example"}).status_code
        == 403
    )
    assert shop.get("/registers", headers={"Origin": server.url}).status_code == 200
    assert shop.get("/registers", headers={"Host": "evil.example:80"}).status_code == 403
    assert shop.get("/registers", headers={"Host": "localhost:1"}).status_code == 200
    assert shop.get("/nothing").status_code == 404
    assert shop.delete("/receipts").status_code == 405


def test_a_token_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FISCAL_TOKEN", raising=False)
    server = serving(tmp_path, 'token = "s3cret"')
    try:
        with httpx.Client(base_url=server.url, timeout=10, verify=False) as shop:
            assert shop.get("/registers").status_code == 401
            assert shop.get("/health").status_code == 200
            for header, code in (
                ("Bearer s3cret", 200),
                ("bearer s3cret", 200),
                ("Bearer s3cre", 401),
                ("Bearer", 401),
                ("Digest s3cret", 401),
                ("Basic !!", 401),
            ):
                assert shop.get("/registers", headers={"Authorization": header}).status_code == code, header
            assert shop.get("/registers", auth=("anyone", "s3cret")).status_code == 200
            assert shop.get("/registers", auth=("s3cret", "")).status_code == 401
    finally:
        server.stop()


def test_a_taken_address_and_a_taken_journal(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = CONFIG.format(more="").replace("port = 0", f"port = {port}")
        with pytest.raises(StartError, match="address already in use"):
            Server(parse_config(config, "test", tmp_path), tmp_path / "ports").start()
    assert not (tmp_path / "var").exists()
    server = serving(tmp_path)
    try:
        with pytest.raises(StartError, match="in use by another engine"):
            serving(tmp_path)
    finally:
        server.stop()
    assert list((tmp_path / "ports").iterdir()) == []
    serving(tmp_path).stop()
