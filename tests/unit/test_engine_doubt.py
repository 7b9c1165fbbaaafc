"""The line died after a byte that may have mattered: what only the drive knows, and what the engine does until it knows."""

from __future__ import annotations

import pytest
from engine_world import World
from fake_register import HOUR, MINUTE, SECOND, config

from fiscal.engine import records, states
from fiscal.engine.engine import Engine
from fiscal.engine.events import Find, Fiscalize, Probe
from fiscal.receipt import SettlementType, mark


def in_doubt(fate: str, registers: int = 2, **changes: object) -> World:
    """The first register's line dies with the receipt "k" in hand and stays dead."""
    world = World(config(registers, **changes))
    world.registers[0].script[Fiscalize].append(fate)
    world.registers[0].script[Find].extend(["line"] * 1000)
    world.submit("k").run(10 * SECOND)
    assert world.state("k") == states.IN_DOUBT
    return world


def line_back(world: World) -> None:
    world.registers[0].script[Find].clear()


def test_a_lost_answer_puts_the_receipt_in_doubt() -> None:
    world = in_doubt("lost_made")
    view = world.engine.status("k")
    assert (view.status, view.register, view.reason) == (states.IN_DOUBT, "a", "the line died, it happened")
    assert world.engine.registers()[0].in_doubt == "k"


def test_the_drive_is_asked_with_the_mark_and_the_last_document_before_the_attempt() -> None:
    world = World(config(1))
    world.submit("before").run(10 * SECOND)
    world.registers[0].script[Fiscalize].append("lost_made")
    world.submit("k").run(20 * SECOND)
    ((_, _, find),) = world.tasks(Find)
    assert find.attempt.mark == mark("k")
    assert find.attempt.last_document == world.engine.status("before").recorded.document


def test_a_document_that_is_found_is_the_receipt() -> None:
    world = World(config(2))
    world.registers[0].script[Fiscalize].append("lost_made")
    world.submit("k").run(20 * SECOND)
    assert world.where("k") == "a"
    assert len(world.documents("k")) == 1 and len(world.tasks(Fiscalize)) == 1
    assert world.engine.status("k").recorded.document == world.documents("k")[0][1].number


def test_when_the_drive_does_not_have_it_it_is_made_again() -> None:
    world = World(config(1))
    world.registers[0].script[Fiscalize].append("lost_not_made")
    world.submit("k").run(20 * SECOND)
    assert world.state("k") == states.RECORDED and len(world.documents("k")) == 1
    assert [attempt.attempt for attempt in world.history(records.Attempted)] == [1, 2]
    assert [cleared.attempt for cleared in world.history(records.Cleared)] == [1]


@pytest.mark.parametrize("fate", ["lost_made", "lost_not_made"])
def test_in_doubt_a_receipt_never_goes_to_another_register(fate: str) -> None:
    world = in_doubt(fate)
    world.run(3 * HOUR)  # long past its deadline
    assert world.state("k") == states.IN_DOUBT and world.printed(1) == []
    line_back(world)
    world.run(3 * HOUR + 5 * MINUTE)
    assert len(world.documents("k")) == 1
    world.check()


def test_the_others_go_on_while_one_is_in_doubt() -> None:
    world = in_doubt("lost_made")
    world.submit("other").run(MINUTE)
    assert world.where("other") == "b" and len(world.documents("other")) == 1


def test_a_register_in_doubt_is_asked_about_it_before_anything_else() -> None:
    world = in_doubt("lost_not_made", registers=1)
    world.submit("other").run(5 * MINUTE)
    assert world.printed() == ["k"]
    line_back(world)
    world.run(10 * MINUTE)
    assert world.printed() == ["k", "k", "other"]


def test_a_crash_with_an_attempt_open_leaves_it_in_doubt_until_the_drive_was_asked() -> None:
    world = World(config(2))
    world.submit("k").run(500_000)
    world.crash()
    world.run(5 * SECOND + 600_000)
    kinds = [type(task) for when, register, task in world.performed if when > SECOND and register == 0]
    assert kinds[0] is Find
    world.run(20 * SECOND)
    assert world.state("k") == states.RECORDED and len(world.documents("k")) == 1
    world.check()


def test_a_crash_after_the_document_and_before_its_record_does_not_double_it() -> None:
    world = World(config(2))
    world.submit("k")
    world.run(SECOND)
    world.commit_us = 10 * SECOND  # the document is made, the record of it is on its way ...
    world.run(2 * SECOND)
    assert len(world.documents("k")) == 1 and not world.history(records.Documented)
    world.crash()  # ... and is lost
    world.run(MINUTE)
    assert len(world.documents("k")) == 1 and world.history(records.Documented)
    world.check()


def test_an_attempt_at_a_register_that_is_no_longer_configured_stays_in_doubt() -> None:
    world = World(config(2))
    world.submit("k").run(500_000)
    world.config = config(tuple(world.config.registers[1:]))
    recovered = Engine.recover(world.config, world.journal.records(), world.now, world.wall_us)
    view = recovered.status("k")
    assert view is not None and view.status == states.IN_DOUBT and "'a'" in view.reason


def test_two_attempts_may_be_in_doubt_at_one_register_and_both_are_asked_about() -> None:
    """The record of the first document was lost in a crash, that of the second attempt was not."""
    world = World(config(1))
    world.submit("k0").run(10 * SECOND)
    world.submit("k1").run(11 * SECOND - 100_000)
    history = [r for r in world.journal.records() if not isinstance(r, records.Documented)]
    recovered = Engine.recover(world.config, history, world.now, world.wall_us)
    assert [doubt.entry.key for doubt in recovered._stations[0].doubts] == ["k0", "k1"]
    world.crash()
    world.journal._records[:] = history
    world._documented.clear()
    world.run(MINUTE)
    assert [task.key for _, _, task in world.tasks(Find)] == ["k0", "k1"]
    assert len(world.documents("k0")) == len(world.documents("k1")) == 1
    world.check()


REISSUE = {"in_doubt": "reissue", "reissue_before_deadline_us": MINUTE}


def test_reissue_waits_until_a_minute_before_the_deadline() -> None:
    world = in_doubt("lost_not_made", **REISSUE)
    world.run(4 * MINUTE - SECOND)
    assert world.state("k") == states.IN_DOUBT
    world.run(4 * MINUTE + 10 * SECOND)
    assert world.where("k") == "b" and world.state("k") == states.RECORDED
    assert world.history(records.Reissued) == [records.Reissued("k", 1)]


def test_a_reissued_receipt_is_not_sent_before_the_decision_is_durable() -> None:
    world = in_doubt("lost_not_made", **REISSUE)
    world.disk_full = True
    world.run(5 * MINUTE)
    assert world.printed(1) == [] and world.state("k") == states.IN_DOUBT
    world.disk_full = False
    world.run(6 * MINUTE)
    assert world.printed(1) == ["k"]


def test_an_orphan_gets_its_return_receipt() -> None:
    world = in_doubt("lost_made", **REISSUE)
    world.run(5 * MINUTE)
    assert [name for name, _ in world.documents("k")] == ["a", "b"]
    line_back(world)
    world.run(20 * MINUTE)
    (orphan,) = world.history(records.Orphaned)
    assert (orphan.key, orphan.attempt, orphan.register) == ("k", 1, "a")
    ((_, returned),) = world.documents(orphan.return_key)
    assert returned.type == SettlementType.SALE_RETURN
    assert returned.total_kop == world.documents("k")[0][1].total_kop
    assert world.where("k") == "b"
    world.check()


def test_nobody_is_answered_for_a_return_receipt() -> None:
    world = in_doubt("lost_made", **REISSUE)
    world.run(5 * MINUTE)
    line_back(world)
    world.run(20 * MINUTE)
    assert {reply.key for reply in world.replies} == {"k"}


def test_a_return_receipt_survives_a_full_disk() -> None:
    world = in_doubt("lost_made", **REISSUE)
    world.run(5 * MINUTE)
    line_back(world)
    world.disk_full = True
    world.run(10 * MINUTE)
    assert not world.history(records.Orphaned)
    world.disk_full = False
    world.run(20 * MINUTE)
    (orphan,) = world.history(records.Orphaned)
    assert len(world.documents(orphan.return_key)) == 1
    world.check()


def test_without_an_orphan_reissue_makes_no_return() -> None:
    world = in_doubt("lost_not_made", **REISSUE)
    world.run(5 * MINUTE)
    line_back(world)
    world.run(20 * MINUTE)
    assert not world.history(records.Orphaned) and len(world.documents("k")) == 1
    world.check()


def test_a_document_found_before_the_reissued_receipt_was_sent_is_the_receipt() -> None:
    world = in_doubt("lost_made", registers=1, **REISSUE)
    world.run(5 * MINUTE)
    assert world.state("k") == states.QUEUED  # nobody else is there to take it
    line_back(world)
    world.run(20 * MINUTE)
    assert len(world.documents("k")) == 1 and not world.history(records.Orphaned)
    world.check()


def test_a_document_found_for_a_receipt_that_was_then_set_aside_is_the_receipt() -> None:
    world = in_doubt("lost_made", **REISSUE)
    world.poison.add("k")  # the second register will not have it
    world.run(5 * MINUTE)
    assert world.state("k") == states.SET_ASIDE
    line_back(world)
    world.run(20 * MINUTE)
    assert world.state("k") == states.CONFIRMED and len(world.documents("k")) == 1
    world.check()


def test_a_crash_does_not_forget_that_a_receipt_was_reissued() -> None:
    world = in_doubt("lost_made", **REISSUE)
    world.run(5 * MINUTE)
    world.crash()
    world.run(6 * MINUTE)
    line_back(world)
    world.run(20 * MINUTE)
    (orphan,) = world.history(records.Orphaned)
    assert len(world.documents("k")) == 2 and len(world.documents(orphan.return_key)) == 1
    world.check()


def test_a_crash_does_not_forget_to_reissue() -> None:
    world = in_doubt("lost_not_made", **REISSUE)
    world.run(MINUTE)
    world.crash()
    world.run(5 * MINUTE)
    assert world.where("k") == "b" and len(world.documents("k")) == 1


def test_an_old_doubt_does_not_reissue_a_later_attempt() -> None:
    """The first attempt was settled: not made. The second is in doubt when the time of both has come."""
    world = World(config(1, **REISSUE))
    world.registers[0].script[Fiscalize].extend(["lost_not_made", "lost_made"])
    world.registers[0].script[Find].extend(["done"] + ["line"] * 1000)
    world.submit("k").run(5 * MINUTE)
    assert world.history(records.Reissued) == [records.Reissued("k", 2)]
    world.registers[0].script[Find].clear()
    world.run(30 * MINUTE)
    assert len(world.documents("k")) == 1
    world.check()


def doubt_at_both(first: str) -> World:
    """Reissued, and the second attempt is in doubt as well; that it is reissued, too, is on its way to the journal."""
    world = World(config(2, **REISSUE))
    for register, fate in zip(world.registers, (first, "lost_made"), strict=True):
        register.script[Fiscalize].append(fate)
        register.script[Find].extend(["line"] * 1000)
    world.submit("k").run(4 * MINUTE + 500_000)
    world.commit_us = 3 * MINUTE
    world.run(5 * MINUTE)
    assert world.state("k") == states.IN_DOUBT
    assert [view.in_doubt for view in world.engine.registers()] == ["k", "k"]
    return world


def test_that_the_first_attempt_made_nothing_does_not_settle_the_second() -> None:
    world = doubt_at_both("lost_not_made")
    line_back(world)
    world.run(6 * MINUTE)
    assert world.state("k") == states.IN_DOUBT and world.engine.registers()[0].in_doubt == ""
    world.registers[1].script[Find].clear()
    world.run(30 * MINUTE)
    assert world.where("k") == "b" and len(world.documents("k")) == 1
    world.check()


def test_a_document_of_the_first_attempt_is_an_orphan_while_the_second_is_in_doubt() -> None:
    world = doubt_at_both("lost_made")
    line_back(world)
    world.run(6 * MINUTE)
    assert world.state("k") == states.IN_DOUBT and world.engine.registers()[0].in_doubt == ""
    world.registers[1].script[Find].clear()
    world.run(30 * MINUTE)
    assert len(world.history(records.Orphaned)) == 1
    world.check()


def test_a_receipt_whose_document_turns_up_while_it_is_sent_back_by_hand_is_not_made_again() -> None:
    world = in_doubt("lost_made", **REISSUE)
    world.poison.add("k")
    world.run(5 * MINUTE)
    world.commit_us = 3 * MINUTE  # sending it back takes long to become durable
    world.retry("k")
    line_back(world)
    world.run(20 * MINUTE)
    assert world.history(records.Retried) and world.printed(1) == ["k"]
    assert len(world.documents("k")) == 1
    world.check()


def test_a_register_whose_doubt_is_settled_is_probed_and_used_again() -> None:
    world = World(config(1))
    world.registers[0].script[Fiscalize].append("lost_made")
    world.submit("k").run(10 * SECOND)
    world.submit("next").run(30 * SECOND)
    kinds = [type(task) for _, _, task in world.performed]
    assert kinds == [Probe, Fiscalize, Find, Probe, Fiscalize]
