"""The Z-reports as a page: the reports with what was found about them, the days, two charts. No scripts, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from fiscal.live.views import framed, quoted, table
from fiscal.live.z_chart import day_bars, running_lines
from fiscal.watch.z_checks import FORMS, forms, roubles, verdict
from fiscal.watch.z_tables import (
    WORDS,
    Day,
    Row,
    days,
    moment,
    net_kop,
    remarks,
    taxation_text,
)

HEAD = (
    "Register",
    "Number",
    "Checked",
    "Created",
    "At the operator",
    "Receipts",
    "Sum",
    "Cash",
    "Cashless",
    "Other",
    "Running total",
    "Drive, registration, taxation",
    "Documents",
)
_STYLE = (
    "<style>body{max-width:110em;font-size:14px}figure{margin:0 0 1.5em}figcaption{font-weight:600}"
    "svg{width:100%;height:auto}td{white-space:nowrap;padding-right:.6em}td.remark{white-space:normal;color:#333}"
    "tr.differs td{border-bottom:0}b.no{color:#b00020}</style>"
)


def page(reports: Sequence[Row], registers: Sequence[str]) -> str:
    """The whole page; ``registers``: all there are, to choose from."""
    totals = days(row.report for row in reports)
    choice = " · ".join(
        f'<a href="/z-reports?register={escape(name)}">{escape(name)}</a>' for name in registers
    )
    differing = sum(verdict(row.checks) is False for row in reports)
    said = (
        f"<b class=no>{differing} of {len(reports)} reports differ</b>"
        if differing
        else f"{len(reports)} reports, none differs"
    )
    body = (
        _STYLE
        + f'<p>{said}. <a href="/z-reports">All registers</a> · {choice} · '
        + '<a href="/z-reports?format=csv">CSV</a> · <a href="/z-reports?format=json">JSON</a></p>'
        + day_bars(totals)
        + running_lines([row.report for row in reports])
        + "<h2>Reports</h2>"
        + _reports(reports)
        + "<h2>Days</h2>"
        + table(DAY_HEAD, [_day(day) for day in reversed(totals)], "No days.")
    )
    return framed("Z-reports", body)


def _reports(reports: Sequence[Row]) -> str:
    """The latest first. What was remarked stands in a row of its own, under the report, where there is room for it."""
    if not reports:
        return "<p>No Z-reports yet.</p>"
    titles = "".join(f'<th scope="col">{title}</th>' for title in HEAD)
    rows = "".join(_report(row) for row in reversed(reports))
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>"


def _report(row: Row) -> str:
    report = row.report
    sale, back, *_ = report.day
    sold, returned = forms(sale), forms(back)
    running = "unknown"
    if report.running_kop is not None:
        running = _with_returns(report.running_kop[0], report.running_kop[1])
    numbers = f"{report.first_document or '?'} to {report.document}"
    documents = f'<a href="{escape(row.link)}" rel="noreferrer">{numbers}</a>' if row.link else numbers
    ok = verdict(row.checks)
    cells = (
        escape(report.register),
        f'<a href="/registers/{quoted(report.register)}/shifts/{report.number}/receipts">{report.number}</a>',
        f"<b class=no>{WORDS[ok]}</b>" if ok is False else WORDS[ok],
        _moment(report.created_wall_us),
        _moment(report.confirmed_wall_us) or "not yet",
        str(report.receipts),
        roubles(net_kop(report)),
        _with_returns(sold[0], returned[0]),
        _with_returns(sold[1], returned[1]),
        _with_returns(sum(sold[2:]), sum(returned[2:])),
        running,
        f"{escape(report.drive)}<br><small>{escape(report.registration.strip())} {taxation_text(report.taxation)}</small>",
        f"{documents}<br><small>sign {report.sign}</small>",
    )
    found = remarks(row.checks)
    shown = (
        f"<tr{' class=differs' if found else ''}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
    )
    if found:
        shown += f'<tr><td></td><td class=remark colspan="{len(HEAD) - 1}">{escape(found)}</td></tr>'
    return shown


def _with_returns(sold: int, returned: int) -> str:
    return roubles(sold) + (f"<br><small>returned {roubles(returned)}</small>" if returned else "")


def _moment(wall_us: int) -> str:
    day, _, clock = moment(wall_us).partition("T")
    return f"{day}<br><small>{clock[:5]}</small>" if day else ""


DAY_HEAD = ("Day", "Reports", "Receipts", *(form.capitalize() for form in FORMS), "Sum")


def _day(day: Day) -> tuple[str, ...]:
    both = zip(day.sales, day.returns, strict=True)
    return (
        day.date,
        str(day.reports),
        str(day.receipts),
        *(_with_returns(sold, returned) for sold, returned in both),
        roubles(day.net_kop),
    )
