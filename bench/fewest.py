"""The fewest that will do, where more are no worse: bracketed by doubling, then bisected.

>>> fewest(lambda count: count * count >= 50, 1, 100)
8
"""

from __future__ import annotations

from collections.abc import Callable


def fewest(keeps: Callable[[int], bool], least: int, most: int) -> int | None:
    """The smallest count from ``least`` to ``most`` that keeps; None when none does. Asks of each count once at most."""
    if least > most:
        return None
    below, count = least - 1, least
    while not keeps(count):
        if count == most:
            return None
        below, count = count, min(2 * count, most)
    while count - below > 1:
        middle = (below + count) // 2
        below, count = (below, middle) if keeps(middle) else (middle, count)
    return count
