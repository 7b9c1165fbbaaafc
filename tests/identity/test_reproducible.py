"""Same scenario, same seed, same run to the bit: in another process and from a kept folder; and its orders stay, whatever else happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_shop import run, small

import bench
from bench.log import SUBMITTED
from bench.replay import replay
from bench.scenario import load
from bench.simulate import Simulation

ROOT = Path(__file__).parents[2]

HASHES = """
import sys
from bench.scenario import load
from bench.simulate import Simulation
for name, seed, fidelity in (
    ("burst_of_15", 15, "wire"),
    ("reply_lost", 22, "wire"),
    ("reply_lost", 22, "timed"),
    ("swarm_faults", 3, "wire"),
    ("swarm_faults", 4, "wire"),
    ("two_entities", 2, "wire"),
    ("z_windows_together", 13, "timed"),
):
    simulation = Simulation(load(f"scenarios/{name}.toml"), seed, fidelity)
    print(name, seed, fidelity, len(simulation.requests), simulation.run().log.sha256())
"""


def in_two_processes(*command: str) -> list[str]:
    """What a command prints in two processes whose sets and dicts of strings are shuffled differently."""
    processes = [
        subprocess.Popen(
            [sys.executable, *command],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for hash_seed in ("1", "20261127")
    ]
    outputs = []
    for process in processes:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        outputs.append(out)
    return outputs


def test_small_scenarios_are_the_same_in_two_processes() -> None:
    first, second = in_two_processes("-c", HASHES)
    assert len(first.splitlines()) == 7
    assert len(set(first.splitlines())) == 7
    assert first == second


def test_black_friday_is_the_same_in_two_processes_and_loses_nothing() -> None:
    outputs = in_two_processes("-m", "bench", "run", "scenarios/black_friday.toml", "--json")
    first, second = map(json.loads, outputs)
    for summary in (first, second):
        del summary["wall_s"]
        assert (summary["lost"], summary["doubled"]) == (0, 0)
    assert first == second


def test_another_seed_is_another_day() -> None:
    scenario = small()
    hashes = {Simulation(scenario, seed).run().log.sha256() for seed in range(4)}
    assert len(hashes) == 4


def test_another_replication_is_another_day_of_the_same_scenario() -> None:
    scenario = small()
    hashes = {Simulation(scenario, replication=n).run().log.sha256() for n in range(4)}
    assert len(hashes) == 4


@pytest.mark.parametrize(("seed", "fidelity"), [(None, "wire"), (77, "wire"), (77, "timed")])
def test_a_kept_folder_comes_out_again(tmp_path: Path, seed: int | None, fidelity: str) -> None:
    result = bench.run(load(ROOT / "scenarios/reply_lost.toml"), seed, fidelity=fidelity)
    before, after = replay(result.save(tmp_path / "kept"))
    assert before == after == result.summary["event_log_sha256"]


FAULTS = (
    {"kind": "power_cut", "per_day": 400, "mean_for_s": 5},
    {"kind": "engine_crash", "effect": "committed", "nth": 5, "restart_s": 2},
    {"kind": "garbled_bytes", "probability": 0.05},
    {"kind": "reply_lost", "per_day": 1000},
)


def test_adding_a_fault_moves_neither_orders_nor_other_faults() -> None:
    """Common random numbers: two farms are compared on the same day."""

    def arrivals(count: int) -> list[tuple[int, str, int]]:
        log = run(small(FAULTS[:count])).world.log
        return [(t_us, key, number) for t_us, kind, key, _, _, number in log.rows if kind == SUBMITTED]

    without = arrivals(0)
    assert len(without) > 5
    for count in range(1, len(FAULTS) + 1):
        assert arrivals(count) == without
    fewer, more = (Simulation(small(FAULTS[:count]), 1).faults for count in (3, 4))
    assert [fault for fault in more if fault.kind != "reply_lost"] == fewer
    assert len(more) > len(fewer)


def test_the_receipts_themselves_do_not_depend_on_the_farm() -> None:
    one, three = (Simulation(small(registers=count), 1) for count in (1, 3))
    assert [(r.key, r.at_us, r.receipt) for r in one.requests] == [
        (r.key, r.at_us, r.receipt) for r in three.requests
    ]
