"""A plan at a glance: how much is late and what theory says of it, the queue of every day, what each register did in the worst hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bench.charts_style import (
    BLACK,
    BLUE,
    SKY,
    VERMILION,
    Chart,
    clock_axis,
    day,
    look,
    styled,
)

if TYPE_CHECKING:
    from bench.outlook import Outlook, Span

_US_PER_DAY = 86_400_000_000
_PIXELS = 600
_WIDTH, _UPPER = 9.6, 2.1
_GAPS = (0.3, 0.8, 0.5)
"""Inches above, between and beneath the two rows of axes."""
_TOP = 0.002
"""The late share that the axis always shows at least, so that one late receipt does not look like a catastrophe."""


@styled
def plot_outlook(outlook: Outlook) -> Chart:
    """Late share of each day with the interval of their mean, beside theory; queues of all days; the worst hour by register."""
    rows = 0.45 + 0.24 * len(outlook.register_names)
    height = _UPPER + rows + sum(_GAPS)
    # Places are given, not found: finding them (constrained layout) takes longer than all the drawing.
    figure = Chart(figsize=(_WIDTH, height))
    figure.set_layout_engine("none")
    top, bottom = _GAPS[0] / height, _GAPS[-1] / height
    upper, lower = _UPPER / height, rows / height
    _share(figure.add_axes((0.078, 1 - top - upper, 0.25, upper)), outlook)
    _queues(figure.add_axes((0.39, 1 - top - upper, 0.58, upper)), outlook)
    left = max(0.078, 0.015 + 0.0085 * max(map(len, outlook.register_names)))
    _hour(figure.add_axes((left, bottom, 0.97 - left, lower)), outlook)
    return figure


def _share(ax: Axes, outlook: Outlook) -> None:
    late = outlook.late
    shares = np.array(late.late) / np.maximum(late.receipts, 1)
    around = late.share()
    beside = np.linspace(-0.16, 0.16, len(shares))
    ax.plot(beside, shares, "o", color=SKY, markersize=5, alpha=0.9, label="a day", zorder=3)
    low, high = max(around.low, 0.0), min(around.high, 1.0)
    ax.plot(
        [0.45, 0.45], [low, high], color=BLUE, linewidth=5, alpha=0.5, solid_capstyle="butt", label="95 %"
    )
    ax.plot([0.45], [around.estimate], "D", color=BLACK, markersize=5, label="mean", zorder=4)
    theory = outlook.late_by_hours
    ax.plot([0.9], [theory], "s", color=VERMILION, markersize=6, label="theory", zorder=4, clip_on=False)
    top = max(_TOP, float(shares.max(initial=0.0)), high, theory) * 1.25
    ax.set_ylim(-0.03 * top, min(top, 1.02) if top > 1 else top)
    ax.set_xlim(-0.4, 1.15)
    ax.set_xticks([0, 0.45, 0.9], [f"{outlook.unit}s", "mean, 95 %", "theory"])
    ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share * 100:.3g} %"))
    ax.set_ylabel("receipts recorded late")
    ax.grid(axis="x", visible=False)
    ax.set_title(f"Late: {around.estimate:.2%} of receipts")


def _queues(ax: Axes, outlook: Outlook) -> None:
    begin, end = _moment(outlook, 0), _moment(outlook, outlook.scenario.duration_us)
    top = 1
    for number, (moments_us, waiting) in enumerate(outlook.queues):
        worst = number == outlook.worst
        t, level = _highest(moments_us, waiting, outlook.scenario.duration_us)
        ax.step(
            day(begin) + t / _US_PER_DAY,
            level,
            where="post",
            color=BLUE if worst else SKY,
            linewidth=1.3 if worst else 0.8,
            alpha=1.0 if worst else 0.55,
            zorder=4 if worst else 3,
            label=f"worst {outlook.unit}" if worst else f"other {outlook.unit}s",
        )
        top = max(top, int(level.max(initial=0)))
    ax.set_ylim(0, top * 1.2)
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.set_ylabel("receipts waiting")
    ax.set_title(f"Queue: at most {top:,} wait")
    clock_axis(ax, begin, end)
    ax.set_xlabel("shop's clock")
    handles = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    ax.legend(handles.values(), handles.keys(), loc="upper left", ncols=2)


def _hour(ax: Axes, outlook: Outlook) -> None:
    names = outlook.register_names
    begin_us, end_us = outlook.worst_hour_us
    begin, end = _moment(outlook, begin_us), _moment(outlook, end_us)
    legend: dict[str, Any] = {}
    bars = (
        (outlook.busy(), {"facecolor": BLUE, "edgecolor": "white", "linewidth": 0.3}, "receipt"),
        (outlook.windows(), look("z_window"), "Z-report"),
        (outlook.outages(), look("planned_outage"), "out of service"),
    )
    for spans, style, label in bars:
        if _bars(ax, outlook, spans, style):
            legend[label] = Patch(label=label, **style)
    marks = [(n, at_us) for n, at_us in outlook.late_marks() if begin_us <= at_us < end_us]
    if marks:
        y = np.array([n for n, _ in marks])
        t = day(begin) + (np.array([at_us for _, at_us in marks]) - begin_us) / _US_PER_DAY
        ax.vlines(t, y + 0.33, y + 0.48, color=VERMILION, linewidth=1.0, zorder=5)
        legend["late"] = Line2D(
            [], [], linestyle="", marker="|", markersize=7, color=VERMILION, label="late receipt done"
        )
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    clock_axis(ax, begin, end)
    ax.set_xlabel("shop's clock")
    number, late = outlook.worst, outlook.late.late[outlook.worst]
    ax.set_title(f"Worst hour of the worst {outlook.unit} ({outlook.unit} {number + 1}, {late:,} late)")
    if legend:
        ax.legend(
            handles=list(legend.values()), loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(legend)
        )


def _bars(ax: Axes, outlook: Outlook, spans: list[Span], style: dict[str, Any]) -> bool:
    """Draw what of the spans lies in the worst hour; whether anything did."""
    begin_us, end_us = outlook.worst_hour_us
    at = day(_moment(outlook, begin_us))
    rows: dict[int, list[tuple[float, float]]] = {}
    for span in spans:
        low, high = max(span.begin_us, begin_us), min(span.end_us, end_us)
        if low < high:
            width = (high - low) / _US_PER_DAY
            rows.setdefault(span.register, []).append((at + (low - begin_us) / _US_PER_DAY, width))
    for register, mine in rows.items():
        ax.broken_barh(mine, (register - 0.33, 0.66), zorder=3, **style)
    return bool(rows)


def _moment(outlook: Outlook, at_us: int) -> pd.Timestamp:
    return pd.Timestamp(outlook.scenario.start_s * 1_000_000 + at_us, unit="us")


def _highest(moments_us: Any, waiting: Any, end_us: int) -> tuple[Any, Any]:
    """The steps thinned for drawing: the highest of each six-hundredth of the run, which is about a pixel."""
    edges = np.linspace(0, end_us, _PIXELS + 1)
    before = np.searchsorted(moments_us, edges[:-1]) - 1
    level = np.where(before >= 0, waiting[np.maximum(before, 0)], 0) if len(waiting) else np.zeros(_PIXELS)
    inside = moments_us < end_us
    cell = np.searchsorted(edges, moments_us[inside], side="right") - 1
    np.maximum.at(level, cell, waiting[inside])
    return edges, np.append(level, level[-1])
