"""The planner's further answers hold in the engine itself: bursts, Z-schedules, policies, what matters, and the run in ``wire``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import bench
from bench import cli
from bench.confirm import Confirmation, confirm
from bench.executors import open_executor
from bench.largest_burst import largest_burst
from bench.policy_ranking import best_policy
from bench.scenario_arrivals import Burst
from bench.what_if import closing_at, with_day_before
from bench.what_matters import what_matters
from bench.z_schedule import best_schedule

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"


def load(name: str, *changes: str) -> bench.Scenario:
    return bench.load(SCENARIOS / f"{name}.toml", list(changes)).model_copy(update={"faults": ()})


def late_of_burst(scenario: bench.Scenario, clock: str, orders: int, replication: int) -> int:
    """Late receipts of a burst, counted in the engine's own run."""
    burst = Burst(at=clock, orders=orders)
    arrivals = scenario.arrivals.model_copy(update={"bursts": (*scenario.arrivals.bursts, burst)})
    ran = bench.run(
        scenario.model_copy(update={"arrivals": arrivals}), fidelity="timed", replication=replication
    )
    mine = ran.receipts[ran.receipts["key"].str.startswith("burst")]
    assert len(mine) == orders
    return int(mine["late"].sum())


def test_the_largest_burst_is_survived_in_the_engine_and_one_order_more_is_not() -> None:
    scenario, days = load("quiet_day"), 3
    found = largest_burst(scenario, at="12:00", replications=days)
    assert 20 < found.orders < found.most
    late = [late_of_burst(scenario, "12:00", found.orders, n) for n in range(days)]
    assert late == [0] * days
    assert sum(late_of_burst(scenario, "12:00", found.orders + 1, n) for n in range(days)) > 0


def test_a_closing_all_at_once_survives_no_burst() -> None:
    found = largest_burst(load("z_windows_together"), replications=3)
    assert {name.split(", ")[1]: orders == 0 for name, orders in found.by_moment.items()} == {
        "the busiest hour": False,
        "as shifts begin to close": True,
    }
    assert found.orders == 0


def test_the_best_schedule_is_better_in_the_engine() -> None:
    scenario, days = load("z_windows_together"), 3
    found = best_schedule(scenario, replications=days)
    assert found.late < found.own.late
    for one in (found.best, found.own):
        late = []
        for replication in range(days):
            farm = closing_at(with_day_before(scenario), *one.schedule)
            ran = bench.run(farm, fidelity="timed", replication=replication)
            counted = ran.receipts[ran.receipts["submitted"] >= scenario.start]
            late.append(int(counted["late"].sum()))
        assert tuple(late) == one.found.late


def test_policies_are_told_apart_on_the_same_days() -> None:
    scenario = load("black_friday", "arrivals.scale=10")
    found = best_policy(scenario, policies=("round_robin", "earliest_completion", "sticky"), most=20)
    assert (found.best, found.by, found.decided) == ("earliest_completion", "mean_wait_s", True)
    assert found.probability == 0.95
    row = found.table.set_index("policy").loc["earliest_completion"]
    farm = scenario.model_copy(
        update={"farm": scenario.farm.model_copy(update={"policy": "earliest_completion"})}
    )
    waits = [
        bench.run(farm, fidelity="timed", replication=n).summary["wait_s"]["mean"]
        for n in range(int(row["days"]))
    ]
    assert row["mean_wait_s"] == pytest.approx(sum(waits) / len(waits), abs=1e-5)


def test_of_equal_policies_the_shops_own_stays() -> None:
    scenario = load("two_entities")  # one register each: there is nothing to choose
    found = best_policy(scenario, policies=("central", "round_robin", "sticky"), most=12)
    assert found.best == scenario.farm.policy == "sticky"
    assert set(found.as_good) == {"central", "round_robin"}


def test_what_matters_is_the_same_in_worker_processes() -> None:
    scenario = load("z_windows_together")
    here = what_matters(scenario, replications=2, effort=3)
    with open_executor(2) as executor:
        there = what_matters(scenario, replications=2, effort=3, executor=executor)
    assert here.as_json() == there.as_json()
    size = here.table.set_index("input")["size"]
    assert size["z_report_min"] > 10 * size["slowness"]  # registers that are deaf at the same time


def test_an_outage_matters_where_one_register_is_all_there_is() -> None:
    scenario = load("z_windows_together", "farm.registers.0.count=1", "shifts.close_at=[]")
    found = what_matters(scenario, replications=2, effort=3)
    size = found.table.set_index("input")["size"]
    assert size["outage_min"] == size.max() > 600


def test_wire_confirms_the_kernel() -> None:
    found = confirm(load("z_windows_together"), days=1)
    assert found.ok and found.table["late"].sum() > 0
    wrong = Confirmation(found.table.assign(wire_late=found.table["late"] + 1))
    assert not wrong.ok


def test_one_command_asks_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, plot = str(SCENARIOS / "z_windows_together.toml"), tmp_path / "size.png"
    further = ["--bursts", "--schedule", "--policies", "--sensitivity", "--confirm"]
    code = cli.main(
        ["size", path, "--late-share", "0.01", "--replications", "4", *further, "--json", "--plot", str(plot)]
    )
    found = json.loads(capsys.readouterr().out)
    assert code == 0
    assert {flag.removeprefix("--") for flag in further} <= set(found)
    assert {p.name for p in tmp_path.iterdir()} == {
        "size.png",
        "size_schedule.png",
        "size_policies.png",
        "size_sensitivity.png",
    }


@pytest.mark.parametrize(
    ("question", "told"),
    [
        (lambda s: largest_burst(s, 1.0), "from 0 to below 1"),
        (lambda s: largest_burst(s, at="day 5 12:00"), "outside the run"),
        (lambda s: best_schedule(s, step_min=0), "a step of 1 to 720"),
        (lambda s: best_policy(s, policies=("fastest",)), "unknown policies fastest; there are: central"),
        (lambda s: best_policy(s, by="beauty"), "cannot judge by 'beauty'"),
        (lambda s: what_matters(s, of="beauty"), "cannot ask of 'beauty'"),
        (lambda s: what_matters(s, ranges={"rain": (0, 1)}), "no input is named 'rain'"),
        (lambda s: confirm(s, days=0), "at least one day"),
    ],
)
def test_questions_that_cannot_be_answered(question, told: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=told):
        question(load("quiet_day"))
