"""Strings that nobody meant: samples with bytes changed, cut out or put in, by the batch."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from hypothesis import strategies as st

BATCH = 250


def mutated(random: Random, samples: Sequence[bytes]) -> bytes:
    """One of the samples with a few bytes changed, cut out or put in, most often near the beginning; now and then mere noise."""
    if not random.randrange(10):
        return random.randbytes(random.randrange(200))
    data = bytearray(random.choice(samples))
    for _ in range(random.randint(1, 4)):
        at = random.randrange(min(len(data), random.choice((40, 90, 10_000))) or 1)
        kind = random.randrange(5)
        if kind <= 2 and data:
            data[at] = random.randrange(256)
        elif kind == 3:
            del data[at : at + random.randint(1, 8)]
        else:
            data[at:at] = random.randbytes(random.randrange(8))
    return bytes(data)


class Batch(list[bytes]):
    """Many mutated strings that come of one seed: a choice of hypothesis' own for each costs more than a decoder."""

    def __init__(self, seed: int, samples: Sequence[bytes]) -> None:
        random = Random(seed)
        super().__init__(mutated(random, samples) for _ in range(BATCH))
        self.seed = seed

    def __repr__(self) -> str:
        return f"Batch({self.seed}, ...)"


def anything(samples: Sequence[bytes]) -> st.SearchStrategy[list[bytes]]:
    """Batches of mutated samples, and short lists of noise that can be made smaller when one fails."""
    seeds = st.integers(0, 2**64).map(lambda seed: Batch(seed, samples))
    return seeds | st.lists(st.binary(max_size=200), min_size=1, max_size=3)
