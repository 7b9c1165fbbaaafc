"""A fiscal document as a value, and its bytes.

A `Document` is a form code and fields in order; a field is (tag, value), and the value of a structure is fields again. Values
are what a reader wants to see: text without padding, numbers, quantities, bytes. The tag table decides the type, so ``encode``
can refuse what the format does not allow and ``decode`` needs no hints. Unknown tags are kept as bytes: nothing of a document
is lost on the way through.

``decode`` is total: for any bytes it returns a document or raises `FfdError`. Depth and size are bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from fiscal.ffd.tags import TAGS, Tag
from fiscal.ffd.tlv import (
    HEADER,
    MAX_VLN,
    FfdError,
    decode_text,
    encode_text,
    fvln_bytes,
    fvln_value,
)

MAX_DEPTH = 8
"""Structures within structures; the format itself needs four (1157 / 1133 / 1145 / 1135)."""

MAX_BODY = 0xFFFF
"""The length field of a document is two bytes. (What a drive stores is less: see `fiscal.ffd.documents.DOCUMENT_LIMITS`.)"""


@dataclass(frozen=True, slots=True, order=True)
class Quantity:
    """A fractional number (FVLN) in millionths, so that it is not mistaken for a whole one."""

    e6: int

    def __str__(self) -> str:
        whole, rest = divmod(self.e6, 1_000_000)
        return f"{whole}.{rest:06}".rstrip("0").rstrip(".") if rest else str(whole)


Value: TypeAlias = "int | str | bytes | Quantity | tuple[tuple[int, Value], ...]"
"""What a field holds; the tag's type says which."""

Fields: TypeAlias = tuple[tuple[int, Value], ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A fiscal document: ``form`` code (`fiscal.ffd.tags.FORMS`) and its fields in the order of the bytes."""

    form: int
    fields: Fields

    def get(self, tag: int) -> Value | None:
        """The first value of a tag at the top level, or ``None``."""
        for number, value in self.fields:
            if number == tag:
                return value
        return None

    def all(self, tag: int) -> list[Value]:
        """All values of a tag at the top level, in order."""
        return [value for number, value in self.fields if number == tag]

    def _repr_html_(self) -> str:
        from fiscal.ffd.view import html  # the view is for readers; a register has no use for it

        return html(self)


# --- writing -----------------------------------------------------------------------------------------------------------------------


def _number(tag: Tag, value: Value) -> int:
    if not isinstance(value, int):
        raise FfdError(tag.number, f"{tag.name} is a number, not {type(value).__name__}")
    return value


def _write_fixed_number(tag: Tag, value: Value, _depth: int) -> bytes:
    n = _number(tag, value)
    try:
        return n.to_bytes(tag.max_length, "little")
    except OverflowError:
        raise FfdError(tag.number, f"{tag.name} does not fit into {tag.max_length} bytes") from None


def _write_vln(tag: Tag, value: Value, _depth: int) -> bytes:
    n = _number(tag, value)
    size = (n.bit_length() + 7) >> 3 or 1
    if n < 0 or size > tag.max_length:
        raise FfdError(tag.number, f"{tag.name} is a number of 0 to {tag.max_length} bytes")
    return n.to_bytes(size, "little")


def _write_fvln(tag: Tag, value: Value, _depth: int) -> bytes:
    if not isinstance(value, Quantity):
        raise FfdError(tag.number, f"{tag.name} is a Quantity, not {type(value).__name__}")
    try:
        data = fvln_bytes(value.e6)
    except FfdError as error:
        raise FfdError(tag.number, error.reason) from None
    return _fitting(tag, data)


def _write_text(tag: Tag, value: Value, _depth: int) -> bytes:
    if not isinstance(value, str):
        raise FfdError(tag.number, f"{tag.name} is text, not {type(value).__name__}")
    data = encode_text(value)
    if tag.fixed:
        data = data.ljust(tag.max_length)
    return _fitting(tag, data)


def _write_bytes(tag: Tag, value: Value, _depth: int) -> bytes:
    if not isinstance(value, bytes):
        raise FfdError(tag.number, f"{tag.name} is bytes, not {type(value).__name__}")
    if tag.fixed and len(value) != tag.max_length:
        raise FfdError(tag.number, f"{tag.name} has {tag.max_length} bytes, not {len(value)}")
    return _fitting(tag, value)


def _write_structure(tag: Tag, value: Value, depth: int) -> bytes:
    if not isinstance(value, tuple):
        raise FfdError(tag.number, f"{tag.name} is a structure, not {type(value).__name__}")
    try:
        data = _write_fields(value, depth + 1)
    except FfdError as error:
        raise FfdError((tag.number, *error.path), error.reason) from None
    return _fitting(tag, data)


def _fitting(tag: Tag, data: bytes) -> bytes:
    if len(data) > tag.max_length:
        raise FfdError(tag.number, f"{tag.name} has {tag.max_length} bytes at most, not {len(data)}")
    return data


_WRITE: dict[str, Callable[[Tag, Value, int], bytes]] = {
    "byte": _write_fixed_number,
    "bitmask8": _write_fixed_number,
    "bitmask32": _write_fixed_number,
    "uint16": _write_fixed_number,
    "uint32": _write_fixed_number,
    "unixtime": _write_fixed_number,
    "vln": _write_vln,
    "fvln": _write_fvln,
    "string": _write_text,
    "bytes": _write_bytes,
    "stlv": _write_structure,
}
_WRITERS = {number: (tag, _WRITE[tag.type]) for number, tag in TAGS.items()}


def _write_fields(fields: Fields, depth: int) -> bytes:
    if depth > MAX_DEPTH:
        raise FfdError((), f"more than {MAX_DEPTH} structures within each other")
    parts = []
    for number, value in fields:
        known = _WRITERS.get(number)
        if known is not None:
            data = known[1](known[0], value, depth)
        elif isinstance(value, bytes) and 0 <= number <= 0xFFFF and len(value) <= MAX_BODY:
            data = value
        else:
            raise FfdError(number, "unknown tag: only bytes can be its value")
        parts.append(HEADER.pack(number, len(data)))
        parts.append(data)
    return b"".join(parts)


def encode(document: Document) -> bytes:
    """The bytes of a document: form code, length, fields. Raises `FfdError` for a value of the wrong type or length, with the path of
    tags to it."""
    body = _write_fields(document.fields, 0)
    if len(body) > MAX_BODY:
        raise FfdError((), f"a document of {len(body)} bytes; the format has room for {MAX_BODY}")
    if not 0 <= document.form <= 0xFFFF:
        raise FfdError((), f"form code {document.form} does not fit into two bytes")
    return HEADER.pack(document.form, len(body)) + body


def encode_fields(fields: Fields) -> bytes:
    """The bytes of fields alone, checked like a document's."""
    return _write_fields(fields, 0)


# --- reading -----------------------------------------------------------------------------------------------------------------------


def _read_fixed_number(tag: Tag, data: bytes, _depth: int) -> Value:
    if len(data) != tag.max_length:
        raise FfdError(tag.number, f"{tag.name} has {tag.max_length} bytes, not {len(data)}")
    return int.from_bytes(data, "little")


def _read_vln(tag: Tag, data: bytes, _depth: int) -> Value:
    # some writers pad with zeros to a fixed width beyond the table's: the value counts, within what a VLN can be
    if not 1 <= len(data) <= MAX_VLN:
        raise FfdError(tag.number, f"{tag.name} has 1 to {MAX_VLN} bytes, not {len(data)}")
    return int.from_bytes(data, "little")


def _read_fvln(tag: Tag, data: bytes, _depth: int) -> Value:
    try:
        return Quantity(fvln_value(data))
    except FfdError as error:
        raise FfdError(tag.number, f"{tag.name}: {error.reason}") from None


def _read_text(tag: Tag, data: bytes, _depth: int) -> Value:
    text = decode_text(data)
    return text.rstrip(" ") if tag.fixed else text


def _read_bytes(_tag: Tag, data: bytes, _depth: int) -> Value:
    return data


def _read_structure(tag: Tag, data: bytes, depth: int) -> Value:
    try:
        return _read_fields(data, 0, len(data), depth + 1)
    except FfdError as error:
        raise FfdError((tag.number, *error.path), error.reason) from None


_READ: dict[str, Callable[[Tag, bytes, int], Value]] = {
    "byte": _read_fixed_number,
    "bitmask8": _read_fixed_number,
    "bitmask32": _read_fixed_number,
    "uint16": _read_fixed_number,
    "uint32": _read_fixed_number,
    "unixtime": _read_fixed_number,
    "vln": _read_vln,
    "fvln": _read_fvln,
    "string": _read_text,
    "bytes": _read_bytes,
    "stlv": _read_structure,
}
_READERS = {number: (tag, _READ[tag.type]) for number, tag in TAGS.items()}


def _read_fields(data: bytes, at: int, end: int, depth: int) -> Fields:
    if depth > MAX_DEPTH:
        raise FfdError((), f"more than {MAX_DEPTH} structures within each other")
    fields: list[tuple[int, Value]] = []
    unpack = HEADER.unpack_from
    while at < end:
        if end - at < 4:
            raise FfdError((), f"{end - at} bytes left where a field begins")
        number, size = unpack(data, at)
        at += 4
        if size > end - at:
            raise FfdError(number, f"length {size}, but {end - at} bytes are left")
        value = data[at : at + size]
        at += size
        known = _READERS.get(number)
        fields.append((number, known[1](known[0], value, depth) if known is not None else value))
    return tuple(fields)


def decode(data: bytes) -> Document:
    """The document behind bytes. Raises `FfdError` when the bytes are not one whole document: a length that does not fit, a number of
    the wrong width, structures without end. Text that is too long passes (the validator names it)."""
    if len(data) < 4:
        raise FfdError((), f"a document has 4 bytes or more, not {len(data)}")
    form, size = HEADER.unpack_from(data)
    if size != len(data) - 4:
        raise FfdError((), f"a body of {size} bytes is announced, {len(data) - 4} are there")
    return Document(form, _read_fields(bytes(data), 4, len(data), 0))


def decode_fields(data: bytes) -> Fields:
    """The fields behind bytes without a document around them, such as the value of an item. Raises `FfdError`."""
    return _read_fields(bytes(data), 0, len(data), 0)
