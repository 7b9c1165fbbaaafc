"""Makes of register in the bench: how to build the driver and the emulated register of each, over each of its transports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from fiscal.devices import Device
from fiscal.emulators import Emulator
from fiscal.emulators.atol import AtolRegister
from fiscal.emulators.drive import Drive
from fiscal.emulators.shtrih import ShtrihRegister
from fiscal.registers.atol.driver import AtolDriver
from fiscal.registers.atol.receipts import Facts as AtolFacts
from fiscal.registers.conversation import Driver, Settings
from fiscal.registers.shtrih.driver import ShtrihDriver
from fiscal.registers.shtrih.receipts import Facts as ShtrihFacts


class EmulatedRegister(Emulator, Protocol):
    """What the faults of a scenario act upon."""

    slow: float
    clock_offset_s: float

    def paper_out(self, now_us: int) -> None: ...

    def paper_in(self, now_us: int) -> None: ...


class Make(NamedTuple):
    """How to build both ends."""

    driver: Callable[[int, str, bool, Any], Driver]
    register: Callable[[Device, Drive, int, bool, Any], EmulatedRegister]


def _shtrih_driver(ffd: int, place: str, paper: bool, protocol: Any) -> Driver:
    facts = ShtrihFacts(ffd=ffd, place=place, prints=paper, prints_all=paper)
    return ShtrihDriver(Settings(), facts, protocol=protocol)


def _shtrih_register(
    device: Device, drive: Drive, epoch_s: int, paper: bool, protocol: Any
) -> EmulatedRegister:
    return ShtrihRegister(device, drive, epoch_s=epoch_s, electronic=not paper, protocol=protocol)


def _atol_driver(ffd: int, place: str, paper: bool, protocol: Any) -> Driver:
    facts = AtolFacts(ffd=ffd, place=place, prints=paper, prints_all=paper, transport=protocol)
    return AtolDriver(Settings(), facts)


def _atol_register(
    device: Device, drive: Drive, epoch_s: int, paper: bool, protocol: Any
) -> EmulatedRegister:
    return AtolRegister(device, drive, epoch_s=epoch_s, electronic=not paper, transport=protocol)


MAKES: dict[str, Make] = {
    "shtrih": Make(_shtrih_driver, _shtrih_register),
    "atol": Make(_atol_driver, _atol_register),
}
