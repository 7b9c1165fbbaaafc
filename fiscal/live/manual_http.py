"""Receipts by hand over HTTP: a dry run for every receipt, and the pages on which a person makes one.

A page is filled in, shown back as it will be printed, and confirmed. Its key is drawn when it is first shown, so to send it twice makes one
receipt. What is confirmed goes through the same door as every receipt.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from fiscal.engine.farm import may_serve
from fiscal.live import manual_form
from fiscal.live.answers import answer, refusal
from fiscal.live.manual_page import confirm_page, form_page, made_page
from fiscal.live.schema import Defaults, read_receipt
from fiscal.live.views import quoted, receipt_json, roubles
from fiscal.preview import lines
from fiscal.receipt import Invalid, Problem, Receipt, validate

if TYPE_CHECKING:
    from fiscal.live.http import Gateway

FORM_TYPE = "application/x-www-form-urlencoded"


class ByHand:
    """The routes."""

    def __init__(self, gateway: Gateway, defaults: Defaults) -> None:
        self._gateway = gateway
        self._defaults = defaults

    def add_to(self, app: FastAPI) -> None:
        @app.post("/receipts/check")
        async def check(request: Request) -> Response:
            return await self._check(request)

        @app.get("/manual")
        async def form(takes_back: str = "") -> Response:
            return await self._form(takes_back)

        @app.get("/manual/{key}")
        async def made(key: str) -> Response:
            return await self._made(key)

        @app.post("/manual")
        async def filled(request: Request) -> Response:
            return await self._filled(request)

    async def _check(self, request: Request) -> Response:
        """What a receipt would be, without making it."""
        body = await self._gateway.body(request)
        if body is None:
            return refusal(413, "the request is too long")
        try:
            receipt = self._read(body)
        except Invalid as invalid:
            return refusal(422, "this receipt cannot be made", list(invalid.problems))
        return answer(
            200,
            {
                "type": receipt.type.name.lower(),
                "items": len(receipt.items),
                "total": roubles(receipt.total_kop),
                "preview": self._preview(receipt),
            },
        )

    def _read(self, body: bytes) -> Receipt:
        """Raises `Invalid`, also when no register may make it."""
        receipt, _ = read_receipt(body, self._defaults)
        validate(receipt, self._gateway.today())
        if not any(may_serve(facts, receipt) for facts in self._gateway.config.registers):
            raise Invalid(
                [
                    Problem(
                        "entity",
                        "no register belongs to this seller, with this taxation, for this site",
                        "correct them",
                    )
                ]
            )
        return receipt

    def _preview(self, receipt: Receipt) -> list[str]:
        shown = lines(receipt, self._gateway.today())
        return [line for part in shown for line in part.split("\n")]

    async def _form(self, takes_back: str) -> Response:
        form: Mapping[str, Sequence[str]] = {}
        wrong: tuple[str, ...] = ()
        if takes_back:
            view = await self._gateway.ask(lambda engine: engine.status(takes_back))
            if view is None:
                wrong = (f"no receipt with key {takes_back!r} was accepted",)
            elif unlike := manual_form.unlike(view):
                wrong = (
                    f"the receipt {takes_back} cannot be taken back on this page: {unlike}; use POST /receipts",
                )
            else:
                form = manual_form.from_receipt(view)
        return _html(form_page({**form, "key": [f"manual-{secrets.token_hex(8)}"]}, wrong))

    async def _filled(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
            return refusal(415, f"send the form as {FORM_TYPE}")
        body = await self._gateway.body(request)
        if body is None:
            return refusal(413, "the form is too long")
        try:
            form = manual_form.read(body)
        except ValueError:
            return refusal(422, "this is no form")
        step = manual_form.one(form, "step")
        if step == "edit":
            return _html(form_page(form))
        content = json.dumps(manual_form.as_receipt(form), ensure_ascii=False).encode("utf-8", "replace")
        try:
            receipt = self._read(content)
        except Invalid as invalid:
            return _html(form_page(form, [str(problem) for problem in invalid.problems]), 422)
        if step != "make":
            return _html(confirm_page(form, self._preview(receipt)))
        made = await self._gateway.bring(content, None)
        if made.status_code >= 400:
            return _html(form_page(form, _said(made)), made.status_code)
        return RedirectResponse(f"/manual/{quoted(manual_form.one(form, 'key'))}", 303)

    async def _made(self, key: str) -> Response:
        view = await self._gateway.ask(lambda engine: engine.status(key))
        if view is None:
            return refusal(404, f"no receipt with key {key!r} was accepted")
        return _html(made_page(receipt_json(view)))


def _said(made: Response) -> list[str]:
    found: dict[str, Any] = json.loads(bytes(made.body))
    return [found["error"], *(f"{p['field']}: {p['why']}; {p['todo']}" for p in found.get("problems", ()))]


def _html(page: str, status: int = 200) -> Response:
    return HTMLResponse(page.encode("utf-8", "replace"), status)
