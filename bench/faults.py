"""The calendar of what goes wrong: the faults of a scenario as moments of the run.

Faults at set times stand where the scenario puts them; random ones come as a Poisson process, each table of the scenario from a stream of
its own, so that adding one moves neither the orders nor the other faults. "any" has become a name here: who is hit is decided before the
run, not by it. Faults that last and overlap on one target are joined, so that a cable is not plugged in while it is still out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.scenario import Scenario
from bench.scenario_faults import REACH, EngineCrash, GarbledBytes, fits
from bench.scenario_model import US_PER_DAY, US_PER_S
from bench.streams import stream

_LEAST_US = 1_000
Span = tuple[int, int]
"""(begins, ends) in microseconds of the run."""

# What a fault has beside its time and target: (field of the scenario, name in `params`, factor to whole units).
_PARAMS: dict[str, tuple[tuple[str, str, int | None], ...]] = {
    "reply_lost": (("count", "count", None),),
    "garbled_bytes": (("probability", "probability", None),),
    "register_slow": (("factor", "factor", None),),
    "engine_crash": (("effect", "effect", None), ("nth", "nth", None), ("restart_s", "restart_us", US_PER_S)),
    "clock_jump": (("shift_s", "shift_us", US_PER_S),),
    "drive_replacement": (("hands_s", "hands_us", US_PER_S),),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    ``target`` is a register, a computer, "all", or "" for what hits the shop as a whole. A fault without duration has
    ``until_us == at_us``. ``params`` by kind: reply_lost ``count``; garbled_bytes ``probability``; register_slow ``factor``;
    clock_jump ``shift_us``; engine_crash ``restart_us`` and, when it comes at a step and not at a time, ``effect`` and ``nth``.
    """

    kind: str
    target: str
    at_us: int
    until_us: int
    params: Mapping[str, Any] = field(default_factory=dict)


def calendar(scenario: Scenario, seed: int | None = None, replication: int = 0) -> list[Fault]:
    """Every fault of a run, sorted by moment; ``seed`` None means the scenario's own."""
    seed = scenario.seed if seed is None else seed
    seen: Counter[str] = Counter()
    found: list[Fault] = []
    for spec in scenario.faults:
        found.extend(_occurrences(scenario, spec, f"fault {spec.kind} {seen[spec.kind]}", seed, replication))
        seen[spec.kind] += 1
    found.sort(key=lambda fault: (fault.at_us, fault.kind, fault.target, fault.until_us))
    return _joined(found)


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans of time in order; those that overlap or touch are one. Raises ValueError for one that ends before it begins."""
    found: list[Span] = []
    for begin_us, end_us in sorted(spans):
        if begin_us < 0 or end_us < begin_us:
            raise ValueError(
                f"an outage from {begin_us} to {end_us} us: it must not begin before the run, nor end before it begins"
            )
        if found and begin_us <= found[-1][1]:
            found[-1] = (found[-1][0], max(end_us, found[-1][1]))
        elif end_us > begin_us:
            found.append((begin_us, end_us))
    return tuple(found)


def outages(faults: Iterable[Fault], places: Mapping[str, Sequence[int]]) -> dict[int, tuple[Span, ...]]:
    """When each register, by number, is planned to be out of service; ``places`` says which registers a target means."""
    spans: dict[int, list[Span]] = {}
    for fault in faults:
        if fault.kind == "planned_outage":
            for index in places[fault.target]:
                spans.setdefault(index, []).append((fault.at_us, fault.until_us))
    return {index: joined(spans[index]) for index in sorted(spans)}


def _occurrences(scenario: Scenario, spec: Any, name: str, seed: int, replication: int) -> list[Fault]:
    random = stream(seed, name, replication)
    targets = _targets(scenario, spec)
    params = _params(spec)
    if random.random() >= spec.chance:
        return []
    end_us = scenario.duration_us
    if spec.per_day is not None:
        found: list[Fault] = []
        at = 0.0
        while True:
            gap, length, which = random.standard_exponential(), random.standard_exponential(), random.random()
            at += gap * US_PER_DAY / spec.per_day
            at_us = int(at)
            if at_us >= end_us:
                return found
            mean_s = getattr(spec, "mean_for_s", None)
            lasts_us = max(_LEAST_US, int(length * mean_s * US_PER_S)) if mean_s is not None else 0
            target = targets[int(which * len(targets))] if targets else ""
            found.append(Fault(spec.kind, target, at_us, min(at_us + lasts_us, end_us), params))
    target = targets[int(random.random() * len(targets))] if targets else ""
    if spec.at is not None:
        at_us = scenario.at_us(spec.at)
        lasts_us = round((getattr(spec, "for_s", None) or 0) * US_PER_S)
        return [Fault(spec.kind, target, at_us, at_us + lasts_us, params)]
    if isinstance(spec, GarbledBytes):
        return [Fault(spec.kind, target, 0, end_us, params)]
    return [Fault(spec.kind, target, 0, 0, params)]  # an engine crash at a step


def _targets(scenario: Scenario, spec: Any) -> tuple[str, ...]:
    """Whom the fault may hit; empty when it hits the shop as a whole."""
    wanted = getattr(spec, "target", None)
    if wanted is None:
        return ()
    if wanted != "any":
        return (wanted,)
    able = tuple(r.name for r in scenario.registers() if fits(spec.kind, r.protocol))
    places = {"register": able, "computer": scenario.computers()}
    return tuple(name for place in REACH[spec.kind] for name in places[place])


def _params(spec: Any) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for source, name, factor in _PARAMS.get(spec.kind, ()):
        value = getattr(spec, source)
        params[name] = round(value * factor) if factor else value
    if isinstance(spec, EngineCrash) and spec.effect is None:
        del params["effect"], params["nth"]
    return params


def _joined(faults: list[Fault]) -> list[Fault]:
    """Overlapping faults of the same kind and strength on the same target as one."""
    out: list[Fault] = []
    last: dict[tuple[str, str], int] = {}
    for fault in faults:
        place = (fault.kind, fault.target)
        before = last.get(place)
        if before is not None and fault.until_us > fault.at_us:
            earlier = out[before]
            if fault.at_us <= earlier.until_us and earlier.params == fault.params:
                until_us = max(earlier.until_us, fault.until_us)
                out[before] = Fault(fault.kind, fault.target, earlier.at_us, until_us, fault.params)
                continue
        last[place] = len(out)
        out.append(fault)
    return out
