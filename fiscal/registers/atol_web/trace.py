"""What goes over the connection to a web server of tasks, in words: the call, and what became of it."""

from __future__ import annotations

import json
import re
from typing import Any

from fiscal.registers.atol_web.messages import BadMessage, Reader, Request, Response

__all__ = ["SECRET", "Trace"]

SECRET = re.compile(rb'(?:"(?:emailOrPhone|1008)":\s*"|Authorization: Basic )([^"\r]*)')
"""The buyer's address, where tasks and documents say it, and who asks."""
_LONGEST = 200


class Trace:
    """Reads both directions. A piece of a message is told when the rest has come."""

    def __init__(self) -> None:
        self._readers = {">": Reader(), "<": Reader(responses=True)}

    def feed(self, direction: str, data: bytes) -> list[str]:
        """Lines about what is complete now."""
        try:
            return [f"{direction} {_words(message)}" for message in self._readers[direction].feed(data)]
        except BadMessage as bad:
            self._readers[direction] = Reader(responses=direction == "<")
            return [f"{direction} no HTTP: {bad}"]


def _words(message: Request | Response) -> str:
    said = _short(message.body)
    if isinstance(message, Request):
        return f"{message.method} {message.target}" + (f" {said}" if said else "")
    return f"{message.status}" + (f" {said}" if said else "")


def _short(body: bytes) -> str:
    """Of tasks their types, of results their states and numbers, of the rest the beginning."""
    try:
        value: Any = json.loads(body) if body else None
    except ValueError:
        return f"{len(body)} bytes"
    if isinstance(value, dict) and "request" in value:
        asked = value["request"] if isinstance(value["request"], list) else [value["request"]]
        kinds = ", ".join(str(task.get("type")) for task in asked if isinstance(task, dict))
        return f"{kinds} as {value.get('uuid')}"
    if isinstance(value, dict) and isinstance(value.get("results"), list):
        return "; ".join(map(_result, value["results"]))
    text = json.dumps(value, ensure_ascii=False) if value else ""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _result(part: dict[str, Any]) -> str:
    params = (part.get("result") or {}).get("fiscalParams", {})
    document = params.get("fiscalDocumentNumber")
    error = part.get("error", {})
    return str(part.get("status")) + (
        f", document {document}" if document else f", error {error.get('code')}" if error.get("code") else ""
    )
