"""Z- and X-reports over a real socket, with emulated registers of both makes behind it."""

from __future__ import annotations

import csv
import io
import json
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fiscal.cli import main
from fiscal.engine.records import ShiftEnded
from fiscal.journal import SqliteJournal
from fiscal.live.config import parse_config
from fiscal.live.serve import Server
from fiscal.live.z_chart import day_bars, running_lines
from fiscal.watch.z_reports import Book
from fiscal.watch.z_tables import days

CONFIG = """\
[shop]
entity = "7700000009"
site = "shop.example"
taxation = "general"
z_link = "https://ofd.example/{registration}/{drive}/{document}"
[http]
port = 0
[engine]
close_at = []
policy = "round_robin"
[[registers]]
name = "kkt1"
seed = 0
emulate = { speed = 1000 }
[[registers]]
name = "kkt2"
make = "atol"
emulate = { device = "atol-22ptk", speed = 1000 }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("z")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    server = Server(parse_config(CONFIG, "test", folder), folder / "ports")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def shop(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=20, verify=False) as client:
        yield client


@pytest.fixture(scope="module")
def sold(shop: httpx.Client) -> httpx.Client:
    """A shift on each register, with returns; then one receipt more."""
    for number in range(6):
        sell(shop, f"s{number}", "100.50", {"cash": "40.50", "cashless": "60"})
    for number in range(2):
        sell(shop, f"r{number}", "10", {"cash": "10"}, type="sale_return")
    for name in ("kkt1", "kkt2"):
        close(shop, name)
    sell(shop, "next day", "7", {"cashless": "7"})
    return shop


def sell(shop: httpx.Client, key: str, price: str, payments: dict[str, str], **more: Any) -> None:
    body = {
        "key": key,
        "items": [{"name": "Tea", "price": price}],
        "payments": payments,
        "buyer": {"email": "a@b.ru"},
        **more,
    }
    assert shop.post("/receipts", json=body).status_code == 202
    until(lambda: shop.get(f"/receipts/{key}").json()["status"] in ("recorded", "sent", "confirmed"))


def close(shop: httpx.Client, name: str) -> None:
    shop.post(f"/registers/{name}/close-shift")
    until(
        lambda: all(
            one["shift"]["state"] == "closed"
            for one in shop.get("/registers").json()["registers"]
            if one["name"] == name
        )
    )


def until(holds: Any) -> None:
    end = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_reports_of_both_makes(sold: httpx.Client) -> None:
    shown = sold.get("/z-reports").json()
    assert [(row["register"], row["number"], row["receipts"]) for row in shown["z_reports"]] == [
        ("kkt1", 1, 4),
        ("kkt2", 1, 4),
    ]
    for row in shown["z_reports"]:
        assert (row["sale_cash"], row["sale_cashless"]) == ("121.50", "180.00")
        assert (row["return_cash"], row["return_cashless"]) == ("10.00", "0.00")
        assert (row["sum"], row["running_sales"], row["running_returns"]) == ("291.50", "301.50", "10.00")
        assert (row["first_document"], row["document"], row["taxation"]) == (2, 7, "general")
        assert row["sign"] and len(row["drive"]) == 16 and row["registration"].strip()
        assert row["link"] == (
            f"https://ofd.example/{row['registration'].strip()}/{row['drive']}/7" if row["registered"] else ""
        )
    assert [row["checked"] for row in shown["z_reports"]] == ["agrees", "partly"]
    (day,) = shown["days"]
    assert (day["reports"], day["receipts"], day["sum"]) == (2, 8, "583.00")
    assert (day["sale_cash"], day["return_cash"]) == ("243.00", "20.00")


def test_what_is_wanted_of_them(sold: httpx.Client) -> None:
    def numbers(**wanted: str) -> list[str]:
        answer = sold.get("/z-reports", params=wanted)
        assert answer.status_code == 200, answer.text
        return [row["register"] for row in answer.json()["z_reports"]]

    day = sold.get("/z-reports").json()["days"][0]["date"]
    assert numbers(register="kkt2") == ["kkt2"]
    assert numbers(**{"from": day, "to": day}) == ["kkt1", "kkt2"]
    assert numbers(**{"from": "2999-01-01"}) == numbers(to="2000-01-01") == numbers(register="nobody") == []
    assert numbers(limit="1") == ["kkt2"]
    for wrong in (
        {"from": "yesterday"},
        {"to": "2026-1-1"},
        {"limit": "0"},
        {"limit": "²"},
        {"format": "xls"},
        {"registers": "kkt1"},
    ):
        answer = sold.get("/z-reports", params=wrong)
        assert answer.status_code == 422
        assert answer.json()["error"].startswith(next(iter(wrong)))


def test_as_csv(sold: httpx.Client) -> None:
    answer = sold.get("/z-reports?format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [line["sum"] for line in lines] == ["291.50", "291.50"]


def test_as_a_page(sold: httpx.Client) -> None:
    answer = sold.get("/z-reports", headers={"Accept": "text/html,*/*"})
    assert answer.headers["content-type"].startswith("text/html")
    page = answer.text
    for text in ("291.50", "returned 10.00", "2 to 7", "kkt2", "2 reports, none differs"):
        assert text in page
    assert "<script" not in page
    charts = ["<svg" + part.partition("</svg>")[0] + "</svg>" for part in page.split("<svg")[1:]]
    assert [len(ET.fromstring(chart).findall("rect")) for chart in charts] == [3 + 2, 0]
    assert [len(ET.fromstring(chart).findall("polyline")) for chart in charts] == [0, 2]
    assert 'href="/z-reports"' in sold.get("/").text


@pytest.mark.parametrize("name", ["kkt1", "kkt2"])
def test_an_x_report(sold: httpx.Client, name: str) -> None:
    answer = sold.post(f"/registers/{name}/x-report")
    assert answer.status_code == 200
    shown = answer.json()
    # the receipt after the Z-reports went to one of them
    count, cashless = shown["sale"]["receipts"], shown["sale"]["cashless"]
    assert (count, cashless) in ((0, "0.00"), (1, "7.00"))
    assert shown["running"]["sale"] == ("301.50" if count == 0 else "308.50")
    assert shown["agrees"] is True and shown["remarks"] == ""
    assert sold.post(f"/registers/{name}/x-report?paper=true").json()["sale"] == shown["sale"]


def test_the_receipts_of_a_shift(sold: httpx.Client) -> None:
    def keys(name: str, shift: str) -> list[str]:
        answer = sold.get(f"/registers/{name}/shifts/{shift}/receipts")
        assert answer.status_code == 200, answer.text
        return [one["key"] for one in answer.json()["receipts"]]

    both = [keys(name, "1") for name in ("kkt1", "kkt2")]
    assert sorted(both[0] + both[1]) == sorted([*(f"s{n}" for n in range(6)), "r0", "r1"])
    for name, found in zip(("kkt1", "kkt2"), both, strict=True):
        shown = sold.get(f"/registers/{name}/shifts/1/receipts").json()["receipts"]
        assert [one["register"] for one in shown] == [name] * 4
        assert [one["document"]["number"] for one in shown] == [3, 4, 5, 6], found
    assert sorted(keys("kkt1", "open") + keys("kkt2", "open")) == ["next day"]
    for path, code in (
        ("kkt1/shifts/7", 404),
        ("kkt9/shifts/1", 404),
        ("kkt1/shifts/x", 422),
        ("kkt1/shifts/²", 422),
    ):
        assert sold.get(f"/registers/{path}/receipts").status_code == code
    links = re.findall(r'href="(/registers/[^"]*)"', sold.get("/z-reports?format=page").text)
    assert len(links) == 2 and all(sold.get(link).status_code == 200 for link in links)


def test_no_x_report_of_a_register_that_is_not_there(sold: httpx.Client) -> None:
    assert sold.post("/registers/kkt9/x-report").status_code == 404


def test_nothing_yet(tmp_path: Path) -> None:
    config = CONFIG.replace("emulate = { speed = 1000 }", 'address = "/dev/nothing-here"')
    server = Server(parse_config(config, "test", tmp_path), tmp_path / "ports")
    server.start()
    try:
        with httpx.Client(base_url=server.url, timeout=20, verify=False) as shop:
            assert shop.get("/z-reports").json() == {"z_reports": [], "days": []}
            assert "No Z-reports yet" in shop.get("/z-reports?format=page").text
            until(lambda: shop.get("/registers").json()["registers"][0]["state"] == "down")
            answer = shop.post("/registers/kkt1/x-report")
            assert answer.status_code == 409 and "is down" in answer.json()["error"]
    finally:
        server.stop()


def test_they_are_there_after_a_restart_and_a_difference_is_shown(sold: httpx.Client, tmp_path: Path) -> None:
    before = sold.get("/z-reports").json()["z_reports"]
    config = parse_config(CONFIG, "test", tmp_path)
    config.journal.path.parent.mkdir()
    # the same journal, but for one report that claims ten roubles more in cash
    server = Server(config, tmp_path / "ports")
    journal = SqliteJournal(config.journal.path)
    source = sold.get("/receipts?limit=1000").json()["counts"]
    assert source
    journal.append(_more_cash(before))
    journal.close()
    server.start()
    try:
        with httpx.Client(base_url=server.url, timeout=20, verify=False) as shop:
            (row,) = shop.get("/z-reports").json()["z_reports"]
            assert row["checked"] == "differs"
            page = shop.get("/z-reports?format=page").text
            assert "1 of 1 reports differ" in page
            assert "sales: 1 counted, 0 in the journal, cash 10.00, in the journal 0.00 (+10.00)" in page
    finally:
        server.stop()


def _more_cash(before: list[dict[str, Any]]) -> list[ShiftEnded]:
    row = before[0]
    sale = (1, 1000, 1000, 0, 0, 0, 0)
    return [
        ShiftEnded(
            "kkt1",
            row["drive"],
            1,
            4,
            1,
            (1000, 0, 0, 0),
            1_800_000_000_000_000,
            (*sale, *(0,) * 21),
            1000,
            (1000, 0, 0, 0),
            2,
            1,
            1_800_000_000,
            "1",
        )
    ]


def test_a_chart_of_many_registers_and_days_stays_within_its_frame() -> None:
    book = Book(
        ShiftEnded(
            f"kkt-{register}",
            f"{register:016}",
            day + 1,
            10 * (day + 1),
            1,
            (100_000 * day, 50, 0, 0),
            (day * 86_400 + register) * 1_000_000,
            (1, 100_000 * day, 0, 100_000 * day, 0, 0, 0, 1, 50, 50, *(0,) * 18),
            0,
            (50_000 * day * (day + 1) + register, 0, 0, 0),
        )
        for day in range(40)
        for register in range(30)
    )
    reports = book.rows()
    for chart in (day_bars(days(reports)), running_lines(reports)):
        svg = ET.fromstring(chart).find("svg")
        assert svg is not None
        _, _, width, height = map(float, svg.attrib["viewBox"].split())
        for mark in svg.iter():
            for name, limit in (("x", width), ("y", height), ("cx", width), ("cy", height)):
                assert 0 <= float(mark.attrib.get(name, 0)) <= limit


# --- the commands ------------------------------------------------------------------------------------------------------------


def run(*arguments: str) -> int:
    try:
        return main(arguments)
    except SystemExit as ended:
        assert isinstance(ended.code, int)
        return ended.code


def test_the_command_asks_the_server(
    server: Server, sold: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("z-reports", "--server", server.url) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["register", "number", "created"]
    assert lines[0].startswith("kkt1 ") and lines[0].endswith("agrees")
    assert lines[1].startswith("kkt2 ") and lines[2].strip().startswith("the first report")
    assert run("z-reports", "--server", server.url, "--format", "json", "--register", "kkt2") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row == sold.get("/z-reports").json()["z_reports"][1]
    assert run("z-reports", "--server", server.url, "--format", "csv") == 0
    assert capsys.readouterr().out.splitlines() == sold.get("/z-reports?format=csv").text.splitlines()


@pytest.mark.parametrize("name", ["kkt1", "kkt2"])
def test_the_command_shows_the_running_shift(
    server: Server, sold: httpx.Client, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("x-report", name, "--server", server.url) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"{name}, shift ") and "the journal has the same" in text
    assert run("x-report", name, "--server", server.url, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["running"]["sale"] in text


def test_the_command_reads_the_journal_of_a_stopped_server(
    sold: httpx.Client, server: Server, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = sold.get("/z-reports").json()["z_reports"]
    journal = SqliteJournal(tmp_path / "journal.sqlite")
    journal.append(_more_cash(rows))
    journal.close()
    (tmp_path / "shop.toml").write_text(CONFIG)
    path = str(tmp_path / "journal.sqlite")
    config = str(tmp_path / "shop.toml")
    assert run("z-reports", "--journal", path, "--config", config, "--format", "json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["checked"] == "differs" and "no report" not in row["remarks"]
    assert run("z-reports", "--journal", path, "--strict") == 1
    assert run("z-reports", "--journal", path, "--strict", "--to", "2000-01-01") == 0
    capsys.readouterr()
    assert run("z-reports", "--journal", str(folder / "var/journal.sqlite")) == 1
    assert "in use by another engine" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("z-reports", "--server", "http://127.0.0.1:1"), 1, "is `fiscal serve` running there?"),
        (("z-reports", "--server", "127.0.0.1"), 1, "is no address of a server"),
        (("z-reports", "--server", "http://h:x"), 1, "is no address of a server"),
        (("z-reports", "--from", "yesterday"), 2, "--from: 'yesterday' is no day"),
        (("z-reports", "--to", "2026-02-30"), 2, "--to: '2026-02-30' is no day"),
        (("z-reports", "--journal", "no.sqlite"), 1, "no.sqlite: no such file"),
        (("x-report",), 2, "NAME"),
    ],
)
def test_mistakes_are_one_line(
    arguments: tuple[str, ...],
    code: int,
    says: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == code
    error = capsys.readouterr().err
    assert says in error and "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_what_the_server_refuses_is_said(
    server: Server, sold: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("x-report", "kkt9", "--server", server.url) == 1
    assert "no register 'kkt9'; there are: kkt1, kkt2" in capsys.readouterr().err


def test_a_token_and_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = parse_config(CONFIG.replace("port = 0", 'port = 0\ntoken = "s3cret"'), "test", tmp_path)
    monkeypatch.delenv("FISCAL_TOKEN", raising=False)
    server = Server(config, tmp_path / "ports")
    server.start()
    try:
        assert run("z-reports", "--server", server.url) == 1
        assert "a token is required: set FISCAL_TOKEN" in capsys.readouterr().err
        monkeypatch.setenv("FISCAL_TOKEN", "s3cret")
        assert run("z-reports", "--server", server.url) == 0
        assert run("z-reports", "--server", f"{server.url}/elsewhere") == 1
    finally:
        server.stop()
