"""The host's end of a web server of tasks: calls, and tasks that are done once whatever the line does.

A task is handed in under a uuid made from what it is about and a number n; the server refuses a uuid that it knows. So nothing is done
twice: what may have arrived is asked for by its uuid, and n grows only when the task under it has certainly failed. The first call of a
conversation is always a harmless one, so that a connection that died unnoticed can be made anew. Source: reference sheet, section 2.4.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import suppress
from hashlib import blake2b
from typing import Any

from fiscal.registers.atol_web.messages import BadMessage, Reader, Request, Response
from fiscal.registers.conversation import LineLost, Pause, Receive, Send, Settings, Step

__all__ = ["ATTEMPTS", "TaskError", "WebTalk", "uuid_of"]

Steps = Generator[Step, bytes | None, Any]
Truth = Callable[[Any], Steps]

REQUESTS = "/api/v2/requests"
ATTEMPTS = 200
"""So many tasks about one thing may fail before a person must look."""
POLL_US = 20_000
LONGEST_POLL_US = 1_000_000
QUESTION_US = 15_000_000
"""A question waits for the register, which may be at work."""
CLOSING_US = 1_000_000
PATIENCE_US = 120_000_000
"""How long a task may be in work, or its queue be blocked."""

_WORKS = frozenset(("wait", "inProgress", "blocked"))
_CLAIM = {"type": "getFnStatus"}
CLAIMED = "fnStatus"


class TaskError(Exception):
    """The server, or the register behind it, refused. ``code``: the driver's, or the HTTP status as a negative number; ``made``: by a task
    that makes a document."""

    def __init__(self, code: int, text: str, made: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.made = made


def uuid_of(*parts: object) -> str:
    """A uuid that stands for these words: the same ones give the same."""
    digits = blake2b("\0".join(map(str, parts)).encode(), digest_size=16).hexdigest()
    return "-".join((digits[:8], digits[8:12], "8" + digits[13:16], "8" + digits[17:20], digits[20:]))


class WebTalk:
    """One conversation's end of the connection. ``acted``: a task that makes a document may have arrived, its fate is not known."""

    __slots__ = ("_account", "_answer_us", "_first", "_reader", "acted")

    def __init__(self, settings: Settings, account: str = "") -> None:
        self._answer_us = settings.answer_timeout_us
        self._account = account
        self._reader = Reader(responses=True)
        self._first = True
        self.acted = False

    def call(self, method: str, target: str, body: Any = None, patience_us: int = 0) -> Steps:
        """One call: (status, JSON). Raises `LineLost`, `TaskError` when the server does not know us."""
        data = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        request = Request(method, target, data, self._account)
        first, self._first = self._first, False
        yield Send(bytes(request), not first)
        answer = None
        while answer is None:
            chunk = yield Receive(patience_us or self._answer_us)
            if not chunk:
                raise LineLost("the web server does not answer")
            try:
                answer = next(iter(self._reader.feed(chunk)), None)
            except BadMessage as bad:
                raise LineLost(f"what answers is no web server of tasks: {bad}") from None
        assert isinstance(answer, Response)
        if answer.last:
            with suppress(LineLost):
                yield Receive(CLOSING_US)  # let it close the connection; the next call makes another
        if answer.status == 401:
            raise TaskError(-401, "the web server asks who we are")
        try:
            return answer.status, json.loads(answer.body) if answer.body else {}
        except ValueError:
            raise LineLost("what answers is no web server of tasks: no JSON in the answer") from None

    def ask(self, name: str) -> Steps:
        """A question that is answered at once: the object inside the answer."""
        status, body = yield from self.call("POST", f"/api/v2/operations/query{name}", {}, QUESTION_US)
        if status != 200:
            raise _error(status, body)
        (found,) = [each for key, each in body.items() if key != "errors"]
        return found

    def do(
        self, task: dict[str, Any], *about: object, makes: bool = False, truth: Truth | None = None
    ) -> Steps:
        """Have a task done once; the result. ``about``: what it is about, the same for the same; ``truth``: what to make of a result,
        ``None`` when the server was wrong and nothing was done. Raises `TaskError`, `LineLost`."""
        for n in range(1, ATTEMPTS + 1):
            uuid = uuid_of(*about, n)
            known = yield from self.known(uuid)
            self.acted = makes
            if not known:
                yield from self._hand_in(uuid, task)
            part = yield from self.wait(uuid, makes)
            if part["status"] == "ready" and not _is_claim(part, task):
                found = part.get("result")
                if truth is None or (found := (yield from truth(found))) is not None:
                    self.acted = False
                    return found
            self.acted = False
            if part["status"] == "error" and not known:
                raise TaskError(int(part["error"]["code"]), str(part["error"]["description"]), makes)
        raise TaskError(0, f"{ATTEMPTS} tasks about this have failed")

    def claimed(self, truth: Truth, *about: object) -> Steps:
        """Make sure that no task about this can arrive any more: what ``truth`` makes of the one that was done, ``None`` when none was.

        The uuid that nobody has used yet is used up with a harmless question: what is still on its way under it will be refused.
        """
        for n in range(1, ATTEMPTS + 1):
            uuid = uuid_of(*about, n)
            known = yield from self.known(uuid)
            if not known:
                known = not (yield from self._hand_in(uuid, _CLAIM))
            part = yield from self.wait(uuid, True)
            if part["status"] == "ready" and not _is_claim(part):
                found = yield from truth(part["result"])
                if found is not None:
                    return found
            if not known:
                return None
        raise TaskError(0, f"{ATTEMPTS} tasks about this have failed")

    def known(self, uuid: str) -> Steps:
        """Whether the server has a task under this uuid."""
        status, body = yield from self.call("GET", f"{REQUESTS}/{uuid}")
        if status not in (200, 404):
            raise _error(status, body)
        return status == 200

    def _hand_in(self, uuid: str, task: dict[str, Any]) -> Steps:
        """Whether it was taken; not when the server has one under this uuid, which can only be ours."""
        status, body = yield from self.call("POST", REQUESTS, {"uuid": uuid, "request": [task]})
        if status not in (201, 409):
            self.acted = False
            raise _error(status, body)
        return status == 201

    def wait(self, uuid: str, makes: bool = False) -> Steps:
        """Wait until the task under this uuid has ended: how."""
        pause_us, waited_us = POLL_US, 0
        limit_us = 20 * PATIENCE_US if makes else PATIENCE_US
        while True:
            status, body = yield from self.call("GET", f"{REQUESTS}/{uuid}")
            if status != 200:
                raise LineLost(f"the web server forgot a task: {uuid}")
            part = body["results"][0]
            if part["status"] not in _WORKS:
                return part
            if waited_us > (PATIENCE_US if part["status"] == "blocked" else limit_us):
                raise LineLost(
                    f"the web server does not finish: {part['status']}, {part['error']['description']}"
                )
            yield Pause(pause_us)
            waited_us += pause_us
            pause_us = min(pause_us + pause_us // 2, LONGEST_POLL_US)


def _is_claim(part: dict[str, Any], task: dict[str, Any] | None = None) -> bool:
    """What was done under a uuid only used it up."""
    return CLAIMED in (part.get("result") or {}) and (task is None or task["type"] != _CLAIM["type"])


def _error(status: int, body: Any) -> TaskError:
    error = body.get("error", {}) if isinstance(body, dict) else {}
    code = error.get("code", 0)
    if status >= 500 and code:
        return TaskError(int(code), str(error.get("description", "")))
    return TaskError(-status, str(error.get("description", "")))
