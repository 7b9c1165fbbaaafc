"""Who should: what each policy chooses, ties included (the first in the configuration)."""

from __future__ import annotations

from collections import Counter
from itertools import count

import pytest
from engine_world import World
from fake_register import MINUTE, SECOND, config, facts, receipt

from fiscal.engine import events
from fiscal.engine.config import RegisterFacts
from fiscal.engine.dispatch import Dispatch
from fiscal.engine.farm import Entry, Station
from fiscal.engine.policies import POLICIES, expected_completion_us, mix


def farm(registers: int | tuple[RegisterFacts, ...] = 3, **changes: object) -> Dispatch:
    """Registers that are all there and at rest; what is placed waits."""
    dispatch = Dispatch(config(registers, **changes))
    for station in dispatch.stations:
        dispatch.set_available(station, True)
    return dispatch


def arrivals(dispatch: Dispatch, many: int, **changes: object) -> list[str]:
    """The names of the registers chosen for ``many`` receipts that come one after the other."""
    return [
        dispatch.stations[arrive(dispatch, number, **changes).register].facts.name for number in range(many)
    ]


def arrive(dispatch: Dispatch, number: int, lines: int = 1, email: str = "b@example.org") -> Entry:
    entry = Entry(f"k{number}", number, "", receipt(lines, email=email), "", 0, 0)
    entry.group = dispatch.group(entry.receipt)
    dispatch.enter(entry, 0)
    return entry


def test_an_unknown_policy_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(ValueError, match=r"unknown policy 'best'.*round_robin.*central"):
        Dispatch(config(1, policy="best"))


def test_round_robin_goes_around_in_the_order_of_the_configuration() -> None:
    assert arrivals(farm(3, policy="round_robin"), 7) == list("abcabca")


def test_round_robin_steps_over_a_register_that_is_not_there() -> None:
    dispatch = farm(3, policy="round_robin")
    dispatch.set_available(dispatch.stations[1], False)
    assert arrivals(dispatch, 4) == list("acac")


def test_shortest_queue_levels_and_gives_ties_to_the_first() -> None:
    assert arrivals(farm(3, policy="shortest_queue"), 6) == list("abcabc")


def test_shortest_queue_counts_the_receipt_in_work() -> None:
    dispatch = farm(2, policy="shortest_queue")
    arrive(dispatch, 0)
    dispatch.take(dispatch.stations[0], 0)
    assert arrivals(dispatch, 1) == ["b"]
    dispatch.release(dispatch.stations[0], 0)
    assert arrivals(dispatch, 1) == ["a"]


def test_random_is_a_function_of_the_arrival_number_and_the_salt() -> None:
    first = arrivals(farm(3, policy="random", salt=5), 200)
    assert first == arrivals(farm(3, policy="random", salt=5), 200)
    assert first != arrivals(farm(3, policy="random", salt=6), 200)


def test_random_is_even() -> None:
    counts = Counter(arrivals(farm(4, policy="random"), 4000))
    assert sorted(counts) == list("abcd")
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 16.3  # chi square, 3 degrees, 0.1 %


def test_mix_is_the_published_function() -> None:
    """SplitMix64 from seed 0: the first two outputs of the reference implementation."""
    assert (mix(0), mix(1)) == (0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4)


def test_weighted_gives_in_proportion_evenly_interleaved() -> None:
    registers = (facts("a", weight=5), facts("b", weight=1), facts("c", weight=1))
    assert arrivals(farm(registers, policy="weighted"), 7) == list("aabacaa")


def test_weighted_with_equal_weights_goes_around() -> None:
    assert arrivals(farm(3, policy="weighted"), 6) == list("abcabc")


def test_sticky_sends_a_buyer_always_to_the_same_register() -> None:
    dispatch = farm(4, policy="sticky")
    assert len(set(arrivals(dispatch, 10, email="one@example.org"))) == 1


def test_sticky_spreads_buyers_and_moves_only_those_of_a_register_that_is_gone() -> None:
    dispatch = farm(4, policy="sticky")
    buyers = [f"b{n}@example.org" for n in range(400)]

    def chosen() -> dict[str, str]:
        numbers = count(1)
        entries = {buyer: arrive(dispatch, next(numbers), email=buyer) for buyer in buyers}
        return {buyer: dispatch.stations[entry.register].facts.name for buyer, entry in entries.items()}

    before = chosen()
    for station in dispatch.stations:
        dispatch.withdraw(station)
    assert min(Counter(before.values()).values()) > 60
    dispatch.set_available(dispatch.stations[2], False)
    after = chosen()
    assert all(after[buyer] == name for buyer, name in before.items() if name != "c")
    assert "c" not in after.values()


def test_earliest_completion_prefers_the_faster_register_until_its_queue_is_longer() -> None:
    registers = (facts("slow", service_base_us=3 * SECOND), facts("fast", service_base_us=SECOND))
    chosen = arrivals(farm(registers, policy="earliest_completion"), 4)
    assert chosen == ["fast", "fast", "slow", "fast"]


def test_earliest_completion_counts_lines() -> None:
    dispatch = farm(2, policy="earliest_completion")
    assert [
        arrive(dispatch, 0, lines=100).register,
        arrive(dispatch, 1).register,
        arrive(dispatch, 2).register,
    ] == [0, 1, 1]


def test_earliest_completion_gives_ties_to_the_first() -> None:
    assert arrivals(farm(3, policy="earliest_completion"), 3) == list("abc")


def test_earliest_completion_sees_a_z_report_coming() -> None:
    station = Station(0, facts("a", z_report_us=10 * MINUTE, service_base_us=SECOND, service_line_us=0))
    entry = Entry("k", 1, "", receipt(), "", 0, 0)
    station.close_at_us = 30 * SECOND
    assert expected_completion_us(station, entry, 29 * SECOND) == 30 * SECOND
    assert expected_completion_us(station, entry, 30 * SECOND) == 31 * SECOND + 10 * MINUTE
    station.backlog_us = 5 * SECOND
    assert expected_completion_us(station, entry, 26 * SECOND) == 32 * SECOND + 10 * MINUTE


def test_central_keeps_one_queue_and_the_next_free_register_takes_from_it() -> None:
    world = World(config(2, policy="central"))
    for number in range(4):
        world.submit(f"k{number}")
    world.run(500_000)
    assert world.engine.backlog == 2 and [view.waiting for view in world.engine.registers()] == [0, 0]
    world.receipt_us = 5 * SECOND
    world.run(MINUTE)
    assert world.printed(0) == ["k0", "k2"] and world.printed(1) == ["k1", "k3"]


def test_central_takes_the_earliest_deadline() -> None:
    world = World(config(1, policy="central"))
    world.submit("in work").run(500_000)
    world.submit("late", deadline_us=90 * SECOND).submit("early", deadline_us=50 * SECOND).run(MINUTE)
    assert world.printed() == ["in work", "early", "late"]


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_makes_everything_once(policy: str) -> None:
    world = World(config(3, policy=policy))
    for number in range(30):
        world.submit(f"k{number}", receipt(1 + number % 5, email=f"b{number % 7}@example.org"))
    world.at(5 * SECOND, world.deliver, events.ShiftCloseAsked(1))
    world.run(2 * MINUTE)
    world.check()
    assert all(len(world.documents(f"k{number}")) == 1 for number in range(30))
    assert len(set(world.printed())) == 30
