"""Sweeps as pictures: late shares over two axes as a map with its numbers, and as curves with how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import SymLogNorm
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter

from bench.charts_compare import _COLOURS, _LINES
from bench.charts_style import VERMILION, Chart, styled

if TYPE_CHECKING:
    from bench.sweeping import Sweep

PANELS = 6
LINES = 8
"""More panels or lines than these cannot be read; vary less, or draw from the table."""
_LEAST = 1e-4  # shares below are drawn as nearly none
_TICKS = (0.0, 0.0001, 0.001, 0.01, 0.1, 1.0)


@styled
def plot_heat(sweep: Sweep, x: str = "", y: str = "") -> Chart:
    """The late share of each configuration in its cell, in percent; cells that keep the target (surely, by the upper bound) are framed.

    One panel for each choice of the other paths. Raises ValueError for paths that were not varied or more panels than `PANELS`.
    """
    x, y = _axes(sweep, x, y)
    others = _others(sweep, x, y)
    panels = _choices(sweep.table, others, PANELS, "panels")
    columns, rows = _values(sweep, x), _values(sweep, y)
    width, height = 1.6 + 0.72 * len(columns), 1.6 + 0.42 * len(rows)
    figure = Chart(figsize=(max(width * len(panels), 4.2) + 1.0, max(height, 2.8)))
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    norm = SymLogNorm(_LEAST, linscale=0.4, vmin=0.0, vmax=1.0, base=10)
    colours = mpl.colormaps["Blues"]
    drawn: Any = None
    for ax, (label, part) in zip(axes, panels, strict=True):
        grid = np.full((len(rows), len(columns)), np.nan)
        for row in part.to_dict("records"):
            i, j = rows.index(row[y]), columns.index(row[x])
            share = grid[i, j] = row["late_share"]
            dark = float(norm(share)) > 0.7
            ax.text(
                j, i, _share(share), ha="center", va="center", fontsize=8, color="white" if dark else "black"
            )
            if row.get("enough"):
                ax.add_patch(
                    Rectangle((j - 0.46, i - 0.44), 0.92, 0.88, fill=False, edgecolor=VERMILION, linewidth=2)
                )
        drawn = ax.imshow(grid, norm=norm, cmap=colours, aspect="auto", origin="lower")
        ax.set_xticks(range(len(columns)), [_text(value) for value in columns])
        ax.set_yticks(range(len(rows)), [_text(value) for value in rows])
        ax.grid(visible=False)
        ax.set_xlabel(x)
        ax.set_title(label)
    axes[0].set_ylabel(y)
    figure.suptitle(f"{sweep.scenario}: receipts recorded late, %, mean of {sweep.days} days")
    bar = figure.colorbar(drawn, ax=list(axes), ticks=FixedLocator(_TICKS), format=FuncFormatter(_percent))
    bar.set_label("receipts recorded late")
    if sweep.late_share is not None:
        figure.supxlabel(
            f"framed: at most {_percent(sweep.late_share)} late, by the upper 95 % bound", fontsize=9
        )
    return figure


@styled
def plot_lines(sweep: Sweep, x: str = "") -> Chart:
    """Late share against one path, its 95 % interval over days as a band, the target as a line; one curve for each choice of the others.

    Raises ValueError for a path that was not varied or has values that are no numbers, or for more curves than `LINES`.
    """
    [x] = _axes(sweep, x)
    others = _others(sweep, x)
    curves = _choices(sweep.table, others, LINES, "lines")
    if not pd.api.types.is_numeric_dtype(sweep.table[x]):
        raise ValueError(f"{x}: its values are no numbers; draw lines over one whose values are")
    figure = Chart(figsize=(8.4, 4.4))
    ax = figure.subplots()
    for n, (label, part) in enumerate(curves):
        part = part.sort_values(x)
        colour, line = _COLOURS[n % len(_COLOURS)], _LINES[(n + n // len(_COLOURS)) % len(_LINES)]
        ax.fill_between(part[x], part["low"], part["high"], color=colour, alpha=0.14, linewidth=0)
        ax.plot(part[x], part["late_share"], "o", linestyle=line, color=colour, label=label or "late share")
    if sweep.late_share is not None:
        ax.axhline(
            sweep.late_share,
            color=VERMILION,
            linewidth=1.3,
            linestyle=(0, (6, 2)),
            label=f"target {_percent(sweep.late_share)}",
        )
    least = max(min(sweep.late_share or 1e-3, 1e-3), _LEAST)
    ax.set_yscale("symlog", linthresh=least)
    top = max(float(sweep.table["high"].max()) if sweep.days > 1 else 0.0, sweep.late_share or 0.0)
    ax.set_ylim(0, min(2 * max(top, float(sweep.table["late_share"].max()), least), 1.5))
    ax.yaxis.set_major_locator(FixedLocator([tick for tick in _TICKS if tick == 0 or tick >= least]))
    ax.yaxis.set_major_formatter(FuncFormatter(_percent))
    if pd.api.types.is_integer_dtype(sweep.table[x]) and len(_values(sweep, x)) <= 20:
        ax.set_xticks(_values(sweep, x))
    ax.set_xlabel(x)
    ax.set_ylabel("receipts recorded late")
    ax.set_title(f"{sweep.scenario}: {sweep.days} days, band: 95 % over days")
    figure.legend(loc="outside right upper", title=", ".join(others) or None)
    return figure


def _axes(sweep: Sweep, *wanted: str) -> list[str]:
    """The paths to draw over; those not named are taken in their order, paths of numbers first."""
    for path in wanted:
        if path and path not in sweep.paths:
            raise ValueError(f"{path}: was not varied; there are: {', '.join(sweep.paths)}")
    if len(sweep.paths) < len(wanted):
        raise ValueError(
            f"a map needs two varied paths, there is one: {sweep.paths[0]}; draw lines (plot_lines)"
        )
    numbers = [path for path in sweep.paths if pd.api.types.is_numeric_dtype(sweep.table[path])]
    free = [p for p in (*numbers, *sweep.paths) if p not in wanted]
    free = list(dict.fromkeys(free))
    return [path or free.pop(0) for path in wanted]


def _others(sweep: Sweep, *drawn: str) -> list[str]:
    """The paths that tell panels or curves apart."""
    return [path for path in sweep.paths if path not in drawn and len(_values(sweep, path)) > 1]


def _choices(
    table: pd.DataFrame, others: Sequence[str], most: int, what: str
) -> list[tuple[str, pd.DataFrame]]:
    """Parts of the table in which the other paths do not change, with a label each."""
    if not others:
        return [("", table)]
    parts = [(", ".join(map(_text, key)), part) for key, part in table.groupby(list(others), sort=False)]
    if len(parts) > most:
        raise ValueError(f"{len(parts)} {what} cannot be read, {most} can; vary less, or draw from the table")
    return parts


def _values(sweep: Sweep, path: str) -> list[Any]:
    return list(dict.fromkeys(sweep.table[path].tolist()))


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _percent(share: float, _: int | None = None) -> str:
    return f"{share * 100:g} %"


def _share(share: float) -> str:
    """A share in percent, in few characters: none is 0, and little is not none."""
    if share == 0:
        return "0"
    percent = share * 100
    return "<.01" if percent < 0.01 else f"{percent:.2g}" if percent < 10 else f"{percent:.0f}"
