"""What a drive writes: bytes that the format's own decoder understands, in the genuine order, signed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fiscal.emulators.drive import (
    PROFILES,
    Drive,
    DriveError,
    Mode,
    Registration,
    Stored,
    Sums,
    Usage,
    read_stored,
    read_sums,
)
from fiscal.emulators.drive_documents import fields_of
from fiscal.emulators.drive_registration import read_registration
from fiscal.ffd import FfdError, decode
from fiscal.ffd.tlv import byte, stlv, text, vln, walk

DAY = 86_400
NOON = 20_000 * DAY + 12 * 3_600
SHOP = Registration(
    "7701234567",
    "0000000001012345",
    taxation=3,
    mode=Mode.INTERNET | Mode.SERVICES,
    user="ООО Лавка",
    address="Москва",
    place="shop.example",
    ofd_inn="7709364346",
    ofd_name="Оператор",
    ffd=4,
    register_serial="0123456789",
    register_version="1.0",
    sender_email="shop@example.com",
    usage=int(Usage.MARKED_GOODS),
)
BODY = vln(1031, 0) + vln(1081, 12_000) + vln(1102, 2_000) + byte(1209, 4)
SUMS = Sums(cashless_kop=12_000, vat=((1, 2_000),))
HEAD = [1041, 1037, 1018, 1040, 1012, 1077, 1038, 1042, 1054, 1020]


def new_drive(ffd: int = 4) -> Drive:
    drive = Drive("9999078900001234")
    drive.register(replace(SHOP, ffd=ffd), NOON)
    return drive


def tags(stored: Stored) -> list[int]:
    return [tag for tag, _ in fields_of(stored.tlv)]


def test_receipt_byte_for_byte() -> None:
    drive = new_drive()
    drive.open_shift(NOON)
    stored = drive.record(3, 1, 12_000, SUMS, BODY, NOON + 125)
    sign = stored.sign.to_bytes(4, "big").hex()
    assert stored.tlv.hex() == (
        "03008700"
        "11041000" + b"9999078900001234".hex() + "0d041400" + b"0000000001012345    ".hex()
        + "fa030c00" + b"7701234567  ".hex() + "10040400" + "03000000"
        + "f4030400" + (NOON + 120).to_bytes(4, "little").hex() + "35040600" + "2104" + sign
        + "0e040400" + "01000000" + "12040400" + "01000000" + "1e040100" + "01" + "fc030200" + "e02e"
        + BODY.hex()
    )  # fmt: skip
    assert tags(stored) == [*HEAD, 1031, 1081, 1102, 1209]
    assert (stored.time_s, stored.total_kop) == (NOON + 120, 12_000)


def test_sign_depends_on_the_drive_and_on_every_byte() -> None:
    drive = new_drive()
    drive.open_shift(NOON)
    stored = drive.record(3, 1, 12_000, SUMS, BODY, NOON)
    assert drive.verify(stored.tlv)
    for at in range(len(stored.tlv)):
        forged = bytearray(stored.tlv)
        forged[at] ^= 1
        assert not drive.verify(bytes(forged)), at
    assert not drive.verify(stored.tlv[:-1])
    other = Drive("9999078900001235")
    assert not other.verify(stored.tlv)
    other.register(SHOP, NOON)
    other.open_shift(NOON)
    assert other.record(3, 1, 12_000, SUMS, BODY, NOON).sign != stored.sign


def test_sign_does_not_change_between_runs() -> None:
    drive = new_drive()
    drive.open_shift(NOON)
    assert drive.record(3, 1, 12_000, SUMS, BODY, NOON).sign == new_sign()
    assert drive.message_sign(3)[:2] == b"\x81\x06"
    assert len(drive.message_sign(3)) == 8
    assert drive.message_sign(3) != drive.message_sign(2)


def new_sign() -> int:
    drive = new_drive()
    drive.open_shift(NOON)
    return drive.record(3, 1, 12_000, SUMS, BODY, NOON).sign


def test_mark_of_a_serial_drive() -> None:
    drive = Drive("9999078900001234", replace(PROFILES["36"], mark=0x31))
    stored = drive.register(SHOP, NOON)
    assert dict(fields_of(stored.tlv))[1077][:2] == b"\x31\x04"


@pytest.mark.parametrize("ffd", [2, 4])
def test_every_document_is_understood_by_the_decoder(ffd: int) -> None:
    drive = new_drive(ffd)
    drive.reregister(replace(SHOP, ffd=ffd, place="x.example"), NOON)
    drive.open_shift(NOON, text(1021, "Иванов"))
    for form in (3, 4, 31, 41):
        drive.record(form, 1, 12_000, SUMS, BODY, NOON)
    drive.state_report(NOON)
    drive.close_shift(NOON, text(1021, "Иванов"))
    drive.close(NOON)
    forms = []
    for number in range(1, drive.last_document + 1):
        stored = drive.find(number)
        document = decode(stored.tlv)
        fields = dict(document.fields)
        forms.append(document.form)
        assert fields[1040] == number
        assert fields[1041] == "9999078900001234"
        assert fields[1209] == (4 if stored.form in (3, 4, 31, 41) else ffd)
        assert tags(stored)[:6] == HEAD[:6]
        assert len(tags(stored)) == len(set(tags(stored)))
        assert read_stored(stored.tlv) == stored
        assert drive.verify(stored.tlv)
    assert forms == [1, 11, 2, 3, 4, 31, 41, 21, 5, 6]


@pytest.mark.parametrize("ffd", [2, 4])
def test_registration_comes_back_from_its_document(ffd: int) -> None:
    wanted = replace(SHOP, ffd=ffd, register_ffd=ffd, usage=int(Usage.EXCISE | Usage.LOTTERY))
    drive = Drive("9999078900001234")
    stored = drive.register(wanted, NOON)
    assert read_registration(fields_of(stored.tlv)) == wanted
    assert drive.registration == wanted


@pytest.mark.parametrize(
    ("ffd", "obligatory"),
    [
        (2, {1048, 1018, 1012, 1037, 1221, 1110, 1056, 1001, 1002, 1108, 1013, 1009, 1187, 1188, 1189, 1062}),
        (4, {1048, 1018, 1012, 1037, 1002, 1056, 1001, 1290, 1013, 1009, 1187, 1188, 1189, 1190, 1213}),
    ],
)
def test_registration_holds_what_the_format_demands(ffd: int, obligatory: set[int]) -> None:
    assert obligatory <= set(tags(new_drive(ffd).find(1)))


@pytest.mark.parametrize(("ffd", "tag", "value"), [(2, 1101, b"\x01"), (4, 1205, b"\x01\x00\x00\x00")])
def test_report_of_a_replacement_says_so(ffd: int, tag: int, value: bytes) -> None:
    drive = Drive("9999078900001234")
    stored = drive.register(replace(SHOP, ffd=ffd), NOON, replaces=True)
    assert dict(fields_of(stored.tlv))[tag] == value


def test_change_of_registration_may_name_its_changes() -> None:
    drive = new_drive()
    stored = drive.reregister(SHOP, NOON, 4, changes=1 << 7 | 1 << 3)
    assert dict(fields_of(stored.tlv))[1205] == b"\x88\x00\x00\x00"
    assert 1157 in tags(stored)


def test_shift_closing_counts_the_shift() -> None:
    drive = new_drive()
    for _ in range(2):
        drive.open_shift(NOON)
        drive.record(3, 1, 12_000, SUMS, BODY, NOON)
        for _ in range(2):
            drive.record(
                3, 1, 50, Sums(cash_kop=20, prepaid_kop=15, credit_kop=10, provision_kop=5), b"", NOON
            )
        drive.record(3, 2, 5_000, Sums(cash_kop=5_000, vat=((6, 5_000),)), b"", NOON)
        drive.record(31, 4, 7, Sums(cash_kop=7), b"", NOON)
        closing = drive.close_shift(NOON)
    fields = dict(decode(closing.tlv).fields)
    assert fields[1118] == 5
    assert fields[1111] == 7
    assert fields[1097] == closing.document - 1
    assert fields[1098] == NOON
    shift = dict(fields[1194])
    life = dict(fields[1157])
    assert (shift[1134], life[1134]) == (5, 10)
    sales = dict(shift[1129])
    assert (sales[1135], sales[1201], sales[1136], sales[1138]) == (3, 12_100, 40, 12_000)
    assert (sales[1218], sales[1219], sales[1220], sales[1139]) == (30, 20, 10, 2_000)
    returns = dict(shift[1130])
    assert (returns[1135], returns[1201], returns[1183]) == (1, 5_000, 5_000)
    corrections = dict(shift[1133])
    assert corrections[1144] == 1
    assert dict(corrections[1233]) == {1135: 1, 1201: 7}
    assert dict(life[1129])[1201] == 24_200


def test_state_report_tells_the_queue() -> None:
    drive = new_drive()
    drive.confirm(1, NOON)
    quiet = dict(decode(drive.state_report(NOON).tlv).fields)
    assert not {1097, 1098, 1116, 1158} & set(quiet)
    drive.open_shift(NOON + 60)
    drive.record(3, 1, 12_000, SUMS, BODY, NOON + 60)
    drive.confirm(2, NOON)
    drive.confirm(3, NOON)
    report = dict(decode(drive.state_report(NOON + 120).tlv).fields)
    assert (report[1097], report[1098], report[1116]) == (1, NOON + 60, 4)
    waiting = dict(report[1158])
    assert dict(waiting[1129]) == dict(dict(report[1157])[1129])


def test_alarms_are_written_into_the_reports_of_a_shift() -> None:
    drive = new_drive()
    assert not {1050, 1051, 1052, 1053} & set(tags(drive.open_shift(NOON)))
    drive.close_shift(NOON)
    late = (20_000 + 468) * DAY
    for number in (1, 2):
        drive.confirm(number, late)
    with pytest.raises(DriveError):
        drive.open_shift(late)
    drive.confirm(3, late)
    drive.open_shift(late)
    assert {1050, 1051} <= set(tags(drive.find(4)))
    assert 1053 in tags(drive.close_shift(late + 2 * DAY + 60))


def test_fields_of_the_register_win_over_the_drives_own() -> None:
    drive = new_drive()
    stored = drive.open_shift(NOON, text(1188, "2.0") + text(1021, "Иванов"))
    fields = fields_of(stored.tlv)
    assert [value for tag, value in fields if tag == 1188] == [b"2.0"]


def test_sums_are_read_from_a_body() -> None:
    new_rates = stlv(
        1115, stlv(1119, byte(1199, 11) + vln(1120, 300)) + stlv(1119, byte(1199, 7) + vln(1120, 5))
    )
    body = (
        vln(1217, 5) + vln(1216, 4) + vln(1215, 3) + vln(1081, 2) + vln(1031, 1) + vln(1105, 9) + vln(1103, 0)
    )
    assert read_sums(walk(body + new_rates)) == Sums(1, 2, 3, 4, 5, ((6, 9), (7, 5), (11, 300)))
    vat = b"".join(vln(tag, tag) for tag in (1102, 1103, 1104, 1105, 1106, 1107))
    assert read_sums(walk(vat)).vat == ((1, 1102), (2, 1103), (3, 1106), (4, 1107), (5, 1104), (6, 1105))


@pytest.mark.parametrize(
    "data", [b"", b"\x03", b"\x03\x00\x05\x00", b"\x03\x00\x00\x00", b"\x03\x00\x02\x00\x10\x04"]
)
def test_what_is_no_document_is_not_read(data: bytes) -> None:
    with pytest.raises(FfdError):
        read_stored(data)


@pytest.mark.parametrize("ffd", [2, 4])
def test_days_left_are_in_a_state_report_from_ffd_1_2_on(ffd: int) -> None:
    drive = Drive("9999078900000001", PROFILES["15"])
    drive.register(replace(SHOP, ffd=ffd), NOON)
    fields = dict(decode(drive.state_report(NOON).tlv).fields)
    assert (1213 in fields) is (ffd == 4)
