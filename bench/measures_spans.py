"""What each register did, as spans: from when to when it was ready, busy, closing its shift, down, and why it was down.

The log says when a register changed its state; between two such rows it stayed. Four things are added. A register is busy while it
works on a receipt. While the engine is dead no
register works, whatever its last state says. A register that failed is probed, asked, found still ill, probed again: all that is one
*outage*, from the first failure until it is ready. And an outage gets a *cause*: the latest fault that hit this register before the
outage was over and was not long past when it began.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench import log as events
from bench.measures_log import Flags, Ints, LogColumns, Objects

if TYPE_CHECKING:
    from bench.measures import Run

GRACE_US = 120_000_000
"""A fault over for so long explains no new outage: registers that look well are probed once a minute."""

STATES = ("unseen", "probing", "ready", "busy", "closing", "asking", "setting", "down", "engine_down")
_NEUTRAL = ("unseen", "probing", "asking", "setting")  # part of an outage when they follow one
_OUT = ("down", "engine_down")
_ENGINE = {"crash": "engine_down", "restart": "unseen"}


@dataclass(frozen=True, slots=True)
class Spans:
    """One place a span, ordered by register, then time. ``cause`` is "" for spans that are no outage."""

    register: Ints
    state: Objects
    begin: Ints
    end: Ints
    cause: Objects

    def lasting(self, register: int, chosen: Flags) -> int:
        """Microseconds a register spent in the chosen spans."""
        mine = chosen & (self.register == register)
        return int((self.end[mine] - self.begin[mine]).sum())


def spans(run: Run, log: LogColumns) -> Spans:
    """The spans of all registers from the start to the end of a run."""
    at, register, state = _changes(len(run.registers), log)
    begin = log.t_us[at]
    end = np.full(len(at), run.end_us, dtype=np.int64)
    if len(at):
        same = register[1:] == register[:-1]
        end[:-1][same] = begin[1:][same]
    end = np.minimum(end, run.end_us)
    out = _outages(register, state)
    cause = np.full(len(at), "", dtype=object)
    hits = _hits(run, log)
    heads = np.flatnonzero(out & ~np.concatenate([[False], out[:-1] & (register[1:] == register[:-1])]))
    for head in heads.tolist():
        tail = head
        while tail + 1 < len(at) and out[tail + 1] and register[tail + 1] == register[head]:
            tail += 1
        why = _cause(hits[int(register[head])], int(begin[head]), int(end[tail]))
        cause[head : tail + 1] = np.where(state[head : tail + 1] == "engine_down", "engine_crash", why)
    keep = end > begin
    return Spans(register[keep], state[keep], begin[keep], end[keep], cause[keep])


def _changes(n: int, log: LogColumns) -> tuple[Ints, Ints, Objects]:
    """Every change of a register's state: position in the log, register, new state; by register, in the order of the log.

    The log does not say of a register that it is busy; its receipts do. Work ends with the receipt's next status, unless the
    register or the engine was heard of before that.
    """
    told = log.of(events.REGISTER)
    told = told[log.register[told] >= 0]
    engine = log.of(events.ENGINE)
    at = np.concatenate([told, np.repeat(engine, n)])
    register = np.concatenate([log.register[told], np.tile(np.arange(n), len(engine))])
    states = [detail.partition(":")[0] for detail in log.detail[told].tolist()]
    states += [_ENGINE.get(log.detail[row].partition(":")[0], "unseen") for row in engine for _ in range(n)]

    moves = log.of(events.STATUS)
    moves = moves[log.receipt[moves] >= 0]
    moves = moves[np.lexsort((moves, log.receipt[moves]))]
    following = np.full(len(moves), len(log.t_us), dtype=np.int64)
    same = log.receipt[moves][1:] == log.receipt[moves][:-1]
    following[:-1][same] = moves[1:][same]
    work = (log.detail[moves] == "printing") & (log.register[moves] >= 0)
    begun, done, where = moves[work], following[work], log.register[moves[work]]
    undisturbed = done < len(log.t_us)
    for i in range(n):
        heard = np.append(np.sort(at[register == i]), len(log.t_us))
        mine = where == i
        undisturbed[mine] &= heard[np.searchsorted(heard, begun[mine], side="right")] > done[mine]

    at = np.concatenate([at, begun, done[undisturbed]])
    register = np.concatenate([register, where, where[undisturbed]])
    state = np.empty(len(at), dtype=object)
    state[:] = states + ["busy"] * len(begun) + ["ready"] * int(undisturbed.sum())
    # At one row work that ends comes before work that begins, and both before what the register itself says there.
    rank = np.concatenate(
        [np.full(len(told) + n * len(engine), 2), np.full(len(begun), 1), np.zeros(int(undisturbed.sum()))]
    )
    order = np.lexsort((rank, at, register))
    return at[order], register[order], state[order]


def engine_deaths(log: LogColumns, end_us: int) -> list[tuple[int, int]]:
    """From when to when the engine was dead."""
    deaths: list[tuple[int, int]] = []
    dead_since = -1
    for row in log.of(events.ENGINE).tolist():
        what, t = log.detail[row].partition(":")[0], int(log.t_us[row])
        if what == "crash" and dead_since < 0:
            dead_since = t
        elif what == "restart" and dead_since >= 0:
            deaths.append((dead_since, t))
            dead_since = -1
    if dead_since >= 0:
        deaths.append((dead_since, end_us))
    return deaths


def _outages(register: Ints, state: Objects) -> Flags:
    """Which spans belong to an outage: failed, or looked after since a failure."""
    n = len(state)
    if not n:
        return np.zeros(0, dtype=bool)
    failed = np.isin(state, np.array(_OUT, dtype=object))
    definite = ~np.isin(state, np.array(_NEUTRAL, dtype=object))
    latest = np.maximum.accumulate(np.where(definite, np.arange(n), -1))
    mine = (latest >= 0) & (register[latest] == register)
    out: Flags = failed | (~definite & mine & failed[latest])
    return out


def _hits(run: Run, log: LogColumns) -> tuple[Sequence[tuple[int, int, str]], ...]:
    """For each register the faults that hit it, as (begin, end, kind) ordered by begin."""
    hits: tuple[list[tuple[int, int, str]], ...] = tuple([] for _ in run.registers)
    doubts = log.of(events.STATUS, "in_doubt")
    for fault in run.faults:
        for i in run.hit_by(fault):
            until = max(fault.at_us, fault.until_us)
            if fault.kind == "reply_lost":  # lies in wait for the next receipts there
                struck = log.t_us[doubts[(log.register[doubts] == i) & (log.t_us[doubts] >= fault.at_us)]]
                until = int(struck[0]) if len(struck) else until
            hits[i].append((fault.at_us, until, fault.kind))
    for one in hits:
        one.sort()
    return hits


def _cause(hits: Sequence[tuple[int, int, str]], begin: int, end: int) -> str:
    """The latest fault that explains an outage, "register_down" when none does."""
    for start, stop, kind in reversed(hits):
        if start <= end and stop + GRACE_US >= begin:
            return kind
    return "register_down"


def lost_by_cause(run: Run, spans: Spans) -> dict[str, Flags]:
    """Which spans are lost to which cause: Z-reports, questions to a drive, outages by their fault.

    A slow register is not lost but works at a fraction of its speed; see `bench.measures_causes`.
    """
    lost: dict[str, Flags] = {
        "z_window": spans.state == "closing",
        "in_doubt": (spans.state == "asking") & (spans.cause == ""),
    }
    for kind in sorted(set(spans.cause.tolist()) - {""}):
        lost[kind] = spans.cause == kind
    return {kind: chosen for kind, chosen in lost.items() if chosen.any()}
