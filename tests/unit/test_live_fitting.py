"""Marked goods and agents through the HTTP door: to the register that can make them, or refused in one line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fiscal import ffd
from fiscal.emulators.marking_keys import issue
from fiscal.live.config import ConfigError, parse_config
from fiscal.live.serve import Server

SHOP = """\
[shop]
entity = "7700000009"
site = "shop.example"
taxation = "general"
[http]
port = 0
[engine]
close_at = []
policy = "round_robin"
probe_s = 1
"""
OLD = """\
[[registers]]
name = "old"
ffd = "1.05"
agents = ["commission_agent"]
emulate = { speed = 1000 }
"""
NEW = """\
[[registers]]
name = "new"
make = "atol"
emulate = { device = "atol-42fs", speed = 1000 }
"""
BUYER = {"email": "buyer@example.org"}
CODE = issue("0460123456789", "5abcdefgh0000")
SHOES = {"name": "Shoes", "price": "5000", "subject": 33, "mark": {"code": CODE}}


def agent(kind: str, **more: Any) -> dict[str, Any]:
    return {"name": "Tea", "price": "100", "agent": {"kind": kind, "supplier_inn": "7707083893", **more}}


@pytest.fixture(params=[OLD, OLD + NEW], ids=["old", "both"], scope="module")
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("fitting")
    server = Server(parse_config(SHOP + request.param, "test", folder), folder / "ports")
    server.start()
    try:
        with httpx.Client(base_url=server.url, timeout=10) as client:
            client.headers["x-registers"] = str(request.param.count("[[registers]]"))
            yield client
    finally:
        server.stop()


def bring(shop: httpx.Client, key: str, *items: dict[str, Any]) -> httpx.Response:
    return shop.post("/receipts", json={"items": items, "buyer": BUYER}, headers={"Idempotency-Key": key})


def alone(shop: httpx.Client) -> bool:
    return shop.headers["x-registers"] == "1"


def recorded(shop: httpx.Client, key: str, status: str = "recorded") -> dict[str, Any]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        shown: dict[str, Any] = shop.get(f"/receipts/{key}").json()
        if shown["status"] in (status, "confirmed"):
            return shown
        assert shown["status"] not in ("refused", "set_aside"), shown
        time.sleep(0.05)
    raise AssertionError(shown)


def test_marked_goods_are_sold_by_the_register_that_can_and_refused_where_none_can(
    shop: httpx.Client,
) -> None:
    answer = bring(shop, "marked", SHOES)
    if alone(shop):
        assert answer.status_code == 422
        error = answer.json()["error"]
        assert error.startswith("no register: old works in FFD 1.05: items[0].subject: ")
        assert "\n" not in error
        assert shop.get("/receipts/marked").status_code == 404, "nothing was promised"
    else:
        assert answer.status_code == 202
        shown = recorded(shop, "marked")
        assert (shown["register"], shown["status"]) == ("new", shown["status"])
        assert shown["document"]["number"] > 0


def test_a_register_of_the_old_format_sells_for_the_agents_it_is_registered_as(shop: httpx.Client) -> None:
    assert bring(shop, "commission", agent("commission_agent")).status_code == 202
    recorded(shop, "commission")
    answer = bring(shop, "attorney", agent("attorney"))
    if alone(shop):
        assert answer.status_code == 422
        assert "the register is not registered as an attorney (tag 1057)" in answer.json()["error"]
    else:
        assert answer.status_code == 202
        assert recorded(shop, "attorney")["register"] == "new"


def test_ordinary_receipts_go_to_both(shop: httpx.Client) -> None:
    for n in range(6):
        assert bring(shop, f"tea-{n}", {"name": "Tea", "price": "100"}).status_code == 202
    made = {recorded(shop, f"tea-{n}")["register"] for n in range(6)}
    assert made == ({"old"} if alone(shop) else {"old", "new"})


def test_the_document_of_a_marked_piece_says_what_was_checked(tmp_path: Path) -> None:
    """From the shop's JSON to the bytes in the drive's file, and to the operator."""
    from fiscal.live.drive_file import DriveFile

    server = Server(parse_config(SHOP + NEW, "test", tmp_path), tmp_path / "ports")
    server.start()
    try:
        with httpx.Client(base_url=server.url, timeout=10) as shop:
            assert bring(shop, "marked", SHOES).status_code == 202
            number = recorded(shop, "marked", "confirmed")["document"]["number"]
    finally:
        server.stop()
    file = DriveFile(tmp_path / "var" / "new.drive.sqlite")
    drive = file.load()
    assert drive is not None
    made = ffd.decode(drive.find(number).tlv)
    (item,) = (dict(item) for item in made.all(1059))  # type: ignore[arg-type, call-overload]
    assert item[1212] == 33 and item[2106] & 0x0F == 15, "checked by drive and service, both well"
    assert item[1163] == ((1305, CODE[:31]),)
    assert drive.is_confirmed(number) and not drive.marks.notices, "the service was told"
    file.close()


def test_a_kind_of_agent_that_does_not_exist_is_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"registers\[0\]\.agents\[0\]: 'broker' is no kind of agent; there are: bank_"
    ):
        parse_config(SHOP + OLD.replace("commission_agent", "broker"), "test", tmp_path)
