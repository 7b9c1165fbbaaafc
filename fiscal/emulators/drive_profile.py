"""What limits a fiscal drive (FN), and how it refuses.

A drive is a sealed recorder with a clock of obligations: its keys live so many days, a shift so many hours, a
document may wait for the operator so long, and so much fits in. The law and the vendors move these figures
from time to time (and public sources disagree on some), so every one of them is a parameter of a
`DriveProfile`. When a limit or an order of commands is broken the drive answers with a one-byte code and does
nothing: `DriveError`.

Sources: reference sheet ``ffd_ofd.md`` section 6 and ``fn_errors.csv``. Figures marked *assumed* have no
public source.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag

MINUTE_S = 60
HOUR_S = 3600
DAY_S = 86_400


class Refusal(IntEnum):
    """Answer codes of a drive that this emulator gives."""

    UNKNOWN_COMMAND = 0x01
    WRONG_STATE = 0x02
    LIFE_OVER = 0x05
    ARCHIVE_FULL = 0x06
    WRONG_TIME = 0x07
    NO_DATA = 0x08
    BAD_PARAMETER = 0x09
    TOO_LARGE = 0x10
    KEYS_EXHAUSTED = 0x12
    STORE_FULL = 0x14
    OPERATOR_OVERDUE = 0x15
    SHIFT_TOO_LONG = 0x16
    TIME_STEP = 0x17
    BAD_REQUISITE = 0x18
    EXCISE_MISMATCH = 0x19
    BAD_CONFIRMATION = 0x20
    MARKING_FORBIDDEN = 0xA0
    MARKING_ORDER = 0xA1
    MARKING_BLOCKED = 0xA2
    MARKING_TABLE_FULL = 0xA3
    REQUISITE_MISSING = 0xAA


MEANINGS: dict[int, str] = {
    0x01: "unknown command, packet format or parameters",
    0x02: "the state of the drive does not allow this command",
    0x03: "failure of the drive",
    0x04: "failure of the cryptographic processor",
    0x05: "the service life of the drive is over",
    0x06: "the archive of the drive is full",
    0x07: "date or time is wrong, for example earlier than the last document",
    0x08: "no such data",
    0x09: "a parameter has a wrong value",
    0x0A: "invalid command",
    0x0B: "this requisite is not allowed here",
    0x0C: "data given twice",
    0x0D: "data needed for the accounts of the drive are missing",
    0x0E: "too many positions",
    0x0F: "the command carries no data",
    0x10: "the document is too large",
    0x11: "no transport connection to the operator",
    0x12: "the resource of the cryptographic processor is used up, the fiscal mode must be closed",
    0x14: "the store of documents that wait for the operator is full",
    0x15: "a document has waited too long for the operator",
    0x16: "the shift has lasted too long, it must be closed",
    0x17: "too much time between two operations of one document",
    0x18: "a requisite given by the register does not meet the requirements",
    0x19: "the excise sign of an item does not agree with the registration",
    0x20: "the operator's confirmation cannot be accepted",
    0x23: "the marking key service answered no",
    0x24: "the marking key service gave an unknown answer",
    0x30: "the marking key update has to be repeated",
    0xA0: "marked goods are forbidden",
    0xA1: "wrong order of marking commands",
    0xA2: "marked goods are blocked for a time",
    0xA3: "the table of marking checks is full",
    0xAA: "a block of requisites lacks an obligatory one",
    0xAC: "a marking code was never checked in this drive",
}
"""Every answer code of ``fn_errors.csv``, those that this emulator never gives included."""


class DriveError(Exception):
    """The drive refused, and nothing happened.

    ``code`` is the answer code (0x01 ... 0xFF), ``detail`` the second byte that some answers carry: for 0x20
    it tells what is wrong with the confirmation (1 sign, 2 format, 3 document number, 4 drive number).
    """

    def __init__(self, code: int, detail: int = 0) -> None:
        super().__init__(code, detail)
        self.code = int(code)
        self.detail = detail

    @property
    def meaning(self) -> str:
        return MEANINGS.get(self.code, "unknown answer code")

    def __str__(self) -> str:
        return f"drive error {self.code:02X}h: {self.meaning}"


class Phase(IntEnum):
    """The phases of life: bit 0 configured, bit 1 fiscal mode opened, bit 2 closed, bit 3 everything sent to
    the operator."""

    FACTORY = 0
    READY = 1
    FISCAL = 3
    CLOSED = 7
    ARCHIVE = 15


class Alarm(IntFlag):
    """Bits of the warning byte of the status record."""

    URGENT_REPLACEMENT = 0x01
    REPLACE_SOON = 0x02
    MEMORY = 0x04
    OPERATOR_OVERDUE = 0x08


@dataclass(frozen=True, slots=True)
class DriveProfile:
    """The limits of one model of drive.

    ``life_days`` counts from the day of registration; ``max_documents`` is the archive, to which only the
    closing of a shift and of the drive may be added when it is full; ``max_signatures`` what the keys can
    sign, with the same exception; ``store_bytes`` the store of documents that the operator has not confirmed
    (*assumed*). ``resolution_s``: the drive's clock knows year, month, day, hour and minute. ``mark`` is the
    first byte of tag 1077 (21h in test drives). ``verify_bodies`` makes the drive read the requisites of each
    receipt and compare them with the sums it is told (18h) and with the registration (19h); it costs time.
    """

    name: str
    life_days: int
    max_documents: int = 230_000
    max_signatures: int = 250_000
    max_registrations: int = 12
    shift_hours: int = 24
    unsent_days: int = 30
    store_bytes: int = 128 * 1024 * 1024
    step_s: int = 5 * MINUTE_S
    resolution_s: int = MINUTE_S
    urgent_days: int = 3
    soon_days: int = 30
    overdue_days: int = 2
    memory_flag_percent: int = 90
    memory_tag_percent: int = 99
    receipt_bytes: int = 32_768
    registration_bytes: int = 6_144
    shift_bytes: int = 4_096
    mark: int = 0x21
    ffd: int = 4
    version: str = "fn debug v 1.2"
    verify_bodies: bool = False

    @property
    def unsent_s(self) -> int:
        """How long a document may wait for the operator, in seconds."""
        return self.unsent_days * DAY_S


PROFILES: dict[str, DriveProfile] = {
    "13": DriveProfile("13", life_days=410),
    "15": DriveProfile("15", life_days=470),
    "36": DriveProfile("36", life_days=1_110),
}
"""Drives by the months on their label."""
