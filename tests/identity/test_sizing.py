"""Sizing counts the same late receipts as the engine in fidelity ``timed``, and its answer is the fewest registers that keep the target."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from local_cluster import dask_cluster

import bench
from bench import cli
from bench.growth import Growth
from bench.planner import day, lateness, unavoidably_late
from bench.sizing import size
from bench.statistics import t_interval
from bench.statistics_precision import replications_needed
from bench.what_if import z_report_minutes, z_reports_of

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
PLAIN = (
    "burst_of_15",
    "quiet_day",
    "z_windows_together",
    "z_windows_staggered",
    "two_entities",
    "spare_register",
)


def calm(name: str) -> bench.Scenario:
    return bench.load(SCENARIOS / f"{name}.toml").model_copy(update={"faults": ()})


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("replication", [0, 3])
def test_late_receipts_are_those_of_the_engine(name: str, replication: int) -> None:
    scenario = calm(name)
    engine = bench.run(scenario, fidelity="timed", replication=replication).summary
    found = lateness(scenario, [day(scenario, replication)])
    assert (found.late, found.receipts) == ((engine["late"],), (engine["receipts"],))


def test_a_farm_that_is_late_is_late_by_the_same_receipts() -> None:
    """Black Friday on a farm far too small: hundreds of late receipts, not one more or less."""
    scenario = calm("black_friday")
    slow = scenario.model_copy(
        update={"farm": scenario.farm.model_copy(update={"registers": scenario.farm.registers[1:2]})}
    )
    engine = bench.run(slow, fidelity="timed").summary
    assert engine["late"] > 100
    assert lateness(slow, [day(slow, 0)]).late == (engine["late"],)


def test_the_answer_is_the_fewest_that_keep_the_target() -> None:
    """Every smaller farm is tried in the engine itself: one register less is too late, the answer is not."""
    scenario, target, days = calm("z_windows_together"), 0.01, 5
    answer = size(scenario, target, replications=days, most=16)
    assert answer.registers is not None and answer.registers > 1
    for count, wanted in ((answer.registers - 1, False), (answer.registers, True)):
        farm = Growth(scenario).farm(count)
        runs = [bench.run(farm, fidelity="timed", replication=n).summary for n in range(days)]
        shares = [run["late"] / run["receipts"] for run in runs]
        assert (t_interval(shares).high <= target) is wanted
        assert answer.tried[count].late == tuple(run["late"] for run in runs)


def test_the_command_answers_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(
        ["size", str(SCENARIOS / "burst_of_15.toml"), "--late-share", "0.01", "--replications", "3", "--json"]
    )
    found = json.loads(capsys.readouterr().out)
    assert code == 0 and found["registers"] == 1
    assert found["days"] == 3 and found["assumptions"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--late-share", "1.5"], 2, "from 0 to below 1"),
        (["--late-share", "0.1", "--replications", "1"], 2, "at least two days"),
        (["--late-share", "0.1", "--register", "nobody"], 3, "there are:"),
        (["--late-share", "0.1", "--workers", "0"], 2, "0 workers"),
        (["--late-share", "0.1", "--plot", "size.abc"], 2, "no kind of picture"),
        (["--late-share", "0.1", "--plot", "/proc/nowhere/size.png"], 2, "/proc/nowhere"),
    ],
)
def test_wrong_questions_get_one_line(
    arguments: list[str], code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["size", str(SCENARIOS / "quiet_day.toml"), *arguments]) == code
    err = capsys.readouterr().err
    assert told in err and err.count("\n") == 1


def test_no_farm_is_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """Two registers that are deaf at the same time keep nobody's five minutes: exit 1, and it ends."""
    path = str(SCENARIOS / "z_windows_together.toml")
    arguments = ["size", path, "--late-share", "0", "--replications", "2", "--most", "2", "--json"]
    assert cli.main(arguments) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["registers"] is None
    assert [(farm["registers"], farm["enough"]) for farm in found["farms"]] == [(1, False), (2, False)]


def test_the_answer_does_not_know_where_it_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    """The same bytes here, in two worker processes, and on a Dask cluster of two."""
    ask = [
        "size",
        str(SCENARIOS / "black_friday.toml"),
        "--late-share",
        "0.001",
        "--replications",
        "9",
        "--json",
    ]

    def answer(*where: str) -> str:
        assert cli.main([*ask, *where]) == 0
        return capsys.readouterr().out

    here = answer()
    assert json.loads(here)["registers"] >= 1
    assert answer("--workers", "2") == here
    with dask_cluster(2) as address:
        assert answer("--dask", address) == here


def test_a_farm_that_grows_can_be_worse_and_the_fewest_are_still_found() -> None:
    """On Black Friday, three times as busy, a slow register that takes turns with a fast one makes two worse than one."""
    changes = ["arrivals.scale=114", "farm.registers[0].print=electronic"]
    scenario = bench.load(SCENARIOS / "black_friday.toml", changes)
    answer = size(scenario, 0.001, replications=4)
    shares = answer.table.set_index("registers")["late_share"]
    assert shares[2] > shares[1] and answer.registers == 3
    assert answer.counts == {"office": 1, "store": 1, "net": 1}


def test_what_one_more_buys_and_what_changes_the_answer() -> None:
    """Differences are taken day by day; a change that is no longer enough is not enough in the engine either."""
    scenario = bench.load(SCENARIOS / "z_windows_together.toml")
    answer = size(scenario, 0.01, replications=5)
    assert answer.registers is not None and answer.one_more is not None
    now, more = answer.tried[answer.registers], answer.tried[answer.registers + 1]
    wanted = [a - b for a, b in zip(now.shares(), more.shares(), strict=True)]
    assert answer.one_more["late_share"] == t_interval(wanted)
    longer = next(change for change in answer.changes if change.what.startswith("Z-reports"))
    assert answer.registers is not None
    farm = z_reports_of(Growth(scenario).farm(answer.registers), 1.5 * z_report_minutes(scenario))
    runs = [bench.run(farm, fidelity="timed", replication=n).summary for n in range(5)]
    assert longer.late_share == t_interval([run["late"] / run["receipts"] for run in runs])


def test_a_rate_that_no_allowed_farm_can_carry_is_answered_without_trying(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = str(SCENARIOS / "black_friday.toml")
    arguments = ["size", path, "--late-share", "0.001", "--most", "3", "--set", "arrivals.scale=4000"]
    assert cli.main([*arguments, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["registers"] is None and found["farms"] == []
    assert "would still be late" in found["why_not"]


def test_the_bound_on_what_is_late_holds_in_the_engine() -> None:
    """Three hundred times the orders for one slow register: the kernel is late with at least the share that cannot be avoided."""
    scenario = bench.load(
        SCENARIOS / "z_windows_together.toml",
        ["arrivals.scale=300", "farm.registers.0.count=1", 'farm.registers.0.device="shtrih-fr-01f"'],
    )
    one = day(scenario, 0)
    bound = unavoidably_late(scenario, one, 1)
    found = lateness(scenario, [one])
    assert 0.2 < bound <= found.late[0] / found.receipts[0]


def test_more_orders_than_memory_holds_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    arrivals = 'arrivals={kind = "poisson", rate_per_min = 90000}'
    path = str(SCENARIOS / "two_entities.toml")
    assert cli.main(["size", path, "--late-share", "0.1", "--set", arrivals]) == 3
    err = capsys.readouterr().err
    assert "129,600,000 orders" in err and err.count("\n") == 1


def test_how_many_days_would_make_it_surer() -> None:
    scenario = calm("z_windows_together")
    answer = size(scenario, 0.01, replications=5)
    assert answer.registers is not None and sum(answer.tried[answer.registers].late)
    shares = answer.tried[answer.registers].shares()
    needed = replications_needed(shares, 0.0025)
    assert (
        needed > 5 and f"{needed} days are needed" in answer.precision and answer.precision in answer.report()
    )
    never = size(scenario, 0.0, replications=5)
    assert "at most 45.1% of days have one, at 95 %; 299 days" in never.precision
