"""What a shop may rely on: no promise before it is durable, one receipt for one key, refusals that name the field."""

from __future__ import annotations

import dataclasses

import pytest
from engine_world import World
from fake_register import NOON_US, OTHER_ENTITY, SECOND, config, facts, receipt

from fiscal.engine import events, records, states
from fiscal.engine.engine import Engine
from fiscal.engine.outcomes import Seen, ShiftState
from fiscal.receipt import Taxation, fingerprint

SEEN = Seen(ShiftState.CLOSED, 0, 0, "9999000000000001", 3, 0, 0, 0, True, NOON_US // SECOND)


def started() -> Engine:
    """One register, seen and ready; the test plays the host."""
    engine = Engine(config(1))
    (probe,) = engine.handle(events.Started(NOON_US), 0)
    assert isinstance(probe, events.Perform)
    engine.handle(events.Performed(0, probe.number, SEEN), 0)
    return engine


def submitted(key: str = "k", lines: int = 1) -> events.Submitted:
    sale = receipt(lines)
    return events.Submitted(key, sale, fingerprint(sale))


def only(kind: type, effects: list[events.Effect]) -> list:
    return [effect for effect in effects if isinstance(effect, kind)]


def test_a_receipt_is_not_promised_before_its_record_is_committed() -> None:
    engine = started()
    effects = engine.handle(submitted(), 1)
    assert [type(effect) for effect in effects] == [events.Commit]
    assert isinstance(effects[0].records[0], records.Accepted)
    promised = engine.handle(events.Committed(effects[0].ticket), 2)
    assert events.Reply("k", True) in promised


def test_no_task_leaves_before_the_attempt_is_committed() -> None:
    engine = started()
    (accepting,) = engine.handle(submitted(), 1)
    (attempting,) = only(events.Commit, engine.handle(events.Committed(accepting.ticket), 2))
    assert attempting.records == (records.Attempted("k", 1, "a", 0, "9999000000000001"),)
    assert engine.status("k").status == states.ASSIGNED
    (perform,) = only(events.Perform, engine.handle(events.Committed(attempting.ticket), 3))
    assert isinstance(perform.task, events.Fiscalize) and perform.task.key == "k"
    assert engine.status("k").status == states.PRINTING


def test_recorded_is_announced_only_when_the_journal_has_it() -> None:
    world = World(config(1))
    world.submit("k").run(SECOND)
    world.commit_us = 10 * SECOND
    world.run(2 * SECOND)
    assert world.documents("k") and not world.history(records.Documented)
    assert states.RECORDED not in [status.status for _, status in world.statuses]
    world.run(20 * SECOND)
    assert states.RECORDED in [status.status for _, status in world.statuses]


def test_a_receipt_walks_through_its_states_and_is_recorded_once() -> None:
    world = World(config(1))
    world.submit("k").run(10 * SECOND)
    world.check()
    seen = [status.status for _, status in world.statuses if status.key == "k"]
    assert seen == [states.QUEUED, states.PRINTING, states.RECORDED]
    assert len(world.documents("k")) == 1
    assert world.engine.status("k").recorded.document == world.documents("k")[0][1].number


def test_the_same_request_twice_gives_one_receipt_and_two_promises() -> None:
    world = World(config(2))
    world.submit("k").run(10 * SECOND)
    world.submit("k").run(20 * SECOND)
    assert [reply.accepted for reply in world.answers("k")] == [True, True]
    assert len(world.documents("k")) == 1 and len(world.history(records.Accepted)) == 1


def test_the_same_request_while_it_is_being_accepted_waits_for_the_same_commit() -> None:
    engine = started()
    (accepting,) = engine.handle(submitted(), 1)
    assert engine.handle(submitted(), 1) == []
    effects = engine.handle(events.Committed(accepting.ticket), 2)
    assert only(events.Reply, effects) == [events.Reply("k", True)] * 2


def test_the_same_key_with_other_contents_is_a_conflict() -> None:
    world = World(config(1))
    world.submit("k").run(10 * SECOND)
    other = receipt(2)
    world.deliver(events.Submitted("k", other, fingerprint(other)))
    assert world.replies[-1].accepted is False and world.replies[-1].reason.startswith("conflict")
    world.run(20 * SECOND)
    assert len(world.documents("k")) == 1


def test_a_conflict_is_seen_even_while_the_first_is_being_accepted() -> None:
    engine = started()
    engine.handle(submitted(lines=1), 1)
    (reply,) = engine.handle(submitted(lines=2), 1)
    assert reply.accepted is False and reply.reason.startswith("conflict")


def test_an_impossible_receipt_is_refused_at_the_door_with_its_field() -> None:
    engine = started()
    good = receipt()
    bad = dataclasses.replace(good, items=(dataclasses.replace(good.items[0], sum_kop=-1),))
    (reply,) = engine.handle(events.Submitted("k", bad, fingerprint(bad)), 1)
    assert reply.accepted is False and reply.reason.startswith("invalid: items[0]")
    assert engine.status("k") is None


@pytest.mark.parametrize(
    ("register", "sale"),
    [
        (facts("a", entity=OTHER_ENTITY), receipt()),
        (facts("a", taxation=Taxation.PATENT), receipt(taxation=Taxation.GENERAL)),
        (facts("a", sites=("elsewhere.example",)), receipt()),
    ],
    ids=["entity", "taxation", "site"],
)
def test_a_receipt_that_no_register_may_make_is_refused_at_the_door(register: object, sale: object) -> None:
    world = World(config((register,)))
    world.submit("k", sale)
    (reply,) = world.answers("k")
    assert reply.accepted is False and reply.reason.startswith("no register")
    assert not world.history(records.Accepted)


def test_a_receipt_goes_only_where_it_may() -> None:
    farm = (
        facts("other entity", entity=OTHER_ENTITY),
        facts("other taxation", taxation=Taxation.PATENT),
        facts("other site", sites=("elsewhere.example",)),
        facts(
            "right", taxation=Taxation.GENERAL | Taxation.PATENT, sites=("shop.example", "elsewhere.example")
        ),
    )
    world = World(config(farm))
    for number in range(5):
        world.submit(f"k{number}")
    world.submit("theirs", receipt(entity=OTHER_ENTITY))
    world.run(MINUTE_AND_A_HALF)
    assert {world.where(f"k{number}") for number in range(5)} == {"right"}
    assert world.where("theirs") == "other entity"


MINUTE_AND_A_HALF = 90 * SECOND


def test_the_deadline_is_the_configured_one_unless_the_shop_says_otherwise() -> None:
    world = World(config(1, deadline_us=7 * SECOND))
    world.submit("usual").submit("urgent", deadline_us=3 * SECOND).run(SECOND)
    assert world.engine.status("usual").deadline_wall_us == NOON_US + 7 * SECOND
    assert world.engine.status("urgent").deadline_wall_us == NOON_US + 3 * SECOND


def test_a_waiting_receipt_can_be_cancelled_and_is_never_made() -> None:
    world = World(config(1))
    world.submit("first").submit("second").run(500_000)
    world.cancel("second")
    world.run(MINUTE_AND_A_HALF)
    assert world.state("second") == states.CANCELLED and not world.documents("second")
    assert world.answers("second")[-1].accepted is True
    assert world.state("first") == states.CONFIRMED
    world.check()


@pytest.mark.parametrize("at_us", [500_000, 5 * SECOND], ids=["printing", "recorded"])
def test_what_a_register_has_seen_cannot_be_cancelled(at_us: int) -> None:
    world = World(config(1))
    world.submit("k").run(at_us)
    world.cancel("k")
    assert world.replies[-1].accepted is False and "return receipt" in world.replies[-1].reason
    world.run(MINUTE_AND_A_HALF)
    assert len(world.documents("k")) == 1


def test_cancelling_an_unknown_key_says_so() -> None:
    world = World(config(1))
    world.cancel("never heard of")
    assert world.replies[-1].accepted is False and "unknown" in world.replies[-1].reason


def test_a_receipt_set_aside_can_be_sent_back_by_hand() -> None:
    world = World(config(1))
    world.poison.add("k")
    world.submit("k").run(10 * SECOND)
    assert world.state("k") == states.SET_ASIDE
    world.retry("k")  # the cause was removed
    world.run(20 * SECOND)
    assert world.state("k") == states.RECORDED and len(world.documents("k")) == 1


def test_only_what_was_set_aside_can_be_retried() -> None:
    world = World(config(1))
    world.submit("k").run(10 * SECOND)
    world.retry("k")
    assert world.replies[-1].accepted is False
    world.run(20 * SECOND)
    assert len(world.documents("k")) == 1


def test_confirmed_means_that_the_operator_has_the_document() -> None:
    world = World(config(1))
    world.registers[0].talk_to_operator(False)
    world.submit("k").run(10 * 60 * SECOND)
    assert world.state("k") == states.RECORDED
    world.registers[0].talk_to_operator(True)
    world.run(12 * 60 * SECOND)
    assert world.state("k") == states.CONFIRMED
    assert world.engine.status("k").confirmed_wall_us > world.engine.status("k").recorded_wall_us


def test_documents_up_to_the_first_unsent_one_are_confirmed_and_no_further() -> None:
    world = World(config(1))
    register = world.registers[0]
    world.submit("early").run(10 * SECOND)
    register.talk_to_operator(False)
    world.submit("late").run(3 * 60 * SECOND)
    assert (world.state("early"), world.state("late")) == (states.CONFIRMED, states.RECORDED)


def test_a_new_drive_confirms_nothing_of_the_old_one() -> None:
    world = World(config(1))
    register = world.registers[0]
    register.talk_to_operator(False)
    world.submit("k").run(10 * SECOND)
    register.drive, register.documents, register.opened_us = "9999000000000077", [], None
    for _ in range(9):
        register.add("open")
    register.talk_to_operator(True)
    world.run(3 * 60 * SECOND)
    assert world.state("k") == states.RECORDED
    assert world.engine.registers()[0].drive == "9999000000000077"
