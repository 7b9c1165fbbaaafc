"""Work spread over processes and a Dask cluster: answers in the order asked, and one clear line for workers that are not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from local_cluster import dask_cluster, die_at_three, fail_at_three, hash_of_its_own, meet, where

from bench import executors
from bench.executors import WorkersError, completed, mapped, open_executor

NUMBERS = list(range(12))


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with dask_cluster() as address:
        yield address


def test_one_worker_is_this_process() -> None:
    with open_executor() as executor:
        assert executor is None
        assert {pid for _, pid in mapped(executor, where, NUMBERS)} == {os.getpid()}


def test_processes_answer_in_the_order_asked() -> None:
    told: list[tuple[float, float]] = []
    with open_executor(2) as executor:
        found = mapped(executor, where, NUMBERS, lambda done, whole: told.append((done, whole)))
    assert [number for number, _ in found] == NUMBERS
    assert os.getpid() not in {pid for _, pid in found}
    assert told == [(n + 1, len(NUMBERS)) for n in NUMBERS]


def test_a_cluster_answers_in_the_order_asked(cluster: str) -> None:
    with open_executor(dask=cluster) as executor:
        found = mapped(executor, where, NUMBERS)
    assert [number for number, _ in found] == NUMBERS
    assert os.getpid() not in {pid for _, pid in found}


def test_workers_work_at_the_same_time(cluster: str, tmp_path: Path) -> None:
    for name, where_to in {"processes": {"workers": 2}, "dask": {"dask": cluster}}.items():
        (tmp_path / name).mkdir()
        with open_executor(**where_to) as executor:  # type: ignore[arg-type]
            assert mapped(executor, meet, [(str(tmp_path / name), 2)] * 2) == [2, 2]


def test_threads_and_any_other_executor_will_do() -> None:
    with ThreadPoolExecutor(3) as threads:
        assert [number for number, _ in mapped(threads, where, NUMBERS)] == NUMBERS
        assert dict(completed(threads, fail_at_three, [1, 2])) == {0: 1, 1: 2}


def test_many_more_items_than_are_handed_over_at_once() -> None:
    """Items are drawn from their source as answers come, so a source without end is no problem."""
    drawn: list[int] = []

    def source() -> Iterator[int]:
        for number in range(5 * executors._AHEAD):
            drawn.append(number)
            yield -number

    with ThreadPoolExecutor(2) as threads:
        answers = completed(threads, abs, source())
        first = next(answers)
        assert len(drawn) == executors._AHEAD
        rest = list(answers)
    assert sorted([first, *rest]) == [(n, n) for n in range(5 * executors._AHEAD)]


def test_who_stops_listening_calls_off_the_rest() -> None:
    begun: list[int] = []
    with ThreadPoolExecutor(1) as threads:
        answers = completed(threads, lambda n: (begun.append(n), where(1))[1], range(100))
        next(answers)
        answers.close()  # type: ignore[attr-defined]  # it is a generator
    assert len(begun) < 5


def test_what_the_work_raises_is_raised(cluster: str) -> None:
    with open_executor(2) as executor, pytest.raises(KeyError, match="three"):
        mapped(executor, fail_at_three, NUMBERS)
    with open_executor(dask=cluster) as executor, pytest.raises(KeyError, match="three"):
        mapped(executor, fail_at_three, NUMBERS)


def test_a_worker_that_dies_is_one_clear_line() -> None:
    with open_executor(2) as executor, pytest.raises(WorkersError, match="a worker went away"):
        mapped(executor, die_at_three, NUMBERS)


def test_a_worker_of_a_cluster_that_dies_is_one_clear_line() -> None:
    with (
        dask_cluster(1) as address,
        pytest.raises(WorkersError, match="workers died") as caught,
        open_executor(dask=address) as executor,
    ):
        mapped(executor, die_at_three, [3])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("tcp://127.0.0.1:1", "refused"),
        ("nowhere", "missing port"),
        ("tin://can:1", "unknown address scheme"),
        ("127.0.0.1:99999", "no Dask scheduler answers there"),
    ],
)
def test_an_address_without_a_scheduler(address: str, told: str) -> None:
    with pytest.raises(WorkersError, match=told) as caught, open_executor(dask=address):
        pass
    assert str(caught.value).startswith(address) and "\n" not in str(caught.value)


def test_a_cluster_without_workers() -> None:
    with (
        dask_cluster(0) as address,
        pytest.raises(WorkersError, match="no workers"),
        open_executor(dask=address),
    ):
        pass


def test_workers_with_hash_of_its_own_are_refused(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "code_hash", hash_of_its_own)
    with pytest.raises(WorkersError, match="2 of 2 workers have other sources"), open_executor(dask=cluster):
        pass


@pytest.mark.parametrize(("workers", "dask", "told"), [(0, "", "at least one"), (2, "tcp://h:1", "either")])
def test_questions_that_make_no_sense(workers: int, dask: str, told: str) -> None:
    with pytest.raises(ValueError, match=told), open_executor(workers, dask):
        pass
