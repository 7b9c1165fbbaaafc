"""Who comes, and when: the orders of a scenario as batches of numbers, before any receipt is made of them.

A batch is a layer of a day of a trace, a burst, or all orders of a random stream. Its numbers (moments, draws, lines) are arrays; what only
a receipt needs (keys, goods, buyers) is asked for by the number of the order. So receipts (`bench.traffic`) and the arrays of
the kernel (`bench.traffic_arrays`) come from one source and cannot disagree.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import math
from collections.abc import Callable, Iterator, Sequence
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
    MadeUpArrivals,
    TraceArrivals,
)
from bench.scenario_errors import ScenarioError
from bench.scenario_model import US_PER_DAY, US_PER_S
from bench.streams import stream
from bench.traffic_profiles import burst_seconds, moments
from fiscal.money import line_sum_kop
from fiscal.receipt import Item, Vat

Draws = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_DRAWS = 7
SECOND, KEEP, ENTITY, TAXATION, SITE, PAYMENT, BUYER = range(_DRAWS)
"""The draws of an order, by column."""


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """Orders that were drawn together. ``at_us``, ``draws`` (a row of seven) and ``lines`` (lines with a sum) have a place for each order.

    ``key``, ``returned``, ``buyer`` and ``items`` (for a VAT rate) say the rest of the order at a place; ``buyer`` is None where nobody is
    known.
    """

    at_us: Ints
    draws: Draws
    lines: Ints
    key: Callable[[int], str]
    returned: Callable[[int], bool]
    buyer: Callable[[int], str] | None
    items: Callable[[int, Vat], tuple[Item, ...]]


def batches(scenario: Scenario, seed: int, replication: int) -> Iterator[Batch]:
    """All orders of the scenario, in no order. Raises ScenarioError for an order file that cannot be used."""
    arrivals = scenario.arrivals
    if isinstance(arrivals, TraceArrivals):
        yield from _trace_layers(scenario, arrivals, seed, replication)
    else:
        yield _made_up_orders(
            "arrivals", "order", moments(scenario, arrivals, seed, replication), arrivals, seed, replication
        )
    for number, burst in enumerate(arrivals.bursts):
        yield _burst(scenario, burst, number, seed, replication)
    if arrivals.backlog:
        yield _backlog(scenario, arrivals, seed, replication)


class LeftOut(NamedTuple):
    """What a scenario's order file holds that no receipt comes of: lines by reason, and the orders of which nothing was left."""

    lines: dict[str, int]
    orders: tuple[str, ...]


def left_out(scenario: Scenario) -> LeftOut:
    """Lines and orders of the scenario's file of which no receipt comes. Raises ScenarioError as `batches` does."""
    if not isinstance(scenario.arrivals, TraceArrivals):
        return LeftOut({}, ())
    return _read(scenario, scenario.arrivals).left_out()


# --- traces ---------------------------------------------------------------------------------------------------------------------


class _Priced:
    """A trace under a price factor: its goods as items (equal lines are one object), and how many lines of each order have a sum."""

    def __init__(self, trace: Trace, factor: Decimal) -> None:
        self.trace = trace
        self.days = trace.days()
        self.first = trace.first_line.tolist()
        per_unit = factor * 100
        self.prices_kop = [
            int((price * per_unit).to_integral_value(rounding=ROUND_HALF_UP)) for price in trace.prices
        ]
        prices = np.array(self.prices_kop, np.float64)[trace.price_id]
        # half a kopeck and more is a sum (`line_sum_kop`); products that floats cannot hold exactly are far above that
        self._priced = prices * trace.quantity_e6 >= 500_000.0
        self._free = prices == 0
        total = np.concatenate(([0], np.cumsum(self._priced)))
        self.lines: Ints = (total[trace.first_line[1:]] - total[trace.first_line[:-1]]).astype(np.int64)
        self.named = any(trace.buyer)
        sold = ~np.array(trace.returned, bool)
        sales = {day: int(sold[numbers].sum()) for day, numbers in self.days.items()}
        self.busiest = max(sales, key=lambda day: (sales[day], -day), default=0)
        self._made: dict[tuple[int, int, int, Vat], Item] = {}

    def items(self, number: int, vat: Vat) -> tuple[Item, ...]:
        """The lines of an order that have a sum."""
        start, stop = self.first[number], self.first[number + 1]
        trace, made, found = self.trace, self._made, []
        for name_id, price_id, quantity_e6 in zip(
            trace.name_id[start:stop].tolist(),
            trace.price_id[start:stop].tolist(),
            trace.quantity_e6[start:stop].tolist(),
            strict=True,
        ):
            known = (name_id, price_id, quantity_e6, vat)
            item = made.get(known)
            if item is None:
                price_kop = self.prices_kop[price_id]
                sum_kop = line_sum_kop(price_kop, quantity_e6)
                item = made[known] = Item(trace.names[name_id], price_kop, quantity_e6, sum_kop, vat)
            if item.sum_kop:
                found.append(item)
        return tuple(found)

    def left_out(self) -> LeftOut:
        trace = self.trace
        lines, orders = dict(trace.left_out), list(trace.empty)
        if self._free.any():
            lines["price below half a kopeck"] = int(self._free.sum())
            goods = np.add.reduceat(~self._free, trace.first_line[:-1]) if len(trace.order) else self._free
            orders += [trace.order[i] for i in np.flatnonzero(goods == 0)]
        return LeftOut(lines, tuple(orders))


def _read(scenario: Scenario, arrivals: TraceArrivals) -> _Priced:
    path = scenario.file(arrivals.file)
    if arrivals.file in BUNDLED and arrivals.columns is None:
        trace = read_bundled(path)
    else:
        trace = read_orders(path, arrivals.columns or Columns())
    return _priced(trace, arrivals.price_factor)


@functools.lru_cache(maxsize=4)
def _priced(trace: Trace, factor: Decimal) -> _Priced:
    return _Priced(trace, factor)


def _trace_layers(
    scenario: Scenario, arrivals: TraceArrivals, seed: int, replication: int
) -> Iterator[Batch]:
    priced = _read(scenario, arrivals)
    trace, days = priced.trace, priced.days
    _refuse_empty(arrivals, priced)
    named = _named_days(arrivals, priced)
    shift_us = round(arrivals.shift_h * 3600) * US_PER_S
    first_day_us = -scenario.start_of_day_us
    whole, part = int(arrivals.scale), arrivals.scale - int(arrivals.scale)
    layers = whole + (part > 1e-9)
    last_day = math.ceil((scenario.duration_us + scenario.start_of_day_us) / US_PER_DAY)
    moved = math.ceil(abs(arrivals.shift_h) / 24)  # a shifted trace reaches over midnight
    for day in range(-moved, last_day + moved):
        own, pool = named[day % len(named)], sorted(days)
        if arrivals.bootstrap != "none":
            pool = _eligible(arrivals, named, pool, scenario.start.date() + dt.timedelta(days=day))
            if not pool:
                continue
            own = pool[int(stream(seed, f"arrivals/day {day}/chosen", replication).integers(len(pool)))]
        others = _other_days(pool, own, layers - 1, stream(seed, f"arrivals/day {day}/layers", replication))
        for layer, trace_day in enumerate([own, *others]):
            numbers = days[trace_day]
            draws = stream(seed, f"arrivals/day {day}/layer {layer}", replication).random(
                (len(numbers), _DRAWS)
            )
            probability = part if layer == whole else 1.0
            midnight_us = first_day_us + day * US_PER_DAY + shift_us
            at_us = midnight_us + (trace.time_s[numbers] - trace_day * DAY_S) * US_PER_S
            if trace.whole_minutes:
                at_us = at_us + (draws[:, SECOND] * 60 * US_PER_S).astype(np.int64)
            come = (at_us >= 0) & (at_us < scenario.duration_us) & (draws[:, KEEP] < probability)
            yield _layer(priced, numbers[come], at_us[come], draws[come], f"d{day + 1}.{layer}-")


def _layer(priced: _Priced, numbers: Ints, at_us: Ints, draws: Draws, prefix: str) -> Batch:
    trace, order = priced.trace, numbers.tolist()
    return Batch(
        at_us,
        draws,
        priced.lines[numbers],
        lambda place: prefix + trace.order[order[place]],
        lambda place: trace.returned[order[place]],
        (lambda place: trace.buyer[order[place]]) if priced.named else None,
        lambda place, vat: priced.items(order[place], vat),
    )


def _refuse_empty(arrivals: TraceArrivals, priced: _Priced) -> None:
    trace = priced.trace
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
    out = priced.left_out()
    if out.orders:
        raise ScenarioError(
            f"{trace.source}: order {out.orders[0]}: no goods left, arrivals.price_factor = {arrivals.price_factor} makes all its "
            f'prices zero kopecks; raise it or set arrivals.empty_orders = "skip"'
        )


def _named_days(arrivals: TraceArrivals, priced: _Priced) -> list[int]:
    trace, days = priced.trace, priced.days
    if not arrivals.days:
        return [priced.busiest]
    named = [(day - dt.date(1970, 1, 1)).days for day in arrivals.days]
    for i, day in enumerate(named):
        if day not in days:
            nearest = min(days, key=lambda known: (abs(known - day), known))
            raise ScenarioError(
                f"{trace.source}: arrivals.days[{i}]: no orders on {arrivals.days[i]}; the file goes from {_date(min(days))} to "
                f"{_date(max(days))}, the nearest day with orders is {_date(nearest)}"
            )
    return named


def _eligible(
    arrivals: TraceArrivals, named: Sequence[int], every: Sequence[int], date: dt.date
) -> list[int]:
    """Days of the trace that may stand for a day of the run. Efron, *The Annals of Statistics* 7 (1979) 1, with whole days drawn."""
    pool = named if arrivals.days else every
    if arrivals.bootstrap == "days":
        return list(pool)
    return [day for day in pool if _date(day).weekday() == date.weekday()]


def _date(day: int) -> dt.date:
    return dt.date(1970, 1, 1) + dt.timedelta(days=day)


def _other_days(days: Sequence[int], own: int, count: int, random: np.random.Generator) -> list[int]:
    """So many other days of the trace, each once before any comes again; the first ones are the same for every count."""
    pool = [day for day in days if day != own] or [own]
    chosen: list[int] = []
    while len(chosen) < count:
        chosen.extend(pool[i] for i in random.permutation(len(pool)).tolist())
    return chosen[:count]


# --- made-up orders -------------------------------------------------------------------------------------------------------------


def _line_counts(lines: Lines, random: np.random.Generator, count: int) -> Ints:
    """How many lines each of ``count`` orders has; one draw an order."""
    if isinstance(lines, FixedLines):
        return np.full(count, lines.count, np.int64)
    if isinstance(lines, GeometricLines):
        if lines.mean <= 1:
            return np.ones(count, np.int64)
        uniform = random.random(count)
        drawn = np.floor(np.log1p(-uniform) / math.log1p(-1 / lines.mean)) + 1
        return _whole(drawn, 10_000)
    sigma = math.sqrt(2 * math.log(max(1.0, lines.mean / lines.median)))
    drawn = np.rint(np.exp(math.log(lines.median) + sigma * random.standard_normal(count)))
    return _whole(drawn, lines.max)


def _whole(lines: Draws, most: int) -> Ints:
    found: Ints = np.clip(lines, 1, most).astype(np.int64)
    return found


def _made_up(name: str, seed: int, replication: int, lines: Ints) -> Callable[[int, Vat], tuple[Item, ...]]:
    """The goods of made-up orders: prices of 50 to 5,000 roubles, low ones more often, 1 to 3 pieces."""

    def items(place: int, vat: Vat) -> tuple[Item, ...]:
        draws = stream(seed, f"{name}/order {place}/lines", replication).random((int(lines[place]), 2))
        found = []
        for n, (price, quantity) in enumerate(draws.tolist(), start=1):
            price_kop = 5_000 + int(495_000 * price * price * price)
            pieces = 1 + int(quantity * 3)
            found.append(Item(f"Article {n}", price_kop, pieces * 1_000_000, price_kop * pieces, vat))
        return tuple(found)

    return items


def _burst(scenario: Scenario, burst: Burst, number: int, seed: int, replication: int) -> Batch:
    name = f"burst {number}"
    draws = stream(seed, name, replication).random((burst.orders, _DRAWS))
    lines = _line_counts(burst.lines, stream(seed, f"{name}/lines", replication), burst.orders)
    spread_us = (burst_seconds(burst, draws[:, SECOND]) * US_PER_S).astype(np.int64)
    return Batch(
        np.minimum(scenario.at_us(burst.at) + spread_us, scenario.duration_us - 1),
        draws,
        lines,
        lambda place: f"burst{number + 1}-{place + 1:04}",
        lambda place: False,
        None,
        _made_up(name, seed, replication, lines),
    )


def _backlog(
    scenario: Scenario, arrivals: TraceArrivals | MadeUpArrivals, seed: int, replication: int
) -> Batch:
    """Orders that wait at the first moment."""
    at_us = np.zeros(arrivals.backlog, np.int64)
    if not isinstance(arrivals, TraceArrivals):
        return _made_up_orders("backlog", "backlog", at_us, arrivals, seed, replication)
    priced = _read(scenario, arrivals)
    numbers = stream(seed, "backlog/chosen", replication).integers(len(priced.trace.order), size=len(at_us))
    draws = stream(seed, "backlog/choices", replication).random((len(at_us), _DRAWS))
    # one order of the file may be drawn twice: the key tells the two apart
    return dataclasses.replace(
        _layer(priced, numbers, at_us, draws, ""),
        key=lambda place: f"backlog-{place + 1:07}-{priced.trace.order[numbers[place]]}",
    )


def _made_up_orders(
    name: str, word: str, at_us: Ints, arrivals: MadeUpArrivals, seed: int, replication: int
) -> Batch:
    draws = stream(seed, f"{name}/choices", replication).random((len(at_us), _DRAWS))
    lines = _line_counts(arrivals.lines, stream(seed, f"{name}/lines", replication), len(at_us))
    return Batch(
        at_us,
        draws,
        lines,
        lambda place: f"{word}-{place + 1:07}",
        lambda place: bool(draws[place, KEEP] < arrivals.return_share),
        None,
        _made_up(name, seed, replication, lines),
    )
