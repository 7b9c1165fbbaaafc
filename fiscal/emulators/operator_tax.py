"""The tax service (FNS) behind the operator: what it has registered, and when.

The operator passes every document on; some time later it is registered, and anybody with its QR code can ask for it. Reports on the
closing of a shift are listed apart: by them the tax service sees the day's work of a register.
"""

from __future__ import annotations

from typing import NamedTuple

from fiscal.emulators.drive_documents import fields_of, read_stored
from fiscal.emulators.operator_store import Received, Store
from fiscal.ffd.tlv import FfdError

SHIFT_CLOSING = 5


class Registered(NamedTuple):
    """A document at the tax service. ``flawed``: it failed the operator's format-logic control."""

    drive: str
    document: int
    form: int
    registered_us: int
    flawed: bool


class ZReport(NamedTuple):
    """A report on the closing of a shift. ``closed_s``: its moment by the register's clock; the numbers are the report's own (tags 1038,
    1118, 1111)."""

    drive: str
    document: int
    shift: int
    closed_s: int
    receipts: int
    documents: int
    registered_us: int


class TaxService:
    """Everything is settled when it is asked: ``now_us`` decides what is registered by then."""

    def __init__(self, store: Store, delay_us: int) -> None:
        self._store = store
        self._delay_us = delay_us
        self._documents: dict[str, list[Registered]] = {}
        self._reports: list[ZReport] = []

    def take(self, received: Received) -> None:
        """The operator passes a document on."""
        at_us = received.received_us + self._delay_us
        drive, document, form = received[:3]
        entry = Registered(drive, document, form, at_us, bool(received.code))
        self._documents.setdefault(drive, []).append(entry)
        if form == SHIFT_CLOSING:
            report = _read_report(received, at_us)
            if report is not None:
                self._reports.append(report)

    def documents(self, now_us: int, drive: str | None = None) -> list[Registered]:
        """What is registered by now, of one drive or of all, in the order of the documents."""
        rows = self._documents.values() if drive is None else [self._documents.get(drive, [])]
        return [entry for row in rows for entry in row if entry.registered_us <= now_us]

    def find(self, drive: str, document: int, now_us: int) -> Registered | None:
        """A document, ``None`` when it is not registered yet."""
        row = self._documents.get(drive)
        if not row:
            return None
        index = document - row[0].document
        if not 0 <= index < len(row) or row[index].registered_us > now_us:
            return None
        return row[index]

    def reports(self, now_us: int, drive: str | None = None) -> list[ZReport]:
        """The reports on closed shifts that are registered by now, in the order of their registration."""
        reports = [
            report
            for report in self._reports
            if report.registered_us <= now_us and drive in (None, report.drive)
        ]
        return sorted(reports, key=lambda report: (report.registered_us, report.drive, report.document))

    def check(self, drive: str, document: int, sign: int, total_kop: int, type: int, now_us: int) -> bool:
        """Whether the receipt of a QR code is registered and says what the code says. Not for documents that the operator no longer
        keeps."""
        received = self._store.find(drive, document)
        if received is None or self.find(drive, document, now_us) is None:
            return False
        stored = read_stored(received.tlv)
        return (stored.sign, stored.total_kop, stored.type) == (sign, total_kop, type)


def _read_report(received: Received, at_us: int) -> ZReport | None:
    try:
        fields = dict(fields_of(received.tlv))
    except FfdError:
        return None

    def number(tag: int) -> int:
        return int.from_bytes(fields.get(tag, b""), "little")

    return ZReport(
        received.drive, received.document, number(1038), number(1012), number(1118), number(1111), at_us
    )
