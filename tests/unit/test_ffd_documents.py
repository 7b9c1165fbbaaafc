"""Documents of a register: what they hold, and what the validator says of good and bad ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from fiscal.ffd import Document, FfdError, Quantity, Value, decode, decode_fields, encode
from fiscal.ffd.documents import (
    Head,
    RegisterFacts,
    TypeTotals,
    close_drive_body,
    close_shift_body,
    counters,
    estimate,
    head,
    item_body,
    open_shift_body,
    receipt_body,
    registration_body,
    sign_bytes,
    sign_number,
    state_body,
    validate,
    whole,
)
from fiscal.ffd.reports import DriveWarnings
from fiscal.receipt import (
    Buyer,
    Correction,
    Item,
    Payments,
    Receipt,
    SettlementMethod,
    SettlementType,
    Taxation,
    Vat,
    mark,
)

DAY = date(2026, 2, 2)
DAY_S = 1_770_000_000  # 2026-02-02 02:40
FACTS = RegisterFacts(
    user='ООО "Ромашка"',
    address="101000, Москва, ул. Мясницкая, 1",
    place="shop.example",
    taxation=1,
    cashier="Иванова А. А.",
    cashier_inn="770123456789",
    register_serial="0000000000000001",
    register_version="C.3.664",
    ofd_inn="7709364346",
    ofd_name="ОФД",
    sender_email="noreply@shop.example",
    automatic=True,
    automat_number="1",
    internet_only=True,
    key_days=410,
)
ITEMS = (
    Item("WHITE HANGING HEART T-LIGHT HOLDER", 29_500, 2_000_000, 59_000, Vat.VAT_22),
    Item("CREAM CUPID HEARTS COAT HANGER", 27_500, 8_000_000, 220_000, Vat.VAT_22),
    Item("Кружка с сердцем — «£»", 12_345, 1_500_000, 18_518, Vat.VAT_10),
)
TOTAL = 59_000 + 220_000 + 18_518
RECEIPT = Receipt(
    SettlementType.SALE,
    ITEMS,
    Payments(cashless_kop=TOTAL),
    Taxation.GENERAL,
    "7701234567",
    "https://shop.example",
    Buyer(email="buyer@mail.example"),
)


def _head(form: int, time_s: int = DAY_S, shift: int = 5, type: int = 1, total_kop: int = TOTAL) -> bytes:
    facts = Head(
        "9999078900002270",
        "0000000221017090",
        "7701234567",
        163,
        time_s,
        476_807_588,
        shift,
        7,
        type,
        total_kop,
    )
    return head(form, facts)


def _receipt(receipt: Receipt = RECEIPT, ffd: int = 4, on: date = DAY, **changed: int) -> Document:
    form = 3 if receipt.correction is None else 31
    return decode(whole(form, _head(form, **changed), receipt_body(receipt, ffd, FACTS, on)))


@pytest.mark.parametrize("ffd", [2, 4])
def test_reports_satisfy_the_tables(ffd: int) -> None:
    shift = counters(
        1194,
        {
            1: TypeTotals(3, 100, 200, 0, 0, 0, {1: 50, 11: 3}),
            2: TypeTotals(1, 10, vat={6: 10}),
            3: TypeTotals(),
        },
        {1: (2, 500), 4: (1, 7)},
    )
    drive = b"\x85\x04" + shift[2:]  # the same under tag 1157
    kept = b"\x86\x04" + shift[2:]
    warnings = DriveWarnings(resource=True, operator=True)
    bodies = {
        1: registration_body(FACTS, ffd),
        11: registration_body(FACTS, ffd, reasons=(3, 4), reason_mask=1 << 2, totals=drive),
        2: open_shift_body(FACTS, ffd, cashier="Иванова", cashier_inn="770123456789", warnings=warnings),
        5: close_shift_body(
            FACTS,
            ffd,
            receipts=4,
            documents=6,
            unsent=2,
            unsent_since_s=DAY_S,
            key_days=400,
            shift_totals=shift,
            drive_totals=drive,
            warnings=warnings,
        ),
        21: state_body(
            FACTS,
            ffd,
            unsent=2,
            unsent_since_s=DAY_S,
            first_unsent=160,
            drive_totals=drive,
            unsent_totals=kept,
        ),
        6: close_drive_body(FACTS, ffd, drive_totals=drive, cashier="Иванова"),
    }
    for form, body in bodies.items():
        data = whole(form, _head(form), body)
        document = decode(data)
        assert validate(document, ffd) == []
        assert encode(document) == data
        assert document.get(1209) == ffd


@pytest.mark.parametrize("ffd", [2, 4])
def test_reports_without_anything_to_tell_satisfy_the_tables(ffd: int) -> None:
    plain = RegisterFacts(
        user="u",
        address="a",
        place="p",
        cashier="c",
        register_serial="1",
        register_version="1",
        autonomous=True,
    )
    bodies = {
        1: registration_body(plain, ffd),
        11: registration_body(plain, ffd, reason_mask=1),
        2: open_shift_body(plain, ffd),
        5: close_shift_body(plain, ffd, receipts=0, documents=2),
        21: state_body(plain, ffd),
        6: close_drive_body(plain, ffd),
    }
    for form, body in bodies.items():
        assert validate(decode(whole(form, _head(form, shift=0), body)), ffd) == []


def test_conditions_of_use_are_one_mask_in_format_1_2() -> None:
    facts = RegisterFacts(internet_only=True, services_only=True, marked_goods=True)
    fields = dict(decode_fields(registration_body(facts, 4)))
    assert fields[1290] == 1 << 5 | 1 << 9 | 1 << 8
    assert 1108 not in fields
    single = dict(decode_fields(registration_body(facts, 2)))
    assert single[1108] == 1 and single[1109] == 1 and single[1110] == 0
    assert 1290 not in single


def test_counters_add_up_documents_and_money() -> None:
    ((tag, value),) = decode_fields(
        counters(1157, {1: TypeTotals(3, 100, 200, vat={1: 50}), 2: TypeTotals(1, 10)}, {3: (2, 500)})
    )
    assert tag == 1157 and isinstance(value, tuple)
    assert value[0] == (1134, 6)
    sale = dict(value)[1129]
    assert isinstance(sale, tuple)
    assert dict(sale) == {1135: 3, 1201: 300, 1136: 100, 1138: 200, 1218: 0, 1219: 0, 1220: 0, 1139: 50}
    assert dict(value)[1133] == ((1144, 2), (1146, ((1135, 2), (1201, 500))))


@pytest.mark.parametrize("ffd", [2, 4])
@pytest.mark.parametrize(
    "receipt",
    [
        RECEIPT,
        replace(RECEIPT, type=SettlementType.SALE_RETURN),
        replace(RECEIPT, cashier="Иванова А. А.", cashier_inn="770123456789"),
        replace(RECEIPT, payments=Payments(TOTAL - 40, 10, 10, 10, 10)),
        replace(RECEIPT, buyer=Buyer(phone="+79161234567", name="ООО Покупатель", inn="7707083893")),
        replace(RECEIPT, internet=False, site=""),
        replace(RECEIPT, correction=Correction(False, "2026-01-15")),
        replace(
            RECEIPT,
            items=(Item("x", TOTAL, 1_000_000, TOTAL, Vat.VAT_20),),
            correction=Correction(True, "2018-03-01", "12-34/56"),
        ),
        replace(
            RECEIPT,
            items=(Item("", 1, 1_000_000, 1, Vat.NONE, SettlementMethod.ADVANCE, 10),),
            payments=Payments(1),
        ),
        replace(
            RECEIPT,
            items=tuple(Item(f"rate {rate}", 100, 1_000_000, 100, rate) for rate in Vat),
            payments=Payments(0, 1200),
        ),
    ],
)
def test_receipts_satisfy_the_tables(receipt: Receipt, ffd: int) -> None:
    document = _receipt(receipt, ffd, type=int(receipt.type), total_kop=receipt.total_kop)
    assert validate(document, ffd) == []
    assert decode(encode(document)) == document
    assert len(encode(document)) <= estimate(receipt)


def test_order_of_tags_is_that_of_genuine_receipts() -> None:
    tags = [tag for tag, _ in _receipt(ffd=2).fields]
    assert tags[:10] == [1041, 1037, 1018, 1040, 1012, 1077, 1038, 1042, 1054, 1020]
    assert tags[10:20] == [1059, 1059, 1059, 1055, 1031, 1081, 1215, 1216, 1217, 1060]
    assert tags[-1] == 1209
    item = decode_fields(item_body(ITEMS[0], 2))
    assert [tag for tag, _ in item] == [1030, 1079, 1023, 1043, 1199, 1214, 1212]
    assert [tag for tag, _ in decode_fields(item_body(ITEMS[0], 4))] == [*(tag for tag, _ in item), 2108]


def test_an_item_byte_for_byte() -> None:
    item = Item("Чай", 10_000, 1_500_000, 15_000, Vat.VAT_10, SettlementMethod.FULL_SETTLEMENT, 1, 11)
    assert item_body(item, 4).hex(" ") == (
        "06 04 03 00 97 a0 a9 37 04 02 00 10 27 ff 03 02 00 01 0f 13 04 02 00 98 3a "
        "af 04 01 00 02 be 04 01 00 04 bc 04 01 00 01 3c 08 01 00 0b"
    )


def test_a_long_name_is_cut_to_its_field() -> None:
    name = dict(decode_fields(item_body(Item("Ж" * 500, 1, 1_000_000, 1), 4)))[1030]
    assert name == "Ж" * 128


def test_tax_of_the_rates_goes_to_its_tag() -> None:
    items = tuple(Item("x", 12_200, 1_000_000, 12_200, rate) for rate in Vat)
    receipt = replace(RECEIPT, items=items, payments=Payments(0, 12 * 12_200))
    document = _receipt(receipt, total_kop=12 * 12_200)
    assert [document.get(tag) for tag in (1102, 1103, 1104, 1105, 1106, 1107)] == [
        2033,
        1109,
        12_200,
        12_200,
        2033,
        1109,
    ]
    assert document.get(1115) == (
        (1119, ((1199, 7), (1120, 581))),
        (1119, ((1199, 8), (1120, 798))),
        (1119, ((1199, 9), (1120, 581))),
        (1119, ((1199, 10), (1120, 798))),
        (1119, ((1199, 11), (1120, 2200))),
        (1119, ((1199, 12), (1120, 2200))),
    )


def test_a_correction_has_the_tax_of_the_corrected_day() -> None:
    old = replace(
        RECEIPT,
        items=(Item("x", 11_800, 1_000_000, 11_800, Vat.VAT_20),),
        payments=Payments(11_800),
        correction=Correction(False, "2018-12-31"),
    )
    assert _receipt(old).get(1102) == 1800
    assert _receipt(replace(old, correction=Correction(False, "2019-01-01"))).get(1102) == 1967


def test_corrections_of_both_formats() -> None:
    own = replace(RECEIPT, correction=Correction(False, "2026-01-15"))
    document = _receipt(own, 4)
    assert document.form == 31
    assert document.get(1173) == 0
    assert document.get(1174) == ((1178, 1_768_435_200),)
    assert len(document.all(1059)) == 3
    older = _receipt(own, 2)
    assert older.get(1174) == ((1178, 1_768_435_200), (1179, "б/н"))
    assert older.all(1059) == []
    with pytest.raises(FfdError, match="1174/1178"):
        receipt_body(replace(own, correction=Correction(True, "15.01.2026", "1")), 4, FACTS, DAY)


def test_internet_sign_since_september_2025() -> None:
    receipt = replace(RECEIPT, items=(Item("x", TOTAL, 1_000_000, TOTAL, Vat.VAT_20),))
    before = _receipt(receipt, on=date(2025, 8, 31), time_s=1_756_598_400, ffd=2)
    since = _receipt(receipt, on=date(2025, 9, 1), time_s=1_756_684_800, ffd=2)
    assert validate(before, 2) == validate(since, 2) == []
    assert before.get(1125) is None
    assert (since.get(1125), since.get(1187), since.get(1008)) == (
        1,
        "https://shop.example",
        "buyer@mail.example",
    )
    assert _receipt(replace(RECEIPT, internet=False)).get(1125) is None
    mute = _receipt(replace(RECEIPT, buyer=Buyer()))
    assert [(problem.kind, problem.path) for problem in validate(mute, 4)] == [("missing", (1008,))]


def test_place_of_the_register_stands_in_for_a_missing_site() -> None:
    assert _receipt(replace(RECEIPT, site="", internet=False)).get(1187) == "shop.example"


def test_buyer_identity_by_format() -> None:
    buyer = replace(RECEIPT, buyer=Buyer(phone="+79161234567", name="ООО Покупатель", inn="7707083893"))
    assert _receipt(buyer, 4).get(1256) == ((1227, "ООО Покупатель"), (1228, "7707083893"))
    older = _receipt(buyer, 2)
    assert (older.get(1227), older.get(1228), older.get(1256)) == ("ООО Покупатель", "7707083893", None)
    assert older.get(1008) == "+79161234567"


def test_the_mark_of_a_receipt() -> None:
    body = receipt_body(RECEIPT, 4, FACTS, DAY, mark("order-17"))
    assert dict(decode_fields(body))[1192] == mark("order-17")
    with pytest.raises(FfdError, match=r"^1192"):
        receipt_body(RECEIPT, 4, FACTS, DAY, "seventeen letters")


def test_fiscal_sign_bytes() -> None:
    assert sign_bytes(476_807_588).hex() == "21041c6b81a4"
    assert sign_number(bytes.fromhex("2104AA107541")) == 2_853_205_313
    assert sign_number(bytes.fromhex("31041C6B81A4")) == 476_807_588
    with pytest.raises(FfdError):
        sign_number(b"\x21\x05\x00\x00\x00\x00")
    with pytest.raises(FfdError):
        sign_number(b"\x21\x04\x00")


def test_the_longest_receipt_of_a_shop_is_seen_before_it_is_made() -> None:
    items = tuple(
        Item(f"PRODUCT OF A LONG ORDER NO {n:04}", 100, 1_000_000, 100, Vat.VAT_22) for n in range(675)
    )
    long = replace(RECEIPT, items=items, payments=Payments(0, 67_500))
    size = len(whole(3, _head(3), receipt_body(long, 4, FACTS, DAY)))
    assert 32_768 < size <= estimate(long)
    problems = validate(_receipt(long, total_kop=67_500), 4)
    assert [problem.kind for problem in problems] == ["size"]


# --- the validator's objections ----------------------------------------------------------------------------------------------------


def _without(document: Document, tag: int) -> Document:
    return Document(document.form, tuple(field for field in document.fields if field[0] != tag))


def _with(document: Document, *fields: tuple[int, Value]) -> Document:
    return Document(document.form, document.fields + fields)


def _kinds(document: Document, ffd: int = 4, medium: str = "electronic") -> list[tuple[str, tuple[int, ...]]]:
    return [(problem.kind, problem.path) for problem in validate(document, ffd, medium)]


@pytest.mark.parametrize("tag", [1040, 1041, 1077, 1209, 1042, 1012, 1038, 1054, 1037, 1059, 1009, 1187])
def test_a_missing_mandatory_tag_is_named(tag: int) -> None:
    found = _kinds(_without(_receipt(), tag))
    assert ("missing", (tag,)) in found


def test_objections() -> None:
    good = _receipt()
    assert _kinds(good) == []
    assert _kinds(_with(good, (4242, b"?"))) == [("unknown", (4242,))]
    assert _kinds(_with(good, (1213, 5))) == [("misplaced", (1213,))]
    assert _kinds(_with(good, (1055, 1))) == [("repeated", (1055,))]
    assert _kinds(_with(good, (1084, ((1085, "x" * 65), (1086, "y"))))) == [("value", (1084, 1085))]
    assert _kinds(_with(good, (1021, 5))) == [("value", (1021,))]
    assert _kinds(_with(_without(good, 1055), (1055, 3))) == [("code", (1055,))]
    assert _kinds(_with(_without(good, 1054), (1054, 5))) == [("code", (1054,))]
    assert _kinds(_with(_without(good, 1209), (1209, 2))) == [("value", (1209,))]
    assert _kinds(_with(_without(good, 1081), (1081, TOTAL - 1))) == [("sum", (1020,))]
    assert _kinds(_with(good, (1059, ITEM))) == [("sum", (1020,))]
    assert _kinds(_with(good, (1059, (*ITEM, (1020, 1))))) == [("misplaced", (1059, 1020)), ("sum", (1020,))]
    assert _kinds(_with(good, (1059, ITEM[1:]))) == [("missing", (1059, 1079)), ("sum", (1020,))]
    assert _kinds(Document(77, ())) == [("form", ())]
    assert _kinds(Document(81, ()), 2) == [("form", ())]
    with pytest.raises(FfdError):
        validate(good, 3)


ITEM: tuple[tuple[int, Value], ...] = (
    (1079, 5),
    (1030, "x"),
    (1023, Quantity(1_000_000)),
    (1043, 5),
    (1199, 1),
    (1214, 4),
)


def test_paper_demands_more() -> None:
    found = _kinds(_receipt(), medium="print")
    assert ("missing", (1000,)) in found and ("missing", (1196,)) in found
    assert ("missing", (1209,)) not in _kinds(_without(_receipt(), 1209), medium="print")


def test_problems_read_as_sentences() -> None:
    (problem,) = validate(_with(_without(_receipt(), 1081), (1081, TOTAL - 1)), 4)
    assert str(problem) == f"1020: total {TOTAL} kopecks, but the payments make {TOTAL - 1}"
