"""Receipts by hand: over the command line, over the page, into the journal of a stopped server. Always the same door, always once."""

from __future__ import annotations

import html
import io
import json
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from fiscal.cli import main
from fiscal.ffd import decode
from fiscal.ffd.identity import marks_in
from fiscal.ffd.tlv import walk
from fiscal.journal import SqliteJournal
from fiscal.live import makes
from fiscal.live.config import parse_config
from fiscal.live.emulated import EmulatedRegister
from fiscal.live.http import today
from fiscal.live.serve import Server
from fiscal.receipt import mark

CONFIG = """\
[shop]
entity = "7700000009"
site = "shop.example"
taxation = "general"
[http]
port = 0
[engine]
close_at = []
[[registers]]
name = "kkt1"
emulate = { speed = 1000 }
"""
HAND = ("--person", "Ivanova  A.", "--reason", "order 17, the site was down", "--yes")
TEA = ("--item", "Tea;199.90;2;10%", "--email", "a@b.ru")
YESTERDAY = (today() - timedelta(days=1)).isoformat()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("manual")


@pytest.fixture(scope="module")
def emulated() -> Iterator[list[EmulatedRegister]]:
    """Every emulated register that a server brings along, so that a test can look into its drive."""
    made: list[EmulatedRegister] = []
    emulate = makes.emulate

    def noted(*arguments: Any, **more: Any) -> EmulatedRegister:
        made.append(emulate(*arguments, **more))
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(makes, "emulate", noted)
        yield made


@pytest.fixture(scope="module")
def server(folder: Path, emulated: list[EmulatedRegister]) -> Iterator[Server]:
    server = Server(parse_config(CONFIG, "test", folder), folder / "ports")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def shop(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=20, verify=False) as client:
        yield client


def run(*arguments: str) -> int:
    try:
        return main(("receipt", *arguments))
    except SystemExit as ended:
        assert isinstance(ended.code, int)
        return ended.code


def in_the_drive(shop: httpx.Client, emulated: list[EmulatedRegister], key: str) -> dict[int, Any]:
    """The fields of the document that was made of it; exactly one."""
    end = time.monotonic() + 15
    while shop.get(f"/receipts/{key}").json()["document"] is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    register: Any = emulated[-1].emulator
    memory = register.drive
    found = [
        memory.find(number).tlv
        for number in range(1, memory.last_document + 1)
        if memory.find(number).form in (3, 31)
    ]
    (mine,) = [tlv for tlv in found if mark(key) in marks_in(walk(tlv[4:]))]
    return dict(decode(mine).fields)


def key_in(text: str) -> str:
    found = re.search(r"manual-[0-9a-f]{16}", text)
    assert found, text
    return found[0]


# --- the command -------------------------------------------------------------------------------------------------------------


def test_without_a_word_more_it_only_checks_and_shows(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*TEA) == 0
    text = capsys.readouterr().out
    assert text.startswith("fine: sale, 1 items, 399.80 roubles\n")
    for line in ("2 x 199.90", "TOTAL", "cashless", "VAT 10%", "36.35", "a@b.ru"):
        assert line in text


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "give a FILE, or lines with --item"),
        (("x.json", "--item", "Tea;1"), 2, "give a FILE, or lines with --item"),
        (("--item", "Tea"), 2, "'Tea' is not NAME;PRICE"),
        (("--item", "Tea;1.001", "--email", "a@b.ru"), 3, "items[0].price"),
        (("--item", "Tea;1"), 3, "buyer"),
        (("--item", "Tea;1;1;3%", "--email", "a@b.ru"), 3, "items[0].vat"),
        ((*TEA, "--cash", "1"), 3, "payments"),
        ((*TEA, "--type", "gift"), 3, "type"),
        ((*TEA, "--sign", "12"), 2, "only with --corrects"),
        ((*TEA, "--corrects", "2999-01-01"), 3, "correction.date"),
        ((*TEA, "--send"), 2, "--person and --reason"),
        ((*TEA, "--send", "--person", "I", "--reason", " "), 2, "--person and --reason"),
        ((*TEA, "--send", "--journal", "j", *HAND), 2, "give one of them"),
        ((*TEA, "--journal", "j", *HAND), 2, "give --config"),
        ((*TEA, "--send", "--server", "http://127.0.0.1:1", *HAND), 1, "is `fiscal serve` running there?"),
    ],
)
def test_mistakes(
    arguments: tuple[str, ...], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == code
    error = capsys.readouterr().err
    assert says in error and "Traceback" not in error


def test_a_sale_by_hand_is_made_once_however_often_the_command_is_run(
    server: Server, shop: httpx.Client, emulated: list[EmulatedRegister], capsys: pytest.CaptureFixture[str]
) -> None:
    for said in ("accepted: ", "known already: "):
        assert run(*TEA, "--send", "--server", server.url, *HAND) == 0
        text = capsys.readouterr().out
        assert said in text and re.search(r"(recorded|sent|confirmed) at kkt1, document \d+, sign \d+", text)
    key = key_in(text)
    fields = in_the_drive(shop, emulated, key)
    assert fields[1021] == "Ivanova A."
    assert shop.get(f"/receipts/{key}").json()["manual"] == {
        "person": "Ivanova A.",
        "reason": "order 17, the site was down",
    }
    assert run(*TEA, "--send", "--server", server.url, *HAND, "--key", "another") == 0
    assert "accepted: another" in capsys.readouterr().out


def test_a_return_and_a_correction_by_hand(
    server: Server, shop: httpx.Client, emulated: list[EmulatedRegister], capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(*TEA, "--type", "sale_return", "--cash", "399.80", "--send", "--server", server.url, *HAND) == 0
    )
    fields = in_the_drive(shop, emulated, key_in(capsys.readouterr().out))
    assert (fields[1054], fields[1031]) == (2, 39_980)
    correction = ("--corrects", YESTERDAY, "--order", "17/3")
    assert run(*TEA, *correction, "--send", "--server", server.url, *HAND) == 0
    text = capsys.readouterr().out
    assert "Correction: sale" in text and "by order 17/3 of the tax office" in text
    fields = in_the_drive(shop, emulated, key_in(text))
    assert (fields[1054], fields[1173]) == (1, 1)


def test_nobody_is_asked_where_nobody_is(
    server: Server,
    shop: httpx.Client,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = shop.get("/receipts").json()["counts"]
    ask = (*TEA, "--send", "--server", server.url, "--person", "P", "--reason", "asked")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert run(*ask) == 2
    assert "say --yes" in capsys.readouterr().err

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for word, code in (("n\n", 1), ("\n", 1), ("", 1), ("yes\n", 0)):
        assert shop.get("/receipts").json()["counts"] == before
        monkeypatch.setattr("sys.stdin", Terminal(word))
        assert run(*ask) == code
    assert "[y/N]" in capsys.readouterr().out


def test_the_server_says_what_is_wrong(
    server: Server, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    wrong = tmp_path / "receipt.json"
    item = {"name": "Tea", "price": "1", "vat": "none"}
    wrong.write_text(json.dumps({"items": [item], "buyer": {"email": "a@b.ru"}, "entity": "7707083893"}))
    assert run(str(wrong), "--send", "--server", server.url, *HAND) == 3
    assert "no register belongs to this seller" in capsys.readouterr().err
    long = ("--person", "P" * 65, "--reason", "r", "--yes")
    assert run(*TEA, "--send", "--server", server.url, *long) == 3
    assert "manual.person" in capsys.readouterr().err


def test_into_the_journal_of_a_stopped_server(
    tmp_path: Path, emulated: list[EmulatedRegister], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shop.toml").write_text(CONFIG)
    config = parse_config(CONFIG, "test", tmp_path)
    server = Server(config, tmp_path / "ports")
    server.start()
    path = str(config.journal.path)
    into = (*TEA, "--journal", path, "--config", str(tmp_path / "shop.toml"), *HAND)
    assert run(*into) == 1
    assert "in use by another engine" in capsys.readouterr().err
    server.stop()
    for said in ("in the journal: ", "known already: "):
        assert run(*into) == 0
        assert said in capsys.readouterr().out
    assert run("--item", "Coffee;1", *into[2:], "--key", "k") == 0
    assert run("--item", "Coffee;2", *into[2:], "--key", "k") == 1
    text = capsys.readouterr()
    assert "conflict" in text.err
    journal = SqliteJournal(path)
    accepted = [record for record in journal.records() if record.kind == "accepted"]
    journal.close()
    assert [(record.person, record.why) for record in accepted] == [  # type: ignore[union-attr]
        ("Ivanova A.", "order 17, the site was down")
    ] * 2
    server = Server(config, tmp_path / "ports")
    server.start()
    try:
        with httpx.Client(base_url=server.url, timeout=20, verify=False) as shop:
            assert in_the_drive(shop, emulated, "k")[1021] == "Ivanova A."
            assert shop.get("/receipts/k").json()["manual"]["reason"].startswith("order 17")
    finally:
        server.stop()
        del emulated[-2:]  # the other tests look into the drive of the server they share
    missing = (*TEA, "--journal", str(tmp_path / "no"), "--config", str(tmp_path / "shop.toml"), *HAND)
    assert run(*missing) == 1
    assert not (tmp_path / "no").exists()


# --- the page ----------------------------------------------------------------------------------------------------------------


FILLED = {
    "person": "Petrov <b>",
    "reason": "the courier's terminal broke",
    "type": "sale",
    "name": ["Tea & cake", "", "Milk"],
    "price": ["100", "", "50.50"],
    "quantity": ["2", "", ""],
    "vat": ["none", "none", "10%"],
    "method": ["full_settlement"] * 3,
    "cash": "250.50",
    "email": "a@b.ru",
}


def hidden(page: str) -> list[tuple[str, str]]:
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return [(name, html.unescape(value)) for name, value in found]


def post(shop: httpx.Client, fields: list[tuple[str, str]], step: str) -> httpx.Response:
    data: dict[str, Any] = {"step": step}
    for name, value in fields:
        data.setdefault(name, []).append(value)
    return shop.post("/manual", data=data)


def filled(shop: httpx.Client, **changes: Any) -> httpx.Response:
    ((_, key),) = hidden(shop.get("/manual").text)
    return shop.post("/manual", data={**FILLED, **changes, "key": key, "step": "check"})


def test_fill_in_look_confirm(shop: httpx.Client, emulated: list[EmulatedRegister]) -> None:
    look = filled(shop)
    assert look.status_code == 200
    assert "Tea &amp; cake" in look.text and "250.50" in look.text and "Petrov &lt;b&gt;" in look.text
    assert "<script" not in look.text and "<b>:" not in look.text
    fields = hidden(look.text)
    key = dict(fields)["key"]
    assert shop.get(f"/receipts/{key}").status_code == 404, "shown only"
    again = post(shop, fields, "edit")
    assert 'value="50.50"' in again.text and f'value="{key}"' in again.text
    for _ in range(2):  # pressed twice
        made = post(shop, fields, "make")
        assert made.status_code == 303 and made.headers["location"] == f"/manual/{key}"
    document = in_the_drive(shop, emulated, key)
    assert (document[1020], document[1031], document[1021]) == (25_050, 25_050, "Petrov <b>")
    page = shop.get(f"/manual/{key}").text
    assert "Petrov &lt;b&gt;: the courier&#x27;s terminal broke" in page and "document" in page.lower()


def test_take_it_back(shop: httpx.Client, emulated: list[EmulatedRegister]) -> None:
    fields = hidden(filled(shop).text)
    key = dict(fields)["key"]
    post(shop, fields, "make")
    in_the_drive(shop, emulated, key)
    page = shop.get("/manual", params={"takes_back": key}).text
    assert '<option value="sale_return" selected>' in page and 'value="Tea &amp; cake"' in page
    back = {**FILLED, "type": "sale_return"}
    ((_, another),) = hidden(page)
    assert another != key
    look = shop.post("/manual", data={**back, "key": another, "step": "check"})
    post(shop, hidden(look.text), "make")
    assert in_the_drive(shop, emulated, another)[1054] == 2
    assert "no receipt with key" in shop.get("/manual?takes_back=nobody").text


def test_a_correction_on_the_page(shop: httpx.Client, emulated: list[EmulatedRegister]) -> None:
    fields = hidden(filled(shop, corrects=YESTERDAY, sign="4242").text)
    post(shop, fields, "make")
    assert in_the_drive(shop, emulated, dict(fields)["key"])[1173] == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"person": " "}, "manual.person"),
        ({"reason": "r" * 201}, "manual.reason"),
        ({"name": ["", "", ""], "price": ["", "", ""]}, "items"),
        ({"cash": "1"}, "payments"),
        ({"price": ["x", "", "1"]}, "items[0].price"),
        ({"entity": "7707083893"}, "no register belongs to this seller"),
        ({"corrects": "soon"}, "correction.date"),
        ({"order": "17"}, "correction.date"),
    ],
)
def test_what_is_wrong_is_said_on_the_form(shop: httpx.Client, change: dict[str, Any], says: str) -> None:
    answer = filled(shop, **change)
    assert answer.status_code == 422
    assert says in answer.text
    assert "Milk" in answer.text or "name" in change, "what was written is kept"
    assert "Show what will be made" in answer.text


def test_what_is_no_form(server: Server, shop: httpx.Client) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert shop.post("/manual", json={}).status_code == 415
    assert shop.post("/manual", content=b"\xff=1", headers=form).status_code == 422
    assert shop.post("/manual", content=b"&".join([b"name=x"] * 500), headers=form).status_code == 422
    assert shop.post("/manual", content=b"a=" + b"x" * (2 << 20), headers=form).status_code == 413
    foreign = {**form, "Origin": "https://evil.example"}
    assert shop.post("/manual", content=b"step=make", headers=foreign).status_code == 403
    assert shop.get("/manual/nobody").status_code == 404


def test_a_dry_run(shop: httpx.Client) -> None:
    body = {"items": [{"name": "Tea", "price": "1"}], "buyer": {"email": "a@b.ru"}}
    before = shop.get("/receipts").json()
    shown = shop.post("/receipts/check", json=body).json()
    assert shown["total"] == "1.00" and any("TOTAL" in line for line in shown["preview"])
    answer = shop.post("/receipts/check", json={**body, "buyer": {}})
    assert (answer.status_code, answer.json()["problems"][0]["field"]) == (422, "buyer")
    assert shop.get("/receipts").json() == before


def test_every_page_leads_to_every_other(shop: httpx.Client) -> None:
    for path in ("/", "/z-reports?format=page", "/manual"):
        links = re.findall(r"<nav>(.*?)</nav>", shop.get(path).text)[0]
        for address in re.findall(r'href="([^"]*)"', links):
            assert shop.get(address).status_code == 200, address
