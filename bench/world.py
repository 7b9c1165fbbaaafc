"""The virtual host: the real engine, drivers, protocol bytes, emulators and drives, in SimPy's time.

The world does for the engine what the live host does: it hands over events, carries out effects, commits batches to a journal that
takes its time, runs conversations over lines. Beside that it is the shop that pays, and the fate that pulls cables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import simpy
from simpy.events import Timeout

from bench import log as rows
from bench.facts import FactLog
from bench.faults import Fault, outages
from bench.log import EventLog
from bench.operator_line import OperatorLine
from bench.shop import RETRY_US, Request, Shop
from fiscal.emulators.marking_service import MarkingService
from fiscal.engine import events
from fiscal.engine.config import EngineConfig
from fiscal.engine.engine import Engine
from fiscal.engine.outcomes import Outcome, ShiftClosed
from fiscal.engine.states import WAITING_FOR_DRIVE
from fiscal.journal.memory import MemoryJournal

_NEVER = 1 << 62


class Seat(Protocol):
    """Where a register sits in the world: what the engine's tasks and the faults act upon."""

    def perform(self, task: events.Task, done: Callable[[Outcome | None], None]) -> None: ...

    def abandon(self) -> None: ...

    def fault(self, fault: Fault, begins: bool) -> bool:
        """A fault begins or ends here. Returns whether it happened (a cable that is out cannot be pulled)."""
        ...

    def fired(self) -> dict[str, int]:
        """How often faults that strike by themselves have struck."""
        ...

    def change_drive(self) -> bool:
        """A person puts a new drive in. Returns whether it could be done now."""
        ...


class World:
    """One run. ``seats`` are the registers in the order of the configuration."""

    def __init__(
        self,
        env: simpy.Environment,
        config: EngineConfig,
        seats: Sequence[Seat],
        computers: dict[str, tuple[int, ...]],
        names: Sequence[str],
        requests: Sequence[Request],
        faults: Sequence[Fault],
        start_s: int,
        commit_us: int,
    ) -> None:
        self.env = env
        self.log = EventLog()
        self.shop = Shop()
        self.journal = MemoryJournal()
        self.marking = MarkingService()
        self.fired: Counter[str] = Counter()
        self._config = config
        self._seats = seats
        self._places = {
            **{name: (i,) for i, name in enumerate(names)},
            **computers,
            "all": tuple(range(len(names))),
        }
        self._requests = requests
        self._next_request = 0
        self._start_us = start_s * 1_000_000
        self._commit_us = commit_us
        self._commits: list[events.Commit] = []
        self._writing: list[events.Commit] = []
        self._disk_full = False
        self._wake_at = _NEVER
        self._life = 0  # counts the engine's lives: what an earlier life began is ignored
        self._retrying = False
        self._steps: Counter[str] = Counter()
        self._crash_steps: dict[tuple[str, int], Fault] = {}
        self.engine: Engine | None = Engine(config)
        self._act: dict[type[Any], Callable[[Any], None]] = {
            events.Commit: self._commit,
            events.Perform: self._perform,
            events.Reply: self._reply,
            events.StatusChanged: self._status,
            events.RegisterChanged: self._register,
            events.Exchange: self._exchange,
            events.Reported: lambda effect: None,  # nobody asks for an X-report here
        }
        self.facts = FactLog(len(seats))
        self._operator_lines: dict[int, OperatorLine] = {}
        self._hands: dict[int, int] = {}  # registers that are to get a new drive: how long the person needs
        for fault in faults:
            if fault.kind == "engine_crash" and fault.params.get("effect"):
                self._crash_steps[str(fault.params["effect"]), int(fault.params["nth"])] = fault
            else:
                self._at(fault.at_us, self._fault_begins, fault)
                if fault.until_us > fault.at_us:
                    self._at(fault.until_us, self._fault_ends, fault)
        self._outages = outages(faults, self._places)
        for index, spans in self._outages.items():
            for begin_us, end_us in spans:
                self._at(begin_us, self._plan, (index, True))
                self._at(end_us, self._plan, (index, False))
        self._at(0, self._start)
        if requests:
            self._at(requests[0].at_us, self._arrivals)

    # --- time --------------------------------------------------------------------------------------------------------

    def _at(self, at_us: int, action: Callable[[Any], None], value: Any = None) -> None:
        """Call ``action`` with an event that carries ``value``, at that moment."""
        env = self.env
        timeout = Timeout(env, at_us - env.now, value)
        timeout.callbacks.append(action)

    @property
    def wall_us(self) -> int:
        return self._start_us + int(self.env.now)

    def deliver(self, event: events.Event) -> None:
        """Something happened: tell the engine and do what it wants."""
        engine = self.engine
        assert engine is not None
        if self._crash_steps and self._dies(_EVENT_STEPS.get(type(event))):
            return
        self._carry_out(engine.handle(event, int(self.env.now)))

    def _carry_out(self, effects: list[events.Effect]) -> None:
        act = self._act
        for effect in effects:
            if self._crash_steps and self._dies(_EFFECT_STEPS.get(type(effect))):
                return
            act[type(effect)](effect)
        engine = self.engine
        if engine is not None:
            at_us = engine.next_wakeup()
            if at_us is not None and at_us < self._wake_at:
                self._wake_at = at_us
                self._at(max(at_us, int(self.env.now)), self._wake, (self._life, at_us))

    def _wake(self, event: Any) -> None:
        life, at_us = event.value
        if life != self._life or self.engine is None or at_us != self._wake_at:
            return
        self._wake_at = _NEVER
        self._carry_out(self.engine.wake(int(self.env.now)))

    # --- the engine's life -------------------------------------------------------------------------------------------

    def _start(self, _: Any = None) -> None:
        if self.engine is not None:
            self.deliver(events.Started(self.wall_us))

    def _dies(self, step: str | None) -> bool:
        if step is None:
            return False
        self._steps[step] += 1
        fault = self._crash_steps.pop((step, self._steps[step]), None)
        if fault is None:
            return False
        self._crash(fault)
        return True

    def _crash(self, fault: Fault) -> None:
        """The process dies: what was not committed is gone, conversations stop in mid-word. It comes back later."""
        if self.engine is None:
            return
        self.engine = None
        self._life += 1
        self._commits = []
        self._writing = []
        self._wake_at = _NEVER
        for seat in self._seats:
            seat.abandon()
        self._happened(fault, True)
        self.log.add(int(self.env.now), rows.ENGINE, detail="crash")
        self.facts.engine(False, int(self.env.now))
        self._at(int(self.env.now) + int(fault.params["restart_us"]), self._restart, fault)

    def _restart(self, event: Any) -> None:
        fault: Fault = event.value
        now = int(self.env.now)
        self.engine = Engine.recover(self._config, self.journal.records(), now, self.wall_us)
        self.log.add(now, rows.ENGINE, detail="restart")
        self.facts.engine(True, now)
        self._happened(fault, False)
        self._start()
        self._remember_plans()
        self._look_for_drives()
        self._ask_again()

    # --- the shop ----------------------------------------------------------------------------------------------------

    def _arrivals(self, _: Any) -> None:
        """Everything that is paid for at this very moment."""
        now = int(self.env.now)
        requests = self._requests
        i = self._next_request
        while i < len(requests) and requests[i].at_us <= now:
            request = requests[i]
            i += 1
            self.log.add(now, rows.SUBMITTED, request.key, number=len(request.receipt.items))
            self.shop.ask(request)
            self._submit(request)
        self._next_request = i
        if i < len(requests):
            self._at(requests[i].at_us, self._arrivals)

    def _submit(self, request: Request) -> None:
        if self.engine is not None:
            self.deliver(
                events.Submitted(request.key, request.receipt, request.fingerprint, request.deadline_us)
            )
        else:
            self._ask_again_later()

    def _ask_again_later(self) -> None:
        if not self._retrying:
            self._retrying = True
            self._at(int(self.env.now) + RETRY_US, self._ask_again)

    def _ask_again(self, _: Any = None) -> None:
        self._retrying = False
        for request in self.shop.to_repeat():
            self._submit(request)

    def _reply(self, effect: events.Reply) -> None:
        self.log.add(
            int(self.env.now), rows.REPLY, effect.key, detail="accepted" if effect.accepted else effect.reason
        )
        if self.shop.answer(effect.key, effect.accepted, effect.reason):
            self._ask_again_later()

    # --- the journal -------------------------------------------------------------------------------------------------

    def _commit(self, effect: events.Commit) -> None:
        """One batch is being written at a time; what comes meanwhile makes the next batch (group commit)."""
        self._commits.append(effect)
        if not self._writing:
            self._write()

    def _write(self) -> None:
        self._writing, self._commits = self._commits, []
        self._at(int(self.env.now) + self._commit_us, self._written, self._life)

    def _written(self, event: Any) -> None:
        life = event.value
        if life != self._life:
            return  # the process died before the batch was on the disk
        writing, self._writing = self._writing, []
        if self._disk_full:
            self.fired["disk_full"] += len(writing)
            answers: list[events.Event] = [events.CommitFailed(c.ticket, "the disk is full") for c in writing]
        else:
            self.journal.append([record for commit in writing for record in commit.records])
            answers = [events.Committed(commit.ticket) for commit in writing]
        for answer in answers:
            if life != self._life:
                return
            self.deliver(answer)
        if self._commits and not self._writing:
            self._write()

    # --- the operator ------------------------------------------------------------------------------------------------

    def carry_through(self, register: int, line: OperatorLine) -> None:
        """Documents of this register are carried over this line."""
        self._operator_lines[register] = line

    def _exchange(self, effect: events.Exchange) -> None:
        now = int(self.env.now)
        carried = self._operator_lines[effect.register].carry(effect.data, now)
        said = events.Exchanged(
            effect.register, effect.number, carried.answer, carried.problem, carried.connected
        )
        self.log.add(now, rows.OPERATOR, "", effect.register, carried.problem or "answered", effect.number)
        self._at(carried.at_us, self._exchanged, (self._life, said))

    def _exchanged(self, event: Any) -> None:
        life, said = event.value
        if life == self._life:
            self.facts.carried(
                said.register, said.connected, bool(said.answer), said.problem, int(self.env.now)
            )
            self.deliver(said)

    # --- registers ---------------------------------------------------------------------------------------------------

    def _perform(self, effect: events.Perform) -> None:
        life = self._life
        register, number = effect.register, effect.number

        def done(outcome: Outcome | None) -> None:
            if life == self._life and outcome is not None:
                self.facts.outcome(register, outcome, int(self.env.now))
                if isinstance(outcome, ShiftClosed):
                    self.log.add(
                        int(self.env.now),
                        rows.Z_REPORT,
                        "",
                        register,
                        repr(outcome.totals_kop),
                        outcome.shift,
                    )
                self.deliver(events.Performed(register, number, outcome))

        self._seats[register].perform(effect.task, done)

    def _status(self, effect: events.StatusChanged) -> None:
        detail = effect.detail
        number = int(detail) if effect.status == "recorded" else 0
        self.log.add(int(self.env.now), rows.STATUS, effect.key, effect.register, effect.status, number)

    def _register(self, effect: events.RegisterChanged) -> None:
        detail = f"{effect.state}: {effect.detail}" if effect.detail else effect.state
        self.log.add(int(self.env.now), rows.REGISTER, "", effect.register, detail)
        if effect.detail == WAITING_FOR_DRIVE:
            self._look_for_drives()

    # --- fate --------------------------------------------------------------------------------------------------------

    def _fault_begins(self, event: Any) -> None:
        self._fault(event.value, True)

    def _fault_ends(self, event: Any) -> None:
        self._fault(event.value, False)

    def _fault(self, fault: Fault, begins: bool) -> None:
        if fault.kind == "engine_crash":
            self._crash(fault)
        elif fault.kind == "disk_full":
            self._disk_full = begins
            self._note(fault, -1, begins)
        elif fault.kind in ("operator_unreachable", "operator_unpaid"):
            self._happened(fault, begins)
        elif fault.kind == "marking_silent":
            self.marking.silent = begins
            self._happened(fault, begins)
        elif fault.kind == "drive_replacement":
            for index in self._places[fault.target]:
                self.fired[fault.kind] += 1
                self._note(fault, index, begins)
                self._hands[index] = int(fault.params["hands_us"])
                self._ask_for_new_drive(index)
        elif fault.kind == "planned_outage":
            for index in self._places[fault.target]:
                self.fired[fault.kind] += begins
                self._note(fault, index, begins)
        else:
            for index in self._places[fault.target]:
                if self._seats[index].fault(fault, begins):
                    self._note(fault, index, begins)
                    if begins and fault.kind not in _STRIKES_LATER:
                        self.fired[fault.kind] += 1

    def _plan(self, event: Any) -> None:
        if self.engine is not None:
            index, begins = event.value
            self.deliver(events.PauseAsked(index, "planned outage") if begins else events.ResumeAsked(index))

    def _remember_plans(self) -> None:
        """What was planned while nobody was there to hear of it: the engine takes no notice of what it knows."""
        now = int(self.env.now)
        for index, spans in self._outages.items():
            out = any(begin_us <= now < end_us for begin_us, end_us in spans)
            if self.engine is not None:  # it may die once more
                self.deliver(events.PauseAsked(index, "planned outage") if out else events.ResumeAsked(index))

    def _ask_for_new_drive(self, index: int) -> None:
        """The person asks until the engine has taken notice."""
        if self.engine is not None:
            self.deliver(events.DriveReplacementAsked(index))
        else:
            self._at(int(self.env.now) + RETRY_US, lambda event: self._ask_for_new_drive(index))

    def _look_for_drives(self) -> None:
        """The person looks at what the engine shows, and does what it waits for."""
        if self._hands and self.engine is not None:
            for index, view in enumerate(self.engine.registers()):
                if view.replacement == WAITING_FOR_DRIVE and index in self._hands:
                    self._at(int(self.env.now) + self._hands.pop(index), self._change_drive, index)

    def _change_drive(self, event: Any) -> None:
        index: int = event.value
        if self._seats[index].change_drive():
            self.log.add(int(self.env.now), rows.FAULT, "", index, "drive_replacement", 0)
        else:
            self._at(int(self.env.now) + 1_000_000, self._change_drive, index)

    def _happened(self, fault: Fault, begins: bool) -> None:
        self.fired[fault.kind] += begins
        self._note(fault, -1, begins)

    def _note(self, fault: Fault, index: int, begins: bool) -> None:
        self.log.add(int(self.env.now), rows.FAULT, "", index, fault.kind, int(begins))


_EFFECT_STEPS: dict[type[Any], str] = {
    events.Commit: "commit",
    events.Perform: "perform",
    events.Reply: "reply",
    events.Exchange: "exchange",
}
_EVENT_STEPS: dict[type[Any], str] = {
    events.Committed: "committed",
    events.Performed: "performed",
    events.Exchanged: "exchanged",
}
_STRIKES_LATER = frozenset({"reply_lost", "garbled_bytes"})
"""Faults that only make something possible; the line counts when it has happened."""
