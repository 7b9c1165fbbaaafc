"""The engine's twin: what engine and virtual host do to a healthy farm, compiled.

Fidelity ``timed`` runs the real engine in Python; this module makes the same decisions at the same moments in the
same order, in machine code, for
sweeps over thousands of farms. It is not an approximation: events of the same microsecond come in the order in which
the virtual host would have
scheduled them, journal commits are grouped as the host groups them, registers are probed when the engine would probe them. So every
receipt goes to the same register and is recorded at the same microsecond; tests hold that for generated farms.

All state lies in one array of integers, ``a``; an `Order` says where each table begins in it. (Compiled functions
hand one array to each other
for nothing, and sixty at the price of counting the references of sixty.)

What it leaves out: faults (a register here never fails, an answer never gets lost), orders taken back by hand,
clocks that drift. Names follow the
engine's: `fiscal.engine.dispatch`, `care`, `intake`, `printing` and `bench.world` say why each step is as it is.
"""

# mypy: disable-error-code="untyped-decorator,no-untyped-call,no-untyped-def,misc"

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

DAY_US = 86_400_000_000
NEVER = 1 << 62

CENTRAL, ROUND_ROBIN, RANDOM, SHORTEST_QUEUE, EARLIEST_COMPLETION, WEIGHTED, STICKY = range(7)
_UNSEEN, _PROBING, _READY, _BUSY, _CLOSING = range(5)  # a register's states, as in fiscal.engine.states
_PROBE, _FISCALIZE, _CLOSE = range(3)  # its tasks
_COMING, _ACCEPTING, _QUEUED, _RECORDED, _TOLD = range(5)  # a receipt's way
_START, _ARRIVALS, _WAKE, _WRITTEN, _TASK = range(5)  # events of the host

# the scalars of a run: the first numbers of its memory
(
    _SEQ,  # order of scheduling: breaks ties of time, as SimPy's does
    _EVENTS,
    _TIMERS,
    _TIMER_NUMBER,
    _WAKE_AT,
    _NUMBER,
    _PERFORMS,
    _RECORDS,  # whether the event in hand has written anything
    _CONTINUE_HEAD,
    _CONTINUE_TAIL,
    _CONTINUE_MARK,
    _COMMIT_HEAD,
    _COMMIT_TAIL,
    _WRITING,
    _BATCH,
    _ENDED,
    _OVERFLOW,
    _SCALARS,
) = range(18)


class Order(NamedTuple):
    """The rules of a run, and where its tables begin in its memory. A table has a number for each receipt, register or kind."""

    policy: int
    reroute: int
    spare_join: int
    probe_us: int
    commit_us: int
    wall_offset_us: int
    stagger_us: int
    max_age_us: int
    salt: int
    closings: int  # how many times of day
    m: int  # registers
    k: int  # kinds of receipt
    n: int  # receipts
    event_room: int
    continuation_room: int
    commit_room: int
    # given: the farm
    close_at_us: int
    base_us: int  # what the engine expects of a receipt, beside the lines
    line_us: int
    z_us: int
    weight: int
    spare: int
    may: int  # kinds x registers
    service_class: int  # which row of `service_us`
    # given: the traffic
    at_us: int
    rank: int  # place in the order (deadline, number)
    lines: int
    kind: int
    who: int
    service_us: int  # classes x receipts
    # found: receipts
    phase: int
    number: int
    child: int  # of the pairing heaps
    sibling: int
    register: int
    done_us: int
    told_us: int
    # found: registers
    state: int
    task: int
    available: int
    queue: int
    load: int
    backlog_us: int
    busy_until_us: int
    work: int
    close_asked: int
    probe_asked: int
    close_due_us: int
    shift_open: int
    seen_us: int
    credit: int
    unconfirmed: int
    performs: int
    free: int
    free_again: int
    # found: kinds
    pool: int
    waiting: int
    turn: int
    joined: int
    open_regular: int
    # heaps and rings
    event_us: int
    event_seq: int
    event_kind: int
    event_value: int
    timer_us: int
    timer_number: int
    timer_what: int
    continuations: int
    commits: int


# --- heaps ---------------------------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _meld(o, a, one, two):
    """Two pairing heaps as one (Fredman, Sedgewick, Sleator, Tarjan 1986); receipts are ordered by rank."""
    if one < 0:
        return two
    if two < 0:
        return one
    if a[o.rank + two] < a[o.rank + one]:
        one, two = two, one
    a[o.sibling + two] = a[o.child + one]
    a[o.child + one] = two
    return one


@njit(cache=True, nogil=True)
def _push(o, a, root, receipt):
    a[o.child + receipt] = -1
    a[o.sibling + receipt] = -1
    return _meld(o, a, root, receipt)


@njit(cache=True, nogil=True)
def _without_first(o, a, root):
    """The heap without its root: pairs from the left, then all from the right."""
    here = a[o.child + root]
    pairs = -1
    while here >= 0:
        one = here
        two = a[o.sibling + one]
        if two >= 0:
            here = a[o.sibling + two]
            a[o.sibling + two] = -1
        else:
            here = -1
        a[o.sibling + one] = -1
        one = _meld(o, a, one, two)
        a[o.sibling + one] = pairs
        pairs = one
    heap = -1
    while pairs >= 0:
        further = a[o.sibling + pairs]
        a[o.sibling + pairs] = -1
        heap = _meld(o, a, heap, pairs)
        pairs = further
    return heap


@njit(cache=True, nogil=True)
def _schedule(o, a, at_us, kind, value):
    hole = a[_EVENTS]
    if hole >= o.event_room:
        a[_OVERFLOW] = 1
        return
    a[_EVENTS] += 1
    seq = a[_SEQ]
    a[_SEQ] += 1
    while hole > 0:  # a new event is later in sequence than all others: it rises only past later moments
        parent = (hole - 1) >> 1
        if a[o.event_us + parent] <= at_us:
            break
        a[o.event_us + hole] = a[o.event_us + parent]
        a[o.event_seq + hole] = a[o.event_seq + parent]
        a[o.event_kind + hole] = a[o.event_kind + parent]
        a[o.event_value + hole] = a[o.event_value + parent]
        hole = parent
    a[o.event_us + hole] = at_us
    a[o.event_seq + hole] = seq
    a[o.event_kind + hole] = kind
    a[o.event_value + hole] = value


@njit(cache=True, nogil=True)
def _drop_event(o, a):
    """Remove the first event."""
    count = a[_EVENTS] - 1
    a[_EVENTS] = count
    at_us, seq = a[o.event_us + count], a[o.event_seq + count]
    kind, value = a[o.event_kind + count], a[o.event_value + count]
    hole = 0
    while True:
        low = 2 * hole + 1
        if low >= count:
            break
        other = low + 1
        if other < count and (
            a[o.event_us + other] < a[o.event_us + low]
            or (
                a[o.event_us + other] == a[o.event_us + low] and a[o.event_seq + other] < a[o.event_seq + low]
            )
        ):
            low = other
        if a[o.event_us + low] > at_us or (a[o.event_us + low] == at_us and a[o.event_seq + low] > seq):
            break
        a[o.event_us + hole] = a[o.event_us + low]
        a[o.event_seq + hole] = a[o.event_seq + low]
        a[o.event_kind + hole] = a[o.event_kind + low]
        a[o.event_value + hole] = a[o.event_value + low]
        hole = low
    a[o.event_us + hole] = at_us
    a[o.event_seq + hole] = seq
    a[o.event_kind + hole] = kind
    a[o.event_value + hole] = value


@njit(cache=True, nogil=True)
def _timer(o, a, at_us, what):
    """Ask the engine to be woken: ``what`` is a register to probe, or (minus one, minus its number) one to close."""
    hole = a[_TIMERS]
    if hole >= o.event_room:
        a[_OVERFLOW] = 1
        return
    a[_TIMERS] += 1
    a[_TIMER_NUMBER] += 1
    while hole > 0:
        parent = (hole - 1) >> 1
        if a[o.timer_us + parent] <= at_us:
            break
        a[o.timer_us + hole] = a[o.timer_us + parent]
        a[o.timer_number + hole] = a[o.timer_number + parent]
        a[o.timer_what + hole] = a[o.timer_what + parent]
        hole = parent
    a[o.timer_us + hole] = at_us
    a[o.timer_number + hole] = a[_TIMER_NUMBER]
    a[o.timer_what + hole] = what


@njit(cache=True, nogil=True)
def _drop_timer(o, a):
    count = a[_TIMERS] - 1
    a[_TIMERS] = count
    at_us, number, what = a[o.timer_us + count], a[o.timer_number + count], a[o.timer_what + count]
    hole = 0
    while True:
        low = 2 * hole + 1
        if low >= count:
            break
        other = low + 1
        if other < count and (
            a[o.timer_us + other] < a[o.timer_us + low]
            or (
                a[o.timer_us + other] == a[o.timer_us + low]
                and a[o.timer_number + other] < a[o.timer_number + low]
            )
        ):
            low = other
        if a[o.timer_us + low] > at_us or (a[o.timer_us + low] == at_us and a[o.timer_number + low] > number):
            break
        a[o.timer_us + hole] = a[o.timer_us + low]
        a[o.timer_number + hole] = a[o.timer_number + low]
        a[o.timer_what + hole] = a[o.timer_what + low]
        hole = low
    a[o.timer_us + hole] = at_us
    a[o.timer_number + hole] = number
    a[o.timer_what + hole] = what


# --- who should (fiscal.engine.policies) ---------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def mix(number):
    """SplitMix64 of an unsigned 64-bit number, as `fiscal.engine.policies.mix`."""
    golden = np.uint64(0x9E3779B97F4A7C15)
    z = number * golden + golden
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def _choose(o, a, receipt, kind, spares, first, count, now_us):
    """The register the policy gives a receipt to; there are ``count`` candidates, the first of them ``first``."""
    stations = o.m
    policy = o.policy
    best = first
    if policy == ROUND_ROBIN:
        for s in range(a[o.turn + kind] + 1, stations):
            if a[o.available + s] and a[o.may + kind * o.m + s] and (spares or not a[o.spare + s]):
                best = s
                break
        a[o.turn + kind] = best
        return best
    if policy == RANDOM:
        draw = mix(np.uint64(o.salt) ^ np.uint64(a[o.number + receipt]))
        left = np.int64(draw % np.uint64(count))
        for s in range(first, stations):
            if a[o.available + s] and a[o.may + kind * o.m + s] and (spares or not a[o.spare + s]):
                if left == 0:
                    return s
                left -= 1
        return best
    best_us = np.int64(NEVER)
    best_draw = np.uint64(0)
    total = np.int64(0)
    for s in range(first, stations):
        if not (a[o.available + s] and a[o.may + kind * o.m + s] and (spares or not a[o.spare + s])):
            continue
        if policy == SHORTEST_QUEUE:
            if a[o.load + s] < a[o.load + best]:
                best = s
        elif policy == EARLIEST_COMPLETION:
            done_us = max(now_us, a[o.busy_until_us + s]) + a[o.backlog_us + s]
            if done_us >= a[o.close_due_us + s] and a[o.state + s] != _CLOSING:
                done_us += a[o.z_us + s]
            done_us += a[o.base_us + s] + a[o.line_us + s] * a[o.lines + receipt]
            if done_us < best_us:
                best, best_us = s, done_us
        elif policy == WEIGHTED:
            a[o.credit + s] += a[o.weight + s]
            total += a[o.weight + s]
            if a[o.credit + s] > a[o.credit + best]:
                best = s
        else:
            draw = mix(np.uint64(a[o.who + receipt]) ^ (np.uint64(s) << np.uint64(32)))
            if s == first or draw > best_draw:
                best, best_draw = s, draw
    if policy == WEIGHTED:
        a[o.credit + best] -= total
    return best


# --- dispatch (fiscal.engine.dispatch) -----------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _place(o, a, receipt, now_us):
    """Let a receipt wait somewhere. Returns a register that is free to take it, or -1."""
    kind = a[o.kind + receipt]
    stations = o.m
    spares = a[o.joined + kind] or a[o.open_regular + kind] == 0
    first, count, ready = -1, 0, -1
    for s in range(stations):
        if a[o.available + s] and a[o.may + kind * o.m + s] and (spares or not a[o.spare + s]):
            if count == 0:
                first = s
            count += 1
            if ready < 0 and a[o.state + s] == _READY:
                ready = s
    if o.policy == CENTRAL or count == 0:
        a[o.register + receipt] = -1
        a[o.pool + kind] = _push(o, a, a[o.pool + kind], receipt)
        return ready
    station = first if count == 1 else _choose(o, a, receipt, kind, spares, first, count, now_us)
    a[o.register + receipt] = station
    a[o.queue + station] = _push(o, a, a[o.queue + station], receipt)
    a[o.load + station] += 1
    a[o.backlog_us + station] += a[o.base_us + station] + a[o.line_us + station] * a[o.lines + receipt]
    return station if a[o.state + station] == _READY else -1


@njit(cache=True, nogil=True)
def _take(o, a, station, now_us):
    """The receipt a register prints next, or -1."""
    best = a[o.queue + station]
    from_kind = -1
    for kind in range(o.k):
        first = a[o.pool + kind]
        if first >= 0 and a[o.may + kind * o.m + station]:
            idle_spare = a[o.spare + station] and not a[o.joined + kind] and a[o.open_regular + kind] > 0
            if not idle_spare and (best < 0 or a[o.rank + first] < a[o.rank + best]):
                best, from_kind = first, kind
    if best < 0:
        return -1
    estimate_us = a[o.base_us + station] + a[o.line_us + station] * a[o.lines + best]
    if from_kind < 0:
        a[o.queue + station] = _without_first(o, a, best)
        a[o.backlog_us + station] -= estimate_us
    else:
        a[o.pool + from_kind] = _without_first(o, a, best)
        a[o.load + station] += 1
        a[o.register + best] = station
    a[o.busy_until_us + station] = now_us + estimate_us
    kind = a[o.kind + best]
    a[o.waiting + kind] -= 1
    if a[o.waiting + kind] == 0:
        a[o.joined + kind] = 0
    return best


@njit(cache=True, nogil=True)
def _set_available(o, a, station, available):
    a[o.available + station] = available
    if not a[o.spare + station]:
        step = 1 if available else -1
        for kind in range(o.k):
            if a[o.may + kind * o.m + station]:
                a[o.open_regular + kind] += step


@njit(cache=True, nogil=True)
def _place_all(o, a, heap, free, now_us):
    """Place all receipts of a heap anew, in order. Returns how many free registers got work; they are in ``free``, in order."""
    count = 0
    while heap >= 0:
        receipt = heap
        heap = _without_first(o, a, heap)
        station = _place(o, a, receipt, now_us)
        if station >= 0:
            known = 0
            for n in range(count):
                known = known or a[free + n] == station
            if not known:
                a[free + count] = station
                count += 1
    return count


@njit(cache=True, nogil=True)
def _stand_ins(o, a, station):
    """Free registers that may take from the pools of one that is gone. Returns how many; they are in ``free``, in order."""
    count = 0
    for kind in range(o.k):
        if a[o.pool + kind] < 0 or not a[o.may + kind * o.m + station]:
            continue
        spares = a[o.joined + kind] or a[o.open_regular + kind] == 0
        for s in range(o.m):
            fits = a[o.available + s] and a[o.may + kind * o.m + s] and (spares or not a[o.spare + s])
            if fits and a[o.state + s] == _READY:
                known = False
                for n in range(count):
                    known = known or a[o.free + n] == s
                if not known:
                    a[o.free + count] = s
                    count += 1
    return count


# --- care (fiscal.engine.care) -------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _write(o, a):
    a[_RECORDS] = 1


@njit(cache=True, nogil=True)
def _continue(o, a, receipt):
    """When the journal has what was just written, go on with this receipt."""
    tail = a[_CONTINUE_TAIL]
    a[o.continuations + tail % o.continuation_room] = receipt
    a[_CONTINUE_TAIL] = tail + 1


@njit(cache=True, nogil=True)
def _perform(o, a, station, task):
    a[o.task + station] = task
    a[o.performs + a[_PERFORMS]] = station
    a[_PERFORMS] += 1


@njit(cache=True, nogil=True)
def _print_next(o, a, station, now_us):
    receipt = _take(o, a, station, now_us)
    if receipt >= 0:
        a[o.work + station] = receipt
        a[o.state + station] = _BUSY
        _write(o, a)
        _continue(o, a, receipt)


@njit(cache=True, nogil=True)
def _next(o, a, station, now_us):
    if a[o.state + station] != _READY:
        return
    if a[o.close_asked + station]:
        a[o.close_asked + station] = 0
        a[o.busy_until_us + station] = now_us + a[o.z_us + station]
        a[o.state + station] = _CLOSING
        _set_available(o, a, station, False)
        for n in range(_stand_ins(o, a, station)):
            _print_next(o, a, a[o.free + n], now_us)
        if o.reroute and a[o.queue + station] >= 0:
            heap = a[o.queue + station]
            a[o.queue + station] = -1
            a[o.load + station] = 0
            a[o.backlog_us + station] = 0
            for n in range(_place_all(o, a, heap, o.free_again, now_us)):
                _print_next(o, a, a[o.free_again + n], now_us)  # no ready register has anything else to do
        _perform(o, a, station, _CLOSE)
    elif a[o.probe_asked + station]:
        _probe(o, a, station)
    else:
        _print_next(o, a, station, now_us)


@njit(cache=True, nogil=True)
def _probe(o, a, station):
    a[o.probe_asked + station] = 0
    a[o.state + station] = _PROBING
    _perform(o, a, station, _PROBE)


@njit(cache=True, nogil=True)
def _well(o, a, station, now_us):
    a[o.state + station] = _READY
    if not a[o.available + station]:
        _set_available(o, a, station, True)
    _next(o, a, station, now_us)


@njit(cache=True, nogil=True)
def closing_us(o, a, index, opened_us):
    """When a shift is closed: `fiscal.engine.shifts.closing_us`."""
    stagger_us = o.stagger_us * index
    due_us = opened_us + max(o.max_age_us - stagger_us, o.max_age_us // 2)
    opened_wall_us = opened_us + o.wall_offset_us
    midnight_us = opened_wall_us - opened_wall_us % DAY_US - DAY_US
    for day in range(3):
        for n in range(o.closings):
            clock_us = a[o.close_at_us + n]
            wall_us = midnight_us + day * DAY_US + clock_us + stagger_us
            if wall_us > opened_wall_us:
                due_us = min(due_us, wall_us - o.wall_offset_us)
    return due_us


@njit(cache=True, nogil=True)
def _task_ended(o, a, station, now_us):
    task = a[o.task + station]
    if task == _FISCALIZE:
        receipt = a[o.work + station]
        a[o.work + station] = -1
        a[o.load + station] -= 1
        a[o.busy_until_us + station] = now_us
        a[o.done_us + receipt] = now_us
        a[o.phase + receipt] = _RECORDED
        a[o.state + station] = _READY
        if not a[o.shift_open + station]:
            a[o.shift_open + station] = 1
            a[o.close_due_us + station] = closing_us(o, a, station, now_us)
            _timer(o, a, a[o.close_due_us + station], -1 - station)
        _write(o, a)
        _continue(o, a, receipt)
        _next(o, a, station, now_us)
    elif task == _CLOSE:
        a[o.busy_until_us + station] = now_us
        a[o.shift_open + station] = 0
        a[o.close_due_us + station] = NEVER
        a[o.close_asked + station] = 0
        _write(o, a)
        _well(o, a, station, now_us)
    else:
        a[o.seen_us + station] = now_us
        if a[o.unconfirmed + station]:
            a[o.unconfirmed + station] = 0
            _write(o, a)
        _well(o, a, station, now_us)


@njit(cache=True, nogil=True)
def _timer_rings(o, a, what, now_us):
    if what >= 0:
        _timer(o, a, now_us + o.probe_us, what)
        if a[o.state + what] == _READY:
            _probe(o, a, what)
        elif a[o.state + what] == _BUSY and now_us - a[o.seen_us + what] >= 5 * o.probe_us:
            a[o.probe_asked + what] = 1
    else:
        station = -1 - what
        if a[o.close_due_us + station] <= now_us:
            a[o.close_asked + station] = 1
            _next(o, a, station, now_us)


# --- the host (bench.world) ----------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _start_writing(o, a, now_us):
    a[_BATCH] = a[_COMMIT_TAIL]
    a[_WRITING] = 1
    _schedule(o, a, now_us + o.commit_us, _WRITTEN, 0)


@njit(cache=True, nogil=True)
def _carry_out(o, a, now_us):
    """What the engine wants done about the event it has just heard of."""
    for n in range(a[_PERFORMS]):
        station = a[o.performs + n]
        task = a[o.task + station]
        if task == _FISCALIZE:
            duration_us = a[o.service_us + a[o.service_class + station] * o.n + a[o.work + station]]
        elif task == _CLOSE:
            duration_us = a[o.z_us + station]
        else:
            duration_us = 0
        _schedule(o, a, now_us + duration_us, _TASK, station)
    a[_PERFORMS] = 0
    if a[_RECORDS]:
        a[_RECORDS] = 0
        tail = a[_COMMIT_TAIL]
        if tail - a[_COMMIT_HEAD] >= o.commit_room:
            a[_OVERFLOW] = 1
            return
        a[o.commits + tail % o.commit_room] = a[_CONTINUE_TAIL] - a[_CONTINUE_MARK]
        a[_CONTINUE_MARK] = a[_CONTINUE_TAIL]
        a[_COMMIT_TAIL] = tail + 1
        if not a[_WRITING]:
            _start_writing(o, a, now_us)
    if a[_TIMERS] and a[o.timer_us + 0] < a[_WAKE_AT]:
        a[_WAKE_AT] = a[o.timer_us + 0]
        _schedule(o, a, max(a[o.timer_us + 0], now_us), _WAKE, a[o.timer_us + 0])


@njit(cache=True, nogil=True)
def _go_on(o, a, receipt, now_us):
    """The journal has what was written of a receipt."""
    phase = a[o.phase + receipt]
    if phase == _ACCEPTING:
        a[o.phase + receipt] = _QUEUED
        kind = a[o.kind + receipt]
        a[o.waiting + kind] += 1
        if a[o.waiting + kind] >= o.spare_join:
            a[o.joined + kind] = 1
        station = _place(o, a, receipt, now_us)
        if station >= 0:
            _next(o, a, station, now_us)
    elif phase == _QUEUED:
        _perform(o, a, a[o.register + receipt], _FISCALIZE)
    else:
        a[o.phase + receipt] = _TOLD
        a[o.told_us + receipt] = now_us
        a[o.unconfirmed + a[o.register + receipt]] += 1
        a[_ENDED] += 1


@njit(cache=True, nogil=True)
def _written(o, a, now_us):
    batch = a[_BATCH]
    a[_WRITING] = 0
    while a[_COMMIT_HEAD] < batch:
        head = a[_COMMIT_HEAD]
        a[_COMMIT_HEAD] = head + 1
        for _ in range(a[o.commits + head % o.commit_room]):
            place = a[_CONTINUE_HEAD]
            a[_CONTINUE_HEAD] = place + 1
            _go_on(o, a, a[o.continuations + place % o.continuation_room], now_us)
        _carry_out(o, a, now_us)
    if a[_COMMIT_TAIL] > batch and not a[_WRITING]:
        _start_writing(o, a, now_us)


@njit(cache=True, nogil=True)
def live(o, a, stop_us):
    """Let the farm live until every receipt is recorded, or until ``stop_us``. Returns whether there was room for all events."""
    stations = o.m
    receipts = o.n
    arrived = 0
    a[_WAKE_AT] = NEVER
    _schedule(o, a, 0, _START, 0)
    if receipts:
        _schedule(o, a, a[o.at_us + 0], _ARRIVALS, 0)
    while a[_EVENTS] and a[_ENDED] < receipts and not a[_OVERFLOW]:
        now_us, kind, value = a[o.event_us + 0], a[o.event_kind + 0], a[o.event_value + 0]
        if now_us >= stop_us:
            break
        _drop_event(o, a)
        if kind == _TASK:
            _task_ended(o, a, value, now_us)
            _carry_out(o, a, now_us)
        elif kind == _WRITTEN:
            _written(o, a, now_us)
        elif kind == _ARRIVALS:
            while arrived < receipts and a[o.at_us + arrived] <= now_us:
                receipt = arrived
                arrived += 1
                if a[o.kind + receipt] < 0:  # no register may serve it: refused at the door
                    a[_ENDED] += 1
                    continue
                a[_NUMBER] += 1
                a[o.number + receipt] = a[_NUMBER]
                a[o.phase + receipt] = _ACCEPTING
                _write(o, a)
                _continue(o, a, receipt)
                _carry_out(o, a, now_us)
            if arrived < receipts:
                _schedule(o, a, a[o.at_us + arrived], _ARRIVALS, 0)
        elif kind == _WAKE:
            if value == a[_WAKE_AT]:
                a[_WAKE_AT] = NEVER
                while a[_TIMERS] and a[o.timer_us + 0] <= now_us:
                    what = a[o.timer_what + 0]
                    _drop_timer(o, a)
                    _timer_rings(o, a, what, now_us)
                _carry_out(o, a, now_us)
        else:
            for station in range(stations):
                _timer(o, a, now_us + o.probe_us, station)
                _probe(o, a, station)
            _carry_out(o, a, now_us)
    return a[_OVERFLOW] == 0


Table = npt.NDArray[np.int64]
GIVEN = (
    *("close_at_us", "base_us", "line_us", "z_us", "weight", "spare", "may", "service_class"),
    *("at_us", "rank", "lines", "kind", "who", "service_us"),
)
_NOTHING = frozenset(
    {"child", "sibling", "register", "done_us", "told_us", "queue", "work", "pool", "turn"}
)  # begin with -1


def memory(
    rules: Mapping[str, int], given: Mapping[str, Table], m: int, k: int, n: int
) -> tuple[Order, Table]:
    """The memory of a farm that has just been switched on, with its rules, registers and traffic in it."""
    by_register = dict.fromkeys(Order._fields[Order._fields.index("state") : Order._fields.index("pool")], m)
    by_kind = dict.fromkeys(Order._fields[Order._fields.index("pool") : Order._fields.index("event_us")], k)
    by_receipt = dict.fromkeys(Order._fields[Order._fields.index("phase") : Order._fields.index("state")], n)
    events = 8 * m + 1024
    heaps = dict.fromkeys(
        Order._fields[Order._fields.index("event_us") : Order._fields.index("continuations")], events
    )
    sizes = {name: given[name].size for name in GIVEN}
    sizes |= by_receipt | by_register | by_kind | heaps | {"continuations": n + 1, "commits": 3 * n + 8}
    sizes["performs"] = 2 * m + 2
    starts = {}
    end = _SCALARS
    for name, size in sizes.items():
        starts[name] = end
        end += size
    order = Order(
        **rules,
        closings=given["close_at_us"].size,
        m=m,
        k=k,
        n=n,
        event_room=events,
        continuation_room=n + 1,
        commit_room=3 * n + 8,
        **starts,
    )
    a = np.zeros(end, np.int64)
    for name in GIVEN:
        a[starts[name] : starts[name] + sizes[name]] = given[name].ravel().view(np.int64)
    for name in _NOTHING:
        a[starts[name] : starts[name] + sizes[name]] = -1
    a[starts["close_due_us"] : starts["close_due_us"] + m] = NEVER
    return order, a
