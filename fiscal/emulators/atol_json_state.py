"""Questions as JSON tasks: the state of register, shift, drive and exchange, counters, documents, the clock. See
`fiscal.emulators.atol_json`."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from fiscal.emulators.atol_json import (
    ALL,
    Run,
    Session,
    Task,
    ask,
    look,
    moment,
    shift_state,
    status,
    task,
)
from fiscal.emulators.atol_json_checks import Rule, Rules, TaskFailed, must, needs
from fiscal.ffd.tags import FFD_NAMES, TAGS
from fiscal.ffd.tlv import FfdError, decode_text, fvln_value, walk
from fiscal.registers.atol.talk import RegisterError
from fiscal.registers.atol_web.errors import MISSING, text_of
from fiscal.registers.atol_web.words import CHANNELS, rub

__all__: list[str] = []

_SHIFTS = ("closed", "opened", "expired")
_PHASES = {0: "init", 1: "configured", 3: "fiscalMode", 7: "postFiscalMode", 15: "accessArchive"}
_FFD = {**FFD_NAMES, 4: "1.1"}
"""Driver 10.8 calls FFD 1.2 so."""
_NO_DATA = 0xDA


@task("getDeviceStatus", rules={})
def device_status(talk: Session, asked: Task) -> Run:
    """Paper, cover, drawer, clock, shift."""
    found, shift, _, drive = yield from status(talk)
    flags = found[4]
    year, month, day = found[2]
    hour, minute, second = found[3]
    clock = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    return {
        "deviceStatus": {
            "blocked": False,
            "cashDrawerOpened": not flags & 0x04,
            "coverOpened": bool(flags & 0x20),
            "currentDateTime": clock.isoformat(),
            "fiscal": bool(flags & 0x01),
            "fnFiscal": drive[0] == 3,
            "fnPresent": True,
            "paperPresent": bool(flags & 0x08),
            "shift": _SHIFTS[shift[0]],
        }
    }


@task("getDeviceInfo", rules={})
def device_info(talk: Session, asked: Task) -> Run:
    """Model, serial number, versions."""
    yield from look(talk, 0x3F)
    device = yield from ask(talk, 0xA5)
    yield from look(talk, 0x45)
    (serial,) = yield from ask(talk, 0x9116, ALL)
    width, extra = yield from ask(talk, 0x9118, ALL)
    yield from look(talk, 0x9113)
    yield from shift_state(talk)
    yield from look(talk, 0x9115, 0xA430)
    configuration = yield from ask(talk, 0x9D91)
    yield from look(talk, 0x9D11)
    register_ffd, drive_ffd, _ = yield from ask(talk, 0x9136, ALL)
    return {
        "deviceInfo": {
            "configurationVersion": _version(configuration),
            "ffdVersion": _FFD.get(register_ffd, ""),
            "firmwareVersion": _version(device[4:8]),
            "fnFfdVersion": _FFD.get(drive_ffd, ""),
            "model": device[2],
            "modelName": device[8],
            "receiptLineLength": width,
            "receiptLineLengthPix": int(extra[:2].hex() or 0),
            "serial": f"{serial:014}",
        }
    }


def _version(parts: list[int]) -> str:
    return f"{parts[0]}.{parts[1]}.{parts[3]:04}"


@task("getShiftStatus", rules={})
def shift_status(talk: Session, asked: Task) -> Run:
    """State and number of the shift, and when its 24 hours end."""
    state, until_s = yield from shift_state(talk)
    (closed,) = yield from ask(talk, 0x9115, ALL)
    number = closed + (state != 0)
    return {"shiftStatus": {"expiredTime": moment(until_s), "number": number, "state": _SHIFTS[state]}}


def _warnings(bits: int) -> dict[str, bool]:
    return {
        "criticalError": bool(bits & 0x80),
        "memoryOverflow": bool(bits & 0x04),
        "needReplacement": bool(bits & 0x01),
        "ofdTimeout": bool(bits & 0x08),
        "resourceExhausted": bool(bits & 0x02),
    }


@task("getFnStatus", rules={})
def fn_status(talk: Session, asked: Task) -> Run:
    """The last document, and what the drive warns of."""
    document, _, _ = yield from ask(talk, 0x9134, ALL)
    receipt, _ = yield from ask(talk, 0x9135, ALL)
    yield from look(talk, 0xA431, 0xA433)
    drive = yield from ask(talk, 0xA430)
    return {
        "fnStatus": {
            "fiscalDocumentNumber": document,
            "fiscalReceiptNumber": receipt,
            "warnings": _warnings(drive[4]),
        }
    }


@task("getFnInfo", rules={})
def fn_info(talk: Session, asked: Task) -> Run:
    """Number, phase, registrations and end of the drive."""
    register_ffd, drive_ffd, _ = yield from ask(talk, 0x9136, ALL)
    done, left, until_s, _ = yield from ask(talk, 0x911A, ALL)
    (number,) = yield from ask(talk, 0xA431)
    yield from look(talk, 0xA433)
    drive = yield from ask(talk, 0xA430)
    return {
        "fnInfo": {
            "ffdVersion": _FFD.get(register_ffd, ""),
            "fnFfdVersion": _FFD.get(drive_ffd, ""),
            "livePhase": _PHASES.get(drive[0], "unknown"),
            "numberOfRegistrations": done,
            "registrationsRemaining": left,
            "serial": number,
            "validityDate": moment(until_s // 86_400 * 86_400),
            "warnings": _warnings(drive[4]),
        }
    }


@task("ofdExchangeStatus", rules={})
def exchange_status(talk: Session, asked: Task) -> Run:
    """What waits for the operator."""
    _, _, unsent, first, since_s = yield from ask(talk, 0xA420)
    yield from look(talk, 0x912B)
    fine = {"code": 0, "description": text_of(0)}
    return {
        "errors": {"documentNumber": 0, "fn": fine, "fnCommandCode": 0, "network": fine, "ofd": fine},
        "status": {
            "notSentCount": unsent,
            "notSentFirstDocDateTime": moment(since_s),
            "notSentFirstDocNumber": first,
        },
    }


# ---- counters -----------------------------------------------------------------------------------------------------------------------

_TYPES = (("sell", 1, 0), ("sellReturn", 2, 2), ("buy", 4, 1), ("buyReturn", 5, 3))
"""Name, receipt type, number that the sum is asked by (register 0C)."""
_PAYMENTS = (
    "cash",
    "electronically",
    "prepaid",
    "credit",
    "other",
    *(f"userPaymentType-{n}" for n in range(5, 10)),
)


@task("getShiftTotals", rules={})
def shift_totals(talk: Session, asked: Task) -> Run:
    """What the shift took, by type of receipt and of payment; corrections are counted apart, and not told."""
    receipts = {}
    for name, kind, sum_number in _TYPES:
        (count,) = yield from ask(talk, 0x9141, bytes((kind, 0)))
        (total,) = yield from ask(talk, 0x910C, bytes((sum_number, 0)))
        paid = yield from _paid(talk, 0x9103, kind)
        receipts[name] = {"count": count, "payments": paid, "sum": rub(total)}
    (put,) = yield from ask(talk, 0x9104, ALL)
    (puts,) = yield from ask(talk, 0x9108, ALL)
    (taken,) = yield from ask(talk, 0x9105, ALL)
    (takes,) = yield from ask(talk, 0x9109, ALL)
    (drawer,) = yield from ask(talk, 0x910A, ALL)
    state, _ = yield from shift_state(talk)
    (closed,) = yield from ask(talk, 0x9115, ALL)
    return {
        "shiftTotals": {
            "cashDrawer": {"sum": rub(drawer)},
            "income": {"count": puts, "sum": rub(put)},
            "outcome": {"count": takes, "sum": rub(taken)},
            "receipts": receipts,
            "shiftNumber": closed + (state != 0),
        }
    }


@task("getOverallTotals", rules={})
def overall_totals(talk: Session, asked: Task) -> Run:
    """What was taken since the register began, by type of receipt and of payment."""
    receipts = {}
    for name, kind, _ in _TYPES:
        (total,) = yield from ask(talk, 0x9128, bytes((kind, 0)))
        paid = yield from _paid(talk, 0x9138, kind)
        receipts[name] = {"payments": paid, "sum": rub(total)}
    return {"overallTotals": {"receipts": receipts}}


def _paid(talk: Session, code: int, kind: int) -> Run:
    found = {}
    for slot, name in enumerate(_PAYMENTS, 1):
        found[name] = rub((yield from ask(talk, code, kind, slot))[0])
    return found


# ---- documents and requisites -------------------------------------------------------------------------------------------------------

_DOCUMENT: Rules = {"fiscalDocumentNumber": must("number"), "withRawData": Rule(("boolean",))}
_FORMS = {
    1: "registration",
    2: "openShift",
    3: "receipt",
    4: "bso",
    5: "closeShift",
    6: "closeArchive",
    11: "changeRegistrationParameters",
    21: "ofdExchangeStatus",
    31: "receiptCorrection",
    41: "bsoCorrection",
}
_FLAGS = frozenset((1001, 1002, 1056, 1108, 1109, 1110, 1126, 1193, 1207, 1221))
_LISTS = frozenset((1059, 1073, 1074, 1075, 1171))
_NEWER = 1300
"""Tags from here on driver 10.8 does not know, nor 1290 to 1294: it shows their bytes."""
_UNKNOWN = frozenset((1290, 1291, 1292, 1293, 1294))


@task("getFnDocument", rules=_DOCUMENT)
def fn_document(talk: Session, asked: Task) -> Run:
    """A document as the drive keeps it, by tags; ``withRawData``: its bytes as well."""
    number = int(asked["fiscalDocumentNumber"])
    try:
        form, _ = yield from ask(talk, 0xA445, number)
    except RegisterError:
        yield from ask(talk, 0xA440, number)  # it may be there without its text
        raise
    parts = []
    try:
        while data := (yield from ask(talk, 0xA446))[0]:
            parts.append(data)
    except RegisterError as end:
        if end.code != _NO_DATA:
            raise
    tlv = b"".join(parts)
    shown = {**_shown(tlv), "fiscalDocumentType": _FORMS.get(form, "unknown"), "short": False}
    if not asked.get("withRawData"):
        return {"documentTLV": shown}
    return {"documentTLV": shown, "rawData": base64.b64encode(tlv).decode("ascii")}


def _shown(tlv: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for tag, value in walk(tlv):
        name, said = str(tag), _value(tag, value)
        if tag in _LISTS:
            found.setdefault(name, []).append(said)
        else:
            found[name] = said
    return found


def _value(tag: int, value: bytes) -> Any:
    known = TAGS.get(tag)
    if known is None or tag >= _NEWER or tag in _UNKNOWN:
        return value.hex().upper()
    if tag in _FLAGS:
        return value != b"\0"
    try:
        return _AS[known.type](value)
    except (FfdError, KeyError):
        return value.hex().upper()


_AS: dict[str, Callable[[bytes], Any]] = {
    "string": lambda value: decode_text(value).rstrip(),
    "byte": lambda value: int.from_bytes(value, "little"),
    "uint16": lambda value: int.from_bytes(value, "little"),
    "uint32": lambda value: int.from_bytes(value, "little"),
    "bitmask8": lambda value: int.from_bytes(value, "little"),
    "bitmask32": lambda value: int.from_bytes(value, "little"),
    "unixtime": lambda value: moment(int.from_bytes(value, "little")),
    "vln": lambda value: rub(int.from_bytes(value, "little")),
    "fvln": lambda value: _number(fvln_value(value)),
    "stlv": _shown,
    "bytes": lambda value: value.hex().upper(),
}


def _number(e6: int) -> int | float:
    return e6 // 1_000_000 if e6 % 1_000_000 == 0 else e6 / 1_000_000


_REQUISITES = (
    *((1017, ""), (1037, ""), (1048, ""), (1009, ""), (1187, ""), (1117, ""), (1036, ""), (1018, "")),
    *((1046, ""), (1002, 0), (1221, 0), (1110, 0), (1056, 0), (1001, 0), (1108, 0), (1207, 0), (1109, 0)),
    *((1193, 0), (1126, 0), (1062, 0), (1057, 0), (1060, ""), (1209, 0)),
)
"""What is read of a registration, in the driver's order, and what stands for it when the register has none."""
_TAXATIONS = ("osn", "usnIncome", "usnIncomeOutcome", "envd", "esn", "patent")
_AGENTS = (
    *("bankPayingAgent", "bankPayingSubagent", "payingAgent", "payingSubagent"),
    *("attorney", "commissionAgent", "another"),
)
_CHANNELS = {number: word for word, number in CHANNELS.items()}


@task("getRegistrationInfo", rules={})
def registration(talk: Session, asked: Task) -> Run:
    """What the register is registered as."""
    yield from look(talk, 0x913B)
    has: dict[int, Any] = {}
    for tag, none in _REQUISITES:
        try:
            value = walk((yield from ask(talk, 0xE9, tag, 0))[1])[0][1]
        except RegisterError:
            has[tag] = none
        else:
            has[tag] = int.from_bytes(value, "little") if none == 0 else decode_text(value).rstrip()
    network = []
    for field in (1, 2, 3):
        network.append((yield from ask(talk, 0x46, 0x13, 1, field))[0])
    host, port, dns = network
    yield from ask(talk, 0x46, 2, 1, 0x6E)
    channel = (yield from ask(talk, 0x46, 0x13, 1, 4))[0]
    return {
        "device": {
            "autoMode": bool(has[1001]),
            "bso": bool(has[1110]),
            "encryption": bool(has[1056]),
            "excise": bool(has[1207]),
            "ffdVersion": _FFD.get(has[1209], ""),
            "fnsUrl": has[1060],
            "gambling": bool(has[1193]),
            "internet": bool(has[1108]),
            "lottery": bool(has[1126]),
            "machineInstallation": bool(has[1221]),
            "machineNumber": has[1036],
            "ofdChannel": _CHANNELS.get(int.from_bytes(channel, "big"), ""),
            "offlineMode": bool(has[1002]),
            "paymentsAddress": has[1187],
            "registrationNumber": has[1037],
            "service": bool(has[1109]),
        },
        "ofd": {
            "dns": ".".join(map(str, dns)),
            "host": decode_text(host.rstrip(b"\0")),
            "name": has[1046],
            "port": int.from_bytes(port, "big"),
            "vatin": has[1017],
        },
        "organization": {
            "address": has[1009],
            "agents": [name for bit, name in enumerate(_AGENTS) if has[1057] >> bit & 1],
            "email": has[1117],
            "name": has[1048],
            "taxationTypes": [name for bit, name in enumerate(_TAXATIONS) if has[1062] >> bit & 1],
            "vatin": has[1018],
        },
    }


# ---- the clock --------------------------------------------------------------------------------------------------------------------


@task("setDateTime", rules=needs("dateTime", kind="string"))
def set_clock(talk: Session, asked: Task) -> Run:
    """Set the clock, with the shift closed."""
    given = asked["dateTime"]
    try:
        at = datetime.strptime(given.replace("-", "."), "%Y.%m.%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise TaskFailed(MISSING, f'Некорректное значение поля "dateTime" ({given})') from None
    yield from ask(talk, 0xED, (at.day, at.month, at.year % 100), (at.hour, at.minute, at.second))
