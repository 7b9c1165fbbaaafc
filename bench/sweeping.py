"""Sweeps: one question asked of thousands of configurations of a scenario, on the same days.

A configuration is the scenario with some of its values changed; a sweep runs every combination of the values it is given. Making a day's
traffic costs a hundred times what a farm on that day costs, so configurations that differ in nothing that makes traffic share their days
(common random numbers: they differ by what was changed, not by chance). The work is cut into tasks, each a day and some farms on it. A
task is plain data, its answer follows from it alone, and so the table is the same to the byte in whatever order and wherever tasks are
done: here, in threads, in processes or on a cluster (`bench.executors`). With a folder, each answer is kept at once; asked again, the
sweep goes on from there. The numbers are those of fidelity ``timed`` without accidents, as in `bench.sizing`.

    >>> from bench.scenario import load
    >>> found = sweep(load("scenarios/z_windows_together.toml"), {"farm.registers[0].count": [4, 6]}, replications=2)
    >>> found.table[["farm.registers[0].count", "days", "days_with_late"]].to_dict("records")
    [{'farm.registers[0].count': 4, 'days': 2, 'days_with_late': 2}, {'farm.registers[0].count': 6, 'days': 2, 'days_with_late': 2}]
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from bench.executors import code_hash, completed
from bench.planner import Day, Lateness, day, lateness, left_out
from bench.progress import Progress
from bench.scenario import Scenario, ScenarioError, apply_set, parse
from bench.sweep_file import Answer, SweepFile

MOST = 100_000
"""Configurations a sweep refuses to exceed unless told otherwise: more is rather a slip of the pen."""

_FARMS = 64  # configurations a task holds: enough to be worth a day's traffic, few enough to spread and to lose when killed
_NO_TRAFFIC = ("name", "question", "drain_h", "farm", "shifts", "operator", "faults", "expect")
_NO_TRAFFIC_OF_SHOP = ("commit_ms", "in_doubt")
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


@dataclass(frozen=True)
class Sweep:
    """The answers. ``found`` has one entry for each row of ``values``: its late receipts and all receipts of each day."""

    scenario: str
    paths: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    found: tuple[Lateness, ...]
    days: int
    late_share: float | None
    taken: int
    """Tasks whose answers were in the folder already."""
    assumptions: tuple[str, ...]

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a configuration, in the order of the values given, the last path running fastest.

        Columns: each varied path; ``receipts`` and ``late`` of all days; ``late_share`` (mean over days) with its 95 % t interval ``low``
        and ``high``; ``days``, ``days_with_late``; with a target also ``enough``: the upper bound is not above it.
        """
        rows = []
        for values, one in zip(self.values, self.found, strict=True):
            share = one.share()
            row = dict(zip(self.paths, map(_cell, values), strict=True)) | {
                "receipts": sum(one.receipts),
                "late": sum(one.late),
                "late_share": share.estimate,
                "low": max(share.low, 0.0),
                "high": min(share.high, 1.0),
                "days": self.days,
                "days_with_late": one.days_with_late,
            }
            if self.late_share is not None:
                row["enough"] = not row["late"] or share.high <= self.late_share
            rows.append(row)
        return pd.DataFrame(rows)

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "scenario": self.scenario,
            "varied": {path: list(dict.fromkeys(self.table[path].tolist())) for path in self.paths},
            "late_share_target": self.late_share,
            "days": self.days,
            "configurations": self.table.to_dict("records"),
            "assumptions": list(self.assumptions),
        }

    def report(self) -> str:
        """The answers in words: the table, and what it rests on."""
        shown = self.table.copy()
        for column in ("late_share", "low", "high"):
            shown[column] = shown[column].map("{:.4%}".format)
        shown["days_with_late"] = shown["days_with_late"].map(lambda n: f"{n} of {self.days}")
        if self.late_share is not None:
            shown["enough"] = shown["enough"].map({True: "yes", False: ""})
        lines = [
            f"{self.scenario}: {len(self.table)} configurations, {self.days} days that they share",
            "",
            shown.drop(columns="days").to_string(index=False, max_rows=200, min_rows=40),
            "",
            "assumed:",
            *(f"  - {text}" for text in self.assumptions),
        ]
        return "\n".join(lines)

    @property
    def is_map(self) -> bool:
        """Whether two paths of numbers were varied, so that a map says most."""
        numbers = [path for path in self.paths if pd.api.types.is_numeric_dtype(self.table[path])]
        return len(numbers) > 1

    def plot_heat(self, x: str = "", y: str = "") -> Any:
        """Late share over two of the varied paths (default: the first two), a panel for each choice of the others."""
        from bench.charts_sweep import plot_heat

        return plot_heat(self, x, y)

    def plot_lines(self, x: str = "") -> Any:
        """Late share against a varied path (default: the first of numbers), a line for each choice of the others."""
        from bench.charts_sweep import plot_lines

        return plot_lines(self, x)


def sweep(
    scenario: Scenario,
    vary: Mapping[str, Sequence[Any]],
    *,
    replications: int = 10,
    late_share: float | None = None,
    seed: int | None = None,
    executor: Executor | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
    most: int = MOST,
) -> Sweep:
    """Every combination of the values, each on the same ``replications`` days.

    ``vary`` gives paths of the scenario (as ``--set`` has them) and the values each takes. ``executor`` does the work: any of
    `concurrent.futures`, None for here. ``out`` is a folder that keeps each answer at once (``results.jsonl``) and the whole table in the
    end (``table.csv``); a sweep that was interrupted goes on there. ``late_share`` is a target, only for reading the answers.
    Raises ScenarioError for a configuration that cannot be, ValueError for a question that makes no sense, SweepFileError for a folder
    that holds something else, WorkersError when the workers go away.
    """
    return run_plan(Plan(scenario, vary, replications, seed, most), late_share, executor, out, progress)


def run_plan(
    plan: Plan,
    late_share: float | None = None,
    executor: Executor | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Do a plan's tasks; arguments and errors as of `sweep`."""
    if late_share is not None and not 0 <= late_share < 1:
        raise ValueError(f"a late share of {late_share}: give a share from 0 to below 1, such as 0.001")
    answers: dict[int, Answer] = {}
    with contextlib.ExitStack() as stack:
        file = None
        if out is not None:
            file = stack.enter_context(SweepFile(Path(out), plan.question, plan.fits))
            answers |= file.answers
        taken = len(answers)
        missing = [number for number in range(len(plan)) if number not in answers]
        if progress is not None:
            progress(taken, len(plan))
        for n, answer in completed(executor, work, (plan.task(number) for number in missing)):
            answers[missing[n]] = answer
            if file is not None:
                file.add(missing[n], answer)
            if progress is not None:
                progress(len(answers), len(plan))
        found = plan.gather(answers)
        if not any(sum(one.receipts) for one in found):
            raise ScenarioError(f"{plan.name}: arrivals: no orders come, so there is nothing to compare")
        done = Sweep(
            plan.name, plan.paths, plan.values, found, plan.replications, late_share, taken, plan.assumptions
        )
        if out is not None:
            _write_table(done, Path(out))
    return done


def work(task: Task) -> Answer:
    """Do a task, anywhere."""
    one = _day(task.scenario, task.folder, task.first, task.replication)
    late = tuple(
        lateness(_configured(task.scenario, task.folder, changes), [one]).late[0]
        for changes in task.configurations
    )
    return Answer(len(one.traffic), late)


class Plan:
    """A sweep cut into tasks. What it does follows from the question alone, so numbers of tasks mean the same when it is asked again."""

    def __init__(
        self,
        scenario: Scenario,
        vary: Mapping[str, Sequence[Any]],
        replications: int,
        seed: int | None,
        most: int = MOST,
    ) -> None:
        if replications < 1:
            raise ValueError("at least one day is needed")
        if seed is not None and seed < 0:
            raise ValueError("the seed must not be negative")
        if not vary:
            raise ValueError(
                "nothing to vary; give a path and its values, such as farm.registers[0].count=1..8"
            )
        for path, several in vary.items():
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
        files: set[Path] = set()
        for number, changes in enumerate(self._changes):
            one = _configured(self._data, self._folder, changes, scenario.name)
            traffic = _traffic(one)
            if traffic not in groups:
                files.update(_files(one))
            groups.setdefault(traffic, []).append(number)
        self._blocks = [
            (replication, members[0], members[n : n + _FARMS])
            for members in groups.values()
            for replication in range(replications)
            for n in range(0, len(members), _FARMS)
        ]
        varied = [(path, [toml(value) for value in axis]) for path, axis in zip(vary, axes, strict=True)]
        asked = {
            "scenario": data,
            "vary": varied,
            "replications": replications,
            "files": {str(path): _hash(path.read_bytes()) for path in sorted(files)},
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
        late = [[0] * self.replications for _ in self.values]
        receipts = [[0] * self.replications for _ in self.values]
        for number, (replication, _, members) in enumerate(self._blocks):
            answer = answers[number]
            for member, count in zip(members, answer.late, strict=True):
                late[member][replication] = count
                receipts[member][replication] = answer.receipts
        return tuple(Lateness(tuple(one), tuple(whole)) for one, whole in zip(late, receipts, strict=True))


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


def _cell(value: Any) -> Any:
    """A value as the table shows it."""
    return toml(value) if isinstance(value, list | tuple | dict) else value


def _configured(data: str, folder: str, changes: Sequence[str], name: str = "scenario") -> Scenario:
    fresh = json.loads(data)
    for change in changes:
        apply_set(fresh, change, "--vary")
    return parse(fresh, f"{name} with {', '.join(changes)}" if changes else name, folder)


@lru_cache(maxsize=2)  # tasks of one day follow each other
def _day(data: str, folder: str, changes: tuple[str, ...], replication: int) -> Day:
    return day(_configured(data, folder, changes), replication)


def _traffic(scenario: Scenario) -> str:
    """Equal for configurations that share their days."""
    data = scenario.model_dump(mode="json", exclude=set(_NO_TRAFFIC))
    for name in _NO_TRAFFIC_OF_SHOP:
        del data["shop"][name]
    return _json(data)


def _files(scenario: Scenario) -> Iterator[Path]:
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

    for name in names(scenario.model_dump(mode="json", include={"arrivals"})):
        yield scenario.file(name)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, sort_keys=True)


def _write_table(done: Sweep, folder: Path) -> None:
    """The whole table or the one that was there."""
    fresh = folder / ".table.csv"
    fresh.write_text(csv_text(done), encoding="utf-8")
    fresh.replace(folder / "table.csv")


def csv_text(done: Sweep) -> str:
    """The table as CSV: every float to its last bit."""
    return str(done.table.to_csv(index=False, lineterminator="\n"))


def _assumptions(scenario: Scenario, replications: int) -> tuple[str, ...]:
    texts = [
        f"{replications} independent days; configurations that do not differ in who comes share them",
        "a register takes its service time for a receipt and its Z-report time for a closing; fidelity timed, not wire",
    ]
    accidents = left_out(scenario)
    if accidents:
        told = ", ".join(f"{count} {kind}" for kind, count in accidents.items())
        texts.append(f"days without accidents; left out: {told} (bench run --replications shows them)")
    return tuple(texts)
