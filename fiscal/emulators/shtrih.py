"""An emulated Shtrih-M fiscal register: a link, a printer, some settings, and a fiscal drive.

It is sans-IO and driven by time: a command is confirmed at once, *acts* after its duration (`wake`), and is answered then or a little
later. What has not acted when the power fails has not happened; what has acted stays in the drive even if the answer never leaves.
Printing goes on after the answer: meanwhile the register says so (submode 5, or 4 for a shift report) and refuses what prints.

Which command is allowed when is said by `fiscal.registers.shtrih.commands`; what each does stands in ``shtrih_service`` (state, tables,
clock, printer), ``shtrih_shift``, ``shtrih_sales``, ``shtrih_corrections`` and ``shtrih_storage`` (the drive behind it). How long things
take stands in the device profile (`fiscal.devices`). Source: reference sheet, sections 1 to 3.
"""

from __future__ import annotations

import struct

from fiscal.devices import Device
from fiscal.emulators import (  # noqa: F401  the modules fill HANDLERS
    Output,
    operator_shtrih,
    shtrih_corrections,
    shtrih_marking,
    shtrih_sales,
    shtrih_service,
    shtrih_shift,
    shtrih_storage,
)
from fiscal.emulators.drive import Drive, DriveError
from fiscal.emulators.drive_registration import Registration
from fiscal.emulators.drive_slot import DriveSlot
from fiscal.emulators.money_memory import MoneyMemory
from fiscal.emulators.shtrih_counters import Counters
from fiscal.emulators.shtrih_dispatch import HANDLERS, CommandError
from fiscal.emulators.shtrih_receipt import OpenReceipt
from fiscal.emulators.shtrih_tables import PRINTING, Tables
from fiscal.emulators.shtrih_transports import FIRST_BYTES, FLAGS, AnyLink, Spoken, links_of
from fiscal.ffd.tlv import FfdError, byte, text
from fiscal.registers.shtrih.commands import COMMANDS, code_of
from fiscal.registers.shtrih.layouts import LayoutError

__all__ = ["ShtrihRegister"]

WRONG_PASSWORD = 0x4F
WRONG_MODE = 0x73
SHIFT_EXPIRED = 0x4E
UNKNOWN_COMMAND = 0x37
BAD_PARAMETERS = 0x33
BAD_LENGTH = 0x7E
SUBMODE_ERRORS = {1: 0x6B, 2: 0x6B, 3: 0x58, 4: 0x72, 5: 0x50}
"""What a printing command is answered in each submode."""

_MODE_EXPIRED = 3
_MODE_SHIFT = 2


_FOREIGN_DRIVE = 0x02
_RECORDS = frozenset(
    (0x41, 0x8D, 0x80, 0x82, 0xE0, 0xFF05, 0xFF0B, 0xFF35, 0xFF37, 0xFF3D, 0xFF41, 0xFF42, 0xFF43, 0xFF46)
)
"""Commands that begin a document, or make one."""


class ShtrihRegister(DriveSlot):
    """One register. ``epoch_s`` is its wall clock (as tag 1012 counts) when the host's clock shows 0 microseconds.

    ``electronic`` sets it up to record without printing; ``stray`` makes its link emit the extra FF of network adapters; ``slow``
    multiplies every duration; ``clock_offset_s`` is how wrong its clock is. ``protocol`` is the transport it speaks: ``v1``, ``v2``,
    ``plain``, or ``auto`` for what the first byte says (`fiscal.emulators.shtrih_transports`).
    """

    def __init__(
        self,
        device: Device,
        drive: Drive,
        *,
        epoch_s: int,
        electronic: bool = False,
        stray: bool = False,
        extended_answers: bool = True,
        protocol: Spoken = "auto",
    ) -> None:
        self.device = device
        self.drive = drive
        self.epoch_s = epoch_s
        self.clock_offset_s: float = 0
        self.slow = 1.0
        self.cover_open = False
        self.powered = True
        self._links = links_of(protocol, device, stray=stray)
        self.link: AnyLink = next(iter(self._links.values()))
        self.undecided = len(self._links) > 1
        """The next first byte of a protocol decides which one is spoken."""
        self.link_flags = FLAGS[protocol]
        self.tables = Tables(self._fact)
        self.counters = Counters()

        self.receipt: OpenReceipt | None = None
        self.correction: OpenReceipt | None = None
        self.shift_tags = b""
        self.output: bytes | None = None  # a document being read out (mode 1)
        self.new_date: tuple[int, int, int] | None = None  # waits for confirmation (mode 6)
        self.last_error = 0
        self.operator = 30
        self.now_us = 0
        self.now_s = epoch_s
        self.baud_code = 6
        self.timeout_code = 100
        self.paper = True

        self._busy_until_us = 0
        self._long = False
        self._halted_us: int | None = None
        self._payload: bytes | None = None
        self._code = 0
        self._answer: bytes | None = None
        self._due_us: int | None = None
        self._reply_us = 0
        self._standing: dict[tuple[bool, bool, bool, int], bytes] = {}
        self.passwords: dict[int, int] = {}
        self.settings_changed()

        self._enq_us = device.enq_us
        self._ack_us = ack = device.ack_us
        self._default_us = ack + device.command_us
        self._entries = {
            code: (
                command,
                HANDLERS[code],
                len(command.prefix),
                command.prefix + b"\0",
                ack + device.commands.get(code, device.command_us),
                device.replies.get(code, 0),
            )
            for code, command in COMMANDS.items()
            if code in HANDLERS
        }
        if electronic or not device.printer:
            self.tables.set(PRINTING, 2)
        if not extended_answers:
            self.tables.set((17, 1, 36), 0)
        if drive.registration is not None:
            self._set_up_as(drive.registration)
        self._drop_orphan()

    # ---- what a host needs (Emulator) -------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now_us: int) -> Output:
        if not self.powered:
            return []
        if self.undecided:
            self._decide(data)
        link = self.link
        out = link.receive(data, now_us)
        payload = link.command
        if payload is None:
            return [(now_us + self._enq_us, out)] if out else []
        link.command = None
        self._code = code = code_of(payload)
        entry = self._entries.get(code)
        act_us = entry[4] if entry else self._default_us
        if self.slow != 1.0:
            act_us = int(act_us * self.slow)
        self._payload = payload
        self._due_us = now_us + act_us
        return [(now_us + self._ack_us, out)] if out else []

    def next_wakeup(self) -> int | None:
        return self._due_us if self._due_us is not None else self.link.deadline_us

    def wake(self, now_us: int) -> Output:
        due_us = self._due_us
        if due_us is None or now_us < due_us:
            out = self.link.timeout(now_us)
            return [(now_us, out)] if out else []
        answer = self._answer
        if answer is None:
            answer = self._execute(now_us)
            if self._reply_us:
                self._answer = answer
                self._due_us = due_us + self._reply_us
                return []
        else:
            self._answer = None
        self._due_us = None
        return [(now_us, self.link.answer(answer, now_us))]

    def power_off(self, now_us: int) -> None:
        """What was under way is lost; drive, settings, counters and an open receipt stay."""
        self.powered = False
        self._reset_links()
        self._payload = self._answer = self._due_us = None
        self._busy_until_us = min(self._busy_until_us, now_us)
        self.exchange_broken()
        self.output = self.new_date = self.correction = None
        self.shift_tags = b""

    def power_on(self, now_us: int) -> None:
        self.powered = True
        self._reset_links()
        self._drop_orphan()

    # ---- what happens to it (faults) --------------------------------------------------------------------------------------------

    def paper_out(self, now_us: int) -> None:
        """The roll is empty. What is being printed stops in the middle (submode 2)."""
        self.paper = False
        if now_us < self._busy_until_us and self.prints:
            self._halted_us = self._busy_until_us - now_us
            self._busy_until_us = now_us

    def paper_in(self, now_us: int) -> None:
        """A new roll. What stopped waits for the continue command (submode 3)."""
        self.paper = True

    def set_clock(self, time_s: int, now_us: int) -> None:
        """The wall clock is set."""
        self.clock_offset_s = time_s - (self.epoch_s + now_us // 1_000_000)

    # ---- its state --------------------------------------------------------------------------------------------------------------

    @property
    def prints(self) -> bool:
        """Paper comes out of it (there is a printer, and table 17 does not forbid it for good)."""
        return self.device.printer and self.tables.number(PRINTING) != 2

    @property
    def mode(self) -> int:
        """The mode byte, with the type of the receipt in the high half."""
        receipt = self.receipt
        if receipt is not None:
            return 8 | receipt.type << 4
        if self.output is not None:
            return 1
        if self.new_date is not None:
            return 6
        if not self.drive.shift_open:
            return 4
        return _MODE_EXPIRED if self.drive.shift_age_exceeded(self.now_s) else _MODE_SHIFT

    @property
    def submode(self) -> int:
        if self._halted_us is not None:
            return 3 if self.paper else 2
        if self.now_us < self._busy_until_us:
            return 4 if self._long else 5
        return 0 if self.paper or not self.prints else 1

    @property
    def flags(self) -> int:
        """The flags word: rolls and levers in place, two decimals, paper, cover."""
        return 0x0210 | (0x0082 if self.paper else 0) | (0x0400 if self.cover_open else 0)

    @property
    def ffd(self) -> int:
        registration = self.registration
        return registration.ffd if registration is not None else 2

    # ---- what handlers use ------------------------------------------------------------------------------------------------------

    def print_lines(self, lines: int, *, document: bool = False) -> None:
        """Printing begins when the answer has left. A ``document`` may be left out once (table 17 field 7 = 1)."""
        if not self.device.printer:
            return
        printing = self.tables.number(PRINTING)
        if printing == 2 or (printing == 1 and document):
            if printing == 1:
                self.tables.set(PRINTING, 0)
            return
        self.occupy(self._scaled(self.device.print_us(lines)))

    def occupy(self, duration_us: int, *, long: bool = False) -> None:
        """Busy for so long, counted from the answer."""
        self._busy_until_us = self.now_us + self._reply_us + duration_us
        self._long = long

    def occupy_for_report(self) -> None:
        """Deaf for the shift report: the time of the profile, counted from the command."""
        window_us = self._scaled(self.device.z_report_us)
        spent_us = self._scaled(self._entries[0x41][4]) + self._reply_us
        self.occupy(max(0, window_us - spent_us), long=True)

    def continue_printing(self) -> bool:
        if self.submode != 3:
            return False
        assert self._halted_us is not None
        self._busy_until_us = self.now_us + self._halted_us
        self._halted_us = None
        return True

    def remember(self, registration: Registration) -> None:
        super().remember(registration)
        if self.drive.registration is None:
            self._set_up_as(registration)

    def _set_up_as(self, registration: Registration) -> None:
        """What the registration says in tables that a host may write."""
        self.tables.set((17, 1, 17), registration.ffd)
        self.tables.set((18, 1, 16), registration.agents)

    @property
    def money(self) -> MoneyMemory:
        """What it counts for itself."""
        return self.counters

    def drive_changed(self) -> None:
        self.receipt = self.correction = self.output = None
        self.shift_tags = b""
        self.settings_changed()

    def settings_changed(self) -> None:
        """Passwords and standing fields are read again from the tables."""
        number = self.tables.number
        self.passwords = {number((2, row, 1)): row for row in range(1, 31)}
        self._standing.clear()

    def standing(self, receipt: OpenReceipt, ffd: int) -> bytes:
        """The fields a register adds to every receipt of its own, unless the host sent them."""
        given = receipt.tag_numbers
        key = (1187 in given, 1021 in given, 1117 in given, self.operator)
        known = self._standing.get(key)
        if known is None:
            registration = self.drive.registration
            assert registration is not None
            cashier = self.tables.text(2, self.operator, 2)
            known = b"".join(
                (
                    b"" if 1021 in given or not cashier else text(1021, cashier),
                    b""
                    if 1117 in given or not registration.sender_email
                    else text(1117, registration.sender_email),
                    text(1048, registration.user) if registration.user else b"",
                    text(1009, registration.address) if registration.address else b"",
                    b"" if 1187 in given or not registration.place else text(1187, registration.place),
                    byte(1209, ffd),
                )
            )
            self._standing[key] = known
        return known

    def set_byte_timeout(self, timeout_us: int) -> None:
        """Command 14h. The protocol is open again as well."""
        for link in self._links.values():
            link.set_timeout(timeout_us)
        self.undecided = len(self._links) > 1

    # ---- inside -----------------------------------------------------------------------------------------------------------------

    def _scaled(self, duration_us: int) -> int:
        return duration_us if self.slow == 1.0 else int(duration_us * self.slow)

    def _execute(self, now_us: int) -> bytes:
        payload = self._payload
        assert payload is not None
        self._payload = None
        self.now_us = now_us
        self.now_s = self.epoch_s + now_us // 1_000_000 + int(self.clock_offset_s)
        code = self._code
        entry = self._entries.get(code)
        if entry is None:
            self._reply_us = 0
            self.last_error = UNKNOWN_COMMAND
            return (payload[:2] if payload[0] == 0xFF else payload[:1]) + bytes((UNKNOWN_COMMAND,))
        command, handler, at, good, _, self._reply_us = entry
        if self._reply_us and self.slow != 1.0:
            self._reply_us = int(self._reply_us * self.slow)
        try:
            values = command.request.unpack(payload, at)
            if command.password:
                row = self.passwords.get(values[0])
                if row is None or row < command.rights:
                    raise CommandError(WRONG_PASSWORD)
                self.operator = row
                del values[0]
            modes = command.modes
            if modes != 0xFFFF:
                mode = 8 if self.receipt is not None else self.mode & 0x0F
                if not modes >> mode & 1:
                    expired = mode == _MODE_EXPIRED and modes >> _MODE_SHIFT & 1
                    raise CommandError(SHIFT_EXPIRED if expired else WRONG_MODE)
            if self.foreign and code in _RECORDS:
                raise CommandError(_FOREIGN_DRIVE)
            if command.prints:
                submode = self.submode
                if submode:
                    raise CommandError(SUBMODE_ERRORS[submode])
            return good + handler(self, *values)
        except (CommandError, DriveError) as refused:
            error = refused.code
        except LayoutError:
            error = BAD_LENGTH
        except (FfdError, OverflowError, struct.error):
            error = BAD_PARAMETERS
        self._reply_us = 0
        if code != 0x6B:
            self.last_error = error
        return command.prefix + bytes((error,))

    def _decide(self, data: bytes) -> None:
        protocol = FIRST_BYTES.get(data[0]) if data else None
        if protocol is not None:
            self.undecided = False
            link = self._links[protocol]
            if link is not self.link:
                link.reset()
                self.link = link

    def _reset_links(self) -> None:
        for link in self._links.values():
            link.reset()
        self.undecided = len(self._links) > 1

    def _drop_orphan(self) -> None:
        """A document begun in the drive that the register knows nothing of is dropped, as firmware does when it starts."""
        if self.receipt is None and self.drive.current_document:
            self.drive.cancel()

    def _fact(self, table: int, field: int) -> int | str | None:
        return shtrih_storage.fact(self, table, field)
