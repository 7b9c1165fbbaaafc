"""The money and operation registers of a Shtrih-M register, by the numbers a host asks for.

Registers 0..120 speak of the receipt (the open one, or the last one closed), 121..243 of the shift, 4096..4191 of payments 5 to 16. The
cumulative totals are never cleared. Types count as in the register: 0 sale, 1 purchase, 2 sale return, 3 purchase return.
Source: reference sheet, section 2.4.
"""

from __future__ import annotations

from typing import Any

from fiscal.emulators.drive_documents import CORRECTION_FORMS, RECEIPT_FORMS, Stored, fields_of, read_sums
from fiscal.emulators.shtrih_receipt import TYPE_1054, OpenReceipt
from fiscal.ffd.tlv import walk

__all__ = ["Counters"]

DRAWER = 241
PAID_IN = 242
PAID_OUT = 243

DOCUMENT = 152
CANCELLED = 157
X_REPORTS = 158

OPENING, CLOSING = 2, 5
"""Forms of the reports on a shift."""

# Order in which the cumulative totals are read out: sale, sale return, purchase, purchase return.
_TOTAL_ORDER = (0, 2, 1, 3)


class Counters:
    """Sums in kopecks and counts of one register. Survives a power cut, and its process (`fiscal.emulators.money_memory`)."""

    __slots__ = (
        "_extra",
        "_last",
        "_last_slots",
        "_money",
        "_operations",
        "_totals",
        "corrections",
        "unkept",
    )

    def __init__(self) -> None:
        self._money = [0] * 256
        self._extra = [0] * 96
        self._operations = [0] * 256
        self._totals = [[0] * 16 for _ in range(4)]
        self.corrections = [0, 0, 0, 0]
        self._last: OpenReceipt | None = None
        self._last_slots: tuple[int, ...] = (0,) * 16
        self.unkept = False

    @property
    def drawer_kop(self) -> int:
        return self._money[DRAWER]

    @property
    def document(self) -> int:
        """The through number of the current document, 0..9999."""
        return self._operations[DOCUMENT]

    def next_document(self) -> int:
        self._operations[DOCUMENT] = number = self._operations[DOCUMENT] % 9999 + 1
        return number

    def close(self, receipt: OpenReceipt, slots: list[int], drawer_kop: int) -> None:
        """A receipt is recorded: ``slots`` are the sixteen payments without change, ``drawer_kop`` what the drawer gained."""
        type_ = receipt.type
        money, operations = self._money, self._operations
        for line in receipt.lines:
            at = 4 * ((line.department or 1) - 1) + type_
            money[121 + at] += line.sum_kop
            operations[72 + at] += 1
        if receipt.discounts_kop:
            money[185 + type_] += receipt.discounts_kop
        if receipt.surcharges_kop:
            money[189 + type_] += receipt.surcharges_kop
        self._settled(type_, slots, drawer_kop)
        self._last, self._last_slots = receipt, tuple(slots)
        self.next_document()

    def _settled(self, type_: int, slots: list[int], drawer_kop: int) -> None:
        money, operations = self._money, self._operations
        totals = self._totals[type_]
        for slot, kop in enumerate(slots):
            if kop:
                totals[slot] += kop
                if slot < 4:
                    money[193 + 4 * slot + type_] += kop
                else:
                    self._extra[48 + 4 * (slot - 4) + type_] += kop
        money[DRAWER] += drawer_kop
        money[120] = money[DRAWER]
        operations[144 + type_] += 1
        operations[148 + type_] += 1

    def cancel(self, receipt: OpenReceipt) -> None:
        self.unkept = True
        self._money[249 + receipt.type] += receipt.total_kop
        self._operations[CANCELLED] += 1
        self._operations[179 + receipt.type] += 1
        self._last, self._last_slots = receipt, (0,) * 16

    def cash(self, kop: int) -> int:
        """Cash paid in (positive) or out. Returns the document number."""
        self.unkept = True
        self._money[DRAWER] += kop
        self._money[PAID_IN if kop >= 0 else PAID_OUT] += abs(kop)
        self._operations[153 if kop >= 0 else 154] += 1
        self._operations[155 if kop >= 0 else 156] += 1
        return self.next_document()

    def x_report(self) -> None:
        self.unkept = True
        self._operations[X_REPORTS] += 1
        self.next_document()

    def close_shift(self, keep_drawer: bool) -> None:
        """The Z report clears what speaks of the shift."""
        self.unkept = True
        drawer = self._money[DRAWER]
        for at in range(121, 256):
            self._money[at] = 0
        if keep_drawer:
            self._money[DRAWER] = drawer
        self._extra[48:] = [0] * 48
        for first, end in ((72, 148), (153, 155), (157, 158), (166, 167), (179, 183)):
            self._operations[first:end] = [0] * (end - first)
        self.next_document()

    def money(self, number: int, open_receipt: OpenReceipt | None) -> int | None:
        """The money register of this number, ``None`` when there is none."""
        if number < 120:
            return self._of_receipt(number, open_receipt)
        if number < 256:
            return self._money[number]
        if 4096 <= number < 4144:
            slot, type_ = divmod(number - 4096, 4)
            return (
                self._last_slots[slot + 4]
                if self._last and self._last.type == type_ and not open_receipt
                else 0
            )
        if 4144 <= number < 4192:
            return self._extra[number - 4096]
        return None

    def operation(self, number: int, open_receipt: OpenReceipt | None) -> int:
        if number < 64:
            department, type_ = divmod(number, 4)
            receipt = open_receipt or self._last
            if receipt is None or receipt.type != type_:
                return 0
            return sum((line.department or 1) - 1 == department for line in receipt.lines)
        if number in (185, 186):
            number = DOCUMENT if number == 185 else 255
        return self._operations[number] & 0xFFFF

    def totals(self, which: int) -> tuple[int, ...]:
        """Command FE F4: 0 by type, 1..4 by payment for one type, 5 corrections; eight bytes each."""
        if which == 0:
            return tuple(sum(self._totals[type_]) for type_ in _TOTAL_ORDER)
        if 1 <= which <= 4:
            return tuple(self._totals[_TOTAL_ORDER[which - 1]])
        return tuple(self.corrections[type_] for type_ in _TOTAL_ORDER)

    # ---- over the end of a process ----------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Everything but the last receipt, ready for JSON."""
        return {
            "money": list(self._money),
            "extra": list(self._extra),
            "operations": list(self._operations),
            "totals": [list(row) for row in self._totals],
            "corrections": list(self.corrections),
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """What `snapshot` gave."""
        self._money = _row(snapshot["money"], 256)
        self._extra = _row(snapshot["extra"], 96)
        self._operations = _row(snapshot["operations"], 256)
        self._totals = [_row(row, 16) for row in snapshot["totals"]]
        self.corrections = _row(snapshot["corrections"], 4)

    def replay(self, stored: Stored) -> None:
        """A document of the drive, counted as when it was made.

        A document tells neither departments nor which of the cashless payments it was: the first is meant.
        """
        if stored.form in RECEIPT_FORMS:
            fields = fields_of(stored.tlv)
            cash, cashless, prepaid, credit, provision, _ = read_sums(fields)
            type_ = TYPE_1054.index(stored.type)
            for tag, value in fields:
                if tag == 1059:
                    self._money[121 + type_] += int.from_bytes(dict(walk(value)).get(1043, b""), "little")
                    self._operations[72 + type_] += 1
            slots = [cash, cashless, *[0] * 11, prepaid, credit, provision]
            self._settled(type_, slots, cash if stored.type in (1, 4) else -cash)
            if stored.form in CORRECTION_FORMS:
                self.corrections[type_] += stored.total_kop
            self.next_document()
        elif stored.form == OPENING:
            self.next_document()
        elif stored.form == CLOSING:
            self.close_shift(keep_drawer=True)

    def _of_receipt(self, number: int, open_receipt: OpenReceipt | None) -> int:
        receipt = open_receipt or self._last
        if receipt is None or receipt.type != number % 4:
            return 0
        group = number // 4
        if group < 16:
            return sum(line.sum_kop for line in receipt.lines if (line.department or 1) - 1 == group)
        if group == 16:
            return receipt.discounts_kop
        if group == 17:
            return receipt.surcharges_kop
        if 18 <= group < 22 and open_receipt is None:
            return self._last_slots[group - 18]
        return 0


def _row(values: list[int], length: int) -> list[int]:
    if len(values) != length or not all(type(value) is int for value in values):
        raise ValueError("the counters of a register are not what they should be")
    return list(values)
