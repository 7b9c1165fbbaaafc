"""ATOL registers: both transports, their commands as data, and the driver."""

from __future__ import annotations

from fiscal.registers.atol.driver import AtolDriver
from fiscal.registers.atol.receipts import Facts

__all__ = ["AtolDriver", "Facts"]
