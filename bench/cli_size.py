"""``bench size``: how many registers are enough."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.keep import unwritable
from bench.scenario import Scenario, load

if TYPE_CHECKING:
    from bench.progress import Progress

_EPILOG = """\
examples:
  bench size scenarios/black_friday.toml --late-share 0.001
  bench size scenarios/two_entities.toml --late-share 0.01 --register llc --plot size.png
  bench size scenarios/z_windows_together.toml --late-share 0.01 --bursts --schedule
  bench size scenarios/black_friday.toml --late-share 0.001 --policies --sensitivity --confirm

The further questions are asked of the farm that was found (of the scenario's own farm when none is enough).

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
    further = size.add_argument_group("further questions")
    for name, (about, _) in FURTHER.items():
        further.add_argument(f"--{name}", action="store_true", help=about)
    size.add_argument("--json", action="store_true", help="print one JSON object")
    size.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from bench.executors import open_executor
    from bench.growth import Growth
    from bench.progress import Bar
    from bench.sizing import size

    scenario = load(options.scenario, options.set)
    found: dict[str, Any] = {}
    try:
        if options.seed is not None and options.seed < 0:
            raise ValueError("--seed must not be negative")
        if options.plot is not None:  # before the work, not after it
            from bench.charts_style import undrawable

            if reason := undrawable(options.plot) or unwritable(options.plot.parent):
                raise ValueError(f"--plot {options.plot}: {reason}")
        with open_executor(options.workers, options.dask) as executor:
            with Bar(f"size {scenario.name}") as bar:
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
            farm = scenario
            if answer.registers is not None:
                farm = Growth(scenario, options.register, answer.kinds).farm(answer.registers)
            for name, (_, ask) in FURTHER.items():
                if getattr(options, name) and answer.tried:
                    with Bar(f"{name} {scenario.name}") as bar:
                        found[name] = ask(farm, options, executor, bar)
        if options.plot is not None and answer.tried:
            options.plot.parent.mkdir(parents=True, exist_ok=True)
            answer.plot().savefig(options.plot)
            for name, one in found.items():
                if hasattr(one, "plot"):
                    one.plot().savefig(options.plot.with_stem(f"{options.plot.stem}_{name}"))
    except (ValueError, OSError) as error:
        if type(error).__name__ == "ScenarioError":
            raise
        print(f"bench size: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(
            json.dumps(
                answer.as_json() | {name: one.as_json() for name, one in found.items()}, ensure_ascii=False
            )
        )
    else:
        print("\n\n".join([answer.report(), *(one.report() for one in found.values())]))
    return 0 if answer.ok else 1


def _bursts(
    farm: Scenario, options: argparse.Namespace, executor: Executor | None, progress: Progress
) -> Any:
    from bench.largest_burst import largest_burst

    return largest_burst(
        farm,
        options.late_share,
        seed=options.seed,
        executor=executor,
        progress=progress,
    )


def _schedule(
    farm: Scenario, options: argparse.Namespace, executor: Executor | None, progress: Progress
) -> Any:
    from bench.z_schedule import best_schedule

    return best_schedule(
        farm, replications=options.replications, seed=options.seed, executor=executor, progress=progress
    )


def _policies(
    farm: Scenario, options: argparse.Namespace, executor: Executor | None, progress: Progress
) -> Any:
    from bench.policy_ranking import best_policy

    return best_policy(farm, seed=options.seed, progress=progress)


def _sensitivity(
    farm: Scenario, options: argparse.Namespace, executor: Executor | None, progress: Progress
) -> Any:
    from bench.what_matters import what_matters

    return what_matters(farm, seed=options.seed, executor=executor, progress=progress)


def _confirm(
    farm: Scenario, options: argparse.Namespace, executor: Executor | None, progress: Progress
) -> Any:
    from bench.confirm import confirm

    return confirm(farm, seed=options.seed, executor=executor, progress=progress)


FURTHER: dict[str, tuple[str, Callable[[Scenario, argparse.Namespace, Executor | None, Progress], Any]]] = {
    "bursts": ("the largest burst the farm survives, at its worst moments", _bursts),
    "schedule": ("search the best Z-schedule", _schedule),
    "policies": ("choose the best policy, with a stated probability", _policies),
    "sensitivity": ("what the longest wait depends on most", _sensitivity),
    "confirm": ("run two of the days in wire, and show the difference", _confirm),
}
"""The further questions: what each is, and how it is asked."""
