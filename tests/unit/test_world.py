"""The virtual host: what is promised is in the journal first, what is not committed is forgotten, what dies comes back."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
import simpy
from small_shop import problems, run, small

from bench.faults import Fault
from bench.log import FAULT, REPLY, STATUS, SUBMITTED
from bench.shop import RETRY_US, Request
from bench.simulate import Simulation
from bench.timed import TimedSeat
from bench.world import World
from fiscal.engine.config import EngineConfig, RegisterFacts
from fiscal.engine.records import Accepted, Documented
from fiscal.receipt import Buyer, Item, Payments, Receipt, SettlementType, Taxation, Vat, fingerprint

SECOND = 1_000_000
START_S = 1_790_000_000
SITE = "https://shop.example"
SERVICE_US = 2 * SECOND


def make_request(number: int, at_us: int, key: str = "") -> Request:
    item = Item("Goods", 100 + number, 1_000_000, 100 + number, Vat.VAT_22)
    payments = Payments(cashless_kop=100 + number)
    receipt = Receipt(
        SettlementType.SALE,
        (item,),
        payments,
        Taxation.GENERAL,
        "7701234560",
        SITE,
        Buyer(email="buyer@shop.example"),
    )
    return Request(key or f"key-{number}", receipt, fingerprint(receipt), at_us, at_us + 300 * SECOND)


def make_world(
    moments: Sequence[int], faults: Sequence[Fault] = (), commit_us: int = 10_000, registers: int = 1
) -> World:
    """A world of registers that take two seconds for each receipt, and requests at these moments."""
    env = simpy.Environment()
    names = [f"front-{n}" for n in range(1, registers + 1)]
    seats = [TimedSeat(env, name, lambda u, lines: SERVICE_US, {}, 60 * SECOND, START_S) for name in names]
    config = EngineConfig(tuple(RegisterFacts(name, "7701234560") for name in names))
    requests = [make_request(n, at_us) for n, at_us in enumerate(moments)]
    return World(env, config, seats, {}, names, requests, faults, START_S, commit_us)


def rows(world: World, kind: str) -> list[tuple[int, str, str]]:
    return [(t_us, key, detail) for t_us, row, key, _, detail, _ in world.log.rows if row == kind]


def crash(at_us: int, restart_us: int = SECOND) -> Fault:
    return Fault("engine_crash", "", at_us, at_us, {"restart_us": restart_us})


def test_nothing_is_promised_before_the_journal_has_it() -> None:
    world = make_world([5 * SECOND], commit_us=700_000)
    world.env.run(until=5 * SECOND + 700_000)
    assert rows(world, REPLY) == []
    assert len(world.journal) == 0
    world.env.run(until=5 * SECOND + 700_001)
    assert rows(world, REPLY) == [(5 * SECOND + 700_000, "key-0", "accepted")]
    assert [type(record) for record in world.journal.records()] == [Accepted]


def test_what_comes_while_a_batch_is_written_makes_one_further_batch() -> None:
    world = make_world([SECOND, SECOND + 100, SECOND + 200, SECOND + 300], commit_us=100_000)
    world.env.run(until=2 * SECOND)
    when = Counter(t_us for t_us, _, detail in rows(world, REPLY) if detail == "accepted")
    assert when == {SECOND + 100_000: 1, SECOND + 200_000: 3}


def test_a_receipt_is_recorded_when_its_record_is_committed() -> None:
    """The drive has it earlier; but a status is told only when the journal has it, too."""
    world = make_world([SECOND], commit_us=100_000)
    world.env.run(until=10 * SECOND)
    recorded = [t_us for t_us, _, detail in rows(world, STATUS) if detail == "recorded"]
    assert recorded == [SECOND + 2 * 100_000 + SERVICE_US + 100_000]


def test_a_commit_under_way_is_lost_in_a_crash_and_the_shop_asks_again() -> None:
    world = make_world([SECOND], [crash(SECOND + 50_000, restart_us=2 * SECOND)], commit_us=100_000)
    world.env.run(until=SECOND + 150_000)
    assert len(world.journal) == 0
    assert rows(world, REPLY) == []
    world.env.run(until=20 * SECOND)
    back_us = SECOND + 50_000 + 2 * SECOND
    assert rows(world, REPLY) == [(back_us + 100_000, "key-0", "accepted")]
    assert [type(record) for record in world.journal.records()].count(Accepted) == 1
    assert world.fired == {"engine_crash": 1}


def test_a_commit_that_was_there_before_the_crash_is_remembered() -> None:
    world = make_world([SECOND], [crash(SECOND + 150_000)], commit_us=100_000)
    world.env.run(until=30 * SECOND)
    kinds = [type(record) for record in world.journal.records()]
    assert kinds.count(Accepted) == 1
    assert kinds.count(Documented) == 1


def test_a_receipt_in_the_register_when_the_engine_dies_is_found_not_repeated() -> None:
    printing_us = SECOND + 2 * 100_000 + SERVICE_US // 2
    world = make_world([SECOND], [crash(printing_us, restart_us=10 * SECOND)], commit_us=100_000)
    world.env.run(until=60 * SECOND)
    seat: Any = world._seats[0]
    assert len(seat.documents) == 1
    statuses = [detail for _, _, detail in rows(world, STATUS)]
    assert "recorded" in statuses
    assert statuses.count("printing") == 1


def test_a_dead_engine_is_asked_again_until_it_answers() -> None:
    world = make_world([SECOND, 2 * SECOND], [crash(SECOND // 2, restart_us=12 * SECOND)])
    world.env.run(until=12 * SECOND)
    assert rows(world, REPLY) == []
    assert set(world.shop.unanswered) == {"key-0", "key-1"}
    world.env.run(until=40 * SECOND)
    assert {key for _, key, _ in rows(world, REPLY)} == {"key-0", "key-1"}
    assert not world.shop.unanswered
    assert len(rows(world, SUBMITTED)) == 2  # the wait counts from the first time of asking


def test_a_second_crash_before_the_first_is_over_changes_nothing() -> None:
    world = make_world([4 * SECOND], [crash(SECOND, 2 * SECOND), crash(2 * SECOND, 10 * SECOND)])
    world.env.run(until=20 * SECOND)
    assert world.fired == {"engine_crash": 1}
    assert [detail for _, _, detail in rows(world, STATUS)][-1] in ("recorded", "confirmed")


def test_a_full_disk_accepts_nothing_and_loses_nothing() -> None:
    full = Fault("disk_full", "", SECOND, 20 * SECOND)
    world = make_world([SECOND // 2, 2 * SECOND, 3 * SECOND], [full])
    world.env.run(until=19 * SECOND)
    accepted = [key for _, key, detail in rows(world, REPLY) if detail == "accepted"]
    assert accepted == ["key-0"]
    assert all(
        detail.startswith("journal") for _, key, detail in rows(world, REPLY) if key in ("key-1", "key-2")
    )
    world.env.run(until=60 * SECOND)
    assert world.shop.accepted == {"key-0", "key-1", "key-2"}
    seat: Any = world._seats[0]
    assert sorted(key for _, key, *_ in seat.documents) == ["key-0", "key-1", "key-2"]
    assert world.fired["disk_full"] > 2


def test_the_shop_asks_again_after_its_pause_not_before() -> None:
    full = Fault("disk_full", "", 0, 3 * SECOND)
    world = make_world([SECOND], [full], commit_us=10_000)
    world.env.run(until=60 * SECOND)
    replies = rows(world, REPLY)
    first_us, last_us = replies[0][0], replies[-1][0]
    assert [detail for *_, detail in replies][-1] == "accepted"
    assert last_us - first_us >= RETRY_US


def test_the_same_key_twice_at_once_is_one_receipt() -> None:
    world = make_world([SECOND])
    again = make_request(0, SECOND)
    world._requests = [*world._requests, again]
    world.env.run(until=20 * SECOND)
    seat: Any = world._seats[0]
    assert len(seat.documents) == 1
    assert [detail for _, _, detail in rows(world, REPLY)] == ["accepted", "accepted"]


def test_everything_of_one_moment_arrives_in_its_order() -> None:
    world = make_world([SECOND] * 4, registers=4)
    world.env.run(until=SECOND + 1)
    assert [key for _, key, _ in rows(world, SUBMITTED)] == [f"key-{n}" for n in range(4)]


def test_faults_begin_and_end_and_say_so() -> None:
    faults = [Fault("cable_pulled", "front-1", SECOND, 3 * SECOND), Fault("paper_out", "all", SECOND, SECOND)]
    world = make_world([], faults, registers=2)
    world.env.run(until=10 * SECOND)
    seen = [
        (t_us, register, detail, number)
        for t_us, kind, _, register, detail, number in world.log.rows
        if kind == FAULT
    ]
    assert (SECOND, 0, "cable_pulled", 1) in seen
    assert (3 * SECOND, 0, "cable_pulled", 0) in seen
    assert world.fired == {"cable_pulled": 1, "paper_out": 2}


# --- the engine dies before every single step ------------------------------------------------------------------------

STEPS = ("commit", "committed", "perform", "performed", "reply")
DOUBT = (
    {"kind": "reply_lost", "target": "front-1", "at": "10:01:01", "count": 1},
    {"kind": "cable_pulled", "target": "front-2", "at": "10:01:02", "for_s": 30},
)
DAYS: dict[str, dict[str, Any]] = {
    "calm": {},
    "in doubt": {"faults": DOUBT},
    "reissued": {
        "faults": DOUBT,
        "shop": {"in_doubt": "reissue", "deadline_s": 70},
        "arrivals": {
            "kind": "poisson",
            "rate_per_min": 0.5,
            "bursts": [{"at": "10:01:00", "orders": 4, "lines": {"kind": "fixed", "count": 2}}],
        },
    },
}


def _steps(day: str) -> Counter[str]:
    """How many steps of each kind a run without a crash takes."""
    simulation = Simulation(small(**DAYS[day]), 1)
    simulation.world._crash_steps["nothing", 0] = crash(0)
    simulation.found = simulation.run()  # type: ignore[attr-defined]
    assert problems(simulation) == []
    return simulation.world._steps


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("step", STEPS)
def test_whichever_step_the_engine_dies_before_nothing_is_lost_or_doubled(day: str, step: str) -> None:
    count = _steps(day)[step]
    assert count >= 4
    wrong: dict[int, list[str]] = {}
    died = 0
    for nth, restart_s in zip(range(1, count + 2), itertools.cycle((0.05, 3.0, 20.0)), strict=False):
        fault = {"kind": "engine_crash", "effect": step, "nth": nth, "restart_s": restart_s}
        settings = DAYS[day] | {"faults": (*DAYS[day].get("faults", ()), fault)}
        simulation = run(small(**settings), 1)
        died += simulation.world.fired["engine_crash"]
        found = problems(simulation)
        if found or simulation.found.audit["documents"] < len(simulation.requests):  # type: ignore[attr-defined]
            wrong[nth] = found or ["a receipt was set aside"]
    assert wrong == {}
    assert died >= count


def test_the_days_before_hold_what_they_say() -> None:
    """The days above would prove little if nothing were ever in doubt or reissued in them."""
    doubt = run(small(**DAYS["in doubt"]))
    assert doubt.found.fired["reply_lost"] == 1  # type: ignore[attr-defined]
    assert doubt.found.fired["cable_pulled"] == 1  # type: ignore[attr-defined]
    assert "in_doubt" in [row[4] for row in doubt.world.log.rows if row[1] == STATUS]
    reissued = run(small(**DAYS["reissued"]))
    assert "reissued" in [record.kind for record in reissued.world.journal.records()]


def test_crashes_in_a_row_wear_nothing_down() -> None:
    """The engine dies at the 1st, then the 4th, 7th ... step, all in one run."""
    faults = [
        {"kind": "engine_crash", "effect": step, "nth": nth, "restart_s": 1}
        for step in STEPS
        for nth in range(1, 40, 3)
    ]
    simulation = run(small([*DOUBT, *faults]))
    assert simulation.world.fired["engine_crash"] > 20
    assert problems(simulation) == []
