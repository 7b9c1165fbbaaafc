"""Error codes of Shtrih-M registers: what each means, whose fault it is, and what a person does about it.

One byte serves the register and the drive behind it. The table answers the two questions an engine has: may another register take
this receipt (blame `Blame.REGISTER`) or will it be refused everywhere (`Blame.RECEIPT`); and can the document have been recorded in spite
of the error (`certain` is false), as when the link between register and drive broke. Source of the codes: reference sheet, section 4;
the words are ours.
"""

from __future__ import annotations

from typing import NamedTuple

from fiscal.engine.outcomes import Blame, Refused

__all__ = ["ERRORS", "Error", "error", "refusal"]

_SERVICE = "call the service of the register"
_STATE = "look at the state of the register; a self test brings it back into step"
_DRIVE = "close the fiscal mode and replace the drive"
_CLOCK = "set the clock of the register with the shift closed"
_RECEIPT_TODO = "correct the receipt and submit it again"
_SHORTEN = "split the order into several receipts"
_OPERATOR = "restore the connection to the operator and send the waiting documents"
_CLOSE = "close the shift"
_OPEN = "open the shift"
_CASH = "pay cash into the drawer"
_RETRY = "ask the drive for its last document before trying again"
_SETTINGS = "check the settings of the register"
_WAIT = "wait and try again"
_CONTINUE = "send the continue command"
_PAPER = "put in paper"
_REGISTRATION = "register the register with the tax service"


class Error(NamedTuple):
    """``certain``: nothing was recorded. Where it is false, only the drive knows."""

    meaning: str
    blame: Blame
    todo: str
    certain: bool = True


_REGISTER = (Blame.REGISTER, True)
_RECEIPT = (Blame.RECEIPT, True)
_UNSURE = (Blame.REGISTER, False)

_ROWS: dict[int, tuple[tuple[Blame, bool], str, str]] = {
    0x01: (_REGISTER, "the drive does not know the command or its parameters", _SERVICE),
    0x02: (_REGISTER, "the drive is in another state than this command needs", _STATE),
    0x03: (_UNSURE, "the drive is faulty", _SERVICE),
    0x04: (_UNSURE, "the cryptographic processor of the drive is faulty", _SERVICE),
    0x05: (_REGISTER, "the service life of the drive is over", _DRIVE),
    0x06: (_REGISTER, "the archive of the drive is full", _DRIVE),
    0x07: (_REGISTER, "the drive does not accept this date or time", _CLOCK),
    0x08: (_REGISTER, "the drive has no such data", _STATE),
    0x09: (_RECEIPT, "the drive does not accept a parameter value", _RECEIPT_TODO),
    0x10: (_RECEIPT, "the tags of the document are too large for the drive", _SHORTEN),
    0x11: (_REGISTER, "the drive has no connection to the operator", _OPERATOR),
    0x12: (_REGISTER, "the keys of the drive are used up; the fiscal mode must be closed", _DRIVE),
    0x14: (_REGISTER, "the drive has no room for more documents that wait for the operator", _OPERATOR),
    0x15: (_REGISTER, "a document has waited longer than 30 days for the operator", _OPERATOR),
    0x16: (_REGISTER, "the shift has been open for more than 24 hours", _CLOSE),
    0x17: (_REGISTER, "more than five minutes passed between two steps of one document", _CLOCK),
    0x18: (_RECEIPT, "the drive does not accept a tag of the document", _RECEIPT_TODO),
    0x19: (_RECEIPT, "the excise sign of an item does not agree with the registration", _RECEIPT_TODO),
    0x20: (_REGISTER, "the drive cannot accept the operator's answer", _OPERATOR),
    0x21: (_REGISTER, "a register would become negative", _STATE),
    0x22: (_REGISTER, "invalid date", _CLOCK),
    0x23: (_REGISTER, "the key server answered no", _OPERATOR),
    0x24: (_REGISTER, "the key server gave an unknown answer", _OPERATOR),
    0x26: (_RECEIPT, "less was paid than the receipt comes to", _RECEIPT_TODO),
    0x27: (_REGISTER, "a checksum, serial or registration number does not match", _SERVICE),
    0x28: (_REGISTER, "the storage still carries its factory mark", _SERVICE),
    0x29: (_REGISTER, "the storage may be empty", _SERVICE),
    0x2A: (_REGISTER, "the storage does not fit the firmware", _SERVICE),
    0x2B: (_REGISTER, "the previous command cannot be cancelled", _STATE),
    0x2C: (_REGISTER, "the shift registers are already cleared", _STATE),
    0x2D: (_RECEIPT, "the department sum in the receipt is less than the reversal", _RECEIPT_TODO),
    0x2E: (_REGISTER, "not enough money in the drawer", _CASH),
    0x2F: (_UNSURE, "the drive did not answer in time", _RETRY),
    0x30: (_UNSURE, "the drive does not answer", _RETRY),
    0x31: (_UNSURE, "the drive answered in a wrong format", _RETRY),
    0x32: (_UNSURE, "the answer of the drive was damaged", _RETRY),
    0x33: (_RECEIPT, "the register does not accept a parameter of the command", _RECEIPT_TODO),
    0x34: (_REGISTER, "there is no data", _STATE),
    0x35: (_REGISTER, "a parameter contradicts the settings of the register", _SETTINGS),
    0x36: (_REGISTER, "the parameters do not suit this model", _SETTINGS),
    0x37: (_REGISTER, "this model does not know the command", _SETTINGS),
    0x38: (_REGISTER, "program memory fault", _SERVICE),
    0x39: (_REGISTER, "internal error of the firmware", _SERVICE),
    0x3A: (_REGISTER, "the surcharges of the shift overflow", _CLOSE),
    0x3B: (_REGISTER, "the sums of the shift overflow", _CLOSE),
    0x3C: (_REGISTER, "impossible while the shift is open", _CLOSE),
    0x3D: (_REGISTER, "impossible while the shift is closed", _OPEN),
    0x3E: (_REGISTER, "the department sums of the shift overflow", _CLOSE),
    0x3F: (_REGISTER, "the discounts of the shift overflow", _CLOSE),
    0x40: (_RECEIPT, "the discount is out of range", _RECEIPT_TODO),
    0x41: (_RECEIPT, "the cash sum is out of range", _RECEIPT_TODO),
    0x42: (_RECEIPT, "the sum of payment 2 is out of range", _RECEIPT_TODO),
    0x43: (_RECEIPT, "the sum of payment 3 is out of range", _RECEIPT_TODO),
    0x44: (_RECEIPT, "the sum of payment 4 is out of range", _RECEIPT_TODO),
    0x45: (_RECEIPT, "the payments are less than the total", _RECEIPT_TODO),
    0x46: (_REGISTER, "not enough cash in the drawer", _CASH),
    0x47: (_REGISTER, "the taxes of the shift overflow", _CLOSE),
    0x48: (_RECEIPT, "the total of the receipt is out of range", _SHORTEN),
    0x49: (_REGISTER, "impossible in a receipt of this type", _STATE),
    0x4A: (_REGISTER, "impossible while a receipt is open", _STATE),
    0x4B: (_RECEIPT, "the receipt has too many lines for the register", _SHORTEN),
    0x4C: (_REGISTER, "the tax turnover of the shift overflows", _CLOSE),
    0x4D: (_RECEIPT, "the cashless payment exceeds the total", _RECEIPT_TODO),
    0x4E: (_REGISTER, "the shift has been open for more than 24 hours", _CLOSE),
    0x4F: (_REGISTER, "wrong password", _SETTINGS),
    0x50: (_REGISTER, "the register is still printing", _WAIT),
    0x51: (_REGISTER, "the cash sums of the shift overflow", _CLOSE),
    0x52: (_REGISTER, "the sums of payment 2 overflow in the shift", _CLOSE),
    0x53: (_REGISTER, "the sums of payment 3 overflow in the shift", _CLOSE),
    0x54: (_REGISTER, "the sums of payment 4 overflow in the shift", _CLOSE),
    0x55: (_REGISTER, "no receipt is open", _STATE),
    0x56: (_REGISTER, "there is no document to repeat", _STATE),
    0x58: (_REGISTER, "the register waits for the continue command", _CONTINUE),
    0x59: (_REGISTER, "the document was opened by another operator", _STATE),
    0x5A: (_RECEIPT, "the discount exceeds the receipt", _RECEIPT_TODO),
    0x5B: (_RECEIPT, "the surcharge is out of range", _RECEIPT_TODO),
    0x5C: (_REGISTER, "the supply voltage is too low", _SERVICE),
    0x5D: (_REGISTER, "no such table", _SETTINGS),
    0x5E: (_RECEIPT, "the register does not accept this operation", _RECEIPT_TODO),
    0x5F: (_RECEIPT, "the total of the receipt is negative", _RECEIPT_TODO),
    0x60: (_RECEIPT, "price times quantity overflows", _RECEIPT_TODO),
    0x61: (_RECEIPT, "the price is out of range", _RECEIPT_TODO),
    0x62: (_RECEIPT, "the quantity is out of range", _RECEIPT_TODO),
    0x63: (_RECEIPT, "there is no such department", _RECEIPT_TODO),
    0x64: (_REGISTER, "there is no drive in the register", _SERVICE),
    0x65: (_REGISTER, "not enough money in the department", _CASH),
    0x66: (_REGISTER, "the sums of the department overflow", _CLOSE),
    0x67: (_REGISTER, "no link to the drive", _SERVICE),
    0x68: (_REGISTER, "the tax turnover is too small", _STATE),
    0x69: (_REGISTER, "the tax turnover overflows", _CLOSE),
    0x6A: (_UNSURE, "the power failed during the answer", _RETRY),
    0x6B: (_REGISTER, "no receipt paper", _PAPER),
    0x6C: (_REGISTER, "no journal paper", _PAPER),
    0x6D: (_REGISTER, "the tax sum is too small", _STATE),
    0x6E: (_REGISTER, "the tax sum overflows", _CLOSE),
    0x6F: (_REGISTER, "the cash paid out in the shift overflows", _CLOSE),
    0x70: (_REGISTER, "the fiscal memory is full", _DRIVE),
    0x71: (_REGISTER, "the cutter is stuck", _SERVICE),
    0x72: (_REGISTER, "impossible in this submode", _WAIT),
    0x73: (_REGISTER, "impossible in this mode", _STATE),
    0x74: (_REGISTER, "working memory fault", _SERVICE),
    0x75: (_REGISTER, "power supply fault", _SERVICE),
    0x76: (_REGISTER, "the printer does not turn", _SERVICE),
    0x77: (_REGISTER, "a printer sensor does not answer", _SERVICE),
    0x78: (_REGISTER, "the firmware was replaced", _SERVICE),
    0x79: (_REGISTER, "the drive was replaced", _SERVICE),
    0x7A: (_REGISTER, "the field cannot be changed", _SETTINGS),
    0x7B: (_REGISTER, "hardware fault", _SERVICE),
    0x7C: (_REGISTER, "the two dates differ", _CLOCK),
    0x7D: (_REGISTER, "wrong form of the date", _CLOCK),
    0x7E: (_RECEIPT, "a length field is wrong", _RECEIPT_TODO),
    0x7F: (_RECEIPT, "the total of the receipt is out of range", _SHORTEN),
    0x80: (_UNSURE, "the link to the drive timed out", _RETRY),
    0x81: (_UNSURE, "the link to the drive is broken", _RETRY),
    0x82: (_UNSURE, "a frame of the drive is malformed", _RETRY),
    0x83: (_UNSURE, "a frame of the drive is damaged", _RETRY),
    0x84: (_REGISTER, "the drawer sum overflows", _CASH),
    0x85: (_REGISTER, "the sales of the shift overflow", _CLOSE),
    0x86: (_REGISTER, "the purchases of the shift overflow", _CLOSE),
    0x87: (_REGISTER, "the sale returns of the shift overflow", _CLOSE),
    0x88: (_REGISTER, "the purchase returns of the shift overflow", _CLOSE),
    0x89: (_REGISTER, "the cash paid in in the shift overflows", _CLOSE),
    0x8A: (_RECEIPT, "the surcharges of the receipt overflow", _RECEIPT_TODO),
    0x8B: (_RECEIPT, "the discounts of the receipt overflow", _RECEIPT_TODO),
    0x8C: (_RECEIPT, "the surcharges of the receipt are negative", _RECEIPT_TODO),
    0x8D: (_RECEIPT, "the discounts of the receipt are negative", _RECEIPT_TODO),
    0x8E: (_RECEIPT, "the total of the receipt is zero", _RECEIPT_TODO),
    0x8F: (_REGISTER, "the register is not registered", _REGISTRATION),
    0x90: (_REGISTER, "a field is larger than the settings allow", _SETTINGS),
    0x91: (_REGISTER, "text falls outside the print area", _SETTINGS),
    0x92: (_REGISTER, "print fields overlap", _SETTINGS),
    0x93: (_REGISTER, "the working memory was restored", _RETRY),
    0x94: (_RECEIPT, "the receipt has too many lines", _SHORTEN),
    0x96: (_REGISTER, "the shift must be closed first", _CLOSE),
    0x9B: (_REGISTER, "the action is not allowed", _STATE),
    0x9C: (_RECEIPT, "there is no item with this code", _RECEIPT_TODO),
    0x9D: (_REGISTER, "the item record is bad", _SERVICE),
    0x9E: (_REGISTER, "the item base has a wrong size", _SERVICE),
    0xA0: (_RECEIPT, "the drive forbids marked goods", _RECEIPT_TODO),
    0xA1: (_REGISTER, "wrong order of the marking commands", _STATE),
    0xA2: (_REGISTER, "the drive has blocked marked goods for a time", _OPERATOR),
    0xA3: (_REGISTER, "the table of marking checks is full", _OPERATOR),
    0xAA: (_RECEIPT, "a tag that the drive requires is missing", _RECEIPT_TODO),
    0xAC: (_RECEIPT, "the marking code was not checked before", _RECEIPT_TODO),
    0xB4: (_REGISTER, "the registration record is damaged", _SERVICE),
    0xB5: (_REGISTER, "the record of the serial number is damaged", _SERVICE),
    0xB6: (_REGISTER, "the activation record is damaged", _SERVICE),
    0xB7: (_REGISTER, "the shift records are missing", _SERVICE),
    0xB8: (_REGISTER, "the last shift record was not written", _SERVICE),
    0xB9: (_REGISTER, "the storage does not fit the firmware", _SERVICE),
    0xBA: (_REGISTER, "the storage is damaged", _SERVICE),
    0xBC: (_REGISTER, "the clock is earlier than the last registration", _CLOCK),
    0xBD: (_REGISTER, "the date is earlier than the last shift", _CLOCK),
    0xBE: (_REGISTER, "impossible in the present state", _STATE),
    0xBF: (_REGISTER, "the storage cannot be prepared", _SERVICE),
    0xC0: (_REGISTER, "the date and time must be confirmed", _CLOCK),
    0xC2: (_REGISTER, "the supply voltage is too high", _SERVICE),
    0xC4: (_REGISTER, "the shift numbers of register and drive differ", _SERVICE),
    0xC7: (_REGISTER, "the field cannot be changed now", _SETTINGS),
    0xC8: (_REGISTER, "no link to the printer", _SERVICE),
    0xC9: (_REGISTER, "the print head is too hot", _WAIT),
    0xCA: (_REGISTER, "the temperature is out of range", _WAIT),
    0xCB: (_RECEIPT, "the subtotal is wrong", _RECEIPT_TODO),
    0xCE: (_REGISTER, "the memory of the register is exhausted", _SERVICE),
    0xCF: (_REGISTER, "the clock was reset", _CLOCK),
    0xD1: (_REGISTER, "the buffer is empty", _STATE),
    0xD2: (_REGISTER, "the modem failed", _OPERATOR),
    0xD3: (_RECEIPT, "the marked item was not put into circulation or has left it", _RECEIPT_TODO),
    0xD4: (_RECEIPT, "the marking code is forged or invalid", _RECEIPT_TODO),
    0xD5: (_REGISTER, "authentication failed", _SERVICE),
}

ERRORS: dict[int, Error] = {
    code: Error(meaning, blame, todo, certain) for code, ((blame, certain), meaning, todo) in _ROWS.items()
}
"""Every code of the sheet that a register with a drive can give."""

_UNKNOWN = Error("unknown error code", Blame.REGISTER, _SERVICE)


def error(code: int) -> Error:
    """What error ``code`` (one byte) means."""
    return ERRORS.get(code, _UNKNOWN)


def refusal(code: int) -> Refused:
    """Error ``code`` as an outcome: nothing happened in the drive."""
    meaning, blame, todo, _ = ERRORS.get(code, _UNKNOWN)
    return Refused(f"shtrih:{code:02X}", meaning, blame, todo)
