"""Theory beside a run's answers: exact where the farm is the one the formula means, and telling where it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench
from bench import theory_staffing
from bench.cli import main
from bench.result import Result
from bench.scenario import apply_set, load, parse
from bench.statistics import t_interval
from bench.theory_beside import Beside, beside, table
from bench.wording import share_text

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def run(*changes: str, replication: int = 0) -> Result:
    """One line for all registers, exponential service of 8 s, a day without closings."""
    data: dict[str, Any] = {
        "schema_version": 1,
        "name": "textbook",
        "question": "What does theory say?",
        "start": "2026-03-11T06:00:00",
        "duration_h": 8,
        "seed": 54,
        "shop": {
            "entities": [{"name": "llc", "inn": "7701234560", "user": "OOO Primer"}],
            "commit_ms": 0,
            "deadline_s": 30,
        },
        "arrivals": {"kind": "poisson", "rate_per_min": 13.5, "lines": {"kind": "fixed", "count": 1}},
        "farm": {
            "policy": "central",
            "registers": [
                {
                    "name": "front",
                    "device": "shtrih-m-01f",
                    "count": 3,
                    "service": {"kind": "exponential", "mean_s": 8.0},
                }
            ],
        },
    }
    for change in changes:
        apply_set(data, change)
    return bench.run(parse(data), fidelity="timed", replication=replication)


def row(result: Result, answer: str, formula: str) -> Beside:
    (found,) = [one for one in beside(result) if one.answer.startswith(answer) and one.formula == formula]
    return found


def test_hour_by_hour_is_right_where_it_applies() -> None:
    """A day of three rates, each for hours: the mean over days lies about the formula."""
    rates = "arrivals={kind='profile', lines={kind='fixed', count=1}, rate_per_h=[%s]}"
    profile = rates % ", ".join(["300"] * 7 + ["700"] * 2 + ["900"] * 15)
    runs = [run(profile, "duration_h=5", replication=r) for r in range(10)]
    for answer in ("mean wait", "late"):
        rows = [row(one, answer, "hour by hour") for one in runs]
        simulated = t_interval([one.simulated for one in rows], 0.999)
        assert simulated.low <= np.mean([one.theory for one in rows]) <= simulated.high
        assert simulated.half_width < 0.5 * simulated.estimate


def test_the_load_is_exact_under_any_policy() -> None:
    for policy in ("central", "random", "sticky"):
        found = row(run(f"farm.policy={policy}"), "registers busy", "rate x service")
        assert found.simulated == pytest.approx(found.theory, rel=1e-9)
        assert found.theory == pytest.approx(13.5 / 60 * 8, rel=0.1)


@pytest.mark.parametrize(
    "change",
    [
        "arrivals.bursts=[{at='08:00', orders=60}, {at='10:30', orders=40, spread_s=30}]",
        "shifts.close_at=['09:00', '12:00']",
        "faults=[{kind='planned_outage', target='all', at='07:30', for_s=900}]",
    ],
)
def test_one_register_is_one_fast_register(change: str) -> None:
    """Closings, bursts and outages included, to the millisecond: the same Lindley recursion is what happens."""
    found = run("farm.registers[0].count=1", "arrivals.rate_per_min=3.5", "shop.deadline_s=300", change)
    wait, late = row(found, "mean wait", "one fast register"), row(found, "late", "one fast register")
    assert wait.simulated == pytest.approx(wait.theory, abs=0.001)
    assert late.simulated == pytest.approx(late.theory, abs=1e-9) and late.simulated > 0


def test_a_divided_line_costs_what_the_fast_register_does_not_see() -> None:
    shared, divided = (
        row(run(f"farm.policy={p}"), "mean wait", "one fast register") for p in ("central", "random")
    )
    assert divided.simulated > 1.5 * shared.simulated
    assert divided.theory == pytest.approx(shared.theory, rel=1e-6)  # the same orders, the same hours
    assert shared.theory < shared.simulated


def test_closings_are_told_from_chance() -> None:
    """Late for the closings: the fast register is late as well, the queue of the hour is not."""
    found = bench.run(load(SCENARIOS / "z_windows_together.toml"), fidelity="timed")
    by_hour, fast = row(found, "late", "hour by hour"), row(found, "late", "one fast register")
    assert by_hour.simulated == fast.simulated == pytest.approx(1 - found.summary["in_time_share"])
    assert by_hour.theory < 1e-6 and fast.theory == pytest.approx(fast.simulated, abs=0.005)
    closed = row(found, "waiting, all closed from 13:00", "closed window")
    assert closed.simulated == found.summary["queue_max"]
    assert abs(closed.simulated - closed.theory) < 4 * closed.theory**0.5


def test_what_never_ends_is_said() -> None:
    overloaded = row(run("arrivals.rate_per_min=40", "duration_h=1"), "mean wait", "hour by hour")
    assert overloaded.words[1] == "without end"


def test_a_run_without_receipts_has_nothing_beside_it() -> None:
    nothing = run("arrivals.rate_per_min=0", "duration_h=1")
    assert beside(nothing) == () and table(()) == "" and len(nothing.theory()) == 0


def test_the_table_is_in_words() -> None:
    found = run()
    text = table(beside(found))
    lines = text.splitlines()
    assert lines[0] == "Theory beside it" and lines[1].split() == ["answer", "simulated", "theory", "formula"]
    assert text.count("\n  one fast register: Lindley") == 1
    assert all(len(line) <= 80 for line in lines)
    frame = found.theory()
    assert list(frame.columns) == ["answer", "simulated", "theory", "formula", "source"]
    assert frame["simulated"].tolist() == [one.simulated for one in beside(found)]
    assert share_text(1e-12) == "< 0.000001 %" and share_text(0.0) == "0.00 %"


def test_the_command_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", str(SCENARIOS / "burst_of_15.toml"), "--fidelity", "timed"]) == 0
    out = capsys.readouterr().out
    assert out.index("hold") < out.index("Theory beside it") < out.index("tables and charts:")


def test_staffing_by_the_hour_is_the_fewest() -> None:
    day = [0, 100, 900, 1500, 300]
    for target in (0.1, 0.01, 0.001):
        servers = theory_staffing.hour_by_hour_staffing(day, 8.0, 60.0, target)
        assert theory_staffing.hour_by_hour(day, servers, 8.0, 60.0) <= target
        assert theory_staffing.hour_by_hour(day, servers - 1, 8.0, 60.0) > target
    with pytest.raises(ValueError, match="never perfect"):
        theory_staffing.hour_by_hour_staffing(day, 8.0, 60.0, 0.0)
    with pytest.raises(ValueError, match="not even 10000"):  # services over a minute are five in ten thousand
        theory_staffing.hour_by_hour_staffing(day, 8.0, 60.0, 0.0001)
    with pytest.raises(ValueError, match="not even 2"):
        theory_staffing.hour_by_hour_staffing(day, 8.0, 60.0, 0.01, most=2)
    assert theory_staffing.hour_by_hour_wait_s([0, 0], 1, 8.0, 1.0) == 0


def test_a_sizing_has_theory_beside_it() -> None:
    """A farm that is a textbook queue needs what theory says, one more at most; closings at once need more."""
    scenario = run("duration_h=4").scenario
    answer = bench.size(scenario, 0.05, replications=8)
    assert answer.theory is not None and answer.registers is not None
    assert answer.theory <= answer.registers <= answer.theory + 1
    assert f": {answer.theory} registers in all" in answer.report()
    assert answer.as_json()["theory_registers_in_all"] == answer.theory
    blind = bench.size(load(SCENARIOS / "z_windows_together.toml"), 0.01, replications=5)
    assert blind.theory == 1 and blind.registers is not None and blind.registers > 3
