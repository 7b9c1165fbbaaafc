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
        "an emulated register for any driver",
        "Behave like a fiscal register at a pseudo terminal or a TCP port, until Ctrl-C. Prints one line when ready.\n"
        "Fiscal signs are emulated and have no legal force.",
        "examples:\n"
        "  fiscal emulate shtrih --pty ./kkt1              then open ./kkt1 as a serial port\n"
        "  fiscal emulate shtrih --tcp 127.0.0.1:7778 --drive kkt1.sqlite --speed 10",
    )
    emulate.add_argument("make", metavar="MAKE", help="shtrih or atol")
    where = emulate.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--pty", type=Path, metavar="LINK", help="make a pseudo terminal, with this link to it"
    )
    where.add_argument("--tcp", metavar="HOST:PORT", help="listen here (port 0: any free one)")
    emulate.add_argument(
        "--protocol",
        default="",
        help="shtrih: v1, v2 or plain (default: whichever the driver begins with); atol: v3 or v2 (default: v3)",
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
    emulate.set_defaults(run=_emulate)


def _speed(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0, up to 1,000,000")
    return value


def _emulate(options: argparse.Namespace) -> int:
    from fiscal.devices import DeviceError, device
    from fiscal.live import makes
    from fiscal.live.drive_file import DriveFileError
    from fiscal.live.emulated import Endpoint, PtyEndpoint, TcpEndpoint
    from fiscal.live.links import split_tcp
    from fiscal.live.serve import DEMO_INN
    from fiscal.makes import FFD, MAKES, protocol_fault
    from fiscal.parties import inn_fault

    if options.make not in MAKES:
        raise Failure(f"there is no emulated {options.make!r} yet; there is: {', '.join(MAKES)}", 2)
    if fault := protocol_fault(options.make, options.protocol):
        raise Failure(f"--protocol: {fault}", 2)
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
        if options.tcp is not None:
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
    about = makes.About(name, inn, ffd=FFD[options.ffd], prints=options.prints, protocol=options.protocol)
    trace = _trace(options)
    try:
        register = makes.emulate(
            options.make,
            endpoint,
            about,
            device_name=model_name,
            speed=options.speed,
            drive_path=options.drive,
            trace=trace.of(name, MAKES[options.make].words(options.protocol)) if trace else None,
        )
    except DriveFileError as error:
        endpoint.close()
        raise Failure(str(error)) from None
    asked = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        asked.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
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
