"""Marked goods, agents and corrections on registers of both makes: over the wire, into the drive's documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import atol_line
import pytest
import shtrih_line
from shtrih_line import MARK, SITE, START_S, Line, make_receipt

from fiscal.emulators.atol_dispatch import HANDLERS as atol_handlers  # noqa: N811
from fiscal.emulators.atol_dispatch import CommandError as AtolError
from fiscal.emulators.drive import Drive
from fiscal.emulators.marking_keys import issue
from fiscal.emulators.marking_service import MarkingService, State
from fiscal.engine.outcomes import Attempt, Blame, Found, Recorded, Refused
from fiscal.ffd import Document, decode
from fiscal.ffd.validation import validate
from fiscal.receipt import Agent, Correction, Item, Mark, Payments, SettlementType, Taxation, Vat
from fiscal.registers.marking import Check
from fiscal.registers.shtrih.commands import COMMANDS

FFD_12 = 4
MAKES: dict[str, Any] = {"shtrih": shtrih_line, "atol": atol_line}
CODES = [issue("0460123456789", f"5abcdefgh{n:04}".ljust(13, "x")[:13]) for n in range(4)]
SHOES = Item("Кроссовки", 500_000, 1_000_000, 500_000, Vat.VAT_22, subject=33)
COMMISSION = Agent(32, "7707083893", "ООО Продавец", ("+79001234567",))
BANK = Agent(
    1,
    "7707083893",
    operation="перевод",
    phones=("+79001234567", "+79001234568"),
    operator_phones=("+78002000000",),
    operator_name="ООО Перевод",
    operator_address="Москва, ул. Ильинка, 9",
    operator_inn="7830002293",
)


@pytest.fixture(params=["shtrih", "atol"])
def make(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def shop(
    make: str, *, service: bool = True, ffd: int = FFD_12, codes: Sequence[str] = CODES
) -> tuple[Any, Line]:
    register: Any = MAKES[make].make_register(ffd)
    if service:
        register.marking = MarkingService()
        for code in codes:
            register.marking.introduce(code)
    return register, Line(register)


def driver(line: Line, **facts: Any) -> Any:
    register: Any = line.register
    return MAKES[register.device.make].make_driver(ffd=register.ffd, **facts)


def marked(*codes: str, **changes: Any) -> Any:
    items = tuple(replace(SHOES, mark=Mark(code)) for code in codes)
    values: dict[str, Any] = {"items": items, "payments": Payments(cashless_kop=500_000 * len(items))}
    return make_receipt(0, **(values | changes))


def sell(line: Line, receipt: Any, **facts: Any) -> Any:
    return line.run(driver(line, **facts).fiscalize(receipt, MARK))


def document(register: Any, outcome: Any) -> Document:
    assert isinstance(outcome, Recorded), outcome
    made = decode(register.drive.find(outcome.document).tlv)
    assert validate(made, register.ffd) == []
    return made


def items_of(made: Document) -> list[dict[int, Any]]:
    return [dict(item) for item in made.all(1059)]  # type: ignore[arg-type, call-overload]


def test_the_exchange_of_a_public_issue() -> None:
    """A host that checked a code with four characters, and what its register answered (an issue of the vendor's driver)."""
    asked = bytes.fromhex("ff61 1e000000 01 00 1f 00") + b"01046006531059902152CUnq\x1d93Gk30"
    code = asked[10:]
    command = COMMANDS[0xFF61]
    assert command.pack(30, 1, 0, len(code), 0, code) == asked
    assert command.reply.unpack(bytes.fromhex("ff61 00 00 01 05 00"), 3) == [0, 1, 5, b"\0"]
    register, _ = shop("shtrih", service=False)
    from fiscal.emulators.shtrih_dispatch import HANDLERS

    assert HANDLERS[0xFF61](register, *command.request.unpack(asked, 2)[1:]) == bytes.fromhex("00 01 05 00")


def test_a_marked_piece_is_checked_sold_and_told(make: str) -> None:
    register, line = shop(make)
    made = document(register, sell(line, marked(*CODES[:2])))
    for item, code in zip(items_of(made), CODES, strict=False):
        assert item[1163] == ((1305, code[:31]),)
        assert (item[2102], item[2106], item[1212]) == (0, 15, 33)
    assert made.get(2107) is None
    service = register.marking
    assert service is not None and service.state(CODES[0]) is State.CIRCULATES
    (notice,) = register.drive.marks.notices
    told = decode(notice.tlv)
    assert validate(told, FFD_12) == []
    assert (told.form, told.get(2040), told.get(2116), len(told.all(2007))) == (82, notice.document, 1, 2)
    register.send_notices(START_S + 100)
    assert register.drive.marks.head is None
    assert [service.state(code) for code in CODES[:3]] == [State.SOLD, State.SOLD, State.CIRCULATES]


def test_what_the_service_refuses_is_not_sold(make: str) -> None:
    register, line = shop(make, codes=CODES[1:])
    last = register.drive.last_document
    outcome = sell(line, marked(CODES[1], CODES[0]))
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.blame) == ("marking:refused", Blame.RECEIPT)
    assert outcome.meaning.startswith(
        "items[1] 'Кроссовки', the code 0104601234567893215abcdefgh0000...: by its status"
    )
    assert register.receipt is None and not register.drive.marks.kept
    assert register.drive.last_document == last + 1  # the shift was opened, nothing more
    document(register, sell(line, marked(CODES[1])))  # the register is as good as before


def test_twice_sold_is_refused_and_after_its_return_it_is_sold_again(make: str) -> None:
    register, line = shop(make)
    document(register, sell(line, marked(CODES[0])))
    register.send_notices(START_S)
    assert isinstance(sell(line, marked(CODES[0])), Refused)
    back = document(register, sell(line, marked(CODES[0], type=SettlementType.SALE_RETURN)))
    assert items_of(back)[0][2106] == 15
    register.send_notices(START_S)
    document(register, sell(line, marked(CODES[0])))


def test_goods_go_out_while_the_service_is_silent_and_are_told_later(make: str) -> None:
    register, line = shop(make)
    assert register.marking is not None
    register.marking.silent = True
    before = line.now_us
    made = document(register, sell(line, marked(CODES[0])))
    assert items_of(made)[0][2106] == 3  # checked here, nobody was asked
    assert made.get(2107) is None
    assert line.now_us - before > 5_000_000  # it was waited for
    register.send_notices(START_S)
    assert len(register.drive.marks.notices) == 1
    register.marking.silent = False
    register.send_notices(START_S)
    assert register.marking.state(CODES[0]) is State.SOLD


def test_a_forged_code_says_so_in_the_receipt_when_nobody_can_refuse_it(make: str) -> None:
    register, line = shop(make)
    register.offline = True
    forged = CODES[0][:-5] + "AAAA="
    made = document(register, sell(line, marked(forged)))
    assert (items_of(made)[0][2106], made.get(2107)) == (1, 1)
    register.offline = False
    outcome = sell(line, marked(forged))
    assert isinstance(outcome, Refused) and outcome.code == "marking:refused"


@pytest.mark.parametrize(
    ("policy", "silent", "known", "sold"),
    [
        ("refuse_bad", False, True, True),
        ("refuse_bad", False, False, False),
        ("refuse_bad", True, False, True),
        ("refuse_unchecked", False, True, True),
        ("refuse_unchecked", False, False, False),
        ("refuse_unchecked", True, True, False),
        ("sell_all", False, False, True),
        ("sell_all", True, False, True),
    ],
)
def test_the_shop_declares_what_is_sold(
    make: str, policy: Any, silent: bool, known: bool, sold: bool
) -> None:
    register, line = shop(make, codes=CODES if known else [])
    assert register.marking is not None
    register.marking.silent = silent
    outcome = sell(line, marked(CODES[0]), marking=policy)
    assert isinstance(outcome, Recorded if sold else Refused)
    if isinstance(outcome, Refused):
        waits = policy == "refuse_unchecked" and silent
        assert (outcome.code, outcome.blame) == (
            ("marking:unchecked", Blame.REGISTER) if waits else ("marking:refused", Blame.RECEIPT)
        )
    elif policy == "sell_all" and not silent:
        made = document(register, outcome)
        assert (items_of(made)[0][2106], made.get(2107)) == (7, 1)


def test_a_part_of_a_package_and_goods_by_weight(make: str) -> None:
    register, line = shop(make)
    part = replace(SHOES, quantity_e6=250_000, sum_kop=125_000, mark=Mark(CODES[0], 0, 1, 4))
    cheese = replace(SHOES, unit=11, quantity_e6=353_000, sum_kop=176_500, mark=Mark(CODES[1]))
    receipt = make_receipt(0, items=(part, cheese), payments=Payments(cashless_kop=301_500))
    first, second = items_of(document(register, sell(line, receipt)))
    assert first[1291] == ((1293, 1), (1294, 4)) and second[2108] == 11
    told = decode(register.drive.marks.notices[0].tlv)
    assert [dict(goods)[2110] for goods in told.all(2007)] == [2, 2]  # type: ignore[arg-type, call-overload]
    register.send_notices(START_S)
    assert register.marking is not None and register.marking.state(CODES[0]) is State.PART_SOLD


@pytest.mark.parametrize("ffd", [2, FFD_12])
def test_agents_stand_in_their_lines(make: str, ffd: int) -> None:
    register, line = shop(make, ffd=ffd)
    items = (
        Item("Перевод", 10_000, 1_000_000, 10_000, Vat.NONE, agent=BANK),
        Item("Чай", 10_000, 1_000_000, 10_000, Vat.VAT_22, agent=COMMISSION),
        Item("Доставка", 10_000, 1_000_000, 10_000, Vat.VAT_22, subject=4),
    )
    made = document(register, sell(line, make_receipt(0, items=items, payments=Payments(30_000))))
    first, second, third = items_of(made)
    assert first[1222] == 1 and first[1226] == "7707083893"
    assert first[1223] == (
        (1075, "+78002000000"),
        (1044, "перевод"),
        (1073, "+79001234567"),
        (1073, "+79001234568"),
        (1026, "ООО Перевод"),
        (1005, "Москва, ул. Ильинка, 9"),
        (1016, "7830002293"),
    )
    assert second[1224] == ((1171, "+79001234567"), (1225, "ООО Продавец")) and second[1222] == 32
    assert 1222 not in third and made.get(1057) is None


def test_a_register_sells_for_no_agent_it_is_not_registered_as(make: str) -> None:
    """FFD 1.05; FFD 1.2 registers no kinds."""
    for ffd, sold in ((2, False), (FFD_12, True)):
        register, line = shop(make, ffd=ffd)
        drive = Drive("9999078900004321")
        drive.register(replace(register.drive.registration, agents=32), START_S)
        assert decode(drive.find(1).tlv).get(1057) == (None if sold else 32)
        register.put_in(drive)
        for agent, fine in ((COMMISSION, True), (BANK, sold)):
            items = (Item("Чай", 10_000, 1_000_000, 10_000, Vat.VAT_22, agent=agent),)
            outcome = sell(line, make_receipt(0, items=items, payments=Payments(10_000)))
            assert isinstance(outcome, Recorded if fine else Refused), outcome


def test_of_one_kind_of_agent_the_receipt_of_the_old_format_says_so(make: str) -> None:
    register, line = shop(make, ffd=2)
    items = (Item("Чай", 10_000, 1_000_000, 10_000, Vat.VAT_22, agent=COMMISSION),)
    receipt = make_receipt(0, items=items, payments=Payments(10_000))
    assert document(register, sell(line, receipt)).get(1057) == 32


def test_the_old_format_has_the_code_in_bytes_and_asks_nobody(make: str) -> None:
    register, line = shop(make, ffd=2)
    receipt = marked(CODES[0])
    receipt = replace(receipt, items=(replace(receipt.items[0], subject=1),))
    (item,) = items_of(document(register, sell(line, receipt)))
    assert item[1162] == b"\x44\x4d" + int(CODES[0][2:16]).to_bytes(6, "big") + CODES[0][18:31].encode()
    assert 1163 not in item and register.marking is not None and not register.marking.requests


def test_two_taxation_systems_on_one_register(make: str) -> None:
    register, line = shop(make)
    for taxation in (Taxation.GENERAL, Taxation.SIMPLIFIED_INCOME):
        assert document(register, sell(line, make_receipt(1, taxation=taxation))).get(1055) == taxation
    refused = sell(line, make_receipt(1, taxation=Taxation.PATENT))
    assert (
        isinstance(refused, Refused) and refused.code == {"shtrih": "shtrih:35", "atol": "atol:EE.0103"}[make]
    )


# ---- corrections -----------------------------------------------------------------------------------------------------------------

OWN = Correction(False, "2026-09-20", "", "0476807588")


@pytest.mark.parametrize("type_", list(SettlementType))
def test_a_correction_of_the_new_format_has_goods_and_the_wrong_sign(
    make: str, type_: SettlementType
) -> None:
    register, line = shop(make)
    document(register, sell(line, make_receipt(1)))
    receipt = make_receipt(2, type_, correction=OWN)
    last = register.drive.last_document
    outcome = sell(line, receipt)
    made = document(register, outcome)
    assert (made.form, made.get(1054), made.get(1173), made.get(1192)) == (31, type_, 0, "0476807588")
    assert made.get(1174) == ((1178, 1_789_862_400),)
    assert len(made.all(1059)) == 2
    assert made.get(1084) == ((1085, "КЛЮЧ"), (1086, MARK))
    attempt = Attempt(MARK, last)
    assert line.run(driver(line).find(receipt, attempt)) == Found(outcome, last + 1)


@pytest.mark.parametrize("type_", [SettlementType.SALE, SettlementType.PURCHASE])
def test_a_correction_of_the_old_format_has_sums_only(make: str, type_: SettlementType) -> None:
    register, line = shop(make, ffd=2)
    document(register, sell(line, make_receipt(1)))
    correction = Correction(True, "2026-09-20", "17-1", "0476807588")
    last = register.drive.last_document
    receipt = make_receipt(2, type_, correction=correction)
    outcome = sell(line, receipt)
    made = document(register, outcome)
    assert (made.form, made.get(1054), made.get(1173), made.get(1020)) == (31, type_, 1, 40_000)
    assert made.get(1174) == ((1178, 1_789_862_400), (1179, "17-1"))
    assert made.all(1059) == [] and made.get(1192) == "0476807588"
    assert made.get(1115) == ((1119, ((1199, 11), (1120, 7_213))),)
    attempt = Attempt(MARK, last)
    assert line.run(driver(line).find(receipt, attempt)) == Found(outcome, last + 1)


# ---- what the drive forbids ---------------------------------------------------------------------------------------------------------


def test_goods_that_need_a_code_do_not_leave_without_it(make: str) -> None:
    _, line = shop(make)
    outcome = sell(line, make_receipt(0, items=(SHOES,), payments=Payments(500_000)))
    assert isinstance(outcome, Refused) and outcome.code == {"shtrih": "shtrih:AA", "atol": "atol:E7"}[make]


def test_a_check_that_is_cut_short_is_no_answer() -> None:
    for extra in (b"", b"\0", b"\x03\0", b"\x05\0\x0f\x3d\x08\x01"):
        check = Check.read(0, 1, 5, extra)
        assert (check.status, check.online) == (0, extra[2:3] == b"\x0f")


def test_the_line_lost_anywhere_leaves_one_document_or_none(make: str) -> None:
    """Nothing is doubled: wherever the cable is pulled, a second look finds the one document, or a second try makes it."""
    receipt = marked(CODES[0])
    _, line = shop(make)
    line.run(driver(line).open_shift())
    line.run(driver(line).fiscalize(receipt, MARK))
    steps = line.steps
    assert steps > 20
    doubts = 0
    for at in range(1, steps + 1):
        register, line = shop(make)
        one = driver(line)
        line.run(one.open_shift())
        last = register.drive.last_document
        line.lose_at = at
        line.run(one.fiscalize(receipt, MARK))
        line.lose_at = None
        line.advance(30_000_000)
        found = line.run(one.find(receipt, Attempt(MARK, last)))
        assert isinstance(found, Found), at
        doubts += found.recorded is not None
        if found.recorded is None:
            assert isinstance(line.run(one.fiscalize(receipt, MARK)), Recorded), at
        assert register.drive.last_document == last + 1
        assert len(register.drive.marks.notices) == 1
    assert doubts


def test_the_place_is_not_repeated(make: str) -> None:
    register, line = shop(make)
    assert document(register, sell(line, marked(CODES[0]))).get(1187) == SITE


@pytest.mark.parametrize(
    ("ffd", "data", "code", "extended"),
    [
        (2, b"", 0xEE, 0x0207),
        (2, b"{}", 0xEE, 0x0106),
        (FFD_12, b"", 0xEE, 0x0207),
        (FFD_12, b"\x08\x00", 0x14, 0),
    ],
)
def test_what_an_atol_register_refuses_for_a_position(
    ffd: int, data: bytes, code: int, extended: int
) -> None:
    """A code without a position, an empty one, and, in the old format, one that is none."""
    register, line = shop("atol", ffd=ffd)
    line.run(driver(line).open_shift())
    service, begin, end = atol_handlers[0xEF], atol_handlers[0xEA], atol_handlers[0xEB]
    with pytest.raises(AtolError) as caught:
        if data:
            atol_handlers[0x92](register, 0, 1)
            begin(register, b"\0\1\0")
            if ffd == FFD_12:
                service(register, data)
            service(register, b"\x08\x00" + data)
            end(register, 0, 100, 1000, 100, 6, 0, 1, 1, 4, 0, 0, b"\0\0", "x")
        else:
            service(register, b"\x08\x00" + CODES[0].encode())
    assert (caught.value.code, caught.value.extended) == (code, extended)
