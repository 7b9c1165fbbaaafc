"""A hundred bad days of a farm of two makes over four transports; what the operator has is what the drives hold."""

from __future__ import annotations

import pytest
from swarm_of_seeds import swarm

CHUNK = 10
SCENARIO = "scenarios/mixed_makes.toml"


@pytest.mark.parametrize("start", range(0, 100, CHUNK))
def test_two_makes_over_four_transports_lose_and_double_nothing(start: int) -> None:
    _, wrong = swarm(range(start, start + CHUNK), SCENARIO)
    assert not wrong, "\n".join(wrong)
