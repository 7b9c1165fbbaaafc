"""What an emulated drive stores is what the tables of the format demand."""

from __future__ import annotations

from datetime import date

import pytest

from fiscal.emulators.drive import Drive, Sums
from fiscal.emulators.drive_registration import Registration
from fiscal.ffd import decode, encode
from fiscal.ffd.documents import RegisterFacts, estimate, receipt_body, validate
from fiscal.ffd.tlv import text
from fiscal.receipt import Buyer, Item, Payments, Receipt, SettlementType, Taxation, Vat, mark
from fiscal.vat import vat_sums

NOW_S = 1_770_000_000
DAY = date(2026, 2, 2)


@pytest.mark.parametrize("ffd", [2, 4])
def test_a_life_of_a_drive_in_documents(ffd: int) -> None:
    items = (
        Item("WHITE HANGING HEART T-LIGHT HOLDER", 29_500, 2_000_000, 59_000, Vat.VAT_22),
        Item("Кружка", 12_345, 1_000_000, 12_345, Vat.VAT_10),
    )
    total = 59_000 + 12_345
    receipt = Receipt(
        SettlementType.SALE,
        items,
        Payments(cashless_kop=total),
        Taxation.GENERAL,
        "7701234567",
        "shop.example",
        Buyer(email="buyer@mail.example"),
    )
    facts = RegisterFacts(user="ООО Ромашка", address="Москва", place="shop.example")
    registration = Registration(
        "7701234567",
        "0000000221017090",
        user=facts.user,
        address=facts.address,
        place=facts.place,
        ofd_inn="7709364346",
        ofd_name="ОФД",
        ffd=ffd,
        register_serial="1",
        register_version="1",
    )
    sums = Sums(0, total, 0, 0, 0, tuple((int(code), kop) for code, kop in vat_sums(receipt, DAY).items()))
    body = receipt_body(receipt, ffd, facts, DAY, mark("order-1"))

    drive = Drive("9999078900002270")
    stored = [
        drive.register(registration, NOW_S, text(1021, "Иванова")),
        drive.open_shift(NOW_S + 60),
        drive.record(3, 1, total, sums, body, NOW_S + 120),
        drive.close_shift(NOW_S + 180),
        drive.close(NOW_S + 240),
    ]
    for document in stored:
        read = decode(document.tlv)
        assert validate(read, ffd) == []
        assert encode(read) == document.tlv
        assert read.form == document.form
    assert len(stored[2].tlv) <= estimate(receipt)
