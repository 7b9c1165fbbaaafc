"""Registers behind web servers in the bench: a swarm of bad days in virtual time, the same bytes as live."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from small_shop import problems, run, small

from bench.scenario import ScenarioError
from bench.seats import wire_service_us
from bench.simulate import Simulation
from fiscal.devices import device
from fiscal.engine.events import Probe
from fiscal.engine.outcomes import Refused, Seen

WEB = {
    "name": "web",
    "device": "atol-42fs",
    "protocol": "web",
    "count": 2,
    "line": {"kind": "tcp", "latency_ms": 5},
}
FAULTS: list[dict[str, Any]] = [
    {"kind": "reply_lost", "per_day": 300},
    {"kind": "web_server_hang", "per_day": 300, "mean_for_s": 40},
    {"kind": "power_cut", "per_day": 200, "mean_for_s": 20},
    {"kind": "cable_pulled", "per_day": 300, "mean_for_s": 20},
    {"kind": "computer_hang", "per_day": 100, "mean_for_s": 20},
    {"kind": "engine_crash", "per_day": 100, "restart_s": 5},
    {"kind": "register_slow", "per_day": 100, "mean_for_s": 60},
    {"kind": "clock_jump", "per_day": 50},
    {"kind": "drive_replacement", "per_day": 50, "hands_s": 60},
]
SEEDS = 20


def farm(**changes: Any) -> dict[str, Any]:
    return {"policy": "round_robin", "registers": [{**WEB, **changes}]}


def test_a_quiet_day() -> None:
    simulation = run(small(farm=farm()))
    assert not problems(simulation)
    assert len(simulation.found.asked) > 10  # type: ignore[attr-defined]


def test_a_swarm_of_bad_days_loses_and_doubles_nothing() -> None:
    fired: Counter[str] = Counter()
    wrong = []
    for seed in range(1, SEEDS + 1):
        simulation: Any = run(small(FAULTS, farm=farm(), duration_h=0.25), seed)
        fired.update(simulation.found.fired)
        wrong += [f"seed {seed}: {problem}" for problem in problems(simulation)]
    assert not wrong, "\n".join(wrong)
    assert all(fired[fault["kind"]] >= SEEDS / 4 for fault in FAULTS), fired


def test_beside_registers_that_are_reached_directly() -> None:
    registers = [{**WEB, "count": 1}, {"name": "serial", "device": "atol-55f"}]
    for seed in (1, 2, 3):
        assert not problems(
            run(small(FAULTS, farm={"policy": "round_robin", "registers": registers}, duration_h=0.25), seed)
        )


def test_the_same_seed_is_the_same_day() -> None:
    first, second = (run(small(FAULTS, farm=farm(), duration_h=0.25), 7) for _ in range(2))
    assert [seat.drive.last_document for seat in first.seats] == [
        seat.drive.last_document for seat in second.seats
    ]
    assert first.found.fired == second.found.fired  # type: ignore[attr-defined]


def test_an_answer_that_comes_after_its_conversation_is_none_to_the_next() -> None:
    """The server hangs over two conversations; what it says to the first comes when the second waits, on a connection that is no more."""
    simulation = Simulation(small(farm=farm(count=1)), 1)
    env, seat = simulation.env, simulation.seats[0]
    outcomes: list[tuple[int, Any]] = []

    def ask(_: Any) -> None:
        seat.perform(Probe(), lambda outcome: outcomes.append((int(env.now), outcome)))

    seat.register.hang(30_000_000)  # type: ignore[union-attr]
    for at_us in (0, 20_000_000):
        env.timeout(at_us).callbacks.append(ask)
    env.run(until=60_000_000)
    (first_us, first), (second_us, second) = outcomes
    assert isinstance(first, Refused) and first_us < 20_000_000
    assert isinstance(second, Seen) and second_us > 30_000_000


def test_a_receipt_through_the_web_server_takes_longer_than_one_without() -> None:
    model = device("atol-42fs")
    direct_us, _ = wire_service_us(model, True, 4, 0, 1_000)
    web_us, line_us = wire_service_us(model, True, 4, 0, 1_000, "web")
    assert direct_us < web_us < 5 * direct_us
    assert line_us > 0


@pytest.mark.parametrize(
    ("register", "faults", "shop", "why"),
    [
        ({"line": {"kind": "serial"}}, [], {}, "a web server is reached over TCP"),
        ({"sends": "relay"}, [], {}, "a web server carries nothing for the operator"),
        ({"device": "shtrih-m-01f"}, [], {}, '"web" is not spoken by shtrih registers'),
        ({}, [], {"goods": {"marked_share": 0.1}}, "check of a marking code"),
        (
            {"protocol": "v3"},
            [{"kind": "web_server_hang", "at": "10:01", "for_s": 5}],
            {},
            "no register there is behind a web server",
        ),
    ],
)
def test_what_a_web_server_cannot_is_said_before_the_run(
    register: dict[str, Any], faults: list[dict[str, Any]], shop: dict[str, Any], why: str
) -> None:
    with pytest.raises(ScenarioError, match=why):
        small(faults, farm=farm(**register), shop=shop)
