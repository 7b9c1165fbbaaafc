"""Late share against registers: the curve a planner reads, with how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.ticker import FuncFormatter, MaxNLocator

from bench.charts_style import BLUE, VERMILION, Chart, styled

if TYPE_CHECKING:
    from bench.sizing import Sizing


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
