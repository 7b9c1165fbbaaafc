"""The QR code of a receipt."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ElementTree
import zlib

import pytest

from fiscal.ffd import FfdError
from fiscal.ffd.qr import QrFacts, parse_qr, qr_png, qr_svg, qr_text

GENUINE = "t=20240917T1801&s=1285.21&fn=7281440500751551&i=30526&fp=1168453787&n=1"
FACTS = QrFacts(1_726_596_060, 128_521, "7281440500751551", 30_526, 1_168_453_787, 1)


def test_text_of_a_genuine_receipt() -> None:
    assert parse_qr(GENUINE) == FACTS
    assert qr_text(1_726_596_060, 128_521, "7281440500751551", 30_526, 1_168_453_787, 1) == GENUINE


def test_seconds_and_leading_zeros_are_read() -> None:
    text = "t=20240917T180107&s=0.05&fn=7281440500751551&i=0000030526&fp=0476807588&n=2"
    facts = parse_qr(text)
    assert (facts.time_s, facts.total_kop, facts.document, facts.sign) == (
        1_726_596_067,
        5,
        30_526,
        476_807_588,
    )
    again = qr_text(
        facts.time_s, facts.total_kop, facts.drive, facts.document, facts.sign, facts.type, seconds=True
    )
    assert again == "t=20240917T180107&s=0.05&fn=7281440500751551&i=30526&fp=476807588&n=2"
    assert qr_text(facts.time_s, 5, facts.drive, 1, 2, 3).startswith("t=20240917T1801&s=0.05&")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "t=20240917T1801",
        GENUINE.replace("n=1", "n=5"),
        GENUINE.replace("fn=7281440500751551", "fn=728144050075155"),
        GENUINE.replace("20240917", "20241317"),
        GENUINE.replace("1285.21", "-1285.21"),
        GENUINE.replace("1285.21", "1285.217"),
        GENUINE + "&n=1",
        GENUINE + "&x=1",
        GENUINE.replace("i=30526", "i=٣٠"),
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(FfdError, match="QR code"):
        parse_qr(text)


def test_images() -> None:
    svg = ElementTree.fromstring(qr_svg(GENUINE))
    assert svg.tag.endswith("svg")
    png = qr_png(GENUINE, scale=3)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    assert width == height and width % 3 == 0
    assert (width // 3 - 8 - 17) % 4 == 0  # a quiet zone of 4 modules around a code of 17 + 4n
    start = png.index(b"IDAT")
    (size,) = struct.unpack(">I", png[start - 4 : start])
    rows = zlib.decompress(png[start + 4 : start + 4 + size])
    assert set(rows) - {0, 255}  # there is something drawn
    assert qr_png(GENUINE.replace("n=1", "n=2"), scale=3) != png
