"""Who may speak to the HTTP interface: whoever can reach it can sell in the shop's name.

It listens on the loopback interface by default, asks for a token everywhere else, and refuses requests that a web page of somebody else has
made the browser send.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from fastapi.responses import Response

from fiscal.live.answers import refusal

LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Guard:
    """Stands before the application: token, foreign web pages, and other names for this computer.

    ``loopback``: reachable from this computer only, so a request for any other host name was tricked here (DNS rebinding).
    """

    def __init__(self, app: Callable[..., Awaitable[None]], token: str, loopback: bool) -> None:
        self._app = app
        self._token = token.encode()
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            refused = self._refused(scope)
            if refused is not None:
                await refused(scope, receive, send)  # type: ignore[arg-type]
                return
        await self._app(scope, receive, send)

    def _refused(self, scope: Scope) -> Response | None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if self._loopback and urlsplit(f"//{host}").hostname not in LOOPBACK:
            return refusal(403, "this interface serves this computer only; use http://127.0.0.1")
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin.decode("latin-1")).netloc != host:
            return refusal(403, "a page of another site may not call this interface")
        if self._token and scope["path"] != "/health" and not self._known(headers.get(b"authorization", b"")):
            refused = refusal(401, "a token is required: Authorization: Bearer TOKEN")
            refused.headers["WWW-Authenticate"] = 'Basic realm="fiscal"'
            return refused
        return None

    def _known(self, authorization: bytes) -> bool:
        kind, _, given = authorization.partition(b" ")
        if kind.lower() == b"basic":  # a browser: any user name, the token as password
            try:
                given = base64.b64decode(given, validate=True).partition(b":")[2]
            except binascii.Error:
                given = b""
        elif kind.lower() != b"bearer":
            given = b""
        return hmac.compare_digest(given.strip(), self._token)
