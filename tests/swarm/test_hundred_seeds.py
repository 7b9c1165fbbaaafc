"""The first hundred seeds of the swarm: nothing lost, nothing doubled, and every kind of fault struck."""

from __future__ import annotations

import pytest
from swarm_run import all_kinds, swarm


def test_hundred_seeds_lose_and_double_nothing() -> None:
    assert set(swarm(range(100))) == all_kinds()


@pytest.mark.swarm
@pytest.mark.parametrize("block", range(20))
def test_two_thousand_seeds(block: int) -> None:
    swarm(range(1000 + 100 * block, 1100 + 100 * block))
