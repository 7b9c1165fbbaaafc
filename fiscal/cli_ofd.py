"""``fiscal ofd`` and ``fiscal relay``: what an emulated operator has, and carrying documents to an operator by hand."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from fiscal.cli_parts import Failure, command


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the commands."""
    ofd = command(
        commands,
        "ofd",
        "look into an emulated operator's store",
        "Show what an emulated operator has: a line for each drive, or each document of one drive; Z-reports as the tax service has\n"
        "them. The operator may run meanwhile.",
        "examples:\n"
        "  fiscal ofd ofd.sqlite\n"
        "  fiscal ofd ofd.sqlite --drive 9999078900000001\n"
        "  fiscal ofd ofd.sqlite --drive 9999078900000001 --document 3    its fields",
    )
    ofd.add_argument("store", type=Path, metavar="FILE", help="as given to `fiscal emulate ofd --store`")
    ofd.add_argument("--drive", metavar="NUMBER", help="the documents of this drive")
    ofd.add_argument("--document", type=int, metavar="N", help="with --drive: all fields of this document")
    ofd.add_argument("--z-reports", action="store_true", help="the reports on closed shifts")
    ofd.add_argument("--json", action="store_true", help="for machines")
    ofd.set_defaults(run=_ofd)

    relay = command(
        commands,
        "relay",
        "carry a register's documents to the operator",
        "Read what waits in a register's drive, carry it to the operator, put his confirmations back: one document after the other.\n"
        "For registers without a network of their own. The engine does the same while it prints (relay = true).",
        "example:\n  fiscal relay /dev/ttyUSB0 --ofd ofd.example.ru:7777",
    )
    relay.add_argument("address", metavar="ADDRESS", help="serial port, or tcp://HOST:PORT")
    relay.add_argument("--ofd", required=True, metavar="HOST:PORT", help="the operator")
    relay.add_argument("--make", choices=("shtrih", "atol"), default="shtrih", help="default: %(default)s")
    relay.add_argument("--protocol", default="", help="how the register is set up to speak")
    relay.add_argument("--baud", type=int, default=115_200, help="default: %(default)s")
    relay.add_argument("--password", type=int, default=30, help="operator's password (default: %(default)s)")
    relay.add_argument(
        "--limit",
        type=int,
        default=1000,
        metavar="N",
        help="so many documents at most (default: %(default)s)",
    )
    relay.set_defaults(run=_relay)


def _ofd(options: argparse.Namespace) -> int:
    from fiscal import ffd
    from fiscal.live.operator_file import OperatorFileError, read_store

    if options.document is not None and options.drive is None:
        raise Failure("--document needs --drive", 2)
    try:
        everything = read_store(options.store)
    except OperatorFileError as error:
        raise Failure(str(error)) from None
    kept = [one for one in everything if options.drive in (None, one.drive)]
    if options.drive is not None and not kept:
        raise Failure(f"{options.store}: nothing of drive {options.drive}")
    if options.document is not None:
        found = next((one for one in kept if one.document == options.document), None)
        if found is None:
            raise Failure(f"{options.store}: drive {options.drive} has no document {options.document} here")
        print(ffd.pretty(ffd.decode(found.tlv)))
        return 0
    if options.z_reports:
        _table(options.json, _z_reports(kept))
    elif options.drive is not None:
        _table(options.json, [_row(one) for one in kept])
    else:
        _table(options.json, _drives(kept))
    return 0


def _row(one: Any) -> dict[str, Any]:
    from fiscal.ffd.tags import FORMS
    from fiscal.live.clock import wall_text

    return {
        "document": one.document,
        "what": FORMS.get(one.form, f"form {one.form}"),
        "received": wall_text(one.received_s * 1_000_000)[:19],
        "answer": one.code,
        "bytes": len(one.tlv),
        "problems": "; ".join(one.problems),
    }


def _drives(kept: list[Any]) -> list[dict[str, Any]]:
    from fiscal.live.clock import wall_text

    rows: dict[str, list[Any]] = {}
    for one in kept:
        rows.setdefault(one.drive, []).append(one)
    return [
        {
            "drive": drive,
            "documents": len(found),
            "first": found[0].document,
            "last": found[-1].document,
            "flawed": sum(one.code != 0 for one in found),
            "latest": wall_text(found[-1].received_s * 1_000_000)[:19],
        }
        for drive, found in rows.items()
    ]


def _z_reports(kept: list[Any]) -> list[dict[str, Any]]:
    from fiscal.emulators.operator_store import Store
    from fiscal.emulators.operator_tax import TaxService
    from fiscal.live import clock

    tax = TaxService(Store(), 5_000_000)
    for one in kept:
        tax.take(one._replace(received_us=one.received_s * 1_000_000))
    return [
        {
            "drive": report.drive,
            "shift": report.shift,
            "document": report.document,
            "closed": clock.wall_text(report.closed_s * 1_000_000)[:19],
            "receipts": report.receipts,
            "registered": clock.wall_text(report.registered_us)[:19],
        }
        for report in tax.reports(clock.wall_s() * 1_000_000)
    ]


def _table(as_json: bool, rows: list[dict[str, Any]]) -> None:
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    if not rows:
        print("nothing", file=sys.stderr)
        return
    widths = {name: max(len(name), *(len(str(row[name])) for row in rows)) for name in rows[0]}
    print("  ".join(name.ljust(width) for name, width in widths.items()).rstrip())
    for row in rows:
        print("  ".join(str(row[name]).ljust(width) for name, width in widths.items()).rstrip())


def _relay(options: argparse.Namespace) -> int:
    from fiscal.engine.outcomes import AnswerTaken, MessageRead, reason_of
    from fiscal.live.converse import converse
    from fiscal.live.links import LineLost, open_link, split_tcp
    from fiscal.live.operator_line import carry
    from fiscal.makes import MAKES, Setup, protocol_fault
    from fiscal.registers.conversation import Settings

    if fault := protocol_fault(options.make, options.protocol):
        raise Failure(f"--protocol: {fault}", 2)
    try:
        host, port = split_tcp(options.ofd)
    except ValueError as error:
        raise Failure(f"--ofd: {error}", 2) from None
    driver = MAKES[options.make].driver(Settings(options.password), Setup(protocol=options.protocol))
    try:
        link = open_link(options.address, options.baud)
    except ValueError as error:
        raise Failure(str(error), 2) from None
    except LineLost as lost:
        raise Failure(str(lost)) from None
    done = 0
    try:
        while done < options.limit:
            read = converse(link, driver.read_message())
            if not isinstance(read, MessageRead):
                raise Failure(f"{options.address}: {reason_of(read)}")
            if not read.message:
                break
            carried = carry(host, port, read.message)
            if carried.problem:
                raise Failure(f"{options.ofd}: {carried.problem}; document {read.document} waits")
            taken = converse(link, driver.write_answer(carried.answer))
            if not isinstance(taken, AnswerTaken):
                raise Failure(f"{options.address}: document {read.document}: {reason_of(taken)}")
            done += 1
            print(f"document {taken.document} confirmed", flush=True)
    finally:
        link.close()
    print(f"{done} documents carried" if done else "nothing waits")
    return 0
