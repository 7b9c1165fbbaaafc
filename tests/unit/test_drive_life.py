"""The life of a fiscal drive: phases, numbers, the current document, the queue to the operator, the end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fiscal.emulators.drive import (
    PROFILES,
    Alarm,
    CurrentDocument,
    Drive,
    DriveError,
    DriveProfile,
    Mode,
    Phase,
    Reason,
    Registration,
    Stored,
    Sums,
)
from fiscal.ffd.tlv import byte, text, vln

DAY = 86_400
HOUR = 3_600
NOON = 20_000 * DAY + 12 * HOUR
SHOP = Registration("7701234567", "0000000001012345", user="Shop", place="shop.example", ffd=4)
BODY = (
    byte(1055, 1)
    + vln(1031, 0)
    + vln(1081, 1000)
    + vln(1215, 0)
    + vln(1216, 0)
    + vln(1217, 0)
    + byte(1209, 4)
)
CASHLESS = Sums(cashless_kop=1000)


def new_drive(profile: DriveProfile = PROFILES["15"], registration: Registration = SHOP) -> Drive:
    drive = Drive("9999078900001234", profile)
    drive.register(registration, NOON)
    return drive


def sell(drive: Drive, now_s: int = NOON, type: int = 1, form: int = 3) -> Stored:
    return drive.record(form, type, 1000, CASHLESS, BODY, now_s)


def test_from_the_factory_to_the_archive() -> None:
    drive = Drive("9999078900001234", phase=Phase.FACTORY)
    phases = [drive.phase]
    drive.initialize()
    phases.append(drive.phase)
    drive.register(SHOP, NOON)
    phases.append(drive.phase)
    drive.open_shift(NOON)
    sell(drive)
    drive.close_shift(NOON)
    last = drive.close(NOON)
    phases.append(drive.phase)
    assert last.form == 6
    for document in range(1, last.document + 1):
        drive.confirm(document, NOON)
    phases.append(drive.phase)
    assert phases == [0, 1, 3, 7, 15]


def test_documents_shifts_and_receipts_are_numbered_without_gaps() -> None:
    drive = new_drive()
    seen = [drive.find(1)]
    for _ in range(2):
        seen.append(drive.open_shift(NOON))
        seen.append(sell(drive))
        seen.append(sell(drive, type=2))
        seen.append(drive.close_shift(NOON))
    assert [stored.document for stored in seen] == list(range(1, 10))
    assert [stored.form for stored in seen] == [1, 2, 3, 3, 5, 2, 3, 3, 5]
    assert [stored.shift for stored in seen] == [0, 1, 1, 1, 1, 2, 2, 2, 2]
    assert [stored.receipt_number for stored in seen] == [0, 0, 1, 2, 0, 0, 1, 2, 0]
    assert [stored.type for stored in seen] == [0, 0, 1, 2, 0, 0, 1, 2, 0]
    assert [drive.find(stored.document) for stored in seen] == seen


def test_status_tells_what_a_register_asks() -> None:
    drive = new_drive()
    drive.open_shift(NOON + 61)
    drive.begin(CurrentDocument.RECEIPT)
    drive.data_received()
    assert drive.status(NOON + 61) == (3, 4, True, True, 0, NOON + 60, "9999078900001234", 2)


def test_begun_document_stays_until_recorded_or_cancelled() -> None:
    drive = new_drive()
    drive.open_shift(NOON)
    drive.begin(CurrentDocument.RECEIPT, NOON)
    for command in (drive.close_shift, drive.state_report, lambda now: sell(drive, now, form=31)):
        with pytest.raises(DriveError) as refused:
            command(NOON)
        assert refused.value.code == 0x02
    with pytest.raises(DriveError):
        drive.begin(CurrentDocument.RECEIPT)
    assert drive.status(NOON).current_document == 4
    drive.cancel()
    assert drive.status(NOON).current_document == 0
    drive.begin(CurrentDocument.RECEIPT, NOON)
    sell(drive)
    assert drive.status(NOON).current_document == 0


@pytest.mark.parametrize(
    ("form", "kind"),
    [(3, 0x04), (4, 0x11), (31, 0x14), (41, 0x15)],
)
def test_current_document_byte_of_each_receipt(form: int, kind: int) -> None:
    drive = new_drive()
    drive.open_shift(NOON)
    drive.begin(kind)
    assert sell(drive, form=form).form == form


@pytest.mark.parametrize(("name", "days"), [("13", 410), ("15", 470), ("36", 1110)])
def test_expiry_counts_from_the_day_of_registration(name: str, days: int) -> None:
    drive = new_drive(PROFILES[name])
    assert drive.expiry() == ((20_000 + days) * DAY, 11, 1)
    assert drive.days_left(NOON) == days
    last_moment = (20_000 + days + 1) * DAY - 60
    sent(drive)
    drive.open_shift(last_moment)
    with pytest.raises(DriveError) as refused:
        sell(drive, last_moment + 60)
    assert refused.value.code == 0x05


def sent(drive: Drive) -> None:
    while (head := drive.head) is not None:
        drive.confirm(head.document, NOON)


def test_flags_rise_towards_the_end() -> None:
    drive = new_drive()
    sent(drive)
    day = 20_000 * DAY
    assert drive.flags(day + (470 - 31) * DAY) == 0
    assert drive.flags(day + (470 - 30) * DAY) == Alarm.REPLACE_SOON
    assert drive.flags(day + (470 - 3) * DAY) == Alarm.REPLACE_SOON | Alarm.URGENT_REPLACEMENT


def test_flags_of_memory_and_operator() -> None:
    drive = new_drive(replace(PROFILES["15"], max_documents=10))
    drive.open_shift(NOON)
    for _ in range(6):
        sell(drive)
    assert drive.flags(NOON + 2 * DAY) == 0
    assert drive.flags(NOON + 2 * DAY + 1) == Alarm.OPERATOR_OVERDUE
    sell(drive)
    assert drive.last_document == 9
    assert drive.flags(NOON) == Alarm.MEMORY
    assert drive.memory.documents == 1


def test_operator_confirms_from_the_head_only() -> None:
    drive = new_drive()
    drive.open_shift(NOON + HOUR)
    assert drive.unsent == (2, 1, NOON)
    for wrong in (0, 2, 3):
        with pytest.raises(DriveError) as refused:
            drive.confirm(wrong, NOON)
        assert (refused.value.code, refused.value.detail) == (0x20, 3)
    drive.confirm(1, NOON + 7, b"sign")
    assert drive.confirmation(1) == (1, NOON + 7, b"sign")
    assert drive.unsent == (1, 2, NOON + HOUR)
    assert (drive.is_confirmed(1), drive.is_confirmed(2), drive.is_confirmed(0)) == (True, False, False)
    drive.confirm(2, NOON)
    assert drive.unsent == (0, 0, 0)
    assert drive.head is None
    with pytest.raises(DriveError) as refused:
        drive.confirm(3, NOON)
    assert refused.value.code == 0x20


def test_closed_drive_records_nothing_but_still_sends() -> None:
    drive = new_drive()
    drive.close(NOON)
    for command in (
        drive.open_shift,
        drive.state_report,
        drive.close,
        lambda now: drive.reregister(SHOP, now),
    ):
        with pytest.raises(DriveError) as refused:
            command(NOON)
        assert refused.value.code == 0x02
    drive.confirm(1, NOON)
    assert drive.phase == Phase.CLOSED
    drive.confirm(2, NOON)
    assert drive.phase == Phase.ARCHIVE


def test_autonomous_register_owes_the_operator_nothing() -> None:
    drive = new_drive(registration=replace(SHOP, mode=Mode.AUTONOMOUS))
    drive.open_shift(NOON)
    drive.close_shift(NOON)
    later = NOON + 40 * DAY
    drive.open_shift(later)
    sell(drive, later)
    assert drive.unsent.count == 0
    drive.close_shift(later)
    drive.reregister(SHOP, later, Reason.SETTINGS)
    assert drive.unsent == (1, drive.last_document, later)
    with pytest.raises(DriveError) as refused:
        drive.reregister(replace(SHOP, mode=Mode.AUTONOMOUS), later)
    assert refused.value.code == 0x02
    sent(drive)
    drive.reregister(replace(SHOP, mode=Mode.AUTONOMOUS), later)
    drive.close(later)
    assert drive.phase == Phase.ARCHIVE


def test_replacing_a_drive_starts_the_numbers_again() -> None:
    old = new_drive()
    old.open_shift(NOON)
    old.close_shift(NOON)
    old.close(NOON)
    new = Drive("9999078900001235")
    report = new.register(SHOP, NOON, replaces=True)
    assert (report.form, report.document) == (11, 1)
    assert new.open_shift(NOON).shift == 1


def test_reregistration_changes_what_may_change() -> None:
    drive = new_drive()
    drive.open_shift(NOON)
    with pytest.raises(DriveError):
        drive.reregister(SHOP, NOON)
    drive.close_shift(NOON)
    moved = replace(SHOP, place="other.example", taxation=2)
    assert drive.reregister(moved, NOON).form == 11
    assert drive.registration == replace(moved, register_ffd=4)
    assert drive.registrations == [1, 4]
    assert drive.expiry()[1:] == (10, 2)
    for wrong in (replace(SHOP, inn="7701234568"), replace(SHOP, rnm="1"), replace(SHOP, ffd=2)):
        with pytest.raises(DriveError) as refused:
            drive.reregister(wrong, NOON)
        assert refused.value.code == 0x09


def test_a_drive_takes_twelve_registrations() -> None:
    drive = new_drive()
    for _ in range(11):
        drive.reregister(SHOP, NOON)
    assert drive.expiry().registrations_left == 0
    with pytest.raises(DriveError) as refused:
        drive.reregister(SHOP, NOON)
    assert refused.value.code == 0x02


def test_registration_is_what_the_document_says() -> None:
    drive = Drive("9999078900001234")
    drive.register(
        Registration("7701234567", "1", ffd=2), NOON, extra=text(1048, "Лавка") + text(1021, "Иванов")
    )
    assert drive.registration is not None
    assert drive.registration.user == "Лавка"


def test_hooks_hear_of_every_document_and_confirmation() -> None:
    drive = Drive("9999078900001234")
    heard: list[Stored] = []
    confirmed: list[int] = []
    drive.on_record = heard.append
    drive.on_confirm = lambda confirmation: confirmed.append(confirmation.document)
    drive.register(SHOP, NOON)
    drive.open_shift(NOON)
    sell(drive)
    drive.confirm(1, NOON)
    with pytest.raises(DriveError):
        drive.open_shift(NOON)
    assert heard == [drive.find(1), drive.find(2), drive.find(3)]
    assert confirmed == [1]


def test_long_runs_may_forget_confirmed_documents_only() -> None:
    drive = Drive("9999078900001234", keep_documents=5)
    drive.register(SHOP, NOON)
    drive.open_shift(NOON)
    for _ in range(30):
        sell(drive)
    assert drive.find(1).document == 1
    sent(drive)
    sell(drive)
    assert drive.find(29).document == 29
    with pytest.raises(DriveError) as refused:
        drive.find(28)
    assert refused.value.code == 0x08
    assert drive.unsent.first == 33
    for bad in (0, -1):
        with pytest.raises(ValueError, match="keep_documents"):
            Drive("9999078900001234", keep_documents=bad)


@pytest.mark.parametrize("serial", ["", "123", "99990789000012345", "999907890000123x"])
def test_a_serial_number_has_sixteen_digits(serial: str) -> None:
    with pytest.raises(ValueError, match="16 digits"):
        Drive(serial)
