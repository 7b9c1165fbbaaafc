"""When the journal cannot be written: shops are told no, attempts wait, facts are written again until they are durable; and recovery."""

from __future__ import annotations

from engine_world import World
from fake_register import MINUTE, NOON_US, SECOND, config, receipt

from fiscal.engine import events, records, states
from fiscal.engine.engine import Engine
from fiscal.engine.events import Fiscalize
from fiscal.engine.outcomes import Recorded
from fiscal.receipt import fingerprint


def test_a_shop_is_told_no_when_the_disk_is_full() -> None:
    world = World(config(1))
    world.disk_full = True
    world.submit("k").run(100_000)
    (reply,) = world.answers("k")
    assert reply.accepted is False and reply.reason.startswith("journal")
    assert world.engine.status("k") is None


def test_everybody_who_asked_meanwhile_is_told_no() -> None:
    world = World(config(1))
    world.disk_full = True
    world.submit("k").submit("k").run(100_000)
    assert [reply.accepted for reply in world.answers("k")] == [False, False]


def test_while_the_journal_is_known_to_be_down_the_answer_comes_at_once() -> None:
    world = World(config(1))
    world.disk_full = True
    world.submit("first").run(SECOND)
    (reply,) = world.engine.handle(events.Submitted("k", receipt(), "f"), world.now)
    assert reply == events.Reply("k", False, "journal: disk full")


def test_the_same_key_is_accepted_when_there_is_room_again() -> None:
    world = World(config(1))
    world.disk_full = True
    world.submit("k").run(MINUTE)
    world.disk_full = False
    world.run(2 * MINUTE)
    assert world.answers("k")[-1].accepted and len(world.documents("k")) == 1
    world.check()


def test_a_known_key_gets_its_yes_even_on_a_full_disk() -> None:
    world = World(config(1))
    world.submit("k").run(10 * SECOND)
    world.disk_full = True
    world.submit("other").run(11 * SECOND)
    world.submit("k")
    assert world.answers("k")[-1].accepted


def test_an_attempt_that_could_not_be_written_is_not_made_and_is_tried_again() -> None:
    world = World(config(1))
    world.at(1_500, setattr, world, "disk_full", True)  # the acceptance is durable, the attempt will not be
    world.submit("k").run(MINUTE)
    assert world.state("k") == states.QUEUED and not world.tasks(Fiscalize)
    world.check_books()
    world.disk_full = False
    world.run(2 * MINUTE)
    assert len(world.documents("k")) == 1
    assert world.engine.status("k").attempts == 1


def test_a_recorded_fact_is_written_again_until_it_is_durable() -> None:
    world = World(config(1))
    world.submit("k").run(500_000)
    world.disk_full = True  # the register has it already
    world.run(MINUTE)
    assert len(world.documents("k")) == 1 and not world.history(records.Documented)
    assert states.RECORDED not in [status.status for _, status in world.statuses]
    world.disk_full = False
    world.run(2 * MINUTE)
    (fact,) = world.history(records.Documented)
    assert fact.recorded.document == world.documents("k")[0][1].number
    assert states.RECORDED in [status.status for _, status in world.statuses]
    assert len(world.documents("k")) == 1


def test_a_fact_is_not_forgotten_when_another_batch_gets_through_first() -> None:
    """The batch with the fact fails, one that was on its way behind it succeeds."""
    engine = Engine(config(2))
    for probe in engine.handle(events.Started(NOON_US), 0):
        seen = World(config(2))._outcome(World(config(2)).registers[0], events.Probe(), "done")
        engine.handle(events.Performed(probe.register, probe.number, seen), 0)
    (accept,) = engine.handle(events.Submitted("k", receipt(), fingerprint(receipt())), 1)
    attempt = engine.handle(events.Committed(accept.ticket), 2)[-1]
    perform = engine.handle(events.Committed(attempt.ticket), 3)[-1]
    done = Recorded(2, 1, NOON_US // SECOND, "9999000000000000", 1)
    (fact,) = engine.handle(events.Performed(perform.register, perform.number, done), 4)
    (other,) = engine.handle(events.Submitted("l", receipt(), fingerprint(receipt())), 5)
    engine.handle(events.CommitFailed(fact.ticket, "disk full"), 6)
    effects = engine.handle(events.Committed(other.ticket), 7)
    (again,) = [effect for effect in effects if isinstance(effect, events.Commit)]
    assert again.records == fact.records
    assert not any(isinstance(effect, events.Perform) for effect in effects)
    effects = engine.handle(events.Committed(again.ticket), 8)
    assert any(isinstance(e, events.StatusChanged) and e.status == states.RECORDED for e in effects)
    (attempt,) = [effect for effect in effects if isinstance(effect, events.Commit)]
    assert isinstance(attempt.records[0], records.Attempted) and attempt.records[0].key == "l"


def test_what_waits_for_the_journal_is_written_in_the_order_in_which_it_happened() -> None:
    world = World(config(2))
    world.poison.add("bad")
    world.submit("bad").submit("good").run(500_000)
    world.disk_full = True
    world.run(MINUTE)
    world.disk_full = False
    world.run(2 * MINUTE)
    assert [type(r) for r in world.journal.records()][4:6] == [records.SetAside, records.Documented]


def test_a_receipt_is_not_sent_back_before_its_setting_aside_is_durable() -> None:
    world = World(config(1))
    world.poison.add("k")
    world.submit("k").run(500_000)
    world.disk_full = True
    world.run(10 * SECOND)
    assert world.state("k") == states.SET_ASIDE
    world.retry("k")
    assert world.replies[-1].accepted is False and world.replies[-1].reason.startswith("journal")
    world.disk_full = False
    world.run(MINUTE)
    world.retry("k")
    world.run(2 * MINUTE)
    assert len(world.documents("k")) == 1


def test_setting_aside_that_is_on_its_way_to_the_journal_cannot_be_undone_yet() -> None:
    world = World(config(1))
    world.poison.add("k")
    world.submit("k").run(500_000)
    world.commit_us = 10 * SECOND
    world.run(2 * SECOND)
    world.retry("k")
    assert world.replies[-1].accepted is False and world.replies[-1].reason.startswith("journal")
    world.run(MINUTE)
    assert world.state("k") == states.SET_ASIDE


def test_no_record_overtakes_one_that_waits_for_the_journal() -> None:
    """Two facts fail one after the other, a third comes in between: they are written in the order in which they happened."""
    farm = World(config(3, policy="round_robin"))
    for key in ("a", "b", "c"):
        farm.submit(key)
    farm.run(100_000)
    engine = farm.engine
    facts = []
    for index, register in enumerate(farm.registers):
        done = Recorded(register.make(receipt(), "", 0, 0).document, 1, 1, register.drive, 1)
        effects = engine.handle(events.Performed(index, farm._work[index].number, done), farm.now)
        facts.append([effect for effect in effects if isinstance(effect, events.Commit)])
        if index == 1:
            engine.handle(events.CommitFailed(facts[0][0].ticket, "disk full"), farm.now)
    assert facts[2] == []  # held back
    engine.handle(events.CommitFailed(facts[1][0].ticket, "disk full"), farm.now)
    (again,) = [e for e in engine.wake(farm.now + 2 * SECOND) if isinstance(e, events.Commit)]
    assert [record.key for record in again.records] == ["a", "b", "c"]


def test_a_cancellation_is_refused_while_it_cannot_be_written() -> None:
    world = World(config(1))
    world.submit("in work").submit("k").run(500_000)
    world.disk_full = True
    world.submit("one more").run(600_000)
    world.cancel("k")
    assert world.replies[-1].accepted is False and world.replies[-1].reason.startswith("journal")
    world.disk_full = False
    world.run(MINUTE)
    assert len(world.documents("k")) == 1


# --- recovery --------------------------------------------------------------------------------------------------------


def test_everything_a_view_shows_of_a_receipt_survives_a_crash() -> None:
    world = World(config(2))
    world.poison.add("aside")
    for key in ("recorded", "aside", "third"):
        world.submit(key)
    world.submit("gone").run(100_000)
    world.cancel("gone")
    world.run(90 * SECOND)
    before = {key: world.engine.status(key) for key in ("recorded", "aside", "third", "gone")}
    recovered = Engine.recover(world.config, world.journal.records(), world.now, world.wall_us)
    assert {key: recovered.status(key) for key in before} == before
    assert [before[key].status for key in before] == [
        states.CONFIRMED,
        states.SET_ASIDE,
        states.CONFIRMED,
        states.CANCELLED,
    ]


def test_deadlines_survive_a_restart_by_the_wall_clock() -> None:
    world = World(config(1))
    world.registers[0].reachable = False
    world.submit("k").run(MINUTE)
    recovered = Engine.recover(
        world.config, world.journal.records(), 17, world.wall_us
    )  # a new monotonic clock
    assert recovered.status("k").deadline_wall_us == NOON_US + 300 * SECOND


def test_after_a_restart_the_queue_keeps_its_order() -> None:
    world = World(config(1))
    world.registers[0].reachable = False
    world.run(MINUTE)
    world.submit("late", deadline_us=10 * MINUTE).submit("early", deadline_us=8 * MINUTE).run(MINUTE + SECOND)
    world.crash()
    world.registers[0].reachable = True
    world.submit("urgent", deadline_us=5 * MINUTE).run(4 * MINUTE)
    assert world.printed() == ["early", "late", "urgent"] or world.printed() == ["urgent", "early", "late"]
    world.check()


def test_a_promise_is_kept_over_a_crash() -> None:
    world = World(config(1))
    world.submit("k").run(1_500)
    assert world.answers("k")[0].accepted
    world.crash()
    world.run(MINUTE)
    assert len(world.documents("k")) == 1
    world.check()


def test_a_key_is_known_again_after_a_crash() -> None:
    world = World(config(1))
    world.submit("k").run(10 * SECOND)
    world.crash()
    world.run(20 * SECOND)
    world.submit("k").run(MINUTE)
    assert world.answers("k")[-1].accepted and len(world.documents("k")) == 1
    other = receipt(2)
    world.deliver(events.Submitted("k", other, fingerprint(other)))
    assert world.replies[-1].reason.startswith("conflict")


def test_a_late_record_does_not_undo_a_document() -> None:
    """Records that had to wait for the journal come after what happened later."""
    world = World(config(1))
    sale = receipt()
    document = Recorded(7, 1, 1, "d", 1)
    history = [
        records.Accepted("k", 1, fingerprint(sale), sale, 0, 0),
        records.Attempted("k", 1, "a", 5, "d"),
        records.Attempted("k", 2, "a", 5, "d"),
        records.Documented("k", 2, "a", document, 0),
        records.Cleared("k", 1, "late"),
        records.SetAside("k", "late"),
        records.Retried("k"),
    ]
    engine = Engine.recover(world.config, history, 0, NOON_US)
    assert engine.status("k").status == states.RECORDED
    assert not engine._stations[0].doubts


def test_a_further_attempt_says_that_the_one_before_made_nothing() -> None:
    world = World(config(2))
    sale = receipt()
    history = [
        records.Accepted("k", 1, fingerprint(sale), sale, 0, 0),
        records.Attempted("k", 1, "a", 5, "d"),
        records.Attempted("k", 2, "b", 5, "e"),
    ]
    engine = Engine.recover(world.config, history, 0, NOON_US)
    assert [len(station.doubts) for station in engine._stations] == [0, 1]


def test_a_cancellation_settles_the_attempts_before_it() -> None:
    sale = receipt()
    history = [
        records.Accepted("k", 1, fingerprint(sale), sale, 0, 0),
        records.Attempted("k", 1, "a", 5, "d"),
        records.Cancelled("k", "the buyer changed his mind"),
    ]
    engine = Engine.recover(config(1), history, 0, NOON_US)
    assert engine.status("k").status == states.CANCELLED and not engine._stations[0].doubts


def test_arrival_numbers_go_on_where_they_were() -> None:
    world = World(config(1))
    world.submit("k").submit("l").run(10 * SECOND)
    world.crash()
    world.run(20 * SECOND)
    world.submit("m").run(30 * SECOND)
    assert [accepted.number for accepted in world.history(records.Accepted)] == [1, 2, 3]


def test_a_confirmation_counts_for_its_own_drive_only() -> None:
    sale = receipt()
    history = [
        records.Accepted("k", 1, fingerprint(sale), sale, 0, 0),
        records.Attempted("k", 1, "a", 5, "old"),
        records.Documented("k", 1, "a", Recorded(7, 1, 1, "old", 1), 0),
        records.Confirmed("a", "new", 99, 0),
    ]
    assert Engine.recover(config(1), history, 0, NOON_US).status("k").status == states.RECORDED
    history.append(records.Confirmed("a", "old", 7, 0))
    assert Engine.recover(config(1), history, 0, NOON_US).status("k").status == states.CONFIRMED


def test_an_empty_journal_recovers_to_an_empty_engine() -> None:
    engine = Engine.recover(config(2), [], 0, NOON_US)
    assert list(engine.keys()) == [] and engine.backlog == 0 and engine.settled
