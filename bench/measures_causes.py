"""Why a receipt was late: a declared rule, not a guess.

The rule is *but for*. While a receipt waits, and before it came, while the queue it joined was building up, registers of its pool may
have been lost to Z-reports, faults, or receipts in doubt. In a pool of c registers one register lost for x seconds delays the
receipts behind it by x / c seconds: that is how much work was not done. A receipt that would have been late even without all these
delays was late because there were more receipts than the farm could print (cause *queue*). Otherwise the cause that delayed it most
is the cause; of equal ones the first in `CAUSES`.

The rule is exact for a fluid queue and good to about one service time for a real one. A *pool* is the set of registers that may print
the same receipts; without re-routing every register is a pool of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bench.measures_log import NEVER, Fates, Flags, Ints, LogColumns, Objects, levels, waiting_steps
from bench.measures_spans import Spans, engine_deaths, lost_by_cause

if TYPE_CHECKING:
    from bench.measures import Run

Floats = npt.NDArray[np.float64]

CAUSES: dict[str, str] = {
    "in_doubt": "in doubt: the drive had to be asked",
    "z_window": "Z-report: registers deaf",
    "power_cut": "power cut",
    "computer_hang": "computer hung",
    "web_server_hang": "web server hung",
    "cable_pulled": "cable pulled",
    "reply_lost": "reply lost",
    "garbled_bytes": "garbled bytes on the line",
    "paper_out": "out of paper",
    "register_slow": "register slow",
    "planned_outage": "planned outage",
    "drive_replacement": "drive being replaced",
    "drive_blocked": "drive blocked: documents unsent for 30 days",
    "engine_crash": "engine down",
    "disk_full": "journal's disk full",
    "clock_jump": "register's clock wrong",
    "operator_unreachable": "operator unreachable",
    "register_down": "register down, no fault declared",
    "not_accepted": "not accepted in time",
    "printing": "its own printing took too long",
    "queue": "queue: more than the farm could print",
}
"""The causes in the order in which ties are decided, each with what a planner reads."""

SHORT: dict[str, str] = {
    "in_doubt": "in doubt",
    "z_window": "Z-report",
    "computer_hang": "computer hung",
    "garbled_bytes": "garbled bytes",
    "paper_out": "out of paper",
    "engine_crash": "engine down",
    "disk_full": "disk full",
    "clock_jump": "clock wrong",
    "register_down": "register down",
    "not_accepted": "not accepted",
    "printing": "own printing",
    "queue": "queue (load)",
}


def short(cause: str) -> str:
    """A cause in a word or two, for charts."""
    return SHORT.get(cause, cause.replace("_", " "))


class Integral:
    """The running integral of a step function: how many register-microseconds were lost up to a moment."""

    __slots__ = ("_area", "_t")

    def __init__(self, begin: Ints, end: Ints, weight: float) -> None:
        t = np.concatenate([begin, end])
        step = np.concatenate([np.full(len(begin), weight), np.full(len(end), -weight)])
        order = np.argsort(t, kind="stable")
        self._t = t[order].astype(np.float64)
        level = np.cumsum(step[order])
        self._area = np.concatenate([[0.0], np.cumsum(level[:-1] * np.diff(self._t))])

    def between(self, begin: Floats, end: Floats) -> Floats:
        """The integral over each of the given windows; before the first step and after the last there is nothing."""
        spent: Floats = np.interp(end, self._t, self._area) - np.interp(begin, self._t, self._area)
        return spent


def why_late(run: Run, log: LogColumns, fates: Fates, spans: Spans, late: Ints) -> Objects:
    """The cause of each late receipt (places in ``late``), a key of `CAUSES` or a fault kind."""
    parts = _parts(run, log, fates, spans, late)
    order = [cause for cause in CAUSES if cause in parts] + [cause for cause in parts if cause not in CAUSES]
    cause = np.full(len(late), "queue", dtype=object)
    if not len(late):
        return cause
    ended = np.where(fates.recorded[late] == NEVER, run.end_us, fates.recorded[late])
    wait = (ended - fates.submitted[late]).astype(np.float64)
    outside = [parts[name] for name in order if name != "printing"]
    outages = np.sum(outside, axis=0) if outside else np.zeros(len(late))
    innocent = wait - outages > run.deadline_us
    table = np.array([parts[name] for name in order])
    largest = np.array(order, dtype=object)[np.argmax(table, axis=0)]
    cause[~innocent] = largest[~innocent]
    own = innocent & (parts["printing"] > wait - outages - parts["printing"])
    cause[own] = "printing"
    return cause


def _parts(run: Run, log: LogColumns, fates: Fates, spans: Spans, late: Ints) -> dict[str, Floats]:
    """How long each cause delayed each late receipt, microseconds."""
    pools = np.array(run.pools, dtype=np.int64)
    place = fates.register[late]
    pool = (
        np.where(place >= 0, pools[np.maximum(place, 0)], 0) if len(pools) else np.zeros(len(late), np.int64)
    )
    submitted = fates.submitted[late]
    ended = np.where(fates.recorded[late] == NEVER, run.end_us, fates.recorded[late])
    begun = np.where(fates.printing_last[late] == NEVER, ended, np.minimum(fates.printing_last[late], ended))
    accepted = np.where(fates.accepted[late] == NEVER, ended, np.minimum(fates.accepted[late], ended))

    parts: dict[str, Floats] = {}
    doors = _closed_doors(run, log)
    for cause, integral in doors.items():
        parts[cause] = integral.between(submitted.astype(np.float64), accepted.astype(np.float64))
    explained = np.sum(list(parts.values()), axis=0) if parts else np.zeros(len(late))
    parts["not_accepted"] = np.maximum(accepted - submitted - explained, 0.0)
    parts["in_doubt"] = fates.in_doubt_us[late].astype(np.float64)
    _own_work(fates, spans, late, parts)

    lost = lost_by_cause(run, spans)
    episode = _episode_begins(log, fates, pools, pool, submitted)
    for number in np.unique(pool).tolist():
        mine = pool == number
        members = pools == number
        in_pool = members[spans.register] if len(spans.register) else np.zeros(0, dtype=bool)
        weight = 1.0 / max(int(members.sum()), 1)
        begin = np.maximum(episode[mine], 0).astype(np.float64)
        for cause, chosen in lost.items():
            rows = chosen & in_pool
            if not rows.any():
                continue
            integral = Integral(spans.begin[rows], spans.end[rows], weight)
            # Time before the door opened is already counted there.
            since = np.maximum(begin, accepted[mine]) if cause in doors else begin
            parts.setdefault(cause, np.zeros(len(late)))[mine] += integral.between(
                since, begun[mine].astype(np.float64)
            )
        for slow_begin, slow_end, share in _slow(run, spans, in_pool):
            integral = Integral(slow_begin, slow_end, weight * share)
            parts.setdefault("register_slow", np.zeros(len(late)))[mine] += integral.between(
                begin, ended[mine].astype(np.float64)
            )
    return parts


def _own_work(fates: Fates, spans: Spans, late: Ints, parts: dict[str, Floats]) -> None:
    """The receipt's own time on registers: printing, and being stuck there by a fault."""
    work = fates.work
    place = np.full(len(fates.submitted), -1, dtype=np.int64)
    place[late] = np.arange(len(late))
    mine = place[work.receipt] >= 0
    own = np.zeros(len(late))
    np.add.at(own, place[work.receipt[mine]], (work.end - work.begin)[mine].astype(np.float64))
    stuck = spans.state == "stuck"
    for register, cause in sorted(
        set(zip(spans.register[stuck].tolist(), spans.cause[stuck].tolist(), strict=True))
    ):
        rows = stuck & (spans.register == register) & (spans.cause == cause)
        held = Integral(spans.begin[rows], spans.end[rows], 1.0)
        here = mine & (work.register == register)
        lost = held.between(work.begin[here].astype(np.float64), work.end[here].astype(np.float64))
        np.add.at(parts.setdefault(cause, np.zeros(len(late))), place[work.receipt[here]], lost)
        np.add.at(own, place[work.receipt[here]], -lost)
    parts["printing"] = own


def _closed_doors(run: Run, log: LogColumns) -> dict[str, Integral]:
    """When nothing could be accepted: the engine was dead, or its journal could not grow."""
    doors: dict[str, Integral] = {}
    deaths = engine_deaths(log, run.end_us)
    if deaths:
        doors["engine_crash"] = Integral(
            np.array([a for a, _ in deaths]), np.array([b for _, b in deaths]), 1.0
        )
    full = [(f.at_us, min(f.until_us, run.end_us)) for f in run.faults if f.kind == "disk_full"]
    full = [(a, b) for a, b in full if b > a]
    if full:
        doors["disk_full"] = Integral(np.array([a for a, _ in full]), np.array([b for _, b in full]), 1.0)
    return doors


def _slow(run: Run, spans: Spans, in_pool: Flags) -> Iterator[tuple[Ints, Ints, float]]:
    """The parts of busy spans during which a register was slow, and the share of its work that was not done."""
    for fault in run.faults:
        if fault.kind != "register_slow":
            continue
        rows = (
            in_pool
            & (spans.state == "busy")
            & np.isin(spans.register, np.array(run.hit_by(fault), dtype=np.int64))
        )
        begin, end = np.maximum(spans.begin[rows], fault.at_us), np.minimum(spans.end[rows], fault.until_us)
        if (end > begin).any():
            yield begin[end > begin], end[end > begin], 1.0 - 1.0 / float(fault.params["factor"])


def _episode_begins(log: LogColumns, fates: Fates, pools: Ints, pool: Ints, submitted: Ints) -> Ints:
    """For each late receipt: since when, without a break, somebody had been waiting in its pool."""
    begins = submitted.copy()
    t, step, _, receipt = waiting_steps(log)
    owner = fates.register[receipt] if len(receipt) else receipt
    pool_of_row = (
        np.where(owner >= 0, pools[np.maximum(owner, 0)], 0) if len(pools) else np.zeros(len(t), np.int64)
    )
    for number in np.unique(pool).tolist():
        rows = pool_of_row == number
        moments, level = levels(t[rows], step[rows])
        if not len(moments):
            continue
        starts = moments[(level > 0) & (np.concatenate([[0], level[:-1]]) == 0)]
        if not len(starts):
            continue
        mine = pool == number
        moment = submitted[mine]
        now = np.searchsorted(moments, moment, side="right") - 1
        found = np.searchsorted(starts, moment, side="right") - 1
        going_on = (now >= 0) & (found >= 0) & (level[np.maximum(now, 0)] > 0)
        begins[mine] = np.where(going_on, starts[np.maximum(found, 0)], moment)
    return begins
