"""Makes `online_retail.parquet`, the bundled trace of real orders, from the published order lines of "Online Retail II".

    python data/prepare_online_retail.py SOURCE.parquet [TARGET.parquet]

The source has one row a line of an order: invoice, stock_code, description, quantity, invoice_date, price (pounds). What stays out,
and why, is in `DROPPED` and in `data/README.md`; the counts printed here are the ones written there.

The result holds whole numbers only, so that it is small and the same on every machine: invoice, minute (minutes since
2009-12-01 00:00), name (a dictionary column), quantity (always positive), price_pence, is_return.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

EPOCH = pd.Timestamp("2009-12-01")
NOT_GOODS = {
    "ADJUST": "adjustments of accounts",
    "ADJUST2": "adjustments of accounts",
    "AMAZONFEE": "fees the shop paid",
    "B": "bad debt written off",
    "BANK CHARGES": "fees the shop paid",
    "D": "discounts booked on their own",
    "S": "samples",
    "TEST001": "test orders",
    "TEST002": "test orders",
}


def prepare(lines: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """The lines a cash register would have seen, and how many were left out for which reason."""
    invoice = lines["invoice"].astype(str)
    code = lines["stock_code"].astype(str).str.strip()
    pence = np.floor(lines["price"].to_numpy() * 100 + 0.5).astype(np.int64)
    returned = invoice.str.startswith("C").to_numpy()
    quantity = lines["quantity"].to_numpy().astype(np.int64)
    dropped: dict[str, int] = {}
    keep = np.ones(len(lines), dtype=bool)

    def drop(reason: str, rows: np.ndarray) -> None:
        dropped[reason] = dropped.get(reason, 0) + int((keep & rows).sum())
        keep[rows] = False

    drop(
        "price of zero or below: gifts, damaged and lost goods, stock corrections",
        lines["price"].to_numpy() <= 0,
    )
    for stock_code, reason in NOT_GOODS.items():
        drop(reason, (code == stock_code).to_numpy())
    drop("price below half a penny", pence <= 0)
    drop("sign of the quantity contradicts the invoice", np.where(returned, quantity >= 0, quantity <= 0))

    name = lines["description"].astype(str).str.replace("£", "GBP ", regex=False).str.split().str.join(" ")
    number = invoice.str.lstrip("CA").astype(np.int32)
    minute = ((lines["invoice_date"] - EPOCH) // pd.Timedelta(minutes=1)).astype(np.int32)
    first_minute = minute.groupby(invoice).transform("min")  # 41 invoices were keyed over two minutes
    table = pd.DataFrame(
        {
            "invoice": number,
            "minute": first_minute,
            "name": name,
            "quantity": np.abs(quantity).astype(np.int32),
            "price_pence": pence.astype(np.int32),
            "is_return": returned,
        }
    )[keep]
    return table.sort_values(["minute", "invoice"], kind="stable"), dropped


def main(source: Path, target: Path) -> None:
    lines = pd.read_parquet(source)
    table, dropped = prepare(lines)
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    arrow = arrow.set_column(2, "name", arrow["name"].cast(pa.string()).dictionary_encode())
    arrow = arrow.replace_schema_metadata(
        {
            "source": "Online Retail II, Daqing Chen, UCI Machine Learning Repository, 2019, DOI 10.24432/C5CG6D",
            "licence": "CC BY 4.0, changed: see data/README.md",
            "epoch": "2009-12-01T00:00",
        }
    )
    pq.write_table(
        arrow,
        target,
        compression="zstd",
        compression_level=22,
        use_dictionary=["name"],
        column_encoding={
            "invoice": "DELTA_BINARY_PACKED",
            "minute": "DELTA_BINARY_PACKED",
            "quantity": "BYTE_STREAM_SPLIT",
        },
        write_statistics=False,
        row_group_size=len(arrow),
        data_page_size=1 << 22,
        dictionary_pagesize_limit=1 << 22,
    )
    orders = table.groupby("invoice")["is_return"].first()
    said = [
        f"{len(lines):,} lines, {lines['invoice'].nunique():,} invoices read",
        *(f"{count:,} lines left out: {reason}" for reason, count in dropped.items()),
        f"{len(table):,} lines, {len(orders):,} orders written, {int(orders.sum()):,} of them returns",
        f"{lines['invoice'].nunique() - len(orders):,} invoices had nothing else and are gone",
        f"{target.stat().st_size:,} bytes",
    ]
    sys.stdout.write("\n".join(said) + "\n")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(
        Path(sys.argv[1]),
        Path(sys.argv[2]) if len(sys.argv) == 3 else Path(__file__).parent / "online_retail.parquet",
    )
