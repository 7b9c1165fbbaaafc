"""The emulated register as a host sees it, command by command: classic receipts, tables, registers, modes, registration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from shtrih_line import START_S, make_register

from fiscal.devices import device
from fiscal.emulators.drive import Drive
from fiscal.emulators.shtrih import ShtrihRegister
from fiscal.emulators.shtrih_dispatch import HANDLERS
from fiscal.ffd.tlv import text, walk
from fiscal.registers.shtrih.commands import COMMANDS
from fiscal.registers.shtrih.frames import build, parse
from fiscal.registers.shtrih.trace import Trace, decode_frame, decode_payload, describe_commands

NOT_GIVEN = (1 << 40) - 1


class Host:
    """Asks without any ceremony: frame in, payload out."""

    def __init__(self, register: ShtrihRegister) -> None:
        self.register = register
        self.now_us = 0
        register.receive(b"\x05", 0)

    def raw(self, payload: bytes) -> bytes:
        register = self.register
        self.now_us += 20_000_000  # whatever was printing is printed
        register.receive(build(payload), self.now_us)
        out: list[tuple[int, bytes]] = []
        while not out:
            at = register.next_wakeup()
            assert at is not None
            self.now_us = at
            out = register.wake(at)
        register.receive(b"\x06", self.now_us)
        return parse(out[0][1])

    def error(self, code: int, *values: object, password: int = 30) -> int:
        command = COMMANDS[code]
        payload = self.raw(command.pack(password, *values) if command.password else command.pack(*values))
        return payload[len(command.prefix)]

    def ask(self, code: int, *values: object, password: int = 30) -> dict[str, Any]:
        command = COMMANDS[code]
        payload = self.raw(command.pack(password, *values) if command.password else command.pack(*values))
        assert payload[len(command.prefix)] == 0, decode_payload(payload, request=False)
        return command.reply.named(payload, len(command.prefix) + 1)


@pytest.fixture
def host() -> Iterator[Host]:
    yield Host(make_register(electronic=False))


def item(
    host: Host, price: int = 10_000, quantity: int = 1000, code: int = 0x80, tax: int = 1, **how: Any
) -> dict[str, Any]:
    return host.ask(code, quantity, price, how.get("department", 1), tax, 0, 0, 0, how.get("name", "Товар"))


def cash_receipt(host: Host, price: int = 10_000, paid: int = 10_000) -> int:
    host.ask(0x8D, 0)
    item(host, price)
    change: int = host.ask(0x85, paid, 0, 0, 0, 0, 0, 0, 0, 0, "")["change"]
    return change


# ---- the classic way ------------------------------------------------------------------------------------------------------------


def test_a_classic_receipt_with_change_becomes_a_document(host: Host) -> None:
    host.ask(0xE0)
    assert cash_receipt(host, 12_345, 20_000) == 7_655
    stored = host.register.drive.find(3)
    assert (stored.form, stored.type, stored.total_kop) == (3, 1, 12_345)
    fields = dict(walk(stored.tlv[4:]))
    assert int.from_bytes(fields[1031], "little") == 12_345
    assert dict(walk(fields[1059]))[1030] == "Товар".encode("cp866")
    assert host.ask(0x1A, 241, None)["value"] == 12_345
    assert host.ask(0x1A, 193, None)["value"] == 12_345
    assert host.ask(0x1A, 121, None)["value"] == 12_345
    assert host.ask(0x1B, 144)["value"] == 1


def test_the_first_item_opens_receipt_and_shift(host: Host) -> None:
    item(host, code=0x82)
    assert host.ask(0x10)["mode"] == 0x28
    host.ask(0x85, 10_000, 0, 0, 0, 0, 0, 0, 0, 0, "")
    assert host.register.drive.find(3).type == 2


def test_discount_surcharge_storno_and_subtotal(host: Host) -> None:
    item(host, 10_000)
    item(host, 5_000)
    item(host, 7_000)
    host.ask(0x84, 1000, 7_000, 1, 1, 0, 0, 0, "")
    assert host.error(0x84, 1000, 7_000, 1, 1, 0, 0, 0, "") == 0x5E
    host.ask(0x86, 6_000, 0, 0, 0, 0, "")
    host.ask(0x87, 500, 0, 0, 0, 0, "")
    assert host.ask(0x89)["sum"] == 9_500
    assert host.error(0x86, 9_501, 0, 0, 0, 0, "") == 0x5A
    host.ask(0x85, 0, 9_500, 0, 0, 0, 0, 0, 0, 0, "")
    stored = host.register.drive.find(3)
    items = [dict(walk(value)) for tag, value in walk(stored.tlv[4:]) if tag == 1059]
    assert sum(int.from_bytes(line[1043], "little") for line in items) == stored.total_kop == 9_500


def test_discount_in_percent_at_closing(host: Host) -> None:
    item(host, 9_999)
    assert host.error(0x85, 8_998, 0, 0, 0, 1000, 0, 0, 0, 0, "") == 0x45
    assert host.ask(0x85, 8_999, 0, 0, 0, 1000, 0, 0, 0, 0, "")["change"] == 0
    assert host.register.drive.find(3).total_kop == 8_999


def test_payments(host: Host) -> None:
    item(host)
    assert host.error(0x85, 9_999, 0, 0, 0, 0, 0, 0, 0, 0, "") == 0x45
    assert host.error(0x85, 0, 10_001, 0, 0, 0, 0, 0, 0, 0, "") == 0x4D
    assert host.ask(0x85, 1_000, 3_000, 3_000, 4_000, 0, 0, 0, 0, 0, "")["change"] == 1_000
    fields = dict(walk(host.register.drive.find(3).tlv[4:]))
    assert fields[1031] == b"\0"
    assert int.from_bytes(fields[1081], "little") == 10_000


def test_one_kopeck_is_forgiven_two_are_not(host: Host) -> None:
    host.ask(0x8D, 0)
    line = (1, 333_000, 12_345, NOT_GIVEN, 2, 1, 4, 1, "x")
    assert host.error(0xFF46, *line[:3], 4_113, *line[3:]) == 0x33
    for sum_kop in (4_110, 4_111, 4_112, NOT_GIVEN):
        assert host.error(0xFF46, *line[:3], sum_kop, *line[3:]) == 0
    assert host.ask(0x89)["sum"] == 3 * 4_111 + 4_111


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({0: 2}, 0x49),
        ({5: 0x40}, 0x33),
        ({6: 17}, 0x63),
        ({7: 0}, 0x33),
        ({7: 8}, 0x33),
        ({8: 0}, 0x33),
        ({2: 9_999_999_999}, 0x48),
    ],
)
def test_operations_that_are_refused(host: Host, change: dict[int, int], error: int) -> None:
    host.ask(0x8D, 0)
    values: list[Any] = [1, 2_000_000, 100, NOT_GIVEN, NOT_GIVEN, 1, 1, 4, 1, "x"]
    for at, value in change.items():
        values[at] = value
    assert host.error(0xFF46, *values) == error
    assert host.ask(0x89)["sum"] == 0


def test_rounding_at_closing(host: Host) -> None:
    host.ask(0x8D, 0)
    host.ask(0xFF46, 1, 1_000_000, 10_050, NOT_GIVEN, NOT_GIVEN, 8, 1, 4, 1, "x")
    assert host.error(0xFF45, (10_000, *[0] * 15), 100, (0,) * 6, 1, "") == 0x33
    assert host.ask(0xFF45, (10_000, *[0] * 15), 50, (0,) * 6, 1, "")["change"] == 0
    assert host.register.drive.find(3).total_kop == 10_000


def test_cancelling(host: Host) -> None:
    assert host.error(0x88) == 0x73
    item(host)
    host.ask(0x88)
    assert host.ask(0x10)["mode"] == 2
    assert host.ask(0x1B, 157)["value"] == 1
    assert host.ask(0x1A, 249, None)["value"] == 10_000
    assert host.register.drive.current_document == 0
    item(host)
    host.ask(0xFF08)
    assert host.ask(0x10)["mode"] == 2


def test_a_power_cut_keeps_the_open_receipt(host: Host) -> None:
    item(host)
    host.register.power_off(host.now_us)
    host.register.power_on(host.now_us)
    host.register.receive(b"\x05", host.now_us)
    assert host.ask(0x10)["mode"] == 0x08
    host.ask(0x85, 10_000, 0, 0, 0, 0, 0, 0, 0, 0, "")
    assert host.register.drive.last_document == 3


def test_a_document_the_register_knows_nothing_of_is_dropped_at_start() -> None:
    first = make_register()
    host = Host(first)
    item(host)
    assert first.drive.current_document
    again = ShtrihRegister(device("shtrih-m-01f"), first.drive, epoch_s=START_S + 100)
    assert again.drive.current_document == 0
    assert cash_receipt(Host(again)) == 0


# ---- modes, passwords, errors ---------------------------------------------------------------------------------------------------


def test_modes_and_submodes(host: Host) -> None:
    assert host.ask(0x10)["mode"] == 4
    assert host.error(0x41) == 0x73
    assert host.error(0xFF46, 1, 1, 1, 1, 1, 1, 1, 4, 1, "x") == 0x73
    host.ask(0xE0)
    assert host.error(0xE0) == 0x73
    assert host.error(0x21, (1, 1, 1)) == 0x73
    host.ask(0x8D, 0)
    assert host.error(0x8D, 0) == 0x73
    assert host.error(0x25, 0) == 0x73
    assert host.error(0x1E, 1, 1, 1, b"\1") == 0x73
    host.ask(0x88)
    host.now_us += 100_000_000
    host.register.clock_offset_s = 90_000
    assert host.ask(0x10)["mode"] == 3
    assert host.error(0x8D, 0) == 0x4E
    host.ask(0x41)


def test_a_printing_register_refuses_what_prints(host: Host) -> None:
    host.ask(0xE0)
    host.ask(0x40)
    register = host.register
    host.now_us -= 20_000_000  # ask again at once
    assert host.error(0x40) == 0x50
    host.now_us -= 20_000_000
    assert host.ask(0x10)["submode"] == 5
    assert host.ask(0x10)["submode"] == 0
    register.paper_out(host.now_us)
    assert host.ask(0x10)["submode"] == 1
    assert host.error(0x40) == 0x6B
    assert not host.ask(0x10)["flags"] & 0x80
    register.paper_in(host.now_us)
    assert host.error(0xB0) == 0x72
    host.ask(0x40)
    register.paper_out(host.now_us + 1)
    assert host.ask(0x10)["submode"] == 2
    register.paper_in(host.now_us)
    assert host.ask(0x10)["submode"] == 3
    assert host.error(0x40) == 0x58
    host.ask(0xB0)
    host.now_us -= 20_000_000
    assert host.ask(0x10)["submode"] == 5


def test_passwords(host: Host) -> None:
    assert host.ask(0x10, password=1)["operator"] == 1
    assert host.error(0x10, password=31) == 0x4F
    assert host.error(0x1F, 1, 1, 1, password=29) == 0x4F
    assert host.error(0x40, password=28) == 0x4F
    host.ask(0xE0)
    assert host.error(0x40, password=29) == 0
    host.ask(0x1E, 2, 7, 1, (4321).to_bytes(4, "little"))
    assert host.error(0x10, password=7) == 0x4F
    assert host.ask(0x10, password=4321)["operator"] == 7


def test_unknown_commands_and_bad_lengths(host: Host) -> None:
    assert host.raw(b"\xd1\x1e\x00\x00\x00") == b"\xd1\x37"
    assert host.raw(b"\xff\xee\x1e\x00\x00\x00") == b"\xff\xee\x37"
    assert host.raw(b"\xff") == b"\xff\x37"
    assert host.raw(b"\x10\x1e") == b"\x10\x7e"
    assert host.raw(b"\x8d\x1e\x00\x00\x00") == b"\x8d\x7e"
    assert host.ask(0x6B, None)["text"] == "a length field is wrong"
    assert host.ask(0x6B, 0x5D)["text"] == "no such table"
    assert host.ask(0x6B, 0)["text"] == "no error"


def test_every_handler_is_a_declared_command() -> None:
    assert set(HANDLERS) <= set(COMMANDS)
    assert set(COMMANDS) == set(HANDLERS)


# ---- tables, clock, registers ---------------------------------------------------------------------------------------------------


def test_tables_are_consistent(host: Host) -> None:
    seen = 0
    for table in range(1, 30):
        if host.error(0x2D, table) == 0x5D:
            break
        shape = host.ask(0x2D, table)
        seen += 1
        for field in range(1, shape["fields"] + 1):
            declared = host.ask(0x2E, table, field)
            value = host.ask(0x1F, table, shape["rows"], field)["value"]
            assert len(value) == declared["size"]
            if declared["type"] == 0:
                size = declared["size"]
                low, high = declared["limits"][:size], declared["limits"][size:]
                assert (
                    int.from_bytes(low, "little")
                    <= int.from_bytes(value, "little")
                    <= int.from_bytes(high, "little")
                )
    assert seen == 25
    assert host.error(0x1F, 26, 1, 1) == 0x5D
    assert host.error(0x1F, 2, 31, 1) == 0x33


def test_writing_tables(host: Host) -> None:
    host.ask(0x1E, 1, 1, 1, b"\x07")
    assert host.ask(0x11)["shop_number"] == 7
    assert host.error(0x1E, 1, 1, 1, b"\x64") == 0x33
    assert host.error(0x1E, 18, 1, 4, b"x") == 0x7A
    assert host.error(0x1E, 4, 1, 1, "строка".encode("cp1251")) == 0
    assert host.ask(0x1F, 4, 1, 1)["value"].rstrip(b"\0").decode("cp1251") == "строка"
    host.ask(0x1E, 17, 1, 17, b"\x04")
    host.ask(0xE0)
    assert host.error(0x1E, 17, 1, 17, b"\x02") == 0xC7
    assert host.ask(0x1F, 18, 1, 4)["value"].rstrip(b"\0") == b"9999078900001234"
    assert host.error(0x24) == 0x73


def test_clock(host: Host) -> None:
    host.ask(0x22, (5, 10, 26))
    assert host.ask(0x10)["mode"] == 6
    assert host.error(0x23, (6, 10, 26)) == 0x7C
    host.ask(0x23, (5, 10, 26))
    host.ask(0x21, (12, 34, 56))
    state = host.ask(0x11)
    assert state["date"] == (5, 10, 26)
    assert state["time"][:2] == (12, 35)
    assert host.error(0x21, (25, 0, 0)) == 0x33
    assert host.error(0x22, (31, 2, 26)) == 0x33


def test_drawer(host: Host) -> None:
    host.ask(0xE0)
    host.ask(0x50, 5_000)
    assert host.error(0x51, 5_001) == 0x46
    assert host.ask(0x51, 2_000)["document"] == host.register.counters.document
    assert [host.ask(0x1A, n, None)["value"] for n in (241, 242, 243)] == [3_000, 5_000, 2_000]
    cash_receipt(host)
    host.ask(0x41)
    host.now_us += 800_000_000
    assert [host.ask(0x1A, n, None)["value"] for n in (241, 242, 243, 193)] == [13_000, 0, 0, 0]
    totals = host.ask(0xFE, 0xF4, b"\0\0\0\0")["data"]
    assert int.from_bytes(totals[:8], "little") == 10_000
    assert len(host.ask(0xFE, 0xF4, b"\1\0\0\0")["data"]) == 128


def test_registers_of_the_last_and_the_open_receipt(host: Host) -> None:
    item(host, 100, department=3)
    item(host, 200, department=3)
    assert host.ask(0x1A, 8, None)["value"] == 300
    assert host.ask(0x1B, 8)["value"] == 2
    host.ask(0x85, 0, 300, 0, 0, 0, 0, 0, 0, 0, "")
    assert host.ask(0x1A, 76, None)["value"] == 300
    assert host.ask(0x1A, 129, None)["value"] == 300
    assert host.error(0x1A, 0xFF, 0x20) == 0x33


# ---- the drive behind it --------------------------------------------------------------------------------------------------------


def test_documents_can_be_found_and_read(host: Host) -> None:
    host.ask(0xE0)
    cash_receipt(host)
    found = host.ask(0xFF0A, 3)
    assert (found["type"], found["confirmed"], found["tail"]) == (3, 0, b"\x01\x10\x27\0\0\0")
    assert host.ask(0xFF0A, 2)["tail"] == b"\1\0"
    assert host.ask(0xFF0A, 1)["tail"][:12] == b"7701234567  "
    assert host.error(0xFF0A, 99) == 0x08
    head = host.ask(0xFF3A, 3)
    assert head["type"] == 3
    assert host.ask(0x10)["mode"] == 1
    assert host.error(0xE0) == 0x73
    data = b""
    while True:
        payload = host.raw(COMMANDS[0xFF3B].pack(30))
        if payload[2]:
            break
        data += payload[3:]
    assert payload[2] == 0x08
    assert len(data) == head["size"]
    assert data == host.register.drive.find(3).tlv[4:]
    assert host.ask(0x10)["mode"] == 2


def test_questions_to_the_drive(host: Host) -> None:
    assert host.ask(0xFF02)["drive"] == "9999078900001234"
    assert host.ask(0xFF03)["left"] == 11
    assert host.ask(0xFF04)["type"] == 0
    assert host.ask(0xFF09)["rnm"] == "0000000000012345"
    assert host.ask(0xFF0E, 1, 1041)["tlv"] == text(1041, "9999078900001234")
    assert host.error(0xFF0E, 1, 1234) == 0x08
    assert host.ask(0xFF30)["size"] == 0
    assert host.ask(0xFF3F)["count"] == 1
    assert host.ask(0xFF39)["first"] == 1
    assert host.ask(0xFF40) == {"open": 0, "shift": 0, "receipt": 0}
    assert host.ask(0xFF63)["documents"] > 200_000
    assert host.error(0xFF3C, 1) == 0x08
    host.register.drive.confirm(1, START_S + 90, b"sign")
    assert host.ask(0xFF3C, 1)["document"] == 1
    assert host.ask(0xFF0A, 1)["confirmed"] == 1


def test_shift_and_state_reports_by_way_of_the_drive(host: Host) -> None:
    host.ask(0xFF41)
    host.ask(0xFF0C, text(1021, "Петрова"))
    assert host.ask(0xFF0B)["shift"] == 1
    assert dict(walk(host.register.drive.find(2).tlv[4:]))[1021] == "Петрова".encode("cp866")
    host.ask(0xFF42)
    assert host.ask(0xFF43)["document"] == 3
    host.now_us += 800_000_000
    host.ask(0xFF37)
    report = host.ask(0xFF38)
    assert (report["document"], report["unconfirmed"]) == (4, 3)
    assert report["first"][0] == 26


def test_correction_by_the_old_command(host: Host) -> None:
    host.ask(0xE0)
    assert host.error(0xFF36, 100, 1) == 0x73
    host.ask(0xFF35)
    assert host.error(0xFF36, 100, 2) == 0x33
    made = host.ask(0xFF36, 100, 1)
    assert (made["document"], made["receipt"]) == (3, 1)
    assert host.register.drive.find(3).form == 31
    host.ask(0xFF35)
    host.ask(0xFF08)
    assert host.register.drive.current_document == 0


def test_a_new_register_is_registered_over_the_line() -> None:
    register = ShtrihRegister(device("shtrih-m-01f"), Drive("9999078900000001"), epoch_s=START_S)
    host = Host(register)
    assert host.ask(0xFF01)["phase"] == 1
    assert host.ask(0x11)["inn"] == (1 << 48) - 1
    assert host.error(0xFF09) == 0x08
    host.ask(0x1E, 18, 1, 7, "ООО Ромашка".encode("cp1251"))
    host.ask(0x1E, 18, 1, 14, b"shop.example")
    host.ask(0xFF05, 0)
    assert host.ask(0xFF06, "7701234567", "0000000000012345", 1, 0x20)["document"] == 1
    assert register.drive.registration is not None
    assert register.drive.registration.user == "ООО Ромашка"
    assert host.ask(0x11)["inn"] == 7701234567
    host.ask(0xFF05, 2)
    assert host.ask(0xFF34, "7701234567", "0000000000012345", 3, 0x20, 4)["document"] == 2
    assert register.drive.registration.taxation == 3
    assert cash_receipt(host) == 0
    host.ask(0x41)
    host.now_us += 800_000_000
    host.ask(0xFF3D)
    host.ask(0xFF3E)
    assert host.ask(0xFF01)["phase"] == 7


# ---- the trace ------------------------------------------------------------------------------------------------------------------


def test_the_trace_names_commands_and_fields() -> None:
    trace = Trace()
    assert trace.feed(">", b"\x05") == ["> ENQ"]
    assert trace.feed("<", b"\x15") == ["< NAK"]
    (line,) = trace.feed(">", build(COMMANDS[0x8D].pack(30, 2)))
    assert line == "> 8D open receipt (password=*, type=2)"
    lines = trace.feed(
        "<", b"\x06" + bytes.fromhex("02 10 10 00 1E 92 02 02 05 00 A0 DD 01 C0 00 1D 08 00 20")
    )
    assert lines[0] == "< ACK"
    assert "mode=2 shift open, submode=5 printing" in lines[1]
    assert trace.feed("<", b"\x02\x02\x88\x73\xf8") == ["< 02 02 88 73 f8 (wrong checksum)"]
    assert "password=*" in decode_frame(bytes.fromhex("02 05 E0 1E 00 00 00 FB"))
    assert "change=0" in decode_frame(
        bytes.fromhex("02 10 FF 45 00 00 00 00 00 00 DC 45 00 00 B5 BC 48 11 63"), request=False
    )
    rows = {row["code"]: row for row in describe_commands()}
    assert rows["FF45"]["modes"] == "8"
    assert len(rows) == len(COMMANDS)


def test_the_name_of_cash_is_fixed_and_the_other_names_are_not(host: Host) -> None:
    assert host.error(0x1E, 5, 1, 1, b"x") == 0x7A
    assert host.error(0x1E, 5, 2, 1, b"x") == 0
