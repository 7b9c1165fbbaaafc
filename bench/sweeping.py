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
    [{'farm.registers[0].count': 4, 'days': 2, 'days_with_late': 2}, {'farm.registers[0].count': 6, 'days': 2, 'days_with_late': 1}]
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from bench.executors import completed
from bench.planner import Lateness
from bench.progress import Progress
from bench.scenario import Scenario, ScenarioError
from bench.sweep_file import Answer, SweepFile
from bench.sweep_plan import MOST, Plan, toml, work
from bench.wording import share_text, wait_text


@dataclass(frozen=True)
class Sweep:
    """The answers. ``found`` has one entry for each row of ``values``: its late receipts and all receipts of each day."""

    scenario: str
    paths: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    registers: tuple[int, ...]
    """How many registers each configuration has in all."""
    found: tuple[Lateness, ...]
    days: int
    late_share: float | None
    taken: int
    """Tasks whose answers were in the folder already."""
    assumptions: tuple[str, ...]

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a configuration, in the order of the values given, the last path running fastest.

        Columns: each varied path; ``registers`` in all; ``receipts`` and ``late`` of all days; ``late_share`` (mean over days) with its
        95 % t interval ``low`` and ``high``; ``days``, ``days_with_late``; ``mean_wait_s`` (over days) and ``longest_wait_s`` (of all
        days), seconds from payment to record; with a target also ``enough``: the upper bound is not above it.
        """
        rows = []
        for values, registers, one in zip(self.values, self.registers, self.found, strict=True):
            share = one.share()
            row = dict(zip(self.paths, map(_cell, values), strict=True)) | {
                "registers": registers,
                "receipts": sum(one.receipts),
                "late": sum(one.late),
                "late_share": share.estimate,
                "low": max(share.low, 0.0),
                "high": min(share.high, 1.0),
                "days": self.days,
                "days_with_late": one.days_with_late,
                "mean_wait_s": math.fsum(one.mean_wait_s) / self.days,
                "longest_wait_s": max(one.longest_wait_s),
            }
            if self.late_share is not None:
                row["enough"] = not row["late"] or share.high <= self.late_share
            rows.append(row)
        return pd.DataFrame(rows)

    @property
    def fewest(self) -> pd.DataFrame:
        """The rows that keep the target with the fewest registers; none without a target, or when none does.

        The best comes first: the smaller late share, then the shorter longest wait, then the order of the table.
        """
        if self.late_share is None:
            return self.table.head(0)
        enough = self.table[self.table["enough"]]
        fewest = enough[enough["registers"] == enough["registers"].min()]
        return fewest.sort_values(["late_share", "longest_wait_s"], kind="stable")

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "scenario": self.scenario,
            "varied": {path: list(dict.fromkeys(self.table[path].tolist())) for path in self.paths},
            "late_share_target": self.late_share,
            "days": self.days,
            "fewest_registers": self.fewest.to_dict("records"),
            "configurations": self.table.to_dict("records"),
            "assumptions": list(self.assumptions),
        }

    def report(self) -> str:
        """The answers in words: the table, and what it rests on."""
        shown = self.table.copy()
        for column in ("late_share", "low", "high"):
            shown[column] = shown[column].map("{:.4%}".format)
        shown["days_with_late"] = shown["days_with_late"].map(lambda n: f"{n} of {self.days}")
        for column in ("mean_wait_s", "longest_wait_s"):
            shown[column] = shown[column].map(wait_text)
        shown = shown.rename(columns={"mean_wait_s": "mean_wait", "longest_wait_s": "longest_wait"})
        if self.late_share is not None:
            shown["enough"] = shown["enough"].map({True: "yes", False: ""})
        lines = [
            f"{self.scenario}: {len(self.table)} configurations, {self.days} days that they share",
            "",
            shown.drop(columns="days").to_string(index=False, max_rows=200, min_rows=40),
            *self._answer(),
            "",
            "assumed:",
            *(f"  - {text}" for text in self.assumptions),
        ]
        return "\n".join(lines)

    def _answer(self) -> list[str]:
        if self.late_share is None:
            return []
        target = f"at most {share_text(self.late_share)} late (upper 95 % bound)"
        if self.fewest.empty:
            return ["", f"none of them keeps {target}"]
        best = self.fewest.iloc[0]
        named = ", ".join(f"{path}={best[path]}" for path in self.paths)
        more = f", and {len(self.fewest) - 1} more with as many" if len(self.fewest) > 1 else ""
        return ["", f"fewest registers with {target}: {best['registers']} ({named}{more})"]

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
            plan.name,
            plan.paths,
            plan.values,
            plan.registers,
            found,
            plan.replications,
            late_share,
            taken,
            plan.assumptions,
        )
        if out is not None:
            _write_table(done, Path(out))
    return done


def _cell(value: Any) -> Any:
    """A value as the table shows it."""
    return toml(value) if isinstance(value, list | tuple | dict) else value


def _write_table(done: Sweep, folder: Path) -> None:
    """The whole table or the one that was there."""
    fresh = folder / ".table.csv"
    fresh.write_text(csv_text(done), encoding="utf-8")
    fresh.replace(folder / "table.csv")


def csv_text(done: Sweep) -> str:
    """The table as CSV: every float to its last bit."""
    return str(done.table.to_csv(index=False, lineterminator="\n"))
