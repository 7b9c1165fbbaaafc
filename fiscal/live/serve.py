"""Put the live host together, run it until it is told to stop, take it apart in order.

Stopping is the reverse of starting: the door first (HTTP), then the engine, which lets the conversations in work end, then the journal,
then the emulated registers. Killing it instead loses nothing either; it only leaves more to ask the drives at the next start.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import uvicorn

from fiscal.emulators.marking_service import MarkingService
from fiscal.journal import JournalError, SqliteJournal
from fiscal.live import http, makes
from fiscal.live.client import TOKEN_VARIABLE
from fiscal.live.config import Config, ConfigError, Register
from fiscal.live.drive_file import DriveFileError
from fiscal.live.emulated import EmulatedRegister, Endpoint, PtyEndpoint, TcpEndpoint
from fiscal.live.guard import LOOPBACK
from fiscal.live.links import split_tcp
from fiscal.live.network import NetworkCheck
from fiscal.live.runtime import Runtime
from fiscal.live.trace import TraceFile
from fiscal.live.web_endpoint import WebEndpoint
from fiscal.live.worker import Port
from fiscal.live.z_http import ZSettings
from fiscal.makes import FFD, MAKES, WEB
from fiscal.registers.conversation import Settings

log = logging.getLogger("fiscal")
STOP_LIMIT_S = 10.0

DEMO = """\
[shop]
entity = "{inn}"
site = "shop.example"
taxation = "general"

[[registers]]
name = "kkt1"
emulate = {{ }}

[[registers]]
name = "kkt2"
emulate = {{ }}
"""
DEMO_INN = "7700000009"


class StartError(Exception):
    """It cannot start: the address is taken, a file is in use. One line for people."""


def token_of(config: Config) -> str:
    """The token from the configuration or the environment. Raises `ConfigError` when one is needed and there is none."""
    token = os.environ.get(TOKEN_VARIABLE) or config.http.token
    if not token and config.http.host not in LOOPBACK:
        raise ConfigError(
            f"http.host: {config.http.host!r} is reachable from outside: give http.token, or {TOKEN_VARIABLE} in the environment"
        )
    return token


def about(config: Config, register: Register) -> makes.About:
    defaults = config.defaults()
    facts = next(facts for facts in config.engine_config().registers if facts.name == register.name)
    site = register.sites[0] if register.sites else defaults.site
    return makes.About(
        register.name,
        facts.entity,
        facts.taxation,
        facts.agents,
        site,
        FFD[register.ffd],
        register.prints,
        register.protocol,
        config.shop.marking,
        register.account,
    )


def endpoint_of(register: Register, folder: Path) -> Endpoint:
    """Where an emulated register of the configuration is found: its TCP port, or a link in ``folder``."""
    assert register.emulate is not None
    if register.protocol == WEB:
        return WebEndpoint(*split_tcp(register.emulate.listen or "127.0.0.1:0"))
    if register.emulate.listen:
        return TcpEndpoint(*split_tcp(register.emulate.listen))
    if sys.platform == "win32":
        return TcpEndpoint("127.0.0.1", 0)
    return PtyEndpoint(folder / register.name)


class Server:
    """Everything that runs, started by `start`, ended by `stop`."""

    def __init__(self, config: Config, ports_folder: Path) -> None:
        self._config = config
        self._ports_folder = ports_folder
        self._marking = MarkingService(
            trusting=True
        )  # of all emulated registers, as long as the process lives
        self._stack = ExitStack()
        self.addresses: dict[str, str] = {}
        self._hands: dict[str, http.Hands] = {}
        self.runtime: Runtime
        self.url = ""

    def start(self) -> None:
        """Raises `ConfigError`, `StartError`; what was started until then is stopped."""
        try:
            self._start()
        except (JournalError, DriveFileError) as error:
            self._stack.close()
            raise StartError(str(error)) from None
        except OSError as error:
            self._stack.close()
            where = f"{error.filename}: " if error.filename else ""
            raise StartError(f"{where}{(error.strerror or str(error)).lower()}") from None
        except BaseException:
            self._stack.close()
            raise

    def _start(self) -> None:
        config = self._config
        token = token_of(config)
        # The door's address first: when it is taken, another server runs, and nothing else should be touched.
        listener = self._listen()
        config.journal.path.parent.mkdir(parents=True, exist_ok=True)
        journal = SqliteJournal(config.journal.path)
        self._stack.callback(journal.close)
        trace = TraceFile(config.log.trace) if config.log.trace else None
        if trace is not None:
            self._stack.callback(trace.close)
        ports = [self._port(register, trace) for register in config.registers]
        operator = split_tcp(config.operator.address) if config.operator.address else None
        self.runtime = Runtime(config.engine_config(), journal, ports, operator)
        self.runtime.start()
        places = [split_tcp(place) for place in config.self_test.internet]
        if places:
            check = NetworkCheck(places, self.runtime.network, config.self_test.every_s)
            check.start()
            self._stack.callback(check.stop)
        self._stack.callback(self.runtime.stop, STOP_LIMIT_S)
        app = http.application(
            self.runtime,
            config.defaults(),
            [self.addresses[register.name] for register in config.registers],
            token=token,
            loopback=config.http.host in LOOPBACK,
            max_body=config.http.max_body_kib * 1024,
            z=ZSettings(config.seeds(), config.shop.z_link),
            hands=self._hands,
        )
        self._stack.callback(_serve(app, listener))

    def _listen(self) -> socket.socket:
        where = self._config.http
        try:
            family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
            listener = socket.create_server((where.host, where.port), family=family, backlog=512)
        except OSError as error:
            raise StartError(
                f"http {where.host}:{where.port}: {(error.strerror or str(error)).lower()}"
            ) from None
        self._stack.callback(listener.close)
        shown = f"[{where.host}]" if ":" in where.host else where.host
        self.url = f"http://{shown}:{listener.getsockname()[1]}"
        return listener

    def _port(self, register: Register, trace: TraceFile | None) -> Port:
        known = about(self._config, register)
        address = register.address
        if register.emulate is not None:
            endpoint = endpoint_of(register, self._ports_folder)
            try:
                emulated: EmulatedRegister = makes.emulate(
                    register.make,
                    endpoint,
                    known,
                    device_name=register.emulate.device,
                    speed=register.emulate.speed,
                    drive_path=register.emulate.drive,
                    ofd=register.emulate.ofd,
                    relayed=register.relay,
                    marking=self._marking,
                )
            except BaseException:
                endpoint.close()
                raise
            emulated.start()
            self._hands[register.name] = emulated.new_drive
            self._stack.callback(emulated.stop)
            address = emulated.address
        self.addresses[register.name] = address
        settings = Settings(
            register.password,
            round(register.byte_timeout_s * 1e6),
            round(register.answer_timeout_s * 1e6),
        )
        return Port(
            register.name,
            address,
            makes.driver_of(register.make, settings, known),
            register.baud,
            trace.of(register.name, MAKES[register.make].words(register.protocol)) if trace else None,
        )

    def stop(self) -> None:
        self._stack.close()


def _serve(app: object, listener: socket.socket) -> Callable[[], None]:
    """Serve in a thread; returns what ends it."""
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=64 * 1024,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="http", daemon=True)
    thread.start()

    def end() -> None:
        server.should_exit = True
        thread.join(5.0)

    return end


def run(config: Config, ports_folder: Path, announce: Callable[[Server], None]) -> int:
    """Serve until SIGINT or SIGTERM, or until it fails. Returns the exit code. Raises `ConfigError`, `StartError`."""
    asked = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        asked.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server = Server(config, ports_folder)
        server.start()
        try:
            announce(server)
            while not asked.wait(0.2) and not server.runtime.ended.is_set():
                pass
            if asked.is_set():
                log.info("stopping")
        finally:
            server.stop()
        if server.runtime.failure:
            log.critical("stopped: %s", server.runtime.failure)
            return 1
        return 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
