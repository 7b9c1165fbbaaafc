"""Z-reports: what each shift of each register came to, as the journal tells it.

A *Z-report* is the document that closes a shift. The register says what it has counted (receipts and sums by form of payment, and a
*running total* that nothing ever resets); the journal knows which receipts it asked for. Both are kept side by side here and never mixed:
whether they agree is what `fiscal.watch.z_checks` looks at.

A receipt belongs to the shift whose report is the first after it in the same drive. So a receipt whose document is found late, after a
crash, still comes to the shift in which it was made.

`Book` takes the journal's records one after the other, of a whole history or as they are written.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any

from fiscal.engine import records
from fiscal.engine.outcomes import Recorded, Turnover
from fiscal.receipt import Payments, Receipt, SettlementType

Turnovers = tuple[Turnover, Turnover, Turnover, Turnover]
"""By settlement type: sale, sale return, purchase, purchase return."""
Sums = tuple[int, int, int, int]
"""Kopecks by settlement type."""

_SIZE = len(fields(Turnover))


@dataclass(frozen=True, slots=True)
class ZReport:
    """One shift that was closed.

    ``number`` is the shift's. ``told`` and ``sums_kop`` are what the register counted, ``counted`` what the journal's receipts come to;
    ``None`` where the register did not say. ``drawer_kop`` is the cash in the drawer after it, which an ATOL register tells without
    its sign. ``confirmed_wall_us``: when the operator was known to have the report, 0 for not yet; a drive learns no more than that, and
    the operator passes it on to the tax service. ``taxation``: tag 1062, the systems its receipts used. ``time_s``: the drive's clock;
    ``first_s``: the same for the first receipt that the journal knows, 0 for none.
    """

    register: str
    number: int
    created_wall_us: int
    confirmed_wall_us: int
    receipts: int
    told: Turnovers | None
    sums_kop: Sums | None
    counted: Turnovers
    running_kop: Sums | None
    drawer_kop: int | None
    drive: str
    registration: str
    taxation: int
    first_document: int
    document: int
    sign: int
    time_s: int
    first_s: int

    @property
    def day(self) -> Turnovers:
        """The shift's takings: the register's own account, or the journal's where it gave none."""
        return self.counted if self.told is None else self.told


@dataclass(frozen=True, slots=True)
class OpenShift:
    """What the journal's receipts come to since the last report of a drive: for holding an X-report against."""

    register: str
    drive: str
    counted: Turnovers
    keys: tuple[str, ...]


class _Count:
    """Receipts added up, by settlement type."""

    __slots__ = ("first_s", "keys", "rows", "taxation")

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.first_s = 0
        self.rows = [[0] * _SIZE for _ in SettlementType]
        self.taxation = 0

    def add(self, time_s: int, money: _Money) -> None:
        self.first_s = min(self.first_s or time_s, time_s)
        row = self.rows[money.type - 1]
        for at, kop in enumerate((1, money.total_kop, *money.paid)):
            row[at] += kop
        self.taxation |= money.taxation
        self.keys.append(money.key)

    def turnovers(self) -> Turnovers:
        a, b, c, d = (Turnover(*row) for row in self.rows)
        return a, b, c, d


class _Money:
    """What of a receipt counts here."""

    __slots__ = ("key", "paid", "taxation", "total_kop", "type")

    def __init__(self, key: str, receipt: Receipt) -> None:
        self.key = key
        self.type = int(receipt.type)
        self.total_kop = receipt.total_kop
        self.paid = _paid(receipt.payments)
        self.taxation = int(receipt.taxation)


class _Shift:
    __slots__ = ("confirmed_wall_us", "count", "ended", "row")

    def __init__(self, ended: records.ShiftEnded, confirmed_wall_us: int) -> None:
        self.ended = ended
        self.count = _Count()
        self.confirmed_wall_us = confirmed_wall_us
        self.row: ZReport | None = None  # as long as nothing has changed

    def add(self, time_s: int, money: _Money) -> None:
        self.count.add(time_s, money)
        self.row = None


class _Drive:
    """The shifts of one drive in the order of their documents, and what was made after the last of them."""

    __slots__ = ("confirmed", "numbers", "register", "rest", "shifts")

    def __init__(self, register: str) -> None:
        self.register = register
        self.numbers: list[int] = []  # of the documents of the reports
        self.shifts: list[_Shift] = []
        self.rest: list[tuple[int, int, _Money]] = []  # document, its time
        self.confirmed = 0, 0  # up to which document, and since when

    def receipt(self, recorded: Recorded, money: _Money) -> None:
        at = bisect_left(self.numbers, recorded.document)
        if at < len(self.shifts):
            self.shifts[at].add(recorded.time_s, money)
        else:
            self.rest.append((recorded.document, recorded.time_s, money))

    def close(self, ended: records.ShiftEnded) -> _Shift | None:
        """A new shift. The same report may come twice (it was asked for again): then ``None``, and the one that says more stays."""
        at = bisect_left(self.numbers, ended.document)
        if at < len(self.numbers) and self.numbers[at] == ended.document:
            if len(ended.turnovers_kop) > len(self.shifts[at].ended.turnovers_kop):
                self.shifts[at].ended = ended
                self.shifts[at].row = None
            return None
        document, wall_us = self.confirmed
        shift = _Shift(ended, wall_us if ended.document <= document else 0)
        self.numbers.insert(at, ended.document)
        self.shifts.insert(at, shift)
        rest, self.rest = self.rest, []
        for number, time_s, money in rest:
            if number < ended.document:
                shift.add(time_s, money)
            else:
                self.rest.append((number, time_s, money))
        return shift

    def confirm(self, document: int, wall_us: int) -> None:
        for shift in reversed(self.shifts):
            if shift.confirmed_wall_us:
                break
            if shift.ended.document <= document:
                shift.confirmed_wall_us = wall_us
                shift.row = None
        self.confirmed = max(self.confirmed, (document, wall_us))


class Book:
    """The Z-reports of a farm. One thread at a time may use it."""

    def __init__(self, history: Iterable[records.Record] = ()) -> None:
        self._money: dict[str, _Money] = {}  # receipts that have no document yet
        self._reissued: set[str] = set()  # they may get a second one
        self._drives: dict[str, _Drive] = {}
        self._shifts: list[_Shift] = []  # as they came
        self._notes: dict[type[Any], Callable[[Any], None]] = {
            records.Accepted: self._accepted,
            records.Documented: self._documented,
            records.Orphaned: self._orphaned,
            records.Reissued: self._reissue,
            records.Cancelled: self._cancelled,
            records.Confirmed: self._confirmed,
            records.ShiftEnded: self._shift_ended,
        }
        for record in history:
            self.add(record)

    def add(self, record: records.Record) -> None:
        """One more record of the journal, in order."""
        note = self._notes.get(type(record))
        if note is not None:
            note(record)

    def _accepted(self, record: records.Accepted) -> None:
        self._money[record.key] = _Money(record.key, record.receipt)

    def _documented(self, record: records.Documented) -> None:
        money = self._money[record.key] if record.key in self._reissued else self._money.pop(record.key)
        self._drive(record.register, record.recorded.drive).receipt(record.recorded, money)

    def _orphaned(self, record: records.Orphaned) -> None:
        money = self._money[record.key]
        self._drive(record.register, record.recorded.drive).receipt(record.recorded, money)

    def _reissue(self, record: records.Reissued) -> None:
        self._reissued.add(record.key)

    def _cancelled(self, record: records.Cancelled) -> None:
        self._money.pop(record.key, None)

    def _confirmed(self, record: records.Confirmed) -> None:
        self._drive(record.register, record.drive).confirm(record.document, record.confirmed_wall_us)

    def _shift_ended(self, record: records.ShiftEnded) -> None:
        shift = self._drive(record.register, record.drive).close(record)
        if shift is not None:
            self._shifts.append(shift)

    def _drive(self, register: str, number: str) -> _Drive:
        drive = self._drives.get(number)
        if drive is None:
            drive = self._drives[number] = _Drive(register)
        return drive

    def rows(self) -> list[ZReport]:
        """All reports, in the order in which they came to be known."""
        found = []
        for shift in self._shifts:
            if shift.row is None:
                shift.row = _row(shift)
            found.append(shift.row)
        return found

    def receipts(self, register: str, number: int) -> list[str] | None:
        """Keys of the receipts of a shift that was closed, as they came; ``None`` when no report of it is known.

        After a new drive the numbers begin again: then of the latest.
        """
        for shift in reversed(self._shifts):
            if (shift.ended.register, shift.ended.shift) == (register, number):
                return list(shift.count.keys)
        return None

    def open_shifts(self) -> dict[str, OpenShift]:
        """By register: what was made since its last report, in the drive it used last."""
        found = {}
        for number, drive in self._drives.items():
            count = _Count()
            for _, time_s, money in drive.rest:
                count.add(time_s, money)
            found[drive.register] = OpenShift(drive.register, number, count.turnovers(), tuple(count.keys))
        return found


def _paid(payments: Payments) -> tuple[int, ...]:
    """In the order of `Turnover`."""
    return (
        payments.cash_kop,
        payments.cashless_kop,
        payments.prepaid_kop,
        payments.credit_kop,
        payments.provision_kop,
    )


def _row(shift: _Shift) -> ZReport:
    ended = shift.ended
    counted = shift.count.turnovers()
    told = _turnovers(ended.turnovers_kop)
    receipts = ended.receipts
    if not receipts and not ended.totals_kop:  # a report that was found later: the register does not say
        receipts = sum(one.count for one in counted)
    running = _sums(ended.running_kop)
    return ZReport(
        register=ended.register,
        number=ended.shift,
        created_wall_us=ended.ended_wall_us,
        confirmed_wall_us=shift.confirmed_wall_us,
        receipts=receipts,
        told=told,
        sums_kop=_sums(ended.totals_kop),
        counted=counted,
        running_kop=running,
        drawer_kop=None if running is None else ended.drawer_kop,
        drive=ended.drive,
        registration=ended.registration,
        taxation=shift.count.taxation,
        first_document=ended.first_document,
        document=ended.document,
        sign=ended.sign,
        time_s=ended.time_s,
        first_s=shift.count.first_s,
    )


def _sums(given: tuple[int, ...]) -> Sums | None:
    if not given:
        return None
    a, b, c, d = given
    return a, b, c, d


def _turnovers(given: tuple[int, ...]) -> Turnovers | None:
    if not given:
        return None
    a, b, c, d = (Turnover(*given[at : at + _SIZE]) for at in range(0, 4 * _SIZE, _SIZE))
    return a, b, c, d
