"""Kill a sweep or press Ctrl-C: what was found is kept, no worker stays behind, and the same command ends with the same bytes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from distributed import Client

from bench import cli
from bench.sweep_file import NAME, kept

SCENARIO = Path(__file__).resolve().parents[2] / "scenarios" / "z_windows_together.toml"
LINE = [
    "sweep", str(SCENARIO), "--vary", "arrivals.scale=3..18", "--vary", "farm.registers[0].count=2..5", "--replications", "4",
]  # fmt: skip
TASKS = 16 * 4


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The table of a sweep that nobody disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert cli.main([*LINE, "--workers", "1", "--out", str(folder)]) == 0
    return (folder / "table.csv").read_bytes()


def begun(folder: Path, *where: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench", *LINE, *where, "--out", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that Ctrl-C can be sent to all of it, as a terminal does
    )


def wait_for(folder: Path, answers: int, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while kept(folder) < answers:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.005)


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return [child for child in psutil.Process(process.pid).children(recursive=True) if child.is_running()]


@pytest.mark.parametrize(("workers", "rounds"), [(1, 4), (2, 2)])
def test_killed_again_and_again_it_ends_with_the_same_bytes(
    tmp_path: Path, table: bytes, workers: int, rounds: int
) -> None:
    folder = tmp_path / "out"
    before = b""
    for round_ in range(rounds):
        process = begun(folder, "--workers", str(workers))
        wait_for(folder, kept(folder) + 1 + 2 * round_, process)
        children = family(process)
        assert len(children) >= workers * (workers > 1)
        process.kill()
        process.communicate()
        _, alive = psutil.wait_procs(children, timeout=15)
        assert alive == []
        after = (folder / NAME).read_bytes()
        assert after.startswith(before[: before.rfind(b"\n") + 1])
        assert not (folder / "table.csv").exists()
        before = after
    found = kept(folder)
    assert rounds <= found < TASKS
    assert cli.main([*LINE, "--workers", "1", "--out", str(folder)]) == 0
    assert (folder / "table.csv").read_bytes() == table
    lines = (folder / NAME).read_bytes().count(b"\n")
    assert (
        kept(folder) == TASKS and lines <= 1 + TASKS + rounds
    )  # nothing done twice; at most one torn line a kill


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_leaves_it_whole_and_says_how_to_go_on(tmp_path: Path, table: bytes, workers: int) -> None:
    folder = tmp_path / "out"
    process = begun(folder, "--workers", str(workers))
    wait_for(folder, 3, process)
    children = family(process)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    found = kept(folder)
    assert (
        err
        == f"interrupted; {found} of {TASKS} tasks are kept in {folder}: the same command goes on from there\n"
    )
    assert (folder / NAME).read_bytes().endswith(b"\n")
    _, alive = psutil.wait_procs(children, timeout=15)
    assert alive == []
    assert cli.main([*LINE, "--workers", "1", "--out", str(folder)]) == 0
    assert (folder / "table.csv").read_bytes() == table


def test_a_worker_that_is_killed_is_told_and_costs_nothing_kept(tmp_path: Path, table: bytes) -> None:
    folder = tmp_path / "out"
    process = begun(folder, "--workers", "2")
    wait_for(folder, 3, process)
    worker = max(family(process), key=lambda child: child.cpu_times().user)
    worker.kill()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "a worker went away" in err and err.count("\n") == 1
    assert kept(folder) >= 3
    assert cli.main([*LINE, "--workers", "1", "--out", str(folder)]) == 0
    assert (folder / "table.csv").read_bytes() == table


@pytest.fixture
def cluster() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler as a process of its own, with two workers: its address, and the process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    dask = [sys.executable, "-m", "dask"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = subprocess.Popen(
        [
            *dask,
            "scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            address.rpartition(":")[2],
            "--dashboard-address",
            ":0",
        ],
        **quiet,
    )
    workers = subprocess.Popen(
        [*dask, "worker", address, "--nworkers", "2", "--nthreads", "1", "--dashboard-address", ":0"], **quiet
    )
    with Client(address, timeout=60, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        client.wait_for_workers(2, timeout=60)
    yield address, scheduler
    for process in (workers, scheduler):
        process.terminate()
        process.wait(20)


def test_a_cluster_that_goes_away_is_told_and_ctrl_c_there_is_as_here(
    tmp_path: Path, table: bytes, cluster: tuple[str, subprocess.Popen[bytes]]
) -> None:
    folder = tmp_path / "out"
    address, scheduler = cluster
    process = begun(folder, "--dask", address)
    wait_for(folder, 3, process)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.startswith("interrupted; ") and err.count("\n") == 1
    before = kept(folder)
    assert before >= 3
    process = begun(folder, "--dask", address)
    wait_for(folder, before + 3, process)
    scheduler.kill()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "the scheduler went away" in err and err.count("\n") == 1
    assert before + 3 <= kept(folder) < TASKS
    assert cli.main([*LINE, "--workers", "1", "--out", str(folder)]) == 0
    assert (folder / "table.csv").read_bytes() == table
