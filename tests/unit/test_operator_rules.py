"""The operator: what he takes, what he answers, what he keeps."""

from __future__ import annotations

import pytest
from ofd_frames import FRAME_B
from ofd_world import OWNER, SERIAL, START_S, answer_of, drain, make_drive, make_server, sell, shift

from fiscal.emulators.drive import Drive, DriveError, Sums
from fiscal.emulators.operator import OperatorServer, Outage, OutageKind, Received
from fiscal.emulators.operator_port import DrivePort
from fiscal.emulators.operator_seal import SharedKey
from fiscal.ffd import decode
from fiscal.ffd.tlv import byte, vln
from fiscal.ofd import (
    Confirmation,
    ping,
    read_confirmation,
    read_container,
    read_message,
    write_container,
    write_message,
)


def confirmed(answer: bytes) -> Confirmation:
    return read_confirmation(read_container(read_message(answer).body).tlv)


def messages(drive: Drive) -> list[bytes]:
    """Every message of the drive, by way of an operator who says yes to all."""
    port = DrivePort(drive)
    connection = make_server(control=False).connect()
    out = []
    while (message := port.message()) is not None:
        out.append(message)
        port.ticket(answer_of(connection, message), START_S)
    return out


def changed(message: bytes, **changes: object) -> bytes:
    """The message with another container in it, its CRC right."""
    header, body = read_message(message)
    return write_message(header.drive, header.ffd, write_container(read_container(body)._replace(**changes)))  # type: ignore[arg-type]


def test_the_confirmation_says_who_what_when() -> None:
    server = make_server()
    message = messages(shift(0))[0]
    [(at_us, answer)] = server.connect().receive(message, 5_000_000)
    assert at_us == 5_150_000
    read = read_message(answer)
    assert read.header[:2] == (SERIAL, read_message(message).header.version)
    container = read_container(read.body)
    assert (container.form, container.document, container.drive) == (7, 1, SERIAL)
    assert confirmed(answer)[:5] == ("7709364346", SERIAL, 1, START_S + 5, 0)
    assert decode(container.tlv).get(1068) == ((1022, 0),)


def test_a_duplicate_gets_the_same_confirmation_byte_for_byte() -> None:
    server = make_server()
    first, second = messages(shift(0))[:2]
    answer = answer_of(server.connect(), first, 1_000_000)
    assert answer_of(server.connect(), first, 99_000_000) == answer
    answer_of(server.connect(), second, 100_000_000)
    assert answer_of(server.connect(), first, 200_000_000) == answer
    assert (server.store.counts["received"], server.store.counts["duplicate"]) == (2, 2)
    assert server.store.drives[SERIAL].duplicates == 2
    assert [entry.document for entry in server.store] == [1, 2]


def test_numbers_must_follow_each_other() -> None:
    server = make_server()
    sent = messages(shift(2))
    connection = server.connect()
    assert confirmed(answer_of(connection, sent[1])).code == 0  # a row may begin anywhere
    assert confirmed(answer_of(connection, sent[3])).code == 11
    assert confirmed(answer_of(connection, sent[0])).code == 11  # before the row's beginning
    assert confirmed(answer_of(connection, sent[2])).code == 0
    assert confirmed(answer_of(connection, sent[3])).code == 0
    assert server.store.counts["gap"] == 2
    assert server.store.last(SERIAL) == 4


def test_another_document_of_the_same_number_is_not_recognised() -> None:
    server = make_server()
    connection = server.connect()
    ours, other = messages(shift(0))[1], messages(shift(0, ffd=2))[1]
    assert confirmed(answer_of(connection, ours)).code == 0
    assert confirmed(answer_of(connection, other)).code == 11
    assert server.store.counts["conflict"] == 1
    entry = server.store.find(SERIAL, 2)
    assert entry is not None
    assert entry.tlv == read_container(read_message(ours).body).tlv


def test_a_document_with_a_foreign_sign_is_not_recognised() -> None:
    server = make_server()
    message = messages(shift(0))[0]
    assert confirmed(answer_of(server.connect(), changed(message, sign=b"\x81\x06forged"))).code == 11
    tlv = read_container(read_message(message).body).tlv
    tampered = tlv[:-1] + bytes((tlv[-1] ^ 1,))
    assert confirmed(answer_of(server.connect(), changed(message, tlv=tampered))).code == 11
    assert confirmed(answer_of(server.connect(), changed(message, document=2))).code == 11
    assert server.store.counts["forged"] == 3
    assert not server.store.drives


def test_bytes_that_are_no_fiscal_document_are_not_recognised() -> None:
    server = make_server()
    key = SharedKey(SERIAL)
    good = read_container(read_message(messages(shift(0))[0]).body)
    for tlv, form in (
        (b"\3\0\0\0", 3),
        (b"\3\0\2\0\1\2", 3),
        (b"\7\0" + good.tlv[2:], 7),
        (b"\x63\0" + good.tlv[2:], 99),
        # its own head, and a field that does not end where the document ends
        (good.tlv[:2] + (len(good.tlv) - 2).to_bytes(2, "little") + good.tlv[4:] + b"\1\1", 1),
    ):
        body = write_container(good._replace(tlv=tlv, form=form, sign=key.message_sign(tlv)))
        assert confirmed(answer_of(server.connect(), write_message(SERIAL, 4, body))).code == 11
    assert server.store.counts["unreadable"] == 5
    assert not server.store.drives


def test_the_drive_keeps_a_document_that_was_not_recognised() -> None:
    drive = shift(0)
    server = make_server()
    answer_of(server.connect(), messages(shift(0))[0])
    port = DrivePort(drive)
    server.store.drives[SERIAL].last = 5  # the operator believes to be further on
    port.ticket(answer_of(server.connect(), port.message() or b""), START_S)  # document 1: a duplicate
    with pytest.raises(DriveError) as error:
        port.ticket(answer_of(server.connect(), port.message() or b""), START_S)
    assert (error.value.code, error.value.detail, port.last_code) == (0x20, 2, 11)
    assert drive.unsent.first == 2


def test_a_document_that_fails_the_control_is_kept_and_counts_as_delivered() -> None:
    drive = make_drive()
    drive.open_shift(START_S + 60)
    sell(drive, "good")
    # a receipt without items: nothing but its payment
    drive.record(3, 1, 5_000, Sums(cashless_kop=5_000), vln(1081, 5_000) + byte(1209, 4), START_S + 180)
    server = make_server()
    assert drain(DrivePort(drive), server.connect()) == 4
    flawed = server.store.find(SERIAL, 4)
    assert flawed is not None
    assert flawed.code == 14
    assert any(problem.startswith("1059") for problem in flawed.problems), flawed.problems
    assert confirmed(flawed.answer).code == 14
    assert drive.unsent.count == 0
    good = server.store.find(SERIAL, 3)
    assert good is not None
    assert (good.code, good.problems) == (0, ())
    tolerant = make_server(control=False)
    for message in messages_again(drive):
        assert confirmed(answer_of(tolerant.connect(), message)).code == 0


def messages_again(drive: Drive) -> list[bytes]:
    """The drive's documents once more, as if nothing had been confirmed."""
    snapshot = drive.snapshot()
    snapshot["sent_through"] = 0
    return messages(Drive.restore(snapshot, [drive.find(n) for n in range(1, drive.last_document + 1)]))


def test_genuine_bytes_are_understood() -> None:
    """Frame B comes from a real register: its sign cannot be checked, its document can be read."""
    assert confirmed(answer_of(make_server().connect(), FRAME_B)).code == 11
    server = make_server(verify=False)
    answer = answer_of(server.connect(), FRAME_B)
    assert confirmed(answer)[1:3] == ("9999078900005488", 1)
    entry = server.store.find("9999078900005488", 1)
    assert entry is not None
    assert (entry.form, entry.tlv) == (11, read_container(FRAME_B[30:]).tlv)
    assert read_message(answer).header.version == b"\0\1"


def test_a_bare_header_is_answered_by_a_bare_header() -> None:
    server = make_server()
    answer = read_message(answer_of(server.connect(), ping(SERIAL, 4)))
    assert (answer.body, answer.header.drive, answer.header.version) == (b"", SERIAL, b"\x01\x20")
    assert server.store.counts == {"ping": 1}
    assert answer_of(server.connect(), write_message(SERIAL, 4, reply=False)) == b""


def test_who_expects_no_answer_gets_none_but_is_heard() -> None:
    server = make_server()
    _, body = read_message(messages(shift(0))[0])
    connection = server.connect()
    assert connection.receive(write_message(SERIAL, 4, body, reply=False), 0) == []
    assert connection.closing_us is None
    assert server.store.last(SERIAL) == 1


@pytest.mark.parametrize("who", [SERIAL, OWNER])
def test_without_payment_the_connection_is_closed(who: str) -> None:
    server = make_server()
    server.unpaid.add(who)
    drive = shift(0)
    port = DrivePort(drive)
    connection = server.connect()
    assert connection.receive(port.message() or b"", 7) == []
    assert connection.closing_us == 7
    assert connection.receive(port.message() or b"", 8) == []
    assert server.store.counts["unpaid"] == 1
    assert not server.store.drives
    assert read_message(answer_of(server.connect(), ping(SERIAL, 4))).body == b""  # the line itself is fine
    server.unpaid.clear()
    assert drain(port, server.connect()) == 3


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n", b"\x2a\x08\x41\x0b", write_message(SERIAL, 4, bytes(50))]
)
def test_what_is_no_message_ends_the_connection(data: bytes) -> None:
    server = make_server()
    connection = server.connect()
    assert connection.receive(data, 3) == []
    assert connection.closing_us == 3
    assert server.store.counts["malformed"] == 1


def test_a_session_of_another_drive_ends_the_connection() -> None:
    server = make_server()
    _, body = read_message(messages(shift(0))[0])
    connection = server.connect()
    assert connection.receive(write_message("9999078900009999", 4, body), 0) == []
    assert connection.closing_us is not None


def test_bytes_may_come_one_by_one_and_messages_together() -> None:
    server = make_server(reply_us=1_000)
    first, second, third = messages(shift(0))
    connection = server.connect()
    output = [chunk for i in range(len(first)) for chunk in connection.receive(first[i : i + 1], i)]
    assert [at for at, _ in output] == [len(first) - 1 + 1_000]
    output = connection.receive(second + third, 500)
    # after the answer that is still under way, one after the other
    assert [at for at, _ in output] == [output[0][0], output[0][0] + 1_000]
    assert output[0][0] == len(first) - 1 + 2_000
    assert [confirmed(data).document for _, data in output] == [2, 3]


def test_many_registers_over_many_connections() -> None:
    server = make_server()
    drives = [shift(3, serial=f"99990789000{n:05}") for n in range(20)]
    ports = [(DrivePort(drive), server.connect()) for drive in drives]
    going = True
    while going:
        going = False
        for port, connection in ports:
            message = port.message()
            if message is not None:
                port.ticket(answer_of(connection, message), START_S)
                going = True
    assert server.store.counts["received"] == 20 * 6
    for drive in drives:
        row = server.store.drives[drive.serial]
        assert [(entry.document, entry.tlv) for entry in row] == [
            (n, drive.find(n).tlv) for n in range(1, drive.last_document + 1)
        ]


def test_delays_may_differ_by_document() -> None:
    server = make_server()
    server.reply_us = lambda drive, document: 1_000_000 * document
    connection = server.connect()
    times = [connection.receive(message, 0)[0][0] for message in messages(shift(0))]
    assert times == [1_000_000, 3_000_000, 6_000_000]


# ---- outages ----------------------------------------------------------------------------------------------------------------------


def test_refused_nobody_gets_through() -> None:
    server = make_server(outages=(Outage(10, 20),))
    assert [server.accepts(at) for at in (9, 10, 19, 20)] == [True, False, False, True]
    connection = server.connect()
    assert connection.receive(messages(shift(0))[0], 15) == []
    assert connection.closing_us == 15
    assert not server.store.drives


def test_silent_the_bytes_vanish() -> None:
    server = make_server(outages=(Outage(10, 20, OutageKind.SILENT),))
    message = messages(shift(0))[0]
    connection = server.connect()
    assert server.accepts(15)
    assert connection.receive(message, 15) == []
    assert connection.closing_us is None
    assert not server.store.drives
    assert len(connection.receive(message, 20)) == 1


def test_unanswered_the_document_is_there_and_comes_again() -> None:
    server = make_server(outages=(Outage(10, 20, OutageKind.UNANSWERED),))
    drive = shift(1)
    port = DrivePort(drive)
    assert server.connect().receive(port.message() or b"", 15) == []
    assert server.store.last(SERIAL) == 1
    port.cancel()
    assert drain(port, server.connect(), 20) == 4
    assert (server.store.counts["received"], server.store.counts["duplicate"]) == (4, 1)
    entry = server.store.find(SERIAL, 1)
    assert entry is not None
    assert entry.received_us == 15  # when it came, not when it was answered


def test_a_connection_of_a_dead_operator_is_closed() -> None:
    connection = make_server().connect()
    connection.power_off(4)
    connection.power_on(5)
    assert connection.closing_us == 4
    assert connection.next_wakeup() is None
    assert connection.wake(6) == []


# ---- the store --------------------------------------------------------------------------------------------------------------------


def test_the_operator_lives_on_from_what_was_kept() -> None:
    server = make_server()
    kept: list[Received] = []
    server.on_receive = kept.append
    drive = shift(3)
    port = DrivePort(drive)
    connection = server.connect()
    first = port.message() or b""
    answer = answer_of(connection, first)
    port.ticket(answer, START_S)
    again = OperatorServer(server.profile, epoch_s=START_S)
    again.restore(kept)
    assert answer_of(again.connect(), first, 77_000_000) == answer
    assert drain(port, again.connect()) == 5
    assert [entry.document for entry in again.store] == [1, 2, 3, 4, 5, 6]
    with pytest.raises(ValueError, match="does not follow"):
        again.restore(kept)


def test_a_long_run_may_forget() -> None:
    server = make_server(keep_documents=3, control=False)
    drive = shift(30)
    drain(DrivePort(drive), server.connect())
    row = server.store.drives[SERIAL]
    assert len(row) == 33
    assert 3 <= len(list(row)) <= 6
    assert row.find(33) is not None
    assert row.find(1) is None
