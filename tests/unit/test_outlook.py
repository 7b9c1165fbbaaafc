"""What a plan leads to: the numbers of the planner and of the engine itself, and sliders that turn them."""

from __future__ import annotations

import doctest
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bench
import bench.outlook
import bench.widgets
from bench.charts_style import Chart
from bench.kernel import POLICIES
from bench.outlook import Outlooks, Plan, hour_by_hour
from bench.planner import day, lateness
from bench.theory import MMc

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
TOGETHER = SCENARIOS / "z_windows_together.toml"


@pytest.fixture(scope="module")
def outlooks() -> Outlooks:
    return Outlooks(bench.load(TOGETHER), days=3)


@pytest.mark.parametrize("policy", POLICIES)
def test_late_receipts_are_those_of_the_planner(outlooks: Outlooks, policy: str) -> None:
    changes = {"registers": 3, "receipt_s": 9.6, "rate": 1.5, "window_min": 8.0, "policy": policy}
    plan = outlooks.plan._replace(**changes)
    found = outlooks.of(plan)
    farm = outlooks.planned(plan)
    assert farm.farm.policy == policy and len(farm.registers()) == 3
    days = [day(farm, n) for n in range(3)]
    wanted = lateness(farm, days, slower=9.6 / outlooks.plan.receipt_s)
    assert (found.late.late, found.late.receipts) == (wanted.late, wanted.receipts)
    assert sum(found.late.late) > 0


@pytest.mark.parametrize(
    "change",
    [
        {"registers": 2, "policy": "central"},
        {"window_min": 7.5, "policy": "round_robin"},
        {"first_closing": "12:30", "stagger_min": 20.0, "out_min": 60.0, "policy": "round_robin"},
    ],
)
def test_the_worst_day_is_what_the_engine_lives_through(outlooks: Outlooks, change: dict[str, Any]) -> None:
    """Spans, Z-reports and the longest queue of the worst day, beside the log of the engine on that day."""
    plan = outlooks.plan._replace(**change)
    assert outlooks.slower(plan) == 1.0
    found = outlooks.of(plan)
    run = bench.run(found.scenario, fidelity="timed", replication=found.worst)
    names, begin = found.register_names, run.begin
    timeline = run.timeline
    for spans, state, slack_us in ((found.busy(), "busy", 5_000), (found.windows(), "closing", 20_000)):
        mine = (timeline["state"] == state) & (timeline["begin"] < run.end)
        rows = timeline[mine].sort_values(["register", "begin"], kind="stable")
        assert len(rows) == len(spans) > 0
        for span, row in zip(sorted(spans), rows.itertuples(), strict=True):
            assert names[span.register] == row.register
            for ours, theirs in ((span.begin_us, row.begin), (span.end_us, row.end)):
                assert abs((theirs - begin).total_seconds() * 1e6 - ours) <= slack_us
    paused = timeline[
        timeline["state"] == "paused"
    ]  # a shift that falls due meanwhile is closed, and the outage goes on
    wanted = [(paused["begin"].min(), paused["end"].max())] if len(paused) else []
    assert [
        (run.begin + pd.Timedelta(span.begin_us, "us"), run.begin + pd.Timedelta(span.end_us, "us"))
        for span in found.outages()
    ] == wanted
    assert found.late.late[found.worst] == run.summary["late"]
    _, waiting = found.queues[found.worst]
    assert abs(int(waiting.max()) - run.summary["queue_max"]) <= 1 and int(waiting[-1]) == 0


def test_every_plan_sees_the_same_days(outlooks: Outlooks) -> None:
    few, many = (outlooks.of(outlooks.plan._replace(registers=n)) for n in (1, 6))
    assert few.days is many.days
    twice = outlooks.of(outlooks.plan._replace(registers=6, rate=2.0))
    assert np.mean(twice.late.receipts) == pytest.approx(2 * np.mean(many.late.receipts), rel=0.2)


def test_theory_takes_each_hour_as_its_own_queue() -> None:
    one = MMc(3, 0.4, 5.0).sojourn_exceeds(30.0)
    assert hour_by_hour([1440.0], 3, 5.0, 30.0) == pytest.approx(one)
    assert hour_by_hour([1440.0, 0.0, 3600.0], 3, 5.0, 30.0) == pytest.approx((1440 * one + 3600) / 5040)
    assert hour_by_hour([0.0], 3, 5.0, 30.0) == 0.0
    assert hour_by_hour([3.0], 16, 0.5, 600.0) == 0.0  # a farm that is bored: far below the least number


def test_the_answer_and_its_chart(outlooks: Outlooks) -> None:
    found = outlooks.of(outlooks.plan)
    assert found.plan.registers == 4 and found.plan.window_min == 12.0
    assert f"late {found.late.share().estimate * 100:.2f} %" in found.words()
    calm = outlooks.of(found.plan._replace(window_min=1.0))
    assert "none late in 3 days (so, at 95 %, at most 63% of days" in calm.words()
    assert any("largest burst" in formula.name for formula in found.theory)
    chart = found.plot()
    assert isinstance(chart, Chart) and chart._repr_png_() == found.plot()._repr_png_()


def test_closings_and_outages_can_be_turned(outlooks: Outlooks) -> None:
    """A closing at night costs nothing, one at noon does; a register that is out costs most when others close."""
    plan = outlooks.plan._replace(registers=2)
    late = {
        name: sum(outlooks.of(plan._replace(**change)).late.late)
        for name, change in {
            "noon": {},
            "night": {"first_closing": "23:30"},
            "apart": {"stagger_min": 20.0},
            "apart, one out": {"stagger_min": 20.0, "first_closing": "12:00", "out_min": 60.0},
        }.items()
    }
    assert late["night"] == late["apart"] == 0 < late["apart, one out"]
    assert late["noon"] > 0
    words = outlooks.of(plan._replace(out_min=30.0, stagger_min=5.0)).words()
    assert "one of them out for 30 min" in words and "from 13:00, 5 min apart" in words


@pytest.mark.parametrize(
    "change", [{"registers": 0}, {"receipt_s": 0.0}, {"rate": -1.0}, {"window_min": 0.0}]
)
def test_numbers_no_farm_has_are_refused(outlooks: Outlooks, change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(change))} = .*above 0"):
        outlooks.of(outlooks.plan._replace(**change))
    with pytest.raises(ValueError, match="at least two"):
        Outlooks(outlooks.scenario, days=1)


def test_months_are_no_day() -> None:
    """Two entities, whose registers cannot stand in for each other, over a weekend."""
    scenario = bench.load(SCENARIOS / "two_entities.toml", ["duration_h=60", "expect={}", "faults=[]"])
    outlooks = Outlooks(scenario, days=2)
    found = outlooks.of(outlooks.plan)
    assert outlooks.least == 2 and " receipts a run: " in found.words() and found.plot()._repr_png_()
    with pytest.raises(ValueError, match="2 are needed to record every receipt"):
        outlooks.of(outlooks.plan._replace(registers=1))


def test_a_shop_without_orders_has_an_outlook_too() -> None:
    scenario = bench.load(TOGETHER, ['arrivals={kind="poisson",rate_per_min=0}', "expect={}", "faults=[]"])
    outlooks = Outlooks(scenario, days=2)
    found = outlooks.of(outlooks.plan)
    assert found.late.receipts == (0, 0) and found.late.share().estimate == 0.0
    assert found.plot()._repr_png_()


def test_sliders_turn_the_plan() -> None:
    panel = bench.widgets.planner(bench.load(TOGETHER), days=2)
    before, words, picture = panel.outlook, panel._words.value, panel._chart.value
    panel.controls["registers"].value = 1
    panel.controls["receipt_s"].value = 20.0
    assert panel.outlook.plan == panel.plan
    assert sum(panel.outlook.late.late) > sum(before.late.late)
    assert panel._words.value != words and panel._chart.value != picture
    assert "1 register, 20 s" in panel._words.value and panel.redraw_ms > 0
    for name in Plan._fields:
        assert name in panel.controls


@pytest.mark.parametrize("module", [bench.outlook, bench.widgets], ids=lambda module: module.__name__)
def test_the_examples_of_the_docstrings_hold(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 2 and not found.failed
