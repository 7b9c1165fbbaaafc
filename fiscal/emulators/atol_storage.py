"""The commands by which a host reaches the drive behind an ATOL register: A4 and a number of the drive's own, E9 for
what the register is registered as.

Refusals of the drive come as bytes of the register (`fiscal.emulators.atol_dispatch.DRIVE_ERRORS`). Source:
reference sheet, section 1.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fiscal.emulators.atol_dispatch import CommandError, handles, reply
from fiscal.emulators.atol_registration import known_fields
from fiscal.emulators.drive_documents import fields_of
from fiscal.ffd.tlv import HEADER, raw
from fiscal.registers.atol.layouts import KINDS

if TYPE_CHECKING:
    from fiscal.emulators.atol import AtolRegister as Register

NO_DATA = 0xDA
MAX_VALUE = (1 << 40) - 1
BLOCK = 1000
RECEIPT_FORMS = frozenset((3, 4, 31, 41))

_shift = reply(0xA410)
_status = reply(0xA430)
_validity = reply(0xA432)
_version = reply(0xA433)
_find = reply(0xA440)
_count = reply(0xA442)
_registration = reply(0xA443)
_open = reply(0xA445)
_moment = KINDS["moment"].write
assert _moment is not None


def moment_bytes(time_s: int) -> bytes:
    assert _moment is not None
    return _moment(time_s)


@handles(0xA410)
def shift(register: Register) -> bytes:
    drive = register.drive
    return _shift(drive.shift_open, drive.shift & 0xFFFF, drive.receipts_in_shift & 0xFFFF)


@handles(0xA430)
def status(register: Register) -> bytes:
    s = register.drive.status(register.now_s)
    return _status(
        s.phase, s.current_document, s.data, s.shift_open, s.flags & 0xFF, s.time_s, s.serial, s.last_document
    )


@handles(0xA431)
def number(register: Register) -> bytes:
    return register.drive.serial.encode("ascii")


@handles(0xA432)
def validity(register: Register) -> bytes:
    date_s, left, done = register.drive.expiry()
    return _validity(moment_bytes(date_s)[:3], min(left, 255), min(done, 255))


@handles(0xA433)
def version(register: Register) -> bytes:
    return _version(register.drive.profile.version[:16], 0)


@handles(0xA440)
def find_document(register: Register, document: int) -> bytes:
    drive = register.drive
    stored = drive.find(document)
    record = moment_bytes(stored.time_s) + document.to_bytes(4, "little") + stored.sign.to_bytes(4, "little")
    if stored.form in RECEIPT_FORMS:
        record += bytes((stored.type,)) + min(stored.total_kop, MAX_VALUE).to_bytes(5, "little")
    elif stored.form in (2, 5):
        record += (stored.shift & 0xFFFF).to_bytes(2, "little")
    elif stored.form in (1, 11) and (known := drive.registration) is not None:
        record += known.inn.ljust(12).encode("ascii") + known.rnm.ljust(20).encode("ascii")
        record += bytes((known.taxation, known.mode & 0xFF)) + (b"\1" if stored.form == 11 else b"")
    return _find(stored.form, drive.is_confirmed(document), record)


@handles(0xA441)
def confirmation(register: Register, document: int) -> bytes:
    known = register.drive.confirmation(document)
    return moment_bytes(known.time_s) + known.sign[:18].ljust(18, b"\0") + document.to_bytes(4, "little")


@handles(0xA442)
def unconfirmed(register: Register) -> bytes:
    return _count(min(register.drive.unsent.count, 0xFFFF))


@handles(0xA443)
def registration(register: Register, which: bytes) -> bytes:
    drive = register.drive
    known = drive.registration
    if known is None or not drive.registrations:
        raise CommandError(NO_DATA)
    stored = drive.find(drive.registrations[0])
    rest = b"\0" + stored.document.to_bytes(4, "little") + stored.sign.to_bytes(4, "little")
    return _registration(stored.time_s, known.inn, known.rnm, known.taxation, known.mode & 0xFF, rest)


@handles(0xA445)
def open_document(register: Register, document: int) -> bytes:
    stored = register.drive.find(document)
    register.reading = stored.tlv[HEADER.size :]
    return _open(stored.form, len(register.reading))


@handles(0xA446)
def next_block(register: Register) -> bytes:
    """One field of the document that was opened."""
    left = register.reading
    if not left:
        raise CommandError(NO_DATA)
    size = HEADER.size + HEADER.unpack_from(left)[1]
    register.reading = left[size:]
    return left[:size]


@handles(0xE9)
def read_attribute(register: Register, tag: int, block: int) -> bytes:
    """A field of the last registration report, the head of the document included; with a new drive in it, of what the
    register remembers."""
    drive = register.drive
    fields = (
        fields_of(drive.find(drive.registrations[-1]).tlv) if drive.registrations else known_fields(register)
    )
    for found, value in fields:
        if found == tag:
            whole = raw(tag, value)
            return bytes((max(1, -(-len(whole) // BLOCK)),)) + whole[block * BLOCK : (block + 1) * BLOCK]
    raise CommandError(NO_DATA)
