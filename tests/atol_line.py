"""An ideal line in memory between the ATOL driver and an emulated ATOL register."""

from __future__ import annotations

from typing import Any

from shtrih_line import MARK, SITE, START_S, Line, make_drive, make_receipt

from fiscal.devices import device
from fiscal.emulators.atol import AtolRegister
from fiscal.registers.atol import AtolDriver, Facts

__all__ = ["MARK", "SITE", "START_S", "Line", "make_driver", "make_receipt", "make_register"]


def make_register(
    ffd: int = 2, *, name: str = "atol-55f", electronic: bool = True, **options: Any
) -> AtolRegister:
    return AtolRegister(device(name), make_drive(ffd), epoch_s=START_S + 60, electronic=electronic, **options)


def make_driver(**facts: Any) -> AtolDriver:
    return AtolDriver(facts=Facts(place=SITE, **facts))
