"""The log, without the buyers in it.

E-mail addresses and phone numbers are personal data; a log travels further than a journal. They are masked where a line is written out, so
that no module can forget it.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from typing import TextIO

_EMAIL = re.compile(r"([\w.+%-])[\w.+%-]*@([\w-])[\w-]*((?:\.[\w-]+)+)")
_PHONE = re.compile(r"\+\d[\d ()-]{7,}\d")


def masked(text: str) -> str:
    """``name@example.org`` -> ``n***@e***.org``, ``+79001234567`` -> ``+7***67``."""
    if "@" in text:
        text = _EMAIL.sub(lambda found: f"{found[1]}***@{found[2]}***.{found[3].rpartition('.')[2]}", text)
    if "+" in text:
        text = _PHONE.sub(lambda found: f"{found[0][:2]}***{found[0][-2:]}", text)
    return text


class MaskingFormatter(logging.Formatter):
    """One line for each message, local time, contacts masked; a traceback follows where there is one."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03d %(levelname)-8s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")
        self.converter = time.localtime

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def start_log(level: str = "info", stream: TextIO | None = None) -> None:
    """Write messages of ``level`` and above to ``stream`` (stderr by default)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(MaskingFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
