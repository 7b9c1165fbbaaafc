"""When made-up orders come: rates over the day, the week and the year, and the moments drawn from them.

A rate that is constant by pieces (an hour, a minute) is drawn from by *inversion*: gaps of mean 1 are laid through the mean number of
orders up to each moment, which is exact. A rate that follows a curve is drawn from by *thinning*: moments come at the highest rate there
is, and each stays with the chance rate / highest. Both: Lewis and Shedler, *Naval Research Logistics Quarterly* 26 (1979) 403; Çinlar,
*Introduction to Stochastic Processes* (1975), section 4.7.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from bench.scenario import Scenario
from bench.scenario_arrivals import (
    Burst,
    MadeUpArrivals,
    PoissonArrivals,
    ProfileArrivals,
    ReadyArrivals,
    SinusoidalArrivals,
)
from bench.scenario_errors import ScenarioError
from bench.scenario_model import US_PER_S, day_time_us
from bench.streams import stream

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_BLOCK = 4096
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class ReadyDay:
    """The shape of a day: how its orders are shared out over 24 hours (any unit), and the rush when something opens.

    ``rush`` of the day's orders belong to the rush: from ``opens_h`` o'clock on, fading with a mean of ``fade_min`` minutes.
    """

    hours: tuple[float, ...]
    rush: float = 0.0
    opens_h: int = 0
    fade_min: float = 20.0


# fmt: off
READY: dict[str, ReadyDay] = {
    "ordinary": ReadyDay(
        (1.2, 0.7, 0.4, 0.3, 0.3, 0.5, 1.1, 2.2, 3.6, 5.0, 5.9, 6.2, 6.2, 6.0, 5.8, 5.7, 5.7, 5.9, 6.3, 6.8, 7.4, 7.2, 5.8, 3.8),
    ),
    "sale": ReadyDay(
        (1.0, 0.5, 0.3, 0.3, 0.3, 0.5, 1.0, 1.8, 2.8, 4.0, 9.0, 8.6, 7.6, 6.6, 6.0, 5.6, 5.4, 5.6, 6.2, 6.8, 7.2, 6.6, 4.8, 2.5),
        rush=0.12, opens_h=10, fade_min=20.0,
    ),
    "black_friday": ReadyDay(
        (6.5, 4.2, 2.4, 1.3, 0.9, 1.0, 2.0, 3.6, 4.8, 5.4, 5.6, 5.5, 5.4, 5.1, 4.8, 4.6, 4.7, 5.0, 5.6, 6.2, 6.6, 6.8, 6.4, 5.6),
        rush=0.15, opens_h=0, fade_min=30.0,
    ),
}
# fmt: on
"""Days that shops know. Their shapes are a judgement, not a measurement; what is measured from a shop's own orders is `bench.fit`."""


MOST_ORDERS = 20_000_000
"""Orders of one run on the mean, above which it is refused rather than the memory filled."""


def moments(scenario: Scenario, arrivals: MadeUpArrivals, seed: int, replication: int) -> Ints:
    """Moments of arrival, microseconds after the start of the run, in order."""
    if isinstance(arrivals, SinusoidalArrivals):
        seconds = _thinned(scenario, arrivals, seed, replication)
    else:
        edges_s, means = _MEANS[type(arrivals)](scenario, arrivals)
        unit = _unit_moments(float(means[-1]), stream(seed, "arrivals/gaps", replication))
        seconds = np.interp(unit, means, edges_s)
    found: Ints = (seconds * US_PER_S).astype(np.int64)
    return found


def _unit_moments(end: float, random: np.random.Generator) -> Floats:
    """Moments of a Poisson process of rate 1 up to ``end``."""
    if end > MOST_ORDERS:
        raise ScenarioError(
            f"arrivals: {end:,.0f} orders in one run on the mean; the bench holds {MOST_ORDERS:,}: lower the rate or shorten the run"
        )
    reached: list[Floats] = []
    last = 0.0
    while last <= end and end > 0:
        reached.append(last + np.cumsum(random.standard_exponential(_BLOCK)))
        last = float(reached[-1][-1])
    unit = np.concatenate(reached) if reached else np.empty(0)
    return unit[unit < end]


def _calendar(scenario: Scenario, arrivals: Any, day: int) -> float:
    """What the weekday and the month make of the rates of a day of the run."""
    date = scenario.start.date() + dt.timedelta(days=day)
    factor: float = arrivals.weekday_factor[date.weekday()] * arrivals.month_factor[date.month - 1]
    return factor


# --- rates constant by pieces: seconds of the run at which the rate changes, and the mean number of orders until then --------------

Means = tuple[Floats, Floats]


def _constant(scenario: Scenario, arrivals: PoissonArrivals) -> Means:
    end_s = scenario.duration_us / US_PER_S
    return np.array([0.0, end_s]), np.array([0.0, arrivals.rate_per_min / 60 * end_s])


def _by_hour(scenario: Scenario, arrivals: ProfileArrivals) -> Means:
    rates = arrivals.rate_per_h

    def rate(piece: int) -> float:
        day, hour = divmod(piece, 24)
        weekday = (scenario.start.weekday() + day) % 7
        return rates[(weekday * 24 + hour) % len(rates)] * _calendar(scenario, arrivals, day) * arrivals.scale

    return _pieces(scenario, 3600, rate)


def _ready(scenario: Scenario, arrivals: ReadyArrivals) -> Means:
    shape = READY[arrivals.profile]
    whole = sum(shape.hours)
    calm = [(1 - shape.rush) * hour / whole for hour in shape.hours]
    faded = [1 - math.exp(-m / shape.fade_min) for m in range(24 * 60 + 1)]

    @functools.cache
    def orders(day: int) -> float:
        return arrivals.orders_per_day * _calendar(scenario, arrivals, day) * arrivals.scale

    def rate(piece: int) -> float:
        day, minute = divmod(piece, 24 * 60)
        since = minute - shape.opens_h * 60
        rush = shape.rush * (faded[since + 1] - faded[since]) * 60 if since >= 0 else 0.0
        return orders(day) * (calm[minute // 60] + rush)

    return _pieces(scenario, 60, rate)


def _pieces(scenario: Scenario, piece_s: int, rate_per_h: Callable[[int], float]) -> Means:
    """Pieces of equal length, numbered from the midnight before the start; the first and the last may be cut."""
    end_s = scenario.duration_us / US_PER_S
    first_s = scenario.start_of_day_us / US_PER_S
    edges, means = [0.0], [0.0]
    while edges[-1] < end_s:
        piece = int((first_s + edges[-1]) // piece_s)
        until = min(end_s, (piece + 1) * piece_s - first_s)
        means.append(means[-1] + rate_per_h(piece) / 3600 * (until - edges[-1]))
        edges.append(until)
    return np.array(edges), np.array(means)


_MEANS: dict[type, Callable[[Scenario, Any], Means]] = {
    PoissonArrivals: _constant,
    ProfileArrivals: _by_hour,
    ReadyArrivals: _ready,
}


# --- rates that follow a curve -----------------------------------------------------------------------------------------------------


def _thinned(scenario: Scenario, arrivals: SinusoidalArrivals, seed: int, replication: int) -> Floats:
    end_s, first_s = scenario.duration_us / US_PER_S, scenario.start_of_day_us / US_PER_S
    days = math.ceil((first_s + end_s) / _DAY_S)
    factors = np.array([_calendar(scenario, arrivals, day) for day in range(days)])
    highest = arrivals.rate_per_h * arrivals.scale / 3600 * (1 + arrivals.swing) * float(factors.max())
    if not highest > 0:
        return np.empty(0)
    at_s = _unit_moments(end_s * highest, stream(seed, "arrivals/gaps", replication)) / highest
    clock_s = first_s + at_s
    turn = 2 * math.pi * (clock_s - day_time_us(arrivals.peak_at) / US_PER_S) / (arrivals.cycle_h * 3600)
    share = (1 + arrivals.swing * np.cos(turn)) / (1 + arrivals.swing)
    share *= factors[(clock_s // _DAY_S).astype(np.int64)] / factors.max()
    return at_s[stream(seed, "arrivals/thinning", replication).random(len(at_s)) < share]


# --- bursts ------------------------------------------------------------------------------------------------------------------------

_BELL = 3.0  # standard deviations from the middle of a bell to either end
_FADES = 3.0  # mean lifetimes of a decay within its length


def burst_seconds(burst: Burst, draws: Floats) -> Floats:
    """Seconds after the beginning of a burst, by inversion of its shape: one draw (between 0 and 1) an order, none beyond its length."""
    if burst.shape == "decay":
        within = -np.log1p(draws * math.expm1(-_FADES)) / _FADES
    elif burst.shape == "bell":
        tail = special.ndtr(-_BELL)
        within = (special.ndtri(tail + draws * (1 - 2 * tail)) / _BELL + 1) / 2
    else:
        within = draws
    seconds: Floats = within * burst.spread_s
    return seconds
