"""A discrete-event test bench that runs the `fiscal` engine in virtual time.

>>> import bench
>>> scenario = bench.load("scenarios/quiet_day.toml")
>>> result = bench.run(scenario)
>>> result.summary["lost"], result.summary["doubled"]
(0, 0)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.scenario import Scenario, ScenarioError, load

if TYPE_CHECKING:
    from bench.progress import Progress
    from bench.result import Result

__all__ = ["Scenario", "ScenarioError", "load", "run"]


def run(
    scenario: Scenario,
    seed: int | None = None,
    *,
    fidelity: str = "wire",
    replication: int = 0,
    progress: Progress | None = None,
) -> Result:
    """Run a scenario and return its answers.

    ``seed`` (default: the scenario's own) and ``replication`` fix every random draw; ``fidelity`` is ``"wire"`` (protocol bytes, emulated
    registers) or ``"timed"`` (the same engine over service times). ``progress`` is told what is done and the whole.
    """
    from bench.result import Result
    from bench.simulate import Simulation

    return Result.of(Simulation(scenario, seed, fidelity, replication).run(progress))
