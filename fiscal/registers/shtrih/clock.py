"""The register's calendar: seconds of a wall clock (as tag 1012 counts) from and to DD MM YY and HH MM SS."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["date_and_time", "seconds"]

_DAY_S = 86_400


def seconds(day: tuple[int, int, int], time: tuple[int, int, int]) -> int:
    """Seconds since 1970 as if it were UTC; 0 when the bytes are no date."""
    try:
        return int(datetime(2000 + day[2], day[1], day[0], *time, tzinfo=UTC).timestamp())
    except ValueError:
        return 0


def date_and_time(time_s: int) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """(DD, MM, YY), (HH, MM, SS)."""
    at = datetime.fromtimestamp(time_s, UTC)
    return (at.day, at.month, at.year % 100), (at.hour, at.minute, at.second)


def day_s(parts: tuple[int, int, int]) -> int:
    """Midnight of a day (YY, MM, DD) as seconds since 1970 as if it were UTC; 0 when it is no date."""
    year, month, day = parts
    try:
        return int(datetime(2000 + year, month, day, tzinfo=UTC).timestamp())
    except ValueError:
        return 0
