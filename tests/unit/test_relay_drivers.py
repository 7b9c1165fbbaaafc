"""Documents carried for a register without a network: both halves on the register's line, over each transport, whatever is lost on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import atol_line
import pytest
import shtrih_line
from ofd_world import answer_of, make_server
from shtrih_line import MARK, START_S, Line, make_receipt

from fiscal.engine.outcomes import AnswerTaken, Blame, MessageRead, Recorded, Refused, Seen
from fiscal.makes import MAKES, WEB, Setup
from fiscal.registers.conversation import Settings

# a web server of tasks has none that would carry documents
WAYS = [(make, protocol) for make, row in MAKES.items() for protocol in row.protocols if protocol != WEB]


@pytest.fixture(params=WAYS, ids=[f"{make} {protocol}" for make, protocol in WAYS])
def make(request: pytest.FixtureRequest) -> Callable[[], tuple[Line, Any]]:
    name, protocol = request.param

    def build() -> tuple[Line, Any]:
        register: Any = (
            shtrih_line.make_register(4, protocol=protocol)
            if name == "shtrih"
            else atol_line.make_register(4, transport=protocol)
        )
        register.relayed = True
        return Line(register), MAKES[name].driver(Settings(), Setup(4, shtrih_line.SITE, protocol=protocol))

    return build


def carry_all(line: Line, driver: Any, server: Any) -> list[int]:
    """As the engine does; the documents that were confirmed, in order."""
    done = []
    for _ in range(50):
        read = line.run(driver.read_message())
        if isinstance(read, MessageRead):
            if not read.message:
                return done
            taken = line.run(driver.write_answer(answer_of(server.connect(), read.message)))
            if isinstance(taken, AnswerTaken):
                done.append(taken.document)
        line.lose_at = None
        line.advance(5_000_000)
    pytest.fail("it never ends")


def test_what_the_drive_holds_comes_to_the_operator_in_order(make: Callable[[], tuple[Line, Any]]) -> None:
    line, driver = make()
    assert isinstance(line.run(driver.fiscalize(make_receipt(), MARK)), Recorded)
    seen = line.run(driver.probe())
    assert isinstance(seen, Seen) and (seen.unsent, seen.first_unsent, seen.awaiting) == (3, 1, 0)
    assert seen.unsent_since_s == START_S // 60 * 60
    read = line.run(driver.read_message())
    assert isinstance(read, MessageRead) and read.document == 1
    assert line.run(driver.probe()).awaiting == 1  # type: ignore[union-attr]
    server = make_server(control=False)
    assert carry_all(line, driver, server) == [1, 2, 3]
    drive = line.register.drive
    assert [entry.tlv for entry in server.store] == [drive.find(n).tlv for n in (1, 2, 3)]
    seen = line.run(driver.probe())
    assert isinstance(seen, Seen) and (seen.unsent, seen.awaiting) == (0, 0)
    assert seen.valid_until_s > START_S


def test_receipts_are_made_between_the_halves(make: Callable[[], tuple[Line, Any]]) -> None:
    line, driver = make()
    read = line.run(driver.read_message())
    assert isinstance(read, MessageRead)
    assert isinstance(line.run(driver.fiscalize(make_receipt(), MARK)), Recorded)
    answer = answer_of(make_server(control=False).connect(), read.message)
    assert line.run(driver.write_answer(answer)) == AnswerTaken(1)


def test_an_answer_to_another_document_is_refused_and_nothing_changes(
    make: Callable[[], tuple[Line, Any]],
) -> None:
    line, driver = make()
    line.register.drive.open_shift(START_S + 60)
    server = make_server(control=False)
    first = line.run(driver.read_message())
    assert isinstance(first, MessageRead)
    answer = answer_of(server.connect(), first.message)
    assert line.run(driver.write_answer(answer)) == AnswerTaken(1)
    assert isinstance(line.run(driver.read_message()), MessageRead)
    refused = line.run(driver.write_answer(answer))
    assert isinstance(refused, Refused) and refused.blame is Blame.REGISTER
    assert line.register.drive.unsent.first == 2


def test_a_register_that_sends_by_itself_has_nothing_to_carry(make: Callable[[], tuple[Line, Any]]) -> None:
    line, driver = make()
    line.register.relayed = False
    assert line.run(driver.read_message()) == MessageRead(b"")
    assert isinstance(line.run(driver.write_answer(b"anything")), Refused)


@pytest.mark.parametrize("power", [False, True], ids=["line lost", "power cut"])
def test_whatever_is_lost_on_the_way_each_document_arrives_once(
    make: Callable[[], tuple[Line, Any]], power: bool
) -> None:
    line, driver = make()
    line.run(driver.read_message())
    reading = line.steps
    for at in range(1, reading + 8):
        line, driver = make()
        drive = line.register.drive
        drive.open_shift(START_S + 60)
        server = make_server(control=False)
        if at > reading:  # in the second half
            read = line.run(driver.read_message())
            assert isinstance(read, MessageRead)
            line.lose_at = at - reading
            line.run(driver.write_answer(answer_of(server.connect(), read.message)))
        else:
            line.lose_at = at
            line.run(driver.read_message())
        line.lose_at = None
        if power:
            line.register.power_off(line.now_us)
            line._inbox.clear()
            line.register.power_on(line.now_us)
        line.advance(5_000_000)
        carry_all(line, driver, server)
        assert [entry.tlv for entry in server.store] == [drive.find(1).tlv, drive.find(2).tlv], at
        assert drive.unsent.count == 0
