"""A real Dask cluster on this machine, and work that can be sent to another process by its name."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def dask_cluster(workers: int = 2) -> Iterator[str]:
    """The address of a scheduler with so many worker processes; a task that kills its worker is not tried on another."""
    import dask
    from distributed import LocalCluster

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
        ) as cluster,
    ):
        yield cluster.scheduler_address


def where(number: int) -> tuple[int, int]:
    """The number again, and the process that had it; odd ones take longer, so that answers overtake each other."""
    time.sleep(0.05 * (number % 2))
    return number, os.getpid()


def meet(place: tuple[str, int]) -> int:
    """Wait in a folder until so many processes are there, each with a task of its own."""
    folder, wanted = Path(place[0]), place[1]
    (folder / str(os.getpid())).touch()
    end = time.monotonic() + 60
    while len(list(folder.iterdir())) < wanted and time.monotonic() < end:
        time.sleep(0.01)
    return len(list(folder.iterdir()))


def fail_at_three(number: int) -> int:
    if number == 3:
        raise KeyError("three")
    return number


def die_at_three(number: int) -> int:
    if number == 3:
        os._exit(1)
    return number


def hash_of_its_own() -> str:
    """As if each process had other sources (`bench.executors.code_hash`)."""
    return str(os.getpid())
