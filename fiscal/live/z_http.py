"""Z-reports and X-reports over HTTP: the table as JSON, CSV or a page, the totals of a running shift."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from fiscal.engine.engine import Engine
from fiscal.engine.outcomes import ShiftTotals, Turnover, reason_of
from fiscal.live.answers import answer, refusal
from fiscal.live.runtime import Runtime, XReport
from fiscal.live.views import receipt_json
from fiscal.live.z_page import page
from fiscal.watch import z_checks, z_tables
from fiscal.watch.z_checks import FORMS, roubles
from fiscal.watch.z_reports import ZReport

REPORT_LIMIT_S = 60.0
"""An X-report waits for the receipt in work; a register that makes its Z-report answers later than this."""
ROWS_LIMIT = 10_000
PAGE_ROWS = 200
_TYPE_FIELDS = ("sale", "sale_return", "purchase", "purchase_return")


class ZSettings(NamedTuple):
    """``seeds``: seed money in kopecks by register; ``link``: the template of the operator's page."""

    seeds: Mapping[str, int] = {}
    link: str = ""


class Wanted(NamedTuple):
    """Which reports, and in which form. ``begin`` and ``end`` are days, both included; empty for no limit."""

    register: str
    begin: str
    end: str
    limit: int
    form: str


class ZPages:
    """The routes."""

    def __init__(
        self,
        runtime: Runtime,
        ask: Callable[[Callable[[Any], Any]], Awaitable[Any]],
        settings: ZSettings,
    ) -> None:
        self._runtime = runtime
        self._ask = ask
        self._settings = settings
        self._names = {facts.name: index for index, facts in enumerate(runtime.config.registers)}

    def add_to(self, app: FastAPI) -> None:
        @app.get("/z-reports")
        async def z_reports(request: Request) -> Response:
            return await self._z_reports(request)

        @app.post("/registers/{name}/x-report")
        async def x_report(name: str, paper: bool = False) -> Response:
            return await self._x_report(name, paper)

        @app.get("/registers/{name}/shifts/{number}/receipts")
        async def receipts(name: str, number: str) -> Response:
            return await self._receipts(name, number)

    async def _receipts(self, name: str, number: str) -> Response:
        """The receipts of a shift: a closed one by its number, or the open one."""
        if name not in self._names:
            return refusal(404, f"no register {name!r}; there are: {', '.join(self._names)}")
        if number != "open" and not (number.isascii() and number.isdigit() and len(number) < 9):
            return refusal(422, f"shift: {number!r} is neither a number nor open")
        found = await self._ask(lambda engine: self._of_shift(engine, name, number))
        if found is None:
            return refusal(404, f"no report of shift {number} of {name} is known")
        return answer(200, {"register": name, "shift": number, "receipts": found})

    def _of_shift(self, engine: Engine, name: str, number: str) -> list[dict[str, Any]] | None:
        book = self._runtime.book
        if number == "open":
            shift = book.open_shifts().get(name)
            keys: list[str] | None = [] if shift is None else list(shift.keys)
        else:
            keys = book.receipts(name, int(number))
        if keys is None:
            return None
        views = (engine.status(key) for key in keys[:ROWS_LIMIT])
        return [receipt_json(view) for view in views if view is not None]

    async def _z_reports(self, request: Request) -> Response:
        wanted = self._wanted(request)
        if isinstance(wanted, str):
            return refusal(422, wanted)
        reports = await self._ask(lambda engine: self._runtime.book.rows())
        return await asyncio.to_thread(self._shown, reports, wanted)  # long tables take their time

    def _wanted(self, request: Request) -> Wanted | str:
        given = request.query_params
        unknown = sorted(set(given) - {"register", "from", "to", "limit", "format"})
        if unknown:
            return f"{unknown[0]}: unknown; there are: register, from, to, limit, format"
        for name in ("from", "to"):
            if fault := z_tables.date_fault(given.get(name, "")):
                return f"{name}: {fault}"
        accepts_page = "text/html" in request.headers.get("accept", "")
        form = given.get("format", "page" if accepts_page else "json")
        if form not in _FORMATS:
            return f"format: {form!r} is unknown; there are: {', '.join(_FORMATS)}"
        limit = given.get("limit", str(PAGE_ROWS if form == "page" else ROWS_LIMIT))
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= ROWS_LIMIT):
            return f"limit: {limit!r} is not a number from 1 to {ROWS_LIMIT}"
        return Wanted(given.get("register", ""), given.get("from", ""), given.get("to", ""), int(limit), form)

    def _shown(self, reports: list[ZReport], wanted: Wanted) -> Response:
        """All are checked, for each rests on the one before; then the wanted ones are chosen, the latest of them."""
        checked = z_checks.check(reports, self._settings.seeds)
        checked = z_tables.chosen(checked, wanted.register, wanted.begin, wanted.end, wanted.limit)
        return _FORMATS[wanted.form](z_tables.rows(checked, self._settings.link), tuple(self._names))

    async def _x_report(self, name: str, paper: bool) -> Response:
        index = self._names.get(name)
        if index is None:
            return refusal(404, f"no register {name!r}; there are: {', '.join(self._names)}")
        asked = self._runtime.report(index, paper)
        try:
            report: XReport = await asyncio.wait_for(asyncio.wrap_future(asked), REPORT_LIMIT_S)
        except TimeoutError:
            return refusal(503, f"{name} has not answered in time: it may be making its Z-report; ask again")
        totals = report.outcome
        if not isinstance(totals, ShiftTotals):
            return refusal(409, f"{name}: {reason_of(totals)}")
        return answer(200, x_json(name, totals, report))


def x_json(name: str, totals: ShiftTotals, report: XReport) -> dict[str, Any]:
    """An X-report: what the register has counted since the shift began, and whether the journal has the same."""
    counted, turnovers = report.counted, totals.turnovers
    assert turnovers is not None  # of a shift that runs
    differs = "" if counted is None else z_checks.differences(turnovers, counted.counted)
    return {
        "register": name,
        "shift": totals.shift,
        **{field: _turnover(one) for field, one in zip(_TYPE_FIELDS, turnovers, strict=True)},
        "drawer": z_tables.optional(totals.drawer_kop),
        "running": dict(
            zip(_TYPE_FIELDS, map(z_tables.optional, totals.running_kop or [None] * 4), strict=True)
        ),
        "agrees": None if counted is None else not differs,
        "remarks": differs,
    }


def _turnover(one: Turnover) -> dict[str, Any]:
    sums = zip(FORMS, z_checks.forms(one), strict=True)
    return {
        "receipts": one.count,
        "sum": roubles(one.total_kop),
        **{form: roubles(kop) for form, kop in sums},
    }


def _json(table: list[z_tables.Row], registers: tuple[str, ...]) -> Response:
    return answer(
        200,
        {
            "z_reports": z_tables.as_dicts(table),
            "days": [z_tables.day_dict(day) for day in z_tables.days(row.report for row in table)],
        },
    )


def _csv(table: list[z_tables.Row], registers: tuple[str, ...]) -> Response:
    return Response(
        z_tables.as_csv(table).encode("utf-8", "replace"),
        headers={"Content-Disposition": 'attachment; filename="z-reports.csv"'},
        media_type="text/csv",
    )


def _page(table: list[z_tables.Row], registers: tuple[str, ...]) -> Response:
    return HTMLResponse(page(table, registers).encode("utf-8", "replace"))


_FORMATS: dict[str, Callable[[list[z_tables.Row], tuple[str, ...]], Response]] = {
    "json": _json,
    "csv": _csv,
    "page": _page,
}
