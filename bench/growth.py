"""How a farm grows: by one kind of register, or as a whole in its own proportions.

A shop that has two registers at the office, an old one in the store room and two at the server asks "how many more of which", or "how many
in all". The whole farm grows register by register: first one of every sort without which some receipts could be recorded nowhere
(an entity, a taxation system, a site), then always the sort that is furthest behind its share (the divisor method of Sainte-Laguë).
So every farm holds all smaller ones, and at the number of registers that the scenario has it is the scenario's own.

    >>> from bench.scenario import load
    >>> growth = Growth(load("scenarios/black_friday.toml"))
    >>> [growth.counts(count) for count in (1, 3, 5)]
    [{'office': 1}, {'office': 1, 'store': 1, 'net': 1}, {'office': 2, 'store': 1, 'net': 1, 'mini': 1}]
"""

from __future__ import annotations

from collections.abc import Sequence

from bench import kernel
from bench.scenario import Scenario, ScenarioError
from bench.scenario_farm import Register
from bench.simulate import engine_config, places


class Growth:
    """Farms of any size out of one scenario. ``template`` names the entry of ``farm.registers`` that grows; "" the whole farm.

    ``kinds`` are the kinds of receipts that come: what the smallest farm must be able to record. Raises ScenarioError for an unknown
    template.
    """

    def __init__(self, scenario: Scenario, template: str = "", kinds: Sequence[kernel.Kind] = ()) -> None:
        self.scenario = scenario
        self._entries = scenario.farm.registers
        names = [entry.name for entry in self._entries]
        if template and template not in names:
            raise ScenarioError(
                f"{scenario.name}: farm.registers: no entry is named {template!r}; there are: {', '.join(names)}"
            )
        if not template and len(names) == 1:
            template = names[0]
        self.template = template
        self.others = sum(entry.count for entry in self._entries if template and entry.name != template)
        self._order = [names.index(template)] if template else _needed(scenario, kinds)
        self.least = len(self._order)

    def counts(self, count: int) -> dict[str, int]:
        """How many of each entry a farm has that has grown to ``count`` registers (beside the others, where one template grows)."""
        found = [0 if not self.template else entry.count for entry in self._entries]
        if self.template:
            found[self._order[0]] = count
        else:
            for index in self._growing(count):
                found[index] += 1
        return {entry.name: n for entry, n in zip(self._entries, found, strict=True) if n}

    def farm(self, count: int) -> Scenario:
        """The scenario with a farm of ``count``. Faults at registers that it does not have are left out."""
        counts = self.counts(count)
        entries = tuple(
            entry.model_copy(update={"count": counts[entry.name]})
            for entry in self._entries
            if entry.name in counts
        )
        scenario = self.scenario
        renamed = _renamed(self._entries, counts)
        faults = []
        for fault in scenario.faults:
            target = getattr(fault, "target", "")
            name = renamed.get(target, target)
            if name is not None:
                faults.append(fault if name == target else fault.model_copy(update={"target": name}))
        farm = scenario.farm.model_copy(update={"registers": entries})
        return scenario.model_copy(update={"farm": farm, "faults": tuple(faults)})

    def _growing(self, count: int) -> list[int]:
        """Which entry each register belongs to, in the order in which they join."""
        have = [0] * len(self._entries)
        for index in self._order[:count]:
            have[index] += 1
        while len(self._order) < count:
            index = max(range(len(have)), key=lambda n: (self._entries[n].count / (2 * have[n] + 1), -n))
            self._order.append(index)
            have[index] += 1
        return self._order[:count]


def _needed(scenario: Scenario, kinds: Sequence[kernel.Kind]) -> list[int]:
    """The entries without which some receipts could be recorded nowhere; the first if none."""
    entries = scenario.farm.registers
    farm_places = places(scenario)
    wanted = list(kinds) or [(place.facts.entity, place.facts.taxation, "") for place in farm_places]
    may = kernel.farm_of(engine_config(scenario, farm_places), wanted).may
    needed: list[int] = []
    served = [not may[row].any() for row in range(len(wanted))]
    first = 0
    for index, entry in enumerate(entries):
        if any(may[row, first] and not served[row] for row in range(len(wanted))):
            needed.append(index)
            served = [done or bool(may[row, first]) for row, done in enumerate(served)]
        first += entry.count
    return needed or [0]


def _renamed(entries: Sequence[Register], counts: dict[str, int]) -> dict[str, str | None]:
    """Names of registers in the scenario -> what they are called in the grown farm (None: not there)."""

    def names(name: str, count: int) -> list[str]:
        return [name] if count == 1 else [f"{name}-{n + 1}" for n in range(count)]

    found: dict[str, str | None] = {}
    for entry in entries:
        after = names(entry.name, counts.get(entry.name, 0))
        for n, before in enumerate(names(entry.name, entry.count)):
            found[before] = after[n] if n < len(after) else None
    return found
