"""One eventful run, cut at every place: after each record, and before each effect. Whatever the place, it comes to the same end.

The run holds everything the journal knows: a poisonous receipt, one cancelled, refusals, lost answers with and without a document,
a Z-report, confirmations (one register's documents are carried), a planned outage, a new drive, and (in its second form) a reissue
with its orphan.
"""

from __future__ import annotations

import pytest
from engine_world import World
from fake_register import MINUTE, SECOND, config, facts, receipt

from fiscal.engine import events, records, states
from fiscal.engine.engine import Engine
from fiscal.engine.events import CloseShift, Find, Fiscalize

FARM = (facts("a"), facts("b", relay=True), facts("c"))
KEYS = tuple(f"k{number}" for number in range(12))


def eventful(
    in_doubt: str, *, before_effect: int = 0, at_record: int = 0, orders_survive: bool = False
) -> World:
    world = World(config(FARM, in_doubt=in_doubt, deadline_us=2 * MINUTE, retry_us=SECOND))
    world.crash_at = {before_effect}
    world.orders_survive = orders_survive
    world.crash_at_record = at_record
    world.poison.add("k2")
    a, b, c = world.registers
    a.script[Fiscalize].extend(["done", "lost_made", "done", "refused_register"])
    a.script[Find].extend(["line"] * 7)
    b.script[Fiscalize].extend(["done", "lost_not_made", "line"])
    c.script[CloseShift].append("lost_made")
    for number, key in enumerate(KEYS):
        world.submit(key, receipt(1 + number % 3), at_us=number // 4 * 2_800_000)
    world.at(2 * 2_800_000 + 50_000, world.cancel, "k11")
    world.at(20 * SECOND, world.deliver, events.ShiftCloseAsked(2))
    world.at(25 * SECOND, world.deliver, events.ShiftCloseAsked(0))
    world.at(30 * SECOND, world.deliver, events.PauseAsked(0, "new paper"))
    world.at(50 * SECOND, world.retry, "k2")
    world.at(70 * SECOND, world.deliver, events.ResumeAsked(0))
    world.at(80 * SECOND, world.deliver, events.DriveReplacementAsked(2))
    world.at(90 * SECOND, world.put_in_when_asked, 2, "9999000000000077")
    world.run(3 * MINUTE)
    for register in world.registers:
        register.script.clear()
    world.settle()
    world.run(world.now + 5 * MINUTE)
    world.settle()
    return world


def ends_well(world: World, in_doubt: str) -> None:
    world.check()
    made = {key for key in KEYS if world.state(key) == states.CONFIRMED}
    taken_back = {key for key in KEYS if world.state(key) in (states.CANCELLED, states.SET_ASIDE)}
    assert made | taken_back == set(KEYS) and taken_back <= {"k2", "k11"}
    if in_doubt == "wait":
        assert all(len(world.documents(key)) == (key in made) for key in KEYS)


@pytest.mark.parametrize("in_doubt", ["wait", "reissue"])
def test_the_run_is_eventful(in_doubt: str) -> None:
    """So that cutting it everywhere means something."""
    world = eventful(in_doubt)
    ends_well(world, in_doubt)
    kinds = {type(record) for record in world.journal.records()}
    of_reissue = {records.Reissued, records.Orphaned}
    assert kinds == set(records.KINDS.values()) - (set() if in_doubt == "reissue" else of_reissue)


@pytest.mark.parametrize("orders_survive", [False, True], ids=["orders lost", "orders survive"])
@pytest.mark.parametrize("in_doubt", ["wait", "reissue"])
def test_a_crash_after_any_record_loses_nothing_and_doubles_nothing(
    in_doubt: str, orders_survive: bool
) -> None:
    length = len(eventful(in_doubt).journal)
    for at_record in range(1, length + 1):
        world = eventful(in_doubt, at_record=at_record, orders_survive=orders_survive)
        assert world.crashes == 1, at_record
        try:
            ends_well(world, in_doubt)
        except AssertionError as problem:
            raise AssertionError(
                f"eventful({in_doubt!r}, at_record={at_record}, orders_survive={orders_survive}): {problem}"
            ) from problem


@pytest.mark.parametrize("orders_survive", [False, True], ids=["orders lost", "orders survive"])
@pytest.mark.parametrize("in_doubt", ["wait", "reissue"])
def test_a_crash_before_any_effect_loses_nothing_and_doubles_nothing(
    in_doubt: str, orders_survive: bool
) -> None:
    effects = eventful(in_doubt).effects
    for before_effect in range(World(config(FARM)).effects + 1, effects + 1):
        try:
            world = eventful(in_doubt, before_effect=before_effect, orders_survive=orders_survive)
            assert world.crashes == 1
            ends_well(world, in_doubt)
        except AssertionError as problem:
            raise AssertionError(
                f"eventful({in_doubt!r}, before_effect={before_effect}, orders_survive={orders_survive}): {problem}"
            ) from problem


@pytest.mark.parametrize("in_doubt", ["wait", "reissue"])
def test_every_prefix_of_the_journal_can_be_read(in_doubt: str) -> None:
    """Even one that ends in the middle of a batch: what is there is told truly, and nothing raises."""
    history = list(eventful(in_doubt).journal.records())
    for end in range(len(history) + 1):
        engine = Engine.recover(config(FARM), history[:end], 0, 0)
        accepted = {record.key for record in history[:end] if isinstance(record, records.Accepted)}
        documented = {record.key for record in history[:end] if isinstance(record, records.Documented)}
        assert set(engine.keys()) == accepted
        for key in accepted:
            view = engine.status(key)
            assert view is not None
            assert (view.status in (states.RECORDED, states.SENT, states.CONFIRMED)) == (key in documented)
