"""A client of the HTTP interface, for the commands that speak to a running server.

It goes straight to the server: no proxy, no redirect. The token comes from the environment, so that no list of processes shows it.
"""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

TOKEN_VARIABLE = "FISCAL_TOKEN"
"""The environment variable with the token, of the server and of its clients."""
LIMIT_S = 90.0
LARGEST = 64 << 20
_NOTHING: Mapping[str, str] = {}


class ServerError(Exception):
    """The server cannot be asked, or its answer is none. One line for people."""


class Answer(NamedTuple):
    """``content``: the JSON as it came."""

    status: int
    content: dict[str, Any]

    @property
    def error(self) -> str:
        """Why it was refused, with the fields that are wrong; empty when it was not."""
        if self.status < 400:
            return ""
        found = str(self.content.get("error", f"answered {self.status}"))
        problems = self.content.get("problems", ())
        return "\n".join([found, *(f"{p['field']}: {p['why']}; {p['todo']}" for p in problems)])


class Client:
    """Asks one server. Raises `ServerError` for an address that is none."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
            raise ServerError(
                f"{url!r} is no address of a server; expected one such as http://127.0.0.1:8054"
            )
        self._url = url.rstrip("/")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, port
        self._path = parts.path.rstrip("/")

    def get(self, path: str, query: Mapping[str, str] = _NOTHING) -> Answer:
        return self._ask("GET", path, query, None)

    def post(
        self, path: str, content: Mapping[str, Any] | None = None, query: Mapping[str, str] = _NOTHING
    ) -> Answer:
        return self._ask("POST", path, query, content)

    def _connect(self) -> http.client.HTTPConnection:
        if self._secure:
            return http.client.HTTPSConnection(self._host, self._port, timeout=LIMIT_S)
        return http.client.HTTPConnection(self._host, self._port, timeout=LIMIT_S)

    def _ask(
        self, method: str, path: str, query: Mapping[str, str], content: Mapping[str, Any] | None
    ) -> Answer:
        headers = {"Accept": "application/json"}
        if token := os.environ.get(TOKEN_VARIABLE, ""):
            headers["Authorization"] = f"Bearer {token}"
        body = None
        if content is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")
        target = self._path + path + (f"?{urlencode(query)}" if query else "")
        connection = self._connect()
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            data = response.read(LARGEST)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise ServerError(
                f"{self._url}: {why}; is `fiscal serve` running there? (--server URL)"
            ) from None
        except http.client.HTTPException as error:
            raise ServerError(f"{self._url}: no HTTP server answers there ({type(error).__name__})") from None
        finally:
            connection.close()
        if response.status == 401:
            raise ServerError(f"{self._url}: a token is required: set {TOKEN_VARIABLE} in the environment")
        try:
            found = json.loads(data)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ServerError(f"{self._url}: what answers there is no `fiscal serve`")
        return Answer(response.status, found)
