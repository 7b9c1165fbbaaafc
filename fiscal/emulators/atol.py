"""An emulated ATOL fiscal register: a link, a printer, a drawer, and a fiscal drive.

It is sans-IO and driven by time: a command is put in the buffer at once, *acts* after its duration (`wake`), and
is answered then or later, when what it prints is on paper. What has not acted when the power fails has not
happened; what has acted stays in the drive even if the answer never leaves.

Which command is allowed when is said by `fiscal.registers.atol.commands`; what each does stands in
``atol_service`` (state, modes, tables, clock, printer), ``atol_shift``, ``atol_sales``, ``atol_counters`` (the
registers a host reads) and ``atol_storage`` (the drive behind it). How long things take stands in the device
profile. Source: reference sheet, section 1.
"""

from __future__ import annotations

import struct

from fiscal.devices import Device
from fiscal.emulators import (  # noqa: F401  the modules fill HANDLERS
    Output,
    atol_counters,
    atol_exchange,
    atol_marking,
    atol_registration,
    atol_sales,
    atol_service,
    atol_shift,
    atol_storage,
)
from fiscal.emulators.atol_dispatch import DRIVE_ERRORS, HANDLERS, CommandError
from fiscal.emulators.atol_link import PacketLink
from fiscal.emulators.atol_receipt import Sale
from fiscal.emulators.atol_session import SessionLink
from fiscal.emulators.atol_tables import Tables
from fiscal.emulators.drive import Drive, DriveError
from fiscal.emulators.drive_slot import DriveSlot
from fiscal.emulators.money_memory import MoneyMemory
from fiscal.ffd.tlv import FfdError, byte, text
from fiscal.registers.atol.commands import CLOSED, COMMANDS, OPEN, code_of
from fiscal.registers.atol.layouts import LayoutError

__all__ = ["AtolRegister"]

BAD_FORMAT = 0x13
BAD_LENGTH = 0x14
WRONG_MODE = 0x66
NO_PAPER = 0x67
UNKNOWN_COMMAND = 0x6C
UNFINISHED = 0x76
WRONG_PASSWORD = 0x8C
RECEIPT_CLOSED = 0x9A
RECEIPT_OPEN = 0x9B
EXTENDED = 0xEE

TRANSPORTS: dict[str, type[PacketLink] | type[SessionLink]] = {"v3": PacketLink, "v2": SessionLink}


FOREIGN_DRIVE = 0xD0
_RECORDS = frozenset((0x9A, 0x92, 0x5A, 0xA6, 0xA7))
"""Commands that begin a document, or make one."""


class AtolRegister(DriveSlot):
    """One register. ``epoch_s`` is its wall clock (as tag 1012 counts) when the host's clock shows 0 microseconds.

    ``electronic`` sets it up to record without printing; ``transport`` is "v3" or, for the old platform, "v2";
    ``slow`` multiplies every duration; ``clock_offset_s`` is how wrong its clock is.
    """

    def __init__(
        self,
        device: Device,
        drive: Drive,
        *,
        epoch_s: int,
        electronic: bool = False,
        transport: str = "v3",
    ) -> None:
        self.device = device
        self.drive = drive
        self.epoch_s = epoch_s
        self.clock_offset_s: float = 0
        self.slow = 1.0
        self.cover_open = False
        self.powered = True
        self.paper = True
        self.link: PacketLink | SessionLink = TRANSPORTS[transport]()
        self.tables = Tables()
        self.drawer = atol_counters.Drawer()

        self.mode = 0
        self.receipt: Sale | None = None
        self.pending_tags: list[bytes] = []  # attributes for the document that will be begun
        self.split_tag = b""  # an attribute that comes in blocks
        self.not_printed = False  # the last document is recorded, its paper is not complete
        self.reading = b""  # a document being read out of the drive
        self.last_command = b"\0\0"
        self.last_extended = 0
        self.now_us = 0
        self.now_s = epoch_s
        self.prints = device.printer and not electronic

        self._busy_until_us = 0
        self._busy_submode = 0
        self._payload: bytes | None = None
        self._code = 0
        self._answer: bytes | None = None
        self._good = True
        self._due_us: int | None = None
        self._reply_us = 0
        self._print_us = 0
        self._standing: dict[tuple[bool, bool], bytes] = {}
        self._standing_of: object = None

        self._ack_us = device.ack_us
        self._default_us = device.ack_us + device.command_us
        self._entries = {
            code: (
                command,
                HANDLERS[code],
                command.request.unpack,
                len(command.prefix) + 2,
                device.ack_us + device.commands.get(code, device.command_us),
                device.replies.get(code, 0),
            )
            for code, command in COMMANDS.items()
            if code in HANDLERS
        }
        self._drop_orphan()

    # ---- what a host needs (Emulator) -------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now_us: int) -> Output:
        if not self.powered:
            return []
        out = self.link.receive(data, now_us)
        if self._due_us is None:
            self._begin(now_us)
        return [(now_us + self._ack_us, out)] if out else []

    def next_wakeup(self) -> int | None:
        due_us, deadline_us = self._due_us, self.link.deadline_us
        if deadline_us is None or (due_us is not None and due_us <= deadline_us):
            return due_us
        return deadline_us

    def wake(self, now_us: int) -> Output:
        due_us = self._due_us
        if due_us is None or now_us < due_us:
            out = self.link.timeout(now_us)
            return [(now_us, out)] if out else []
        answer = self._answer
        if answer is None:
            answer = self._execute(due_us)
            if self._reply_us:
                self._answer = answer
                self._due_us = due_us + self._reply_us
                return []
        self._answer = None
        self._due_us = None
        self._print_us = 0
        out = self.link.done(answer, self._good, now_us)
        self._begin(now_us)
        return [(now_us, out)] if out else []

    def power_off(self, now_us: int) -> None:
        """What was under way is lost; drive, settings, counters and an open receipt stay. A document half printed
        stays half printed."""
        self.powered = False
        if self._print_us:
            self.not_printed = True
        self.link.reset()
        self._payload = self._answer = self._due_us = None
        self._print_us = 0
        self._busy_until_us = min(self._busy_until_us, now_us)
        self.exchange_broken()
        self.reading = self.split_tag = b""
        self.pending_tags = []
        self.mode = 0 if self.receipt is None else 1

    def power_on(self, now_us: int) -> None:
        self.powered = True
        self.link.reset()
        self._drop_orphan()

    # ---- what happens to it (faults) --------------------------------------------------------------------------------------------

    def paper_out(self, now_us: int) -> None:
        """The roll is empty. A document that is being printed stays half printed, and its command ends with an error."""
        self.paper = False
        if self._print_us and self.prints and self._answer is not None:
            self.not_printed = True
            self._answer = bytes((0x55, NO_PAPER))
            self._good = False
            self._due_us = now_us
            self._print_us = 0

    def paper_in(self, now_us: int) -> None:
        """A new roll. What stopped waits for the command that finishes it (EEh)."""
        self.paper = True

    def set_clock(self, time_s: int, now_us: int) -> None:
        """The wall clock is set."""
        self.clock_offset_s = time_s - (self.epoch_s + now_us // 1_000_000)

    # ---- its state --------------------------------------------------------------------------------------------------------------

    @property
    def ffd(self) -> int:
        registration = self.registration
        return registration.ffd if registration is not None else 2

    @property
    def busy(self) -> bool:
        """A report is being printed."""
        return self.now_us < self._busy_until_us

    @property
    def mode_byte(self) -> int:
        return self.mode | (self._busy_submode << 4 if self.busy else 0)

    @property
    def flags(self) -> int:
        """The flags of the status answer."""
        drive = self.drive
        return (
            (0x01 if self.registration is not None else 0)
            | (0x02 if drive.shift_open else 0)
            | 0x04  # the drawer is closed
            | (0x08 if self.paper or not self.prints else 0)
            | (0x20 if self.cover_open else 0)
            | (0x40 if drive.phase == 3 else 0)
        )

    # ---- what handlers use ------------------------------------------------------------------------------------------------------

    def print_lines(self, lines: int) -> None:
        """The answer waits for the paper."""
        if self.prints:
            self._print_us = self._scaled(self.device.print_us(lines))
            self._reply_us += self._print_us

    def occupy(self, duration_us: int, submode: int) -> None:
        """Busy in a submode for so long, counted from the answer."""
        self._busy_until_us = self.now_us + self._reply_us + self._scaled(duration_us)
        self._busy_submode = submode

    @property
    def money(self) -> MoneyMemory:
        """What it counts for itself."""
        return self.drawer

    def put_in(self, drive: Drive) -> None:
        self.drawer.drive_taken_out(self.drive.life_counters)
        super().put_in(drive)

    def drive_changed(self) -> None:
        self.receipt = None
        self.pending_tags = []
        self.reading = b""
        self.not_printed = False
        self.settings_changed()

    def settings_changed(self) -> None:
        """Standing fields are made anew."""
        self._standing.clear()

    def standing(self, receipt: Sale, ffd: int) -> bytes:
        """The fields a register adds to every receipt of its own, unless the host sent them."""
        registration = self.drive.registration
        assert registration is not None
        if registration is not self._standing_of:
            self._standing.clear()
            self._standing_of = registration
        given = receipt.tag_numbers
        key = (1187 in given, 1117 in given)
        known = self._standing.get(key)
        if known is None:
            known = b"".join(
                (
                    b"" if key[1] or not registration.sender_email else text(1117, registration.sender_email),
                    text(1048, registration.user) if registration.user else b"",
                    text(1009, registration.address) if registration.address else b"",
                    b"" if key[0] or not registration.place else text(1187, registration.place),
                    byte(1209, ffd),
                )
            )
            self._standing[key] = known
        return known

    # ---- inside -----------------------------------------------------------------------------------------------------------------

    def _scaled(self, duration_us: int) -> int:
        return duration_us if self.slow == 1.0 else int(duration_us * self.slow)

    def _begin(self, now_us: int) -> None:
        payload = self.link.take()
        if payload is None:
            return
        self._code = code = code_of(payload[2:4])
        entry = self._entries.get(code)
        act_us = entry[4] if entry else self._default_us
        if self.slow != 1.0:
            act_us = int(act_us * self.slow)
        self._payload = payload
        self._due_us = now_us + act_us

    def _execute(self, now_us: int) -> bytes:
        payload = self._payload
        assert payload is not None
        self._payload = None
        self.now_us = now_us
        self.now_s = self.epoch_s + now_us // 1_000_000 + int(self.clock_offset_s)
        self._reply_us = 0
        code = self._code
        entry = self._entries.get(code)
        extended = 0
        try:
            if entry is None:
                raise CommandError(UNKNOWN_COMMAND)
            command, handler, unpack, at, _, reply_us = entry
            if payload[:2] != b"\0\0":
                raise CommandError(WRONG_PASSWORD)
            values = unpack(payload, at)
            if now_us < self._busy_until_us and not command.repeatable:
                raise CommandError(UNFINISHED)
            if not command.modes >> self.mode & 1:
                raise CommandError(WRONG_MODE)
            if self.foreign and code in _RECORDS:
                raise CommandError(FOREIGN_DRIVE)
            wants = command.receipt
            receipt = self.receipt
            if wants is OPEN:
                if receipt is None:
                    raise CommandError(RECEIPT_CLOSED)
            elif wants is CLOSED and receipt is not None:
                raise CommandError(RECEIPT_OPEN)
            if (
                command.prints
                and not self.paper
                and self.prints
                and not atol_sales.is_quiet(self, code, values)
            ):
                raise CommandError(NO_PAPER)
            if reply_us:
                self._reply_us = self._scaled(reply_us)
            answer = command.head + handler(self, *values)
            self._good = True
            return answer
        except CommandError as refused:
            error, extended = refused.code, refused.extended
        except DriveError as refused:
            error = DRIVE_ERRORS.get(refused.code, 0xD4)
        except LayoutError:
            error = BAD_LENGTH
        except (FfdError, OverflowError, struct.error):
            error = BAD_FORMAT
        self._reply_us = self._print_us = 0
        self._good = False
        self.last_command = payload[2:4].ljust(2, b"\0")
        self.last_extended = extended
        return bytes((0x55, error))

    def _drop_orphan(self) -> None:
        """A document begun in the drive that the register knows nothing of is dropped, as firmware does when it
        starts."""
        if self.receipt is None and self.drive.current_document:
            self.drive.cancel()
