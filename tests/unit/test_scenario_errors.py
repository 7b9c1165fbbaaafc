"""Mistakes in a scenario: one clear line each, with file, field, what is wrong and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.scenario import Scenario, ScenarioError, apply_set, load, parse

FOLDER = Path(__file__).resolve().parents[2] / "scenarios"
QUIET = FOLDER / "quiet_day.toml"


def plain() -> dict[str, Any]:
    """The smallest scenario."""
    return {
        "schema_version": 1,
        "name": "small",
        "question": "Does it run?",
        "start": "2026-03-11T08:00:00",
        "duration_h": 12,
        "shop": {"entities": [{"name": "llc", "inn": "7701234560", "user": "OOO Primer"}]},
        "arrivals": {"kind": "poisson", "rate_per_min": 1.0},
        "farm": {"registers": [{"name": "front", "device": "shtrih-m-01f", "count": 2}]},
    }


def lines_of(*changes: str) -> tuple[str, ...]:
    data = plain()
    for change in changes:
        apply_set(data, change)
    with pytest.raises(ScenarioError) as caught:
        parse(data, "small.toml")
    assert all(line and "\n" not in line for line in caught.value.lines)
    return caught.value.lines


CASES = {
    # misspelt keys
    "farm.registers[0].cuont=3": "small.toml: farm.registers[0].cuont: unknown key; did you mean count?",
    "arivals.bursts=1": "small.toml: arivals: unknown key; did you mean arrivals?",
    "shop.deadline=300": "small.toml: shop.deadline: unknown key; did you mean deadline_s?",
    'faults=[{kind="power_cut", at="12:00", for_S=3}]': "small.toml: faults[0].for_S: unknown key; did you mean for_s?",
    "arrivals.bursts=[{at='12:00', order=3}]": "small.toml: arrivals.bursts[0].order: unknown key; did you mean orders?",
    # wrong types and values
    'duration_h="12"': 'small.toml: duration_h: must be a number, got text "12"',
    "farm.registers[0].count=2.5": "small.toml: farm.registers[0].count: must be a whole number, got a number 2.5",
    "farm.registers[0].spare=1": "small.toml: farm.registers[0].spare: must be true or false, got a whole number 1",
    "farm.registers[0].line=tcp": 'small.toml: farm.registers[0].line: must be a table, got text "tcp"',
    "shop.entities[0].inn=7701234560": "small.toml: shop.entities[0].inn: must be text in quotes, got a whole number 7701234560",
    "duration_h=nan": "small.toml: duration_h: must be a number, got a number nan",
    "duration_h=-1": "small.toml: duration_h: must be greater than 0, got a whole number -1",
    "start=2026-03-11T08:00:00Z": "small.toml: start: must be a local date and time such as 2026-11-27T00:00:00, "
    "without a time zone, got 2026-03-11T08:00:00+00:00",
    "arrivals.bursts=[{at='25:00'}]": 'small.toml: arrivals.bursts[0].at: must be a time such as "12:30", "12:30:15" '
    'or "day 2 09:00", got text "25:00"',
    "schema_version=2": "small.toml: schema_version: is none of the known values, got a whole number 2; known: 1",
    # nothing there
    "farm.registers=[]": "small.toml: farm.registers: is empty; at least 1 needed",
    "shop.entities=[]": "small.toml: shop.entities: is empty; at least 1 needed",
    "farm={}": "small.toml: farm.registers: is missing (the registers); add it",
    # kinds
    "arrivals.kind=tracee": 'small.toml: arrivals.kind: unknown kind "tracee"; did you mean trace?',
    "arrivals={}": 'small.toml: arrivals.kind: is missing; add kind = "..." to say which kind it is',
    "farm.policy=round_robbin": 'small.toml: farm.policy: is none of the known values, got text "round_robbin"; did you mean '
    "round_robin?",
    "faults=[{kind='powercut'}]": 'small.toml: faults[0].kind: unknown kind "powercut"; did you mean power_cut?',
    "expect.fired=['powercut']": 'small.toml: expect.fired[0]: is none of the known values, got text "powercut"; did you mean '
    "power_cut?",
    # references
    "farm.registers[0].device=shtrih-m-1f": 'small.toml: farm.registers[0].device: no device profile "shtrih-m-1f"; did you mean '
    "shtrih-m-01f?",
    "farm.registers[0].entity=lcl": 'small.toml: farm.registers[0].entity: no entity "lcl" in shop.entities; did you mean llc?',
    "farm.registers[0].sites=['https://shop.exampel']": 'small.toml: farm.registers[0].sites[0]: "https://shop.exampel" is no '
    "site of the shop; did you mean https://shop.example?",
    "faults=[{kind='cable_pulled', at='12:00', for_s=1, target='front'}]": 'small.toml: faults[0].target: no register "front"; '
    "did you mean front-2?",
    "faults=[{kind='computer_hang', at='12:00', for_s=1, target='pc-9'}]": 'small.toml: faults[0].target: no computer "pc-9"; '
    "known: computer-1, any, all",
    # times
    "arrivals.bursts=[{at='07:00'}]": 'small.toml: arrivals.bursts[0].at: "07:00" is before the start of the run (08:00:00); '
    'for a later day write "day 2 07:00"',
    "arrivals.bursts=[{at='20:00'}]": 'small.toml: arrivals.bursts[0].at: "20:00" is after the end of the run (12 h from 08:00:00)',
    "faults=[{kind='paper_out', at='21:00', for_s=1}]": 'small.toml: faults[0].at: "21:00" is after the end of the run (12 h from '
    "08:00:00)",
    "faults=[{kind='paper_out', at='12:00'}]": "small.toml: faults[0].for_s: is missing (how long, seconds); add it",
    "faults=[{kind='paper_out', per_day=3}]": "small.toml: faults[0].mean_for_s: is missing (mean duration, seconds); add it",
    "faults=[{kind='reply_lost'}]": "small.toml: faults[0]: does not say when: give at or per_day",
    "faults=[{kind='reply_lost', at='12:00', per_day=1}]": "small.toml: faults[0].per_day: either at or per_day, not both",
    "shifts.close_at='day 2 12:00'": 'small.toml: shifts.close_at[0]: is a time of every day; write it without "day", not '
    '"day 2 12:00"',
    # sense
    "shop.payment={cashless=0.5}": "small.toml: shop.payment: shares must sum to 1, they sum to 0.5",
    "arrivals.lines={kind='lognormal', median=5, mean=3}": "small.toml: arrivals.lines.mean: must not be below the median, 3 < 5",
    "arrivals={kind='trace', file='nothing.csv'}": 'small.toml: arrivals.file: no such file "nothing.csv"; paths are relative to '
    "the scenario file",
}


@pytest.mark.parametrize(("change", "line"), CASES.items(), ids=list(CASES))
def test_a_mistake_is_one_clear_line(change: str, line: str) -> None:
    assert lines_of(change) == (line,)


def test_the_smallest_scenario_is_valid() -> None:
    scenario = parse(plain())
    assert [register.name for register in scenario.registers()] == ["front-1", "front-2"]
    assert {register.entity for register in scenario.registers()} == {"llc"}


def test_several_mistakes_are_told_at_once() -> None:
    assert len(lines_of("shop.deadlin_s=1", "farm.polciy=sticky", "duration_h=0")) == 3


def test_two_registers_with_one_name() -> None:
    data = plain()
    data["farm"]["registers"].append({"name": "front-1", "device": "shtrih-m-01f"})
    with pytest.raises(ScenarioError) as caught:
        parse(data, "small.toml")
    assert caught.value.lines == (
        'small.toml: farm.registers: the name "front-1" is used twice; names must differ',
    )


def test_an_order_that_no_register_may_take_is_found_before_the_run() -> None:
    data = plain()
    data["shop"]["entities"].append({"name": "trader", "inn": "500100732259", "user": "IP Petrova"})
    data["farm"]["registers"][0]["entity"] = "llc"
    with pytest.raises(ScenarioError) as caught:
        parse(data, "small.toml")
    assert caught.value.lines == (
        "small.toml: shop.entities[1]: no register may take receipts of trader, general, https://shop.example; "
        "register one for it in farm.registers",
    )


def test_with_several_entities_a_register_says_whose_it_is() -> None:
    data = plain()
    data["shop"]["entities"].append(
        {"name": "trader", "inn": "500100732259", "user": "IP Petrova", "order_share": 0}
    )
    with pytest.raises(ScenarioError) as caught:
        parse(data, "small.toml")
    assert caught.value.lines == (
        "small.toml: farm.registers[0].entity: is missing; the shop has several entities: llc, trader",
    )


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        ScenarioError, match=r"^.*none\.toml: no such file; give the path of a scenario \(TOML\)$"
    ):
        load(tmp_path / "none.toml")


def test_a_file_name_too_long_for_the_disk_is_one_line() -> None:
    (line,) = lines_of(f"arrivals={{kind='trace', file='{'я' * 200}'}}")
    assert line.startswith("small.toml: arrivals.file: no such file ")


def test_what_a_terminal_would_act_upon_is_written_as_an_escape() -> None:
    data = plain() | {"na\nme\x1b[2J": 1}
    with pytest.raises(ScenarioError) as caught:
        parse(data, "small.toml")
    assert caught.value.lines == ("small.toml: na\\nme\\x1b[2J: unknown key; did you mean name?",)


def test_a_folder_is_no_scenario(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_bad_toml_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('name = "x"\nseed = = 1\n', encoding="utf-8")
    with pytest.raises(
        ScenarioError, match=r"bad\.toml: not valid TOML: invalid value \(at line 2, column 8\)$"
    ):
        load(path)


def test_text_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes('name = "магазин"'.encode("cp866"))
    with pytest.raises(ScenarioError, match=r"bad\.toml: byte 8 is no UTF-8 text; save the file as UTF-8$"):
        load(path)


@pytest.mark.parametrize(
    "content",
    ["", "faults = 3", "[farm]\nregisters = 5", "arrivals = []", "name = [[1]]", "shop = 1979-05-27"],
)
def test_whatever_toml_holds_the_answer_is_lines_and_never_another_exception(
    content: str, tmp_path: Path
) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert all(line.startswith(f"{path}: ") for line in caught.value.lines)


def test_set_changes_one_field() -> None:
    scenario = load(
        QUIET,
        [
            "farm.registers[0].count=5",
            "farm.registers.0.weight=2.5",
            "farm.policy=sticky",
            "expect.late_max=7",
        ],
    )
    assert len(scenario.registers()) == 5
    assert scenario.farm.registers[0].weight == 2.5
    assert scenario.farm.policy == "sticky"
    assert scenario.expect.late_max == 7


@pytest.mark.parametrize(
    ("change", "line"),
    {
        "farm": "--set farm: write it as path.to.field=value, lists by number: faults[0].for_s=60",
        "farm..policy=x": "--set farm..policy=x: write it as path.to.field=value, lists by number: faults[0].for_s=60",
        "farm.registers[3].count=1": "--set farm.registers[3].count=1: farm.registers has 1 entries, there is no number 3 "
        "(the first is 0)",
        "name.first=1": "--set name.first=1: name is no table, so it has no first",
    }.items(),
)
def test_a_set_that_leads_nowhere_is_one_line(change: str, line: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(QUIET, [change])
    assert caught.value.lines == (line,)


def test_times_of_the_clock_count_from_the_start_of_the_run() -> None:
    scenario = Scenario.model_validate(plain() | {"duration_h": 40})
    assert scenario.at_us("08:00:01") == 1_000_000
    assert scenario.at_us("day 2 08:00") == 24 * 3_600_000_000
    assert scenario.daily_us("07:00") == (23 * 3_600_000_000,)
    assert scenario.daily_us("09:00") == (3_600_000_000, 25 * 3_600_000_000)
    assert scenario.start_s == 1_773_216_000  # 2026-03-11 08:00:00, as if it were UTC


def test_registers_are_dealt_to_computers() -> None:
    data = plain()
    data["farm"]["registers"][0] |= {"count": 5, "per_computer": 2, "computer": "pc"}
    assert [r.computer for r in parse(data).registers()] == ["pc-1", "pc-1", "pc-2", "pc-2", "pc-3"]
