"""The engine's twin: what engine and virtual host do to a healthy farm, compiled.

Fidelity ``timed`` runs the real engine in Python; this module makes the same decisions at the same moments in the same order, in machine
code, for sweeps over thousands of farms. It is not an approximation: events of the same microsecond come in the order in which the virtual
host would have scheduled them, journal commits are grouped as the host groups them, registers are probed when the engine would probe
them. So every receipt goes to the same register and is recorded at the same microsecond; tests hold that for generated farms.

It needs no event list. A healthy farm has at most one arrival, one journal write and one wake-up to wait for, and one task a register:
each has its slot, a moment and its place in the order of scheduling, and the next event is the least of them.

All state lies in one array of integers, and a receipt, a register or a kind is named by the address of its record there; 0 is nobody.
(Compiled functions hand one array to each other for nothing.) It is one file because numba's cache looks only at the file a compiled
function stands in: with the layout elsewhere, a changed layout would be run by old code.

What it leaves out: faults (a register here never fails, an answer never gets lost), orders taken back by hand, clocks that drift. Names
follow the engine's: `fiscal.engine.dispatch`, `care`, `intake`, `printing` and `bench.world` say why each step is as it is.
"""

# mypy: disable-error-code="untyped-decorator,no-untyped-call,no-untyped-def,misc"

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from numba import njit

DAY_US = 86_400_000_000
NEVER = 1 << 62

CENTRAL, ROUND_ROBIN, RANDOM, SHORTEST_QUEUE, EARLIEST_COMPLETION, WEIGHTED, STICKY = range(7)
_UNSEEN, _PROBING, _READY, _BUSY, _CLOSING = range(5)  # a register's states, as in fiscal.engine.states
_PROBE, _FISCALIZE, _CLOSE = range(3)  # its tasks
_ACCEPTING, _QUEUED, _RECORDED, _TOLD = range(4)  # a receipt's way
_ARRIVALS, _WRITTEN, _WAKE, _PLAN, _TASKS = range(5)  # slots; then one a register

# The head of the memory: the rules,
RULES = (
    *(
        "policy",
        "reroute",
        "spare_join",
        "probe_us",
        "commit_us",
        "wall_offset_us",
        "stagger_us",
        "max_age_us",
    ),
    *("salt", "queue_limit"),
)
(
    _POLICY,
    _REROUTE,
    _SPARE_JOIN,
    _PROBE_US,
    _COMMIT_US,
    _WALL_OFFSET_US,
    _STAGGER_US,
    _MAX_AGE_US,
    _SALT,
    _LIMIT,
    # where the tables begin and end,
    _M,
    _STATIONS_END,
    _RECEIPTS,
    _RECEIPTS_END,
    _CLOSINGS,
    _CLOSINGS_END,
    _PLANNED,  # outages: moment, register, whether it begins
    _PLANNED_END,
    _SLOTS,
    _SLOTS_END,
    _SCRATCH,
    _RING,
    _RING_MASK,
    # and what changes.
    _SEQ,  # order of scheduling: breaks ties of time, as SimPy's does
    _WAKE_AT,
    _NEXT_PROBE,
    _PROBE_NUMBER,  # order of the timers: those of the probes that are due next were set as this one
    _TIMER_NUMBER,
    _NEXT_CLOSING,
    _NUMBER,
    _PERFORMS,
    _HEAD,  # of the ring of what goes on when the journal has written
    _TAIL,
    _MARK,  # the tail when the event in hand began
    _RECORDS,  # whether the event in hand has written anything
    _WRITING,
    _BATCH,
    _ENDED,
    _BACKLOG,  # receipts that no register works on, those on the way to the journal included
) = range(len(RULES) + 29)

# A register.
_STATION = 64  # the first one's address
_STATION_WIDTH = 32
GIVEN_BY_REGISTER = ("base_us", "line_us", "z_us", "weight", "spare", "service_class")
(
    _BASE_US,  # what the engine expects of a receipt, beside the lines
    _LINE_US,
    _Z_US,
    _WEIGHT,
    _SPARE,
    _SERVICE_CLASS,  # which row of the service times
    _INDEX,
    _SERVES,  # address of its list of kinds
    _SERVES_END,
    _STATE,
    _TASK,
    _AVAILABLE,
    _QUEUE,
    _LOAD,
    _BACKLOG_US,
    _BUSY_UNTIL_US,
    _WORK,
    _CLOSE_ASKED,
    _PROBE_ASKED,
    _CLOSE_DUE_US,
    _TIMER_US,  # when the timer for that rings; NEVER when it has
    _TIMER,  # its number
    _SHIFT_OPEN,
    _SEEN_US,
    _CREDIT,
    _UNCONFIRMED,
    _PAUSED,
    _PAUSE_ASKED,
) = range(28)

# A kind of receipts; its candidates' addresses follow.
_POOL, _WAITING, _TURN, _JOINED, _OPEN_REGULAR, _CANDIDATES_END, _CANDIDATES = range(7)

# A receipt.
_RECEIPT_WIDTH = 16
GIVEN_BY_RECEIPT = ("at_us", "rank", "lines", "who")
FOUND_BY_RECEIPT = ("register", "done_us", "told_us")
(
    _AT_US,
    _RANK,  # place in the order (deadline, number)
    _LINES,
    _WHO,
    _KIND,  # address, or 0
    _PHASE,
    _ARRIVAL,
    _CHILD,  # of the pairing heaps
    _SIBLING,
    _REGISTER,  # address
    _DONE_US,
    _TOLD_US,
) = range(12)


# --- heaps ---------------------------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _meld(a, one, two):
    """Two pairing heaps as one (Fredman, Sedgewick, Sleator, Tarjan 1986); receipts are ordered by rank."""
    if one == 0:
        return two
    if two == 0:
        return one
    if a[two + _RANK] < a[one + _RANK]:
        one, two = two, one
    a[two + _SIBLING] = a[one + _CHILD]
    a[one + _CHILD] = two
    return one


@njit(cache=True, nogil=True)
def _push(a, root, receipt):
    a[receipt + _CHILD] = 0
    a[receipt + _SIBLING] = 0
    return _meld(a, root, receipt)


@njit(cache=True, nogil=True)
def _without_first(a, root):
    """The heap without its root: pairs from the left, then all from the right."""
    here = a[root + _CHILD]
    pairs = 0
    while here:
        one = here
        two = a[one + _SIBLING]
        if two:
            here = a[two + _SIBLING]
            a[two + _SIBLING] = 0
        else:
            here = 0
        a[one + _SIBLING] = 0
        one = _meld(a, one, two)
        a[one + _SIBLING] = pairs
        pairs = one
    heap = 0
    while pairs:
        further = a[pairs + _SIBLING]
        a[pairs + _SIBLING] = 0
        heap = _meld(a, heap, pairs)
        pairs = further
    return heap


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
def _estimate_us(a, station, receipt):
    return a[station + _BASE_US] + a[station + _LINE_US] * a[receipt + _LINES]


@njit(cache=True, nogil=True)
def _choose(a, receipt, kind, spares, first, count, now_us):
    """The register the policy gives a receipt to; there are ``count`` candidates, the first of them ``first``."""
    policy = a[_POLICY]
    end = a[kind + _CANDIDATES_END]
    best = first
    if policy == ROUND_ROBIN:
        for n in range(kind + _CANDIDATES, end):
            s = a[n]
            if s > a[kind + _TURN] and a[s + _AVAILABLE] and (spares or not a[s + _SPARE]):
                best = s
                break
        a[kind + _TURN] = best
        return best
    if policy == RANDOM:
        draw = mix(np.uint64(a[_SALT]) ^ np.uint64(a[receipt + _ARRIVAL]))
        left = np.int64(draw % np.uint64(count))
        for n in range(kind + _CANDIDATES, end):
            s = a[n]
            if a[s + _AVAILABLE] and (spares or not a[s + _SPARE]):
                if left == 0:
                    return s
                left -= 1
        return best
    best_us = np.int64(NEVER)
    best_draw = np.uint64(0)
    total = np.int64(0)
    for n in range(kind + _CANDIDATES, end):
        s = a[n]
        if not (a[s + _AVAILABLE] and (spares or not a[s + _SPARE])):
            continue
        if policy == SHORTEST_QUEUE:
            if a[s + _LOAD] < a[best + _LOAD]:
                best = s
        elif policy == EARLIEST_COMPLETION:
            done_us = max(now_us, a[s + _BUSY_UNTIL_US]) + a[s + _BACKLOG_US]
            if done_us >= a[s + _CLOSE_DUE_US] and a[s + _STATE] != _CLOSING:
                done_us += a[s + _Z_US]
            done_us += _estimate_us(a, s, receipt)
            if done_us < best_us:
                best, best_us = s, done_us
        elif policy == WEIGHTED:
            a[s + _CREDIT] += a[s + _WEIGHT]
            total += a[s + _WEIGHT]
            if a[s + _CREDIT] > a[best + _CREDIT]:
                best = s
        else:
            draw = mix(np.uint64(a[receipt + _WHO]) ^ (np.uint64(a[s + _INDEX]) << np.uint64(32)))
            if s == first or draw > best_draw:
                best, best_draw = s, draw
    if policy == WEIGHTED:
        a[best + _CREDIT] -= total
    return best


# --- dispatch (fiscal.engine.dispatch) -----------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _place(a, receipt, now_us):
    """Let a receipt wait somewhere. Returns a register that is free to take it, or 0."""
    kind = a[receipt + _KIND]
    spares = a[kind + _JOINED] or a[kind + _OPEN_REGULAR] == 0
    first, count, ready = 0, 0, 0
    for n in range(kind + _CANDIDATES, a[kind + _CANDIDATES_END]):
        s = a[n]
        if a[s + _AVAILABLE] and (spares or not a[s + _SPARE]):
            if count == 0:
                first = s
            count += 1
            if ready == 0 and a[s + _STATE] == _READY:
                ready = s
    if a[_POLICY] == CENTRAL or count == 0:
        a[receipt + _REGISTER] = 0
        a[kind + _POOL] = _push(a, a[kind + _POOL], receipt)
        return ready
    station = first if count == 1 else _choose(a, receipt, kind, spares, first, count, now_us)
    a[receipt + _REGISTER] = station
    a[station + _QUEUE] = _push(a, a[station + _QUEUE], receipt)
    a[station + _LOAD] += 1
    a[station + _BACKLOG_US] += _estimate_us(a, station, receipt)
    return station if a[station + _STATE] == _READY else 0


@njit(cache=True, nogil=True)
def _take(a, station, now_us):
    """The receipt a register prints next, or 0."""
    best = a[station + _QUEUE]
    pooled = 0
    for n in range(a[station + _SERVES], a[station + _SERVES_END]):
        kind = a[n]
        first = a[kind + _POOL]
        if first:
            idle_spare = a[station + _SPARE] and not a[kind + _JOINED] and a[kind + _OPEN_REGULAR] > 0
            if not idle_spare and (best == 0 or a[first + _RANK] < a[best + _RANK]):
                best, pooled = first, kind
    if best == 0:
        return best
    estimate_us = _estimate_us(a, station, best)
    if pooled:
        a[pooled + _POOL] = _without_first(a, best)
        a[station + _LOAD] += 1
        a[best + _REGISTER] = station
    else:
        a[station + _QUEUE] = _without_first(a, best)
        a[station + _BACKLOG_US] -= estimate_us
    a[station + _BUSY_UNTIL_US] = now_us + estimate_us
    kind = a[best + _KIND]
    a[_BACKLOG] -= 1
    a[kind + _WAITING] -= 1
    if a[kind + _WAITING] == 0:
        a[kind + _JOINED] = 0
    return best


@njit(cache=True, nogil=True)
def _set_available(a, station, available):
    if a[station + _AVAILABLE] == available:
        return
    a[station + _AVAILABLE] = available
    if not a[station + _SPARE]:
        step = 1 if available else -1
        for n in range(a[station + _SERVES], a[station + _SERVES_END]):
            a[a[n] + _OPEN_REGULAR] += step


@njit(cache=True, nogil=True)
def _noted(a, start, count, station):
    """Note a register at the end of a list that begins at ``start``, once. Returns how many there are."""
    for n in range(start, start + count):
        if a[n] == station:
            return count
    a[start + count] = station
    return count + 1


@njit(cache=True, nogil=True)
def _place_all(a, heap, free, now_us):
    """Place all receipts of a heap anew, in order. Returns how many free registers got work; they are noted at ``free``, in order."""
    count = 0
    while heap:
        receipt = heap
        heap = _without_first(a, heap)
        station = _place(a, receipt, now_us)
        if station:
            count = _noted(a, free, count, station)
    return count


@njit(cache=True, nogil=True)
def _stand_ins(a, station, free):
    """Free registers that may take from the pools of one that is gone. Returns how many; they are noted at ``free``, in order."""
    count = 0
    for n in range(a[station + _SERVES], a[station + _SERVES_END]):
        kind = a[n]
        if a[kind + _POOL] == 0:
            continue
        spares = a[kind + _JOINED] or a[kind + _OPEN_REGULAR] == 0
        for c in range(kind + _CANDIDATES, a[kind + _CANDIDATES_END]):
            s = a[c]
            if a[s + _AVAILABLE] and a[s + _STATE] == _READY and (spares or not a[s + _SPARE]):
                count = _noted(a, free, count, s)
    return count


# --- care (fiscal.engine.care) -------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _continue(a, receipt):
    """Write, and when the journal has it, go on with this receipt."""
    tail = a[_TAIL]
    a[a[_RING] + (tail & a[_RING_MASK])] = 2 * receipt
    a[_TAIL] = tail + 1
    a[_RECORDS] = 1


@njit(cache=True, nogil=True)
def _perform(a, station, task):
    a[station + _TASK] = task
    a[a[_SCRATCH] + a[_PERFORMS]] = station
    a[_PERFORMS] += 1


@njit(cache=True, nogil=True)
def _print_next(a, station, now_us):
    receipt = _take(a, station, now_us)
    if receipt:
        a[station + _WORK] = receipt
        a[station + _STATE] = _BUSY
        _continue(a, receipt)


@njit(cache=True, nogil=True)
def _close(a, station, now_us):
    a[station + _CLOSE_ASKED] = 0
    a[station + _BUSY_UNTIL_US] = now_us + a[station + _Z_US]
    a[station + _STATE] = _CLOSING
    _leave(a, station, now_us)
    _perform(a, station, _CLOSE)


@njit(cache=True, nogil=True)
def _leave(a, station, now_us):
    """A register may not be given receipts any more: others do what waits for it, as far as it may go to them."""
    free = a[_SCRATCH] + 2 * a[_M] + 2  # after the performs
    if a[station + _AVAILABLE]:
        _set_available(a, station, 0)
        for n in range(free, free + _stand_ins(a, station, free)):
            _next_receipt(a, a[n], now_us)
    if a[_REROUTE] and a[station + _QUEUE]:
        heap = a[station + _QUEUE]
        a[station + _QUEUE] = 0
        a[station + _LOAD] = 0
        a[station + _BACKLOG_US] = 0
        for n in range(free, free + _place_all(a, heap, free, now_us)):
            _next_receipt(a, a[n], now_us)


@njit(cache=True, nogil=True)
def _next_receipt(a, station, now_us):
    """As `_next`, for a ready register that has nothing else to do."""
    if a[station + _STATE] == _READY:
        _print_next(a, station, now_us)


@njit(cache=True, nogil=True)
def _next(a, station, now_us):
    if a[station + _STATE] != _READY:
        return
    if a[station + _PAUSE_ASKED]:
        _pause(a, station, now_us)
    if a[station + _CLOSE_ASKED]:
        _close(a, station, now_us)
    elif a[station + _PROBE_ASKED]:
        _probe(a, station)
    elif not a[station + _PAUSED]:
        _print_next(a, station, now_us)


@njit(cache=True, nogil=True)
def _pause(a, station, now_us):
    a[station + _PAUSE_ASKED] = 0
    a[station + _PAUSED] = 1
    _leave(a, station, now_us)


@njit(cache=True, nogil=True)
def _pause_asked(a, station, now_us):
    """A planned outage begins: what the register does now, it finishes (`fiscal.engine.service`)."""
    if a[station + _PAUSED] or a[station + _PAUSE_ASKED]:
        return
    a[_RECORDS] = 1
    if a[station + _STATE] in (_PROBING, _BUSY, _CLOSING):
        a[station + _PAUSE_ASKED] = 1
    else:
        _pause(a, station, now_us)


@njit(cache=True, nogil=True)
def _resume_asked(a, station, now_us):
    if a[station + _PAUSED]:
        a[station + _PAUSED] = 0
        if a[station + _STATE] == _READY:
            _set_available(a, station, 1)
            _next(a, station, now_us)
    elif not a[station + _PAUSE_ASKED]:
        return
    a[station + _PAUSE_ASKED] = 0
    a[_RECORDS] = 1


@njit(cache=True, nogil=True)
def _probe(a, station):
    a[station + _PROBE_ASKED] = 0
    a[station + _STATE] = _PROBING
    _perform(a, station, _PROBE)


@njit(cache=True, nogil=True)
def _well(a, station, now_us):
    a[station + _STATE] = _READY
    if not a[station + _PAUSED]:
        _set_available(a, station, 1)
    _next(a, station, now_us)


@njit(cache=True, nogil=True)
def closing_us(a, index, opened_us):
    """When a shift is closed: `fiscal.engine.shifts.closing_us`."""
    stagger_us = a[_STAGGER_US] * index
    due_us = opened_us + max(a[_MAX_AGE_US] - stagger_us, a[_MAX_AGE_US] // 2)
    opened_wall_us = opened_us + a[_WALL_OFFSET_US]
    midnight_us = opened_wall_us - opened_wall_us % DAY_US - DAY_US
    for day in range(3):
        for n in range(a[_CLOSINGS], a[_CLOSINGS_END]):
            wall_us = midnight_us + day * DAY_US + a[n] + stagger_us
            if wall_us > opened_wall_us:
                due_us = min(due_us, wall_us - a[_WALL_OFFSET_US])
    return due_us


@njit(cache=True, nogil=True)
def _task_ended(a, station, now_us):
    task = a[station + _TASK]
    if task == _FISCALIZE:
        receipt = a[station + _WORK]
        a[station + _LOAD] -= 1
        a[station + _BUSY_UNTIL_US] = now_us
        a[receipt + _DONE_US] = now_us
        a[receipt + _PHASE] = _RECORDED
        a[station + _STATE] = _READY
        if not a[station + _SHIFT_OPEN]:
            a[station + _SHIFT_OPEN] = 1
            due_us = closing_us(a, a[station + _INDEX], now_us)
            a[station + _CLOSE_DUE_US] = due_us
            a[station + _TIMER_US] = due_us
            a[_TIMER_NUMBER] += 1
            a[station + _TIMER] = a[_TIMER_NUMBER]
            a[_NEXT_CLOSING] = min(a[_NEXT_CLOSING], due_us)
        _continue(a, receipt)
        _next(a, station, now_us)
    elif task == _CLOSE:
        a[station + _BUSY_UNTIL_US] = now_us
        a[station + _SHIFT_OPEN] = 0
        a[station + _CLOSE_DUE_US] = NEVER
        a[station + _CLOSE_ASKED] = 0
        a[_RECORDS] = 1
        _well(a, station, now_us)
    else:
        a[station + _SEEN_US] = now_us
        if a[station + _UNCONFIRMED]:
            a[station + _UNCONFIRMED] = 0
            a[_RECORDS] = 1
        _well(a, station, now_us)


@njit(cache=True, nogil=True)
def _wake(a, now_us):
    """All timers that are due ring: those that close shifts and, once in a while, those that ask the registers, in the order of setting."""
    while True:
        probes = a[_NEXT_PROBE] <= now_us
        first_us, first_number, first = NEVER, NEVER, 0
        if a[_NEXT_CLOSING] <= now_us:
            for s in range(_STATION, a[_STATIONS_END], _STATION_WIDTH):
                at_us, number = a[s + _TIMER_US], a[s + _TIMER]
                if at_us < first_us or (at_us == first_us and number < first_number):
                    first_us, first_number, first = at_us, number, s
        if first_us <= now_us and (
            not probes
            or first_us < a[_NEXT_PROBE]
            or (first_us == a[_NEXT_PROBE] and first_number < a[_PROBE_NUMBER])
        ):
            a[first + _TIMER_US] = NEVER
            next_us = NEVER
            for s in range(_STATION, a[_STATIONS_END], _STATION_WIDTH):
                next_us = min(next_us, a[s + _TIMER_US])
            a[_NEXT_CLOSING] = next_us
            a[first + _CLOSE_ASKED] = 1
            _next(a, first, now_us)
        elif probes:
            a[_NEXT_PROBE] += a[_PROBE_US]
            a[_TIMER_NUMBER] += 1
            a[_PROBE_NUMBER] = a[_TIMER_NUMBER]
            for s in range(_STATION, a[_STATIONS_END], _STATION_WIDTH):
                if a[s + _STATE] == _READY:
                    _probe(a, s)
                elif a[s + _STATE] == _BUSY and now_us - a[s + _SEEN_US] >= 5 * a[_PROBE_US]:
                    a[s + _PROBE_ASKED] = 1
        else:
            return


# --- the host (bench.world) ----------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _schedule(a, slot, at_us):
    place = a[_SLOTS] + 2 * slot
    a[place] = at_us
    a[place + 1] = a[_SEQ]
    a[_SEQ] += 1


@njit(cache=True, nogil=True)
def _start_writing(a, now_us):
    a[_BATCH] = a[_TAIL]
    a[_WRITING] = 1
    _schedule(a, _WRITTEN, now_us + a[_COMMIT_US])


@njit(cache=True, nogil=True)
def _carry_out(a, service_us, now_us):
    """What the engine wants done about the event it has just heard of."""
    scratch = a[_SCRATCH]
    for n in range(scratch, scratch + a[_PERFORMS]):
        station = a[n]
        task = a[station + _TASK]
        duration_us = np.int64(0)
        if task == _FISCALIZE:
            number = (a[station + _WORK] - a[_RECEIPTS]) // _RECEIPT_WIDTH
            duration_us = service_us[a[station + _SERVICE_CLASS], number]
        elif task == _CLOSE:
            duration_us = a[station + _Z_US]
        _schedule(a, _TASKS + a[station + _INDEX], now_us + duration_us)
    a[_PERFORMS] = 0
    if a[_RECORDS]:
        a[_RECORDS] = 0
        if a[_TAIL] == a[_MARK]:  # written, and nothing goes on
            a[a[_RING] + (a[_TAIL] & a[_RING_MASK])] = 0
            a[_TAIL] += 1
        a[a[_RING] + ((a[_TAIL] - 1) & a[_RING_MASK])] += 1  # the last of this commit
        a[_MARK] = a[_TAIL]
        if not a[_WRITING]:
            _start_writing(a, now_us)
    timer_us = min(a[_NEXT_PROBE], a[_NEXT_CLOSING])
    if timer_us < a[_WAKE_AT]:
        a[_WAKE_AT] = timer_us
        _schedule(a, _WAKE, max(timer_us, now_us))


@njit(cache=True, nogil=True)
def _go_on(a, receipt, now_us):
    """The journal has what was written of a receipt."""
    phase = a[receipt + _PHASE]
    if phase == _ACCEPTING:
        a[receipt + _PHASE] = _QUEUED
        kind = a[receipt + _KIND]
        a[kind + _WAITING] += 1
        if a[kind + _WAITING] >= a[_SPARE_JOIN]:
            a[kind + _JOINED] = 1
        station = _place(a, receipt, now_us)
        if station:
            _next(a, station, now_us)
    elif phase == _QUEUED:
        _perform(a, a[receipt + _REGISTER], _FISCALIZE)
    else:
        a[receipt + _PHASE] = _TOLD
        a[receipt + _TOLD_US] = now_us
        a[a[receipt + _REGISTER] + _UNCONFIRMED] = 1
        a[_ENDED] += 1


@njit(cache=True, nogil=True)
def _written(a, service_us, now_us):
    batch = a[_BATCH]
    a[_WRITING] = 0
    while a[_HEAD] < batch:
        entry = a[a[_RING] + (a[_HEAD] & a[_RING_MASK])]
        a[_HEAD] += 1
        if entry > 1:
            _go_on(a, entry >> 1, now_us)
        if entry & 1:
            _carry_out(a, service_us, now_us)
    if a[_TAIL] > batch and not a[_WRITING]:
        _start_writing(a, now_us)


@njit(cache=True, nogil=True)
def _plan_comes(a, planned, service_us, now_us):
    """A planned outage begins or ends. Returns the address of the next such change."""
    if a[planned + 2]:
        _pause_asked(a, a[planned + 1], now_us)
    else:
        _resume_asked(a, a[planned + 1], now_us)
    _carry_out(a, service_us, now_us)
    return planned + 3


@njit(cache=True, nogil=True)
def live(a, service_us, stop_us):
    """Let the farm live until every receipt is recorded, or until ``stop_us``. ``service_us``: by class of registers and receipt."""
    if stop_us <= 0:
        return
    receipts = (a[_RECEIPTS_END] - a[_RECEIPTS]) // _RECEIPT_WIDTH
    next_receipt = a[_RECEIPTS]
    a[_WAKE_AT] = NEVER
    a[_NEXT_CLOSING] = NEVER
    slots, slots_end = a[_SLOTS], a[_SLOTS_END]
    for slot in range(slots, slots_end, 2):
        a[slot] = NEVER
    planned = a[_PLANNED]
    plan = slots + 2 * _PLAN
    a[plan + 1] = -1  # the host has scheduled what is planned before all else
    if receipts:
        _schedule(a, _ARRIVALS, a[next_receipt + _AT_US])
    a[_NEXT_PROBE] = NEVER
    while planned < a[_PLANNED_END] and a[planned] <= 0:  # and so it may come before the engine has begun
        planned = _plan_comes(a, planned, service_us, np.int64(0))
    if planned < a[_PLANNED_END]:
        a[plan] = a[planned]
    a[_NEXT_PROBE] = a[_PROBE_US]
    for s in range(_STATION, a[_STATIONS_END], _STATION_WIDTH):
        _probe(a, s)
    _carry_out(a, service_us, np.int64(0))
    while a[_ENDED] < receipts:
        slot, now_us = slots, a[slots]
        for other in range(slots + 2, slots_end, 2):
            at_us = a[other]
            if at_us < now_us or (at_us == now_us and a[other + 1] < a[slot + 1]):
                slot, now_us = other, at_us
        if now_us >= stop_us:
            break
        a[slot] = NEVER
        which = (slot - slots) >> 1
        if which >= _TASKS:
            _task_ended(a, _STATION + (which - _TASKS) * _STATION_WIDTH, now_us)
            _carry_out(a, service_us, now_us)
        elif which == _WRITTEN:
            _written(a, service_us, now_us)
        elif which == _WAKE:
            a[_WAKE_AT] = NEVER
            _wake(a, now_us)
            _carry_out(a, service_us, now_us)
        elif which == _PLAN:
            planned = _plan_comes(a, planned, service_us, now_us)
            if planned < a[_PLANNED_END]:
                a[plan] = a[planned]
        else:
            while next_receipt < a[_RECEIPTS_END] and a[next_receipt + _AT_US] <= now_us:
                if a[next_receipt + _KIND] and (a[_LIMIT] == 0 or a[_BACKLOG] < a[_LIMIT]):
                    a[_BACKLOG] += 1
                    a[_NUMBER] += 1
                    a[next_receipt + _ARRIVAL] = a[_NUMBER]
                    _continue(a, next_receipt)
                    _carry_out(a, service_us, now_us)
                else:  # refused at the door: no register may serve it, or the queue is full
                    a[_ENDED] += 1
                next_receipt += _RECEIPT_WIDTH
            if next_receipt < a[_RECEIPTS_END]:
                _schedule(a, _ARRIVALS, a[next_receipt + _AT_US])


# --- memory --------------------------------------------------------------------------------------------------------------------------

Table = npt.NDArray[np.int64]


def memory(
    rules: Mapping[str, int],
    closings_us: Table,
    planned: Table,
    registers: Mapping[str, Table],
    may: npt.NDArray[np.bool_],
    receipts: Mapping[str, Table],
    kind: Table,
) -> tuple[Table, Table]:
    """The memory of a farm that has just been switched on, with its rules, registers and traffic; and the part of it with the receipts.

    ``planned`` has a row (moment, register, 1 begins or 0 ends) for each change of a planned outage, in order; ``may`` is by kind and
    register; the columns of ``registers`` and ``receipts`` are named in ``GIVEN_BY_...``.
    """
    k, m = may.shape
    n = len(kind)
    ring = 1 << (n + m + 2).bit_length()
    head = {
        "closings": len(closings_us),
        "planned": planned.size,
        "slots": 2 * (m + _TASKS),
        "scratch": 4 * m + 8,
    }
    sizes = head | {
        "serves": k * m,
        "kinds": k * (_CANDIDATES + m),
        "ring": ring,
        "receipts": n * _RECEIPT_WIDTH,
    }
    starts = {}
    end = _STATION + m * _STATION_WIDTH
    for name, size in sizes.items():
        end += -end % 8  # a receipt's record fills two lines of the cache
        starts[name] = end
        end += size
    a = np.zeros(end, np.int64)
    a[: len(RULES)] = [rules[name] for name in RULES]
    a[_M] = m
    a[_STATIONS_END] = _STATION + m * _STATION_WIDTH
    a[_RING_MASK] = ring - 1
    for begin, stop, name in (
        (_RECEIPTS, _RECEIPTS_END, "receipts"),
        (_CLOSINGS, _CLOSINGS_END, "closings"),
        (_PLANNED, _PLANNED_END, "planned"),
        (_SLOTS, _SLOTS_END, "slots"),
    ):
        a[begin], a[stop] = starts[name], starts[name] + sizes[name]
    a[_SCRATCH], a[_RING] = starts["scratch"], starts["ring"]
    a[starts["closings"] : starts["closings"] + len(closings_us)] = closings_us
    outages = a[starts["planned"] : starts["planned"] + planned.size].reshape(-1, 3)
    outages[:] = planned
    outages[:, 1] = _STATION + _STATION_WIDTH * planned[:, 1]
    stations = a[_STATION : a[_STATIONS_END]].reshape(m, _STATION_WIDTH)
    for column, name in enumerate(GIVEN_BY_REGISTER):
        stations[:, column] = registers[name]
    stations[:, _INDEX] = np.arange(m)
    stations[:, _CLOSE_DUE_US] = stations[:, _TIMER_US] = NEVER
    addresses = np.arange(_STATION, _STATION + m * _STATION_WIDTH, _STATION_WIDTH)
    first_kind = starts["kinds"]
    kinds = np.append(np.arange(first_kind, first_kind + sizes["kinds"], _CANDIDATES + m), 0)
    for s in range(m):
        served = kinds[:-1][may[:, s]]
        where = starts["serves"] + s * k
        a[where : where + len(served)] = served
        stations[s, _SERVES], stations[s, _SERVES_END] = where, where + len(served)
    for number in range(k):
        candidates = addresses[may[number]]
        where = int(kinds[number]) + _CANDIDATES
        a[where : where + len(candidates)] = candidates
        a[kinds[number] + _CANDIDATES_END] = where + len(candidates)
    table = a[starts["receipts"] :].reshape(n, _RECEIPT_WIDTH)
    for column, name in enumerate(GIVEN_BY_RECEIPT):
        table[:, column] = receipts[name]
    table[:, _KIND] = kinds[kind]
    table[:, _DONE_US] = table[:, _TOLD_US] = -1
    return a, table


def fates(receipts: Table) -> tuple[Table, Table, Table]:
    """Of every receipt: its register or -1, when it was recorded, when the journal knew; -1 where that has not happened."""
    register = receipts[:, _REGISTER]
    index = np.where(register > 0, (register - _STATION) // _STATION_WIDTH, -1)
    return index, receipts[:, _DONE_US].copy(), receipts[:, _TOLD_US].copy()
