"""The queue of an emulated ATOL web server: requests with their tasks, questions, and the driver that does them one after the other.

A document whose fate is unknown - link, drive or paper failed while it was made - *blocks* the queue. The server then asks the drive
for its last document until it answers: when the number has grown, the task counts as done, else as failed. That is its rule, not the
truth: a sale on a closed shift makes two documents, and only the first may be there. Clients that must be sure look at the document.
Source: reference sheet, section 2.4. *Assumed*: how often the server asks a drive again, and how long a question waits for the register.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from fiscal.emulators import (  # noqa: F401  the modules fill TASKS
    Emulator,
    atol_json_drive,
    atol_json_receipts,
    atol_json_shift,
    atol_json_state,
)
from fiscal.emulators.atol_json import Session, Task, ask, carry_out, document, parse, written
from fiscal.emulators.atol_json_checks import TaskFailed
from fiscal.emulators.atol_web_line import InnerLine
from fiscal.registers.atol.talk import RegisterError
from fiscal.registers.atol_web.errors import BLOCKS, LINK_LOST, NOT_ASKED, TIMEOUT, text_of
from fiscal.registers.conversation import LineLost, Pause, Settings

__all__ = ["KEPT_US", "QUESTION_US", "Entry", "Say", "TaskQueue"]

WAITING, IN_PROGRESS, DONE = "wait", "inProgress", "ready"
FAILED, INTERRUPTED, BLOCKED, CANCELED = "error", "interrupted", "blocked", "canceled"

CHECK_US = 1_000_000
"""How often a blocked queue asks the register again."""
KEPT_US = 43_200 * 60_000_000
"""How long a request is known: 30 days."""
QUESTION_US = 10_000_000
"""How long a question waits for the register."""
LINK_BROKEN = 241
CANCELED_CODE = 503

_DRIVER = Settings(byte_timeout_us=5_000_000, answer_timeout_us=45_000_000)
_CHECKER = Settings(byte_timeout_us=1_000_000, answer_timeout_us=5_000_000, attempts=1)

Run = Generator[Any, Any, Any]
Say = Callable[[int, str, str], None]
"""Told what became of a question: code of the driver (0: fine), its words, the result as JSON."""


@dataclass(slots=True)
class Part:
    """One task of a request, and what became of it; as text it is what a client is told."""

    task: Any
    status: str = WAITING
    code: int = 0
    text: str = ""
    result: str = ""

    def end(self, status: str, code: int = 0, text: str = "", result: str = "") -> None:
        self.status, self.code, self.text, self.result = status, code, text or text_of(code), result

    def __str__(self) -> str:
        error = json.dumps({"code": self.code, "description": self.text or text_of(0)}, ensure_ascii=False)
        result = f',"result":{self.result}' if self.result else ""
        return f'{{"error":{error},"status":"{self.status}"{result}}}'


@dataclass(slots=True, eq=False)
class Entry:
    """A request. ``since_us``: when it came."""

    uuid: str
    parts: list[Part]
    since_us: int


@dataclass(slots=True, eq=False)
class _Question:
    task: Task
    say: Say
    until_us: int


class TaskQueue:
    """What was handed in for one register, and who does it."""

    def __init__(self, register: Emulator) -> None:
        self._line = InnerLine(register)
        self._entries: dict[str, Entry] = {}
        self._waiting: deque[Entry] = deque()
        self._questions: deque[_Question] = deque()
        self._unanswered: list[_Question] = []
        self._operator: Task = {}
        self._number = 0
        self._linked = True
        self._blocked: tuple[str, str] | None = None  # uuid and reason

    # ---- what clients want ------------------------------------------------------------------------------------------------------

    def find(self, uuid: str) -> Entry | None:
        """The request that is known under this uuid."""
        return self._entries.get(uuid)

    def add(self, uuid: str, tasks: list[Any], now_us: int) -> int:
        """Hand in a request under a uuid that is not known; how many wait then."""
        self._forget(now_us)
        entry = self._entries[uuid] = Entry(uuid, [Part(task) for task in tasks], now_us)
        self._waiting.append(entry)
        return len(self._waiting)

    def cancel(self, entry: Entry) -> bool:
        """Take back what was not begun. ``False``: it was."""
        if entry not in self._waiting:
            return False
        self._waiting.remove(entry)
        for part in entry.parts:
            part.end(CANCELED, CANCELED_CODE, "Задание отменено")
        return True

    def ask(self, task: Task, say: Say, now_us: int) -> None:
        """A question, answered before anything that waits; at once, when the register is out of reach."""
        if self._blocked is not None:
            say(LINK_LOST, text_of(LINK_LOST), "")
            return
        question = _Question(task, say, now_us + QUESTION_US)
        self._questions.append(question)
        self._unanswered.append(question)

    def counted(self) -> dict[str, int]:
        """How many wait, were done, were taken back."""
        states = [entry.parts[-1].status for entry in self._entries.values()]
        return {
            "number": len(self._waiting),
            "ready": states.count(DONE),
            "canceled": states.count(CANCELED),
        }

    def blocking(self) -> dict[str, Any]:
        """Whether the queue is blocked, by which request, and why."""
        uuid, reason = self._blocked or ("", "")
        return {"isBlocked": self._blocked is not None, "blockedUUID": uuid, "blockReason": reason}

    def _forget(self, now_us: int) -> None:
        """The oldest come first."""
        while self._entries:
            oldest = next(iter(self._entries.values()))
            if oldest.since_us + KEPT_US > now_us or oldest.parts[-1].status in (
                WAITING,
                IN_PROGRESS,
                BLOCKED,
            ):
                return
            del self._entries[oldest.uuid]

    # ---- time -------------------------------------------------------------------------------------------------------------------

    def next_wakeup(self) -> int | None:
        """When `wake` has something to do."""
        at_us = self._line.next_wakeup()
        for question in self._unanswered:
            if at_us is None or question.until_us < at_us:
                at_us = question.until_us
        return at_us

    def wake(self, now_us: int, since_us: int = 0) -> None:
        """Do what is due. ``since_us``: the driver did nothing before (the server hung)."""
        line = self._line
        at_us = line.next_wakeup()
        while at_us is not None and at_us <= now_us:
            line.wake(at_us if at_us >= since_us else now_us)
            if not line.busy:
                self.begin(now_us)
            at_us = line.next_wakeup()
        if self._unanswered:
            for question in [each for each in self._unanswered if each.until_us <= now_us]:
                self._say(question, TIMEOUT, text_of(TIMEOUT), "")

    def begin(self, now_us: int) -> None:
        """Give the driver its next work: questions first."""
        while not self._line.busy and (self._questions or self._waiting):
            if self._questions:
                self._line.start(self._answered(self._questions.popleft()), now_us)
            else:
                self._line.start(self._done(self._waiting.popleft()), now_us)

    # ---- work -------------------------------------------------------------------------------------------------------------------

    def _answered(self, question: _Question) -> Run:
        if question in self._unanswered:  # else it came too late
            self._say(question, *(yield from self._drive(question.task)))

    def _say(self, question: _Question, code: int, text: str, result: str) -> None:
        if question in self._unanswered:
            self._unanswered.remove(question)
            question.say(code, text, result)

    def _done(self, entry: Entry) -> Run:
        """Do the tasks of a request; after one that failed the others are not even begun."""
        failed = False
        for part in entry.parts:
            if failed:
                part.end(INTERRUPTED, NOT_ASKED)
                continue
            part.status = IN_PROGRESS
            yield from self._do(entry, part)
            failed = part.status != DONE

    def _do(self, entry: Entry, part: Part) -> Run:
        try:
            makes = parse(part.task).makes
        except TaskFailed as wrong:
            part.end(FAILED, wrong.code, str(wrong))
            return
        before = (yield from self._last_document(_DRIVER)) if makes else None
        code, text, result = yield from self._drive(part.task)
        if not code:
            part.end(DONE, result=result)
        elif not makes or code not in BLOCKS or before is None:
            part.end(FAILED, code, text)
        else:
            part.status, part.code, part.text = BLOCKED, code, text
            self._blocked = entry.uuid, BLOCKS[code]
            yield from self._settle(part, before)
            self._blocked = None

    def _settle(self, part: Part, before: int) -> Run:
        """Ask the drive until it answers."""
        while (last := (yield from self._last_document(_CHECKER))) is None:
            yield Pause(CHECK_US)
        if last == before:
            part.end(FAILED, part.code, part.text)
            return
        session = self._session(_DRIVER)
        params: dict[str, Any] = {}
        warnings: dict[str, Any] = {}
        try:
            params, warnings = yield from document(session)
            yield from session.confirm()
        except (RegisterError, LineLost):
            params = {"fiscalDocumentNumber": last}
        self._number = session.number
        part.end(DONE, result=written({"fiscalParams": params, "warnings": warnings}))

    def _session(self, settings: Settings) -> Session:
        return Session(settings, self._number, self._operator)

    def _drive(self, task: Task) -> Generator[Any, Any, tuple[int, str, str]]:
        """Let the driver do a task: (code, words, result)."""
        session = self._session(_DRIVER)
        try:
            result = yield from carry_out(session, task)
        except TaskFailed as failed:
            code, text, result = failed.code, str(failed), ""
        except LineLost:
            code = LINK_BROKEN if self._linked else LINK_LOST
            text, result, self._linked = text_of(code), "", False
        else:
            code, text, self._linked = 0, "", True
        self._number, self._operator = session.number, session.operator
        return code, text, result

    def _last_document(self, settings: Settings) -> Generator[Any, Any, int | None]:
        """The number of the drive's last document; ``None`` when nobody answers."""
        session = self._session(settings)
        number: int | None = 0
        try:
            (number, _, _) = yield from ask(session, 0x9134, b"\0\0")
            yield from session.confirm()
        except RegisterError:
            number = 0
        except LineLost:
            number = None
        self._number = session.number
        return number
