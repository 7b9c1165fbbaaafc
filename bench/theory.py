"""What queueing theory knows exactly: stationary queues.

A simulation is believed when it agrees with formulas where there are any. Here are those formulas, each with its source, so that a
simulated answer can be shown beside the exact one. They are about *steady state*: one rate for ever, no closings, no
outages. What changes over
the day is in `bench.theory_staffing`.

Units: ``rate`` is arrivals a second, ``service_s`` the mean service time in seconds (any other unit of time does as well, if it is the
same one throughout); ``servers`` the number of registers; ``load`` is rate x service, in Erlang: the registers that are busy on average.
All raise ValueError for a queue that has no steady state.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

_STEPS = 10_000


def _steady(load: float, servers: int) -> None:
    if servers < 1:
        raise ValueError(f"{servers} servers: there must be at least one")
    if not load >= 0:
        raise ValueError(f"a load of {load} Erlang is no load")
    if load >= servers:
        raise ValueError(f"{servers} servers cannot carry {load:g} Erlang: the queue grows without end")


def erlang_b(servers: int, load: float) -> float:
    """Share of calls lost when nobody waits (M/G/c/c). Raises ValueError for a negative load or number of servers.

    Erlang 1917, by the usual recursion over the number of servers, which neither overflows nor cancels.
    """
    if servers < 0 or not load >= 0:
        raise ValueError(f"{servers} servers, {load} Erlang: neither may be negative")
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked


def erlang_c(servers: int, load: float) -> float:
    """Share of orders that wait (M/M/c).

    Erlang 1917; Gross, Shortle, Thompson, Harris, *Fundamentals of Queueing Theory*, section 3.3.
    """
    _steady(load, servers)
    blocked = erlang_b(servers, load)
    return blocked / (1 - load / servers * (1 - blocked))


@dataclass(frozen=True, slots=True)
class MMc:
    """M/M/c, first come first served: memoryless arrivals and service. Gross and others, section 3.3.

    It is also the pessimist's receipt queue: real service varies less than an exponential does.
    """

    servers: int
    rate: float
    service_s: float

    def __post_init__(self) -> None:
        _steady(self.rate * self.service_s, self.servers)

    @property
    def load(self) -> float:
        """Registers busy on average, Erlang."""
        return self.rate * self.service_s

    @property
    def utilization(self) -> float:
        """Share of the time a register is busy."""
        return self.load / self.servers

    @property
    def waiting_share(self) -> float:
        """P(an order waits): Erlang C."""
        return erlang_c(self.servers, self.load)

    @property
    def _drain(self) -> float:
        return self.servers / self.service_s - self.rate

    @property
    def mean_wait_s(self) -> float:
        """Mean time in the queue."""
        return self.waiting_share / self._drain

    @property
    def mean_sojourn_s(self) -> float:
        """Mean time from arrival to the recorded receipt."""
        return self.mean_wait_s + self.service_s

    @property
    def mean_in_system(self) -> float:
        """Mean number of orders waiting or in work (Little)."""
        return self.rate * self.mean_sojourn_s

    def wait_exceeds(self, seconds: float) -> float:
        """P(time in the queue > seconds): an exponential tail behind Erlang C."""
        return self.waiting_share * math.exp(-self._drain * seconds)

    def sojourn_exceeds(self, seconds: float) -> float:
        """P(time from arrival to the recorded receipt > seconds): the deadline rule in one line."""
        mu, drain = 1 / self.service_s, self._drain
        late = math.exp(-mu * seconds)
        if math.isclose(mu, drain, rel_tol=1e-9):
            return late * (1 + self.waiting_share * mu * seconds)
        # (e^-drain t - e^-mu t) / (mu - drain), without cancelling where the two are close
        apart = abs(mu - drain)
        gap = math.exp(-min(mu, drain) * seconds) * -math.expm1(-apart * seconds) / apart
        return late + self.waiting_share * mu * gap


def mg1_wait_s(rate: float, service_s: float, service_cv2: float) -> float:
    """Mean time in the queue of M/G/1; ``service_cv2`` is the squared coefficient of variation of service (0 fixed, 1 exponential).

    Pollaczek 1930, Khinchine 1932.
    """
    load = rate * service_s
    _steady(load, 1)
    return load * service_s * (1 + service_cv2) / (2 * (1 - load))


def md1_wait_s(rate: float, service_s: float) -> float:
    """Mean time in the queue of M/D/1: Pollaczek and Khinchine with fixed service."""
    return mg1_wait_s(rate, service_s, 0.0)


def vacation_wait_s(
    rate: float, service_s: float, service_cv2: float, vacation_s: float, vacation_cv2: float = 0.0
) -> float:
    """Mean time in the queue of M/G/1 whose server, whenever it finds nobody, is away for a vacation, and for
    another if still nobody came.

    The wait of M/G/1 plus the mean rest of a vacation E[V^2] / 2 E[V]. Levy and Yechiali 1975; Fuhrmann and Cooper 1985.
    """
    return mg1_wait_s(rate, service_s, service_cv2) + vacation_s * (1 + vacation_cv2) / 2


@dataclass(frozen=True, slots=True)
class Batches:
    """M^X/M/1: orders come in batches at ``rate`` batches a second. Chaudhry and Templeton 1983.

    ``size2`` is the mean square of the batch size; without it every batch has ``size`` orders.
    """

    rate: float
    service_s: float
    size: float
    size2: float | None = None

    def __post_init__(self) -> None:
        _steady(self.load, 1)

    @property
    def load(self) -> float:
        return self.rate * self.size * self.service_s

    @property
    def mean_in_system(self) -> float:
        """Mean number of orders waiting or in work."""
        size2 = self.size**2 if self.size2 is None else self.size2
        return self.load * (1 + size2 / self.size) / (2 * (1 - self.load))

    @property
    def mean_sojourn_s(self) -> float:
        """Mean time from arrival to the recorded receipt (Little)."""
        return self.mean_in_system / (self.rate * self.size)


@dataclass(frozen=True, slots=True)
class MDc:
    """M/D/c, first come first served: memoryless arrivals, fixed service. Crommelin, *P.O. Electrical Engineers' Journal* 25 (1932) 41.

    Seen every ``service_s`` seconds, the number of orders is a Markov chain: whoever was in work is gone. Its
    generating function has its poles
    and zeros at the roots of z^c = exp(load (z - 1)) inside the unit circle; everything below is a product or a sum over them.
    """

    servers: int
    rate: float
    service_s: float

    def __post_init__(self) -> None:
        _steady(self.rate * self.service_s, self.servers)

    @property
    def load(self) -> float:
        return self.rate * self.service_s

    def _roots(self) -> list[complex]:
        found = []
        for k in range(1, self.servers):
            turn = cmath.exp(2j * math.pi * k / self.servers)
            z = 0j
            for _ in range(_STEPS):
                moved = turn * cmath.exp(self.load * (z - 1) / self.servers)  # contracts by the utilisation
                if abs(moved - z) < 1e-16:
                    break
                z = moved
            found.append(z)
        return found

    @property
    def waiting_share(self) -> float:
        """P(an order waits), that is, P(all servers are busy)."""
        product = math.prod((1 - z for z in self._roots()), start=1 + 0j)
        return 1 - (self.servers - self.load) / product.real

    @property
    def mean_queue(self) -> float:
        """Mean number of orders waiting."""
        c, a = self.servers, self.load
        return sum(1 / (1 - z) for z in self._roots()).real + (a * a - c * (c - 1)) / (2 * (c - a))

    @property
    def mean_wait_s(self) -> float:
        """Mean time in the queue (Little)."""
        return self.mean_queue / self.rate


def md_c_wait_cosmetatos_s(servers: int, rate: float, service_s: float) -> float:
    """Mean time in the queue of M/D/c, approximately: half of M/M/c with a correction. Cosmetatos 1975; Kimura 1991.

    For a sense of how good closed formulas are; `MDc` is exact.
    """
    queue = MMc(servers, rate, service_s)
    rho = queue.utilization
    correction = (1 - rho) * (servers - 1) * (math.sqrt(4 + 5 * servers) - 2) / (16 * servers * rho)
    return (1 + correction) * queue.mean_wait_s / 2


def mgc_wait_s(servers: int, rate: float, service_s: float, service_cv2: float) -> float:
    """Mean time in the queue of M/G/c, approximately: between the exact M/D/c and M/M/c by the variation of service.

    Kimura, "Approximations for multi-server queues: system interpolations", *Queueing Systems* 17 (1994) 347 (linear for cv2 up to 1; the
    Lee-Longton factor (1 + cv2) / 2 above).
    """
    exponential = MMc(servers, rate, service_s).mean_wait_s
    if service_cv2 >= 1:
        return exponential * (1 + service_cv2) / 2
    return service_cv2 * exponential + (1 - service_cv2) * MDc(servers, rate, service_s).mean_wait_s


def jsq2_sojourn(load_each: float, longest: int = 0) -> float:
    """Mean time in system, in mean services, of two exponential servers when each order joins the shorter queue (ties by a coin).

    The exact Markov chain of (shorter, longer), cut at ``longest`` orders (0: far enough for twelve digits). No
    closed formula exists; Haight 1958,
    Flatto and McKean 1977. It lies between M/M/2 and two separate M/M/1.
    """
    _steady(2 * load_each, 2)
    top = longest or min(max(30, round(16 / -math.log10(load_each))), 220)
    rate = 2 * load_each
    number: dict[tuple[int, int], int] = {}
    for shorter in range(top + 1):
        for longer in range(shorter, top + 1):
            number[shorter, longer] = len(number)
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []

    def flow(source: int, to: tuple[int, int], speed: float) -> None:
        pair = (min(to), max(to))
        if pair in number:
            rows.extend((number[pair], source))
            columns.extend((source, source))
            values.extend((speed, -speed))

    for (shorter, longer), here in number.items():
        flow(here, (shorter + 1, longer), rate)
        if shorter:
            flow(here, (shorter - 1, longer), 1.0)
        if longer:
            flow(here, (shorter, longer - 1), 1.0)
    balance = sparse.coo_matrix((values, (rows, columns)), shape=(len(number),) * 2).tolil()
    balance[0, :] = 1.0  # one balance equation follows from the others: the probabilities sum to one instead
    right = np.zeros(len(number))
    right[0] = 1.0
    chance = linalg.spsolve(balance.tocsc(), right)
    present = math.fsum(float(chance[n]) * (i + j) for (i, j), n in number.items())
    return present / rate


def relaxation_time(utilization: float) -> float:
    """Mean services until M/M/1 has forgotten how it started, to a factor e: how long a warm-up must be.

    Cohen, *The Single Server Queue*.
    """
    _steady(utilization, 1)
    return 1 / (1 - math.sqrt(utilization)) ** 2


def busy_period(utilization: float) -> float:
    """Mean length of the time a single server is busy without a pause, in mean services. Kleinrock, *Queueing Systems* I, section 5.8."""
    _steady(utilization, 1)
    return 1 / (1 - utilization)


def reaches(level: int, utilization: float) -> float:
    """P(an M/M/1 queue that has just become busy grows to ``level`` orders before it is empty again): gambler's ruin.

    The test case for rare-event methods. Feller, *An Introduction to Probability Theory* I, section XIV.2.
    """
    if level < 1 or not utilization > 0:
        raise ValueError(f"level {level}, utilisation {utilization}: both must be above zero")
    if utilization == 1:
        return 1 / level
    odds = 1 / utilization
    return (odds - 1) / (odds**level - 1)


@dataclass(frozen=True, slots=True)
class Shown:
    """An exact value as it stands beside a simulated one."""

    name: str
    value: float
    source: str


def beside(
    servers: int, rate: float, service_s: float, service_cv2: float, deadline_s: float
) -> Sequence[Shown]:
    """What theory says of a farm of equal registers under one rate, for showing beside a simulation; empty when there
    is no steady state."""
    if rate <= 0 or rate * service_s >= servers:
        return ()
    exponential = MMc(servers, rate, service_s)
    return (
        Shown("utilization", exponential.utilization, "load / servers"),
        Shown("mean wait, exponential service", exponential.mean_wait_s, "M/M/c, Erlang C"),
        Shown("mean wait, fixed service", MDc(servers, rate, service_s).mean_wait_s, "M/D/c, Crommelin 1932"),
        Shown(
            "mean wait, this service", mgc_wait_s(servers, rate, service_s, service_cv2), "M/G/c, Kimura 1994"
        ),
        Shown(
            "late share, exponential service", exponential.sojourn_exceeds(deadline_s), "M/M/c sojourn tail"
        ),
    )
