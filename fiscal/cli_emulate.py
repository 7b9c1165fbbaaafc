"""``fiscal emulate``: behave like the other end, for drivers and registers that are not ours."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from fiscal.cli_parts import Failure, command

if TYPE_CHECKING:
    from fiscal.live.trace import TraceFile


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    emulate = command(
        commands,
        "emulate",
        "an emulated register for any driver, or an operator for any register",
        "Behave like a fiscal register at a pseudo terminal or a TCP port, or like a fiscal data operator, until Ctrl-C.\n"
        "Prints one line when ready. Fiscal signs are emulated and have no legal force.",
        "examples:\n"
        "  fiscal emulate shtrih --pty ./kkt1              then open ./kkt1 as a serial port\n"
        "  fiscal emulate shtrih --tcp 127.0.0.1:7778 --drive kkt1.sqlite --speed 10\n"
        "  fiscal emulate atol-web --port 16732            ATOL's web server: POST /api/v2/requests\n"
        "  fiscal emulate ofd --tcp 127.0.0.1:7777 --store ofd.sqlite --delay 0.5\n"
        "  fiscal emulate atol --tcp 127.0.0.1:5555 --ofd 127.0.0.1:7777    sends its documents there\n"
        "  fiscal ofd ofd.sqlite                           what the operator has, and the tax service",
    )
    emulate.add_argument(
        "make",
        metavar="MAKE",
        help="shtrih, atol, atol-web (atol behind its web server), or ofd: the operator",
    )
    where = emulate.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--pty", type=Path, metavar="LINK", help="make a pseudo terminal, with this link to it"
    )
    where.add_argument("--tcp", metavar="HOST:PORT", help="listen here (port 0: any free one)")
    where.add_argument("--port", type=int, metavar="N", help="the same on 127.0.0.1")
    emulate.add_argument(
        "--protocol",
        default="",
        help="shtrih: v1, v2 or plain (default: whichever the driver begins with); atol: v3, v2, or web: behind a web server of JSON "
        "tasks (default: v3)",
    )
    emulate.add_argument(
        "--account",
        default="",
        metavar="USER:PASSWORD",
        help="who may use the web server (needed when others than this computer reach it)",
    )
    emulate.add_argument(
        "--trace", type=Path, metavar="FILE", help="write every exchange there, in words (- for stderr)"
    )
    emulate.add_argument("--device", metavar="NAME", help="model (default: shtrih-m-01f or atol-55f)")
    emulate.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="X",
        help="so many times as fast as the real one (default: 1)",
    )
    emulate.add_argument("--drive", type=Path, metavar="FILE", help="keep the drive's memory there")
    emulate.add_argument("--name", default="", help="gives the drive its number (default: the address)")
    emulate.add_argument("--inn", default="", help="tax number it is registered for")
    emulate.add_argument(
        "--ffd", choices=("1.05", "1.2"), default="1.2", help="format (default: %(default)s)"
    )
    emulate.add_argument("--prints", action="store_true", help="take the time that paper takes")
    emulate.add_argument(
        "--ofd",
        default="",
        metavar="HOST:PORT",
        help="send documents to this operator (default: to one of its own)",
    )
    emulate.add_argument(
        "--no-network",
        action="store_true",
        help="send nothing: the host carries the documents (FF30 to FF33)",
    )
    operator = emulate.add_argument_group("the operator (ofd)")
    operator.add_argument(
        "--store", type=Path, metavar="FILE", help="keep what was taken there (default: in memory)"
    )
    operator.add_argument(
        "--delay",
        type=_seconds,
        default=0.15,
        metavar="S",
        help="until an answer leaves (default: %(default)s)",
    )
    operator.add_argument(
        "--unpaid", action="append", default=[], metavar="INN|DRIVE", help="whose documents he does not take"
    )
    operator.add_argument(
        "--outage",
        action="append",
        default=[],
        type=_outage,
        metavar="AT:FOR[:KIND]",
        help="away so many seconds after the start, for so long: refused (default), silent or unanswered",
    )
    operator.add_argument(
        "--no-control",
        action="store_true",
        help="hold no document against the tables of the format (answer 14)",
    )
    emulate.set_defaults(run=_emulate)


def _speed(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0, up to 1,000,000")
    return value


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0 to 86,400")
    return value


def _outage(text: str) -> tuple[float, float, str]:
    begin, _, rest = text.partition(":")
    lasts, _, kind = rest.partition(":")
    kinds = ("refused", "silent", "unanswered")
    if (kind or "refused") not in kinds:
        raise argparse.ArgumentTypeError(f"{kind!r} is no kind of outage; there are: {', '.join(kinds)}")
    return _seconds(begin), _seconds(lasts), kind or "refused"


def _emulate_operator(options: argparse.Namespace) -> int:
    from fiscal.emulators.operator import OperatorProfile, OperatorServer, Outage, OutageKind
    from fiscal.live import clock
    from fiscal.live.links import split_tcp
    from fiscal.live.operator_file import OperatorFile, OperatorFileError
    from fiscal.live.operator_host import OperatorHost

    if options.tcp is None:
        raise Failure("ofd: an operator listens on TCP: give --tcp HOST:PORT", 2)
    outages = tuple(
        Outage(int(begin * 1e6), int((begin + lasts) * 1e6), OutageKind(kind))
        for begin, lasts, kind in sorted(options.outage)
    )
    profile = OperatorProfile(
        reply_us=int(options.delay * 1e6), control=not options.no_control, outages=outages, tax_us=5_000_000
    )
    epoch_s = clock.wall_s()
    server = OperatorServer(profile, epoch_s=epoch_s)
    server.unpaid.update(options.unpaid)
    file: OperatorFile | None = None
    try:
        if options.store is not None:
            file = OperatorFile(options.store)
            # his clock begins anew with each life
            server.restore(
                received._replace(received_us=(received.received_s - epoch_s) * 1_000_000)
                for received in file.load()
            )
            server.on_receive = file.keep
        host = OperatorHost(server, *split_tcp(options.tcp))
    except OperatorFileError as error:
        raise Failure(str(error)) from None
    except ValueError as error:
        raise Failure(f"--tcp: {error}", 2) from None
    except OSError as error:
        raise Failure(f"{options.tcp}: {(error.strerror or str(error)).lower()}") from None
    asked = _until_asked()
    host.start()
    print(f"ready ofd {profile.name!r} at {host.address}", flush=True)
    while not asked.wait(0.2) and not host.failure:
        pass
    host.stop()
    if file is not None:
        file.close()
    if host.failure:
        raise Failure(f"the operator failed: {host.failure}")
    return 0


def _until_asked() -> threading.Event:
    """Set by SIGINT or SIGTERM."""
    asked = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        asked.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    return asked


def _emulate(options: argparse.Namespace) -> int:
    if options.port is not None:
        options.tcp = f"127.0.0.1:{options.port}"
    if options.make == "ofd":
        return _emulate_operator(options)
    if options.make == "atol-web":
        options.make, options.protocol = "atol", options.protocol or "web"
    from fiscal.devices import DeviceError, device
    from fiscal.emulators.marking_service import MarkingService
    from fiscal.live import makes
    from fiscal.live.drive_file import DriveFileError
    from fiscal.live.emulated import Endpoint, PtyEndpoint, TcpEndpoint
    from fiscal.live.guard import LOOPBACK
    from fiscal.live.links import split_tcp
    from fiscal.live.serve import DEMO_INN
    from fiscal.live.web_endpoint import WebEndpoint
    from fiscal.makes import FFD, MAKES, WEB, account_of, protocol_fault
    from fiscal.parties import inn_fault

    if options.make not in MAKES:
        raise Failure(f"there is no emulated {options.make!r} yet; there is: {', '.join(MAKES)}, ofd", 2)
    if fault := protocol_fault(options.make, options.protocol):
        raise Failure(f"--protocol: {fault}", 2)
    web = options.protocol == WEB
    if web and options.tcp is None:
        raise Failure("--pty: a web server listens on TCP: give --tcp HOST:PORT", 2)
    if options.account and not web:
        raise Failure("--account: only a web server (--protocol web) asks who one is", 2)
    try:
        account_of(options.account)
    except ValueError as error:
        raise Failure(f"--{error}", 2) from None
    if options.ofd and options.no_network:
        raise Failure("--ofd and --no-network exclude each other", 2)
    if options.ofd:
        try:
            split_tcp(options.ofd)
        except ValueError as error:
            raise Failure(f"--ofd: {error}", 2) from None
    inn = options.inn or DEMO_INN
    if fault := inn_fault(inn):
        raise Failure(f"--inn: the tax number {inn!r} {fault}", 2)
    model_name = options.device or MAKES[options.make].device
    try:
        model = device(model_name)
    except DeviceError as error:
        raise Failure(f"--device: {error}", 2) from None
    if model.make != options.make:
        raise Failure(f"--device: {model_name!r} is a model of {model.make}, not of {options.make}", 2)
    try:
        endpoint: Endpoint
        if web:
            host, port = split_tcp(options.tcp)
            if host not in LOOPBACK and not options.account:
                raise Failure(f"--tcp: {host!r} is reachable from outside: give --account USER:PASSWORD", 2)
            endpoint = WebEndpoint(host, port)
        elif options.tcp is not None:
            endpoint = TcpEndpoint(*split_tcp(options.tcp))
        elif sys.platform == "win32":
            raise Failure("--pty: this system has no pseudo terminals; use --tcp", 2)
        else:
            endpoint = PtyEndpoint(options.pty)
    except ValueError as error:
        raise Failure(f"--tcp: {error}", 2) from None
    except OSError as error:
        raise Failure(f"{options.tcp or options.pty}: {(error.strerror or str(error)).lower()}") from None
    name = options.name or str(options.tcp or options.pty.name)
    about = makes.About(
        name,
        inn,
        ffd=FFD[options.ffd],
        prints=options.prints,
        protocol=options.protocol,
        account=options.account,
    )
    trace = _trace(options)
    try:
        register = makes.emulate(
            options.make,
            endpoint,
            about,
            device_name=model_name,
            speed=options.speed,
            drive_path=options.drive,
            ofd=options.ofd,
            relayed=options.no_network,
            marking=None if options.no_network else MarkingService(trusting=True),
            trace=trace.of(name, MAKES[options.make].words(options.protocol)) if trace else None,
        )
    except DriveFileError as error:
        endpoint.close()
        raise Failure(str(error)) from None
    asked = _until_asked()
    register.start()
    print(f"ready {options.make} {model_name} at {register.address}", flush=True)
    while not asked.wait(0.2) and not register.failure:
        pass
    register.stop()
    if trace is not None:
        trace.close()
    if register.failure:
        raise Failure(f"the emulator failed: {register.failure}")
    return 0


def _trace(options: argparse.Namespace) -> TraceFile | None:
    from fiscal.live.trace import TraceFile

    if options.trace is None:
        return None
    try:
        return TraceFile(Path("/dev/stderr") if str(options.trace) == "-" else options.trace)
    except OSError as error:
        raise Failure(f"--trace {options.trace}: {(error.strerror or str(error)).lower()}", 2) from None
