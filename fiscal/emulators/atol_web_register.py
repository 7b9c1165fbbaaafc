"""An ATOL register that is reached through a web server only: both ends of their line in one emulator."""

from __future__ import annotations

from typing import Any

from fiscal.devices import Device
from fiscal.emulators import Output
from fiscal.emulators.atol import AtolRegister
from fiscal.emulators.atol_web import WebServer
from fiscal.emulators.drive import Drive

__all__ = ["WebRegister"]


class WebRegister(AtolRegister):
    """A register whose line is the web server's: what arrives is HTTP. Power, paper, drive and clock are the register's; the server's
    computer has power of its own (`hang` stops it)."""

    def __init__(self, device: Device, drive: Drive, *, account: str = "", **options: Any) -> None:
        super().__init__(device, drive, **options)
        self.server = WebServer(_Behind(self), account)

    def receive(self, data: bytes, now_us: int) -> Output:
        return self.server.receive(data, now_us)

    def next_wakeup(self) -> int | None:
        return self.server.next_wakeup()

    def wake(self, now_us: int) -> Output:
        return self.server.wake(now_us)

    def hang(self, until_us: int) -> None:
        """The web server hangs until then."""
        self.server.hang(until_us)

    def hang_up(self) -> None:
        self.server.hang_up()


class _Behind:
    """The register as its web server sees it: an emulator at the other end of a line."""

    def __init__(self, register: WebRegister) -> None:
        self._register = register

    def receive(self, data: bytes, now_us: int) -> Output:
        return AtolRegister.receive(self._register, data, now_us)

    def next_wakeup(self) -> int | None:
        return AtolRegister.next_wakeup(self._register)

    def wake(self, now_us: int) -> Output:
        return AtolRegister.wake(self._register, now_us)

    def power_off(self, now_us: int) -> None:
        self._register.power_off(now_us)

    def power_on(self, now_us: int) -> None:
        self._register.power_on(now_us)
