"""A receipt straight into the journal of a server that is stopped: it is made at the next start.

The engine itself takes it in, so everything holds that holds at the door: the same key again is the same receipt, another receipt under
it a conflict, an impossible one is refused.
"""

from __future__ import annotations

from fiscal.engine.config import EngineConfig
from fiscal.engine.engine import Engine
from fiscal.engine.events import Commit, Committed, Effect, Reply, Submitted
from fiscal.journal import Journal
from fiscal.live import clock


def submit(config: EngineConfig, journal: Journal, event: Submitted) -> tuple[Reply, bool]:
    """The engine's reply, and whether it knew the key before. Raises `fiscal.journal.JournalError` when the journal fails."""
    now_us = clock.now_us()
    engine = Engine.recover(config, journal.records(), now_us, clock.wall_us())
    known = engine.status(event.key) is not None
    waiting: list[Effect] = engine.handle(event, now_us)
    reply = Reply(event.key, False, "the engine did not answer")
    while waiting:
        effect = waiting.pop(0)
        if isinstance(effect, Commit):
            journal.append(effect.records)
            waiting += engine.handle(Committed(effect.ticket), now_us)
        elif isinstance(effect, Reply) and effect.key == event.key:
            reply = effect
    return reply, known
