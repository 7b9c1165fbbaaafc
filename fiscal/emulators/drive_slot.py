"""The place in a register where its drive sits, and the drive's way to the operator.

A drive is taken out and another put in with the power off. What the register is registered as stands in the drive, but the register
remembers it, too: a new drive is registered with the same requisites, and a drive that belongs to another register is refused. Settings and
money counters are the register's own and stay.

Each drive has one `DrivePort`. Who carries is the register's matter: its own network (then there is nothing for the host to carry), or the
host, through an `OperatorBuffer`.
"""

from __future__ import annotations

from collections.abc import Callable

from fiscal.emulators.drive import Drive
from fiscal.emulators.drive_registration import Registration
from fiscal.emulators.operator_port import DrivePort, OperatorBuffer


class DriveSlot:
    """Inherited by emulated registers. ``foreign``: the drive belongs to another register, no document is made on it. ``relayed``: the
    register has no network of its own. ``port_of``: where the port of a drive comes from, when a host exchanges through it as well."""

    drive: Drive
    foreign = False
    relayed = False
    port_of: Callable[[Drive], DrivePort] = DrivePort
    _remembered: Registration | None = None
    _port: DrivePort | None = None
    _exchange: OperatorBuffer | None = None

    @property
    def registration(self) -> Registration | None:
        """What the register is registered as: as its drive says, or as it remembers while its drive is new."""
        return self.drive.registration or self._remembered

    @property
    def port(self) -> DrivePort:
        """The drive's side of the exchange with the operator."""
        port = self._port
        if port is None or port.drive is not self.drive:
            port = self._port = self.port_of(self.drive)
            self._exchange = None
        return port

    @property
    def exchange(self) -> OperatorBuffer | None:
        """What the host carries from and to, ``None`` when the register sends by itself."""
        if not self.relayed:
            return None
        port = self.port
        if self._exchange is None:
            self._exchange = OperatorBuffer(port)
        return self._exchange

    def put_in(self, drive: Drive) -> None:
        """A person takes the drive out and puts this one in. The power is off."""
        self._remembered = self.registration
        self.drive = drive
        mine, its = self._remembered, drive.registration
        self.foreign = mine is not None and its is not None and (mine.inn, mine.rnm) != (its.inn, its.rnm)
        self.drive_changed()

    def exchange_broken(self) -> None:
        """The power failed: an answer that was awaited will not be taken any more."""
        if self._port is not None and self.relayed:
            self._port.disconnect()
            self._exchange = None

    def drive_changed(self) -> None:
        """Whatever was made ready for the old drive is made anew."""
        raise NotImplementedError
