"""Marking codes in a fiscal drive of FFD 1.2: the table of checks, and the queue of notifications.

A register gives the drive a code before it sells the goods. The drive checks what it can by itself - the signature, if it has the
key -, makes a request for the marking service (form 81), takes its answer (83), and keeps the result when the register says so.
When the receipt is recorded, the drive makes a notification of everything marked in it (82), which waits until the service has
confirmed it (84), in order, like a document that waits for the operator. Nothing of a receipt that is cancelled is kept.

The limits (128 codes, the marks at which the queue counts as full) and the codes of refusals are those of the drives' answer codes
A0h-ACh; what the commands carry inside is *assumed*, the documents are the format's. Sources: reference sheets ``shtrih.md``
section 2.7, ``fn_errors.csv``, tables of the format (forms 81-84).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from fiscal.emulators.drive_profile import DriveError, Refusal
from fiscal.emulators.marking_keys import DRIVE_KEYS, genuine
from fiscal.ffd.goods_fields import CHECKED, POSITIVE, RIGHT, STATUS_CHECKED, code_fields
from fiscal.ffd.tlv import HEADER, FfdError, byte, raw, stlv, text, u32, vln, walk
from fiscal.gs1 import BadCode
from fiscal.marking import MOST_CODES, STATUSES, Kind, MarkingCode, parse
from fiscal.vat import vat_fraction

__all__ = ["CheckedCode", "DriveMarking", "Notice"]

TYPE_UNKNOWN, TYPE_SHORT, TYPE_88, TYPE_44_OTHER, TYPE_44, TYPE_4 = range(6)
"""Tag 2100."""
CHECKED_HERE, NOT_CHECKED, NO_KEY, NO_PROOF = 0, 1, 2, 3
"""Why the drive did not check: the reason byte beside tag 2004."""
ANSWERED, REFUSED, SILENT = 0, 0x20, 0xFF
"""What became of the service's answer."""
OTHER_FORMAT, OTHER_NUMBER = 2, 3
"""Detail of a refused answer."""

NOTICE_LIMIT = 1_000
"""Notifications that a drive keeps. *Assumed.*"""

_UNIX_DAY = date(1970, 1, 1).toordinal()
_OF_PART = frozenset((1023, 1291, 2108))


@dataclass(slots=True)
class CheckedCode:
    """A code in the table. ``planned``: tag 2003; ``fields``: 2108, 1023, 1291 as given; ``local``, ``reason``, ``kind``: tags
    2004, the drive's reason, 2100; ``answer``, ``detail``: of the service's answer; ``said``: its fields 2105 and 2109; ``result``:
    tag 2106."""

    code: MarkingCode
    planned: int
    fields: bytes
    local: int
    reason: int
    kind: int
    number: int
    answer: int = SILENT
    detail: int = 0
    said: bytes = b""
    result: int = 0

    @property
    def reply(self) -> bytes:
        """What a register tells its host of the service's answer: length, the drive's code for it, tag 2106, tags of the answer."""
        answer = bytes((self.answer, self.detail) if self.answer == REFUSED else (self.answer,))
        told = answer + bytes((self.result,)) + self.said
        return bytes((len(told),)) + told

    @property
    def item_fields(self) -> bytes:
        """What the line of the receipt says of it."""
        part = b"".join(raw(tag, value) for tag, value in walk(self.fields) if tag == 1291)
        return code_fields(self.code, self.result, part)


class Notice(NamedTuple):
    """A notification in the queue: its number (2002), the receipt's document number and moment, the whole document (form 82)."""

    number: int
    document: int
    time_s: int
    tlv: bytes


class DriveMarking:
    """The part of a drive that deals with marking codes. Every command raises `DriveError` before it has touched anything.

    ``on_notice``, ``on_ticket``: called when a notification is made, and when one is confirmed.
    """

    def __init__(self) -> None:
        self.pending: CheckedCode | None = None  # checked, not yet kept or dropped
        self.kept: dict[str, CheckedCode] = {}
        self.bound: list[CheckedCode] = []  # to the lines of the receipt in work
        self.notices: list[Notice] = []
        self.requests = 0
        self.made = 0
        self.on_notice: Callable[[Notice], None] | None = None
        self.on_ticket: Callable[[int], None] | None = None

    # ---- checking ------------------------------------------------------------------------------------------------------------------

    def check(self, data: bytes, planned: int, mode: int, fields: bytes) -> CheckedCode:
        """Take a code in. The one before, if it was not kept, is forgotten. Errors 09 (status, mode), 18h (fields), A3 (table full)."""
        if planned not in STATUSES or mode:
            raise DriveError(Refusal.BAD_PARAMETER)
        try:
            if not {tag for tag, _ in walk(fields)} <= _OF_PART:
                raise DriveError(Refusal.BAD_REQUISITE)
        except FfdError:
            raise DriveError(Refusal.BAD_REQUISITE) from None
        if len(self.kept) >= MOST_CODES:
            raise DriveError(Refusal.MARKING_TABLE_FULL)
        code = _read(data)
        kind, local, reason = _check_here(code)
        self.requests += 1
        self.pending = made = CheckedCode(
            code, planned, fields, local, reason, kind, self.requests, result=local
        )
        return made

    def request(self, drive: str, inn: str, now_s: int) -> bytes:
        """The request for the code that was checked last (form 81). Error A1 when there is none."""
        checked = self._pending()
        return _document(
            81,
            u32(2001, checked.number),
            text(1018, inn, width=12),
            u32(2114, now_s),
            text(1041, drive, width=16),
            byte(2004, checked.local),
            byte(2003, checked.planned),
            checked.fields,
            byte(2100, checked.kind),
            raw(2000, checked.code.raw),
            byte(2102, 0),
        )

    def answer(self, data: bytes | None) -> CheckedCode:
        """Take the service's answer to that request; ``None``: there was none. What cannot be taken is no error, the check says why."""
        checked = self._pending()
        if data is None:
            checked.answer = SILENT
            return checked
        try:
            form, size = HEADER.unpack_from(data) if len(data) >= HEADER.size else (0, 0)
            given = dict(walk(data[HEADER.size :]))
        except FfdError:
            form, size, given = 0, 0, {}
        if form != 83 or size != len(data) - HEADER.size or not {2001, 2105} <= set(given):
            checked.answer, checked.detail = REFUSED, OTHER_FORMAT
        elif int.from_bytes(given[2001], "little") != checked.number:
            checked.answer, checked.detail = REFUSED, OTHER_NUMBER
        else:
            checked.answer = ANSWERED
            checked.said = b"".join(raw(tag, given[tag]) for tag in (2105, 2109) if tag in given)
            verdict = int.from_bytes(given.get(2005, b""), "little")
            checked.result |= verdict & (STATUS_CHECKED | RIGHT)
        return checked

    def keep(self, accept: bool) -> int:
        """Put the code that was checked last into the table, or drop it. Returns the result (2106). Error A1 when there is none."""
        checked = self._pending()
        self.pending = None
        if accept:
            self.kept[checked.code.code] = checked
        return checked.result

    def bind(self, data: bytes) -> CheckedCode | None:
        """The kept check of a code, for a line of the receipt; ``None`` when it was not checked."""
        found = self.kept.get(_read(data).code)
        if found is not None and found not in self.bound:
            self.bound.append(found)
        return found

    def clear(self) -> None:
        """The receipt is over, or was cancelled."""
        self.pending = None
        self.kept.clear()
        self.bound.clear()

    def _pending(self) -> CheckedCode:
        if self.pending is None:
            raise DriveError(Refusal.MARKING_ORDER)
        return self.pending

    # ---- notifications -------------------------------------------------------------------------------------------------------------

    @property
    def blocked(self) -> bool:
        """The queue is full: no more marked goods until it is sent (A2)."""
        return len(self.notices) >= NOTICE_LIMIT

    @property
    def fill(self) -> int:
        """How full the queue is: 0 less than half, 1 to 80 %, 2 to 90 %, 3 above, 4 full."""
        used = 100 * len(self.notices) // NOTICE_LIMIT
        return sum(used >= mark for mark in (50, 80, 90, 100))

    def sold(self, drive: str, document: int, form: int, type_: int, time_s: int, body: bytes) -> None:
        """A receipt with these goods was recorded: make its notification, forget its checks."""
        bound = list(self.bound)
        self.clear()
        if not bound:
            return
        self.made += 1
        notice = Notice(
            self.made,
            document,
            time_s,
            _notification(self.made, drive, document, form, type_, time_s, body, bound),
        )
        self.notices.append(notice)
        if self.on_notice is not None:
            self.on_notice(notice)

    @property
    def head(self) -> Notice | None:
        """The notification that the service must get next."""
        return self.notices[0] if self.notices else None

    def ticket(self, data: bytes) -> None:
        """Take the service's confirmation of the first notification (form 84). Error 20h (detail 2 format, 3 number): it stays."""
        head = self.head
        try:
            form, size = HEADER.unpack_from(data) if len(data) >= HEADER.size else (0, 0)
            given = dict(walk(data[HEADER.size :]))
        except FfdError:
            form, size, given = 0, 0, {}
        if form != 84 or size != len(data) - HEADER.size or not {2002, 2111} <= set(given):
            raise DriveError(Refusal.BAD_CONFIRMATION, OTHER_FORMAT)
        if head is None or int.from_bytes(given[2002], "little") != head.number:
            raise DriveError(Refusal.BAD_CONFIRMATION, OTHER_NUMBER)
        self.unloaded()

    def unloaded(self) -> None:
        """The first notification is out: confirmed, or taken over by a host that carries it. Error 08 when there is none."""
        head = self.head
        if head is None:
            raise DriveError(Refusal.NO_DATA)
        del self.notices[0]
        if self.on_ticket is not None:
            self.on_ticket(head.number)

    # ---- to the host's disk and back -----------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """What survives a power cut, ready for JSON: the queue and the counts. A receipt in work is given up with the power."""
        return {
            "requests": self.requests,
            "made": self.made,
            "notices": [[n.number, n.document, n.time_s, n.tlv.hex()] for n in self.notices],
        }

    def resume(self, made: int, notices: list[Notice]) -> None:
        """The queue as a host kept it notification by notification, which is newer than a snapshot."""
        self.made = max(self.made, made)
        self.notices = notices

    def load(self, snapshot: dict[str, Any]) -> None:
        self.requests = snapshot["requests"]
        self.made = snapshot["made"]
        self.notices = [
            Notice(number, document, time_s, bytes.fromhex(tlv))
            for number, document, time_s, tlv in snapshot["notices"]
        ]


def _read(data: bytes) -> MarkingCode:
    """The code of these bytes; what has no known form is kept as it is."""
    try:
        return parse(data)
    except BadCode:
        shown = data.decode("latin-1").encode("ascii", "replace").decode()
        return MarkingCode(Kind.UNKNOWN, shown, shown[:32])


def _check_here(code: MarkingCode) -> tuple[int, int, int]:
    """(tag 2100, tag 2004, reason): what the drive finds by itself."""
    if code.kind is Kind.SHORT:
        return TYPE_SHORT, 0, NOT_CHECKED
    if code.kind is not Kind.GS1_MARKED:
        return TYPE_UNKNOWN, 0, NO_PROOF if code.kind is Kind.GS1_PLAIN else NOT_CHECKED
    if not code.key:
        return TYPE_4, 0, NOT_CHECKED
    if code.key not in DRIVE_KEYS:
        return (TYPE_88 if len(code.proof) == 88 else TYPE_44_OTHER), 0, NO_KEY
    kind = TYPE_88 if len(code.proof) == 88 else TYPE_44
    return kind, CHECKED | (POSITIVE if genuine(code) else 0), CHECKED_HERE


def _day(time_s: int) -> date:
    return date.fromordinal(_UNIX_DAY + time_s // 86_400)


def _document(form: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return HEADER.pack(form, len(body)) + body


_FROM_ITEM = (1023, 2108, 1291, 2102, 1214, 1030, 1226, 1222, 1223, 1224, 1079, 1043, 1199)
"""What a notification repeats of a line."""


def _notification(
    number: int,
    drive: str,
    document: int,
    form: int,
    type_: int,
    time_s: int,
    body: bytes,
    bound: list[CheckedCode],
) -> bytes:
    fields = walk(body)
    known = dict(fields)
    by_product = {checked.code.product_12: checked for checked in bound}
    goods = []
    for tag, value in fields:
        if tag != 1059:
            continue
        line = dict(walk(value))
        product = walk(line.get(1163, b""))
        checked = by_product.get((product[0][0], product[0][1].decode("cp866"))) if product else None
        if checked is not None:
            goods.append(stlv(2007, _goods(checked, line, time_s)))
    parts = [
        u32(2002, number),
        u32(1012, time_s),
        text(1041, drive, width=16),
        raw(1055, known.get(1055, b"\0")),
        byte(1054, type_),
        byte(2116, 2 if form in (31, 41) else 1),
        u32(2040, document),
        *(raw(tag, known[tag]) for tag in (1009, 1228, 1125) if tag in known),
    ]
    return _document(82, *parts, *goods)


def _goods(checked: CheckedCode, line: dict[int, bytes], time_s: int) -> bytes:
    vat = int.from_bytes(line.get(1199, b""), "little")
    total = int.from_bytes(line.get(1043, b""), "little")
    tax = 0
    if vat not in (5, 6):
        numerator, denominator = vat_fraction(vat, _day(time_s))
        tax = (2 * total * numerator + denominator) // (2 * denominator)
    return b"".join(
        (
            raw(2000, checked.code.raw),
            byte(2100, checked.kind),
            text(2101, checked.code.product[:38]),
            text(2115, checked.code.control),
            byte(2110, checked.planned),
            byte(2106, checked.result),
            *(raw(tag, line[tag]) for tag in _FROM_ITEM if tag in line),
            vln(1200, tax),
        )
    )
