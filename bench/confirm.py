"""The answer confirmed: the farm that sizing found, run in ``wire`` over some of its days, beside what the kernel says of them.

The kernel knows registers by their service times; ``wire`` has the protocol's bytes, the drive's commands, the operator's exchange.
They agree where a receipt takes what the kernel supposes; the difference is shown day by day.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from bench.executors import mapped
from bench.planner import day, lateness
from bench.progress import Progress
from bench.scenario import Scenario


@dataclass(frozen=True)
class Confirmation:
    """``table``: a row a day: day, receipts, late and mean_wait_s in the kernel, wire_late and wire_mean_wait_s, lost, doubled."""

    table: pd.DataFrame

    @property
    def ok(self) -> bool:
        """Whether both find the same late receipts, and nothing is lost or doubled."""
        table = self.table
        return bool(
            (table["late"] == table["wire_late"]).all() and not (table[["lost", "doubled"]]).any(axis=None)
        )

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"ok": self.ok, "days": self.table.to_dict("records")}

    def report(self) -> str:
        """The days, side by side."""
        lines = ["in wire, with the protocol's bytes, on days of the answer without accidents:"]
        for row in self.table.to_dict("records"):
            lines.append(
                f"  day {row['day']:<3} {row['receipts']:>6} receipts  late {row['late']:>5} in the kernel, {row['wire_late']:>5} in wire"
                f"  mean wait {row['mean_wait_s']:.2f} s, {row['wire_mean_wait_s']:.2f} s"
                f"  lost {row['lost']}, doubled {row['doubled']}"
            )
        return "\n".join(lines)


def confirm(
    farm: Scenario,
    *,
    days: int = 2,
    seed: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Confirmation:
    """Run a farm through so many days in ``wire`` and in the kernel, without accidents. Raises ValueError for no days."""
    if days < 1:
        raise ValueError("at least one day is needed")
    calm = farm.model_copy(
        update={"faults": tuple(fault for fault in farm.faults if fault.kind == "planned_outage")}
    )
    tasks = [_Task(calm, seed, replication) for replication in range(days)]
    return Confirmation(pd.DataFrame(mapped(executor, _both, tasks, progress)))


class _Task(NamedTuple):
    scenario: Scenario
    seed: int | None
    replication: int


def _both(task: _Task) -> dict[str, Any]:
    import bench

    scenario, seed, replication = task
    found = lateness(scenario, [day(scenario, replication, seed)], seed)
    wire = bench.run(scenario, seed, fidelity="wire", replication=replication).summary
    return {
        "day": replication,
        "receipts": found.receipts[0],
        "late": found.late[0],
        "mean_wait_s": found.mean_wait_s[0],
        "wire_late": wire["late"],
        "wire_mean_wait_s": wire["wait_s"]["mean"],
        "lost": wire["lost"],
        "doubled": wire["doubled"],
    }
