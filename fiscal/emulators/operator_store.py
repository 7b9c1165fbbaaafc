"""What an operator has: for every drive its documents, in a row without gaps, with the answers they got.

The row begins with the first document that came (a shop may change its operator) and goes on by ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple


class Received(NamedTuple):
    """A document that the operator has. ``received_us`` / ``received_s``: when it came, by the host's clock and by the wall clock;
    ``code``: the answer, 0 or 14, with the ``problems`` in the latter case; ``tlv``: the document; ``answer``: the whole message that
    was sent back, and is sent again for a duplicate."""

    drive: str
    document: int
    form: int
    received_us: int
    received_s: int
    code: int
    tlv: bytes
    sign: bytes
    answer: bytes
    problems: tuple[str, ...] = ()


class Row:
    """The documents of one drive. ``last``: number of the latest; ``duplicates``: how often one came again."""

    __slots__ = ("_documents", "_first_kept", "_keep", "drive", "duplicates", "first", "last")

    def __init__(self, drive: str, first: int, keep: int | None) -> None:
        self.drive = drive
        self.first = first
        self.last = first - 1
        self.duplicates = 0
        self._first_kept = first
        self._keep = keep
        self._documents: list[Received] = []

    def __len__(self) -> int:
        """Documents received, also those no longer kept."""
        return self.last + 1 - self.first

    def __iter__(self) -> Iterator[Received]:
        return iter(self._documents)

    def find(self, document: int) -> Received | None:
        """The document, ``None`` when there is none or it is no longer kept."""
        index = document - self._first_kept
        return self._documents[index] if 0 <= index < len(self._documents) else None

    def append(self, received: Received) -> None:
        """The next document. Raises `ValueError` for any other number."""
        if received.document != self.last + 1:
            raise ValueError(
                f"document {received.document} of drive {self.drive} does not follow {self.last}"
            )
        self.last += 1
        documents = self._documents
        documents.append(received)
        if self._keep is not None and len(documents) > 2 * self._keep:
            gone = len(documents) - self._keep
            del documents[:gone]
            self._first_kept += gone


class Store:
    """All rows by the number of the drive, and what happened, counted: ``received``, ``duplicate``, ``flawed`` (answer 14), ``gap``,
    ``conflict`` (another document of the same number), ``forged``, ``unreadable`` (these four get answer 11), ``malformed``, ``unpaid``
    (these two end the connection), ``ping``, ``vanished`` and ``unanswered`` (outages)."""

    def __init__(self, keep: int | None = None) -> None:
        self.drives: dict[str, Row] = {}
        self.counts: Counter[str] = Counter()
        self._keep = keep

    def add(self, received: Received) -> None:
        """Keep a document: the next of its drive, or the first."""
        row = self.drives.get(received.drive)
        if row is None:
            row = self.drives[received.drive] = Row(received.drive, received.document, self._keep)
        row.append(received)

    def find(self, drive: str, document: int) -> Received | None:
        row = self.drives.get(drive)
        return None if row is None else row.find(document)

    def last(self, drive: str) -> int:
        """Number of the latest document of a drive, 0 when there is none."""
        row = self.drives.get(drive)
        return 0 if row is None else row.last

    def __iter__(self) -> Iterator[Received]:
        """Everything that is kept, drive by drive."""
        for row in self.drives.values():
            yield from row
