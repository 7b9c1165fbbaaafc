"""Receipts and corrections as JSON tasks. See `fiscal.emulators.atol_json`."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

from fiscal.emulators.atol_json import (
    ALL,
    Run,
    Session,
    Task,
    ask,
    attribute,
    cashier,
    document,
    kop_of,
    look,
    ready,
    scaled,
    task,
)
from fiscal.emulators.atol_json_checks import CORRECTION, RECEIPT, TaskFailed, check
from fiscal.emulators.atol_json_shift import begin_shift
from fiscal.emulators.atol_receipt import type_of
from fiscal.ffd.documents import VAT_TAGS, vat_fields
from fiscal.ffd.tlv import byte, raw, stlv, text, u32, vln_bytes
from fiscal.registers.atol.talk import RegisterError
from fiscal.registers.atol_web.errors import MISSING, WRONG_TYPE, text_of
from fiscal.registers.atol_web.words import (
    AGENTS,
    CORRECTIONS,
    METHODS,
    PAYMENTS,
    RECEIPTS,
    SUBJECTS,
    TAXATIONS,
    TAXES,
)

__all__: list[str] = []

_FFD_12 = 4
_QUIET = 0x04
_CHECKED, _TAX_GIVEN, _SUM_ONLY = 0x0A, 0x02, 0x02
"""Flags of EBh: of a position, of one whose tax is given, of the sum of a correction."""
_TAX_ORDER = (6, 5, 1, 3, 2, 4)
"""The taxes that are read before a receipt is closed."""
_CASH = PAYMENTS["cash"]
_PAID_TOO_LITTLE = 66
_NO_DISCOUNT = 23


@task("sell", "sellReturn", "buy", "buyReturn", rules=RECEIPT, makes=True)
def receipt(talk: Session, asked: Task) -> Run:
    """A receipt. When the shift is closed it is opened first: two documents then."""
    yield from _begin(talk, asked)
    try:
        ffd = yield from _open(talk, asked)
        for tlv in _general(asked, ffd):
            yield from attribute(talk, tlv)
        due_kop = yield from _fill(talk, asked, ffd)
        yield from _pay(talk, asked, due_kop)
    except (RegisterError, TaskFailed, OverflowError):
        yield from _drop(talk)
        raise
    return (yield from _made(talk))


@task(
    "sellCorrection",
    "sellReturnCorrection",
    "buyCorrection",
    "buyReturnCorrection",
    rules=CORRECTION,
    makes=True,
)
def correction(talk: Session, asked: Task) -> Run:
    """A correction: a sum with its taxes in FFD 1.05, goods in FFD 1.2."""
    basis = _basis(asked)
    ffd = (yield from ask(talk, 0x9136, ALL))[0]
    newer = ffd >= _FFD_12
    if newer:
        check(asked, {"items": RECEIPT["items"]})
    elif asked["type"] in ("sellReturnCorrection", "buyReturnCorrection"):
        raise TaskFailed(WRONG_TYPE, text_of(WRONG_TYPE))
    yield from look(talk, 0x9136)
    yield from _begin(talk, asked)
    try:
        yield from _open(talk, asked)
        why = (byte(1173, CORRECTIONS[asked["correctionType"]]), stlv(1174, basis))
        general = _general(asked, ffd)
        for tlv in (*why, *general) if newer else (*general, *why):
            yield from attribute(talk, tlv)
        if newer:
            due_kop = yield from _fill(talk, asked, ffd)
        else:
            due_kop = yield from _sum(talk, asked)
        yield from _pay(talk, asked, due_kop)
    except (RegisterError, TaskFailed, OverflowError):
        yield from _drop(talk)
        raise
    return (yield from _made(talk))


def _begin(talk: Session, asked: Task) -> Run:
    """The shift is open after this."""
    yield from ready(talk, asked)
    yield from look(talk, 0xA420, 0x3F, 0x9134)
    if not (yield from ask(talk, 0x9112, ALL))[0]:
        yield from begin_shift(talk)
        yield from cashier(talk)


def _open(talk: Session, asked: Task) -> Run:
    """Open the receipt; the format it is made in."""
    settlement, corrects = RECEIPTS[asked["type"]]
    yield from ask(talk, 0x45)
    yield from ask(talk, 0x92, _QUIET if asked.get("electronically") else 0, type_of(settlement, corrects))
    return (yield from ask(talk, 0x9136, ALL))[0]


def _drop(talk: Session) -> Run:
    yield from ask(talk, 0x45)
    yield from ask(talk, 0x59)


def _made(talk: Session) -> Run:
    params, warnings = yield from document(talk, receipt=True)
    return {"fiscalParams": params, "warnings": warnings}


def _general(asked: Task, ffd: int) -> list[bytes]:
    """The attributes of the document, in the driver's order. Driver 10.8 does not know FFD 1.2's structure of the buyer (1256), nor the
    sign of settlements over the Internet (1125): later ones are *assumed* to write them."""
    client = asked.get("clientInfo") or {}
    company = asked.get("companyInfo") or {}
    made = [text(1008, client["emailOrPhone"], limit=64)] if client.get("emailOrPhone") else []
    if asked.get("taxationType"):
        made.append(byte(1055, TAXATIONS[asked["taxationType"]]))
    buyer = [text(1227, client["name"], limit=256)] if client.get("name") else []
    if client.get("vatin"):
        buyer.append(text(1228, client["vatin"], width=12))
    made += [stlv(1256, b"".join(buyer))] if buyer and ffd >= _FFD_12 else buyer
    if company.get("email"):
        made.append(text(1117, company["email"], limit=64))
    if asked.get("paymentsPlace"):
        made.append(text(1187, asked["paymentsPlace"], limit=256))
    if asked.get("machineNumber"):
        made.append(text(1036, asked["machineNumber"], limit=20))
    agents = (asked.get("agentInfo") or {}).get("agents")
    if agents:
        made.append(byte(1057, _mask(agents)))
    made += [text(1171, phone, limit=19) for phone in (asked.get("supplierInfo") or {}).get("phones") or ()]
    if asked.get("internet"):
        made.append(byte(1125, 1))
    return made


def _fill(talk: Session, asked: Task, ffd: int) -> Run:
    """Positions, the attributes that stand among them, what is taken off, the taxes of the whole; the sum that is due."""
    for item in asked["items"]:
        enter = _ITEMS.get(item["type"])
        if enter is not None:
            yield from enter(talk, item, ffd)
    sum_kop, _, _ = yield from ask(talk, 0x9114, ALL)
    total = asked.get("total")
    due_kop = sum_kop if total is None else kop_of(total)
    if due_kop > sum_kop:
        raise TaskFailed(_NO_DISCOUNT, text_of(_NO_DISCOUNT))
    if due_kop < sum_kop:
        yield from ask(talk, 0x43, 0, 0, 1, 0, sum_kop - due_kop)
    for tax in asked.get("taxes") or ():
        code, kop = TAXES[tax["type"]], kop_of(tax["sum"])
        yield from look(talk, 0x9113)
        if RECEIPTS[asked["type"]][1]:
            yield from attribute(talk, _tax(code, kop))
        else:
            yield from ask(talk, 0xB8, 0, 0, code, kop)
    return due_kop


def _tax(code: int, kop: int) -> bytes:
    return _wide(VAT_TAGS[code], kop) if code in VAT_TAGS else vat_fields({code: kop})


def _wide(tag: int, kop: int) -> bytes:
    """A sum of at least four bytes, as the driver writes it."""
    return raw(tag, vln_bytes(kop).ljust(4, b"\0"))


def _sum(talk: Session, asked: Task) -> Run:
    """A nameless position for the sum, without a tax of its own; the taxes follow."""
    total_kop = sum(kop_of(payment["sum"]) for payment in asked["payments"])
    yield from look(talk, 0x9114, 0x9113, 0x9113)
    yield from ask(talk, 0xEA, b"\0\1\0")
    values = (_SUM_ONLY, total_kop, 1000, total_kop, 5, 0, 0, 0, 0, 0, 0, b"\0\0", "")
    yield from ask(talk, 0xEB, *values)
    yield from look(talk, 0x9114)
    taxes = {TAXES[tax["type"]]: kop_of(tax["sum"]) for tax in asked.get("taxes") or ()}
    if 5 not in taxes:
        yield from attribute(talk, _wide(VAT_TAGS[5], 0))
    for code, kop in taxes.items():
        yield from look(talk, 0x9113)
        yield from attribute(talk, _tax(code, kop))
    return total_kop


def _pay(talk: Session, asked: Task, due_kop: int) -> Run:
    """Take the payments, those without cash first, and close the receipt."""
    payments = [(PAYMENTS[each["type"]], kop_of(each["sum"])) for each in asked["payments"]]
    if sum(kop for _, kop in payments) < due_kop:
        raise TaskFailed(_PAID_TOO_LITTLE, text_of(_PAID_TOO_LITTLE))
    for slot, kop in sorted(payments, key=lambda payment: payment[0] == _CASH):
        yield from ask(talk, 0x99, 0, slot, kop)
    for code in _TAX_ORDER:
        yield from ask(talk, 0x913D, bytes((code, 0)))
    yield from look(talk, 0x3F, 0x9134, 0x9114)
    yield from ask(talk, 0x4A, 0, 1, 0)


# ---- positions --------------------------------------------------------------------------------------------------------------------


def _position(talk: Session, item: dict[str, Any], ffd: int) -> Run:
    price_kop, quantity_e3, sum_kop = (
        kop_of(item["price"]),
        scaled(item["quantity"], 1000),
        kop_of(item["amount"]),
    )
    yield from look(talk, 0x9113)
    yield from ask(talk, 0xEA, b"\0\1\0")
    for tlv in _of_position(item, ffd):
        yield from attribute(talk, tlv)
    mark = (item.get("markingCode") or {}).get("mark")
    if mark:
        yield from ask(talk, 0xEF, b"\x08\x00" + _decoded(mark, "markingCode.mark"))
    tax = item["tax"]
    given = tax.get("sum")
    subject = item.get("paymentObject") or "0"
    values = (
        _CHECKED if given is None else _TAX_GIVEN,
        price_kop,
        quantity_e3,
        sum_kop,
        TAXES[tax["type"]],
        0 if given is None else kop_of(given),
        int(item.get("department", 0)),
        int(subject) if subject.isdigit() else SUBJECTS[subject],
        METHODS.get(item.get("paymentMethod", ""), 0),
        0,
        0,
        b"\0\0",
        item["name"][:128],
    )
    yield from ask(talk, 0xEB, *values)


def _of_position(item: dict[str, Any], ffd: int) -> list[bytes]:
    """The attributes of a position. A unit that is a number (2108) is of later drivers, *assumed*."""
    made = []
    unit = item.get("measurementUnit")
    if isinstance(unit, str):
        made.append(text(1197, unit, limit=16))
    elif unit and ffd >= _FFD_12:
        made.append(byte(2108, int(unit)))
    agent, supplier = item.get("agentInfo") or {}, item.get("supplierInfo") or {}
    if agent.get("agents"):
        made.append(byte(1222, _mask(agent["agents"])))
    if supplier.get("vatin"):
        made.append(text(1226, supplier["vatin"], width=12))
    own = _agent(agent)
    if own:
        made.append(stlv(1223, own))
    others = text(1225, supplier["name"], limit=256) if supplier.get("name") else b""
    others += _phones(1171, supplier)
    if others:
        made.append(stlv(1224, others))
    code = item.get("nomenclatureCode")
    if isinstance(code, str):
        made.append(raw(1162, _decoded(code, "nomenclatureCode")))
    return made


def _agent(agent: dict[str, Any]) -> bytes:
    paying = agent.get("payingAgent") or {}
    moves = agent.get("moneyTransferOperator") or {}
    return b"".join(
        (
            text(1005, moves["address"], limit=256) if moves.get("address") else b"",
            text(1016, moves["vatin"], width=12) if moves.get("vatin") else b"",
            text(1026, moves["name"], limit=64) if moves.get("name") else b"",
            _phones(1075, moves),
            text(1044, paying["operation"], limit=24) if paying.get("operation") else b"",
            _phones(1073, paying),
            _phones(1074, agent.get("receivePaymentsOperator") or {}),
        )
    )


def _phones(tag: int, who: dict[str, Any]) -> bytes:
    return b"".join(text(tag, phone, limit=19) for phone in who.get("phones") or ())


def _mask(agents: list[str]) -> int:
    return sum({AGENTS[agent] for agent in agents})


def _decoded(value: str, path: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise TaskFailed(MISSING, f'Некорректное значение поля "{path}" ({value})') from None


def _user_attribute(talk: Session, item: dict[str, Any], ffd: int) -> Run:
    own = text(1085, item["name"], limit=64) + text(1086, item["value"], limit=256)
    yield from attribute(talk, stlv(1084, own), item.get("print", True))


def _additional_attribute(talk: Session, item: dict[str, Any], ffd: int) -> Run:
    yield from attribute(talk, text(1192, item["value"]), item.get("print", True))


_ITEMS = {
    "position": _position,
    "userAttribute": _user_attribute,
    "additionalAttribute": _additional_attribute,
}
"""What may stand among the items; text, barcodes and pictures are for the paper, and are passed over."""


def _basis(asked: Task) -> bytes:
    """The inside of tag 1174."""
    name, day, number = (
        asked.get(field) for field in ("correctionBaseName", "correctionBaseDate", "correctionBaseNumber")
    )
    made = text(1177, name, limit=256) if name else b""
    if day:
        try:
            at = datetime.strptime(day.replace("-", "."), "%Y.%m.%d").replace(tzinfo=UTC)
        except ValueError:
            raise TaskFailed(MISSING, f'Некорректное значение поля "correctionBaseDate" ({day})') from None
        made += u32(1178, int(at.timestamp()))
    return made + (text(1179, number, limit=32) if number else b"")
