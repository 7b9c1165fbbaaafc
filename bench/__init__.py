"""A discrete-event test bench that runs the `fiscal` engine in virtual time.

>>> import bench
>>> scenario = bench.load("scenarios/quiet_day.toml")
>>> result = bench.run(scenario)
>>> result.summary["lost"], result.summary["doubled"]
(0, 0)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.scenario import Scenario, ScenarioError, load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TextIO

    from bench.progress import Progress
    from bench.result import Result
    from bench.sizing import Sizing
    from bench.sweeping import Sweep

__all__ = ["Scenario", "ScenarioError", "load", "run", "size", "sweep"]


def run(
    scenario: Scenario,
    seed: int | None = None,
    *,
    fidelity: str = "wire",
    replication: int = 0,
    progress: Progress | None = None,
    trace: TextIO | None = None,
    trace_registers: Iterable[str] = (),
) -> Result:
    """Run a scenario and return its answers.

    ``seed`` (default: the scenario's own) and ``replication`` fix every random draw; ``fidelity`` is ``"wire"`` (protocol bytes, emulated
    registers) or ``"timed"`` (the same engine over service times). ``progress`` is told what is done and the whole. ``trace`` gets every
    exchange with the registers, in words (`bench.trace`).
    """
    from bench.result import Result
    from bench.simulate import Simulation

    simulation = Simulation(scenario, seed, fidelity, replication)
    if trace is not None:
        from bench.trace import attach

        attach(simulation, trace, trace_registers)
    return Result.of(simulation.run(progress))


def size(scenario: Scenario, late_share: float, **options: Any) -> Sizing:
    """The fewest registers whose late share is at most ``late_share``; options as of `bench.sizing.size`."""
    from bench.sizing import size

    return size(scenario, late_share, **options)


def sweep(scenario: Scenario, vary: Mapping[str, Sequence[Any]], **options: Any) -> Sweep:
    """Every combination of the values of some paths, on the same days; options as of `bench.sweeping.sweep`."""
    from bench.sweeping import sweep

    return sweep(scenario, vary, **options)
