"""The relay: the host carries what the register shows to the operator, and back."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from ofd_world import (
    START_S,
    Exchange,
    OperatorUnreachable,
    Refused,
    Relayed,
    answer_of,
    ask_of,
    carried,
    drain,
    make_server,
    relay,
    run,
    shift,
)
from shtrih_line import Line, make_register

from fiscal.emulators import operator_shtrih
from fiscal.emulators.operator import OperatorServer
from fiscal.emulators.operator_port import DrivePort, OperatorBuffer
from fiscal.emulators.shtrih import ShtrihRegister
from fiscal.emulators.shtrih_dispatch import CommandError
from fiscal.ofd import ping
from fiscal.ofd.relay import CommandBuffer, document_number
from fiscal.registers.conversation import LineLost, Settings
from fiscal.registers.shtrih.commands import COMMANDS
from fiscal.registers.shtrih.talk import RegisterError, Talk


def test_the_commands_as_captured() -> None:
    """Vectors 11 and 12 of the reference sheet: 334 bytes in blocks of 240, the second block asked for."""
    reading = bytes.fromhex("ff31 1e000000 f000 5e")
    assert COMMANDS[0xFF31].pack(30, 240, 94) == reading
    assert COMMANDS[0xFF31].request.unpack(reading, 2) == [30, 240, 94]
    assert COMMANDS[0xFF30].pack(30) == bytes.fromhex("ff30 1e000000")
    state = bytes.fromhex("ff30 00 4e01 f0")
    assert COMMANDS[0xFF30].reply.unpack(state, 3) == [334, 240]
    assert COMMANDS[0xFF30].reply.pack(334, 240) == state[3:]


def test_a_message_of_334_bytes_is_read_as_captured() -> None:
    asked = []

    def ask(code: int, *values: Any) -> Generator[Any, Any, Any]:
        asked.append(COMMANDS[code].pack(30, *values).hex())
        yield "a step of the register's line"
        return (334, 240) if code == 0xFF30 else (bytes(values[1]),)

    steps = relay(CommandBuffer(ask, Refused))
    step = next(steps)
    while not isinstance(step, Exchange):
        assert step == "a step of the register's line"
        step = next(steps)
    assert len(step.data) == 334
    assert asked == ["ff301e000000", "ff311e0000000000f0", "ff311e000000f0005e"]


def test_everything_is_carried_in_order() -> None:
    drive = shift(4)
    server = make_server()
    buffer = CommandBuffer(ask_of(OperatorBuffer(DrivePort(drive))), Refused)
    done, asked = run(relay(buffer, limit=100), lambda data: answer_of(server.connect(), data))
    assert done == Relayed(7, 7, True, True, True)
    assert drive.unsent.count == 0
    for entry in server.store:
        assert entry.tlv == drive.find(entry.document).tlv
    assert server.store.counts == {"received": 7}
    assert asked[-1][:2] == b"\xff\x30"


def test_one_document_at_a_time_unless_more_are_wanted() -> None:
    drive = shift(1)
    server = make_server()
    buffer = CommandBuffer(ask_of(OperatorBuffer(DrivePort(drive))), Refused)
    for expected in (
        Relayed(1, 1, True, True, False),
        Relayed(1, 2, True, True, False),
        Relayed(1, 3, True, True, False),
        Relayed(1, 4, True, True, False),
        Relayed(0, 0, None, None, True),
    ):
        done, _ = run(relay(buffer), lambda data: answer_of(server.connect(), data))
        assert done == expected


def unreachable(data: bytes) -> bytes:
    raise OperatorUnreachable("connection refused")


def hung_up(data: bytes) -> bytes:
    raise OperatorUnreachable("closed", connected=True)


@pytest.mark.parametrize(
    ("exchange", "connected", "reached", "problem"),
    [
        (unreachable, False, False, "connection refused"),
        (hung_up, True, False, "closed"),
        (lambda data: b"", False, False, "breaks off"),
        (lambda data: data[:40], True, False, "breaks off"),
        (lambda data: b"<html>", True, False, "begins with"),
        (lambda data: ping("9999078900001234", 4), True, True, "without a container"),
    ],
)
def test_what_goes_wrong_at_the_operator_is_told_and_nothing_is_lost(
    exchange: Any, connected: bool, reached: bool, problem: str
) -> None:
    drive = shift(0)
    server = make_server()
    buffer = CommandBuffer(ask_of(OperatorBuffer(DrivePort(drive))), Refused)
    done, _ = run(relay(buffer, limit=9), exchange)
    assert (done.confirmed, done.connected, done.reached) == (0, connected, reached)
    assert (done.empty, done.code) == (False, 0)
    assert problem in done.problem
    assert drive.unsent.first == 1
    done, _ = run(relay(buffer, limit=9), lambda data: answer_of(server.connect(), data))
    assert done == Relayed(3, 3, True, True, True)


def test_an_answer_that_the_drive_refuses() -> None:
    drive = shift(0)
    server = make_server()
    buffer = CommandBuffer(ask_of(OperatorBuffer(DrivePort(drive))), Refused)
    first = answer_of(server.connect(), DrivePort(drive).message() or b"")
    run(relay(buffer), lambda data: answer_of(server.connect(), data))
    done, _ = run(relay(buffer), lambda data: first)
    assert done == Relayed(0, 0, True, True, False, "the register answers 20h", 0x20)
    assert drive.unsent.first == 2


def test_a_lost_answer_costs_nothing_but_a_second_carriage() -> None:
    drive = shift(0)
    server = make_server()
    buffer = CommandBuffer(ask_of(OperatorBuffer(DrivePort(drive))), Refused)

    def lost(data: bytes) -> bytes:
        assert answer_of(server.connect(), data)
        raise OperatorUnreachable

    done, _ = run(relay(buffer), lost)
    assert done == Relayed(0, 0, False, False, False, "no answer from the operator")
    done, _ = run(relay(buffer, limit=9), lambda data: answer_of(server.connect(), data))
    assert done.confirmed == 3
    assert server.store.counts == {"received": 3, "duplicate": 1}


class Strange:
    """A buffer that says strange things."""

    def __init__(self, size: int, block: int, data: bytes) -> None:
        self.facts = size, block
        self.data = data

    def state(self) -> Generator[Any, Any, tuple[int, int]]:
        yield "step"
        return self.facts

    def read(self, offset: int, count: int) -> Generator[Any, Any, bytes]:
        yield "step"
        return self.data

    def begin(self, size: int) -> Generator[Any, Any, int]:
        yield "step"
        return 0

    def write(self, offset: int, data: bytes) -> Generator[Any, Any, None]:
        raise AssertionError("nothing can be written in blocks of nothing")
        yield


@pytest.mark.parametrize(
    ("buffer", "problem"),
    [
        (Strange(10, 0, b""), "blocks of nothing"),
        (Strange(10, 240, b"short"), "was asked for 10"),
        (Strange(5, 240, b"bytes"), "blocks of nothing"),
    ],
)
def test_a_register_that_says_strange_things_ends_the_relay(buffer: Strange, problem: str) -> None:
    done, _ = run(relay(buffer), lambda data: DrivePort(shift(0)).message() or b"")
    assert problem in done.problem
    assert done.confirmed == 0


def test_the_carrier_reads_the_number_only() -> None:
    assert document_number(DrivePort(shift(0)).message() or b"") == 1
    assert document_number(b"anything") == 0


# ---- over a real line -------------------------------------------------------------------------------------------------------------


def relaying_register() -> ShtrihRegister:
    """An emulated register that lets the host carry."""
    register = make_register()
    register.relayed = True
    return register


def over_line(limit: int = 1) -> Generator[Any, Any, Relayed]:
    talk = Talk(Settings())
    steps = relay(
        CommandBuffer(lambda code, *values: talk.ask(COMMANDS[code], *values), RegisterError), limit
    )
    done = yield from steps
    yield from talk.confirm()
    return done


def test_a_register_behind_a_serial_line_is_relayed_for() -> None:
    register = relaying_register()
    drive = register.drive
    drive.open_shift(START_S + 60)
    server = make_server(control=False)
    line = Line(register)
    done = line.run(carried(over_line(9), lambda data: answer_of(server.connect(), data)))  # type: ignore[arg-type]
    assert done == Relayed(2, 2, True, True, True)  # type: ignore[comparison-overlap]
    assert [entry.tlv for entry in server.store] == [drive.find(1).tlv, drive.find(2).tlv]
    assert drive.is_confirmed(2)


def test_a_line_that_dies_anywhere_loses_nothing_and_doubles_nothing() -> None:
    steps = 0
    at = 0
    while not at or at < steps:
        register = relaying_register()
        drive = register.drive
        drive.open_shift(START_S + 60)
        server = make_server(control=False)
        line = Line(register)

        def exchange(data: bytes, server: OperatorServer = server) -> bytes:
            return answer_of(server.connect(), data)

        if at:
            line.lose_at = at
            with pytest.raises(LineLost):
                line.run(carried(over_line(9), exchange))  # type: ignore[arg-type]
            line.lose_at = None
            line.advance(10_000_000)
        line.run(carried(over_line(9), exchange))  # type: ignore[arg-type]
        steps = steps or line.steps
        assert drive.unsent.count == 0
        assert [entry.tlv for entry in server.store] == [drive.find(1).tlv, drive.find(2).tlv]
        assert server.store.counts["received"] == 2
        at += 1
    assert steps > 40


def test_a_register_that_sends_by_itself_has_nothing_for_the_host() -> None:
    register = make_register()
    assert operator_shtrih.operator_buffer(register) == bytes.fromhex("0000 f0")
    for call in (
        lambda: operator_shtrih.read_operator_buffer(register, 0, 1),
        lambda: operator_shtrih.begin_operator_answer(register, 1),
        lambda: operator_shtrih.write_operator_answer(register, 0, 1, b"x"),
    ):
        with pytest.raises(CommandError):
            call()


def test_the_status_command_tells_the_exchange() -> None:
    register = make_register()
    register.drive = shift(0)
    port = register.port
    port.connect()
    port.message()
    body = operator_shtrih.exchange_status(register)
    flags, reading, queue, first, _ = COMMANDS[0xFF39].reply.unpack(body, 0)
    assert (flags, reading, queue, first) == (0b111, 0, 3, 1)
    drain(port, make_server().connect())
    assert COMMANDS[0xFF39].reply.unpack(operator_shtrih.exchange_status(register), 0)[:4] == [1, 0, 0, 0]
