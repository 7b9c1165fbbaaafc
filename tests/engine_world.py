"""A small world for the engine: virtual time, registers with a memory of their own, a journal that a crash can cut short.

The registers' memories are the truth: a list of documents that only grows. The engine never sees it except by asking. So after a run
what the engine believes can be held against what happened. On the way the world checks the laws that hold at every moment:
nothing promised before it is durable, no byte before its attempt is durable, one task on a register at a time, and
(unless the shop chose to reissue) no second document.

Everything is decided by scripts or by one seeded generator. A failing seed is replayed by its number.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import Any

from fake_register import HOUR, NOON_US, SECOND, Document, FakeRegister, receipt

from fiscal.engine import events, records, states
from fiscal.engine.config import EngineConfig
from fiscal.engine.engine import Engine
from fiscal.engine.farm import may_serve
from fiscal.engine.outcomes import Outcome
from fiscal.journal.memory import MemoryJournal
from fiscal.receipt import Receipt, fingerprint, mark


@dataclass
class _Task:
    number: int
    task: events.Task
    fate: str


class World:
    """The host: carries effects out, brings events back, and keeps account."""

    def __init__(self, farm: EngineConfig, seed: int | None = None, *, start: bool = True) -> None:
        self.config = farm
        self.now = -SECOND if start else 0
        self.wall_offset_us = NOON_US
        self.random = Random(seed)  # only drawn from where a test asks for chance
        self.registers = [FakeRegister(f, f"99990000000000{i:02d}") for i, f in enumerate(farm.registers)]
        self.journal = MemoryJournal()
        self.engine: Engine | None = Engine(farm)
        # how the host behaves
        self.commit_us = 1_000
        self.receipt_us = SECOND
        self.operator_us = 200_000  # until the operator answers
        self.operator_answers = True
        self.strict = True  # after a failed commit all that were asked for meanwhile fail, too
        self.disk_full = False
        self.commit_failure_share = 0.0
        self.fate_shares: dict[type[Any], list[tuple[str, float]]] = {}
        self.poison: set[str] = set()
        self.restart_us = 5 * SECOND
        self.crash_at: set[int] = set()  # numbers of effects that are not carried out any more
        self.crash_at_record = 0  # when the journal has so many records, and before the engine hears of it
        self.crash_share = 0.0
        self.orders_survive = False  # a register finishes what it was sent although the engine died
        # what happened
        self.effects = 0
        self.crashes = 0
        self.performed: list[tuple[int, int, events.Task]] = []
        self.replies: list[events.Reply] = []
        self.statuses: list[tuple[int, events.StatusChanged]] = []
        self.changes: list[tuple[int, events.RegisterChanged]] = []
        self.exchanges: list[tuple[int, events.Exchange]] = []
        self.reports: list[tuple[int, events.Reported]] = []
        self.promised: set[str] = set()
        self.asked: dict[str, Receipt] = {}
        self.unanswered: dict[str, int | None] = {}
        self.cancelled: set[str] = set()
        self._heap: list[tuple[int, int, Any, tuple[Any, ...]]] = []
        self._number = 0
        self._life = 0
        self._commits: deque[events.Commit] = deque()
        self._journal_free_us = 0
        self._work: dict[int, _Task] = {}
        self._ticket = 0
        self._woken_us = -1
        self._durable: set[str] = set()
        self._attempts: dict[str, records.Attempted] = {}
        self._documented: set[str] = set()
        self._read = 0
        if start:  # a second before zero, so that at zero the registers have been asked how they are
            self.deliver(events.Started(self.wall_us))
            self.run(0)

    # --- time --------------------------------------------------------------------------------------------------------

    @property
    def wall_us(self) -> int:
        return self.now + self.wall_offset_us

    def at(self, at_us: int, action: Any, *arguments: Any) -> None:
        self._number += 1
        heappush(self._heap, (max(at_us, self.now), self._number, action, arguments))

    def run(self, until_us: int) -> World:
        """Let time pass up to this moment."""
        heap = self._heap
        while True:
            wake_us = self.engine.next_wakeup() if self.engine is not None else None
            if wake_us is not None and wake_us < self.now:
                wake_us = self.now
            if heap and (wake_us is None or heap[0][0] <= wake_us):
                if heap[0][0] > until_us:
                    break
                self.now, _, action, arguments = heappop(heap)
                action(*arguments)
            elif wake_us is not None and wake_us <= until_us:
                self.now = wake_us
                assert self.engine is not None
                self._carry_out(self.engine.wake(self.now))
                again = self.engine.next_wakeup() if self.engine is not None else None
                assert again is None or again > wake_us, "the engine wants to be woken for ever"
            else:
                break
        self.now = until_us
        return self

    def settle(self, limit_us: int = 6 * HOUR) -> World:
        """Run until nothing waits, nobody waits, nothing is in doubt."""
        end_us = self.now + limit_us
        while self.now < end_us:
            if self.engine is not None and self.engine.settled and not self.unanswered:
                return self
            self.run(self.now + 10 * SECOND)
        stuck = [key for key in self.known() if self.state(key) in _MOVING]
        raise AssertionError(
            f"not settled after {limit_us / HOUR:.0f} h: {stuck} unanswered {self.unanswered}"
        )

    def deliver(self, event: events.Event) -> None:
        if self.engine is not None:
            self._carry_out(self.engine.handle(event, self.now))

    # --- effects -----------------------------------------------------------------------------------------------------

    def _carry_out(self, effects: list[events.Effect]) -> None:
        for effect in effects:
            self.effects += 1
            if self.effects in self.crash_at or (
                self.crash_share and self.random.random() < self.crash_share
            ):
                self.crash()
                return
            _ACT[type(effect)](self, effect)

    def _commit(self, effect: events.Commit) -> None:
        assert effect.ticket > self._ticket, "tickets must rise"
        assert effect.records, "an empty batch"
        self._ticket = effect.ticket
        self._commits.append(effect)
        self._journal_free_us = max(self._journal_free_us, self.now) + self.commit_us
        self.at(self._journal_free_us, self._commit_done, self._life)

    def _commit_done(self, life: int) -> None:
        if life != self._life or not self._commits:
            return
        commit = self._commits.popleft()
        if self.disk_full or (self.commit_failure_share and self.random.random() < self.commit_failure_share):
            failed = [commit]
            if self.strict:
                failed += self._commits
                self._commits.clear()
            for one in failed:
                if life == self._life:
                    self.deliver(events.CommitFailed(one.ticket, "disk full"))
        else:
            self._append(commit)
            if 0 < self.crash_at_record <= len(self.journal):
                self.crash_at_record = 0
                self.crash()
            else:
                self.deliver(events.Committed(commit.ticket))

    def _append(self, commit: events.Commit) -> None:
        self.journal.append(commit.records)
        for record in commit.records:
            if type(record) is records.Accepted:
                self._durable.add(record.key)
            elif type(record) is records.Attempted:
                self._attempts[record.key] = record
            elif type(record) is records.Documented:
                self._documented.add(record.key)

    def _reply(self, effect: events.Reply) -> None:
        self.replies.append(effect)
        key = effect.key
        if effect.accepted:
            assert key in self._durable, f"{key} promised before it was durable"
            self.promised.add(key)
            self.unanswered.pop(key, None)
        elif effect.reason.startswith("journal"):
            if key in self.unanswered:
                self.at(self.now + 5 * SECOND, self._ask_again, key)
        elif key in self.asked and not effect.reason.startswith(("cannot be cancelled", "not set aside")):
            self.unanswered.pop(key, None)

    def _perform(self, effect: events.Perform) -> None:
        task = effect.task
        register = self.registers[effect.register]
        assert effect.register not in self._work, (
            f"{register.facts.name} got a task while it works on another"
        )
        self.performed.append((self.now, effect.register, task))
        if isinstance(task, events.Fiscalize):
            attempt = self._attempts.get(task.key)
            assert attempt is not None and attempt.register == register.facts.name, (
                f"{task.key} goes to {register.facts.name} before its attempt is durable"
            )
            assert task.key not in self._documented, f"{task.key} is attempted again after it was documented"
            assert may_serve(register.facts, task.receipt), f"{task.key} may not go to {register.facts.name}"
            view = self.engine.registers()[effect.register] if self.engine is not None else None
            assert view is None or view.service == states.IN_SERVICE, f"{task.key} goes to one out of service"
            if self.config.in_doubt == "wait":
                assert not self.documents(task.key), f"{task.key} already has {self.documents(task.key)}"
        self._work[effect.register] = _Task(effect.number, task, self._fate(register, task))
        self.at(self.now + self._duration_us(register, task), self._task_done, self._life, effect.register)

    def _duration_us(self, register: FakeRegister, task: events.Task) -> int:
        if isinstance(task, events.CloseShift):
            return register.facts.z_report_us
        return self.receipt_us if isinstance(task, events.Fiscalize) else 100_000

    def _fate(self, register: FakeRegister, task: events.Task) -> str:
        script = register.script.get(type(task))
        if script:
            return script.popleft()
        shares = self.fate_shares.get(type(task))
        if shares:
            draw = self.random.random()
            for fate, share in shares:
                draw -= share
                if draw < 0:
                    return fate
        return "done"

    def _task_done(self, life: int, index: int) -> None:
        if life != self._life:
            return
        work = self._work.pop(index)
        outcome = self._outcome(self.registers[index], work.task, work.fate)
        self.deliver(events.Performed(index, work.number, outcome))

    def _outcome(self, register: FakeRegister, task: events.Task, fate: str) -> Outcome:
        return register.outcome(task, fate, self.now, self.wall_us, self.poison)

    def _status(self, effect: events.StatusChanged) -> None:
        self.statuses.append((self.now, effect))
        key = effect.key
        if effect.status == states.QUEUED:
            assert key in self._durable
        elif effect.status == states.RECORDED:
            assert key in self._documented, f"{key} is called recorded before that is durable"
        elif effect.status == states.CONFIRMED:
            register = self.registers[effect.register]
            documents = [d for d in register.documents if d.mark == mark(key)]
            in_old = any(d.mark == mark(key) for _, old in register.old_drives for d in old)
            assert in_old or (documents and documents[-1].number <= register.confirmed), (
                f"{key} is called confirmed, but the operator does not have it"
            )

    def _change(self, effect: events.RegisterChanged) -> None:
        self.changes.append((self.now, effect))

    def _exchange(self, effect: events.Exchange) -> None:
        self.exchanges.append((self.now, effect))
        self.at(self.now + self.operator_us, self._exchanged, self._life, effect)

    def _exchanged(self, life: int, effect: events.Exchange) -> None:
        if life == self._life:
            answer = self.registers[effect.register].answer(effect.data) if self.operator_answers else b""
            self.deliver(
                events.Exchanged(effect.register, effect.number, answer, "" if answer else "silence")
            )

    def _reported(self, effect: events.Reported) -> None:
        self.reports.append((self.now, effect))

    def put_in_when_asked(self, index: int, drive: str) -> None:
        """A person looks every ten seconds whether the old drive is done, and then puts the new one in."""
        waits = states.WAITING_FOR_DRIVE
        if self.engine is not None and self.engine.registers()[index].replacement == waits:
            self.registers[index].put_in(drive)
            return
        self.at(self.now + 10 * SECOND, self.put_in_when_asked, index, drive)

    # --- death and resurrection --------------------------------------------------------------------------------------

    def crash(self) -> None:
        """The process dies. What was not durable is gone; what a register was sent may or may not have worked."""
        if self.engine is None:
            return
        self.engine = None
        self.crashes += 1
        self._life += 1
        # the journal may have written some of what was on its way, in order, and nobody heard of it
        survive = self.random.randrange(len(self._commits) + 1) if self.crash_share and self._commits else 0
        for _ in range(survive):
            if not self.disk_full:
                self._append(self._commits.popleft())
        self._commits.clear()
        self._journal_free_us = 0
        self._ticket = 0
        for index in sorted(self._work):
            work = self._work[index]
            if work.fate == "done" and (
                self.orders_survive or (self.crash_share and self.random.random() < 0.5)
            ):
                self._outcome(self.registers[index], work.task, "done")
        self._work.clear()
        self.at(self.now + self.restart_us, self._restart)

    def _restart(self) -> None:
        if self.engine is not None:
            return
        self.engine = Engine.recover(self.config, self.journal.records(), self.now, self.wall_us)
        for key in sorted(self.promised):
            assert self.engine.status(key) is not None, f"{key} was promised and is lost"
        self.deliver(events.Started(self.wall_us))
        for key in list(self.unanswered):
            self._ask_again(key)

    # --- the shop ----------------------------------------------------------------------------------------------------

    def submit(
        self, key: str, sale: Receipt | None = None, at_us: int | None = None, deadline_us: int | None = None
    ) -> World:
        """A shop wants this receipt, now or at ``at_us``; it asks again until somebody answers."""
        if at_us is not None:
            self.at(at_us, self.submit, key, sale, None, deadline_us)
            return self
        self.asked.setdefault(key, sale or receipt())
        self.unanswered[key] = deadline_us
        self._ask_again(key)
        return self

    def _ask_again(self, key: str) -> None:
        if key in self.unanswered:
            sale = self.asked[key]
            self.deliver(events.Submitted(key, sale, fingerprint(sale), self.unanswered[key]))

    def cancel(self, key: str) -> None:
        self.deliver(events.CancelAsked(key, "the buyer changed his mind"))

    def retry(self, key: str) -> None:
        self.poison.discard(key)
        self.deliver(events.RetryAsked(key))

    def move_wall_clock(self, by_us: int) -> None:
        self.wall_offset_us += by_us
        self.deliver(events.WallClockSet(self.wall_us))

    # --- what happened -----------------------------------------------------------------------------------------------

    def documents(self, key: str) -> list[tuple[str, Document]]:
        """Every document of this receipt in any drive."""
        text = mark(key)
        return [(r.facts.name, d) for r in self.registers for d in r.all_documents() if d.mark == text]

    def known(self) -> list[str]:
        return list(self.engine.keys()) if self.engine is not None else []

    def state(self, key: str) -> str:
        assert self.engine is not None
        view = self.engine.status(key)
        return view.status if view is not None else ""

    def where(self, key: str) -> str:
        """The name of the register the engine names for this receipt."""
        assert self.engine is not None
        view = self.engine.status(key)
        assert view is not None
        return view.register

    def tasks(self, kind: type[Any], register: int | None = None) -> list[tuple[int, int, Any]]:
        """(when, which register, task) of every task of a kind, in order."""
        return [(t, r, task) for t, r, task in self.performed if type(task) is kind and register in (None, r)]

    def printed(self, register: int | None = None) -> list[str]:
        """Keys in the order in which registers got them."""
        return [task.key for _, _, task in self.tasks(events.Fiscalize, register)]

    def answers(self, key: str) -> list[events.Reply]:
        return [reply for reply in self.replies if reply.key == key]

    def history(self, kind: type[Any]) -> list[Any]:
        return [record for record in self.journal.records() if type(record) is kind]

    def check(self) -> None:
        """The first law: nothing lost, nothing doubled, every accepted key in exactly one state."""
        assert self.engine is not None
        keys = self.known()
        assert len(set(keys)) == len(keys)
        assert self.promised <= set(keys), f"lost: {sorted(self.promised - set(keys))}"
        held: Counter[str] = Counter()
        for register in self.registers:
            assert [d.number for d in register.documents] == list(range(1, len(register.documents) + 1))
            held.update(d.mark for d in register.all_documents() if d.kind == "receipt")
        orphans: Counter[str] = Counter()
        for orphan in self.history(records.Orphaned):
            orphans[orphan.key] += 1
            assert orphan.return_key in keys, f"the return of {orphan.key} is lost"
        for key in keys:
            state = self.state(key)
            assert state in states.RECEIPT
            count = held.pop(mark(key), 0) - orphans[key]
            wanted = 1 if state in (states.RECORDED, states.SENT, states.CONFIRMED) else 0
            if state in _MOVING:
                continue
            assert count == wanted, f"{key} is {state} and has {count} documents: {self.documents(key)}"
            if wanted:
                view = self.engine.status(key)
                assert view is not None and view.recorded is not None
                numbers = {(name, d.number) for name, d in self.documents(key)}
                assert (view.register, view.recorded.document) in numbers, f"{key} has another document"
        assert not held, f"documents nobody asked for: {held}"
        if not self.crashes:
            self.check_books()

    def check_books(self) -> None:
        """The engine's private counts agree with each other once nothing is in work."""
        assert self.engine is not None
        for station in self.engine._stations:
            waiting = [e for _, _, e in station.queue if e.place is station.queue]
            in_work = station.work is not None
            assert station.load == len(waiting) + in_work, f"{station.facts.name}: load {station.load}"
            assert station.backlog_us == sum(station.estimate_us(e) for e in waiting)
        queued = sum(self.state(key) == states.QUEUED for key in self.known())
        assert self.engine.backlog == queued, f"backlog {self.engine.backlog}, queued {queued}"


_MOVING = (states.ACCEPTING, states.QUEUED, states.ASSIGNED, states.PRINTING, states.IN_DOUBT)
_ACT: dict[type[Any], Any] = {
    events.Commit: World._commit,
    events.Perform: World._perform,
    events.Reply: World._reply,
    events.StatusChanged: World._status,
    events.RegisterChanged: World._change,
    events.Exchange: World._exchange,
    events.Reported: World._reported,
}
