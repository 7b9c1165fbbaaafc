"""HTTP messages as bytes: just enough of HTTP/1.1 for a web server of tasks and its clients.

Both ends are sans-IO. A `Reader` takes chunks as they come and gives whole messages; what is no message, or is larger than a task can
be, raises `BadMessage`, and the connection is of no use any more. A body has a length, or comes in pieces (chunked); one that ends with
the connection is not understood. Source: RFC 9112.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["BadMessage", "Reader", "Request", "Response", "basic"]

MAX_HEAD = 16_384
MAX_BODY = 4_194_304
"""The largest task: a receipt of some thousand lines."""
MAX_DIGITS = 10
"""A length with more digits is not read."""
MAX_SIZE_LINE = 1_024
"""The line with the length of a piece of a body."""

_REASONS = {
    200: "OK",
    201: "Created",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    500: "Internal Server Error",
    504: "Gateway Timeout",
}


class BadMessage(ValueError):
    """These bytes are no HTTP message; ``status``: what a server answers to them."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """What a client wants. ``account``: the value of the header that says who asks."""

    method: str
    target: str
    body: bytes = b""
    account: str = ""
    host: str = "localhost"
    last: bool = False  # the client closes the connection after the answer

    def __bytes__(self) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {self.host}"]
        if self.account:
            lines.append(f"Authorization: {self.account}")
        if self.body:
            lines.append("Content-Type: application/json; charset=utf-8")
        if self.body or self.method in ("POST", "PUT"):
            lines.append(f"Content-Length: {len(self.body)}")
        if self.last:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + self.body


@dataclass(frozen=True, slots=True)
class Response:
    """What a server says. ``last``: it closes the connection after this."""

    status: int
    body: bytes = b""
    last: bool = False

    def __bytes__(self) -> bytes:
        lines = [
            f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Unknown')}",
            "Content-Type: application/json; charset=utf-8",
            f"Content-Length: {len(self.body)}",
        ]
        if self.status == 401:
            lines.append('WWW-Authenticate: Basic realm="requests"')
        if self.last:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


def basic(user: str, password: str) -> str:
    """The header that says who asks, in the form "Basic"."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


@dataclass(slots=True)
class Reader:
    """Whole messages out of chunks: requests for a server, responses for a client (``responses``)."""

    responses: bool = False
    _data: bytearray = field(default_factory=bytearray)

    def feed(self, chunk: bytes) -> Iterator[Request | Response]:
        """What is complete now. Raises `BadMessage`."""
        self._data += chunk
        while (message := self._next()) is not None:
            yield message

    @property
    def waiting(self) -> bool:
        """A message has begun and not ended."""
        return bool(self._data)

    def _next(self) -> Request | Response | None:
        data = self._data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            if len(data) > MAX_HEAD:
                raise BadMessage("the head of the message is too long", 413)
            return None
        first, *lines = bytes(data[:end]).decode("latin-1").split("\r\n")
        headers = dict(map(_header, lines))
        body = self._body(end + 4, headers)
        if body is None:
            return None
        content, rest = body
        del data[:rest]
        last = headers.get("connection", "").lower() == "close"
        return _response(first, content, last) if self.responses else _request(first, headers, content, last)

    def _body(self, at: int, headers: dict[str, str]) -> tuple[bytes, int] | None:
        """Body of the message and where it ends, ``None`` when it is not complete."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunks(at)
        length = headers.get("content-length")
        if length is None:
            if self.responses:
                raise BadMessage("the answer does not say how long it is")
            return b"", at
        if not (length.isascii() and length.isdigit()):
            raise BadMessage(f"{length!r} is no length")
        size = int(length[:MAX_DIGITS])
        if size > MAX_BODY or len(length) > MAX_DIGITS:
            raise BadMessage(f"{length[:MAX_DIGITS]} bytes and more are more than {MAX_BODY}", 413)
        end = at + size
        return (bytes(self._data[at:end]), end) if len(self._data) >= end else None

    def _chunks(self, at: int) -> tuple[bytes, int] | None:
        data, parts, total = self._data, [], 0
        while True:
            line = data.find(b"\r\n", at, at + MAX_SIZE_LINE)
            if line < 0 and len(data) - at < MAX_SIZE_LINE:
                return None
            size_text = bytes(data[at:line]).split(b";", 1)[0].strip()
            try:
                size = int(size_text, 16) if line >= 0 and size_text.isalnum() else -1
            except ValueError:
                size = -1
            total += size
            if size < 0 or total > MAX_BODY:
                raise BadMessage("a piece of the body has no length that makes sense")
            at = line + 2
            if len(data) < at + size + 2:
                return None
            parts.append(bytes(data[at : at + size]))
            at += size + 2
            if not size:
                return b"".join(parts), at


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip():
        raise BadMessage("a header line without a name")
    return name.lower(), value.strip()


def _request(first: str, headers: dict[str, str], body: bytes, last: bool) -> Request:
    parts = first.split(" ")
    if len(parts) != 3 or parts[2] not in ("HTTP/1.1", "HTTP/1.0") or not parts[0].isalpha():
        raise BadMessage("the first line is no request")
    return Request(
        parts[0].upper(),
        parts[1],
        body,
        headers.get("authorization", ""),
        headers.get("host", ""),
        last or (parts[2] == "HTTP/1.0" and headers.get("connection", "").lower() != "keep-alive"),
    )


def _response(first: str, body: bytes, last: bool) -> Response:
    version, _, rest = first.partition(" ")
    status = rest.partition(" ")[0]
    if not version.startswith("HTTP/1.") or len(status) != 3 or not (status.isascii() and status.isdigit()):
        raise BadMessage("the first line is no answer")
    return Response(int(status), body, last)
