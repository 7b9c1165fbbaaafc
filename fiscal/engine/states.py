"""States and transitions as data: of a receipt, of a register, of a shift.

Everything that may change a state is in these tables; an event that a state does not list is a bug and raises. The diagrams in the
documentation are drawn from the tables by `diagram`.
"""

from __future__ import annotations

# A receipt. Public statuses are the states themselves.
ACCEPTING = "accepting"  # its record is on the way to the journal; nothing was promised yet
QUEUED = "queued"  # promised; waits for a register
ASSIGNED = "assigned"  # the attempt is on the way to the journal
PRINTING = "printing"  # a register works on it
IN_DOUBT = "in_doubt"  # the line died after a byte that may have mattered; the drive will be asked
RECORDED = "recorded"  # a fiscal document exists
SENT = "sent"  # the document is on its way to the operator, his confirmation is awaited
CONFIRMED = "confirmed"  # the operator has the document
SET_ASIDE = "set_aside"  # impossible; a person must look
CANCELLED = "cancelled"  # taken back before any register saw it

RECEIPT: dict[str, dict[str, str]] = {
    ACCEPTING: {"committed": QUEUED},
    QUEUED: {"assign": ASSIGNED, "cancel": CANCELLED, "found": RECORDED},
    ASSIGNED: {"committed": PRINTING, "commit_failed": QUEUED},
    PRINTING: {
        "recorded": RECORDED,
        "not_made": QUEUED,
        "refused": SET_ASIDE,
        "unknown": IN_DOUBT,
    },
    IN_DOUBT: {"found": RECORDED, "not_found": QUEUED, "reissue": QUEUED, "unknown": IN_DOUBT},
    RECORDED: {"sent": SENT, "confirmed": CONFIRMED},
    SENT: {"confirmed": CONFIRMED},
    SET_ASIDE: {"retry": QUEUED, "found": RECORDED},
    CANCELLED: {},
    CONFIRMED: {},
}

# A register, as the engine sees it.
UNSEEN = "unseen"  # not asked yet
PROBING = "probing"  # being asked how it is
READY = "ready"  # may get a receipt
BUSY = "busy"  # works on a receipt
CLOSING = "closing"  # makes its Z-report: deaf
ASKING = "asking"  # its drive is asked about an attempt in doubt
SETTING = "setting"  # its clock is being set
SERVING = "serving"  # does something beside receipts: totals, messages for the operator, a drive's beginning and end
DOWN = "down"  # failed; asked again later

REGISTER: dict[str, dict[str, str]] = {
    UNSEEN: {"probe": PROBING, "ask": ASKING},
    PROBING: {"well": READY, "ill": DOWN},
    READY: {"perform": BUSY, "close": CLOSING, "probe": PROBING, "set_clock": SETTING, "serve": SERVING},
    BUSY: {"done": READY, "failed": DOWN},
    CLOSING: {"done": READY, "failed": DOWN},
    SETTING: {"done": READY, "failed": DOWN},
    SERVING: {"done": READY, "failed": DOWN},
    ASKING: {"done": READY, "failed": DOWN, "ask": ASKING},
    DOWN: {"probe": PROBING, "ask": ASKING},
}

# Whether a register may be given receipts at all. Apart from what it is doing: a register that is out of service is still asked how it is.
IN_SERVICE = "in_service"
PAUSED = "paused"  # a person, or a plan, wants it for something else
REPLACING = "replacing"  # it gets a new drive
BLOCKED = "blocked"  # its drive makes no receipts: documents unsent for 30 days, or its life is over

SERVICE: dict[str, dict[str, str]] = {
    IN_SERVICE: {"pause": PAUSED, "replace": REPLACING, "block": BLOCKED},
    PAUSED: {"resume": IN_SERVICE, "replace": REPLACING},
    BLOCKED: {"unblock": IN_SERVICE, "pause": PAUSED, "replace": REPLACING},
    REPLACING: {"replaced": IN_SERVICE},
}

# The replacement of a drive, step by step. What the register says when asked decides whether a step is over, so that a person may do a
# step by hand, and a crash in the middle loses nothing.
CLOSING_SHIFT = "closing_shift"
CLOSING_DRIVE = "closing_drive"  # its last document is made
DRAINING = "draining"  # the operator must have everything
WAITING_FOR_DRIVE = "waiting_for_drive"  # a person puts the new one in
REGISTERING = "registering"  # its first document is made
REPLACED = "replaced"

_NEW_DRIVE = {"put_in": REGISTERING, "registered": REPLACED}  # seen at any step, it is true
REPLACEMENT: dict[str, dict[str, str]] = {
    CLOSING_SHIFT: {"shift_closed": CLOSING_DRIVE, **_NEW_DRIVE},
    CLOSING_DRIVE: {"drive_closed": DRAINING, **_NEW_DRIVE},
    DRAINING: {"drained": WAITING_FOR_DRIVE, **_NEW_DRIVE},
    WAITING_FOR_DRIVE: _NEW_DRIVE,
    REGISTERING: {"registered": REPLACED},
    REPLACED: {},
}

# A message on its way from a drive to the operator, carried by the engine.
RELAY_IDLE = "idle"
RELAY_READING = "reading"
RELAY_CARRYING = "carrying"  # the operator is awaited; the register is free
RELAY_ANSWERED = "answered"  # the answer waits for the register
RELAY_WRITING = "writing"

RELAY: dict[str, dict[str, str]] = {
    RELAY_IDLE: {"read": RELAY_READING},
    RELAY_READING: {"message": RELAY_CARRYING, "nothing": RELAY_IDLE, "failed": RELAY_IDLE},
    RELAY_CARRYING: {"answer": RELAY_ANSWERED, "no_answer": RELAY_IDLE},
    RELAY_ANSWERED: {"write": RELAY_WRITING},
    RELAY_WRITING: {"taken": RELAY_IDLE, "refused": RELAY_IDLE, "failed": RELAY_IDLE},
}

# The shift of a register, as far as the engine knows. "seen_..." is what the register itself said when asked.
SHIFT_UNKNOWN = "unknown"
SHIFT_CLOSED = "closed"
SHIFT_OPEN = "open"
SHIFT_EXPIRED = "expired"

_SEEN = {"seen_open": SHIFT_OPEN, "seen_closed": SHIFT_CLOSED, "seen_expired": SHIFT_EXPIRED}
SHIFT: dict[str, dict[str, str]] = {
    SHIFT_UNKNOWN: {"receipt": SHIFT_OPEN, "z_report": SHIFT_CLOSED, **_SEEN},
    SHIFT_CLOSED: {"receipt": SHIFT_OPEN, "z_report": SHIFT_CLOSED, **_SEEN},
    SHIFT_OPEN: {"receipt": SHIFT_OPEN, "z_report": SHIFT_CLOSED, **_SEEN},
    SHIFT_EXPIRED: {"z_report": SHIFT_CLOSED, **_SEEN},
}


def diagram(table: dict[str, dict[str, str]]) -> str:
    """A Mermaid state diagram of a transition table."""
    lines = ["stateDiagram-v2"]
    for state, events in table.items():
        lines += [f"    {state} --> {target}: {event}" for event, target in events.items()]
    return "\n".join(lines)
