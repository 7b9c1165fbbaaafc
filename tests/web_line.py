"""A web server of tasks with its register, and an ideal line to it in memory."""

from __future__ import annotations

import json
from typing import Any

from atol_line import MARK, SITE, START_S, make_receipt
from shtrih_line import make_drive

from fiscal.devices import device
from fiscal.emulators.atol_web_register import WebRegister
from fiscal.registers.atol_web.messages import Reader, Request, Response

__all__ = ["MARK", "SITE", "START_S", "Client", "make_receipt", "make_web"]

REQUESTS = "/api/v2/requests"
STEP_US = 1_000_000


def make_web(ffd: int = 2, *, name: str = "atol-55f", electronic: bool = True, **options: Any) -> WebRegister:
    return WebRegister(device(name), make_drive(ffd), epoch_s=START_S + 60, electronic=electronic, **options)


class Client:
    """Speaks HTTP to it. ``now_us``: the time; ``account``: the header that says who asks."""

    def __init__(self, register: WebRegister, account: str = "") -> None:
        self.register = register
        self.account = account
        self.now_us = 0
        self._reader = Reader(responses=True)
        self._answers: list[tuple[int, Response]] = []

    def send(self, method: str, target: str, body: Any = None) -> None:
        """A request, not waited for."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self._take(self.register.receive(bytes(Request(method, target, data, self.account)), self.now_us))

    def _take(self, output: list[tuple[int, bytes]]) -> None:
        for at_us, data in output:
            for answer in self._reader.feed(data):
                assert isinstance(answer, Response)
                self._answers.append((at_us, answer))

    def advance(self, duration_us: int = STEP_US) -> None:
        """Time passes."""
        end_us = self.now_us + duration_us
        while (at_us := self.register.next_wakeup()) is not None and at_us <= end_us:
            self.now_us = max(self.now_us, at_us)
            self._take(self.register.wake(self.now_us))
        self.now_us = end_us

    def answer(self, patience_us: int = 60_000_000) -> tuple[int, Any]:
        """The next answer: (status, body)."""
        end_us = self.now_us + patience_us
        while not self._answers:
            at_us = self.register.next_wakeup()
            assert at_us is not None and at_us <= end_us, "the server does not answer"
            self.now_us = max(self.now_us, at_us)
            self._take(self.register.wake(self.now_us))
        at_us, answer = self._answers.pop(0)
        self.now_us = max(self.now_us, at_us)
        return answer.status, json.loads(answer.body) if answer.body else None

    def call(self, method: str, target: str, body: Any = None) -> tuple[int, Any]:
        self.send(method, target, body)
        return self.answer()

    def post(self, uuid: str, *tasks: dict[str, Any]) -> tuple[int, Any]:
        """Hand in tasks."""
        return self.call("POST", REQUESTS, {"uuid": uuid, "request": list(tasks)})

    def results(self, uuid: str) -> list[dict[str, Any]]:
        """What became of them until now."""
        status, body = self.call("GET", f"{REQUESTS}/{uuid}")
        assert status == 200, body
        found: list[dict[str, Any]] = body["results"]
        return found

    def done(self, uuid: str, *tasks: dict[str, Any], patience_us: int = 60_000_000) -> list[dict[str, Any]]:
        """Hand in tasks and wait until nothing more happens to them."""
        assert self.post(uuid, *tasks)[0] == 201
        end_us = self.now_us + patience_us
        while any(result["status"] in ("wait", "inProgress") for result in self.results(uuid)):
            assert self.now_us < end_us, "it takes too long"
            self.advance(100_000)
        return self.results(uuid)
