"""Marking codes between a driver and a register: what came of a check, and whether the goods are sold.

Before a marked piece is sold its code is checked twice: by the drive, which knows the keys of some signatures, and over the network
by the marking service, which knows what became of the piece. Either may have nothing to say - a key the drive does not know, a
service that is silent - and the law lets such goods be sold: the receipt says what was checked (tag 2106). What the service refuses
was sold before, or never came into circulation, or is stopped; nobody should sell it, and by default no receipt is made.

The shop declares how strict it is (`POLICIES`). Source: reference sheet on Shtrih-M, section 2.7; enums.csv (2004, 2105, 2106,
2109).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args

from fiscal.engine.outcomes import Blame, Refused
from fiscal.ffd.goods_fields import CHECKED, POSITIVE, RIGHT, STATUS_CHECKED, part_field
from fiscal.ffd.tlv import FfdError, byte, fvln, walk
from fiscal.receipt import Item, Receipt

__all__ = [
    "MODE",
    "POLICIES",
    "REFUSE_BAD",
    "Check",
    "Policy",
    "checked_lines",
    "measured",
    "refusal",
    "shown",
]

Policy = Literal["refuse_bad", "refuse_unchecked", "sell_all"]
"""``refuse_bad``: goods that the marking service refuses are not sold, all others are. ``refuse_unchecked``: only goods that it
approved are. ``sell_all``: all are, and the receipt says what was found."""
REFUSE_BAD: Final[Policy] = "refuse_bad"
POLICIES: Final[tuple[Policy, ...]] = get_args(Policy)

MODE: Final = 0
"""Tag 2102: how codes are processed; the format knows one way."""
SILENT: Final = 0xFF
ANSWER_REFUSED: Final = 0x20

LOCAL: Final = {
    0: "the drive checked it",
    1: "the drive does not check codes of this type",
    2: "the drive has no key for it",
    3: "91 or 92 is missing or wrong",
    4: "the drive could not check it",
}
"""Why the drive did not check."""

ANSWER_FAULTS: Final = {
    1: "the sign of the service's answer is wrong",
    2: "the service's answer has a wrong format",
    3: "the service answered another request",
    4: "the service's answer is for another drive",
    5: "the service's answer is damaged",
    7: "the service's answer has a wrong length",
}

_REQUEST: Final = {
    1: "the marking service does not understand the request",
    2: "the marking service does not know such a code",
}  # tag 2105
_STATUS: Final = {
    2: "by its status the piece cannot be sold or returned now: it is not in circulation, or was sold before",
    3: "its turnover is suspended",
}  # tag 2109


@dataclass(frozen=True, slots=True)
class Check:
    """What came of one check. ``local``: bits of tag 2004; ``reason``: why not more; ``kind``: tag 2100; ``answer``: the drive's
    code for the service's answer (0 taken, 20h refused, FFh there was none), ``detail`` beside it; ``result``: tag 2106;
    ``status``: 2109; ``request``: 2105."""

    local: int
    reason: int
    kind: int
    answer: int = SILENT
    detail: int = 0
    result: int = 0
    status: int = 0
    request: int = 0

    @classmethod
    def read(cls, local: int, reason: int, kind: int, extra: bytes) -> Check:
        """From a reply: ``extra`` is its length, the drive's code, a second byte after 20h, tag 2106, and fields of the service's
        answer. What is cut short or malformed counts as no answer: the check is asked for again at will."""
        rest = extra[1 : 1 + extra[0]] if extra else b""
        if not rest:
            return cls(local, reason, kind, result=local)
        answer, rest = rest[0], rest[1:]
        detail = 0
        if answer == ANSWER_REFUSED and rest:
            detail, rest = rest[0], rest[1:]
        result = rest[0] if rest else local
        try:
            fields = {tag: int.from_bytes(value, "little") for tag, value in walk(rest[1:])}
        except FfdError:
            fields = {}
        return cls(local, reason, kind, answer, detail, result, fields.get(2109, 0), fields.get(2105, 0))

    @property
    def online(self) -> bool:
        """The marking service has judged."""
        return bool(self.result & STATUS_CHECKED)


class Verdict(NamedTuple):
    """Why goods are not sold, in words that follow "the code ...: "; ``final``: trying again does not help."""

    why: str
    final: bool


def verdict(check: Check, policy: Policy) -> Verdict | None:
    """``None`` when the goods are sold after this check."""
    if policy == "sell_all":
        return None
    if check.online and not check.result & RIGHT:
        why = _STATUS.get(check.status) or _REQUEST.get(check.request) or "the marking service refuses it"
        return Verdict(why, True)
    if policy == REFUSE_BAD:
        return None
    if check.result & CHECKED and not check.result & POSITIVE:
        return Verdict("by the drive's check it is forged", True)
    if check.online:
        return None
    why = "the marking service did not answer"
    if check.answer == ANSWER_REFUSED:
        why = ANSWER_FAULTS.get(check.detail, "the drive did not take the service's answer")
    return Verdict(f"{why}, and this shop sells only what it approved", False)


def refusal(index: int, item: Item, check: Check, policy: Policy) -> Refused | None:
    """The outcome for a receipt whose line ``index`` must not be sold, or ``None``."""
    found = verdict(check, policy)
    if found is None:
        return None
    assert item.mark is not None
    meaning = f"items[{index}] {item.name!r}, the code {shown(item.mark.code)}: {found.why}"
    if found.final:
        todo = "take the piece off the shelf, and send a receipt without it under a new key"
        return Refused("marking:refused", meaning, Blame.RECEIPT, todo)
    return Refused(
        "marking:unchecked",
        meaning,
        Blame.REGISTER,
        "it is tried again; look after the network if it stays so",
    )


def shown(code: str) -> str:
    """A code for people: without the part that proves it."""
    head = code.partition("\x1d")[0]
    return f"{head[:38]}..." if head != code or len(head) > 38 else head


def measured(item: Item) -> bytes:
    """The fields of a check of goods that are not one whole piece: 2108, 1023, 1291."""
    mark = item.mark
    if mark is None or not (mark.denominator or item.unit):
        return b""
    return byte(2108, item.unit) + fvln(1023, item.quantity_e6) + part_field(mark.numerator, mark.denominator)


def checked_lines(receipt: Receipt, ffd: int) -> list[tuple[int, Item]]:
    """The lines whose codes are to be checked: in FFD 1.05 nothing is."""
    return [(n, item) for n, item in enumerate(receipt.items) if item.mark is not None] if ffd >= 4 else []
