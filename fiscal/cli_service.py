"""``fiscal selftest`` and ``fiscal replace-drive``: what is wrong with the registers, and a new drive in one of them."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fiscal.cli_parts import Failure, command, server_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from fiscal.live.client import Answer, Client

CONFLICT = 409
POLL_S = 0.3
LOOK_EVERY_S = 1.0
"""How often the server is told to look at the register; by itself it looks once a minute."""
REGISTRATION_S = 30.0
"""How long a replacement that was asked for may take to show."""

_WORDS = {True: "yes", False: "NO", None: "unknown"}
_STEPS = {
    "closing_shift": "closing the shift",
    "closing_drive": "closing the drive",
    "draining": "waiting until the operator has every document",
    "waiting_for_drive": "put the new drive in and switch the register on",
    "registering": "registering the new drive",
}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the commands."""
    test = command(
        commands,
        "selftest",
        "what is wrong, and what to do",
        "Ask the running server what it knows of each register: cable, agent, internet, operator, drive, paper, cover, clock.\n"
        "Each is a line of its own: a network that works says nothing of an operator who does not.\n"
        "Exits with 1 unless every line says yes.",
        "examples:\n  fiscal selftest\n  fiscal selftest kkt1\n  fiscal selftest --json | jq '.[] | select(.ok == false)'",
    )
    test.add_argument("register", nargs="?", default="", metavar="NAME", help="of this register only")
    server_option(test)
    test.add_argument("--json", action="store_true", help="for machines")
    test.set_defaults(run=_self_test)

    replace = command(
        commands,
        "replace-drive",
        "take a register's drive out of service and register a new one",
        "Lead a register of the running server through the replacement of its fiscal drive: close the shift, close the drive,\n"
        "let the operator get every document, put the new drive in, register it. The queue goes on at the other registers.\n"
        "An emulated register gets its new drive by itself; at a real one you are told when to put it in.\n"
        "A closed drive can never be opened again. When this command is stopped the server goes on; called again, it shows\n"
        "how far it is.",
        "examples:\n  fiscal replace-drive kkt1\n  fiscal replace-drive kkt1 --yes",
    )
    replace.add_argument("register", metavar="NAME", help="the register's name in the configuration")
    server_option(replace)
    replace.add_argument(
        "--yes", action="store_true", help="do not ask whether the drive may be closed for good"
    )
    replace.set_defaults(run=_replace)


def _self_test(options: argparse.Namespace) -> int:
    lines = _said(_ask(_client(options).get, "/self-test"))["lines"]
    if options.register:
        names = {line["register"] for line in lines}
        if options.register not in names:
            raise Failure(_unknown(options.register, names))
        lines = [line for line in lines if line["register"] == options.register]
    if options.json:
        print(json.dumps(lines, ensure_ascii=False, indent=1))
    else:
        width = max((len(line["register"]) for line in lines), default=0)
        for line in lines:
            said = "; ".join(filter(None, (line["detail"], line["todo"])))
            print(f"{line['register']:{width}}  {line['what']:8}  {_WORDS[line['ok']]:7}  {said}".rstrip())
    return 0 if all(line["ok"] for line in lines) else 1


def _replace(options: argparse.Namespace) -> int:
    client, name = _client(options), options.register
    before = _register(client, name)
    old = before["drive"]["number"] or "unknown"
    if before["replacement"] is None:
        _agree(options, f"drive {old} of {name} will be closed for good")
        _said(_ask(client.post, f"{_path(name)}/replace-drive"))
    print(f"{name}: drive {old} is being replaced", flush=True)
    began = time.monotonic()
    looked, shown, put_in, trouble = began, "", "", ""
    while True:
        now = _register(client, name)
        step = now["replacement"]
        if step != shown and step is not None:
            shown = step
            print(f"{name}: {_STEPS.get(step, step)}", flush=True)
        if (
            now["state"] == "down" and now["detail"] != trouble
        ):  # by itself it tries again and again; a person may do the step by hand
            trouble = now["detail"]
            print(f"{name}: {trouble}", flush=True)
        if step == "waiting_for_drive" and not put_in:
            put_in = _put_in(client, name) or "by a person"
        if step is None and (shown or now["drive"]["number"] != old):
            print(f"{name}: drive {now['drive']['number']} is registered, {now['service'].replace('_', ' ')}")
            return 0
        if step is None and time.monotonic() - began > REGISTRATION_S:
            raise Failure(
                f"{name}: the replacement does not begin; is the journal's disk full? see the server's log"
            )
        if time.monotonic() - looked > LOOK_EVERY_S:
            looked = time.monotonic()
            _said(_ask(client.post, f"{_path(name)}/look"))
        time.sleep(POLL_S)


def _agree(options: argparse.Namespace, what: str) -> None:
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise Failure(f"{what}: say --yes if it may", 2)
    if input(f"{what}. Type the register's name to go on: ").strip() != options.register:
        raise Failure("nothing was done")


def _put_in(client: Client, name: str) -> str:
    """The number of the drive that the server has put into an emulated register; nothing for a real one."""
    answer = _ask(client.post, f"{_path(name)}/new-drive")
    if answer.status == CONFLICT:
        return ""
    number = str(_said(answer)["drive"])
    print(f"{name}: drive {number} is in", flush=True)
    return number


def _register(client: Client, name: str) -> dict[str, Any]:
    found = {one["name"]: one for one in _said(_ask(client.get, "/registers"))["registers"]}
    if name not in found:
        raise Failure(_unknown(name, found))
    shown: dict[str, Any] = found[name]
    return shown


def _unknown(name: str, names: Any) -> str:
    return f"no register {name!r}; there are: {', '.join(sorted(names))}"


def _client(options: argparse.Namespace) -> Client:
    from fiscal.live.client import Client, ServerError

    try:
        return Client(options.server)
    except ServerError as error:
        raise Failure(str(error)) from None


def _path(name: str) -> str:
    return f"/registers/{quote(name, safe='')}"


def _ask(ask: Callable[[str], Answer], path: str) -> Answer:
    from fiscal.live.client import ServerError

    try:
        return ask(path)
    except ServerError as error:
        raise Failure(str(error)) from None


def _said(answer: Answer) -> dict[str, Any]:
    if answer.error:
        raise Failure(answer.error)
    return answer.content
