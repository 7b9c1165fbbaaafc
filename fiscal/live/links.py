"""Links: the wire between this computer and a register, with real time in it.

An address names a serial port (``COM3``, ``/dev/ttyUSB0``, the link of an emulated port), a socket (``tcp://host:port``) or a web server
(``http://host:port``). Whatever goes
wrong with a link - unplugged, switched off, refused, not there - is one event, `LineLost`, with a reason a person understands; nothing of
pyserial or of sockets gets past this module.

A pseudo terminal behaves like a port but for the baud rate, parity and modem lines, which do not exist there (reference: ecosystem, 6);
none of them is touched here beyond opening.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import sys
import time
from typing import Protocol

import serial

from fiscal.registers.conversation import LineLost

__all__ = ["LineLost", "Link", "SerialLink", "TcpLink", "WebLink", "check_address", "open_link"]

CHUNK = 4096
WRITE_TIMEOUT_S = 5.0
SLICE_S = 0.05
"""pyserial reconfigures the port when the timeout changes, so the port keeps this one and a longer wait is several reads."""


class Link(Protocol):
    """An open link. Every method raises `LineLost`, and only that."""

    def read(self, timeout_s: float) -> bytes:
        """Whatever chunk arrives within the time, or ``b""``."""
        ...

    def write(self, data: bytes) -> None: ...

    def close(self) -> None:
        """Never raises."""
        ...


class SerialLink:
    """A serial port, real or pseudo, through pyserial. Opened exclusively where the system can."""

    def __init__(self, port: str, baud: int = 115_200) -> None:
        self._port = port
        try:
            self._serial = serial.Serial(
                port, baudrate=baud, timeout=SLICE_S, write_timeout=WRITE_TIMEOUT_S, exclusive=True
            )
        except (serial.SerialException, OSError, ValueError) as error:
            raise LineLost(f"{port}: cannot open: {_reason(error)}") from None

    def read(self, timeout_s: float) -> bytes:
        port = self._serial
        try:
            data: bytes = port.read(1)
            if not data and timeout_s > SLICE_S:
                end = time.monotonic() + timeout_s - SLICE_S
                while not data and time.monotonic() < end:
                    data = port.read(1)
            if data:
                more = port.in_waiting
                if more:
                    data += port.read(more)
            return data
        except (serial.SerialException, OSError, TypeError) as error:
            # TypeError: pyserial's own, when the port is closed under a read
            raise LineLost(f"{self._port}: lost: {_reason(error)}") from None

    def write(self, data: bytes) -> None:
        try:
            self._serial.write(data)
        except (serial.SerialException, OSError, TypeError) as error:
            raise LineLost(f"{self._port}: lost: {_reason(error)}") from None

    def close(self) -> None:
        with contextlib.suppress(serial.SerialException, OSError, TypeError):
            self._serial.close()


class TcpLink:
    """A register, a serial-to-Ethernet box or an emulator behind a TCP port."""

    def __init__(self, host: str, port: int, connect_timeout_s: float = 3.0) -> None:
        self._name = f"tcp://{host}:{port}"
        try:
            self._socket = socket.create_connection((host, port), timeout=connect_timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            # Timeouts by the system, not by Python, which would poll before every call: half the system calls, half the turns to wait for.
            self._socket.setblocking(True)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _interval(WRITE_TIMEOUT_S))
        except OSError as error:
            raise LineLost(f"{self._name}: cannot connect: {_reason(error)}") from None
        self._timeout_s = 0.0

    def read(self, timeout_s: float) -> bytes:
        try:
            if timeout_s != self._timeout_s:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _interval(timeout_s))
                self._timeout_s = timeout_s
            data = self._socket.recv(CHUNK)
        except (BlockingIOError, TimeoutError):
            return b""
        except OSError as error:
            raise LineLost(f"{self._name}: lost: {_reason(error)}") from None
        if not data:
            raise LineLost(f"{self._name}: closed by the other end")
        return data

    def write(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise LineLost(f"{self._name}: lost: {_reason(error)}") from None

    def ended(self) -> bool:
        """The other end has closed the connection, and everything it sent has been read."""
        try:
            readable, _, _ = select.select([self._socket], [], [], 0)
            return bool(readable) and self._socket.recv(1, socket.MSG_PEEK) == b""
        except (OSError, ValueError):
            return True

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()


class WebLink:
    """A connection to a web server, which may end it after any answer: then the next call makes a new one."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._link: TcpLink | None = TcpLink(host, port)

    def read(self, timeout_s: float) -> bytes:
        if self._link is None:
            raise LineLost(f"http://{self._host}:{self._port}: closed by the other end")
        try:
            return self._link.read(timeout_s)
        except LineLost:
            self.close()
            raise

    def write(self, data: bytes) -> None:
        if self._link is None or self._link.ended():
            self.close()
            self._link = TcpLink(self._host, self._port)
        self._link.write(data)

    def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()


def _interval(seconds: float) -> bytes:
    """A time for ``SO_RCVTIMEO``; zero would mean for ever."""
    ms = max(1, round(seconds * 1000))
    if sys.platform == "win32":
        return struct.pack("@L", ms)
    return struct.pack("@ll", ms // 1000, ms % 1000 * 1000)


def _reason(error: BaseException) -> str:
    """What the system says, without pyserial's wrapping of it."""
    if isinstance(error, OSError) and error.strerror and not isinstance(error, serial.SerialException):
        return error.strerror.lower()
    text = str(error)
    for system in (
        "No such file or directory",
        "Permission denied",
        "Input/output error",
        "Device or resource busy",
    ):
        if system in text:
            return system.lower()
    if "exclusively lock" in text:
        return "in use by another program"
    return text.splitlines()[0] if text else type(error).__name__


def split_tcp(address: str) -> tuple[str, int]:
    """Host and port of ``tcp://host:port``, ``http://host:port`` or ``host:port``. Raises `ValueError` saying what is wrong."""
    rest = address.removeprefix("tcp://").removeprefix("http://").removesuffix("/")
    host, colon, port = rest.rpartition(":")
    if not colon or not host:
        raise ValueError(f"{address!r}: expected tcp://HOST:PORT")
    if not port.isascii() or not port.isdigit() or not 0 <= int(port) <= 65_535:
        raise ValueError(f"{address!r}: {port!r} is not a port number")
    return host.strip("[]"), int(port)


def check_address(address: str) -> None:
    """Raises `ValueError` for an address that can never be opened."""
    if not address:
        raise ValueError(
            "empty address; expected a serial port such as COM3 or /dev/ttyUSB0, or tcp://HOST:PORT"
        )
    if address.startswith(("tcp://", "http://")):
        split_tcp(address)
    elif "://" in address:
        raise ValueError(
            f"{address!r}: unknown kind of address; expected a serial port, tcp://HOST:PORT, or http://HOST:PORT of a web server"
        )


def open_link(address: str, baud: int = 115_200) -> Link:
    """Open the link. Raises `LineLost` when there is nothing to talk to, `ValueError` for an address that makes no sense."""
    check_address(address)
    if address.startswith("tcp://"):
        host, port = split_tcp(address)
        return TcpLink(host, port)
    if address.startswith("http://"):
        return WebLink(*split_tcp(address))
    return SerialLink(address, baud)
