"""A fitted profile as a picture: the week with its intervals, and whether the rest is chance alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import FuncFormatter
from scipy import special

from bench.charts_style import BLUE, VERMILION, Chart, styled

if TYPE_CHECKING:
    from bench.fit import RateFit

_SHOWN = 500
_SHORTEST = 1e-3  # of a mean gap; what is shorter is of one moment


@styled
def plot_fit(fit: RateFit) -> Chart:
    """Left: orders an hour over the week with the 95 % Poisson interval as a band. Right: rescaled gaps against exponential ones.

    If the orders were Poisson with this profile, the gaps would stay within the grey band (Kolmogorov-Smirnov, 99 %).
    """
    from bench.fit import WEEKDAYS

    figure = Chart(figsize=(11.0, 4.2))
    week, gaps = figure.subplots(1, 2, width_ratios=(2.2, 1))
    edges = np.arange(169)

    def steps(values: np.ndarray) -> np.ndarray:
        return np.append(values.ravel(), values.ravel()[-1])

    week.fill_between(
        edges,
        steps(fit.low),
        steps(fit.high),
        step="post",
        color=BLUE,
        alpha=0.25,
        linewidth=0,
        label="95 % (Poisson)",
    )
    week.step(edges, steps(fit.rate), where="post", color=BLUE, linewidth=1.3, label="orders an hour")
    week.set_xlim(0, 168)
    week.set_ylim(0, None)
    week.set_xticks(np.arange(0, 168, 24))
    week.set_xticks(np.arange(12, 168, 24), [name[:3] for name in WEEKDAYS], minor=True)
    week.tick_params(axis="x", which="major", labelbottom=False)
    week.tick_params(axis="x", which="minor", length=0)
    week.set_xlabel("hour of the week")
    week.set_ylabel("orders an hour")
    week.set_title(f"{fit.source}: the week")
    week.legend(loc="upper right")

    n = len(fit.gaps)
    if n:
        share = (_places(n) + 0.5) / n
        law = -np.log1p(-share)
        # the distance no 99 of 100 Poisson samples of this size exceed, laid around the law
        reach = float(special.kolmogi(0.01)) / np.sqrt(n)
        low = -np.log1p(-np.clip(share - reach, 0, None))
        high = -np.log1p(-np.clip(share + reach, None, 1 - 1e-12))
        gaps.fill_between(law, low, high, color="#dddddd", linewidth=0, label="Poisson, 99 %")
        gaps.plot(law, law, color="#777777", linewidth=0.8)
        seen = fit.gaps[_places(n)]
        gaps.plot(law, seen, ".", color=VERMILION, markersize=3, label="these orders")
        gaps.set_xscale("log")
        gaps.set_yscale("log")
        lowest = max(_SHORTEST, float(law[0]))
        gaps.set_xlim(lowest, 1.2 * float(law[-1]))
        gaps.set_ylim(lowest, 1.2 * max(float(seen[-1]), float(law[-1])))
        for axis in (gaps.xaxis, gaps.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        gaps.legend(loc="upper left")
    gaps.set_xlabel("gap expected, in mean gaps of the moment")
    gaps.set_ylabel("gap seen")
    gaps.set_title("is the rest chance?")
    return figure


def _places(n: int) -> npt.NDArray[np.int64]:
    """Which of n sorted gaps are shown: close at both ends, where they are rare on a logarithmic axis."""
    ends = np.geomspace(1, n, _SHOWN // 2)
    return np.unique(np.concatenate([ends, n + 1 - ends]).astype(np.int64)) - 1
