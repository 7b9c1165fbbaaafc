"""The place in a register where its drive sits, and the drive's way to the operator.

A drive is taken out and another put in with the power off. What the register is registered as stands in the drive, but the register
remembers it, too: a new drive is registered with the same requisites, and a drive that belongs to another register is refused.
Settings and money counters are the register's own and stay.

Each drive has one `DrivePort`. Who carries is the register's matter: its own network (then there is nothing for the host to carry),
or the host, through an `OperatorBuffer`.
"""

from __future__ import annotations

from collections.abc import Callable

from fiscal.emulators.drive import Drive
from fiscal.emulators.drive_marking import CheckedCode
from fiscal.emulators.drive_registration import Registration
from fiscal.emulators.marking_service import MarkingService
from fiscal.emulators.operator_port import DrivePort, OperatorBuffer

SERVICE_US = 300_000
"""How long the marking service takes to answer. *Assumed.*"""
SILENCE_US = 5_000_000
"""How long a register waits for it while a receipt is made (reference sheet on Shtrih-M, table 19 field 8)."""


class DriveSlot:
    """Inherited by emulated registers. ``foreign``: the drive belongs to another register, no document is made on it. ``relayed``: the
    register has no network of its own. ``port_of``: where the port of a drive comes from, when a host exchanges through it as well.
    ``marking``: the service it asks about marking codes, which it reaches unless it is ``offline``."""

    drive: Drive
    foreign = False
    relayed = False
    port_of: Callable[[Drive], DrivePort] = DrivePort
    marking: MarkingService | None = None
    offline = False
    _reply_us: int
    _remembered: Registration | None = None
    _port: DrivePort | None = None
    _exchange: OperatorBuffer | None = None

    def hang_up(self) -> None:
        """The host dropped the connection. A plain line knows of none."""

    def hang(self, until_us: int) -> None:
        """The web server before it hangs until then; a register that is reached directly has none."""

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

    # ---- marking codes ----------------------------------------------------------------------------------------------------------

    def check_code(self, data: bytes, planned: int, mode: int, fields: bytes, now_s: int) -> CheckedCode:
        """Let the drive check a code, and the marking service if it can be reached. The answer to the host waits for both. Raises
        `DriveError`."""
        drive = self.drive
        drive.check_code(data, planned, mode, fields)
        marks = drive.marks
        registration = self.registration
        assert registration is not None  # or the drive would have refused
        answer = self._ask(marks.request(drive.serial, registration.inn, now_s), now_s)
        self._reply_us += SERVICE_US if answer is not None else SILENCE_US
        return marks.answer(answer)

    def send_notices(self, now_s: int) -> None:
        """Send the notifications that wait to the marking service, one by one, until none waits or there is no answer."""
        marks = self.drive.marks
        while (head := marks.head) is not None:
            answer = self._ask(head.tlv, now_s)
            if answer is None:
                return
            marks.ticket(answer)

    def _ask(self, document: bytes, now_s: int) -> bytes | None:
        service = self.marking
        return None if service is None or self.offline else service.exchange(document, now_s)

    def put_in(self, drive: Drive) -> None:
        """A person takes the drive out and puts this one in. The power is off."""
        self._remembered = self.registration
        self.drive = drive
        mine, its = self._remembered, drive.registration
        self.foreign = mine is not None and its is not None and (mine.inn, mine.rnm) != (its.inn, its.rnm)
        self.drive_changed()

    def remember(self, registration: Registration) -> None:
        """What the register is registered as, for when the drive in it does not say so."""
        self._remembered = registration

    def exchange_broken(self) -> None:
        """The power failed: an answer that was awaited will not be taken any more."""
        if self._port is not None and self.relayed:
            self._port.disconnect()
            self._exchange = None

    def drive_changed(self) -> None:
        """Whatever was made ready for the old drive is made anew."""
        raise NotImplementedError
