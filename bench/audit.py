"""The audit: what the drives hold against what the engine and the shop believe. Apart from the workload, and after every run.

The first law is *nothing lost, nothing doubled*. Beside it: document numbers without gaps, shift totals that equal the receipts, and every
accepted key in exactly one state. What is looked at are the drives' own documents, bytes as they were recorded.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bench.shop import Shop
from fiscal.emulators.drive import Drive, DriveError
from fiscal.emulators.operator_store import Store
from fiscal.engine import states
from fiscal.engine.engine import Engine
from fiscal.engine.records import Orphaned, Record, ShiftEnded
from fiscal.ffd.identity import marks_in
from fiscal.ffd.tlv import walk
from fiscal.receipt import mark

RECEIPT_FORMS = (3, 31)
CLOSING_FORM = 5
RECEIPTS_TAG = 1118  # in the report on the closing of a shift: how many receipts it had
_UNFINISHED = (states.QUEUED, states.ASSIGNED, states.PRINTING, states.ACCEPTING)
_WITH_DOCUMENT = (states.RECORDED, states.SENT, states.CONFIRMED)


@dataclass(frozen=True, slots=True)
class Document:
    """A receipt as a drive holds it."""

    register: str
    number: int
    mark: str
    type: int
    total_kop: int
    shift: int
    drive: str = ""


@dataclass
class Audit:
    """What was found. ``problems`` says each thing in one line."""

    lost: int = 0
    doubled: int = 0
    unfinished: int = 0
    in_doubt: int = 0
    set_aside: int = 0
    gaps: int = 0
    wrong_totals: int = 0
    strangers: int = 0
    operator_differs: int = 0
    documents: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether the first law and the register's own arithmetic hold."""
        return not (
            self.lost
            or self.doubled
            or self.gaps
            or self.wrong_totals
            or self.strangers
            or self.operator_differs
        )


def documents_of(register: str, drive: Drive) -> tuple[list[Document], list[str]]:
    """The receipts in a drive, and what is wrong with its numbering."""
    found: list[Document] = []
    problems: list[str] = []
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for number in range(1, drive.last_document + 1):
        try:
            stored = drive.find(number)
        except (DriveError, IndexError):
            problems.append(f"{register}: document {number} is missing")
            continue
        if stored.document != number:
            problems.append(f"{register}: document {number} says it is {stored.document}")
        if stored.form in RECEIPT_FORMS:
            text = "".join(marks_in(walk(stored.tlv[4:]))[-1:])
            found.append(
                Document(register, number, text, stored.type, stored.total_kop, stored.shift, drive.serial)
            )
            sums[stored.shift][0] += 1
            sums[stored.shift][1] = stored.receipt_number
        elif stored.form == CLOSING_FORM:
            said = int.from_bytes(dict(walk(stored.tlv[4:]))[RECEIPTS_TAG], "little")
            if said != sums[stored.shift][0]:
                held = sums[stored.shift][0]
                problems.append(
                    f"{register}: the report on shift {stored.shift} counts {said} receipts, it holds {held}"
                )
    for shift, (count, last) in sums.items():
        if count != last:
            problems.append(f"{register}: shift {shift} holds {count} receipts, the last is number {last}")
    return found, problems


def against_operator(register: str, drive: Drive, store: Store, first: int = 2) -> list[str]:
    """What the operator holds of a drive after everything has settled: every document once, in order, byte by byte, and nothing else.
    ``first``: the first that came in the run; the registration report of most drives was confirmed long before."""
    problems = []
    confirmed = drive.unsent.first - 1 if drive.unsent.count else drive.last_document
    for number in range(first, confirmed + 1):
        received = store.find(drive.serial, number)
        if received is None:
            problems.append(f"{register}: document {number} is confirmed, the operator does not have it")
        elif received.tlv != drive.find(number).tlv:
            problems.append(f"{register}: document {number} differs at the operator")
    if confirmed < drive.last_document:
        problems.append(f"{register}: documents from {confirmed + 1} on were never confirmed")
    if store.last(drive.serial) > drive.last_document:
        problems.append(f"{register}: the operator has a document that the drive never made")
    return problems


def audit(
    engine: Engine | None,
    shop: Shop,
    documents: Sequence[Document],
    numbering: Iterable[str],
    history: Iterable[Record],
    operator: Iterable[str] = (),
) -> Audit:
    """Compare the engine's account, the shop's, and the drives'."""
    result = Audit(documents=len(documents))
    for problem in numbering:
        result.gaps += 1
        result.problems.append(problem)
    for problem in operator:
        result.operator_differs += 1
        result.problems.append(problem)
    by_mark: dict[str, list[Document]] = defaultdict(list)
    for document in documents:
        by_mark[document.mark].append(document)
    orphans: Counter[str] = Counter()
    shift_sums: dict[tuple[str, str, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for document in documents:
        shift_sums[document.register, document.drive, document.shift][document.type - 1] += document.total_kop
    for record in history:
        if isinstance(record, Orphaned):
            orphans[record.key] += 1
        elif isinstance(record, ShiftEnded):
            held = shift_sums[record.register, record.drive, record.shift]
            if record.totals_kop and list(record.totals_kop) != held:
                result.wrong_totals += 1
                result.problems.append(
                    f"{record.register}: Z-report {record.shift} says {list(record.totals_kop)}, the drive holds {held}"
                )
    keys = list(engine.keys()) if engine is not None else []
    known = set(keys)
    for key in shop.accepted:
        if key not in known:
            result.lost += 1
            result.problems.append(f"{key}: promised to the shop, unknown to the engine")
    marks = set()
    for key in keys:
        assert engine is not None
        view = engine.status(key)
        assert view is not None
        text = mark(key)
        marks.add(text)
        held_documents = by_mark.get(text, [])
        count = len(held_documents) - orphans[key]
        if count > 1:
            result.doubled += 1
            result.problems.append(f"{key}: {count} documents: {_where(held_documents)}")
        if view.status in _WITH_DOCUMENT:
            if count < 1:
                result.lost += 1
                result.problems.append(f"{key}: {view.status}, but no drive has it")
            elif view.recorded is None or not any(
                (d.register, d.drive, d.number)
                == (view.register, view.recorded.drive, view.recorded.document)
                for d in held_documents
            ):
                result.lost += 1
                number = view.recorded.document if view.recorded is not None else "?"
                result.problems.append(
                    f"{key}: said to be document {number} of {view.register}, but is {_where(held_documents)}"
                )
            elif any(
                d.total_kop != view.receipt.total_kop or d.type != view.receipt.type for d in held_documents
            ):
                result.wrong_totals += 1
                result.problems.append(
                    f"{key}: the drive holds another sum or type: {_where(held_documents)}"
                )
        elif view.status == states.IN_DOUBT:
            result.in_doubt += 1
        elif view.status in _UNFINISHED:
            result.unfinished += 1
            if count:
                result.strangers += view.status == states.QUEUED
                result.problems.append(f"{key}: {view.status}, but recorded: {_where(held_documents)}")
        else:
            result.set_aside += view.status == states.SET_ASIDE
            if count:
                result.strangers += 1
                result.problems.append(f"{key}: {view.status}, but recorded: {_where(held_documents)}")
    for key in shop.unanswered:
        result.unfinished += 1
        result.problems.append(f"{key}: paid for, and the shop never got an answer")
    for text, held_documents in by_mark.items():
        if text not in marks:
            result.strangers += len(held_documents)
            result.problems.append(f"mark {text!r}: a document nobody asked for: {_where(held_documents)}")
    return result


def _where(documents: Sequence[Document]) -> str:
    return ", ".join(f"{d.register} document {d.number}" for d in documents)
