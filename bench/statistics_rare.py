"""How likely is what hardly ever happens: splitting.

A chance of one in a million needs hundreds of millions of runs to be seen at all. Splitting goes there in steps. On the way to the rare
event lie *levels* (a queue of ten, of twenty, of thirty); from each level many runs start in states in which earlier runs reached it,
and only the share that reaches the next level before it falls back is measured. The product of these shares is the chance, each of them
large enough to be measured with a few thousand runs.

The estimate of one product is unbiased, but its factors hang together, so the interval comes from independent repetitions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.statistics import Interval, t_interval
from bench.streams import stream

States = npt.NDArray[Any]
"""States of many runs, one a row."""
Climb = Callable[[States, float, np.random.Generator], States]
"""Runs from these states until each reaches the level or falls back; the states in which the lucky ones got there, in any number."""


@dataclass(frozen=True, slots=True)
class Rare:
    """A small chance with its interval over repetitions, and the mean share of runs that got from each level to the next."""

    interval: Interval
    shares: tuple[float, ...]
    repetitions: tuple[float, ...]


def splitting(
    climb: Climb,
    start: States,
    levels: Sequence[float],
    *,
    effort: int = 2000,
    repetitions: int = 30,
    seed: int = 0,
    level: float = 0.95,
) -> Rare:
    """The chance to reach the last level before falling back, by fixed-effort splitting: ``effort`` runs from each level.

    ``start`` are states a run may begin in, taken in turn. Levels that one run in three to ten reaches from the one before are best.
    Garvels, *The Splitting Method in Rare Event Simulation*, thesis, Twente 2000; L'Ecuyer, Demers and Tuffin, *ACM TOMACS* 17 (2007) 9.
    A level nobody reaches makes a repetition 0, which is right on the mean; more effort or closer levels help. Raises ValueError for no
    levels, no start, an effort below one or fewer than two repetitions.
    """
    if not len(levels) or not len(start) or effort < 1 or repetitions < 2:
        raise ValueError("levels, a start, an effort and at least two repetitions are needed")
    found, shares = [], np.zeros(len(levels))
    for repetition in range(repetitions):
        random = stream(seed, "splitting", repetition)
        states, each = np.asarray(start), []
        for height in levels:
            # in turn, from a random one on: as even as can be, and no state is favoured
            turn = (np.arange(effort) + random.integers(len(states))) % len(states)
            states = climb(random.permutation(states)[turn], height, random)
            each.append(len(states) / effort)
            if not len(states):
                break
        shares[: len(each)] += each
        found.append(math.prod(each) if len(each) == len(levels) else 0.0)
    return Rare(t_interval(found, level), tuple((shares / repetitions).tolist()), tuple(found))
