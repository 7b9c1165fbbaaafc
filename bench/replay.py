"""Replay: the scenario kept in a result folder is run again, and must give the same event log to the bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from bench.progress import Progress
from bench.scenario import ScenarioError, parse


class Replay(NamedTuple):
    """Hashes of the event log: as the folder says, and as it came out now."""

    before: str
    after: str


def replay(folder: Path, progress: Progress | None = None) -> Replay:
    """Run again what made a result folder. Raises ScenarioError when the folder holds no result."""
    from bench.simulate import FIDELITIES, Simulation

    path = folder / "result.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        data, seed, fidelity, origin = kept["scenario"], kept["seed"], kept["fidelity"], kept["folder"]
        before = kept["summary"]["event_log_sha256"]
    except FileNotFoundError:
        raise ScenarioError(f"{path}: no such file; give a folder that bench run --out has written") from None
    except KeyError as error:
        raise ScenarioError(f"{path}: not a result of bench run: {error} is missing") from None
    except (OSError, ValueError, TypeError) as error:
        raise ScenarioError(f"{path}: not a result of bench run: {error}") from None
    if type(seed) is not int or seed < 0:
        raise ScenarioError(f"{path}: not a result of bench run: seed is {seed!r}")
    if fidelity not in FIDELITIES:
        raise ScenarioError(f"{path}: not a result of bench run: fidelity is {fidelity!r}")
    if not isinstance(origin, str) or not isinstance(data, dict):
        raise ScenarioError(f"{path}: not a result of bench run: no scenario in it")
    run = Simulation(parse(data, str(path), origin), seed, fidelity).run(progress)
    return Replay(before, run.log.sha256())
