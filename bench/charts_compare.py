"""Several results side by side: before and after, and how much replications of one scenario scatter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from matplotlib.ticker import PercentFormatter

from bench.charts_style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PINK,
    SKY,
    WAIT_LABEL,
    Chart,
    deadline_line,
    nothing,
    styled,
    wait_axis,
)
from bench.measures import Measured
from bench.statistics import t_interval
from bench.wording import share_text, wait_text

Group: TypeAlias = Measured | Sequence[Measured]
"""One result, or replications of one scenario."""

_LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
_COLOURS = (BLUE, ORANGE, GREEN, PINK, SKY, BLACK)  # not the colour of the deadline
_HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "----")


@styled
def plot_comparison(groups: Mapping[str, Group]) -> Chart:
    """Waits and late shares of several results, each named. Replications are pooled for the waits; their late share gets a t interval."""
    figure = Chart(figsize=(9.6, max(3.6, 1.6 + 0.42 * len(groups))))
    curves, bars = figure.subplots(1, 2, width_ratios=(1.7, 1))
    everything: list[float] = []
    deadline = 300.0
    top = 0.0
    for i, (name, group) in enumerate(groups.items()):
        results = [group] if isinstance(group, Measured) else list(group)
        colour, line, hatch = _COLOURS[i % 6], _LINES[(i + i // 6) % 6], _HATCHES[(i + i // 6) % 6]
        deadline = results[0].deadline_s
        waits = np.sort(np.concatenate([r.receipts["wait_s"].dropna().to_numpy() for r in results]))
        judged = sum(int((r.receipts["late"] | r.receipts["wait_s"].notna()).sum()) for r in results)
        everything += [*waits[:1], *waits[-1:]]
        if len(waits):
            curves.step(
                waits,
                np.arange(1, len(waits) + 1) / judged,
                where="post",
                color=colour,
                linestyle=line,
                label=name,
            )
        shares = [1.0 - r.summary["in_time_share"] for r in results]
        around = t_interval(shares)
        bars.barh(
            i, around.estimate, height=0.62, facecolor=colour, hatch=hatch, edgecolor="white", linewidth=0
        )
        right = around.estimate
        if len(results) > 1:
            right = around.high
            bars.plot(
                [max(around.low, 0.0), right], [i, i], color=BLACK, linewidth=1.6, solid_capstyle="butt"
            )
            bars.plot(
                [max(around.low, 0.0), right], [i, i], "|", color=BLACK, markersize=8, markeredgewidth=1.6
            )
        text = share_text(around.estimate) + (f" ± {around.half_width * 100:.2f}" if len(results) > 1 else "")
        bars.annotate(text, (right, i), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8.5)
        top = max(top, right)
    wait_axis(curves, "x", everything, deadline, WAIT_LABEL)
    deadline_line(curves, "x", deadline)
    curves.set_ylim(0, 1.02)
    curves.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
    curves.set_ylabel("receipts that waited no longer, %")
    curves.set_title(f"Waits against the deadline of {wait_text(deadline)}")
    if everything:
        curves.legend(loc="upper left")
    else:
        nothing(curves, "No receipts in these runs")
    bars.set_xlim(0, top * 1.75 if top > 0 else 0.01)
    bars.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
    bars.locator_params(axis="x", nbins=4)
    bars.set_yticks(range(len(groups)), list(groups))
    bars.set_ylim(len(groups) - 0.4, -0.6)
    bars.grid(axis="y", visible=False)
    bars.set_xlabel("late receipts, % of all")
    bars.set_title("Late")
    return figure


_QUANTILES = (("mean", "mean"), ("p50", "median"), ("p95", "95 %"), ("p99", "99 %"), ("max", "longest"))


@styled
def plot_replications(results: Sequence[Measured]) -> Chart:
    """How far the quantiles of the wait scatter over replications: every replication, their mean, its 95 % t interval."""
    figure = Chart(figsize=(9.6, 3.6))
    ax = figure.subplots()
    deadline = results[0].deadline_s if results else 300.0
    everything: list[float] = []
    for y, (key, _) in enumerate(_QUANTILES):
        values = [v for r in results if (v := r.summary["wait_s"][key]) is not None]
        if not values:
            continue
        everything += values
        spread = (
            np.arange(len(values)) % 5 - 2
        ) * 0.07  # so that equal values stay apart, the same way every time
        ax.plot(values, y + 0.18 + spread * 0.7, "o", color=SKY, markersize=3.5, alpha=0.9, zorder=3,
                label="one replication" if y == 0 else None)  # fmt: skip
        around = t_interval(values)
        if len(values) > 1:
            low = max(around.low, min(values) / 3)  # a logarithmic axis has no zero
            ax.plot([low, around.high], [y - 0.16] * 2, color=BLUE, linewidth=5, alpha=0.5, solid_capstyle="butt", zorder=3,
                    label="95 % interval of the mean" if y == 0 else None)  # fmt: skip
        ax.plot(
            [around.estimate],
            [y - 0.16],
            "D",
            color=BLACK,
            markersize=5,
            zorder=4,
            label="mean" if y == 0 else None,
        )
        ax.annotate(wait_text(around.estimate), (around.estimate, y - 0.16), xytext=(0, 5), textcoords="offset points",
                    ha="center", va="bottom", fontsize=8)  # fmt: skip
    wait_axis(ax, "x", everything, deadline, WAIT_LABEL)
    deadline_line(ax, "x", deadline)
    ax.set_yticks(range(len(_QUANTILES)), [label for _, label in _QUANTILES])
    ax.set_ylim(len(_QUANTILES) - 0.5, -0.7)
    ax.grid(axis="y", visible=False)
    ax.set_ylabel("wait of a day's receipts")
    name = results[0].summary["scenario"] if results else "no results"
    ax.set_title(f"Waits over {len(results)} replications: {name}")
    if everything:
        figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    else:
        nothing(ax, "No receipts in these runs")
    return figure
