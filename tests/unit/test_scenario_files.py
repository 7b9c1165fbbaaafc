"""The scenarios that come with the bench: they load, they say what they ask, their schema is current."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from bench.faults import calendar
from bench.scenario import load, parse, schema_text
from bench.scenario_faults import REACH

FOLDER = Path(__file__).resolve().parents[2] / "scenarios"
FILES = sorted(FOLDER.glob("*.toml"))


def test_there_are_scenarios_of_different_questions() -> None:
    questions = {load(path).question for path in FILES}
    assert len(questions) == len(FILES) >= 6


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_scenario_that_comes_with_the_bench_is_valid(path: Path) -> None:
    scenario = load(path)
    assert scenario.name == path.stem
    assert scenario.expect.lost == 0
    assert scenario.expect.doubled == 0
    assert path.read_text(encoding="utf-8").startswith("#:schema ./scenario.schema.json\n#")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_scenario_survives_being_written_to_json_and_read_again(path: Path) -> None:
    scenario = load(path)
    again = parse(json.loads(scenario.model_dump_json()), folder=path.parent)
    assert again == scenario
    assert calendar(again) == calendar(scenario)


def test_the_schema_for_editors_is_current() -> None:
    committed = (FOLDER / "scenario.schema.json").read_text(encoding="utf-8")
    assert committed == schema_text(), "write it anew: bench.scenario.schema_text()"


def test_every_field_of_the_schema_says_what_it_is() -> None:
    schema = json.loads(schema_text())
    tables = [schema, *schema["$defs"].values()]
    silent = [
        f"{table['title']}.{name}"
        for table in tables
        for name, field in table["properties"].items()
        if name not in ("kind", "target") and "description" not in field
    ]
    assert silent == []
    assert all(table["additionalProperties"] is False for table in tables)


def test_the_two_z_window_scenarios_differ_in_the_schedule_only() -> None:
    together, staggered = (
        tomllib.loads((FOLDER / f"z_windows_{which}.toml").read_text(encoding="utf-8"))
        for which in ("together", "staggered")
    )
    different = {key for key in together if together[key] != staggered[key]}
    assert different == {"name", "question", "shifts", "expect"}
    assert {k for k in together["shifts"] if together["shifts"][k] != staggered["shifts"][k]} == {
        "stagger_min"
    }


def test_the_swarm_has_every_kind_of_fault() -> None:
    kinds = {fault.kind for fault in load(FOLDER / "swarm_faults.toml").faults}
    assert kinds == set(REACH) - {"web_server_hang"}, "and that one needs a web server"
    assert "web_server_hang" in {fault.kind for fault in load(FOLDER / "web_server.toml").faults}
