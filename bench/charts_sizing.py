"""Late share against registers: the curve a planner reads, with how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.ticker import FuncFormatter, MaxNLocator

from bench.charts_style import BLUE, VERMILION, Chart, styled

if TYPE_CHECKING:
    from bench.sizing import Sizing
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
    for one, name in ((found.own, "own"), (found.best, "best")):
        clock = one.schedule.close_at[0]
        hour = int(clock[:2]) + int(clock[3:5]) / 60
        row = table[
            (table["close_at"] == ", ".join(one.schedule.close_at))
            & (table["stagger_min"] == one.schedule.stagger_min)
        ]
        ax.annotate(
            f"{name}: {one.schedule}",
            (hour, float(row["mean_wait_s"].iloc[0])),
            xytext=(0, 22 if name == "own" else -26),
            textcoords="offset points",
            ha="center",
            arrowprops={"arrowstyle": "-", "linewidth": 0.8},
        )
    low, high = float(table["hour"].min()), float(table["hour"].max())
    ax.set_xlim(low - 0.5, high + 0.5)
    ax.margins(y=0.25)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("the (first) closing begins at, hour of the day")
    ax.set_ylabel("mean wait of all receipts (s)")
    ax.set_title(f"{found.scenario}: when should shifts close?")
    ax.legend(loc="best")
    return figure
