"""The operator and the registers' way to him, live: real sockets, a store on disk, the process killed while documents come in."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ofd_world import make_server, shift

from fiscal.cli import main
from fiscal.emulators.operator_port import DrivePort
from fiscal.live.operator_file import read_store
from fiscal.live.operator_host import OperatorHost
from fiscal.live.operator_line import carry
from fiscal.ofd import read_message

ENV = {**os.environ, "PYTHONUNBUFFERED": "1"}


class Command:
    """A command of ours in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fiscal", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=ENV,
        )
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline()

    @property
    def port(self) -> int:
        found = re.search(r":(\d+)\s*$", self.ready)
        assert found, self.ready or (self.process.stderr.read() if self.process.stderr else "")
        return int(found[1])

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(10)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return code


@pytest.fixture
def commands() -> Iterator[Callable[..., Command]]:
    started: list[Command] = []

    def start(*arguments: str) -> Command:
        started.append(Command(*arguments))
        return started[-1]

    yield start
    for one in started:
        one.stop(signal.SIGKILL)


def until(condition: Callable[[], Any], limit_s: float = 15.0) -> Any:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def documents(store: Path) -> list[tuple[str, int]]:
    return [(one.drive, one.document) for one in read_store(store)] if store.exists() else []


def test_a_document_is_on_disk_before_it_is_confirmed_whenever_the_operator_is_killed(
    tmp_path: Path, commands: Callable[..., Command]
) -> None:
    store = tmp_path / "ofd.sqlite"
    drive = shift(8)
    port = DrivePort(drive)
    confirmed = 0
    for life in range(6):
        operator = commands(
            "emulate", "ofd", "--tcp", "127.0.0.1:0", "--store", str(store), "--delay", "0.02", "--no-control"
        )
        pid, where = operator.process.pid, operator.port
        for _ in range(2):
            message = port.message()
            if message is None:
                break
            carried = carry("127.0.0.1", where, message, reply_s=5)
            assert carried.answer, carried
            port.accept(read_message(carried.answer), 1_790_000_500)
            confirmed += 1
        message = port.message()
        if message is not None:  # killed with a document half sent, whole, or answered
            with socket.create_connection(("127.0.0.1", where)) as line:
                line.sendall(message[: len(message) * (life + 1) // 6])
                time.sleep(0.03 * (life % 3))
                os.kill(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
        operator.process.wait(5)
        kept = [number for _, number in documents(store)]
        assert kept == list(range(1, len(kept) + 1)), "in order, each once"
        assert len(kept) >= confirmed, "what was confirmed is there"
    by_number = {one.document: one.tlv for one in read_store(store)}
    assert confirmed == 11 and all(by_number[n] == drive.find(n).tlv for n in range(1, confirmed + 1))


def test_a_duplicate_gets_the_same_bytes_after_a_restart(
    tmp_path: Path, commands: Callable[..., Command]
) -> None:
    store = tmp_path / "ofd.sqlite"
    message = DrivePort(shift(1)).message()
    assert message is not None
    answers = []
    for _ in range(2):
        operator = commands("emulate", "ofd", "--tcp", "127.0.0.1:0", "--store", str(store))
        answers.append(carry("127.0.0.1", operator.port, message).answer)
        assert operator.stop() == 0
    assert answers[0] and answers[0] == answers[1]
    assert len(documents(store)) == 1


def test_an_emulated_register_sends_by_itself(
    tmp_path: Path, commands: Callable[..., Command], capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "ofd.sqlite"
    operator = commands("emulate", "ofd", "--tcp", "127.0.0.1:0", "--store", str(store), "--delay", "0")
    where = f"127.0.0.1:{operator.port}"
    makes = ("shtrih", "atol")
    registers = [
        commands("emulate", make, "--tcp", "127.0.0.1:0", "--ofd", where, "--name", make) for make in makes
    ]
    until(lambda: len(documents(store)) == 2)  # the registration report of each
    for register, make in zip(registers, makes, strict=True):
        address = f"tcp://127.0.0.1:{register.port}"
        assert main(["probe", address, "--make", make]) == 0
        assert "not at operator 0" in capsys.readouterr().out
        assert main(["relay", address, "--ofd", where, "--make", make]) == 0
        assert "nothing waits" in capsys.readouterr().out
    assert main(["ofd", str(store), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["documents"] for row in rows] == [1, 1]


@pytest.mark.parametrize("make", ["shtrih", "atol"])
def test_documents_of_a_register_without_a_network_are_carried_by_hand(
    make: str, tmp_path: Path, commands: Callable[..., Command], capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "ofd.sqlite"
    operator = commands("emulate", "ofd", "--tcp", "127.0.0.1:0", "--store", str(store))
    register = commands("emulate", make, "--tcp", "127.0.0.1:0", "--no-network")
    address, where = f"tcp://127.0.0.1:{register.port}", f"127.0.0.1:{operator.port}"
    assert main(["probe", address, "--make", make]) == 0
    assert "not at operator 1, from 1" in capsys.readouterr().out
    assert main(["relay", address, "--ofd", where, "--make", make]) == 0
    assert "1 documents carried" in capsys.readouterr().out
    drive = documents(store)[0][0]
    assert main(["ofd", str(store), "--drive", drive, "--document", "1"]) == 0
    assert "1037" in capsys.readouterr().out


def test_what_is_asked_wrongly_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "no.sqlite"
    wrong.write_text("hello")
    for arguments, said in (
        (["emulate", "ofd", "--pty", str(tmp_path / "x")], "give --tcp HOST:PORT"),
        (["emulate", "ofd", "--tcp", "nowhere"], "expected tcp://HOST:PORT"),
        (["emulate", "ofd", "--tcp", "127.0.0.1:0", "--store", str(wrong)], "cannot be used"),
        (["ofd", str(tmp_path / "missing")], "no such file"),
        (["ofd", str(tmp_path / "missing"), "--document", "1"], "--document needs --drive"),
        (["emulate", "shtrih", "--tcp", "127.0.0.1:0", "--ofd", "x"], "--ofd: 'x'"),
    ):
        assert main(arguments) in (1, 2)
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1


def test_network_and_operator_are_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = listener.getsockname()[1]
    gone = carry("127.0.0.1", nobody, b"x")
    assert not gone.connected and gone.problem.startswith("no connection to the operator")
    server = make_server(reply_us=0)
    server.unpaid.add("7701234567")
    host = OperatorHost(server, "127.0.0.1", 0).start()
    try:
        message = DrivePort(shift(1)).message()
        assert message is not None
        port = int(host.address.rpartition(":")[2])
        unpaid = carry("127.0.0.1", port, message)
        assert unpaid.connected and unpaid.problem == "the operator closed the connection"
        server.unpaid.clear()
        assert carry("127.0.0.1", port, message).answer
    finally:
        host.stop()


def test_the_engine_carries_documents_while_it_prints(
    tmp_path: Path, commands: Callable[..., Command]
) -> None:
    """One register sends by itself, the other has no network; the operator's answers take their time, and the engine is killed once."""
    store = tmp_path / "ofd.sqlite"
    operator = commands("emulate", "ofd", "--tcp", "127.0.0.1:0", "--store", str(store), "--delay", "0.1")
    where = f"127.0.0.1:{operator.port}"
    config = tmp_path / "shop.toml"
    config.write_text(f"""
[shop]
entity = "7700000009"
site = "shop.example"
taxation = "general"
[http]
port = 0
[engine]
policy = "round_robin"
probe_s = 1
[operator]
address = "{where}"
[[registers]]
name = "carried"
relay = true
emulate = {{ speed = 50, drive = "carried.sqlite" }}
[[registers]]
name = "own"
make = "atol"
emulate = {{ device = "atol-42fs", speed = 50, drive = "own.sqlite", ofd = "{where}" }}
""")

    def call(server: Command, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            server.ready.split()[-1] + path,
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def statuses(server: Command) -> set[str]:
        return {call(server, f"/receipts/k{n}")["status"] for n in range(8)}

    server = commands("serve", str(config))
    for n in range(8):
        goods = [{"name": "Tea", "price": "199.90"}]
        call(server, "/receipts", {"key": f"k{n}", "items": goods, "buyer": {"email": "b@example.org"}})
    until(lambda: not statuses(server) & {"queued", "printing", "assigned"})
    server.stop(signal.SIGKILL)
    server = commands("serve", str(config))
    until(lambda: statuses(server) == {"confirmed"}, 30)
    assert server.stop() == 0
    kept = documents(store)
    assert len(kept) == len(set(kept)) == 2 + 2 + 8  # registrations, openings of shifts, receipts
    for drive in {drive for drive, _ in kept}:
        numbers = [number for of, number in kept if of == drive]
        assert numbers == sorted(numbers)
