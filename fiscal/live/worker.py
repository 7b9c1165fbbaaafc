"""One thread for each register: it owns the link and holds one conversation at a time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue

from fiscal.engine.events import Performed, Task
from fiscal.live import clock
from fiscal.live.converse import Talk, Trace
from fiscal.live.links import LineLost, Link, open_link
from fiscal.registers.conversation import Blame, Driver, Outcome, Refused, Unknown
from fiscal.registers.tasks import start

log = logging.getLogger("fiscal.registers")
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class Port:
    """Where a register is and who speaks to it."""

    name: str
    address: str
    driver: Driver
    baud: int = 115_200
    trace: Trace | None = None


@dataclass(frozen=True, slots=True)
class Cable:
    """What is known of the cable: whether the link is open, when the register last said anything, what went wrong last."""

    open: bool
    heard_wall_us: int
    problem: str


class Worker(threading.Thread):
    """Carries out tasks on one register. ``post`` gets a `Performed` for each."""

    def __init__(self, index: int, port: Port, post: Callable[[Performed], None]) -> None:
        super().__init__(name=f"register {port.name}", daemon=True)
        self.port = port
        self._index = index
        self._post = post
        self._tasks: SimpleQueue[tuple[int, Task] | None] = SimpleQueue()
        self._link: Link | None = None
        self._pause_s = FIRST_PAUSE_S
        self._open_at = 0.0
        self._stopping = False
        self._asked = 0
        self._answered = 0
        self.cable = Cable(False, 0, "")

    @property
    def idle(self) -> bool:
        """Everything asked for was carried out and reported."""
        return self._asked == self._answered

    def perform(self, number: int, task: Task) -> None:
        """Start ``task`` as soon as the one before has ended."""
        self._asked += 1
        self._tasks.put((number, task))

    def refuse(self) -> None:
        """Finish the conversation in work and refuse all others: the process is stopping."""
        self._stopping = True

    def close(self) -> None:
        """End the thread after the conversation in work."""
        self._tasks.put(None)

    def cut(self) -> None:
        """Close the link under a conversation that takes too long; it ends as if the cable had been pulled."""
        link = self._link
        if link is not None:
            link.close()

    def run(self) -> None:
        while (item := self._tasks.get()) is not None:
            number, task = item
            outcome = self._carry_out(task)
            self._post(Performed(self._index, number, outcome))
            self._answered += 1
        self._drop()

    def _carry_out(self, task: Task) -> Outcome:
        while True:
            if self._stopping:
                return Refused("line", "the engine is stopping", Blame.LINE)
            reused = self._link is not None
            try:
                link = self._opened()
            except LineLost as lost:
                self._note(False, str(lost))
                return Refused("line", str(lost), Blame.LINE, "check cable, power and address")
            talk = Talk(self.port.trace)
            try:
                outcome = talk.run(link, start(self.port.driver, task, clock.wall_s()))
            except Exception as error:
                # A driver that stumbles over one register's bytes must not take the farm down; whether something happened in the
                # drive is what `acted` knows.
                log.exception("%s: the driver failed; this is a bug", self.port.name)
                outcome = talk.given_up(f"driver failed: {error!r}")
            problem = _problem(outcome)
            self._note(talk.heard, problem)
            if not problem:
                self._pause_s = FIRST_PAUSE_S
                return outcome
            self._drop()
            if reused and talk.lost and not talk.acted:
                continue  # the link had died unnoticed since the last conversation, and nothing was said on it
            return outcome

    def _note(self, heard: bool, problem: str) -> None:
        heard_us = clock.wall_us() if heard else self.cable.heard_wall_us
        self.cable = Cable(not problem, heard_us, problem)

    def _opened(self) -> Link:
        if self._link is None:
            wait_s = self._open_at - time.monotonic()
            if wait_s > 0:
                time.sleep(wait_s)
            try:
                self._link = open_link(self.port.address, self.port.baud)
            except LineLost:
                self._lengthen()
                raise
        return self._link

    def _drop(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
            self._lengthen()

    def _lengthen(self) -> None:
        self._open_at = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)


def _problem(outcome: Outcome) -> str:
    """What is wrong with the line, or an empty string. A register that answers - a refusal, too - has a working line."""
    if isinstance(outcome, Unknown):
        return outcome.reason
    if isinstance(outcome, Refused) and outcome.blame is Blame.LINE:
        return outcome.meaning
    return ""
