"""State, modes, tables, clock and printer of an emulated ATOL register. Source: reference sheet, section 1.3."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fiscal.emulators.atol_dispatch import CommandError, handles, nothing, reply

if TYPE_CHECKING:
    from fiscal.emulators.atol import AtolRegister as Register

BAD_MODE = 0x66
BAD_TIME = 0x95
SHIFT_OPEN = 0x9C
WRONG_PASSWORD = 0x8C
RECEIPT_OPEN = 0x9B

ADMIN, SYSTEM = 29, 30
PASSWORDS: dict[int, frozenset[int]] = {
    1: frozenset(range(1, 31)),
    2: frozenset((ADMIN, SYSTEM)),
    3: frozenset((ADMIN, SYSTEM)),
    4: frozenset((SYSTEM,)),
    5: frozenset((SYSTEM,)),
    6: frozenset((ADMIN, SYSTEM)),
    7: frozenset((SYSTEM,)),
}
"""Which passwords open a mode: cashiers 1 to 28, administrators 29 and 30."""

FIRMWARE = (5, 0, 0, 8036)
CONFIGURATION = (5, 80, 0, 8036)
LINE_MM = 3

_status = reply(0x3F)
_device = reply(0xA5)
_version = reply(0x9D01)
_cash = reply(0x4D)
_state = reply(0x45)


def serial_of(register: Register) -> int:
    """The serial number as a number: the digits it is registered with."""
    registration = register.drive.registration
    digits = "".join(c for c in registration.register_serial if c.isdigit()) if registration else ""
    return int(digits or "0")


@handles(0x3F)
def status(register: Register) -> bytes:
    drive = register.drive
    at = datetime.fromtimestamp(register.now_s, UTC)
    receipt = register.receipt
    return _status(
        SYSTEM,
        1,
        (at.year % 100, at.month, at.day),
        (at.hour, at.minute, at.second),
        register.flags,
        serial_of(register) % 100_000_000,
        register.device.model_id,
        "50",
        register.mode_byte,
        drive.receipts_in_shift % 10_000,
        (drive.shift - drive.shift_open) % 10_000,
        receipt.kind if receipt is not None else 0,
        receipt.total_kop if receipt is not None else 0,
        2,
        5,
    )


@handles(0x45)
def state(register: Register) -> bytes:
    return _state(register.mode_byte, 0 if register.paper or not register.prints else 1)


@handles(0xA5)
def device(register: Register) -> bytes:
    profile = register.device
    return _device(1, 1, profile.model_id, 0, *FIRMWARE, profile.model)


@handles(0x9D01, 0x9D03, 0x9D11)
def firmware(register: Register) -> bytes:
    return _version(*FIRMWARE)


@handles(0x9D91)
def configuration(register: Register) -> bytes:
    return _version(*CONFIGURATION)


@handles(0xB3)
def last_error(register: Register) -> bytes:
    return register.last_command + register.last_extended.to_bytes(2, "big")


@handles(0x4D)
def cash(register: Register) -> bytes:
    return _cash(register.drawer.sum_kop)


# ---- modes ------------------------------------------------------------------------------------------------------------------------


@handles(0x56)
def enter_mode(register: Register, mode: int, password: int) -> bytes:
    allowed = PASSWORDS.get(mode)
    if allowed is None:
        raise CommandError(BAD_MODE)
    if password not in allowed:
        raise CommandError(WRONG_PASSWORD)
    if register.mode not in (0, mode) or (register.receipt is not None and mode != 1):
        raise CommandError(BAD_MODE)
    register.mode = mode
    return b""


@handles(0x48)
def leave_mode(register: Register) -> bytes:
    if register.receipt is not None:
        raise CommandError(RECEIPT_OPEN)
    register.mode = 0
    return b""


# ---- tables and clock -------------------------------------------------------------------------------------------------------------


@handles(0x46)
def read_table(register: Register, table: int, row: int, field: int) -> bytes:
    value = register.tables.read(table, row, field)
    if isinstance(value, int):
        raise CommandError(value)
    return value


@handles(0x50)
def write_table(register: Register, table: int, row: int, field: int, value: bytes) -> bytes:
    wrong = register.tables.write(table, row, field, value)
    if wrong:
        raise CommandError(wrong)
    register.settings_changed()
    return b""


def _set(register: Register, **parts: int) -> None:
    if register.drive.shift_open:
        raise CommandError(SHIFT_OPEN)
    try:
        wanted = datetime.fromtimestamp(register.now_s, UTC).replace(**parts)  # type: ignore[arg-type]
    except ValueError:
        raise CommandError(BAD_TIME) from None
    register.set_clock(int(wanted.timestamp()), register.now_us)


@handles(0x4B)
def set_time(register: Register, time: tuple[int, int, int]) -> bytes:
    _set(register, hour=time[0], minute=time[1], second=time[2])
    return b""


@handles(0x64)
def set_date(register: Register, day: tuple[int, int, int]) -> bytes:
    _set(register, day=day[0], month=day[1], year=2000 + day[2])
    return b""


@handles(0xED)
def set_date_and_time(register: Register, day: tuple[int, int, int], time: tuple[int, int, int]) -> bytes:
    """In any mode, as the vendor's driver expects it."""
    _set(register, day=day[0], month=day[1], year=2000 + day[2], hour=time[0], minute=time[1], second=time[2])
    return b""


# ---- printer ----------------------------------------------------------------------------------------------------------------------


@handles(0x4C)
def print_line(register: Register, words: str) -> bytes:
    register.print_lines(1)
    return b""


@handles(0x87, 0x6C, 0x73, 0x95, 0x8D, 0xC1)
def print_something(register: Register, data: bytes = b"") -> bytes:
    register.print_lines(4)
    return b""


@handles(0xEE)
def finish_printing(register: Register) -> bytes:
    if register.not_printed:
        register.not_printed = False
        register.print_lines(register.device.receipt_lines)
    return b""


handles(0x47, 0x75, 0x80, 0x85, 0x88)(nothing)
