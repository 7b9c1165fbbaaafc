"""Who comes to the shop, and when: the `arrivals` table of a scenario.

Three sources. A *trace* replays real orders from a file, with all their lines, laid onto the scenario's dates; its rate is scaled by
superposing further days of the same trace, so that a busy day stays as uneven as real days are. A *Poisson* source is the theorist's
shop: memoryless, a constant rate, so that results can be held against queueing formulas. A *profile* is a Poisson source whose rate
follows the hours of the day and the days of the week. Each may have *bursts*: many orders at the same instant (a sale opens, a
payment provider comes back after an outage).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from bench.scenario_model import Clock, Count, Day, Listed, Number, Share, Table, Text


class FixedLines(Table):
    """Every order has the same number of lines."""

    kind: Literal["fixed"]
    count: Annotated[Count, Field(ge=1, le=10_000, description="lines of every order")]


class GeometricLines(Table):
    """Geometric numbers of lines, from 1 up: most orders are short."""

    kind: Literal["geometric"]
    mean: Annotated[Number, Field(ge=1, le=10_000, description="mean number of lines")]


class LognormalLines(Table):
    """Log-normal numbers of lines, the shape of real wholesale orders (median 12, mean 21 in the bundled trace)."""

    kind: Literal["lognormal"]
    median: Annotated[Number, Field(ge=1, le=10_000, description="median number of lines")]
    mean: Annotated[Number, Field(ge=1, le=10_000, description="mean number of lines, not below the median")]
    max: Annotated[
        Count, Field(ge=1, le=10_000, description="longest order, lines; longer draws are cut to it")
    ] = 675


Lines = Annotated[FixedLines | GeometricLines | LognormalLines, Field(discriminator="kind")]


class Burst(Table):
    """Many orders at one instant."""

    at: Clock = Field(description="when, by the shop's clock")
    orders: Annotated[Count, Field(ge=1, le=1_000_000)] = Field(default=15, description="how many orders")
    spread_s: Annotated[Number, Field(ge=0, le=86_400)] = Field(
        default=0.0,
        description="0: all at the same microsecond; otherwise spread evenly at random over so many seconds",
    )
    lines: Lines = Field(
        default=GeometricLines(kind="geometric", mean=3.0), description="how many lines each order has"
    )


class _Source(Table):
    bursts: tuple[Burst, ...] = Field(default=(), description="orders that come all at once, beside the rest")


_DAYS_SCHEMA = {
    "anyOf": [
        {"const": "busiest"},
        {"type": "string", "format": "date"},
        {"type": "array", "items": {"type": "string", "format": "date"}},
    ]
}


class Columns(Table):
    """Which column of an order file holds what. One row of the file is one line of an order."""

    order: Text = Field(
        default="order", description="column with the order number; rows with the same number are one order"
    )
    time: Text = Field(default="time", description="column with the date and time of the order")
    name: Text = Field(default="name", description="column with the name of the goods")
    quantity: Text = Field(
        default="quantity", description="column with the quantity; a negative quantity is a return"
    )
    price: Text = Field(default="price", description="column with the price of one piece")
    buyer: Text | None = Field(
        default=None,
        description="column with a buyer's number; used only to give one buyer one synthetic address",
    )
    returned: Text | None = Field(
        default=None, description="column that marks a line as returned (true, 1, yes, y, return)"
    )
    return_prefix: Text | None = Field(
        default=None,
        description="orders whose number begins with this are returns, whatever the sign of the quantity",
    )


class TraceArrivals(_Source):
    """Real orders from a file, with all their lines."""

    kind: Literal["trace"]
    file: Text = Field(
        default="online_retail",
        description="CSV or Parquet of order lines, relative to the scenario file; "
        '"online_retail" is the trace that comes with the bench',
    )
    columns: Columns | None = Field(
        default=None, description="column map of the file; not needed for online_retail"
    )
    days: Annotated[
        tuple[Day, ...],
        Listed(),
        BeforeValidator(lambda v: [] if v in ("busiest", ["busiest"]) else v),
        WithJsonSchema(_DAYS_SCHEMA),
    ] = Field(
        default=(),
        description='days of the trace to replay, one per scenario day, over again when they run out; or "busiest" (most sales)',
    )
    scale: Annotated[Number, Field(gt=0, le=10_000)] = Field(
        default=1.0,
        description="how many days of the trace are laid over one another: 1 is the real day, 2.5 two and a half of them",
    )
    price_factor: Annotated[Decimal, Field(gt=0, le=1_000_000)] = Field(
        default=Decimal(1),
        description="roubles for one unit of the file's currency; kopecks are rounded half up",
    )
    shift_h: Annotated[Number, Field(ge=-24, le=24)] = Field(
        default=0.0, description="hours by which the trace is moved later (negative: earlier) in the day"
    )
    empty_orders: Literal["error", "skip"] = Field(
        default="error",
        description="an order with no goods (no line with a price above zero and a quantity): refuse the file, or skip it",
    )


class PoissonArrivals(_Source):
    """Memoryless arrivals at a constant rate."""

    kind: Literal["poisson"]
    rate_per_min: Annotated[Number, Field(ge=0, le=100_000)] = Field(description="mean orders per minute")
    lines: Lines = Field(
        default=GeometricLines(kind="geometric", mean=3.0), description="how many lines each order has"
    )
    return_share: Share = Field(default=0.0, description="share of orders that are returns")


class ProfileArrivals(_Source):
    """Poisson arrivals whose rate follows the hour of the day and the day of the week."""

    kind: Literal["profile"]
    rate_per_h: Annotated[
        tuple[Annotated[Number, Field(ge=0, le=1_000_000)], ...], Field(min_length=24, max_length=24)
    ] = Field(description="mean orders per hour in each of the 24 hours of the day, from midnight")
    weekday_factor: Annotated[
        tuple[Annotated[Number, Field(ge=0, le=1_000)], ...], Field(min_length=7, max_length=7)
    ] = Field(default=(1.0,) * 7, description="what the hourly rates are multiplied with, Monday to Sunday")
    scale: Annotated[Number, Field(ge=0, le=10_000)] = Field(
        default=1.0, description="what all rates are multiplied with"
    )
    lines: Lines = Field(
        default=GeometricLines(kind="geometric", mean=3.0), description="how many lines each order has"
    )
    return_share: Share = Field(default=0.0, description="share of orders that are returns")


Arrivals = Annotated[TraceArrivals | PoissonArrivals | ProfileArrivals, Field(discriminator="kind")]

__all__ = [
    "Arrivals",
    "Burst",
    "Columns",
    "FixedLines",
    "GeometricLines",
    "Lines",
    "LognormalLines",
    "PoissonArrivals",
    "ProfileArrivals",
    "TraceArrivals",
]
