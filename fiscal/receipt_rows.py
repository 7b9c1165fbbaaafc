"""Rows: how the parts of a receipt lie in the journal's text, as arrays without names.

A row has a name and a type for each place, so that a text which is no receipt is told by the place where it stops being one. What few lines
have - a marking code, an agent - stands behind the fields that all have, and is absent where there is none: receipts without them are
written as they always were.
"""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import Any, Final, NoReturn

from fiscal.agents import Agent
from fiscal.marking import Mark

__all__ = ["Shape", "UnreadableReceipt", "extras", "read_agent", "read_mark", "unreadable"]


class UnreadableReceipt(ValueError):
    """A text that is not a receipt: ``path`` names the place in it."""

    def __init__(self, path: str, why: str) -> None:
        self.path = path
        self.why = why
        super().__init__(f"{path}: {why}" if path else why)


def unreadable(path: str, why: str, value: object) -> NoReturn:
    shown = repr(value)
    raise UnreadableReceipt(path, f"{why}, not {shown if len(shown) <= 60 else shown[:60] + '...'}")


class Shape:
    """An array with a name and a type for each place. True is not a number here."""

    def __init__(self, **kinds: type) -> None:
        self.names = tuple(kinds)
        self.kinds = tuple(kinds.values())

    def read(self, path: str, row: Any) -> list[Any]:
        if type(row) is not list or len(row) != len(self.kinds):
            unreadable(path, f"an array of {len(self.kinds)} expected", row)
        if tuple(map(type, row)) != self.kinds:
            for value, name, kind in zip(row, self.names, self.kinds, strict=True):
                if type(value) is not kind and not (value is None and name == "correction"):
                    unreadable(f"{path}.{name}" if path else name, "another type expected", value)
        return row


_MARK: Final = Shape(code=str, planned=int, numerator=int, denominator=int)
_AGENT: Final = Shape(
    **{field.name: {"int": int, "str": str}.get(str(field.type), list) for field in fields(Agent)}
)


def extras(mark: Mark | None, agent: Agent | None) -> list[Any]:
    """What stands behind the fields of a line."""
    return [
        None if mark is None else list(astuple(mark)),
        None if agent is None else [list(v) if isinstance(v, tuple) else v for v in astuple(agent)],
    ]


def read_mark(path: str, row: Any) -> Mark | None:
    return None if row is None else Mark(*_MARK.read(path, row))


def read_agent(path: str, row: Any) -> Agent | None:
    if row is None:
        return None
    values = []
    for name, value in zip(_AGENT.names, _AGENT.read(path, row), strict=True):
        if isinstance(value, list):
            if any(type(each) is not str for each in value):
                unreadable(f"{path}.{name}", "texts expected", value)
            value = tuple(value)
        values.append(value)
    return Agent(*values)
