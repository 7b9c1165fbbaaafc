"""The live host: the engine in real time.

Threads, each with one duty, joined by queues:

* the *engine* thread owns the engine: it alone calls it, with one event after the other, and hands out the effects;
* the *journal* thread writes commits in groups (`fiscal.live.writer`);
* a thread for each *register* holds the conversations (`fiscal.live.worker`).

Whoever else wants something of the engine - the HTTP application, a signal - puts it into the engine's queue. An exception out of the
engine is a bug, and a broken engine must not decide anything any more: the runtime says so loudly and stops; what was promised is in
the journal, and the next start goes on from there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from fiscal.engine import states
from fiscal.engine.config import EngineConfig
from fiscal.engine.engine import Engine
from fiscal.engine.events import (
    Commit,
    CommitFailed,
    Effect,
    Event,
    Exchange,
    Exchanged,
    Perform,
    RegisterChanged,
    Reply,
    Reported,
    Started,
    StatusChanged,
    Submitted,
    TotalsAsked,
    WallClockSet,
)
from fiscal.engine.outcomes import Outcome
from fiscal.engine.views import ReceiptView
from fiscal.journal import Journal
from fiscal.live import clock
from fiscal.live.operator_line import Carrier
from fiscal.live.watching import Watching
from fiscal.live.worker import Cable, Port, Worker
from fiscal.live.writer import Writer
from fiscal.watch.facts import Fact
from fiscal.watch.z_reports import Book, OpenShift

log = logging.getLogger("fiscal.engine")
T = TypeVar("T")

CLOCK_CHECK_US = 5_000_000
CLOCK_STEP_US = 1_000_000

Answered = Callable[[Reply, bool, ReceiptView | None], None]
"""Called in the engine's thread with the reply, whether the key had been accepted before, and what is true of the receipt now."""


class XReport(NamedTuple):
    """A `ShiftTotals` or why there is none, and what the journal's receipts came to at that moment (``None``: it knows of none)."""

    outcome: Outcome
    counted: OpenShift | None


class _Request:
    """An event whose reply somebody waits for."""

    __slots__ = ("answered", "event", "key")

    def __init__(self, event: Event, key: str, answered: Answered) -> None:
        self.event = event
        self.key = key
        self.answered = answered


class _Question:
    """Something to look up in the engine, in its thread."""

    __slots__ = ("ask", "future")

    def __init__(self, ask: Callable[[Engine], Any], future: Future[Any]) -> None:
        self.ask = ask
        self.future = future


class _Stop:
    __slots__ = ()


class Runtime:
    """The engine, its journal and its registers, running. ``ports`` in the order of ``config.registers``.

    Raises `fiscal.journal.JournalError` when the journal cannot be read.
    """

    def __init__(
        self,
        config: EngineConfig,
        journal: Journal,
        ports: Sequence[Port],
        operator: tuple[str, int] | None = None,
    ) -> None:
        names = [facts.name for facts in config.registers]
        if names != [port.name for port in ports]:
            raise ValueError("ports and registers differ")
        self.config = config
        self.failure = ""
        self.ended = threading.Event()
        """Set when the runtime has stopped, by `stop` or by a failure."""
        self._journal = journal
        self._inbox: SimpleQueue[Event | _Request | _Question | _Stop] = SimpleQueue()
        now_us, wall_us = clock.now_us(), clock.wall_us()
        self._watching = Watching(len(names))
        history = self._watching.reading(journal.records())
        self._engine = Engine.recover(config, history, now_us, wall_us)
        self._offset_us = wall_us - now_us
        self._waiting: dict[str, list[tuple[Answered, bool]]] = {}
        self._by_status: dict[str, dict[str, None]] = {}
        self._status: dict[str, str] = {}
        for key in tuple(self._engine.keys()):
            view = self._engine.status(key)
            assert view is not None
            self._note_status(key, view.status)
        self._writer = Writer(journal, self._inbox.put, self._journal_broken)
        self._workers = [Worker(index, port, self._inbox.put) for index, port in enumerate(ports)]
        self._carrier = Carrier(*operator, self._inbox.put) if operator else None
        self._asked_reports: dict[int, Future[XReport]] = {}
        self._report_number = 0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._stopped = False

    # --- for whoever uses it -----------------------------------------------------------------------------------------

    def start(self) -> None:
        self._writer.start()
        for worker in self._workers:
            worker.start()
        self._thread.start()

    def submit(self, event: Submitted, answered: Answered) -> None:
        """Bring a receipt. ``answered`` is called once the journal has it, or with the reason why not."""
        self.request(event, event.key, answered)

    def request(self, event: Event, key: str, answered: Answered) -> None:
        """Any event that the engine answers with a `Reply` for ``key``."""
        if self.ended.is_set():
            answered(Reply(key, False, f"journal: {self.failure or 'the engine has stopped'}"), False, None)
            return
        self._inbox.put(_Request(event, key, answered))

    def post(self, event: Event) -> None:
        """An event nobody waits for."""
        self._inbox.put(event)

    def ask(self, question: Callable[[Engine], T]) -> Future[T]:
        """Look something up in the engine, between two events."""
        future: Future[T] = Future()
        if self.ended.is_set():
            future.set_exception(RuntimeError(self.failure or "stopped"))
        else:
            self._inbox.put(_Question(question, future))
        return future

    def latest(self, engine: Engine, status: str, limit: int) -> list[str]:
        """Keys, the latest first: by arrival, or by the moment they came into ``status``. Only inside `ask`."""
        keys = self._by_status.get(status, {}) if status else self._status
        found: list[str] = []
        for key in reversed(keys):
            if len(found) >= limit:
                break
            found.append(key)
        return found

    def counts(self, engine: Engine) -> dict[str, int]:
        """How many receipts are in each status. Only inside `ask`."""
        return {status: len(keys) for status, keys in sorted(self._by_status.items()) if keys}

    def report(self, register: int, paper: bool = False) -> Future[XReport]:
        """An X-report, as soon as the receipt in work is finished."""
        future: Future[XReport] = Future()

        def begin(engine: Engine) -> None:
            self._report_number += 1
            self._asked_reports[self._report_number] = future
            self._inbox.put(TotalsAsked(register, self._report_number, paper))

        began = self.ask(begin)
        began.add_done_callback(lambda asked: _pass_on(asked, future))
        return future

    def facts(self, wall_us: int) -> list[Mapping[str, Fact]]:
        """What is known of each register at this moment. Times are of the wall clock. Only inside `ask`."""
        return [facts.at(wall_us) for facts in self._watching.facts]

    def network(self, ok: bool, detail: str) -> None:
        """Somebody has looked whether this computer reaches the world. From any thread."""
        self.ask(lambda engine: self._watching.network(ok, detail))

    @property
    def book(self) -> Book:
        """The Z-reports. Only inside `ask`."""
        return self._watching.book

    def cables(self) -> tuple[Cable, ...]:
        """What is known of each register's cable."""
        return tuple(worker.cable for worker in self._workers)

    def stop(self, limit_s: float = 10.0) -> bool:
        """Finish the conversations in work, write what must be written, close everything. False when ``limit_s`` was not enough."""
        for worker in self._workers:
            worker.refuse()
        end = time.monotonic() + limit_s
        quiet = False
        while self._thread.is_alive() and not quiet and time.monotonic() < end:
            quiet = self._quiet() and self._settled(end) and self._quiet()
            if not quiet:
                time.sleep(0.01)
        if not quiet:
            for worker in self._workers:
                worker.cut()
        self._inbox.put(_Stop())
        if self._thread.ident is not None:
            self._thread.join(max(1.0, end - time.monotonic()))
        if self._carrier is not None:
            self._carrier.stop()
        self._writer.close()
        if self._writer.ident is not None:
            self._writer.join(5.0)
        for worker in self._workers:
            worker.close()
            if worker.ident is not None:
                worker.join(1.0)
        if not self._writer.is_alive():
            self._journal.close()
        self.ended.set()
        return quiet

    def _quiet(self) -> bool:
        return self._writer.idle and all(worker.idle for worker in self._workers) and self._inbox.empty()

    def _settled(self, end: float) -> bool:
        """The engine has handled all that was in its queue."""
        try:
            self.ask(lambda engine: None).result(max(0.01, end - time.monotonic()))
        except (TimeoutError, RuntimeError):
            return False
        return True

    # --- the engine's thread -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._loop()
        except Exception as error:
            log.critical(
                "the engine failed; this is a bug; stopping, the journal has all that was promised",
                exc_info=True,
            )
            self._fail(f"the engine failed: {error!r}")
        finally:
            self._refuse_all()
            self.ended.set()

    def _loop(self) -> None:
        engine = self._engine
        inbox = self._inbox
        now_us = clock.now_us()
        self._carry_out(engine.handle(Started(clock.wall_us()), now_us))
        check_us = now_us + CLOCK_CHECK_US
        while True:
            wake_us = engine.next_wakeup()
            until_us = check_us if wake_us is None or wake_us > check_us else wake_us
            item: Any = None
            try:
                wait_us = until_us - clock.now_us()
                item = inbox.get(True, wait_us / 1e6) if wait_us > 0 else inbox.get_nowait()
            except Empty:
                pass
            now_us = clock.now_us()
            if item is not None:
                kind = type(item)
                if kind is _Request:
                    self._request(engine, item, now_us)
                elif kind is _Question:
                    self._answer(engine, item)
                elif kind is _Stop:
                    return
                else:
                    self._watching.event(item)
                    self._carry_out(engine.handle(item, now_us))
                    if kind is CommitFailed:
                        self._writer.heard()
            if now_us >= until_us:
                if wake_us is not None and wake_us <= now_us:
                    self._carry_out(engine.wake(now_us))
                if now_us >= check_us:
                    self._check_clock(now_us)
                    check_us = now_us + CLOCK_CHECK_US

    def _request(self, engine: Engine, request: _Request, now_us: int) -> None:
        key = request.key
        known = key in self._status or key in self._waiting
        waiting = self._waiting.setdefault(key, [])
        waiting.append((request.answered, known))
        effects = engine.handle(request.event, now_us)
        for effect in effects:
            if type(effect) is Reply and effect.key == key:
                # It answers this very request. Whoever else waits with the same key waits for the journal.
                waiting.pop()
                if not waiting:
                    del self._waiting[key]
                request.answered(effect, known, engine.status(key))
                effects.remove(effect)
                break
        self._carry_out(effects)

    def _answer(self, engine: Engine, question: _Question) -> None:
        try:
            question.future.set_result(question.ask(engine))
        except Exception as error:
            question.future.set_exception(error)

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            kind = type(effect)
            if kind is Commit:
                self._watching.commit(effect)  # type: ignore[arg-type]
                self._writer.write(effect)  # type: ignore[arg-type]
            elif kind is Perform:
                self._workers[effect.register].perform(effect.number, effect.task)  # type: ignore[union-attr]
            elif kind is StatusChanged:
                self._note_status(effect.key, effect.status)  # type: ignore[union-attr]
                log.debug("receipt %s: %s %s", effect.key, effect.status, effect.detail)  # type: ignore[union-attr]
            elif kind is Reply:
                waiting = self._waiting.pop(effect.key, ())  # type: ignore[union-attr]
                if waiting:
                    view = self._engine.status(effect.key)  # type: ignore[union-attr]
                    for answered, known in waiting:
                        answered(effect, known, view)  # type: ignore[arg-type]
            elif kind is Exchange:
                if self._carrier is not None:
                    self._carrier.carry(effect)  # type: ignore[arg-type]
                else:
                    self._inbox.put(
                        Exchanged(effect.register, effect.number, b"", "no operator is configured", False)  # type: ignore[union-attr]
                    )
            elif kind is Reported:
                asked = self._asked_reports.pop(effect.number, None)  # type: ignore[union-attr]
                if asked is not None:
                    name = self.config.registers[effect.register].name  # type: ignore[union-attr]
                    asked.set_result(XReport(effect.outcome, self.book.open_shifts().get(name)))  # type: ignore[union-attr]
            elif isinstance(effect, RegisterChanged):
                name = self.config.registers[effect.register].name
                level = logging.WARNING if effect.state == states.DOWN else logging.INFO
                log.log(
                    level,
                    "register %s: %s%s",
                    name,
                    effect.state,
                    f", {effect.detail}" if effect.detail else "",
                )

    def _note_status(self, key: str, status: str) -> None:
        before = self._status.get(key)
        if before is not None:
            del self._by_status[before][key]
        self._status[key] = status
        self._by_status.setdefault(status, {})[key] = None

    def _check_clock(self, now_us: int) -> None:
        wall_us = clock.wall_us()
        now_us = clock.now_us()
        if abs(wall_us - now_us - self._offset_us) >= CLOCK_STEP_US:
            log.warning("the wall clock moved by %.1f s", (wall_us - now_us - self._offset_us) / 1e6)
            self._offset_us = wall_us - now_us
            self._carry_out(self._engine.handle(WallClockSet(wall_us), now_us))

    # --- when it goes wrong ------------------------------------------------------------------------------------------

    def _journal_broken(self, reason: str) -> None:
        log.critical("%s; stopping: only a fresh start can tell what was written", reason)
        self._fail(reason)
        self._inbox.put(_Stop())

    def _fail(self, reason: str) -> None:
        if not self.failure:
            self.failure = reason

    def _refuse_all(self) -> None:
        """Nobody is left to answer: say so to those who wait."""
        reason = f"journal: {self.failure or 'the engine has stopped'}"
        waiting, self._waiting = self._waiting, {}
        reports, self._asked_reports = self._asked_reports, {}
        for report in reports.values():
            report.set_exception(RuntimeError(reason))
        for key, answers in waiting.items():
            for answered, known in answers:
                answered(Reply(key, False, reason), known, None)
        while True:
            try:
                item = self._inbox.get_nowait()
            except Empty:
                return
            if isinstance(item, _Request):
                item.answered(Reply(item.key, False, reason), False, None)
            elif isinstance(item, _Question):
                item.future.set_exception(RuntimeError(reason))


def _pass_on(asked: Future[None], future: Future[XReport]) -> None:
    """What could not even be asked will not be answered."""
    error = asked.exception()
    if error is not None:
        future.set_exception(error)
