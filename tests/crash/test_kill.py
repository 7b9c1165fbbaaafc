"""Kill the engine at any moment: every acknowledged receipt is made, and made once.

The engine runs as a process of its own against emulated registers in other processes, whose drives are files. The test is the shop: it
submits over HTTP, repeats what was not answered, and counts, in the end, the documents in the drives.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from fiscal.emulators.drive import Stored
from fiscal.ffd import decode
from fiscal.journal import SqliteJournal
from fiscal.live.drive_file import DriveFile
from fiscal.receipt import mark

CLIENT = httpx.Client(verify=False)  # no certificates to load, for speed


@pytest.fixture(scope="module", autouse=True)
def client_closed() -> Iterator[None]:
    yield
    CLIENT.close()


RECEIPTS = frozenset((3, 4, 31, 41))
BODY = {
    "items": [{"name": f"Thing {line}", "price": "100.00"} for line in range(3)],
    "buyer": {"email": "b@example.org"},
}

CONFIG = """\
[shop]
entity = "7700000009"
site = "shop.example"
taxation = "general"
[journal]
path = "journal.sqlite"
[http]
port = {port}
[engine]
close_at = []
retry_s = 0.05
retry_max_s = 0.5
probe_s = 2
"""
REAL = """\
[[registers]]
name = "{name}"
address = "{address}"
byte_timeout_s = 0.5
answer_timeout_s = 2
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def started(*arguments: object, cwd: Path) -> subprocess.Popen[str]:
    with (cwd / "stderr.txt").open("a") as stderr:
        return subprocess.Popen(
            [sys.executable, "-m", "fiscal", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=cwd,
        )


def ended(process: subprocess.Popen[str], number: int) -> int:
    process.send_signal(number)
    code = process.wait(20)
    assert process.stdout is not None
    process.stdout.close()
    return code


class Emulated:
    """A register in a process of its own, at a fixed port, so that it can be killed and come back."""

    def __init__(self, name: str, folder: Path, make: str = "shtrih") -> None:
        self.name = name
        self.make = make
        self.folder = folder
        self.drive = folder / f"{name}.drive"
        self.address = f"127.0.0.1:{free_port()}"
        self.process = self._run()

    def _run(self) -> subprocess.Popen[str]:
        process = started(
            "emulate", self.make, "--tcp", self.address, "--name", self.name, "--drive", self.drive,
            "--speed", 200, cwd=self.folder,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready ")
        return process

    def cut_power(self) -> None:
        ended(self.process, signal.SIGKILL)
        self.process = self._run()

    def stop(self) -> None:
        assert ended(self.process, signal.SIGTERM) == 0


class Shop(threading.Thread):
    """Submits receipts one after the other, each until it is acknowledged, whatever happens to the server."""

    def __init__(self, number: int, url: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.number = number
        self.url = url
        self.stop = stop
        self.acknowledged: list[str] = []
        self.surprises: list[str] = []

    def run(self) -> None:
        client = httpx.Client(timeout=5.0, verify=False)
        count = 0
        while True:
            key = f"shop{self.number}-{count}"
            if self.stop.is_set():
                break
            while not self._brought(client, key):
                time.sleep(0.02)
            self.acknowledged.append(key)
            count += 1
            time.sleep(0.01)
        client.close()

    def _brought(self, client: httpx.Client, key: str) -> bool:
        try:
            answer = client.post(f"{self.url}/receipts", json=BODY, headers={"Idempotency-Key": key})
        except httpx.HTTPError:
            return False
        if answer.status_code not in (200, 202, 503):
            self.surprises.append(f"{key}: {answer.status_code} {answer.text}")
        return answer.status_code in (200, 202)


NURSERY = """
import json, os, signal, sys
import fiscal.live.serve, fiscal.cli
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    child = os.fork()
    if not child:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0), os.dup2(null, 1)
        code = 1
        try:
            code = fiscal.cli.main(json.loads(line))
        finally:
            os._exit(code)
    print(child, flush=True)
"""


class Nursery:
    """Starts servers fast: forks of a process that has imported everything already, so that there is time for more kills."""

    def __init__(self, folder: Path) -> None:
        with (folder / "stderr.txt").open("a") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-c", NURSERY],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                cwd=folder,
            )

    def serve(self, *arguments: str) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(["serve", *arguments]) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.002)
        raise AssertionError("it does not die")

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@dataclass
class Rig:
    folder: Path
    url: str
    arguments: tuple[object, ...]

    def serve(self) -> subprocess.Popen[str]:
        return started("serve", *self.arguments, "--log", "warning", cwd=self.folder)

    def wait_until_up(self, process: subprocess.Popen[str] | None = None, limit_s: float = 20.0) -> None:
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            assert process is None or process.poll() is None, (self.folder / "stderr.txt").read_text()[-3000:]
            with contextlib.suppress(httpx.HTTPError):
                if CLIENT.get(f"{self.url}/health", timeout=2).status_code == 200:
                    return
            time.sleep(0.02)
        raise AssertionError("the server does not come up")

    def wait_until_done(self, limit_s: float = 60.0) -> dict[str, int]:
        end = time.monotonic() + limit_s
        counts: dict[str, int] = {}
        while time.monotonic() < end:
            counts = CLIENT.get(f"{self.url}/receipts?limit=1", timeout=10).json()["counts"]
            if set(counts) <= {"recorded", "confirmed"}:
                return counts
            time.sleep(0.1)
        registers = CLIENT.get(f"{self.url}/registers", timeout=10).text
        raise AssertionError(f"the queue does not drain: {counts} {registers}")


def documents_of(drive: Path) -> list[Stored]:
    file = DriveFile(drive)
    memory = file.load()
    assert memory is not None
    found = [memory.find(number) for number in range(1, memory.last_document + 1)]
    file.close()
    return found


def check(rig: Rig, keys: list[str], drives: dict[str, Path], views: dict[str, dict[str, object]]) -> None:
    """Every key once in the drives, nothing else there, numbers without gaps, and the statuses tell the truth."""
    by_mark = {mark(key): key for key in keys}
    assert len(by_mark) == len(keys)
    made: Counter[str] = Counter()
    where: dict[str, tuple[str, int, int]] = {}
    for name, path in drives.items():
        documents = documents_of(path)
        assert [one.document for one in documents] == list(range(1, len(documents) + 1))
        for one in documents:
            if one.form in RECEIPTS:
                fields = dict(decode(one.tlv).fields)
                key = by_mark[str(fields[1192])]
                made[key] += 1
                where[key] = (name, one.document, one.sign)
                assert one.total_kop == 30_000
    doubled = {key: count for key, count in made.items() if count > 1}
    assert not doubled
    assert set(made) == set(keys), f"lost: {sorted(set(keys) - set(made))[:5]}"
    for key, view in views.items():
        document = view["document"]
        assert isinstance(document, dict)
        assert (view["register"], document["number"], document["sign"]) == where[key]


def looked_up(url: str, keys: list[str]) -> dict[str, dict[str, object]]:
    return {key: CLIENT.get(f"{url}/receipts/{key}", timeout=10).json() for key in keys}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[tuple[Rig, list[Emulated]]]:
    registers = [Emulated(name, tmp_path) for name in ("kkt1", "kkt2")]
    port = free_port()
    (tmp_path / "shop.toml").write_text(
        CONFIG.format(port=port)
        + "".join(REAL.format(name=one.name, address=f"tcp://{one.address}") for one in registers)
    )
    yield Rig(tmp_path, f"http://127.0.0.1:{port}", ("shop.toml",)), registers
    for one in registers:
        if one.process.poll() is None:
            ended(one.process, signal.SIGKILL)


@pytest.fixture
def web_rig(tmp_path: Path) -> Iterator[tuple[Rig, list[Emulated]]]:
    """Two ATOL registers, each behind a web server that forgets everything when its process is killed."""
    registers = [Emulated(name, tmp_path, "atol-web") for name in ("kkt1", "kkt2")]
    port = free_port()
    (tmp_path / "shop.toml").write_text(
        CONFIG.format(port=port)
        + "".join(
            REAL.format(name=one.name, address=f"http://{one.address}") + 'make = "atol"\nprotocol = "web"\n'
            for one in registers
        )
    )
    yield Rig(tmp_path, f"http://127.0.0.1:{port}", ("shop.toml",)), registers
    for one in registers:
        if one.process.poll() is None:
            ended(one.process, signal.SIGKILL)


def murders(rig: Rig, registers: list[Emulated], rounds: int, seed: int, *, power: bool) -> None:
    """Kill ``rounds`` times while three shops submit; then let it finish, and count."""
    chance = random.Random(seed)
    stop = threading.Event()
    shops = [Shop(number, rig.url, stop) for number in range(3)]
    for shop in shops:
        shop.start()
    nursery = Nursery(rig.folder)
    for round_ in range(rounds):
        pid = nursery.serve("shop.toml", "--log", "warning")
        if round_ % 5 == 4:
            time.sleep(chance.uniform(0, 0.3))  # while it is still starting
        else:
            rig.wait_until_up()
            time.sleep(chance.uniform(0, 0.25))
            if power and chance.random() < 0.5:
                chance.choice(registers).cut_power()
        nursery.kill(pid)
    nursery.close()
    process = rig.serve()
    rig.wait_until_up(process)
    stop.set()
    for shop in shops:
        shop.join(20)
    assert [line for shop in shops for line in shop.surprises] == []
    keys = [key for shop in shops for key in shop.acknowledged]
    counts = rig.wait_until_done()
    assert sum(counts.values()) == len(keys) > 2 * rounds
    views = looked_up(rig.url, keys)
    assert ended(process, signal.SIGTERM) == 0
    for register in registers:
        register.stop()
    check(rig, keys, {one.name: one.drive for one in registers}, views)
    journal = SqliteJournal(rig.folder / "journal.sqlite")
    kinds = Counter(record.kind for record in journal.records())
    journal.close()
    assert kinds["accepted"] == kinds["documented"] == len(keys)
    assert "Traceback" not in (rig.folder / "stderr.txt").read_text()


def test_two_dozen_kills_lose_and_double_nothing(rig: tuple[Rig, list[Emulated]]) -> None:
    murders(*rig, rounds=24, seed=1, power=False)


def test_kills_behind_web_servers_lose_and_double_nothing(
    web_rig: tuple[Rig, list[Emulated]],
) -> None:
    murders(*web_rig, rounds=8, seed=1, power=True)


@pytest.mark.swarm
@pytest.mark.parametrize("seed", range(5))
def test_kills_of_the_engine_and_power_cuts_of_registers(rig: tuple[Rig, list[Emulated]], seed: int) -> None:
    murders(*rig, rounds=60, seed=seed, power=True)


def test_no_z_report_is_missed_when_the_engine_dies_while_it_is_made(rig: tuple[Rig, list[Emulated]]) -> None:
    """The register finishes its report alone, and the next life of the engine finds it, with the running totals of that moment."""
    one, registers = rig
    chance = random.Random(4)
    nursery = Nursery(one.folder)
    for shift in range(4):
        pid = nursery.serve("shop.toml", "--log", "warning")
        one.wait_until_up()
        for number in range(2):
            body = {**BODY, "key": f"{shift}-{number}"}
            assert CLIENT.post(f"{one.url}/receipts", json=body, timeout=10).status_code == 202
        one.wait_until_done()
        for register in registers:
            CLIENT.post(f"{one.url}/registers/{register.name}/close-shift", timeout=10)
        time.sleep(chance.uniform(0.1, 2.0))
        nursery.kill(pid)
    nursery.close()
    process = one.serve()
    one.wait_until_up(process)
    ask = f"{one.url}/z-reports"
    time.sleep(5.0)  # the last report may still be on paper
    for register in registers:
        CLIENT.post(f"{one.url}/registers/{register.name}/close-shift", timeout=10)
    end = time.monotonic() + 30
    while sum(row["receipts"] for row in CLIENT.get(ask, timeout=10).json()["z_reports"]) < 8:
        assert time.monotonic() < end, CLIENT.get(ask, timeout=10).text
        time.sleep(0.1)
    rows = CLIENT.get(ask, timeout=10).json()["z_reports"]
    assert ended(process, signal.SIGTERM) == 0
    assert sum("did not tell" in row["remarks"] for row in rows) > 2, "found, not heard of"
    for register in registers:
        register.stop()
        documents = documents_of(register.drive)
        mine = [row for row in rows if row["register"] == register.name]
        assert [(row["document"], row["sign"]) for row in mine] == [
            (d.document, d.sign) for d in documents if d.form == 5
        ]
        assert "differs" not in [row["checked"] for row in mine]
        sold_kop = sum(d.total_kop for d in documents if d.form in RECEIPTS)
        assert mine[-1]["running_sales"] == f"{sold_kop // 100}.00"


def test_registers_in_the_same_process_survive_with_their_drives(tmp_path: Path) -> None:
    """Emulated registers on ptys die with the engine, their drives do not: like a power cut of the whole room."""
    port = free_port()
    config = tmp_path / "shop.toml"
    config.write_text(
        CONFIG.format(port=port)
        + '[[registers]]\nname = "kkt1"\nemulate = { speed = 200 }\n'
        + '[[registers]]\nname = "kkt2"\nemulate = { speed = 200 }\n'
    )
    rig = Rig(tmp_path, f"http://127.0.0.1:{port}", (config,))
    stop = threading.Event()
    shops = [Shop(number, rig.url, stop) for number in range(2)]
    for shop in shops:
        shop.start()
    chance = random.Random(2)
    for _ in range(3):
        process = rig.serve()
        rig.wait_until_up(process)
        time.sleep(chance.uniform(0.1, 0.5))
        ended(process, signal.SIGKILL)
    process = rig.serve()
    rig.wait_until_up(process)
    stop.set()
    for shop in shops:
        shop.join(20)
    keys = [key for shop in shops for key in shop.acknowledged]
    counts = rig.wait_until_done()
    assert sum(counts.values()) == len(keys) > 3
    views = looked_up(rig.url, keys)
    assert ended(process, signal.SIGTERM) == 0
    check(rig, keys, {name: tmp_path / "var" / f"{name}.drive.sqlite" for name in ("kkt1", "kkt2")}, views)


def test_without_a_configuration(tmp_path: Path) -> None:
    """`fiscal serve` in an empty folder, killed while a receipt is being printed, and started again there."""
    if not _free(8054):
        pytest.skip("something listens on port 8054")
    rig = Rig(tmp_path, "http://127.0.0.1:8054", ())
    process = rig.serve()
    rig.wait_until_up(process)
    answer = CLIENT.post(f"{rig.url}/receipts", json={**BODY, "key": "order-1"}, timeout=5)
    assert answer.status_code == 202
    time.sleep(0.5)
    ended(process, signal.SIGKILL)
    process = rig.serve()
    rig.wait_until_up(process)
    assert CLIENT.post(f"{rig.url}/receipts", json={**BODY, "key": "order-1"}, timeout=5).status_code == 200
    rig.wait_until_done(40)
    views = looked_up(rig.url, ["order-1"])
    assert ended(process, signal.SIGTERM) == 0
    check(rig, ["order-1"], {n: tmp_path / "var" / f"{n}.drive.sqlite" for n in ("kkt1", "kkt2")}, views)
    assert list((tmp_path / "var" / "ports").iterdir()) == []


def _free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False
