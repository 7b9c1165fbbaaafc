"""The commands of an ATOL register, declared once.

Each row says what the request and the answer carry, in which modes and states of the receipt the register takes
it, whether it prints, and whether a host may send it again when the answer was lost. The driver packs with it,
the emulator unpacks and checks with it. Some codes are families with a second byte: 91 reads a register by its
number, A4 passes a command through to the drive, 9D asks for a version.

A request is ``password (2) | code | fields``, an answer ``55 | error | fields`` but for a few rows with a `head`
of their own. Source: reference sheet, section 1.3.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fiscal.registers.atol.layouts import Layout

__all__ = ["ANY", "COMMANDS", "DONE", "FAMILIES", "MODES", "Command", "code_of", "modes"]

MODES: dict[int, str] = {
    0: "choice",
    1: "registration",
    2: "reports without clearing",
    3: "reports with clearing",
    4: "programming",
    5: "fiscal drive",
    6: "journal",
    7: "service",
}

FAMILIES = frozenset((0x91, 0xA4, 0x9D, 0xCE))
"""First bytes of codes that have a second one."""

DONE = b"\x55\x00"
"""How the usual answer to a command that was carried out begins."""


def modes(*numbers: int) -> int:
    """A set of mode numbers as a mask."""
    return sum(1 << n for n in numbers)


ANY = 0xFF
_SALE = modes(1)

FREE, CLOSED, OPEN = "any", "closed", "open"
"""What a command needs of the receipt."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: ``code`` is a byte, or two for a family."""

    code: int
    name: str
    request: Layout
    reply: Layout
    modes: int = ANY
    receipt: str = FREE
    prints: bool = False  # refused without paper
    repeatable: bool = False  # asking twice does no harm
    timeout_us: int = 0  # how long an answer may take, where the usual timeout is too short
    head: bytes = DONE  # what an answer without error begins with
    prefix: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "prefix", bytes((self.code,)) if self.code < 256 else self.code.to_bytes(2, "big")
        )

    def pack(self, *values: object) -> bytes:
        """Code and fields of a request, without the password."""
        return self.prefix + self.request.pack(*values)


def code_of(body: bytes) -> int:
    """The code a request begins with behind its password, -1 when it is cut short."""
    if not body:
        return -1
    first = body[0]
    if first not in FAMILIES:
        return first
    return first << 8 | body[1] if len(body) > 1 else -1


def _c(
    code: int,
    name: str,
    request: str = "",
    reply: str = "",
    *,
    allowed: int = ANY,
    receipt: str = FREE,
    prints: bool = False,
    again: bool = False,
    timeout_s: int = 0,
    head: bytes = DONE,
) -> Command:
    return Command(
        code,
        name,
        Layout(request),
        Layout(reply),
        allowed,
        receipt,
        prints,
        again,
        timeout_s * 1_000_000,
        head,
    )


def _read(number: int, name: str, reply: str, request: str = "rest:rest") -> Command:
    """Reading a register: one byte or two may follow its number."""
    return _c(0x9100 | number, f"read {name}", request, reply, again=True)


_CLOCK = "time:clock"
_ITEM = "flags:u8 price:money5 quantity:qty section:u8"

_ROWS: Iterable[Command] = (
    # State
    _c(
        0x3F,
        "status",
        "",
        "cashier:bcd1 number:u8 date:ymd time:hms flags:u8 serial:bcd4 model:u8 version:ascii2 mode:u8 receipt:bcd2 shift:bcd2 "
        "type:u8 sum:money5 point:u8 port:u8",
        again=True,
        head=b"\x44",
    ),
    _c(0x45, "state", "", "mode:u8 flags:u8", again=True, head=b"\x55"),
    _c(
        0xA5,
        "device",
        "",
        "protocol:u8 type:u8 model:u8 mode:u16 major:bcd1 minor:bcd1 language:bcd1 build:bcd2 name:text",
        again=True,
        head=b"\x00",
    ),
    _c(0x4D, "cash", "", "sum:money7", again=True, head=b"\x4d"),
    _c(0x58, "totals of the last shift", "", "income:money7 outcome:money7", again=True, head=b"\x55"),
    _c(
        0x9D01,
        "version of the firmware",
        "",
        "version:bcd1 subversion:bcd1 language:bcd1 build:bcd2",
        again=True,
    ),
    _c(
        0x9D03,
        "version of the loader",
        "",
        "version:bcd1 subversion:bcd1 language:bcd1 build:bcd2",
        again=True,
    ),
    _c(
        0x9D11,
        "version of the script",
        "",
        "version:bcd1 subversion:bcd1 language:bcd1 build:bcd2",
        again=True,
    ),
    _c(
        0x9D91,
        "version of the configuration",
        "",
        "version:bcd1 subversion:bcd1 language:bcd1 build:bcd2",
        again=True,
    ),
    _c(0xEF, "service", "data:rest", ""),
    _c(0xB3, "last error", "", "data:rest", again=True),
    # Modes
    _c(0x56, "enter mode", "mode:u8 password:bcd4", "", again=True),
    _c(0x48, "leave mode", again=True),
    _c(0x4B, "set time", "time:hms", allowed=modes(0, 1, 4), receipt=CLOSED),
    _c(0x64, "set date", "date:dmy", allowed=modes(0, 1, 4), receipt=CLOSED),
    _c(0xED, "set date and time", "date:dmy time:hms", receipt=CLOSED),
    # Printer
    _c(0x4C, "print line", "text:text", prints=True),
    _c(0x87, "print fields", "data:rest", prints=True),
    _c(0x6C, "print cliche", prints=True),
    _c(0x73, "print footer", prints=True),
    _c(0x95, "print a copy", prints=True, receipt=CLOSED),
    _c(0x8D, "print picture", "data:rest", prints=True),
    _c(0xC1, "print barcode", "data:rest", prints=True),
    _c(0xEE, "finish printing", prints=True, again=True),
    _c(0x75, "cut", "type:u8"),
    _c(0x47, "beep"),
    _c(0x88, "tone", "pitch:u16 length:u8"),
    _c(0x80, "open drawer"),
    _c(0x85, "drawer pulse", "data:rest"),
    # Tables
    _c(0x46, "read table", "table:u8 row:u16 field:u8", "value:rest", again=True),
    _c(0x50, "write table", "table:u8 row:u16 field:u8 value:rest", receipt=CLOSED, again=True),
    # Shift and cash
    _c(0x9A, "open shift", "flags:u8 words:text", allowed=_SALE, receipt=CLOSED, prints=True, timeout_s=120),
    _c(0x5A, "close shift", allowed=modes(3), receipt=CLOSED, prints=True, timeout_s=60),
    _c(0xA6, "registration report", allowed=modes(6), receipt=CLOSED, prints=True, timeout_s=50),
    _c(0xA7, "close the drive", allowed=modes(6), receipt=CLOSED, prints=True, timeout_s=50),
    _c(0x67, "report", "type:u8", allowed=modes(2), receipt=CLOSED, prints=True, timeout_s=30),
    _c(0x49, "cash in", "flags:u8 sum:money5", allowed=_SALE, receipt=CLOSED, prints=True),
    _c(0x4F, "cash out", "flags:u8 sum:money5", allowed=_SALE, receipt=CLOSED, prints=True),
    # Receipt
    _c(0x92, "open receipt", "flags:u8 type:u8", allowed=_SALE, receipt=CLOSED, prints=True),
    _c(0xE8, "write attribute", "print:u8 blocks:u8 number:u8 tlv:rest"),
    _c(0xE9, "read attribute", "tag:word number:u8", "blocks:u8 tlv:rest", again=True),
    _c(0xEA, "begin position", "data:bytes3", allowed=_SALE, receipt=OPEN),
    _c(
        0xEB,
        "end position",
        "flags:u8 price:money7 quantity:qty cost:money7 tax:u8 tax_sum:money7 section:u8 subject:bcd1 method:bcd1 sign:u8 "
        "discount:money7 reserved:bytes2 name:text",
        allowed=_SALE,
        receipt=OPEN,
    ),
    _c(
        0xE6,
        "position",
        "flags:u8 name:text64 price:money6 quantity:qty type:u8 sign:u8 discount:money6 tax:u8 section:u8 reserved:bytes17",
        allowed=_SALE,
        receipt=OPEN,
    ),
    _c(0x52, "registration", _ITEM, allowed=_SALE, receipt=OPEN),
    _c(0x57, "registration of a return", _ITEM, allowed=_SALE, receipt=OPEN),
    _c(0x43, "discount", "flags:u8 area:u8 kind:u8 sign:u8 sum:money5", allowed=_SALE, receipt=OPEN),
    _c(0xB8, "tax of the receipt", "flags:u8 reserved:u8 tax:u8 sum:money5", allowed=_SALE, receipt=OPEN),
    _c(
        0x99,
        "payment",
        "flags:u8 type:u8 sum:money5",
        "extended:u8 rest:money5 change:money5",
        allowed=_SALE,
        receipt=OPEN,
    ),
    _c(
        0x9B,
        "payment taken back",
        "flags:u8 type:u8 sum:money5",
        "extended:u8 rest:money5 change:money5",
        allowed=_SALE,
        receipt=OPEN,
    ),
    _c(
        0x4A,
        "close receipt",
        "flags:u8 type:u8 sum:money5",
        allowed=_SALE,
        receipt=OPEN,
        prints=True,
        timeout_s=20,
    ),
    _c(0x59, "annul receipt"),
    # Registers
    _read(0x03, "payments of the shift", "sum:money6", "type:u8 slot:u8"),
    _read(0x04, "sum of cash in", "sum:money6"),
    _read(0x05, "sum of cash out", "sum:money6"),
    _read(0x06, "receipts of the shift", "count:bcd2", "type:u8"),
    _read(0x08, "count of cash in", "count:bcd2"),
    _read(0x09, "count of cash out", "count:bcd2"),
    _read(0x0A, "drawer", "sum:money7"),
    _read(0x0C, "sum of the shift by type", "sum:money7"),
    _read(0x0D, "cumulative total", "sum:money7"),
    _read(0x28, "cumulative total by type", "sum:money7"),
    _read(0x38, "cumulative payments", "sum:money7", "type:u8 slot:u8"),
    _read(0x41, "count of the shift by type", "count:bcd5"),
    _read(0x11, "clock", _CLOCK),
    _read(0x12, "shift", "state:u8 until:clock"),
    _read(0x13, "receipt", "mode:u8 type:u8 number:bcd2 sum:money5 reserved:u8"),
    _read(0x14, "sums of the receipt", "sum:money5 rest:money5 change:money5"),
    _read(0x15, "last closed shift", "shift:bcd2"),
    _read(0x16, "serial number", "serial:bcd7"),
    _read(0x18, "line width", "width:bcd1 extra:rest"),
    _read(0x1A, "registrations of the drive", "done:u8 left:u8 until:minute extra:rest"),
    _read(0x2B, "exchange with the operator", "data:rest"),
    _read(0x2C, "documents not sent", "count:bcd3"),
    _read(0x34, "last document", "document:bcd5 time:minute sign:bcd5"),
    _read(0x35, "receipt and shift", "receipt:bcd3 shift:bcd3"),
    _read(0x36, "versions of the format", "device:u8 drive:u8 extra:rest"),
    _read(0x37, "last error", "command:bytes2 extended:u16 extra:rest"),
    _read(0x3B, "state of the document", "printed:u8 extra:u8 more:rest"),
    _read(0x3D, "tax of the receipt", "sum:money7"),
    # Drive
    _c(0xA410, "drive: shift", "", "open:u8 shift:word receipt:word", again=True),
    _c(0xA420, "drive: exchange", "", "state:u8 reading:u8 unsent:word first:long time:moment", again=True),
    _c(0xA422, "drive: begin reading the message", "", "size:word block:u8", again=True),
    _c(0xA423, "drive: block of the message", "offset:word count:u8", "data:rest", again=True),
    _c(0xA426, "drive: operator's answer", "data:rest", "document:long"),
    _c(
        0xA430,
        "drive: status",
        "",
        "phase:u8 current:u8 data:u8 shift:u8 warnings:u8 time:moment drive:ascii16 last:long",
        again=True,
    ),
    _c(0xA431, "drive: number", "", "drive:ascii16", again=True),
    _c(0xA432, "drive: validity", "", "date:day left:u8 made:u8", again=True),
    _c(0xA433, "drive: version", "", "version:ascii16 type:u8", again=True),
    _c(0xA440, "drive: find document", "document:long", "form:u8 confirmed:u8 record:rest", again=True),
    _c(0xA441, "drive: confirmation", "document:long", "data:rest", again=True),
    _c(0xA442, "drive: unconfirmed documents", "", "count:word", again=True),
    _c(
        0xA443,
        "drive: registration",
        "number:rest",
        "time:moment inn:ascii12 rnm:ascii20 taxation:u8 mode:u8 rest:rest",
        again=True,
    ),
    # Marking codes (FFD 1.2): passed through to the drive under the numbers its commands have. No exchange was ever
    # published, so what they carry is *assumed*: the same as on registers of the other make.
    _c(
        0xA4B1,
        "drive: check marking code",
        "planned:u8 processing:u8 length:u8 size:u8 code:rest",
        "local:u8 reason:u8 kind:u8 extra:rest",
        again=True,
        timeout_s=40,
    ),
    _c(0xA4B2, "drive: keep or drop marking code", "keep:u8", "result:u8", again=True),
    _c(
        0xA4B7,
        "drive: marking status",
        "",
        "check:u8 kept:u8 bound:u8 fill:u8 queue:word number:long",
        again=True,
    ),
    _c(0xA445, "drive: open document", "document:long", "form:word size:word", again=True),
    _c(0xA446, "drive: next block of the document", "", "data:rest"),
)

COMMANDS: dict[int, Command] = {command.code: command for command in _ROWS}
"""Every command this make of driver and emulator knows, by code."""
