"""Whatever stands in a scenario or an order file, the answer is a value or lines: never another exception, never a line break."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.faults import calendar
from bench.orders_file import read_orders
from bench.scenario import Scenario, ScenarioError, apply_set, parse
from bench.scenario_arrivals import Columns

FOLDER = Path(__file__).resolve().parents[2] / "scenarios"
WHOLE = tomllib.loads((FOLDER / "swarm_faults.toml").read_text(encoding="utf-8"))

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["any", "all", "llc", "25:00", "day 2 12:00", "trace", "1.2", "shtrih-m-01f", "pc-a"]),
    st.dates(),
    st.times(),
    st.datetimes(),
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def positions(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every place in the data."""
    inside = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    return [here, *(way for key, inner in inside for way in positions(inner, (*here, key)))]


PLACES = [way for way in positions(WHOLE) if way]


def put(data: Any, way: tuple[Any, ...], value: Any) -> None:
    for key in way[:-1]:
        data = data[key]
    data[way[-1]] = value


def answered(data: dict[str, Any]) -> Scenario | None:
    try:
        scenario = parse(data, "x.toml", FOLDER)
    except ScenarioError as error:
        assert error.lines
        assert all(line.startswith("x.toml: ") and len(line.splitlines()) == 1 for line in error.lines), (
            error.lines
        )
        return None
    return scenario


@settings(derandomize=True, deadline=None, max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(way=st.sampled_from(PLACES), value=values)
def test_any_value_in_any_place(way: tuple[Any, ...], value: Any) -> None:
    data = copy.deepcopy(WHOLE)
    put(data, way, value)
    scenario = answered(data)
    if scenario is not None and sum(fault.per_day or 0 for fault in scenario.faults) < 1e4:
        calendar(scenario)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(way=st.sampled_from(PLACES), key=st.text(max_size=10))
def test_any_key_in_any_table(way: tuple[Any, ...], key: str) -> None:
    data = copy.deepcopy(WHOLE)
    here: Any = data
    for step in way:
        here = here[step]
    if isinstance(here, dict) and key not in here:
        here[key] = 1
        assert answered(data) is None


@settings(derandomize=True, deadline=None, max_examples=120)
@given(
    change=st.text(max_size=20)
    | st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}|\[\d{1,2}\]){0,3}=[^\n]{0,8}", fullmatch=True)
)
def test_any_change_by_set(change: str) -> None:
    data = copy.deepcopy(WHOLE)
    try:
        apply_set(data, change)
    except ScenarioError as error:
        assert len(error.lines) == 1
        return
    answered(data)


cells = st.one_of(
    st.sampled_from(
        ["1", "2", "-1", "0", "0.5", "2026-01-05 10:00", "05.01.2026", "Tea", "", "yes", "1e400", "-0", "nan"]
    ),
    st.text(max_size=6),
)


@settings(
    derandomize=True,
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=st.lists(st.lists(cells, min_size=4, max_size=6), max_size=5), separator=st.sampled_from(",;\t"))
def test_any_order_file(rows: list[list[str]], separator: str, tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    text = "\n".join(separator.join(row) for row in [["order", "time", "name", "quantity", "price"], *rows])
    path.write_bytes(text.encode("utf-8", "replace"))
    try:
        trace = read_orders(path, Columns())
    except ScenarioError as error:
        assert all(line.startswith("o.csv: ") and len(line.splitlines()) == 1 for line in error.lines), (
            error.lines
        )
        return
    assert len(trace.order) == len(trace.first_line) - 1 == len(trace.returned)
    assert trace.first_line[-1] == len(trace.name_id)
    assert (trace.quantity_e6 > 0).all()
