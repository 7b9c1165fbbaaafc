"""Error bytes of ATOL registers: what each means, whose fault it is, and what a person does about it.

One byte serves the register and the drive behind it. The table answers the two questions an engine has: may
another register take this receipt (blame `Blame.REGISTER`) or will it be refused everywhere (`Blame.RECEIPT`);
and can the document have been recorded in spite of the error (``certain`` is false), as when paper ends after the
drive has taken it. Byte EE says "ask register 37 for a word"; those words have a table of their own. Source of
the codes: reference sheet, section 1.4; the words are ours.
"""

from __future__ import annotations

from typing import NamedTuple

from fiscal.engine.outcomes import Blame, Refused

__all__ = ["ERRORS", "EXTENDED", "EXTENDED_BYTE", "Error", "error", "refusal"]

_SERVICE = "call the service of the register"
_STATE = "look at the state of the register; a self test brings it back into step"
_DRIVE = "close the fiscal mode and replace the drive"
_CLOCK = "set the clock of the register with the shift closed"
_FIX = "correct the receipt and submit it again"
_SHORTEN = "split the order into several receipts"
_OPERATOR = "restore the connection to the operator and send the waiting documents"
_CLOSE = "close the shift"
_OPEN = "open the shift"
_CASH = "pay cash into the drawer"
_SETTINGS = "check the settings of the register"
_WAIT = "wait and try again"
_PAPER = "put in paper"
_REGISTRATION = "register the register with the tax service"
_LICENCE = "check the licences of the register with its vendor"


class Error(NamedTuple):
    """``certain``: nothing was recorded. Where it is false, only the drive knows."""

    meaning: str
    blame: Blame
    todo: str
    certain: bool = True


_REGISTER = (Blame.REGISTER, True)
_RECEIPT = (Blame.RECEIPT, True)
_UNSURE = (Blame.REGISTER, False)

EXTENDED_BYTE = 0xEE

_ROWS: dict[int, tuple[tuple[Blame, bool], str, str]] = {
    0x08: (_RECEIPT, "the price or sum is impossible", _FIX),
    0x0A: (_RECEIPT, "the quantity is impossible", _FIX),
    0x0B: (_REGISTER, "the counter of cash overflows", _CLOSE),
    0x0C: (_RECEIPT, "the last operation cannot be taken back", _FIX),
    0x0D: (_RECEIPT, "nothing can be taken back by this code", _FIX),
    0x0E: (_RECEIPT, "the last operation cannot be repeated", _FIX),
    0x0F: (_RECEIPT, "a second discount on one operation", _FIX),
    0x10: (_RECEIPT, "no discount is possible here", _FIX),
    0x11: (_RECEIPT, "the code of the goods is wrong", _FIX),
    0x12: (_RECEIPT, "the barcode of the goods is wrong", _FIX),
    0x13: (_RECEIPT, "the register does not understand the command", _FIX),
    0x14: (_RECEIPT, "a field has a wrong length", _FIX),
    0x15: (_REGISTER, "the register waits for its date to be entered", _CLOCK),
    0x16: (_REGISTER, "the date must be confirmed", _CLOCK),
    0x18: (_REGISTER, "there are no more data", _STATE),
    0x19: (_REGISTER, "a sale waits to be confirmed or dropped", _STATE),
    0x1A: (_UNSURE, "the closing report was interrupted", _STATE),
    0x1B: (_REGISTER, "cash control cannot be switched off with these payment types", _SETTINGS),
    0x1E: (_REGISTER, "this mode is locked", _WAIT),
    0x1F: (_REGISTER, "the date and time must be checked", _CLOCK),
    0x20: (_REGISTER, "the clock is earlier than the last fiscal document", _CLOCK),
    0x21: (_REGISTER, "the archive cannot be closed", _STATE),
    0x3D: (_RECEIPT, "there are no such goods", _FIX),
    0x3E: (_RECEIPT, "goods by weight with another quantity", _FIX),
    0x3F: (_RECEIPT, "the buffer of the receipt is full", _SHORTEN),
    0x40: (_RECEIPT, "there is less of these goods", _FIX),
    0x41: (_RECEIPT, "more is taken back than was sold", _FIX),
    0x42: (_RECEIPT, "there are no such goods", _FIX),
    0x43: (_RECEIPT, "there are no such goods", _FIX),
    0x46: (_UNSURE, "the register got damaged data from a device of its own", _SERVICE),
    0x66: (_REGISTER, "the command does not fit the mode of the register", _STATE),
    0x67: (_UNSURE, "no paper", _PAPER),
    0x68: (_UNSURE, "no link to the receipt printer", _SERVICE),
    0x69: (_UNSURE, "the printing mechanism is faulty", _SERVICE),
    0x6A: (_RECEIPT, "the type of the receipt is wrong", _FIX),
    0x6B: (_REGISTER, "there are no more data", _STATE),
    0x6C: (_REGISTER, "this firmware does not know the command", _SERVICE),
    0x6D: (_REGISTER, "the target device is wrong", _SETTINGS),
    0x6E: (_REGISTER, "no room for pictures or barcodes", _SETTINGS),
    0x6F: (_REGISTER, "there is no such picture or barcode", _SETTINGS),
    0x70: (_RECEIPT, "more is taken back than was sold", _FIX),
    0x71: (_RECEIPT, "more is paid without cash than the receipt comes to", _FIX),
    0x72: (_RECEIPT, "less was paid than the receipt comes to", _FIX),
    0x73: (_REGISTER, "the drawer holds less than is to be paid back", _CASH),
    0x75: (_RECEIPT, "the sum of the payments overflows", _FIX),
    0x76: (_REGISTER, "the operation before is not finished", _WAIT),
    0x77: (_REGISTER, "the mobile modem failed", _SERVICE),
    0x7A: (_REGISTER, "this model does not know the command", _SERVICE),
    0x7B: (_RECEIPT, "the discount is impossible", _FIX),
    0x7C: (_RECEIPT, "not possible after a discount", _FIX),
    0x7D: (_RECEIPT, "there is no such section", _FIX),
    0x7E: (_RECEIPT, "there is no such form of payment", _FIX),
    0x7F: (_RECEIPT, "price by quantity overflows", _FIX),
    0x80: (_REGISTER, "the settings forbid the operation", _SETTINGS),
    0x81: (_RECEIPT, "the total of the receipt overflows", _SHORTEN),
    0x82: (_REGISTER, "a receipt that annuls is open", _STATE),
    0x84: (_REGISTER, "the buffer of the journal is full", _CLOSE),
    0x86: (_RECEIPT, "less was paid than the receipt comes to", _FIX),
    0x87: (_REGISTER, "a return is open", _STATE),
    0x88: (_REGISTER, "the shift has been open for more than 24 hours", _CLOSE),
    0x89: (_REGISTER, "a sale is open", _STATE),
    0x8A: (_REGISTER, "the fiscal memory is full", _DRIVE),
    0x8C: (_REGISTER, "wrong password", _SETTINGS),
    0x8E: (_REGISTER, "the journal is being processed", _WAIT),
    0x8F: (_REGISTER, "the shift is closed", _OPEN),
    0x91: (_REGISTER, "there is no such table", _SETTINGS),
    0x92: (_REGISTER, "there is no such row", _SETTINGS),
    0x93: (_REGISTER, "there is no such field", _SETTINGS),
    0x94: (_REGISTER, "the date or time is impossible", _CLOCK),
    0x95: (_REGISTER, "the date or time is impossible", _CLOCK),
    0x96: (_RECEIPT, "the sum taken back is impossible", _FIX),
    0x97: (_RECEIPT, "no change can be counted", _FIX),
    0x98: (_REGISTER, "there is no cash to pay out", _CASH),
    0x9A: (_REGISTER, "no receipt is open", _STATE),
    0x9B: (_REGISTER, "a receipt is open", _STATE),
    0x9C: (_REGISTER, "the shift must be closed first", _CLOSE),
    0x9E: (_REGISTER, "the serial number has been given already", _SERVICE),
    0x9F: (_REGISTER, "no registrations are left", _DRIVE),
    0xA2: (_REGISTER, "there is no such shift", _STATE),
    0xA3: (_REGISTER, "the command does not belong to this model", _SERVICE),
    0xA4: (_REGISTER, "wrong password", _SETTINGS),
    0xA5: (_REGISTER, "the serial number is impossible", _SERVICE),
    0xA6: (_REGISTER, "the registration or tax number is wrong", _REGISTRATION),
    0xA7: (_REGISTER, "the registration or tax number is wrong", _REGISTRATION),
    0xA8: (_REGISTER, "the register is not registered", _REGISTRATION),
    0xA9: (_REGISTER, "the register has no serial number", _SERVICE),
    0xAA: (_REGISTER, "there are no reports", _STATE),
    0xAB: (_REGISTER, "the mode is not active", _STATE),
    0xAC: (_REGISTER, "the document has no such data", _STATE),
    0xAD: (_REGISTER, "there are no more data", _STATE),
    0xAE: (_REGISTER, "the licence or protection code is wrong", _LICENCE),
    0xAF: (_REGISTER, "there are no more data", _STATE),
    0xB0: (_REGISTER, "a general clearing is needed", _SERVICE),
    0xB1: (_REGISTER, "the licences do not allow the command", _LICENCE),
    0xB2: (_RECEIPT, "the discount cannot be taken back", _FIX),
    0xB3: (_RECEIPT, "a receipt cannot be closed with this form of payment", _FIX),
    0xBA: (_UNSURE, "the exchange with the fiscal module failed", _SERVICE),
    0xBE: (_REGISTER, "the register asks for maintenance", _SERVICE),
    0xBF: (_REGISTER, "the shift numbers of register and drive differ", _SERVICE),
    0xC8: (_REGISTER, "there is no device for this command", _SETTINGS),
    0xC9: (_REGISTER, "no link to an external device", _SERVICE),
    0xCB: (_RECEIPT, "the receipt has too many positions, or none", _SHORTEN),
    0xCD: (_RECEIPT, "a divisor is wrong", _FIX),
    0xD0: (_REGISTER, "this drive cannot be activated in this register", _DRIVE),
    0xD1: (_UNSURE, "the print head is too hot", _WAIT),
    0xD2: (_UNSURE, "the bus to the drive failed", _SERVICE),
    0xD3: (_REGISTER, "the drive does not know the command or its parameters", _SERVICE),
    0xD4: (_REGISTER, "the drive is in another state than this command needs", _STATE),
    0xD5: (_UNSURE, "the drive is faulty", _SERVICE),
    0xD6: (_UNSURE, "the cryptographic processor of the drive is faulty", _SERVICE),
    0xD7: (_REGISTER, "the service life of the drive is over", _DRIVE),
    0xD8: (_REGISTER, "the archive of the drive is full", _DRIVE),
    0xD9: (_REGISTER, "the drive does not accept this date or time", _CLOCK),
    0xDA: (_REGISTER, "the drive has no such data", _STATE),
    0xDB: (_RECEIPT, "the drive cannot count a sum so large", _SHORTEN),
    0xDC: (_REGISTER, "a buffer is full", _WAIT),
    0xDD: (_REGISTER, "no second fiscal copy can be printed", _STATE),
    0xDE: (_REGISTER, "the journal must be cleared", _SERVICE),
    0xDF: (_RECEIPT, "the sum of the tax is wrong", _FIX),
    0xE0: (_RECEIPT, "the last operation takes no tax", _FIX),
    0xE1: (_REGISTER, "this is another drive", _DRIVE),
    0xE4: (_RECEIPT, "more tax is taken back than was counted", _FIX),
    0xE6: (_UNSURE, "the supply is too weak for the operation", _SERVICE),
    0xE7: (_RECEIPT, "the drive does not accept a parameter value", _FIX),
    0xE8: (_RECEIPT, "the tags of the document are too large for the drive", _SHORTEN),
    0xE9: (_REGISTER, "the drive has no connection to the operator", _OPERATOR),
    0xEA: (_REGISTER, "the keys of the drive are used up; the fiscal mode must be closed", _DRIVE),
    0xEB: (_REGISTER, "the drive has no room for more documents that wait for the operator", _OPERATOR),
    0xEC: (_REGISTER, "the drive cannot accept the operator's answer", _OPERATOR),
    0xED: (_REGISTER, "documents of the drive still wait for the operator", _OPERATOR),
    0xEE: (_RECEIPT, "the register refuses an attribute or its value", _FIX),
    0xEF: (_REGISTER, "a document has waited longer than 30 days for the operator", _OPERATOR),
    0xF0: (_REGISTER, "the shift has been open for more than 24 hours", _CLOSE),
    0xF1: (_REGISTER, "more than five minutes passed between two steps of one document", _CLOCK),
    0xF2: (_RECEIPT, "the register does not understand the command", _FIX),
    0xF3: (_RECEIPT, "the receipt has too many positions, or none", _SHORTEN),
    0xF4: (_RECEIPT, "the register does not understand the command", _FIX),
    0xF5: (_RECEIPT, "excise goods do not agree with the registration", _FIX),
    0xF6: (_RECEIPT, "the receipt has too many positions, or none", _SHORTEN),
}

ERRORS: dict[int, Error] = {
    code: Error(meaning, blame, todo, certain) for code, ((blame, certain), meaning, todo) in _ROWS.items()
}
"""The bytes of the sheet that a register with a drive can give."""

EXTENDED: dict[int, Error] = {
    0x0101: Error("a correction has more than one registration", Blame.RECEIPT, _FIX),
    0x0103: Error("the register is not registered for this taxation", Blame.REGISTER, _REGISTRATION),
    0x0104: Error("there is no such tax rate", Blame.RECEIPT, _FIX),
    0x0105: Error("there is no such settlement method", Blame.RECEIPT, _FIX),
    0x0106: Error("there is no such kind of goods code", Blame.RECEIPT, _FIX),
    0x0107: Error("the register is not registered for excise goods", Blame.REGISTER, _REGISTRATION),
    0x010A: Error("a position has another taxation than the receipt", Blame.RECEIPT, _FIX),
    0x0201: Error("an attribute was given twice", Blame.RECEIPT, _FIX),
    0x0202: Error("the state of the drive allows no attributes", Blame.REGISTER, _STATE),
    0x0204: Error("the attribute cannot be changed", Blame.RECEIPT, _FIX),
    0x0205: Error("attributes that do not go together", Blame.RECEIPT, _FIX),
    0x0206: Error("an obligatory attribute is missing", Blame.RECEIPT, _FIX),
    0x0207: Error("a position ends that was not begun", Blame.REGISTER, _STATE),
    0x0208: Error("a position begins inside another", Blame.REGISTER, _STATE),
    0x0209: Error("the attribute has been printed already", Blame.RECEIPT, _FIX),
    0x020A: Error("too many attributes", Blame.RECEIPT, _SHORTEN),
    0x0301: Error("a report was interrupted", Blame.REGISTER, _STATE, False),
    0x0302: Error("the drive is faulty beyond repair", Blame.REGISTER, _SERVICE, False),
    0x0303: Error("reading a document was interrupted", Blame.REGISTER, _STATE),
}
"""What register 37 says after EE."""

_UNKNOWN = Error("unknown error code", Blame.REGISTER, _SERVICE, False)


def error(code: int, extended: int = 0) -> Error:
    """What error byte ``code`` means, with the word of register 37 when it is EE. An unknown one is never certain."""
    if code == EXTENDED_BYTE and extended:
        return EXTENDED.get(extended, ERRORS[EXTENDED_BYTE])
    return ERRORS.get(code, _UNKNOWN)


def refusal(code: int, extended: int = 0) -> Refused:
    """An error as an outcome: nothing happened in the drive."""
    known = error(code, extended)
    name = f"atol:{code:02X}.{extended:04X}" if code == EXTENDED_BYTE and extended else f"atol:{code:02X}"
    return Refused(name, known.meaning, known.blame, known.todo)
