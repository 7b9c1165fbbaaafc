"""Commands of an emulated Shtrih-M register that make no document: state, tables, registers, clock, link and printer.

Source: reference sheet, sections 2.1 to 2.4 and 3.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fiscal.emulators.shtrih_dispatch import CommandError, handles, operator_only, reply
from fiscal.emulators.shtrih_tables import TABLES
from fiscal.registers.shtrih.clock import date_and_time, seconds
from fiscal.registers.shtrih.errors import error
from fiscal.registers.shtrih.layouts import encode_text

if TYPE_CHECKING:
    from fiscal.emulators.shtrih import ShtrihRegister as Register

NO_TABLE = 0x5D
BAD_VALUE = 0x33
BAD_SUBMODE = 0x72
DATES_DIFFER = 0x7C
WRONG_MODE = 0x73
NOTHING_TO_REPEAT = 0x56
UNKNOWN_COMMAND = 0x37

_status = reply(0x10)
_full_status = reply(0x11)
_metrics = reply(0xFC)
_long_serial = reply(0x0F)
_link = reply(0x15)
_header = reply(0x18)
_font = reply(0x26)
_money = reply(0x1A)
_operation = reply(0x1B)
_table = reply(0x2D)
_field = reply(0x2E)

_RESERVED = b"\x75\x08\x00"
_NO_SERIAL = 0xFFFFFFFF
_NO_INN = (1 << 48) - 1
_BATTERY, _POWER = 0x9F, 0xF8  # about 3.1 V and 27.6 V

_MODEL_FLAGS = sum(
    1 << bit
    for bit in (3, 4, 6, 13, 24, 25, 36, 43, 45, 46, 47, 48, 50)
    # paper sensor, cover, lever, cutter, leading zeros, 6Bh, drive, tags printed, QR, FFD 1.1, corrections as receipts, dated answers
)
_COLUMNS = {576: (12, 24, 8), 384: (12, 25, 6)}


# ---- state ------------------------------------------------------------------------------------------------------------------------


@handles(0x10)
def short_status(register: Register) -> bytes:
    receipt = register.receipt
    count = len(receipt.lines) if receipt is not None else 0
    return _status(
        register.operator,
        register.flags,
        register.mode,
        register.submode,
        count & 0xFF,
        _BATTERY,
        _POWER,
        0,
        0,
        count >> 8,
        _RESERVED,
    )


@handles(0x11)
def full_status(register: Register) -> bytes:
    drive = register.drive
    registration = drive.registration
    day, time = date_and_time(register.now_s)
    digits = registration.register_serial if registration is not None else ""
    done = drive.expiry().registrations_done
    return _full_status(
        register.operator,
        "C1",
        34_378,
        (13, 1, 17),
        register.tables.number((1, 1, 1)),
        register.counters.document,
        register.flags,
        register.mode,
        register.submode,
        0,
        "NA",
        0,
        (1, 1, 10),
        day,
        time,
        0,
        int(digits) & 0xFFFFFFFF if digits.isdigit() else _NO_SERIAL,
        drive.shift - drive.shift_open,
        0,
        done,
        drive.expiry().registrations_left,
        int(registration.inn) if registration is not None else _NO_INN,
    )


@handles(0xFC)
def metrics(register: Register) -> bytes:
    device = register.device
    return _metrics(0, 0, 1, 14, device.model_id, 0, device.model)


@handles(0xF7)
def model_parameters(register: Register, kind: int) -> bytes:
    if kind != 1:
        raise CommandError(BAD_VALUE)
    width, _, _ = _COLUMNS.get(register.device.paper_dots, _COLUMNS[384])
    return (
        (_MODEL_FLAGS | register.link_flags).to_bytes(8, "little")
        + bytes((width, width * 2, 1, 12, 16, 20, 14))
        + (0).to_bytes(4, "little")  # the inspector's default password
        + (30).to_bytes(4, "little")
        + bytes((0, 14))
        + (255).to_bytes(2, "little")
        + bytes((register.device.paper_dots // 8, 64))
        + (950).to_bytes(2, "little")
        + bytes(
            (18, 19, 24, 17, 17, 25)
        )  # tables: drive, operator, vending, format and its field, registration
    )


@handles(0x6B)
def error_text(register: Register, code: int | None) -> bytes:
    code = register.last_error if code is None else code
    return encode_text(error(code).meaning if code else "no error")


@handles(0x0F)
def long_serial(register: Register) -> bytes:
    registration = register.drive.registration
    if registration is None:
        return _long_serial((1 << 56) - 1, (1 << 56) - 1)
    digits = registration.register_serial
    return _long_serial(int(digits) if digits.isdigit() else 0, int(registration.rnm) & ((1 << 56) - 1))


@handles(0xFE)
def service(register: Register, kind: int, data: bytes) -> bytes:
    if kind == 0xF3:  # restart: what was begun is forgotten, the drive is not
        register.output = register.new_date = None
        return b""
    if kind == 0xF4 and data and data[0] <= 5:
        return b"".join(kop.to_bytes(8, "little") for kop in register.counters.totals(data[0]))
    raise CommandError(UNKNOWN_COMMAND)


# ---- registers and tables ---------------------------------------------------------------------------------------------------------


@handles(0x1A)
def money_register(register: Register, number: int, high: int | None) -> bytes:
    value = register.counters.money(number | (high or 0) << 8, register.receipt)
    if value is None:
        raise CommandError(BAD_VALUE)
    return _money(register.operator, max(value, 0))


@handles(0x1B)
def operation_register(register: Register, number: int) -> bytes:
    return _operation(register.operator, register.counters.operation(number, register.receipt))


@handles(0x1E)
def write_table(register: Register, table: int, row: int, field: int, value: bytes) -> bytes:
    register.tables.write(table, row, field, value, shift_open=register.drive.shift_open)
    if table in (2, 18):
        register.settings_changed()
    return b""


@handles(0x1F)
def read_table(register: Register, table: int, row: int, field: int) -> bytes:
    return register.tables.read(table, row, field)


@handles(0x2D)
def table_structure(register: Register, table: int) -> bytes:
    declared = TABLES.get(table)
    if declared is None:
        raise CommandError(NO_TABLE)
    return _padded(declared.name) + declared.rows.to_bytes(2, "little") + bytes((declared.fields,))


@handles(0x2E)
def field_structure(register: Register, table: int, field: int) -> bytes:
    setting = register.tables.setting(table, 1, field)
    low, high = setting.limits
    limits = (
        b"" if setting.text else low.to_bytes(setting.size, "little") + high.to_bytes(setting.size, "little")
    )
    return _padded(setting.name) + bytes((setting.text, setting.size)) + limits


def _padded(name: str) -> bytes:
    return encode_text(name)[:40].ljust(40, b"\0")


@handles(0x24)
def initialise_tables(register: Register) -> bytes:
    register.tables.clear()
    register.settings_changed()
    return b""


@handles(0x27)
def general_reset(register: Register) -> bytes:
    register.counters.close_shift(keep_drawer=False)
    return b""


# ---- clock ------------------------------------------------------------------------------------------------------------------------


def _check_time(day: tuple[int, int, int], time: tuple[int, int, int]) -> int:
    time_s = seconds(day, time)
    if not time_s:
        raise CommandError(BAD_VALUE)
    return time_s


@handles(0x21)
def set_time(register: Register, time: tuple[int, int, int]) -> bytes:
    day, _ = date_and_time(register.now_s)
    register.set_clock(_check_time(day, time), register.now_us)
    return b""


@handles(0x22)
def set_date(register: Register, day: tuple[int, int, int]) -> bytes:
    _check_time(day, (0, 0, 0))
    register.new_date = day
    return b""


@handles(0x23)
def confirm_date(register: Register, day: tuple[int, int, int]) -> bytes:
    if day != register.new_date:
        raise CommandError(DATES_DIFFER)
    at = datetime.fromtimestamp(register.now_s, UTC)
    register.set_clock(_check_time(day, (at.hour, at.minute, at.second)), register.now_us)
    register.new_date = None
    return b""


# ---- link and printer -------------------------------------------------------------------------------------------------------------


@handles(0x13)
def beep(register: Register) -> bytes:
    return operator_only(register)


@handles(0x14)
def set_link(register: Register, port: int, baud: int, timeout: int) -> bytes:
    if baud > 9:
        raise CommandError(BAD_VALUE)
    register.baud_code, register.timeout_code = baud, timeout
    register.set_byte_timeout(_timeout_us(timeout))
    return b""


def _timeout_us(code: int) -> int:
    if code <= 150:
        return max(code, 1) * 1000
    return (code - 149) * 150_000 if code < 250 else (code - 248) * 15_000_000


@handles(0x15)
def link_parameters(register: Register, port: int) -> bytes:
    return _link(register.baud_code, register.timeout_code)


@handles(0x16)
def technical_reset(register: Register) -> bytes:
    register.tables.clear()
    register.settings_changed()
    return b""


@handles(0x17, 0x12)
def print_string(register: Register, flags: int, text: str) -> bytes:
    register.print_lines(1)
    return operator_only(register)


@handles(0x2F)
def print_with_font(register: Register, flags: int, font: int, text: str) -> bytes:
    register.print_lines(1)
    return operator_only(register)


@handles(0x18)
def print_document_header(register: Register, title: str, number: int) -> bytes:
    register.print_lines(4)
    return _header(register.operator, register.counters.next_document())


@handles(0x19)
def test_run(register: Register, period: int) -> bytes:
    register.print_lines(register.device.report_lines)
    return operator_only(register)


@handles(0x2B)
def stop_test_run(register: Register) -> bytes:
    return operator_only(register)


@handles(0x25)
def cut(register: Register, kind: int) -> bytes:
    register.print_lines(0)
    return operator_only(register)


@handles(0x28)
def open_drawer(register: Register, drawer: int) -> bytes:
    return operator_only(register)


@handles(0x29)
def feed(register: Register, flags: int, lines: int) -> bytes:
    register.print_lines(lines)
    return operator_only(register)


@handles(0x26)
def font(register: Register, number: int) -> bytes:
    width, height, fonts = _COLUMNS.get(register.device.paper_dots, _COLUMNS[384])
    if not 1 <= number <= fonts:
        raise CommandError(BAD_VALUE)
    return _font(register.device.paper_dots, width, height, fonts)


@handles(0x52)
def print_header(register: Register) -> bytes:
    register.print_lines(4)
    return operator_only(register)


@handles(0x53)
def end_of_document(register: Register, flag: int) -> bytes:
    register.print_lines(4)
    return operator_only(register)


@handles(0xB0)
def continue_printing(register: Register) -> bytes:
    if not register.continue_printing():
        raise CommandError(BAD_SUBMODE)
    return operator_only(register)


@handles(0x8C)
def repeat_document(register: Register) -> bytes:
    if not register.drive.receipts_in_shift:
        raise CommandError(NOTHING_TO_REPEAT)
    register.print_lines(register.device.receipt_lines)
    return operator_only(register)
