"""A fitted profile in words: the week, the tests, what to do with them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bench.wording import share_text

if TYPE_CHECKING:
    from bench.fit import RateFit, Tested


def report(fit: RateFit) -> str:
    """The profile by weekday with its intervals, the tests, and what to do."""
    from bench.fit import WEEKDAYS

    left_out = f" ({fit.closed} closed days left out)" if fit.closed else ""
    out = [
        f"{fit.source}: {fit.orders:,} orders from {fit.first} to {fit.last}{left_out}",
        "",
        f"  {'':11}{'days':>5}{'orders a day':>14}{'busiest hour':>15}{'orders an hour (95 %)':>27}",
    ]
    for day, name in enumerate(WEEKDAYS):
        hour = int(np.argmax(fit.rate[day]))
        if not fit.counts[day].any():
            out.append(f"  {name:11}{fit.days[day]:5}{'none':>14}")
            continue
        interval = f"{fit.rate[day, hour]:.1f} ({fit.low[day, hour]:.1f} ... {fit.high[day, hour]:.1f})"
        busiest = f"{hour:02}-{hour + 1:02}"
        out.append(
            f"  {name:11}{fit.days[day]:5}{float(fit.rate[day].sum()):14.1f}{busiest:>15}{interval:>27}"
        )
    if len(set(fit.month_factor)) > 1:
        low, high = int(np.argmin(fit.month_factor)), int(np.argmax(fit.month_factor))
        out.append(
            f"  season: x {fit.month_factor[low]:.2f} in {_MONTHS[low]} to x {fit.month_factor[high]:.2f} in {_MONTHS[high]}"
        )
    out += [
        "",
        f"  scatter of hours, as a multiple of Poisson's  {fit.by_hour.ratio:8.2f}   {_p(fit.by_hour.p)}",
        f"  scatter of whole days                         {fit.by_day.ratio:8.2f}   {_p(fit.by_day.p)}",
        f"  rescaled gaps, Kolmogorov-Smirnov distance    {_test(fit.kolmogorov_smirnov)}",
        f"  rescaled gaps, chi-square of 20 bins          {_test(fit.chi_square)}",
        f"  returns {share_text(fit.return_share)}; lines of an order: {_lines(fit)}",
        "",
        *_advice(fit),
    ]
    return "\n".join(out)


def _advice(fit: RateFit) -> list[str]:
    if fit.poisson:
        return ["  No test contradicts a Poisson source with this profile: use it."]
    lines = ["  This is no Poisson source: the profile is right on the mean, and its days are too even."]
    if fit.by_day.ratio > 1:
        lines.append(
            f"  Days scatter {fit.by_day.ratio:.1f} times as much, so the intervals above are {math.sqrt(fit.by_day.ratio):.1f} "
            "times too narrow."
        )
    lines.append(
        '  For sizing let whole real days come, at random: arrivals.kind = "trace", bootstrap = "weekdays".'
    )
    return lines


def _p(p: float) -> str:
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.4f}"


def _test(test: Tested) -> str:
    return f"{test.statistic:8.4g}   {_p(test.p)}"


def _lines(fit: RateFit) -> str:
    return ", ".join(f"{key} {value}" for key, value in fit.lines.model_dump().items() if key != "kind")


_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
