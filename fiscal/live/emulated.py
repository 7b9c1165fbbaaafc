"""Emulated registers in real time: the same objects the bench runs, behind a pseudo terminal or a TCP port.

The emulator says when it acts and when bytes leave; a thread here keeps that time. A pseudo terminal gets a symbolic link with a stable
name, pointed at each new terminal, as a udev rule does for a real adapter: plug out, plug in, same name.
"""

from __future__ import annotations

import contextlib
import errno
import heapq
import logging
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol

from fiscal.emulators import Emulator, Output
from fiscal.live.converse import Trace

log = logging.getLogger("fiscal.emulated")
CHUNK = 4096
IDLE_S = 3600.0
SETTLE_US = 1_000_000


class Endpoint(Protocol):
    """Where the other side connects."""

    address: str

    def waits(self) -> list[int]:
        """File descriptors that show that there is something to read."""
        ...

    def read(self, ready: list[int]) -> bytes: ...

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class PtyEndpoint:
    """A pseudo terminal behind a symbolic link."""

    def __init__(self, link: Path) -> None:
        import tty  # not on Windows, where emulated registers use TCP

        self._link = link
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._device = os.ttyname(self._slave)
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.exists() and not link.is_symlink():
            self._close_ends()
            raise FileExistsError(errno.EEXIST, "exists and is not a link", str(link))
        fresh = link.with_name(f".{link.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self._device)
        fresh.replace(link)
        self.address = str(link)

    def waits(self) -> list[int]:
        return [self._master]

    def read(self, ready: list[int]) -> bytes:
        with contextlib.suppress(BlockingIOError):
            return os.read(self._master, CHUNK)
        return b""

    def write(self, data: bytes) -> None:
        # nobody reads and the buffer is full: the bytes are lost, as on a line
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, data)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            if self._link.readlink() == Path(self._device):
                self._link.unlink()
        self._close_ends()

    def _close_ends(self) -> None:
        os.close(self._master)
        os.close(self._slave)


class TcpEndpoint:
    """A TCP port. One client at a time, the newest wins."""

    def __init__(self, host: str, port: int) -> None:
        self._listener = socket.create_server((host, port))
        self._listener.setblocking(False)
        self._client: socket.socket | None = None
        shown = f"[{host}]" if ":" in host else host
        self.address = f"tcp://{shown}:{self._listener.getsockname()[1]}"

    def waits(self) -> list[int]:
        client = self._client
        return [self._listener.fileno()] if client is None else [self._listener.fileno(), client.fileno()]

    def read(self, ready: list[int]) -> bytes:
        if self._listener.fileno() in ready:
            with contextlib.suppress(OSError):
                client, _ = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.settimeout(5.0)
                self._hang_up()
                self._client = client
                return b""
        if self._client is not None and self._client.fileno() in ready:
            data = b""
            with contextlib.suppress(OSError):
                data = self._client.recv(CHUNK)
            if not data:
                self._hang_up()
            return data
        return b""

    def write(self, data: bytes) -> None:
        if self._client is not None:
            try:
                self._client.sendall(data)
            except OSError:
                self._hang_up()

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def close(self) -> None:
        self._hang_up()
        self._listener.close()


class EmulatedRegister:
    """Runs an emulator behind an endpoint, in a thread of its own. The emulator's clock starts at 0 with this object.

    ``settle`` is called about once a second with the emulator's clock: what a register does beside answering, such as sending its
    documents to the operator. ``keep`` is called when the register has done something, before its answer leaves. ``new_drive``: how
    its drive is changed.
    """

    def __init__(
        self,
        emulator: Emulator,
        endpoint: Endpoint,
        on_close: Callable[[], None] | None = None,
        name: str = "",
        settle: Callable[[int], None] | None = None,
        trace: Trace | None = None,
        keep: Callable[[], None] | None = None,
        new_drive: Callable[[int], str] | None = None,
    ) -> None:
        self.emulator = emulator
        self.endpoint = endpoint
        self.address = endpoint.address
        self.failure = ""
        self._on_close = on_close
        self._settle = settle
        self._trace = trace
        self._keep = keep
        self._new_drive = new_drive
        self._start = time.monotonic()
        self._outgoing: list[tuple[int, int, bytes]] = []
        self._hands: deque[tuple[Callable[[int], str], Future[str]]] = deque()
        self._count = 0
        self._wake_read, self._wake_write = os.pipe()
        self._going = True
        self._thread = threading.Thread(
            target=self._run, name=f"emulated {name or self.address}", daemon=True
        )

    def start(self) -> EmulatedRegister:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Plug it out: the line dies, the memory is written."""
        if self._going:
            self._going = False
            os.write(self._wake_write, b"x")
            if self._thread.ident is not None:
                self._thread.join(5.0)
            self.endpoint.close()
            if self._on_close is not None:
                self._on_close()
            os.close(self._wake_read)
            os.close(self._wake_write)

    def wait(self) -> None:
        """Until it is stopped or fails."""
        while self._thread.is_alive():
            self._thread.join(0.5)

    def nudge(self) -> None:
        """Let `settle` be called now. From any thread."""
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"n")

    def by_hand(self, action: Callable[[int], str]) -> Future[str]:
        """Let somebody do something at the register as soon as no command is in work: ``action`` gets the emulator's clock. From any
        thread; the future has what it returned or raised."""
        future: Future[str] = Future()
        self._hands.append((action, future))
        self.nudge()
        return future

    def new_drive(self) -> Future[str]:
        """Put a new drive in; the future has its number."""
        if self._new_drive is None:
            raise TypeError("nobody said how to put a drive in")
        return self.by_hand(self._new_drive)

    def _lend_hands(self, now_us: int) -> None:
        while self._hands and self.emulator.next_wakeup() is None and not self._outgoing:
            action, future = self._hands.popleft()
            try:
                future.set_result(action(now_us))
            except Exception as error:  # whoever asked is told
                future.set_exception(error)

    def now_us(self) -> int:
        """The emulator's clock."""
        return int((time.monotonic() - self._start) * 1e6)

    def _put(self, output: Output) -> None:
        if self._keep is not None:
            self._keep()
        for at_us, data in output:
            self._count += 1
            heapq.heappush(self._outgoing, (at_us, self._count, data))

    def _run(self) -> None:
        try:
            self._loop()
        except Exception as error:
            self.failure = repr(error)
            log.critical("emulated register %s failed; this is a bug", self.address, exc_info=True)

    def _loop(self) -> None:
        emulator, endpoint, outgoing = self.emulator, self.endpoint, self._outgoing
        settle_us = 0
        while self._going:
            now_us = self.now_us()
            if self._settle is not None and now_us >= settle_us:
                self._settle(now_us)
                settle_us = now_us + SETTLE_US
            wake_us = emulator.next_wakeup()
            while wake_us is not None and wake_us <= now_us:
                self._put(emulator.wake(now_us))
                wake_us = emulator.next_wakeup()
            self._lend_hands(now_us)
            if outgoing and outgoing[0][0] <= now_us:
                # what leaves at the same moment leaves in one piece
                parts = []
                while outgoing and outgoing[0][0] <= now_us:
                    parts.append(heapq.heappop(outgoing)[2])
                data = b"".join(parts)
                if self._trace is not None:
                    self._trace("<", data)
                endpoint.write(data)
            until_us = outgoing[0][0] if outgoing else None
            if wake_us is not None and (until_us is None or wake_us < until_us):
                until_us = wake_us
            if self._settle is not None and (until_us is None or settle_us < until_us):
                until_us = settle_us
            timeout_s = IDLE_S if until_us is None else max(0.0, (until_us - now_us) / 1e6)
            ready, _, _ = select.select([self._wake_read, *endpoint.waits()], [], [], timeout_s)
            if self._wake_read in ready:
                os.read(self._wake_read, CHUNK)
                ready.remove(self._wake_read)
                settle_us = 0
            if ready:
                data = endpoint.read(ready)
                if data:
                    if self._trace is not None:
                        self._trace(">", data)
                    self._put(emulator.receive(data, self.now_us()))
