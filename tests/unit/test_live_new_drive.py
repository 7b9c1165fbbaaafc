"""A new drive in a running server: over HTTP and by the command, while the other register prints."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from fiscal.emulators.drive import Drive, Phase
from fiscal.live.drive_file import DriveFile

CONFIG = """\
[shop]
entity = "7700000009"
site = "shop.example"
taxation = "general"
[http]
port = 0
[log]
level = "warning"
[engine]
close_at = []
[[registers]]
name = "kkt1"
make = "{make}"
emulate = {{ device = "{device}", speed = 1000 }}
[[registers]]
name = "kkt2"
emulate = {{ speed = 1000 }}
"""
DEVICES = {"shtrih": "shtrih-m-01f", "atol": "atol-42fs"}
BODY = {"items": [{"name": "Tea", "price": "199.90"}], "buyer": {"email": "buyer@example.org"}}
ENVIRONMENT = {**os.environ, "PYTHONUNBUFFERED": "1"}


@contextmanager
def served(folder: Path) -> Iterator[httpx.Client]:
    """A real server in a process of its own; stopped at the end as one is stopped."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fiscal", "serve", "shop.toml"],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        first = process.stdout.readline()
        assert first.startswith("serving at "), process.stderr.read()
        with httpx.Client(base_url=first.split()[-1], timeout=30) as client:
            yield client
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def command(shop: httpx.Client, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fiscal", *arguments, "--server", str(shop.base_url)],
        capture_output=True,
        text=True,
        timeout=90,
        stdin=subprocess.DEVNULL,
    )


def bring(shop: httpx.Client, *keys: str) -> None:
    for key in keys:
        answer = shop.post("/receipts", json=BODY, headers={"Idempotency-Key": key})
        assert answer.status_code == 202, answer.text


def made(shop: httpx.Client, *keys: str) -> list[dict[str, Any]]:
    """The receipts, as soon as all are recorded."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = [shop.get(f"/receipts/{key}").json() for key in keys]
        if all(one["document"] for one in found):
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def register(shop: httpx.Client, name: str) -> dict[str, Any]:
    shown: dict[str, dict[str, Any]] = {r["name"]: r for r in shop.get("/registers").json()["registers"]}
    return shown[name]


@pytest.mark.parametrize("make", DEVICES)
def test_a_drive_is_replaced_by_one_command_while_the_other_register_prints(
    make: str, tmp_path: Path
) -> None:
    (tmp_path / "shop.toml").write_text(CONFIG.format(make=make, device=DEVICES[make]))
    before = [f"before-{n}" for n in range(6)]
    during = [f"during-{n}" for n in range(6)]
    after = [f"after-{n}" for n in range(6)]
    with served(tmp_path) as shop:
        bring(shop, *before)
        first = made(shop, *before)
        assert {one["register"] for one in first} == {"kkt1", "kkt2"}
        old = register(shop, "kkt1")["drive"]["number"]

        refused = shop.post("/registers/kkt1/new-drive")
        assert refused.status_code == 409 and "ask for a replacement first" in refused.json()["error"]
        asked = command(shop, "replace-drive", "kkt1")
        assert asked.returncode == 2 and f"drive {old} of kkt1 will be closed for good" in asked.stderr

        assert shop.post("/registers/kkt1/replace-drive").status_code == 202
        bring(shop, *during)
        assert {one["register"] for one in made(shop, *during)} == {"kkt2"}
        done = command(shop, "replace-drive", "kkt1")  # goes on with what was begun, and need not ask
        assert done.returncode == 0, done.stderr
        new = register(shop, "kkt1")["drive"]["number"]
        assert new != old
        assert f"kkt1: drive {new} is in\n" in done.stdout
        assert done.stdout.endswith(f"kkt1: drive {new} is registered, in service\n")

        bring(shop, *after)
        drives = {one["register"]: one["document"]["drive"] for one in made(shop, *after)}
        assert drives["kkt1"] == new
        assert shop.post("/registers/kkt1/new-drive").status_code == 409

    kept = DriveFile(tmp_path / "var" / f"kkt1.drive-{old}.sqlite")
    closed = kept.load()
    assert (
        closed is not None and closed.phase == Phase.ARCHIVE and closed.find(closed.last_document).form == 6
    )
    kept.close()
    with served(tmp_path) as shop:  # the new drive is there after a restart
        bring(shop, "again-1", "again-2", "again-3", "again-4")
        found = {
            one["register"]: one["document"]["drive"]
            for one in made(shop, "again-1", "again-2", "again-3", "again-4")
        }
        assert found["kkt1"] == new


def test_a_server_that_is_stopped_before_the_new_drive_is_registered_goes_on(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text(CONFIG.format(make="shtrih", device=DEVICES["shtrih"]))
    with served(tmp_path) as shop:
        bring(shop, "a", "b")
        made(shop, "a", "b")
        old = register(shop, "kkt1")["drive"]["number"]
        shop.post("/registers/kkt1/replace-drive")
        end = time.monotonic() + 30
        while (step := register(shop, "kkt1")["replacement"]) != "waiting_for_drive":
            assert time.monotonic() < end, step
            shop.post("/registers/kkt1/look")
            time.sleep(0.1)
        new = shop.post("/registers/kkt1/new-drive").json()["drive"]
    with served(tmp_path) as shop:
        done = (
            command(shop, "replace-drive", "kkt1", "--yes") if register(shop, "kkt1")["replacement"] else None
        )
        assert done is None or done.returncode == 0
        end = time.monotonic() + 30
        while register(shop, "kkt1")["service"] != "in_service":
            assert time.monotonic() < end
            time.sleep(0.1)
        shown = register(shop, "kkt1")["drive"]
        assert shown["number"] == new != old


def test_a_process_that_dies_between_two_drives_finds_one_of_them_whole(tmp_path: Path) -> None:
    path = tmp_path / "kkt1.drive.sqlite"
    old, new = (Drive(f"999900000000000{n}", phase=int(Phase.READY)) for n in (1, 2))
    file = DriveFile(path)
    file.keep(old)
    file.succeed(new).close()
    assert sorted(found.name for found in tmp_path.iterdir()) == [
        f"kkt1.drive-{old.serial}.sqlite",
        path.name,
    ]
    path.rename(path.with_name(f"{path.name}.new"))  # as it stands between the two renamings
    again = DriveFile(path)
    found = again.load()
    assert found is not None and found.serial == new.serial
    again.close()


def test_the_self_test_as_a_command(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text(CONFIG.format(make="shtrih", device=DEVICES["shtrih"]))
    with served(tmp_path) as shop:
        bring(shop, "a", "b")
        made(shop, "a", "b")
        said = command(shop, "selftest", "kkt1")
        lines = {line.split()[1]: line.split()[2] for line in said.stdout.splitlines()}
        assert list(lines)[:5] == ["cable", "agent", "internet", "operator", "drive"]
        assert lines["cable"] == lines["drive"] == "yes"
        assert said.returncode == (0 if set(lines.values()) == {"yes"} else 1)
        strange = command(shop, "selftest", "kkt9")
        assert strange.returncode == 1 and strange.stderr == "no register 'kkt9'; there are: kkt1, kkt2\n"
    gone = command(shop, "selftest")
    assert gone.returncode == 1 and "is `fiscal serve` running there?" in gone.stderr
