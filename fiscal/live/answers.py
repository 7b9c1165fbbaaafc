"""What the HTTP interface answers with: JSON, or one sentence that says why not."""

from __future__ import annotations

import json
from typing import Any

from fastapi.responses import Response

from fiscal.receipt import Problem

_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def answer(status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(_dump(content).encode("utf-8", "replace"), status, headers, media_type="application/json")


def refusal(status: int, error: str, problems: list[Problem] | None = None) -> Response:
    """An error: one sentence, and where fields are wrong, which and why."""
    content: dict[str, Any] = {"error": error}
    if problems:
        content["problems"] = [{"field": p.field, "why": p.why, "todo": p.todo} for p in problems]
    return answer(status, content)
