"""What a drive adds up: receipts and money, by settlement type.

A drive counts for the shift and for its whole life. From FFD 1.2 on it prints these counters into its
reports: tag 1194 for the shift, 1157 for the drive, 1158 for the documents that wait for the operator, each
{1134, 1129 ... 1132 by settlement type, 1133 for corrections}. The format has no public tags for the VAT
rates 5, 7 and 22 % there; the drive adds them up but does not write them.

Source: reference sheet ``ffd_ofd.md`` section 3, ``ffd_tags.csv``.
"""

from __future__ import annotations

from fiscal.emulators.drive_documents import CORRECTION_FORMS, Sums
from fiscal.ffd.tlv import stlv, u32, vln

_ROWS = 8
_WIDTH = 19
_COUNT, _TOTAL, _PAYMENTS, _VAT = 0, 1, 2, 6
"""Columns: count, total, five payments from column 2, VAT codes 1 ... 12 at column 6 + code."""

_SETTLEMENTS = ((1129, 0), (1130, 1), (1131, 2), (1132, 3))
_CORRECTIONS = ((1145, 4), (1232, 5), (1146, 6), (1233, 7))
_MONEY = (
    (1136, 2),
    (1138, 3),
    (1139, _VAT + 1),
    (1140, _VAT + 2),
    (1141, _VAT + 3),
    (1142, _VAT + 4),
    (1143, _VAT + 5),
    (1183, _VAT + 6),
    (1201, 1),
    (1218, 4),
    (1219, 5),
    (1220, 6),
)


class Counters:
    """Sums over receipts. A row for each settlement type 1 ... 4, and again for corrections."""

    __slots__ = ("rows",)

    def __init__(self, rows: list[list[int]] | None = None) -> None:
        self.rows = [list(row) for row in rows] if rows else [[0] * _WIDTH for _ in range(_ROWS)]

    def add(self, form: int, type: int, total_kop: int, sums: Sums) -> None:
        """Count one receipt of this form and settlement type."""
        row = self.rows[type + 3 if form in CORRECTION_FORMS else type - 1]
        cash, cashless, prepaid, credit, provision, vat = sums
        row[0] += 1
        row[1] += total_kop
        row[2] += cash
        row[3] += cashless
        if prepaid or credit or provision:
            row[4] += prepaid
            row[5] += credit
            row[6] += provision
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
        return Sums(row[2], row[3], row[4], row[5], row[6], vat)

    def encode(self, tag: int) -> bytes:
        """The whole field 1194, 1157 or 1158."""
        rows = self.rows
        body = u32(1134, self.receipts)
        for inner, index in _SETTLEMENTS:
            row = rows[index]
            money = b"".join(vln(name, row[column]) for name, column in _MONEY)
            body += stlv(inner, u32(1135, row[_COUNT]) + money)
        corrections = u32(1144, sum(row[_COUNT] for row in rows[4:]))
        for inner, index in _CORRECTIONS:
            row = rows[index]
            corrections += stlv(inner, u32(1135, row[_COUNT]) + vln(1201, row[_TOTAL]))
        return stlv(tag, body + stlv(1133, corrections))
