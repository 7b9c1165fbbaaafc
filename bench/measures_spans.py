"""What each register did, as spans: from when to when it was ready, busy, closing its shift, down, and why it was down.

The log says when a register changed its state; between two such rows it stayed. Four things are added. A register is busy while it
works on a receipt, and *stuck* when a fault keeps it from going on with it. While the engine is dead no
register works, whatever its last state says. A register that failed is probed, asked, found still ill, probed again: all that is one
*outage*, from the first failure until it is ready. And an outage gets a *cause*: the fault that held this register longest meanwhile
(no power, no cable, ...), else the latest fault that hit it before the outage was over and was not long past when it began.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench import log as events
from bench.measures_log import Attempts, Flags, Ints, LogColumns, Objects

if TYPE_CHECKING:
    from bench.measures import Run

GRACE_US = 120_000_000
"""A fault over for so long explains no new outage: registers that look well are probed once a minute."""

STATES = (
    "unseen",
    "probing",
    "ready",
    "busy",
    "closing",
    "paused",
    "asking",
    "setting",
    "serving",
    "paused",
    "replacing",
    "blocked",
    "down",
    "stuck",
    "engine_down",
)
_NEUTRAL = ("unseen", "probing", "asking", "setting")  # part of an outage when they follow one
_OUT = ("down", "engine_down")
_HOLDS = (
    "power_cut",
    "computer_hang",
    "web_server_hang",
    "cable_pulled",
    "paper_out",
)  # faults under which no work goes on
_OUT_OF_SERVICE = {"paused": "planned_outage", "replacing": "drive_replacement", "blocked": "drive_blocked"}
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


def spans(run: Run, log: LogColumns, work: Attempts) -> Spans:
    """The spans of all registers from the start to the end of a run."""
    at, register, state = _changes(len(run.registers), log)
    begin = log.t_us[at]
    end = np.full(len(at), run.end_us, dtype=np.int64)
    if len(at):
        same = register[1:] == register[:-1]
        end[:-1][same] = begin[1:][same]
    end = np.minimum(end, run.end_us)
    keep = end > begin
    register, state, begin, end = register[keep], state[keep], begin[keep], end[keep]
    register, state, begin, end, cause = _stuck(run, work, register, state, begin, end)
    latest = _latest_definite(register, state)
    out = np.isin(state, np.array(_OUT, dtype=object)) | (
        (latest >= 0) & np.isin(state[latest], np.array(_OUT, dtype=object))
    )
    dead = (latest >= 0) & (state[latest] == "engine_down")
    hits = _hits(run, log)
    heads = np.flatnonzero(out & ~np.concatenate([[False], out[:-1] & (register[1:] == register[:-1])]))
    for head in heads.tolist():
        tail = head
        while tail + 1 < len(out) and out[tail + 1] and register[tail + 1] == register[head]:
            tail += 1
        why = _cause(hits[int(register[head])], int(begin[head]), int(end[tail]))
        cause[head : tail + 1] = np.where(dead[head : tail + 1], "engine_crash", why)
    for service, why in _OUT_OF_SERVICE.items():
        cause[(state == service) & (cause == "")] = why
    return Spans(register, state, begin, end, cause)


def _stuck(
    run: Run, work: Attempts, register: Ints, state: Objects, begin: Ints, end: Ints
) -> tuple[Ints, Objects, Ints, Ints, Objects]:
    """Cut out of busy spans the time in which work could not go on: a fault held the register until work failed or the fault was over."""
    pieces: list[tuple[int, int, int, str]] = []
    for fault in run.faults:
        if fault.kind not in _HOLDS:
            continue
        for i in run.hit_by(fault):
            held = (work.register == i) & (work.begin < fault.until_us) & (work.end > fault.at_us)
            held &= (work.end >= fault.until_us) | ~work.made
            for row in np.flatnonzero(held).tolist():
                span = max(int(work.begin[row]), fault.at_us), min(int(work.end[row]), fault.until_us)
                pieces.append((i, *span, fault.kind))
    cause = np.full(len(state), "", dtype=object)
    for i, since, until, kind in pieces:
        for row in np.flatnonzero(
            (register == i) & (state == "busy") & (begin < until) & (end > since)
        ).tolist():
            first, last = int(begin[row]), int(end[row])
            cut = [
                (first, since, "busy", ""),
                (max(first, since), min(last, until), "stuck", kind),
                (until, last, "busy", ""),
            ]
            cut = [piece for piece in cut if piece[1] > piece[0]]
            register = np.insert(np.delete(register, row), row, [i] * len(cut))
            begin = np.insert(np.delete(begin, row), row, [piece[0] for piece in cut])
            end = np.insert(np.delete(end, row), row, [piece[1] for piece in cut])
            state = np.insert(np.delete(state, row), row, [piece[2] for piece in cut])
            cause = np.insert(np.delete(cause, row), row, [piece[3] for piece in cut])
            break
    return register, state, begin, end, cause


def _latest_definite(register: Ints, state: Objects) -> Ints:
    """For each span the place of the latest one of its register that is not about looking after it; -1 when there is none."""
    definite = ~np.isin(state, np.array(_NEUTRAL, dtype=object))
    latest = (
        np.maximum.accumulate(np.where(definite, np.arange(len(state)), -1))
        if len(state)
        else np.zeros(0, dtype=np.int64)
    )
    return np.where((latest >= 0) & (register[latest] == register), latest, -1)


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


def _hits(run: Run, log: LogColumns) -> tuple[Sequence[tuple[int, int, str]], ...]:
    """For each register the faults that hit it, as (begin, end, kind) ordered by begin."""
    hits: tuple[list[tuple[int, int, str]], ...] = tuple([] for _ in run.registers)
    doubts = log.of(events.STATUS, "in_doubt")
    for fault in run.faults:
        if fault.kind == "planned_outage":
            continue  # the register says itself that it is paused; it explains nothing else
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
    """The fault that explains an outage: of those that hold a register the one that held it longest, else the latest; or none."""
    together = [
        (min(stop, end) - max(start, begin), start, kind) for start, stop, kind in hits if kind in _HOLDS
    ]
    longest = max(together, default=(0, 0, ""))
    if longest[0] > 0:
        return longest[2]
    for start, stop, kind in reversed(hits):
        if start <= end and stop + GRACE_US >= begin:
            return kind
    return "register_down"


def lost_by_cause(run: Run, spans: Spans) -> dict[str, Flags]:
    """Which spans are lost to which cause: Z-reports, questions to a drive, planned outages, others by their fault.

    A slow register is not lost but works at a fraction of its speed; see `bench.measures_causes`.
    """
    lost: dict[str, Flags] = {
        "z_window": spans.state == "closing",
        "planned_outage": spans.state == "paused",
        "in_doubt": (spans.state == "asking") & (spans.cause == ""),
    }
    for kind in sorted(set(spans.cause.tolist()) - {""}):
        lost[kind] = spans.cause == kind
    return {kind: chosen for kind, chosen in lost.items() if chosen.any()}
