"""The ``bench`` command. Exit codes: 0 fine, 1 an expectation or invariant failed, 2 usage, 3 invalid scenario."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from bench import cli_fit, cli_size, cli_sweep
from bench.keep import keep, unwritable
from bench.scenario import ScenarioError, load

if TYPE_CHECKING:
    from bench.result import Result

OK, FAILED, USAGE, INVALID = 0, 1, 2, 3

EXAMPLES = """\
examples:
  bench run scenarios/black_friday.toml                      a day of a real shop; table, charts, verdict
  bench run scenarios/black_friday.toml --set farm.registers[0].count=2 --seed 7
  bench run scenarios/quiet_day.toml --json                  one JSON object for machines
  bench run scenarios/burst_of_15.toml --replications 20     intervals over 20 independent days
  bench size scenarios/black_friday.toml --late-share 0.001  how many registers are enough?
  bench fit orders.csv --toml                                what is the rate of my own orders?
  bench sweep scenarios/quiet_day.toml --vary farm.registers[0].count=1..8 --vary farm.policy=central,round_robin
  bench check scenarios/*.toml                               are these files right?
  bench replay runs/black_friday                             does that result come out again, to the bit?

exit codes: 0 fine, 1 an expectation or an invariant failed, 2 usage, 3 invalid scenario
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except ScenarioError as error:
        print(error, file=sys.stderr)
        return INVALID
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench",
        description="Replay a shop's orders, outages and Z-reports against a farm of registers, in virtual time, with the real engine.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")

    run = commands.add_parser(
        "run", help="run a scenario", description="Run a scenario and say whether its expectations hold."
    )
    run.add_argument("scenario", metavar="SCENARIO", help="a scenario file (TOML)")
    run.add_argument("--seed", type=_count, help="another seed than the scenario's own")
    run.add_argument(
        "--fidelity",
        choices=("wire", "timed"),
        default="wire",
        help="wire: protocol bytes and emulated registers; timed: the same engine over service times (default: %(default)s)",
    )
    run.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write result.json, tables and charts there (default: runs/NAME)",
    )
    run.add_argument(
        "--json", action="store_true", help="print one JSON object and write no folder unless --out is given"
    )
    run.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="change a value of the scenario, e.g. farm.policy=central or faults[0].for_s=60; may be repeated",
    )
    run.add_argument(
        "--trace",
        type=Path,
        metavar="FILE",
        help="write every exchange with the registers there, in words (- for stderr); for one day of fidelity wire",
    )
    run.add_argument(
        "--trace-register",
        action="append",
        default=[],
        metavar="NAME",
        help="trace this register only; may be repeated",
    )
    run.add_argument(
        "--replications",
        type=_positive,
        default=1,
        metavar="N",
        help="run N independent days and give intervals over them",
    )
    run.set_defaults(command=_run)

    check = commands.add_parser(
        "check",
        help="validate scenario files",
        description="Read scenario files, say what is wrong with them.",
    )
    check.add_argument("scenario", metavar="SCENARIO", nargs="+", help="scenario files (TOML)")
    check.set_defaults(command=_check)

    replay = commands.add_parser(
        "replay",
        help="run a result folder again and compare",
        description="Run the scenario kept in a result folder again and compare the hash of the event log.",
    )
    replay.add_argument("folder", type=Path, metavar="DIR", help="a result folder")
    replay.set_defaults(command=_replay)

    cli_size.add(commands)
    cli_fit.add(commands)
    cli_sweep.add(commands)

    speed = commands.add_parser(
        "speed",
        help="how fast the bench is here, as ratios to a bare SimPy queue",
        description="Measure receipts a second of each fidelity and print them as ratios to a bare SimPy queue in the same run.",
    )
    speed.add_argument(
        "--rounds",
        type=_positive,
        default=5,
        help="interleaved rounds, medians are taken (default: %(default)s)",
    )
    speed.set_defaults(command=_speed)

    notebooks = commands.add_parser(
        "notebooks",
        help="run the notebooks again and keep their outputs",
        description="Run notebooks in place and keep their outputs; a notebook that fails is left as it was.",
    )
    notebooks.add_argument(
        "notebook", type=Path, nargs="*", help="notebooks; without any: all of the folder notebooks/"
    )
    notebooks.set_defaults(command=_notebooks)

    schema = commands.add_parser("schema", help="print the JSON schema of scenario files")
    schema.set_defaults(command=_schema)
    return parser


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _count(text: str) -> int:
    value = _whole(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def _positive(text: str) -> int:
    value = _whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _run(options: argparse.Namespace) -> int:
    scenario = load(options.scenario, options.set)
    folder: Path | None = options.out or (None if options.json else Path("runs") / scenario.name)
    if folder is not None and (reason := unwritable(folder)):
        print(f"{folder}: cannot be written: {reason}", file=sys.stderr)
        return USAGE
    import bench
    from bench import theory_beside
    from bench.progress import Bar

    if options.trace is not None:
        wrong = _untraceable(options, [register.name for register in scenario.registers()])
        if wrong:
            print(wrong, file=sys.stderr)
            return USAGE
    results: list[Result] = []
    for replication in range(options.replications):
        label = (
            scenario.name
            if options.replications == 1
            else f"{scenario.name} {replication + 1}/{options.replications}"
        )
        with Bar(label) as bar:
            with _trace(options.trace) as trace:
                result = bench.run(
                    scenario,
                    options.seed,
                    fidelity=options.fidelity,
                    replication=replication,
                    progress=bar,
                    trace=trace,
                    trace_registers=options.trace_register,
                )
            results.append(result)
    result = results[0]
    ok = all(one.ok for one in results)
    if folder is not None:
        try:
            keep(result, folder)
        except OSError as error:
            print(f"{folder}: cannot be written: {error.strerror or error}", file=sys.stderr)
            return USAGE
    if options.json:
        summary = result.summary
        if len(results) > 1:
            from bench.statistics import replicate_summary

            summary = summary | {"replications": replicate_summary(results).to_dict("records")}
        print(json.dumps(summary, ensure_ascii=False))
    else:
        print(result.report())
        if compared := theory_beside.table(theory_beside.beside(result)):
            print(f"\n{compared}")
        if len(results) > 1:
            print(_intervals(results))
        if folder is not None:
            print(f"\ntables and charts: {folder}")
    return OK if ok else FAILED


def _untraceable(options: argparse.Namespace, names: Sequence[str]) -> str:
    """Why the exchanges of this run cannot be written as it was asked; empty when they can."""
    if options.fidelity != "wire":
        return "--trace: fidelity timed has no exchanges with registers; use --fidelity wire"
    if options.replications > 1:
        return "--trace: one run at a time; leave --replications out"
    unknown = next((name for name in options.trace_register if name not in names), None)
    if unknown is not None:
        return f"--trace-register: no register {unknown!r}; there are: {', '.join(names)}"
    try:
        if str(options.trace) != "-":
            options.trace.parent.mkdir(parents=True, exist_ok=True)
            options.trace.open("w", encoding="utf-8").close()
    except OSError as error:
        return f"--trace {options.trace}: cannot be written: {error.strerror or error}"
    return ""


def _trace(path: Path | None) -> AbstractContextManager[TextIO | None]:
    """Where the exchanges are written, while it lasts."""
    if path is None:
        return nullcontext()
    if str(path) == "-":
        return nullcontext(sys.stderr)
    return path.open("w", encoding="utf-8")


def _intervals(results: Sequence[Result]) -> str:
    from bench.statistics import replicate_summary
    from bench.statistics_precision import replications_needed

    table = replicate_summary(results)
    lines = [f"\nover {len(results)} independent replications (95 % t-intervals)"]
    for row in table.to_dict("records"):
        lines.append(f"  {row['metric']:24}{row['mean']:12.4g}   {row['low']:.4g} ... {row['high']:.4g}")
    waits = [result.summary["wait_s"]["mean"] for result in results]
    if None not in waits and any(waits):
        needed = replications_needed(waits, 0.05, relative=True)
        enough = "these are enough" if needed <= len(waits) else f"--replications {needed}"
        lines.append(f"  the mean wait to within 5 %: {enough}")
    return "\n".join(lines)


def _check(options: argparse.Namespace) -> int:
    from bench.traffic import make_orders

    wrong = 0
    for path in options.scenario:
        try:
            scenario = load(path)
            orders = make_orders(scenario)
        except ScenarioError as error:
            print(error, file=sys.stderr)
            wrong += 1
        else:
            print(f"{path}: fine, {len(orders):,} receipts: {scenario.question}")
    return INVALID if wrong else OK


def _replay(options: argparse.Namespace) -> int:
    from bench.progress import Bar
    from bench.replay import replay

    with Bar(str(options.folder)) as bar:
        before, after = replay(options.folder, bar)
    if before == after:
        print(f"{options.folder}: the same, event log {after}")
        return OK
    print(f"{options.folder}: differs: event log was {before}, is {after}", file=sys.stderr)
    return FAILED


def _schema(options: argparse.Namespace) -> int:
    from bench.scenario import schema_text

    print(schema_text(), end="")
    return OK


def _speed(options: argparse.Namespace) -> int:
    from bench import speed
    from bench.progress import Bar

    with Bar("speed") as bar:
        speeds = speed.measure(options.rounds, progress=bar)
    print(speed.table(speeds))
    if problem := speed.disagreement(speeds):
        print(f"bench speed: {problem}", file=sys.stderr)
        return FAILED
    return OK


def _notebooks(options: argparse.Namespace) -> int:
    from bench import notebooks

    return notebooks.refresh(options.notebook or notebooks.every())
