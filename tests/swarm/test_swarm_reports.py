"""The swarm can fail: a run in which something was lost is reported with the command that plays it again."""

from __future__ import annotations

from typing import Any

import pytest
from swarm_of_seeds import kinds, swarm

from bench.audit import documents_of
from bench.scenario_faults import REACH
from bench.simulate import Simulation


def test_the_scenario_has_every_kind_of_fault_there_is() -> None:
    assert kinds() == set(REACH) - {"web_server_hang"}, (
        "and that one has a swarm of its own: test_web_server.py"
    )


def test_a_loss_is_reported_with_the_way_to_see_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(register: str, drive: Any) -> Any:
        documents, numbering = documents_of(register, drive)
        return documents[:-1], numbering  # somebody took the last document out of each drive

    monkeypatch.setattr("bench.simulate.documents_of", forgetful)
    _, wrong = swarm([7])
    assert len(wrong) == 1
    assert "lost" in wrong[0]
    assert "bench run scenarios/swarm_faults.toml --seed 7" in wrong[0]


def test_a_crash_of_the_bench_itself_is_reported_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Simulation) -> Any:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Simulation, "run", broken)
    _, wrong = swarm([8, 9])
    assert [text.partition(":")[0] for text in wrong] == ["seed 8", "seed 9"]
