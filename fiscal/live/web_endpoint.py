"""A TCP port for an emulated web server: many clients at once.

The web server itself speaks on one connection, in order (`fiscal.emulators.atol_web`). Here whole requests of all clients follow each
other on it, and each answer goes back to the client whose turn it is. A client that sends no HTTP is told so and dropped.
"""

from __future__ import annotations

import contextlib
import socket
from collections import deque

from fiscal.registers.atol_web.messages import BadMessage, Reader, Request, Response

CHUNK = 65_536
MOST_CLIENTS = 64


class WebEndpoint:
    """Listens at once. Raises `OSError` when the port is taken."""

    def __init__(self, host: str, port: int) -> None:
        self._listener = socket.create_server((host, port), backlog=16)
        self._listener.setblocking(False)
        self._clients: dict[int, tuple[socket.socket, Reader]] = {}
        self._turns: deque[socket.socket] = deque()  # who waits for an answer, in order
        self._answers = Reader(responses=True)
        shown = f"[{host}]" if ":" in host else host
        self.address = f"http://{shown}:{self._listener.getsockname()[1]}"

    def waits(self) -> list[int]:
        return [self._listener.fileno(), *self._clients]

    def read(self, ready: list[int]) -> bytes:
        if self._listener.fileno() in ready:
            self._accept()
        return b"".join(self._requests(number) for number in ready if number in self._clients)

    def write(self, data: bytes) -> None:
        for answer in self._answers.feed(data):
            client = self._turns.popleft()
            with contextlib.suppress(OSError):  # it is gone
                client.sendall(bytes(answer))
            if isinstance(answer, Response) and answer.last:
                self._drop(client)

    def close(self) -> None:
        for client, _ in list(self._clients.values()):
            self._drop(client)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            client, _ = self._listener.accept()
            if len(self._clients) >= MOST_CLIENTS:
                client.close()
                return
            client.settimeout(5.0)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._clients[client.fileno()] = client, Reader()

    def _requests(self, number: int) -> bytes:
        client, reader = self._clients[number]
        data = b""
        with contextlib.suppress(OSError):
            data = client.recv(CHUNK)
        if not data:
            self._drop(client)
        whole = []
        try:
            for request in reader.feed(data):
                assert isinstance(request, Request)
                whole.append(bytes(request))
                self._turns.append(client)
        except BadMessage as bad:
            with contextlib.suppress(OSError):
                client.sendall(bytes(Response(bad.status, b"", True)))
            self._drop(client)
        return b"".join(whole)

    def _drop(self, client: socket.socket) -> None:
        self._clients.pop(client.fileno(), None)
        client.close()
