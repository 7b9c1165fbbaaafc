"""The farm that speed is measured on: eight registers, a day that is too much for them at its height.

Reference sheet `simulation.md`, section 1, case (c): the shortest queue among the registers that are open; each makes a Z-report of
12 minutes a day, three hours after the one before it, and what waits for it then waits on; orders come as a Poisson process whose rate
swings like a sine over the day (mean 0.72 a second, by 40 %), and 15 at once at every full hour; a receipt takes 4 s and an
exponential 4 s more; who waits longer than 300 s is late. The day lies so close to capacity that one wrong decision would show
in the number of late orders. That number is what all programs must agree upon.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bench import kernel
from bench.streams import stream
from fiscal.engine.config import EngineConfig, RegisterFacts

US = 1_000_000
REGISTERS = 8
DAY_S = 86_400
RATE_PER_S = 0.72
SWING = 0.4
BURST = 15
LEAST_SERVICE_S = 4.0
MEAN_FURTHER_S = 4.0
LATE_US = 300 * US
Z_REPORT_US = 720 * US
FIRST_CLOSING_S = 1_800  # not at a full hour: then the order within one microsecond would decide, and not every program has one
STAGGER_S = 10_800
ENTITY = "7707083893"
Z_REPORTS_US = (Z_REPORT_US,) * REGISTERS


def config(z_us: Sequence[int] = Z_REPORTS_US) -> EngineConfig:
    """The farm as the engine knows it; ``z_us`` is how long each register takes for its Z-report."""
    return EngineConfig(
        tuple(
            RegisterFacts(
                f"kkt-{n + 1}",
                ENTITY,
                service_base_us=round((LEAST_SERVICE_S + MEAN_FURTHER_S) * US),
                service_line_us=0,
                z_report_us=z_us[n],
            )
            for n in range(REGISTERS)
        ),
        policy="shortest_queue",
        reroute=False,
        deadline_us=LATE_US,
        close_at_s=(FIRST_CLOSING_S,),
        stagger_us=STAGGER_S * US,
        max_age_us=10 * DAY_S * US,  # a shift is closed at its hour, never for its age
    )


def farm(
    policy: str = "shortest_queue", commit_us: int = 0, z_us: Sequence[int] = Z_REPORTS_US
) -> kernel.Farm:
    """The farm as numbers."""
    return kernel.farm_of(config(z_us), [(ENTITY, 1, "")], commit_us=commit_us).with_policy(policy)


def day(replication: int = 0, days: int = 1) -> tuple[kernel.Traffic, npt.NDArray[np.int64]]:
    """Orders of some days on end, and how long each takes in a register."""
    random = stream(2026, "reference farm", replication)
    end_s = days * DAY_S
    most = RATE_PER_S * (1 + SWING)
    moments = random.random(random.poisson(most * end_s)) * end_s
    keeps = 1 + SWING * np.sin(2 * np.pi * moments / DAY_S) > random.random(len(moments)) * (1 + SWING)
    bursts = np.repeat(np.arange(3_600, end_s, 3_600, dtype=np.float64), BURST)
    at_us = np.sort(np.round(np.concatenate([moments[keeps], bursts]) * US).astype(np.int64))
    takes_s = LEAST_SERVICE_S + MEAN_FURTHER_S * random.standard_exponential(len(at_us))
    return kernel.traffic_of(at_us, deadline_after_us=LATE_US), np.round(takes_s * US).astype(np.int64)


def late(traffic: kernel.Traffic, done_us: npt.NDArray[np.int64]) -> int:
    """How many orders were recorded too late."""
    return int((done_us - traffic.at_us > LATE_US).sum())
