"""An emulated ATOL web server: JSON tasks over HTTP, queued for the register behind it.

A client hands in a task under a uuid of its own (POST) and asks later what became of it (GET). A uuid is known for good: the same one
again is refused (409), whatever it carries, so that a client that does not know whether its task arrived may send it once more. The
tasks are done one after the other by the driver (`fiscal.emulators.atol_json`), in the time that the register takes.

A document whose fate is unknown - link, drive or paper failed while it was made - *blocks* the queue. The server then asks the drive
for its last document until it answers: when the number has grown, the task counts as done, else as failed. That is its rule, not the
truth: a sale on a closed shift makes two documents, and only the first may be there. Clients that must be sure look at the document.

Everything that talks is sans-IO: bytes of HTTP in, bytes of HTTP out. Source: reference sheet, section 2.4. *Assumed*: how long the
server takes to answer, how often it asks a drive again, what it says to questions that cannot be answered.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from fiscal.emulators import (  # noqa: F401  the modules fill TASKS
    Emulator,
    Output,
    atol_json_receipts,
    atol_json_shift,
    atol_json_state,
)
from fiscal.emulators.atol_json import Session, Task, ask, carry_out, document, parse
from fiscal.emulators.atol_json_checks import TaskFailed
from fiscal.emulators.atol_web_line import InnerLine
from fiscal.registers.atol.talk import RegisterError
from fiscal.registers.atol_web.errors import LINK_LOST, NOT_ASKED, TIMEOUT, text_of
from fiscal.registers.atol_web.messages import BadMessage, Reader, Request, Response
from fiscal.registers.conversation import LineLost, Pause, Settings

__all__ = ["BLOCKED", "CANCELED", "DONE", "FAILED", "INTERRUPTED", "IN_PROGRESS", "WAITING", "WebServer"]

WAITING, IN_PROGRESS, DONE = "wait", "inProgress", "ready"
FAILED, INTERRUPTED, BLOCKED, CANCELED = "error", "interrupted", "blocked", "canceled"

ANSWER_US = 2_000
CHECK_US = 1_000_000
"""How often a blocked queue asks the register again."""
KEPT_US = 43_200 * 60_000_000
"""How long a request is known: 30 days."""
QUESTION_US = 10_000_000
"""How long a question waits for the register."""
LINK_BROKEN = 241
CANCELED_CODE = 503
BAD_CALL = 505

_DRIVER = Settings(byte_timeout_us=5_000_000, answer_timeout_us=45_000_000)
_CHECKER = Settings(byte_timeout_us=1_000_000, answer_timeout_us=5_000_000, attempts=1)

BLOCK_REASONS: dict[int, str] = {
    **dict.fromkeys((1, 2, 3, 4, 241), "connectionError"),
    **dict.fromkeys((115, 116, 159, 166, 177), "fnError"),
    **dict.fromkeys((44, 45, 46, 114), "paperError"),
}
"""Code of the driver -> why the queue is blocked."""

_QUESTIONS = {
    f"query{kind}": f"get{kind}"
    for kind in ("DeviceInfo", "DeviceStatus", "ShiftStatus", "ShiftTotals", "FnInfo", "FnStatus")
} | {"queryOfdExchangeStatus": "ofdExchangeStatus"}
"""Operation -> the task that answers it at once."""

_DEVICES = frozenset(("", "default", "1"))

Run = Generator[Any, Any, Any]


@dataclass(slots=True)
class _Part:
    """One task of a request, and what became of it."""

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
class _Entry:
    """A request. ``since_us``: when it came."""

    uuid: str
    parts: list[_Part]
    since_us: int


@dataclass(slots=True, eq=False)
class _Question:
    """A question that waits for the register; ``answer`` goes to the client that asked."""

    task: Task
    answer: _Slot
    until_us: int


@dataclass(slots=True)
class _Slot:
    """The place of an answer among those of its connection."""

    answer: bytes | None = None


@dataclass(slots=True)
class _Refused(Exception):
    """The server does not do what the call says."""

    status: int
    text: str
    code: int = BAD_CALL


@dataclass(slots=True)
class _Call:
    request: Request
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None


Handler = Callable[[_Call, int], _Slot]


class WebServer:
    """A web server in front of ``register``, reached over one connection. ``account``: the header that a client must send (see
    `fiscal.registers.atol_web.messages.basic`), empty when nobody is asked who he is."""

    def __init__(self, register: Emulator, account: str = "") -> None:
        self.account = account
        self._line = InnerLine(register, self._ended)
        self._entries: dict[str, _Entry] = {}
        self._queue: deque[_Entry] = deque()
        self._questions: deque[_Question] = deque()
        self._unanswered: list[_Question] = []
        self._answers: deque[_Slot] = deque()
        self._reader = Reader()
        self._operator: Task = {}
        self._number = 0
        self._linked = True
        self._blocked: tuple[str, str] | None = None  # uuid and reason
        self._hung_until_us = 0
        self._backlog: list[bytes] = []

    # ---- what a host needs (Emulator) -------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now_us: int) -> Output:
        """Bytes of the connection. A server that hangs reads them later."""
        if now_us < self._hung_until_us:
            self._backlog.append(data)
            return []
        try:
            for message in self._reader.feed(data):
                assert isinstance(message, Request)
                self._answers.append(self._handle(message, now_us))
        except BadMessage as bad:
            self._reader = Reader()
            refused = _said(_Refused(bad.status, str(bad)))
            self._answers.append(_Slot(bytes(Response(bad.status, refused, True))))
        self._begin(now_us)
        return self._flush(now_us)

    def next_wakeup(self) -> int | None:
        moments = [self._line.next_wakeup(), *(question.until_us for question in self._unanswered)]
        soonest = min((moment for moment in moments if moment is not None), default=None)
        if self._backlog:
            return self._hung_until_us
        return soonest if soonest is None else max(soonest, self._hung_until_us)

    def wake(self, now_us: int) -> Output:
        if now_us < self._hung_until_us:
            return []
        output: Output = []
        backlog, self._backlog = self._backlog, []
        for data in backlog:
            output += self.receive(data, now_us)
        at_us = self._line.next_wakeup()
        while at_us is not None and at_us <= now_us:
            self._line.wake(at_us if at_us >= self._hung_until_us else now_us)
            self._begin(now_us)
            at_us = self._line.next_wakeup()
        for question in [each for each in self._unanswered if each.until_us <= now_us]:
            self._say(question, _failed(TIMEOUT))
        return output + self._flush(now_us)

    def hang(self, until_us: int) -> None:
        """The server does nothing until then; what arrives lies there. The register goes on with what it was told."""
        self._hung_until_us = max(self._hung_until_us, until_us)

    def hang_up(self) -> None:
        """The client dropped the connection: half a request is nothing, answers go nowhere. What was handed in stays."""
        self._reader = Reader()
        self._backlog.clear()
        self._answers.clear()

    # ---- calls ------------------------------------------------------------------------------------------------------------------

    def _flush(self, now_us: int) -> Output:
        """Answers leave in the order of their requests."""
        output: Output = []
        while self._answers and (answer := self._answers[0].answer) is not None:
            self._answers.popleft()
            output.append((now_us + ANSWER_US, answer))
        return output

    def _handle(self, request: Request, now_us: int) -> _Slot:
        path, _, rest = request.target.partition("?")
        query = dict(pair.partition("=")[::2] for pair in rest.split("&") if pair)
        try:
            if self.account and request.account != self.account and not path.endswith("/serverInfo"):
                raise _Refused(401, "Требуется авторизация")
            parts = [part for part in path.split("/") if part]
            if parts[:2] == ["api", "v2"]:
                parts = parts[2:]
            call = _Call(request, parts[1] if len(parts) == 2 else "", query)
            handler = self._route(parts, request.method)
            if request.method == "POST" and request.body:
                call.body = _json(request.body)
            self._check_device(call)
            return handler(call, now_us)
        except _Refused as refused:
            return _Slot(bytes(Response(refused.status, _said(refused), request.last)))

    def _route(self, parts: list[str], method: str) -> Handler:
        name = parts[0] if 1 <= len(parts) <= 2 else ""
        found: dict[str, Handler] = {}
        if name == "operations" and parts[-1] in _QUESTIONS:
            found = {"POST": self._ask}
        elif name == "requests" and len(parts) == 1:
            found = {"POST": self._add}
        elif name == "requests":
            found = {"GET": self._tell, "DELETE": self._cancel}
        elif name == "getRequestsQueueStatus":
            found = {"GET": self._count}
        elif name == "serverInfo":
            found = {"GET": self._about}
        if not found:
            raise _Refused(404, f"Неизвестный адрес: {'/'.join(parts)}")
        if method not in found:
            raise _Refused(405, f"Метод {method} не поддерживается")
        return found[method]

    def _check_device(self, call: _Call) -> None:
        named = call.query.get("deviceID", "")
        if not named and isinstance(call.body, dict):
            named = str(call.body.get("deviceID") or "")
        if named not in _DEVICES:
            raise _Refused(404, f"Устройство [{named}] не найдено")

    def _add(self, call: _Call, now_us: int) -> _Slot:
        body = call.body
        if not isinstance(body, dict):
            raise _Refused(400, "Ошибка разбора JSON")
        uuid, asked = body.get("uuid"), body.get("request")
        if not isinstance(uuid, str) or not uuid:
            raise _Refused(400, "Поле 'uuid' не задано")
        if not asked or not isinstance(asked, dict | list):
            raise _Refused(400, "Поле 'request' не задано или пустое")
        if uuid in self._entries:
            raise _Refused(409, f"Не удалось добавить задание с UUID [{uuid}], задание с таким UUID уже есть")
        self._forget(now_us)
        tasks = asked if isinstance(asked, list) else [asked]
        entry = self._entries[uuid] = _Entry(uuid, [_Part(task) for task in tasks], now_us)
        self._queue.append(entry)
        return _answer(201, {"number": len(self._queue), "uuid": uuid, **self._blocking()}, call)

    def _tell(self, call: _Call, now_us: int) -> _Slot:
        results = ",".join(map(str, self._entry(call).parts))
        return _Slot(bytes(Response(200, f'{{"results":[{results}]}}'.encode(), call.request.last)))

    def _cancel(self, call: _Call, now_us: int) -> _Slot:
        entry = self._entry(call)
        if entry not in self._queue:
            raise _Refused(
                409, f"Задание с UUID [{entry.uuid}] нельзя отменить: оно выполняется или выполнено"
            )
        self._queue.remove(entry)
        for part in entry.parts:
            part.end(CANCELED, CANCELED_CODE, "Задание отменено")
        return _answer(200, {}, call)

    def _count(self, call: _Call, now_us: int) -> _Slot:
        states = [entry.parts[-1].status for entry in self._entries.values()]
        counted = {
            "number": len(self._queue),
            "ready": states.count(DONE),
            "canceled": states.count(CANCELED),
        }
        return _answer(200, counted | self._blocking(), call)

    def _about(self, call: _Call, now_us: int) -> _Slot:
        return _answer(200, {"name": "emulated web server of ATOL tasks", "version": "1.0.4.0"}, call)

    def _ask(self, call: _Call, now_us: int) -> _Slot:
        if self._blocked is not None:
            return _Slot(_failed(LINK_LOST))
        slot = _Slot()
        task = {"type": _QUESTIONS[call.path]}
        question = _Question(task, slot, now_us + QUESTION_US)
        self._questions.append(question)
        self._unanswered.append(question)
        return slot

    def _entry(self, call: _Call) -> _Entry:
        entry = self._entries.get(call.path)
        if entry is None:
            raise _Refused(404, f"Задание с UUID [{call.path}] для устройства [1] не найдено")
        return entry

    def _blocking(self) -> dict[str, Any]:
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

    # ---- work -------------------------------------------------------------------------------------------------------------------

    def _begin(self, now_us: int) -> None:
        """Give the driver its next work: questions first."""
        while not self._line.busy and (self._questions or self._queue):
            if self._questions:
                self._line.start(self._answered(self._questions.popleft()), now_us)
            else:
                self._line.start(self._done(self._queue.popleft()), now_us)

    def _ended(self, result: Any, now_us: int) -> None:
        """A conversation is over; what it found is where it belongs."""

    def _answered(self, question: _Question) -> Run:
        if question not in self._unanswered:
            return  # it came too late
        code, text, result = yield from self._drive(question.task)
        self._say(question, _failed(code, text) if code else bytes(Response(200, result.encode())))

    def _say(self, question: _Question, answer: bytes) -> None:
        if question in self._unanswered:
            self._unanswered.remove(question)
            question.answer.answer = answer

    def _done(self, entry: _Entry) -> Run:
        """Do the tasks of a request; after one that failed the others are not even begun."""
        failed = False
        for part in entry.parts:
            if failed:
                part.end(INTERRUPTED, NOT_ASKED)
                continue
            part.status = IN_PROGRESS
            yield from self._do(entry, part)
            failed = part.status != DONE

    def _do(self, entry: _Entry, part: _Part) -> Run:
        before = None
        try:
            makes = parse(part.task).makes
        except TaskFailed as wrong:
            part.end(FAILED, wrong.code, str(wrong))
            return
        if makes:
            before = yield from self._last_document(_DRIVER)
        code, text, result = yield from self._drive(part.task)
        if not code:
            part.end(DONE, result=result)
        elif not makes or code not in BLOCK_REASONS or before is None:
            part.end(FAILED, code, text)
        else:
            part.status, part.code, part.text = BLOCKED, code, text
            self._blocked = entry.uuid, BLOCK_REASONS[code]
            yield from self._settle(part, before)
            self._blocked = None

    def _settle(self, part: _Part, before: int) -> Run:
        """Ask the drive until it answers."""
        while (last := (yield from self._last_document(_CHECKER))) is None:
            yield Pause(CHECK_US)
        if last == before:
            part.end(FAILED, part.code, part.text)
            return
        session = self._session(_DRIVER)
        try:
            params, warnings = yield from document(session, receipt=False)
            yield from session.confirm()
        except (RegisterError, LineLost):
            params, warnings = {}, {}
        self._number = session.number
        made = {"fiscalParams": params, "warnings": warnings}
        part.end(DONE, result=json.dumps(made, ensure_ascii=False, separators=(",", ":"), sort_keys=True))

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
        session = self._session(settings)
        number: int | None = None
        try:
            (number, _, _) = yield from ask(session, 0x9134, b"\0\0")
            yield from session.confirm()
        except RegisterError:
            number = 0
        except LineLost:
            number = None
        self._number = session.number
        return number


def _json(body: bytes) -> Any:
    try:
        return json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError) as wrong:
        raise _Refused(400, f"Ошибка разбора JSON: {wrong}") from None


def _answer(status: int, value: dict[str, Any], call: _Call) -> _Slot:
    body = json.dumps(value, ensure_ascii=False).encode()
    return _Slot(bytes(Response(status, body, call.request.last)))


def _said(refused: _Refused) -> bytes:
    error = {"error": {"code": refused.code, "description": refused.text}}
    return json.dumps(error, ensure_ascii=False).encode()


def _failed(code: int, text: str = "") -> bytes:
    """The register could not be asked."""
    return bytes(Response(504 if code == TIMEOUT else 500, _said(_Refused(500, text or text_of(code), code))))
