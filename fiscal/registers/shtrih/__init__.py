"""Shtrih-M registers: wire protocol version 1, its commands as data, the driver, and a readable trace of an exchange."""

from __future__ import annotations

from fiscal.registers.shtrih.driver import ShtrihDriver
from fiscal.registers.shtrih.receipts import Facts

__all__ = ["Facts", "ShtrihDriver"]
