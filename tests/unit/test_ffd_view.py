"""Documents for human eyes."""

from __future__ import annotations

from fiscal.ffd import Document, Quantity, pretty

DOCUMENT = Document(
    3,
    (
        (1012, 1_726_596_060),
        (1077, bytes.fromhex("21041C6B81A4")),
        (1059, ((1030, "<b>Tea</b> & milk"), (1023, Quantity(1_500_000)), (1199, 11))),
        (1020, 128_521),
        (4242, b"\x01\x02"),
    ),
)


def test_tree() -> None:
    assert pretty(DOCUMENT).splitlines() == [
        "receipt (form 3)",
        "  1012 date and time: 2024-09-17 18:01:00",
        "  1077 fiscal sign of the document: 21 04 1c 6b 81 a4 (0476807588)",
        "  1059 item",
        "    1030 item name: <b>Tea</b> & milk",
        "    1023 quantity: 1.5",
        "    1199 VAT rate: 11 (22 %)",
        "  1020 total: 1285.21",
        "  4242 unknown tag: 01 02",
    ]


def test_a_fraction_is_not_money() -> None:
    half = Document(3, ((1059, ((1291, ((1293, 1), (1294, 2))),)),))
    assert pretty(half).splitlines()[-2:] == ["      1293 numerator: 1", "      1294 denominator: 2"]


def test_unknown_forms_are_shown_too() -> None:
    assert pretty(Document(999, ())) == "unknown form (form 999)"


def test_notebook_table_escapes_what_it_shows() -> None:
    table = DOCUMENT._repr_html_()
    assert "&lt;b&gt;Tea&lt;/b&gt; &amp; milk" in table
    assert "<b>" not in table
    assert table.count("<tr>") == 1 + 8
    assert "наименование предмета расчета" in table
