"""The reference farm in ``wire``: its orders through the protocol's bytes, and what every receipt and Z-report took there.

The other programs read service times; in ``wire`` a receipt takes what its commands take. So the farm's day is lived through in ``wire``
first, on slow lines that make a receipt take about what it takes in `bench.reference_farm`, and the times that come out are given to
all the others. Then all must name the same microsecond for every order, and the same number of late ones.
"""

from __future__ import annotations

import functools
import time
from typing import NamedTuple

import numpy as np

from bench import kernel, reference_farm
from bench.log import REGISTER, STATUS, Z_REPORT
from bench.scenario import Scenario, parse
from bench.simulate import Simulation

HOURS = 9
"""Of the day: the wave's height is at six, and the late ones with it."""
_LATENCY_MS = 265.0
_FIRST_US = 10_000_000  # by then every register has been asked how it is
_PROBE_S = 86_400.0  # nobody asks again: on the wire an order would wait for the answer


class WireDay(NamedTuple):
    """The day as the other programs read it, when ``wire`` recorded each order, and what that cost in CPU seconds."""

    traffic: kernel.Traffic
    service_us: kernel.Ints
    z_us: tuple[int, ...]
    done_us: kernel.Ints
    seconds: float


def scenario(hours: float = HOURS) -> Scenario:
    """The reference farm as a scenario: eight registers on lines so slow that a receipt takes some eight seconds."""
    return parse(
        {
            "schema_version": 1,
            "name": "reference-farm",
            "question": "Do all programs name the same moments?",
            "seed": 2026,
            "start": "2026-11-27T00:00:00",
            "duration_h": hours,
            "drain_h": 6,
            "shop": {
                "entities": [{"name": "shop", "inn": reference_farm.ENTITY, "user": "Shop"}],
                "commit_ms": 0,
                "deadline_s": reference_farm.LATE_US // reference_farm.US,
            },
            "arrivals": {
                "kind": "sinusoidal",
                "rate_per_h": reference_farm.RATE_PER_S * 3600,
                "swing": reference_farm.SWING,
                "peak_at": "06:00",
                "lines": {"kind": "geometric", "mean": 3},
                "bursts": [
                    {"at": f"{hour:02}:00:00", "orders": reference_farm.BURST}
                    for hour in range(1, int(hours))
                ],
            },
            "farm": {
                "policy": "shortest_queue",
                "reroute": False,
                "probe_s": _PROBE_S,
                "registers": [
                    {
                        "name": f"kkt-{n + 1}",
                        "device": "shtrih-m-01f",
                        # no two equal: registers that get free in one microsecond would be taken in another order elsewhere
                        "line": {"kind": "tcp", "latency_ms": _LATENCY_MS + 0.017 * n},
                    }
                    for n in range(reference_farm.REGISTERS)
                ],
            },
            "shifts": {
                "close_at": "00:30",
                "stagger_min": reference_farm.STAGGER_S / 60,
                "z_report_min": reference_farm.Z_REPORT_US / reference_farm.US / 60,
            },
        },
        "reference farm",
    )


@functools.lru_cache(maxsize=1)
def wire_day(hours: float = HOURS) -> WireDay:
    """Live through the day in ``wire``."""
    simulation = Simulation(scenario(hours), fidelity="wire")
    simulation.requests[:] = [request for request in simulation.requests if request.at_us >= _FIRST_US]
    began_cpu = time.process_time()
    simulation.live()
    seconds = time.process_time() - began_cpu
    rows = simulation.world.log.rows
    began = {row[2]: row[0] for row in rows if row[1] == STATUS and row[4] == "printing"}
    recorded = {row[2]: row[0] for row in rows if row[1] == STATUS and row[4] == "recorded"}
    closing = {row[3]: row[0] for row in rows if row[1] == REGISTER and row[4].startswith("closing")}
    closed = {row[3]: row[0] - closing[row[3]] for row in rows if row[1] == Z_REPORT}
    keys = [request.key for request in simulation.requests]
    done_us = np.array([recorded[key] for key in keys], np.int64)
    return WireDay(
        kernel.traffic_of(
            np.array([request.at_us for request in simulation.requests], np.int64),
            deadline_after_us=reference_farm.LATE_US,
        ),
        done_us - np.array([began[key] for key in keys], np.int64),
        tuple(closed.get(n, reference_farm.Z_REPORT_US) for n in range(reference_farm.REGISTERS)),
        done_us,
        seconds,
    )
