"""What a drive adds up: receipts and money, by settlement type.

A drive counts for the shift and for its whole life. From FFD 1.2 on it prints these counters into its
reports: tag 1194 for the shift, 1157 for the drive, 1158 for the documents that wait for the operator, each
{1134, 1129 ... 1132 by settlement type, 1133 for corrections}. The format has no public tags for the VAT
rates 5, 7 and 22 % there; the drive adds them up but does not write them.

Source: reference sheet ``ffd_ofd.md`` section 3, ``ffd_tags.csv``.
"""

from __future__ import annotations

from fiscal.emulators.drive_documents import CORRECTION_FORMS, Sums
from fiscal.ffd.reports import TypeTotals, counters

_TYPES = (1, 2, 3, 4)
_ROWS = 8
_WIDTH = 19
_COUNT, _TOTAL, _CASH, _CASHLESS, _PREPAID, _CREDIT, _PROVISION, _VAT = 0, 1, 2, 3, 4, 5, 6, 6
"""Columns; the sum of VAT code 1 ... 12 stands at column _VAT + code."""


class Counters:
    """Sums over receipts. A row for each settlement type 1 ... 4, and again for corrections."""

    __slots__ = ("rows",)

    def __init__(self, rows: list[list[int]] | None = None) -> None:
        self.rows = [list(row) for row in rows] if rows else [[0] * _WIDTH for _ in range(_ROWS)]

    def add(self, form: int, type: int, total_kop: int, sums: Sums) -> None:
        """Count one receipt of this form and settlement type."""
        row = self.rows[type + 3 if form in CORRECTION_FORMS else type - 1]
        cash, cashless, prepaid, credit, provision, vat = sums
        row[_COUNT] += 1
        row[_TOTAL] += total_kop
        row[_CASH] += cash
        row[_CASHLESS] += cashless
        if prepaid or credit or provision:
            row[_PREPAID] += prepaid
            row[_CREDIT] += credit
            row[_PROVISION] += provision
        for code, kop in vat:
            row[_VAT + code] += kop

    def add_all(self, other: Counters) -> None:
        for mine, theirs in zip(self.rows, other.rows, strict=True):
            for column, n in enumerate(theirs):
                mine[column] += n

    def plus(self, other: Counters) -> Counters:
        result = Counters(self.rows)
        result.add_all(other)
        return result

    @property
    def receipts(self) -> int:
        """How many receipts and corrections of all types."""
        return sum(row[_COUNT] for row in self.rows)

    def count(self, type: int, corrections: bool = False) -> int:
        return self.rows[type + 3 if corrections else type - 1][_COUNT]

    def total_kop(self, type: int, corrections: bool = False) -> int:
        return self.rows[type + 3 if corrections else type - 1][_TOTAL]

    def sums(self, type: int, corrections: bool = False) -> Sums:
        """Payments and VAT of a settlement type."""
        row = self.rows[type + 3 if corrections else type - 1]
        vat = tuple((code, row[_VAT + code]) for code in range(1, 13) if row[_VAT + code])
        cash, cashless, prepaid, credit, provision = row[_CASH : _PROVISION + 1]
        return Sums(cash, cashless, prepaid, credit, provision, vat)

    def encode(self, tag: int) -> bytes:
        """The whole field 1194, 1157 or 1158; settlement types without receipts are left out."""
        receipts = {}
        for type in _TYPES:
            cash, cashless, prepaid, credit, provision, vat = self.sums(type)
            totals = TypeTotals(self.count(type), cash, cashless, prepaid, credit, provision, dict(vat))
            receipts[type] = totals
        corrections = {type: (self.count(type, True), self.total_kop(type, True)) for type in _TYPES}
        return counters(tag, receipts, corrections)
