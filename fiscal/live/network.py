"""Whether this computer reaches the world: asked once a minute, in a thread of its own.

A TCP connection to any of the named places is enough. That the operator is away must not look as if the network were, so they are other
places than his.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence

CONNECT_S = 5.0


def reachable(places: Sequence[tuple[str, int]], connect_s: float = CONNECT_S) -> tuple[bool, str]:
    """Whether one of the places can be reached, and in words which, or why none."""
    problem = "no place to try is configured"
    for host, port in places:
        try:
            socket.create_connection((host, port), connect_s).close()
        except OSError as error:
            problem = f"{host}:{port}: {(error.strerror or str(error)).lower()}"
        else:
            return True, f"{host}:{port} can be reached"
    return False, problem


class NetworkCheck(threading.Thread):
    """Tells ``tell`` what it found every ``every_s`` seconds, until it is stopped."""

    def __init__(
        self, places: Sequence[tuple[str, int]], tell: Callable[[bool, str], None], every_s: float
    ) -> None:
        super().__init__(name="network check", daemon=True)
        self._places = places
        self._tell = tell
        self._every_s = every_s
        self._stop_asked = threading.Event()

    def run(self) -> None:
        while not self._stop_asked.is_set():
            self._tell(*reachable(self._places))
            self._stop_asked.wait(self._every_s)

    def stop(self) -> None:
        self._stop_asked.set()
