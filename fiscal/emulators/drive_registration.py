"""What a register is registered as.

The first document of a drive is the registration report: it ties the drive to a tax payer (INN) and to the
register's number at the tax service (RNM), once and for ever, and tells how the register is used. Later
reports may change everything but these two. The drive remembers the registration as its own document states
it, so the document alone brings it back.

Sources: reference sheet ``ffd_ofd.md`` section 3 (forms 1 and 11), ``ffd_enums.csv`` (tags 1101, 1205, 1290),
``shtrih.md`` section 5 (mode).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag

from fiscal.emulators.drive_profile import DriveError, DriveProfile, Refusal
from fiscal.ffd.tlv import FfdError, byte, decode_text, raw, text, u16, u32

FFD_1_05 = 2
FFD_1_2 = 4

HEAD_TAGS = frozenset((1041, 1037, 1018, 1040, 1012, 1077, 1038, 1042, 1054, 1020))
"""The tags that only the drive itself writes."""


class Mode(IntFlag):
    """The register's mode of work, the byte of the registration commands."""

    ENCRYPTION = 0x01
    AUTONOMOUS = 0x02
    AUTOMATIC = 0x04
    SERVICES = 0x08
    STRICT_FORMS = 0x10
    INTERNET = 0x20


class Usage(IntFlag):
    """Further conditions of use, in the bits of tag 1290 (those bits that `Mode` has are left out here)."""

    PRINTER_IN_AUTOMAT = 1 << 1
    EXCISE = 1 << 6
    MARKED_GOODS = 1 << 8
    GAMBLING = 1 << 10
    LOTTERY = 1 << 11
    PAWNSHOP = 1 << 12
    INSURANCE = 1 << 13
    VENDING = 1 << 14
    CATERING = 1 << 15
    WHOLESALE = 1 << 16


class Reason(IntEnum):
    """Why a register is registered again (tag 1101; FFD 1.2 has the finer mask 1205)."""

    DRIVE = 1
    OPERATOR = 2
    REQUISITES = 3
    SETTINGS = 4


CHANGES = {Reason.DRIVE: 1 << 0, Reason.OPERATOR: 1 << 1, Reason.REQUISITES: 1 << 2, Reason.SETTINGS: 1 << 31}
"""The mask of tag 1205 for a reason, unless the register gives a finer one."""


@dataclass(frozen=True, slots=True)
class Registration:
    """What the register is registered as. ``taxation`` is the mask of tag 1062, ``mode`` of `Mode`, ``usage``
    of `Usage`, ``agents`` of tag 1057 (as whose agent goods are sold; FFD 1.05 only); ``ffd`` the format by tag
    1209 (2 = 1.05, 4 = 1.2); ``user`` the name of the tax payer, ``place`` for a web shop its address in the net."""

    inn: str
    rnm: str
    taxation: int = 1
    mode: int = 0
    user: str = ""
    address: str = ""
    place: str = ""
    ofd_inn: str = ""
    ofd_name: str = ""
    ffd: int = FFD_1_05
    register_serial: str = ""
    register_version: str = ""
    usage: int = 0
    agents: int = 0
    sender_email: str = ""
    tax_site: str = "www.nalog.gov.ru"
    machine_number: str = ""
    register_ffd: int = 0

    @property
    def autonomous(self) -> bool:
        """No operator: documents stay in the drive."""
        return bool(self.mode & Mode.AUTONOMOUS)


_TEXTS = (
    (1048, "user", 256),
    (1009, "address", 256),
    (1187, "place", 256),
    (1046, "ofd_name", 256),
    (1013, "register_serial", 20),
    (1188, "register_version", 8),
    (1060, "tax_site", 256),
    (1117, "sender_email", 64),
    (1036, "machine_number", 20),
)
"""Texts of the report: tag, field of `Registration`, longest value in bytes."""

_MODE_TAGS = ((1056, Mode.ENCRYPTION), (1002, Mode.AUTONOMOUS), (1001, Mode.AUTOMATIC))
_MODE_TAGS_105 = ((1108, Mode.INTERNET), (1109, Mode.SERVICES), (1110, Mode.STRICT_FORMS))
_MODE_BITS_1290 = ((1 << 2, Mode.STRICT_FORMS), (1 << 5, Mode.INTERNET), (1 << 9, Mode.SERVICES))
_USAGE_TAGS_105 = (
    (1221, Usage.PRINTER_IN_AUTOMAT),
    (1207, Usage.EXCISE),
    (1193, Usage.GAMBLING),
    (1126, Usage.LOTTERY),
)
_USAGE_ALL = sum(Usage)


def check_registration(registration: Registration, profile: DriveProfile) -> None:
    """Raises `DriveError` 09 for a parameter no drive accepts."""
    inn, rnm = registration.inn, registration.rnm
    good = (
        len(inn) in (10, 12)
        and inn.isascii()
        and inn.isdigit()
        and 0 < len(rnm) <= 20
        and rnm.isascii()
        and rnm.isdigit()
        and registration.ffd in (FFD_1_05, FFD_1_2)
        and registration.ffd <= profile.ffd
        and 0 < registration.taxation < 0x40
        and 0 <= registration.mode < 0x40
        and not registration.usage & ~_USAGE_ALL
        and 0 <= registration.agents < 0x80
    )
    if not good:
        raise DriveError(Refusal.BAD_PARAMETER)


def write_registration(r: Registration, profile: DriveProfile, days_left: int) -> list[tuple[int, bytes]]:
    """The fields of a registration report after its head, but for reasons, counters and tag 1209. Raises
    `DriveError` 18h for a text that is too long."""
    mode = r.mode
    fields = [(1062, byte(1062, r.taxation))]
    fields += [(tag, byte(tag, 1 if mode & flag else 0)) for tag, flag in _MODE_TAGS]
    if r.ffd == FFD_1_05:
        fields += [(tag, byte(tag, 1 if mode & flag else 0)) for tag, flag in _MODE_TAGS_105]
        fields += [(tag, byte(tag, 1 if r.usage & flag else 0)) for tag, flag in _USAGE_TAGS_105]
        if r.agents:
            fields.append((1057, byte(1057, r.agents)))
    else:
        mask = r.usage
        for bit, flag in _MODE_BITS_1290:
            if mode & flag:
                mask |= bit
        fields.append((1290, u32(1290, mask)))
    try:
        for tag, name, limit in _TEXTS:
            value = getattr(r, name)
            if value:
                field = text(tag, value)
                if len(field) - 4 > limit:
                    raise DriveError(Refusal.BAD_REQUISITE)
                fields.append((tag, field))
        if r.ofd_inn:
            fields.append((1017, text(1017, r.ofd_inn, 12)))
    except FfdError:
        raise DriveError(Refusal.BAD_REQUISITE) from None
    fields.append((1189, byte(1189, r.register_ffd or r.ffd)))
    fields.append((1190, byte(1190, profile.ffd)))
    fields.append((1213, u16(1213, days_left)))
    return fields


def reason_field(ffd: int, reason: int, changes: int) -> tuple[int, bytes]:
    """Tag 1101 or, in FFD 1.2, tag 1205."""
    if ffd == FFD_1_05:
        return 1101, byte(1101, reason)
    return 1205, u32(1205, changes or CHANGES[Reason(reason)])


def read_registration(fields: list[tuple[int, bytes]]) -> Registration:
    """The registration that the fields of a report (form 1 or 11) state."""
    found = dict(reversed(fields))

    def number(tag: int) -> int:
        return int.from_bytes(found.get(tag, b""), "little")

    def string(tag: int) -> str:
        return decode_text(found.get(tag, b""))

    ffd = number(1209)
    mode = 0
    usage = 0
    for tag, flag in _MODE_TAGS + (_MODE_TAGS_105 if ffd == FFD_1_05 else ()):
        if number(tag):
            mode |= flag
    if ffd == FFD_1_05:
        for tag, condition in _USAGE_TAGS_105:
            if number(tag):
                usage |= condition
    else:
        mask = number(1290)
        usage = mask & _USAGE_ALL
        for bit, flag in _MODE_BITS_1290:
            if mask & bit:
                mode |= flag
    return Registration(
        inn=string(1018).rstrip(),
        rnm=string(1037).rstrip(),
        taxation=number(1062),
        mode=int(mode),
        ofd_inn=string(1017).rstrip(),
        ffd=ffd,
        usage=int(usage),
        agents=number(1057),
        register_ffd=number(1189),
        **{name: string(tag) for tag, name, _ in _TEXTS},
    )


def head_prefix(serial: str, registration: Registration) -> bytes:
    """The fields 1041, 1037 and 1018, the same in every document until the next registration."""
    return (
        raw(1041, serial.encode("ascii"))
        + text(1037, registration.rnm, 20)
        + text(1018, registration.inn, 12)
    )
