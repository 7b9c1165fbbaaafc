"""ATOL registers: both transports, their commands as data, and the driver."""

from __future__ import annotations
