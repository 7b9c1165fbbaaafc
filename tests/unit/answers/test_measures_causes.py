"""The declared rule of lateness: each cause alone, the but-for rule between two, and pools."""

from __future__ import annotations

from typing import Any

import pytest

from bench.faults import Fault

S = 1_000_000


def test_a_z_report_on_the_only_register(new_story: Any) -> None:
    story = new_story("a")
    story.lose(100, 820, "closing: schedule")
    story.pay(150, "x")
    story.work(820, 825, "x")
    assert story.why() == {"x": "z_window"}


def test_more_receipts_than_the_farm_can_print(new_story: Any) -> None:
    story = new_story("a")
    for i in range(40):
        story.pay(100, f"r{i}")
        story.work(100 + 10 * i, 110 + 10 * i, f"r{i}")
    assert story.why() == {f"r{i}": "queue" for i in range(30, 40)}


@pytest.mark.parametrize("target", ["a", "pc", "all"])
def test_an_outage_is_put_to_the_fault_that_hit_the_register_its_computer_or_all(
    new_story: Any, target: str
) -> None:
    story = new_story("a")
    story.faults = [Fault("paper_out", "a", 0, 5 * S), Fault("power_cut", target, 100 * S, 700 * S)]
    story.lose(101, 730, "down: no answer")
    story.pay(200, "x")
    story.work(730, 735, "x")
    assert story.why() == {"x": "power_cut"}


def test_an_outage_without_a_fault_is_said_to_be_one(new_story: Any) -> None:
    story = new_story("a")
    story.faults = [
        Fault("cable_pulled", "a", 6000 * S, 6100 * S),
        Fault("power_cut", "another", 100 * S, 700 * S),
    ]
    story.lose(101, 730, "down: no answer")
    story.pay(200, "x")
    story.work(730, 735, "x")
    assert story.why() == {"x": "register_down"}


def test_of_two_faults_the_one_that_held_the_register_longest(new_story: Any) -> None:
    story = new_story("a")
    story.faults = [
        Fault("power_cut", "a", 100 * S, 700 * S),
        Fault("computer_hang", "pc", 650 * S, 690 * S),
        Fault("garbled_bytes", "all", 300 * S, 7000 * S, {"probability": 0.1}),
    ]
    story.lose(101, 730, "down: no answer")
    story.pay(200, "x")
    story.work(730, 735, "x")
    assert story.why() == {"x": "power_cut"}


def test_looking_after_a_register_that_failed_is_part_of_its_outage(new_story: Any) -> None:
    story = new_story("a")
    story.faults = [Fault("cable_pulled", "a", 100 * S, 150 * S)]
    for t in range(100, 700, 60):
        story.register(t, 0, "down: no answer")
        story.register(t + 30, 0, "probing")
    story.register(700, 0, "ready")
    story.pay(110, "x")
    story.work(700, 705, "x")
    answers = story.measured()
    assert answers.registers["down_s"].tolist() == [600.0]
    assert answers.receipts["why_late"].tolist() == ["cable_pulled"]


def test_probing_a_register_that_is_well_is_no_outage(new_story: Any) -> None:
    story = new_story("a")
    story.register(60, 0, "probing")
    story.register(61, 0, "ready")
    assert story.measured().registers["down_s"].tolist() == [0.0]


def test_a_lost_reply_lies_in_wait_for_the_next_receipt(new_story: Any) -> None:
    story = new_story("a")
    story.faults = [Fault("reply_lost", "a", 100 * S, 100 * S, {"count": 1})]
    story.pay(1000, "x")
    story.status(1000, "x", "printing", 0)
    story.status(1010, "x", "in_doubt", 0)
    story.register(1010, 0, "down: no answer")
    story.pay(1020, "behind")
    story.register(1400, 0, "asking: asked about x")
    story.status(1401, "x", "recorded", 0)
    story.register(1401, 0, "ready")
    story.work(1401, 1403, "behind")
    assert story.why() == {"x": "in_doubt", "behind": "reply_lost"}


def test_a_receipt_in_doubt(new_story: Any) -> None:
    story = new_story("a", "b")
    story.pay(100, "x")
    story.status(100, "x", "printing", 0)
    story.status(110, "x", "in_doubt", 0)
    story.status(510, "x", "recorded", 0)
    assert story.why() == {"x": "in_doubt"}


def test_the_engine_was_dead_when_the_receipt_was_paid(new_story: Any) -> None:
    story = new_story("a")
    story.engine(100, "crash")
    story.engine(500, "restart")
    story.register(501, 0, "ready")
    story.pay(150, "x", accepted=501)
    story.work(501, 505, "x")
    answers = story.measured()
    assert answers.receipts["why_late"].tolist() == ["engine_crash"]
    assert answers.registers["down_s"].tolist() == [401.0]


def test_the_journal_could_not_grow(new_story: Any) -> None:
    story = new_story("a")
    story.faults = [Fault("disk_full", "", 100 * S, 500 * S)]
    story.pay(150, "x", accepted=501)
    story.work(501, 505, "x")
    assert story.why() == {"x": "disk_full"}


def test_a_slow_register(new_story: Any) -> None:
    story = new_story("a")
    story.faults = [Fault("register_slow", "a", 100 * S, 600 * S, {"factor": 4.0})]
    for i in range(10):
        story.pay(100, f"r{i}")
        story.work(100 + 40 * i, 140 + 40 * i, f"r{i}")
    assert story.why() == {"r7": "register_slow", "r8": "register_slow", "r9": "register_slow"}


def test_a_receipt_stuck_on_a_register_and_the_one_behind_it(new_story: Any) -> None:
    story = new_story("a")
    story.faults = [Fault("computer_hang", "pc", 100 * S, 500 * S)]
    story.pay(99, "held")
    story.work(99, 501, "held")
    story.pay(110, "behind")
    story.work(501, 503, "behind")
    assert story.why() == {"held": "computer_hang", "behind": "computer_hang"}


def test_stuck_on_one_register_then_printed_on_another(new_story: Any) -> None:
    story = new_story("a", "b")
    story.faults = [Fault("power_cut", "a", 100 * S, 700 * S)]
    story.pay(99, "x")
    story.status(99, "x", "printing", 0)
    story.status(420, "x", "queued")
    story.register(420, 0, "down: no answer")
    story.work(420, 422, "x", 1)
    story.register(720, 0, "ready")
    assert story.why() == {"x": "power_cut"}


def test_its_own_printing_took_too_long(new_story: Any) -> None:
    story = new_story("a")
    story.pay(100, "x")
    story.work(100, 500, "x")
    assert story.why() == {"x": "printing"}


def two_registers(new_story: Any, z_window_s: int) -> dict[str, str]:
    """Receipts of 20 s each on two registers, one of which closes; the last one waits for 320 s."""
    story = new_story("a", "b")
    story.lose(100, 100 + z_window_s, "closing", 1)
    story.pay(100, "last")
    at = 100
    for i in range(15):
        story.pay(100, f"r{i}")
        story.work(at, at + 20, f"r{i}")
        at += 20
    story.work(400, 420, "last")
    return story.why()


def test_but_for_the_outage_it_would_have_been_in_time(new_story: Any) -> None:
    # One of two registers lost for 50 s: 25 s of delay, without which 295 s would have been in time.
    assert two_registers(new_story, 50) == {"last": "z_window"}


def test_an_outage_too_short_to_matter_is_not_the_cause(new_story: Any) -> None:
    # 30 s lost are 15 s of delay: 305 s would have been late too.
    assert two_registers(new_story, 30) == {"last": "queue"}


def test_an_outage_that_built_up_the_queue_before_the_receipt_came(new_story: Any) -> None:
    story = new_story("a")
    story.lose(0, 600, "closing")
    for i in range(60):
        story.pay(10 * i, f"early{i}")
        story.work(600 + 9 * i, 609 + 9 * i, f"early{i}")
    story.pay(610, "after")
    story.work(1140, 1149, "after")
    assert story.why()["after"] == "z_window"


def test_an_outage_before_the_queue_began_is_not_counted(new_story: Any) -> None:
    story = new_story("a")
    story.lose(0, 600, "closing")
    for i in range(40):
        story.pay(1000, f"r{i}")
        story.work(1000 + 10 * i, 1010 + 10 * i, f"r{i}")
    assert set(story.why().values()) == {"queue"}


@pytest.mark.parametrize(
    ("entities", "expected"), [(("llc", "llc"), "queue"), (("llc", "trader"), "cable_pulled")]
)
def test_registers_of_another_pool_do_not_matter(
    new_story: Any, entities: tuple[str, str], expected: str
) -> None:
    # The wait is 460 s, 310 s of it lost: all of the trader's own farm, but in a farm of two 155 s of delay, and 305 s without it.
    story = new_story("a", "b", entities=entities)
    story.faults = [Fault("cable_pulled", "b", 100 * S, 400 * S)]
    story.lose(100, 410, "down", 1)
    story.pay(100, "x")
    story.work(500, 560, "x", 1)
    assert story.why() == {"x": expected}


def test_without_re_routing_every_register_is_a_pool_of_its_own(new_story: Any) -> None:
    story = new_story("a", "b", reroute=False)
    story.lose(100, 410, "closing", 1)
    story.pay(100, "x")
    story.work(410, 600, "x", 1)
    assert story.why() == {"x": "z_window"}


def test_a_planned_outage_is_a_cause(new_story: Any) -> None:
    story = new_story("a")
    story.faults = [Fault("planned_outage", "a", 100 * S, 900 * S)]
    story.lose(100, 900, "paused")
    story.pay(150, "x")
    story.work(900, 902, "x")
    assert story.why() == {"x": "planned_outage"}


def test_the_table_of_causes_counts_them_all(new_story: Any) -> None:
    story = new_story("a")
    story.lose(100, 820, "closing")
    for i in range(3):
        story.pay(150 + i, f"z{i}")
        story.work(820 + i, 821 + i, f"z{i}")
    story.pay(3000, "x")
    story.work(3000, 3500, "x")
    table = story.measured().causes
    assert table["cause"].tolist() == ["z_window", "printing"]
    assert table["late"].tolist() == [3, 1]
    assert table["share"].tolist() == [0.75, 0.25]
    assert table["wait_max_s"].tolist() == [671.0, 500.0]
