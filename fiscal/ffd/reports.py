"""Bodies of the reports: registration, shift opening and closing, state of settlements, drive closing.

Like a receipt's body, these are the fields that a register adds to the drive's head. The numbers of a shift and the counters
are known to the drive alone, so they come in as arguments. Which report holds what: reference sheet on the format, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fiscal.ffd.facts import RegisterFacts
from fiscal.ffd.tags import FFD_12
from fiscal.ffd.tlv import byte, stlv, text, u16, u32, unixtime, vln

_STATS_OF_TYPE = {1: 1129, 2: 1130, 3: 1131, 4: 1132}
_CORRECTIONS_OF_TYPE = {1: 1145, 2: 1232, 3: 1146, 4: 1233}
_CORRECTION_ORDER = (1, 3, 2, 4)
_VAT_COUNTERS = ((1, 1139), (2, 1140), (3, 1141), (4, 1142), (5, 1143), (6, 1183))


@dataclass(slots=True)
class TypeTotals:
    """What a drive counts for one settlement type (1054): receipts, their five sums in kopecks, tax by code of 1199."""

    count: int = 0
    cash_kop: int = 0
    cashless_kop: int = 0
    prepaid_kop: int = 0
    credit_kop: int = 0
    provision_kop: int = 0
    vat: dict[int, int] = field(default_factory=dict)

    @property
    def total_kop(self) -> int:
        return self.cash_kop + self.cashless_kop + self.prepaid_kop + self.credit_kop + self.provision_kop


def counters(
    tag: int, receipts: Mapping[int, TypeTotals], corrections: Mapping[int, tuple[int, int]] | None = None
) -> bytes:
    """The structure of counters: 1194 (shift), 1157 (drive) or 1158 (not yet sent).

    ``receipts`` by settlement type, ``corrections`` as (number, sum) by settlement type; types without documents are left out.
    Tax of 5, 7 and 22 % is not itemised: how the counters hold it is not known; it is within 1201 like all money.
    """
    parts = []
    documents = 0
    for kind, number in _STATS_OF_TYPE.items():
        totals = receipts.get(kind)
        if totals is None or not totals.count:
            continue
        documents += totals.count
        vat = totals.vat
        body = [
            u32(1135, totals.count),
            vln(1201, totals.total_kop),
            vln(1136, totals.cash_kop),
            vln(1138, totals.cashless_kop),
            vln(1218, totals.prepaid_kop),
            vln(1219, totals.credit_kop),
            vln(1220, totals.provision_kop),
            *(vln(field_tag, vat[code]) for code, field_tag in _VAT_COUNTERS if vat.get(code)),
        ]
        parts.append(stlv(number, b"".join(body)))
    corrected = sum(number for number, _ in (corrections or {}).values())
    if corrections and corrected:
        body = [u32(1144, corrected)]
        for kind in _CORRECTION_ORDER:
            number, total_kop = corrections.get(kind, (0, 0))
            if number:
                body.append(stlv(_CORRECTIONS_OF_TYPE[kind], u32(1135, number) + vln(1201, total_kop)))
        parts.append(stlv(1133, b"".join(body)))
    return stlv(tag, u32(1134, documents + corrected) + b"".join(parts))


def _cashier(name: str, inn: str) -> bytes:
    return (text(1021, name, limit=64) if name else b"") + (text(1203, inn, width=12) if inn else b"")


def _user(facts: RegisterFacts) -> bytes:
    return text(1048, facts.user, limit=256)


def _place(facts: RegisterFacts) -> bytes:
    return text(1009, facts.address, limit=256) + text(1187, facts.place, limit=256)


def _version(ffd: int) -> bytes:
    return byte(1209, ffd)


def registration_body(
    facts: RegisterFacts,
    ffd: int,
    *,
    reasons: tuple[int, ...] = (),
    reason_mask: int = 0,
    totals: bytes = b"",
) -> bytes:
    """Registration (form 1), or its change (form 11) with ``reasons`` (1101, FFD 1.05) or ``reason_mask`` (1205, FFD 1.2).

    ``totals``: the field 1157, which a change under FFD 1.2 repeats when the drive stays.
    """
    parts = [
        _user(facts),
        byte(1062, facts.taxation),
        byte(1002, facts.autonomous),
        byte(1056, facts.encryption),
        byte(1001, facts.automatic),
    ]
    if ffd >= FFD_12:
        parts.append(u32(1290, facts.usage_mask))
    else:
        parts += (
            byte(1221, facts.printer_in_automat),
            byte(1110, facts.strict_forms),
            byte(1108, facts.internet_only),
            byte(1207, facts.excise),
            byte(1109, facts.services_only),
            byte(1193, facts.gambling),
            byte(1126, facts.lottery),
        )
        if facts.agent:
            parts.append(byte(1057, facts.agent))
    if facts.automatic and facts.automat_number:
        parts.append(text(1036, facts.automat_number, limit=20))
    parts += (
        text(1013, facts.register_serial, limit=20),
        text(1021, facts.cashier, limit=64),
        text(1203, facts.cashier_inn, width=12) if facts.cashier_inn else b"",
        _place(facts),
    )
    if not facts.autonomous:
        parts += (
            text(1060, facts.tax_service_site, limit=256),
            text(1117, facts.sender_email, limit=64) if facts.sender_email else b"",
            text(1017, facts.ofd_inn, width=12),
            text(1046, facts.ofd_name, limit=256),
        )
    parts += (
        text(1188, facts.register_version, limit=8),
        byte(1189, ffd),
        byte(1190, ffd),
        u16(1213, facts.key_days),
    )
    if ffd >= FFD_12:
        if reason_mask:
            parts.append(u32(1205, reason_mask))
        parts.append(totals)
    else:
        parts += (byte(1101, reason) for reason in reasons)
    parts.append(_version(ffd))
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class DriveWarnings:
    """The drive's four warnings; only those that hold are written."""

    resource: bool = False  # 1050: less than 30 days
    replace: bool = False  # 1051: less than 3 days
    memory: bool = False  # 1052
    operator: bool = False  # 1053: no confirmation for more than 2 days

    def fields(self) -> bytes:
        return b"".join(
            byte(tag, 1)
            for tag, holds in (
                (1050, self.resource),
                (1051, self.replace),
                (1052, self.memory),
                (1053, self.operator),
            )
            if holds
        )


NO_WARNINGS = DriveWarnings()


def open_shift_body(
    facts: RegisterFacts,
    ffd: int,
    *,
    cashier: str = "",
    cashier_inn: str = "",
    warnings: DriveWarnings = NO_WARNINGS,
) -> bytes:
    """Shift opening (form 2)."""
    return b"".join(
        (
            _user(facts),
            _cashier(cashier, cashier_inn),
            _place(facts),
            warnings.fields(),
            text(1188, facts.register_version, limit=8),
            byte(1189, ffd),
            _version(ffd),
        )
    )


def close_shift_body(
    facts: RegisterFacts,
    ffd: int,
    *,
    receipts: int,
    documents: int,
    unsent: int = 0,
    unsent_since_s: int = 0,
    key_days: int = 0,
    shift_totals: bytes = b"",
    drive_totals: bytes = b"",
    cashier: str = "",
    cashier_inn: str = "",
    warnings: DriveWarnings = NO_WARNINGS,
) -> bytes:
    """Shift closing (form 5): ``receipts`` and ``documents`` of the shift, both reports included in the latter.

    ``shift_totals`` and ``drive_totals``: fields 1194 and 1157 made by `counters`, which FFD 1.2 demands and FFD 1.05 does not know.
    """
    parts = [
        _user(facts),
        _cashier(cashier, cashier_inn),
        _place(facts),
        u32(1118, receipts),
        u32(1111, documents),
        u32(1097, unsent),
        unixtime(1098, unsent_since_s) if unsent else b"",
        warnings.fields(),
    ]
    if ffd >= FFD_12:
        parts += (shift_totals or counters(1194, {}), drive_totals or counters(1157, {}))
    parts += (u16(1213, key_days), _version(ffd))
    return b"".join(parts)


def state_body(
    facts: RegisterFacts,
    ffd: int,
    *,
    unsent: int = 0,
    unsent_since_s: int = 0,
    first_unsent: int = 0,
    key_days: int = 0,
    drive_totals: bytes = b"",
    unsent_totals: bytes = b"",
) -> bytes:
    """State of settlements (form 21): the unsent queue; under FFD 1.2 also the counters 1157 and, with a queue, 1158."""
    parts = [_user(facts), _place(facts)]
    if facts.autonomous:
        parts.append(byte(1002, 1))
    if unsent:
        parts += (u32(1116, first_unsent), u32(1097, unsent), unixtime(1098, unsent_since_s))
    else:
        parts.append(u32(1097, 0))
    if ffd >= FFD_12:
        parts += (u16(1213, key_days), drive_totals or counters(1157, {}), unsent_totals)
    parts.append(_version(ffd))
    return b"".join(parts)


def close_drive_body(
    facts: RegisterFacts, ffd: int, *, drive_totals: bytes = b"", cashier: str = "", cashier_inn: str = ""
) -> bytes:
    """Drive closing (form 6); under FFD 1.2 with the drive's counters (1157)."""
    parts = [_user(facts), _cashier(cashier, cashier_inn), _place(facts)]
    if ffd >= FFD_12:
        parts.append(drive_totals or counters(1157, {}))
    parts.append(_version(ffd))
    return b"".join(parts)
