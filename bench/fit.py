"""A shop's rate, fitted from its own orders: how many come in each hour of the week, how sure that is, and whether Poisson may be assumed.

A profile says the *mean*. Two tests ask whether the rest is chance alone, as a Poisson source has it. *Dispersion*: do days of the same
weekday and month differ by more than Poisson counts would? *Rescaled gaps*: laid through the integrated rate, the gaps between orders
must be exponential with mean 1 (time-rescaling; Papangelou 1972; Brown and others, *Neural Computation* 14 (2002) 325). Real shops
usually fail both: their good days are better and their bad days worse. Then a profile makes days that are too even, and the trace
itself with its days drawn at random (``bootstrap``) is the safer source.

    >>> from bench.orders_file import read_bundled
    >>> from bench.scenario import BUNDLED
    >>> fit = fit_rate(read_bundled(BUNDLED["online_retail"]))
    >>> round(float(fit.rate[3, 12]), 1)  # Thursdays from twelve to one, orders an hour
    13.3
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from bench.orders_file import DAY_S, Trace
from bench.scenario_arrivals import FixedLines, Lines, LognormalLines, ProfileArrivals
from bench.scenario_errors import ScenarioError
from bench.streams import stream

if TYPE_CHECKING:
    from bench.charts_style import Chart

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DOUBT = 0.01
"""A test whose p value is below contradicts the profile."""
_WEEK = 7
_SURELY_CLOSED = 1e-3  # a chance so small that a day without orders was no quiet day
_SEASON_DAYS = 14  # of each month, for a season to be fitted
_BINS = 20


class Tested(NamedTuple):
    """A statistic and the chance of one at least as large if the orders were Poisson with the fitted rate."""

    statistic: float
    p: float


class Dispersion(NamedTuple):
    """Scatter as a multiple of Poisson's (1: just so), and the chance of at least as much if it were Poisson."""

    ratio: float
    p: float


@dataclass(frozen=True, slots=True)
class RateFit:
    """A fitted profile. Arrays have a row for each weekday from Monday and a column for each hour from midnight.

    ``rate`` with ``low`` and ``high``: orders an hour (in a month of factor 1) with the exact 95 % interval of a Poisson mean. ``counts``:
    orders seen. ``days``: days of each weekday that count; ``closed`` days are left out. ``gaps``: rescaled gaps, sorted.
    """

    source: str
    first: dt.date
    last: dt.date
    counts: Ints
    days: tuple[int, ...]
    closed: int
    rate: Floats
    low: Floats
    high: Floats
    month_factor: tuple[float, ...]
    by_hour: Dispersion
    by_day: Dispersion
    gaps: Floats
    kolmogorov_smirnov: Tested
    chi_square: Tested
    lines: Lines
    return_share: float

    @property
    def orders(self) -> int:
        return int(self.counts.sum())

    @property
    def poisson(self) -> bool:
        """Whether no test contradicts a Poisson source with this profile."""
        return min(self.by_hour.p, self.by_day.p, self.kolmogorov_smirnov.p, self.chi_square.p) >= DOUBT

    @property
    def table(self) -> pd.DataFrame:
        """A row for each hour of the week: weekday, hour, days, orders, rate_per_h, low, high."""
        return pd.DataFrame(
            {
                "weekday": np.repeat(WEEKDAYS, 24),
                "hour": np.tile(np.arange(24), _WEEK),
                "days": np.repeat(self.days, 24),
                "orders": self.counts.ravel(),
                "rate_per_h": self.rate.ravel(),
                "low": self.low.ravel(),
                "high": self.high.ravel(),
            }
        )

    def as_arrivals(self) -> ProfileArrivals:
        """The profile as the `arrivals` of a scenario, with the season, the numbers of lines and the share of returns; four digits."""
        return ProfileArrivals(
            kind="profile",
            rate_per_h=tuple(_rounded(rate) for rate in self.rate.ravel().tolist()),
            month_factor=tuple(_rounded(factor) for factor in self.month_factor),
            lines=self.lines,
            return_share=_rounded(self.return_share),
        )

    def toml(self) -> str:
        """`as_arrivals` as a piece of a scenario file."""
        arrivals = self.as_arrivals()
        rates = arrivals.rate_per_h
        rows = [
            "  " + " ".join(f"{rate:>6g}," for rate in rates[24 * day : 24 * day + 24]) + f"  # {name}"
            for day, name in enumerate(WEEKDAYS)
        ]
        lines = ", ".join(
            f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value:g}"
            for key, value in arrivals.lines.model_dump().items()
        )
        return "\n".join(
            [
                f"# fitted from {self.source}: {self.orders:,} orders from {self.first} to {self.last}",
                "[arrivals]",
                'kind = "profile"',
                "rate_per_h = [  # orders an hour, from midnight",
                *rows,
                "]",
                f"month_factor = [{', '.join(f'{factor:g}' for factor in arrivals.month_factor)}]",
                f"return_share = {arrivals.return_share:g}",
                f"lines = {{ {lines} }}",
            ]
        )

    def report(self) -> str:
        """The profile by weekday, the tests, and what to do with them, in words."""
        from bench.fit_report import report

        return report(self)

    def as_json(self) -> dict[str, Any]:
        """Everything but the gaps, for machines."""
        return {
            "source": self.source,
            "first": str(self.first),
            "last": str(self.last),
            "orders": self.orders,
            "days": list(self.days),
            "closed_days": self.closed,
            "rate_per_h": self.rate.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "month_factor": list(self.month_factor),
            "dispersion": {"by_hour": self.by_hour._asdict(), "by_day": self.by_day._asdict()},
            "rescaled_gaps": {
                "kolmogorov_smirnov": self.kolmogorov_smirnov._asdict(),
                "chi_square": self.chi_square._asdict(),
            },
            "poisson": self.poisson,
            "arrivals": self.as_arrivals().model_dump(mode="json"),
        }

    def plot(self) -> Chart:
        """The week with its intervals, and the rescaled gaps against what Poisson promises."""
        from bench.charts_fit import plot_fit

        return plot_fit(self)


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def fit_rate(trace: Trace) -> RateFit:
    """The rate of a trace's orders (returns included) by hour of the week and, where the trace has all twelve months, by season.

    A day without any order counts as closed, and not at all, when its weekday is usually open and too busy for an empty day to be chance.
    Raises ScenarioError for a trace without orders or of less than a week.
    """
    calendar = _Calendar(trace)
    counts = calendar.by_weekday(calendar.counts)
    season = np.ones(12)
    if calendar.whole_year:
        season = _season(calendar, counts)
    factor = season[calendar.month]
    exposure = np.bincount(calendar.weekday, factor, _WEEK)[:, None]
    rate = counts / exposure
    expected = rate[calendar.weekday] * factor[:, None]
    spent = int(np.count_nonzero(counts)) + (11 if calendar.whole_year else 0)
    gaps = np.sort(np.diff(calendar.passed(expected)))
    return RateFit(
        source=trace.source,
        first=calendar.date(0),
        last=calendar.date(-1),
        counts=counts,
        days=tuple(np.bincount(calendar.weekday, minlength=_WEEK).tolist()),
        closed=calendar.closed,
        rate=rate,
        low=np.where(counts > 0, special.gammaincinv(np.maximum(counts, 1), 0.025), 0.0) / exposure,
        high=special.gammaincinv(counts + 1, 0.975) / exposure,
        month_factor=tuple(season.tolist()),
        by_hour=_dispersion(calendar.counts, expected, spent),
        by_day=_dispersion(
            calendar.counts.sum(1), expected.sum(1), _WEEK + spent - int(np.count_nonzero(counts))
        ),
        gaps=gaps,
        kolmogorov_smirnov=_kolmogorov_smirnov(gaps),
        chi_square=_chi_square(gaps),
        lines=_lines(np.diff(trace.first_line)),
        return_share=float(np.mean(trace.returned)),
    )


class _Calendar:
    """The days of a trace that count, with their weekdays, months and orders by hour."""

    def __init__(self, trace: Trace) -> None:
        if not trace.order:
            raise ScenarioError(f"{trace.source}: has no orders with goods; there is no rate to fit")
        # a file that knows minutes only says nothing of what happens within one: seconds are drawn, as a run draws them
        drawn = stream(0, "fit/seconds").random(len(trace.order)) * 60 if trace.whole_minutes else 0.0
        self.time_s = np.sort(trace.time_s + drawn)
        day = (self.time_s // DAY_S).astype(np.int64)
        every = np.arange(day[0], day[-1] + 1)
        if len(every) < _WEEK:
            raise ScenarioError(
                f"{trace.source}: covers {len(every)} days, a profile of the week needs 7 or more; "
                f'replay the orders as they are: arrivals = {{ kind = "trace", file = "{trace.source}" }}'
            )
        hour = ((self.time_s // 3600) % 24).astype(np.int64)
        counts = np.bincount((day - every[0]) * 24 + hour, minlength=len(every) * 24).reshape(-1, 24)
        weekday = (every + 3) % _WEEK  # 1 January 1970 was a Thursday
        counted = self._counted(counts.sum(1), weekday)
        self.days, self.counts, self.weekday = every[counted], counts[counted], weekday[counted]
        self.closed = int((~counted).sum())
        self.month = np.array([self.date(n).month - 1 for n in range(len(self.days))])
        self.whole_year = bool((np.bincount(self.month, minlength=12) >= _SEASON_DAYS).all())

    def date(self, n: int) -> dt.date:
        return dt.date(1970, 1, 1) + dt.timedelta(days=int(self.days[n]))

    @staticmethod
    def _counted(orders: Ints, weekday: Ints) -> npt.NDArray[np.bool_]:
        counted = orders > 0
        for day in range(_WEEK):
            its = weekday == day
            open_days = int((counted & its).sum())
            usually_open = 2 * open_days > its.sum()
            if not usually_open or math.exp(-orders[its].sum() / open_days) > _SURELY_CLOSED:
                counted |= its
        return counted

    def by_weekday(self, values: Ints) -> Ints:
        summed: Ints = np.stack([values[self.weekday == day].sum(0) for day in range(_WEEK)])
        return summed

    def passed(self, expected: Floats) -> Floats:
        """For each order, the mean number of orders up to its moment: its place in a process of rate 1."""
        before = np.concatenate(([0.0], np.cumsum(expected.ravel())))
        day = np.searchsorted(self.days, self.time_s // DAY_S)
        hours = day * 24 + (self.time_s % DAY_S) / 3600
        passed: Floats = np.interp(hours, np.arange(len(before)), before)
        return passed


def _season(calendar: _Calendar, counts: Ints) -> Floats:
    """Factors of the months beside the week, of mean 1 over the days: most likely for Poisson counts.

    Rate and season are fitted in turns, each given the other, until both agree (iterative proportional fitting; Deming and Stephan,
    *Annals of Mathematical Statistics* 11 (1940) 427).
    """
    seen = np.bincount(calendar.month, calendar.counts.sum(1), 12)
    season = np.ones(12)
    for _ in range(100):
        a_day = counts.sum(1) / np.bincount(calendar.weekday, season[calendar.month], _WEEK)
        season = seen / np.bincount(calendar.month, a_day[calendar.weekday], 12)
        season /= season[calendar.month].mean()
    return season


def _dispersion(counts: Ints, expected: Floats, spent: int) -> Dispersion:
    """Pearson's chi-square over its degrees of freedom; Fisher, *Statistical Methods for Research Workers*, section 19."""
    there = expected > 0
    statistic = float(np.sum((counts[there] - expected[there]) ** 2 / expected[there]))
    freedom = int(there.sum()) - spent
    if freedom < 1:
        return Dispersion(1.0, 1.0)
    return Dispersion(statistic / freedom, float(special.chdtrc(freedom, statistic)))


def _kolmogorov_smirnov(gaps: Floats) -> Tested:
    """Against the exponential law of mean 1; p with Stephens' correction (*JRSS B* 32 (1970) 115).

    The rate was fitted from the same orders, which makes the test lenient, little so with many more orders than hours of the week.
    """
    n = len(gaps)
    if not n:
        return Tested(0.0, 1.0)
    law = -np.expm1(-gaps)
    rank = np.arange(n)
    distance = float(max(np.max((rank + 1) / n - law), np.max(law - rank / n)))
    return Tested(distance, float(special.kolmogorov((math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n)) * distance)))


def _chi_square(gaps: Floats) -> Tested:
    """Gaps counted in twenty bins that are equally likely under the exponential law; Pearson 1900."""
    n = len(gaps)
    if n < 5 * _BINS:
        return Tested(0.0, 1.0)
    counts = np.bincount(np.minimum((-np.expm1(-gaps) * _BINS).astype(np.int64), _BINS - 1), minlength=_BINS)
    statistic = float(np.sum((counts - n / _BINS) ** 2) / (n / _BINS))
    return Tested(statistic, float(special.chdtrc(_BINS - 1, statistic)))


def _lines(counts: Ints) -> Lines:
    """Numbers of lines as a source of made-up orders draws them: by median and mean."""
    most = int(min(counts.max(), 10_000))
    if most == counts.min():
        return FixedLines(kind="fixed", count=most)
    median = float(np.median(counts))
    return LognormalLines(
        kind="lognormal", median=median, mean=max(median, round(float(counts.mean()), 2)), max=most
    )
