"""``bench size``: how many registers are enough."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bench.scenario import load

_EPILOG = """\
examples:
  bench size scenarios/black_friday.toml --late-share 0.001
  bench size scenarios/two_entities.toml --late-share 0.01 --register NAME --plot size.png

exit codes: 0 a farm is enough, 1 none of the allowed ones is, 2 usage, 3 invalid scenario
"""


def add(commands: Any) -> None:
    """The command's parser."""
    size = commands.add_parser(
        "size",
        help="how many registers are enough",
        description="Find the fewest registers that keep the share of late receipts, over independent days that all farms share.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    size.add_argument("scenario", metavar="SCENARIO", help="a scenario file (TOML)")
    size.add_argument(
        "--late-share",
        type=float,
        required=True,
        metavar="P",
        help="allowed share of late receipts, e.g. 0.001",
    )
    size.add_argument("--replications", type=int, default=30, metavar="N", help="days (default: %(default)s)")
    size.add_argument(
        "--register",
        default="",
        metavar="NAME",
        help="grow this entry of farm.registers alone (default: the whole farm, in its own proportions)",
    )
    size.add_argument(
        "--most", type=int, default=256, metavar="N", help="registers of it at most (default: %(default)s)"
    )
    size.add_argument("--seed", type=int, help="another seed than the scenario's own")
    size.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", help="change a value of the scenario"
    )
    size.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="worker processes for the days (default: %(default)s)",
    )
    size.add_argument(
        "--dask",
        default="",
        metavar="ADDRESS",
        help="a Dask scheduler to work on, such as tcp://10.0.0.5:8786",
    )
    size.add_argument("--plot", type=Path, metavar="FILE", help="write the late-share curve there (PNG, SVG)")
    size.add_argument("--json", action="store_true", help="print one JSON object")
    size.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from bench.executors import open_executor
    from bench.progress import Bar
    from bench.sizing import size

    scenario = load(options.scenario, options.set)
    try:
        if options.seed is not None and options.seed < 0:
            raise ValueError("--seed must not be negative")
        with open_executor(options.workers, options.dask) as executor, Bar(f"size {scenario.name}") as bar:
            answer = size(
                scenario,
                options.late_share,
                replications=options.replications,
                template=options.register,
                most=options.most,
                seed=options.seed,
                executor=executor,
                progress=bar,
            )
        if options.plot is not None:
            answer.plot().savefig(options.plot)
    except (ValueError, OSError) as error:
        if type(error).__name__ == "ScenarioError":
            raise
        print(f"bench size: {error}", file=sys.stderr)
        return 2
    print(json.dumps(answer.as_json(), ensure_ascii=False) if options.json else answer.report())
    return 0 if answer.ok else 1
