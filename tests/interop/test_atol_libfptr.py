"""ATOL's own Linux driver, unchanged, talks to the emulated register over TCP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from atol_vendor import AGENT, BANK, CASHIER, MARKED, Host, based, fetched, goods, made, receipt

from fiscal.emulators.drive import Drive
from fiscal.emulators.drive_profile import Phase
from fiscal.emulators.marking_service import MarkingService
from fiscal.ffd.goods_fields import agent_fields
from fiscal.ffd.tlv import decode_text, walk
from fiscal.marking import parse
from fiscal.receipt import Agent


@pytest.fixture(scope="module")
def library() -> Path:
    try:
        return fetched()
    except RuntimeError as why:
        pytest.skip(str(why))


@pytest.fixture
def vendor(library: Path, tmp_path: Path) -> Iterator[Host]:
    found = made(library, tmp_path, electronic=False)
    yield found
    found.close()


@pytest.fixture
def vendor_12(library: Path, tmp_path: Path) -> Iterator[Host]:
    found = made(library, tmp_path, ffd=4, name="atol-42fs")
    yield found
    found.close()


def fields(host: Host, document: int) -> dict[int, bytes]:
    return dict(reversed(walk(host.register.drive.find(document).tlv[4:])))


def params_are_true(host: Host, params: dict[str, Any]) -> None:
    """What the driver says of a document is what the drive holds."""
    drive = host.register.drive
    stored = drive.find(params["fiscalDocumentNumber"])
    assert stored.document == drive.last_document
    assert params["fiscalDocumentSign"] == str(stored.sign)
    assert params["fnNumber"] == drive.serial
    assert params["shiftNumber"] == stored.shift
    assert params["registrationNumber"] == "0000000000012345"
    if "total" in params:
        assert round(params["total"] * 100) == stored.total_kop
        assert params["fiscalReceiptNumber"] == stored.receipt_number


def test_a_whole_shift(vendor: Host) -> None:
    drive = vendor.register.drive
    status = vendor.done("getDeviceStatus")["deviceStatus"]
    assert (status["fiscal"], status["fnFiscal"], status["paperPresent"], status["shift"]) == (
        True,
        True,
        True,
        "closed",
    )

    opened = vendor.done("openShift", operator=CASHIER)
    params_are_true(vendor, opened["fiscalParams"])
    assert drive.shift_open
    assert decode_text(fields(vendor, 2)[1021]) == "Иванова А."

    sold = vendor.done("sell", **receipt(goods()))
    params_are_true(vendor, sold["fiscalParams"])
    assert sold["warnings"] == {}
    document = fields(vendor, 3)
    item = dict(walk(document[1059]))
    assert decode_text(item[1030]) == "Тест"
    assert (item[1199], item[1214], item[1212]) == (b"\2", b"\4", b"\1")
    assert int.from_bytes(item[1043], "little") == 20_100
    assert int.from_bytes(document[1031], "little") == 20_100
    assert int.from_bytes(document[1103], "little") == (2 * 20_100 * 10 + 110) // 220
    assert document[1203] == b"123456789047"
    assert document[1055] == b"\1"

    params_are_true(vendor, vendor.done("sellReturn", **receipt(goods(price=50, quantity=1)))["fiscalParams"])
    assert drive.find(4).type == 2

    corrected = vendor.done(
        "sellCorrection",
        taxationType="osn",
        operator=CASHIER,
        correctionType="instruction",
        correctionBaseDate="2026.09.01",
        correctionBaseNumber="17-A",
        payments=[{"type": "electronically", "sum": 300}],
        taxes=[{"type": "vat10", "sum": 27.27}],
        total=300,
    )
    params_are_true(vendor, corrected["fiscalParams"])
    document = fields(vendor, 5)
    assert (drive.find(5).form, drive.find(5).type, drive.find(5).total_kop) == (31, 1, 30_000)
    assert 1059 not in document
    assert int.from_bytes(document[1081], "little") == 30_000
    assert int.from_bytes(document[1103], "little") == 2_727
    assert document[1173] == b"\1"
    assert decode_text(dict(walk(document[1174]))[1179]) == "17-A"

    assert vendor.done("cashIn", operator=CASHIER, cashSum=1000) == {"counters": {"cashSum": 1151}}
    assert vendor.done("cashOut", operator=CASHIER, cashSum=200.5) == {"counters": {"cashSum": 950.5}}
    assert vendor.task("cashOut", operator=CASHIER, cashSum=5000)[0] == 80
    vendor.done("reportX", operator=CASHIER)

    totals = vendor.done("getShiftTotals")["shiftTotals"]
    assert totals["shiftNumber"] == 1
    assert totals["cashDrawer"]["sum"] == 950.5
    assert totals["income"] == {"count": 1, "sum": 1000}
    assert totals["outcome"] == {"count": 1, "sum": 200.5}
    assert (totals["receipts"]["sell"]["count"], totals["receipts"]["sell"]["sum"]) == (1, 201)
    assert totals["receipts"]["sell"]["payments"]["cash"] == 201
    assert (totals["receipts"]["sellReturn"]["count"], totals["receipts"]["sellReturn"]["sum"]) == (1, 50)
    assert totals["receipts"]["buy"]["count"] == 0

    closed = vendor.done("closeShift", operator=CASHIER)
    params_are_true(vendor, closed["fiscalParams"])
    assert closed["fiscalParams"]["receiptsCount"] == 3
    assert not drive.shift_open
    assert drive.find(6).form == 5
    assert vendor.done("getDeviceStatus")["deviceStatus"]["shift"] == "closed"
    assert vendor.done("getShiftTotals")["shiftTotals"]["receipts"]["sell"]["count"] == 0
    assert vendor.done("getOverallTotals")["overallTotals"]["receipts"]["sell"]["sum"] == 201


def test_it_asks_the_drive_and_gets_the_truth(vendor: Host) -> None:
    drive = vendor.register.drive
    vendor.done("openShift", operator=CASHIER)
    vendor.done("sell", **receipt(goods(), pay="electronically"))
    drive.confirm(1, drive.last_time_s)

    fn = vendor.done("getFnStatus")["fnStatus"]
    assert (fn["fiscalDocumentNumber"], fn["fiscalReceiptNumber"]) == (3, 1)
    assert not any(fn["warnings"].values())

    exchange = vendor.done("ofdExchangeStatus")["status"]
    assert (exchange["notSentCount"], exchange["notSentFirstDocNumber"]) == (2, 2)

    info = vendor.done("getFnInfo")["fnInfo"]
    assert (info["serial"], info["livePhase"], info["ffdVersion"]) == (drive.serial, "fiscalMode", "1.05")
    assert (info["numberOfRegistrations"], info["registrationsRemaining"]) == (1, 11)
    assert info["validityDate"].startswith("2028-01-04")

    device = vendor.done("getDeviceInfo")["deviceInfo"]
    assert (device["model"], device["modelName"], device["receiptLineLength"]) == (62, "АТОЛ 55Ф", 48)
    assert vendor.done("getShiftStatus")["shiftStatus"]["state"] == "opened"

    about = vendor.done("getRegistrationInfo")
    assert about["organization"]["vatin"] == "7701234567"
    assert about["organization"]["taxationTypes"] == ["osn", "usnIncome"]
    assert about["device"]["registrationNumber"] == "0000000000012345"


def test_the_taxes_of_its_groups_are_the_codes_of_the_format(vendor: Host) -> None:
    """The numbers that the driver sends for a rate are those of tag 1199."""
    vendor.done("openShift", operator=CASHIER)
    names = ("none", "vat0", "vat10", "vat110")
    items = [goods(name, 1, 1, name) for name in names]
    vendor.done("sell", **receipt(*items))
    lines = [dict(walk(v)) for tag, v in walk(vendor.register.drive.find(3).tlv[4:]) if tag == 1059]
    assert [line[1199] for line in lines] == [b"\6", b"\5", b"\2", b"\4"]


def test_a_tax_given_for_the_whole_receipt(vendor: Host) -> None:
    """Command B8, laid out as the driver sends it: the drive writes the tax that was given, not the one it would count."""
    vendor.done("sell", **receipt(goods(), taxes=[{"type": "vat10", "sum": 5}]))
    assert int.from_bytes(fields(vendor, 3)[1103], "little") == 500


def test_receipts_and_corrections_of_ffd_12(vendor_12: Host) -> None:
    vendor_12.done("openShift", operator=CASHIER)
    sold = receipt(goods(), electronically=True, clientInfo={"emailOrPhone": "buyer@example.ru"})
    params_are_true(vendor_12, vendor_12.done("sell", **sold)["fiscalParams"])
    assert decode_text(fields(vendor_12, 3)[1008]) == "buyer@example.ru"
    drive = vendor_12.register.drive
    for task, settlement in (
        ("sellCorrection", 1),
        ("sellReturnCorrection", 2),
        ("buyCorrection", 3),
        ("buyReturnCorrection", 4),
    ):
        basis = {"correctionType": "self", "correctionBaseDate": "2026.09.01", "correctionBaseNumber": ""}
        params_are_true(vendor_12, vendor_12.done(task, **receipt(goods(), **basis))["fiscalParams"])
        stored = drive.find(drive.last_document)
        assert (stored.form, stored.type, stored.total_kop) == (31, settlement, 20_100)
        assert 1059 in fields(vendor_12, stored.document)


def lines(host: Host) -> list[dict[int, bytes]]:
    tlv = host.register.drive.find(host.register.drive.last_document).tlv
    return [dict(walk(value)) for tag, value in walk(tlv[4:]) if tag == 1059]


def test_agents_and_codes_of_the_old_format_as_the_driver_writes_them(vendor: Host) -> None:
    product = parse(MARKED).product_105
    code = {"nomenclatureCode": based(product)}
    whole = {"markingCode": {"type": "other", "mark": based(MARKED.encode())}}
    vendor.done("openShift", operator=CASHIER)
    vendor.done("sell", **receipt({**goods(), **AGENT, **code}, {**goods(), **BANK, **whole}))
    first, second = lines(vendor)
    assert (first[1222], first[1226], first[1162]) == (b"\x20", b"7707083893  ", product)
    assert {tag: decode_text(value) for tag, value in walk(first[1224])} == {
        1225: "ООО Продавец",
        1171: "+79001234567",
    }
    assert (second[1222], second[1162]) == (b"\x01", product), "the register makes the same of the whole code"
    own = Agent(
        1,
        "7707083893",
        operation="перевод",
        phones=("+79001234567",),
        operator_phones=("+78002000000",),
        operator_name="ООО Перевод",
        operator_address="Москва",
        operator_inn="7830002293",
    )
    ours = dict(walk(agent_fields(own)))
    assert sorted(walk(second[1223])) == sorted(walk(ours[1223])), (
        "the driver's fields are ours, in another order"
    )


def test_a_whole_code_on_a_register_of_ffd_12(vendor_12: Host) -> None:
    service = vendor_12.register.marking = MarkingService()
    service.introduce(MARKED)
    vendor_12.done("openShift", operator=CASHIER)
    whole = {"markingCode": {"type": "other", "mark": based(MARKED.encode())}}
    vendor_12.done("sell", **receipt({**goods(), **whole}))
    (line,) = lines(vendor_12)
    assert walk(line[1163]) == [(1305, b"01046006531059902152CUnq")]
    assert line[2106] == b"\x0c", "the drive cannot check four characters, the service approved"
    assert len(vendor_12.register.drive.marks.notices) == 1


def test_what_the_register_refuses_arrives_as_the_drivers_own_errors(vendor: Host) -> None:
    assert vendor.task("closeShift", operator=CASHIER)[0] == 73, "the shift is closed"
    vendor.done("openShift", operator=CASHIER)
    assert vendor.task("openShift", operator=CASHIER)[0] == 83, "the shift is open"
    vendor.register.clock_offset_s = 90_000
    assert vendor.task("sell", **receipt(goods()))[0] == 68, "24 hours are over"
    assert vendor.done("getShiftStatus")["shiftStatus"]["state"] == "expired"
    vendor.done("closeShift", operator=CASHIER)
    vendor.done("openShift", operator=CASHIER)
    vendor.register.paper_out(0)
    assert vendor.task("sell", **receipt(goods()))[0] == 44, "no paper"
    vendor.register.paper_in(0)
    vendor.done("sell", **receipt(goods()))


# ---- the end of a drive's life, and the next drive ----------------------------------------------------------------------------------


def requisites(**device: Any) -> dict[str, Any]:
    return {
        "operator": CASHIER,
        "organization": {
            "name": "ООО Ромашка",
            "vatin": "7701234567",
            "email": "shop@example.org",
            "taxationTypes": ["osn", "usnIncome"],
            "address": "Москва",
        },
        "device": {
            "paymentsAddress": "shop.example",
            "fnsUrl": "www.nalog.gov.ru",
            "registrationNumber": "0000000000012345",
            "offlineMode": False,
            "internet": True,
            "ofdChannel": "ethernet",
            "ffdVersion": "1.05",
            **device,
        },
        "ofd": {"name": "ОФД", "vatin": "7704211201", "host": "ofd.example", "port": 7777, "dns": "0.0.0.0"},
    }


def test_the_vendor_s_driver_closes_a_drive_and_registers_the_next(vendor: Host) -> None:
    old = vendor.register.drive
    code, _ = vendor.task("fnChange", **requisites())
    assert code != 0, "the drive in it is still in fiscal mode"
    closed = vendor.done("closeArchive", operator=CASHIER)["fiscalParams"]
    assert closed["fiscalDocumentNumber"] == old.last_document == 2
    assert int(closed["fiscalDocumentSign"]) == old.find(2).sign
    assert old.find(2).form == 6
    while old.head is not None:
        old.confirm(old.head.document, vendor.register.now_s)
    vendor.register.power_off(0)
    vendor.register.put_in(Drive("9999078900009999", phase=int(Phase.READY)))
    vendor.register.power_on(0)
    assert vendor.done("getFnInfo")["fnInfo"]["livePhase"] == "configured"
    assert vendor.task("openShift", operator=CASHIER)[0] == 117, "the new drive is not registered yet"
    changed = vendor.done("fnChange", **requisites())["fiscalParams"]
    new = vendor.register.drive
    assert changed["fnNumber"] == new.serial == "9999078900009999"
    assert int(changed["fiscalDocumentSign"]) == new.find(1).sign
    assert new.find(1).form == 11
    assert new.registration is not None and new.registration.place == "shop.example"
    assert vendor.done("openShift", operator=CASHIER)["fiscalParams"]["fiscalDocumentNumber"] == 2


def test_the_vendor_s_driver_changes_what_a_register_is_registered_as(vendor: Host) -> None:
    task = requisites(paymentsAddress="other.example")
    code, text = vendor.task("changeRegistrationParameters", reason="attributesChange", **task)
    assert code == 0, text
    registration = vendor.register.drive.registration
    assert registration is not None and registration.place == "other.example"
    assert vendor.register.drive.find(2).form == 11
