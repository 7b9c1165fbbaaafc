"""The command ``fiscal``: run the engine, emulate a register, look at ports, receipts and documents.

Exit codes: 0 fine, 1 it did not work, 2 wrong usage, 3 invalid configuration or receipt. Errors go to stderr, one line each.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from fiscal import cli_code, cli_emulate, cli_ofd, cli_receipt, cli_reports, cli_service
from fiscal.cli_parts import Failure, command

DESCRIPTION = """\
A fiscalization engine for internet payments under 54-FZ: receipts in over HTTP, kept in a durable journal, printed by a farm of
fiscal registers, each exactly once."""

EXAMPLES = """\
examples:
  fiscal serve                                two emulated registers, journal in ./var, http://127.0.0.1:8054
  fiscal serve shop.toml                      your registers; `fiscal serve --example` prints a configuration
  fiscal emulate shtrih --tcp 127.0.0.1:7778  a register for your own driver to talk to
  fiscal probe /dev/ttyUSB0                   ask a register how it is
  fiscal receipt order.json                   say what is wrong with a receipt, without sending it

`fiscal COMMAND --help` says more. Fiscal signs made by emulated registers have no legal force."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code (argparse exits by itself with 2)."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return failure.code
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fiscal",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    serve = command(
        commands,
        "serve",
        "run the engine",
        "Run the engine until Ctrl-C or SIGTERM. Without a configuration: two emulated registers, everything kept in ./var.\n"
        "Killing it at any moment loses no accepted receipt and doubles none.",
        "examples:\n"
        "  fiscal serve\n"
        "  fiscal serve --example > shop.toml\n"
        "  FISCAL_TOKEN=... fiscal serve shop.toml\n\n"
        "interface:\n"
        "  POST /receipts                      bring a receipt (JSON, with a key of your own); 202 accepted, 200 known\n"
        "  POST /receipts/check                what it would be, without making it\n"
        "  GET  /receipts/KEY                  what is true of it\n"
        "  GET  /receipts?status=queued&limit=50\n"
        "  POST /receipts/KEY/retry            one that was set aside, once more\n"
        "  POST /receipts/KEY/cancel           one that no register has seen\n"
        "  GET  /registers                     cable, drive, operator, shift, queue of each\n"
        "  POST /registers/NAME/close-shift    the Z-report, now\n"
        "  POST /registers/NAME/x-report       what the running shift has come to\n"
        "  POST /registers/NAME/replace-drive  close its drive and register the next; pause, resume, look, new-drive beside it\n"
        "  GET  /self-test                     what is wrong, and what to do\n"
        "  GET  /registers/NAME/shifts/NUMBER/receipts   the receipts of a closed shift, or of the open one\n"
        "  GET  /z-reports                     closed shifts and whether they add up; ?format=csv or page\n"
        "  GET  /health\n"
        "  GET  /manual                        a page for a receipt by hand\n"
        "  GET  /                              registers and receipts as a page",
    )
    serve.add_argument("config", nargs="?", type=Path, metavar="CONFIG", help="TOML file")
    serve.add_argument(
        "--example", action="store_true", help="print a configuration that shows everything, and exit"
    )
    serve.add_argument(
        "--trace", type=Path, metavar="FILE", help="write every exchange with the registers there"
    )
    serve.add_argument(
        "--log",
        choices=("debug", "info", "warning", "error"),
        help="how much to say on stderr (default: info)",
    )
    serve.set_defaults(run=_serve)

    cli_emulate.add(commands)
    cli_ofd.add(commands)
    cli_code.add(commands)
    cli_receipt.add(commands)
    cli_reports.add(commands)
    cli_service.add(commands)

    ports = command(commands, "ports", "list serial ports", "List the serial ports of this computer.", "")
    ports.set_defaults(run=_ports)

    probe = command(
        commands,
        "probe",
        "ask a register how it is",
        "Ask a register for its state, shift, drive and clock. Changes nothing.",
        "examples:\n  fiscal probe COM3\n  fiscal probe /dev/ttyUSB0 --baud 4800\n  fiscal probe tcp://192.0.2.10:7778 --trace\n"
        "  fiscal probe http://192.0.2.10:16732 --make atol --protocol web    ATOL's web server",
    )
    probe.add_argument("address", metavar="ADDRESS", help="serial port, tcp://HOST:PORT, or http://HOST:PORT")
    probe.add_argument("--make", choices=("shtrih", "atol"), default="shtrih", help="default: %(default)s")
    probe.add_argument(
        "--protocol",
        default="",
        help="how the register is set up to speak (default: the usual way of its make)",
    )
    probe.add_argument(
        "--account", default="", metavar="USER:PASSWORD", help="for a web server that asks who one is"
    )
    probe.add_argument("--baud", type=int, default=115_200, help="default: %(default)s")
    probe.add_argument("--password", type=int, default=30, help="operator's password (default: %(default)s)")
    probe.add_argument("--trace", action="store_true", help="show the bytes on stderr")
    probe.set_defaults(run=_probe)

    decode = command(
        commands,
        "decode",
        "show a fiscal document",
        "Show the fields of a fiscal document (TLV) with their names.",
        "examples:\n  fiscal decode document.bin\n  fiscal decode '0300 1c00 1e04 ...'",
    )
    decode.add_argument(
        "document", metavar="HEX|FILE", help="hexadecimal digits, or a binary file; - for standard input"
    )
    decode.set_defaults(run=_decode)

    devices = command(
        commands,
        "devices",
        "list the models of registers",
        "List the models that can be emulated and driven: what they call themselves, and how long three lines take on paper.\n"
        "Each figure is measured or assumed; `--json` says which, and from where.",
        "example:\n  fiscal devices --json",
    )
    devices.add_argument("--json", action="store_true", help="everything, for machines")
    devices.set_defaults(run=_devices)

    states = command(
        commands,
        "states",
        "state diagrams",
        "Print the engine's transition tables as Mermaid diagrams: of a receipt, a register, a shift.",
        "example:\n  fiscal states receipt",
    )
    states.add_argument("which", nargs="?", choices=("receipt", "register", "shift"), help="default: all")
    states.set_defaults(run=_states)
    return parser


# --- commands: imports inside, so that `--help` and small commands start fast ------------------------------------------


def _serve(options: argparse.Namespace) -> int:
    from fiscal.live import serve
    from fiscal.live.config import EXAMPLE, Config, ConfigError, load_config, parse_config
    from fiscal.live.logs import start_log

    if options.example:
        print(EXAMPLE, end="")
        return 0
    try:
        if options.config is None:
            config: Config = parse_config(
                serve.DEMO.format(inn=serve.DEMO_INN), "built-in configuration", Path()
            )
        else:
            config = load_config(options.config)
        if options.trace is not None:
            config = config.model_copy(update={"log": config.log.model_copy(update={"trace": options.trace})})
        start_log(options.log or config.log.level)
        folder = Path() if options.config is None else options.config.parent
        return serve.run(config, folder / "var" / "ports", lambda server: _announce(server, config))
    except ConfigError as error:
        raise Failure(str(error), 3) from None
    except serve.StartError as error:
        raise Failure(str(error)) from None


def _announce(server: object, config: object) -> None:
    from fiscal.live.config import Config
    from fiscal.live.serve import Server

    assert isinstance(server, Server)
    assert isinstance(config, Config)
    print(f"serving at {server.url}")
    print(f"journal    {config.journal.path}")
    for register in config.registers:
        what = f"emulated {register.emulate.device}" if register.emulate else register.make
        print(f"register   {register.name}: {what} at {server.addresses[register.name]}")
    token = (
        '\n  -H "Authorization: Bearer $FISCAL_TOKEN" \\'
        if config.http.host not in ("127.0.0.1", "::1", "localhost")
        else ""
    )
    print(
        f"try:\n  curl {server.url}/receipts \\{token}\n  -H 'Content-Type: application/json' -H 'Idempotency-Key: order-1' \\\n"
        '  -d \'{"items": [{"name": "Tea", "price": "199.90"}], "buyer": {"email": "buyer@example.org"}}\'\n'
        f"  curl {server.url}/receipts/order-1",
        flush=True,
    )


def _ports(options: argparse.Namespace) -> int:
    from serial.tools import list_ports

    found = sorted(list_ports.comports(), key=lambda port: port.device)
    for port in found:
        print(f"{port.device}\t{port.description}")
    if not found:
        print("no serial ports", file=sys.stderr)
    return 0


def _probe(options: argparse.Namespace) -> int:
    from fiscal.engine.outcomes import Refused, Seen, Unknown
    from fiscal.live import clock
    from fiscal.live.converse import converse
    from fiscal.live.links import LineLost, open_link
    from fiscal.live.trace import now_stamp
    from fiscal.makes import MAKES, WEB, Setup, line_of, protocol_fault
    from fiscal.registers.conversation import Settings

    if fault := protocol_fault(options.make, options.protocol):
        raise Failure(f"--protocol: {fault}", 2)
    make = MAKES[options.make]
    words = make.words(options.protocol)

    def trace(direction: str, data: bytes) -> None:
        print(line_of(now_stamp(), options.address, direction, data, words), file=sys.stderr)

    setup = Setup(protocol=options.protocol, account=options.account)
    try:
        if (options.protocol == WEB) != options.address.startswith("http://"):
            raise ValueError("a web server, and only one (--protocol web), is reached at http://HOST:PORT")
        driver = make.driver(Settings(options.password), setup)
        link = open_link(options.address, options.baud)
    except ValueError as error:
        raise Failure(str(error), 2) from None
    except LineLost as lost:
        raise Failure(str(lost)) from None
    try:
        outcome = converse(link, driver.probe(), trace if options.trace else None)
    finally:
        link.close()
    if isinstance(outcome, Refused):
        raise Failure(
            f"{options.address}: {outcome.code}: {outcome.meaning}"
            + (f"; {outcome.todo}" if outcome.todo else "")
        )
    if isinstance(outcome, Unknown):
        raise Failure(f"{options.address}: {outcome.reason}")
    assert isinstance(outcome, Seen)
    drift = outcome.time_s - clock.wall_s()
    for name, value in (
        ("model", outcome.model),
        ("serial", outcome.serial),
        ("registration", outcome.registration),
        ("drive", f"{outcome.drive}, phase {outcome.phase}, flags {outcome.flags:#04x}"),
        ("shift", f"{outcome.shift_number}, {outcome.shift.value}"),
        ("last document", outcome.last_document),
        (
            "not at operator",
            f"{outcome.unsent}" + (f", from {outcome.first_unsent}" if outcome.unsent else ""),
        ),
        ("paper", "yes" if outcome.paper else "no"),
        ("clock", f"{clock.wall_text(outcome.time_s * 1_000_000)[:19]} ({drift:+d} s)"),
    ):
        print(f"{name:16}{value}")
    return 0


def _decode(options: argparse.Namespace) -> int:
    from fiscal import ffd

    text = "".join(options.document.split())
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = _bytes(options.document)
        with contextlib.suppress(ValueError):
            data = bytes.fromhex(data.decode("ascii"))  # a file of digits
    try:
        print(ffd.pretty(ffd.decode(data)))
    except ffd.FfdError as error:
        raise Failure(f"not a fiscal document: {error}") from None
    return 0


def _devices(options: argparse.Namespace) -> int:
    from fiscal.devices import as_table, load

    if options.json:
        print(
            json.dumps(
                {name: as_table(device) for name, device in load().items()}, ensure_ascii=False, indent=1
            )
        )
        return 0
    print(f"{'name':20}{'make':8}{'calls itself':22}{'code':>5}{'columns':>9}{'paper':>7}{'3 lines, s':>12}")
    for name, device in load().items():
        lines = device.receipt_lines + 3 * device.item_lines
        paper_s = f"{device.print_us(lines) / 1e6:.1f}" if device.printer else "none"
        printer = "yes" if device.printer else "no"
        print(
            f"{name:20}{device.make:8}{device.model:22}{device.model_id:>5}{device.line_width:>9}{printer:>7}{paper_s:>12}"
        )
    return 0


def _states(options: argparse.Namespace) -> int:
    from fiscal.engine import states

    tables = {"receipt": states.RECEIPT, "register": states.REGISTER, "shift": states.SHIFT}
    for name, table in tables.items():
        if options.which in (None, name):
            print(f"%% {name}\n{states.diagram(table)}")
    return 0


def _bytes(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise Failure(f"{name}: {(error.strerror or str(error)).lower()}") from None
    except ValueError as error:
        raise Failure(f"{name[:60]}: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
