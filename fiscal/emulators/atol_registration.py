"""How an emulated ATOL register is tied to a drive: the registration report (A6) and the end of a drive's life (A7), both in mode 6.

The host first writes the requisites as attributes (E8), then asks for the report. Tag 1101 says why, in later formats the mask 1205. What
the host does not write stays as the register knows it. The commands and their order are those the vendor's own driver sends for the tasks
``registration``, ``fnChange``, ``changeRegistrationParameters`` and ``closeArchive``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fiscal.emulators.atol_dispatch import CommandError, handles
from fiscal.emulators.drive_profile import Phase
from fiscal.emulators.drive_registration import (
    CHANGES,
    FFD_1_05,
    FFD_1_2,
    Reason,
    Registration,
    read_registration,
    write_registration,
)
from fiscal.ffd.tlv import walk

if TYPE_CHECKING:
    from fiscal.emulators.atol import AtolRegister as Register

EXTENDED = 0xEE
REQUIRED_ATTRIBUTE_MISSING = 0x0206
BAD_DRIVE_STATE = 0xD4
NOT_SUPPORTED = 0x6C


def known_fields(register: Register) -> list[tuple[int, bytes]]:
    """What the register is registered as, in the fields of a report: of its drive, or as it remembers while a new drive has none."""
    known = register.registration
    if known is None:
        return []
    fields = [(tag, value[4:]) for tag, value in write_registration(known, register.drive.profile, 0)]
    return [
        *fields,
        (1018, known.inn.ljust(12).encode("ascii")),
        (1037, known.rnm.ljust(20).encode("ascii")),
        (1209, bytes((known.ffd,))),
    ]


@handles(0xA6)
def registration_report(register: Register) -> bytes:
    """What stands for registration, registration anew and the first report of a new drive."""
    drive = register.drive
    given = dict(walk(b"".join(register.pending_tags)))
    changes = int.from_bytes(given.pop(1205, b""), "little")
    reason = int.from_bytes(given.pop(1101, b""), "little") or _reason(changes)
    registration = _registration(register, given)
    replaces = reason == Reason.DRIVE
    if drive.phase == Phase.READY:
        drive.register(registration, register.now_s, replaces=replaces)
    elif replaces:
        raise CommandError(BAD_DRIVE_STATE)
    else:
        drive.reregister(registration, register.now_s, reason, changes)
    register.pending_tags = []
    register.settings_changed()
    register.print_lines(register.device.report_lines)
    return b""


@handles(0xA7)
def close_drive(register: Register) -> bytes:
    register.drive.close(register.now_s)
    register.pending_tags = []
    register.print_lines(register.device.report_lines)
    return b""


def _registration(register: Register, given: dict[int, bytes]) -> Registration:
    """The requisites that were written over those that are known."""
    fields = dict(known_fields(register)) | given
    if 1018 not in fields or 1037 not in fields or 1062 not in fields:
        raise CommandError(EXTENDED, REQUIRED_ATTRIBUTE_MISSING)
    ffd = int.from_bytes(fields.get(1209, b""), "little")
    if ffd not in (FFD_1_05, FFD_1_2):
        raise CommandError(NOT_SUPPORTED)
    made = read_registration(list(fields.items()))
    return replace(made, register_ffd=0)


def _reason(changes: int) -> int:
    """0 for the first registration of all."""
    return next((int(reason) for reason, bit in CHANGES.items() if changes & bit), 0)
