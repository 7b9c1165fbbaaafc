"""A farm and its traffic as arrays, and the compiled runs over them: fidelity ``kernel``.

Sizing a farm means trying many farms on many days. What differs between them is little: so a day's traffic is made once (`Traffic`),
and shared by all farms (common random numbers); a farm is a few numbers a register (`Farm`). `simulate` runs a compiled program
over them and says of every receipt which register recorded it, and when. There are two programs: the recursion
(`bench.kernel_recursion`), for farms whose journal takes no time, and the compiled twin of engine and host (`bench.kernel_engine`),
for all. `bench.kernel_many` runs many farms over many days.

    >>> import numpy as np
    >>> from fiscal.engine.config import EngineConfig, RegisterFacts
    >>> config = EngineConfig((RegisterFacts("a", "7707083893"), RegisterFacts("b", "7707083893")), policy="central")
    >>> farm = farm_of(config, [("7707083893", 1, "")])
    >>> three = traffic_of(np.array([10, 10, 20]))
    >>> fates = simulate(farm, three, np.array([[1000, 3000, 500]]))
    >>> fates.register.tolist(), fates.done_us.tolist()
    ([0, 1, 0], [1010, 3010, 1510])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bench import kernel_engine, kernel_recursion
from bench.faults import Span, joined
from bench.kernel_engine import NEVER
from fiscal.engine.config import EngineConfig

Ints = npt.NDArray[np.int64]
Kind = tuple[str, int, str]
"""What decides who may serve a receipt: entity, taxation system, site."""

POLICIES = (
    "central",
    "round_robin",
    "random",
    "shortest_queue",
    "earliest_completion",
    "weighted",
    "sticky",
)
"""In the order of the twin's numbers."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """The receipts of one day: arrays in the order in which they are paid. Times in microseconds from the start of the run."""

    at_us: Ints
    deadline_us: Ints
    lines: Ints
    kind: Ints  # which of the kinds; -1 when there is none
    who: npt.NDArray[np.uint64]  # of the buyer, for the sticky policy

    def __len__(self) -> int:
        return len(self.at_us)


def traffic_of(
    at_us: Ints,
    lines: Ints | int = 1,
    kind: Ints | int = 0,
    deadline_after_us: int = 300_000_000,
    who: npt.NDArray[np.uint64] | None = None,
) -> Traffic:
    """Traffic from arrays; one number stands for equal ones. Raises ValueError when the moments do not increase or are negative."""
    at_us = np.ascontiguousarray(at_us, np.int64)
    n = len(at_us)
    if n and (at_us[0] < 0 or (np.diff(at_us) < 0).any()):
        raise ValueError("moments of payment must not be negative, and must not decrease")
    return Traffic(
        at_us,
        at_us + deadline_after_us,
        np.ascontiguousarray(np.broadcast_to(np.asarray(lines, np.int64), n)),
        np.ascontiguousarray(np.broadcast_to(np.asarray(kind, np.int64), n)),
        np.zeros(n, np.uint64) if who is None else np.ascontiguousarray(who, np.uint64),
    )


@dataclass(frozen=True, slots=True)
class Farm:
    """The registers and the rules, as numbers. Made by `farm_of`."""

    policy: str
    reroute: bool
    spare_join: int
    probe_us: int
    commit_us: int
    wall_offset_us: int
    stagger_us: int
    max_age_us: int
    salt: int
    close_at_us: Ints
    base_us: Ints
    line_us: Ints
    z_us: Ints
    weight: Ints
    spare: npt.NDArray[np.bool_]
    may: npt.NDArray[np.bool_]  # by kind and register
    service_class: Ints  # row of the service times each register takes
    queue_limit: int
    outages_us: tuple[
        tuple[tuple[int, int], ...], ...
    ]  # of each register: (begins, ends), in order, apart from each other

    def __len__(self) -> int:
        return len(self.base_us)

    def with_policy(self, policy: str) -> Farm:
        """The same registers under another policy."""
        return replace(self, policy=policy)


def farm_of(
    config: EngineConfig,
    kinds: Sequence[Kind],
    *,
    start_us: int = 0,
    commit_us: int = 0,
    service_class: Sequence[int] | None = None,
    outages_us: Mapping[int, Sequence[Span]] | None = None,
) -> Farm:
    """The farm an engine is configured for.

    ``start_us`` is the wall clock at moment zero; ``commit_us`` what a journal commit takes; ``outages_us`` when registers (by number) are
    planned to be out of service. ``kinds`` come in the order in which their receipts come first.

    Raises ValueError for an unknown policy or a farm without registers.
    """
    registers = config.registers
    if config.policy not in POLICIES:
        raise ValueError(f"unknown policy {config.policy!r}; there are: {', '.join(POLICIES)}")
    if not registers:
        raise ValueError("a farm needs at least one register")

    def column(values: Sequence[int]) -> Ints:
        return np.array(values, dtype=np.int64)

    may = [
        [
            fact.entity == entity
            and bool(fact.taxation & taxation)
            and (not fact.sites or site in fact.sites)
            for fact in registers
        ]
        for entity, taxation, site in kinds
    ]
    return Farm(
        policy=config.policy,
        reroute=config.reroute,
        spare_join=config.spare_join_queue,
        probe_us=config.probe_us,
        commit_us=commit_us,
        wall_offset_us=start_us,
        stagger_us=config.stagger_us,
        max_age_us=config.max_age_us,
        salt=config.salt,
        close_at_us=column([second * 1_000_000 for second in config.close_at_s]),
        base_us=column([fact.service_base_us for fact in registers]),
        line_us=column([fact.service_line_us for fact in registers]),
        z_us=column([fact.z_report_us for fact in registers]),
        weight=column([fact.weight for fact in registers]),
        spare=np.array([fact.spare for fact in registers], dtype=np.bool_),
        may=np.array(may, dtype=np.bool_).reshape(len(kinds), len(registers)),
        service_class=column(service_class or [0] * len(registers)),
        queue_limit=config.queue_limit,
        outages_us=tuple(joined((outages_us or {}).get(n, ())) for n in range(len(registers))),
    )


@dataclass(frozen=True, slots=True)
class Fates:
    """What became of each receipt: its register, when the drive recorded it, when the journal knew (that is what the wait runs to).

    -1 where it did not happen before the run ended, or the receipt was refused at the door. ``program`` says which program found it out
    ("recursion" or "engine"), ``why`` why not the recursion.
    """

    register: Ints
    done_us: Ints
    told_us: Ints
    program: str = "engine"
    why: str = ""

    def late(self, traffic: Traffic, deadline_us: int, end_us: int) -> npt.NDArray[np.bool_]:
        """Receipts recorded later than ``deadline_us`` after payment, or not recorded although that has passed at ``end_us``."""
        until = np.where(self.told_us < 0, end_us, self.told_us)
        found: npt.NDArray[np.bool_] = (until - traffic.at_us > deadline_us) & (traffic.kind >= 0)
        return found


@dataclass(frozen=True, slots=True)
class Day:
    """A farm and its traffic, checked: every receipt is of a kind that some register serves, or of none (-1)."""

    farm: Farm
    traffic: Traffic
    kind: Ints
    service_us: Ints


def simulate(
    farm: Farm, traffic: Traffic, service_us: Any, stop_us: int = NEVER, *, program: str = ""
) -> Fates:
    """Run a farm through a day: exactly what fidelity ``timed`` does on the same traffic and service times, without faults.

    ``service_us`` has a row for each class of registers and a column for each receipt. ``stop_us`` cuts the run: what happens at that
    moment or later has not happened. ``program`` forces one ("recursion", "engine"); else it is the recursion where that is exact, which
    is looked at, not supposed. Raises ValueError when the arrays do not fit together, or the program asked for cannot do it.
    """
    day = checked(farm, traffic, service_us)
    why = "asked for" if program == "engine" else why_not(day)
    if not why:
        fates, why = _recursion(day, stop_us)
        if fates is not None:
            return fates
    if program == "recursion":
        raise ValueError(f"the recursion cannot do this day exactly: {why}")
    return _engine(day, stop_us, why)


def checked(farm: Farm, traffic: Traffic, service_us: Any) -> Day:
    """The arrays of a run, looked at. Raises ValueError when they do not fit together."""
    n = len(traffic)
    service = np.ascontiguousarray(np.atleast_2d(np.asarray(service_us, np.int64)))
    if service.shape[1] != n or service.shape[0] <= int(farm.service_class.max()):
        raise ValueError(f"service times {service.shape} do not fit {n} receipts and the farm's classes")
    if n and (int(traffic.kind.max()) >= len(farm.may) or service.min() < 0):
        raise ValueError("a receipt is of a kind the farm does not know, or takes a negative time")
    kind = traffic.kind
    nobody = np.logical_not(np.any(farm.may, axis=1)).reshape(-1)
    if nobody.any():
        kind = np.where((kind >= 0) & nobody[kind], -1, kind)
    return Day(farm, traffic, kind, service)


def why_not(day: Day) -> str:
    """Why the recursion cannot do a day, as far as that can be seen beforehand; "" when it may."""
    farm = day.farm
    if farm.commit_us:
        return "journal commits take time, and are grouped"
    if (np.diff(day.traffic.deadline_us) < 0).any():
        return "receipts are not served in the order in which they come: deadlines do not rise"
    if farm.policy == "central" and farm.spare.any():
        return "spare registers under the central policy join when they are asked how they are"
    if farm.policy == "central" and farm.queue_limit and len(farm.may) > 1:
        return "a queue limit under the central policy counts receipts of several kinds"
    if (day.service_us < 1).any() or (farm.z_us < 1).any():
        return "something takes no time"
    return ""


def _rules(farm: Farm, names: Sequence[str]) -> dict[str, int]:
    numbers = {"policy": POLICIES.index(farm.policy), "reroute": int(farm.reroute)}
    return {name: numbers[name] if name in numbers else getattr(farm, name) for name in names}


def recursion_tables(farm: Farm) -> tuple[Ints, Ints, Ints, Ints]:
    """A farm as `kernel_recursion` knows it: rules, planned outages, registers, kinds."""
    rules = np.array(list(_rules(farm, kernel_recursion.RULES).values()), np.int64)
    pauses = np.array([span for spans in farm.outages_us for span in spans], np.int64).reshape(-1, 2)
    given = np.array([getattr(farm, name) for name in kernel_recursion.GIVEN_BY_REGISTER], np.int64)
    outages = [len(spans) for spans in farm.outages_us]
    return rules, np.ascontiguousarray(pauses.T), *kernel_recursion.tables(given, outages, len(farm.may))


def _recursion(day: Day, stop_us: int) -> tuple[Fates | None, str]:
    farm, traffic = day.farm, day.traffic
    n = len(traffic)
    rules, pauses, stations, kinds = recursion_tables(farm)
    followed = farm.policy == "earliest_completion" or bool(farm.spare.any()) or farm.queue_limit > 0
    register, done_us = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
    number, following = np.zeros(n, np.int64), np.empty(n, np.int64)
    reason = kernel_recursion.run(
        *(rules, farm.close_at_us, stations, kinds, pauses, farm.may, followed),
        *(traffic.at_us, traffic.lines, day.kind, traffic.who, number, day.service_us),
        *(register, done_us, following),
    )
    if reason:
        return None, kernel_recursion.REASONS[reason]
    if stop_us < NEVER:
        done_us[done_us >= stop_us] = -1
    register[done_us < 0] = -1
    return Fates(register, done_us, done_us, "recursion"), ""


def _engine(day: Day, stop_us: int, why: str) -> Fates:
    farm, traffic = day.farm, day.traffic
    n = len(traffic)
    deadlines = traffic.deadline_us
    rank = np.arange(n, dtype=np.int64)
    if (np.diff(deadlines) < 0).any():
        rank[np.lexsort((rank, deadlines))] = np.arange(n)
    rules = _rules(farm, kernel_engine.RULES)
    registers = {name: getattr(farm, name) for name in kernel_engine.GIVEN_BY_REGISTER}
    receipts = {
        "at_us": traffic.at_us,
        "rank": rank,
        "lines": traffic.lines,
        "who": traffic.who.view(np.int64),
    }
    changes = [
        change
        for number, spans in enumerate(farm.outages_us)
        for begin, end in spans
        for change in ((begin, number, 1), (end, number, 0))
    ]
    planned = np.array(sorted(changes, key=lambda change: change[0]), np.int64).reshape(-1, 3)
    memory, table = kernel_engine.memory(
        rules, farm.close_at_us, planned, registers, farm.may, receipts, day.kind
    )
    kernel_engine.live(memory, day.service_us, stop_us)
    register, done_us, told_us = kernel_engine.fates(table)
    register[done_us < 0] = -1
    return Fates(register, done_us, told_us, "engine", why)
