"""X-report, Z-report and the documents in the drive say the same, for both makes, over every transport."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from shtrih_line import SITE, START_S, Line, make_drive, make_receipt

from fiscal.devices import device
from fiscal.emulators.drive import Drive
from fiscal.emulators.drive_documents import RECEIPT_FORMS, fields_of, read_sums
from fiscal.engine.outcomes import Blame, Recorded, Refused, ShiftClosed, ShiftTotals, Turnover
from fiscal.makes import MAKES, Setup
from fiscal.receipt import Correction, Item, Payments, SettlementType, Vat
from fiscal.registers.conversation import Driver, Settings

WAYS = [(make, protocol) for make, row in MAKES.items() for protocol in row.protocols]
EVERY_WAY = pytest.mark.parametrize(("make", "protocol"), WAYS)
EVERY_MAKE = pytest.mark.parametrize("make", list(MAKES))
NOTHING = (Turnover(),) * 4
MIXED = Payments(5_000, 5_000, 5_000, 4_000, 1_000)
SALE, SALE_RETURN, PURCHASE, PURCHASE_RETURN = SettlementType


def ready(make: str, protocol: str = "", *, ffd: int = 4, prints: bool = False) -> tuple[Line, Driver]:
    row = MAKES[make]
    setup = Setup(ffd, SITE, prints, protocol=protocol)
    register: Any = row.register(device(row.device), make_drive(ffd), START_S + 60, setup)
    return Line(register), row.driver(Settings(), setup)


def sell(line: Line, driver: Driver, lines: int = 1, type_: SettlementType = SALE, **changes: Any) -> None:
    changes = {"electronic": True} | changes
    mark = f"{line.register.drive.last_document:016}"  # each is a receipt of its own
    outcome = line.run(driver.fiscalize(make_receipt(lines, type_, **changes), mark))
    assert isinstance(outcome, Recorded), outcome


def a_busy_shift(line: Line, driver: Driver) -> None:
    for _ in range(3):
        sell(line, driver, payments=MIXED)
    sell(line, driver, 2)
    sell(line, driver, 1, SALE_RETURN, payments=Payments(cash_kop=2_000, cashless_kop=18_000))
    sell(line, driver, 1, PURCHASE, payments=Payments(cash_kop=20_000))
    sell(line, driver, 3, PURCHASE_RETURN)


def in_the_drive(drive: Drive, shift: int) -> tuple[Turnover, ...]:
    """The truth: what the documents of a shift say."""
    rows: dict[int, list[int]] = defaultdict(lambda: [0] * 7)
    for number in range(1, drive.last_document + 1):
        stored = drive.find(number)
        if stored.form in RECEIPT_FORMS and stored.shift == shift:
            row = rows[stored.type]
            sums = read_sums(fields_of(stored.tlv))
            for at, kop in enumerate((1, stored.total_kop, *sums[:5])):
                row[at] += kop
    return tuple(Turnover(*rows[type_]) for type_ in range(1, 5))


@EVERY_WAY
def test_x_and_z_say_what_the_documents_say(make: str, protocol: str) -> None:
    line, driver = ready(make, protocol)
    line.run(driver.open_shift())
    assert line.run(driver.read_totals(False)) == ShiftTotals(1, NOTHING, 0, (0, 0, 0, 0))  # type: ignore[arg-type]
    a_busy_shift(line, driver)
    drive = line.register.drive
    truth = in_the_drive(drive, 1)
    assert [one.count for one in truth] == [4, 1, 1, 1]
    sums = tuple(one.total_kop for one in truth)
    assert sums == (100_000, 20_000, 20_000, 60_000)
    # nothing is in the drawer but the cash of the receipts; a return and a purchase take it out
    expected = ShiftTotals(1, truth, max(0, 15_000 - 2_000 - 20_000), sums)  # type: ignore[arg-type]
    x = line.run(driver.read_totals(False))
    assert isinstance(x, ShiftTotals)
    assert (x.shift, x.turnovers, x.running_kop) == (1, truth, sums)
    z = line.run(driver.close_shift())
    report = drive.find(drive.last_document)
    assert report.form == 5
    assert z == ShiftClosed(
        1, report.document, 7, sums, x, 2, report.sign, report.time_s, drive.serial
    )  # fmt: skip
    # an ATOL register tells the amount in the drawer without its sign
    assert x.drawer_kop == (7_000 if make == "atol" else expected.drawer_kop)


@EVERY_WAY
def test_the_running_totals_are_never_reset(make: str, protocol: str) -> None:
    line, driver = ready(make, protocol)
    sell(line, driver, payments=MIXED)
    line.run(driver.close_shift())
    sell(line, driver, 2)
    sell(line, driver, 1, SALE_RETURN)
    drive = line.register.drive
    x = line.run(driver.read_totals(False))
    assert isinstance(x, ShiftTotals)
    assert x.shift == 2
    assert x.turnovers == in_the_drive(drive, 2)
    assert x.running_kop == (60_000, 20_000, 0, 0)
    z = line.run(driver.close_shift())
    assert isinstance(z, ShiftClosed)
    assert z.details == x
    assert drive.find(z.first_document)[:2] == (z.first_document, 2)
    assert line.run(driver.read_totals(False)) == ShiftTotals(2, NOTHING, 5_000, (60_000, 20_000, 0, 0))  # type: ignore[arg-type]


@EVERY_MAKE
@pytest.mark.parametrize("ffd", [2, 4])
def test_corrections_count_with_their_settlement_type(make: str, ffd: int) -> None:
    line, driver = ready(make, ffd=ffd)
    items = (Item("Чай", 10_000, 2_000_000, 20_000, Vat.VAT_10),)
    sell(line, driver)
    sell(
        line,
        driver,
        items=items,
        correction=Correction(False, "2026-03-01"),
        payments=Payments(cash_kop=20_000),
    )
    x = line.run(driver.read_totals(False))
    assert isinstance(x, ShiftTotals)
    assert x.turnovers == in_the_drive(line.register.drive, 1)
    assert x.turnovers[0] == Turnover(2, 40_000, 20_000, 20_000)
    assert x.running_kop == (40_000, 0, 0, 0)
    z = line.run(driver.close_shift())
    assert isinstance(z, ShiftClosed)
    assert (z.receipts, z.totals_kop, z.details) == (2, (40_000, 0, 0, 0), x)


@EVERY_WAY
def test_on_paper(make: str, protocol: str) -> None:
    """The report is printed: it takes time, makes no document, and receipts go on after it."""
    line, driver = ready(make, protocol, prints=True)
    sell(line, driver)
    last = line.register.drive.last_document
    began = line.now_us
    assert isinstance(line.run(driver.read_totals(False)), ShiftTotals)
    reading = line.now_us - began
    began = line.now_us
    x = line.run(driver.read_totals(True))
    assert isinstance(x, ShiftTotals)
    assert x.turnovers[0].count == 1
    assert line.now_us - began > reading + 500_000
    assert line.register.drive.last_document == last
    sell(line, driver)
    line.register.paper_out(line.now_us)
    refused = line.run(driver.read_totals(True))
    assert isinstance(refused, Refused)
    assert refused.blame is Blame.REGISTER
    assert "paper" in refused.meaning
    assert isinstance(line.run(driver.read_totals(False)), ShiftTotals)  # reading needs none


@EVERY_WAY
def test_a_lost_line_harms_nothing(make: str, protocol: str) -> None:
    for at in range(1, 60):
        line, driver = ready(make, protocol)
        sell(line, driver)
        line.lose_at = at
        outcome = line.run(driver.read_totals(False))
        line.lose_at = None
        if isinstance(outcome, ShiftTotals):
            assert at > 10
            break
        assert isinstance(outcome, Refused)
        assert outcome.blame is Blame.LINE
        line.advance(5_000_000)
        line._inbox.clear()  # what came while nobody listened
        again = line.run(driver.read_totals(False))
        assert isinstance(again, ShiftTotals), again
        assert again.turnovers == in_the_drive(line.register.drive, 1)


@pytest.mark.parametrize(("make", "code"), [("shtrih", 0xFE), ("atol", 0x9128)])
def test_what_cannot_be_read_is_left_out_and_the_shift_closes(make: str, code: int) -> None:
    """A register of an older kind, without totals that are never reset."""
    line, driver = ready(make)
    sell(line, driver)
    sell(line, driver, 2)
    register: Any = line.register
    del register._entries[code]
    x = line.run(driver.read_totals(False))
    assert isinstance(x, ShiftTotals)
    assert (x.turnovers, x.drawer_kop, x.running_kop) == (in_the_drive(register.drive, 1), 0, None)
    z = line.run(driver.close_shift())
    assert isinstance(z, ShiftClosed)
    assert (z.receipts, z.totals_kop, z.details, z.first_document) == (2, (60_000, 0, 0, 0), x, 2)


@EVERY_MAKE
def test_other_documents_in_the_shift_do_not_hide_its_first(make: str) -> None:
    line, driver = ready(make)
    sell(line, driver)
    drive = line.register.drive
    for _ in range(3):
        drive.state_report(line.register.now_s)
    sell(line, driver)
    z = line.run(driver.close_shift())
    assert isinstance(z, ShiftClosed)
    assert z.first_document == 2


@EVERY_WAY
def test_a_report_that_was_made_unheard_is_found(make: str, protocol: str) -> None:
    """Its turnovers are gone; what is never reset still stands as it stood then, as long as no other shift has begun."""
    line, driver = ready(make, protocol)
    assert isinstance(line.run(driver.find_report()), Refused)  # none was made yet
    a_busy_shift(line, driver)
    drive = line.register.drive
    z = line.run(driver.close_shift())
    assert isinstance(z, ShiftClosed) and z.details is not None
    last = drive.last_document
    found = line.run(driver.find_report())
    told = ShiftTotals(1, None, z.details.drawer_kop, z.details.running_kop)
    assert found == ShiftClosed(1, z.document, details=told, sign=z.sign, time_s=z.time_s, drive=drive.serial)
    assert drive.last_document == last, "looking makes no document"
    sell(line, driver)
    again = line.run(driver.find_report())
    assert again == ShiftClosed(1, z.document, sign=z.sign, time_s=z.time_s, drive=drive.serial)


@EVERY_MAKE
def test_a_report_far_back_is_not_found(make: str) -> None:
    line, driver = ready(make)
    sell(line, driver)
    line.run(driver.close_shift())
    for _ in range(30):
        line.register.drive.state_report(line.register.now_s)
    assert isinstance(line.run(driver.find_report()), Refused)
