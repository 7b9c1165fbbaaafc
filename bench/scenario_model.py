"""The bricks of a scenario file: strict scalars, times of day, and the model every table is built on.

A scenario is read by people and written by people, so every table refuses what it does not know (a misspelt key must never be
silently ignored), every number is a number (``count = "8"`` is a mistake, not eight), and every field says its unit in its name.
Times are written as the shop's own clock shows them: ``"12:30"``, ``"12:30:15"``, and ``"day 2 09:00"`` from the second day on.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    NaiveDatetime,
    Strict,
    StringConstraints,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

US_PER_S = 1_000_000
US_PER_DAY = 86_400 * US_PER_S

_CLOCK = re.compile(
    r"(?:day (?P<day>[1-9]\d{0,3}) )?(?P<h>[01]?\d|2[0-3]):(?P<m>[0-5]\d)(?::(?P<s>[0-5]\d))?"
)


class Table(BaseModel):
    """A table of a scenario file: unknown keys are refused, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False, hide_input_in_errors=False)


def day_time_us(text: str) -> int:
    """Microseconds from the midnight before the first day to the time written as ``"12:30"`` or ``"day 2 12:30:15"``.

    Raises ValueError when the text is no such time.
    """
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        raise ValueError('must be a time such as "12:30", "12:30:15" or "day 2 09:00"')
    day = int(match["day"] or 1) - 1
    return (
        day * US_PER_DAY + (int(match["h"]) * 3600 + int(match["m"]) * 60 + int(match["s"] or 0)) * US_PER_S
    )


def day_time_text(us: int) -> str:
    """The time so many microseconds after the midnight before the first day, as a scenario writes it: `day_time_us` backwards."""
    days, rest = divmod(us, US_PER_DAY)
    seconds = rest // US_PER_S
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"day {days + 1} {clock}" if days else clock


def _clock_text(value: Any) -> Any:
    """TOML has times of its own: ``at = 12:30:00`` without quotes means the same as with them."""
    return value.isoformat(timespec="seconds") if isinstance(value, dt.time) else value


def _no_number(value: Any) -> Any:
    """A bare number is no date: 20100310 would silently become a day of 1970."""
    if isinstance(value, (int, float)):
        raise ValueError("must be a date or time")
    return value


def _is_clock(value: str) -> str:
    day_time_us(value)
    return value


class Listed:
    """Marks a list field: one value stands for the list of that one value, in files and in the schema."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_listed, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        array = handler(schema)
        return {"anyOf": [array, array["items"]]}


def _listed(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else [value]


Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Count = Annotated[int, Strict(), Field(ge=0)]
Text = Annotated[str, Strict(), StringConstraints(min_length=1, max_length=256)]
Flag = Annotated[bool, Strict()]
Share = Annotated[float, Strict(), Field(ge=0, le=1)]
Seconds = Annotated[float, Strict(), Field(ge=0, le=366 * 86_400, allow_inf_nan=False)]
Clock = Annotated[
    str,
    Strict(),
    BeforeValidator(_clock_text),
    AfterValidator(_is_clock),
    Field(examples=["12:30", "12:30:15", "day 2 09:00"]),
]
Name = Annotated[str, Strict(), StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Day = Annotated[dt.date, BeforeValidator(_no_number)]
Moment = Annotated[NaiveDatetime, BeforeValidator(_no_number)]
