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
    RECORDED: {"confirmed": CONFIRMED},
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
DOWN = "down"  # failed; asked again later

REGISTER: dict[str, dict[str, str]] = {
    UNSEEN: {"probe": PROBING, "ask": ASKING},
    PROBING: {"well": READY, "ill": DOWN},
    READY: {"perform": BUSY, "close": CLOSING, "probe": PROBING, "set_clock": SETTING},
    BUSY: {"done": READY, "failed": DOWN},
    CLOSING: {"done": READY, "failed": DOWN},
    SETTING: {"done": READY, "failed": DOWN},
    ASKING: {"done": READY, "failed": DOWN, "ask": ASKING},
    DOWN: {"probe": PROBING, "ask": ASKING},
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
