"""The audit can fail: whatever is doctored in a sound run is found and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from small_shop import run, small

from bench.audit import Audit, Document, audit, documents_of
from bench.seats import WireSeat
from bench.simulate import Simulation
from fiscal.engine.records import Record, ShiftEnded
from fiscal.receipt import mark


class Evidence:
    """What the audit is given, in a form that can be tampered with."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.documents: list[Document] = []
        self.numbering: list[str] = []
        for seat in simulation.seats:
            assert isinstance(seat, WireSeat)
            found, wrong = documents_of(seat.name, seat.drive)
            self.documents += found
            self.numbering += wrong
        self.history: list[Record] = list(simulation.world.journal.records())

    def audit(self) -> Audit:
        world = self.simulation.world
        return audit(world.engine, world.shop, self.documents, self.numbering, self.history)


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return run(small())


@pytest.fixture
def evidence(simulation: Simulation) -> Evidence:
    return Evidence(simulation)


def test_a_sound_run_has_nothing_to_report(evidence: Evidence) -> None:
    found = evidence.audit()
    assert found == Audit(documents=len(evidence.simulation.requests))
    assert found.sound
    assert found.documents > 5
    assert any(isinstance(record, ShiftEnded) and record.totals_kop for record in evidence.history)


def _remove(evidence: Evidence) -> None:
    del evidence.documents[3]


def _double(evidence: Evidence) -> None:
    first = evidence.documents[0]
    evidence.documents.append(replace(first, number=first.number + 100))


def _stranger(evidence: Evidence) -> None:
    evidence.documents.append(replace(evidence.documents[0], mark=mark("nobody"), total_kop=0))


def _wrong_sum(evidence: Evidence) -> None:
    evidence.documents[0] = replace(evidence.documents[0], total_kop=evidence.documents[0].total_kop + 1)


def _wrong_type(evidence: Evidence) -> None:
    evidence.documents[0] = replace(evidence.documents[0], type=2)


def _other_number(evidence: Evidence) -> None:
    evidence.documents[0] = replace(evidence.documents[0], number=77)


def _other_register(evidence: Evidence) -> None:
    evidence.documents[0] = replace(evidence.documents[0], register="front-9")


def _wrong_z_total(evidence: Evidence) -> None:
    at = next(i for i, record in enumerate(evidence.history) if isinstance(record, ShiftEnded))
    record = evidence.history[at]
    assert isinstance(record, ShiftEnded)
    evidence.history[at] = replace(record, totals_kop=(record.totals_kop[0] + 100, *record.totals_kop[1:]))


def _gap(evidence: Evidence) -> None:
    evidence.numbering.append("front-1: document 5 is missing")


@pytest.mark.parametrize(
    ("tamper", "counted", "said"),
    [
        (_remove, "lost", "but no drive has it"),
        (_double, "doubled", "2 documents: front-1 document"),
        (_stranger, "strangers", "a document nobody asked for: front-1 document"),
        (_wrong_sum, "wrong_totals", "another sum or type"),
        (_wrong_type, "wrong_totals", "another sum or type"),
        (_other_number, "lost", "but is front-1 document 77"),
        (_other_register, "lost", "but is front-9 document"),
        (_wrong_z_total, "wrong_totals", "Z-report 1 says"),
        (_gap, "gaps", "document 5 is missing"),
    ],
)
def test_what_was_tampered_with_is_found(
    evidence: Evidence, tamper: Callable[[Evidence], None], counted: str, said: str
) -> None:
    tamper(evidence)
    found = evidence.audit()
    assert getattr(found, counted) >= 1
    assert not found.sound
    assert any(said in problem for problem in found.problems), found.problems


def test_each_thing_doubled_is_counted_once_however_often(evidence: Evidence) -> None:
    first = evidence.documents[0]
    evidence.documents += [replace(first, number=first.number + n) for n in (100, 200, 300)]
    assert evidence.audit().doubled == 1


def test_a_promise_the_engine_forgot_is_lost() -> None:
    evidence = Evidence(run(small()))
    evidence.simulation.world.shop.accepted.add("promised")
    found = evidence.audit()
    assert found.lost == 1
    assert found.problems == ["promised: promised to the shop, unknown to the engine"]


def test_an_engine_that_never_came_back_has_lost_what_was_promised() -> None:
    evidence = Evidence(run(small()))
    evidence.simulation.world.engine = None
    found = evidence.audit()
    assert found.lost == len(evidence.simulation.requests)
    assert found.strangers == found.documents


def test_a_payment_that_nobody_answered_is_unfinished() -> None:
    evidence = Evidence(run(small()))
    evidence.simulation.world.shop.ask(evidence.simulation.requests[0])
    found = evidence.audit()
    assert found.unfinished == 1
    assert "never got an answer" in found.problems[0]


class Tampered:
    """A drive whose documents somebody has been at."""

    def __init__(self, drive: Any, change: Callable[[list[Any]], None]) -> None:
        self._kept = [drive.find(n) for n in range(1, drive.last_document + 1)]
        change(self._kept)
        self.last_document = drive.last_document
        self.serial = drive.serial

    def find(self, number: int) -> Any:
        return self._kept[number - 1]


def _lose_last(kept: list[Any]) -> None:
    del kept[-1]


def _swap(kept: list[Any]) -> None:
    kept[2], kept[3] = kept[3], kept[2]


def _skip_a_receipt(kept: list[Any]) -> None:
    at = next(i for i, stored in enumerate(kept) if stored.form == 3)
    kept[at] = kept[at]._replace(form=2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_lose_last, ["is missing"]),
        (_swap, ["document 3 says it is 4", "document 4 says it is 3"]),
        (_skip_a_receipt, ["counts", "the last is number"]),
    ],
)
def test_numbers_in_a_drive_are_checked(
    simulation: Simulation, change: Callable[[list[Any]], None], said: list[str]
) -> None:
    drive: Any = Tampered(simulation.seats[0].drive, change)  # type: ignore[union-attr]
    _, problems = documents_of("front-1", drive)
    for words in said:
        assert any(words in problem for problem in problems), problems


def test_the_audit_reads_the_documents_themselves(simulation: Simulation) -> None:
    """Marks come out of the recorded bytes, one for each key, and none of them twice."""
    evidence = Evidence(simulation)
    assert sorted(d.mark for d in evidence.documents) == sorted(mark(r.key) for r in simulation.requests)


def test_the_same_audit_serves_both_fidelities() -> None:
    simulation = run(small(), fidelity="timed")
    assert simulation.found.audit["problems"] == []  # type: ignore[attr-defined]
    assert simulation.found.audit["documents"] == len(simulation.requests)  # type: ignore[attr-defined]
