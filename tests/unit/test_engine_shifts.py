"""Shifts, clocks and probes: when a register goes deaf, and what waits for it meanwhile."""

from __future__ import annotations

from itertools import pairwise

import pytest
from engine_world import World
from fake_register import DAY, HOUR, MINUTE, NOON_US, SECOND, config, facts

from fiscal.engine import events, records, states
from fiscal.engine.engine import Engine
from fiscal.engine.events import CloseShift, Fiscalize, Probe, SetClock
from fiscal.engine.shifts import closing_us

UNTIL_MIDNIGHT_US = 12 * HOUR  # monotonic zero is noon
CLOSING_US = 11 * HOUR + 55 * MINUTE  # 23:55


def closings(world: World, register: int | None = None) -> list[int]:
    return [when for when, _, _ in world.tasks(CloseShift, register)]


def sold(registers: int = 1, **changes: object) -> World:
    """Every register has made a receipt, so every shift is open."""
    world = World(config(registers, **{"policy": "round_robin", **changes}))
    for number in range(registers):
        world.submit(f"first{number}")
    return world.run(10 * SECOND)


def test_the_first_receipt_opens_the_shift() -> None:
    world = World(config(1))
    assert world.engine.registers()[0].shift == states.SHIFT_CLOSED
    world.submit("k").run(10 * SECOND)
    (view,) = world.engine.registers()
    assert (view.shift, view.shift_number) == (states.SHIFT_OPEN, 1)
    assert view.shift_opened_wall_us == NOON_US + 1_002_000


def test_a_register_without_a_shift_makes_no_z_report() -> None:
    world = World(config(1)).run(2 * DAY)
    assert closings(world) == []


def test_shifts_close_at_the_shop_s_hour_staggered_by_the_order_of_the_farm() -> None:
    world = sold(3, stagger_us=15 * MINUTE).run(DAY)
    assert [closings(world, register) for register in range(3)] == [
        [CLOSING_US],
        [CLOSING_US + 15 * MINUTE],
        [CLOSING_US + 30 * MINUTE],
    ]
    assert [record.receipts for record in world.history(records.ShiftEnded)] == [1, 1, 1]


def test_the_time_of_closing_is_shown_before_it_comes() -> None:
    world = sold()
    assert world.engine.registers()[0].closes_wall_us == NOON_US + CLOSING_US


def test_a_shift_closes_before_it_gets_too_old() -> None:
    world = sold(1, close_at_s=(), max_age_us=10 * HOUR).run(DAY)
    assert closings(world) == [10 * HOUR + 1_002_000]


def test_the_age_limit_is_staggered_backwards() -> None:
    farm = config(3, close_at_s=(), max_age_us=10 * HOUR, stagger_us=15 * MINUTE)
    due = [closing_us(farm, index, 0, NOON_US) for index in range(3)]
    assert due == [10 * HOUR, 10 * HOUR - 15 * MINUTE, 10 * HOUR - 30 * MINUTE]


@pytest.mark.parametrize("opened_us", range(0, DAY, 97 * MINUTE))
@pytest.mark.parametrize("index", [0, 1, 7, 40])
def test_no_shift_is_planned_to_live_longer_than_allowed(opened_us: int, index: int) -> None:
    farm = config(1)
    due_us = closing_us(farm, index, opened_us, NOON_US)
    assert opened_us < due_us <= opened_us + farm.max_age_us


def test_a_register_late_in_the_stagger_closes_after_midnight() -> None:
    """A shift opened at 0:10 is closed at 0:25, two staggers after 23:55 of the day before."""
    ten_past_us = UNTIL_MIDNIGHT_US + 10 * MINUTE
    assert closing_us(config(1), 2, ten_past_us, NOON_US) == UNTIL_MIDNIGHT_US + 25 * MINUTE


def test_several_hours_a_day_close_several_times() -> None:
    world = World(config(1, close_at_s=(14 * 3600, 18 * 3600)))
    for hour in range(8):
        world.submit(f"k{hour}", at_us=hour * HOUR + MINUTE)
    world.run(9 * HOUR)
    assert closings(world) == [2 * HOUR, 6 * HOUR]


def test_a_shift_closes_by_hand() -> None:
    world = sold()
    world.deliver(events.ShiftCloseAsked(0))
    world.run(MINUTE)
    assert closings(world) == [10 * SECOND]
    assert world.engine.registers()[0].shift == states.SHIFT_CLOSED


def test_a_closed_shift_is_not_closed_by_hand_again() -> None:
    world = World(config(1))
    world.deliver(events.ShiftCloseAsked(0))
    world.run(MINUTE)
    assert closings(world) == []


def test_closing_by_hand_counts_for_the_shift_that_the_receipt_in_work_opens() -> None:
    world = World(config(1))
    world.submit("k").run(500_000)
    world.deliver(events.ShiftCloseAsked(0))
    world.run(MINUTE)
    assert [document.kind for document in world.registers[0].documents] == ["open", "receipt", "close"]


def test_closing_by_hand_is_forgotten_when_no_shift_was_opened() -> None:
    world = World(config(1))
    world.poison.add("k")
    world.submit("k").run(500_000)
    world.deliver(events.ShiftCloseAsked(0))
    world.run(MINUTE)
    assert closings(world) == []


def test_the_receipt_in_work_is_finished_before_the_register_goes_deaf() -> None:
    world = sold()
    world.receipt_us = 20 * SECOND
    world.submit("in work").submit("behind").run(15 * SECOND)
    world.deliver(events.ShiftCloseAsked(0))
    world.run(2 * MINUTE)
    kinds = [
        (type(task), getattr(task, "key", ""))
        for _, _, task in world.performed[-4:]
        if type(task) is not Probe
    ]
    assert kinds[-3:] == [(Fiscalize, "in work"), (CloseShift, ""), (Fiscalize, "behind")]


def test_what_waits_for_a_closing_register_is_rerouted() -> None:
    world = sold(2, reroute=True)
    for number in range(8):
        world.submit(f"k{number}")
    world.run(10 * SECOND + 500_000)
    world.deliver(events.ShiftCloseAsked(0))
    world.run(25 * SECOND)
    assert world.engine.registers()[0].state == states.CLOSING
    assert world.engine.registers()[0].waiting == 0
    assert world.printed(0)[1:] == ["k0"]
    world.check()


def test_without_rerouting_it_waits_on() -> None:
    world = sold(2, reroute=False)
    for number in range(8):
        world.submit(f"k{number}")
    world.run(10 * SECOND + 500_000)
    world.deliver(events.ShiftCloseAsked(0))
    world.run(25 * SECOND)
    assert world.engine.registers()[0].waiting == 3
    world.run(2 * MINUTE)
    assert world.printed(0)[1:] == ["k0", "k2", "k4", "k6"]
    world.check()


def test_new_receipts_avoid_a_closing_register_even_without_rerouting() -> None:
    world = sold(2, reroute=False)
    world.deliver(events.ShiftCloseAsked(0))
    world.run(10 * SECOND + 1)
    for number in range(4):
        world.submit(f"k{number}")
    world.run(25 * SECOND)
    assert {world.where(f"k{number}") for number in range(4)} == {"b"}


def test_without_rerouting_a_failed_z_report_still_gives_the_queue_away() -> None:
    world = sold(2, reroute=False)
    for number in range(8):
        world.submit(f"k{number}")
    world.registers[0].script[CloseShift].append("line")
    world.registers[0].script[Probe].extend(["line"] * 50)
    world.deliver(events.ShiftCloseAsked(0))
    world.run(5 * MINUTE)
    assert all(len(world.documents(f"k{number}")) == 1 for number in range(8))
    world.check()


@pytest.mark.parametrize("fate", ["lost_made", "lost_not_made", "refused_register", "line"])
def test_after_a_failed_z_report_the_register_is_asked_whether_it_was_made(fate: str) -> None:
    world = sold()
    world.registers[0].script[CloseShift].append(fate)
    world.deliver(events.ShiftCloseAsked(0))
    world.run(5 * MINUTE)
    assert world.engine.registers()[0].shift == states.SHIFT_CLOSED
    assert len(closings(world)) == (1 if fate == "lost_made" else 2)
    assert [document.kind for document in world.registers[0].documents] == ["open", "receipt", "close"]


def test_a_shift_that_is_seen_expired_is_closed_before_anything_is_sold() -> None:
    world = World(config(1), start=False)
    world.registers[0].shift, world.registers[0].opened_us = 4, -25 * HOUR
    world.deliver(events.Started(world.wall_us))
    world.submit("k").run(5 * MINUTE)
    kinds = [type(task) for _, _, task in world.performed]
    assert kinds[:3] == [Probe, CloseShift, Fiscalize]
    assert len(world.documents("k")) == 1


def test_a_shift_found_open_at_the_start_closes_at_its_hour() -> None:
    world = World(config(1), start=False)
    world.registers[0].shift, world.registers[0].opened_us = 4, -HOUR
    world.deliver(events.Started(world.wall_us))
    world.run(DAY)
    assert closings(world) == [CLOSING_US]


def test_a_restart_does_not_make_a_shift_younger() -> None:
    world = sold(1, close_at_s=(), max_age_us=10 * HOUR)
    world.run(5 * HOUR)
    world.crash()
    world.run(15 * HOUR)
    assert closings(world) == [10 * HOUR + 1_002_000]


def test_a_shift_is_as_old_as_its_first_document_in_the_journal() -> None:
    """The Z-report between two shifts was not written down; the second shift is not older for that."""
    world = sold(1, close_at_s=(), max_age_us=10 * HOUR)
    world.run(2 * HOUR)
    world.registers[0].z_report()
    world.submit("next shift").run(5 * HOUR)
    world.crash()
    world.run(15 * HOUR)
    assert closings(world) == [12 * HOUR + 1_002_000]


def test_a_shift_closed_behind_the_engine_s_back_does_not_age_the_next_one() -> None:
    """A person made a Z-report at the register and it was used again; the engine crashed and comes back."""
    world = sold(1, close_at_s=(), max_age_us=10 * HOUR)
    world.run(5 * HOUR)
    world.crash()
    register = world.registers[0]
    register.z_report()
    register.shift, register.opened_us = 2, world.now
    world.run(DAY)
    assert 14 * HOUR < closings(world)[0] < 15 * HOUR + MINUTE


def test_closings_follow_the_wall_clock_when_it_jumps() -> None:
    world = sold()
    world.run(HOUR)
    world.move_wall_clock(2 * HOUR)
    world.run(DAY)
    assert closings(world)[0] == CLOSING_US - 2 * HOUR


def test_a_clock_that_is_a_little_off_is_set_after_the_shift_is_closed() -> None:
    world = sold()
    world.registers[0].clock_ahead_s = 90
    world.run(10 * MINUTE)
    assert world.tasks(SetClock) == [] and closings(world) == []
    world.deliver(events.ShiftCloseAsked(0))
    world.run(12 * MINUTE)
    assert len(world.tasks(SetClock)) == 1 and world.registers[0].clock_ahead_s == 0


def test_a_clock_within_tolerance_is_left_alone() -> None:
    world = World(config(1))
    world.registers[0].clock_ahead_s = 60
    world.run(10 * MINUTE)
    assert world.tasks(SetClock) == []


def test_a_clock_beyond_the_law_s_limit_is_worth_a_z_report() -> None:
    world = sold()
    world.registers[0].clock_ahead_s = -301
    world.run(3 * MINUTE)
    kinds = [type(task) for _, _, task in world.performed]
    assert kinds.index(CloseShift) < kinds.index(SetClock)
    assert world.registers[0].clock_ahead_s == 0


def test_a_register_whose_clock_will_not_be_set_still_sells_and_is_not_closed_over_and_over() -> None:
    world = sold()
    world.registers[0].clock_ahead_s, world.registers[0].accepts_clock = 400, False
    for minute in range(30):
        world.submit(f"k{minute}", at_us=minute * MINUTE + 30 * SECOND)
    world.run(31 * MINUTE)
    assert len(closings(world)) == 1
    assert all(len(world.documents(f"k{minute}")) == 1 for minute in range(30))


def test_after_a_jump_of_the_wall_clock_the_registers_clocks_are_set_anew() -> None:
    world = sold()
    world.registers[0].clock_ahead_s = 400
    world.run(5 * MINUTE)
    assert len(world.tasks(SetClock)) == 1
    world.submit("k").run(6 * MINUTE)
    world.registers[0].clock_ahead_s = -3600  # it keeps the old time
    world.move_wall_clock(HOUR)
    world.run(10 * MINUTE)
    assert len(world.tasks(SetClock)) == 2 and world.registers[0].clock_ahead_s == 0


def test_a_jump_of_the_wall_clock_says_nothing_of_a_shift_that_was_not_seen_yet() -> None:
    world = sold()
    recovered = Engine.recover(world.config, world.journal.records(), world.now, world.wall_us)
    recovered.handle(events.WallClockSet(world.wall_us + HOUR), world.now)
    assert recovered.registers()[0].shift == states.SHIFT_UNKNOWN


def test_every_register_is_asked_at_least_once_a_minute_how_it_is() -> None:
    world = World(config(3))
    world.registers[1].reachable = False
    for minute in range(0, 60, 7):
        world.submit(f"k{minute}", at_us=minute * MINUTE)
    world.run(HOUR)
    for register in range(3):
        times = [when for when, _, _ in world.tasks(Probe, register)]
        assert max(b - a for a, b in pairwise(times)) <= MINUTE + SECOND
        assert HOUR - times[-1] <= MINUTE + SECOND


def test_a_register_that_never_rests_is_asked_every_fifth_minute() -> None:
    world = World(config(1))
    for number in range(1200):
        world.submit(f"k{number}")
    world.run(20 * MINUTE)
    assert 3 <= len(world.tasks(Probe)) <= 5


def test_what_a_register_said_and_when_is_shown() -> None:
    world = World(config(1)).run(150 * SECOND)
    (view,) = world.engine.registers()
    assert view.seen is not None and view.seen.drive == world.registers[0].drive
    assert NOON_US + 118 * SECOND < view.seen_wall_us <= NOON_US + 120 * SECOND


def test_a_change_of_state_is_told_when_it_is_news() -> None:
    world = World(config((facts("a"),)))
    world.registers[0].reachable = False
    world.run(2 * MINUTE)
    world.registers[0].reachable = True
    world.run(4 * MINUTE)
    told = [(change.state, change.detail) for _, change in world.changes]
    assert told[0] == (states.READY, "")
    assert (states.DOWN, "line: no answer") in told
    assert told[-1] == (states.READY, "")
