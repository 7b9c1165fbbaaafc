"""The driver behind a web server: the documents it makes, what it makes of refusals, and that nothing it loses is lost or made twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from atol_line import make_driver as make_direct
from atol_line import make_register
from shtrih_line import MARK, SITE, START_S, Line, make_receipt
from web_line import REQUESTS, Client, make_web

from fiscal.emulators.atol_web_register import WebRegister
from fiscal.engine.outcomes import (
    Attempt,
    Blame,
    ClockSet,
    Found,
    Recorded,
    Refused,
    Seen,
    ShiftClosed,
    ShiftOpened,
    ShiftState,
    ShiftTotals,
    Unknown,
)
from fiscal.ffd.codec import decode_fields
from fiscal.marking import Mark
from fiscal.receipt import Agent, Buyer, Correction, Item, Payments, Receipt, SettlementType, Vat
from fiscal.registers.atol.receipts import Facts
from fiscal.registers.atol_web import AtolWebDriver
from fiscal.registers.atol_web.messages import Response, basic
from fiscal.registers.atol_web.talk import uuid_of

BEFORE = Attempt(MARK, 2)
OTHER = "fedcba9876543210"
PRODUCT = "01046006531059902152CUnq\x1d93Gk30"


def make_driver(ffd: int = 2, **options: Any) -> AtolWebDriver:
    return AtolWebDriver(facts=Facts(ffd=ffd, place=SITE), **options)


class Shop:
    """A register behind its web server, the line to it, and the driver. The shift is open."""

    def __init__(self, ffd: int = 2, *, open_: bool = True, **options: Any) -> None:
        self.register = make_web(ffd, **options)
        self.line = Line(self.register)  # type: ignore[arg-type]
        self.driver = make_driver(ffd)
        if open_:
            assert isinstance(self.run(self.driver.open_shift()), ShiftOpened)

    def run(self, conversation: Any) -> Any:
        return self.line.run(conversation)

    def again(self) -> None:
        """The host drops the connection and makes another."""
        self.register.hang_up()
        self.line._inbox.clear()
        self.line.lose_at = None

    @property
    def receipts(self) -> int:
        return self.register.drive.receipts_in_shift


@pytest.fixture
def shop() -> Shop:
    return Shop()


# ---- documents --------------------------------------------------------------------------------------------------------------------

AGENT = Agent(
    1,
    "7707083893",
    supplier_name="ООО Продавец",
    supplier_phones=("+79001234567",),
    operation="перевод",
    phones=("+79001234568",),
    operator_phones=("+78002000000",),
    operator_name="ООО Перевод",
    operator_address="Москва",
    operator_inn="7830002293",
)
SIMPLE = make_receipt(2)
RICH = replace(
    SIMPLE,
    items=(
        Item("Чай", 333, 1_500_000, 500, Vat.VAT_10, unit=11),
        Item("Доставка", 9_950, 1_000_000, 9_950, Vat.NONE, subject=4, agent=AGENT),
    ),
    payments=Payments(1_000, 2_000, 3_000, 4_000, 450),
    buyer=Buyer(email="buyer@example.ru", name="Петров Пётр", inn="7707083893"),
    site="https://other.example",
    cashier="Иванова А.",
    cashier_inn="123456789047",
)
MARKED = replace(
    SIMPLE,
    items=(Item("Обувь", 10_000, 1_000_000, 10_000, Vat.VAT_10, mark=Mark(PRODUCT)),),
    payments=Payments(cashless_kop=10_000),
)
CORRECTED = replace(SIMPLE, correction=Correction(True, "2026-09-01", "17-A"))
BY_SIGN = replace(SIMPLE, correction=Correction(False, "2026-09-01", sign="0123456789"))


def tree(value: Any) -> Any:
    """Fields in the order of their tags: registers keep the order in which they were told."""
    if isinstance(value, tuple):
        return sorted((tag, repr(tree(inner)), tree(inner)) for tag, inner in value)
    return value


@pytest.mark.parametrize(
    ("receipt", "ffd"),
    [
        (SIMPLE, 2),
        (SIMPLE, 4),
        (RICH, 2),
        (RICH, 4),
        (replace(RICH, type=SettlementType.SALE_RETURN), 4),
        (MARKED, 2),
        (CORRECTED, 4),
        (BY_SIGN, 4),
    ],
)
def test_the_document_is_the_one_that_the_register_makes_by_itself(receipt: Receipt, ffd: int) -> None:
    shop = Shop(ffd)
    recorded = shop.run(shop.driver.fiscalize(receipt, MARK))
    stored = shop.register.drive.find(3)
    assert recorded == Recorded(
        3, stored.sign, stored.time_s, shop.register.drive.serial, 1, stored.receipt_number
    )
    direct = make_register(ffd)
    line = Line(direct)  # type: ignore[arg-type]
    driver = make_direct(ffd=ffd)
    line.run(driver.open_shift())
    assert isinstance(line.run(driver.fiscalize(receipt, MARK)), Recorded)
    changes = (1012, 1077)  # the moment, and the sign that depends on it
    mine, its = (
        [field for field in decode_fields(drive.find(3).tlv[4:]) if field[0] not in changes]
        for drive in (shop.register.drive, direct.drive)
    )
    assert tree(tuple(mine)) == tree(tuple(its))


@pytest.mark.parametrize(
    ("receipt", "ffd", "why"),
    [
        (CORRECTED, 2, "cannot carry the shop's mark"),
        (MARKED, 4, "check of a marking code"),
        (replace(SIMPLE, items=(Item("x", 100, 1_000_001, 100),)), 2, "thousandths"),
        (replace(SIMPLE, items=(Item("x", 100, 1_000_000, 100, subject=99),)), 2, "no word for 99"),
    ],
)
def test_what_the_tasks_have_no_words_for_is_refused_at_once(receipt: Receipt, ffd: int, why: str) -> None:
    shop = Shop(ffd, open_=False)
    outcome = shop.run(shop.driver.fiscalize(receipt, MARK))
    assert isinstance(outcome, Refused) and why in outcome.meaning and outcome.code == "driver:fit"
    assert not shop.line.log


# ---- shifts, state, clock ---------------------------------------------------------------------------------------------------------


def test_a_day(shop: Shop) -> None:
    drive = shop.register.drive
    assert shop.run(shop.driver.open_shift()) == ShiftOpened(1, 2), "it is open already"
    for number in range(3):
        assert isinstance(shop.run(shop.driver.fiscalize(SIMPLE, f"{number:016}")), Recorded)
    totals = shop.run(shop.driver.read_totals(False))
    assert isinstance(totals, ShiftTotals) and totals.turnovers[0].cashless_kop == 120_000
    closed = shop.run(shop.driver.close_shift())
    stored = drive.find(6)
    assert isinstance(closed, ShiftClosed)
    assert (closed.shift, closed.document, closed.receipts) == (1, 6, 3)
    assert (closed.sign, closed.time_s, closed.drive) == (stored.sign, stored.time_s, drive.serial)
    assert closed.totals_kop == (120_000, 0, 0, 0) and closed.details == totals
    again = shop.run(shop.driver.close_shift())
    assert isinstance(again, ShiftClosed) and (again.document, again.receipts) == (6, 3)
    assert drive.last_document == 6
    seen = shop.run(shop.driver.probe())
    assert isinstance(seen, Seen)
    assert (seen.shift, seen.last_document, seen.unsent, seen.first_unsent) == (ShiftState.CLOSED, 6, 6, 1)
    assert (seen.drive, seen.phase, seen.model, seen.registration) == (
        drive.serial,
        3,
        "АТОЛ 55Ф",
        "0000000000012345",
    )
    assert shop.run(shop.driver.set_clock(START_S + 7200)) == ClockSet(START_S + 7200)
    assert shop.run(shop.driver.probe()).time_s == START_S + 7200
    assert isinstance(shop.run(shop.driver.open_shift()), ShiftOpened), "the same task about another place"
    refused = shop.run(shop.driver.set_clock(START_S))
    assert isinstance(refused, Refused) and refused.code == "atol:9C"


def test_corrections_are_not_told_and_then_no_totals_are_claimed() -> None:
    shop = Shop(4)
    assert isinstance(shop.run(shop.driver.fiscalize(CORRECTED, MARK)), Recorded)
    closed = shop.run(shop.driver.close_shift())
    assert isinstance(closed, ShiftClosed) and closed.receipts == 1 and closed.totals_kop is None


def test_a_closed_shift_is_opened_by_a_task_of_its_own() -> None:
    shop = Shop(open_=False)
    recorded = shop.run(shop.driver.fiscalize(SIMPLE, MARK))
    assert isinstance(recorded, Recorded) and recorded.document == 3


def test_refusals_of_the_register_are_those_of_its_make(shop: Shop) -> None:
    dear = replace(SIMPLE, payments=Payments(cashless_kop=SIMPLE.total_kop + 1))
    outcome = shop.run(shop.driver.fiscalize(dear, MARK))
    assert isinstance(outcome, Refused) and (outcome.code, outcome.blame) == ("atol:71", Blame.RECEIPT)
    assert isinstance(shop.run(shop.driver.fiscalize(SIMPLE, MARK)), Recorded), "n grows after a failure"
    shop.register.clock_offset_s = 90_000
    outcome = shop.run(shop.driver.fiscalize(SIMPLE, OTHER))
    assert isinstance(outcome, Refused) and (outcome.code, outcome.blame) == ("atol:88", Blame.REGISTER)
    assert shop.receipts == 1


def test_a_register_without_paper_or_power_is_told_from_a_line() -> None:
    shop = Shop(electronic=False)
    shop.register.paper_out(shop.line.now_us)
    on_paper = replace(SIMPLE, electronic=False)
    outcome = shop.run(shop.driver.fiscalize(on_paper, MARK))
    assert isinstance(outcome, Refused) and outcome.code == "atol:67"
    shop.register.power_off(shop.line.now_us)
    outcome = shop.run(shop.driver.probe())
    assert isinstance(outcome, Refused) and outcome.blame is Blame.LINE
    assert "does not reach its register" in outcome.meaning


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (44, Refused),  # no paper: the server has asked the drive
        (47, Unknown),  # the printer failed: it has not
        (118, Unknown),  # the drive is faulty
        (52, Refused),  # the register refused before anything was made
        (501, Refused),  # it could not even read the task
        (9999, Unknown),
    ],
)
def test_what_an_error_says_of_the_document(shop: Shop, code: int, kind: type[Any]) -> None:
    def fail(data: bytes) -> bytes:
        if b'"status":"ready"' in data and b'"total"' in data:
            body = b'{"results":[{"error":{"code":%d,"description":"x"},"status":"error"}]}' % code
            return bytes(Response(200, body))
        return data

    shop.line.to_host = fail
    assert isinstance(shop.run(shop.driver.fiscalize(SIMPLE, MARK)), kind)


def test_a_web_server_that_asks_who_we_are() -> None:
    account = basic("kassa", "secret")
    line = Line(make_web(account=account))  # type: ignore[arg-type]
    outcome = line.run(make_driver().probe())
    assert isinstance(outcome, Refused) and outcome.code == "web:401" and "account" in outcome.todo
    assert isinstance(line.run(make_driver(account=account).probe()), Seen)


@pytest.mark.parametrize(
    "answer",
    [
        b"hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"results":[]}',
    ],
)
def test_whatever_else_answers_there_nothing_happened(shop: Shop, answer: bytes) -> None:
    shop.line.to_host = lambda data: answer
    outcome = shop.run(shop.driver.probe())
    assert isinstance(outcome, Refused) and outcome.blame in (Blame.LINE, Blame.REGISTER)


# ---- what is lost -----------------------------------------------------------------------------------------------------------------


def settle(shop: Shop, outcome: Any, mark: str = MARK) -> Recorded:
    """What the engine does: ask until somebody knows, then make what is not there."""
    for _ in range(100):
        shop.again()
        shop.line.advance(5_000_000)
        if isinstance(outcome, Recorded):
            return outcome
        if isinstance(outcome, Found):
            if outcome.recorded is not None:
                return outcome.recorded
            outcome = shop.run(shop.driver.fiscalize(SIMPLE, mark))
        else:
            outcome = shop.run(shop.driver.find(SIMPLE, BEFORE))
    raise AssertionError(outcome)


def marks(register: WebRegister) -> list[str]:
    drive = register.drive
    found = []
    for number in range(1, drive.last_document + 1):
        fields = dict(decode_fields(drive.find(number).tlv[4:]))
        if 1192 in fields:
            found.append(str(fields[1192]))
    return found


def test_a_line_that_is_lost_at_any_step_makes_one_document() -> None:
    shop = Shop()
    shop.run(shop.driver.fiscalize(SIMPLE, MARK))
    steps = shop.line.steps
    assert steps > 10
    unknown = 0
    for at in range(1, steps + 1):
        shop = Shop()
        shop.line.lose_at = at
        outcome = shop.run(shop.driver.fiscalize(SIMPLE, MARK))
        unknown += isinstance(outcome, Unknown)
        if isinstance(outcome, Refused):
            assert shop.receipts == 0, "refused means that nothing happened"
            shop.line.advance(60_000_000)
            assert shop.receipts == 0, "... and nothing will"
        shop.again()
        recorded = settle(shop, outcome)
        shop.line.advance(60_000_000)
        assert marks(shop.register) == [MARK], at
        assert recorded.sign == shop.register.drive.find(recorded.document).sign
    assert unknown > 5


@pytest.mark.parametrize("swallow", range(1, 8))
def test_an_answer_that_never_comes(swallow: int) -> None:
    shop = Shop()
    seen = 0

    def lose(data: bytes) -> bytes:
        nonlocal seen
        seen += 1
        return b"" if seen >= swallow else data

    shop.line.to_host = lose
    outcome = shop.run(shop.driver.fiscalize(SIMPLE, MARK))
    assert isinstance(outcome, Unknown | Refused)
    shop.line.to_host = lambda data: data
    settle(shop, outcome)
    assert marks(shop.register) == [MARK]


def hold_post(shop: Shop, outcomes: list[Any]) -> list[bytes]:
    """Fiscalize while the bytes that hand the sale in are on their way for very long."""
    held: list[bytes] = []

    def delay(data: bytes) -> bytes:
        if data.startswith(b"POST /api/v2/requests ") and b'"sell"' in data:
            held.append(data)
            return b""
        return data

    shop.line.to_register = delay
    outcomes.append(shop.run(shop.driver.fiscalize(SIMPLE, MARK)))
    shop.line.to_register = lambda data: data
    shop.again()
    return held


def test_a_sale_that_arrives_after_we_asked_is_refused(shop: Shop) -> None:
    outcomes: list[Any] = []
    (late,) = hold_post(shop, outcomes)
    assert isinstance(outcomes[0], Unknown)
    assert shop.run(shop.driver.find(SIMPLE, BEFORE)) == Found(None, 2)
    ((_, answer),) = shop.register.receive(late, shop.line.now_us)
    assert answer.startswith(b"HTTP/1.1 409 ")
    shop.line.advance(10_000_000)
    assert shop.receipts == 0
    assert isinstance(shop.run(shop.driver.fiscalize(SIMPLE, MARK)), Recorded)
    assert marks(shop.register) == [MARK]


def test_a_sale_that_arrives_while_we_ask_is_found(shop: Shop) -> None:
    (late,) = hold_post(shop, [])
    shop.register.receive(late, shop.line.now_us)
    shop.again()
    found = shop.run(shop.driver.find(SIMPLE, BEFORE))
    assert isinstance(found, Found) and found.recorded is not None
    assert shop.run(shop.driver.find(SIMPLE, BEFORE)) == found, "asking twice changes nothing"
    assert marks(shop.register) == [MARK]


def test_the_report_of_opening_is_not_taken_for_the_receipt() -> None:
    """The server's own rule would: it counts the drive's documents."""
    shop = Shop()
    shop.run(shop.driver.close_shift())
    client = Client(shop.register)
    client.now_us = shop.line.now_us
    uuid = uuid_of("receipt", MARK, 1)
    task = _sale_of(shop)
    assert client.post(uuid, task)[0] == 201
    while shop.register.drive.last_document < 4:
        client.advance(1_000)
    shop.register.power_off(client.now_us)
    client.advance(600_000_000)
    shop.register.power_on(client.now_us)
    client.advance(10_000_000)
    assert client.results(uuid)[0]["status"] == "ready" and shop.receipts == 0
    shop.line.now_us = client.now_us
    shop.again()
    assert shop.run(shop.driver.find(SIMPLE, Attempt(MARK, 3))) == Found(None, 4)
    assert isinstance(shop.run(shop.driver.fiscalize(SIMPLE, MARK)), Recorded)
    assert marks(shop.register) == [MARK]


def _sale_of(shop: Shop) -> dict[str, Any]:
    from fiscal.registers.atol_web.receipts import task_of

    return task_of(SIMPLE, MARK, Facts(place=SITE))


@pytest.mark.parametrize("after_us", range(0, 1_200_000, 50_000))
def test_power_lost_at_any_moment_of_a_sale(after_us: int) -> None:
    shop = Shop()
    off: Callable[[bytes], bytes]
    cut_at: list[int] = []

    def off(data: bytes) -> bytes:
        if b'"sell"' in data:
            cut_at.append(shop.line.now_us + after_us)
        if cut_at and shop.line.now_us >= cut_at[0] and shop.register.powered:
            shop.register.power_off(shop.line.now_us)
        return data

    shop.line.to_register = off
    outcome = shop.run(shop.driver.fiscalize(SIMPLE, MARK))
    shop.line.to_register = lambda data: data
    shop.register.power_on(shop.line.now_us)
    shop.again()
    settle(shop, outcome)
    shop.line.advance(300_000_000)
    assert marks(shop.register) == [MARK]


def test_a_server_that_hangs_is_waited_for_and_nothing_is_made_twice(shop: Shop) -> None:
    def hang(data: bytes) -> bytes:
        if b'"sell"' in data:
            shop.register.hang(shop.line.now_us + 90_000_000)
        return data

    shop.line.to_register = hang
    outcome = shop.run(shop.driver.fiscalize(SIMPLE, MARK))
    assert isinstance(outcome, Unknown)
    shop.line.to_register = lambda data: data
    shop.again()
    assert isinstance(shop.run(shop.driver.probe()), Refused), "it still hangs"
    settle(shop, outcome)
    assert marks(shop.register) == [MARK]


def test_a_web_server_that_forgot_everything_is_no_matter(shop: Shop) -> None:
    """It was set up anew: only the drive knows."""
    recorded = shop.run(shop.driver.fiscalize(SIMPLE, MARK))
    shop.register.server.queue._entries.clear()
    found = shop.run(shop.driver.find(SIMPLE, BEFORE))
    assert isinstance(found, Found) and found.recorded == recorded
    assert shop.run(shop.driver.find(SIMPLE, Attempt(OTHER, 2))) == Found(None, 3)


@pytest.mark.parametrize(
    "said", ["{}", '{"fiscalParams":{"fiscalDocumentNumber":3}}', '{"fiscalParams":{"total":1}}']
)
def test_a_result_that_does_not_say_what_was_made_is_not_believed(shop: Shop, said: str) -> None:
    """As when the server concluded that something was done, and could not read what."""
    recorded = shop.run(shop.driver.fiscalize(SIMPLE, MARK))
    entry = shop.register.server.queue.find(uuid_of("receipt", MARK, 1))
    assert entry is not None
    entry.parts[0].result = said
    assert isinstance(shop.run(shop.driver.fiscalize(SIMPLE, MARK)), Unknown)
    assert shop.run(shop.driver.find(SIMPLE, BEFORE)) == Found(recorded, 3)
    assert marks(shop.register) == [MARK]


def test_the_uuid_follows_from_the_mark(shop: Shop) -> None:
    shop.run(shop.driver.fiscalize(SIMPLE, MARK))
    client = Client(shop.register)
    assert client.call("GET", f"{REQUESTS}/{uuid_of('receipt', MARK, 1)}")[0] == 200
    assert client.call("GET", f"{REQUESTS}/{uuid_of('receipt', MARK, 2)}")[0] == 404
    assert uuid_of("receipt", "ab") != uuid_of("receipta", "b")
