"""How a fiscal drive writes a document, and reads it back.

A fiscal document is one TLV: its tag is the form of the document, its value a row of TLVs. The drive itself
writes the head, in the order seen in genuine documents: drive number 1041, registration number 1037, tax
number 1018, document number 1040, date-time 1012, fiscal sign 1077, and where they apply shift 1038, receipt
number 1042, settlement type 1054, total 1020. Everything after that is the body, which the register
contributes (reference sheet ``ffd_ofd.md`` section 2).

A document tells everything the drive has to remember of it, so a host that keeps the bytes alone can bring a
drive back: see `read_stored`, `read_sums` and `read_registration`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from fiscal.emulators.drive_profile import DriveError, Refusal
from fiscal.emulators.drive_registration import HEAD_TAGS
from fiscal.ffd.tlv import HEADER, FfdError, walk

RECEIPT_FORMS = frozenset((3, 4, 31, 41))
CORRECTION_FORMS = frozenset((31, 41))

NUMBERS = struct.Struct("<HHIHHI")
"""Tags 1040 and 1012 with their values."""

RECEIPT_NUMBERS = struct.Struct("<HHIHHIHHBHH")
"""Tags 1038, 1042, 1054 with their values, and tag and length of 1020."""

SIGN_BYTES = 10
"""Length of the whole field 1077."""


class Stored(NamedTuple):
    """A document in the drive. ``shift`` is the shift at that moment (0: none yet); ``receipt_number`` is tag
    1042, ``type`` tag 1054, ``total_kop`` tag 1020, all 0 where the form has none; ``sign`` the emulated
    fiscal sign as printed; ``tlv`` the whole document."""

    document: int
    form: int
    time_s: int
    sign: int
    tlv: bytes
    shift: int
    receipt_number: int
    type: int
    total_kop: int


class Sums(NamedTuple):
    """What a receipt adds to the counters of the drive, in kopecks.

    The five payments make up the total. ``vat`` holds pairs (code of tag 1199, sum), ascending and without
    zeros: the amount of tax, for codes 5 and 6 (0 % and none) the amount of settlement. They must say the
    same as tags 1031, 1081, 1215 - 1217, 1102 - 1107 and 1115 of the body.
    """

    cash_kop: int = 0
    cashless_kop: int = 0
    prepaid_kop: int = 0
    credit_kop: int = 0
    provision_kop: int = 0
    vat: tuple[tuple[int, int], ...] = ()


class Confirmation(NamedTuple):
    """The operator's confirmation of a document: when the drive took it, and the operator's fiscal sign as it
    came (may be empty)."""

    document: int
    time_s: int
    sign: bytes


_PAYMENT_TAGS = {1031: 0, 1081: 1, 1215: 2, 1216: 3, 1217: 4}
_VAT_TAGS = {1102: 1, 1103: 2, 1106: 3, 1107: 4, 1104: 5, 1105: 6}
_EXCISE_SUBJECTS = frozenset((2, 30, 31))


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")


def fields_of(tlv: bytes) -> list[tuple[int, bytes]]:
    """The top-level fields of a document. Raises `FfdError` when the bytes are not one whole document."""
    if len(tlv) < HEADER.size:
        raise FfdError((), "too short for a document")
    form, length = HEADER.unpack_from(tlv)
    if length != len(tlv) - HEADER.size:
        raise FfdError(form, f"length {length}, but {len(tlv) - HEADER.size} bytes follow")
    return walk(tlv[HEADER.size :])


def read_stored(tlv: bytes) -> Stored:
    """What the bytes of a document say of themselves. Raises `FfdError` when they are malformed or lack a
    head."""
    form = HEADER.unpack_from(tlv)[0] if len(tlv) >= HEADER.size else 0
    fields = dict(reversed(fields_of(tlv)))  # the head comes first: let it win
    for tag in (1040, 1012, 1077):
        if tag not in fields:
            raise FfdError((form, tag), "missing")
    return Stored(
        _number(fields[1040]),
        form,
        _number(fields[1012]),
        int.from_bytes(fields[1077][2:], "big"),
        tlv,
        _number(fields.get(1038, b"")),
        _number(fields.get(1042, b"")),
        _number(fields.get(1054, b"")),
        _number(fields.get(1020, b"")),
    )


def read_sums(fields: Iterable[tuple[int, bytes]]) -> Sums:
    """The sums that the fields of a receipt (or of its body) declare."""
    payments = [0, 0, 0, 0, 0]
    vat: dict[int, int] = {}
    for tag, value in fields:
        if tag in _PAYMENT_TAGS:
            payments[_PAYMENT_TAGS[tag]] = _number(value)
        elif tag in _VAT_TAGS:
            vat[_VAT_TAGS[tag]] = _number(value)
        elif tag == 1115:
            for inner, entry in walk(value):
                if inner == 1119:
                    rate = dict(walk(entry))
                    vat[_number(rate.get(1199, b""))] = _number(rate.get(1120, b""))
    pairs = tuple((code, kop) for code, kop in sorted(vat.items()) if kop)
    return Sums(payments[0], payments[1], payments[2], payments[3], payments[4], pairs)


def check_extra(extra: bytes) -> frozenset[int]:
    """The tags of the fields a register adds to a report. Raises `DriveError` 18h when they are malformed or
    forge the head."""
    try:
        tags = frozenset(tag for tag, _ in walk(extra))
    except FfdError:
        raise DriveError(Refusal.BAD_REQUISITE) from None
    if tags & HEAD_TAGS:
        raise DriveError(Refusal.BAD_REQUISITE)
    return tags


def check_body(body: bytes, sums: Sums, excise_allowed: bool) -> None:
    """Compare the body of a receipt with what the register declared. Raises `DriveError` 18h or 19h."""
    try:
        fields = walk(body)
        declared = read_sums(fields)
        subjects = {_number(dict(walk(value)).get(1212, b"")) for tag, value in fields if tag == 1059}
    except FfdError:
        raise DriveError(Refusal.BAD_REQUISITE) from None
    if declared != sums or any(tag in HEAD_TAGS for tag, _ in fields):
        raise DriveError(Refusal.BAD_REQUISITE)
    if not excise_allowed and subjects & _EXCISE_SUBJECTS:
        raise DriveError(Refusal.EXCISE_MISMATCH)
