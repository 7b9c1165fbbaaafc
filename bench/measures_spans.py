"""What each register did, as spans: from when to when it was ready, busy, closing its shift, down, and why it was down.

The log says when a register changed its state; between two such rows it stayed. Three things are added. While the engine is dead no
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
    changes = log.of(events.REGISTER)
    changes = changes[log.register[changes] >= 0]
    engine = log.of(events.ENGINE)
    names = [detail.partition(":")[0] for detail in log.detail[engine].tolist()]
    engine = engine[[name in ("crash", "restart") for name in names]] if len(names) else engine
    n = len(run.registers)
    at = np.concatenate([changes, np.repeat(engine, n)])
    register = np.concatenate([log.register[changes], np.tile(np.arange(n), len(engine))])
    states = [detail.partition(":")[0] for detail in log.detail[changes].tolist()]
    states += [
        "engine_down" if name == "crash" else "unseen"
        for name in names
        if name in ("crash", "restart")
        for _ in range(n)
    ]
    state = np.empty(len(states), dtype=object)
    state[:] = states
    order = np.lexsort((at, register))
    at, register, state = at[order], register[order], state[order]
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
    for fault in run.faults:
        for i in run.hit_by(fault):
            hits[i].append((fault.at_us, max(fault.at_us, fault.until_us), fault.kind))
    fired = log.of(events.FAULT)
    fired = fired[log.number[fired] == 2]
    for row in fired.tolist():
        register, moment = int(log.register[row]), int(log.t_us[row])
        if register >= 0:
            hits[register].append((moment, moment, log.detail[row].partition(":")[0]))
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
