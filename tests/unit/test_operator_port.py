"""The drive's side of the exchange: one message at a time, and only a genuine confirmation of that very document goes in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ofd_world import SERIAL, START_S, answer_of, drain, make_server, sell, shift

from fiscal.emulators.drive import Drive, DriveError, Phase
from fiscal.emulators.operator_port import DrivePort, ExchangeFlags, OperatorBuffer
from fiscal.emulators.operator_seal import SharedKey
from fiscal.ofd import (
    Confirmation,
    Container,
    CrcMode,
    read_confirmation,
    read_container,
    read_message,
    write_confirmation,
    write_container,
    write_message,
)


def test_the_message_holds_the_document_byte_for_byte() -> None:
    drive = shift(1)
    message = read_message(DrivePort(drive).message() or b"")
    assert (message.header.drive, message.header.ffd, message.header.flags) == (SERIAL, 4, 0x14)
    container = read_container(message.body)
    head = drive.head
    assert head is not None
    assert (container.form, container.document, container.drive) == (1, 1, SERIAL)
    assert container.tlv == head.tlv
    assert container.sign == drive.message_sign(1)
    assert container.tail == b"\0\0"


def test_the_next_message_only_after_the_confirmation() -> None:
    drive = shift(2)
    port = DrivePort(drive)
    connection = make_server().connect()
    first = port.message()
    assert first is not None
    sell_later = drive.unsent.count
    assert port.message() == first  # again, byte for byte
    port.ticket(answer_of(connection, first), START_S + 7)
    assert drive.unsent.count == sell_later - 1
    assert drive.confirmation(1)[:2] == (1, START_S + 7)
    assert read_container(read_message(port.message() or b"").body).document == 2


def test_everything_goes_in_order_and_the_drive_keeps_the_operators_signs() -> None:
    drive = shift(5)
    server = make_server()
    port = DrivePort(drive)
    assert drain(port, server.connect()) == 8
    assert port.message() is None
    assert drive.unsent.count == 0
    for entry in server.store:
        assert entry.code == 0, entry.problems
        assert entry.tlv == drive.find(entry.document).tlv
        confirmed = read_confirmation(read_container(read_message(entry.answer).body).tlv)
        assert drive.confirmation(entry.document).sign == confirmed.sign
        assert len(confirmed.sign) == 18
    assert [entry.document for entry in server.store] == list(range(1, 9))


def test_a_closed_drive_reaches_its_last_phase_through_the_operator() -> None:
    drive = shift(0)
    drive.close(START_S + 240)
    assert drive.phase == Phase.CLOSED
    drain(DrivePort(drive), make_server().connect())
    assert drive.phase == Phase.ARCHIVE


@pytest.mark.parametrize("mode", list(CrcMode))
def test_every_crc_mode_gets_through(mode: CrcMode) -> None:
    drive = shift(1)
    assert drain(DrivePort(drive, mode), make_server().connect()) == 4


def test_no_answer_is_taken_that_was_not_awaited() -> None:
    drive = shift(0)
    port = DrivePort(drive)
    server = make_server()
    connection = server.connect()
    message = port.message() or b""
    answer = answer_of(connection, message)
    port.cancel()
    with pytest.raises(DriveError) as error:
        port.ticket(answer, START_S)
    assert error.value.code == 0x11
    port.message()
    port.ticket(answer, START_S)
    with pytest.raises(DriveError):
        port.ticket(answer, START_S)
    assert drive.unsent.first == 2


Change = Callable[[Container, Confirmation], bytes]


def packed(container: Container, confirmation: Confirmation, **changes: object) -> bytes:
    """An answer, signed properly whatever it says."""
    tlv = write_confirmation(confirmation)
    whole = container._replace(tlv=tlv, sign=SharedKey(SERIAL).confirmation_sign(tlv), **changes)  # type: ignore[arg-type]
    return write_container(whole)


@pytest.mark.parametrize(
    ("detail", "change"),
    [
        (1, lambda c, f: write_container(c._replace(sign=b"\x61\x06forged"))),
        (1, lambda c, f: write_container(c._replace(sign=b"", tail=b""))),
        (1, lambda c, f: write_container(c._replace(sign=SharedKey("1" * 16).confirmation_sign(c.tlv)))),
        (2, lambda c, f: b"no container"),
        (2, lambda c, f: write_container(c)[:-1]),
        (2, lambda c, f: write_container(c._replace(form=3, tlv=b"\3\0\0\0"))),
        (2, lambda c, f: packed(c, f._replace(code=11))),
        (2, lambda c, f: packed(c, f._replace(code=1))),
        (3, lambda c, f: packed(c, f._replace(document=2), document=2)),
        (3, lambda c, f: packed(c, f._replace(document=2))),
        (3, lambda c, f: packed(c, f, document=2)),
        (4, lambda c, f: packed(c, f._replace(drive="9999078900009999"))),
        (4, lambda c, f: packed(c, f, drive="9999078900009999")),
    ],
)
def test_a_wrong_confirmation_is_refused_with_the_reason_and_the_head_stays(
    detail: int, change: Change
) -> None:
    drive = shift(1)
    port = DrivePort(drive)
    message = port.message() or b""
    good = answer_of(make_server().connect(), message)
    container = read_container(read_message(good).body)
    wrong = write_message(SERIAL, 4, change(container, read_confirmation(container.tlv)))
    with pytest.raises(DriveError) as error:
        port.ticket(wrong, START_S)
    assert (error.value.code, error.value.detail) == (0x20, detail)
    assert (drive.unsent.first, port.refused) == (1, 1)
    assert port.message() == message
    port.ticket(good, START_S)
    assert drive.unsent.first == 2


def test_an_answer_that_is_no_message_is_a_wrong_format() -> None:
    port = DrivePort(shift(0))
    message = port.message() or b""
    answer = answer_of(make_server().connect(), message)
    for bad in (b"", b"HTTP/1.1 502", answer[:-1], answer + b"\0", message[:30]):
        with pytest.raises(DriveError) as error:
            port.ticket(bad, START_S)
        assert (error.value.code, error.value.detail) == (0x20, 2)


def test_both_types_of_container_are_taken() -> None:
    drive = shift(0)
    assert drain(DrivePort(drive), make_server(kind=0x5A).connect()) == 3


def test_the_status_of_the_exchange() -> None:
    drive = shift(1)
    port = DrivePort(drive)
    assert port.status()[:4] == (ExchangeFlags.MESSAGE, False, 4, 1)
    port.connect()
    message = port.message() or b""
    assert port.status().flags == 0b111
    port.ticket(answer_of(make_server().connect(), message), START_S)
    assert port.status()[:4] == (0b011, False, 3, 2)
    port.message()
    port.disconnect()
    assert port.status().flags == 0b010


def test_a_drive_brought_back_shows_the_same_message() -> None:
    drive = shift(2)
    server = make_server()
    port = DrivePort(drive)
    connection = server.connect()
    port.ticket(answer_of(connection, port.message() or b""), START_S)
    message = port.message()
    lost = answer_of(connection, message or b"")
    assert lost
    back = Drive.restore(drive.snapshot(), [drive.find(n) for n in range(1, drive.last_document + 1)])
    again = DrivePort(back)
    assert again.message() == message
    assert drain(again, server.connect()) == 4
    assert server.store.counts["duplicate"] == 1


def test_documents_recorded_meanwhile_wait_their_turn() -> None:
    drive = shift(0)
    drive.open_shift(START_S + 200)
    port = DrivePort(drive)
    connection = make_server().connect()
    message = port.message() or b""
    sell(drive, "later", now_s=START_S + 240)
    port.ticket(answer_of(connection, message), START_S)
    assert drain(port, connection) == 4


# ---- blocks -----------------------------------------------------------------------------------------------------------------------


def test_blocks_there_and_back() -> None:
    drive = shift(0)
    buffer = OperatorBuffer(DrivePort(drive), block=100)
    size, block = buffer.state()
    assert block == 100
    assert buffer.port.status().reading
    message = b"".join(buffer.read(at, min(100, size - at)) for at in range(0, size, 100))
    assert message == buffer.port.message()
    assert not buffer.port.status().reading
    answer = answer_of(make_server().connect(), message)
    assert buffer.begin(len(answer)) == 100
    assert buffer.write(0, answer[:100], START_S) is None
    assert buffer.write(0, answer[:100], START_S) is None  # its reply was lost
    confirmation = buffer.write(100, answer[100:], START_S)
    assert confirmation is not None
    assert (confirmation.document, confirmation.code) == (1, 0)
    assert drive.unsent.first == 2


def test_blocks_out_of_order_are_refused_and_harmless() -> None:
    drive = shift(0)
    buffer = OperatorBuffer(DrivePort(drive))
    for attempt, code in (
        (lambda: buffer.read(0, 1), 0x08),
        (lambda: buffer.begin(10), 0x02),
        (lambda: buffer.write(0, b"x", START_S), 0x02),
    ):
        with pytest.raises(DriveError) as error:
            attempt()
        assert error.value.code == code
    size, block = buffer.state()
    message = b"".join(buffer.read(at, min(block, size - at)) for at in range(0, size, block))
    answer = answer_of(make_server().connect(), message)
    assert len(answer) > 100
    buffer.begin(len(answer))
    buffer.write(0, answer[:50], START_S)
    for attempt, code in (
        (lambda: buffer.read(size - 1, 2), 0x08),
        (lambda: buffer.read(0, 0), 0x09),
        (lambda: buffer.read(0, 241), 0x09),
        (lambda: buffer.begin(0), 0x09),
        (lambda: buffer.write(60, b"x", START_S), 0x09),
        (lambda: buffer.write(0, b"", START_S), 0x09),
        (lambda: buffer.write(0, b"other", START_S), 0x09),
        (lambda: buffer.write(50, answer[50:] + b"x", START_S), 0x09),
    ):
        with pytest.raises(DriveError) as error:
            attempt()
        assert error.value.code == code
    assert buffer.write(50, answer[50:], START_S) is not None
    with pytest.raises(DriveError):
        buffer.write(50, answer[50:], START_S)
    assert drive.unsent.first == 2


def test_an_empty_queue_shows_nothing() -> None:
    drive = shift(0)
    port = DrivePort(drive)
    drain(port, make_server().connect())
    assert OperatorBuffer(port).state() == (0, 240)
