"""Who is next, and where: the order of the queue, whose fault a refusal is, failover, spares."""

from __future__ import annotations

from itertools import pairwise

from engine_world import World
from fake_register import MINUTE, SECOND, config, facts

from fiscal.engine import events, records, states
from fiscal.engine.events import Fiscalize, Probe


def test_the_earliest_deadline_goes_first_then_the_earliest_arrival() -> None:
    world = World(config(1))
    world.submit("in work").run(200_000)
    world.submit("late", deadline_us=90 * SECOND)
    world.submit("early, first", deadline_us=50 * SECOND)
    world.submit("early, second", deadline_us=50 * SECOND)
    world.submit("urgent", deadline_us=20 * SECOND)
    world.run(MINUTE)
    assert world.printed() == ["in work", "urgent", "early, first", "early, second", "late"]


def test_an_impossible_receipt_is_set_aside_at_once_and_the_others_go_on() -> None:
    world = World(config(1))
    world.poison.add("bad")
    world.submit("good").submit("bad").submit("better").run(10 * SECOND)
    assert world.state("bad") == states.SET_ASIDE and "impossible" in world.engine.status("bad").reason
    assert len(world.documents("good")) == len(world.documents("better")) == 1
    assert world.printed() == ["good", "bad", "better"]
    assert not world.documents("bad")
    kinds = [type(task) for _, _, task in world.performed]  # the refusal may have left something open: ask
    assert kinds == [Probe, Fiscalize, Fiscalize, Probe, Fiscalize]
    world.check()


def test_a_register_that_refuses_hands_the_receipt_to_another() -> None:
    world = World(config(2))
    world.registers[0].script[Fiscalize].append("refused_register")
    world.submit("k").run(10 * SECOND)
    assert [register for _, register, _ in world.tasks(Fiscalize)] == [0, 1]
    assert world.state("k") == states.RECORDED and world.where("k") == "b"
    assert [cleared.attempt for cleared in world.history(records.Cleared)] == [1]


def test_a_dead_line_before_the_first_byte_hands_the_receipt_to_another() -> None:
    world = World(config(2))
    world.registers[0].script[Fiscalize].append("line")
    world.submit("k").run(10 * SECOND)
    assert world.where("k") == "b" and len(world.documents("k")) == 1


def test_a_register_that_failed_gets_nothing_until_it_was_asked_how_it_is() -> None:
    world = World(config(1))
    world.registers[0].script[Fiscalize].append("refused_register")
    world.submit("k").run(20 * SECOND)
    kinds = [type(task) for _, _, task in world.performed]
    assert kinds == [Probe, Fiscalize, Probe, Fiscalize]
    assert world.state("k") == states.RECORDED


def test_pauses_between_questions_to_a_dead_register_grow_up_to_a_minute() -> None:
    world = World(config(1, retry_us=2 * SECOND, retry_max_us=MINUTE))
    world.registers[0].reachable = False
    world.run(20 * MINUTE)
    times = [when for when, _, _ in world.tasks(Probe)]
    pauses = [later - earlier - 100_000 for earlier, later in pairwise(times[1:])]
    assert pauses[:6] == [2 * SECOND, 4 * SECOND, 8 * SECOND, 16 * SECOND, 32 * SECOND, MINUTE]
    assert max(pauses) == MINUTE


def test_a_receipt_that_every_register_refuses_is_set_aside_in_the_end() -> None:
    world = World(config(3, max_refusals=5))
    for register in world.registers:
        register.script[Fiscalize].extend(["refused_register"] * 100)
    world.submit("k").run(30 * MINUTE)
    assert world.state("k") == states.SET_ASIDE
    assert "times refused" in world.engine.status("k").reason
    assert len(world.tasks(Fiscalize)) >= 5


def test_what_waited_for_a_register_that_fails_goes_elsewhere_in_order() -> None:
    world = World(config(2, policy="round_robin"))
    for number in range(8):
        world.submit(f"k{number}")
    world.registers[0].script[Fiscalize].append("line")
    world.registers[0].script[Probe].extend(["line"] * 20)
    world.run(MINUTE)
    assert all(len(world.documents(f"k{number}")) == 1 for number in range(8))
    # b was in the middle of k1; what a could not do comes in its place in the order
    assert world.printed(1) == ["k1", "k0", "k2", "k3", "k4", "k5", "k6", "k7"]
    world.check()


def test_the_receipt_a_failing_register_gives_back_goes_before_those_behind_it() -> None:
    world = World(config(2, policy="sticky"))  # the same buyer: all to one register, the other is free
    for number in range(3):
        world.submit(f"k{number}")
    world.run(200_000)
    chosen = world.tasks(Fiscalize)[0][1]
    world._work[chosen].fate = "line"
    world.registers[chosen].script[Probe].extend(["line"] * 20)
    world.run(MINUTE)
    assert world.printed(1 - chosen) == ["k0", "k1", "k2"]


def test_nothing_is_refused_when_no_register_is_there_and_all_is_made_when_one_returns() -> None:
    world = World(config(2))
    for register in world.registers:
        register.reachable = False
    world.run(MINUTE)
    world.submit("k").submit("l").run(5 * MINUTE)
    assert world.answers("k")[0].accepted and world.state("k") == states.QUEUED
    assert world.engine.backlog == 2
    world.registers[1].reachable = True
    world.run(8 * MINUTE)
    assert {world.where("k"), world.where("l")} == {"b"}
    assert world.engine.backlog == 0
    world.check()


def test_a_register_that_returns_is_used_again() -> None:
    world = World(config(2, policy="round_robin"))
    world.registers[0].reachable = False
    world.run(MINUTE)
    world.submit("k0").submit("k1").run(2 * MINUTE)
    world.registers[0].reachable = True
    world.run(5 * MINUTE)
    world.submit("k2").submit("k3").run(6 * MINUTE)
    assert [world.where(f"k{n}") for n in range(2)] == ["b", "b"]
    assert sorted(world.where(f"k{n}") for n in (2, 3)) == ["a", "b"]


def test_a_register_out_of_paper_says_so_and_gets_nothing() -> None:
    world = World(config(2))
    world.registers[0].paper = False
    world.run(2 * MINUTE)
    view = world.engine.registers()[0]
    assert (view.state, view.detail) in [(states.DOWN, "out of paper"), (states.PROBING, "out of paper")]
    world.submit("k").run(3 * MINUTE)
    assert world.where("k") == "b"


def test_a_drive_that_makes_no_documents_any_more_gets_nothing() -> None:
    world = World(config(1))
    world.registers[0].phase = 4
    world.run(2 * MINUTE)
    assert "phase 4" in world.engine.registers()[0].detail
    world.submit("k").run(3 * MINUTE)
    assert not world.tasks(Fiscalize)


def test_what_piled_up_in_an_outage_is_shared_by_the_registers_that_come_back() -> None:
    world = World(config(3))
    for register in world.registers:
        register.reachable = False
    world.run(2 * MINUTE)
    for number in range(30):
        world.submit(f"k{number}")
    for register in world.registers:
        register.reachable = True
    world.run(5 * MINUTE)
    assert len(set(world.printed())) == 30
    assert min(len(world.printed(register)) for register in range(3)) >= 8


def test_what_piled_up_and_what_came_later_make_one_order() -> None:
    world = World(config(1))
    world.registers[0].reachable = False
    world.run(2 * MINUTE)
    for number in range(3):
        world.submit(f"piled{number}", deadline_us=10 * MINUTE)
    world.registers[0].reachable = True
    while not world.printed():
        world.run(world.now + 100_000)
    world.submit("urgent", deadline_us=5 * MINUTE).submit("lazy", deadline_us=20 * MINUTE)
    world.run(world.now + MINUTE)
    assert world.printed() == ["piled0", "urgent", "piled1", "piled2", "lazy"]


def spare_farm(**changes: object) -> World:
    return World(config((facts("a"), facts("s", spare=True)), spare_join_queue=4, **changes))


def test_a_spare_gets_nothing_while_the_queue_is_short() -> None:
    world = spare_farm()
    for number in range(4):  # one in work, three waiting
        world.submit(f"k{number}")
    world.run(MINUTE)
    assert {world.where(f"k{number}") for number in range(4)} == {"a"}


def test_a_spare_joins_under_load() -> None:
    world = spare_farm()
    for number in range(12):
        world.submit(f"k{number}")
    world.run(MINUTE)
    assert "s" in {world.where(f"k{number}") for number in range(12)}


def test_a_spare_joins_under_load_with_the_common_queue_too() -> None:
    world = spare_farm(policy="central")
    for number in range(12):
        world.submit(f"k{number}")
    world.run(MINUTE)
    assert len(world.printed(1)) > 3


def test_a_spare_leaves_when_the_queue_is_empty() -> None:
    world = spare_farm()
    for number in range(12):
        world.submit(f"k{number}")
    world.run(MINUTE)
    world.submit("x").submit("y").run(2 * MINUTE)
    assert {world.where("x"), world.where("y")} == {"a"}


def test_a_spare_stands_in_when_nobody_else_is_there() -> None:
    world = spare_farm()
    world.registers[0].reachable = False
    world.run(2 * MINUTE)
    world.submit("k").run(3 * MINUTE)
    assert world.where("k") == "s"


def test_a_spare_takes_over_the_common_queue_at_once_when_the_others_are_gone() -> None:
    world = spare_farm(policy="central")
    world.submit("in work").submit("behind").run(500_000)
    world.deliver(events.ShiftCloseAsked(0))
    world.run(5 * SECOND)
    assert world.where("behind") == "s" and len(world.documents("behind")) == 1


def test_an_answer_of_an_earlier_task_is_ignored() -> None:
    world = World(config(1))
    world.submit("k").run(200_000)
    before = world.engine.status("k")
    world.deliver(events.Performed(0, 1, world._outcome(world.registers[0], Probe(), "done")))
    assert world.engine.status("k") == before
    world.run(10 * SECOND)
    assert world.state("k") == states.RECORDED


def test_a_register_view_tells_what_waits_and_what_is_in_work() -> None:
    world = World(config(1))
    world.submit("k0").submit("k1").submit("k2").run(500_000)
    (view,) = world.engine.registers()
    assert (view.state, view.working_on, view.waiting) == (states.BUSY, "k0", 2)
    world.cancel("k1")
    (view,) = world.engine.registers()
    assert view.waiting == 1
