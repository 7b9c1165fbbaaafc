"""The emulated operator on a TCP port: many registers at once, in one thread.

The operator itself is sans-IO (`fiscal.emulators.operator`); here bytes come in over sockets, and answers leave at the moments he says. A
client that is silent too long is dropped, and there is a limit to how many there are.
"""

from __future__ import annotations

import contextlib
import heapq
import logging
import os
import selectors
import socket
import sqlite3
import threading
import time

from fiscal.emulators.operator import OperatorConnection, OperatorServer

log = logging.getLogger("fiscal.operator")
CHUNK = 65_536
MOST_CONNECTIONS = 512
SILENCE_US = 300_000_000


class _Client:
    __slots__ = ("connection", "heard_us", "socket")

    def __init__(self, line: socket.socket, connection: OperatorConnection, now_us: int) -> None:
        self.socket = line
        self.connection = connection
        self.heard_us = now_us


class OperatorHost:
    """Serves ``server`` from `start` until `stop`. Its clock shows microseconds since it was made. ``lock`` guards the server's store for
    whoever else looks into it."""

    def __init__(self, server: OperatorServer, host: str, port: int) -> None:
        self.server = server
        self.lock = threading.Lock()
        self.failure = ""
        self._listener = socket.create_server((host, port), backlog=128)
        self._listener.setblocking(False)
        shown = f"[{host}]" if ":" in host else host
        self.address = f"{shown}:{self._listener.getsockname()[1]}"
        self._begin = time.monotonic()
        self._selector = selectors.DefaultSelector()
        self._clients: dict[socket.socket, _Client] = {}
        self._outgoing: list[tuple[int, int, _Client, bytes]] = []
        self._count = 0
        self._wake_read, self._wake_write = os.pipe()
        self._going = True
        self._thread = threading.Thread(target=self._run, name=f"operator {self.address}", daemon=True)

    def now_us(self) -> int:
        """The operator's clock."""
        return int((time.monotonic() - self._begin) * 1e6)

    def start(self) -> OperatorHost:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close all connections and the port."""
        if self._going:
            self._going = False
            os.write(self._wake_write, b"x")
            if self._thread.ident is not None:
                self._thread.join(5.0)
            for client in list(self._clients.values()):
                self._drop(client)
            self._selector.close()
            self._listener.close()
            os.close(self._wake_read)
            os.close(self._wake_write)

    def _run(self) -> None:
        try:
            self._loop()
        except Exception as error:
            self.failure = repr(error)
            log.critical("the emulated operator failed; this is a bug", exc_info=True)

    def _loop(self) -> None:
        selector = self._selector
        selector.register(self._listener, selectors.EVENT_READ)
        selector.register(self._wake_read, selectors.EVENT_READ)
        while self._going:
            now_us = self.now_us()
            until_us = self._send_due(now_us)
            for key, _ in selector.select(max(0.0, (until_us - now_us) / 1e6)):
                if key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.data, _Client):
                    self._read(key.data)

    def _send_due(self, now_us: int) -> int:
        """Send what is due, drop who is silent or done with. Returns when to look again."""
        outgoing = self._outgoing
        while outgoing and outgoing[0][0] <= now_us:
            _, _, client, data = heapq.heappop(outgoing)
            if client.socket in self._clients:
                try:
                    client.socket.sendall(data)
                except OSError:
                    self._drop(client)
        look_us = now_us + 1_000_000
        for client in list(self._clients.values()):
            closing_us = client.connection.closing_us
            if (closing_us is not None and closing_us <= now_us) or client.heard_us + SILENCE_US < now_us:
                self._drop(client)
            elif closing_us is not None:
                look_us = min(look_us, closing_us)
        return min(look_us, outgoing[0][0]) if outgoing else look_us

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            line, _ = self._listener.accept()
            now_us = self.now_us()
            if len(self._clients) >= MOST_CONNECTIONS or not self.server.accepts(now_us):
                line.close()
                return
            line.settimeout(5.0)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client = self._clients[line] = _Client(line, self.server.connect(), now_us)
            self._selector.register(line, selectors.EVENT_READ, client)

    def _read(self, client: _Client) -> None:
        data = b""
        with contextlib.suppress(OSError):
            data = client.socket.recv(CHUNK)
        if not data:
            self._drop(client)
            return
        client.heard_us = now_us = self.now_us()
        try:
            with self.lock:
                output = client.connection.receive(data, now_us)
        except sqlite3.Error as error:
            log.error("a document could not be kept, so it is not confirmed: %s", error)
            self._drop(client)
            return
        for at_us, answer in output:
            self._count += 1
            heapq.heappush(self._outgoing, (at_us, self._count, client, answer))

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.socket, None) is not None:
            self._selector.unregister(client.socket)
            client.socket.close()
