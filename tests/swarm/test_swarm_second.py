"""A hundred bad days (the second of two modules, so that two workers can share them)."""

from __future__ import annotations

from collections import Counter

import pytest
from swarm_of_seeds import kinds, swarm

FIRST = 100
CHUNK = 10
fired: Counter[str] = Counter()


@pytest.mark.parametrize("start", range(FIRST, FIRST + 100, CHUNK))
def test_nothing_is_lost_or_doubled_whatever_goes_wrong(start: int) -> None:
    happened, wrong = swarm(range(start, start + CHUNK))
    fired.update(happened)
    assert not wrong, "\n".join(wrong)


def test_every_kind_of_fault_has_happened() -> None:
    """Of the seeds above; they must run before. A swarm without faults would prove nothing."""
    if not fired:
        pytest.skip("no seed of this module has run")
    assert {kind for kind, times in fired.items() if times} == kinds()
