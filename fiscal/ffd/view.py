"""A fiscal document for human eyes: a tree of names and values, as text and as a table for notebooks.

Sums are shown in roubles, codes and masks with their meaning, times as the wall clock they stand for.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from html import escape

from fiscal.ffd.codec import Document, Fields, Quantity, Value
from fiscal.ffd.tags import FORMS, TAGS, meaning

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock without zone is what the format holds

_NOT_MONEY = frozenset((1096, 1121, 1123, 1293, 1294))  # numbers of the same type as sums


def shown(tag: int, value: Value) -> str:
    """One value in words: ``2024-09-17 18:01:00``, ``1285.21``, ``4 (full payment at delivery)``, ``21 04 1c 6b 81 a4 (0476807588)``."""
    if isinstance(value, str):
        return value
    if isinstance(value, Quantity):
        return str(value)
    if isinstance(value, bytes):
        text = value.hex(" ")
        return f"{text} ({int.from_bytes(value[2:], 'big'):010})" if tag == 1077 and len(value) == 6 else text
    if isinstance(value, int):
        kind = TAGS[tag].type if tag in TAGS else ""
        if kind == "unixtime":
            return str(_EPOCH + timedelta(seconds=value))
        if kind == "vln" and tag not in _NOT_MONEY:
            return f"{value // 100}.{value % 100:02}"
        words = meaning(tag, value)
        return f"{value} ({words})" if words else str(value)
    return f"{len(value)} fields"


def _lines(fields: Fields, depth: int) -> Iterator[tuple[int, int, str, str]]:
    for tag, value in fields:
        name = TAGS[tag].name if tag in TAGS else "unknown tag"
        if isinstance(value, tuple):
            yield depth, tag, name, ""
            yield from _lines(value, depth + 1)
        else:
            yield depth, tag, name, shown(tag, value)


def _title(document: Document) -> str:
    return f"{FORMS.get(document.form, 'unknown form')} (form {document.form})"


def pretty(document: Document) -> str:
    """The document as an indented tree, one field a line: number, name, value."""
    lines = [_title(document)]
    for depth, tag, name, value in _lines(document.fields, 1):
        lines.append(f"{'  ' * depth}{tag} {name}" + (f": {value}" if value else ""))
    return "\n".join(lines)


def html(document: Document) -> str:
    """The document as an HTML table; all text escaped."""
    rows = [
        f'<tr><td style="text-align:right">{tag}</td>'
        f'<td style="text-align:left;padding-left:{0.5 + 1.5 * (depth - 1)}em" title="{escape(_russian(tag))}">{escape(name)}</td>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for depth, tag, name, value in _lines(document.fields, 1)
    ]
    return (
        f"<table><caption>{escape(_title(document))}</caption>"
        "<thead><tr><th>tag</th><th>name</th><th>value</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _russian(tag: int) -> str:
    return TAGS[tag].name_ru if tag in TAGS else ""
