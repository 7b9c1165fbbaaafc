"""What a watcher knew of each register: a lane for each fact, and beside it what the shop's old screen would have said."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.patches import Patch

from bench.charts_style import GREEN, GREY, VERMILION, Chart, clock_axis, dates, styled
from bench.measures import Measured
from fiscal.watch.facts import NAMES

_LOOK = {"yes": (GREEN, ""), "no": (VERMILION, "xxxx"), "unknown": (GREY, "....")}


@styled
def plot_facts(answers: Measured) -> Chart:
    """A lane for each fact of each register: yes, no or unknown over time."""
    rows = answers.facts
    names = list(dict.fromkeys(answers.registers["register"]))
    lanes = [(register, fact) for register in names for fact in NAMES]
    figure = Chart(figsize=(9.0, 1.1 + 0.27 * len(lanes)), layout="constrained")
    ax = figure.subplots()
    span = dates(pd.DatetimeIndex([answers.begin, answers.end]))
    for y, (register, fact) in enumerate(lanes):
        mine = rows[(rows["register"] == register) & (rows["fact"] == fact)]
        begin = np.append(span[0], dates(mine["time"]))
        until = np.append(begin[1:], span[1])
        said = ["unknown", *("unknown" if pd.isna(ok) else "yes" if ok else "no" for ok in mine["ok"])]
        for word, (colour, hatch) in _LOOK.items():
            chosen = np.array([one == word for one in said])
            ax.broken_barh(
                list(zip(begin[chosen], (until - begin)[chosen], strict=True)),
                (y - 0.4, 0.8),
                facecolor=colour,
                hatch=hatch,
                edgecolor="white",
                linewidth=0,
            )
    ax.set_yticks(range(len(lanes)), [f"{register}  {fact}" for register, fact in lanes])
    ax.invert_yaxis()
    clock_axis(ax, answers.begin, answers.end)
    ax.grid(False)
    ax.legend(
        handles=[
            Patch(facecolor=c, hatch=h, edgecolor="white", label=word) for word, (c, h) in _LOOK.items()
        ],
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=3,
    )
    return figure


@styled
def plot_truth(answers: Measured) -> Chart:
    """Receipts so far: what a screen that says "printed" shows, and what had been sent to the operator and confirmed by him."""
    receipts = answers.receipts
    figure = Chart(figsize=(9.0, 4.0), layout="constrained")
    ax = figure.subplots()
    for column, label, style in (
        ("recorded", 'recorded in the drive (the old screen: "printed")', {"color": GREY, "linewidth": 4}),
        ("confirmed", "confirmed by the operator", {"color": GREEN, "linewidth": 2.5}),
        ("sent", "sent to the operator", {"color": VERMILION, "linestyle": "--"}),
    ):
        moments = receipts[column].dropna().sort_values()
        when = [answers.begin, *moments, answers.end]
        count = [*range(len(moments) + 1), len(moments)]
        ax.step(when, count, where="post", label=label, **style)
    ax.set_ylabel("receipts so far")
    clock_axis(ax, answers.begin, answers.end)
    ax.set_ylim(bottom=0)
    ax.legend(loc="upper left")
    return figure
