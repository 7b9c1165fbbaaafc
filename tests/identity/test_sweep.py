"""The table of a sweep is the same to the byte wherever its tasks are done, and its numbers are those of the engine."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from local_cluster import dask_cluster

import bench
from bench.executors import open_executor
from bench.sweeping import csv_text

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
VARY: dict[str, Any] = {
    "arrivals.scale": [5, 9],
    "farm.registers[0].count": range(2, 7),
    "farm.policy": ["central", "round_robin"],
}
OPTIONS: dict[str, Any] = {"replications": 3, "late_share": 0.01, "seed": 5}


@contextmanager
def cluster() -> Iterator[Any]:
    with dask_cluster(2) as address, open_executor(dask=address) as executor:
        yield executor


EXECUTORS = {
    "threads": lambda: ThreadPoolExecutor(3),
    "processes": lambda: open_executor(2),
    "dask": cluster,
}


@pytest.fixture(scope="module")
def scenario() -> bench.Scenario:
    return bench.load(SCENARIOS / "z_windows_together.toml")


@pytest.fixture(scope="module")
def here(scenario: bench.Scenario) -> str:
    with nullcontext() as executor:
        return csv_text(bench.sweep(scenario, VARY, executor=executor, **OPTIONS))


@pytest.mark.parametrize("name", EXECUTORS)
def test_the_same_bytes_everywhere(name: str, scenario: bench.Scenario, here: str, tmp_path: Path) -> None:
    with EXECUTORS[name]() as executor:
        found = bench.sweep(scenario, VARY, executor=executor, out=tmp_path, **OPTIONS)
    assert csv_text(found) == here == (tmp_path / "table.csv").read_text()
    assert found.table["late"].nunique() > 5  # it is no table of zeros


def test_a_row_is_what_the_engine_finds(scenario: bench.Scenario) -> None:
    """Every configuration run by the engine itself, in fidelity timed: the same late receipts, the same interval."""
    vary = {"farm.registers[0].count": [1, 5], "shifts.stagger_min": [0, 3]}
    found = bench.sweep(scenario, vary, replications=2)
    for row in found.table.to_dict("records"):
        sets = [f"{path}={row[path]}" for path in vary]
        one = bench.load(SCENARIOS / "z_windows_together.toml", sets)
        runs = [bench.run(one, fidelity="timed", replication=n).summary for n in range(2)]
        assert row["late"] == sum(run["late"] for run in runs)
        assert row["receipts"] == sum(run["receipts"] for run in runs)
        assert row["longest_wait_s"] == max(run["wait_s"]["max"] for run in runs)
        assert row["mean_wait_s"] == pytest.approx(sum(run["wait_s"]["mean"] for run in runs) / 2)
        assert row["late_share"] == pytest.approx(sum(run["late"] / run["receipts"] for run in runs) / 2)
    assert found.table["late"].nunique() > 2


def test_the_order_of_days_and_the_cut_into_tasks_do_not_matter(
    scenario: bench.Scenario, here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.sweep_plan.FARMS", 3)
    assert csv_text(bench.sweep(scenario, VARY, **OPTIONS)) == here
