"""Answers out of an event log: tidy tables and one summary.

A run leaves a log; everything said about the run is computed here, from the log and nothing else, so that an answer can be checked
against what happened. Tables are pandas frames, one row a thing: a receipt, a register, a fault, a step of the queue. Moments in them
are the shop's own clock (``datetime64[us]``, no time zone); durations are seconds and say so in their names.

*Wait* runs from payment (the shop submits the receipt) to the fiscal document recorded in the drive. A receipt is *late* when its
wait is over the deadline, or when it has no document although its deadline is past. Receipts that were refused, set aside or taken back
are neither late nor in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench import log as events
from bench import z_reports
from bench.facts import FactRow
from bench.faults import Fault
from bench.log import EventLog
from bench.measures_causes import CAUSES, why_late
from bench.measures_log import (
    GIVEN_UP,
    NEVER,
    Fates,
    Flags,
    Ints,
    LogColumns,
    Objects,
    columns,
    fates,
    levels,
    waiting_steps,
)
from bench.measures_spans import Spans, engine_deaths, spans
from bench.scenario import Scenario
from bench.scenario_model import US_PER_S
from fiscal.receipt import SettlementType
from fiscal.watch.z_reports import ZReport

TEXT: Any = "str" if int(pd.__version__.partition(".")[0]) >= 3 else object
"""Text columns: before pandas 3 "str" would turn a missing register into the word None."""

TOTAL = "total"
"""In the queue table: the whole farm. Waiting receipts that are assigned to no register yet are counted here only."""


class Asked(NamedTuple):
    """What the log does not say of a receipt: the order it belongs to, its settlement type, its total in kopecks."""

    order: str
    type: SettlementType
    total_kop: int


@dataclass(frozen=True)
class Run:
    """What the world hands over when a run is done. Times are microseconds from the start of the run."""

    scenario: Scenario
    seed: int
    fidelity: str
    log: EventLog
    registers: tuple[str, ...]
    start_s: int  # local wall clock at the start, seconds since 1970 as if it were UTC
    horizon_us: int  # until when orders came
    drained_us: int  # when the last queue was empty, or the world gave up waiting
    faults: Sequence[Fault] = ()
    fired: Mapping[str, int] = field(default_factory=dict)
    audit: Mapping[str, Any] = field(default_factory=dict)  # lost, doubled, gaps, totals_ok, ...
    wall_s: float = 0.0
    asked: Mapping[str, Asked] = field(default_factory=dict)  # by receipt key
    operator: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By receipt key: when its document was first sent to the operator and when he confirmed it, -1 for not; `wire` only."""
    facts: Sequence[FactRow] = ()
    z_reports: Sequence[ZReport] = ()

    @property
    def end_us(self) -> int:
        """The end of what is measured."""
        return max(self.horizon_us, self.drained_us)

    @property
    def deadline_us(self) -> int:
        return round(self.scenario.shop.deadline_s * US_PER_S)

    @property
    def pools(self) -> tuple[int, ...]:
        """For each register the number of its pool: registers that may print the same receipts share one."""
        registers = {register.name: register for register in self.scenario.registers()}
        numbers: dict[object, int] = {}
        pools: list[int] = []
        for name in self.registers:
            register = registers.get(name)
            who: object = name
            if register is not None and self.scenario.farm.reroute:
                who = (register.entity, register.taxation, register.sites)
            pools.append(numbers.setdefault(who, len(numbers)))
        return tuple(pools)

    def hit_by(self, fault: Fault) -> tuple[int, ...]:
        """The registers a fault can take down: itself, those on its computer, all, or none when it hits the shop as a whole."""
        computers = {register.name: register.computer for register in self.scenario.registers()}
        return tuple(
            i
            for i, name in enumerate(self.registers)
            if fault.target == "all" or fault.target in (name, computers.get(name, ""))
        )


@dataclass(frozen=True)
class Measured:
    """The tables of a run. See `measure` for their columns."""

    receipts: pd.DataFrame
    registers: pd.DataFrame
    queue: pd.DataFrame
    faults: pd.DataFrame
    timeline: pd.DataFrame
    causes: pd.DataFrame
    facts: pd.DataFrame
    z_reports: pd.DataFrame
    summary: dict[str, Any]
    begin: pd.Timestamp
    end: pd.Timestamp
    deadline_s: float

    @property
    def title(self) -> str:
        """Which run this is, in a few words."""
        return f"{self.summary['scenario']}, seed {self.summary['seed']}"


def measure(run: Run) -> Measured:
    """All tables and the summary of a run.

    * ``receipts``: key, order, type, lines, total_kop; submitted, accepted, printing, recorded, sent, confirmed (moments); register,
      document, attempts; wait_s, in_doubt_s, late, why_late, status. One row a receipt, in the order of payment. ``sent`` and ``confirmed``
      are what drive and operator know; the engine hears of it later (``known_confirmed``).
    * ``facts``: time, register, fact, ok, detail: every change of what a watcher knew of a register.
    * ``z_reports``: the closed shifts with what they came to and whether they add up (`bench.z_reports.table`); `wire` only.
    * ``registers``: register, receipts, utilization, busy_s, asking_s, closing_s, down_s, z_reports, late.
    * ``queue``: time, register, waiting: a step function for every register and for the farm (register "total").
    * ``faults``: kind, target, begin, end.
    * ``timeline``: register, state, cause, begin, end: what each register did.
    * ``causes``: cause, meaning, late, share, first, last, wait_max_s: where the late ones came from, most first.
    """
    log = columns(run.log.rows)
    outcome = fates(log, run.end_us)
    what = spans(run, log, outcome.work)
    refused = _refused(outcome)
    late = _late(run, outcome, refused)
    cause = np.full(len(late), "", dtype=object)
    cause[late] = why_late(run, log, outcome, what, np.flatnonzero(late))
    receipts = _receipts(run, log, outcome, late, cause)
    queue = _queue(run, log)
    registers = _registers(run, log, outcome, what, late)
    return Measured(
        receipts=receipts,
        registers=registers,
        queue=queue,
        faults=_faults(run, log),
        timeline=_timeline(run, what),
        causes=cause_table(receipts),
        facts=_facts(run),
        z_reports=z_reports.table(run.z_reports),
        summary=_summary(run, outcome, refused, late, receipts, registers, queue),
        begin=moments(run, np.array([0]))[0],
        end=moments(run, np.array([run.end_us]))[0],
        deadline_s=run.deadline_us / US_PER_S,
    )


def moments(run: Run, t_us: Ints) -> pd.DatetimeIndex:
    """Microseconds of a run as the shop's clock; `NEVER` becomes NaT."""
    wall = np.where(t_us == NEVER, NEVER, t_us + run.start_s * US_PER_S)  # NEVER is also how numpy writes NaT
    return pd.DatetimeIndex(wall.astype("datetime64[us]"))


def _refused(outcome: Fates) -> Flags:
    """Impossible receipts and those taken back: neither late nor in time."""
    return np.isin(outcome.status, np.array(["refused", *GIVEN_UP], dtype=object))


def _late(run: Run, outcome: Fates, refused: Flags) -> Flags:
    until = np.where(outcome.recorded == NEVER, run.end_us, outcome.recorded)
    return ~refused & (until - outcome.submitted > run.deadline_us)


def _named(names: Sequence[str], places: Ints) -> Objects:
    """Names by place, None for -1."""
    table = np.empty(len(names) + 1, dtype=object)
    table[:-1] = names
    table[-1] = None
    return table[places]


def _told(run: Run, log: LogColumns, which: int, outcome: Fates, otherwise: Ints) -> Ints:
    """Moments that drive and operator know of, by receipt; ``otherwise`` where they were not asked.

    A drive's clock knows whole minutes, and a register that sends by itself goes by it: a message may seem to leave up to a minute before
    its document is there. Such a one is taken to leave with the document.
    """
    if not run.operator:
        return otherwise
    known = np.array([run.operator.get(key, (-1, -1))[which] for key in log.keys], dtype=np.int64)
    early = (known < outcome.recorded) & (outcome.recorded - known < 60 * US_PER_S)
    return np.where(known < 0, NEVER, np.where(early, outcome.recorded, known))


def _facts(run: Run) -> pd.DataFrame:
    rows = list(run.facts)
    return pd.DataFrame(
        {
            "time": moments(run, np.array([row[0] for row in rows], dtype=np.int64)),
            "register": pd.array([run.registers[row[1]] for row in rows], dtype=TEXT),
            "fact": pd.array([row[2] for row in rows], dtype=TEXT),
            "ok": pd.array([row[3] for row in rows], dtype="boolean"),
            "detail": pd.array([row[4] for row in rows], dtype=TEXT),
        }
    )


def _receipts(run: Run, log: LogColumns, outcome: Fates, late: Flags, cause: Objects) -> pd.DataFrame:
    asked = [run.asked.get(key) for key in log.keys]
    wait = np.where(outcome.recorded == NEVER, np.nan, (outcome.recorded - outcome.submitted) / US_PER_S)
    return pd.DataFrame(
        {
            "key": pd.array(list(log.keys), dtype=TEXT),
            "order": pd.array(
                [key if a is None else a.order for key, a in zip(log.keys, asked, strict=True)], dtype=TEXT
            ),
            "type": pd.array(["" if a is None else a.type.name.lower() for a in asked], dtype=TEXT),
            "lines": outcome.lines,
            "total_kop": np.array([0 if a is None else a.total_kop for a in asked], dtype=np.int64),
            "submitted": moments(run, outcome.submitted),
            "accepted": moments(run, outcome.accepted),
            "printing": moments(run, outcome.printing),
            "recorded": moments(run, outcome.recorded),
            "sent": moments(run, _told(run, log, 0, outcome, np.full(len(log.keys), NEVER, dtype=np.int64))),
            "confirmed": moments(run, _told(run, log, 1, outcome, outcome.confirmed)),
            "known_confirmed": moments(run, outcome.confirmed),
            "register": pd.array(_named(run.registers, outcome.register), dtype=TEXT),
            "document": outcome.document,
            "attempts": outcome.attempts,
            "wait_s": wait,
            "in_doubt_s": outcome.in_doubt_us / US_PER_S,
            "late": late,
            "why_late": pd.array(cause, dtype=TEXT),
            "status": pd.array(outcome.status, dtype=TEXT),
        }
    )


def _registers(run: Run, log: LogColumns, outcome: Fates, what: Spans, late: Flags) -> pd.DataFrame:
    n = len(run.registers)
    done = (outcome.recorded != NEVER) & (outcome.register >= 0)
    z_reports = log.register[log.of(events.Z_REPORT)]
    kinds = {
        "busy_s": what.state == "busy",
        "asking_s": (what.state == "asking") & (what.cause == ""),
        "closing_s": what.state == "closing",
        "down_s": what.cause != "",
    }
    times = {name: [what.lasting(i, chosen) / US_PER_S for i in range(n)] for name, chosen in kinds.items()}
    span_s = run.end_us / US_PER_S
    table = {
        "register": pd.array(list(run.registers), dtype=TEXT),
        "receipts": np.bincount(outcome.register[done], minlength=n).astype(np.int64),
        "utilization": [busy / span_s if span_s else 0.0 for busy in times["busy_s"]],
        **times,
        "z_reports": np.bincount(z_reports[z_reports >= 0], minlength=n).astype(np.int64),
        "late": np.bincount(outcome.register[late & done], minlength=n).astype(np.int64),
    }
    return pd.DataFrame(table)


def _queue(run: Run, log: LogColumns) -> pd.DataFrame:
    t, step, place, _ = waiting_steps(log)
    pieces = []
    for name, rows in [
        (TOTAL, np.ones(len(t), dtype=bool)),
        *((n, place == i) for i, n in enumerate(run.registers)),
    ]:
        moment, level = levels(t[rows], step[rows])
        moment, level = np.concatenate([[0], moment]), np.concatenate([[0], level])
        pieces.append((np.full(len(moment), name, dtype=object), moment, level))
    return pd.DataFrame(
        {
            "time": moments(run, np.concatenate([p[1] for p in pieces]).astype(np.int64)),
            "register": pd.array(np.concatenate([p[0] for p in pieces]), dtype=TEXT),
            "waiting": np.concatenate([p[2] for p in pieces]).astype(np.int64),
        }
    )


def _faults(run: Run, log: LogColumns) -> pd.DataFrame:
    """Faults as they were laid out; the engine's own deaths as they happened, because some come at a step and not at a time."""
    faults = [
        (f.at_us, f.kind, f.target, min(max(f.at_us, f.until_us), run.end_us))
        for f in run.faults
        if f.kind != "engine_crash"
    ]
    faults += [(begin, "engine_crash", "", end) for begin, end in engine_deaths(log, run.end_us)]
    faults.sort()
    return pd.DataFrame(
        {
            "kind": pd.array([kind for _, kind, _, _ in faults], dtype=TEXT),
            "target": pd.array([target for _, _, target, _ in faults], dtype=TEXT),
            "begin": moments(run, np.array([begin for begin, _, _, _ in faults], dtype=np.int64)),
            "end": moments(run, np.array([end for _, _, _, end in faults], dtype=np.int64)),
        }
    )


def _timeline(run: Run, what: Spans) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "register": pd.array(_named(run.registers, what.register), dtype=TEXT),
            "state": pd.array(what.state, dtype=TEXT),
            "cause": pd.array(what.cause, dtype=TEXT),
            "begin": moments(run, what.begin),
            "end": moments(run, what.end),
        }
    )


def cause_table(receipts: pd.DataFrame) -> pd.DataFrame:
    """Where the late receipts came from: cause, meaning, late, share, first, last, wait_max_s; most first."""
    late = receipts[receipts["late"]]
    table = late.groupby("why_late", sort=False).agg(
        late=("key", "size"),
        first=("submitted", "min"),
        last=("submitted", "max"),
        wait_max_s=("wait_s", "max"),
    )
    order = {cause: i for i, cause in enumerate(CAUSES)}
    table = table.rename_axis("cause").reset_index()
    table["rank"] = [order.get(cause, len(order)) for cause in table["cause"]]
    table = table.sort_values(["late", "rank"], ascending=[False, True], ignore_index=True)
    table.insert(
        1, "meaning", pd.array([CAUSES.get(c, c.replace("_", " ")) for c in table["cause"]], dtype=TEXT)
    )
    table.insert(3, "share", table["late"] / max(len(late), 1))
    return table.drop(columns="rank")


QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}


def wait_numbers(wait_us: Ints) -> dict[str, float | None]:
    """Mean, quantiles and maximum of waits, seconds; None when there are none.

    A quantile is a wait that occurred (the smallest one that at least the given share of receipts does not exceed), so that it is exact.
    """
    if not len(wait_us):
        return dict.fromkeys(("mean", *QUANTILES))
    ordered = np.sort(wait_us)
    places = {name: max(int(np.ceil(p * len(ordered) - 1e-9)), 1) - 1 for name, p in QUANTILES.items()}
    return {
        "mean": int(ordered.sum()) / len(ordered) / US_PER_S,
        **{name: int(ordered[place]) / US_PER_S for name, place in places.items()},
    }


def _summary(
    run: Run,
    outcome: Fates,
    refused: Flags,
    late: Flags,
    receipts: pd.DataFrame,
    registers: pd.DataFrame,
    queue: pd.DataFrame,
) -> dict[str, Any]:
    done = outcome.recorded != NEVER
    judged = int((~refused).sum())
    return {
        "scenario": run.scenario.name,
        "seed": run.seed,
        "fidelity": run.fidelity,
        "orders": int(receipts["order"].nunique()),
        "receipts": len(receipts),
        "fiscalized": int(done.sum()),
        "in_time_share": 1.0 - int(late.sum()) / judged if judged else 1.0,
        "late": int(late.sum()),
        "lost": number_of(run.audit.get("lost", 0)),
        "doubled": number_of(run.audit.get("doubled", 0)),
        "in_doubt": int((outcome.status == "in_doubt").sum()),
        "refused": int(np.isin(outcome.status, np.array(["refused", "set_aside"], dtype=object)).sum()),
        "sent_share": _share_of(receipts["sent"].notna(), done) if run.operator else None,
        "confirmed_share": _share_of(receipts["confirmed"].notna(), done) if run.operator else None,
        "operator_lag_s": _lag_s(receipts) if run.operator else None,
        "wait_s": wait_numbers((outcome.recorded - outcome.submitted)[done]),
        "queue_max": int(queue.loc[queue["register"] == TOTAL, "waiting"].max()),
        "registers": {
            row.register: {
                "receipts": int(row.receipts),
                "utilization": round(float(row.utilization), 6),
                "z_reports": int(row.z_reports),
            }
            for row in registers.itertuples()
        },
        "faults": {kind: int(run.fired[kind]) for kind in sorted(run.fired)},
        "event_log_sha256": run.log.sha256(),
        "simulated_s": run.end_us / US_PER_S,
        "wall_s": round(run.wall_s, 3),
    }


def _share_of(flags: pd.Series, among: Flags) -> float:
    """Of the receipts that have a document, the share that has come so far."""
    return float(flags.to_numpy()[among].mean()) if among.any() else 1.0


def _lag_s(receipts: pd.DataFrame) -> float:
    """The longest time from a document to its confirmation by the operator; what was not confirmed does not count."""
    lag = (receipts["confirmed"] - receipts["recorded"]).dt.total_seconds().max()
    return 0.0 if pd.isna(lag) else max(0.0, float(lag))


def number_of(found: int | Iterable[object]) -> int:
    """An audit finding as a number: a count, or the things found."""
    return found if isinstance(found, int) else len(list(found))


def time_average(queue: pd.DataFrame, end: pd.Timestamp) -> pd.Series:
    """Mean number of waiting receipts for each register and the farm, over the time up to ``end``."""
    means: dict[str, float] = {}
    for name, steps in queue.groupby("register", sort=False):
        t = steps["time"].to_numpy().astype(np.int64)
        widths = np.diff(np.append(t, np.datetime64(end, "us").astype(np.int64)))
        whole = widths.sum()
        means[str(name)] = float((steps["waiting"].to_numpy() * widths).sum() / whole) if whole else 0.0
    return pd.Series(means, name="waiting")
