"""The drive's table of checked codes and its queue of notifications; the marking service behind them; both on disk."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shtrih_line import MARK, START_S, Line, make_drive, make_driver, make_register

from fiscal.devices import device
from fiscal.emulators.drive import Drive, DriveError, Phase
from fiscal.emulators.drive_marking import NOTICE_LIMIT, DriveMarking, Notice
from fiscal.emulators.marking_keys import genuine, issue
from fiscal.emulators.marking_service import MarkingService, State
from fiscal.emulators.shtrih import ShtrihRegister
from fiscal.engine.outcomes import Recorded
from fiscal.ffd import decode, encode
from fiscal.ffd.validation import validate
from fiscal.live.drive_file import DriveFile
from fiscal.marking import parse
from fiscal.receipt import Buyer, Item, Mark, Payments, Receipt, SettlementType, Taxation, Vat

CODES = [issue("0460123456789", f"5abcdefgh{n:04}") for n in range(130)]
SHOES = Item("Кроссовки", 500_000, 1_000_000, 500_000, Vat.VAT_22, subject=33)


def refused(code: int) -> Any:
    return pytest.raises(DriveError, match=f"{code:02X}h")


def receipt(*codes: str) -> Receipt:
    return Receipt(
        SettlementType.SALE,
        tuple(replace(SHOES, mark=Mark(code)) for code in codes),
        Payments(cashless_kop=500_000 * len(codes)),
        Taxation.GENERAL,
        "7701234567",
        "https://shop.example",
        Buyer(email="buyer@example.ru"),
    )


def test_issued_codes_are_genuine_and_damaged_ones_are_not() -> None:
    for size in (44, 88):
        code = parse(issue("0460123456789", "5abcdefgh0001", size=size))
        assert genuine(code) and len(code.proof) == size
        assert not genuine(parse(code.code.replace("92", "92A", 1)[: len(code.code)]))
    assert parse(issue("04601234567893", "123456", size=4)).proof


LOCAL = {
    "44 under a known key": (CODES[0], 4, 3, 0),
    "88 under a known key": (issue("0460123456789", "5abcdefgh0001", "8029", 88), 2, 3, 0),
    "forged": (CODES[0][:-5] + "AAAA=", 4, 1, 0),
    "44 under another key": (issue("0460123456789", "5abcdefgh0001", "ZZ99"), 3, 0, 2),
    "88 under another key": (issue("0460123456789", "5abcdefgh0001", "ZZ99", 88), 2, 0, 2),
    "four characters": (issue("0460123456789", "123456", size=4), 5, 0, 1),
    "pack of tobacco": ("00000046198488X?io+qCABm8wAYa", 1, 0, 1),
    "no verification": (CODES[0][:31], 0, 0, 3),
    "of no form": ("ABC", 0, 0, 1),
    "no code at all": ("{}", 0, 0, 1),
}


@pytest.mark.parametrize("case", LOCAL)
def test_what_the_drive_finds_by_itself(case: str) -> None:
    code, kind, local, reason = LOCAL[case]
    checked = make_drive(4).check_code(code.encode(), 1, 0, b"")
    assert (checked.kind, checked.local, checked.reason) == (kind, local, reason)


def test_what_the_drive_refuses() -> None:
    drive = make_drive(4)
    marks = drive.marks
    with refused(0xA1):
        marks.keep(True)
    with refused(0xA1):
        marks.request("1", "2", START_S)
    for planned, mode in ((0, 0), (5, 0), (1, 1)):
        with refused(0x09):
            drive.check_code(b"x", planned, mode, b"")
    for fields in (b"\1", b"\xe8\3\1\0x"):
        with refused(0x18):
            drive.check_code(b"x", 1, 0, fields)
    for code in CODES[:128]:
        drive.check_code(code.encode(), 1, 0, b"")
        marks.keep(True)
    with refused(0xA3):
        drive.check_code(CODES[128].encode(), 1, 0, b"")
    drive.cancel()
    drive.check_code(CODES[128].encode(), 1, 0, b"")
    with refused(0xA0):
        make_drive(2).check_code(CODES[0].encode(), 1, 0, b"")
    with refused(0x02):
        Drive("9999078900001235", phase=int(Phase.READY)).check_code(CODES[0].encode(), 1, 0, b"")
    marks.notices = [Notice(n, n, 0, b"") for n in range(NOTICE_LIMIT)]
    assert (marks.blocked, marks.fill) == (True, 4)
    with refused(0xA2):
        drive.check_code(CODES[0].encode(), 1, 0, b"")


def test_the_four_documents_between_drive_and_service() -> None:
    drive = make_drive(4)
    service = MarkingService()
    service.introduce(CODES[0])
    drive.check_code(CODES[0].encode(), 1, 0, b"")
    request = drive.marks.request(drive.serial, "7701234567", START_S)
    answer = service.exchange(request, START_S)
    assert answer is not None
    checked = drive.marks.answer(answer)
    assert (checked.answer, checked.result) == (0, 15)
    register = make_register(4)
    register.marking = service
    assert isinstance(Line(register).run(make_driver(ffd=4).fiscalize(receipt(CODES[0]), MARK)), Recorded)
    notice = register.drive.marks.notices[0].tlv
    ticket = service.exchange(notice, START_S)
    assert ticket is not None
    for form, tlv in ((81, request), (83, answer), (82, notice), (84, ticket)):
        document = decode(tlv)
        assert (document.form, validate(document, 4)) == (form, [])
        assert encode(document) == tlv


def test_the_notification_repeats_the_line() -> None:
    register = make_register(4)
    Line(register).run(make_driver(ffd=4).fiscalize(receipt(*CODES[:2]), MARK))
    told = decode(register.drive.marks.notices[0].tlv)
    first, second = (dict(goods) for goods in told.all(2007))  # type: ignore[arg-type, call-overload]
    assert first[2000] == CODES[0]
    assert (first[2101], second[2101]) == (CODES[0][:31], CODES[1][:31])
    assert (first[1030], first[1043], first[1199], first[1200]) == ("Кроссовки", 500_000, 11, 90_164)
    assert (first[2106], first[2110], first[2115]) == (3, 1, parse(CODES[0]).control)


ANSWERS = {
    "silence": (None, 0xFF, 0),
    "nothing": (b"", 0x20, 2),
    "no document": (b"\1\2\3", 0x20, 2),
    "another form": (bytes.fromhex("5200 0000"), 0x20, 2),
    "cut short": (bytes.fromhex("5300 0800 d107 0400 01000000")[:-1], 0x20, 2),
    "no verdict": (bytes.fromhex("5300 0800 d107 0400 01000000"), 0x20, 2),
    "another request": (bytes.fromhex("5300 0d00 d107 0400 07000000 3908 0100 00"), 0x20, 3),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_that_cannot_be_taken_leaves_the_check_as_it_was(case: str) -> None:
    data, code, detail = ANSWERS[case]
    drive = make_drive(4)
    drive.check_code(CODES[0].encode(), 1, 0, b"")
    checked = drive.marks.answer(data)
    assert (checked.answer, checked.detail, checked.result) == (code, detail, 3)
    assert checked.reply[0] == len(checked.reply) - 1


@pytest.mark.parametrize(
    ("state", "planned", "verdict"),
    [
        (State.CIRCULATES, 1, 1),
        (State.CIRCULATES, 2, 1),
        (State.CIRCULATES, 3, 2),
        (State.EMITTED, 1, 2),
        (State.SOLD, 1, 2),
        (State.SOLD, 3, 1),
        (State.PART_SOLD, 1, 1),
        (State.PART_SOLD, 4, 1),
        (State.SUSPENDED, 1, 3),
        (State.SUSPENDED, 255, 3),
        (State.EMITTED, 255, 1),
        (None, 1, 2),
    ],
)
def test_the_service_judges_by_the_state(state: State | None, planned: int, verdict: int) -> None:
    service = MarkingService()
    if state is not None:
        service.introduce(CODES[0], state)
    drive = make_drive(4)
    drive.check_code(CODES[0].encode(), planned, 0, b"")
    answer = service.exchange(drive.marks.request(drive.serial, "7701234567", START_S), START_S)
    assert answer is not None
    assert decode(answer).get(2109) == verdict
    assert bool(drive.marks.answer(answer).result & 8) is (verdict == 1)


def test_the_service_trusts_genuine_codes_only_and_another_proof_never() -> None:
    service = MarkingService(trusting=True)
    drive = make_drive(4)

    def verdict(code: str) -> Any:
        drive.check_code(code.encode(), 1, 0, b"")
        answer = service.exchange(drive.marks.request(drive.serial, "7701234567", START_S), START_S)
        assert answer is not None
        return decode(answer).get(2109)

    assert verdict(CODES[0]) == 1
    assert verdict(CODES[0][:-5] + "AAAA=") == 2
    assert verdict(CODES[1][:-5] + "AAAA=") == 2
    assert service.state(CODES[1]) is None


def test_a_notification_that_comes_twice_counts_once() -> None:
    service = MarkingService()
    service.introduce(CODES[0])
    register = make_register(4)
    Line(register).run(make_driver(ffd=4).fiscalize(receipt(CODES[0]), MARK))
    notice = register.drive.marks.notices[0].tlv
    first = service.exchange(notice, START_S)
    service.introduce(CODES[0])  # came back in the meantime
    assert service.exchange(notice, START_S) == first
    assert service.state(CODES[0]) is State.CIRCULATES


def test_a_ticket_for_another_notification_is_refused() -> None:
    register = make_register(4)
    line = Line(register)
    for code in CODES[:2]:
        line.run(make_driver(ffd=4).fiscalize(receipt(code), MARK))
    marks = register.drive.marks
    service = MarkingService()
    second = service.exchange(marks.notices[1].tlv, START_S)
    assert second is not None
    for ticket in (second, b"", second[:-1], b"\x54\0\0\0"):
        with refused(0x20):
            marks.ticket(ticket)
    assert len(marks.notices) == 2
    first = service.exchange(marks.notices[0].tlv, START_S)
    assert first is not None
    marks.ticket(first)
    marks.ticket(second)
    with refused(0x20):
        marks.ticket(second)
    with refused(0x08):
        marks.unloaded()


def test_reports_say_how_many_notifications_wait() -> None:
    register = make_register(4)
    line = Line(register)
    line.run(make_driver(ffd=4).fiscalize(receipt(CODES[0]), MARK))
    line.run(make_driver(ffd=4).close_shift())
    report = decode(register.drive.find(register.drive.last_document).tlv)
    assert (report.form, report.get(2104), validate(report, 4)) == (5, 1, [])


# ---- on disk -------------------------------------------------------------------------------------------------------------------


def registered(file: DriveFile) -> Drive:
    drive = file.load()
    if drive is None:
        drive = Drive("9999078900001234")
        file.keep(drive)
        registration = make_drive(4).registration
        assert registration is not None
        drive.register(registration, START_S)
    return drive


def test_a_queue_survives_the_process_that_dies(tmp_path: Path) -> None:
    path = tmp_path / "drive.sqlite"
    file = DriveFile(path)
    drive = registered(file)
    register = ShtrihRegister(device("shtrih-m-01f"), drive, epoch_s=START_S + 60, electronic=True)
    line = Line(register)
    for code in CODES[:3]:
        assert isinstance(line.run(make_driver(ffd=4).fiscalize(receipt(code), MARK)), Recorded)
    service = MarkingService()
    ticket = service.exchange(drive.marks.notices[0].tlv, START_S)
    assert ticket is not None
    drive.marks.ticket(ticket)
    waiting = list(drive.marks.notices)
    file._connection.close()  # killed: no snapshot is written
    again = registered(DriveFile(path))
    assert again.marks.notices == waiting and again.marks.made == 3
    assert again.last_document == drive.last_document


def test_a_snapshot_holds_the_queue() -> None:
    register = make_register(4)
    Line(register).run(make_driver(ffd=4).fiscalize(receipt(CODES[0]), MARK))
    drive = register.drive
    snapshot = json.loads(json.dumps(drive.snapshot()))
    documents = [drive.find(n) for n in range(1, drive.last_document + 1)]
    assert Drive.restore(snapshot, documents).marks.notices == drive.marks.notices
    del snapshot["marking"]  # as drives were kept before they knew of marking
    assert Drive.restore(snapshot, documents).marks.notices == []


# ---- any bytes -------------------------------------------------------------------------------------------------------------------

FIXED = settings(derandomize=True, deadline=None, max_examples=400)


@FIXED
@given(st.binary(max_size=120), st.binary(max_size=40))
def test_any_bytes_for_a_code(code: bytes, fields: bytes) -> None:
    drive = make_drive(4)
    try:
        checked = drive.check_code(code, 1, 0, fields)
    except DriveError:
        assert drive.marks.pending is None
        return
    assert 0 <= checked.kind <= 5 and not checked.local & ~3
    request = decode(drive.marks.request(drive.serial, "7701234567", START_S))
    assert request.form == 81


@FIXED
@given(st.binary(max_size=80), st.integers(0, 200), st.integers(0, 255))
def test_any_answer_and_any_document(data: bytes, at: int, value: int) -> None:
    service = MarkingService(trusting=True)
    marks = DriveMarking()
    marks.check(CODES[0].encode(), 1, 0, b"")
    good = marks.request("9999078900001234", "7701234567", START_S)
    damaged = bytearray(good)
    damaged[at % len(good)] = value
    for document in (data, bytes(damaged), good[: at % len(good)]):
        answer = service.exchange(document, START_S)
        if answer is not None:
            assert decode(answer).form in (83, 84)
        marks.answer(answer)
    marks.answer(data)
    with pytest.raises(DriveError):
        marks.ticket(data)


def test_a_drive_is_not_closed_while_notifications_wait() -> None:
    register = make_register(4)
    line = Line(register)
    line.run(make_driver(ffd=4).fiscalize(receipt(CODES[0]), MARK))
    line.run(make_driver(ffd=4).close_shift())
    drive = register.drive
    now_s = drive.last_time_s
    with refused(0x02):
        drive.close(now_s)
    register.marking = MarkingService()
    register.send_notices(now_s)
    assert drive.close(now_s).form == 6
