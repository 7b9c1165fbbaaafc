"""Errors of a scenario, one clear line each: the file, the field as a person would write it, what is wrong, what to do.

The model library reports positions inside its own machinery; a planner needs ``black_friday.toml: faults[2].for_S: unknown key;
did you mean for_s?``. The translation is a table from the library's error types to sentences.
"""

from __future__ import annotations

import datetime as dt
import difflib
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

Sentence = Callable[[Any, Sequence[int | str], type[BaseModel], Any], str]


class ScenarioError(ValueError):
    """A scenario (or a file it names) cannot be used. ``lines`` holds one sentence for each mistake; `str` joins them."""

    def __init__(self, lines: Iterable[str] | str) -> None:
        self.lines: tuple[str, ...] = tuple(
            _one_line(line) for line in ([lines] if isinstance(lines, str) else lines)
        )
        super().__init__("\n".join(self.lines))

    def __reduce__(self) -> tuple[type[ScenarioError], tuple[tuple[str, ...]]]:
        """Its lines, too, when it comes from another process."""
        return type(self), (self.lines,)


def _one_line(text: str) -> str:
    """Text as it is, but for characters that a terminal would act upon: those are written as escapes."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def near_miss(word: object, known: Iterable[str]) -> str:
    """``; did you mean x?`` when a known word is close, else the known words, else nothing."""
    words = [str(k) for k in known]
    close = difflib.get_close_matches(str(word).lower(), words, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known: {', '.join(words)}" if words else ""


def field_path(location: Sequence[int | str]) -> str:
    """``("faults", 2, "for_s")`` as ``faults[2].for_s``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the file"


def explain(error: ValidationError, model: type[BaseModel], data: Any, source: str) -> ScenarioError:
    """Every mistake of a validation as one line."""
    lines = []
    details = error.errors(include_url=False)
    for detail in details:
        location = _human_location(detail["loc"], data)
        if detail["type"] == "too_short" and detail["input"]:
            continue  # entries there are, but wrong ones: they have lines of their own
        if detail["type"].startswith("union_tag"):
            location.append("kind")
        say: Sentence = _SENTENCES.get(detail["type"], _plain)
        lines.append(f"{source}: {field_path(location)}: {say(detail, location, model, data)}")
    return ScenarioError(lines)


def _human_location(location: Sequence[int | str], data: Any) -> list[int | str]:
    """Leave out what is no key of the file: the library puts the chosen kind of a table into the position."""
    human: list[int | str] = []
    here = data
    for i, part in enumerate(location):
        last = i == len(location) - 1
        if isinstance(here, Mapping):
            if part not in here and not last and part == here.get("kind"):
                continue
            here = here.get(part)
        elif isinstance(here, (list, tuple)) and isinstance(part, int) and part < len(here):
            here = here[part]
        elif isinstance(part, int) and not isinstance(here, (list, tuple)):
            continue  # a single value where a list is allowed
        elif isinstance(part, str) and not isinstance(here, Mapping):
            continue  # a branch of an either-or
        human.append(part)
    return human


def _models_of(annotation: Any, data: Any) -> type[BaseModel] | None:
    """The table model an annotation stands for; of several the one whose ``kind`` the data names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _models_of(args[0], data)
    if origin in (typing.Union, types.UnionType):
        found = [m for m in (_models_of(a, data) for a in args) if m is not None]
        if len(found) > 1 and isinstance(data, Mapping):
            found = [
                m for m in found if data.get("kind") in typing.get_args(m.model_fields["kind"].annotation)
            ]
        return found[0] if found else None
    if origin in (tuple, list):
        return _models_of(args[0], data)
    return None


def _walk(
    location: Sequence[int | str], model: type[BaseModel], data: Any
) -> tuple[type[BaseModel] | None, FieldInfo | None]:
    """The table a position lies in, and the field there, if it is a known one."""
    table: type[BaseModel] | None = model
    field: FieldInfo | None = None
    here = data
    for i, part in enumerate(location):
        if isinstance(part, int):
            here = here[part] if isinstance(here, (list, tuple)) and part < len(here) else None
            if field is not None:
                table = _models_of(field.annotation, here)
            continue
        if table is None:
            return None, None
        field = table.model_fields.get(part)
        here = here.get(part) if isinstance(here, Mapping) else None
        if i < len(location) - 1 and field is not None:
            table = _models_of(field.annotation, here)
    return table, field


_KINDS: dict[type, str] = {
    str: "text",
    bool: "true/false",
    int: "a whole number",
    float: "a number",
    dict: "a table",
    list: "a list",
}


def _got(detail: Any) -> str:
    value = detail.get("input")
    if isinstance(value, (dt.date, dt.time)):
        return f"got {value.isoformat()}"
    kind = _KINDS.get(type(value), "a " + type(value).__name__)
    shown = repr(value) if not isinstance(value, (dict, list)) else ""
    shown = {"True": "true", "False": "false"}.get(shown, shown.replace("'", '"'))
    return f"got {kind} {shown[:60]}".strip()


def _unknown_key(detail: Any, location: Sequence[int | str], model: type[BaseModel], data: Any) -> str:
    table, _ = _walk(location, model, data)
    return "unknown key" + near_miss(location[-1], table.model_fields if table is not None else ())


def _missing(detail: Any, location: Sequence[int | str], model: type[BaseModel], data: Any) -> str:
    _, field = _walk(location, model, data)
    about = f" ({field.description})" if field is not None and field.description else ""
    return f"is missing{about}; add it"


def _wrong_kind(detail: Any, location: Sequence[int | str], model: type[BaseModel], data: Any) -> str:
    known = [k.strip(" '") for k in detail["ctx"]["expected_tags"].split(",")]
    return f'unknown kind "{detail["ctx"]["tag"]}"' + near_miss(detail["ctx"]["tag"], known)


def _no_kind(detail: Any, location: Sequence[int | str], model: type[BaseModel], data: Any) -> str:
    return 'is missing; add kind = "..." to say which kind it is'


def _not_listed(detail: Any, location: Sequence[int | str], model: type[BaseModel], data: Any) -> str:
    expected = detail["ctx"]["expected"].replace("'", "")
    known = [k.strip() for k in expected.replace(" or ", ", ").split(",")]
    hint = (
        near_miss(detail["input"], known)
        if isinstance(detail["input"], str)
        else f"; known: {', '.join(known)}"
    )
    return f"is none of the known values, {_got(detail)}{hint}"


def _must(what: str) -> Sentence:
    return lambda detail, location, model, data: f"must be {what}, {_got(detail)}"


def _bound(words: str, key: str) -> Sentence:
    return lambda detail, location, model, data: f"must be {words} {detail['ctx'][key]:g}, {_got(detail)}"


def _too_short(detail: Any, location: Sequence[int | str], model: type[BaseModel], data: Any) -> str:
    least, actual = detail["ctx"]["min_length"], detail["ctx"]["actual_length"]
    return (
        f"is empty; at least {least} needed"
        if actual == 0
        else f"has {actual} entries; at least {least} needed"
    )


def _too_long(detail: Any, location: Sequence[int | str], model: type[BaseModel], data: Any) -> str:
    return f"has more entries than the {detail['ctx']['max_length']} allowed"


def _own_words(detail: Any, location: Sequence[int | str], model: type[BaseModel], data: Any) -> str:
    return f"{detail['ctx']['error']}, {_got(detail)}"


def _plain(detail: Any, location: Sequence[int | str], model: type[BaseModel], data: Any) -> str:
    message = str(detail["msg"]).splitlines()[0]
    return f"{message[:1].lower()}{message[1:]}, {_got(detail)}"


_NUMBER, _WHOLE, _TEXT = _must("a number"), _must("a whole number"), _must("text in quotes")
_LIST, _TABLE, _DATE = _must("a list"), _must("a table"), _must("a date such as 2026-11-27")
_MOMENT = _must("a local date and time such as 2026-11-27T00:00:00, without a time zone")

_SENTENCES: dict[str, Sentence] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "union_tag_invalid": _wrong_kind,
    "union_tag_not_found": _no_kind,
    "literal_error": _not_listed,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing": _WHOLE,
    "string_type": _TEXT,
    "string_too_short": _must("text that is not empty"),
    "string_too_long": _must("shorter text"),
    "string_pattern_mismatch": lambda detail, location, model, data: (
        f"does not have the form {detail['ctx']['pattern']}, {_got(detail)}"
    ),
    "bool_type": _must("true or false"),
    "tuple_type": _LIST,
    "list_type": _LIST,
    "model_type": _TABLE,
    "model_attributes_type": _TABLE,
    "dict_type": _TABLE,
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "timezone_naive": _MOMENT,
    "greater_than": _bound("greater than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "too_short": _too_short,
    "too_long": _too_long,
    "value_error": _own_words,
}
