"""Driver, emulator and drive on an ideal line, over each transport: what each task does, and what it says when something is wrong."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from shtrih_line import MARK, SITE, START_S, Line, make_receipt
from shtrih_line import make_register as made_register

from fiscal.emulators.shtrih import ShtrihRegister
from fiscal.engine.outcomes import (
    Attempt,
    Blame,
    ClockSet,
    Found,
    Outcome,
    Recorded,
    Refused,
    Seen,
    ShiftClosed,
    ShiftOpened,
    ShiftState,
    Unknown,
)
from fiscal.ffd.tlv import decode_text, walk
from fiscal.receipt import Buyer, Correction, Item, Payments, SettlementType, Vat
from fiscal.registers.conversation import Settings
from fiscal.registers.shtrih import Facts, frames_v2
from fiscal.registers.shtrih.driver import ShtrihDriver
from fiscal.registers.shtrih.frames import FrameError, build

DAY_US = 86_400_000_000
SPOKEN: dict[str, Any] = {"protocol": "v1"}

handshake_only = pytest.mark.parametrize("protocol", ["v1"], indirect=True)
checksums_only = pytest.mark.parametrize("protocol", ["v1", "v2"], indirect=True)


@pytest.fixture(autouse=True, params=["v1", "v2", "plain"])
def protocol(request: pytest.FixtureRequest) -> str:
    """The transport of the test. A register that speaks both versions finds out by itself."""
    spoken: str = request.param
    SPOKEN["protocol"] = spoken
    return spoken


def make_register(*args: Any, **options: Any) -> ShtrihRegister:
    plain = SPOKEN["protocol"] == "plain"
    return made_register(*args, protocol="plain" if plain else "auto", **options)


def make_driver(**facts: Any) -> ShtrihDriver:
    return ShtrihDriver(facts=Facts(place=SITE, **facts), **SPOKEN)


def payload(data: bytes) -> bytes:
    """What a chunk from either side carries, or nothing."""
    try:
        if SPOKEN["protocol"] == "v2":
            return frames_v2.parse(data)[1]
    except FrameError:
        return b""
    return data[2:] if data[:1] == b"\x02" else b""


def document(line: Line, number: int) -> dict[int, bytes]:
    return dict(reversed(walk(line.register.drive.find(number).tlv[4:])))


def refused(outcome: Outcome) -> Refused:
    assert isinstance(outcome, Refused), outcome
    return outcome


def recorded(outcome: Outcome) -> Recorded:
    assert isinstance(outcome, Recorded), outcome
    return outcome


def ready(**options: Any) -> tuple[Line, ShtrihDriver]:
    """A register with an open shift: documents 1 and 2 are made."""
    line = Line(make_register(**options))
    driver = make_driver(ffd=options.get("ffd", 2), prints=not options.get("electronic", True))
    assert isinstance(line.run(driver.open_shift()), ShiftOpened)
    line.log.clear()
    return line, driver


# ---- receipts -------------------------------------------------------------------------------------------------------------------


def test_a_sale_becomes_a_document_with_everything_in_it() -> None:
    line, driver = ready()
    receipt = make_receipt(cashier="Иванова А.", cashier_inn="123456789047", site="https://other.example")
    outcome = recorded(line.run(driver.fiscalize(receipt, MARK)))
    stored = line.register.drive.find(3)
    assert outcome == Recorded(3, stored.sign, stored.time_s, "9999078900001234")
    fields = walk(stored.tlv[4:])
    items = [value for tag, value in fields if tag == 1059]
    assert len(items) == 3
    assert dict(walk(items[0]))[1030] == "Чай №1".encode("cp866")
    assert dict(walk(items[0]))[1199] == bytes((Vat.VAT_22,))
    found = document(line, 3)
    assert int.from_bytes(found[1020], "little") == 60_000
    assert int.from_bytes(found[1081], "little") == 60_000
    assert found[1031] == b"\0"
    assert found[1055] == b"\1"
    assert decode_text(found[1008]) == "buyer@example.ru"
    assert decode_text(found[1192]) == MARK
    assert decode_text(found[1021]) == "Иванова А."
    assert decode_text(found[1203]).strip() == "123456789047"
    assert [decode_text(value) for tag, value in fields if tag == 1187] == ["https://other.example"]
    assert found[1125] == b"\1"
    assert found[1209] == b"\2"
    # VAT of 22 % is told by the group 1115
    rate = dict(walk(walk(found[1115])[0][1]))
    assert int.from_bytes(rate[1120], "little") == (2 * 60_000 * 22 + 122) // 244


def test_seven_exchanges_for_three_lines() -> None:
    line, driver = ready()
    recorded(line.run(driver.fiscalize(make_receipt(), MARK)))
    line.log.clear()
    recorded(line.run(driver.fiscalize(make_receipt(), MARK)))
    commands = [payload(data) for way, data in line.log if way == ">" and payload(data)]
    assert [data[:2].hex() for data in commands] == ["101e", "8d1e", "ff46", "ff46", "ff46", "ff0c", "ff45"]


@pytest.mark.parametrize("type_", list(SettlementType))
def test_all_four_types(type_: SettlementType) -> None:
    line, driver = ready()
    recorded(line.run(driver.fiscalize(make_receipt(2, type_), MARK)))
    assert line.register.drive.find(3).type == type_


def test_cash_with_kopecks_and_all_five_sums() -> None:
    line, driver = ready()
    items = (
        Item("Развесное", 12_345, 333_000, 4_111, Vat.VAT_10),
        Item("Услуга", 100, 1_000_000, 100, Vat.NONE, subject=4),
    )
    payments = Payments(1000, 1000, 1000, 1000, 211)
    recorded(line.run(driver.fiscalize(make_receipt(items=items, payments=payments), MARK)))
    found = document(line, 3)
    sums = [int.from_bytes(found[tag], "little") for tag in (1031, 1081, 1215, 1216, 1217)]
    assert sums == [1000, 1000, 1000, 1000, 211]
    assert int.from_bytes(found[1103], "little") == (2 * 4111 * 10 + 110) // 220
    assert int.from_bytes(found[1105], "little") == 100
    assert line.register.counters.drawer_kop == 1000


def test_the_first_receipt_opens_the_shift() -> None:
    line = Line(make_register())
    assert recorded(line.run(make_driver().fiscalize(make_receipt(), MARK))).document == 3
    assert line.register.drive.find(2).form == 2


def test_measures_go_with_their_line_in_ffd_12() -> None:
    line, driver = ready(ffd=4)
    items = (Item("Сыр", 50_000, 500_000, 25_000, Vat.VAT_10, unit=11),)
    recorded(
        line.run(driver.fiscalize(make_receipt(items=items, payments=Payments(cashless_kop=25_000)), MARK))
    )
    item = dict(walk(document(line, 3)[1059]))
    assert item[2108] == b"\x0b"


def test_a_correction_in_ffd_12_is_a_receipt_opened_as_one() -> None:
    line, driver = ready(ffd=4)
    receipt = make_receipt(
        type_=SettlementType.SALE_RETURN, correction=Correction(True, "2026-09-01", "17-A")
    )
    outcome = recorded(line.run(driver.fiscalize(receipt, MARK)))
    stored = line.register.drive.find(outcome.document)
    assert (stored.form, stored.type, stored.total_kop) == (31, 2, 60_000)
    found = document(line, 3)
    assert found[1173] == b"\1"
    assert decode_text(dict(walk(found[1174]))[1179]) == "17-A"
    assert isinstance(line.run(driver.find(receipt, Attempt(MARK, 2))), Found)


def test_a_correction_in_ffd_105_has_sums_only() -> None:
    line, driver = ready()
    items = (Item("Чай", 10_000, 2_000_000, 20_000, Vat.VAT_20),)
    receipt = make_receipt(
        items=items, payments=Payments(cashless_kop=20_000), correction=Correction(False, "2025-03-01")
    )
    outcome = recorded(line.run(driver.fiscalize(receipt, MARK)))
    stored = line.register.drive.find(outcome.document)
    assert (stored.form, stored.type, stored.total_kop) == (31, 1, 20_000)
    found = document(line, 3)
    assert 1059 not in found
    assert found[1173] == b"\0"
    assert int.from_bytes(found[1102], "little") == 3333
    assert decode_text(found[1192]) == MARK
    answer = line.run(driver.find(receipt, Attempt(MARK, 2)))
    assert answer == Found(outcome, 3)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        (
            {"type_": SettlementType.SALE_RETURN, "correction": Correction(True, "2026-01-02")},
            "sales and purchases only",
        ),
        ({"payments": Payments(cashless_kop=1 << 41)}, "does not fit"),
        ({"items": (Item("x", 1, 1 << 49, 1),)}, "does not fit"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_byte_is_sent(changes: dict[str, Any], word: str) -> None:
    line, driver = ready()
    outcome = refused(line.run(driver.fiscalize(make_receipt(**changes), MARK)))
    assert outcome.blame is Blame.RECEIPT
    assert word in outcome.meaning
    assert line.log == []


def test_long_names_and_many_tags_go_in_blocks() -> None:
    line, driver = ready()
    receipt = make_receipt(
        items=(Item("Ж" * 300, 20_000, 1_000_000, 20_000),),
        payments=Payments(cashless_kop=20_000),
        buyer=Buyer(email="a" * 50 + "@example.ru", name="И" * 100, inn="7701234567"),
        site="https://" + "s" * 100 + ".example",
        cashier="К" * 60,
    )
    recorded(line.run(driver.fiscalize(receipt, MARK)))
    blocks = [data for way, data in line.log if payload(data)[:2] == b"\xff\x0c"]
    assert len(blocks) >= 2
    assert dict(walk(document(line, 3)[1059]))[1030] == ("Ж" * 128).encode("cp866")


# ---- refusals -------------------------------------------------------------------------------------------------------------------


def test_an_impossible_sum_is_the_receipts_fault_and_leaves_nothing_open() -> None:
    line, driver = ready()
    outcome = refused(line.run(driver.fiscalize(make_receipt(items=(Item("x", 10, 1_000_000, 15),)), MARK)))
    assert (outcome.code, outcome.blame) == ("shtrih:33", Blame.RECEIPT)
    assert line.register.receipt is None
    assert line.register.drive.last_document == 2
    assert line.register.drive.current_document == 0
    recorded(line.run(driver.fiscalize(make_receipt(), MARK)))


def test_too_little_paid() -> None:
    line, driver = ready()
    outcome = refused(line.run(driver.fiscalize(make_receipt(payments=Payments(cashless_kop=1)), MARK)))
    assert (outcome.code, outcome.blame) == ("shtrih:45", Blame.RECEIPT)
    assert line.register.receipt is None


def test_a_taxation_the_register_is_not_registered_for() -> None:
    line, driver = ready()
    outcome = refused(line.run(driver.fiscalize(make_receipt(taxation=32), MARK)))
    assert (outcome.code, outcome.blame) == ("shtrih:35", Blame.REGISTER)


def test_a_shift_of_more_than_24_hours() -> None:
    line, driver = ready()
    line.advance(DAY_US + 60_000_000)
    outcome = refused(line.run(driver.fiscalize(make_receipt(), MARK)))
    assert (outcome.code, outcome.blame) == ("shtrih:4E", Blame.REGISTER)
    assert line.register.drive.last_document == 2
    seen = line.run(driver.probe())
    assert isinstance(seen, Seen)
    assert seen.shift is ShiftState.EXPIRED
    assert isinstance(line.run(driver.close_shift()), ShiftClosed)
    recorded(line.run(driver.fiscalize(make_receipt(), MARK)))


def test_an_open_document_left_over_is_cancelled_first() -> None:
    line, driver = ready()
    line.lose_at = 12  # after the receipt was opened
    outcome = refused(line.run(driver.fiscalize(make_receipt(), MARK)))
    assert (outcome.code, outcome.blame) == ("line", Blame.LINE)
    line.lose_at = None
    line.advance(5_000_000)
    assert line.register.receipt is not None
    line.log.clear()
    assert recorded(line.run(driver.fiscalize(make_receipt(), MARK))).document == 3
    assert any(payload(data)[:1] == b"\x88" for way, data in line.log if way == ">")
    assert line.register.drive.current_document == 0


def test_no_paper() -> None:
    line, driver = ready(electronic=False)
    line.advance(10_000_000)
    line.register.paper_out(line.now_us)
    outcome = refused(line.run(driver.fiscalize(make_receipt(electronic=False), MARK)))
    assert (outcome.code, outcome.blame) == ("shtrih:6B", Blame.REGISTER)
    line.register.paper_in(line.now_us)
    recorded(line.run(driver.fiscalize(make_receipt(electronic=False), MARK)))


def test_paper_that_ends_while_printing_is_continued_when_it_is_back() -> None:
    line, driver = ready(electronic=False)
    line.advance(10_000_000)
    recorded(line.run(driver.fiscalize(make_receipt(electronic=False), MARK)))
    line.register.paper_out(line.now_us + 100_000)
    line.advance(200_000)
    assert refused(line.run(driver.fiscalize(make_receipt(electronic=False), MARK))).code == "shtrih:6B"
    line.register.paper_in(line.now_us)
    line.log.clear()
    recorded(line.run(driver.fiscalize(make_receipt(electronic=False), MARK)))
    assert any(payload(data)[:1] == b"\xb0" for way, data in line.log if way == ">")


def test_a_printing_register_is_waited_for() -> None:
    line, driver = ready(electronic=False)
    first = recorded(line.run(driver.fiscalize(make_receipt(30, electronic=False), MARK)))
    began = line.now_us
    second = recorded(line.run(driver.fiscalize(make_receipt(electronic=False), MARK)))
    assert second.document == first.document + 1
    assert line.now_us - began > 1_500_000, "114 lines take longer than the second receipt"


def test_an_electronic_receipt_on_a_printing_register_is_not_printed() -> None:
    line, driver = ready(electronic=False)
    line.advance(10_000_000)
    recorded(line.run(driver.fiscalize(make_receipt(electronic=True), MARK)))
    line.advance(1)
    assert line.register.submode == 0
    recorded(line.run(driver.fiscalize(make_receipt(electronic=False), MARK)))
    line.register.now_us = line.now_us
    assert line.register.submode == 5


def test_a_paper_receipt_on_a_register_that_does_not_print_is_printed_all_the_same() -> None:
    line, driver = ready()
    recorded(line.run(driver.fiscalize(make_receipt(electronic=False), MARK)))
    assert line.register.tables.number((17, 1, 7)) == 2
    line.register.now_us = line.now_us
    assert line.register.submode == 5


# ---- a line that misbehaves -----------------------------------------------------------------------------------------------------


def _once(change: Any, when: Any) -> Any:
    state = {"done": False}

    def tap(data: bytes) -> bytes:
        if not state["done"] and when(data):
            state["done"] = True
            changed: bytes = change(data)
            return changed
        return data

    return tap


def _is(code: bytes) -> Any:
    return lambda data: payload(data).startswith(code)


@checksums_only
@pytest.mark.parametrize("code", [b"\x10", b"\x8d", b"\xff\x46", b"\xff\x0c", b"\xff\x45"])
def test_a_lost_answer_is_fetched(code: bytes) -> None:
    line, driver = ready()
    line.to_host = _once(lambda data: b"", _is(code))
    assert recorded(line.run(driver.fiscalize(make_receipt(), MARK))).document == 3
    assert len(line.register.drive.find(3).tlv) > 100
    assert line.register.drive.find(3).total_kop == 60_000


@pytest.mark.parametrize("protocol", ["plain"], indirect=True)
@pytest.mark.parametrize("code", [b"\x10", b"\x8d", b"\xff\x46", b"\xff\x0c", b"\xff\x45"])
def test_an_answer_lost_in_plain_transfer_is_gone_but_the_drive_knows(code: bytes) -> None:
    line, driver = ready()
    line.to_host = _once(lambda data: b"", _is(code))
    outcome = line.run(driver.fiscalize(make_receipt(), MARK))
    if code == b"\x10":
        assert recorded(outcome).document == 3, "a question may be asked again"
    elif code == b"\xff\x45":
        assert isinstance(outcome, Unknown)
        found = line.run(driver.find(make_receipt(), Attempt(MARK, 2)))
        assert isinstance(found, Found)
        assert found.recorded is not None
        assert found.recorded.document == 3
    else:
        assert refused(outcome).blame is Blame.LINE
        assert recorded(line.run(driver.fiscalize(make_receipt(), MARK))).document == 3


@checksums_only
@pytest.mark.parametrize("code", [b"\x10", b"\x8d", b"\xff\x46", b"\xff\x0c", b"\xff\x45"])
def test_a_garbled_answer_is_asked_for_again(code: bytes) -> None:
    line, driver = ready()
    line.to_host = _once(lambda data: data[:-1] + bytes((data[-1] ^ 0x40,)), _is(code))
    assert recorded(line.run(driver.fiscalize(make_receipt(), MARK))).document == 3
    assert line.register.drive.find(3).total_kop == 60_000


@checksums_only
@pytest.mark.parametrize("code", [b"\x10", b"\x8d", b"\xff\x46", b"\xff\x0c", b"\xff\x45"])
@pytest.mark.parametrize("place", [0, 1, 2, -1])
def test_a_garbled_command_is_sent_again_because_the_register_refused_it(
    code: bytes, place: int, protocol: str
) -> None:
    line, driver = ready()

    def garble(data: bytes) -> bytes:
        raw = bytearray(data)
        raw[place] ^= 0x21
        return bytes(raw)

    line.to_register = _once(garble, _is(code))
    outcome = line.run(driver.fiscalize(make_receipt(), MARK))
    if isinstance(outcome, Recorded) or protocol == "v2":
        assert recorded(outcome).document == 3
        assert line.register.drive.find(3).total_kop == 60_000
    else:
        # A garbled length or head may look like silence; then nothing may have been recorded, and the driver says so.
        assert isinstance(outcome, (Refused, Unknown)), outcome
        assert line.register.drive.last_document == 2
        assert isinstance(outcome, Unknown) == (code == b"\xff\x45")


@pytest.mark.parametrize("code", [b"\x10", b"\x8d", b"\xff\x46", b"\xff\x45"])
def test_a_lost_command_is_repeated_only_when_that_is_harmless(code: bytes, protocol: str) -> None:
    line, driver = ready()
    line.to_register = _once(lambda data: b"", _is(code))
    outcome = line.run(driver.fiscalize(make_receipt(), MARK))
    if code == b"\x10" or protocol == "v2":  # a number makes every repetition harmless
        assert recorded(outcome).document == 3
    elif code == b"\xff\x45":
        assert isinstance(outcome, Unknown)
        assert line.run(driver.find(make_receipt(), Attempt(MARK, 2))) == Found(None, 2)
    else:
        assert refused(outcome).blame is Blame.LINE


@handshake_only
def test_stray_bytes_of_a_network_adapter_are_skipped() -> None:
    line, driver = ready(stray=True)
    assert recorded(line.run(driver.fiscalize(make_receipt(), MARK))).document == 3
    seen = line.run(driver.probe())
    assert isinstance(seen, Seen)


def test_chunks_may_come_in_any_size() -> None:
    """ACK and answer together, and answers in pieces of one byte."""
    line, driver = ready()
    kept = bytearray()

    def join(data: bytes) -> bytes:
        if data == b"\x06":
            kept.extend(data)
            return b""
        out = bytes(kept) + data
        kept.clear()
        return out

    line.to_host = join
    assert recorded(line.run(driver.fiscalize(make_receipt(), MARK))).document == 3

    pieces: list[bytes] = []
    wait = line._wait

    def one_byte(limit_us: int) -> bytes:
        if not pieces:
            data = wait(limit_us)
            pieces.extend(data[at : at + 1] for at in range(len(data)))
        return pieces.pop(0) if pieces else b""

    line.to_host = lambda data: data
    line._wait = one_byte  # type: ignore[method-assign]
    assert recorded(line.run(driver.fiscalize(make_receipt(), MARK))).document == 4


@handshake_only
def test_a_stale_answer_of_yesterday_is_read_and_dropped() -> None:
    line, driver = ready()
    register = line.register
    line.advance(1_000_000)
    register.receive(b"\x05", line.now_us)
    register.receive(build(b"\x89\x1e\x00\x00\x00"), line.now_us)
    register.wake(register.next_wakeup() or 0)
    line.advance(5_000_000)
    assert recorded(line.run(driver.fiscalize(make_receipt(), MARK))).document == 3


def test_a_dead_line_is_the_lines_fault() -> None:
    line, driver = ready()
    line.to_register = lambda data: b""
    outcome = refused(line.run(driver.fiscalize(make_receipt(), MARK)))
    assert (outcome.code, outcome.blame) == ("line", Blame.LINE)


def test_at_every_step_a_pulled_cable_leaves_the_truth_findable() -> None:
    """Whatever step the line dies at: refused means nothing was recorded, and after unknown the drive knows."""
    unknown = 0
    for step in range(1, 45):
        line, driver = ready()
        recorded(line.run(driver.fiscalize(make_receipt(1), "another receipt!")))
        line.lose_at = step
        receipt = make_receipt()
        outcome = line.run(driver.fiscalize(receipt, MARK))
        line.lose_at = None
        line.advance(20_000_000)
        made = line.register.drive.last_document > 3
        if isinstance(outcome, Recorded):
            assert made
            continue
        found = line.run(driver.find(receipt, Attempt(MARK, 3)))
        assert isinstance(found, Found)
        assert (found.recorded is not None) == made
        if isinstance(outcome, Unknown):
            unknown += 1
        else:
            assert not made
            assert refused(outcome).blame is Blame.LINE
    assert unknown >= 2


# ---- what happened? -------------------------------------------------------------------------------------------------------------


def test_find_tells_our_document_from_others_of_the_same_sum() -> None:
    line, driver = ready()
    receipt = make_receipt()
    recorded(line.run(driver.fiscalize(receipt, "not this one....")))
    ours = recorded(line.run(driver.fiscalize(receipt, MARK)))
    recorded(line.run(driver.fiscalize(receipt, "nor this one....")))
    assert line.run(driver.find(receipt, Attempt(MARK, 2))) == Found(ours, 5)
    assert line.run(driver.find(receipt, Attempt(MARK, 4))) == Found(None, 5)
    assert line.run(driver.find(receipt, Attempt(MARK, 5))) == Found(None, 5)
    assert line.run(driver.find(make_receipt(1), Attempt(MARK, 2))) == Found(None, 5)


def test_find_with_another_drive_is_unknown() -> None:
    line, driver = ready()
    assert isinstance(line.run(driver.find(make_receipt(), Attempt(MARK, 77))), Unknown)


def test_power_cut_after_the_record_then_find() -> None:
    line, driver = ready()
    register = line.register
    receipt = make_receipt()

    def cut(data: bytes) -> bytes:
        if payload(data)[:2] == b"\xff\x45":
            register.receive(data, line.now_us)
            at = register.next_wakeup()
            assert at is not None
            register.wake(at)
            register.power_off(at + 1000)
            return b""
        return data

    line.to_register = cut
    assert isinstance(line.run(driver.fiscalize(receipt, MARK)), Unknown)
    line.to_register = lambda data: data
    register.power_on(line.now_us)
    found = line.run(driver.find(receipt, Attempt(MARK, 2)))
    assert isinstance(found, Found)
    assert found.recorded is not None
    assert found.recorded.document == 3
    assert register.drive.find(3).sign == found.recorded.sign
    recorded(line.run(driver.fiscalize(receipt, "next")))


def test_power_cut_before_the_record_leaves_an_open_document() -> None:
    line, driver = ready()
    register = line.register

    def cut(data: bytes) -> bytes:
        if payload(data)[:2] == b"\xff\x45":
            register.receive(data, line.now_us)
            register.power_off(line.now_us + 1000)
            return b""
        return data

    line.to_register = cut
    assert isinstance(line.run(driver.fiscalize(make_receipt(), MARK)), Unknown)
    line.to_register = lambda data: data
    register.power_on(line.now_us)
    assert line.run(driver.find(make_receipt(), Attempt(MARK, 2))) == Found(None, 2)
    assert recorded(line.run(driver.fiscalize(make_receipt(), MARK))).document == 3


# ---- shifts, probe, clock -------------------------------------------------------------------------------------------------------


def test_the_shift_report_keeps_the_register_deaf_and_tells_the_totals() -> None:
    line, driver = ready()
    recorded(line.run(driver.fiscalize(make_receipt(), MARK)))
    recorded(line.run(driver.fiscalize(make_receipt(1, SettlementType.SALE_RETURN), MARK)))
    mixed = Payments(5000, 5000, 5000, 4000, 1000)
    recorded(line.run(driver.fiscalize(make_receipt(1, payments=mixed), MARK)))
    began = line.now_us
    outcome = line.run(driver.close_shift())
    assert isinstance(outcome, ShiftClosed)
    assert (outcome.shift, outcome.document, outcome.receipts) == (1, 6, 3)
    assert outcome.totals_kop == (80_000, 20_000, 0, 0)
    assert 720_000_000 <= line.now_us - began < 730_000_000
    told = {"sign": outcome.sign, "time_s": outcome.time_s, "drive": outcome.drive}
    assert line.run(driver.close_shift()) == ShiftClosed(1, 6, **told), (
        "closing twice tells what the first one did"
    )
    assert line.run(driver.open_shift()) == ShiftOpened(2, 7)
    assert line.run(driver.open_shift()) == ShiftOpened(2, 7)


@handshake_only
def test_during_the_report_the_register_says_so() -> None:
    line, driver = ready()
    conversation = driver.close_shift()
    register = line.register
    register.receive(b"\x05", 0)
    register.receive(build(b"\x41\x1e\x00\x00\x00"), line.now_us)
    line.advance(6_000_000)
    register.now_us = line.now_us
    assert (register.mode, register.submode) == (4, 4)
    del conversation
    register.receive(b"\x06\x05", line.now_us)
    line._inbox.clear()
    line.advance(2_000_000)
    register.receive(b"\x06\x05", line.now_us)
    line._inbox.clear()
    outcome = refused(line.run(driver.fiscalize(make_receipt(), MARK)))
    assert (outcome.code, outcome.blame) == ("shtrih:50", Blame.REGISTER)


def test_probe_sees_what_is_true() -> None:
    line, driver = ready()
    recorded(line.run(driver.fiscalize(make_receipt(), MARK)))
    line.register.clock_offset_s = -90
    seen = line.run(driver.probe())
    assert isinstance(seen, Seen)
    true = {
        "shift": ShiftState.OPEN,
        "shift_number": 1,
        "last_document": 3,
        "drive": "9999078900001234",
        "phase": 3,
        "flags": 0,
        "unsent": 3,
        "first_unsent": 1,
        "paper": True,
        "time_s": 0,
        "model": "ШТРИХ-М-01Ф",
        "serial": "00004239",
        "registration": "0000000000012345",
    }
    assert {name: value for name, value in dataclasses.asdict(seen).items() if name in true} == true | {
        "time_s": seen.time_s
    }
    assert seen.time_s == START_S + 60 + line.now_us // 1_000_000 - 90


@pytest.mark.parametrize("days", [0, 3])
def test_the_clock_is_set_with_the_shift_closed(days: int) -> None:
    line = Line(make_register())
    driver = make_driver()
    right = START_S + 1000
    line.register.clock_offset_s = 777 + days * 86_400
    assert line.run(driver.set_clock(right)) == ClockSet(right)
    seen = line.run(driver.probe())
    assert isinstance(seen, Seen)
    assert abs(seen.time_s - right) <= 1
    assert isinstance(line.run(driver.open_shift()), ShiftOpened)
    assert refused(line.run(driver.set_clock(right))).code == "shtrih:73"


def test_wrong_password() -> None:
    line = Line(make_register())
    outcome = refused(line.run(ShtrihDriver(Settings(password=99), **SPOKEN).fiscalize(make_receipt(), MARK)))
    assert (outcome.code, outcome.blame) == ("shtrih:4F", Blame.REGISTER)


def test_a_worn_out_drive_refuses_by_its_own_code() -> None:
    line, driver = ready()
    line.register.clock_offset_s = 31 * 86_400
    outcome = refused(line.run(driver.fiscalize(make_receipt(), MARK)))
    assert outcome.code == "shtrih:4E"
    assert isinstance(line.run(driver.close_shift()), ShiftClosed)
    outcome = refused(line.run(driver.fiscalize(make_receipt(), MARK)))
    assert (outcome.code, outcome.blame) == ("shtrih:15", Blame.REGISTER)


def test_a_register_that_answers_without_a_date_is_asked_for_it() -> None:
    line, driver = ready(extended_answers=False)
    outcome = recorded(line.run(driver.fiscalize(make_receipt(), MARK)))
    assert outcome.time_s == line.register.drive.find(3).time_s


def test_no_site_of_its_own_when_it_is_the_registered_one() -> None:
    line, driver = ready()
    recorded(line.run(driver.fiscalize(make_receipt(site=SITE), MARK)))
    sent = [data for way, data in line.log if way == ">" and payload(data)[:2] == b"\xff\x0c"]
    assert len(sent) == 1
    assert (1187).to_bytes(2, "little") not in sent[0]
