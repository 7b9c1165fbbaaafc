"""The HTTP interface: bring a receipt, see what is true of it, look after the farm.

A receipt is answered only when the journal has it: ``202`` means it will be made, whatever happens to this process. The same key with the
same receipt is answered ``200``, with other contents ``409``; an impossible receipt ``422`` with every wrong field; a journal that
cannot take it ``503``, and nothing was promised.

Who may speak to it: `fiscal.live.guard`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from starlette.routing import Route

from fiscal.engine import states
from fiscal.engine.engine import Engine
from fiscal.engine.events import (
    CancelAsked,
    DriveReplacementAsked,
    Event,
    LookAsked,
    PauseAsked,
    Reply,
    ResumeAsked,
    RetryAsked,
    ShiftCloseAsked,
    Submitted,
)
from fiscal.engine.views import ReceiptView
from fiscal.live import clock, views
from fiscal.live.answers import answer, refusal
from fiscal.live.guard import Guard
from fiscal.live.manual_http import ByHand
from fiscal.live.runtime import Runtime
from fiscal.live.schema import Defaults, key_fault, read_receipt
from fiscal.live.z_http import ZPages, ZSettings
from fiscal.receipt import Invalid, Problem, fingerprint, validate
from fiscal.watch import self_test

log = logging.getLogger("fiscal.http")
ANSWER_LIMIT_S = 30.0
LIST_LIMIT = 1000

_STATUS_OF = {"conflict": 409, "invalid": 422, "no register": 422, "journal": 503}


def today() -> date:
    return datetime.fromtimestamp(clock.wall_s(), UTC).date()


ORDERS: dict[str, Callable[[int], Event]] = {
    "close-shift": ShiftCloseAsked,
    "pause": lambda register: PauseAsked(register, "paused by hand"),
    "resume": ResumeAsked,
    "look": LookAsked,
    "replace-drive": DriveReplacementAsked,
}
"""What a person may want of a register."""

Hands = Callable[[], "Future[str]"]
"""Puts a new drive in; the future has its number."""


class Gateway:
    """What the routes do. One for each runtime."""

    def __init__(
        self,
        runtime: Runtime,
        defaults: Defaults,
        addresses: list[str],
        max_body: int,
        hands: Mapping[str, Hands],
    ) -> None:
        self._runtime = runtime
        self._defaults = defaults
        self._addresses = addresses
        self._max_body = max_body
        self._hands = hands
        self._mail = _Mail()
        self.config = runtime.config
        self._names = {facts.name: index for index, facts in enumerate(runtime.config.registers)}

    def today(self) -> date:
        """The shop's date."""
        return today()

    # --- receipts ----------------------------------------------------------------------------------------------------

    async def submit(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return refusal(415, "send the receipt as application/json")
        body = await self.body(request)
        if body is None:
            return refusal(413, f"the request is longer than {self._max_body} bytes")
        return await self.bring(body, _text(request.headers.get("idempotency-key")))

    async def bring(self, body: bytes, header: str | None) -> Response:
        """A receipt as JSON; ``header``: the key, when it came beside the receipt."""
        try:
            receipt, given = read_receipt(body, self._defaults)
        except Invalid as problem:
            return _invalid(problem.problems)
        key = header or given.key
        if key is None:
            return _invalid(
                (Problem("key", "is missing", "give a key of your own, or the header Idempotency-Key"),)
            )
        if given.key is not None and given.key != key:
            return _invalid((Problem("key", "differs from the header Idempotency-Key", "give one of them"),))
        if fault := key_fault(key):
            return _invalid((Problem("key", fault, "give 1 to 128 printable characters"),))
        deadline_us = None if given.deadline_s is None else clock.now_us() + given.deadline_s * 1_000_000
        manual = given.manual
        event = Submitted(
            key,
            receipt,
            fingerprint(receipt),
            deadline_us,
            manual.person if manual else "",
            manual.reason if manual else "",
        )
        reply, known, view = await self._reply(event, key)
        if reply is None:
            return refusal(503, "no answer in time; ask again with the same key")
        if reply.accepted and view is not None:
            return answer(200 if known else 202, views.receipt_json(view))
        kind, _, reason = reply.reason.partition(":")
        status = _STATUS_OF.get(kind, 422)
        if kind == "invalid":
            try:
                validate(receipt, today())
            except Invalid as problem:
                return _invalid(problem.problems)
        log.info("receipt %s refused: %s", key, kind)
        if status == 422:
            return refusal(422, reply.reason)
        return refusal(status, f"{kind}: {reason.strip()}")

    async def receipt(self, key: str) -> Response:
        view = await self.ask(lambda engine: engine.status(key))
        if view is None:
            return refusal(404, f"no receipt with key {key!r} was accepted")
        return answer(200, views.receipt_json(view))

    async def copy(self, key: str) -> Response:
        view = await self.ask(lambda engine: engine.status(key))
        if view is None or view.status != states.CONFIRMED:
            return refusal(404, "the operator does not have this receipt (yet)")
        return HTMLResponse(views.copy_page(view))

    async def receipts(self, request: Request) -> Response:
        status = request.query_params.get("status", "")
        if status and status not in views.STATUSES:
            return refusal(422, f"status: {status!r} is unknown; there are: {', '.join(views.STATUSES)}")
        text = request.query_params.get("limit", "50")
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LIST_LIMIT):
            return refusal(422, f"limit: {text!r} is not a number from 1 to {LIST_LIMIT}")
        found, counts = await self.ask(lambda engine: self._latest(engine, status, int(text)))
        return answer(200, {"receipts": found, "counts": counts})

    def _latest(self, engine: Engine, status: str, limit: int) -> tuple[list[dict[str, Any]], dict[str, int]]:
        found = []
        for key in self._runtime.latest(engine, status, limit):
            view = engine.status(key)
            if view is not None:
                found.append(views.receipt_json(view))
        return found, self._runtime.counts(engine)

    async def change(self, event: Event, key: str) -> Response:
        """Retry or cancel: a person's word about one receipt."""
        if await self.ask(lambda engine: engine.status(key)) is None:
            return refusal(404, f"no receipt with key {key!r} was accepted")
        reply, _, view = await self._reply(event, key)
        if reply is None:
            return refusal(503, "no answer in time")
        if not reply.accepted or view is None:
            return refusal(503 if reply.reason.startswith("journal:") else 409, reply.reason)
        return answer(200, views.receipt_json(view))

    # --- registers ---------------------------------------------------------------------------------------------------

    async def registers(self) -> Response:
        return answer(200, {"registers": await self.ask(self._registers)})

    def _registers(self, engine: Engine) -> list[dict[str, Any]]:
        now_us = clock.wall_us()
        return [
            views.register_json(view, cable, address, now_us, facts)
            for view, cable, address, facts in zip(
                engine.registers(),
                self._runtime.cables(),
                self._addresses,
                self._runtime.facts(now_us),
                strict=True,
            )
        ]

    async def self_test(self) -> Response:
        now_us = clock.wall_us()
        lines = await self.ask(
            lambda engine: self_test.lines(engine.registers(), self._runtime.facts(now_us))
        )
        return answer(200, {"ok": all(line["ok"] for line in lines), "lines": lines})

    async def order(self, name: str, event: Callable[[int], Event]) -> Response:
        """A person wants something of a register; it is done as soon as the receipt in work is finished."""
        index = self._names.get(name)
        if index is None:
            return self._no_register(name)
        self._runtime.post(event(index))
        shown = (await self.ask(self._registers))[index]
        return answer(202, shown)

    async def new_drive(self, name: str) -> Response:
        """Put a new drive into an emulated register whose replacement waits for one."""
        index = self._names.get(name)
        if index is None:
            return self._no_register(name)
        step = await self.ask(lambda engine: engine.registers()[index].replacement)
        if step != states.WAITING_FOR_DRIVE:
            now = f"its replacement has come to {step}" if step else "ask for a replacement first"
            return refusal(409, f"{name} does not wait for a new drive: {now}")
        hands = self._hands.get(name)
        if hands is None:
            return refusal(409, f"{name} is no emulated register: put the drive in by hand")
        number = await asyncio.wait_for(asyncio.wrap_future(hands()), ANSWER_LIMIT_S)
        self._runtime.post(LookAsked(index))
        return answer(200, {"drive": number})

    def _no_register(self, name: str) -> Response:
        return refusal(404, f"no register {name!r}; there are: {', '.join(self._names)}")

    # --- the rest ----------------------------------------------------------------------------------------------------

    async def health(self) -> Response:
        if self._runtime.failure or self._runtime.ended.is_set():
            return refusal(503, self._runtime.failure or "stopped")
        backlog, up = await self.ask(
            lambda engine: (
                engine.backlog,
                sum(view.state not in (states.DOWN, states.UNSEEN) for view in engine.registers()),
            )
        )
        return answer(
            200, {"ok": True, "waiting": backlog, "registers": len(self._names), "registers_up": up}
        )

    async def page(self) -> Response:
        registers, (receipts, counts) = await self.ask(
            lambda engine: (self._registers(engine), self._latest(engine, "", 50))
        )
        return HTMLResponse(views.page(registers, receipts, counts))

    async def body(self, request: Request) -> bytes | None:
        """The body, or ``None`` when it is too long: then no more of it is read."""
        stated = request.headers.get("content-length", "")
        if stated.isascii() and stated.isdigit() and int(stated) > self._max_body:
            return None
        parts: list[bytes] = []
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > self._max_body:
                return None
            parts.append(part)
        return b"".join(parts)

    async def _reply(self, event: Event, key: str) -> tuple[Reply | None, bool, ReceiptView | None]:
        """The engine's reply, whether it knew the key, and the receipt; ``None`` when it does not answer in time."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[tuple[Reply, bool, ReceiptView | None]] = loop.create_future()
        mail = self._mail

        def answered(reply: Reply, known: bool, view: ReceiptView | None) -> None:
            mail.put(loop, future, (reply, known, view))

        self._runtime.request(event, key, answered)
        try:
            return await asyncio.wait_for(future, ANSWER_LIMIT_S)
        except TimeoutError:
            return None, False, None

    async def ask(self, question: Callable[[Engine], Any]) -> Any:
        """Look something up in the engine. Raises `TimeoutError`, and `RuntimeError` when it has stopped."""
        asked: Future[Any] = self._runtime.ask(question)
        return await asyncio.wait_for(asyncio.wrap_future(asked), ANSWER_LIMIT_S)


class _Mail:
    """Replies on their way from the engine's thread to the loop. Waking the loop is a system call, so one call brings all that wait."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[asyncio.Future[Any], Any]] = deque()
        self._called = False

    def put(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], result: Any) -> None:
        """In the engine's thread."""
        self._waiting.append((future, result))
        if not self._called:
            self._called = True
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
                loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        """In the loop. What is put from now on calls again, so nothing is left behind."""
        self._called = False
        waiting = self._waiting
        while waiting:
            future, result = waiting.popleft()
            if not future.done():
                future.set_result(result)


def _text(header: str | None) -> str | None:
    """A header as the client meant it: UTF-8, which HTTP hands over as Latin-1."""
    if header is None or header.isascii():
        return header
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header


def _invalid(problems: tuple[Problem, ...]) -> Response:
    # the fields only: what stands in them may be a buyer's address
    log.info("receipt refused: %s", ", ".join(problem.field for problem in problems[:10]))
    return refusal(422, "this receipt cannot be made", list(problems))


def application(
    runtime: Runtime,
    defaults: Defaults,
    addresses: list[str],
    *,
    token: str = "",
    loopback: bool = True,
    max_body: int = 1 << 20,
    z: ZSettings = ZSettings(),  # noqa: B008  immutable
    hands: Mapping[str, Hands] = MappingProxyType({}),
) -> FastAPI:
    """The FastAPI application around a runtime. ``addresses``: where each register is, for people; ``hands``: what puts a new drive into
    an emulated register, by its name."""
    gateway = Gateway(runtime, defaults, addresses, max_body, hands)
    app = FastAPI(title="Fiscal registers", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, token=token, loopback=loopback)

    async def gone(request: Request, error: Exception) -> Response:
        return refusal(503, runtime.failure or "the engine is stopping")

    app.add_exception_handler(RuntimeError, gone)
    app.add_exception_handler(TimeoutError, gone)

    # The one route that every receipt takes goes around the machinery that solves dependencies: it has none.
    app.router.routes.append(Route("/receipts", gateway.submit, methods=["POST"]))

    @app.get("/receipts")
    async def receipts(request: Request) -> Response:
        return await gateway.receipts(request)

    @app.get("/receipts/{key}")
    async def receipt(key: str) -> Response:
        return await gateway.receipt(key)

    @app.get("/receipts/{key}/copy")
    async def copy(key: str) -> Response:
        return await gateway.copy(key)

    @app.post("/receipts/{key}/retry")
    async def retry(key: str) -> Response:
        return await gateway.change(RetryAsked(key), key)

    @app.post("/receipts/{key}/cancel")
    async def cancel(key: str, reason: str = "cancelled by the shop") -> Response:
        return await gateway.change(CancelAsked(key, reason[:200]), key)

    @app.get("/registers")
    async def registers() -> Response:
        return await gateway.registers()

    @app.get("/self-test")
    async def self_test() -> Response:
        return await gateway.self_test()

    @app.post("/registers/{name}/new-drive")
    async def new_drive(name: str) -> Response:
        return await gateway.new_drive(name)

    for path, event in ORDERS.items():

        async def order(name: str, event: Callable[[int], Event] = event) -> Response:
            return await gateway.order(name, event)

        app.add_api_route(f"/registers/{{name}}/{path}", order, methods=["POST"], name=path)

    ByHand(gateway, defaults).add_to(app)
    ZPages(runtime, gateway.ask, z).add_to(app)

    @app.get("/health")
    async def health() -> Response:
        return await gateway.health()

    @app.get("/")
    async def page() -> Response:
        return await gateway.page()

    return app
