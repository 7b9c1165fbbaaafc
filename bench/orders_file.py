"""Order files: any CSV or Parquet with one row a line of an order, read through a map of its columns.

A file becomes a `Trace`: orders with their lines, in arrays, prices exact decimals, quantities whole millionths. A register only ever
sees what was sold, so a line with a price or a quantity of zero is left out and counted; a line that cannot be understood is an error
that names its row and its column. A negative quantity is a return; an order with both becomes a sale and a return.
"""

from __future__ import annotations

import csv
import functools
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench.scenario_arrivals import Columns
from bench.scenario_errors import ScenarioError, near_miss

Ints = npt.NDArray[np.int64]
DAY_S = 86_400
MISTAKES_SHOWN = 5
NAME_LENGTH = 128  # tag 1030 holds no more characters
_QUANTITY_E6_MAX = 10**15
_TRUE = {"1", "true", "yes", "y", "t", "return", "returned", "refund"}
_FALSE = {"", "0", "false", "no", "n", "f", "sale", "sold"}


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Orders of a file, sorted by time; order i has the lines ``first_line[i]`` to ``first_line[i + 1]``.

    ``time_s`` is local time as seconds since 1970, written as if it were UTC. ``prices`` are in units of the file's currency.
    """

    source: str
    order: tuple[str, ...]
    returned: tuple[bool, ...]
    time_s: Ints
    whole_minutes: bool  # no order of the file has seconds: they are to be drawn
    buyer: tuple[str, ...]  # empty: unknown
    first_line: Ints
    name_id: Ints
    price_id: Ints
    quantity_e6: Ints
    names: tuple[str, ...]
    prices: tuple[Decimal, ...]
    left_out: dict[str, int]  # lines by reason
    empty: tuple[str, ...]  # orders of which no line was left
    first_empty_row: int = 0

    def days(self) -> dict[int, Ints]:
        """The orders of each day, by days since 1970, in order of time."""
        day = self.time_s // DAY_S
        found, starts = np.unique(day, return_index=True)
        return {
            int(d): part for d, part in zip(found, np.split(np.arange(len(day)), starts[1:]), strict=True)
        }


def read_bundled(path: Path) -> Trace:
    """The trace that comes with the bench: already clean, whole numbers only (see data/README.md). Raises ScenarioError."""
    return _bundled(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=2)
def _bundled(path: Path, changed_ns: int) -> Trace:
    table = _parquet(path)
    try:
        invoice = table["invoice"].to_numpy()
        first = np.flatnonzero(np.concatenate(([True], invoice[1:] != invoice[:-1])))
        names = table["name"].combine_chunks()
        pence, price_id = np.unique(table["price_pence"].to_numpy(), return_inverse=True)
        epoch_s = int(np.datetime64("2009-12-01", "s").astype(np.int64))
        return Trace(
            source=path.name,
            order=tuple(str(number) for number in invoice[first]),
            returned=tuple(table["is_return"].to_numpy(zero_copy_only=False)[first].tolist()),
            time_s=table["minute"].to_numpy()[first].astype(np.int64) * 60 + epoch_s,
            whole_minutes=True,
            buyer=("",) * len(first),
            first_line=np.append(first, len(invoice)).astype(np.int64),
            name_id=names.indices.to_numpy().astype(np.int64),
            price_id=price_id.astype(np.int64),
            quantity_e6=table["quantity"].to_numpy().astype(np.int64) * 1_000_000,
            names=tuple(names.dictionary.to_pylist()),
            prices=tuple(Decimal(p).scaleb(-2) for p in pence.tolist()),
            left_out={},
            empty=(),
        )
    except (KeyError, AttributeError, pa.ArrowException):
        raise ScenarioError(
            f"{path.name}: is not the trace that comes with the bench; fetch it again"
        ) from None


def read_orders(path: Path, columns: Columns) -> Trace:
    """An order file through its column map. Raises ScenarioError: one line for each mistake, with row and column, at most five."""
    return _orders(path, columns, path.stat().st_mtime_ns if path.is_file() else 0)


@functools.lru_cache(maxsize=4)
def _orders(path: Path, columns: Columns, changed_ns: int) -> Trace:
    if not path.is_file():
        raise ScenarioError(f"{path.name}: no such file; paths are relative to the scenario file")
    is_parquet = path.suffix.lower() in (".parquet", ".pq")
    if is_parquet:
        frame = _parquet(path).to_pandas()
        numbers = list(range(1, len(frame) + 1))
    else:
        frame, numbers = _csv(path)
    _columns_exist(path, frame, columns)
    return _Reading(path.name, frame, columns, numbers).trace()


def _parquet(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise ScenarioError(f"{path.name}: is no readable Parquet file: {_first_sentence(error)}") from None


def _csv(path: Path) -> tuple[pd.DataFrame, list[int]]:
    """The cells as text, and which row of the file (the header is row 1) each stands in; blank rows are passed over."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScenarioError(
            f"{path.name}: byte {error.start} is no UTF-8 text; save the file as UTF-8"
        ) from None
    header_line = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t|", key=header_line.count))
    header: list[str] = []
    rows: list[list[str]] = []
    numbers: list[int] = []
    try:
        for number, row in enumerate(reader, start=1):
            if not any(row):
                continue
            if not header:
                header = [cell.strip() for cell in row]
                continue
            if len(row) != len(header):
                raise ScenarioError(
                    f"{path.name}: row {number} has {len(row)} cells, the header has {len(header)}"
                )
            rows.append(row)
            numbers.append(number)
    except csv.Error as error:
        raise ScenarioError(f"{path.name}: is no readable CSV file: {_first_sentence(error)}") from None
    if not header:
        raise ScenarioError(f"{path.name}: is empty; the first row must name the columns")
    return pd.DataFrame(rows, columns=header, dtype=object), numbers


def _first_sentence(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__


def _columns_exist(path: Path, frame: pd.DataFrame, columns: Columns) -> None:
    there = [str(column) for column in frame.columns]
    wrong = [
        f'{path.name}: two columns are named "{name}"'
        for name in sorted({n for n in there if there.count(n) > 1})
    ]
    for field in ("order", "time", "name", "quantity", "price", "buyer", "returned"):
        wanted = getattr(columns, field)
        if wanted is not None and wanted not in there:
            wrong.append(
                f'{path.name}: no column "{wanted}" for arrivals.columns.{field}{near_miss(wanted, there)}'
            )
    if wrong:
        raise ScenarioError(wrong)


class _Reading:
    """One pass over a frame: each column converted by its distinct values, mistakes collected with their rows."""

    def __init__(self, source: str, frame: pd.DataFrame, columns: Columns, numbers: list[int]) -> None:
        self.source, self.frame, self.columns, self.numbers = source, frame, columns, numbers
        self.mistakes: list[tuple[int, str]] = []
        self.left_out: dict[str, int] = {}

    def trace(self) -> Trace:
        if self.frame.empty:
            raise ScenarioError(f"{self.source}: has no rows; there are no orders in it")
        columns = self.columns
        texts = {
            field: _texts(self.frame[getattr(columns, field)])
            for field in ("order", "time", "name", "quantity", "price", "buyer", "returned")
            if getattr(columns, field) is not None
        }
        no_goods = np.ones(len(self.frame), dtype=bool)  # a row that only names its order
        for field in ("name", "quantity", "price"):
            no_goods &= texts[field] == ""
        self._leave_out("no goods: name, quantity and price are empty", no_goods)
        goods = ~no_goods
        every = np.ones(len(self.frame), dtype=bool)

        order_id, orders = self._convert("order", texts, _not_empty, every)
        time_id, times = self._convert("time", texts, _time_s, every)
        name_id, names = self._convert("name", texts, _name, goods)
        quantity_id, quantities = self._convert("quantity", texts, _quantity_e6, goods)
        price_id, prices = self._convert("price", texts, _price, goods)
        returned = np.zeros(len(self.frame), dtype=bool)
        if columns.returned is not None:
            flag_id, flags = self._convert("returned", texts, _flag, goods)
            returned |= np.array(flags, dtype=bool)[flag_id]
        self._raise_mistakes()

        quantity = np.array(quantities, dtype=np.int64)[quantity_id]
        zero_price = np.array([price == 0 for price in prices], dtype=bool)[price_id]
        returned |= quantity < 0
        if columns.return_prefix is not None:
            prefix = columns.return_prefix
            returned |= np.array([str(order).startswith(prefix) for order in orders], dtype=bool)[order_id]
        self._leave_out("price of zero", goods & zero_price)
        self._leave_out("quantity of zero", goods & ~zero_price & (quantity == 0))
        keep = goods & ~zero_price & (quantity != 0)
        time_s = np.array(times, dtype=np.int64)[time_id]
        empty = self._empty(order_id, keep, len(orders))
        return self._assemble(
            keep,
            order_id,
            orders,
            returned,
            time_s,
            name_id,
            names,
            price_id,
            prices,
            np.abs(quantity),
            texts,
            empty,
        )

    def _empty(self, order_id: Ints, keep: npt.NDArray[np.bool_], count: int) -> Ints:
        """First rows of the orders of which nothing is left, in the order of the file."""
        alive = np.zeros(count, dtype=bool)
        alive[order_id[keep]] = True
        first_rows = np.unique(order_id, return_index=True)[1]
        return np.sort(first_rows[~alive[order_id[first_rows]]]).astype(np.int64)

    def _assemble(
        self,
        keep: npt.NDArray[np.bool_],
        order_id: Ints,
        orders: Sequence[Any],
        returned: npt.NDArray[np.bool_],
        time_s: Ints,
        name_id: Ints,
        names: Sequence[Any],
        price_id: Ints,
        prices: Sequence[Any],
        quantity: Ints,
        texts: dict[str, npt.NDArray[np.object_]],
        empty: Ints,
    ) -> Trace:
        earliest = np.full(len(orders), np.iinfo(np.int64).max)
        np.minimum.at(earliest, order_id, time_s)
        rows = np.flatnonzero(keep)
        # by time, then order number, sale before return; lines stay as the file has them
        rows = rows[np.lexsort((rows, returned[rows], order_id[rows], earliest[order_id[rows]]))]
        group = order_id[rows] * 2 + returned[rows]
        first = (
            np.flatnonzero(np.concatenate(([True], group[1:] != group[:-1])))
            if len(rows)
            else np.zeros(0, np.int64)
        )
        both = set((group // 2)[first][np.flatnonzero(np.diff((group // 2)[first]) == 0)].tolist())
        heads = rows[first]
        buyers = texts.get("buyer")
        return Trace(
            source=self.source,
            order=tuple(
                f"{orders[order_id[r]]}-return"
                if returned[r] and int(order_id[r]) in both
                else str(orders[order_id[r]])
                for r in heads
            ),
            returned=tuple(bool(returned[r]) for r in heads),
            time_s=earliest[order_id[heads]],
            whole_minutes=not bool((time_s % 60).any()),
            buyer=tuple("" if buyers is None else str(buyers[r]) for r in heads),
            first_line=np.append(first, len(rows)).astype(np.int64),
            name_id=name_id[rows],
            price_id=price_id[rows],
            quantity_e6=quantity[rows],
            names=tuple(names),
            prices=tuple(prices),
            left_out=self.left_out,
            empty=tuple(str(orders[order_id[r]]) for r in empty),
            first_empty_row=self.numbers[int(empty[0])] if len(empty) else 0,
        )

    def _leave_out(self, reason: str, rows: npt.NDArray[np.bool_]) -> None:
        count = int(rows.sum())
        if count:
            self.left_out[reason] = count

    def _convert(
        self,
        field: str,
        texts: dict[str, npt.NDArray[np.object_]],
        read: Callable[[str], Any],
        wanted: npt.NDArray[np.bool_],
    ) -> tuple[Ints, list[Any]]:
        """Distinct values of a column, converted once each, and which row has which. Rows not wanted may hold anything."""
        codes, distinct = pd.factorize(texts[field])
        converted: list[Any] = []
        for code, text in enumerate(distinct):
            try:
                converted.append(read(str(text)))
            except ValueError as error:
                converted.append(_HARMLESS[field])
                for row in np.flatnonzero((codes == code) & wanted)[:MISTAKES_SHOWN]:
                    column = getattr(self.columns, field)
                    self.mistakes.append((int(row), f'column "{column}": {error}'))
        return codes.astype(np.int64), converted

    def _raise_mistakes(self) -> None:
        if not self.mistakes:
            return
        self.mistakes.sort(key=lambda mistake: mistake[0])
        lines = [
            f"{self.source}: row {self.numbers[row]}, {what}" for row, what in self.mistakes[:MISTAKES_SHOWN]
        ]
        if len(self.mistakes) > MISTAKES_SHOWN:
            lines.append(f"{self.source}: and more rows like these; the first {MISTAKES_SHOWN} are shown")
        raise ScenarioError(lines)


_HARMLESS: dict[str, Any] = {
    "order": "?",
    "time": 0,
    "name": "?",
    "quantity": 0,
    "price": Decimal(0),
    "buyer": "",
    "returned": False,
}


def _texts(column: Any) -> npt.NDArray[np.object_]:
    """A column as stripped text, missing values as "". Numbers keep their shortest exact form, times their ISO form."""
    values: Iterator[Any] = iter(column.astype(object).where(column.notna(), None))
    return np.array([_text(value) for value in values], dtype=object)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))  # a whole number in a column with gaps is no 1001.0
    if isinstance(value, pd.Timestamp):
        return str(value.isoformat(sep=" "))
    return str(value).strip()


def _not_empty(text: str) -> str:
    if not text:
        raise ValueError("is empty")
    return text


def _name(text: str) -> str:
    """Tag 1030 holds 128 characters; a shop cuts the tail."""
    return " ".join(_not_empty(text).split())[:NAME_LENGTH]


def _decimal(text: str) -> Decimal:
    """A number with a decimal point or, when there is no point, one decimal comma."""
    plain = text.replace("\u00a0", "").replace(" ", "")
    if plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    try:
        value = Decimal(_not_empty(plain))
    except InvalidOperation:
        raise ValueError(f'"{text[:40]}" is no number') from None
    if not value.is_finite():
        raise ValueError(f'"{text[:40]}" is no number')
    return value


def _quantity_e6(text: str) -> int:
    millionths = _decimal(text) * 1_000_000
    if millionths != millionths.to_integral_value():
        raise ValueError(f'"{text[:40]}" has more than six decimal places')
    if abs(millionths) > _QUANTITY_E6_MAX:
        raise ValueError(f'"{text[:40]}" is too large for a quantity')
    return int(millionths)


def _price(text: str) -> Decimal:
    price = _decimal(text)
    if price < 0:
        raise ValueError(
            f'"{text[:40]}" is a price below zero; spread a discount over the lines of its order'
        )
    if price > 10**10:
        raise ValueError(f'"{text[:40]}" is too large for a price')
    return price


def _flag(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(f'"{text[:40]}" is neither yes nor no')


_ISO = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)(?:[T ](\d\d?):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?)?")
_DOTTED = re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4})(?:[T ](\d\d?):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?)?")
_ZONED = re.compile(r".*\d(?:Z|[+-]\d\d:?\d\d)")


def _time_s(text: str) -> int:
    """``2026-11-27 12:30[:15]`` or ``27.11.2026 12:30[:15]``, local time."""
    match = _ISO.fullmatch(_not_empty(text))
    if match is not None:
        year, month, day = match[1], match[2], match[3]
    else:
        match = _DOTTED.fullmatch(text)
        if match is None:
            zoned = ": it has a time zone, write local time" if _ZONED.fullmatch(text) and ":" in text else ""
            raise ValueError(f'"{text[:40]}" is no time such as 2026-11-27 12:30:15{zoned}')
        year, month, day = match[3], match[2], match[1]
    try:
        date = np.datetime64(f"{int(year):04}-{int(month):02}-{int(day):02}", "s").astype(np.int64)
    except ValueError:
        raise ValueError(f'"{text[:40]}" is no day of the calendar') from None
    hour, minute, second = (int(part or 0) for part in match.groups()[3:])
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f'"{text[:40]}" is no time of a day')
    return int(date) + hour * 3600 + minute * 60 + second
