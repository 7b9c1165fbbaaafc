"""The QR code of a receipt: six facts by which the tax service finds the document again.

``t=20240917T1801&s=1285.21&fn=7281440500751551&i=30526&fp=1168453787&n=1``: local time, total in roubles, drive, document
number, fiscal sign, settlement type (1054). Numbers stand without leading zeros; seconds in the time are optional, readers
accept both (reference sheet on the format, section 5). Paper shows it as tag 1196; a buyer's copy on a screen as an image,
drawn here by segno.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fiscal.ffd.tlv import FfdError

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the format's times are wall clocks without zone
_PATTERNS = {
    "t": re.compile(r"([0-9]{8}T[0-9]{4})([0-9]{2})?"),
    "s": re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,2}))?"),
    "fn": re.compile(r"[0-9]{16}"),
    "i": re.compile(r"[0-9]{1,10}"),
    "fp": re.compile(r"[0-9]{1,10}"),
    "n": re.compile(r"[1-4]"),
}


@dataclass(frozen=True, slots=True)
class QrFacts:
    """What a QR code says. ``time_s``: local wall clock as seconds since 1970, as tag 1012."""

    time_s: int
    total_kop: int
    drive: str
    document: int
    sign: int
    type: int


def qr_text(
    time_s: int, total_kop: int, drive: str, document: int, sign: int, type: int, seconds: bool = False
) -> str:
    """The text of the code. ``seconds``: write them too; most registers do not."""
    moment = _EPOCH + timedelta(seconds=time_s)
    stamp = moment.strftime("%Y%m%dT%H%M%S" if seconds else "%Y%m%dT%H%M")
    return f"t={stamp}&s={total_kop // 100}.{total_kop % 100:02}&fn={drive}&i={document}&fp={sign}&n={type}"


def parse_qr(text: str) -> QrFacts:
    """The facts behind a scanned text, in any order of its parts. Raises `FfdError` for what is missing, doubled or malformed."""
    found: dict[str, re.Match[str]] = {}
    for part in text.strip().split("&"):
        name, _, value = part.partition("=")
        pattern = _PATTERNS.get(name)
        if pattern is None or name in found:
            raise FfdError((), f"QR code: {'unknown' if pattern is None else 'doubled'} part {part[:40]!r}")
        match = pattern.fullmatch(value)
        if match is None:
            raise FfdError((), f"QR code: malformed part {part[:40]!r}")
        found[name] = match
    missing = [name for name in _PATTERNS if name not in found]
    if missing:
        raise FfdError((), f"QR code: no {', '.join(missing)}")
    stamp = found["t"]
    try:
        moment = datetime.strptime(stamp[1] + (stamp[2] or "00"), "%Y%m%dT%H%M%S")  # noqa: DTZ007
    except ValueError:
        raise FfdError((), f"QR code: {stamp[0]!r} is not a time") from None
    return QrFacts(
        time_s=int((moment - _EPOCH).total_seconds()),
        total_kop=int(found["s"][1]) * 100 + int((found["s"][2] or "").ljust(2, "0")),
        drive=found["fn"][0],
        document=int(found["i"][0]),
        sign=int(found["fp"][0]),
        type=int(found["n"][0]),
    )


def _draw(text: str) -> Any:
    import segno  # an image is for people: registers and farms never load the library

    return segno.make_qr(text, error="m")


def qr_svg(text: str, scale: int = 4) -> str:
    """The code as one ``<svg>`` element, ready to stand in a page."""
    return str(_draw(text).svg_inline(scale=scale))


def qr_png(text: str, scale: int = 4) -> bytes:
    """The code as a PNG image."""
    image = io.BytesIO()
    _draw(text).save(image, kind="png", scale=scale)
    return image.getvalue()
