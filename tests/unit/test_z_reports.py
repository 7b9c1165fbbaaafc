"""Z-reports out of the journals of whole runs, held against the drives; and what is found when something does not add up."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from small_shop import problems, run, small

from bench.charts import plot_z_reports
from bench.result import Result
from bench.z_reports import RETURNS, SALES, by_day
from fiscal.emulators.drive_documents import RECEIPT_FORMS, fields_of, read_sums
from fiscal.engine import records
from fiscal.engine.outcomes import Turnover
from fiscal.watch import z_checks, z_tables
from fiscal.watch.z_checks import Check
from fiscal.watch.z_reports import Book, ZReport

MAKES = ("shtrih-m-01f", "atol-22ptk")
LINK = "https://ofd.example/z?rn={registration}&fn={drive}&fd={document}&fp={sign}"


def days(device: str, *faults: dict[str, Any], **changes: Any) -> Any:
    """Three days of two registers that take cash and cards, with returns."""
    scenario = small(
        faults,
        shop={"payment": {"cashless": 0.5, "cash": 0.3, "mixed": 0.2}},
        duration_h=60,
        arrivals={
            "kind": "poisson",
            "rate_per_min": 0.03,
            "lines": {"kind": "geometric", "mean": 2},
            "return_share": 0.2,
        },
        farm={"policy": "round_robin", "registers": [{"name": "front", "device": device, "count": 2}]},
        shifts={"close_at": "23:00", "stagger_min": 10, "z_report_min": 10},
        **changes,
    )
    return run(scenario, 5)


@pytest.fixture(scope="module", params=MAKES)
def shop(request: pytest.FixtureRequest) -> Any:
    simulation = days(request.param)
    assert problems(simulation) == []
    return simulation


@pytest.fixture(scope="module")
def history() -> tuple[records.Record, ...]:
    return tuple(days(MAKES[0]).world.journal.records())


def checked(history: Iterable[records.Record], **seeds: int) -> list[tuple[ZReport, dict[str, Check]]]:
    return [
        (row, {one.name: one for one in found}) for row, found in z_checks.check(Book(history).rows(), seeds)
    ]


def in_the_drives(simulation: Any) -> dict[tuple[str, int], tuple[Turnover, ...]]:
    """The truth: what the documents of each shift of each drive say."""
    found: dict[tuple[str, int], list[list[int]]] = defaultdict(lambda: [[0] * 7 for _ in range(4)])
    for seat in simulation.seats:
        drive = seat.drive
        for number in range(1, drive.last_document + 1):
            stored = drive.find(number)
            if stored.form in RECEIPT_FORMS:
                row = found[drive.serial, stored.shift][stored.type - 1]
                for at, kop in enumerate((1, stored.total_kop, *read_sums(fields_of(stored.tlv))[:5])):
                    row[at] += kop
    return {shift: tuple(Turnover(*row) for row in rows) for shift, rows in found.items()}


def test_a_row_says_what_the_drive_says(shop: Any) -> None:
    rows = Book(shop.world.journal.records()).rows()
    assert [(row.register, row.number) for row in rows] == [
        (name, shift) for shift in (1, 2) for name in ("front-1", "front-2")
    ]
    truth = in_the_drives(shop)
    drives = {seat.drive.serial: seat.drive for seat in shop.seats}
    for row in rows:
        assert row.told == row.counted == truth[row.drive, row.number]
        assert row.receipts == sum(one.count for one in row.told)
        assert row.told[0].cash_kop and row.told[0].prepaid_kop and row.told[1].count
        report = drives[row.drive].find(row.document)
        assert (report.form, report.shift, report.sign, report.time_s) == (
            5,
            row.number,
            row.sign,
            row.time_s,
        )
        assert drives[row.drive].find(row.first_document)[:2] == (row.first_document, 2)
        assert row.registration == f"{row.register[-1]:0>16}" and row.taxation == 1
        assert row.confirmed_wall_us > row.created_wall_us
    first, second = (row for row in rows if row.register == "front-1")
    assert second.running_kop == tuple(
        was + one.total_kop for was, one in zip(first.running_kop or (), second.told or (), strict=True)
    )


def test_what_adds_up_is_said_to_agree(shop: Any) -> None:
    found = checked(shop.world.journal.records(), **{"front-1": 0})
    for row, checks in found:
        first_without_seed = row.number == 1 and row.register == "front-2"
        assert {name: one.ok for name, one in checks.items()} == {
            "running": None if first_without_seed else True,
            "journal": True,
            "row": True,
            "forms": True,
        }


def test_an_open_shift_is_what_the_registers_have_beyond_their_reports(shop: Any) -> None:
    truth = in_the_drives(shop)
    for seat in shop.seats:
        shift = Book(shop.world.journal.records()).open_shifts()[seat.name]
        assert shift.counted == truth[seat.drive.serial, 3]


def test_record_by_record_or_all_at_once(history: tuple[records.Record, ...]) -> None:
    book = Book()
    for record in history:
        book.add(record)
        book.rows()
    assert book.rows() == Book(history).rows()


def shifts(history: Iterable[records.Record]) -> list[records.ShiftEnded]:
    return [record for record in history if isinstance(record, records.ShiftEnded)]


def swapped(history: tuple[records.Record, ...], nth: int, **changes: Any) -> tuple[records.Record, ...]:
    """The history with the report ``nth`` saying something else."""
    old = shifts(history)[nth]
    return tuple(replace(old, **changes) if record is old else record for record in history)


def test_a_running_total_that_does_not_run_on(history: tuple[records.Record, ...]) -> None:
    third = shifts(history)[2]
    more = (third.running_kop[0] + 5, *third.running_kop[1:])
    found = checked(swapped(history, 2, running_kop=more))
    assert [checks["running"].ok for _, checks in found] == [None, None, False, True]
    detail = found[2][1]["running"].detail
    assert detail.startswith("sales: report 1 and this shift make ") and detail.endswith("(+0.05)")


def test_seed_money_is_the_reference_of_the_first_report(history: tuple[records.Record, ...]) -> None:
    first = shifts(history)[0]
    seeded = swapped(history, 0, running_kop=(first.running_kop[0] + 20, *first.running_kop[1:]))
    (_, with_seed), *_ = checked(seeded, **{"front-1": 20})
    assert with_seed["running"].ok
    (_, with_another), *_ = checked(seeded, **{"front-1": 500})
    assert with_another["running"].ok is False
    assert "seed money 5.00" in with_another["running"].detail
    assert "(-4.80)" in with_another["running"].detail


def test_a_receipt_that_somebody_made_beside_the_engine(history: tuple[records.Record, ...]) -> None:
    ended = shifts(history)[1]
    count, total, cash, *rest = ended.turnovers_kop
    turnovers = (count + 1, total + 12_345, cash + 12_345, *rest)
    _, checks = checked(swapped(history, 1, turnovers_kop=turnovers))[1]
    assert checks["journal"].ok is False and checks["forms"].ok
    assert f"sales: {count + 1} counted, {count} in the journal" in checks["journal"].detail
    assert "(+123.45)" in checks["journal"].detail
    _, checks = checked(swapped(history, 1, turnovers_kop=(count, total, cash + 1, *rest)))[1]
    assert checks["forms"].ok is False


def test_a_report_that_nobody_noted(history: tuple[records.Record, ...]) -> None:
    gone = shifts(history)[:2]
    left = [record for record in history if record not in gone[1:]]
    found = [(row.register, checks["row"]) for row, checks in checked(left)]
    assert [check.ok for _, check in found] == [True, True, True]
    # without its first report the second shift of front-2 has the receipts of both in the journal
    assert checked(left)[2][1]["journal"].ok is False
    moved = swapped(history, 2, shift=4)
    assert checked(moved)[2][1]["row"].detail == "no report of shifts 2 to 3 is known"
    assert checked(swapped(history, 2, shift=1))[2][1]["row"].ok is False


def test_what_a_register_does_not_tell_is_not_made_up(history: tuple[records.Record, ...]) -> None:
    old = swapped(history, 2, turnovers_kop=(), running_kop=())
    row, checks = checked(old)[2]
    assert (row.told, row.running_kop, row.drawer_kop) == (None, None, None)
    assert row.day == row.counted
    assert [checks[name].ok for name in z_checks.CHECKS] == [None, True, True, None]
    (line,) = z_tables.as_dicts(z_tables.rows([(row, tuple(checks.values()))]))
    assert (line["running_sales"], line["drawer"], line["checked"]) == (None, None, "partly")
    silent = swapped(history, 2, turnovers_kop=(), running_kop=(), totals_kop=(), receipts=0)
    row, checks = checked(silent)[2]
    assert row.receipts == sum(one.count for one in row.counted) > 0
    assert checks["journal"].ok is None


def test_the_same_report_twice_is_one(history: tuple[records.Record, ...]) -> None:
    ended = shifts(history)[3]
    bare = replace(ended, turnovers_kop=(), running_kop=(), totals_kop=(), receipts=0)
    for twice in ((bare, ended), (ended, bare)):
        again = [one for record in history for one in (twice if record is ended else (record,))]
        assert Book(again).rows() == Book(history).rows()


@pytest.mark.parametrize("device", MAKES)
def test_receipts_found_after_a_crash_come_to_the_shift_they_were_made_in(device: str) -> None:
    faults = [
        {"kind": "engine_crash", "at": clock, "restart_s": 20}
        for clock in ("22:59:59", "23:10:00", "day 2 12:00:00", "day 2 23:00:30")
    ]
    faults += [
        {"kind": "reply_lost", "at": f"{hour}:00:00", "target": "all", "count": 2} for hour in (12, 18, 22)
    ]
    simulation = days(device, *faults)
    assert problems(simulation) == []
    truth = in_the_drives(simulation)
    rows = Book(simulation.world.journal.records()).rows()
    for row in rows:
        assert row.counted == truth[row.drive, row.number]


def test_a_table_for_machines(history: tuple[records.Record, ...]) -> None:
    table = z_tables.rows(z_checks.check(Book(history).rows()), LINK)
    lines = list(csv.DictReader(io.StringIO(z_tables.as_csv(table))))
    assert list(lines[0]) == [column.name for column in z_tables.COLUMNS]
    assert [line["number"] for line in lines] == ["1", "1", "2", "2"]
    for line, row in zip(lines, table, strict=True):
        report = row.report
        assert line["link"] == (
            f"https://ofd.example/z?rn={report.registration}&fn={report.drive}&fd={report.document}&fp={report.sign}"
        )
        sold = sum(
            round(float(line[f"{way}_{form}"]) * 100) * sign
            for way, sign in (("sale", 1), ("return", -1))
            for form in z_checks.FORMS
        )
        assert sold == round(float(line["sum"]) * 100) == z_tables.net_kop(report)
    unconfirmed = replace(table[0].report, confirmed_wall_us=0)
    assert z_tables.link(LINK, unconfirmed) == ""


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("", ""),
        (LINK, ""),
        ("ftp://x", "https"),
        ("javascript:alert(1)", "https"),
        ("https://x/{nobody}", "nobody"),
        ("https://x/{sign.real}", "sign.real"),
        ("https://x/{sign!r}", "sign"),
        ("https://x/{", "braces"),
        ("https://x/{}", "{}"),
    ],
)
def test_templates_of_links(template: str, fault: str) -> None:
    found = z_tables.template_fault(template)
    assert bool(found) is bool(fault)
    assert fault in found


def test_a_cell_is_no_formula(history: tuple[records.Record, ...]) -> None:
    row = replace(Book(history).rows()[0], registration="=1+1")
    assert "'=1+1" in z_tables.as_csv(z_tables.rows(z_checks.check([row])))


# --- in the bench ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def result() -> Result:
    return Result.of(days(MAKES[0]).found)


def test_a_run_has_its_z_reports_as_a_table(result: Result, history: tuple[records.Record, ...]) -> None:
    table = result.z_reports
    rows = Book(history).rows()
    assert list(table["register"]) == [row.register for row in rows]
    assert list(table["running_sale_kop"]) == [(row.running_kop or (None,))[0] for row in rows]
    assert list(table["net_kop"]) == [z_tables.net_kop(row) for row in rows]
    assert (table["registered"] > table["created"]).all()
    assert list(table["checked"]) == ["partly", "partly", "agrees", "agrees"]
    receipts = result.receipts
    for row in table.itertuples():
        mine = receipts[
            (receipts["register"] == row.register)
            & receipts["document"].between(row.first_document, row.document)
        ]
        types = mine.groupby("type")["total_kop"].sum()
        assert sum(getattr(row, name) for name in SALES) == types["sale"]
        assert sum(getattr(row, name) for name in RETURNS) == types["sale_return"]
        assert len(mine) == row.receipts
    by = by_day(table)
    assert list(by["reports"]) == [2, 2]
    assert by["net_kop"].sum() == table["net_kop"].sum()


def test_the_chart_shows_every_day_and_crosses_out_what_differs(result: Result) -> None:
    bars, lines = result.plot_z_reports().axes
    drawn = sum(patch.get_height() for patch in bars.patches)
    shown = result.z_reports["net_kop"].sum() / 100_000
    assert abs(drawn - shown) < 1e-6
    assert [line.get_label() for line in lines.get_lines()] == ["front-1", "front-2"]
    wrong = result.z_reports.copy()
    wrong.loc[2, "checked"] = "differs"
    _, lines = plot_z_reports(replace(result, z_reports=wrong)).axes
    cross = lines.get_lines()[-1]
    assert (cross.get_label(), len(cross.get_xdata())) == ("does not add up", 1)
    assert "z_reports" in result.figures()
    _, empty = plot_z_reports(replace(result, z_reports=wrong.iloc[:0])).axes
    assert "No shift was closed" in empty.texts[0].get_text()
