"""How numbers are said to people: durations, shares."""

from __future__ import annotations


def wait_text(seconds: float) -> str:
    """A duration as a person says it: "4.2 s", "5 min", "2 h"."""
    for unit, size in (("d", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= size * (2 if unit == "d" else 1):
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def share_text(share: float) -> str:
    """A share in percent that never rounds to 100 what is less, nor to 0 what is more."""
    for digits in range(2, 7):
        text = f"{share * 100:.{digits}f}"
        if share in (0.0, 1.0) or float(text) not in (0.0, 100.0):
            break
    return "< 0.000001 %" if share > 0 == float(text) else f"{text} %"


def percent(share: float) -> str:
    """A share in whole percent; what is little is not none, and nearly all is not all."""
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= share < 1 else f"{share:.0%}"
