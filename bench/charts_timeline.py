"""What each register did: a row a register, a bar a receipt, Z-windows, outages with their cause, marks where faults struck."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bench.charts_style import BLACK, BLUE, VERMILION, Chart, clock_axis, dates, day, look, styled
from bench.measures import TOTAL, Measured
from bench.measures_causes import short

HOUR = pd.Timedelta(hours=1)


def worst_hour(answers: Measured) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The hour in which most of the late receipts were paid; without late ones, the hour around the longest queue."""
    late = answers.receipts.loc[answers.receipts["late"], "submitted"]
    if len(late):
        t = dates(late) * 24
        counts = np.searchsorted(t, t + 1, side="left") - np.arange(len(t))
        begin = late.iloc[int(np.argmax(counts))] - HOUR / 12
    else:
        total = answers.queue[answers.queue["register"] == TOTAL]
        begin = total["time"].iloc[int(total["waiting"].to_numpy().argmax())] - HOUR / 2
    begin = max(min(begin.floor("min"), answers.end - HOUR), answers.begin)
    return begin, min(begin + HOUR, answers.end)


@styled
def plot_timeline(
    answers: Measured,
    begin: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
    *,
    zoom: bool = False,
) -> Chart:
    """Every register's day, or a part of it; ``zoom`` shows the worst hour.

    Over a whole day receipts are thinner than a pixel: the deeper the blue, the busier the register.
    """
    if zoom:
        begin, end = worst_hour(answers)
    begin, end = begin or answers.begin, end or answers.end
    low, high = day(begin), day(end)
    names = list(answers.registers["register"])
    rows = {name: y for y, name in enumerate(names)}
    shop = answers.faults[~answers.faults["kind"].isin(_on_registers(answers))]
    shop = shop[(dates(shop["end"]) >= low) & (dates(shop["begin"]) <= high)]
    height = len(names) + (1 if len(shop) else 0)
    figure = Chart(figsize=(9.6, max(2.4, 1.35 + 0.36 * height)))
    ax = figure.subplots()
    legend: dict[str, Patch | Line2D] = {}
    timeline = answers.timeline
    seen = timeline[(dates(timeline["end"]) > low) & (dates(timeline["begin"]) < high)]
    _busy(ax, seen, rows, legend)
    _lost(ax, seen, rows, legend, low, high)
    _late(ax, answers, rows, legend, low, high)
    for row in shop.itertuples():
        _shop_fault(ax, row.kind, day(row.begin), day(row.end), len(names), high - low)
        legend.setdefault(row.kind, Patch(label=short(row.kind), **look(row.kind)))
    labels = names + (["whole shop"] if len(shop) else [])
    ax.set_yticks(range(height), labels)
    ax.set_ylim(height - 0.4, -0.6)
    ax.set_ylabel("register")
    ax.grid(axis="y", visible=False)
    clock_axis(ax, begin, end)
    part = f", {begin:%H:%M} to {end:%H:%M}" if (begin, end) != (answers.begin, answers.end) else ""
    ax.set_title(f"What each register did{part}: {answers.title}")
    if legend:
        lines = -(-len(legend) // 7)
        figure.legend(
            handles=list(legend.values()), loc="outside lower center", ncols=-(-len(legend) // lines)
        )
    return figure


def _on_registers(answers: Measured) -> set[str]:
    """Fault kinds that hit registers, hence show in their rows."""
    targeted = answers.faults.loc[answers.faults["target"] != "", "kind"]
    return set(targeted)


def _busy(ax: Axes, seen: pd.DataFrame, rows: dict[str, int], legend: dict[str, Patch | Line2D]) -> None:
    busy = seen[seen["state"] == "busy"]
    for name, spans in busy.groupby("register", sort=False):
        begin, end = dates(spans["begin"]), dates(spans["end"])
        # Bars thinner than a pixel must shade, not fill, so they are neither snapped to pixels nor outlined.
        bars = ax.broken_barh(
            list(zip(begin, end - begin, strict=True)),
            (rows[str(name)] - 0.34, 0.68),
            facecolor=BLUE,
            linewidth=0,
            zorder=3,
        )
        bars.set_snap(False)
    if len(busy):
        legend["busy"] = Patch(facecolor=BLUE, label="receipt")


def _lost(
    ax: Axes,
    seen: pd.DataFrame,
    rows: dict[str, int],
    legend: dict[str, Patch | Line2D],
    low: float,
    high: float,
) -> None:
    why = np.where(seen["state"] == "closing", "z_window", seen["cause"])
    why = np.where(seen["state"] == "paused", "planned_outage", why)
    why = np.where((why == "") & (seen["state"] == "asking").to_numpy(), "in_doubt", why)
    lost = seen.assign(why=why)[why != ""]
    for cause in sorted(set(lost["why"])):
        legend[cause] = Patch(label=short(cause), **look(cause))
    span = high - low
    for (name, cause), spans in lost.groupby(["register", "why"], sort=False):
        y = rows[str(name)]
        begin, end = dates(spans["begin"]), dates(spans["end"])
        heads = np.flatnonzero(
            np.concatenate([[True], begin[1:] > end[:-1]])
        )  # probes of one outage are one bar
        begin, end = begin[heads], end[np.append(heads[1:], len(end)) - 1]
        wide = end - begin > span / 300
        ax.broken_barh(
            list(zip(begin[wide], (end - begin)[wide], strict=True)),
            (y - 0.34, 0.68),
            zorder=4,
            **look(str(cause)),
        )
        if (~wide).any() and cause != "engine_crash":  # that one has the row of the shop
            colour = look(str(cause))["facecolor"]
            ax.plot(begin[~wide], np.full((~wide).sum(), y - 0.40), "v", color=colour, markeredgecolor="#333333",
                    markeredgewidth=0.4, markersize=5.5, zorder=6)  # fmt: skip


def _late(
    ax: Axes,
    answers: Measured,
    rows: dict[str, int],
    legend: dict[str, Patch | Line2D],
    low: float,
    high: float,
) -> None:
    late = answers.receipts[answers.receipts["late"] & answers.receipts["recorded"].notna()]
    t = dates(late["recorded"])
    late, t = late[(t >= low) & (t <= high)], t[(t >= low) & (t <= high)]
    if not len(late):
        return
    y = np.array([rows[name] for name in late["register"]])
    ax.vlines(t, y + 0.34, y + 0.47, color=VERMILION, linewidth=1.0, zorder=5)
    legend["late"] = Line2D(
        [],
        [],
        linestyle="",
        marker="|",
        markersize=7,
        markeredgewidth=1.4,
        color=VERMILION,
        label="late receipt done",
    )


def _shop_fault(ax: Axes, kind: str, begin: float, end: float, y: int, span: float) -> None:
    if end - begin > span / 300:
        ax.broken_barh([(begin, end - begin)], (y - 0.3, 0.6), zorder=3, **look(kind))
    else:
        ax.plot(
            [(begin + end) / 2],
            [y],
            "v",
            color=look(kind)["facecolor"],
            markeredgecolor=BLACK,
            markeredgewidth=0.4,
            markersize=6,
        )
