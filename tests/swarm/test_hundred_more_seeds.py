"""A second hundred seeds, in a module of their own so that two workers share the swarm."""

from __future__ import annotations

from swarm_run import all_kinds, swarm


def test_hundred_more_seeds_lose_and_double_nothing() -> None:
    assert set(swarm(range(100, 200))) == all_kinds()
