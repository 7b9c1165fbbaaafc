"""A register behind a web server, live: the engine drives it over real HTTP, while others speak with it as well."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from fiscal.cli import main
from fiscal.live.config import ConfigError, parse_config
from fiscal.live.converse import converse
from fiscal.live.links import open_link, split_tcp
from fiscal.live.serve import Server
from fiscal.live.web_endpoint import MOST_CLIENTS
from fiscal.makes import MAKES, Setup
from fiscal.registers.atol_web.messages import Reader, Request, Response
from fiscal.registers.conversation import Seen, Settings

BODY: dict[str, Any] = {
    "items": [{"name": "Tea", "price": "199.90"}],
    "buyer": {"email": "buyer@example.org"},
}
CONFIG = """\
[shop]
entity = "7700000009"
site = "shop.example"
taxation = "general"
[http]
port = 0
[engine]
close_at = []
[log]
trace = "trace.log"
[[registers]]
name = "kkt1"
make = "atol"
protocol = "web"
account = "kassa:secret"
emulate = { device = "atol-55f", speed = 50 }
"""
KASSA = ("kassa", "secret")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("web")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    server = Server(parse_config(CONFIG, "test", folder), folder / "ports")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def shop(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=10, verify=False) as client:
        yield client


@pytest.fixture
def web(server: Server) -> Iterator[httpx.Client]:
    """Another client of the web server."""
    host, port = split_tcp(server.addresses["kkt1"])
    with httpx.Client(base_url=f"http://{host}:{port}", timeout=20, auth=KASSA) as client:
        yield client


def recorded(shop: httpx.Client, key: str) -> dict[str, Any]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        shown: dict[str, Any] = shop.get(f"/receipts/{key}").json()
        if shown["status"] not in ("queued", "assigned", "printing"):
            return shown
        time.sleep(0.02)
    raise AssertionError(shown)


def done(web: httpx.Client, uuid: str) -> list[dict[str, Any]]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        results: list[dict[str, Any]] = web.get(f"/api/v2/requests/{uuid}").json()["results"]
        if all(result["status"] not in ("wait", "inProgress") for result in results):
            return results
        time.sleep(0.02)
    raise AssertionError(results)


def test_receipts_go_through_the_web_server_into_the_drive(shop: httpx.Client, web: httpx.Client) -> None:
    for number in range(3):
        assert shop.post("/receipts", json={**BODY, "key": f"order-{number}"}).status_code == 202
    documents = [recorded(shop, f"order-{number}")["document"] for number in range(3)]
    assert len({document["number"] for document in documents}) == 3
    task = {"type": "getFnDocument", "fiscalDocumentNumber": documents[0]["number"]}
    assert web.post("/api/v2/requests", json={"uuid": "look", "request": task}).status_code == 201
    (result,) = done(web, "look")
    stored = result["result"]["documentTLV"]
    assert (stored["1020"], stored["1008"]) == (199.9, "buyer@example.org")
    assert int(stored["1077"][4:], 16) == int(documents[0]["sign"])
    assert shop.post("/receipts", json={**BODY, "key": "order-0"}).status_code == 200


def test_the_page_of_registers_shows_it(shop: httpx.Client, server: Server) -> None:
    (register,) = shop.get("/registers").json()["registers"]
    assert register["name"] == "kkt1"
    assert server.addresses["kkt1"].startswith("http://127.0.0.1:")


def test_others_use_it_at_the_same_time(shop: httpx.Client, web: httpx.Client, server: Server) -> None:
    host, port = split_tcp(server.addresses["kkt1"])
    idle = [socket.create_connection((host, port)) for _ in range(5)]
    idle[0].sendall(b"POST /api/v2/requests HTTP/1.1\r\n")  # and no more
    for number in range(10, 13):
        shop.post("/receipts", json={**BODY, "key": f"order-{number}"})
        assert web.post("/api/v2/operations/queryShiftStatus", json={}).json()["shiftStatus"]["number"] >= 1
    assert all(recorded(shop, f"order-{number}")["document"] for number in range(10, 13))
    idle[1].sendall(b"nonsense\r\n\r\n")
    assert idle[1].recv(4096).startswith(b"HTTP/1.1 400 ")
    assert idle[1].recv(100) == b"", "it hung up"
    for line in idle:
        line.close()


def test_who_does_not_say_who_he_is_gets_nothing(server: Server) -> None:
    host, port = split_tcp(server.addresses["kkt1"])
    assert httpx.get(f"http://{host}:{port}/api/v2/requests/x").status_code == 401
    assert httpx.get(f"http://{host}:{port}/api/v2/requests/x", auth=("kassa", "other")).status_code == 401


def test_more_clients_than_there_is_room_for(server: Server, web: httpx.Client) -> None:
    host, port = split_tcp(server.addresses["kkt1"])
    crowd = [socket.create_connection((host, port)) for _ in range(MOST_CLIENTS + 10)]
    turned_away = 0
    for line in crowd:
        line.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            turned_away += line.recv(1) == b""
        line.close()
    assert turned_away >= 10
    assert web.get("/api/v2/serverInfo").status_code == 200


def test_the_trace_tells_it_without_people_and_passwords(shop: httpx.Client, folder: Path) -> None:
    text = (folder / "trace.log").read_text(encoding="utf-8")
    assert "| POST /api/v2/requests sell as " in text and "ready, document " in text
    for secret in (b"buyer@example.org", b"Basic a2Fzc2E6c2VjcmV0"):
        assert secret.decode() not in text and secret.hex(" ") not in text


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (('"kassa:secret"', '"kassa"'), "account: expected USER:PASSWORD"),
        (('protocol = "web"', 'protocol = "v3"'), "account: only a web server"),
        (
            ('emulate = { device = "atol-55f", speed = 50 }', 'address = "/dev/ttyUSB0"'),
            "is reached at http://HOST:PORT",
        ),
    ],
)
def test_a_configuration_that_makes_no_sense(change: tuple[str, str], why: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=why):
        parse_config(CONFIG.replace(*change), "test", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("atol-web", "--tcp", "0.0.0.0:0"), "reachable from outside"),
        (("atol", "--protocol", "web", "--pty", "x"), "listens on TCP"),
        (("atol", "--account", "a:b", "--port", "0"), "only a web server"),
        (("atol-web", "--account", "a", "--port", "0"), "USER:PASSWORD"),
        (("shtrih", "--protocol", "web", "--port", "0"), "not 'web'"),
    ],
)
def test_a_command_that_makes_no_sense(
    arguments: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["emulate", *arguments]) == 2
    assert why in capsys.readouterr().err


def test_the_command_serves_until_it_is_stopped() -> None:
    command = [sys.executable, "-m", "fiscal", "emulate", "atol-web", "--port", "0", "--speed", "100"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    ready = process.stdout.readline()
    url = ready.rpartition(" ")[2].strip()
    with httpx.Client(base_url=url, timeout=20) as web:
        task = {"type": "openShift", "operator": {"name": "Иванова А."}}
        assert web.post("/api/v2/requests", json={"uuid": "a", "request": [task]}).status_code == 201
        (result,) = done(web, "a")
        assert result["result"]["fiscalParams"]["fiscalDocumentNumber"] == 2
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()


class Closing:
    """A way to the web server that ends every connection after one answer, as some servers do."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with client, socket.create_connection(("127.0.0.1", self._port)) as server:
                (request,) = self._whole(client, Reader())
                server.sendall(bytes(request))
                (answer,) = self._whole(server, Reader(responses=True))
                assert isinstance(answer, Response)
                client.sendall(bytes(replace(answer, last=True)))

    @staticmethod
    def _whole(line: socket.socket, reader: Reader) -> list[Request | Response]:
        while not (found := list(reader.feed(line.recv(65_536)))):
            pass
        return found


def test_a_server_that_ends_its_connections_is_called_anew(server: Server) -> None:
    way = Closing(split_tcp(server.addresses["kkt1"])[1])
    address = f"http://127.0.0.1:{way.listener.getsockname()[1]}"
    link = open_link(address)
    setup = Setup(protocol="web", account="kassa:secret")
    driver = MAKES["atol"].driver(Settings(), setup)
    assert isinstance(converse(link, driver.probe()), Seen)
    assert isinstance(converse(link, driver.probe()), Seen)
    assert way.connections > 10
    link.close()
    way.listener.close()


def test_probing_it_by_command(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    address = server.addresses["kkt1"]
    web = ("--make", "atol", "--protocol", "web")
    assert main(["probe", address, *web, "--account", "kassa:secret"]) == 0
    assert "АТОЛ 55Ф" in capsys.readouterr().out
    assert main(["probe", address, *web]) == 1
    assert "check the account" in capsys.readouterr().err
    assert main(["probe", address, "--make", "atol"]) == 2
    assert main(["probe", address.replace("http", "tcp"), *web]) == 2
    assert main(["probe", address, *web, "--account", "x"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3 and all(
        "HTTP" in line or "http" in line or "USER:PASSWORD" in line for line in said
    )
