"""What the planner answers does not depend on where its days are made: here, in two processes, or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import pytest
from local_cluster import dask_cluster

import bench
from bench.executors import open_executor
from bench.what_matters import what_matters

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"


def matters(executor: Executor | None) -> Any:
    return what_matters(scenario(), replications=2, effort=2, executor=executor).as_json()


def scenario() -> bench.Scenario:
    return bench.load(SCENARIOS / "z_windows_together.toml")


QUESTIONS: dict[str, Callable[[Executor | None], Any]] = {"what_matters": matters}


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with dask_cluster(2) as address:
        yield address


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_answer_is_the_same_wherever_it_is_found(name: str, cluster: str) -> None:
    ask = QUESTIONS[name]
    here = ask(None)
    with open_executor(2) as processes:
        assert ask(processes) == here
    with open_executor(dask=cluster) as workers:
        assert ask(workers) == here
