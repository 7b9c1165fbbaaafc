"""Sweeps: what is asked, what days are shared, what a folder keeps, and one clear line for what cannot be."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_shop import small

import bench
from bench import cli, sweep_plan, sweeping
from bench.cli_sweep import values
from bench.planner import Day, day
from bench.sweep_file import NAME, SweepFileError
from bench.sweep_plan import Plan, toml
from bench.wording import share_text

QUIET = str(Path(__file__).resolve().parents[2] / "scenarios" / "burst_of_15.toml")
COUNT = "farm.registers[0].count"


def busy(*names: str) -> bench.Scenario:
    """The small shop with slow registers and little patience: its late shares are neither 0 nor all alike."""
    slow = {"device": "shtrih-m-01f", "service": {"kind": "exponential", "mean_s": 10.0}}
    farm = {
        "policy": "central",
        "registers": [{"name": name, "count": 1, **slow} for name in names or ("front",)],
    }
    return small(farm=farm, shop={"deadline_s": 15})


def same_day(one: Day, other: Day) -> bool:
    return (
        one.kinds == other.kinds
        and all(
            np.array_equal(getattr(one.traffic, field.name), getattr(other.traffic, field.name))
            for field in dataclasses.fields(one.traffic)
        )
        and np.array_equal(one.draws, other.draws)
    )


@pytest.mark.parametrize(
    ("option", "path", "wanted"),
    [
        ("farm.registers.0.count=1..4", "farm.registers.0.count", [1, 2, 3, 4]),
        ("arrivals.scale=10..40..15", "arrivals.scale", [10, 25, 40]),
        ("a=-2..0", "a", [-2, -1, 0]),
        ("farm.policy=central, round_robin", "farm.policy", ["central", "round_robin"]),
        ("a=0.5,1,2e3", "a", [0.5, 1, 2000.0]),
        ("a=true,other", "a", [True, "other"]),
        ('shifts.close_at=["13:00"],["14:00","15:00"]', "shifts.close_at", [["13:00"], ["14:00", "15:00"]]),
        ("start=2026-05-12T09:00:00", "start", [pd.Timestamp("2026-05-12T09:00:00").to_pydatetime()]),
    ],
)
def test_values_are_read(option: str, path: str, wanted: list[Any]) -> None:
    found = values(option)
    assert (found[0], list(found[1])) == (path, wanted)


@pytest.mark.parametrize(
    "value", [1, -2.5, "it's", True, ["13:00"], {"kind": "poisson", "rate_per_min": 2.0}, np.float64(0.1)]
)
def test_values_survive_being_written(value: Any) -> None:
    data: dict[str, Any] = {}
    bench.scenario.apply_set(data, f"a.b={toml(getattr(value, 'item', lambda: value)())}")
    assert data == {"a": {"b": value}}


ELSEWHERE = {
    "drain_h": 3,
    "name": "other",
    "question": "Other?",
    "farm": {"registers": [{"name": "x", "device": "shtrih-m-01f", "count": 3}], "policy": "central"},
    "shifts": {"close_at": ["10:03"]},
    "operator": {"delay_s": 9},
    "faults": [{"kind": "planned_outage", "target": "any", "at": "10:01:00", "for_s": 60}],
    "expect": {"late_max": 1},
    "shop.commit_ms": 50,
    "shop.in_doubt": "reissue",
}


def test_days_are_shared_by_what_makes_no_traffic_and_are_equal_there() -> None:
    """Each part of a scenario that is said to make no traffic is changed: the day stays what it was, bit for bit."""
    before = small()
    plan = Plan(before, {"shop.commit_ms": [1, 50], COUNT: [1, 2, 3]}, 2, None)
    assert len(plan) == 2  # a task a day
    for name in (*sweep_plan.NO_TRAFFIC, *(f"shop.{name}" for name in sweep_plan.NO_TRAFFIC_OF_SHOP)):
        after = sweep_plan.configured(plan.task(0).scenario, ".", (f"{name}={toml(ELSEWHERE[name])}",))
        assert sweep_plan.traffic_of(after) == sweep_plan.traffic_of(before)
        assert same_day(day(after, 1), day(before, 1)), name


@pytest.mark.parametrize(
    "change",
    [
        "arrivals.rate_per_min=3",
        "seed=9",
        "duration_h=0.2",
        "shop.deadline_s=60",
        'shop.sites=["https://a.example"]',
    ],
)
def test_what_makes_traffic_parts_the_days(change: str) -> None:
    path, _, value = change.partition("=")
    plan = Plan(small(), {path: [json.loads(value)], COUNT: [1, 2]}, 2, None)
    assert len(plan) == 2
    before, after = small(), sweep_plan.configured(plan.task(0).scenario, ".", (change,))
    assert sweep_plan.traffic_of(after) != sweep_plan.traffic_of(before)


def test_many_configurations_make_tasks_of_bounded_size() -> None:
    plan = Plan(small(), {COUNT: range(1, 151)}, 2, None)
    sizes = [len(plan.task(n).configurations) for n in range(len(plan))]
    assert sizes == [64, 64, 22] * 2
    assert [plan.task(n).replication for n in range(len(plan))] == [0] * 3 + [1] * 3


def test_a_table_has_a_row_a_configuration() -> None:
    found = bench.sweep(
        busy(), {COUNT: [1, 2], "farm.policy": ["central", "round_robin"]}, replications=3, late_share=0.1
    )
    table = found.table
    assert list(table.columns) == [
        COUNT, "farm.policy", "registers", "receipts", "late", "late_share", "low", "high", "days", "days_with_late",
        "mean_wait_s", "longest_wait_s", "enough",
    ]  # fmt: skip
    assert table[[COUNT, "farm.policy"]].to_numpy().tolist() == [
        [1, "central"], [1, "round_robin"], [2, "central"], [2, "round_robin"],
    ]  # fmt: skip
    assert table["late"].nunique() > 1 and table["receipts"].nunique() == 1 and (table["days"] == 3).all()
    assert ((table["low"] <= table["late_share"]) & (table["late_share"] <= table["high"])).all()
    assert found.as_json()["configurations"] == table.to_dict("records")
    assert json.loads(json.dumps(found.as_json())) == found.as_json()


def test_the_fewest_registers_that_keep_the_target_are_named() -> None:
    """Two templates: the answer counts the registers of both, and is one that a look at every row confirms."""
    vary = {COUNT: [1, 2, 3], "farm.registers[1].count": [1, 2], "farm.policy": ["central", "round_robin"]}
    scenario = busy("front", "back")
    shares = bench.sweep(scenario, vary, replications=3).table["high"].tolist()
    target = sorted(set(shares))[len(set(shares)) // 2]
    found = bench.sweep(scenario, vary, replications=3, late_share=target)
    table = found.table
    assert table["registers"].tolist() == (table[COUNT] + table["farm.registers[1].count"]).tolist()
    enough = [row for row in table.to_dict("records") if row["high"] <= target]
    assert 0 < len(enough) < len(table)
    least = min(row["registers"] for row in enough)
    best = sorted(
        (row for row in enough if row["registers"] == least),
        key=lambda row: (row["late_share"], row["longest_wait_s"]),
    )
    assert found.fewest.to_dict("records") == best
    assert (
        f"fewest registers with at most {share_text(target)} late (upper 95 % bound): {least} ("
        in found.report()
    )
    nothing = bench.sweep(busy(), {COUNT: [1]}, replications=3, late_share=0.0)
    assert nothing.fewest.empty and "none of them keeps at most" in nothing.report()


def test_accidents_are_left_out_and_said() -> None:
    """So a register that one configuration has and another has not may have one."""
    fault = {"kind": "cable_pulled", "target": "front-2", "at": "10:01:00", "for_s": 60}
    found = bench.sweep(small([fault]), {COUNT: [1, 2]}, replications=1)
    assert "left out: 1 cable_pulled" in found.report()
    assert found.table.equals(bench.sweep(small(), {COUNT: [1, 2]}, replications=1).table)


def test_planned_outages_stay() -> None:
    outage = {"kind": "planned_outage", "target": "front-1", "at": "10:00:30", "for_s": 300}
    without, found = (bench.sweep(small(faults), {COUNT: [2]}, replications=1) for faults in ((), (outage,)))
    assert found.table["longest_wait_s"][0] > 10 * without.table["longest_wait_s"][0]


# The folder.


def test_a_folder_goes_on_where_it_was(tmp_path: Path) -> None:
    vary = {COUNT: [1, 2, 3]}
    whole = bench.sweep(busy(), vary, replications=6, out=tmp_path / "whole")

    def stop(done: float, whole: float) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.sweep(busy(), vary, replications=6, out=tmp_path / "part", progress=stop)
    assert not (tmp_path / "part" / "table.csv").exists()
    file = tmp_path / "part" / NAME
    assert len(file.read_bytes().splitlines()) == 1 + 4
    before = file.read_bytes()
    file.write_bytes(before[:-3])  # the last line torn
    told: list[float] = []
    again = bench.sweep(
        busy(), vary, replications=6, out=tmp_path / "part", progress=lambda d, w: told.append(d)
    )
    assert again.taken == 3 and told == [3, 4, 5, 6]
    assert file.read_bytes().startswith(before[:-3] + b"\n")  # it only grows
    assert (tmp_path / "part" / "table.csv").read_bytes() == (tmp_path / "whole" / "table.csv").read_bytes()
    assert bench.sweep(busy(), vary, replications=6, out=tmp_path / "part").taken == 6
    assert again.table.equals(whole.table)


@pytest.mark.parametrize("cut", [0, 1, 30])
def test_a_torn_first_line_is_a_folder_not_begun(tmp_path: Path, cut: int) -> None:
    bench.sweep(busy(), {COUNT: [1]}, replications=1, out=tmp_path)
    file = tmp_path / NAME
    file.write_bytes(file.read_bytes()[:cut])
    assert bench.sweep(busy(), {COUNT: [1]}, replications=1, out=tmp_path).taken == 0


@pytest.mark.parametrize(
    "line",
    [
        b"rubbish",
        b"[1]",
        b'{"task":0,"receipts":1,"late":[2],"mean_wait_s":[1.0],"longest_wait_s":[1.0]}',
        b'{"task":0,"receipts":9,"late":[1,1],"mean_wait_s":[1.0,1.0],"longest_wait_s":[1.0,1.0]}',
        b'{"task":0,"receipts":9,"late":[1],"mean_wait_s":[1.0,1.0],"longest_wait_s":[1.0]}',
        b'{"task":99,"receipts":9,"late":[1],"mean_wait_s":[1.0],"longest_wait_s":[1.0]}',
        b'{"task":0,"receipts":9,"late":["1"],"mean_wait_s":[1.0],"longest_wait_s":[1.0]}',
        b'{"task":0,"receipts":9,"late":[1],"mean_wait_s":[NaN],"longest_wait_s":[1.0]}',
        b"\xff\xfe",
    ],
)
def test_a_damaged_line_is_no_answer(tmp_path: Path, line: bytes) -> None:
    whole = bench.sweep(busy(), {COUNT: [1]}, replications=2, out=tmp_path).table
    file = tmp_path / NAME
    first, *rest = file.read_bytes().splitlines()
    file.write_bytes(b"\n".join([first, line, rest[1], b""]))
    again = bench.sweep(busy(), {COUNT: [1]}, replications=2, out=tmp_path)
    assert again.taken == 1 and again.table.equals(whole)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.sweep(busy(), {COUNT: [1]}, replications=1, out=tmp_path)
    before = (tmp_path / NAME).read_bytes()
    with pytest.raises(SweepFileError, match="another question"):
        bench.sweep(busy(), {COUNT: [2]}, replications=1, out=tmp_path)
    monkeypatch.setattr("bench.sweep_plan.code_hash", lambda: "0" * 64)
    with pytest.raises(SweepFileError, match="another version of the bench"):
        bench.sweep(busy(), {COUNT: [1]}, replications=1, out=tmp_path)
    assert (tmp_path / NAME).read_bytes() == before
    (tmp_path / NAME).write_text("a,b\n1,2\n")
    with pytest.raises(SweepFileError, match="not of a sweep"):
        bench.sweep(busy(), {COUNT: [1]}, replications=1, out=tmp_path)


def test_two_sweeps_do_not_write_into_one_folder(tmp_path: Path) -> None:
    def again(done: float, whole: float) -> None:
        with pytest.raises(SweepFileError, match="another sweep is writing there"):
            bench.sweep(busy(), {COUNT: [1]}, replications=1, out=tmp_path)

    bench.sweep(busy(), {COUNT: [1]}, replications=1, out=tmp_path, progress=again)


def test_a_changed_order_file_is_another_question(tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text("id,at,name,price\n1,2026-07-01 10:00:00,Tea,100.00\n")
    arrivals = {
        "kind": "trace",
        "file": str(orders),
        "columns": {"order": "id", "time": "at", "name": "name", "price": "price"},
    }
    before = Plan(small(arrivals=arrivals), {COUNT: [1]}, 1, None).question["question"]
    orders.write_text("id,at,name,price\n1,2026-07-01 10:00:00,Tea,200.00\n")
    assert Plan(small(arrivals=arrivals), {COUNT: [1]}, 1, None).question["question"] != before


def test_a_folder_that_moves_is_the_same_question(tmp_path: Path) -> None:
    """The order file counts by what is in it, not by where it is: a cluster's shared disk may be mounted elsewhere."""
    text = "id,at,name,price\n1,2026-07-01 10:00:00,Tea,100.00\n"
    arrivals = {
        "kind": "trace",
        "file": "orders.csv",
        "columns": {"order": "id", "time": "at", "name": "name", "price": "price"},
    }
    found = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "orders.csv").write_text(text)
        data = small().model_dump(mode="json") | {"arrivals": arrivals}
        found.append(Plan(bench.scenario.parse(data, folder=tmp_path / name), {COUNT: [1]}, 1, None).question)
    assert found[0] == found[1]


# Charts.


def two_axes(**more: Any) -> sweeping.Sweep:
    vary = {"arrivals.rate_per_min": [1.5, 4.0], COUNT: [1, 2, 3], **more}
    return bench.sweep(busy(), vary, replications=3, late_share=0.5)


def test_a_map_has_the_numbers_of_the_table() -> None:
    found = two_axes(**{"farm.policy": ["central", "round_robin"]})
    figure = found.plot_heat(COUNT, "arrivals.rate_per_min")
    panels = [ax for ax in figure.axes if ax.get_title(loc="left")]
    assert [ax.get_title(loc="left") for ax in panels] == ["central", "round_robin"]
    for ax in panels:
        part = found.table[found.table["farm.policy"] == ax.get_title(loc="left")]
        assert len(ax.texts) == len(part) == 6
        frames = [patch for patch in ax.patches if patch.get_edgecolor()[0] > 0.5]
        assert len(frames) == part["enough"].sum()
        shown = ax.images[0].get_array()
        for row in part.to_dict("records"):
            cell = shown[[1.5, 4.0].index(row["arrivals.rate_per_min"]), row[COUNT] - 1]
            assert cell == row["late_share"]


def test_lines_have_one_for_each_choice() -> None:
    found = bench.sweep(busy(), {COUNT: [3, 1, 2], "farm.policy": ["central", "round_robin"]}, replications=3)
    [ax] = found.plot_lines().axes
    curves = {line.get_label(): line for line in ax.lines}
    assert list(curves) == ["central", "round_robin"]
    assert curves["central"].get_xdata().tolist() == [1, 2, 3]
    by = found.table.set_index(["farm.policy", COUNT])["late_share"]
    assert curves["central"].get_ydata().tolist() == [by["central", n] for n in (1, 2, 3)]


def test_the_same_table_gives_the_same_picture() -> None:
    pictures = []
    for _ in range(2):
        out = io.BytesIO()
        two_axes().plot_heat().save(out)
        pictures.append(out.getvalue())
    assert pictures[0] == pictures[1]


def test_charts_that_cannot_be_drawn_say_why() -> None:
    found = two_axes()
    with pytest.raises(ValueError, match="was not varied; there are"):
        found.plot_heat("farm.polcy")
    policies = bench.sweep(small(), {"farm.policy": ["central"]}, replications=1)
    with pytest.raises(ValueError, match="needs two varied paths"):
        policies.plot_heat()
    with pytest.raises(ValueError, match="no numbers"):
        policies.plot_lines()
    many = bench.sweep(small(), {COUNT: [1], "shop.commit_ms": range(1, 10)}, replications=1)
    with pytest.raises(ValueError, match="9 lines cannot be read"):
        many.plot_lines(COUNT)


# The command.


def test_the_command_writes_table_and_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    line = ["sweep", QUIET, "--vary", f"{COUNT}=1..2", "--vary", "farm.policy=central,round_robin", "--workers", "1",
            "--replications", "2", "--late-share", "0.01", "--plot", "figures/lines.png"]  # fmt: skip
    assert cli.main(line) == 0
    told = capsys.readouterr().out
    assert "4 configurations, 2 days" in told
    [folder] = (tmp_path / "runs").iterdir()
    assert str(folder.relative_to(tmp_path)) in told
    assert (tmp_path / "figures" / "lines.png").read_bytes().startswith(b"\x89PNG")
    assert cli.main(line) == 0
    assert "(2 of 2 were there)" in capsys.readouterr().out
    assert cli.main([*line, "--csv"]) == 0
    assert capsys.readouterr().out == (folder / "table.csv").read_text()
    assert cli.main([*line, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["configurations"]) == 4


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--vary", "farm.policy"], 2, "write it as path.to.field="),
        (["--vary", f"{COUNT}=8..1"], 2, "from the smaller to the larger"),
        (["--vary", f"{COUNT}=1,1"], 2, "given twice"),
        (["--vary", f"{COUNT}=1", "--vary", f"{COUNT}=2"], 2, "all its values at once"),
        (["--vary", f"{COUNT}=1..999999999999"], 2, "999,999,999,999 configurations are more than 100,000"),
        (["--vary", f"{COUNT}=1..3", "--most", "2"], 2, "--most 3"),
        (["--vary", "farm.polcy=a"], 3, "did you mean policy?"),
        (["--vary", "farm.policy=centrl"], 3, 'with farm.policy="centrl": farm.policy'),
        (["--vary", "farm.registers[7].count=1"], 3, "--vary farm.registers[7].count=1: farm.registers has"),
        (["--vary", "faults=3"], 3, "faults"),
        (["--vary", "faults=[3]"], 3, "faults"),
        (["--vary", f"{COUNT}=1", "--replications", "0"], 2, "at least one day"),
        (["--vary", f"{COUNT}=1", "--late-share", "2"], 2, "from 0 to below 1"),
        (["--vary", f"{COUNT}=1", "--workers", "0"], 2, "at least one"),
        (["--vary", f"{COUNT}=1", "--seed", "-1"], 2, "must not be negative"),
        (["--vary", f"{COUNT}=1", "--dask", "tcp://127.0.0.1:1"], 2, "no Dask scheduler answers there"),
        (["--vary", f"{COUNT}=1", "--out", "/dev/null/x"], 2, "cannot be written"),
        (["--vary", f"{COUNT}=1", "--plot", "heat.xls"], 2, "no kind of picture"),
    ],
)
def test_wrong_questions_get_one_line(
    arguments: list[str],
    code: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["sweep", QUIET, "--replications", "1", *arguments]) == code
    err = capsys.readouterr().err
    assert told in err and err.count("\n") == 1
    assert not list(tmp_path.rglob("table.csv"))


def test_what_cannot_be_drawn_is_told_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = [
        "sweep",
        QUIET,
        "--vary",
        "farm.policy=central,round_robin",
        "--replications",
        "1",
        "--workers",
        "1",
        "--csv",
    ]
    assert cli.main([*line, "--plot", str(tmp_path / "lines.png")]) == 2
    told = capsys.readouterr()
    assert told.out.count("\n") == 3 and "no numbers" in told.err


def test_a_value_alone_is_not_taken_for_its_letters() -> None:
    with pytest.raises(ValueError, match="as a list"):
        bench.sweep(small(), {"farm.policy": "central"}, replications=1)


def test_no_orders_nothing_to_compare() -> None:
    nobody = small(
        arrivals={"kind": "poisson", "rate_per_min": 0.0001, "lines": {"kind": "fixed", "count": 1}}
    )
    with pytest.raises(bench.ScenarioError, match="no orders come"):
        bench.sweep(nobody, {COUNT: [1]}, replications=1)
