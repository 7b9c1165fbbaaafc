"""The place in a register where its drive sits.

A drive is taken out and another put in with the power off. What the register is registered as stands in the drive, but the register
remembers it, too: a new drive is registered with the same requisites, and a drive that belongs to another register is refused. Settings and
money counters are the register's own and stay.
"""

from __future__ import annotations

from fiscal.emulators.drive import Drive
from fiscal.emulators.drive_registration import Registration


class DriveSlot:
    """Inherited by emulated registers. ``foreign``: the drive belongs to another register, no document is made on it."""

    drive: Drive
    foreign = False
    _remembered: Registration | None = None

    @property
    def registration(self) -> Registration | None:
        """What the register is registered as: as its drive says, or as it remembers while its drive is new."""
        return self.drive.registration or self._remembered

    def put_in(self, drive: Drive) -> None:
        """A person takes the drive out and puts this one in. The power is off."""
        self._remembered = self.registration
        self.drive = drive
        mine, its = self._remembered, drive.registration
        self.foreign = mine is not None and its is not None and (mine.inn, mine.rnm) != (its.inn, its.rnm)
        self.drive_changed()

    def drive_changed(self) -> None:
        """Whatever was made ready for the old drive is made anew."""
        raise NotImplementedError
