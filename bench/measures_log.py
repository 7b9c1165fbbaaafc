"""The event log as columns, and what became of every receipt.

A log is a flat list of rows in the order in which things happened. Questions are asked of columns, not of rows, so the list is turned
into arrays once; every answer after that is arithmetic on whole arrays. Times stay integer microseconds until a table is made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench import log as events

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Objects = npt.NDArray[np.object_]

NEVER = np.iinfo(np.int64).min
"""In a column of moments: it did not happen."""

WAITING = ("accepting", "queued", "assigned")
IN_WORK = ("printing",)
DONE = ("recorded", "sent", "confirmed")
GIVEN_UP = ("set_aside", "cancelled")


@dataclass(frozen=True, slots=True)
class LogColumns:
    """The rows of a log, column by column; ``receipt`` numbers the keys by first submission (-1: no submitted receipt)."""

    t_us: Ints
    kind: Objects
    receipt: Ints
    register: Ints
    detail: Objects
    number: Ints
    keys: tuple[str, ...]

    def of(self, kind: str, *details: str) -> Ints:
        """Positions of the rows of a kind, of certain details only when any are given."""
        chosen = self.kind == kind
        if details:
            chosen &= np.isin(self.detail, np.array(details, dtype=object))
        return np.flatnonzero(chosen)


def columns(rows: list[events.Row]) -> LogColumns:
    """Turn the rows of a log into columns."""
    t, kind, key, register, detail, number = zip(*rows, strict=True) if rows else ((),) * 6
    kinds = _objects(kind)
    key_of_row = _objects(key)
    keys = tuple(dict.fromkeys(key_of_row[kinds == events.SUBMITTED].tolist()))
    receipt = pd.Index(keys, dtype=object).get_indexer(key_of_row) if keys else np.full(len(rows), -1)
    return LogColumns(
        np.array(t, dtype=np.int64),
        kinds,
        receipt.astype(np.int64),
        np.array(register, dtype=np.int64),
        _objects(detail),
        np.array(number, dtype=np.int64),
        keys,
    )


def _objects(values: tuple[str, ...]) -> Objects:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def first(n: int, receipt: Ints, value: Ints, missing: int = NEVER) -> Ints:
    """For each of ``n`` receipts its first value, in the order of the rows."""
    return last(n, receipt[::-1], value[::-1], missing)


def last(n: int, receipt: Ints, value: Ints, missing: int = NEVER) -> Ints:
    """For each of ``n`` receipts its last value: of assignments to one place the last one stays."""
    out = np.full(n, missing, dtype=np.int64)
    known = receipt >= 0
    out[receipt[known]] = value[known]
    return out


@dataclass(frozen=True, slots=True)
class Attempts:
    """Every time a register worked on a receipt, until the receipt's next status; one place an attempt."""

    receipt: Ints
    register: Ints
    begin: Ints
    end: Ints
    made: Flags  # did it end with the document recorded?


@dataclass(frozen=True, slots=True)
class Fates:
    """What became of every receipt, one place a receipt; moments in microseconds, `NEVER` when it did not happen."""

    lines: Ints
    submitted: Ints
    accepted: Ints
    printing: Ints  # the first time a register began it
    printing_last: Ints
    recorded: Ints
    confirmed: Ints
    register: Ints  # that recorded it; else the last one it had to do with; else -1
    document: Ints
    attempts: Ints
    in_doubt_us: Ints
    status: Objects
    work: Attempts


def fates(log: LogColumns, end_us: int) -> Fates:
    """Follow every submitted receipt through the log up to ``end_us``."""
    n = len(log.keys)
    sent = log.of(events.SUBMITTED)
    replies = log.of(events.REPLY)
    replies = replies[log.receipt[replies] >= 0]
    yes = log.detail[replies] == "accepted"
    moves = log.of(events.STATUS)
    moves = moves[log.receipt[moves] >= 0]
    r, t, to = log.receipt[moves], log.t_us[moves], log.detail[moves]
    printing = to == "printing"
    recorded = to == "recorded"

    seen = log.register[moves] >= 0
    somewhere = last(n, r[seen], log.register[moves][seen], -1)
    at = first(n, r[recorded], log.register[moves][recorded], -1)

    # How long each state lasted: until the receipt's next row, or the end.
    order = np.lexsort((np.arange(len(moves)), r))
    until = np.full(len(moves), end_us, dtype=np.int64)
    following = np.full(len(moves), "", dtype=object)
    same = r[order][1:] == r[order][:-1]
    until[order[:-1][same]] = t[order[1:][same]]
    following[order[:-1][same]] = to[order[1:][same]]
    doubted = to == "in_doubt"
    in_doubt = np.zeros(n, dtype=np.int64)
    np.add.at(in_doubt, r[doubted], np.maximum(until - t, 0)[doubted])
    work = Attempts(
        r[printing],
        log.register[moves][printing],
        t[printing],
        np.maximum(until, t)[printing],
        following[printing] == "recorded",
    )

    status = np.full(n, "submitted", dtype=object)
    answered = log.receipt[replies]
    status[answered] = np.where(yes, "accepted", "refused")
    status[r] = to
    return Fates(
        lines=first(n, log.receipt[sent], log.number[sent], 0),
        submitted=first(n, log.receipt[sent], log.t_us[sent]),
        accepted=first(n, answered[yes], log.t_us[replies][yes]),
        printing=first(n, r[printing], t[printing]),
        printing_last=last(n, r[printing], t[printing]),
        recorded=first(n, r[recorded], t[recorded]),
        confirmed=first(n, r[to == "confirmed"], t[to == "confirmed"]),
        register=np.where(at >= 0, at, somewhere),
        document=first(n, r[recorded], log.number[moves][recorded], 0),
        attempts=np.bincount(r[printing], minlength=n).astype(np.int64),
        in_doubt_us=in_doubt,
        status=status,
        work=work,
    )


def waiting_steps(log: LogColumns) -> tuple[Ints, Ints, Ints, Ints]:
    """Every moment at which a receipt began (+1) or ceased (-1) to wait: moments, steps, registers it waits at (-1: none), receipts.

    A receipt waits from its payment until a register begins it, and again when an attempt failed; a receipt in doubt does not wait
    for a register, it waits for an answer. A refusal at the door ends the wait unless the shop is told yes later.
    """
    n = len(log.keys)
    refusals = log.of(events.REPLY)
    refusals = refusals[(log.detail[refusals] != "accepted") & (log.receipt[refusals] >= 0)]
    moves = log.of(events.STATUS)
    moves = moves[log.receipt[moves] >= 0]
    moved = np.isin(np.arange(n), log.receipt[moves])
    final = last(n, log.receipt[refusals], refusals)
    out = final[(final != NEVER) & ~moved]
    rows = np.concatenate([log.of(events.SUBMITTED), out, moves])
    rows = rows[np.lexsort((rows, log.receipt[rows]))]
    receipt = log.receipt[rows]
    waits = (log.kind[rows] == events.SUBMITTED) | (
        (log.kind[rows] == events.STATUS) & np.isin(log.detail[rows], np.array(WAITING, dtype=object))
    )
    place = np.where(waits, log.register[rows], -1)
    starts = np.ones(len(rows), dtype=bool)
    starts[1:] = receipt[1:] != receipt[:-1]
    # A second submission of a key that is under way changes nothing.
    again = (log.kind[rows] == events.SUBMITTED) & ~starts
    rows, receipt, waits, place, starts = (
        rows[~again],
        receipt[~again],
        waits[~again],
        place[~again],
        starts[~again],
    )
    waited = np.concatenate([[False], waits[:-1]]) & ~starts
    placed = np.concatenate([[-1], place[:-1]])
    same = waits & waited & (place == placed)
    begin, end = waits & ~same, waited & ~same
    at = np.concatenate([rows[end], rows[begin]])
    order = np.lexsort((np.arange(len(at)), at))
    steps = np.concatenate([np.full(end.sum(), -1), np.full(begin.sum(), 1)]).astype(np.int64)
    places = np.concatenate([placed[end], place[begin]]).astype(np.int64)
    receipts = np.concatenate([receipt[end], receipt[begin]])
    return log.t_us[at[order]], steps[order], places[order], receipts[order]


def levels(t_us: Ints, steps: Ints) -> tuple[Ints, Ints]:
    """Running sum of steps, one value a moment: what holds after everything of that microsecond has happened."""
    if not len(t_us):
        return t_us, steps
    level = np.cumsum(steps)
    keep = np.append(t_us[1:] != t_us[:-1], True)
    return t_us[keep], level[keep]
