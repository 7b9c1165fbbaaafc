"""Who should: which of the registers that may serve a receipt gets it.

A policy is a function from (receipt, candidates in the order of the configuration, now) to a station. Ties go to the first. ``central``
chooses nobody: the receipt waits in the common queue and the next free register takes it.
"""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

from fiscal.engine import states
from fiscal.engine.farm import Entry, Group, Station

_MASK = (1 << 64) - 1


def mix(number: int) -> int:
    """SplitMix64 (Steele, Lea, Flood 2014): a well-mixed 64-bit function, so that "random" is a pure function of the arrival number."""
    z = (number * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def expected_completion_us(station: Station, entry: Entry, now_us: int) -> int:
    """When ``station`` would be done with ``entry``: what it has in hand, then a Z-report that falls due before it could start."""
    start = max(now_us, station.busy_until_us) + station.backlog_us
    if station.close_at_us is not None and start >= station.close_at_us and station.state != states.CLOSING:
        start += station.facts.z_report_us
    return start + station.estimate_us(entry)


def round_robin(entry: Entry, group: Group, open_: list[Station], now_us: int, salt: int) -> Station:
    """Each in turn, by the order of the configuration."""
    for station in open_:
        if station.index > group.turn:
            break
    else:
        station = open_[0]
    group.turn = station.index
    return station


def random(entry: Entry, group: Group, open_: list[Station], now_us: int, salt: int) -> Station:
    """Uniformly at random, as 1C-Bitrix chooses (reference: shops_clouds_faults, 1.8); the draw is a function of the arrival number."""
    return open_[mix(salt ^ entry.number) % len(open_)]


def shortest_queue(entry: Entry, group: Group, open_: list[Station], now_us: int, salt: int) -> Station:
    """The fewest receipts in hand, the one in work included."""
    best = open_[0]
    for station in open_:
        if station.load < best.load:
            best = station
    return best


def earliest_completion(entry: Entry, group: Group, open_: list[Station], now_us: int, salt: int) -> Station:
    """The one expected to be done first; it knows speeds and Z-windows."""
    best = open_[0]
    best_us = expected_completion_us(best, entry, now_us)
    for station in open_[1:]:
        done_us = expected_completion_us(station, entry, now_us)
        if done_us < best_us:
            best, best_us = station, done_us
    return best


def weighted(entry: Entry, group: Group, open_: list[Station], now_us: int, salt: int) -> Station:
    """In proportion to the weights, evenly interleaved (smooth weighted round robin)."""
    total = 0
    best = open_[0]
    for station in open_:
        station.credit += station.facts.weight
        total += station.facts.weight
        if station.credit > best.credit:
            best = station
    best.credit -= total
    return best


def sticky(entry: Entry, group: Group, open_: list[Station], now_us: int, salt: int) -> Station:
    """The same buyer always to the same register while it is there (highest random weight, Thaler and Ravishankar 1998)."""
    who = crc32((entry.receipt.buyer.contact or entry.key).encode("utf-8", "surrogatepass"))
    return max(open_, key=lambda station: (mix(who ^ (station.index << 32)), -station.index))


Policy = Callable[[Entry, Group, list[Station], int, int], Station]

POLICIES: dict[str, Policy | None] = {
    "round_robin": round_robin,
    "random": random,
    "shortest_queue": shortest_queue,
    "earliest_completion": earliest_completion,
    "weighted": weighted,
    "sticky": sticky,
    "central": None,
}
