"""What the drive itself tells in its reports: counters, the queue to the operator, alarms.

Each function gives fields as (tag, whole field), in the order they are written. Reference sheet
``ffd_ofd.md`` section 3 and ``ffd_doc_requirements.csv``.
"""

from __future__ import annotations

from fiscal.emulators.drive_counters import Counters
from fiscal.emulators.drive_documents import fields_of, read_sums
from fiscal.emulators.drive_memory import DriveMemory
from fiscal.emulators.drive_profile import Alarm
from fiscal.emulators.drive_registration import FFD_1_2, Registration
from fiscal.emulators.drive_rules import RECEIPT_KINDS
from fiscal.ffd.tlv import byte, text, u16, u32

Fields = list[tuple[int, bytes]]


def alarm_fields(drive: DriveMemory, time_s: int) -> Fields:
    """Tags 1050 - 1053, those that apply. The memory alarm of the documents has a threshold of its own."""
    flags = drive.flags(time_s)
    signs = (
        (1050, flags & Alarm.REPLACE_SOON),
        (1051, flags & Alarm.URGENT_REPLACEMENT),
        (1052, drive.memory_used(drive.profile.memory_tag_percent)),
        (1053, flags & Alarm.OPERATOR_OVERDUE),
    )
    return [(tag, byte(tag, 1)) for tag, raised in signs if raised]


def unsent_fields(drive: DriveMemory, with_number: bool = False) -> Fields:
    """The queue to the operator before this report: how many (1097), since when (1098), the first (1116)."""
    unsent = drive.unsent
    if not unsent.count:
        return []
    fields = [(1097, u32(1097, unsent.count)), (1098, u32(1098, unsent.time_s))]
    if with_number:
        fields.append((1116, u32(1116, unsent.first)))
    return fields


def marking_fields(drive: DriveMemory) -> Fields:
    """How many notifications of marked goods wait (2104)."""
    waiting = len(drive.marks.notices)
    return [(2104, u32(2104, waiting))] if waiting else []


def open_shift_fields(given: Registration) -> Fields:
    return [(1188, text(1188, given.register_version)), (1189, byte(1189, given.register_ffd))]


def close_shift_fields(drive: DriveMemory, given: Registration, time_s: int) -> Fields:
    fields = [
        (1118, u32(1118, drive.receipts_in_shift)),
        (1111, u32(1111, drive.documents_in_shift + 1)),
        *unsent_fields(drive),
        *alarm_fields(drive, time_s),
        (1213, u16(1213, drive.days_left(time_s))),
    ]
    if given.ffd >= FFD_1_2:
        fields += marking_fields(drive)
        fields.append((1194, drive.shift_counters.encode(1194)))
        fields.append((1157, drive.life_counters.encode(1157)))
    return fields


def state_fields(drive: DriveMemory, given: Registration, time_s: int) -> Fields:
    fields = unsent_fields(drive, with_number=True)
    if given.autonomous:
        fields.append((1002, byte(1002, 1)))
    if given.ffd >= FFD_1_2:
        fields.append((1213, u16(1213, drive.days_left(time_s))))
        fields.append((1157, drive.life_counters.encode(1157)))
        fields += marking_fields(drive)
        if drive.unsent.count:
            fields.append((1158, unsent_counters(drive).encode(1158)))
    return fields


def close_drive_fields(drive: DriveMemory, given: Registration) -> Fields:
    fields = [
        (1048, text(1048, given.user)),
        (1009, text(1009, given.address)),
        (1187, text(1187, given.place)),
    ]
    if given.ffd >= FFD_1_2:
        fields.append((1157, drive.life_counters.encode(1157)))
    return fields


def unsent_counters(drive: DriveMemory) -> Counters:
    """Sums over the receipts that wait for the operator, read from the documents."""
    counters = Counters()
    unsent = drive.unsent
    for document in range(unsent.first, unsent.first + unsent.count):
        stored = drive.find(document)
        if stored.form in RECEIPT_KINDS:
            counters.add(stored.form, stored.type, stored.total_kop, read_sums(fields_of(stored.tlv)))
    return counters
