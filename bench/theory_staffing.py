"""What queueing theory knows of days and farms: staffing, changing rates, closed windows, registers that break.

Steady-state formulas answer for one rate. A day has many: the *pointwise-stationary* view takes each moment as if
its rate had always been, which for
receipts of seconds is right to seconds (`sinusoidal_load` says how right). What it cannot see are overload, bursts,
closings and outages; there the
*fluid* view helps (`closed_window`), and simulation decides. The map: Green, Kolesar and Whitt, "Coping with
time-varying demand when setting
staffing requirements for a service system", *Production and Operations Management* 16 (2007) 13.

Units as in `bench.theory`. All raise ValueError for what has no answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from bench.fewest import fewest
from bench.theory import MMc, mgc_wait_s

_NORMAL = NormalDist()


def halfin_whitt(beta: float) -> float:
    """P(an order waits) in the limit of large farms with ``load + beta sqrt(load)`` servers. Halfin and Whitt 1981."""
    if not beta > 0:
        raise ValueError(f"beta = {beta}: with no spare capacity everybody waits")
    return 1 / (1 + beta * _NORMAL.cdf(beta) / _NORMAL.pdf(beta))


def square_root_beta(waiting_share: float) -> float:
    """The quality of service ``beta`` at which so large a share of orders waits: the inverse of `halfin_whitt`, by bisection."""
    if not 0 < waiting_share < 1:
        raise ValueError(f"a share of {waiting_share} is out of reach: it must be between 0 and 1")
    low, high = 1e-9, 40.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if halfin_whitt(middle) > waiting_share else (low, middle)
    return high


def square_root_staffing(load: float, beta: float) -> int:
    """Servers for a load by the square-root rule: load + beta sqrt(load), rounded up. Borst, Mandelbaum and Reiman 2004."""
    if load < 0 or not beta > 0:
        raise ValueError(f"load {load}, beta {beta}: a load and a positive reserve are needed")
    return max(1, math.ceil(load + beta * math.sqrt(load) - 1e-9))


Hourly = Sequence[float] | npt.NDArray[np.float64]
"""Receipts in each hour of a day."""

Quality = Callable[[MMc], float]
"""What is held down: of a queue, the number that must not exceed the target."""


def smallest(rate: float, service_s: float, target: float, quality: Quality, most: int = 10_000) -> int:
    """The fewest servers of M/M/c that keep ``quality`` at or under ``target``, e.g. ``lambda q: q.sojourn_exceeds(300)``."""
    if not target > 0:
        raise ValueError(f"a target of {target} is out of reach: a random queue is never perfect")
    least = max(1, math.floor(rate * service_s) + 1)
    return _fewest(lambda servers: quality(MMc(servers, rate, service_s)) <= target, least, most, target)


def _fewest(keeps: Callable[[int], bool], least: int, most: int, target: float) -> int:
    found = fewest(keeps, least, most)
    if found is None:
        raise ValueError(f"not even {most} servers reach the target {target:g}")
    return found


def sipp(
    rates: Sequence[float],
    period_s: float,
    service_s: float,
    target: float,
    quality: Quality,
    lag: bool = False,
) -> list[int]:
    """Servers for each period of the day: *stationary independent period by period*. Green, Kolesar and Soares 2001.

    Each period counts as its own M/M/c with its mean rate; as periods shrink it becomes the pointwise-stationary approximation (Green and
    Kolesar 1991). With ``lag`` the rates are taken one mean service earlier (lag-SIPP), since congestion follows demand.
    """
    if not rates or not period_s > 0:
        raise ValueError("no periods to staff")
    shift = service_s / period_s if lag else 0.0
    whole, part = divmod(shift, 1.0)
    n = len(rates)
    lagged = [
        (1 - part) * rates[(i - int(whole)) % n] + part * rates[(i - int(whole) - 1) % n] for i in range(n)
    ]
    return [smallest(rate, service_s, target, quality) if rate > 0 else 1 for rate in lagged]


def hour_by_hour(receipts: Hourly, servers: int, service_s: float, deadline_s: float) -> float:
    """Late share of a day given as receipts in each hour: each hour as its own M/M/c in steady state, an hour above capacity wholly late.

    The pointwise-stationary approximation (Green and Kolesar 1991) of the share whose sojourn exceeds the deadline. It sees neither
    closings nor bursts nor outages.
    """
    late = total = 0.0
    for count in np.asarray(receipts, dtype=float).tolist():
        total += count
        if count * service_s / 3600 >= servers:
            late += count
        elif count > 0:
            late += count * MMc(servers, count / 3600, service_s).sojourn_exceeds(deadline_s)
    return late / total if total else 0.0


def hour_by_hour_wait_s(receipts: Hourly, servers: int, service_s: float, service_cv2: float) -> float:
    """Mean time from payment to the document, each hour as its own M/G/c (`bench.theory.mgc_wait_s`).

    Infinite with an hour above capacity.
    """
    total, waited = 0.0, 0.0
    for count in np.asarray(receipts, dtype=float).tolist():
        if count * service_s / 3600 >= servers:
            return math.inf
        if count > 0:
            total += count
            waited += count * mgc_wait_s(servers, count / 3600, service_s, service_cv2)
    return service_s + waited / total if total else 0.0


def hour_by_hour_staffing(
    receipts: Hourly, service_s: float, deadline_s: float, late_share: float, most: int = 10_000
) -> int:
    """The fewest servers whose late share over the whole day is at most ``late_share``, by `hour_by_hour`.

    Raises ValueError for a target of zero, and when not even ``most`` are enough.
    """
    if not late_share > 0:
        raise ValueError(f"a target of {late_share} is out of reach: a random queue is never perfect")
    return _fewest(
        lambda servers: hour_by_hour(receipts, servers, service_s, deadline_s) <= late_share,
        1,
        most,
        late_share,
    )


def modified_offered_load(
    loads: Sequence[float], service_s: float, target: float, quality: Quality
) -> list[int]:
    """Servers for each moment from the load an infinite farm would have (`sinusoidal_load`).

    Jennings, Mandelbaum, Massey and Whitt 1996.
    """
    return [smallest(load / service_s, service_s, target, quality) if load > 0 else 1 for load in loads]


@dataclass(frozen=True, slots=True)
class SinusoidalLoad:
    """Busy servers of an infinite farm under the rate ``mean + amplitude sin(2 pi t / cycle)``. Eick, Massey and Whitt 1993.

    ``load(t)`` is a sinusoid, too, flatter than the rate and behind it by ``lag_s``: how wrong the
    pointwise-stationary view is. (Exponential
    service; any other of the same mean differs little while service is short against the cycle.)
    """

    mean: float
    amplitude: float
    cycle_s: float
    service_s: float

    @property
    def _frequency(self) -> float:
        return 2 * math.pi / self.cycle_s

    def load(self, t_s: float) -> float:
        """Mean number of busy servers at a moment."""
        mu, g = 1 / self.service_s, self._frequency
        wave = mu * math.sin(g * t_s) - g * math.cos(g * t_s)
        return self.mean / mu + self.amplitude * wave / (mu * mu + g * g)

    @property
    def lag_s(self) -> float:
        """How long after the rate the load peaks."""
        return math.atan(self._frequency * self.service_s) / self._frequency

    @property
    def load_amplitude(self) -> float:
        """How far the load swings about its mean."""
        return self.amplitude / math.hypot(1 / self.service_s, self._frequency)

    @property
    def peak(self) -> float:
        """The largest mean load of the cycle."""
        return self.mean * self.service_s + self.load_amplitude


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a closed window leaves behind: so many orders, gone so many seconds after it."""

    orders: float
    drained_s: float


def closed_window(rate: float, window_s: float, capacity: float) -> Backlog:
    """Orders that pile up while nobody serves, and how long the farm needs to be rid of them. Newell's fluid view (1971).

    ``capacity`` is what the farm serves a second once it is open. A farm that only just keeps up never drains: that is `math.inf`.
    """
    if rate < 0 or window_s < 0 or not capacity > 0:
        raise ValueError("rate, window and capacity must not be negative, and a capacity is needed")
    orders = rate * window_s
    return Backlog(orders, orders / (capacity - rate) if capacity > rate else (math.inf if orders else 0.0))


def largest_burst(deadline_s: float, capacity: float, rate: float = 0.0) -> int:
    """The most orders at one instant that are all served in time, beside a steady stream that waits behind them or before them (fluid)."""
    if not capacity > 0 or deadline_s < 0:
        raise ValueError("a capacity and a deadline are needed")
    return max(0, math.floor((capacity - rate) * deadline_s + 1e-9))


@dataclass(frozen=True, slots=True)
class Repair:
    """Registers that fail and are repaired by so many people: ``down`` on average, and the share of registers there
    are (``availability``)."""

    down: float
    availability: float


def machine_repair(machines: int, mtbf: float, mttr: float, repairers: int) -> Repair:
    """The machine-repair model, exponential times. Palm 1947.

    With a repairer for each machine the availability is MTBF / (MTBF + MTTR), whatever the distributions. Raises
    ValueError for impossible input.
    """
    if machines < 1 or repairers < 1 or not mtbf > 0 or mttr < 0:
        raise ValueError("machines, repairers and the mean time between failures must be positive")
    weight, total, down = 1.0, 1.0, 0.0
    for broken in range(1, machines + 1):
        weight *= (machines - broken + 1) * mttr / (mtbf * min(broken, repairers))
        total += weight
        down += broken * weight
    return Repair(down / total, 1 - down / total / machines)
