"""Traffic: the orders of a scenario, as receipts with the moment each is paid.

A trace lays real days over the scenario's dates. The first layer is the named day itself; a scale of 3 lays two more real days over it,
chosen by the seed, and a fractional part keeps each order of one further day with that probability. So a scaled day has the unevenness of
real days instead of the same orders many times over. Files know the minute of an order; its second is drawn.

Every draw belongs to one order of one layer of one day, by its number there, from a stream named after that day and layer: a larger scale
adds orders and moves none, and nothing that is not traffic (faults, registers, policies) can move any.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bench.orders_file import DAY_S, Trace, read_bundled, read_orders
from bench.scenario import BUNDLED, Scenario
from bench.scenario_arrivals import (
    Burst,
    Columns,
    FixedLines,
    GeometricLines,
    Lines,
    PoissonArrivals,
    ProfileArrivals,
    TraceArrivals,
)
from bench.scenario_errors import ScenarioError
from bench.scenario_farm import Entity
from bench.scenario_model import US_PER_DAY, US_PER_S
from bench.special_goods import Dresser
from bench.streams import stream
from fiscal.makes import FFD
from fiscal.money import line_sum_kop
from fiscal.receipt import Buyer, Item, Payments, Receipt, SettlementType, Taxation, Vat
from fiscal.splitting import part_keys, split
from fiscal.vat import standard

__all__ = ["LeftOut", "TimedOrder", "left_out", "make_orders"]

Draws = npt.NDArray[np.float64]
_DRAWS = 7  # per order: second, keep, entity, taxation, site, payment, buyer
_SECOND, _KEEP, _ENTITY, _TAXATION, _SITE, _PAYMENT, _BUYER = range(_DRAWS)
_BUYERS = 100_000
_VAT = {"10": Vat.VAT_10, "0": Vat.VAT_0, "5": Vat.VAT_5, "7": Vat.VAT_7, "none": Vat.NONE}


class TimedOrder(NamedTuple):
    """A receipt as the shop hands it over: ``at_us`` microseconds after the start of the run, under its idempotency key."""

    at_us: int
    key: str
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a scenario's order file holds that no receipt comes of: lines by reason, and the orders of which nothing was left."""

    lines: dict[str, int]
    orders: tuple[str, ...]


def make_orders(scenario: Scenario, seed: int | None = None, replication: int = 0) -> list[TimedOrder]:
    """All orders of the scenario, sorted by moment and key; ``seed`` None means the scenario's own.

    An order longer than ``shop.max_lines_per_receipt`` comes as several receipts at the same moment, with keys ``KEY/1``, ``KEY/2``.
    Raises ScenarioError for an order file that cannot be used.
    """
    seed = scenario.seed if seed is None else seed
    till = _Till(scenario, Dresser(scenario.shop.goods, FFD[scenario.shop.ffd], seed, replication))
    arrivals = scenario.arrivals
    if isinstance(arrivals, TraceArrivals):
        source = _trace_orders(scenario, arrivals, seed, replication, till)
    else:
        source = _synthetic_orders(scenario, arrivals, seed, replication, till)
    orders = list(source)
    for number, burst in enumerate(arrivals.bursts):
        orders.extend(_burst_orders(scenario, burst, number, seed, replication, till))
    orders.sort(key=lambda order: (order.at_us, order.key))
    return orders


def left_out(scenario: Scenario) -> LeftOut:
    """Lines and orders of the scenario's file of which no receipt comes. Raises ScenarioError as `make_orders` does."""
    if not isinstance(scenario.arrivals, TraceArrivals):
        return LeftOut({}, ())
    trace = _read(scenario, scenario.arrivals)
    prices = _prices_kop(trace, scenario.arrivals.price_factor)
    lines, orders = dict(trace.left_out), list(trace.empty)
    nothing = prices[trace.price_id] == 0
    if nothing.any():
        lines["price below half a kopeck"] = int(nothing.sum())
        goods = np.add.reduceat(~nothing, trace.first_line[:-1]) if len(trace.order) else nothing
        orders += [trace.order[i] for i in np.flatnonzero(goods == 0)]
    return LeftOut(lines, tuple(orders))


class _Till:
    """Makes receipts: who sells, under which tax, paid how. The choices come in as draws between 0 and 1."""

    def __init__(self, scenario: Scenario, dresser: Dresser) -> None:
        shop = scenario.shop
        self.dresser = dresser
        self.entities = [entity for entity in shop.entities if entity.order_share > 0]
        shares = np.array([entity.order_share for entity in self.entities])
        self.entity_bounds = (np.cumsum(shares) / shares.sum()).tolist()
        self.sites = {entity.name: entity.sites or shop.sites for entity in self.entities}
        self.taxations = {e.name: tuple(Taxation[name.upper()] for name in e.taxation) for e in self.entities}
        self.rates = {entity.name: entity.vat or shop.vat for entity in self.entities}
        self.cash, self.mixed = shop.payment.cash, shop.payment.mixed
        self.electronic = shop.electronic
        self.max_lines = shop.max_lines_per_receipt
        self.start = scenario.start

    def entity(self, draw: float) -> Entity:
        for bound, entity in zip(self.entity_bounds, self.entities, strict=True):
            if draw < bound:
                return entity
        return self.entities[-1]

    def vat(self, entity: Entity, at_us: int) -> Vat:
        """The rate of the entity's goods on the day of the order."""
        rate = self.rates[entity.name]
        if rate == "standard":
            return standard((self.start + dt.timedelta(microseconds=at_us)).date())
        return _VAT[rate]

    def ring(
        self,
        at_us: int,
        key: str,
        returned: bool,
        draws: list[float],
        buyer: str,
        make: Callable[[Vat], tuple[Item, ...]],
    ) -> Iterator[TimedOrder]:
        """One order as its receipt, or as several when it is too long for one."""
        entity = self.entity(draws[_ENTITY])
        items = self.dresser.dress(key, make(self.vat(entity, at_us)))
        if not items:
            return
        taxations, sites = self.taxations[entity.name], self.sites[entity.name]
        receipt = Receipt(
            type=SettlementType.SALE_RETURN if returned else SettlementType.SALE,
            items=items,
            payments=self.payments(draws[_PAYMENT], sum([item.sum_kop for item in items])),
            taxation=taxations[int(draws[_TAXATION] * len(taxations))],
            entity=entity.inn,
            site=sites[int(draws[_SITE] * len(sites))],
            buyer=Buyer(email=f"buyer-{buyer or int(draws[_BUYER] * _BUYERS):0>5}@example.org"),
            electronic=self.electronic,
        )
        if len(items) <= self.max_lines:
            yield TimedOrder(at_us, key, receipt)
            return
        parts = split(receipt, max_items=self.max_lines)
        for part_key, part in zip(part_keys(key, len(parts)), parts, strict=True):
            yield TimedOrder(at_us, part_key, part)

    def payments(self, draw: float, total_kop: int) -> Payments:
        if draw < self.cash:
            return Payments(cash_kop=total_kop)
        if (
            draw < self.cash + self.mixed
        ):  # where in its share the draw lies says how much was prepaid: 10 to 90 %
            within = (draw - self.cash) / self.mixed
            prepaid = int(total_kop * (0.1 + 0.8 * within))
            return Payments(cashless_kop=total_kop - prepaid, prepaid_kop=prepaid)
        return Payments(cashless_kop=total_kop)


# --- traces ---------------------------------------------------------------------------------------------------------------------


def _read(scenario: Scenario, arrivals: TraceArrivals) -> Trace:
    path = scenario.file(arrivals.file)
    if arrivals.file in BUNDLED and arrivals.columns is None:
        return read_bundled(path)
    return read_orders(path, arrivals.columns or Columns())


def _prices_kop(trace: Trace, factor: Decimal) -> npt.NDArray[np.int64]:
    """Each price of the trace in kopecks, exact, rounded half up."""
    per_unit = factor * 100
    return np.array(
        [int((price * per_unit).to_integral_value(rounding=ROUND_HALF_UP)) for price in trace.prices],
        dtype=np.int64,
    )


def _trace_orders(
    scenario: Scenario, arrivals: TraceArrivals, seed: int, replication: int, till: _Till
) -> Iterator[TimedOrder]:
    trace = _read(scenario, arrivals)
    _refuse_empty(scenario, arrivals, trace)
    days = trace.days()
    named = _named_days(arrivals, trace, days)
    prices = _prices_kop(trace, arrivals.price_factor).tolist()
    lines = _TraceLines(trace, prices)
    shift_us = round(arrivals.shift_h * 3600) * US_PER_S
    first_day_us = -scenario.start_of_day_us
    whole, part = int(arrivals.scale), arrivals.scale - int(arrivals.scale)
    layers = whole + (part > 1e-9)
    last_day = math.ceil((scenario.duration_us + scenario.start_of_day_us) / US_PER_DAY)
    moved = math.ceil(abs(arrivals.shift_h) / 24)  # a shifted trace reaches over midnight
    for day in range(-moved, last_day + moved):
        own = named[day % len(named)]
        others = _other_days(days, own, layers - 1, stream(seed, f"arrivals/day {day}/layers", replication))
        for layer, trace_day in enumerate([own, *others]):
            numbers = days[trace_day]
            draws = stream(seed, f"arrivals/day {day}/layer {layer}", replication).random(
                (len(numbers), _DRAWS)
            )
            probability = part if layer == whole else 1.0
            midnight_us = first_day_us + day * US_PER_DAY + shift_us
            seconds = (trace.time_s[numbers] - trace_day * DAY_S) * US_PER_S
            if trace.whole_minutes:
                seconds = seconds + (draws[:, _SECOND] * 60 * US_PER_S).astype(np.int64)
            moments = (midnight_us + seconds).tolist()
            for number, at_us, draw in zip(numbers.tolist(), moments, draws.tolist(), strict=True):
                if not 0 <= at_us < scenario.duration_us or draw[_KEEP] >= probability:
                    continue
                key = f"d{day + 1}.{layer}-{trace.order[number]}"
                yield from till.ring(
                    at_us, key, trace.returned[number], draw, trace.buyer[number], lines.of(number)
                )


class _TraceLines:
    """The lines of a trace's orders as items; equal lines are one object."""

    def __init__(self, trace: Trace, prices_kop: list[int]) -> None:
        self.names, self.prices = trace.names, prices_kop
        self.first = trace.first_line.tolist()
        self.trace = trace
        self.made: dict[tuple[int, int, int, Vat], Item] = {}

    def of(self, number: int) -> Callable[[Vat], tuple[Item, ...]]:
        return lambda vat: self.items(number, vat)

    def items(self, number: int, vat: Vat) -> tuple[Item, ...]:
        start, stop = self.first[number], self.first[number + 1]
        trace, made, found = self.trace, self.made, []
        for name_id, price_id, quantity_e6 in zip(
            trace.name_id[start:stop].tolist(),
            trace.price_id[start:stop].tolist(),
            trace.quantity_e6[start:stop].tolist(),
            strict=True,
        ):
            known = (name_id, price_id, quantity_e6, vat)
            item = made.get(known)
            if item is None:
                price_kop = self.prices[price_id]
                sum_kop = line_sum_kop(price_kop, quantity_e6)
                item = made[known] = Item(self.names[name_id], price_kop, quantity_e6, sum_kop, vat)
            if item.sum_kop:
                found.append(item)
        return tuple(found)


def _refuse_empty(scenario: Scenario, arrivals: TraceArrivals, trace: Trace) -> None:
    if arrivals.empty_orders == "skip":
        if not trace.order:
            raise ScenarioError(f"{trace.source}: has no orders with goods")
        return
    way_out = 'mend the file or set arrivals.empty_orders = "skip"'
    if trace.empty:
        more = f" (and {len(trace.empty) - 1} more)" if len(trace.empty) > 1 else ""
        raise ScenarioError(
            f"{trace.source}: row {trace.first_empty_row}, order {trace.empty[0]}{more}: no goods, no line with a price and a "
            f"quantity above zero; {way_out}"
        )
    out = left_out(scenario)
    if out.orders:
        raise ScenarioError(
            f"{trace.source}: order {out.orders[0]}: no goods left, arrivals.price_factor = {arrivals.price_factor} makes all its "
            f'prices zero kopecks; raise it or set arrivals.empty_orders = "skip"'
        )


def _named_days(arrivals: TraceArrivals, trace: Trace, days: dict[int, npt.NDArray[np.int64]]) -> list[int]:
    if not arrivals.days:
        sales = {day: sum(not trace.returned[i] for i in numbers) for day, numbers in days.items()}
        return [max(sales, key=lambda day: (sales[day], -day))]
    named = [(day - dt.date(1970, 1, 1)).days for day in arrivals.days]
    for i, day in enumerate(named):
        if day not in days:
            nearest = min(days, key=lambda known: (abs(known - day), known))
            raise ScenarioError(
                f"{trace.source}: arrivals.days[{i}]: no orders on {arrivals.days[i]}; the file goes from {_date(min(days))} to "
                f"{_date(max(days))}, the nearest day with orders is {_date(nearest)}"
            )
    return named


def _date(day: int) -> dt.date:
    return dt.date(1970, 1, 1) + dt.timedelta(days=day)


def _other_days(
    days: dict[int, npt.NDArray[np.int64]], own: int, count: int, random: np.random.Generator
) -> list[int]:
    """So many other days of the trace, each once before any comes again; the first ones are the same for every count."""
    pool = [day for day in sorted(days) if day != own] or [own]
    chosen: list[int] = []
    while len(chosen) < count:
        chosen.extend(pool[i] for i in random.permutation(len(pool)).tolist())
    return chosen[:count]


# --- made-up orders -------------------------------------------------------------------------------------------------------------


def _line_counts(lines: Lines, random: np.random.Generator, count: int) -> list[int]:
    """How many lines each of ``count`` orders has; one draw an order."""
    if isinstance(lines, FixedLines):
        return [lines.count] * count
    if isinstance(lines, GeometricLines):
        if lines.mean <= 1:
            return [1] * count
        uniform = random.random(count)
        drawn = np.floor(np.log1p(-uniform) / math.log1p(-1 / lines.mean)) + 1
        return np.clip(drawn, 1, 10_000).astype(np.int64).tolist()  # type: ignore[no-any-return]
    sigma = math.sqrt(2 * math.log(max(1.0, lines.mean / lines.median)))
    drawn = np.rint(np.exp(math.log(lines.median) + sigma * random.standard_normal(count)))
    return np.clip(drawn, 1, lines.max).astype(np.int64).tolist()  # type: ignore[no-any-return]


def _made_up(
    name: str, seed: int, replication: int, number: int, count: int
) -> Callable[[Vat], tuple[Item, ...]]:
    """The lines of a made-up order: prices of 50 to 5,000 roubles, low ones more often, 1 to 3 pieces."""

    def make(vat: Vat) -> tuple[Item, ...]:
        draws = stream(seed, f"{name}/order {number}/lines", replication).random((count, 2))
        items = []
        for n, (price, quantity) in enumerate(draws.tolist(), start=1):
            price_kop = 5_000 + int(495_000 * price * price * price)
            pieces = 1 + int(quantity * 3)
            items.append(Item(f"Article {n}", price_kop, pieces * 1_000_000, price_kop * pieces, vat))
        return tuple(items)

    return make


def _burst_orders(
    scenario: Scenario, burst: Burst, number: int, seed: int, replication: int, till: _Till
) -> Iterator[TimedOrder]:
    name = f"burst {number}"
    draws = stream(seed, name, replication).random((burst.orders, _DRAWS)).tolist()
    counts = _line_counts(burst.lines, stream(seed, f"{name}/lines", replication), burst.orders)
    start_us = scenario.at_us(burst.at)
    for n, (draw, count) in enumerate(zip(draws, counts, strict=True)):
        at_us = min(start_us + int(draw[_SECOND] * burst.spread_s * US_PER_S), scenario.duration_us - 1)
        key = f"burst{number + 1}-{n + 1:04}"
        yield from till.ring(at_us, key, False, draw, "", _made_up(name, seed, replication, n, count))


def _synthetic_orders(
    scenario: Scenario, arrivals: PoissonArrivals | ProfileArrivals, seed: int, replication: int, till: _Till
) -> Iterator[TimedOrder]:
    moments = _poisson_moments(scenario, arrivals, seed, replication)
    draws = stream(seed, "arrivals/choices", replication).random((len(moments), _DRAWS)).tolist()
    counts = _line_counts(arrivals.lines, stream(seed, "arrivals/lines", replication), len(moments))
    for n, (at_us, draw, count) in enumerate(zip(moments, draws, counts, strict=True)):
        returned = draw[_KEEP] < arrivals.return_share
        yield from till.ring(
            at_us, f"order-{n + 1:07}", returned, draw, "", _made_up("arrivals", seed, replication, n, count)
        )


def _poisson_moments(
    scenario: Scenario, arrivals: PoissonArrivals | ProfileArrivals, seed: int, replication: int
) -> list[int]:
    """Moments of arrival: unit-rate exponential gaps, stretched through the integral of the rate."""
    gaps = stream(seed, "arrivals/gaps", replication)
    edges_s, means = _mean_orders(scenario, arrivals)
    total = float(means[-1])
    reached: list[npt.NDArray[np.float64]] = []
    last = 0.0
    while last <= total and total > 0:
        reached.append(last + np.cumsum(gaps.standard_exponential(4096)))
        last = float(reached[-1][-1])
    if not reached:
        return []
    unit = np.concatenate(reached)
    moments = np.interp(unit[unit < total], means, edges_s)
    return (moments * US_PER_S).astype(np.int64).tolist()  # type: ignore[no-any-return]


def _mean_orders(scenario: Scenario, arrivals: PoissonArrivals | ProfileArrivals) -> tuple[Draws, Draws]:
    """Seconds of the run at which the rate changes, and the mean number of orders until then."""
    end_s = scenario.duration_us / US_PER_S
    if isinstance(arrivals, PoissonArrivals):
        return np.array([0.0, end_s]), np.array([0.0, arrivals.rate_per_min / 60 * end_s])
    edges, means = [0.0], [0.0]
    first_s = scenario.start_of_day_us / US_PER_S
    while edges[-1] < end_s:
        clock_s = first_s + edges[-1]
        hour = int(clock_s // 3600)
        weekday = (scenario.start.weekday() + hour // 24) % 7
        rate = arrivals.rate_per_h[hour % 24] * arrivals.weekday_factor[weekday] * arrivals.scale / 3600
        until = min(end_s, (hour + 1) * 3600 - first_s)
        means.append(means[-1] + rate * (until - edges[-1]))
        edges.append(until)
    return np.array(edges), np.array(means)
