"""Expectations, the page of text, the notebook's page, and the folder a result is kept in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.report import WIDTH
from bench.result import Result, check
from bench.scenario import Expect, Scenario


def result(day: Any, receipts: int = 300, **expect: Any) -> Result:
    return Result.of(day(receipts, expect=expect).run(lost=0, doubled=0, gaps=0, wrong_totals=0))


SUMMARY: dict[str, Any] = {
    "in_time_share": 0.98,
    "late": 2,
    "lost": 0,
    "doubled": 1,
    "in_doubt": 0,
    "refused": 3,
    "receipts": 100,
    "queue_max": 15,
    "wait_s": {"p95": 280.0, "max": 400.0},
    "faults": {"reply_lost": 1, "power_cut": 0},
}


@pytest.mark.parametrize(
    ("expect", "ok"),
    [
        ({"doubled": 0}, False),
        ({"doubled": 1}, True),
        ({"in_time_share_min": 0.98}, True),
        ({"in_time_share_min": 0.981}, False),
        ({"in_time_share_max": 0.97}, False),
        ({"late_max": 2}, True),
        ({"late_max": 1}, False),
        ({"late_min": 3}, False),
        ({"wait_p95_max_s": 280.0}, True),
        ({"wait_max_s": 399.0}, False),
        ({"queue_max": 14}, False),
        ({"in_doubt_max": 0}, True),
        ({"refused_max": 2}, False),
        ({"receipts_min": 101}, False),
        ({"fired": ("reply_lost",)}, True),
        ({"fired": ("reply_lost", "power_cut")}, False),
        ({"fired": ("paper_out",)}, False),
    ],
)
def test_each_expectation_by_itself(expect: dict[str, Any], ok: bool) -> None:
    wanted = (
        Expect.model_validate({"lost": None, "doubled": None} | expect)
        if "doubled" not in expect
        else Expect(**expect)
    )
    found = check(wanted, SUMMARY, {})
    assert all(e.ok for e in found) is ok
    assert found


def test_every_field_of_expect_is_checked() -> None:
    fields = {name: 1 for name in Expect.model_fields if name != "fired"}
    assert len(check(Expect.model_validate(fields | {"fired": ("power_cut",)}), SUMMARY, {})) == len(
        Expect.model_fields
    )


def test_invariants_are_checked_whether_the_scenario_asks_or_not() -> None:
    nothing = Expect.model_validate({"lost": None, "doubled": None})
    assert check(nothing, SUMMARY, {}) == []
    found = check(nothing, SUMMARY, {"gaps": 1, "wrong_totals": 0, "strangers": 2, "documents": 12})
    assert [(e.name, e.ok) for e in found] == [
        ("gaps in document numbers", False),
        ("wrong shift totals or sums", True),
        ("documents nobody asked for", False),
    ]


def test_an_expectation_of_waits_holds_when_there_were_none() -> None:
    summary = SUMMARY | {"wait_s": {"p95": None, "max": None}}
    found = check(Expect.model_validate({"doubled": None, "wait_max_s": 1.0}), summary, {})
    assert [(e.got, e.ok) for e in found] == [("0", True), ("nothing to measure", True)]


def test_a_result_knows_whether_it_is_fine(day: Any) -> None:
    assert result(day, late_max=100_000).ok
    strict = result(day, in_time_share_min=1.0)
    assert not strict.ok
    assert "not as expected" in repr(strict)
    assert "1 of 5 expectations FAILED." in strict.report()
    assert "FAIL  share in time" in strict.report()


@pytest.mark.parametrize("receipts", [0, 1, 300])
def test_the_page_fits_a_terminal_and_tells_the_causes(day: Any, receipts: int) -> None:
    page = result(day, receipts, late_max=3, fired=("engine_crash",)).report()
    assert max(len(line) for line in page.splitlines()) <= WIDTH
    assert page.isascii()
    if receipts == 300:
        assert "Z-report: registers deaf" in page
    for register in ("kkt-1", "kkt-2", "kkt-3"):
        assert register in page


def test_what_the_audit_found_is_told_at_length_but_not_endlessly(day: Any) -> None:
    problems = [
        f"kkt-1: document {n} says it is another one, which is more than a line of text can hold"
        for n in range(12)
    ]
    made = Result.of(day(5).run(gaps=12, problems=problems))
    page = made.report()
    assert not made.ok
    assert "kkt-1: document 9 says" in page and "kkt-1: document 10 says" not in page and "and 2 more" in page
    assert max(len(line) for line in page.splitlines()) <= WIDTH


def test_the_notebooks_page_says_nothing_that_changes(day: Any) -> None:
    page = result(day)._repr_html_()
    assert "simulated" not in page and "0.25" not in page
    assert page == result(day)._repr_html_()
    assert page.count("<table") == page.count("</table>") >= 3


def test_the_folder_says_everything_needed_to_make_it_again(day: Any, tmp_path: Path) -> None:
    made = result(day, 60)
    made.save(tmp_path / "new" / "folder")
    folder = tmp_path / "new" / "folder"
    kept = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert kept["summary"] == made.summary
    assert kept["seed"] == 7
    assert {"python", "numpy", "pandas", "simpy"} <= set(kept["versions"])
    assert Scenario.model_validate(kept["scenario"]).model_dump() == made.scenario.model_dump()
    assert {p.name for p in (folder / "figures").iterdir()} == {f"{name}.png" for name in made.figures()}
    assert str(tmp_path) not in (folder / "result.json").read_text(encoding="utf-8")

    receipts = pd.read_parquet(folder / "receipts.parquet")
    pd.testing.assert_frame_equal(receipts, made.receipts)
    events = pd.read_parquet(folder / "events.parquet")
    assert list(events.itertuples(index=False, name=None)) == made.log.rows


def test_saving_twice_gives_the_same_bytes(day: Any, tmp_path: Path) -> None:
    for name in ("a", "b"):
        result(day, 40).save(tmp_path / name)
    first = {
        p.relative_to(tmp_path / "a"): p.read_bytes() for p in (tmp_path / "a").rglob("*") if p.is_file()
    }
    second = {
        p.relative_to(tmp_path / "b"): p.read_bytes() for p in (tmp_path / "b").rglob("*") if p.is_file()
    }
    assert first == second
    assert len(first) == 9


def test_a_result_draws_its_own_charts(day: Any) -> None:
    made = result(day, 40)
    for draw in (
        made.plot_waits,
        made.plot_waits_by_register,
        made.plot_queue,
        made.plot_timeline,
        made.plot_causes,
    ):
        assert draw()._repr_png_().startswith(b"\x89PNG")
