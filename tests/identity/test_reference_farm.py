"""The farm that speed is measured on: every program names the same microsecond for every order of a day at the edge of what it can do."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from bench import reference_farm, speed, speed_ciw, speed_farm, speed_wire


def test_every_program_finds_the_same_moments() -> None:
    days = speed_farm.days()
    first, _ = days[0]
    _, [simpy] = speed_farm.bare_simpy(days[0])
    found = {
        "Ciw": speed_ciw.ciw(days[0])[1][0],
        "timed": speed_farm.timed(days[0])[1][0],
        "the engine's twin": speed_farm.compiled("engine")(days[:1])[1][0],
        "the recursion": speed_farm.compiled("recursion")(days[:1])[1][0],
        "lanes": speed_farm.lanes(days)[1][0],
    }
    late = reference_farm.late(first, simpy)
    assert late > len(first) // 50
    for name, done_us in found.items():
        differing = np.nonzero(done_us != simpy)[0]
        assert not len(differing), (
            f"{name}: {len(differing)} orders differ from bare SimPy, first {differing[0]}"
        )
    print(
        f"{len(first)} orders, {late} late, the same microsecond for each in bare SimPy, {', '.join(found)}"
    )


def test_a_program_that_does_something_else_is_found_out() -> None:
    def row(name: str, late: int | None, same_as: str = speed.BASE) -> speed.Speed:
        return speed.Speed(name, 10, 1.0, 1.0, late, same_as)

    same = [row(speed.BASE, 7), row("a", 7), row("wire", None, ""), row(speed.WIRE, 9, speed.WIRE)]
    assert speed.disagreement(same) == ""
    assert "b: 8 and not 7" in speed.disagreement([*same, row("b", 8)])
    assert "c: 7 and not 9" in speed.disagreement([*same, row("c", 7, speed.WIRE)])


def test_where_ciw_is_not_installed_its_row_is_left_out_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert speed.CIW in speed.programs(10)
    monkeypatch.setitem(sys.modules, "bench.speed_ciw", None)
    assert speed.CIW not in speed.programs(10)
    row = speed.Speed(speed.BASE, 10, 1.0, 1.0, 7)
    assert "pip install" in speed.table([row])
    assert "pip install" not in speed.table([row, speed.Speed(speed.CIW, 10, 3.0, 3.0, 7)])


def test_wire_names_the_same_moments_once_its_times_are_given() -> None:
    """Every receipt and Z-report takes what it took on the wire: the same microsecond for each order in all programs."""
    day = speed_wire.wire_day()
    numbers, z_us = (day.traffic, day.service_us), day.z_us
    late = reference_farm.late(day.traffic, day.done_us)
    assert len(day.traffic) > 25_000 and late > len(day.traffic) // 50
    found = {
        "bare SimPy": speed_farm.bare_simpy(numbers, z_us)[1][0],
        "Ciw": speed_ciw.ciw(numbers, z_us)[1][0],
        "timed": speed_farm.timed(numbers, z_us)[1][0],
        "the engine's twin": speed_farm.compiled("engine", z_us=z_us)([numbers])[1][0],
        "the recursion": speed_farm.compiled("recursion", z_us=z_us)([numbers])[1][0],
    }
    for name, done_us in found.items():
        differing = np.nonzero(done_us != day.done_us)[0]
        assert not len(differing), f"{name}: {len(differing)} orders differ from wire, first {differing[0]}"
    print(
        f"{len(day.traffic)} orders, {late} late, the same microsecond for each in wire, {', '.join(found)}"
    )
