"""From a receipt to the JSON task that makes a register record it.

The whole task is made before the first byte is sent. The engine's mark is the additional requisite of the receipt (tag 1192), by which its
document is known again. What the vendor's tasks have no words for is refused: a correction of FFD 1.05 carries no mark, and the outcome of
a check of marking codes (FFD 1.2) is not told. Source: reference sheet, section 2.2; "internet" (tag 1125) and units as numbers (2108) are
*assumed* of drivers later than the one it was measured with.
"""

from __future__ import annotations

import base64
from typing import Any

from fiscal.agents import Agent
from fiscal.ffd.goods_fields import common_agent
from fiscal.ffd.identity import OWN_NAME
from fiscal.gs1 import BadCode
from fiscal.marking import parse
from fiscal.receipt import Item, Receipt
from fiscal.registers.atol.receipts import FFD_12, PAYMENTS, Facts, Unfit
from fiscal.registers.atol_web.words import (
    AGENTS,
    CORRECTIONS,
    METHODS,
    RECEIPTS,
    SUBJECTS,
    TAXATIONS,
    TAXES,
    rub,
    word_of,
)
from fiscal.registers.atol_web.words import PAYMENTS as PAYMENT_WORDS

__all__ = ["task_of"]

_NAME_LIMIT = 128


def task_of(receipt: Receipt, mark: str, facts: Facts) -> dict[str, Any]:
    """The task. Raises `Unfit`."""
    correction = receipt.correction
    if correction is not None and facts.ffd < FFD_12:
        raise Unfit("a correction of FFD 1.05 cannot carry the shop's mark through a web server")
    try:
        kind = next(
            word for word, what in RECEIPTS.items() if what == (int(receipt.type), correction is not None)
        )
        items = [_position(item, facts) for item in receipt.items]
        task: dict[str, Any] = {
            "type": kind,
            "taxationType": word_of(TAXATIONS, int(receipt.taxation)),
            "electronically": receipt.electronic and not facts.prints_all,
            "items": items + _identity(mark, "" if correction is None else correction.sign),
            "payments": _payments(receipt),
            "total": rub(receipt.total_kop),
        }
    except KeyError as error:
        raise Unfit(f"the vendor's tasks have no word for {error}") from None
    except BadCode as error:
        raise Unfit(f"the receipt does not fit the register's commands: {error}") from None
    if receipt.cashier:
        who = {"name": receipt.cashier, "vatin": receipt.cashier_inn}
        task["operator"] = {name: value for name, value in who.items() if value}
    buyer = receipt.buyer
    client = {"emailOrPhone": buyer.contact, "name": buyer.name, "vatin": buyer.inn}
    task["clientInfo"] = {name: value for name, value in client.items() if value}
    if receipt.site != facts.place:
        task["paymentsPlace"] = receipt.site
    if receipt.internet and facts.internet_sign:
        task["internet"] = True
    agent = common_agent([item.agent for item in receipt.items], facts.ffd)
    if agent:
        task["agentInfo"] = {"agents": [word_of(AGENTS, agent[4])]}
    if correction is not None:
        task["correctionType"] = word_of(CORRECTIONS, int(correction.by_order))
        task["correctionBaseDate"] = correction.date.replace("-", ".")
        task["correctionBaseNumber"] = correction.number
    return task


def _identity(mark: str, wrong_sign: str) -> list[dict[str, Any]]:
    """See `fiscal.ffd.identity`."""
    if not wrong_sign:
        return [{"type": "additionalAttribute", "value": mark, "print": False}] if mark else []
    own = {"type": "userAttribute", "name": OWN_NAME, "value": mark, "print": False}
    return [{"type": "additionalAttribute", "value": wrong_sign, "print": False}, *([own] if mark else [])]


def _payments(receipt: Receipt) -> list[dict[str, Any]]:
    paid = receipt.payments
    made = [
        {"type": word_of(PAYMENT_WORDS, slot), "sum": rub(getattr(paid, name))}
        for name, slot in PAYMENTS.items()
        if getattr(paid, name)
    ]
    return made or [{"type": "cash", "sum": 0}]


def _position(item: Item, facts: Facts) -> dict[str, Any]:
    quantity_e3, finer = divmod(item.quantity_e6, 1000)
    if finer:
        raise Unfit(f"{item.name!r}: this register counts in thousandths, not {item.quantity_e6} millionths")
    position: dict[str, Any] = {
        "type": "position",
        "name": item.name[:_NAME_LIMIT],
        "price": rub(item.price_kop),
        "quantity": quantity_e3 / 1000 if quantity_e3 % 1000 else quantity_e3 // 1000,
        "amount": rub(item.sum_kop),
        "department": 1,
        "tax": {"type": word_of(TAXES, int(item.vat))},
        "paymentMethod": word_of(METHODS, int(item.method)),
        "paymentObject": word_of(SUBJECTS, item.subject),
    }
    if item.unit and facts.ffd >= FFD_12:
        position["measurementUnit"] = item.unit
    if item.mark is not None:
        if facts.ffd >= FFD_12:
            raise Unfit(
                f"{item.name!r}: a web server does not tell what became of the check of a marking code"
            )
        code = parse(item.mark.code).product_105
        position["nomenclatureCode"] = base64.b64encode(code).decode("ascii")
    if item.agent is not None:
        position |= _agent(item.agent)
    return position


def _agent(agent: Agent) -> dict[str, Any]:
    who = {
        "agents": [word_of(AGENTS, agent.kind)],
        "payingAgent": {"operation": agent.operation, "phones": list(agent.phones)},
        "receivePaymentsOperator": {"phones": list(agent.acceptor_phones)},
        "moneyTransferOperator": {
            "phones": list(agent.operator_phones),
            "name": agent.operator_name,
            "address": agent.operator_address,
            "vatin": agent.operator_inn,
        },
    }
    supplier = {
        "phones": list(agent.supplier_phones),
        "name": agent.supplier_name,
        "vatin": agent.supplier_inn,
    }
    return {"agentInfo": who, "supplierInfo": supplier}
