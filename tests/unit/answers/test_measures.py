"""Tables, causes and the summary from logs written by hand, so that every number is known beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.faults import Fault
from bench.measures import TOTAL, Run, measure, time_average, wait_numbers

S = 1_000_000


def clock(seconds: float) -> pd.Timestamp:
    return pd.Timestamp("2025-11-28 08:00") + pd.Timedelta(seconds=seconds)


@pytest.fixture
def small_day(new_story: Any) -> Run:
    story = new_story("a", "b")
    story.pay(10, "one", order="o1", lines=3)
    story.work(10, 15, "one", 0, 1)
    story.status(17, "one", "confirmed", 0)
    story.pay(20, "two", order="o1", lines=5)
    story.work(20, 40, "two", 0, 2)
    story.pay(21, "three", accepted=22)
    story.work(24, 30, "three", 1, 1)
    story.lose(100, 820, "closing: schedule", 1)
    story.log.add(819 * S, "z_report", "", 1, "{}", 1)
    story.pay(2000, "four")
    story.status(2000, "four", "set_aside", -1)
    story.pay(2001, "five", accepted=-1)
    story.refuse(2001, "five", "items: no goods")
    return story.run(lost=0, doubled=0)


def test_summary_of_a_small_day(small_day: Run) -> None:
    summary = measure(small_day).summary
    assert summary.pop("event_log_sha256") == small_day.log.sha256()
    assert summary == {
        "scenario": "by_hand",
        "seed": 7,
        "fidelity": "wire",
        "orders": 4,
        "receipts": 5,
        "fiscalized": 3,
        "in_time_share": 1.0,
        "late": 0,
        "lost": 0,
        "doubled": 0,
        "in_doubt": 0,
        "refused": 2,
        "sent_share": None,
        "confirmed_share": None,
        "operator_lag_s": None,
        "wait_s": {"mean": 34 / 3, "p50": 9.0, "p95": 20.0, "p99": 20.0, "max": 20.0},
        "queue_max": 1,
        "registers": {
            "a": {"receipts": 2, "utilization": round(25 / 3600, 6), "z_reports": 0},
            "b": {"receipts": 1, "utilization": round(6 / 3600, 6), "z_reports": 1},
        },
        "faults": {},
        "simulated_s": 3600.0,
        "wall_s": 0.25,
    }


def test_a_row_for_each_receipt_with_all_its_moments(small_day: Run) -> None:
    receipts = measure(small_day).receipts
    assert list(receipts["key"]) == ["one", "two", "three", "four", "five"]
    one, three, five = (receipts.set_index("key").loc[key] for key in ("one", "three", "five"))
    assert (one["order"], one["type"], one["lines"], one["total_kop"]) == ("o1", "sale", 3, 10_000)
    assert [one[m] for m in ("submitted", "accepted", "printing", "recorded", "confirmed")] == [
        clock(t) for t in (10, 10, 10, 15, 17)
    ]
    assert (one["register"], one["document"], one["attempts"], one["wait_s"]) == ("a", 1, 1, 5.0)
    assert (one["status"], one["late"], one["why_late"]) == ("confirmed", False, "")
    assert (three["accepted"], three["printing"], three["wait_s"]) == (clock(22), clock(24), 9.0)
    assert five["status"] == "refused"
    assert pd.isna(five["accepted"]) and pd.isna(five["wait_s"]) and pd.isna(five["register"])


def test_what_each_register_did(small_day: Run) -> None:
    registers = measure(small_day).registers.set_index("register")
    assert list(registers.loc["a", ["receipts", "busy_s", "closing_s", "down_s", "z_reports"]]) == [
        2,
        25,
        0,
        0,
        0,
    ]
    assert list(registers.loc["b", ["receipts", "busy_s", "closing_s", "down_s", "z_reports"]]) == [
        1,
        6,
        720,
        0,
        1,
    ]


def test_work_on_a_register_ends_when_the_register_or_the_engine_is_heard_of(new_story: Any) -> None:
    story = new_story("a", "b")
    story.pay(10, "cut off")
    story.status(10, "cut off", "printing", 0)
    story.register(15, 0, "down: no answer")
    story.pay(10, "died")
    story.status(10, "died", "printing", 1)
    story.engine(20, "crash")
    story.engine(30, "restart")
    story.register(31, 0, "ready")
    story.register(31, 1, "ready")
    story.status(40, "cut off", "queued")
    story.status(40, "died", "recorded", 1)
    answers = measure(story.run())
    spans = answers.timeline[answers.timeline["state"] != "ready"]
    assert [(r.register, r.state, r.begin, r.end) for r in spans.itertuples()] == [
        ("a", "busy", clock(10), clock(15)),
        ("a", "down", clock(15), clock(20)),
        ("a", "engine_down", clock(20), clock(30)),
        ("a", "unseen", clock(30), clock(31)),
        ("b", "busy", clock(10), clock(20)),
        ("b", "engine_down", clock(20), clock(30)),
        ("b", "unseen", clock(30), clock(31)),
    ]


def test_a_register_held_by_a_fault_is_stuck_and_not_busy(new_story: Any) -> None:
    story = new_story("a", "b")
    story.faults = [Fault("computer_hang", "pc", 100 * S, 160 * S)]
    story.pay(90, "held")
    story.work(90, 165, "held", 0)
    story.pay(101, "went on")  # recorded while the fault lasts: it cannot have been held
    story.work(101, 102, "went on", 1)
    answers = measure(story.run())
    spans = answers.timeline[answers.timeline["state"] != "ready"]
    assert [(r.register, r.state, r.cause, r.begin, r.end) for r in spans.itertuples()] == [
        ("a", "busy", "", clock(90), clock(100)),
        ("a", "stuck", "computer_hang", clock(100), clock(160)),
        ("a", "busy", "", clock(160), clock(165)),
        ("b", "busy", "", clock(101), clock(102)),
    ]
    assert answers.registers["busy_s"].tolist() == [15.0, 1.0]
    assert answers.registers["down_s"].tolist() == [60.0, 0.0]


def test_queue_is_a_step_function_over_the_farm(small_day: Run) -> None:
    answers = measure(small_day)
    total = answers.queue[answers.queue["register"] == TOTAL]
    steps = [(t, n) for t, n in zip(total["time"], total["waiting"], strict=True) if n or t == clock(24)]
    # Receipts that are begun in the microsecond in which they were paid never wait.
    assert steps == [(clock(21), 1), (clock(24), 0)]
    assert time_average(answers.queue, answers.end)[TOTAL] == pytest.approx(3 / 3600)


def test_a_queue_of_its_own_for_each_register(new_story: Any) -> None:
    story = new_story("a", "b")
    story.pay(10, "x")
    story.status(10, "x", "queued", 0)
    story.status(20, "x", "queued", 1)  # re-routed
    story.work(30, 35, "x", 1)
    queue = measure(story.run()).queue
    of = {
        name: list(zip(rows["time"], rows["waiting"], strict=True))
        for name, rows in queue.groupby("register")
    }
    assert of["a"] == [(clock(0), 0), (clock(10), 1), (clock(20), 0)]
    assert of["b"] == [(clock(0), 0), (clock(20), 1), (clock(30), 0)]
    assert of[TOTAL] == [(clock(0), 0), (clock(10), 1), (clock(20), 1), (clock(30), 0)]


def test_a_burst_makes_a_queue_as_long_as_it_is(new_story: Any) -> None:
    story = new_story("a")
    for i in range(15):
        story.pay(60, f"r{i}", accepted=60.002)
        story.work(60.004 + 10 * i, 70.004 + 10 * i, f"r{i}", 0, i + 1)
    assert measure(story.run()).summary["queue_max"] == 15


def test_a_shop_that_asks_twice_counts_once_and_from_its_first_request(new_story: Any) -> None:
    story = new_story("a")
    story.pay(10, "x", accepted=-1)
    story.refuse(10, "x", "journal full")
    story.pay(40, "x", accepted=40)
    story.work(41, 50, "x", 0)
    answers = measure(story.run())
    assert answers.summary["receipts"] == 1
    assert answers.summary["refused"] == 0
    assert list(answers.receipts["wait_s"]) == [40.0]
    assert answers.queue["waiting"].max() == 1


def test_exactly_the_deadline_is_in_time(new_story: Any) -> None:
    story = new_story("a")
    story.pay(0, "just")
    story.work(290, 300, "just", 0, 1)
    story.pay(1000, "over", accepted=1000)
    story.work(1290, 1300.000001, "over", 0, 2)
    assert list(measure(story.run()).receipts["late"]) == [False, True]


def test_without_a_document_at_the_end_a_receipt_is_late_only_if_its_deadline_is_past(new_story: Any) -> None:
    story = new_story("a")
    story.pay(3600 - 301, "stuck")
    story.pay(3600 - 10, "fresh")
    answers = measure(story.run())
    assert list(answers.receipts["late"]) == [True, False]
    assert answers.summary["fiscalized"] == 0
    assert answers.summary["in_time_share"] == 0.5
    assert answers.summary["wait_s"]["p50"] is None


def test_an_empty_run_has_empty_tables_and_nobody_late(new_story: Any) -> None:
    answers = measure(new_story("a", "b").run())
    assert len(answers.receipts) == 0
    assert (answers.summary["in_time_share"], answers.summary["queue_max"], answers.summary["orders"]) == (
        1.0,
        0,
        0,
    )
    assert list(answers.registers["register"]) == ["a", "b"]
    assert len(answers.causes) == 0


def test_in_doubt_in_the_summary_means_at_the_end(new_story: Any) -> None:
    story = new_story("a")
    for key, end in (("resolved", True), ("open", False)):
        story.pay(10, key)
        story.status(11, key, "printing", 0)
        story.status(12, key, "in_doubt", 0)
        if end:
            story.status(52, key, "recorded", 0, 1)
    answers = measure(story.run())
    assert answers.summary["in_doubt"] == 1
    assert list(answers.receipts["in_doubt_s"]) == [40.0, 3588.0]


def test_quantiles_are_waits_that_occurred() -> None:
    waits = np.arange(1, 101) * S
    assert wait_numbers(waits) == {"mean": 50.5, "p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}
    assert wait_numbers(np.array([2 * S])) == {"mean": 2.0, "p50": 2.0, "p95": 2.0, "p99": 2.0, "max": 2.0}


def test_audit_findings_may_be_counts_or_lists(new_story: Any) -> None:
    summary = measure(new_story("a").run(lost=["x", "y"], doubled=1)).summary
    assert (summary["lost"], summary["doubled"]) == (2, 1)


def test_faults_stand_as_planned_but_the_engines_deaths_as_they_happened(new_story: Any) -> None:
    story = new_story("a")
    story.faults = [Fault("cable_pulled", "a", 100 * S, 200 * S), Fault("engine_crash", "", 0, 0, {"nth": 5})]
    story.engine(50, "crash")
    story.engine(60, "restart")
    faults = measure(story.run()).faults
    assert list(faults.itertuples(index=False, name=None)) == [
        ("engine_crash", "", clock(50), clock(60)),
        ("cable_pulled", "a", clock(100), clock(200)),
    ]
