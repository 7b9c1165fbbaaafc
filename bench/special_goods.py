"""Goods that receipts say more of: marked pieces, each with its code, and goods sold for somebody else.

The shares of a scenario (`shop.goods`) decide by draws of each order's own stream which of its lines are such, so that they move no
arrivals. A marked line becomes a line for each piece. Codes are made of the order's key: the same order has the same codes in every
run, and no two pieces share one. A serial number that begins with 9 stands for a piece that was sold before: the marking service
refuses it.

Afterwards `pieces` reads from the drives what was sold and what its receipt says of the check, and `against_service` holds that
against what the marking service was told: every piece of every receipt once, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import blake2b
from typing import NamedTuple
from zlib import crc32

from bench.scenario_farm import Goods
from bench.streams import stream
from fiscal.emulators.drive import Drive
from fiscal.emulators.marking_keys import issue
from fiscal.emulators.marking_service import MarkingService, State
from fiscal.ffd.identity import marks_in
from fiscal.ffd.tlv import decode_text, walk
from fiscal.marking import parse
from fiscal.receipt import Agent, Item, Mark, Receipt

__all__ = ["Dresser", "Piece", "against_service", "pieces", "service_for"]

MOST_PIECES = 6
"""A line of more pieces is left unmarked: nobody scans sixty codes for one line."""
_PIECE = 1_000_000
_SOLD_BEFORE = "9"
_FRESH = "5"
_FFD_12 = 4
_SUPPLIERS = (
    Agent(32, "7707083893", "ООО Первый поставщик", ("+74950000001",)),
    Agent(64, "7830002293", "ООО Второй поставщик", ("+78120000002",)),
)


class Dresser:
    """Makes some lines of orders special. ``ffd`` by tag 1209: the old format knows no subjects for marked goods."""

    def __init__(self, goods: Goods, ffd: int, seed: int, replication: int) -> None:
        self._goods = goods
        self._ffd = ffd
        self._seed = seed
        self._replication = replication
        self.idle = not (goods.marked_share or goods.agent_share)

    def dress(self, key: str, items: tuple[Item, ...]) -> tuple[Item, ...]:
        """The lines of an order, some of them special."""
        if self.idle:
            return items
        draws = stream(self._seed, f"goods/{key}", self._replication).random((len(items), 3)).tolist()
        return tuple(
            piece
            for line, (item, draw) in enumerate(zip(items, draws, strict=True))
            for piece in self._line(key, line, item, draw)
        )

    def _line(self, key: str, line: int, item: Item, draw: list[float]) -> Iterator[Item]:
        goods = self._goods
        if draw[1] < goods.agent_share:
            item = replace(item, agent=_SUPPLIERS[int(draw[1] / goods.agent_share * len(_SUPPLIERS))])
        count, rest = divmod(item.quantity_e6, _PIECE)
        if draw[0] >= goods.marked_share or rest or count > MOST_PIECES:
            yield item
            return
        subject = 33 if self._ffd >= _FFD_12 else 1
        for n in range(count):
            first = _SOLD_BEFORE if not n and draw[2] < goods.sold_before_share else _FRESH
            code = _code(item.name, f"{self._replication}/{key}/{line}/{n}", first)
            yield replace(item, quantity_e6=_PIECE, sum_kop=item.price_kop, subject=subject, mark=Mark(code))


def _code(name: str, piece: str, first: str) -> str:
    serial = first + blake2b(piece.encode(), digest_size=6).hexdigest()
    return issue(f"0460{crc32(name.encode()) % 10**9:09}", serial)


def service_for(receipts: Iterable[Receipt]) -> MarkingService:
    """The marking service that knows the pieces of these receipts: those of sales circulate, those of returns are sold."""
    service = MarkingService()
    for receipt in receipts:
        for item in receipt.items:
            if item.mark is not None:
                before = receipt.type in (2, 3) or parse(item.mark.code).serial.startswith(_SOLD_BEFORE)
                service.introduce(item.mark.code, State.SOLD if before else State.CIRCULATES)
    return service


class Piece(NamedTuple):
    """A marked piece that a drive has recorded: where, in which receipt (its mark), by which name (1163), what the check said (2106)."""

    register: str
    drive: str
    document: int
    mark: str
    product: str
    result: int


def pieces(register: str, drive: Drive) -> list[Piece]:
    """The marked pieces in the receipts of a drive, in order."""
    found = []
    for number in range(1, drive.last_document + 1):
        stored = drive.find(number)
        if stored.form not in (3, 31):
            continue
        fields = walk(stored.tlv[4:])
        for tag, value in fields:
            line = dict(walk(value)) if tag == 1059 else {}
            if 1163 in line:
                product = decode_text(walk(line[1163])[0][1])
                mark = "".join(marks_in(fields)[-1:])
                found.append(Piece(register, drive.serial, number, mark, product, line[2106][0]))
    return found


def against_service(register: str, drive: Drive, service: MarkingService) -> list[str]:
    """What the marking service was told of a drive, after everything has settled: every piece of every receipt once, and nothing else."""
    sold = {(piece.document, piece.product) for piece in pieces(register, drive)}
    waiting = {notice.number for notice in drive.marks.notices}
    problems = [
        f"{register}: notification {number} of marked goods was never confirmed" for number in sorted(waiting)
    ]
    told: set[tuple[int, str]] = set()
    for (serial, number), document in service.notices.items():
        if serial != drive.serial or number in waiting:
            continue
        fields = walk(document[4:])
        receipt = int.from_bytes(dict(fields)[2040], "little")
        for tag, value in fields:
            if tag == 2007:
                piece = receipt, decode_text(dict(walk(value))[2101])
                if piece in told:
                    problems.append(f"{register}: document {receipt}, piece {piece[1]}: told twice")
                told.add(piece)
    late = {
        (notice.document, decode_text(dict(walk(value))[2101]))
        for notice in drive.marks.notices
        for tag, value in walk(notice.tlv[4:])
        if tag == 2007
    }
    problems += [
        f"{register}: document {n}, piece {p}: sold, and nobody was told"
        for n, p in sorted(sold - told - late)
    ]
    problems += [f"{register}: document {n}, piece {p}: told, and never sold" for n, p in sorted(told - sold)]
    return problems
