"""Two thousand bad days: ``make swarm``."""

from __future__ import annotations

import pytest
from swarm_of_seeds import swarm

CHUNK = 25


@pytest.mark.swarm
@pytest.mark.parametrize("start", range(1_000, 3_000, CHUNK))
def test_nothing_is_lost_or_doubled_in_two_thousand_days(start: int) -> None:
    _, wrong = swarm(range(start, start + CHUNK))
    assert not wrong, "\n".join(wrong)
