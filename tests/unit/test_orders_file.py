"""Order files of any make: what is missing or malformed is named with its row and its column."""

from __future__ import annotations

import datetime as dt
import os
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from bench.orders_file import Trace, read_bundled, read_orders
from bench.scenario_arrivals import Columns
from bench.scenario_errors import ScenarioError

HEADER = "order,time,name,quantity,price\n"
BUNDLED = Path(__file__).resolve().parents[2] / "data" / "online_retail.parquet"


def read(tmp_path: Path, text: str, columns: Columns | None = None) -> Trace:
    path = tmp_path / "orders.csv"
    path.write_text(text, encoding="utf-8")
    return read_orders(path, columns or Columns())


def refusal(tmp_path: Path, text: str, columns: Columns | None = None) -> tuple[str, ...]:
    with pytest.raises(ScenarioError) as caught:
        read(tmp_path, text, columns)
    assert all("\n" not in line for line in caught.value.lines)
    return caught.value.lines


def lines_of(trace: Trace, i: int) -> list[tuple[str, int, Decimal]]:
    span = range(trace.first_line[i], trace.first_line[i + 1])
    return [
        (trace.names[trace.name_id[k]], int(trace.quantity_e6[k]), trace.prices[trace.price_id[k]])
        for k in span
    ]


def test_rows_of_one_number_are_one_order_wherever_they_stand(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        HEADER
        + "7,2026-01-05 10:01,Tea,1,2.50\n8,2026-01-05 10:00,Cup,2,3\n7,2026-01-05 10:02,  Milk   2% ,0.5,80\n",
    )
    assert trace.order == ("8", "7")
    assert trace.whole_minutes
    assert lines_of(trace, 1) == [("Tea", 1_000_000, Decimal("2.50")), ("Milk 2%", 500_000, Decimal(80))]
    assert trace.time_s[1] - trace.time_s[0] == 60  # the order's time is its first


def test_an_order_with_sold_and_returned_lines_is_a_sale_and_a_return(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        HEADER + "1,2026-01-05 10:00,Tea,1,5\n1,2026-01-05 10:00,Cup,-2,3\n2,2026-01-05 10:00,Cup,-1,3\n",
    )
    assert list(zip(trace.order, trace.returned, strict=True)) == [
        ("1", False),
        ("1-return", True),
        ("2", True),
    ]
    assert lines_of(trace, 1) == [("Cup", 2_000_000, Decimal(3))]


def test_returns_by_prefix_and_by_marker(tmp_path: Path) -> None:
    columns = Columns(return_prefix="C", returned="back", buyer="who")
    text = "order,time,name,quantity,price,back,who\nC1,2026-01-05,Tea,1,5,,ann\n2,2026-01-05,Tea,1,5,yes,bob\n3,2026-01-05,Tea,1,5,0,\n"
    trace = read(tmp_path, text, columns)
    assert trace.returned == (True, True, False)
    assert trace.buyer == ("ann", "bob", "")


def test_semicolons_decimal_commas_russian_dates_and_a_byte_order_mark(tmp_path: Path) -> None:
    columns = Columns(order="Заказ", time="Дата", name="Товар", quantity="Кол-во", price="Цена")
    text = "\ufeffЗаказ;Дата;Товар;Кол-во;Цена\n15;05.01.2026 10:07:30;Чай;1,5;1 250,90\n"
    trace = read(tmp_path, text, columns)
    assert lines_of(trace, 0) == [("Чай", 1_500_000, Decimal("1250.90"))]
    assert trace.time_s[0] == dt.datetime(2026, 1, 5, 10, 7, 30, tzinfo=dt.UTC).timestamp()
    assert not trace.whole_minutes


def test_parquet_with_types_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    frame = pd.DataFrame(
        {
            "order": [1001.0, 1001.0, 1002.0],  # whole numbers kept as floats
            "time": pd.to_datetime(["2026-01-05 10:00:00", "2026-01-05 10:00:00", "2026-01-05 11:30:15"]),
            "name": pd.Categorical(["Tea", "Cup", "Tea"]),
            "quantity": [1, 2, -3],
            "price": [0.1, 2.675, 0.1],
        }
    )
    frame.to_parquet(path)
    trace = read_orders(path, Columns())
    assert trace.order == ("1001", "1002")
    assert lines_of(trace, 0) == [("Tea", 1_000_000, Decimal("0.1")), ("Cup", 2_000_000, Decimal("2.675"))]
    assert trace.returned == (False, True)
    assert trace.time_s[1] - trace.time_s[0] == 5415


def test_parquet_rows_are_named_from_one(tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    pd.DataFrame(
        {
            "order": ["1", "2"],
            "time": ["2026-01-05", None],
            "name": ["a", "b"],
            "quantity": [1, 1],
            "price": [1.0, float("nan")],
        }
    ).to_parquet(path)
    with pytest.raises(ScenarioError) as caught:
        read_orders(path, Columns())
    assert caught.value.lines == (
        'orders.parquet: row 2, column "time": is empty',
        'orders.parquet: row 2, column "price": is empty',
    )


def test_names_longer_than_a_receipt_holds_are_cut(tmp_path: Path) -> None:
    assert len(read(tmp_path, HEADER + f"1,2026-01-05,{'x' * 300},1,1\n").names[0]) == 128


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (",2026-01-05 10:00,Tea,1,5", 'row 3, column "order": is empty'),
        ("2,yesterday,Tea,1,5", 'row 3, column "time": "yesterday" is no time such as 2026-11-27 12:30:15'),
        ("2,2026-02-30 10:00,Tea,1,5", 'row 3, column "time": "2026-02-30 10:00" is no day of the calendar'),
        ("2,2026-01-05 24:10,Tea,1,5", 'row 3, column "time": "2026-01-05 24:10" is no time of a day'),
        (
            "2,2026-01-05T10:00:00+03:00,Tea,1,5",
            'row 3, column "time": "2026-01-05T10:00:00+03:00" is no time such as 2026-11-27 12:30:15: it has a time zone, write '
            "local time",
        ),
        ("2,2026-01-05 10:00,,1,5", 'row 3, column "name": is empty'),
        ("2,2026-01-05 10:00,Tea,two,5", 'row 3, column "quantity": "two" is no number'),
        (
            "2,2026-01-05 10:00,Tea,0.1234567,5",
            'row 3, column "quantity": "0.1234567" has more than six decimal places',
        ),
        ("2,2026-01-05 10:00,Tea,1e99,5", 'row 3, column "quantity": "1e99" is too large for a quantity'),
        ("2,2026-01-05 10:00,Tea,1,", 'row 3, column "price": is empty'),
        ("2,2026-01-05 10:00,Tea,1,NaN", 'row 3, column "price": "NaN" is no number'),
        ("2,2026-01-05 10:00,Tea,1,1.2.3", 'row 3, column "price": "1.2.3" is no number'),
        (
            "2,2026-01-05 10:00,Tea,1,-5",
            'row 3, column "price": "-5" is a price below zero; spread a discount over the lines of its order',
        ),
    ],
)
def test_a_bad_cell_is_named_by_row_and_column(row: str, what: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, HEADER + "1,2026-01-05 10:00,Tea,1,5\n" + row + "\n") == (f"orders.csv: {what}",)


def test_a_marker_that_is_neither_yes_nor_no(tmp_path: Path) -> None:
    text = "order,time,name,quantity,price,back\n1,2026-01-05,Tea,1,5,perhaps\n"
    assert refusal(tmp_path, text, Columns(returned="back")) == (
        'orders.csv: row 2, column "back": "perhaps" is neither yes nor no',
    )


def test_many_bad_rows_are_shown_in_part(tmp_path: Path) -> None:
    lines = refusal(tmp_path, HEADER + "1,2026-01-05,Tea,x,5\n" * 40)
    assert lines[0] == 'orders.csv: row 2, column "quantity": "x" is no number'
    assert len(lines) <= 6


def test_a_missing_column_is_named_with_the_nearest_there_is(tmp_path: Path) -> None:
    lines = refusal(tmp_path, "order,time,nmae,quantity\n1,2026-01-05,Tea,1\n")
    assert lines == (
        'orders.csv: no column "name" for arrivals.columns.name; did you mean nmae?',
        'orders.csv: no column "price" for arrivals.columns.price; known: order, time, nmae, quantity',
    )


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "orders.csv: is empty; the first row must name the columns"),
        (HEADER.encode(), "orders.csv: has no rows; there are no orders in it"),
        (
            "order,name\n1,Чай".encode("cp1251"),
            "orders.csv: byte 13 is no UTF-8 text; save the file as UTF-8",
        ),
        (HEADER.encode() + b"1,2,3,4,5,6,7\n", "orders.csv: row 2 has 7 cells, the header has 5"),
    ],
)
def test_a_file_that_is_no_order_file_is_one_line(content: bytes, what: str, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(ScenarioError) as caught:
        read_orders(path, Columns())
    (line,) = caught.value.lines
    assert line.startswith(what)


def test_a_broken_parquet_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    path.write_bytes(b"PAR1 is not enough")
    with pytest.raises(ScenarioError, match=r"^orders\.parquet: is no readable Parquet file: .+$"):
        read_orders(path, Columns())
    with pytest.raises(ScenarioError, match=r"^orders\.parquet: is no readable Parquet file: .+$"):
        read_bundled(path)


def test_another_parquet_file_is_not_the_bundled_trace(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    pd.DataFrame({"order": [1]}).to_parquet(path)
    with pytest.raises(ScenarioError, match="is not the trace that comes with the bench"):
        read_bundled(path)


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    assert read(tmp_path, HEADER + "1,2026-01-05,Tea,1,5\n").order == ("1",)
    path = tmp_path / "orders.csv"
    path.write_text(HEADER + "2,2026-01-05,Tea,1,5\n", encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert read_orders(path, Columns()).order == ("2",)


def test_the_bundled_trace_is_what_its_description_says() -> None:
    trace = read_bundled(BUNDLED)
    assert len(trace.order) == len(set(trace.order)) == 25_287
    assert sum(trace.returned) == 4_416
    assert len(trace.name_id) == trace.first_line[-1] == 521_457
    assert (trace.first_line[1:] - trace.first_line[:-1]).min() == 1
    assert (trace.first_line[1:] - trace.first_line[:-1]).max() == 675
    assert trace.quantity_e6.min() > 0
    assert min(trace.prices) > 0
    assert (trace.time_s[1:] >= trace.time_s[:-1]).all()
    assert all(name == " ".join(name.split()) and name.encode("cp866") for name in trace.names)
    assert BUNDLED.stat().st_size < 2_000_000
