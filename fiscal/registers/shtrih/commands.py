"""The commands of a Shtrih-M register, declared once.

Each row says what the request and the reply carry, in which modes the register takes it, whether it prints, and whether a host may
send it again when the answer was lost. The driver packs with it, the emulator unpacks and checks with it, the trace and the
documentation read their names from it. Every request begins with a four-byte password unless said otherwise; every reply begins with
the command code and an error byte. Source: reference sheet, sections 2 and 3.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fiscal.registers.shtrih.layouts import Layout

__all__ = ["ANY", "COMMANDS", "MODES", "SUBMODES", "Command", "code_of", "modes"]

MODES: dict[int, str] = {
    0: "working",
    1: "data output",
    2: "shift open",
    3: "shift open for more than 24 hours",
    4: "shift closed",
    5: "locked by a wrong inspector password",
    6: "waiting for the date to be confirmed",
    7: "decimal point may be moved",
    8: "document open",
    9: "technical reset allowed",
    10: "test run",
    11: "printing a full fiscal report",
    12: "printing a journal report",
    13: "slip document",
    14: "slip printing",
    15: "slip ready",
}

SUBMODES: dict[int, str] = {
    0: "paper present, idle",
    1: "no paper",
    2: "ran out of paper while printing",
    3: "paper is back, waits for the continue command",
    4: "printing a long report",
    5: "printing",
}


def modes(*numbers: int) -> int:
    """A set of mode numbers as a mask."""
    return sum(1 << n for n in numbers)


ANY = (1 << 16) - 1
_NOT_OUTPUT = ANY & ~modes(1)
_CLOSED = modes(4)
_SETUP = modes(4, 7, 9)
_SHIFT = modes(2, 3)
_CASH = modes(2, 3, 4, 7, 9)
_OPENING = modes(2, 4, 7, 9)
_SELLING = modes(2, 4, 7, 8, 9)
_RECEIPT = modes(8)


@dataclass(frozen=True, slots=True)
class Command:
    """One command: ``code`` is a byte, or ``FFxx`` for the two-byte family."""

    code: int
    name: str
    request: Layout
    reply: Layout
    modes: int = ANY
    prints: bool = False  # refused while the printer is busy or without paper
    password: bool = True
    rights: int = 1  # lowest row of the password table that may use it
    repeatable: bool = False  # asking twice does no harm
    timeout_us: int = 0  # how long an answer may take, where the usual timeout is too short
    prefix: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "prefix", bytes((self.code,)) if self.code < 256 else self.code.to_bytes(2, "big")
        )

    def pack(self, *values: object) -> bytes:
        """The payload of a request."""
        return self.prefix + self.request.pack(*values)


def code_of(payload: bytes) -> int:
    """The command code a payload begins with, -1 when it is cut short."""
    if not payload:
        return -1
    first = payload[0]
    if first != 0xFF:
        return first
    return 0xFF00 | payload[1] if len(payload) > 1 else -1


def _c(
    code: int,
    name: str,
    request: str = "",
    reply: str = "",
    *,
    allowed: int = ANY,
    prints: bool = False,
    password: bool = True,
    rights: int = 1,
    again: bool = False,
    timeout_s: int = 0,
) -> Command:
    words = f"password:u32 {request}" if password else request
    return Command(
        code,
        name,
        Layout(words),
        Layout(reply),
        allowed,
        prints,
        password,
        rights,
        again,
        timeout_s * 1_000_000,
    )


_ITEM = "quantity:qty3 price:money department:u8 tax1:u8 tax2:u8 tax3:u8 tax4:u8 text:text"
_DISCOUNT = "sum:money tax1:u8 tax2:u8 tax3:u8 tax4:u8 text:text"
_OP = "operator:u8"
_DOCUMENT = "document:u32 sign:u32 moment:moment?"
_SHIFT_DOCUMENT = "shift:u16 document:u32 sign:u32 moment:moment?"
_REGISTRATION = "inn:ascii12 rnm:ascii20 taxation:u8 mode:u8"

_ROWS: Iterable[Command] = (
    # State
    _c(
        0x10,
        "short status",
        "",
        "operator:u8 flags:u16 mode:u8 submode:u8 operations:u8 battery:u8 power:u8 storage_error:u8 journal_error:u8 "
        "operations_high:u8 reserved:bytes3 last_print:u8?",
        again=True,
    ),
    _c(
        0x11,
        "full status",
        "",
        "operator:u8 version:version build:u16 version_date:date shop_number:u8 document:u16 flags:u16 mode:u8 submode:u8 "
        "port:u8 storage_version:version storage_build:u16 storage_date:date date:date time:time storage_flags:u8 serial:u32 "
        "last_shift:u16 free_records:u16 registrations:u8 registrations_left:u8 inn:inn storage_flags_high:u8? "
        "storage_mode:u8?",
        again=True,
    ),
    _c(
        0xFC,
        "device metrics",
        "",
        "type:u8 subtype:u8 protocol:u8 subprotocol:u8 model:u8 language:u8 name:text",
        password=False,
        again=True,
    ),
    _c(0xF7, "model parameters", "kind:u8", "parameters:rest", password=False, again=True),
    _c(0x6B, "error text", "code:u8?", "text:text", password=False, again=True),
    _c(0x0F, "long serial and registration numbers", "", "serial:serial7 registration:serial7", again=True),
    _c(0xFE, "service", "kind:u8 data:rest", "data:rest", password=False),
    # Service
    _c(0x13, "beep", "", _OP),
    _c(0x14, "set link parameters", "port:u8 baud:u8 timeout:u8", rights=30),
    _c(0x15, "link parameters", "port:u8", "baud:u8 timeout:u8", rights=30, again=True),
    _c(0x16, "technical reset", password=False, allowed=modes(9)),
    _c(0x12, "print bold string", "flags:u8 text:text", _OP, prints=True),
    _c(0x17, "print string", "flags:u8 text:text", _OP, prints=True),
    _c(0x2F, "print string with font", "flags:u8 font:u8 text:text", _OP, prints=True),
    _c(
        0x18,
        "print document header",
        "title:text30 number:u16",
        "operator:u8 document:u16",
        allowed=_CASH,
        prints=True,
    ),
    _c(0x19, "test run", "period:u8", _OP, allowed=_CASH, prints=True),
    _c(0x2B, "stop test run", "", _OP),
    _c(0x25, "cut", "type:u8", _OP, allowed=ANY & ~_RECEIPT, prints=True),
    _c(0x28, "open drawer", "drawer:u8", _OP),
    _c(0x29, "feed", "flags:u8 lines:u8", _OP, allowed=ANY & ~_RECEIPT, prints=True),
    _c(
        0x26,
        "font parameters",
        "font:u8",
        "width:u16 char_width:u8 char_height:u8 fonts:u8",
        rights=30,
        again=True,
    ),
    _c(0x52, "print header", "", _OP, prints=True),
    _c(0x53, "end of document", "flag:u8", _OP, prints=True),
    _c(0xB0, "continue printing", "", _OP),
    _c(0x8C, "repeat document", "", _OP, allowed=_SHIFT, prints=True),
    # Registers and tables
    _c(0x1A, "money register", "number:u8 high:u8?", "operator:u8 value:total", again=True),
    _c(0x1B, "operation register", "number:u8", "operator:u8 value:u16", again=True),
    _c(0x1E, "write table", "table:u8 row:u16 field:u8 value:rest", rights=30, allowed=ANY & ~modes(1, 8)),
    _c(0x1F, "read table", "table:u8 row:u16 field:u8", "value:rest", rights=30, again=True),
    _c(0x2D, "table structure", "table:u8", "name:text40 rows:u16 fields:u8", rights=30, again=True),
    _c(
        0x2E,
        "field structure",
        "table:u8 field:u8",
        "name:text40 type:u8 size:u8 limits:rest",
        rights=30,
        again=True,
    ),
    _c(0x24, "initialise tables", rights=30, allowed=_CLOSED),
    _c(0x27, "general reset", rights=30, allowed=_CLOSED),
    # Clock
    _c(0x21, "set time", "time:time", rights=30, allowed=_SETUP),
    _c(0x22, "set date", "date:date", rights=30, allowed=_SETUP),
    _c(0x23, "confirm date", "date:date", rights=30, allowed=modes(6)),
    # Shift and cash
    _c(0x40, "X report", "", _OP, rights=29, allowed=_CASH, prints=True, timeout_s=30),
    _c(0x41, "Z report", "", _OP, rights=29, allowed=_SHIFT, prints=True, timeout_s=65),
    _c(0x42, "department report", "", _OP, rights=29, allowed=_CASH, prints=True, timeout_s=30),
    _c(0x43, "tax report", "", _OP, rights=29, allowed=_CASH, prints=True, timeout_s=30),
    _c(0x50, "cash in", "sum:money", "operator:u8 document:u16", allowed=_CASH, prints=True),
    _c(0x51, "cash out", "sum:money", "operator:u8 document:u16", allowed=_CASH, prints=True),
    _c(0xE0, "open shift", "", _OP, allowed=_CLOSED, prints=True, timeout_s=120),
    # Receipt
    _c(0x80, "sale", _ITEM, _OP, allowed=_SELLING),
    _c(0x81, "purchase", _ITEM, _OP, allowed=_SELLING),
    _c(0x82, "sale return", _ITEM, _OP, allowed=_SELLING),
    _c(0x83, "purchase return", _ITEM, _OP, allowed=_SELLING),
    _c(0x84, "storno", _ITEM, _OP, allowed=_RECEIPT),
    _c(
        0x85,
        "close receipt",
        "cash:money type2:money type3:money type4:money discount:s16 tax1:u8 tax2:u8 tax3:u8 tax4:u8 text:text",
        "operator:u8 change:money",
        allowed=_RECEIPT,
        prints=True,
    ),
    _c(0x86, "discount", _DISCOUNT, _OP, allowed=_RECEIPT),
    _c(0x87, "surcharge", _DISCOUNT, _OP, allowed=_RECEIPT),
    _c(0x88, "cancel receipt", "", _OP, allowed=_RECEIPT),
    _c(0x89, "subtotal", "", "operator:u8 sum:money", allowed=_RECEIPT, again=True),
    _c(0x8D, "open receipt", "type:u8", _OP, allowed=_OPENING, prints=True),
    _c(
        0xFF46,
        "operation v2",
        "type:u8 quantity:qty6 price:money sum:money tax_sum:money tax:u8 department:u8 method:u8 subject:u8 name:text",
        allowed=_RECEIPT,
    ),
    _c(
        0xFF0D,
        "operation",
        "type:u8 quantity:qty3 price:money discount:money surcharge:money department:u8 tax:u8 barcode:money text:text",
        allowed=_SELLING,
    ),
    _c(
        0xFF45,
        "close receipt v2",
        "payments:money16 rounding:u8 taxes:money6 taxation:u8 text:text",
        "change:money document:u32 sign:u32 moment:moment?",
        allowed=_RECEIPT,
        prints=True,
        timeout_s=15,
    ),
    _c(0xFF4B, "receipt discount", "discount:money surcharge:money tax:u8 text:text", allowed=_RECEIPT),
    _c(0xFF0C, "send tags of the document", "tags:tlv"),
    _c(0xFF4D, "send tags of the operation", "tags:tlv", allowed=_RECEIPT),
    _c(0xFF64, "send tags from the buffer"),
    _c(0xFF35, "begin correction", allowed=_OPENING),
    _c(
        0xFF36,
        "make correction",
        "total:money type:u8",
        "receipt:u16 document:u32 sign:u32 moment:moment?",
        allowed=_OPENING,
        prints=True,
        timeout_s=15,
    ),
    _c(
        0xFF4A,
        "make correction v2",
        "reason:u8 type:u8 total:money cash:money electronic:money prepaid:money credit:money provision:money taxes:money6 "
        "taxation:u8",
        "receipt:u16 document:u32 sign:u32 moment:moment?",
        allowed=_OPENING,
        prints=True,
        timeout_s=15,
    ),
    # Fiscal drive
    _c(
        0xFF01,
        "drive status",
        "",
        "phase:u8 current:u8 data:u8 shift:u8 warnings:u8 moment:moment drive:ascii16 last_document:u32",
        again=True,
    ),
    _c(0xFF02, "drive number", "", "drive:ascii16", again=True),
    _c(0xFF03, "drive expiry", "", "date:fndate left:u8? done:u8?", again=True),
    _c(0xFF04, "drive version", "", "version:ascii16 type:u8", again=True),
    _c(0xFF05, "begin registration", "type:u8", allowed=_CLOSED),
    _c(0xFF06, "registration report", _REGISTRATION, _DOCUMENT, allowed=_CLOSED, prints=True),
    _c(
        0xFF34,
        "re-registration report",
        _REGISTRATION + " reason:u8",
        _DOCUMENT,
        allowed=_CLOSED,
        prints=True,
    ),
    _c(0xFF07, "reset debug drive", "code:u8", rights=30, allowed=_CLOSED),
    _c(0xFF08, "cancel drive document", allowed=_RECEIPT | _OPENING),
    _c(
        0xFF09,
        "registration totals",
        "",
        "moment:moment inn:ascii12 rnm:ascii20 taxation:u8 mode:u8 document:u32 sign:u32 registered:moment?",
        again=True,
    ),
    _c(
        0xFF0A,
        "find document",
        "document:u32",
        "type:u8 confirmed:u8 moment:moment document:u32 sign:u32 tail:rest",
        again=True,
    ),
    _c(0xFF0B, "open shift in the drive", "", _SHIFT_DOCUMENT, allowed=_CLOSED, prints=True, timeout_s=120),
    _c(0xFF0E, "registration tag", "number:u8 tag:u16", "tlv:rest", again=True),
    _c(0xFF60, "registration tag (old)", "number:u8 tag:u16", "tlv:rest", again=True),
    _c(0xFF30, "operator buffer", "", "size:u16 block:u8", again=True),
    _c(0xFF31, "read operator buffer", "offset:u16 count:u8", "data:rest", again=True),
    _c(0xFF32, "begin operator answer", "size:u16", "block:u8"),
    _c(0xFF33, "write operator answer", "offset:u16 count:u8 data:rest"),
    _c(0xFF37, "begin state report", allowed=_CLOSED),
    _c(
        0xFF38,
        "state report",
        "",
        "document:u32 sign:u32 unconfirmed:u32 first:fndate moment:moment?",
        allowed=_CLOSED,
        prints=True,
    ),
    _c(0xFF39, "exchange status", "", "flags:u8 reading:u8 queue:u16 first:u32 moment:moment", again=True),
    _c(0xFF3A, "select document", "document:u32", "type:u16 size:u16", again=True),
    _c(0xFF3B, "next block of the document", "", "data:rest"),
    _c(
        0xFF3C, "operator confirmation", "document:u32", "moment:moment sign:bytes18 document:u32", again=True
    ),
    _c(0xFF3D, "begin closing the drive", allowed=_CLOSED),
    _c(0xFF3E, "close the drive", "", _DOCUMENT, allowed=_CLOSED, prints=True),
    _c(0xFF3F, "count of unconfirmed documents", "", "count:u16", again=True),
    _c(0xFF40, "shift parameters", "", "open:u8 shift:u16 receipt:u16", again=True),
    _c(0xFF41, "begin opening the shift", allowed=_CLOSED),
    _c(0xFF42, "begin closing the shift", allowed=_SHIFT),
    _c(0xFF43, "close shift in the drive", "", _SHIFT_DOCUMENT, allowed=_SHIFT, prints=True, timeout_s=65),
    # Marking codes (FFD 1.2). A check may be asked for twice: it forgets the one before.
    _c(
        0xFF61,
        "check marking code",
        "planned:u8 processing:u8 length:u8 size:u8 code:rest",
        "local:u8 reason:u8 kind:u8 extra:rest",
        again=True,
        timeout_s=40,
    ),
    _c(0xFF69, "keep or drop marking code", "keep:u8", "result:u8", again=True),
    _c(
        0xFF67,
        "bind marking code",
        "length:u8 code:rest",
        "prefix:u16 form:u8 extra:rest",
        allowed=_RECEIPT,
        timeout_s=40,
    ),
    _c(
        0xFF68,
        "exchange of notifications",
        "",
        "state:u8 queue:u16 number:u32 date:date time:bytes2 fill:u8",
        again=True,
    ),
    _c(
        0xFF70,
        "marking status",
        "",
        "check:u8 notices:u8 flags:u8 kept:u8 bound:u8 fill:u8 queue:u16",
        again=True,
    ),
    _c(0xFF71, "begin unloading notifications", "", "count:u16 first:u32 size:u16"),
    _c(0xFF72, "block of a notification", "", "number:u32 size:u16 offset:u16 count:u16 data:rest"),
    _c(0xFF73, "notification was unloaded", "number:u32 checksum:u16"),
    _c(0xFF63, "drive memory", "", "documents:u32 kilobytes:u32", again=True),
)

COMMANDS: dict[int, Command] = {command.code: command for command in _ROWS}
"""Every command this project speaks, by code."""
