"""A Z-report that nobody saw is looked for: the journal has every report of a shift in which it sold something."""

from __future__ import annotations

from typing import Any

import pytest
from engine_world import World
from fake_register import DAY, HOUR, MINUTE, SECOND, config

from fiscal.engine import events, records, states


def sold(registers: int = 1, tells_shift: bool = True, **changes: Any) -> World:
    world = World(config(registers, policy="round_robin", **changes))
    for register in world.registers:
        register.tells_shift = tells_shift
    for number in range(registers):
        world.submit(f"first{number}")
    world.settle()
    return world


def reports(world: World, register: str = "a") -> list[tuple[int, int]]:
    """Shift and document of the reports in the journal, in order."""
    return [
        (ended.shift, ended.document)
        for ended in world.history(records.ShiftEnded)
        if ended.register == register
    ]


def made(world: World, register: int = 0) -> list[tuple[int, int]]:
    return [(d.shift, d.number) for d in world.registers[register].documents if d.kind == "close"]


TELLS = pytest.mark.parametrize("tells_shift", [True, False])


@TELLS
@pytest.mark.parametrize("fate", ["done", "lost_made", "lost_not_made", "refused_register", "line"])
def test_a_report_whose_answer_was_lost(fate: str, tells_shift: bool) -> None:
    world = sold(1, tells_shift)
    world.registers[0].script[events.CloseShift].append(fate)
    world.deliver(events.ShiftCloseAsked(0))
    world.run(10 * MINUTE)
    assert reports(world) == made(world) == [(1, 3)]
    assert len(world.tasks(events.FindReport)) == (1 if fate == "lost_made" else 0)


@TELLS
def test_an_engine_that_dies_before_the_record_is_durable(tells_shift: bool) -> None:
    world = sold(1, tells_shift)
    world.commit_us = 10 * MINUTE  # the record of the report is on its way to the disk when the process dies
    world.deliver(events.ShiftCloseAsked(0))
    world.run(4 * MINUTE)
    assert made(world) == [(1, 3)] and reports(world) == []
    world.crash()
    world.commit_us = 1_000
    world.run(20 * MINUTE)
    assert reports(world) == [(1, 3)]
    world.submit("next day").settle()
    world.check()


def test_a_report_made_by_hand_while_the_engine_watches() -> None:
    world = sold()
    world.registers[0].z_report()
    world.run(5 * MINUTE)
    assert reports(world) == [(1, 3)]


@TELLS
def test_a_report_made_by_hand_between_two_receipts(tells_shift: bool) -> None:
    world = sold(1, tells_shift)
    world.registers[0].z_report()
    world.submit("opens another shift").settle()
    world.run(5 * MINUTE)
    assert reports(world) == [(1, 3)]
    world.deliver(events.ShiftCloseAsked(0))
    world.run(10 * MINUTE)
    assert reports(world) == made(world) and len(reports(world)) == 2


def test_a_register_that_cannot_be_asked_is_asked_later() -> None:
    world = sold()
    world.registers[0].script[events.CloseShift].append("lost_made")
    world.registers[0].script[events.FindReport].extend(["line", "lost_not_made"])
    world.deliver(events.ShiftCloseAsked(0))
    world.run(10 * MINUTE)
    assert len(world.tasks(events.FindReport)) == 3
    assert reports(world) == [(1, 3)]


def test_a_register_that_cannot_tell_sells_on() -> None:
    world = sold()
    world.registers[0].script[events.CloseShift].append("lost_made")
    world.registers[0].script[events.FindReport].append("refused_register")
    world.deliver(events.ShiftCloseAsked(0))
    world.run(10 * MINUTE)
    world.submit("k").settle()
    assert world.state("k") in (states.RECORDED, states.CONFIRMED)
    assert reports(world) == [] and len(world.tasks(events.FindReport)) == 1


@TELLS
def test_nothing_is_looked_for_when_nothing_is_missing(tells_shift: bool) -> None:
    world = sold(2, tells_shift)
    world.run(3 * DAY)
    world.crash()
    world.run(4 * DAY)
    world.submit("k").settle()
    world.deliver(events.DriveReplacementAsked(0))
    world.put_in_when_asked(0, "9999000000000077")
    world.run(5 * DAY)
    assert world.history(records.Replacement)[-1].step == states.REPLACED
    assert world.tasks(events.FindReport) == []


def test_that_the_operator_has_a_report_is_written_down_without_a_further_receipt() -> None:
    world = sold()
    world.registers[0].talk_to_operator(False)
    world.deliver(events.ShiftCloseAsked(0))
    world.run(5 * MINUTE)
    before = [record.document for record in world.history(records.Confirmed)]
    assert before == [2]
    world.crash()
    world.run(10 * MINUTE)
    world.registers[0].talk_to_operator(True)
    world.run(15 * MINUTE)
    assert [record.document for record in world.history(records.Confirmed)] == [2, 3]
    world.run(2 * HOUR)
    world.crash()
    world.run(3 * HOUR)
    assert [record.document for record in world.history(records.Confirmed)] == [2, 3], "once is enough"


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_no_report_is_missed(seed: int) -> None:
    """Days of two registers: answers lost, crashes, a journal that fails. Each shift that sold something has its report in the journal."""
    world = World(config(2, policy="round_robin", close_at_s=(13 * 3600, 20 * 3600)), seed)
    for register in world.registers:
        register.tells_shift = bool(seed % 2)
    lost = [("lost_made", 0.2), ("lost_not_made", 0.1), ("line", 0.1)]
    world.fate_shares = {
        events.CloseShift: [("lost_made", 0.4), ("lost_not_made", 0.1)],
        events.FindReport: lost,
        events.Probe: [("line", 0.2)],
        events.Fiscalize: [("lost_made", 0.1)],
    }
    world.crash_share = 0.02
    world.commit_failure_share = 0.05
    for number in range(60):
        world.submit(f"k{number}", at_us=number * 40 * MINUTE)
    world.run(2 * DAY)
    world.fate_shares, world.crash_share, world.commit_failure_share = {}, 0.0, 0.0
    world.run(2 * DAY + HOUR).settle()
    world.run(world.now + HOUR + SECOND)
    world.check()
    for number, name in enumerate("ab"):
        sold_in = {d.shift for d in world.registers[number].documents if d.kind == "receipt"}
        assert {shift for shift, _ in made(world, number)} >= sold_in - {max(sold_in)}
        assert set(made(world, number)) == set(reports(world, name))


@TELLS
def test_an_hour_of_closing_that_came_while_the_engine_was_dead_is_made_up_for(tells_shift: bool) -> None:
    """Noon is when the world begins; the shift is due at one, and the engine comes back at three."""
    world = sold(1, tells_shift, close_at_s=(13 * 3600,))
    world.deliver(events.ShiftCloseAsked(0))
    world.run(20 * MINUTE)
    world.submit("second shift").settle()
    world.restart_us = 2 * HOUR
    world.crash()
    world.run(2 * HOUR + 40 * MINUTE)
    assert reports(world) == made(world)
    assert [shift for shift, _ in reports(world)] == [1, 2]


@TELLS
def test_restarts_do_not_make_a_shift_younger(tells_shift: bool) -> None:
    world = sold(1, tells_shift, close_at_s=(), max_age_us=10 * HOUR)
    for hour in (2, 5, 8, 9):
        world.run(hour * HOUR)
        world.crash()
    world.run(10 * HOUR - MINUTE)
    assert made(world) == []
    world.run(10 * HOUR + 15 * MINUTE)
    assert made(world) == reports(world) == [(1, 3)]
