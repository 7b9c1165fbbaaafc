"""The tax service behind the operator."""

from __future__ import annotations

from ofd_world import SERIAL, START_S, answer_of, drain, make_server, shift

from fiscal.emulators.operator_port import DrivePort

MINUTE_US = 60_000_000


def test_documents_are_registered_some_time_after_the_operator_has_them() -> None:
    server = make_server(tax_us=MINUTE_US)
    port = DrivePort(shift(1))
    connection = server.connect()
    for now_us in (0, 10, 20, 30):
        port.ticket(answer_of(connection, port.message() or b"", now_us), START_S)
    assert server.tax.documents(MINUTE_US - 1) == []
    assert [entry.document for entry in server.tax.documents(MINUTE_US + 10)] == [1, 2]
    entry = server.tax.find(SERIAL, 3, MINUTE_US + 20)
    assert entry is not None
    assert (entry.form, entry.registered_us, entry.flawed) == (3, MINUTE_US + 20, False)
    assert server.tax.find(SERIAL, 3, MINUTE_US + 19) is None
    assert server.tax.find(SERIAL, 9, 10 * MINUTE_US) is None
    assert server.tax.find("1", 1, 10 * MINUTE_US) is None


def test_z_reports_with_their_times() -> None:
    server = make_server(tax_us=MINUTE_US)
    for serial in (SERIAL, "9999078900009999"):
        drain(DrivePort(shift(4, serial=serial)), server.connect(), 5)
    assert server.tax.reports(MINUTE_US) == []
    mine, other = server.tax.reports(MINUTE_US + 5)
    assert other.drive == "9999078900009999"
    assert (mine.document, mine.shift, mine.receipts, mine.documents) == (7, 1, 4, 6)
    assert mine.closed_s == (START_S + 180) // 60 * 60
    assert mine.registered_us == MINUTE_US + 5
    assert server.tax.reports(MINUTE_US + 5, SERIAL) == [mine]
    assert len(server.tax.documents(MINUTE_US + 5, SERIAL)) == 7


def test_a_receipt_can_be_checked_by_its_code() -> None:
    server = make_server(tax_us=0)
    drive = shift(1)
    drain(DrivePort(drive), server.connect())
    receipt = drive.find(3)
    facts = (receipt.sign, receipt.total_kop, receipt.type)
    assert server.tax.check(SERIAL, 3, *facts, now_us=0)
    assert not server.tax.check(SERIAL, 3, receipt.sign ^ 1, *facts[1:], now_us=0)
    assert not server.tax.check(SERIAL, 3, receipt.sign, receipt.total_kop + 1, 1, now_us=0)
    assert not server.tax.check(SERIAL, 4, *facts, now_us=0)
    assert not server.tax.check("1", 3, *facts, now_us=0)
    assert not server.tax.check(SERIAL, 3, *facts, now_us=-1)
