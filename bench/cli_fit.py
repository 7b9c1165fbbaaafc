"""``bench fit``: the rate of a shop's own orders, as a piece of a scenario."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.orders_file import Trace

_EPILOG = """\
The file has one row for each line of an order (CSV or Parquet). Without --columns its columns must be named order, time, name, quantity and
price; --columns maps other names: FIELD=COLUMN, separated by commas. More fields: buyer, returned, return_prefix.

The report shows the week with its intervals, and two tests of whether orders come as by chance (Poisson): do days scatter as such days
would, and are the gaps between orders, measured in mean gaps of their moment, exponential? If not, the profile is right on the mean, but
its days are too even; replay the file itself with bootstrap = "weekdays".

examples:
  bench fit online_retail                                     the year of orders that comes with the bench
  bench fit orders.csv --columns order=id,time=created_at,name=title,quantity=qty,price=price
  bench fit orders.parquet --toml                             only the table [arrivals], to paste into a scenario
  bench fit orders.csv --plot week.png                        the week with its band, and the gaps against theory

exit codes: 0 fine, 2 usage, 3 an order file that cannot be used
"""


def add(commands: Any) -> None:
    """The command's parser."""
    fit = commands.add_parser(
        "fit",
        help="the rate of your own orders, as a piece of a scenario",
        description="Fit orders an hour, by weekday and season, to an order file; say how sure that is and whether the rest is chance.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    fit.add_argument("file", metavar="FILE", help="an order file (CSV, Parquet), or online_retail")
    fit.add_argument(
        "--columns",
        default="",
        metavar="FIELD=COLUMN,...",
        help="which column holds what, e.g. order=id,time=when",
    )
    fit.add_argument("--plot", type=Path, metavar="FILE", help="write the chart there (PNG)")
    kind = fit.add_mutually_exclusive_group()
    kind.add_argument("--toml", action="store_true", help="print only the piece of a scenario file")
    kind.add_argument("--json", action="store_true", help="print one JSON object")
    fit.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code. Raises ScenarioError for an order file that cannot be used."""
    from bench.fit import fit_rate

    try:
        trace = _read(options.file, options.columns)
    except _Usage as error:
        print(f"bench fit: {error}", file=sys.stderr)
        return 2
    fit = fit_rate(trace)
    if options.plot is not None:
        try:
            fit.plot().save(options.plot)
        except OSError as error:
            print(
                f"bench fit: --plot {options.plot}: cannot be written: {error.strerror or error}",
                file=sys.stderr,
            )
            return 2
    if options.json:
        print(json.dumps(fit.as_json(), ensure_ascii=False))
    elif options.toml:
        print(fit.toml())
    else:
        print(f"{fit.report()}\n\n{fit.toml()}")
    return 0


class _Usage(ValueError):
    """An option that cannot be understood."""


def _read(file: str, columns: str) -> Trace:
    from bench.orders_file import read_bundled, read_orders
    from bench.scenario import BUNDLED
    from bench.scenario_arrivals import Columns
    from bench.scenario_errors import near_miss

    if file in BUNDLED and not Path(file).exists():
        return read_bundled(BUNDLED[file])
    chosen: dict[str, str] = {}
    for pair in filter(None, columns.split(",")):
        field, sign, column = (part.strip() for part in pair.partition("="))
        if field not in Columns.model_fields:
            raise _Usage(f'--columns: no field "{field}"{near_miss(field, Columns.model_fields)}')
        if not sign or not column:
            raise _Usage(f"--columns {pair}: write it as field=column, e.g. order=id")
        chosen[field] = column
    return read_orders(Path(file), Columns(**chosen))
