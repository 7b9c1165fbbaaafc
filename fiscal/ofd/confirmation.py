"""The operator's confirmation: document form 7, which answers every document and goes back into the drive.

It names the operator (1017), the drive (1041) and the document (1040), says when it was received (1012) and with what result (1022
within 1068), and carries the operator's fiscal sign (1078). In the container a second sign follows, by which the drive knows that the
confirmation is genuine. Source: reference sheet ``ffd_ofd.md`` section 1.4.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

from fiscal.ffd.tlv import HEADER, FfdError, text, walk
from fiscal.ofd.errors import OfdError

FORM = 7
LIMIT = 512
"""The longest confirmation in bytes."""

MAX_SIGN = 18
"""Sources give 16 and 18 bytes for tag 1078."""


class Answer(IntEnum):
    """Tag 1022: what the operator says of a document."""

    ACCEPTED = 0
    NOT_RECOGNISED = 11
    CONTROL_FAILED = 14


DELIVERED = frozenset((Answer.ACCEPTED, Answer.CONTROL_FAILED))
"""After these answers the operator has the document. That a document which failed the format-logic control counts as delivered is
practice; that one which was not recognised does not, is assumed."""


class Confirmation(NamedTuple):
    """A confirmation. ``operator``: his tax number; ``time_s``: when he received the document, local time as tag 1012 counts; ``code``:
    `Answer` or another number, 0 when the message has none; ``sign``: tag 1078."""

    operator: str
    drive: str
    document: int
    time_s: int
    code: int
    sign: bytes


_FIXED = struct.Struct("<HH16sHHIHHIHHHHBHH")
"""After the operator's number: 1041, 1040, 1012, 1068 with 1022 in it, tag and length of 1078."""

_WHOLE = struct.Struct("<HHHH12sHH16sHHIHHIHHHHBHH")
_unpack_whole = _WHOLE.unpack_from
_USUAL = (1017, 12, 1041, 16, 1040, 4, 1012, 4, 1068, 5, 1022, 1, 1078)
"""The usual order of a confirmation, with its tags and lengths."""


def operator_field(inn: str) -> bytes:
    """Tag 1017. Raises `OfdError`."""
    try:
        return text(1017, inn, 12)
    except FfdError as error:
        raise OfdError("confirmation", error.reason) from None


def write_confirmation(confirmation: Confirmation) -> bytes:
    """The document. Raises `OfdError` for values that do not fit."""
    c = confirmation
    return assemble(operator_field(c.operator), c.drive.encode("ascii", "replace"), c)


def assemble(operator: bytes, drive: bytes, confirmation: Confirmation) -> bytes:
    """As `write_confirmation`, with the two fields that are the same for all made before."""
    _, _, document, time_s, code, sign = confirmation
    if len(drive) != 16:
        raise OfdError("confirmation", "the number of a drive has 16 digits")
    if len(sign) > MAX_SIGN:
        raise OfdError("confirmation", f"a sign of {len(sign)} bytes")
    try:
        rest = _FIXED.pack(
            1041, 16, drive, 1040, 4, document, 1012, 4, time_s, 1068, 5, 1022, 1, code, 1078, len(sign)
        )
    except struct.error:
        raise OfdError("confirmation", "a value does not fit into its field") from None
    return HEADER.pack(FORM, len(operator) + len(rest) + len(sign)) + operator + rest + sign


def read_confirmation(tlv: bytes) -> Confirmation:
    """The confirmation that these bytes are. Raises `OfdError` for another form, a length that does not fit, fields that are missing or
    have a wrong length. Fields it does not know are passed over: operators add some."""
    if len(tlv) < HEADER.size:
        raise OfdError("confirmation", f"{len(tlv)} bytes are no document")
    form, size = HEADER.unpack_from(tlv)
    if form != FORM or size != len(tlv) - HEADER.size or len(tlv) > LIMIT:
        raise OfdError("confirmation", f"form {form} with {size} bytes")
    if len(tlv) >= _WHOLE.size:
        # the usual order is read at once, any other the long way
        f = _unpack_whole(tlv)
        head = (f[2], f[3], f[5], f[6], f[8], f[9], f[11], f[12], *f[14:18], f[19])
        if head == _USUAL and f[20] == len(tlv) - _WHOLE.size and f[20] <= MAX_SIGN:
            return Confirmation(_digits(f[4]), _digits(f[7]), f[10], f[13], f[18], tlv[_WHOLE.size :])
    return _read_fields(tlv)


def _read_fields(tlv: bytes) -> Confirmation:
    try:
        fields = dict(walk(tlv[HEADER.size :]))
        inner = dict(walk(fields.get(1068, b"")))
    except FfdError as error:
        raise OfdError("confirmation", error.reason) from None
    code = inner.get(1022)
    if code is not None and len(code) != 1:
        raise OfdError("confirmation", "field 1022 has a wrong length")
    sign = fields.get(1078, b"")
    if len(sign) > MAX_SIGN:
        raise OfdError("confirmation", f"a sign of {len(sign)} bytes")
    return Confirmation(
        _digits(_field(fields, 1017, 12)),
        _digits(_field(fields, 1041, 16)),
        int.from_bytes(_field(fields, 1040, 4), "little"),
        int.from_bytes(_field(fields, 1012, 4), "little"),
        code[0] if code else 0,
        sign,
    )


def _digits(data: bytes) -> str:
    digits = data.rstrip(b" ")
    if not digits.isdigit():
        raise OfdError("confirmation", "a number is not made of digits")
    return digits.decode("ascii")


def _field(fields: dict[int, bytes], tag: int, size: int) -> bytes:
    value = fields.get(tag)
    if value is None or len(value) != size:
        raise OfdError("confirmation", f"field {tag} is missing or has a wrong length")
    return value


__all__ = [
    "DELIVERED",
    "FORM",
    "Answer",
    "Confirmation",
    "operator_field",
    "read_confirmation",
    "write_confirmation",
]
