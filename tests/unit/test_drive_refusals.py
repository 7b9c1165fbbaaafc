"""Every refusal of a drive: its code, and that it changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from fiscal.emulators.drive import (
    MEANINGS,
    PROFILES,
    CurrentDocument,
    Drive,
    DriveError,
    DriveProfile,
    Refusal,
    Registration,
    Sums,
    Usage,
)
from fiscal.ffd.tlv import byte, raw, stlv, text, u32, vln

DAY = 86_400
HOUR = 3_600
NOON = 20_000 * DAY + 12 * HOUR
SHOP = Registration("7701234567", "0000000001012345", ffd=4)
TINY = DriveProfile("tiny", life_days=40, max_documents=4, max_signatures=100)
Command = Callable[[Drive, int], object]


def body(kop: int = 1000, subject: int = 1) -> bytes:
    item = vln(1043, kop) + byte(1212, subject)
    return stlv(1059, item) + vln(1031, 0) + vln(1081, kop) + byte(1209, 4)


def receipt(drive: Drive, now_s: int) -> object:
    return drive.record(3, 1, 1000, Sums(cashless_kop=1000), body(), now_s)


def drive_in_shift(profile: DriveProfile = PROFILES["15"], registration: Registration = SHOP) -> Drive:
    drive = Drive("9999078900001234", profile)
    drive.register(registration, NOON)
    drive.open_shift(NOON)
    return drive


def refused(drive: Drive, command: Command, now_s: int = NOON) -> int:
    """The code of the refusal, having seen that nothing changed."""
    before = drive.snapshot()
    with pytest.raises(DriveError) as caught:
        command(drive, now_s)
    assert drive.snapshot() == before
    return caught.value.code


def tap(drive: Drive, *commands: Command, now_s: int = NOON) -> Drive:
    for command in commands:
        command(drive, now_s)
    return drive


def wrong_states() -> Iterator[tuple[str, Drive, Command]]:
    fresh = Drive("9999078900001234")
    factory = Drive("9999078900001234", phase=0)
    registered = Drive("9999078900001234")
    registered.register(SHOP, NOON)
    yield "a receipt before the registration", fresh, receipt
    yield "a shift before the registration", fresh, Drive.open_shift
    yield "closing the shift before the registration", fresh, Drive.close_shift
    yield "a state report before the registration", fresh, Drive.state_report
    yield "closing the drive before the registration", fresh, Drive.close
    yield "changing no registration", fresh, lambda drive, now: drive.reregister(SHOP, now)
    yield "registering in the factory", factory, lambda drive, now: drive.register(SHOP, now)
    yield "leaving the factory twice", fresh, lambda drive, _: drive.initialize()
    yield "registering twice", registered, lambda drive, now: drive.register(SHOP, now)
    yield "a receipt without shift", registered, receipt
    yield "closing no shift", registered, Drive.close_shift
    yield "opening an open shift", drive_in_shift(), Drive.open_shift
    yield "closing the drive in a shift", drive_in_shift(), Drive.close
    yield "registering in a shift", drive_in_shift(), lambda drive, now: drive.reregister(SHOP, now)
    yield "beginning a receipt without shift", registered, lambda drive, _: drive.begin(4)
    yield "data for no document", registered, lambda drive, _: drive.data_received()


@pytest.mark.parametrize(
    ("what", "drive", "command"),
    list(wrong_states()),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_02_wrong_state(what: str, drive: Drive, command: Command) -> None:
    assert refused(drive, command) == Refusal.WRONG_STATE


def test_05_life_is_over_but_ends_can_be_made() -> None:
    drive = drive_in_shift(DriveProfile("short", life_days=3))
    over = (20_000 + 4) * DAY
    assert refused(drive, receipt, over) == 0x05
    drive.close_shift(over)
    assert refused(drive, Drive.open_shift, over) == 0x05
    assert refused(drive, lambda d, now: d.reregister(SHOP, now), over) == 0x05
    drive.state_report(over)
    drive.close(over)


def test_06_archive_is_full_but_ends_can_be_made() -> None:
    drive = tap(drive_in_shift(TINY), receipt, receipt)
    assert refused(drive, receipt) == 0x06
    assert refused(drive, Drive.state_report) == 0x06
    tap(drive, Drive.close_shift)
    assert refused(drive, Drive.open_shift) == 0x06
    assert drive.close(NOON).document == 6


def test_07_earlier_than_the_last_document() -> None:
    drive = drive_in_shift()
    for command in (receipt, Drive.close_shift, Drive.state_report, lambda d, now: d.begin(4, now)):
        assert refused(drive, command, NOON - 1) == 0x07
    tap(drive, receipt, now_s=NOON + 59)
    tap(drive, receipt, now_s=NOON + 1)  # the same minute
    assert refused(Drive("9999078900001234"), lambda d, now: d.register(SHOP, now), -60) == 0x07


def test_08_no_data() -> None:
    drive = drive_in_shift()
    for document in (-1, 0, 3):
        assert refused(drive, lambda d, _, n=document: d.find(n)) == 0x08
    assert refused(drive, lambda d, _: d.confirmation(1)) == 0x08
    assert refused(drive, lambda d, _: d.message_sign(9)) == 0x08


@pytest.mark.parametrize(
    "command",
    [
        lambda d, now: d.record(5, 1, 0, Sums(), b"", now),
        lambda d, now: d.record(3, 0, 0, Sums(), b"", now),
        lambda d, now: d.record(3, 5, 0, Sums(), b"", now),
        lambda d, now: d.record(3, 1, -1, Sums(-1), b"", now),
        lambda d, now: d.record(3, 1, 1 << 48, Sums(1 << 48), b"", now),
        lambda d, _: d.begin(0x03),
        lambda d, _: d.begin(0x00),
    ],
)
def test_09_bad_parameter(command: Command) -> None:
    assert refused(drive_in_shift(), command) == 0x09


@pytest.mark.parametrize(
    "registration",
    [
        replace(SHOP, inn="123"),
        replace(SHOP, inn="77012345x7"),
        replace(SHOP, rnm=""),
        replace(SHOP, rnm="1" * 21),
        replace(SHOP, ffd=3),
        replace(SHOP, taxation=0),
        replace(SHOP, taxation=64),
        replace(SHOP, mode=64),
        replace(SHOP, usage=1),
    ],
)
def test_09_bad_registration(registration: Registration) -> None:
    assert refused(Drive("9999078900001234"), lambda d, now: d.register(registration, now)) == 0x09


def test_09_a_drive_of_the_old_format_takes_no_new_one() -> None:
    drive = Drive("9999078900001234", replace(PROFILES["15"], ffd=2))
    assert refused(drive, lambda d, now: d.register(SHOP, now)) == 0x09


def test_10_document_too_large() -> None:
    drive = drive_in_shift()
    head = len(drive.record(3, 1, 0, Sums(), b"", NOON).tlv)
    fitting = raw(1192, b" " * (32_768 - head - 4))
    assert refused(drive, lambda d, now: d.record(3, 1, 0, Sums(), fitting + b" ", now)) == 0x10
    assert len(drive.record(3, 1, 0, Sums(), fitting, NOON).tlv) == 32_768
    assert refused(drive, lambda d, now: d.close_shift(now, raw(1276, b" " * 4096))) == 0x10
    fresh = Drive("9999078900001234")
    assert refused(fresh, lambda d, now: d.register(SHOP, now, raw(1275, b" " * 6144))) == 0x10


def test_12_keys_are_worn_out() -> None:
    drive = drive_in_shift(replace(PROFILES["15"], max_signatures=3))
    tap(drive, receipt)
    assert refused(drive, receipt) == 0x12
    tap(drive, Drive.close_shift)
    assert refused(drive, Drive.open_shift) == 0x12
    tap(drive, Drive.close)


def test_14_store_for_the_operator_is_full() -> None:
    drive = drive_in_shift()
    size = PROFILES["15"].store_bytes - drive.memory.store_bytes
    drive = drive_in_shift(replace(PROFILES["15"], store_bytes=size + 1))
    tap(drive, receipt)
    assert refused(drive, receipt) == 0x14
    drive.confirm(1, NOON)
    tap(drive, receipt)
    assert refused(drive, receipt) == 0x14
    tap(drive, Drive.close_shift)
    assert refused(drive, Drive.open_shift) == 0x14


def test_15_thirty_days_without_the_operator() -> None:
    drive = drive_in_shift()
    tap(drive, Drive.close_shift)
    limit = NOON + 30 * DAY
    tap(drive, Drive.open_shift, now_s=limit - 60)
    tap(drive, receipt, now_s=limit)
    assert refused(drive, receipt, limit + 60) == 0x15
    assert refused(drive, lambda d, now: d.begin(4, now), limit + 60) == 0x15
    tap(drive, Drive.state_report, Drive.close_shift, now_s=limit + 60)
    assert refused(drive, Drive.open_shift, limit + 60) == 0x15
    while (head := drive.head) is not None and head.time_s == NOON:
        drive.confirm(head.document, NOON)
    tap(drive, Drive.open_shift, receipt, now_s=limit + 60)


@pytest.mark.parametrize("restored", [False, True])
def test_15_within_a_shift_when_the_profile_allows_long_ones(restored: bool) -> None:
    drive = drive_in_shift(replace(PROFILES["15"], unsent_days=1, shift_hours=240))
    day = NOON + DAY
    drive.confirm(1, NOON)
    drive.confirm(2, NOON)
    if restored:
        drive = Drive.restore(drive.snapshot(), [])
    tap(drive, receipt, now_s=day + HOUR)
    tap(drive, receipt, now_s=day + 2 * HOUR)
    assert refused(drive, receipt, day + DAY + HOUR + 60) == 0x15
    drive.confirm(3, day)
    tap(drive, receipt, now_s=day + DAY + HOUR + 60)
    assert refused(drive, receipt, day + DAY + 2 * HOUR + 60) == 0x15


def test_16_shift_longer_than_a_day_can_only_be_closed() -> None:
    drive = drive_in_shift()
    end = NOON + 24 * HOUR
    tap(drive, receipt, now_s=end + 59)
    assert not drive.shift_age_exceeded(end + 59)
    assert drive.shift_age_exceeded(end + 60)
    for form in (3, 4, 31, 41):
        command = lambda d, now, form=form: d.record(form, 1, 0, Sums(), b"", now)  # noqa: E731
        assert refused(drive, command, end + 60) == 0x16
    assert refused(drive, lambda d, now: d.begin(4, now), end + 60) == 0x16
    tap(drive, Drive.state_report, Drive.close_shift, Drive.open_shift, receipt, now_s=end + 60)


def test_17_five_minutes_inside_a_document() -> None:
    drive = drive_in_shift()
    drive.begin(CurrentDocument.RECEIPT, NOON)
    assert refused(drive, receipt, NOON + 360) == 0x17
    assert drive.current_document == CurrentDocument.RECEIPT
    tap(drive, receipt, now_s=NOON + 359)
    drive.begin(CurrentDocument.SHIFT_CLOSING, NOON + 3600)
    assert refused(drive, Drive.close_shift, NOON + 3600 - 360) == 0x17
    drive.cancel()
    tap(drive, Drive.close_shift, now_s=NOON + 3600 - 360)


@pytest.mark.parametrize(
    "sums",
    [
        Sums(cashless_kop=999),
        Sums(cash_kop=1000, cashless_kop=1000),
        Sums(cash_kop=2000, prepaid_kop=-1000),
        Sums(cashless_kop=1000, vat=((0, 1),)),
        Sums(cashless_kop=1000, vat=((13, 1),)),
        Sums(cashless_kop=1000, vat=((1, 100), (2, -1))),
    ],
)
def test_18_sums_that_do_not_add_up(sums: Sums) -> None:
    assert refused(drive_in_shift(), lambda d, now: d.record(3, 1, 1000, sums, body(), now)) == 0x18


def test_18_corrections_of_returns_need_the_newer_format() -> None:
    old = drive_in_shift(registration=replace(SHOP, ffd=2))
    for type in (2, 4):
        command = lambda d, now, type=type: d.record(31, type, 0, Sums(), b"", now)  # noqa: E731
        assert refused(old, command) == 0x18
        command(drive_in_shift(), NOON)
        old.record(31, type - 1, 0, Sums(), b"", NOON)


@pytest.mark.parametrize(
    "extra", [b"\x01", b"\xff\x03\x05\x00abc", u32(1040, 7), text(1018, "7700000000  "), raw(1077, b"!" * 6)]
)
def test_18_malformed_or_forged_fields(extra: bytes) -> None:
    drive = drive_in_shift()
    assert refused(drive, lambda d, now: d.close_shift(now, extra)) == 0x18
    fresh = Drive("9999078900001234")
    assert refused(fresh, lambda d, now: d.register(SHOP, now, extra)) == 0x18
    assert refused(fresh, lambda d, now: d.register(SHOP, now, byte(1062, 2))) == 0x18


def test_18_texts_longer_than_their_tags() -> None:
    fresh = Drive("9999078900001234")
    for wrong in (replace(SHOP, user="x" * 257), replace(SHOP, register_version="123456789")):
        assert refused(fresh, lambda d, now, w=wrong: d.register(w, now)) == 0x18
    assert refused(fresh, lambda d, now: d.register(replace(SHOP, ofd_inn="1" * 13), now)) == 0x18


def test_18_and_19_when_the_drive_reads_the_bodies() -> None:
    strict = replace(PROFILES["15"], verify_bodies=True)
    drive = drive_in_shift(strict)
    tap(drive, receipt)
    good = Sums(cashless_kop=1000)
    assert refused(drive, lambda d, now: d.record(3, 1, 1000, good, body(999), now)) == 0x18
    assert refused(drive, lambda d, now: d.record(3, 1, 1000, good, body() + vln(1102, 5), now)) == 0x18
    assert refused(drive, lambda d, now: d.record(3, 1, 1000, good, body() + b"\x01", now)) == 0x18
    assert refused(drive, lambda d, now: d.record(3, 1, 1000, good, body() + u32(1040, 1), now)) == 0x18
    assert refused(drive, lambda d, now: d.record(3, 1, 1000, good, body(subject=2), now)) == 0x19
    excise = drive_in_shift(strict, replace(SHOP, usage=int(Usage.EXCISE)))
    excise.record(3, 1, 1000, good, body(subject=2), NOON)


def test_every_code_has_a_meaning() -> None:
    for code in Refusal:
        assert code in MEANINGS
    assert str(DriveError(0x16)) == "drive error 16h: " + MEANINGS[0x16]
    assert DriveError(0x77).meaning == "unknown answer code"
