"""The queue over time, with what kept registers from working beneath it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from bench.charts_style import BLACK, BLUE, Chart, clock_axis, dates, day, look, nothing, styled
from bench.measures import TOTAL, Measured
from bench.measures_causes import short

Lane = list[tuple[float, float]]


def steps(queue: pd.DataFrame, register: str, begin: pd.Timestamp, end: pd.Timestamp) -> tuple[Any, Any]:
    """The step function of one register (or `TOTAL`) cut to a window: moments (days) and numbers of waiting receipts."""
    mine = queue[queue["register"] == register]
    t, level = dates(mine["time"]), mine["waiting"].to_numpy()
    low, high = day(begin), day(end)
    at_start = level[max(int(np.searchsorted(t, low, side="right")) - 1, 0)] if len(level) else 0
    inside = (t > low) & (t < high)
    inner = level[inside]
    at_end = inner[-1] if len(inner) else at_start
    return np.concatenate([[low], t[inside], [high]]), np.concatenate([[at_start], inner, [at_end]])


def clock(days: float) -> pd.Timestamp:
    """A moment as matplotlib counts it (days since 1970) as a time of the shop's clock."""
    return pd.Timestamp(round(days * 86_400_000_000), unit="us")


def visible(t: Any) -> Any:
    """Which steps to draw: not those that are over within a fiftieth of a pixel, such as the commit of a receipt no one queues before."""
    lasting = np.diff(t) > (t[-1] - t[0]) / 50_000
    return np.concatenate([lasting, [True]])


def _union(lane: Lane) -> Lane:
    """Overlapping intervals as one."""
    joined: Lane = []
    for begin, width in sorted(lane):
        if joined and begin <= sum(joined[-1]):
            first = joined[-1][0]
            joined[-1] = (first, max(sum(joined[-1]), begin + width) - first)
        else:
            joined.append((begin, width))
    return joined


def lanes(answers: Measured) -> dict[str, Lane]:
    """When anything kept a register from working: Z-windows and faults by kind, as (begin, width) in days, by first occurrence."""
    found: dict[str, Lane] = {}
    closing = answers.timeline[answers.timeline["state"] == "closing"]
    if len(closing):
        found["z_window"] = _pairs(closing)
    for kind, rows in answers.faults.groupby("kind", sort=False):
        found[str(kind)] = _pairs(rows)
    return {kind: _union(lane) for kind, lane in found.items()}


def _pairs(rows: pd.DataFrame) -> Lane:
    begin, end = dates(rows["begin"]), dates(rows["end"])
    return list(zip(begin.tolist(), (end - begin).tolist(), strict=True))


@styled
def plot_queue(
    answers: Measured, begin: pd.Timestamp | None = None, end: pd.Timestamp | None = None
) -> Chart:
    """Receipts that wait for a register, over the day or a part of it; Z-windows and faults shaded, and named in lanes beneath."""
    begin, end = begin or answers.begin, end or answers.end
    found = lanes(answers)
    figure = Chart(figsize=(9.6, 3.6 + 0.24 * len(found)))
    if found:
        ax, strip = figure.subplots(2, 1, sharex=True, height_ratios=(3.0, 0.24 * len(found)))
    else:
        ax, strip = figure.subplots(), None
    t, waiting = steps(answers.queue, TOTAL, begin, end)
    drawn = visible(t)
    ax.fill_between(t[drawn], waiting[drawn], step="post", color=BLUE, alpha=0.25, linewidth=0, zorder=3)
    ax.step(t[drawn], waiting[drawn], where="post", color=BLUE, linewidth=1.1, zorder=4)
    peak = int(np.argmax(waiting))
    top = int(waiting[peak])
    ax.set_ylim(0, max(top * 1.18, 1.2))
    if top:
        right = t[peak] > (t[0] + t[-1]) / 2
        ax.vlines(
            t[peak], 0, top, color=BLUE, linewidth=0.8, zorder=4
        )  # the peak itself may be too short to be drawn
        ax.plot([t[peak]], [top], "o", color=BLACK, markersize=4, zorder=5)
        ax.annotate(
            f"{top:,} waiting at {clock(t[peak]):%H:%M}",
            (t[peak], top),
            xytext=(-7 if right else 7, 3),
            textcoords="offset points",
            ha="right" if right else "left",
            zorder=6,
        )
    elif not len(answers.receipts):
        nothing(ax, "No receipts in this run")
    ax.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.set_ylabel("receipts waiting for a register")
    ax.set_title(f"Queue over time: {answers.title}")
    if strip is None:
        clock_axis(ax, begin, end)
        return figure
    span = t[-1] - t[0]
    for y, (kind, lane) in enumerate(found.items()):
        style = look(kind)
        # A mark that would be thinner than a pixel or two is drawn as a mark.
        wide = [(b, w) for b, w in lane if w > span / 300]
        thin = [b + w / 2 for b, w in lane if w <= span / 300]
        strip.broken_barh(wide, (y - 0.36, 0.72), **style)
        strip.plot(thin, [y] * len(thin), linestyle="", marker="v", color=style["facecolor"], markeredgecolor="#333333",
                   markeredgewidth=0.4, markersize=6)  # fmt: skip
        for b, w in wide:
            if w < span / 2:
                ax.axvspan(b, b + w, color=style["facecolor"], alpha=0.10, linewidth=0, zorder=1)
        for b in thin:
            ax.axvline(b, color=style["facecolor"], alpha=0.5, linewidth=0.8, linestyle=":", zorder=1)
    strip.set_yticks(range(len(found)), [short(kind) for kind in found])
    strip.set_ylim(len(found) - 0.4, -0.6)
    strip.grid(axis="y", visible=False)
    strip.tick_params(axis="y", length=0)
    strip.spines["left"].set_visible(False)
    clock_axis(strip, begin, end)
    ax.tick_params(axis="x", labelbottom=False)
    return figure
