"""When a shift must be closed: at the shop's hour, and before it gets too old; staggered, so that a farm never goes deaf all at once."""

from __future__ import annotations

from fiscal.engine.config import EngineConfig

DAY_US = 86_400_000_000


def closing_us(config: EngineConfig, index: int, opened_us: int, wall_offset_us: int) -> int:
    """The monotonic moment at which register number ``index`` closes a shift opened at ``opened_us``.

    The shop's hours come first; the age limit wins when it is earlier. Register n closes n staggers after the hour; the age limit is
    staggered backwards, so that no shift gets older than allowed.
    """
    stagger_us = config.stagger_us * index
    due_us = opened_us + max(config.max_age_us - stagger_us, config.max_age_us // 2)
    opened_wall_us = opened_us + wall_offset_us
    midnight_us = opened_wall_us - opened_wall_us % DAY_US - DAY_US
    for day in range(3):
        for second in config.close_at_s:
            wall_us = midnight_us + day * DAY_US + second * 1_000_000 + stagger_us
            if wall_us > opened_wall_us:
                due_us = min(due_us, wall_us - wall_offset_us)
    return due_us
