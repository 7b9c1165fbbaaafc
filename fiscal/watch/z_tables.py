"""Z-reports as a table: one list of columns for the page, JSON, CSV, the terminal and notebooks.

Money is roubles as text (exact), moments are local time, what the register did not say is empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from string import Formatter
from typing import Any, NamedTuple
from urllib.parse import quote

from fiscal.receipt import Taxation
from fiscal.watch.z_checks import FORMS, Check, forms, roubles, verdict
from fiscal.watch.z_reports import Sums, Turnovers, ZReport

LINK_FIELDS = ("registration", "drive", "document", "sign", "shift", "register")
"""What may stand in braces in the template of a link."""


class Row(NamedTuple):
    """A report with what was found about it, and where the operator shows it (may be empty)."""

    report: ZReport
    checks: tuple[Check, ...]
    link: str


class Column(NamedTuple):
    """``name`` for machines, ``title`` for people; ``value`` is plain text, a number, or ``None`` for unknown."""

    name: str
    title: str
    value: Callable[[Row], str | int | None]


def _sale(at: int) -> Callable[[Row], str | None]:
    return lambda row: roubles(forms(row.report.day[0])[at])


def _back(at: int) -> Callable[[Row], str | None]:
    return lambda row: roubles(forms(row.report.day[1])[at])


def _running(at: int) -> Callable[[Row], str | None]:
    return lambda row: None if row.report.running_kop is None else roubles(row.report.running_kop[at])


COLUMNS: tuple[Column, ...] = (
    Column("register", "Register", lambda row: row.report.register),
    Column("number", "Number", lambda row: row.report.number),
    Column("created", "Created", lambda row: moment(row.report.created_wall_us)),
    Column("registered", "At the operator", lambda row: moment(row.report.confirmed_wall_us)),
    Column("receipts", "Receipts", lambda row: row.report.receipts),
    Column("sum", "Sum", lambda row: roubles(net_kop(row.report))),
    *(Column(f"sale_{form}", f"Sales, {form}", _sale(at)) for at, form in enumerate(FORMS)),
    *(Column(f"return_{form}", f"Returns, {form}", _back(at)) for at, form in enumerate(FORMS)),
    Column("purchases", "Purchases", lambda row: roubles(row.report.day[2].total_kop)),
    Column("purchase_returns", "Returned purchases", lambda row: roubles(row.report.day[3].total_kop)),
    Column("running_sales", "Running total, sales", _running(0)),
    Column("running_returns", "Running total, returns", _running(1)),
    Column("running_purchases", "Running total, purchases", _running(2)),
    Column("running_purchase_returns", "Running total, returned purchases", _running(3)),
    Column("drawer", "In the drawer", lambda row: optional(row.report.drawer_kop)),
    Column("drive", "Drive", lambda row: row.report.drive),
    Column("registration", "Registration", lambda row: row.report.registration),
    Column("taxation", "Taxation", lambda row: taxation_text(row.report.taxation)),
    Column("first_document", "First document", lambda row: row.report.first_document or None),
    Column("document", "Last document", lambda row: row.report.document),
    Column("sign", "Fiscal sign", lambda row: row.report.sign or None),
    Column("link", "Link", lambda row: row.link),
    Column("checked", "Checked", lambda row: WORDS[verdict(row.checks)]),
    Column("remarks", "Remarks", lambda row: remarks(row.checks)),
)

WORDS: Mapping[bool | None, str] = {True: "agrees", False: "differs", None: "partly"}


def rows(checked: Iterable[Checked], template: str = "") -> list[Row]:
    """What `fiscal.watch.z_checks.check` found, with links made of the template."""
    return [Row(report, checks, link(template, report)) for report, checks in checked]


class Day(NamedTuple):
    """What the reports of one day (`date`) come to."""

    date: str
    reports: int
    receipts: int
    sales: tuple[int, ...]  # kopecks by form of payment, in the order of `FORMS`
    returns: tuple[int, ...]
    net_kop: int


def days(reports: Iterable[ZReport]) -> list[Day]:
    """Day totals by form of payment, with what was returned."""
    found: dict[str, Day] = {}
    for report in reports:
        day = date(report)
        so_far = found.get(day, Day(day, 0, 0, _NOTHING, _NOTHING, 0))
        found[day] = Day(
            day,
            so_far.reports + 1,
            so_far.receipts + report.receipts,
            _plus(so_far.sales, forms(report.day[0])),
            _plus(so_far.returns, forms(report.day[1])),
            so_far.net_kop + net_kop(report),
        )
    return [found[day] for day in sorted(found)]


def date(report: ZReport) -> str:
    """The day a shift belongs to, such as ``2026-01-31``: the middle between its first receipt and its report.

    A shift may begin on the evening before, in a shop that never closes, and its report may be made after midnight.
    """
    ends_us = report.time_s * 1_000_000 or report.created_wall_us
    begins_us = report.first_s * 1_000_000 or ends_us
    return moment((begins_us + ends_us) // 2)[:10]


def day_dict(day: Day) -> dict[str, Any]:
    """A day for JSON and data frames, with the names of `COLUMNS`."""
    return {
        "date": day.date,
        "reports": day.reports,
        "receipts": day.receipts,
        "sum": roubles(day.net_kop),
        **{f"sale_{form}": roubles(kop) for form, kop in zip(FORMS, day.sales, strict=True)},
        **{f"return_{form}": roubles(kop) for form, kop in zip(FORMS, day.returns, strict=True)},
    }


def _plus(some: Sequence[int], more: Sequence[int]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(some, more, strict=True))


_NOTHING = (0,) * len(FORMS)


Checked = tuple[ZReport, tuple[Check, ...]]


def chosen(
    checked: Iterable[Checked], register: str = "", begin: str = "", end: str = "", limit: int = 0
) -> list[Checked]:
    """Those of one register and of some days (both ends included), the latest ``limit`` of them; empty or 0 for all.

    After the check, which holds each against the one before.
    """
    found = [
        (report, checks)
        for report, checks in checked
        if register in ("", report.register)
        and (not begin or date(report) >= begin)
        and (not end or date(report) <= end)
    ]
    return found[-limit:]


def date_fault(text: str) -> str:
    """Why this is no day such as 2026-01-31; empty when it is, or is empty."""
    if not text:
        return ""
    try:
        same = datetime.strptime(text, "%Y-%m-%d").strftime("%Y-%m-%d") == text  # noqa: DTZ007  a day, no moment
    except ValueError:
        same = False
    return "" if same else f"{text!r} is no day such as 2026-01-31"


def as_dicts(table: Sequence[Row]) -> list[dict[str, Any]]:
    """A dictionary a row, for JSON and data frames."""
    return [{column.name: column.value(row) for column in COLUMNS} for row in table]


def as_csv(table: Sequence[Row]) -> str:
    """See `dicts_as_csv`."""
    return dicts_as_csv(as_dicts(table))


def dicts_as_csv(table: Sequence[Mapping[str, Any]]) -> str:
    """Comma-separated, with a head of names. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([column.name for column in COLUMNS])
    for row in table:
        values = [row[column.name] for column in COLUMNS]
        writer.writerow(["" if value is None else _cell(value) for value in values])
    return out.getvalue()


def _cell(value: str | int) -> str | int:
    if isinstance(value, str) and value[:1] in ("=", "@", "\t", "\r"):
        return "'" + value
    return value


def net_kop(report: ZReport) -> int:
    """What the shift brought: sales less their returns, less purchases that were not returned."""
    if report.sums_kop is not None:
        sale, back, bought, bought_back = report.sums_kop
    else:
        sale, back, bought, bought_back = totals(report.day)
    return sale - back - bought + bought_back


def totals(turnovers: Turnovers) -> Sums:
    """Sums by settlement type."""
    a, b, c, d = (one.total_kop for one in turnovers)
    return a, b, c, d


def remarks(checks: Iterable[Check]) -> str:
    """What the checks found, differences first."""
    said = sorted((one for one in checks if one.detail), key=lambda one: one.ok is not False)
    return "; ".join(one.detail for one in said)


def moment(wall_us: int) -> str:
    """``2026-01-31T23:55:00``, empty for 0 (never)."""
    if not wall_us:
        return ""
    return datetime.fromtimestamp(wall_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def taxation_text(mask: int) -> str:
    """The systems of tag 1062 by their names."""
    return " ".join((one.name or "").lower() for one in Taxation if one & mask)


def optional(kopecks: int | None) -> str | None:
    """Roubles, ``None`` where a register does not say."""
    return None if kopecks is None else roubles(kopecks)


def template_fault(template: str) -> str:
    """Why this cannot be the template of a link; empty when it can."""
    if not template:
        return ""
    if not template.startswith(("https://", "http://")):
        return "a link begins with https://"
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        return f"braces: {error}"
    for _, name, spec, conversion in parts:
        if name is not None and (name not in LINK_FIELDS or spec or conversion):
            return f"{{{name}}} is unknown; there are: {', '.join(LINK_FIELDS)}"
    return ""


def link(template: str, report: ZReport) -> str:
    """Where the operator shows this report; empty without a template, and as long as the operator does not have it."""
    if not template or not report.confirmed_wall_us:
        return ""
    values = (
        report.registration,
        report.drive,
        report.document,
        report.sign,
        report.number,
        report.register,
    )
    return template.format(
        **{name: quote(str(value).strip(), safe="") for name, value in zip(LINK_FIELDS, values, strict=True)}
    )
