"""Z-reports as a chart: what the days came to by form of payment, with what was returned, and the running totals of each register."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, DayLocator
from matplotlib.ticker import FuncFormatter

from bench.charts_style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PINK,
    SKY,
    VERMILION,
    Chart,
    dates,
    nothing,
    styled,
)
from bench.measures import Measured
from bench.z_reports import RETURNS, SALES, by_day
from fiscal.watch.z_checks import FORMS

_FORMS = ((GREEN, ""), (BLUE, "////"), (ORANGE, "...."), (PINK, "xxxx"), (GREY, "----"))
_LINES = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (PINK, "D"), (SKY, "v"), (BLACK, "P"))
_DASHES = ("-", "--", "-.", ":")
_KOP = 100_000  # in a thousand roubles


@styled
def plot_z_reports(answers: Measured) -> Chart:
    """Day totals above, running totals below; a report that does not add up is crossed out in red."""
    reports = answers.z_reports
    figure = Chart(figsize=(9.6, 6.4), layout="constrained")
    bars, lines = figure.subplots(2, 1, sharex=True)
    if reports.empty:
        for ax in (bars, lines):
            nothing(ax, "No shift was closed in this run")
        return figure
    _days(bars, reports)
    _running(lines, reports)
    return figure


def _days(ax: Axes, reports: pd.DataFrame) -> None:
    days = by_day(reports)
    # a bar stands at noon of its day, the moments of the reports at its end or after
    x = dates(days["day"]) + 0.5
    for columns, sign, alpha in ((SALES, 1, 1.0), (RETURNS, -1, 0.55)):
        base = np.zeros(len(days))
        for column, form, (colour, hatch) in zip(columns, FORMS, _FORMS, strict=True):
            height = sign * days[column].to_numpy(dtype=float) / _KOP
            if height.any():
                label = form if sign > 0 else f"{form}, returned"
                ax.bar(
                    x, height, 0.7, base, color=colour, hatch=hatch, edgecolor="white", linewidth=0, alpha=alpha, label=label
                )  # fmt: skip
            base += height
    ax.axhline(0, color=BLACK, linewidth=0.8)
    ax.margins(y=0.06)
    ax.set_ylabel("thousand roubles a day")
    ax.set_title("Day totals by form of payment")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _running(ax: Axes, reports: pd.DataFrame) -> None:
    for number, (register, mine) in enumerate(reports.groupby("register", sort=False)):
        told = mine[mine["running_sale_kop"].notna()]
        colour, marker = _LINES[number % len(_LINES)]
        ax.plot(
            dates(told["created"]),
            told["running_sale_kop"].to_numpy(dtype=float) / _KOP,
            color=colour,
            marker=marker,
            markersize=4,
            linestyle=_DASHES[number // len(_LINES) % len(_DASHES)],
            label=str(register),
        )
    wrong = reports[(reports["checked"] == "differs") & reports["running_sale_kop"].notna()]
    if len(wrong):
        ax.plot(
            dates(wrong["created"]),
            wrong["running_sale_kop"].to_numpy(dtype=float) / _KOP,
            "x",
            color=VERMILION,
            markersize=12,
            markeredgewidth=2.5,
            label="does not add up",
            zorder=5,
        )
    first, last = reports["day"].min(), reports["day"].max()
    ax.set_xlim(*dates(pd.DatetimeIndex([first, last + pd.Timedelta(days=2)])))
    span = (last - first).days + 1
    ax.xaxis.set_major_locator(DayLocator(interval=-(-span // 15)))  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_formatter(DateFormatter("%m-%d"))  # type: ignore[no-untyped-call]
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.set_ylim(bottom=0)
    ax.set_ylabel("thousand roubles")
    ax.set_xlabel(f"day ({first:%Y})")
    ax.set_title("Running totals of sales, after each Z-report")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
