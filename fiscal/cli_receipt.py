"""``fiscal receipt``: say what is wrong with a receipt, show it, and have it made by hand.

The way for the day on which the automatic one failed: a person gives a sale, a return or a correction, sees what will stand on it, says
yes. His name and his reason go into the journal with it. The same receipt for the same reason is the same receipt: to run the command again
after a failure makes no second one.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from fiscal.cli_parts import Failure, command, server_option

ITEM = "NAME;PRICE[;QUANTITY[;VAT]]"
_FORMS = ("cash", "cashless", "prepaid", "credit")
_WAIT_S = 20.0
_DONE = ("recorded", "sent", "confirmed", "set_aside", "cancelled", "in_doubt")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    receipt = command(
        commands,
        "receipt",
        "check a receipt, or have it made by hand",
        "Say whether a receipt can be made, with every field that is wrong, and show what will stand on it. Nothing is sent anywhere\n"
        "without --send (to the running server) or --journal (of a server that is stopped; it is made at the next start). Those want the\n"
        "name of the person and the reason, which the journal keeps, and ask before they do it. The same again makes no second one.",
        "examples:\n"
        '  echo \'{"items":[{"name":"Tea","price":"199.90"}],"buyer":{"email":"a@b.ru"}}\' | fiscal receipt -\n'
        '  fiscal receipt --item "Tea;199.90;2;22%" --email a@b.ru --send --person "Ivanova A." --reason "order 17, site was down"\n'
        '  fiscal receipt --type sale_return --item "Tea;199.90" --cash 199.90 --email a@b.ru --send --person ... --reason ...\n'
        '  fiscal receipt --corrects 2026-07-01 --item "Tea;199.90" --cash 199.90 --send --person ... --reason "no receipt that day"',
    )
    receipt.add_argument(
        "file", nargs="?", metavar="FILE", help="JSON, as for POST /receipts; - for standard input"
    )
    receipt.add_argument("--config", type=Path, metavar="FILE", help="take the shop's defaults from there")
    given = receipt.add_argument_group("instead of a file")
    given.add_argument(
        "--type", default="sale", help="sale (default), sale_return, purchase, purchase_return"
    )
    given.add_argument(
        "--item", action="append", default=[], metavar=ITEM, help="a line; VAT such as 22%%, default none"
    )
    for form in _FORMS:
        given.add_argument(
            f"--{form}", metavar="ROUBLES", help=argparse.SUPPRESS if form == "credit" else None
        )
    given.add_argument("--email", default="", help="of the buyer")
    given.add_argument("--phone", default="", help="of the buyer")
    given.add_argument("--taxation", help="when the shop has no default")
    given.add_argument("--paper", action="store_true", help="on paper; else it is electronic only")
    given.add_argument("--corrects", metavar="DAY", help="a correction, of the settlement of this day")
    given.add_argument("--order", metavar="NUMBER", help="with --corrects: of the tax office's order")
    given.add_argument(
        "--sign", default="", metavar="SIGN", help="with --corrects: fiscal sign of the wrong receipt"
    )
    by_hand = receipt.add_argument_group("to have it made")
    by_hand.add_argument("--send", action="store_true", help="bring it to the running server")
    server_option(by_hand)
    by_hand.add_argument(
        "--journal", type=Path, metavar="FILE", help="write it into this journal (with --config)"
    )
    by_hand.add_argument("--person", default="", help="who has it made; the cashier, if none is named")
    by_hand.add_argument("--reason", default="", help="why by hand")
    by_hand.add_argument(
        "--key", default="", help="idempotency key (default: made of receipt, person and reason)"
    )
    by_hand.add_argument("--yes", action="store_true", help="do not ask")
    receipt.set_defaults(run=_receipt)


class _Wanted(NamedTuple):
    name: str  # what a mistake is told of
    content: dict[str, Any]


def _receipt(options: argparse.Namespace) -> int:
    makes = options.send or options.journal is not None
    if options.send and options.journal is not None:
        raise Failure("--send and --journal: give one of them", 2)
    if makes and not (options.person.strip() and options.reason.strip()):
        raise Failure("--person and --reason: a receipt by hand wants both", 2)
    if options.journal is not None and options.config is None:
        raise Failure("--journal: give --config, too: which registers the journal is of", 2)
    wanted = _wanted(options)
    shown = _checked_by_server(options, wanted) if options.send else _checked_here(options, wanted)
    print(f"fine: {shown['type']}, {shown['items']} items, {shown['total']} roubles")
    print("\n".join(f"  {line}".rstrip() for line in shown["preview"]))
    if not makes:
        return 0
    print(f"by {options.person.strip()}: {options.reason.strip()}")
    key = wanted.content.setdefault("key", options.key or _key(wanted.content))
    if not options.yes and not _said_yes(f"make it, as {key}?"):
        print("not made", file=sys.stderr)
        return 1
    return _send(options, wanted.content, key) if options.send else _write(options, wanted)


def _checked_by_server(options: argparse.Namespace, wanted: _Wanted) -> dict[str, Any]:
    """The server knows its defaults and its registers."""
    from fiscal.live.client import Client, ServerError

    try:
        answer = Client(options.server).post("/receipts/check", wanted.content)
    except ServerError as error:
        raise Failure(str(error)) from None
    if answer.error:
        raise Failure(answer.error, 3 if answer.status == 422 else 1)
    return answer.content


def _checked_here(options: argparse.Namespace, wanted: _Wanted) -> dict[str, Any]:
    from fiscal.live.http import today
    from fiscal.live.views import roubles
    from fiscal.preview import lines

    receipt, _ = _read_here(options, wanted)
    return {
        "type": receipt.type.name.lower(),
        "items": len(receipt.items),
        "total": roubles(receipt.total_kop),
        "preview": [line for part in lines(receipt, today()) for line in part.split("\n")],
    }


def _read_here(options: argparse.Namespace, wanted: _Wanted) -> tuple[Any, Any]:
    from fiscal.live.http import today
    from fiscal.live.schema import read_receipt
    from fiscal.receipt import Invalid, validate

    body = json.dumps(wanted.content, ensure_ascii=False).encode("utf-8", "surrogatepass")
    try:
        receipt, given = read_receipt(body, _config(options).defaults())
        validate(receipt, today())
    except Invalid as invalid:
        raise Failure("\n".join(f"{wanted.name}: {problem}" for problem in invalid.problems), 3) from None
    return receipt, given


def _config(options: argparse.Namespace) -> Any:
    from fiscal.live.config import ConfigError, load_config, parse_config
    from fiscal.live.serve import DEMO, DEMO_INN

    try:
        if options.config is not None:
            return load_config(options.config)
        return parse_config(DEMO.format(inn=DEMO_INN), "built-in configuration", Path())
    except ConfigError as error:
        raise Failure(str(error), 3) from None


def _wanted(options: argparse.Namespace) -> _Wanted:
    """The receipt in the form of POST /receipts, out of a file or the options."""
    if bool(options.file) == bool(options.item):
        raise Failure("give a FILE, or lines with --item", 2)
    if options.file:
        name, content = options.file, _read(options.file)
    else:
        name, content = "receipt", _from_options(options)
    if options.send or options.journal:
        content["manual"] = {"person": options.person, "reason": options.reason}
        if options.key:
            content["key"] = options.key
    return _Wanted(name, content)


def _read(name: str) -> dict[str, Any]:
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise Failure(f"{name}: {(error.strerror or str(error)).lower()}") from None
    except ValueError as error:
        raise Failure(f"{name[:60]}: {error}") from None
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Failure(f"{name}: body: is no JSON ({error}): send one JSON object, in UTF-8", 3) from None
    if not isinstance(content, dict):
        raise Failure(f"{name}: body: is no JSON object", 3)
    return content


def _from_options(options: argparse.Namespace) -> dict[str, Any]:
    items = []
    for text in options.item:
        parts = [part.strip() for part in text.split(";")]
        if not 2 <= len(parts) <= 4:
            raise Failure(f"--item: {text!r} is not {ITEM}", 2)
        items.append(dict(zip(("name", "price", "quantity", "vat"), parts, strict=False)))
    content: dict[str, Any] = {
        "type": options.type,
        "items": items,
        "buyer": {"email": options.email, "phone": options.phone},
        "electronic": not options.paper,
    }
    paid = {form: getattr(options, form) for form in _FORMS if getattr(options, form)}
    if paid:
        content["payments"] = paid
    if options.taxation:
        content["taxation"] = options.taxation
    if options.corrects:
        content["correction"] = {
            "date": options.corrects,
            "by_order": bool(options.order),
            "number": options.order or "",
            "sign": options.sign,
        }
    elif options.order or options.sign:
        raise Failure("--order and --sign: only with --corrects", 2)
    return content


def _key(content: dict[str, Any]) -> str:
    """The same for the same receipt, person and reason."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return f"manual-{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}"


def _said_yes(question: str) -> bool:
    if not sys.stdin.isatty():
        raise Failure("nobody to ask: say --yes", 2)
    print(f"{question} [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _send(options: argparse.Namespace, content: dict[str, Any], key: str) -> int:
    from urllib.parse import quote

    from fiscal.live.client import Client, ServerError

    path = f"/receipts/{quote(key, safe='')}"
    try:
        client = Client(options.server)
        answer = client.post("/receipts", content)
        if answer.error:
            raise Failure(answer.error, 3 if answer.status == 422 else 1)
        print(f"{'known already' if answer.status == 200 else 'accepted'}: {key}")
        end = time.monotonic() + _WAIT_S
        while answer.content["status"] not in _DONE and time.monotonic() < end:
            time.sleep(0.1)
            answer = client.get(path)
            if answer.error:
                raise Failure(answer.error)
    except ServerError as error:
        raise Failure(str(error)) from None
    shown = answer.content
    document = shown["document"]
    made = f", document {document['number']}, sign {document['sign']}" if document else ""
    where = f" at {shown['register']}" if shown["register"] else ""
    print(f"{shown['status']}{where}{made}")
    if shown["reason"]:
        print(shown["reason"])
    return 1 if shown["status"] == "set_aside" else 0


def _write(options: argparse.Namespace, wanted: _Wanted) -> int:
    from fiscal.engine.events import Submitted
    from fiscal.journal import JournalError, SqliteJournal
    from fiscal.live.offline import submit
    from fiscal.live.schema import key_fault
    from fiscal.receipt import fingerprint

    receipt, given = _read_here(options, wanted)
    key = given.key
    if fault := key_fault(key):
        raise Failure(f"--key: {fault}", 2)
    if not options.journal.is_file():  # opening would make one
        raise Failure(f"{options.journal}: no such file")
    event = Submitted(key, receipt, fingerprint(receipt), None, given.manual.person, given.manual.reason)
    try:
        journal = SqliteJournal(options.journal, wait_s=0.2)
        try:
            reply, known = submit(_config(options).engine_config(), journal, event)
        finally:
            journal.close()
    except JournalError as error:
        raise Failure(str(error)) from None
    if not reply.accepted:
        raise Failure(reply.reason)
    print(f"{'known already' if known else 'in the journal'}: {key}; it is made when the server starts")
    return 0
