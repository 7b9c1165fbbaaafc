"""Dispatch: where a promised receipt waits, and which one a free register takes next.

A receipt waits either in the queue of a register that a policy chose, or in the *pool* of its group: always under the ``central``
policy, and under any policy when no register was there to be given it. From a pool every register takes as it gets free, so that
those who come back after an outage share what piled up. Both are ordered by deadline, then arrival number.
"""

from __future__ import annotations

from heapq import heappop

from fiscal.engine import states
from fiscal.engine.config import EngineConfig
from fiscal.engine.farm import Entry, Group, Station, Waiting, may_serve, push
from fiscal.engine.policies import POLICIES
from fiscal.fitting import FORMATS, misfits, peculiar
from fiscal.receipt import Invalid, Receipt

Kind = tuple[int, int]
"""Format and kinds of agents of a register."""
GroupKey = tuple[str, int, str, tuple[Kind, ...] | None]


class Dispatch:
    """The waiting receipts of the farm."""

    def __init__(self, config: EngineConfig) -> None:
        if config.policy not in POLICIES:
            raise ValueError(f"unknown policy {config.policy!r}; there are: {', '.join(POLICIES)}")
        self._policy = POLICIES[config.policy]
        self._salt = config.salt
        self._spare_join = config.spare_join_queue
        self.stations = [Station(index, facts) for index, facts in enumerate(config.registers)]
        self._kinds = tuple(dict.fromkeys((facts.ffd, facts.agents) for facts in config.registers))
        self._particular = any(ffd for ffd, _ in self._kinds)
        self._groups: dict[GroupKey, Group] = {}

    @property
    def waiting(self) -> int:
        """Promised receipts that no register works on."""
        return sum(group.waiting for group in self._groups.values())

    def group(self, receipt: Receipt) -> Group:
        """The receipts that may go where this one may."""
        kinds = self._kinds_for(receipt)
        key = (receipt.entity, int(receipt.taxation), receipt.site, kinds)
        group = self._groups.get(key)
        if group is None:
            stations = tuple(
                station
                for station in self.stations
                if may_serve(station.facts, receipt)
                and (kinds is None or (station.facts.ffd, station.facts.agents) in kinds)
            )
            group = self._groups[key] = Group(stations)
            group.refresh()
            for station in stations:
                station.groups.append(group)
        return group

    def _kinds_for(self, receipt: Receipt) -> tuple[Kind, ...] | None:
        """The kinds of registers that can make it, ``None`` for all."""
        if not self._particular or not peculiar(receipt):
            return None
        kinds = tuple(kind for kind in self._kinds if not misfits(receipt, *kind))
        return None if kinds == self._kinds else kinds

    def why_none(self, receipt: Receipt) -> str:
        """Why no register can make this receipt, whose group has no candidates."""
        for station in self.stations:
            facts = station.facts
            if may_serve(facts, receipt):
                problems = Invalid(misfits(receipt, facts.ffd, facts.agents))
                return f"{facts.name} works in FFD {FORMATS[facts.ffd]}: {problems}"
        return (
            f"none belongs to entity {receipt.entity} with taxation {int(receipt.taxation)} "
            f"and is registered for site {receipt.site!r}"
        )

    def enter(self, entry: Entry, now_us: int) -> Station | None:
        """A receipt starts to wait. Returns a register that is free to take a receipt because of it, or ``None``."""
        self._waits(entry.group)
        return self._place(entry, now_us)

    def put_back(self, station: Station, entry: Entry) -> None:
        """A register could not take its receipt: it waits there again, with the others of that queue."""
        self._waits(entry.group)
        self._line_up(station, entry)

    def _waits(self, group: Group) -> None:
        group.waiting += 1
        if group.waiting >= self._spare_join:
            group.spare_joined = True

    def _line_up(self, station: Station, entry: Entry) -> None:
        entry.register = station.index
        push(station.queue, entry)
        station.load += 1
        station.backlog_us += station.estimate_us(entry)

    def _place(self, entry: Entry, now_us: int) -> Station | None:
        group = entry.group
        eligible = group.eligible()
        if self._policy is None or not eligible:
            entry.register = -1
            push(group.pool, entry)
            for station in eligible:
                if station.state is states.READY:
                    return station
            return None
        station = (
            eligible[0] if len(eligible) == 1 else self._policy(entry, group, eligible, now_us, self._salt)
        )
        self._line_up(station, entry)
        return station if station.state is states.READY else None

    def take(self, station: Station, now_us: int) -> Entry | None:
        """The receipt ``station`` prints next, removed from where it waited; it is in hand from now on."""
        best = station.queue
        _drop_stale(best)
        for group in station.groups:
            pool = group.pool
            if pool:
                _drop_stale(pool)
                idle_spare = station.facts.spare and not group.spare_joined and group.open_regular
                if pool and not idle_spare and (not best or pool[0] < best[0]):
                    best = pool
        if not best:
            return None
        entry = heappop(best)[2]
        estimate_us = station.estimate_us(entry)
        if best is station.queue:
            station.backlog_us -= estimate_us
        else:
            station.load += 1
            entry.register = station.index
        station.busy_until_us = now_us + estimate_us
        entry.place = None
        self._left(entry.group)
        return entry

    def release(self, station: Station, now_us: int) -> None:
        """``station`` has nothing in work any more."""
        station.load -= 1
        station.busy_until_us = now_us

    def leave(self, entry: Entry) -> None:
        """A waiting receipt is taken back."""
        if entry.register >= 0:
            station = self.stations[entry.register]
            station.load -= 1
            station.backlog_us -= station.estimate_us(entry)
            entry.register = -1
        entry.place = None
        self._left(entry.group)

    def _left(self, group: Group) -> None:
        group.waiting -= 1
        if group.waiting == 0:
            group.spare_joined = False

    def withdraw(self, station: Station) -> list[Entry]:
        """Everything that waits for this very register, in order; it waits nowhere until placed again."""
        entries = []
        while station.queue:
            entry = heappop(station.queue)[2]
            if entry.place is station.queue:
                station.load -= 1
                station.backlog_us -= station.estimate_us(entry)
                entry.place = None
                entries.append(entry)
        return entries

    def replace(self, entries: list[Entry], now_us: int) -> list[Station]:
        """Place receipts anew. Returns the free registers that got work, in order."""
        free = []
        for entry in entries:
            station = self._place(entry, now_us)
            if station is not None and station not in free:
                free.append(station)
        return free

    def stand_ins(self, station: Station) -> list[Station]:
        """Free registers that may take from the pools of one that is gone: a spare that had no reason to before."""
        return [
            other
            for group in station.groups
            if group.pool
            for other in group.eligible()
            if other.state is states.READY
        ]

    def set_available(self, station: Station, available: bool) -> None:
        """Whether policies may choose this register from now on."""
        station.available = available
        for group in station.groups:
            group.refresh()


def _drop_stale(heap: Waiting) -> None:
    while heap and heap[0][2].place is not heap:
        heappop(heap)
