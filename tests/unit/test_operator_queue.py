"""Queues settled when somebody looks: the same moments as a plain reckoning, however often one looks."""

from __future__ import annotations

import random

import pytest
from ofd_world import OWNER, SERIAL, START_S, make_drive, make_server, sell, shift

from fiscal.emulators.drive import Drive
from fiscal.emulators.operator import Outage, OutageKind
from fiscal.emulators.operator_port import DrivePort
from fiscal.emulators.operator_queue import OperatorQueues

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US


def work(drive: Drive, queues: OperatorQueues, looks: list[int], minutes: int) -> None:
    """One receipt a minute; somebody looks at these moments."""
    drive.open_shift(START_S)
    pending = sorted(looks)
    for minute in range(1, minutes + 1):
        while pending and pending[0] < minute * MINUTE_US:
            queues.settle(drive, 0, pending.pop(0))
        sell(drive, f"order-{minute}", now_s=START_S + 60 * minute)
    for look_us in pending:
        queues.settle(drive, 0, look_us)


def moments(drive: Drive, last: int | None = None) -> list[int]:
    return [drive.confirmation(n).time_s - START_S for n in range(1, (last or drive.last_document) + 1)]


def test_one_after_the_other_after_they_were_recorded() -> None:
    queues = OperatorQueues(make_server(reply_us=20 * SECOND_US, control=False))
    drive = make_drive()
    work(drive, queues, [10**10], 3)
    base = (START_S // 60 * 60) - START_S  # the drive's clock knows minutes
    first = max(0, base) + 20
    assert moments(drive)[:2] == [first, first + 20]
    assert moments(drive)[2:] == [60 * n + base + 20 for n in (1, 2, 3)]


@pytest.mark.parametrize("kind", list(OutageKind))
def test_in_an_outage_nothing_gets_through_and_afterwards_all_does(kind: OutageKind) -> None:
    outage = Outage(90 * SECOND_US, 400 * SECOND_US, kind)
    server = make_server(reply_us=2 * SECOND_US, control=False, outages=(outage,))
    queues = OperatorQueues(server)
    drive = make_drive()
    work(drive, queues, [10**10], 5)
    times = moments(drive)
    assert all(not 90 <= at < 400 for at in times)
    assert times[-4:] == [402, 404, 406, 408]
    assert server.store.counts["received"] == 7
    assert server.store.counts["duplicate"] == (1 if kind is OutageKind.UNANSWERED else 0)


def test_an_answer_that_finds_the_operator_gone_is_asked_for_again() -> None:
    server = make_server(
        reply_us=10 * SECOND_US, control=False, outages=(Outage(5 * SECOND_US, 30 * SECOND_US),)
    )
    queues = OperatorQueues(server)
    drive = make_drive()
    queues.settle(drive, 0, 20 * SECOND_US)
    assert server.store.last(SERIAL) == 1  # it arrived at 0
    assert not drive.is_confirmed(1)
    queues.settle(drive, 0, 100 * SECOND_US)
    assert moments(drive) == [40]
    assert server.store.counts["duplicate"] == 1


def test_sent_and_confirmed_are_two_moments() -> None:
    server = make_server(reply_us=10 * SECOND_US, control=False)
    queues = OperatorQueues(server)
    drive = make_drive()
    queues.settle(drive, 0, 5 * SECOND_US)
    assert server.store.last(SERIAL) == 1
    assert not drive.is_confirmed(1)
    assert queues.port(drive).status().flags == 0b111
    queues.settle(drive, 0, 10 * SECOND_US)
    assert drive.is_confirmed(1)
    assert queues.port(drive).status().flags == 0b001


@pytest.mark.parametrize("seed", range(6))
def test_looking_often_or_seldom_makes_no_difference(seed: int) -> None:
    chance = random.Random(seed)
    outages = tuple(
        Outage(at * SECOND_US, (at + chance.randint(1, 120)) * SECOND_US, chance.choice(list(OutageKind)))
        for at in (100, 300, 700)
    )
    results = []
    for looks in ([10**10], [*range(0, 1_300 * SECOND_US, 3 * SECOND_US), 10**10]):
        server = make_server(reply_us=7 * SECOND_US, control=False, outages=outages)
        server.reply_us = lambda drive, document: (1 + document * 31 % 90) * SECOND_US
        queues = OperatorQueues(server)
        drive = make_drive()
        work(drive, queues, looks, 15)
        assert drive.unsent.count == 0
        results.append((moments(drive), [entry[:5] for entry in server.store], dict(server.store.counts)))
    assert results[0] == results[1]


def test_an_empty_account_stops_the_queue_until_it_is_paid() -> None:
    server = make_server(control=False)
    server.unpaid.add(OWNER)
    queues = OperatorQueues(server)
    drive = shift(3)
    for at in range(0, 1_000, 10):
        queues.settle(drive, 0, at * SECOND_US)
    assert drive.unsent.count == 6
    assert server.store.counts["unpaid"] > 10
    server.unpaid.clear()
    queues.settle(drive, 0, 1_100 * SECOND_US)
    assert drive.unsent.count == 0


def test_a_document_that_is_not_recognised_is_offered_again_and_again() -> None:
    server = make_server(control=False)
    queues = OperatorQueues(server)
    drive = shift(0)
    other = OperatorQueues(make_server(control=False))
    other.settle(shift(2), 0, 10**9)
    server.restore(entry for entry in other.server.store if entry.document == 1)
    server.store.drives[SERIAL].last = 7  # the operator is further on: a mistake of his
    queues.settle(drive, 0, 1_000 * SECOND_US)
    assert drive.unsent.first == 2
    assert 10 < server.store.counts["conflict"] < 20
    server.store.drives[SERIAL].last = 1
    queues.settle(drive, 0, 2_000 * SECOND_US)
    assert drive.unsent.count == 0


def test_a_new_drive_object_of_the_same_number_goes_on() -> None:
    server = make_server(control=False, reply_us=10 * SECOND_US)
    queues = OperatorQueues(server)
    drive = shift(2)
    queues.settle(drive, 0, 15 * SECOND_US)
    back = Drive.restore(drive.snapshot(), [drive.find(n) for n in range(1, drive.last_document + 1)])
    queues.settle(back, 0, 10**9)
    assert back.unsent.count == 0
    assert [entry.document for entry in server.store] == [1, 2, 3, 4, 5]
    assert DrivePort(back).message() is None


def test_several_drives_do_not_wait_for_each_other() -> None:
    queues = OperatorQueues(make_server(control=False, reply_us=SECOND_US))
    drives = [shift(4, serial=f"99990789000{n:05}") for n in range(5)]
    for drive in drives:
        queues.settle(drive, 0, 124 * SECOND_US)
    for drive in drives:
        assert drive.unsent.first == 7
        assert moments(drive, 6) == [1, 61, 121, 122, 123, 124]
        queues.settle(drive, 0, 10**9)
        assert drive.unsent.count == 0
