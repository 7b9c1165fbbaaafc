"""``bench sweep``: every combination of some values."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.keep import unwritable
from bench.scenario import ScenarioError, load

_EPILOG = """\
values:
  farm.policy=central,round_robin        these, one after the other; each is read as TOML, else as text
  farm.registers[0].count=1..8           whole numbers from 1 to 8; farm.registers.0.count is the same, and no shell's pattern
  arrivals.scale=10..60..10              10, 20, 30, 40, 50, 60
  'shifts.close_at=["13:00"],["23:00"]'  lists are TOML, too
  every combination is run; the paths are those of --set, in the order of the file (bench schema names them all)

examples:
  bench sweep scenarios/z_windows_together.toml --vary farm.registers[0].count=2..9
  bench sweep scenarios/z_windows_together.toml --vary farm.registers[0].count=2..9 --vary farm.policy=central,round_robin \\
      --late-share 0.01 --replications 30 --plot lines.png
  bench sweep scenarios/z_windows_together.toml --vary arrivals.scale=4..12..2 --vary farm.registers[0].count=2..9 --plot heat.png

on a cluster (Dask: pip install -e '.[cluster]'); the same bytes come out:
  dask scheduler                                              on one computer
  dask worker tcp://10.0.0.5:8786 --nworkers 8 --nthreads 1   on the others
  bench sweep scenarios/black_friday.toml --vary farm.registers[0].count=1..40 --dask tcp://10.0.0.5:8786
  all have the same version of the bench, and see the order files under the same paths

Each answer is kept in the folder as it comes. Ctrl-C, a crash or a power cut lose a few tasks; the same command goes on from there.

exit codes: 0 done, 2 usage, 3 invalid scenario, 130 interrupted
"""


def add(commands: Any) -> None:
    """The command's parser."""
    parser = commands.add_parser(
        "sweep",
        help="run every combination of some values",
        description="Run a scenario with every combination of some of its values, on the same independent days, on all cores or a cluster.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", metavar="SCENARIO", help="a scenario file (TOML)")
    parser.add_argument(
        "--vary",
        action="append",
        required=True,
        metavar="PATH=VALUES",
        help="a value of the scenario, and what it shall be in turn; may be repeated",
    )
    parser.add_argument(
        "--replications", type=int, default=10, metavar="N", help="days (default: %(default)s)"
    )
    parser.add_argument(
        "--late-share", type=float, metavar="P", help="target: say which configurations keep it"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes (default: one for each core; 1: none but this one)",
    )
    where.add_argument(
        "--dask", default="", metavar="ADDRESS", help="a Dask scheduler, e.g. tcp://10.0.0.5:8786"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="keep answers there and go on from what is there (default: runs/NAME-sweep-HASH; none with --json or --csv)",
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="print one JSON object")
    shown.add_argument("--csv", action="store_true", help="print the table as CSV")
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw the late shares: a heat map when two paths of numbers were varied, else lines (PNG)",
    )
    parser.add_argument("--seed", type=int, help="another seed than the scenario's own")
    parser.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", help="change a value for all"
    )
    parser.add_argument(
        "--most", type=int, default=100_000, metavar="N", help="configurations allowed (default: %(default)s)"
    )
    parser.set_defaults(command=run)


def values(option: str) -> tuple[str, Sequence[Any]]:
    """``PATH=VALUES`` as a path and its values. Raises ValueError."""
    path, sign, text = option.partition("=")
    path, text = path.strip(), text.strip()
    if not sign or not path or not text:
        raise ValueError(f"--vary {option}: write it as path.to.field=1..8 or path.to.field=one,other")
    if (several := _range(text)) is not None:
        return path, several
    try:
        return path, tomllib.loads(f"value = [{text}]")["value"]
    except tomllib.TOMLDecodeError:
        return path, [_value(part.strip()) for part in text.split(",")]


def _range(text: str) -> range | None:
    """``1..8`` or ``10..60..10`` as numbers, both ends included; None for what is no range."""
    parts = text.split("..")
    if len(parts) not in (2, 3) or not all(part.strip().lstrip("-").isdecimal() for part in parts):
        return None
    first, last, step = (int(part) for part in (*parts, "1")[:3])
    if step < 1 or last < first:
        raise ValueError(f"{text}: from the smaller to the larger number, by a step of at least 1")
    return range(first, last + 1, step)


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from bench.charts_style import undrawable
    from bench.progress import Bar
    from bench.sweep_file import SweepFileError
    from bench.sweep_plan import Plan

    scenario = load(options.scenario, options.set)
    try:
        vary: dict[str, Sequence[Any]] = {}
        for option in options.vary:
            path, several = values(option)
            if path in vary:
                raise ValueError(f"--vary {path}: is given twice; give all its values at once")
            vary[path] = several
        with Bar(f"sweep {scenario.name}: configurations") as bar:
            plan = Plan(scenario, vary, options.replications, options.seed, options.most, bar)
        folder: Path | None = options.out
        if folder is None and not (options.json or options.csv):
            folder = Path("runs") / f"{scenario.name}-sweep-{plan.short}"
        for place in (folder, options.plot and options.plot.parent):
            if place is not None and (reason := unwritable(place)):
                raise ValueError(f"{place}: cannot be written: {reason}")
        if options.plot is not None and (reason := undrawable(options.plot)):
            raise ValueError(f"--plot {options.plot}: {reason}")
        return _run(options, plan, folder)
    except (ScenarioError, BrokenPipeError):
        raise
    except (ValueError, OSError, SweepFileError) as error:
        print(f"bench sweep: {error}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace, plan: Any, folder: Path | None) -> int:
    from bench.executors import open_executor
    from bench.progress import Bar
    from bench.sweeping import csv_text, run_plan

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = 1 if options.dask else options.workers if options.workers is not None else min(cores, len(plan))
    with Bar(f"sweep {plan.name}") as bar:
        try:
            with open_executor(workers, options.dask) as executor:
                found = run_plan(plan, options.late_share, executor, folder, bar)
        except KeyboardInterrupt:
            bar.close()
            print(_interrupted(len(plan), folder), file=sys.stderr)
            return 130
    if options.json:
        print(json.dumps(found.as_json(), ensure_ascii=False))
    elif options.csv:
        print(csv_text(found), end="")
    else:
        print(found.report())
        print(
            f"\ntable and answers: {folder}"
            + (f" ({found.taken} of {len(plan)} were there)" if found.taken else "")
        )
    if options.plot is not None:  # last: what was found is told, also when it cannot be drawn
        options.plot.parent.mkdir(parents=True, exist_ok=True)
        (found.plot_heat() if found.is_map else found.plot_lines()).savefig(options.plot)
    return 0


def _interrupted(tasks: int, folder: Path | None) -> str:
    if folder is None:
        return "interrupted; nothing was kept: give --out DIR to go on from there next time"
    from bench.sweep_file import kept

    return f"interrupted; {kept(folder)} of {tasks} tasks are kept in {folder}: the same command goes on from there"
