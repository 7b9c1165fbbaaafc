"""The two clocks of the live host.

The engine counts on the *monotonic* clock, in microseconds. The *wall* clock - local time, written as if it were UTC, the way tag 1012
counts - comes in as data, because it jumps: people set it, daylight saving moves it, NTP corrects it.
"""

from __future__ import annotations

import time

DAY_S = 86_400


def now_us() -> int:
    """Monotonic microseconds."""
    return time.monotonic_ns() // 1000


def wall_us() -> int:
    """Local wall clock, microseconds since 1970 as if local time were UTC."""
    ns = time.time_ns()
    return ns // 1000 + time.localtime(ns // 1_000_000_000).tm_gmtoff * 1_000_000


def wall_s() -> int:
    """Local wall clock in seconds, as tag 1012 counts."""
    seconds = int(time.time())
    return seconds + time.localtime(seconds).tm_gmtoff


def wall_text(wall_us: int) -> str:
    """``2026-01-31T12:00:00.000``, or an empty string for 0 (never)."""
    if not wall_us:
        return ""
    seconds, us = divmod(wall_us, 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{us // 1000:03d}"
