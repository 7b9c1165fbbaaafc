"""What a JSON task must say, as tables, and the vendor's words for what is wrong with it.

A rule says of a field: its kind, whether it must be there, the words it may have, what stands inside. Fields that no rule names are
ignored, as the vendor's driver does. The first fault counts, in the order of the table. Source: reference sheet, section 2.2; the order
and the texts were seen from the driver.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fiscal.registers.atol_web.errors import MISSING
from fiscal.registers.atol_web.words import (
    AGENTS,
    CHANNELS,
    CORRECTIONS,
    FFDS,
    METHODS,
    PAYMENTS,
    SUBJECTS,
    TAXATIONS,
    TAXES,
)

__all__ = [
    "CORRECTION",
    "OPERATOR",
    "RECEIPT",
    "REGISTRATION",
    "Rule",
    "Rules",
    "TaskFailed",
    "check",
    "must",
    "needs",
]


class TaskFailed(Exception):
    """The task is not done. ``code`` and the text are the vendor's."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Rule:
    """``kinds``: of JSON; ``words``: that may stand there, or ``digits``; ``inside``: the rules of an object, or of every object of an
    array; ``each``: the rule of every element; ``by_type``: the rules of an array's objects by their field ``type``."""

    kinds: tuple[str, ...]
    needed: bool = False
    words: Collection[str] = ()
    inside: Mapping[str, Rule] | None = None
    each: Rule | None = None
    by_type: Mapping[str, Mapping[str, Rule]] | None = None
    digits: bool = False


Rules = Mapping[str, Rule]

_KINDS: dict[type, str] = {
    str: "string",
    bool: "boolean",
    int: "number",
    Decimal: "number",
    list: "array",
    dict: "object",
}


def check(task: Mapping[str, Any], rules: Rules, path: str = "") -> None:
    """Raises `TaskFailed` with the first fault."""
    for name, rule in rules.items():
        _check_value(task.get(name), rule, f"{path}.{name}" if path else name)


def _check_value(value: Any, rule: Rule, path: str) -> None:
    if value is None:
        if rule.needed:
            raise TaskFailed(MISSING, f'Поле "{path}" отсутствует')
        return
    if _KINDS.get(type(value)) not in rule.kinds:
        expected = "|".join((*rule.kinds, *(() if rule.needed else ("undefined",))))
        raise TaskFailed(MISSING, f'Поле "{path}" имеет неверный тип (ожидается "{expected}")')
    if (
        rule.words
        and isinstance(value, str)
        and value not in rule.words
        and not (rule.digits and value.isdigit())
    ):
        raise TaskFailed(MISSING, f'Некорректное значение поля "{path}" ({value})')
    if rule.inside is not None and isinstance(value, dict):
        check(value, rule.inside, path)
    if isinstance(value, list):
        for at, element in enumerate(value):
            _check_element(element, rule, f"{path}[{at}]")


def _check_element(value: Any, rule: Rule, path: str) -> None:
    if rule.each is not None:
        _check_value(value, rule.each, path)
    elif rule.by_type is not None:
        own = value if isinstance(value, dict) else {}
        kind = own.get("type")
        _check_value(kind, _TEXT_NEEDED, f"{path}.type")
        check(own, rule.by_type.get(str(kind), {}), path)
    elif rule.inside is not None:
        check(value if isinstance(value, dict) else {}, rule.inside, path)


def must(kind: str, words: Collection[str] = (), inside: Rules | None = None) -> Rule:
    """A field that must be there."""
    return Rule((kind,), True, words, inside)


def needs(*names: str, kind: str = "number") -> Rules:
    """Fields of one kind that must be there."""
    return {name: must(kind) for name in names}


_TEXT = Rule(("string",))
_TEXT_NEEDED = must("string")
_NUMBER = Rule(("number",))
_FLAG = Rule(("boolean",))
_PHONES = Rule(("array",), each=_TEXT_NEEDED)
_OPERATOR = Rule(("object",), inside={"name": _TEXT_NEEDED, "vatin": _TEXT})

OPERATOR: Rules = {"operator": _OPERATOR}
"""What most tasks may say: the cashier."""

_AGENT = Rule(
    ("object",),
    inside={
        "agents": Rule(("array",), each=must("string", AGENTS)),
        "payingAgent": Rule(("object",), inside={"operation": _TEXT, "phones": _PHONES}),
        "receivePaymentsOperator": Rule(("object",), inside={"phones": _PHONES}),
        "moneyTransferOperator": Rule(
            ("object",), inside={"name": _TEXT, "address": _TEXT, "vatin": _TEXT, "phones": _PHONES}
        ),
    },
)
_SUPPLIER = Rule(("object",), inside={"name": _TEXT, "vatin": _TEXT, "phones": _PHONES})

_POSITION: Rules = {
    "name": _TEXT_NEEDED,
    "price": must("number"),
    "quantity": must("number"),
    "amount": must("number"),
    "department": _NUMBER,
    "measurementUnit": Rule(("string", "number")),
    "paymentMethod": Rule(("string",), words=METHODS),
    "paymentObject": Rule(("string",), words=SUBJECTS, digits=True),
    "nomenclatureCode": Rule(("object", "string")),
    "markingCode": Rule(("object",), inside={"mark": _TEXT_NEEDED, "type": _TEXT}),
    "tax": must("object", inside={"type": must("string", TAXES), "sum": _NUMBER}),
    "agentInfo": _AGENT,
    "supplierInfo": _SUPPLIER,
}

_ITEMS: Mapping[str, Rules] = {
    "position": _POSITION,
    "userAttribute": {"name": _TEXT_NEEDED, "value": _TEXT_NEEDED, "print": _FLAG},
    "additionalAttribute": {"value": _TEXT_NEEDED, "print": _FLAG},
}

_PAYMENT = Rule(("array",), True, inside={"type": must("string", PAYMENTS), "sum": must("number")})
_TAX = Rule(("array",), inside={"type": must("string", TAXES), "sum": must("number")})

RECEIPT: Rules = {
    **OPERATOR,
    "taxationType": Rule(("string",), words=TAXATIONS),
    "electronically": _FLAG,
    "internet": _FLAG,
    "paymentsPlace": _TEXT,
    "machineNumber": _TEXT,
    "clientInfo": Rule(("object",), inside={"emailOrPhone": _TEXT, "vatin": _TEXT, "name": _TEXT}),
    "companyInfo": Rule(("object",), inside={"email": _TEXT}),
    "agentInfo": _AGENT,
    "supplierInfo": _SUPPLIER,
    "items": Rule(("array",), True, by_type=_ITEMS),
    "payments": _PAYMENT,
    "taxes": _TAX,
    "total": _NUMBER,
}

_FLAGS = (
    *("offlineMode", "machineInstallation", "bso", "encryption", "autoMode"),
    *("internet", "service", "gambling", "lottery", "excise"),
)

REGISTRATION: Rules = {
    "organization": must(
        "object",
        inside={
            **dict.fromkeys(("name", "vatin", "email", "address"), _TEXT),
            "taxationTypes": Rule(("array",), each=must("string", TAXATIONS)),
            "agents": Rule(("array",), each=must("string", AGENTS)),
        },
    ),
    "device": must(
        "object",
        inside={
            **dict.fromkeys(("paymentsAddress", "fnsUrl", "registrationNumber", "machineNumber"), _TEXT),
            **dict.fromkeys(_FLAGS, _FLAG),
            "ofdChannel": Rule(("string",), words=CHANNELS),
            "ffdVersion": Rule(("string",), words=FFDS),
        },
    ),
    "ofd": must(
        "object", inside={"name": _TEXT, "vatin": _TEXT, "host": _TEXT, "port": _NUMBER, "dns": _TEXT}
    ),
}
"""What a register is registered as."""

CORRECTION: Rules = {
    **{name: rule for name, rule in RECEIPT.items() if name != "items"},
    "correctionType": must("string", CORRECTIONS),
    "correctionBaseDate": _TEXT,
    "correctionBaseNumber": _TEXT,
    "correctionBaseName": _TEXT,
}
"""A correction of FFD 1.05 has no positions, one of FFD 1.2 must have them."""
