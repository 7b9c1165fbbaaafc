"""The bookkeeping under the engine's decisions: effects, records, timers.

Whatever one event gives rise to is gathered here and leaves together: effects in order, and all records in one `Commit` whose continuations
run when the journal has it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from heapq import heappush
from typing import Any

from fiscal.engine import events, records
from fiscal.engine.config import EngineConfig
from fiscal.engine.dispatch import Dispatch
from fiscal.engine.events import Effect
from fiscal.engine.farm import Entry, Station
from fiscal.engine.outcomes import Outcome
from fiscal.engine.recovery import Rebuilt

Continuation = tuple[Callable[..., None], tuple[Any, ...]]
Batch = tuple[tuple[records.Record, ...], list[Continuation]]


class Core:
    """State of an engine, and how it speaks."""

    def __init__(self, config: EngineConfig, rebuilt: Rebuilt | None) -> None:
        self.config = config
        self._dispatch = rebuilt.dispatch if rebuilt else Dispatch(config)
        self._stations = self._dispatch.stations
        self._entries: dict[str, Entry] = rebuilt.entries if rebuilt else {}
        self._arrivals = rebuilt.arrivals if rebuilt else 0
        self._accepting = 0  # receipts on the way to the journal
        self._tickets = 0
        self._tasks = 0
        self._wall_offset_us = rebuilt.wall_offset_us if rebuilt else 0
        self._out: list[Effect] = []
        self._records: list[records.Record] = []
        self._after: list[Continuation] = []
        self._pending: dict[int, Batch] = {}
        self._timers: list[tuple[int, int, Callable[[Any, int], None], Any]] = []
        self._timer_number = 0
        self._journal_fault = ""  # why nothing can be written now
        self._unwritten: list[
            tuple[int, Batch]
        ] = []  # facts that wait for the journal, by the ticket they had or got
        self._rewriting = 0  # the ticket of their commit while it is on its way
        self._ended: dict[type[Any], Callable[[Station, Any, Outcome, int], None]] = {}
        self._errands: tuple[Callable[[Station, bool, int], bool], ...] = ()

    def _flush(self) -> list[Effect]:
        if self._records:
            batch = (tuple(self._records), self._after)
            self._records = []
            self._after = []
            if self._journal_fault:
                # a later record may rest on an earlier one, so it does not overtake those that wait
                self._tickets += 1
                self._unwritten.append((self._tickets, batch))
            else:
                self._commit(batch)
        out, self._out = self._out, []
        return out

    def _commit(self, batch: Batch) -> int:
        self._tickets += 1
        self._pending[self._tickets] = batch
        self._out.append(events.Commit(self._tickets, batch[0]))
        return self._tickets

    def _at(self, at_us: int, action: Callable[[Any, int], None], subject: Any = None) -> None:
        self._timer_number += 1
        heappush(self._timers, (at_us, self._timer_number, action, subject))

    def _write(
        self, record: records.Record, after: Callable[..., None] | None = None, *arguments: Any
    ) -> None:
        self._records.append(record)
        if after is not None:
            self._after.append((after, arguments))

    def _today(self, now_us: int) -> date:
        return datetime.fromtimestamp((now_us + self._wall_offset_us) // 1_000_000, UTC).date()
