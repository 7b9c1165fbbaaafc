"""The settings tables of an emulated ATOL register, as far as hosts ask for them.

A field is known by table and number; every row of a table has the same fields. Values are raw bytes of the
field's width; what nobody has written is zero, or the default here. Source: reference sheet, section 1.3 (table
19 row 1 field 4 is the channel of the operator).
"""

from __future__ import annotations

__all__ = ["OFD_CHANNEL", "Tables"]

OFD_CHANNEL = (19, 1, 4)

_ROWS: dict[int, int] = {2: 1, 3: 30, 6: 20, 9: 1, 10: 1, 12: 16, 13: 6, 15: 1, 19: 1, 20: 1, 21: 1, 22: 1}
"""Rows of each table there is (*assumed* but for 19)."""

_WIDTHS: dict[tuple[int, int], int] = {
    (3, 2): 32,
    (6, 1): 48,
    (12, 1): 24,
    (19, 1): 64,
    (19, 2): 2,
    (19, 3): 4,
}
"""Fields wider than a byte (*assumed*)."""

_DEFAULTS: dict[tuple[int, int, int], bytes] = {OFD_CHANNEL: b"\x02"}


class Tables:
    """Survives a power cut."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values = dict(_DEFAULTS)

    def read(self, table: int, row: int, field: int) -> bytes | int:
        """The value, or the error byte for a place that does not exist."""
        wrong = self._missing(table, row, field)
        if wrong:
            return wrong
        width = _WIDTHS.get((table, field), 1)
        return self._values.get((table, row, field), bytes(width))

    def write(self, table: int, row: int, field: int, value: bytes) -> int:
        """0, or the error byte."""
        wrong = self._missing(table, row, field)
        if wrong:
            return wrong
        width = _WIDTHS.get((table, field), 1)
        if not 0 < len(value) <= width:
            return 0x14
        self._values[table, row, field] = value.ljust(width, b"\0")
        return 0

    @staticmethod
    def _missing(table: int, row: int, field: int) -> int:
        rows = _ROWS.get(table)
        if rows is None:
            return 0x91
        if not 1 <= row <= rows:
            return 0x92
        return 0 if 1 <= field <= 255 else 0x93
