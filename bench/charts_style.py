"""What all charts share: the style file, colours with a second cue, axes in the shop's clock and in units of waiting.

A chart is a `Chart`: a matplotlib figure that no window or global state knows of. A notebook shows it when a cell ends with it, a file
gets it by `Chart.save`, and the same data gives the same bytes in one version of matplotlib.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from bench.wording import wait_text

STYLE = Path(__file__).with_name("style.mplstyle")
DPI = 90
WAIT_LABEL = "wait from payment to document (s, min, h)"

BLUE, VERMILION, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, YELLOW, BLACK, GREY = "#E69F00", "#56B4E9", "#F0E442", "#000000", "#999999"

LOOK: dict[str, tuple[str, str]] = {
    "queue": (BLUE, ""),
    "z_window": (ORANGE, "////"),
    "in_doubt": (PINK, "...."),
    "power_cut": (VERMILION, "xxxx"),
    "computer_hang": (BLACK, "////"),
    "web_server_hang": (GREY, "xxxx"),
    "cable_pulled": (VERMILION, "\\\\\\\\"),
    "reply_lost": (PINK, "xxxx"),
    "garbled_bytes": (SKY, "xxxx"),
    "paper_out": (YELLOW, "////"),
    "register_slow": (GREEN, "----"),
    "planned_outage": (YELLOW, "----"),
    "drive_replacement": (YELLOW, "xxxx"),
    "drive_blocked": (BLACK, "xxxx"),
    "engine_crash": (BLACK, "...."),
    "disk_full": (GREEN, "xxxx"),
    "clock_jump": (SKY, "----"),
    "operator_unreachable": (SKY, "\\\\\\\\"),
    "marking_silent": (ORANGE, "xxxx"),
    "register_down": (VERMILION, ""),
    "not_accepted": (GREY, "////"),
    "printing": (GREEN, ""),
}
"""Colour and hatch of every cause; no two are alike in both."""

_CYCLE = (GREY, SKY, GREEN, YELLOW)
Arguments = ParamSpec("Arguments")


def look(cause: str) -> dict[str, Any]:
    """Colour and hatch of a cause as arguments of a bar."""
    colour, hatch = LOOK.get(cause, (_CYCLE[len(cause) % len(_CYCLE)], "++++"))
    return {"facecolor": colour, "hatch": hatch, "edgecolor": "white", "linewidth": 0.0}


class Chart(Figure):
    """A figure on its own."""

    def _repr_png_(self) -> bytes:
        out = io.BytesIO()
        self.save(out)
        return out.getvalue()

    def save(self, to: str | Path | io.BytesIO) -> None:
        """Write a PNG of `DPI` dots an inch, without a date or a program's name in it."""
        with mpl.rc_context():
            _apply_style()
            self.savefig(to, format="png", dpi=DPI, metadata={"Software": None})


def undrawable(path: Path) -> str:
    """Why no picture can be written under this name; "" when one can."""
    known = sorted(Chart().canvas.get_supported_filetypes())
    if path.suffix.removeprefix(".").lower() in known:
        return ""
    return f"no kind of picture; end the name in one of: {', '.join(known)}"


def _apply_style() -> None:
    """The style alone decides: a user's own settings would change the bytes."""
    mpl.rcdefaults()
    mpl.rc_file(STYLE, use_default_template=False)


def styled(draw: Callable[Arguments, Chart]) -> Callable[Arguments, Chart]:
    """Draw a chart in the style of the bench, whatever the settings outside."""

    @functools.wraps(draw)
    def wrapper(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Chart:
        with mpl.rc_context():
            _apply_style()
            return draw(*args, **kwargs)

    return wrapper


def clock_axis(ax: Axes, begin: pd.Timestamp, end: pd.Timestamp) -> None:
    """The horizontal axis is the shop's clock from ``begin`` to ``end``."""
    if end <= begin:
        end = begin + pd.Timedelta(minutes=1)
    span = end - begin
    ax.set_xlim(day(begin), day(end))
    ax.xaxis.set_major_locator(mdates.AutoDateLocator(minticks=4, maxticks=9))  # type: ignore[no-untyped-call]
    if span > pd.Timedelta(hours=60):
        ax.xaxis.set_major_formatter(mdates.DateFormatter("%m-%d\n%H:%M"))  # type: ignore[no-untyped-call]
    else:
        short = span < pd.Timedelta(minutes=8)
        ax.xaxis.set_major_formatter(mdates.DateFormatter("%H:%M:%S" if short else "%H:%M"))  # type: ignore[no-untyped-call]
    whole = f"{begin:%Y-%m-%d}" if begin.date() == end.date() else f"{begin:%Y-%m-%d} to {end:%Y-%m-%d}"
    ax.set_xlabel(f"shop's clock, hours and minutes ({whole})")


def day(moment: pd.Timestamp) -> float:
    """A moment as matplotlib counts it (days)."""
    return float(dates(pd.DatetimeIndex([moment]))[0])


def dates(values: pd.Series | pd.DatetimeIndex) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Moments as matplotlib counts them (days)."""
    whole = np.asarray(values, dtype="datetime64[us]").astype(np.int64)
    out: np.ndarray[Any, np.dtype[np.float64]] = whole / 86_400_000_000
    return out


_WAIT_TICKS = (0.01, 0.1, 1, 10, 60, 300, 600, 1800, 3600, 14400, 86400, 7 * 86400)


def wait_axis(
    ax: Axes, which: str, waits_s: Sequence[float] | np.ndarray[Any, Any], deadline_s: float, label: str
) -> None:
    """A logarithmic axis of waits that always shows the deadline, ticks in seconds, minutes and hours."""
    waits = np.asarray(waits_s, dtype=float)
    waits = waits[np.isfinite(waits) & (waits > 0)]
    low = min(float(waits.min()) if len(waits) else 1.0, deadline_s / 30)
    high = max(float(waits.max()) if len(waits) else 1.0, deadline_s)
    low, high = max(low / 1.5, 0.005), high * 1.8
    axis = ax.yaxis if which == "y" else ax.xaxis
    (ax.set_yscale if which == "y" else ax.set_xscale)("log")
    (ax.set_ylim if which == "y" else ax.set_xlim)(low, high)
    near = [
        t for t in _WAIT_TICKS if low <= t <= high and (t == deadline_s or not 0.55 < t / deadline_s < 1.8)
    ]
    axis.set_major_locator(FixedLocator(sorted({*near, deadline_s})))
    axis.set_major_formatter(FuncFormatter(lambda value, _: wait_text(value)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
    (ax.set_ylabel if which == "y" else ax.set_xlabel)(label)


def deadline_line(ax: Axes, which: str, deadline_s: float) -> None:
    """The line a wait must not cross."""
    (ax.axhline if which == "y" else ax.axvline)(
        deadline_s, color=VERMILION, linewidth=1.3, linestyle=(0, (6, 2)), zorder=3
    )


def nothing(ax: Axes, text: str) -> None:
    """Say in an empty chart why it is empty."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", fontsize=11, color="#444444")
