"""Who comes to the shop, and when: the `arrivals` table of a scenario.

A *trace* replays real orders from a file, with all their lines, laid onto the scenario's dates; its rate is scaled by superposing further
days of the same trace, so that a busy day stays as uneven as real days are, and its days may be drawn at random (bootstrap), so that every
replication is another day of the same shop. The other sources make orders up. *Poisson* is the theorist's shop: memoryless, a constant
rate, so that results can be held against queueing formulas. *profile* is Poisson with a rate for each hour of the day or of the week,
*sinusoidal* with a rate that swings as a wave, *ready* with the shape of a day that shops know (`bench.traffic_profiles.READY`).

Each may have *bursts*: many orders at the same instant or within minutes (a sale opens, a payment provider comes back after an outage),
and a *backlog*: orders that already wait when the run starts.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

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
        description="0: all at the same microsecond; otherwise spread at random over so many seconds",
    )
    shape: Literal["even", "decay", "bell"] = Field(
        default="even",
        description="how they spread: evenly; most at once and then fewer and fewer (exponential decay); or rising to the middle "
        "and falling again (bell)",
    )
    lines: Lines = Field(
        default=GeometricLines(kind="geometric", mean=3.0), description="how many lines each order has"
    )


class _Source(Table):
    bursts: tuple[Burst, ...] = Field(default=(), description="orders that come all at once, beside the rest")
    backlog: Annotated[Count, Field(le=1_000_000)] = Field(
        default=0,
        description="orders that already wait when the run starts; their deadline counts from the start. A trace takes them from all "
        "its orders at random",
    )


class _MadeUp(_Source):
    lines: Lines = Field(
        default=GeometricLines(kind="geometric", mean=3.0), description="how many lines each order has"
    )
    return_share: Share = Field(default=0.0, description="share of orders that are returns")


def _entries(*allowed: int) -> AfterValidator:
    def check(value: tuple[float, ...]) -> tuple[float, ...]:
        if len(value) not in allowed:
            raise ValueError(f"has {len(value)} entries; it needs {' or '.join(map(str, allowed))}")
        return value

    return AfterValidator(check)


def _length(least: int, most: int) -> dict[str, Any]:
    """What an editor can check of the number of entries."""
    return {"minItems": least, "maxItems": most}


Factor = Annotated[Number, Field(ge=0, le=1_000)]


class _Calendar(_MadeUp):
    weekday_factor: Annotated[tuple[Factor, ...], _entries(7)] = Field(
        default=(1.0,) * 7,
        description="what the rates are multiplied with, Monday to Sunday",
        json_schema_extra=_length(7, 7),
    )
    month_factor: Annotated[tuple[Factor, ...], _entries(12)] = Field(
        default=(1.0,) * 12,
        description="the season: what the rates are multiplied with, January to December",
        json_schema_extra=_length(12, 12),
    )
    scale: Annotated[Number, Field(ge=0, le=10_000)] = Field(
        default=1.0, description="what all rates are multiplied with"
    )


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
    bootstrap: Literal["none", "days", "weekdays"] = Field(
        default="none",
        description='"days": each scenario day is a whole day of the trace drawn at random, anew in each replication (of all its days '
        'with orders, or of those in days); "weekdays": of those with the same day of the week, and a weekday the trace never sells on '
        "stays empty",
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


class PoissonArrivals(_MadeUp):
    """Memoryless arrivals at a constant rate."""

    kind: Literal["poisson"]
    rate_per_min: Annotated[Number, Field(ge=0, le=100_000)] = Field(description="mean orders per minute")


class ProfileArrivals(_Calendar):
    """Poisson arrivals whose rate follows the hour of the day, the day of the week and the month."""

    kind: Literal["profile"]
    rate_per_h: Annotated[tuple[Annotated[Number, Field(ge=0, le=1_000_000)], ...], _entries(24, 168)] = (
        Field(
            description="mean orders per hour in each of the 24 hours of the day, from midnight; or in each of the 168 hours of the "
            "week, from Monday's midnight",
            json_schema_extra=_length(24, 168),
        )
    )


class SinusoidalArrivals(_Calendar):
    """Poisson arrivals whose rate swings about its mean as a wave: the theorist's day."""

    kind: Literal["sinusoidal"]
    rate_per_h: Annotated[Number, Field(ge=0, le=1_000_000)] = Field(
        description="mean orders per hour over a whole cycle"
    )
    swing: Share = Field(
        default=0.5,
        description="how far the rate swings, as a share of the mean: 0 not at all, 1 down to nothing",
    )
    peak_at: Clock = Field(default="15:00", description="when the rate is highest, by the shop's clock")
    cycle_h: Annotated[Number, Field(gt=0, le=24 * 366)] = Field(
        default=24.0, description="hours from one peak to the next"
    )


class ReadyArrivals(_Calendar):
    """Poisson arrivals in the shape of a day that shops know; the shapes are made up, not measured."""

    kind: Literal["ready"]
    profile: Literal["ordinary", "sale", "black_friday"] = Field(
        description="an ordinary day of a web shop; a sale that opens at ten; Black Friday, which opens at midnight"
    )
    orders_per_day: Annotated[Number, Field(ge=0, le=10_000_000)] = Field(
        description="mean orders of a day, the rush at the opening included"
    )


MadeUpArrivals = PoissonArrivals | ProfileArrivals | SinusoidalArrivals | ReadyArrivals
Arrivals = Annotated[TraceArrivals | MadeUpArrivals, Field(discriminator="kind")]

__all__ = [
    "Arrivals",
    "Burst",
    "Columns",
    "FixedLines",
    "GeometricLines",
    "Lines",
    "LognormalLines",
    "MadeUpArrivals",
    "PoissonArrivals",
    "ProfileArrivals",
    "ReadyArrivals",
    "SinusoidalArrivals",
    "TraceArrivals",
]
