"""The emulated web server's driver against ATOL's own: the same tasks, the same register, the same words back, the same commands on the
line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from atol_vendor import (
    AGENT,
    BANK,
    CASHIER,
    MARKED,
    SPEED,
    Host,
    based,
    fetched,
    goods,
    made,
    receipt,
)
from web_line import Client, make_web

from fiscal.emulators.atol import AtolRegister
from fiscal.emulators.drive import Drive
from fiscal.emulators.drive_profile import Phase
from fiscal.marking import parse

HELP = re.compile("46 02 00 01|91 3b|91 36|91 40|91 32")
"""What the vendor's driver looks up beside a task - help for an error, what it may have cached - and ours does not."""

Task = dict[str, Any]


@pytest.fixture(scope="module")
def library() -> Path:
    try:
        return fetched()
    except RuntimeError as why:
        pytest.skip(str(why))


def sale(type: str = "sell", **changes: Any) -> Task:
    """A receipt with changes; ``None`` takes a field away."""
    items = changes.pop("items", None) or [goods()]
    asked = {"type": type, **receipt(*items)} | changes
    return {name: value for name, value in asked.items() if value is not None}


def correction(type: str, **changes: Any) -> Task:
    return {
        "type": type,
        "taxationType": "osn",
        "operator": CASHIER,
        "correctionType": "instruction",
        "correctionBaseDate": "2026.09.01",
        "correctionBaseNumber": "17-A",
        "payments": [{"type": "electronically", "sum": 300}],
        "taxes": [{"type": "vat10", "sum": 27.27}],
        "total": 300,
    } | changes


def cash(type: str, kop: float) -> Task:
    return {"type": type, "operator": CASHIER, "cashSum": kop}


def documents(*numbers: int) -> list[Task]:
    return [{"type": "getFnDocument", "fiscalDocumentNumber": number} for number in numbers]


def position(**changes: Any) -> Task:
    item = {**goods(), **changes}
    return {name: value for name, value in item.items() if value is not None}


QUESTIONS: list[Task] = [
    {"type": name}
    for name in (
        "getDeviceStatus",
        "getFnStatus",
        "getShiftStatus",
        "ofdExchangeStatus",
        "getShiftTotals",
        "getOverallTotals",
        "getDeviceInfo",
        "getFnInfo",
        "getRegistrationInfo",
    )
]

SHIFT = [
    *QUESTIONS,
    {"type": "openShift", "operator": CASHIER},
    {"type": "openShift", "operator": CASHIER},
    sale(),
    sale("sellReturn", items=[goods(price=50, quantity=1)]),
    sale("buy", items=[goods(price=50, quantity=1)]),
    sale("buyReturn", items=[goods(price=50, quantity=1)]),
    correction("sellCorrection"),
    correction("buyCorrection", correctionType="self", correctionBaseName="nm"),
    correction("sellReturnCorrection"),
    cash("cashIn", 1000),
    cash("cashOut", 200.5),
    cash("cashOut", 99_999),
    {"type": "reportX", "operator": CASHIER},
    {"type": "continuePrint"},
    *QUESTIONS,
    *documents(1, 2, 3, 4, 5, 6, 7, 8, 300),
    {"type": "getFnDocument", "fiscalDocumentNumber": 3, "withRawData": True},
    {"type": "closeShift", "operator": CASHIER},
    {"type": "closeShift", "operator": CASHIER},
    {"type": "setDateTime", "dateTime": "2026.09.21 15:15:00"},
    {"type": "cashIn", "cashSum": 5},  # on a closed shift, by the cashier of the task before
    {"type": "closeShift"},
    *documents(9, 10, 11),
    sale(operator=None),
    {"type": "closeShift"},
    *QUESTIONS,
]

RECEIPTS = [
    sale(total=None),
    sale(electronically=True, clientInfo={"emailOrPhone": "buyer@example.ru"}),
    sale(taxationType=None),
    sale(items=[position(paymentObject="5")]),
    sale(items=[position(paymentObject=None, paymentMethod=None)]),
    sale(items=[position(name="x" * 200)]),
    sale(items=[position(tax={"type": "vat10", "sum": 5})]),
    sale(total=200.5),
    sale(total=200, payments=[{"type": "cash", "sum": 200}]),
    sale(taxes=[{"type": "vat10", "sum": 5}]),
    sale(payments=[{"type": "cash", "sum": 300}, {"type": "cash", "sum": 1}]),
    sale(
        payments=[
            {"type": "credit", "sum": 100},
            {"type": "prepaid", "sum": 51},
            {"type": "other", "sum": 50},
        ]
    ),
    sale(items=[position(**AGENT)]),
    sale(items=[position(**BANK)]),
    sale(items=[position(nomenclatureCode=based(parse(MARKED).product_105))]),
    sale(items=[position(markingCode={"type": "other", "mark": based(MARKED.encode())})]),
    sale(
        items=[
            goods(price=10, quantity=1.5, tax="vat20"),
            goods(price=33.33, quantity=3, tax="none"),
            {"type": "additionalAttribute", "value": "m123", "print": False, "amount": 0},
            {"type": "userAttribute", "name": "nm", "value": "vv", "print": False, "amount": 0},
        ],
        total=114.99,
        payments=[{"type": "cash", "sum": 50}, {"type": "electronically", "sum": 64.99}],
        clientInfo={"emailOrPhone": "a@b.ru", "name": "Петров", "vatin": "7707083893"},
        paymentsPlace="https://x.ru",
        machineNumber="12",
        companyInfo={"email": "s@s.ru"},
        agentInfo={"agents": ["commissionAgent"]},
        supplierInfo={"phones": ["+79001234567"]},
    ),
    *documents(*range(1, 20)),
    *QUESTIONS,
]

FAULTY = [
    sale(payments=None),
    sale(payments=[]),
    sale(total="x"),
    sale(taxes="x"),
    sale(taxes=[{"type": "vat10"}]),
    sale(payments=[{"type": "bitcoin", "sum": 1}]),
    sale(payments=[{"sum": 1}]),
    sale(operator="x"),
    sale(operator={"name": 5}),
    sale(operator={"vatin": "12"}),
    sale(electronically="x"),
    sale(clientInfo="x"),
    sale(clientInfo={"emailOrPhone": 5}),
    sale(taxationType=5),
    sale(taxationType="patent"),
    sale(items=[position(paymentObject="zzz")]),
    sale(items=[position(paymentObject=33)]),
    sale(items=[position(paymentMethod="x")]),
    sale(items=[position(tax=None)]),
    sale(items=[position(price=-5)]),
    sale(items=[position(quantity=0)]),
    sale(items=[position(quantity=1.2345, amount=124.07)]),
    sale(items=[position(agentInfo={"agents": ["x"]})]),
    sale(items=[position(agentInfo={"agents": "x"})]),
    sale(total=202),
    sale(payments=[{"type": "cash", "sum": 100}], taxes=[{"type": "vat10", "sum": 5}]),
    sale(payments=[{"type": "cash", "sum": 300}, {"type": "electronically", "sum": 250}]),
    correction("sellCorrection", correctionType="x"),
    correction("sellCorrection", correctionBaseDate="01.09.2026"),
    correction("sellCorrection", correctionBaseNumber=5),
    {"type": "fooBar"},
    {"type": 5},
    {},
    {"type": "getFnDocument"},
    {"type": "getFnDocument", "fiscalDocumentNumber": "x"},
    {"type": "cashIn"},
    {"type": "cashIn", "cashSum": -5},
    {"type": "setDateTime", "dateTime": "x"},
    {"type": "setDateTime", "dateTime": "2026.09.21 15:15:00"},
    *QUESTIONS,
]

NEWER = [
    sale(),
    sale("sellCorrection", correctionType="self", correctionBaseDate="2026.09.01"),
    sale(
        "sellReturnCorrection",
        correctionType="self",
        correctionBaseDate="2026.09.01",
        taxes=[{"type": "vat10", "sum": 5}],
    ),
    {"type": "closeShift"},
    *documents(1, 2, 3, 4, 5, 6),
    *QUESTIONS,
]


ORGANIZATION = {
    "name": "ООО Ромашка",
    "vatin": "7701234567",
    "email": "shop@example.org",
    "taxationTypes": ["osn", "usnIncome"],
    "agents": ["commissionAgent"],
    "address": "Москва",
}
DEVICE = {
    "paymentsAddress": "shop.example",
    "fnsUrl": "www.nalog.gov.ru",
    "registrationNumber": "0000000000012345",
    "offlineMode": False,
    "machineInstallation": False,
    "bso": False,
    "encryption": False,
    "autoMode": False,
    "internet": True,
    "service": True,
    "gambling": False,
    "lottery": False,
    "excise": False,
    "ofdChannel": "ethernet",
    "ffdVersion": "1.05",
}
OFD = {"name": "ОФД", "vatin": "7704211201", "host": "ofd.example", "port": 7777, "dns": "0.0.0.0"}
CHANGE = {"type": "fnChange", "organization": ORGANIZATION, "device": DEVICE, "ofd": OFD, "operator": CASHIER}
OLD_DRIVE = [
    CHANGE,
    {"type": "closeArchive", "operator": CASHIER},
    {"type": "closeArchive"},
    *documents(2),
]
NEW_DRIVE = [
    *(question for question in QUESTIONS if question["type"] != "getRegistrationInfo"),
    {"type": "openShift"},
    {name: value for name, value in CHANGE.items() if name != "ofd"},
    CHANGE | {"device": DEVICE | {"ffdVersion": "7"}},
    CHANGE,
    CHANGE,
    *documents(1),
    *QUESTIONS,
    sale(),
]


def put_in(register: AtolRegister, now_us: int) -> None:
    """The old drive has sent everything; a new one is put in."""
    old = register.drive
    while old.head is not None:
        old.confirm(old.head.document, register.now_s)
    register.power_off(now_us)
    register.put_in(Drive("9999078900009999", phase=int(Phase.READY)))
    register.power_on(now_us)


class Wire:
    """What registers were told while it listens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._said: list[str] = []
        execute = AtolRegister._execute

        def listen(register: AtolRegister, now_us: int) -> bytes:
            assert register._payload is not None
            self._said.append(register._payload[2:].hex(" "))
            return execute(register, now_us)

        monkeypatch.setattr(AtolRegister, "_execute", listen)

    def take(self) -> list[str]:
        said = [command for command in self._said if not HELP.match(command)]
        self._said.clear()
        return said


def theirs(host: Host, tasks: list[Task], wire: Wire) -> list[tuple[int, str, list[str]]]:
    wire.take()
    found = []
    for task in tasks:
        code, text = host.task_of(task)
        found.append((code, text, wire.take()))
    return found


def ours(register: Any, tasks: list[Task], wire: Wire) -> list[tuple[int, str, list[str]]]:
    """The same from the web server, its JSON as it stands in the answer."""
    register.slow = SPEED
    client = Client(register)
    client.now_us = register.now_us
    wire.take()
    found = []
    for number, task in enumerate(tasks):
        uuid = f"task-{register.drive.serial}-{number}"
        assert client.post(uuid, task)[0] == 201
        while client.results(uuid)[0]["status"] == "inProgress":
            client.advance(20_000)
        (result,) = client.results(uuid)
        code = result["error"]["code"]
        shown = result.get("result")
        text = result["error"]["description"] if code else written(shown) if shown is not None else ""
        found.append((code, text, wire.take()))
    return found


def written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def without_clock(text: str) -> str:
    """The one host's time is real, the other's is not."""
    return re.sub(r'"currentDateTime":"[^"]*"', "", text)


@pytest.mark.parametrize(
    ("tasks", "options"),
    [
        (SHIFT, {"electronic": False}),
        (RECEIPTS, {"electronic": False}),
        (FAULTY, {"electronic": False}),
        (NEWER, {"ffd": 4, "name": "atol-42fs"}),
    ],
    ids=["a shift", "receipts", "faulty tasks", "FFD 1.2"],
)
def test_both_drivers_say_the_same(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tasks: list[Task], options: Any
) -> None:
    wire = Wire(monkeypatch)
    host = made(library, tmp_path, **options)
    expected = theirs(host, tasks, wire)
    host.close()
    register = make_web(**options)
    found = ours(register, tasks, wire)
    for task, (code, text, said), (our_code, our_text, our_said) in zip(tasks, expected, found, strict=True):
        assert (our_code, without_clock(our_text)) == (code, without_clock(text)), task
        if not code:
            # before each document the server reads the number of the last one
            own = [
                command
                for command in our_said[:1]
                if command.startswith("91 34") and said[:1] != our_said[:1]
            ]
            assert our_said[len(own) :] == said, task


def test_both_drivers_change_the_drive_alike(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Wire(monkeypatch)
    host = made(library, tmp_path, electronic=False)
    register = make_web(electronic=False)
    for tasks in (OLD_DRIVE, NEW_DRIVE):
        expected, found = theirs(host, tasks, wire), ours(register, tasks, wire)
        for task, (code, text, said), (our_code, our_text, our_said) in zip(
            tasks, expected, found, strict=True
        ):
            assert (our_code, without_clock(our_text)) == (code, without_clock(text)), task
            if not code:
                own = [each for each in our_said[:1] if each.startswith("91 34") and said[:1] != our_said[:1]]
                assert our_said[len(own) :] == said, task
        put_in(host.register, 0)
        put_in(register, register.now_us)
    host.close()
