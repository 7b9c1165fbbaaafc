"""Z-reports of a run as a table: the same rows and the same checks as the live host's page, in data frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from fiscal.watch import z_checks, z_tables
from fiscal.watch.z_checks import FORMS, forms
from fiscal.watch.z_reports import ZReport

SALES = tuple(f"sale_{form}_kop" for form in FORMS)
RETURNS = tuple(f"return_{form}_kop" for form in FORMS)
_RUNNING = (
    "running_sale_kop",
    "running_return_kop",
    "running_purchase_kop",
    "running_purchase_return_kop",
)
_WHOLE = (*_RUNNING, "drawer_kop")


def table(reports: Iterable[ZReport]) -> pd.DataFrame:
    """A row a report, in the order in which they were made.

    register, number (of the shift), day, created, registered (the operator has confirmed it; NaT: not yet), receipts, net_kop, sums by form
    of payment of sales and returns, running totals and drawer (NA: the register does not tell), drive, first_document, document,
    checked (agrees, differs, partly), remarks.
    """
    rows = [_row(report, checks) for report, checks in z_checks.check(reports)]
    columns = (
        *("register", "number", "day", "created", "registered", "receipts", "net_kop"),
        *(*SALES, *RETURNS, *_WHOLE),
        *("drive", "first_document", "document", "checked", "remarks"),
    )
    found = pd.DataFrame(rows, columns=list(columns))
    for name in ("day", "created", "registered"):
        found[name] = pd.to_datetime(found[name]).astype("datetime64[us]")
    for name in _WHOLE:
        found[name] = found[name].astype("Int64")
    return found


def _row(report: ZReport, checks: Sequence[z_checks.Check]) -> tuple[object, ...]:
    sale, back, *_ = report.day
    running = report.running_kop or (None,) * 4
    return (
        report.register,
        report.number,
        z_tables.date(report),
        _moment(report.created_wall_us),
        _moment(report.confirmed_wall_us),
        report.receipts,
        z_tables.net_kop(report),
        *forms(sale),
        *forms(back),
        *running,
        report.drawer_kop,
        report.drive,
        report.first_document,
        report.document,
        z_tables.WORDS[z_checks.verdict(checks)],
        z_tables.remarks(checks),
    )


def _moment(wall_us: int) -> pd.Timestamp:
    return pd.Timestamp(wall_us, unit="us") if wall_us else pd.NaT


def by_day(reports: pd.DataFrame) -> pd.DataFrame:
    """Day totals: reports, receipts, net_kop and the sums by form of payment, of all registers together. ``reports`` as of `table`."""
    sums = ["receipts", "net_kop", *SALES, *RETURNS]
    grouped = reports.groupby("day", sort=True)
    found = grouped[sums].sum()
    found.insert(0, "reports", grouped.size())
    return found.reset_index()
