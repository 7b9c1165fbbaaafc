"""The result of a run: its tables, its charts, its verdict, and the folder in which it is kept.

A result answers by itself what a newcomer asks first (how many were late, and why) and gives the tables to whoever asks further. Saved, it
is a folder that says everything needed to make it again: the scenario as it was resolved, the seed, the versions of what computed it.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from bench import charts, report
from bench.log import COLUMNS, EventLog
from bench.measures import Measured, Run, measure, number_of
from bench.scenario import Expect, Scenario
from bench.wording import share_text

FORMAT = 1
PACKAGES = ("fiscal-bench", "matplotlib", "numpy", "pandas", "pyarrow", "pydantic", "scipy", "simpy")


class Expectation(NamedTuple):
    """One thing a scenario wants of its run, in words a person reads, and whether it holds."""

    name: str
    wanted: str
    got: str
    ok: bool


def _share(value: float) -> str:
    return f"{value * 100:.4g} %"


def _seconds(value: float) -> str:
    return f"{value:,.1f} s"


def _count(value: float) -> str:
    return f"{value:,}"


# field of Expect -> (name, where in the summary, how it is written, at least / at most / exactly)
_CHECKS: dict[str, tuple[str, tuple[str, ...], Callable[[float], str], str]] = {
    "lost": ("receipts lost", ("lost",), _count, "exactly"),
    "doubled": ("receipts doubled", ("doubled",), _count, "exactly"),
    "in_time_share_min": ("share in time", ("in_time_share",), _share, "at least"),
    "in_time_share_max": ("share in time", ("in_time_share",), _share, "at most"),
    "late_min": ("receipts late", ("late",), _count, "at least"),
    "late_max": ("receipts late", ("late",), _count, "at most"),
    "confirmed_share_min": ("share confirmed by the operator", ("confirmed_share",), _share, "at least"),
    "operator_lag_max_s": ("longest way to the operator", ("operator_lag_s",), _seconds, "at most"),
    "operator_lag_min_s": ("longest way to the operator", ("operator_lag_s",), _seconds, "at least"),
    "wait_p95_max_s": ("wait of 95 %", ("wait_s", "p95"), _seconds, "at most"),
    "wait_max_s": ("longest wait", ("wait_s", "max"), _seconds, "at most"),
    "queue_max": ("longest queue", ("queue_max",), _count, "at most"),
    "in_doubt_max": ("still in doubt", ("in_doubt",), _count, "at most"),
    "refused_max": ("receipts refused", ("refused",), _count, "at most"),
    "refused_min": ("receipts refused", ("refused",), _count, "at least"),
    "receipts_min": ("receipts", ("receipts",), _count, "at least"),
}
_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "exactly": lambda got, wanted: got == wanted,
    "at least": lambda got, wanted: got >= wanted,
    "at most": lambda got, wanted: got <= wanted,
}
_TIMES = {0: "never", 1: "once"}
_AUDIT = {
    "gaps": "gaps in document numbers",
    "wrong_totals": "wrong shift totals or sums",
    "strangers": "documents nobody asked for",
    "operator_differs": "documents that differ at the operator",
}


def check(expect: Expect, summary: Mapping[str, Any], audit: Mapping[str, Any]) -> list[Expectation]:
    """Hold a run against what its scenario expects, and against what must be true of every run.

    What the audit must never find is checked whether the scenario asks or not. An expectation about waits holds when there were none.
    """
    found = []
    for field, (name, path, write, how) in _CHECKS.items():
        wanted = getattr(expect, field)
        if wanted is None:
            continue
        got: Any = summary
        for step in path:
            got = got.get(step)
        ok = got is None or _HOLDS[how](got, wanted)
        text = write(wanted) if how == "exactly" else f"{how} {write(wanted)}"
        found.append(Expectation(name, text, "nothing to measure" if got is None else write(got), ok))
    for kind in expect.fired:
        times = summary["faults"].get(kind, 0)
        found.append(
            Expectation(
                f"fault {kind.replace('_', ' ')}",
                "happened",
                _TIMES.get(times, f"{times:,} times"),
                times > 0,
            )
        )
    for key, name in _AUDIT.items():
        if key in audit:
            number = number_of(audit[key])
            found.append(Expectation(name, "0", _count(number), number == 0))
    return found


@dataclass(frozen=True, repr=False, eq=False)
class Result(Measured):
    """Everything a run can answer.

    ``receipts``, ``registers``, ``queue``, ``faults``, ``timeline``, ``causes``, ``facts`` and ``z_reports`` are data frames.
    """

    scenario: Scenario
    fidelity: str
    log: EventLog
    audit: Mapping[str, Any]
    expectations: tuple[Expectation, ...]

    @classmethod
    def of(cls, run: Run) -> Result:
        """Measure a run and hold it against its expectations."""
        measured = measure(run)
        tables = {field.name: getattr(measured, field.name) for field in fields(Measured)}
        found = tuple(check(run.scenario.expect, measured.summary, run.audit))
        return cls(
            **tables,
            scenario=run.scenario,
            fidelity=run.fidelity,
            log=run.log,
            audit=run.audit,
            expectations=found,
        )

    @property
    def seed(self) -> int:
        return int(self.summary["seed"])

    @property
    def ok(self) -> bool:
        """Do all expectations hold?"""
        return all(expectation.ok for expectation in self.expectations)

    def plot_waits(self) -> charts.Chart:
        """Every receipt's wait against the deadline."""
        return charts.plot_waits(self)

    def plot_waits_by_register(self) -> charts.Chart:
        """Waits of the receipts each register recorded."""
        return charts.plot_waits_by_register(self)

    def plot_queue(self, begin: pd.Timestamp | None = None, end: pd.Timestamp | None = None) -> charts.Chart:
        """The queue over time, Z-windows and faults shaded."""
        return charts.plot_queue(self, begin, end)

    def plot_timeline(
        self, begin: pd.Timestamp | None = None, end: pd.Timestamp | None = None, *, zoom: bool = False
    ) -> charts.Chart:
        """What each register did; ``zoom`` shows the worst hour."""
        return charts.plot_timeline(self, begin, end, zoom=zoom)

    def plot_causes(self) -> charts.Chart:
        """Where the late receipts came from, and when."""
        return charts.plot_causes(self)

    def plot_facts(self) -> charts.Chart:
        """What a watcher knew of each register: cable, agent, internet, operator, drive."""
        return charts.plot_facts(self)

    def plot_truth(self) -> charts.Chart:
        """Receipts printed, sent to the operator, confirmed by him."""
        return charts.plot_truth(self)

    def plot_z_reports(self) -> charts.Chart:
        """Day totals by form of payment with returns, and running totals, out of the Z-reports."""
        return charts.plot_z_reports(self)

    def report(self) -> str:
        """The summary as text, for 80 columns."""
        return report.text(self)

    def theory(self) -> pd.DataFrame:
        """What formulas say of the same day beside the answers (`bench.theory_beside`): answer, simulated, theory, formula, source."""
        from bench.theory_beside import beside

        return pd.DataFrame(
            [(*row, row.source) for row in beside(self)],
            columns=["answer", "simulated", "theory", "formula", "source"],
        )

    def figures(self) -> dict[str, charts.Chart]:
        """All charts, by the name of their file."""
        return {
            "waits": self.plot_waits(),
            "waits_by_register": self.plot_waits_by_register(),
            "queue": self.plot_queue(),
            "timeline": self.plot_timeline(),
            "timeline_worst_hour": self.plot_timeline(zoom=True),
            "causes": self.plot_causes(),
            **({"z_reports": self.plot_z_reports()} if self.z_reports["day"].nunique() > 1 else {}),
            **({"facts": self.plot_facts(), "truth": self.plot_truth()} if len(self.facts) else {}),
        }

    def as_json(self) -> dict[str, Any]:
        """What `save` writes to ``result.json``."""
        return {
            "format": FORMAT,
            "scenario": self.scenario.model_dump(mode="json"),
            "folder": str(self.scenario.folder),
            "seed": self.seed,
            "fidelity": self.fidelity,
            "versions": versions(),
            "summary": self.summary,
            "ok": self.ok,
            "expectations": [expectation._asdict() for expectation in self.expectations],
            "audit": dict(self.audit),
            "late_by_cause": dict(zip(self.causes["cause"], map(int, self.causes["late"]), strict=True)),
        }

    def save(self, folder: str | Path) -> Path:
        """Write the result folder: ``result.json``, ``receipts.parquet``, ``events.parquet``, ``figures/*.png``.

        Files of an earlier result there are overwritten. Raises OSError when the folder cannot be written.
        """
        folder = Path(folder)
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.as_json(), indent=2, ensure_ascii=False, allow_nan=False)
        (folder / "result.json").write_text(text + "\n", encoding="utf-8")
        self.receipts.to_parquet(folder / "receipts.parquet", index=False)
        pd.DataFrame(self.log.rows, columns=list(COLUMNS)).to_parquet(folder / "events.parquet", index=False)
        for name, chart in self.figures().items():
            chart.save(folder / "figures" / f"{name}.png")
        return folder

    def __repr__(self) -> str:
        s = self.summary
        verdict = "as expected" if self.ok else "not as expected"
        return (
            f"<Result {self.title}: {s['receipts']:,} receipts, {share_text(s['in_time_share'])} in time, "
            f"{s['late']:,} late, {s['lost']:,} lost, {s['doubled']:,} doubled; {verdict}>"
        )

    def _repr_html_(self) -> str:
        return report.html(self)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide numbers or pictures; a package that is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
