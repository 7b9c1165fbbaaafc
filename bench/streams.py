"""Randomness by name: one seed, many streams that do not know each other.

Every source of chance in a run - the seconds of a day's orders, the sizes of a burst, one fault - draws from a stream of its own, named
after what it is for. The stream follows from the scenario's seed, the name and the number of the replication, and from nothing else, so
that adding a fault or a burst leaves every other draw where it was (common random numbers: two farms are compared on the same day).
"""

from __future__ import annotations

from zlib import crc32

import numpy as np


def stream(seed: int, name: str, replication: int = 0) -> np.random.Generator:
    """The stream of this name: PCG64 from a child of the seed's `SeedSequence`, the same bits on every machine."""
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(crc32(name.encode()), len(name), replication))
    return np.random.Generator(np.random.PCG64(sequence))
