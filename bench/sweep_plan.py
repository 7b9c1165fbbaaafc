"""A sweep cut into tasks: which configurations there are, which of them share their days, and what a worker does.

A task is a day and some farms that meet it: plain data, and its answer follows from it alone.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from bench.executors import code_hash
from bench.planner import Day, Lateness, day, lateness, left_out
from bench.progress import Progress
from bench.scenario import Scenario, apply_set, parse
from bench.statistics import rule_of_three
from bench.sweep_file import Answer

MOST = 100_000
"""Configurations a sweep refuses to exceed unless told otherwise: more is rather a slip of the pen."""

_TOLD = 100  # configurations checked between two words of progress
FARMS = 64  # configurations a task holds: enough to be worth a day's traffic, few enough to spread and to lose when killed
NO_TRAFFIC = ("name", "question", "drain_h", "farm", "shifts", "operator", "faults", "expect")
NO_TRAFFIC_OF_SHOP = ("commit_ms", "in_doubt")
"""What a scenario says beside who comes and what they buy: configurations that differ in these alone share their days."""


class Task(NamedTuple):
    """A day, and some configurations whose farms meet it: plain data."""

    scenario: str
    """The scenario as JSON."""
    folder: str
    """Where the files it names are."""
    first: tuple[str, ...]
    """The changes that make the day."""
    configurations: tuple[tuple[str, ...], ...]
    """The changes that make each configuration, as ``path=value``."""
    replication: int


def work(task: Task) -> Answer:
    """Do a task, anywhere."""
    one = _day(task.scenario, task.folder, task.first, task.replication)
    found = [
        lateness(_configuration(task.scenario, task.folder, changes), [one])
        for changes in task.configurations
    ]
    return Answer(
        len(one.traffic),
        tuple(farm.late[0] for farm in found),
        tuple(farm.mean_wait_s[0] for farm in found),
        tuple(farm.longest_wait_s[0] for farm in found),
    )


class Plan:
    """A sweep cut into tasks. What it does follows from the question alone, so numbers of tasks mean the same when it is asked again."""

    def __init__(
        self,
        scenario: Scenario,
        vary: Mapping[str, Sequence[Any]],
        replications: int,
        seed: int | None,
        most: int = MOST,
        progress: Progress | None = None,
    ) -> None:
        """Check every configuration; ``progress`` is told how many have been. Arguments and errors as of `bench.sweeping.sweep`."""
        if replications < 1:
            raise ValueError("at least one day is needed")
        if seed is not None and seed < 0:
            raise ValueError("the seed must not be negative")
        if not vary:
            raise ValueError(
                "nothing to vary; give a path and its values, such as farm.registers[0].count=1..8"
            )
        for path, several in vary.items():
            if isinstance(several, str):
                raise ValueError(f"{path}: give its values as a list, also when there is one: [{several!r}]")
            if not len(several):
                raise ValueError(f"{path}: no value to vary it over")
        count = math.prod(len(several) for several in vary.values())
        if count > most:
            raise ValueError(
                f"{count:,} configurations are more than {most:,}; vary less, or allow them: --most {count}, in Python most={count}"
            )
        self.name = scenario.name
        self.assumptions = _assumptions(scenario, replications)
        data = scenario.model_dump(mode="json")
        if seed is not None:
            data["seed"] = seed
        self.replications = replications
        self.paths = tuple(vary)
        axes = [
            [value.item() if hasattr(value, "item") else value for value in several]
            for several in vary.values()
        ]
        self.values = tuple(itertools.product(*axes))
        self._data = _json(data)
        self._folder = str(scenario.folder)
        self._changes = tuple(
            tuple(f"{path}={toml(value)}" for path, value in zip(self.paths, values, strict=True))
            for values in self.values
        )
        if len(set(self._changes)) < len(self._changes):
            raise ValueError("a value is given twice; give each once")
        groups: dict[str, list[int]] = {}
        files: dict[str, str] = {}
        registers = []
        for number, changes in enumerate(self._changes):
            one = configured(self._data, self._folder, changes, scenario.name)
            traffic = traffic_of(one)
            if traffic not in groups:
                files |= {name: _hash(one.file(name).read_bytes()) for name in _files(one)}
            groups.setdefault(traffic, []).append(number)
            registers.append(sum(register.count for register in one.farm.registers))
            if progress is not None and number % _TOLD == _TOLD - 1:
                progress(number + 1, count)
        self.registers = tuple(registers)
        self._blocks = [
            (replication, members[0], members[n : n + FARMS])
            for members in groups.values()
            for replication in range(replications)
            for n in range(0, len(members), FARMS)
        ]
        varied = [(path, [toml(value) for value in axis]) for path, axis in zip(vary, axes, strict=True)]
        asked = {
            "scenario": data,
            "vary": varied,
            "replications": replications,
            "files": files,
        }
        question, code = _hash(_json(asked).encode("utf-8", "surrogatepass")), code_hash()
        self.short = _hash((question + code).encode())[:8]
        self.question = {
            "bench_sweep": 1,
            "name": scenario.name,
            "question": question,
            "code": code,
            "vary": dict(varied),
            "replications": replications,
            "tasks": len(self),
        }

    def __len__(self) -> int:
        return len(self._blocks)

    def task(self, number: int) -> Task:
        replication, first, members = self._blocks[number]
        return Task(
            self._data,
            self._folder,
            self._changes[first],
            tuple(self._changes[member] for member in members),
            replication,
        )

    def fits(self, number: int, answer: Answer) -> bool:
        """Whether an answer can be this task's."""
        return 0 <= number < len(self) and len(answer.late) == len(self._blocks[number][2])

    def gather(self, answers: Mapping[int, Answer]) -> tuple[Lateness, ...]:
        """The answers of all tasks by configuration and day."""
        days: list[dict[int, tuple[int, int, float, float]]] = [{} for _ in self.values]
        for number, (replication, _, members) in enumerate(self._blocks):
            receipts, *columns = answers[number]
            for member, late, mean_s, longest_s in zip(members, *columns, strict=True):
                days[member][replication] = late, receipts, mean_s, longest_s
        return tuple(
            Lateness(*zip(*(one[replication] for replication in range(self.replications)), strict=True))
            for one in days
        )


def toml(value: Any) -> str:
    """A value as TOML writes it. Raises ValueError for what TOML has no word for."""
    match value:
        case bool() | int() | float() | str():
            return json.dumps(value, ensure_ascii=False)
        case list() | tuple():
            return f"[{', '.join(map(toml, value))}]"
        case dict():
            return "{" + ", ".join(f"{json.dumps(str(k))} = {toml(v)}" for k, v in value.items()) + "}"
        case _ if hasattr(value, "isoformat"):
            return str(value.isoformat())
    raise ValueError(f"{value!r} is no value a scenario can have")


def configured(data: str, folder: str, changes: Sequence[str], name: str = "scenario") -> Scenario:
    """The scenario with some changes, and without accidents: they are left out, so none can hit a register that is not there.

    Raises ScenarioError, which names the changes.
    """
    fresh = json.loads(data)
    for change in changes:
        apply_set(fresh, change, "--vary")
    if isinstance(fresh["faults"], list):
        fresh["faults"] = [fault for fault in fresh["faults"] if not _is_accident(fault)]
    return parse(fresh, f"{name} with {', '.join(changes)}" if changes else name, folder)


def _is_accident(fault: Any) -> bool:
    return isinstance(fault, dict) and fault.get("kind") != "planned_outage"


@lru_cache(maxsize=4 * FARMS)  # the next task is often the same farms on another day
def _configuration(data: str, folder: str, changes: tuple[str, ...]) -> Scenario:
    return configured(data, folder, changes)


@lru_cache(maxsize=2)  # tasks of one day follow each other
def _day(data: str, folder: str, changes: tuple[str, ...], replication: int) -> Day:
    return day(configured(data, folder, changes), replication)


def traffic_of(scenario: Scenario) -> str:
    """Equal for configurations that share their days."""
    data = scenario.model_dump(mode="json", exclude=set(NO_TRAFFIC))
    for name in NO_TRAFFIC_OF_SHOP:
        del data["shop"][name]
    return _json(data)


def _files(scenario: Scenario) -> list[str]:
    """The order files a scenario names, at whatever depth."""

    def names(data: Any) -> Iterator[str]:
        if isinstance(data, dict):
            for key, value in data.items():
                if key == "file" and isinstance(value, str):
                    yield value
                else:
                    yield from names(value)
        elif isinstance(data, list):
            for value in data:
                yield from names(value)

    return list(names(scenario.model_dump(mode="json", include={"arrivals"})))


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, sort_keys=True)


def _assumptions(scenario: Scenario, replications: int) -> tuple[str, ...]:
    texts = [
        f"{replications} independent days; configurations that do not differ in who comes share them",
        "each day begins with no shift open and nothing waiting; a register that has recorded nothing has no shift to close",
        "each interval is for its own configuration: the best of many looks a little better than it is; try it on other days (--seed)",
        f"where no day had a late receipt, up to {rule_of_three(replications):.0%} of days may have one all the same (95 %); "
        "more days (--replications) say more",
        "a register takes its service time for a receipt and its Z-report time for a closing; fidelity timed, not wire",
    ]
    accidents = left_out(scenario)
    if accidents:
        told = ", ".join(f"{count} {kind}" for kind, count in accidents.items())
        texts.append(f"days without accidents; left out: {told} (bench run --replications shows them)")
    return tuple(texts)
