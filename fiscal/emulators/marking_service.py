"""The marking service, emulated: what became of every piece of marked goods.

It knows codes and their states. A register asks whether a planned status is right (form 81, answered by 83) and tells what was sold
or came back (form 82, answered by 84). It answers at once or not at all: while it is ``silent`` - its own outage, or the register's
network - requests get nothing, and the register goes on alone. Notifications wait in the drive and come when it is back; the same
one twice counts once.

Sans-IO and without a clock: documents as bytes come in with the moment, documents as bytes go out. The containers around them,
which in life are sealed like the operator's, are left out. Source: tables of the format (requirements.csv, forms 81-84, 2007;
enums.csv); which state allows what is the sense of the statuses, the service's own rules are not public.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from fiscal.emulators.marking_keys import genuine
from fiscal.ffd.tlv import HEADER, FfdError, byte, text, u32, walk
from fiscal.gs1 import BadCode
from fiscal.marking import PART_RETURNED, PART_SOLD, RETURNED, SOLD, UNCHANGED, MarkingCode, parse

__all__ = ["REQUEST", "SALE", "MarkingService", "State"]

REQUEST, SALE, ANSWER, TICKET = 81, 82, 83, 84
"""Forms."""

WELL, MALFORMED, NO_CODE = 0, 1, 2
"""Tag 2105."""
RIGHT, WRONG, SUSPENDED = 1, 2, 3
"""Tag 2109."""


class State(Enum):
    """What became of a piece."""

    EMITTED = "emitted"  # the code exists, the goods are not in circulation yet
    CIRCULATES = "circulates"
    PART_SOLD = "part sold"
    SOLD = "sold"
    SUSPENDED = "suspended"


_ALLOWED: dict[int, frozenset[State]] = {
    SOLD: frozenset((State.CIRCULATES, State.PART_SOLD)),
    PART_SOLD: frozenset((State.CIRCULATES, State.PART_SOLD)),
    RETURNED: frozenset((State.SOLD, State.PART_SOLD)),
    PART_RETURNED: frozenset((State.SOLD, State.PART_SOLD)),
    UNCHANGED: frozenset(State) - {State.SUSPENDED},
}
"""Planned status (tag 2003) -> states in which it is right."""

_BECOMES: dict[int, State] = {
    SOLD: State.SOLD,
    PART_SOLD: State.PART_SOLD,
    RETURNED: State.CIRCULATES,
    PART_RETURNED: State.PART_SOLD,
}
"""Assigned status (tag 2110) -> the state after it."""


@dataclass(slots=True)
class Piece:
    """One piece: its whole code and its state; ``sales``: the notifications that moved it."""

    code: str
    state: State
    sales: list[tuple[str, int]] = field(default_factory=list)


class MarkingService:
    """``trusting``: codes it never heard of are taken for goods in circulation when their form is right and a signature, if they
    have one, is genuine (for runs whose codes are made up as they go)."""

    def __init__(self, *, trusting: bool = False) -> None:
        self.silent = False
        self.trusting = trusting
        self.pieces: dict[str, Piece] = {}
        self.requests = 0
        self.notices: dict[tuple[str, int], bytes] = {}
        """Notifications taken, by drive and number."""
        self.taken_s: dict[tuple[str, int], int] = {}
        """... and when."""

    def introduce(self, code: str, state: State = State.CIRCULATES) -> None:
        """Goods with this code are known from now on. Raises `BadCode`."""
        known = parse(code)
        self.pieces[known.product] = Piece(known.code, state)

    def state(self, code: str) -> State | None:
        """What became of the piece; ``None`` when it is not known."""
        piece = self.pieces.get(parse(code).product)
        return None if piece is None else piece.state

    def exchange(self, document: bytes, now_s: int) -> bytes | None:
        """The answer to a request or a notification; ``None`` when there is none. ``now_s``: the wall clock (tag 1012)."""
        if self.silent:
            return None
        if len(document) < HEADER.size or not _whole(document[HEADER.size :]):
            return None
        form, size = HEADER.unpack_from(document)
        if size != len(document) - HEADER.size:
            return None
        fields = walk(document[HEADER.size :])
        if form == REQUEST:
            return self._answer(dict(fields), now_s)
        if form == SALE:
            return self._ticket(fields, document, now_s)
        return None

    # ---- requests ----------------------------------------------------------------------------------------------------------------

    def _answer(self, given: dict[int, bytes], now_s: int) -> bytes:
        self.requests += 1
        number = int.from_bytes(given.get(2001, b""), "little")
        parts = [u32(2001, number & 0xFFFFFFFF), u32(2114, now_s)]
        planned = int.from_bytes(given.get(2003, b""), "little")
        if not {2001, 2000, 2003, 2100, 2102} <= set(given) or planned not in _ALLOWED:
            parts.append(byte(2105, MALFORMED))
            return _document(ANSWER, parts)
        parts += (byte(2102, 0), byte(2100, given[2100][0] if given[2100] else 0))
        try:
            code = parse(given[2000])
        except BadCode:
            parts.append(byte(2105, NO_CODE))
            return _document(ANSWER, parts)
        verdict = self._judge(code, planned)
        done = 4 | (8 if verdict == RIGHT else 0)
        parts += (byte(2109, verdict), text(2101, code.product[:38]), byte(2105, WELL), byte(2005, done))
        return _document(ANSWER, parts)

    def _judge(self, code: MarkingCode, planned: int) -> int:
        piece = self._piece(code)
        if piece is None or piece.code != code.code:  # unknown, or another proof than the genuine one
            return WRONG
        if piece.state is State.SUSPENDED:
            return SUSPENDED
        return RIGHT if piece.state in _ALLOWED[planned] else WRONG

    def _piece(self, code: MarkingCode) -> Piece | None:
        piece = self.pieces.get(code.product)
        if piece is None and self.trusting and (not code.key or genuine(code)):
            piece = self.pieces[code.product] = Piece(code.code, State.CIRCULATES)
        return piece

    # ---- notifications -------------------------------------------------------------------------------------------------------------

    def _ticket(self, fields: list[tuple[int, bytes]], document: bytes, now_s: int) -> bytes:
        given = dict(fields)
        number = int.from_bytes(given.get(2002, b""), "little")
        drive = given.get(1041, b"").decode("ascii", "replace")
        key = drive, number
        goods = [dict(walk(value)) for tag, value in fields if tag == 2007 and _whole(value)]
        well = (
            bool(goods)
            and {2002, 1012, 1041, 1054} <= set(given)
            and all({2000, 2110} <= set(each) for each in goods)
        )
        if well and key not in self.notices:
            self.notices[key] = document
            self.taken_s[key] = now_s
            for each in goods:
                self._move(each, key)
        return _document(
            TICKET, [u32(2002, number & 0xFFFFFFFF), u32(1012, now_s), byte(2111, 0 if well else 1)]
        )

    def _move(self, goods: dict[int, bytes], key: tuple[str, int]) -> None:
        try:
            code = parse(goods[2000])
        except BadCode:
            return
        piece = self._piece(code)
        becomes = _BECOMES.get(int.from_bytes(goods[2110], "little"))
        if piece is not None and becomes is not None:
            piece.state = becomes
            piece.sales.append(key)


def _whole(value: bytes) -> bool:
    try:
        walk(value)
    except FfdError:
        return False
    return True


def _document(form: int, parts: list[bytes]) -> bytes:
    body = b"".join(parts)
    return HEADER.pack(form, len(body)) + body
