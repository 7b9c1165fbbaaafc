"""What every make of register tells of a shift, brought into one form: the report's document, the turnovers, what is never reset."""

from __future__ import annotations

from typing import NamedTuple

from fiscal.engine.outcomes import ShiftClosed, ShiftTotals, Turnover

__all__ = ["Own", "Report", "Turnovers", "closed"]

Turnovers = tuple[Turnover, Turnover, Turnover, Turnover]
"""By settlement type: sale, sale return, purchase, purchase return."""


class Report(NamedTuple):
    """A report on a shift or a drive, as the drive knows it. ``time_s`` as tag 1012 counts."""

    document: int
    shift: int
    time_s: int
    sign: int


class Own(NamedTuple):
    """What does not belong to a shift alone: cash in the drawer, and the totals that are never reset, by settlement type.

    ``None`` where a register, of an older kind perhaps, does not tell.
    """

    drawer_kop: int | None = None
    running_kop: tuple[int, int, int, int] | None = None


def closed(
    report: Report, drive: str, receipts: int, counted: Turnovers | None, own: Own, first: int
) -> ShiftClosed:
    """The outcome of a Z-report out of what could be read; what could not is left out."""
    document, shift, time_s, sign = report
    details = ShiftTotals(shift, counted, own.drawer_kop, own.running_kop)
    if counted is None:
        known = None if own == Own() else details
        return ShiftClosed(shift, document, receipts, details=known, sign=sign, time_s=time_s, drive=drive)
    sale, sale_return, purchase, purchase_return = (one.total_kop for one in counted)
    sums = sale, sale_return, purchase, purchase_return
    return ShiftClosed(shift, document, receipts, sums, details, first, sign, time_s, drive)
