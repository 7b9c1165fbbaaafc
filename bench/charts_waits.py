"""Charts of waits: against the deadline over the day, by register, and where the late ones came from."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator, PercentFormatter

from bench.charts_style import (
    BLACK,
    BLUE,
    VERMILION,
    WAIT_LABEL,
    Chart,
    clock_axis,
    dates,
    deadline_line,
    look,
    nothing,
    styled,
    wait_axis,
)
from bench.measures import Measured
from bench.measures_causes import short
from bench.wording import percent, wait_text

_DONE = ("recorded", "sent", "confirmed")


@styled
def plot_waits(answers: Measured) -> Chart:
    """Every receipt's wait over the day, and how many waited no longer than that, both against the deadline."""
    receipts, deadline = answers.receipts, answers.deadline_s
    figure = Chart(figsize=(9.6, 4.2))
    day, share = figure.subplots(1, 2, sharey=True, width_ratios=(2.6, 1))
    judged = receipts[receipts["late"] | receipts["wait_s"].notna()]
    open_s = (answers.end - judged["submitted"]).dt.total_seconds()
    waits = judged["wait_s"].fillna(open_s).to_numpy(dtype=float)
    late = judged["late"].to_numpy(dtype=bool)
    missing = judged["wait_s"].isna().to_numpy(dtype=bool)
    size = float(np.clip(9000 / max(len(judged), 1), 5, 22))
    moments = dates(judged["submitted"])
    groups = (
        (~late & ~missing, BLUE, "o", "in time"),
        (late & ~missing, VERMILION, "^", "late"),
        (missing, BLACK, "x", "no document at the end"),
    )
    for rows, colour, marker, label in groups:
        if rows.any():
            edge = {} if marker == "x" else {"linewidths": 0}
            day.scatter(
                moments[rows],
                np.maximum(waits[rows], 0.006),
                s=size * (1.4 if marker != "o" else 1),
                c=colour,
                marker=marker,
                alpha=0.75 if len(judged) < 1500 else 0.45,
                label=f"{label}: {int(rows.sum()):,}",
                zorder=4 if marker != "o" else 3,
                **edge,
            )
    wait_axis(day, "y", waits, deadline, WAIT_LABEL)
    clock_axis(day, answers.begin, answers.end)
    day.set_title(f"Waits against the deadline of {wait_text(deadline)}: {answers.title}")
    for ax in (day, share):
        deadline_line(ax, "y", deadline)
    share.set_title("How many waited no longer")
    share.set_xlabel("share of receipts, %")
    share.set_xlim(0, 1.02)
    share.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
    share.tick_params(axis="y", labelleft=False)
    if not len(judged):
        nothing(day, "No receipts in this run")
        return figure
    # Room for the legend between the title and the dots, wherever they are.
    low, high = day.get_ylim()
    day.set_ylim(low, high * (high / low) ** 0.10)
    day.legend(loc="upper left", ncols=3, markerscale=float(np.clip(18 / size, 1, 2.2)), handletextpad=0.2)
    known = np.sort(waits[~missing])
    if len(known):
        share.step(
            np.arange(1, len(known) + 1) / len(judged),
            known,
            where="pre",
            color=BLUE,
            linewidth=1.8,
            zorder=4,
        )
    for p in (0.5, 0.95, 0.99):
        place = max(int(np.ceil(p * len(judged) - 1e-9)), 1) - 1
        if place < len(known):
            share.plot([p], [known[place]], marker="D", color=BLACK, markersize=4.5, zorder=5)
    quantiles = answers.summary["wait_s"]
    if quantiles["p50"] is not None:
        rows = (("median", "p50"), ("95 %", "p95"), ("99 %", "p99"), ("longest", "max"))
        text = "\n".join(f"{label:<8}{wait_text(quantiles[key]):>9}" for label, key in rows)
        share.text(
            0.04,
            0.7,
            text,
            transform=share.transAxes,
            va="top",
            ha="left",
            family="DejaVu Sans Mono",
            fontsize=7.8,
            bbox={
                "facecolor": "white",
                "edgecolor": "#cccccc",
                "boxstyle": "round,pad=0.4",
                "linewidth": 0.7,
            },
            zorder=6,
        )
    return figure


@styled
def plot_waits_by_register(answers: Measured) -> Chart:
    """For each register the waits of the receipts it recorded: the middle half, 90 %, the median, the longest."""
    names = list(answers.registers["register"])
    figure = Chart(figsize=(9.6, max(2.2, 1.1 + 0.34 * len(names))))
    ax = figure.subplots()
    done = answers.receipts[answers.receipts["wait_s"].notna()]
    groups = {str(name): rows["wait_s"].to_numpy() for name, rows in done.groupby("register", observed=True)}
    for y, name in enumerate(names):
        waits = groups.get(name)
        if waits is None:
            ax.text(answers.deadline_s / 20, y, "no receipts", va="center", color="#666666")
            continue
        low, first, middle, third, high = np.quantile(np.maximum(waits, 0.006), (0.05, 0.25, 0.5, 0.75, 0.95))
        longest = float(waits.max())
        ax.plot([low, high], [y, y], color=BLUE, linewidth=1.4, label="5 % to 95 %")
        ax.plot(
            [first, third],
            [y, y],
            color=BLUE,
            linewidth=8,
            alpha=0.55,
            solid_capstyle="butt",
            label="middle half",
        )
        ax.plot([middle], [y], "D", color=BLACK, markersize=4.5, label="median")
        ax.plot(
            [longest], [y], "^", color=VERMILION if longest > answers.deadline_s else BLUE, label="longest"
        )
    wait_axis(ax, "x", done["wait_s"].to_numpy(), answers.deadline_s, WAIT_LABEL)
    deadline_line(ax, "x", answers.deadline_s)
    counts = dict(zip(names, answers.registers["receipts"], strict=True))
    ax.set_yticks(range(len(names)), [f"{name} ({counts[name]:,})" for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_ylabel("register (receipts)")
    ax.grid(axis="y", visible=False)
    ax.set_title(f"Waits by register: {answers.title}")
    handles = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    return figure


@styled
def plot_causes(answers: Measured) -> Chart:
    """Where the late receipts came from, and when they were paid."""
    causes = answers.causes
    figure = Chart(figsize=(9.6, max(3.2, 1.6 + 0.36 * len(causes))))
    if not len(causes):
        ax = figure.subplots()
        n = len(answers.receipts)
        text = f"No receipt was late: all of {n:,} in time" if n else "No receipts in this run"
        nothing(
            ax,
            text
            if not answers.summary["refused"]
            else f"No receipt was late ({answers.summary['refused']:,} refused)",
        )
        ax.set_axis_off()
        ax.set_title(f"Where the late ones came from: {answers.title}")
        return figure
    bars, when = figure.subplots(1, 2, width_ratios=(1, 1.5))
    for y, row in enumerate(causes.itertuples()):
        bars.barh(y, row.late, height=0.68, **look(row.cause))
        bars.text(row.late, y, f" {row.late:,} ({percent(row.share)})", va="center", fontsize=8.5)
    bars.set_yticks(range(len(causes)), [short(cause) for cause in causes["cause"]])
    bars.set_ylim(max(len(causes), 3) - 0.4, -0.6)  # a single bar is no wall
    bars.set_xlim(0, float(causes["late"].max()) * 1.45)
    bars.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    bars.grid(axis="y", visible=False)
    bars.set_xlabel("late receipts")
    bars.set_ylabel("cause")
    bars.set_title(f"{answers.summary['late']:,} late receipt{'s' * (answers.summary['late'] != 1)}")
    width = _bin(answers.end - answers.begin)
    edges = pd.date_range(answers.begin.floor(width), answers.end + width, freq=width)
    late = answers.receipts[answers.receipts["late"]]
    below = np.zeros(len(edges) - 1)
    for cause in causes["cause"]:
        counts, _ = np.histogram(dates(late.loc[late["why_late"] == cause, "submitted"]), bins=dates(edges))
        when.bar(
            dates(edges)[:-1],
            counts,
            width=np.diff(dates(edges)),
            bottom=below,
            align="edge",
            label=short(cause),
            **look(cause),
        )
        below += counts
    clock_axis(when, answers.begin, answers.end)
    when.set_ylim(0, max(below.max() * 1.08, 1))
    when.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    when.set_ylabel(f"late receipts paid in {wait_text(width.total_seconds())}")
    when.grid(axis="x", visible=False)
    when.set_title(f"When they were paid: {answers.title}")
    return figure


def _bin(span: pd.Timedelta) -> pd.Timedelta:
    """A width that cuts the span into about fifty."""
    widths = [pd.Timedelta(minutes=m) for m in (1, 2, 5, 10, 15, 30, 60, 120, 240, 720, 1440)]
    return min(widths, key=lambda width: abs(span / width - 50))
