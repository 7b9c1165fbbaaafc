"""ATOL driver, emulated register and drive on an ideal line, over both transports: what each task does, and what it
says when something is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from atol_line import MARK, Line, make_driver, make_receipt, make_register

from fiscal.engine.outcomes import (
    Attempt,
    Blame,
    ClockSet,
    Found,
    Recorded,
    Refused,
    Seen,
    ShiftClosed,
    ShiftOpened,
    ShiftState,
    Unknown,
)
from fiscal.ffd.tlv import decode_text, walk
from fiscal.receipt import Correction, Item, Payments, SettlementType, Vat
from fiscal.registers.atol import AtolDriver

BOTH = pytest.mark.parametrize("transport", ["v3", "v2"])


def ready(transport: str = "v3", ffd: int = 2, electronic: bool = True) -> tuple[Line, AtolDriver]:
    """A register with an open shift: documents 1 and 2 are made."""
    line: Any = Line(make_register(ffd, transport=transport, electronic=electronic))  # type: ignore[arg-type]
    driver = make_driver(ffd=ffd, transport=transport, prints=not electronic)
    assert line.run(driver.open_shift()) == ShiftOpened(1, 2)
    return line, driver


def closing(data: bytes) -> bool:
    return b"\0\0\x4a\0\1" in data


@BOTH
@pytest.mark.parametrize("type_", list(SettlementType))
def test_a_receipt_becomes_a_document(transport: str, type_: SettlementType) -> None:
    line, driver = ready(transport)
    outcome = line.run(driver.fiscalize(make_receipt(type_=type_), MARK))
    stored = line.register.drive.find(3)
    assert outcome == Recorded(3, stored.sign, stored.time_s, "9999078900001234")
    assert (stored.form, stored.type, stored.total_kop) == (3, type_, 60_000)
    fields = dict(walk(stored.tlv[4:]))
    assert decode_text(fields[1192]) == MARK
    assert decode_text(fields[1008]) == "buyer@example.ru"
    assert decode_text(dict(walk(fields[1059]))[1030]) == "Чай №3"


def test_corrections() -> None:
    line, driver = ready()
    items = (Item("Чай", 10_000, 2_000_000, 20_000, Vat.VAT_10),)
    values: dict[str, Any] = {"items": items, "payments": Payments(cashless_kop=20_000)}
    receipt = make_receipt(correction=Correction(False, "2026-03-01"), **values)
    outcome = line.run(driver.fiscalize(receipt, MARK))
    assert isinstance(outcome, Recorded), outcome
    stored = line.register.drive.find(3)
    fields = dict(walk(stored.tlv[4:]))
    assert (stored.form, stored.total_kop, 1059 in fields) == (31, 20_000, False)
    assert int.from_bytes(fields[1103], "little") == 1818
    line, driver = ready(ffd=4)
    receipt = make_receipt(
        type_=SettlementType.SALE_RETURN, correction=Correction(True, "2026-03-01", "1"), **values
    )
    outcome = line.run(driver.fiscalize(receipt, MARK))
    assert isinstance(outcome, Recorded), outcome
    assert (line.register.drive.find(3).form, line.register.drive.find(3).type) == (31, 2)


@BOTH
def test_an_expired_shift(transport: str) -> None:
    line, driver = ready(transport)
    line.advance(86_460_000_000)
    outcome = line.run(driver.fiscalize(make_receipt(), MARK))
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.blame) == ("atol:88", Blame.REGISTER)
    seen = line.run(driver.probe())
    assert isinstance(seen, Seen)
    assert seen.shift is ShiftState.EXPIRED
    assert isinstance(line.run(driver.close_shift()), ShiftClosed)
    assert isinstance(line.run(driver.fiscalize(make_receipt(), MARK)), Recorded)


def test_what_is_wrong_with_a_receipt_is_the_receipts_fault() -> None:
    line, driver = ready()
    for changes in ({"items": (Item("x", 10, 1_000_000, 15),)}, {"payments": Payments(cashless_kop=1)}):
        outcome = line.run(driver.fiscalize(make_receipt(**changes), MARK))
        assert isinstance(outcome, Refused)
        assert outcome.blame is Blame.RECEIPT
        assert line.register.drive.current_document == 0
    assert line.register.drive.last_document == 2


def test_no_paper() -> None:
    line, driver = ready(electronic=False)
    line.register.paper_out(line.now_us)
    outcome = line.run(driver.fiscalize(make_receipt(electronic=False), MARK))
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.blame) == ("atol:67", Blame.REGISTER)
    line.register.paper_in(line.now_us)
    assert isinstance(line.run(driver.fiscalize(make_receipt(electronic=False), MARK)), Recorded)


@BOTH
@pytest.mark.parametrize("recorded", [True, False])
def test_a_power_cut_while_closing(transport: str, recorded: bool) -> None:
    line, driver = ready(transport)
    register, receipt = line.register, make_receipt()

    def cut(data: bytes) -> bytes:
        if not closing(data):
            return data
        register.receive(data, line.now_us)
        if recorded:
            register.wake(register.next_wakeup() or 0)
        register.power_off(line.now_us + 1)
        return b""

    line.to_register = cut
    assert isinstance(line.run(driver.fiscalize(receipt, MARK)), Unknown)
    line.to_register = lambda data: data
    register.power_on(line.now_us)
    found = line.run(driver.find(receipt, Attempt(MARK, 2)))
    assert isinstance(found, Found)
    assert (found.recorded is not None) == recorded
    assert isinstance(line.run(driver.fiscalize(receipt, "next")), Recorded)


@BOTH
def test_at_every_step_a_pulled_cable_leaves_the_truth_findable(transport: str) -> None:
    unknown = 0
    for step in range(1, 130, 1 if transport == "v3" else 3):
        line, driver = ready(transport)
        line.lose_at = step
        receipt = make_receipt(1)
        outcome = line.run(driver.fiscalize(receipt, MARK))
        line.lose_at = None
        line.advance(20_000_000)
        line._inbox.clear()  # what came while nobody listened, as hosts do when they begin to talk
        made = line.register.drive.last_document > 2
        if isinstance(outcome, Recorded):
            assert made
            continue
        found = line.run(driver.find(receipt, Attempt(MARK, 2)))
        assert isinstance(found, Found), found
        assert (found.recorded is not None) == made
        unknown += isinstance(outcome, Unknown)
        assert isinstance(outcome, Unknown) or not made
    assert unknown


def test_a_lost_result_is_asked_for() -> None:
    line, driver = ready()
    lost: list[bytes] = []

    def lose(data: bytes) -> bytes:
        if data[3:4] == b"\xf0" and len(lost) < 3:
            lost.append(data)
            return b""
        return data

    line.to_host = lose
    assert isinstance(line.run(driver.fiscalize(make_receipt(), MARK)), Recorded)
    assert len(lost) == 3
    assert line.register.drive.last_document == 3


def test_shift_probe_and_clock() -> None:
    line, driver = ready()
    line.run(driver.fiscalize(make_receipt(), MARK))
    line.run(driver.fiscalize(make_receipt(1, SettlementType.SALE_RETURN), MARK))
    outcome = line.run(driver.close_shift())
    assert isinstance(outcome, ShiftClosed)
    assert (outcome.shift, outcome.document, outcome.receipts) == (1, 5, 2)
    assert outcome.totals_kop == (60_000, 20_000, 0, 0)
    told = {"sign": outcome.sign, "time_s": outcome.time_s, "drive": outcome.drive}
    assert line.run(driver.close_shift()) == ShiftClosed(1, 5, **told)
    assert line.run(driver.set_clock(1_790_300_000)) == ClockSet(1_790_300_000)
    seen = line.run(driver.probe())
    assert isinstance(seen, Seen)
    assert abs(seen.time_s - 1_790_300_000) <= 1
    assert (seen.last_document, seen.unsent, seen.model, seen.registration) == (
        5,
        5,
        "АТОЛ 55Ф",
        "0000000000012345",
    )
