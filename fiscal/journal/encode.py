"""Records as bytes: compact JSON, exact in both directions.

A record becomes ``[field, field, ...]`` in the order of its dataclass; a receipt stands in it as its own text
(`fiscal.receipt.to_json`, which its fingerprint is made of, too). The field names are not repeated in every row: `layout` lists
them once, a journal keeps that list beside its records, and `check_layout` says whether this program can read what another version
wrote. The rule of growth: a field may be added at the *end* of a class, with a default; old rows are then read with that default.
Anything else is another format and is refused in words.

The readers are strict. A string where a number belongs, a missing field, a code that does not exist: `EncodingError`, never
a record that is almost right.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Callable
from typing import Any

from fiscal.engine.records import KINDS, Record
from fiscal.receipt import Receipt, UnreadableReceipt, from_json, to_json

FORMAT = 1
"""Version of the encoding itself. Fields at the end with a default do not change it."""


class EncodingError(ValueError):
    """These bytes are not a record of this format."""


Reader = Callable[[Any], Any]
Writer = Callable[[Any], Any]

_seen: dict[str, list[str]] = {}
_required: dict[str, int] = {}
_codecs: dict[Any, tuple[Writer | None, Reader]] = {}


def _plain(kind: type) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise EncodingError(f"{value!r} is not {kind.__name__}")
        return value

    return read


_text = _plain(str)


def _receipt(value: Any) -> Any:
    try:
        return from_json(_text(value))
    except UnreadableReceipt as error:
        raise EncodingError(f"receipt: {error}") from None


def _sequence(arguments: tuple[Any, ...]) -> tuple[None, Reader]:
    endless = len(arguments) == 2 and arguments[1] is Ellipsis
    if not endless and len(set(arguments)) != 1:
        raise TypeError(f"tuple of unlike types has no codec: {arguments}")
    write_one, read_one = _codec(arguments[0])
    if write_one is not None:
        raise TypeError(f"no codec for a tuple of {arguments[0]}")
    length = None if endless else len(arguments)

    def read(value: Any) -> tuple[Any, ...]:
        if type(value) is not list or (length is not None and len(value) != length):
            raise EncodingError(f"{value!r} is not a list of {length or 'any'} values")
        return tuple([read_one(part) for part in value])

    return None, read  # JSON writes tuples of plain values by itself


def _dataclass(kind: type) -> tuple[Writer, Reader]:
    hints = typing.get_type_hints(kind)
    fields = dataclasses.fields(kind)
    names = [field.name for field in fields]
    required = sum(
        field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        for field in fields
    )
    if kind.__name__ in _seen:
        raise TypeError(f"two classes named {kind.__name__}")
    _seen[kind.__name__] = names
    _required[kind.__name__] = required
    codecs = [_codec(hints[name]) for name in names]
    readers = [read for _, read in codecs]
    # Attribute by attribute, written out once as source: this is the hot path of the journal.
    parts = [
        f"v.{name}" if write is None else f"w{index}(v.{name})"
        for index, (name, (write, _)) in enumerate(zip(names, codecs, strict=True))
    ]
    scope = {f"w{index}": write for index, (write, _) in enumerate(codecs) if write is not None}
    write: Writer = eval(f"lambda v: [{', '.join(parts)}]", scope)

    def read(value: Any) -> Any:
        if type(value) is not list or not required <= len(value) <= len(readers):
            raise EncodingError(f"{kind.__name__} has {required} to {len(readers)} fields")
        return kind(*[read(part) for read, part in zip(readers, value, strict=False)])

    return write, read


def _codec(kind: Any) -> tuple[Writer | None, Reader]:
    """(writer, reader) of a type; writer ``None`` means JSON can have the value as it is."""
    if kind in _codecs:
        return _codecs[kind]
    made: tuple[Writer | None, Reader]
    origin = typing.get_origin(kind)
    if kind in (int, str):
        made = (None, _plain(kind))
    elif kind is Receipt:
        made = (to_json, _receipt)
    elif origin is tuple:
        made = _sequence(typing.get_args(kind))
    elif dataclasses.is_dataclass(kind) and isinstance(kind, type):
        made = _dataclass(kind)
    else:
        raise TypeError(f"no codec for {kind!r}")
    _codecs[kind] = made
    return made


_WRITERS: dict[type, Writer] = {}
_READERS: dict[str, Reader] = {}
for _kind, _type in KINDS.items():
    _WRITERS[_type], _READERS[_kind] = typing.cast(tuple[Writer, Reader], _codec(_type))

_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def encode(record: Record) -> bytes:
    """The record's fields as compact JSON, UTF-8. Its ``kind`` is stored beside, not inside."""
    return _dumps(_WRITERS[type(record)](record)).encode("utf-8", "surrogatepass")


def decode(kind: str, data: bytes) -> Record:
    """The record that `encode` wrote. Raises `EncodingError`."""
    reader = _READERS.get(kind)
    if reader is None:
        raise EncodingError(f"unknown kind of record {kind!r}")
    try:
        value = json.loads(data.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise EncodingError(f"not JSON: {error}") from None
    try:
        record: Record = reader(value)
    except EncodingError as error:
        raise EncodingError(f"{kind}: {error}") from None
    return record


def layout() -> dict[str, list[str]]:
    """Field names of every class that occurs in a record, in their order."""
    return {name: list(_seen[name]) for name in sorted(_seen)}


def check_layout(written: dict[str, list[str]]) -> str:
    """Whether rows written with this layout can be read: an empty string, or the reason why not."""
    for name, fields in written.items():
        mine = _seen.get(name)
        if mine is None:
            return f"it holds values of a class {name} that this version does not know"
        if fields != mine[: len(fields)]:
            return f"the fields of {name} are {', '.join(fields)}; this version has {', '.join(mine)}"
        if len(fields) < _required[name]:
            return f"{name} lacks {', '.join(mine[len(fields) : _required[name]])}"
    return ""
