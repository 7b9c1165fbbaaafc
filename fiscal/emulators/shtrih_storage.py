"""The commands by which a host reaches the fiscal drive behind a Shtrih-M register, and the register's registration.

They all begin with FF. Refusals of the drive pass through with the drive's own codes. Source: reference sheet, section 2.6.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fiscal.emulators.drive import Phase
from fiscal.emulators.drive_documents import Stored
from fiscal.emulators.drive_registration import Registration
from fiscal.emulators.drive_rules import CurrentDocument
from fiscal.emulators.shtrih_dispatch import CommandError, handles, moment_of, reply
from fiscal.emulators.shtrih_shift import begin_shift, end_shift
from fiscal.ffd.tlv import HEADER, walk
from fiscal.registers.shtrih.layouts import moment_bytes

if TYPE_CHECKING:
    from fiscal.emulators.shtrih import ShtrihRegister as Register

NO_DATA = 0x08
BAD_STATE = 0x02
BAD_VALUE = 0x33
NOTHING_SELECTED = 0x08
BLOCK = 240

_status = reply(0xFF01)
_expiry = reply(0xFF03)
_version = reply(0xFF04)
_document = reply(0xFF06)
_registration = reply(0xFF09)
_find = reply(0xFF0A)
_shift_document = reply(0xFF0B)
_state = reply(0xFF38)
_select = reply(0xFF3A)
_confirmation = reply(0xFF3C)
_shift = reply(0xFF40)
_memory = reply(0xFF63)


def fact(register: Register, table: int, field: int) -> int | str | None:
    """Fields of tables 18 and 20 that are no settings but facts of the drive."""
    drive = register.drive
    registration = register.registration
    if table == 18:
        if field == 4:
            return drive.serial
        if registration is None:
            return None
        facts: dict[int, int | str] = {
            1: registration.register_serial,
            2: registration.inn,
            3: registration.rnm,
            5: registration.taxation,
            6: registration.mode,
            7: registration.user,
            9: registration.address,
            10: registration.ofd_name,
            12: registration.ofd_inn,
            14: registration.place,
            15: registration.sender_email,
        }
        return facts.get(field)
    if table == 20:
        unsent = drive.unsent
        return {1: 2 if unsent.count else 0, 2: 0, 3: unsent.count, 4: unsent.first}.get(field)
    return None


# ---- state ------------------------------------------------------------------------------------------------------------------------


@handles(0xFF01)
def drive_status(register: Register) -> bytes:
    s = register.drive.status(register.now_s)
    return _status(
        s.phase, s.current_document, s.data, s.shift_open, s.flags & 0xFF, s.time_s, s.serial, s.last_document
    )


@handles(0xFF02)
def drive_number(register: Register) -> bytes:
    return register.drive.serial.encode("ascii")


@handles(0xFF03)
def expiry(register: Register) -> bytes:
    date_s, left, done = register.drive.expiry()
    day = moment_bytes(date_s)[:3]
    return _expiry(tuple(day), min(left, 255), min(done, 255))


@handles(0xFF04)
def version(register: Register) -> bytes:
    return _version(register.drive.profile.version[:16], 0)


@handles(0xFF63)
def memory(register: Register) -> bytes:
    left = register.drive.memory
    return _memory(left.documents, left.store_bytes // 1024)


@handles(0xFF40)
def shift_parameters(register: Register) -> bytes:
    drive = register.drive
    return _shift(drive.shift_open, drive.shift & 0xFFFF, drive.receipts_in_shift & 0xFFFF)


@handles(0xFF3F)
def unconfirmed(register: Register) -> bytes:
    return min(register.drive.unsent.count, 0xFFFF).to_bytes(2, "little")


# ---- documents --------------------------------------------------------------------------------------------------------------------


@handles(0xFF0A)
def find_document(register: Register, number: int) -> bytes:
    drive = register.drive
    stored = drive.find(number)
    form = stored.form
    if form in (3, 4, 31, 41):
        tail = bytes((stored.type,)) + min(stored.total_kop, (1 << 40) - 1).to_bytes(5, "little")
    elif form in (2, 5):
        tail = (stored.shift & 0xFFFF).to_bytes(2, "little")
    elif form in (1, 11, 6):
        tail = _registration_tail(stored)
    else:
        tail = drive.unsent.count.to_bytes(4, "little") + moment_bytes(drive.unsent.time_s)[:3]
    return _find(form, drive.is_confirmed(number), stored.time_s, stored.document, stored.sign, tail)


def _registration_tail(stored: Stored) -> bytes:
    fields = dict(walk(stored.tlv[HEADER.size :]))
    tail = fields.get(1018, b"").ljust(12) + fields.get(1037, b"").ljust(20)
    if stored.form == 6:
        return tail
    mode = sum(
        1 << bit
        for bit, tag in ((0, 1056), (1, 1002), (2, 1001), (3, 1109), (4, 1110), (5, 1108))
        if fields.get(tag) == b"\1"
    )
    tail += fields.get(1062, b"\0") + bytes((mode,))
    if stored.form == 11:
        tail += fields.get(1101, b"\0")[:1]
    return tail


@handles(0xFF3A)
def select_document(register: Register, number: int) -> bytes:
    stored = register.drive.find(number)
    register.output = stored.tlv[HEADER.size :]
    return _select(stored.form, len(register.output))


@handles(0xFF3B)
def next_block(register: Register) -> bytes:
    """One field of the selected document; a long one comes in pieces."""
    left = register.output
    if not left:
        register.output = None
        raise CommandError(NOTHING_SELECTED)
    size = min(HEADER.size + HEADER.unpack_from(left)[1], BLOCK) if len(left) >= HEADER.size else len(left)
    register.output = left[size:]
    return left[:size]


@handles(0xFF3C)
def operator_confirmation(register: Register, number: int) -> bytes:
    confirmation = register.drive.confirmation(number)
    return _confirmation(confirmation.time_s, confirmation.sign[:18].ljust(18, b"\0"), number)


@handles(0xFF08)
def cancel_document(register: Register) -> bytes:
    drive = register.drive
    if register.receipt is not None:
        register.counters.cancel(register.receipt)
        register.receipt = None
    register.correction = None
    register.shift_tags = b""
    drive.cancel()
    return b""


# ---- shift reports by way of the drive --------------------------------------------------------------------------------------------


@handles(0xFF41)
def begin_open_shift(register: Register) -> bytes:
    register.drive.begin(CurrentDocument.SHIFT_OPENING)
    return b""


@handles(0xFF42)
def begin_close_shift(register: Register) -> bytes:
    register.drive.begin(CurrentDocument.SHIFT_CLOSING)
    return b""


@handles(0xFF0B)
def open_shift(register: Register) -> bytes:
    stored = begin_shift(register)
    register.print_lines(register.device.report_lines // 2)
    return _shift_document(stored.shift & 0xFFFF, stored.document, stored.sign, *moment_of(register, stored))


@handles(0xFF43)
def close_shift(register: Register) -> bytes:
    stored = end_shift(register)
    return _shift_document(stored.shift & 0xFFFF, stored.document, stored.sign, *moment_of(register, stored))


@handles(0xFF37)
def begin_state_report(register: Register) -> bytes:
    register.drive.begin(CurrentDocument.STATE_REPORT)
    return b""


@handles(0xFF38)
def state_report(register: Register) -> bytes:
    drive = register.drive
    unsent = drive.unsent
    stored = drive.state_report(register.now_s)
    register.print_lines(register.device.report_lines)
    first = tuple(moment_bytes(unsent.time_s)[:3])
    return _state(stored.document, stored.sign, unsent.count, first, *moment_of(register, stored))


# ---- registration -----------------------------------------------------------------------------------------------------------------


@handles(0xFF05)
def begin_registration(register: Register, kind: int) -> bytes:
    kinds = {
        0: CurrentDocument.REGISTRATION,
        1: CurrentDocument.DRIVE_REPLACEMENT,
        2: CurrentDocument.REREGISTRATION,
    }
    if kind not in kinds:
        raise CommandError(BAD_VALUE)
    register.drive.begin(kinds[kind])
    return b""


@handles(0xFF06)
def registration_report(register: Register, inn: str, rnm: str, taxation: int, mode: int) -> bytes:
    drive = register.drive
    if drive.phase != Phase.READY:
        raise CommandError(BAD_STATE)
    tables = register.tables
    before = register.registration  # what the host does not send stays as it was with the drive before
    given = Registration(
        inn=inn,
        rnm=rnm,
        taxation=taxation,
        mode=mode,
        user=tables.text(18, 1, 7),
        address=tables.text(18, 1, 9),
        place=tables.text(18, 1, 14),
        ofd_inn=tables.text(18, 1, 12),
        ofd_name=tables.text(18, 1, 10),
        ffd=tables.number((17, 1, 17)),
        register_serial=tables.text(18, 1, 1),
        usage=before.usage if before is not None else 0,
        agents=tables.number((18, 1, 16)),
    )
    replaces = drive.current_document == CurrentDocument.DRIVE_REPLACEMENT
    return _registered(register, drive.register(given, register.now_s, replaces=replaces))


@handles(0xFF34)
def reregistration_report(
    register: Register, inn: str, rnm: str, taxation: int, mode: int, reason: int
) -> bytes:
    drive = register.drive
    before = drive.registration
    if before is None or drive.phase != Phase.FISCAL:
        raise CommandError(BAD_STATE)
    if not 2 <= reason <= 4:
        raise CommandError(BAD_VALUE)
    given = replace(
        before,
        inn=inn,
        rnm=rnm,
        taxation=taxation,
        mode=mode,
        ffd=register.tables.number((17, 1, 17)),
        agents=register.tables.number((18, 1, 16)),
    )
    return _registered(register, drive.reregister(given, register.now_s, reason))


def _registered(register: Register, stored: Stored) -> bytes:
    register.settings_changed()
    register.print_lines(register.device.report_lines)
    return _document(stored.document, stored.sign, *moment_of(register, stored))


@handles(0xFF09)
def registration_totals(register: Register) -> bytes:
    drive = register.drive
    registration = drive.registration
    if registration is None:
        raise CommandError(NO_DATA)
    stored = drive.find(drive.registrations[-1])
    return _registration(
        stored.time_s,
        registration.inn,
        registration.rnm,
        registration.taxation,
        registration.mode,
        stored.document,
        stored.sign,
    )


@handles(0xFF0E, 0xFF60)
def registration_tag(register: Register, number: int, tag: int) -> bytes:
    drive = register.drive
    registrations = drive.registrations
    if not registrations:
        raise CommandError(NO_DATA)
    stored = drive.find(registrations[min(number, len(registrations)) - 1])
    if tag == 0xFFFF:
        register.output = stored.tlv[HEADER.size :]
        return b""
    for found, value in walk(stored.tlv[HEADER.size :]):
        if found == tag:
            return HEADER.pack(found, len(value)) + value
    raise CommandError(NO_DATA)


@handles(0xFF3D)
def begin_closing(register: Register) -> bytes:
    register.drive.begin(CurrentDocument.DRIVE_CLOSING)
    return b""


@handles(0xFF3E)
def close_drive(register: Register) -> bytes:
    return _registered(register, register.drive.close(register.now_s))


@handles(0xFF07)
def reset_drive(register: Register, code: int) -> bytes:
    # Erasing a drive destroys documents; the emulated drive is a serial one and does not offer it.
    raise CommandError(BAD_STATE)


@handles(0xFF64)
def tags_from_buffer(register: Register) -> bytes:
    raise CommandError(NO_DATA)
