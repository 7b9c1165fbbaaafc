"""Beside receipts: planned outages, X-reports, a new drive, documents that are carried, a queue that is full."""

from __future__ import annotations

from itertools import pairwise

import pytest
from engine_world import World
from fake_register import HOUR, MINUTE, NOON_US, SECOND, config, facts

from fiscal.engine import events, records, states
from fiscal.engine.outcomes import Refused, ShiftTotals

NEW_DRIVE = "9999000000000077"


def service(world: World, register: int = 0) -> str:
    assert world.engine is not None
    return world.engine.registers()[register].service


# --- planned outages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reroute", [True, False])
def test_a_pause_lets_the_receipt_in_work_end_and_then_holds_the_queue_or_gives_it_away(
    reroute: bool,
) -> None:
    world = World(config(2, policy="round_robin", reroute=reroute))
    for number in range(6):
        world.submit(f"k{number}")
    world.run(SECOND // 2)
    world.deliver(events.PauseAsked(0, "a plan"))
    assert service(world) == states.IN_SERVICE, "it still works on a receipt"
    world.run(30 * SECOND)
    assert service(world) == states.PAUSED
    assert world.printed(0) == ["k0"]
    assert len(world.printed(1)) == (5 if reroute else 3)
    world.deliver(events.ResumeAsked(0))
    world.settle()
    assert len(world.printed(0)) == (1 if reroute else 3)
    world.check()


def test_a_paused_register_is_still_asked_how_it_is() -> None:
    world = World(config(1))
    world.deliver(events.PauseAsked(0))
    before = len(world.tasks(events.Probe))
    world.submit("k").run(10 * MINUTE)
    assert len(world.tasks(events.Probe)) >= before + 9
    assert world.printed() == []
    world.deliver(events.ResumeAsked(0))
    world.settle()
    assert world.printed() == ["k"]


def test_a_pause_outlives_the_process() -> None:
    world = World(config(2, policy="round_robin"))
    world.deliver(events.PauseAsked(0, "repair"))
    world.run(SECOND)
    world.crash()
    world.run(MINUTE)
    assert service(world) == states.PAUSED
    for number in range(4):
        world.submit(f"k{number}")
    world.settle()
    assert world.printed(0) == [] and len(world.printed(1)) == 4


def test_a_pause_taken_back_before_it_began_leaves_nothing_behind() -> None:
    world = World(config(1))
    world.submit("k0").submit("k1").run(SECOND // 2)
    world.deliver(events.PauseAsked(0))
    world.deliver(events.ResumeAsked(0))
    world.settle()
    assert service(world) == states.IN_SERVICE and world.printed() == ["k0", "k1"]


# --- X-reports ---------------------------------------------------------------------------------------------------------------


def test_an_x_report_waits_for_the_receipt_in_work() -> None:
    world = World(config(1))
    world.submit("k").run(SECOND // 2)
    world.deliver(events.TotalsAsked(0, 7))
    assert world.reports == []
    world.settle()
    ((_, reported),) = world.reports
    assert reported.number == 7 and isinstance(reported.outcome, ShiftTotals)
    assert reported.outcome.turnovers[0].count == 1


def test_an_x_report_of_a_register_that_is_down_is_refused_at_once() -> None:
    world = World(config(1))
    world.registers[0].reachable = False
    world.run(2 * MINUTE)
    world.deliver(events.TotalsAsked(0, 1))
    ((_, reported),) = world.reports
    assert isinstance(reported.outcome, Refused) and "down" in reported.outcome.meaning


# --- a new drive -------------------------------------------------------------------------------------------------------------


def test_a_drive_is_replaced_while_the_others_go_on() -> None:
    world = World(config(2, policy="round_robin"))
    for number in range(40):
        world.submit(f"k{number}", at_us=number * 10 * SECOND)
    world.at(35 * SECOND, world.deliver, events.DriveReplacementAsked(0))
    world.at(36 * SECOND, world.put_in_when_asked, 0, NEW_DRIVE)
    world.run(5 * MINUTE)
    world.settle()
    steps = [record.step for record in world.history(records.Replacement)]
    assert steps == list(states.REPLACEMENT)
    old, new = world.registers[0].old_drives[0][1], world.registers[0].documents
    assert [d.kind for d in old][-2:] == ["close", "closed"]
    assert new[0].kind == "registered" and any(d.kind == "receipt" for d in new)
    assert service(world) == states.IN_SERVICE
    world.check()


def test_nothing_is_done_to_a_drive_before_the_journal_knows_why() -> None:
    world = World(config(1))
    world.disk_full = True
    world.deliver(events.DriveReplacementAsked(0))
    world.run(10 * SECOND)
    assert world.tasks(events.CloseDrive) == [] and service(world) == states.IN_SERVICE
    world.disk_full = False
    world.run(5 * MINUTE)
    assert len(world.tasks(events.CloseDrive)) == 1


def test_the_old_drive_stays_until_the_operator_has_everything() -> None:
    world = World(config(1))
    world.submit("k").settle()
    world.registers[0].talk_to_operator(False)
    world.deliver(events.DriveReplacementAsked(0))
    world.run(HOUR)
    assert world.engine is not None and world.engine.registers()[0].replacement == states.DRAINING
    world.registers[0].talk_to_operator(True)
    world.run(world.now + 2 * MINUTE)
    assert world.engine.registers()[0].replacement == states.WAITING_FOR_DRIVE


def test_a_drive_replaced_by_hand_is_believed() -> None:
    """A person did all of it with a tool of his own: the register says so, and works again."""
    world = World(config(1))
    world.deliver(events.DriveReplacementAsked(0))
    world.run(3 * MINUTE)
    register = world.registers[0]
    register.put_in(NEW_DRIVE)
    register.phase = 3
    register.add("registered")
    world.submit("k").settle()
    assert world.tasks(events.RegisterDrive) == []
    assert world.documents("k")[0][1].number == 3  # registered, shift opened, the receipt


# --- documents that are carried ----------------------------------------------------------------------------------------------


def carrying(**changes: object) -> World:
    return World(config((facts("a", relay=True),), **changes))


def test_documents_are_carried_one_by_one_in_order_and_told_sent_then_confirmed() -> None:
    world = carrying()
    for number in range(3):
        world.submit(f"k{number}")
    world.settle()
    world.run(world.now + MINUTE)
    messages = [effect.data for _, effect in world.exchanges]
    assert messages == [f"{world.registers[0].drive} {n}".encode() for n in range(1, 5)]
    for number in range(3):
        told = [effect.status for _, effect in world.statuses if effect.key == f"k{number}"]
        assert told[-3:] == [states.RECORDED, states.SENT, states.CONFIRMED]


def test_receipts_go_on_while_the_operator_is_awaited() -> None:
    world = carrying()
    world.operator_us = 50 * SECOND
    world.submit("k0").run(3 * SECOND)
    assert world.exchanges
    world.submit("k1").submit("k2").run(10 * SECOND)
    assert world.printed() == ["k0", "k1", "k2"]
    assert world.state("k2") == states.RECORDED


def test_under_load_documents_wait_only_so_long() -> None:
    world = carrying(relay_patience_us=10 * SECOND)
    for number in range(60):
        world.submit(f"k{number}")
    world.run(40 * SECOND)
    moments = [when for when, _ in world.exchanges]
    assert 1 <= len(moments) <= 5, moments
    world.settle()
    world.check()


def test_an_operator_who_is_silent_is_asked_again_less_and_less_often() -> None:
    world = carrying()
    world.submit("before").settle()
    world.run(world.now + MINUTE)
    world.operator_answers = False
    begin = len(world.exchanges)
    world.submit("k").run(world.now + 2 * HOUR)
    moments = [when for when, _ in world.exchanges[begin:]]
    pauses = [b - a for a, b in pairwise(moments)]
    assert pauses[0] >= 30 * SECOND and pauses[-1] >= 600 * SECOND
    assert world.engine is not None
    (view,) = world.engine.registers()
    assert view.relay is not None and view.relay.problem == "silence"
    assert view.relay.connected_wall_us > view.relay.answered_wall_us, (
        "the network is fine, the operator is not"
    )
    assert world.state("k") == states.SENT
    world.operator_answers = True
    world.run(world.now + 20 * MINUTE)
    assert world.state("k") == states.CONFIRMED


# --- a queue that is full ----------------------------------------------------------------------------------------------------


def test_what_comes_to_a_full_queue_is_refused_at_the_door() -> None:
    world = World(config(1, queue_limit=3))
    for number in range(10):
        world.submit(f"k{number}")
    world.settle()
    assert len(world.printed()) == 3
    (reply,) = world.answers("k9")
    assert not reply.accepted and reply.reason == "the queue is full: 3 receipts wait"
    world.submit("k9").settle()
    assert world.state("k9") in (states.RECORDED, states.CONFIRMED)
    world.check()


# --- drives that block -------------------------------------------------------------------------------------------------------


def test_a_drive_that_blocks_gets_no_receipts_until_its_documents_are_sent() -> None:
    world = World(config(1))
    world.submit("before").settle()
    register = world.registers[0]
    register.talk_to_operator(False)
    world.submit("unsent").settle()
    register.unsent_since_s = NOON_US // SECOND - 31 * 86_400
    world.run(world.now + 2 * MINUTE)
    assert service(world) == states.BLOCKED
    for number in range(5):
        world.submit(f"late{number}")
    world.run(world.now + HOUR)
    assert world.printed() == ["before", "unsent"], "not even tried"
    assert all(world.state(f"late{number}") == states.QUEUED for number in range(5)), "and none is set aside"
    register.talk_to_operator(True)
    world.settle()
    assert service(world) == states.IN_SERVICE and len(world.printed()) == 7
    world.check()


def test_what_blocks_on_the_way_goes_to_another_register() -> None:
    world = World(config(2, policy="round_robin"))
    world.submit("k0").submit("k1").settle()
    register = world.registers[0]
    register.talk_to_operator(False)
    world.submit("k2").settle()
    register.unsent_since_s = NOON_US // SECOND - 31 * 86_400
    for number in range(3, 9):
        world.submit(f"k{number}")
    world.settle()
    assert len(world.printed(0)) == 3 and service(world) == states.BLOCKED
    world.check()


def test_the_engine_carries_for_a_drive_that_blocks_and_so_unblocks_it() -> None:
    world = carrying()
    world.operator_answers = False
    world.submit("k0").settle()
    world.registers[0].unsent_since_s = NOON_US // SECOND - 31 * 86_400
    world.run(world.now + 2 * MINUTE)
    assert service(world) == states.BLOCKED
    world.operator_answers = True
    world.submit("k1")
    world.run(world.now + 20 * MINUTE)
    assert world.state("k1") == states.CONFIRMED


def test_a_drive_whose_life_is_over_waits_for_its_replacement() -> None:
    world = World(config(1))
    world.submit("k0").settle()
    world.registers[0].valid_until_s = NOON_US // SECOND - 2 * 86_400
    world.run(world.now + 2 * MINUTE)
    assert service(world) == states.BLOCKED
    world.deliver(events.DriveReplacementAsked(0))
    world.submit("k1").run(world.now + 5 * MINUTE)
    assert world.engine is not None and world.engine.registers()[0].replacement == states.WAITING_FOR_DRIVE
    world.registers[0].put_in(NEW_DRIVE)
    world.registers[0].valid_until_s = 0
    world.settle()
    assert world.state("k1") in (states.RECORDED, states.CONFIRMED)
