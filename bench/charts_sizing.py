"""Late share against registers: the curve a planner reads, with how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.ticker import FuncFormatter, MaxNLocator

from bench.charts_style import BLUE, VERMILION, Chart, styled

if TYPE_CHECKING:
    from bench.policy_ranking import BestPolicy
    from bench.sizing import Sizing
    from bench.what_matters import WhatMatters
    from bench.z_schedule import BestSchedule


@styled
def plot_sizing(sizing: Sizing) -> Chart:
    """Each farm tried: its late share, the 95 % interval over days as a band, the target as a line, the answer as a ring."""
    table = sizing.table
    figure = Chart(figsize=(8.4, 4.2))
    ax = figure.subplots()
    x, share = table["registers"].to_numpy(), table["late_share"].to_numpy()
    ax.fill_between(
        x, table["low"], table["high"], color=BLUE, alpha=0.18, linewidth=0, label="95 % over days"
    )
    ax.plot(x, share, "o-", color=BLUE, label="late share")
    ax.axhline(
        sizing.late_share,
        color=VERMILION,
        linewidth=1.3,
        linestyle=(0, (6, 2)),
        label=f"target {sizing.late_share:.2%}",
    )
    if sizing.registers is not None:
        chosen = float(share[list(x).index(sizing.registers)])
        ax.plot([sizing.registers], [chosen], "o", markersize=13, markerfacecolor="none", color=VERMILION)
        ax.annotate(
            f"enough: {sizing.registers}",
            (sizing.registers, chosen),
            xytext=(10, 14),
            textcoords="offset points",
        )
    ax.set_yscale("symlog", linthresh=max(sizing.late_share, 1e-4))
    ax.set_ylim(0, 4 * max(float(table["high"].max()), sizing.late_share, 1e-4))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share * 100:g}%"))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    beside = f"{sizing.template} (and {sizing.others} others)" if sizing.others else "in all"
    ax.set_xlabel(f"registers {beside}")
    ax.set_ylabel("receipts recorded late")
    ax.set_title(f"{sizing.scenario}: how many registers?")
    ax.legend(loc="upper right")
    return figure


@styled
def plot_schedules(found: BestSchedule) -> Chart:
    """Each schedule of the search by its first closing: mean wait against the clock, late ones in another colour and shape."""
    table = found.searched.assign(
        hour=[
            int(text[:2]) + int(text[3:5]) / 60 for text in found.searched["close_at"].str.split(", ").str[0]
        ]
    )
    figure = Chart(figsize=(8.4, 4.2))
    ax = figure.subplots()
    for late, marker, colour, label in (
        (False, "o", BLUE, "none late"),
        (True, "x", VERMILION, "some late"),
    ):
        rows = table[(table["late_share"] > 0) == late]
        if len(rows):
            ax.plot(rows["hour"], rows["mean_wait_s"], marker, color=colour, label=label, alpha=0.8)
    low, high = float(table["hour"].min()), float(table["hour"].max())
    for one, name in ((found.own, "own"), (found.best, "best")):
        clock = one.schedule.close_at[0]
        hour = int(clock[:2]) + int(clock[3:5]) / 60
        row = table[
            (table["close_at"] == ", ".join(one.schedule.close_at))
            & (table["stagger_min"] == one.schedule.stagger_min)
        ]
        side = (hour - low) / (high - low) if high > low else 0.5
        ax.annotate(
            f"{name}: {one.schedule}",
            (hour, float(row["mean_wait_s"].iloc[0])),
            xytext=(0, 22 if name == "own" else -26),
            textcoords="offset points",
            ha="left" if side < 0.2 else "right" if side > 0.8 else "center",
            arrowprops={"arrowstyle": "-", "linewidth": 0.8},
        )
    ax.set_xlim(low - 0.5, high + 0.5)
    ax.margins(y=0.25)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("the (first) closing begins at, hour of the day")
    ax.set_ylabel("mean wait of all receipts (s)")
    ax.set_title(f"{found.scenario}: when should shifts close?")
    ax.legend(loc="best")
    return figure


_JUDGED = {
    "late_share": "share of late receipts",
    "mean_wait_s": "mean wait of all receipts (s)",
    "longest_wait_s": "longest wait of a day (s)",
}


@styled
def plot_policies(found: BestPolicy) -> Chart:
    """Each policy's mean with its 95 % interval over the days it was looked at; the chosen one in another colour, with a ring."""
    table = found.table.sort_values(found.by, ascending=False, ignore_index=True)
    figure = Chart(figsize=(8.4, 0.5 * len(table) + 1.6))
    ax = figure.subplots()
    for row in table.itertuples():
        value, best = float(getattr(row, found.by)), row.policy == found.best
        colour = VERMILION if best else BLUE
        ax.plot([row.low, row.high], [row.Index, row.Index], "-", color=colour, linewidth=2, alpha=0.6)
        ax.plot([value], [row.Index], "o", color=colour, markersize=9 if best else 6)
        ax.annotate(
            f"{row.days} days",
            (float(row.high), row.Index),
            xytext=(6, -3),
            textcoords="offset points",
            fontsize=8,
        )
    ax.set_yticks(range(len(table)), table["policy"])
    ax.set_ylim(-0.6, len(table) - 0.4)
    ax.set_xlim(left=0)
    ax.margins(x=0.12)
    if found.by == "late_share":
        ax.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share * 100:g}%"))
    ax.set_xlabel(_JUDGED[found.by])
    sure = f"right with probability {found.probability:.0%}" if found.decided else "not decided"
    ax.set_title(f"{found.scenario}: {found.best} ({sure})")
    return figure


@styled
def plot_what_matters(found: WhatMatters) -> Chart:
    """What the answer depends on, the most at the top: effects over the whole range, or shares of variance."""
    morris = found.method == "morris"
    size = "size" if morris else "total"
    table = found.table.sort_values(size, ignore_index=True)
    names = [
        f"{name}\n{found.ranges[name][0]:.3g} ... {found.ranges[name][1]:.3g}" for name in table["input"]
    ]
    figure = Chart(figsize=(8.4, 0.7 * len(table) + 1.4))
    ax = figure.subplots()
    ax.barh(range(len(table)), table[size], color=BLUE, height=0.55)
    if {"low", "high"} <= set(table.columns):
        for place, (low, high) in enumerate(zip(table["low"], table["high"], strict=True)):
            ax.plot([max(low, 0.0), high], [place, place], "-", color=VERMILION, linewidth=1.6)
    ax.set_yticks(range(len(table)), names)
    ax.set_xlim(left=0)
    of = _JUDGED[found.of]
    ax.set_xlabel(
        f"change of the {of} over the whole range" if morris else f"share of the variance of the {of}"
    )
    ax.set_title(f"{found.scenario}: what matters?")
    return figure
