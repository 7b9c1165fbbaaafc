"""An emulated ATOL web server: JSON tasks over HTTP, queued for the register behind it.

A client hands in tasks under a uuid of its own (POST) and asks later what became of them (GET). A uuid is known for good: the same one
again is refused (409), whatever it carries, so that a client that does not know whether its tasks arrived may send them once more. They
are done one after the other (`fiscal.emulators.atol_web_queue`) by the driver (`fiscal.emulators.atol_json`), in the register's time.

Everything here is sans-IO: bytes of HTTP in, bytes of HTTP out, of one connection, answers in the order of their requests. Source:
reference sheet, section 2.4. *Assumed*: how long the server takes to answer, the code of its own errors but for 505, and what it says to
questions that the register does not answer.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from fiscal.emulators import Emulator, Output
from fiscal.emulators.atol_web_queue import Entry, TaskQueue
from fiscal.registers.atol_web.errors import TIMEOUT
from fiscal.registers.atol_web.messages import BadMessage, Reader, Request, Response

__all__ = ["ANSWER_US", "WebServer"]

ANSWER_US = 2_000
BAD_CALL = 505

_QUESTIONS = {
    f"query{kind}": f"get{kind}"
    for kind in ("DeviceInfo", "DeviceStatus", "ShiftStatus", "ShiftTotals", "FnInfo", "FnStatus")
} | {"queryOfdExchangeStatus": "ofdExchangeStatus"}
"""Operation -> the task that answers it at once."""

_DEVICES = frozenset(("", "default", "1"))
"""The names of the one register that it has."""


class _Refused(Exception):
    """The server does not do what the call says."""

    def __init__(self, status: int, text: str, code: int = BAD_CALL) -> None:
        super().__init__(text)
        self.status = status
        self.code = code

    def answer(self, last: bool = False) -> bytes:
        error = {"error": {"code": self.code, "description": str(self)}}
        return bytes(Response(self.status, _bytes(error), last))


@dataclass(slots=True)
class _Slot:
    """The place of an answer among those of its connection."""

    answer: bytes | None = None


@dataclass(slots=True)
class _Call:
    """``name``: what stands behind the last slash where there are two parts of a path."""

    request: Request
    name: str
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None


_Handler = Callable[["WebServer", _Call, int], _Slot]


class WebServer:
    """A web server in front of ``register``, reached over one connection. ``account``: the header that a client must send (see
    `fiscal.registers.atol_web.messages.basic`), empty when nobody is asked who he is."""

    def __init__(self, register: Emulator, account: str = "") -> None:
        self.account = account
        self.queue = TaskQueue(register)
        self._answers: deque[_Slot] = deque()
        self._reader = Reader()
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
            self._answers.append(_Slot(_Refused(bad.status, str(bad)).answer(True)))
        self.queue.begin(now_us)
        return self._flush(now_us)

    def next_wakeup(self) -> int | None:
        if self._backlog:
            return self._hung_until_us
        soonest = self.queue.next_wakeup()
        return soonest if soonest is None else max(soonest, self._hung_until_us)

    def wake(self, now_us: int) -> Output:
        if now_us < self._hung_until_us:
            return []
        output: Output = []
        backlog, self._backlog = self._backlog, []
        for data in backlog:
            output += self.receive(data, now_us)
        self.queue.wake(now_us, self._hung_until_us)
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
        parts = [part for part in path.split("/") if part]
        if parts[:2] == ["api", "v2"]:
            parts = parts[2:]
        call = _Call(request, parts[1] if len(parts) == 2 else "", query)
        try:
            if self.account and request.account != self.account and parts != ["serverInfo"]:
                raise _Refused(401, "Требуется авторизация")
            handler = _route(parts, request.method)
            if request.method == "POST" and request.body:
                call.body = _json(request.body)
            _check_device(call)
            return handler(self, call, now_us)
        except _Refused as refused:
            return _Slot(refused.answer(request.last))

    def _add(self, call: _Call, now_us: int) -> _Slot:
        body = call.body
        if not isinstance(body, dict):
            raise _Refused(400, "Ошибка разбора JSON")
        uuid, asked = body.get("uuid"), body.get("request")
        if not isinstance(uuid, str) or not uuid:
            raise _Refused(400, "Поле 'uuid' не задано")
        if not asked or not isinstance(asked, dict | list):
            raise _Refused(400, "Поле 'request' не задано или пустое")
        if self.queue.find(uuid) is not None:
            raise _Refused(409, f"Не удалось добавить задание с UUID [{uuid}], задание с таким UUID уже есть")
        place = self.queue.add(uuid, asked if isinstance(asked, list) else [asked], now_us)
        return _answer(call, {"number": place, "uuid": uuid, **self.queue.blocking()}, 201)

    def _tell(self, call: _Call, now_us: int) -> _Slot:
        results = ",".join(map(str, self._entry(call).parts))
        return _Slot(bytes(Response(200, f'{{"results":[{results}]}}'.encode(), call.request.last)))

    def _cancel(self, call: _Call, now_us: int) -> _Slot:
        entry = self._entry(call)
        if not self.queue.cancel(entry):
            raise _Refused(
                409, f"Задание с UUID [{entry.uuid}] нельзя отменить: оно выполняется или выполнено"
            )
        return _answer(call, {})

    def _count(self, call: _Call, now_us: int) -> _Slot:
        return _answer(call, self.queue.counted() | self.queue.blocking())

    def _about(self, call: _Call, now_us: int) -> _Slot:
        return _answer(call, {"name": "emulated web server of ATOL tasks", "version": "1.0.4.0"})

    def _ask(self, call: _Call, now_us: int) -> _Slot:
        slot, last = _Slot(), call.request.last

        def say(code: int, text: str, result: str) -> None:
            if code:
                slot.answer = _Refused(504 if code == TIMEOUT else 500, text, code).answer(last)
            else:
                slot.answer = bytes(Response(200, result.encode(), last))

        self.queue.ask({"type": _QUESTIONS[call.name]}, say, now_us)
        return slot

    def _entry(self, call: _Call) -> Entry:
        entry = self.queue.find(call.name)
        if entry is None:
            raise _Refused(404, f"Задание с UUID [{call.name}] для устройства [1] не найдено")
        return entry


_HANDLERS: dict[tuple[str, int], dict[str, _Handler]] = {
    ("requests", 1): {"POST": WebServer._add},
    ("requests", 2): {"GET": WebServer._tell, "DELETE": WebServer._cancel},
    ("operations", 2): {"POST": WebServer._ask},
    ("getRequestsQueueStatus", 1): {"GET": WebServer._count},
    ("serverInfo", 1): {"GET": WebServer._about},
}
"""First part of the path and how many there are -> method -> who does it."""


def _route(parts: list[str], method: str) -> _Handler:
    found = _HANDLERS.get((parts[0], len(parts))) if parts else None
    if found is None or (parts[0] == "operations" and parts[1] not in _QUESTIONS):
        raise _Refused(404, f"Неизвестный адрес: {'/'.join(parts)}")
    if method not in found:
        raise _Refused(405, f"Метод {method} не поддерживается")
    return found[method]


def _check_device(call: _Call) -> None:
    named = call.query.get("deviceID", "")
    if not named and isinstance(call.body, dict):
        named = str(call.body.get("deviceID") or "")
    if named not in _DEVICES:
        raise _Refused(404, f"Устройство [{named}] не найдено")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError) as wrong:
        raise _Refused(400, f"Ошибка разбора JSON: {wrong}") from None


def _bytes(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _answer(call: _Call, value: dict[str, Any], status: int = 200) -> _Slot:
    return _Slot(bytes(Response(status, _bytes(value), call.request.last)))
