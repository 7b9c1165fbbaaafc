"""``fiscal z-reports`` and ``fiscal x-report``: what shifts came to, closed ones and the one that runs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fiscal.cli_parts import Failure, command, server_option

FORMATS = ("table", "csv", "json")

_COLUMNS = (
    ("register", "register", "<"),
    ("number", "number", ">"),
    ("created", "created", "<"),
    ("registered", "at the operator", "<"),
    ("receipts", "receipts", ">"),
    ("sum", "sum", ">"),
    ("sale_cash", "cash", ">"),
    ("return_cash", "returned", ">"),
    ("sale_cashless", "cashless", ">"),
    ("return_cashless", "returned", ">"),
    ("running_sales", "running total", ">"),
    ("document", "document", ">"),
    ("checked", "checked", "<"),
)


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the commands."""
    z = command(
        commands,
        "z-reports",
        "list the Z-reports, and whether they add up",
        "List what each closed shift came to, by form of payment with returns, with its running total. Each report is held against the\n"
        "one before it and against the receipts of the journal; what differs is said under it. Asks the running server; with --journal\n"
        "reads the journal of one that is stopped.",
        "examples:\n"
        "  fiscal z-reports\n"
        "  fiscal z-reports --register kkt1 --from 2026-07-01 --format csv > july.csv\n"
        "  fiscal z-reports --journal var/journal.sqlite --config shop.toml\n"
        "  fiscal z-reports --strict || echo 'look at them'",
    )
    server_option(z)
    z.add_argument("--journal", type=Path, metavar="FILE", help="read this journal; its server is stopped")
    z.add_argument(
        "--config", type=Path, metavar="FILE", help="with --journal: seed money and links are there"
    )
    z.add_argument("--register", default="", metavar="NAME", help="of this register only")
    z.add_argument("--from", dest="begin", default="", metavar="DAY", help="from this day on: 2026-01-31")
    z.add_argument("--to", dest="end", default="", metavar="DAY", help="up to this day")
    z.add_argument("--format", choices=FORMATS, default="table", help="default: %(default)s")
    z.add_argument("--strict", action="store_true", help="exit with 1 when a report differs")
    z.set_defaults(run=_z_reports)

    x = command(
        commands,
        "x-report",
        "what the running shift has come to",
        "Ask a register what it has counted since its shift began (an X-report), and whether the journal has the same. It waits for the\n"
        "receipt in work and makes no document.",
        "examples:\n  fiscal x-report kkt1\n  fiscal x-report kkt1 --paper",
    )
    x.add_argument("register", metavar="NAME", help="the register's name in the configuration")
    server_option(x)
    x.add_argument("--paper", action="store_true", help="print it, too")
    x.add_argument("--json", action="store_true", help="for machines")
    x.set_defaults(run=_x_report)


def _z_reports(options: argparse.Namespace) -> int:
    from fiscal.watch import z_tables

    for name in ("begin", "end"):
        if fault := z_tables.date_fault(getattr(options, name)):
            raise Failure(f"--{'from' if name == 'begin' else 'to'}: {fault}", 2)
    rows = _of_journal(options) if options.journal else _of_server(options)
    if options.format == "json":
        print(json.dumps(rows, ensure_ascii=False, indent=1))
    elif options.format == "csv":
        print(z_tables.dicts_as_csv(rows), end="")
    else:
        _print(rows)
    differ = any(row["checked"] == z_tables.WORDS[False] for row in rows)
    return 1 if options.strict and differ else 0


def _of_server(options: argparse.Namespace) -> list[dict[str, Any]]:
    from fiscal.live.client import Client, ServerError

    wanted = {"register": options.register, "from": options.begin, "to": options.end, "format": "json"}
    try:
        answer = Client(options.server).get(
            "/z-reports", {name: value for name, value in wanted.items() if value}
        )
    except ServerError as error:
        raise Failure(str(error)) from None
    if answer.error:
        raise Failure(answer.error)
    rows: list[dict[str, Any]] = answer.content["z_reports"]
    return rows


def _of_journal(options: argparse.Namespace) -> list[dict[str, Any]]:
    from fiscal.journal import JournalError, SqliteJournal
    from fiscal.live.config import ConfigError, load_config
    from fiscal.watch import z_checks, z_tables
    from fiscal.watch.z_reports import Book

    seeds, link = {}, ""
    if options.config is not None:
        try:
            config = load_config(options.config)
        except ConfigError as error:
            raise Failure(str(error), 3) from None
        seeds, link = config.seeds(), config.shop.z_link
    if not options.journal.is_file():  # opening would make one
        raise Failure(f"{options.journal}: no such file")
    try:
        journal = SqliteJournal(options.journal, wait_s=0.2)
        try:
            reports = Book(journal.records()).rows()
        finally:
            journal.close()
    except JournalError as error:
        raise Failure(str(error)) from None
    wanted = z_tables.chosen(z_checks.check(reports, seeds), options.register, options.begin, options.end)
    return z_tables.as_dicts(z_tables.rows(wanted, link))


def _print(rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        print("no Z-reports", file=sys.stderr)
        return
    lines = [[title for _, title, _ in _COLUMNS]]
    for row in rows:
        lines.append([_cell(row[name]) for name, _, _ in _COLUMNS])
    widths = [max(len(line[at]) for line in lines) for at in range(len(_COLUMNS))]
    for number, line in enumerate(lines):
        cells = zip(line, _COLUMNS, widths, strict=True)
        print("  ".join(f"{cell:{side}{width}}" for cell, (_, _, side), width in cells).rstrip())
        if number and rows[number - 1]["remarks"]:
            print(f"    {rows[number - 1]['remarks']}")


def _cell(value: Any) -> str:
    text = "-" if value is None or value == "" else str(value)
    return text.replace("T", " ")[:16] if text[4:5] == "-" else text


def _x_report(options: argparse.Namespace) -> int:
    from urllib.parse import quote

    from fiscal.live.client import Client, ServerError

    query = {"paper": "true"} if options.paper else {}
    try:
        answer = Client(options.server).post(
            f"/registers/{quote(options.register, safe='')}/x-report", query=query
        )
    except ServerError as error:
        raise Failure(str(error)) from None
    if answer.error:
        raise Failure(answer.error)
    shown = answer.content
    if options.json:
        print(json.dumps(shown, ensure_ascii=False, indent=1))
        return 0
    print(f"{shown['register']}, shift {shown['shift']}")
    forms = ("receipts", "sum", "cash", "cashless", "prepaid", "credit", "provision")
    print(f"{'':16}" + "".join(f"{name:>14}" for name in forms) + f"{'running total':>16}")
    for field in ("sale", "sale_return", "purchase", "purchase_return"):
        cells = "".join(f"{shown[field][name]:>14}" for name in forms)
        print(f"{field.replace('_', ' '):16}{cells}{shown['running'][field] or 'unknown':>16}")
    print(f"in the drawer   {shown['drawer'] or 'unknown':>14}")
    print(
        {
            True: "the journal has the same",
            False: f"the journal differs: {shown['remarks']}",
            None: "the journal knows no receipt of this register",
        }[shown["agrees"]]
    )
    return 0
