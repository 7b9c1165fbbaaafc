"""The farm as a recursion: no events, only what each receipt does to the register it goes to.

When a journal commit takes no time and receipts are served in the order in which they come, the moment at which a receipt will be recorded
is known as soon as it is given to a register: the register's last one done, plus its own time. So there is nothing to schedule. What is
left of the event list is a calendar a register: the moment at which it must stop (its shift falls due, or an outage is planned), and the
moment at which it serves again. Receipts that could not begin before the stop wait, unplanned, until it comes; then they are given to
others or follow after it, as the farm's ``reroute`` says.

`run` decides exactly as the engine does and as `kernel_engine` does, many times faster. Where it cannot, it says so (a code above 0, in
`REASONS`), and the caller lets the engine's twin do that day. It cannot where the order of events *within one microsecond* decides: only a
replay of the host's scheduling knows that. It looks for those ties, it does not hope for their absence. Probes then do not matter: between
receipts they take no time. Nor can it do a pool that several registers empty under a policy with queues (all candidates are out at the
same time), and spare registers under ``central``.

`run` takes one day; `run_lanes` eight at once, for the farms most sweeps are about: the policy "shortest_queue", every register
serves every receipt, no spares, no limit of the queue, and what waits at a stop waits on (``reroute`` off).

Like `kernel_engine`, one file, for the sake of numba's cache; what it takes from there (numbers of policies, SplitMix64) stays as it is.
"""

# mypy: disable-error-code="untyped-decorator,no-untyped-call,no-untyped-def,misc"

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numba import njit

from bench.kernel_engine import (
    CENTRAL,
    DAY_US,
    EARLIEST_COMPLETION,
    NEVER,
    RANDOM,
    ROUND_ROBIN,
    SHORTEST_QUEUE,
    WEIGHTED,
    mix,
)

REASONS = (
    "",
    "a shift falls due in the very microsecond in which a receipt is done or an outage ends",
    "a shift falls due with a probe, less than a probe's interval after it was opened",
    "receipts move to other registers in the very microsecond in which one of those changes",
    "a receipt comes in the very microsecond in which another begins, where how many wait decides",
    "registers get free in the very microsecond, and which takes first is not known",
    "no register was there to be given a receipt",
)
(
    _DONE,
    _SHIFT_TIE,
    _PROBE_TIE,
    _MOVE_TIE,
    _COUNT_TIE,
    _FREE_TIE,
    _NOBODY,
) = range(7)

# The rules
RULES = (
    "policy",
    "reroute",
    "spare_join",
    "probe_us",
    "wall_offset_us",
    "stagger_us",
    "max_age_us",
    "salt",
    "queue_limit",
)
_POLICY, _REROUTE, _SPARE_JOIN, _PROBE_US, _WALL_OFFSET_US, _STAGGER_US, _MAX_AGE_US, _SALT, _LIMIT = range(9)

# A register: rows of the table of stations.
GIVEN_BY_REGISTER = ("base_us", "line_us", "z_us", "weight", "spare", "service_class")
(
    _BASE_US,
    _LINE_US,
    _Z_US,
    _WEIGHT,
    _SPARE,
    _SERVICE_CLASS,
    _NEXT_US,  # when the next receipt is done; or begun, where that is followed
    _LOAD,  # receipts waiting for it or in work; beyond all reach while it is not available
    _FREE_US,  # when everything planned is done
    _STOP_US,  # when it must stop: a receipt that cannot begin before that is not planned
    _FIRST,  # the receipts planned, the one in work first; -1 none
    _LAST,
    _LATE_FIRST,  # the receipts that wait for what comes after the stop
    _LATE_LAST,
    _MOVED_FIRST,  # the receipts that are just moving here
    _MOVED_LAST,
    _AWAY,  # whether it is stopped now
    _FREE_AGAIN_US,  # then: until when
    _DUE_US,  # when the shift falls due
    _OPENED_US,  # when the shift was opened, maybe still to come; NEVER while it is closed
    _LAST_DONE_US,
    _PAUSE,  # the next planned outage
    _PAUSES_END,
    _STARTED,  # whether the first receipt has been begun, where that is followed
    _BUSY_UNTIL_US,  # as the engine expects
    _BACKLOG_US,
    _CREDIT,
    _ORDER,  # when its task was begun, as a number
    _SEEN_US,  # when it was certainly asked last
    STATION_ROWS,
) = range(30)
_OUT = 1 << 40

# A kind of receipts: rows of the table of kinds.
_WAITING, _JOINED, _OPEN_REGULAR, _TURN, KIND_ROWS = range(5)


@njit(cache=True, nogil=True)
def _closing_us(rules, close_at_us, index, opened_us):
    """When a shift is closed: `fiscal.engine.shifts.closing_us`."""
    stagger_us = rules[_STAGGER_US] * index
    due_us = opened_us + max(rules[_MAX_AGE_US] - stagger_us, rules[_MAX_AGE_US] // 2)
    opened_wall_us = opened_us + rules[_WALL_OFFSET_US]
    midnight_us = opened_wall_us - opened_wall_us % DAY_US - DAY_US
    for day in range(3):
        for clock_us in close_at_us:
            wall_us = midnight_us + day * DAY_US + clock_us + stagger_us
            if wall_us > opened_wall_us:
                due_us = min(due_us, wall_us - rules[_WALL_OFFSET_US])
    return due_us


@njit(cache=True, nogil=True)
def _set_stop(stations, pauses, s):
    pause = stations[_PAUSE, s]
    stop_us = stations[_DUE_US, s]
    if pause < stations[_PAUSES_END, s]:
        stop_us = min(stop_us, pauses[0, pause])
    stations[_STOP_US, s] = stop_us


@njit(cache=True, nogil=True)
def _open_shift(rules, close_at_us, stations, pauses, s, opened_us):
    """The first receipt of a shift is planned."""
    stations[_OPENED_US, s] = opened_us
    stations[_DUE_US, s] = _closing_us(rules, close_at_us, s, opened_us)
    _set_stop(stations, pauses, s)


@njit(cache=True, nogil=True)
def _stop(rules, stations, pauses, s, begin_us):
    """Register ``s`` stops with nothing in work. Returns (when it serves again; a reason why that is not known).

    A Z-report and an outage may overlap: it makes its report while it is out of service, and is out of service after its report.
    When an outage is over before the receipt in work is done, there is none: it returns ``begin_us``.
    """
    due_us = stations[_DUE_US, s]
    if due_us == stations[_LAST_DONE_US, s]:
        return begin_us, _SHIFT_TIE
    closed_us, paused_us = begin_us, begin_us
    while True:
        pause = stations[_PAUSE, s]
        if due_us <= begin_us or due_us < paused_us:
            if due_us % rules[_PROBE_US] == 0 and stations[_OPENED_US, s] >= due_us - rules[_PROBE_US]:
                return begin_us, _PROBE_TIE
            closed_us = max(due_us, begin_us) + stations[_Z_US, s]
            due_us = NEVER
            stations[_OPENED_US, s] = NEVER
        elif due_us == paused_us:
            return begin_us, _SHIFT_TIE
        elif pause < stations[_PAUSES_END, s] and pauses[0, pause] <= closed_us:
            if pauses[1, pause] > closed_us:
                paused_us = max(paused_us, pauses[1, pause])
            stations[_PAUSE, s] = pause + 1
        else:
            break
    stations[_DUE_US, s] = due_us
    _set_stop(stations, pauses, s)
    return max(closed_us, paused_us), _DONE


# --- one queue for all ---------------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _central(rules, close_at_us, stations, pauses, may, at_us, kind, service_us, register, done_us):
    """Policy ``central``: each receipt goes to the register that gets free first (Kiefer and Wolfowitz 1955, with calendars)."""
    m = stations.shape[1]
    probe_us = rules[_PROBE_US]
    order = np.int64(0)
    limit = rules[_LIMIT]
    begun = np.int64(0)  # receipts before this one have been begun: of one kind, they begin in order
    waiting, coming, here_us = np.int64(0), np.int64(0), np.int64(-1)
    probe_at_us = np.int64(0)  # the first time not before now that all are asked how they are
    for receipt in range(len(at_us)):
        k = kind[receipt]
        if k < 0:
            continue
        now_us = at_us[receipt]
        if probe_at_us < now_us:
            probe_at_us = -(-now_us // probe_us) * probe_us
        if limit:
            if here_us != now_us:
                here_us = now_us
                while begun < receipt:
                    if done_us[begun] >= 0:
                        began_us = (
                            done_us[begun] - service_us[stations[_SERVICE_CLASS, register[begun]], begun]
                        )
                        if began_us == now_us and at_us[begun] < now_us:
                            return _COUNT_TIE
                        if began_us > now_us:
                            break
                        waiting -= 1
                    begun += 1
                coming = waiting
            if coming >= limit:
                continue
            coming += 1
            waiting += 1
        best, best_us, tied = -1, NEVER, False
        for s in range(m):
            if not may[k, s]:
                continue
            while stations[_STOP_US, s] <= max(stations[_FREE_US, s], now_us):
                begin_us = max(stations[_FREE_US, s], stations[_STOP_US, s])
                end_us, reason = _stop(rules, stations, pauses, s, begin_us)
                if reason:
                    return reason
                if end_us > begin_us:
                    stations[_FREE_US, s] = end_us
                    stations[_ORDER, s] = -1
            free_us = stations[_FREE_US, s]
            asked = probe_at_us == now_us or free_us - stations[_SEEN_US, s] >= 5 * probe_us
            if free_us == now_us and now_us > 0 and asked:
                return _FREE_TIE  # it may be asked how it is before the receipt comes, or after
            if best_us <= now_us:
                continue
            if free_us <= now_us:
                best, best_us, tied = s, now_us, False
                continue
            if free_us < best_us:
                best, best_us, tied = s, free_us, False
            elif free_us == best_us:
                if len(may) > 1 or stations[_ORDER, s] < 0 or stations[_ORDER, best] < 0:
                    tied = True  # receipts of several kinds do not begin in order; who closed first is not known here
                elif (
                    free_us - stations[_SEEN_US, s] >= 5 * probe_us
                    or free_us - stations[_SEEN_US, best] >= 5 * probe_us
                ):
                    tied = True  # one may be asked how it is before it takes
                elif stations[_ORDER, s] < stations[_ORDER, best]:
                    best = s
        if tied:
            return _FREE_TIE
        s = best
        idle_since_us = stations[_FREE_US, s]
        if probe_at_us - probe_us > idle_since_us:
            stations[_SEEN_US, s] = probe_at_us - probe_us
        finish_us = best_us + service_us[stations[_SERVICE_CLASS, s], receipt]
        stations[_FREE_US, s] = finish_us
        stations[_LAST_DONE_US, s] = finish_us
        stations[_ORDER, s] = order
        order += 1
        if stations[_OPENED_US, s] == NEVER:
            _open_shift(rules, close_at_us, stations, pauses, s, finish_us)
        register[receipt] = s
        done_us[receipt] = finish_us
    return _DONE


# --- a queue for each ----------------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _estimate_us(stations, s, lines):
    return stations[_BASE_US, s] + stations[_LINE_US, s] * lines


@njit(cache=True, nogil=True)
def _follow(stations, kinds, lines, kind, service_us, done_us, following, s, now_us):
    """Note what register ``s`` has begun and done up to now. Returns whether another was begun at this very moment."""
    at_this_moment = False
    while stations[_FIRST, s] >= 0:
        first = stations[_FIRST, s]
        if not stations[_STARTED, s]:
            began_us = done_us[first] - service_us[stations[_SERVICE_CLASS, s], first]
            if began_us > now_us:
                break
            at_this_moment = began_us == now_us
            estimate_us = _estimate_us(stations, s, lines[first])
            stations[_STARTED, s] = 1
            stations[_BUSY_UNTIL_US, s] = began_us + estimate_us
            stations[_BACKLOG_US, s] -= estimate_us
            k = kind[first]
            kinds[_WAITING, k] -= 1
            if kinds[_WAITING, k] == 0:
                kinds[_JOINED, k] = 0
        if done_us[first] > now_us:
            break
        at_this_moment = False
        stations[_STARTED, s] = 0
        stations[_BUSY_UNTIL_US, s] = done_us[first]
        stations[_LOAD, s] -= 1
        stations[_FIRST, s] = following[first]
    first = stations[_FIRST, s]
    next_us = NEVER
    if first >= 0:
        next_us = done_us[first]
        if not stations[_STARTED, s]:
            next_us -= service_us[stations[_SERVICE_CLASS, s], first]
    stations[_NEXT_US, s] = next_us
    return at_this_moment


@njit(cache=True, nogil=True)
def _forget(stations, done_us, following, s, now_us):
    """As `_follow`, where only how many receipts a register has in hand matters."""
    first = stations[_FIRST, s]
    while first >= 0 and done_us[first] <= now_us:
        first = following[first]
        stations[_LOAD, s] -= 1
    stations[_FIRST, s] = first
    stations[_NEXT_US, s] = done_us[first] if first >= 0 else NEVER


@njit(cache=True, nogil=True)
def _choose(rules, stations, kinds, may, k, number, lines, who, now_us):
    """The register that the policy gives a receipt to, or -1."""
    m = stations.shape[1]
    spares = kinds[_JOINED, k] or kinds[_OPEN_REGULAR, k] == 0
    policy = rules[_POLICY]
    count, first = 0, -1
    for s in range(m):
        if may[k, s] and stations[_LOAD, s] < _OUT and (spares or not stations[_SPARE, s]):
            if count == 0:
                first = s
            count += 1
    if count <= 1:
        return first
    best = first
    if policy == ROUND_ROBIN:
        for s in range(kinds[_TURN, k] + 1, m):
            if may[k, s] and stations[_LOAD, s] < _OUT and (spares or not stations[_SPARE, s]):
                best = s
                break
        kinds[_TURN, k] = best
        return best
    left = np.int64(0)
    if policy == RANDOM:
        left = np.int64(mix(np.uint64(rules[_SALT]) ^ np.uint64(number)) % np.uint64(count))
    best_us, best_draw, total = NEVER, np.uint64(0), np.int64(0)
    for s in range(first, m):
        if not (may[k, s] and stations[_LOAD, s] < _OUT and (spares or not stations[_SPARE, s])):
            continue
        if policy == SHORTEST_QUEUE:
            if stations[_LOAD, s] < stations[_LOAD, best]:
                best = s
        elif policy == RANDOM:
            if left == 0:
                return s
            left -= 1
        elif policy == EARLIEST_COMPLETION:
            finish_us = max(now_us, stations[_BUSY_UNTIL_US, s]) + stations[_BACKLOG_US, s]
            if stations[_OPENED_US, s] <= now_us and finish_us >= stations[_DUE_US, s]:
                finish_us += stations[_Z_US, s]
            finish_us += _estimate_us(stations, s, lines)
            if finish_us < best_us:
                best, best_us = s, finish_us
        elif policy == WEIGHTED:
            stations[_CREDIT, s] += stations[_WEIGHT, s]
            total += stations[_WEIGHT, s]
            if stations[_CREDIT, s] > stations[_CREDIT, best]:
                best = s
        else:
            draw = mix(np.uint64(who) ^ (np.uint64(s) << np.uint64(32)))
            if s == first or draw > best_draw:
                best, best_draw = s, draw
    if policy == WEIGHTED:
        stations[_CREDIT, best] -= total
    return best


@njit(cache=True, nogil=True)
def _plan(rules, close_at_us, stations, pauses, service_us, done_us, following, s, receipt, now_us):
    """Put a receipt behind all others of register ``s``: planned when it can begin before the stop."""
    begin_us = max(now_us, stations[_FREE_US, s])
    following[receipt] = -1
    if begin_us >= stations[_STOP_US, s]:
        if stations[_LATE_FIRST, s] < 0:
            stations[_LATE_FIRST, s] = receipt
        else:
            following[stations[_LATE_LAST, s]] = receipt
        stations[_LATE_LAST, s] = receipt
        return
    finish_us = begin_us + service_us[stations[_SERVICE_CLASS, s], receipt]
    done_us[receipt] = finish_us
    stations[_FREE_US, s] = finish_us
    stations[_LAST_DONE_US, s] = finish_us
    if stations[_FIRST, s] < 0:
        stations[_FIRST, s] = receipt
        stations[_NEXT_US, s] = finish_us
    else:
        following[stations[_LAST, s]] = receipt
    stations[_LAST, s] = receipt
    if stations[_OPENED_US, s] == NEVER:
        _open_shift(rules, close_at_us, stations, pauses, s, finish_us)


@njit(cache=True, nogil=True)
def _merge(rules, close_at_us, stations, pauses, service_us, done_us, following, s, now_us):
    """Put the receipts that have moved to register ``s`` where they belong: in the order of coming, behind the one in work."""
    moved = stations[_MOVED_FIRST, s]
    stations[_MOVED_FIRST, s] = -1
    late = stations[_LATE_FIRST, s]
    stations[_LATE_FIRST, s] = -1
    planned = np.int64(-1)
    work = stations[_FIRST, s]
    if work >= 0:
        planned = following[work]
        following[work] = -1
        stations[_LAST, s] = work
        stations[_FREE_US, s] = stations[_LAST_DONE_US, s] = done_us[work]
    while planned >= 0 or late >= 0 or moved >= 0:
        own = planned if planned >= 0 else late
        if moved >= 0 and (own < 0 or moved < own):
            receipt, moved = moved, following[moved]
        elif planned >= 0:
            receipt, planned = planned, following[planned]
        else:
            receipt, late = late, following[late]
        _plan(rules, close_at_us, stations, pauses, service_us, done_us, following, s, receipt, now_us)


@njit(cache=True, nogil=True)
def _next_change(stations, s):
    """When register ``s`` stops, or serves again."""
    if stations[_AWAY, s] or stations[_STOP_US, s] == NEVER:
        return stations[_FREE_AGAIN_US, s]
    return max(stations[_STOP_US, s], stations[_LAST_DONE_US, s])


@njit(cache=True, nogil=True)
def _done_at(stations, done_us, following, s, now_us):
    """Whether register ``s`` is done with a receipt at this very moment."""
    first = stations[_FIRST, s]
    while first >= 0 and done_us[first] < now_us:
        first = following[first]
    return first >= 0 and done_us[first] == now_us


@njit(cache=True, nogil=True)
def _changes(
    rules, close_at_us, stations, kinds, pauses, may, followed, lines, kind, who, number, service_us, register,
    done_us, following, until_us, while_late,
):  # fmt: skip
    """Let registers stop and serve again, in order, up to and including ``until_us``.

    With ``while_late`` only as long as receipts wait for what comes after a stop. Returns (when the next one does; a reason).
    """
    m = stations.shape[1]
    while True:
        s, now_us, late = -1, NEVER, False
        for other in range(m):
            at_us = _next_change(stations, other)
            late = late or stations[_LATE_FIRST, other] >= 0
            if at_us < now_us:
                s, now_us = other, at_us
        if now_us > until_us or now_us == NEVER or (while_late and not late):
            return now_us, _DONE
        if stations[_AWAY, s]:
            stations[_AWAY, s] = 0
            stations[_FREE_AGAIN_US, s] = NEVER
            stations[_LOAD, s] -= _OUT
            _count_open(stations, kinds, may, s, 1)
            continue
        end_us, reason = _stop(rules, stations, pauses, s, now_us)
        if reason:
            return now_us, reason
        if end_us == now_us:
            continue
        stations[_AWAY, s] = 1
        stations[_FREE_AGAIN_US, s] = stations[_FREE_US, s] = end_us
        stations[_LOAD, s] += _OUT
        _count_open(stations, kinds, may, s, -1)
        waiting = stations[_LATE_FIRST, s]
        if waiting < 0:
            continue
        stations[_LATE_FIRST, s] = -1
        if rules[_REROUTE]:
            if followed and now_us == until_us:
                return now_us, _MOVE_TIE
            for other in range(m):
                if other != s and (
                    _next_change(stations, other) == now_us
                    or _done_at(stations, done_us, following, other, now_us)
                ):
                    return now_us, _MOVE_TIE
                if followed:
                    _follow(stations, kinds, lines, kind, service_us, done_us, following, other, now_us)
                else:
                    _forget(stations, done_us, following, other, now_us)
            stations[_LOAD, s] = _OUT
            stations[_BACKLOG_US, s] = 0
            while waiting >= 0:
                further = following[waiting]
                k = kind[waiting]
                other = _choose(
                    rules, stations, kinds, may, k, number[waiting], lines[waiting], who[waiting], now_us
                )
                if other < 0:
                    return now_us, _NOBODY
                register[waiting] = other
                stations[_LOAD, other] += 1
                stations[_BACKLOG_US, other] += _estimate_us(stations, other, lines[waiting])
                following[waiting] = -1
                if stations[_MOVED_FIRST, other] < 0:
                    stations[_MOVED_FIRST, other] = waiting
                else:
                    following[stations[_MOVED_LAST, other]] = waiting
                stations[_MOVED_LAST, other] = waiting
                waiting = further
            for other in range(m):
                if stations[_MOVED_FIRST, other] >= 0:
                    _merge(
                        rules, close_at_us, stations, pauses, service_us, done_us, following, other, now_us
                    )
                    if followed:
                        _follow(stations, kinds, lines, kind, service_us, done_us, following, other, now_us)
        else:
            while waiting >= 0:
                further = following[waiting]
                _plan(
                    rules, close_at_us, stations, pauses, service_us, done_us, following, s, waiting, now_us
                )
                waiting = further
            if followed:
                _follow(stations, kinds, lines, kind, service_us, done_us, following, s, now_us)


@njit(cache=True, nogil=True)
def _count_open(stations, kinds, may, s, step):
    if not stations[_SPARE, s]:
        for k in range(kinds.shape[1]):
            if may[k, s]:
                kinds[_OPEN_REGULAR, k] += step


@njit(cache=True, nogil=True)
def _queues(
    rules, close_at_us, stations, kinds, pauses, may, followed, at_us, lines, kind, who, number, service_us,
    register, done_us, following,
):  # fmt: skip
    """Every other policy: a receipt waits for the register that was chosen for it."""
    m = stations.shape[1]
    limit = rules[_LIMIT]
    counted = limit > 0
    for s in range(m):
        counted = counted or stations[_SPARE, s]
        _count_open(stations, kinds, may, s, 1)
    simple = rules[_POLICY] == SHORTEST_QUEUE and not followed
    for k in range(may.shape[0]):
        for s in range(m):
            simple = simple and may[k, s] and not stations[_SPARE, s]
    next_us, loads, firsts = stations[_NEXT_US], stations[_LOAD], stations[_FIRST]
    change_us = np.int64(0)
    accepted, coming, here_us = np.int64(0), np.int64(0), np.int64(-1)
    for receipt in range(len(at_us)):
        k = kind[receipt]
        if k < 0:
            continue
        now_us = at_us[receipt]
        if now_us >= change_us:
            change_us, reason = _changes(
                rules, close_at_us, stations, kinds, pauses, may, followed, lines, kind, who, number, service_us,
                register, done_us, following, now_us, False,
            )  # fmt: skip
            if reason:
                return reason
        best = 0
        if simple:
            least = NEVER
            for s in range(m):
                if next_us[s] <= now_us:
                    first = following[firsts[s]]
                    gone = 1
                    while first >= 0 and done_us[first] <= now_us:
                        first = following[first]
                        gone += 1
                    firsts[s] = first
                    loads[s] -= gone
                    next_us[s] = done_us[first] if first >= 0 else NEVER
                load = loads[s]
                if load < least:
                    best, least = s, load
            if least >= _OUT:
                return _NOBODY
        else:
            for s in range(m):
                if stations[_NEXT_US, s] > now_us:
                    continue
                if followed:
                    tie = _follow(stations, kinds, lines, kind, service_us, done_us, following, s, now_us)
                    if tie and counted and here_us != now_us:
                        return _COUNT_TIE
                else:
                    _forget(stations, done_us, following, s, now_us)
            if limit:
                if (
                    here_us != now_us
                ):  # all that come at this moment are counted before any of them goes to a register
                    coming = np.int64(0)
                    for other in range(kinds.shape[1]):
                        coming += kinds[_WAITING, other]
                if coming >= limit:
                    here_us = now_us
                    continue
                coming += 1
            here_us = now_us
            accepted += 1
            number[receipt] = accepted
            kinds[_WAITING, k] += 1
            if kinds[_WAITING, k] >= rules[_SPARE_JOIN]:
                kinds[_JOINED, k] = 1
            best = _choose(rules, stations, kinds, may, k, accepted, lines[receipt], who[receipt], now_us)
            if best < 0:
                return _NOBODY
            stations[_BACKLOG_US, best] += _estimate_us(stations, best, lines[receipt])
        stations[_LOAD, best] += 1
        register[receipt] = best
        begin_us = max(now_us, stations[_FREE_US, best])
        if simple and begin_us < stations[_STOP_US, best] and stations[_OPENED_US, best] != NEVER:
            # `_plan` as it mostly goes, written out: to hand all the arrays over costs as much as the rest of a receipt
            finish_us = begin_us + service_us[stations[_SERVICE_CLASS, best], receipt]
            following[receipt] = -1
            done_us[receipt] = finish_us
            stations[_FREE_US, best] = stations[_LAST_DONE_US, best] = finish_us
            if firsts[best] < 0:
                firsts[best] = receipt
                next_us[best] = finish_us
            else:
                following[stations[_LAST, best]] = receipt
            stations[_LAST, best] = receipt
            continue
        _plan(rules, close_at_us, stations, pauses, service_us, done_us, following, best, receipt, now_us)
        change_us = min(change_us, stations[_STOP_US, best])  # it may have opened its shift
        if followed:
            _follow(stations, kinds, lines, kind, service_us, done_us, following, best, now_us)
    _, reason = _changes(
        rules, close_at_us, stations, kinds, pauses, may, followed, lines, kind, who, number, service_us, register,
        done_us, following, NEVER - 1, True,
    )  # fmt: skip
    return reason


@njit(cache=True, nogil=True)
def run(
    rules, close_at_us, stations, kinds, pauses, may, followed, at_us, lines, kind, who, number, service_us,
    register, done_us, following,
):  # fmt: skip
    """Let a farm work a day. Writes ``register`` and ``done_us`` of every receipt; returns 0, or which of `REASONS` forbids it."""
    for s in range(stations.shape[1]):
        _set_stop(stations, pauses, s)
    if rules[_POLICY] == CENTRAL:
        return _central(rules, close_at_us, stations, pauses, may, at_us, kind, service_us, register, done_us)
    return _queues(
        rules, close_at_us, stations, kinds, pauses, may, followed, at_us, lines, kind, who, number, service_us,
        register, done_us, following,
    )  # fmt: skip


# --- lanes ---------------------------------------------------------------------------------------------------------------------------
#
# One receipt depends on the receipt before it: a day is one long chain, and the processor waits at every link of it, most of all where it
# guessed wrong whether a register has done something meanwhile. Eight days are eight chains that know nothing of each other. Their
# numbers lie side by side, what was a question is a sum (a register has done so many receipts more: one, or none), and the compiler
# makes one instruction of the same step for several days.

LANES = 8
LANE_ROOM = 256  # receipts that may wait for one register
LANE_REGISTERS = 255
_LANE_MASK = LANE_ROOM - 1
_BITS = 8  # of a register's number, in the key by which the shortest queue is found
_NO_ROOM = 99  # a reason of the lanes alone


@njit(cache=True, nogil=True)
def run_lanes(rules, close_at_us, stations, pauses, at_us, service_us, register, done_us):
    """Let a simple farm work eight days side by side.

    ``at_us`` and ``service_us`` are by receipt and lane, ``register`` and ``done_us`` by lane and receipt. Returns a
    reason for each lane: 0 where it is done, else what it writes there is void.
    """
    m = stations.shape[2]
    reasons = np.zeros(LANES, np.int64)
    next_us = np.full((m, LANES), NEVER, np.int64)  # when the receipt in work is done
    key = np.zeros((m, LANES), np.int64)  # receipts in hand, then the register's number
    first = np.zeros((m, LANES), np.int64)  # where in the ring the receipt in work is
    last = np.zeros((m, LANES), np.int64)
    free_us = np.zeros((m, LANES), np.int64)
    stop_us = np.empty((m, LANES), np.int64)
    ring = np.full((m, LANE_ROOM, LANES), NEVER, np.int64)
    away_us = np.full((m, LANES), NEVER, np.int64)  # a stop that is to come: when it begins,
    back_us = np.full((m, LANES), NEVER, np.int64)  # and when the register serves again
    change_us = np.zeros(LANES, np.int64)
    best = np.empty(LANES, np.int64)
    for s in range(m):
        for lane in range(LANES):
            key[s, lane] = s
            _set_stop(stations[lane], pauses, s)
            stop_us[s, lane] = stations[lane, _STOP_US, s]
    for n in range(len(at_us)):
        now_us = at_us[n]
        due = False
        for lane in range(LANES):
            due |= now_us[lane] >= change_us[lane]
        if due:
            for lane in range(LANES):
                if now_us[lane] >= change_us[lane] and reasons[lane] == 0:
                    until_us = now_us[lane]
                    nearest_us = NEVER
                    for s in range(m):
                        while True:
                            if away_us[s, lane] == NEVER and back_us[s, lane] == NEVER:
                                begin_us = max(stop_us[s, lane], free_us[s, lane])
                                if stop_us[s, lane] == NEVER or begin_us > until_us:
                                    nearest_us = min(nearest_us, stop_us[s, lane])
                                    break
                                _ahead(
                                    rules,
                                    stations[lane],
                                    pauses,
                                    s,
                                    lane,
                                    begin_us,
                                    free_us,
                                    stop_us,
                                    away_us,
                                    back_us,
                                    reasons,
                                )
                                if reasons[lane]:
                                    break
                            elif away_us[s, lane] <= until_us:
                                key[s, lane] += _OUT
                                away_us[s, lane] = NEVER
                            elif away_us[s, lane] == NEVER and back_us[s, lane] <= until_us:
                                key[s, lane] -= _OUT
                                back_us[s, lane] = NEVER
                            else:
                                nearest_us = min(nearest_us, away_us[s, lane], back_us[s, lane])
                                break
                    change_us[lane] = nearest_us
        while True:
            more = False
            for lane in range(LANES):
                best[lane] = NEVER
            for s in range(m):
                for lane in range(LANES):
                    gone = np.int64(next_us[s, lane] <= now_us[lane])
                    first[s, lane] += gone
                    key[s, lane] -= gone << _BITS
                    following_us = ring[s, first[s, lane] & _LANE_MASK, lane]
                    next_us[s, lane] = following_us
                    more |= following_us <= now_us[lane]
                    best[lane] = min(best[lane], key[s, lane])
            if not more:
                break
        for lane in range(LANES):
            if best[lane] >= _OUT:
                reasons[lane] = _NO_ROOM
            s = best[lane] & 255
            begin_us = max(now_us[lane], free_us[s, lane])
            if begin_us >= stop_us[s, lane]:
                while begin_us >= stop_us[s, lane] and reasons[lane] == 0:
                    if back_us[s, lane] != NEVER:
                        reasons[lane] = _NO_ROOM
                    else:
                        _ahead(
                            rules,
                            stations[lane],
                            pauses,
                            s,
                            lane,
                            begin_us,
                            free_us,
                            stop_us,
                            away_us,
                            back_us,
                            reasons,
                        )
                        change_us[lane] = min(change_us[lane], away_us[s, lane])
                    begin_us = max(now_us[lane], free_us[s, lane])
            finish_us = begin_us + service_us[n, lane]
            free_us[s, lane] = finish_us
            place = last[s, lane]
            ring[s, place & _LANE_MASK, lane] = finish_us
            ring[s, (place + 1) & _LANE_MASK, lane] = NEVER
            last[s, lane] = place + 1
            next_us[s, lane] = min(next_us[s, lane], finish_us)
            key[s, lane] += 1 << _BITS
            register[lane, n] = s
            done_us[lane, n] = finish_us
            if place + 2 - first[s, lane] >= LANE_ROOM:
                reasons[lane] = _NO_ROOM
            if stations[lane, _OPENED_US, s] == NEVER:
                _open_shift(rules, close_at_us, stations[lane], pauses, s, finish_us)
                stop_us[s, lane] = stations[lane, _STOP_US, s]
                change_us[lane] = min(change_us[lane], stop_us[s, lane])
    return reasons


@njit(cache=True, nogil=True)
def _ahead(rules, table, pauses, s, lane, begin_us, free_us, stop_us, away_us, back_us, reasons):
    """Register ``s`` stops when it has done what is planned: from then on it is away, and what is planned next comes after it."""
    table[_LAST_DONE_US, s] = free_us[s, lane]
    end_us, reason = _stop(rules, table, pauses, s, begin_us)
    stop_us[s, lane] = table[_STOP_US, s]
    if reason:
        reasons[lane] = reason
    elif end_us > begin_us:
        away_us[s, lane] = begin_us
        back_us[s, lane] = end_us
        free_us[s, lane] = end_us


Table = npt.NDArray[np.int64]


def tables(given: Table, outages: Sequence[int], kinds: int) -> tuple[Table, Table]:
    """The registers and kinds of a farm that has just been switched on. ``given`` has the rows ``GIVEN_BY_REGISTER``; ``outages`` says how
    many of them are planned for each register."""
    stations = np.zeros((STATION_ROWS, given.shape[1]), np.int64)
    stations[: len(given)] = given
    stations[[_FIRST, _LAST, _LATE_FIRST, _LATE_LAST, _MOVED_FIRST, _LAST_DONE_US]] = -1
    stations[[_NEXT_US, _STOP_US, _FREE_AGAIN_US, _DUE_US, _OPENED_US]] = NEVER
    ends = np.cumsum(outages)
    stations[_PAUSE], stations[_PAUSES_END] = ends - outages, ends
    table = np.zeros((KIND_ROWS, kinds), np.int64)
    table[_TURN] = -1
    return stations, table
