"""Emulated registers of the live host: a make, a drive with a memory on disk, an endpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from zlib import crc32

from fiscal.agents import ALL_KINDS
from fiscal.devices import Device, device
from fiscal.emulators.drive import Drive, DriveProfile, Mode, Phase, Registration, Usage
from fiscal.emulators.marking_service import MarkingService
from fiscal.emulators.operator import OperatorServer
from fiscal.emulators.operator_agent import OperatorAgent
from fiscal.emulators.operator_queue import OperatorQueues
from fiscal.live import clock
from fiscal.live.converse import Trace
from fiscal.live.drive_file import DriveFile
from fiscal.live.emulated import EmulatedRegister, Endpoint
from fiscal.live.links import split_tcp
from fiscal.live.operator_dialer import Dialer
from fiscal.makes import FFD, MAKES, Setup
from fiscal.makes import EmulatedRegister as Emulated
from fiscal.registers.conversation import Driver, Settings
from fiscal.registers.marking import REFUSE_BAD, Policy

LIVE_PROFILE = DriveProfile("emulated", life_days=450)
"""The drive of an emulated register: 15 months."""
_NEXT_DRIVE = 10**10
"""What is added to a drive's number for the next one of the same register."""


@dataclass(frozen=True, slots=True)
class About:
    """What a driver and an emulated register must know of the shop. ``ffd`` by tag 1209, ``taxation`` and ``agents`` the masks of tags
    1062 and 1057."""

    name: str
    entity: str
    taxation: int = 63
    agents: int = ALL_KINDS
    site: str = ""
    ffd: int = FFD["1.2"]
    prints: bool = False
    protocol: str = ""
    marking: Policy = REFUSE_BAD
    account: str = ""

    @property
    def setup(self) -> Setup:
        """How the register is set up."""
        return Setup(self.ffd, self.site, self.prints, False, self.protocol, self.marking, self.account)


def driver_of(make: str, settings: Settings, about: About) -> Driver:
    return MAKES[make].driver(settings, about.setup)


def emulate(
    make: str,
    endpoint: Endpoint,
    about: About,
    *,
    device_name: str,
    speed: float,
    drive_path: Path | None,
    trace: Trace | None = None,
    ofd: str = "",
    relayed: bool = False,
    marking: MarkingService | None = None,
) -> EmulatedRegister:
    """An emulated register behind ``endpoint``, not started yet. Without a path the drive forgets everything with the process.

    It sends its documents to an operator of its own, to the one at ``ofd`` (HOST:PORT), or, ``relayed``, not by itself. Marking codes are
    checked with ``marking``; without it the service is silent.

    Raises `fiscal.live.drive_file.DriveFileError` when the memory cannot be used.
    """
    file = DriveFile(drive_path) if drive_path is not None else None
    drive = file.load() if file else None
    if drive is None:
        drive = _first_drive(about, file)
    emulator = MAKES[make].register(faster(device(device_name), speed), drive, clock.wall_s(), about.setup)
    emulator.marking = marking
    emulator.remember(_registration(about))
    if file is not None:
        file.keep_money(emulator.money)
    operator = _Operator(emulator, about.name, ofd, relayed)
    memory = _Memory(emulator, file)

    def close() -> None:
        operator.close()
        memory.close()

    running = EmulatedRegister(
        emulator,
        endpoint,
        close,
        about.name,
        settle=operator.settle,
        trace=trace,
        keep=memory.note if file is not None else None,
        new_drive=memory.new_drive,
    )
    operator.nudge = running.nudge
    return running


class _Memory:
    """The drive in an emulated register, with its file if it has one, and the hands that change it."""

    def __init__(self, register: Emulated, file: DriveFile | None) -> None:
        self._register = register
        self._file = file

    def note(self) -> None:
        if self._file is not None:
            self._file.note_money()

    def new_drive(self, now_us: int) -> str:
        """Power off, the drive out, one that has made no document in, power on. Returns the new one's number."""
        register = self._register
        old = register.drive
        serial = f"9999{(int(old.serial[4:]) + _NEXT_DRIVE) % 10**12:012}"
        drive = Drive(serial, LIVE_PROFILE, phase=int(Phase.READY))
        register.power_off(now_us)
        register.put_in(drive)
        if self._file is not None:
            self._file = self._file.succeed(drive)
        register.power_on(now_us)
        return serial

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class _Operator:
    """Whom an emulated register sends its documents to: an operator of its own, one at an address, or nobody (the host carries them)."""

    def __init__(self, register: Emulated, name: str, ofd: str, relayed: bool) -> None:
        self._register = register
        self._where = split_tcp(ofd) if ofd else None
        self._dialer: Dialer | None = None
        self._drive: Drive | None = None
        self._queues: OperatorQueues | None = None
        self.nudge: Callable[[], None] = lambda: None
        register.relayed = relayed
        if not relayed and self._where is None:
            self._queues = OperatorQueues(OperatorServer(epoch_s=clock.wall_s()))
            register.port_of = self._queues.port

    def settle(self, now_us: int) -> None:
        drive = self._register.drive
        self._register.send_notices(clock.wall_s())
        if self._queues is not None:
            self._queues.settle(drive, 0, now_us)
        elif self._where is not None and not self._register.relayed:
            if self._dialer is None or self._drive is not drive:
                self.close()
                self._drive = drive
                agent = OperatorAgent(self._register.port, epoch_s=clock.wall_s() - now_us // 1_000_000)
                self._dialer = Dialer(agent, *self._where)
                self._dialer.nudge = self.nudge
            self._dialer.settle(now_us)

    def close(self) -> None:
        if self._dialer is not None:
            self._dialer.close()
            self._dialer = None


def _first_drive(about: About, file: DriveFile | None) -> Drive:
    drive = Drive(f"9999{_number(about):012}", LIVE_PROFILE, phase=int(Phase.READY))
    if file is not None:
        file.keep(drive)
    drive.register(_registration(about), clock.wall_s())
    return drive


def _number(about: About) -> int:
    """What makes a register's numbers its own."""
    return crc32(about.name.encode())


def _registration(about: About) -> Registration:
    """What an emulated register is registered as, with its first drive and with each that follows."""
    number = _number(about)
    return Registration(
        inn=about.entity,
        rnm=f"{number:016}",
        taxation=about.taxation,
        mode=int(Mode.INTERNET),
        user="Emulated shop",
        address="Emulated address",
        place=about.site or "emulated.example",
        ofd_inn="7700000016",
        ofd_name="Emulated operator",
        ffd=about.ffd,
        register_serial=f"{number:010}",
        register_version="emulated",
        usage=int(Usage.MARKED_GOODS) if about.ffd >= FFD["1.2"] else 0,
        agents=about.agents,
    )


def faster(device: Device, speed: float) -> Device:
    """The same model with every duration divided by ``speed``. How long it waits for bytes stays: the line is not faster."""
    if speed == 1.0:
        return device

    def less(us: int) -> int:
        return int(us / speed)

    return replace(
        device,
        enq_us=less(device.enq_us),
        ack_us=less(device.ack_us),
        command_us=less(device.command_us),
        lines_per_s=max(1, int(device.lines_per_s * speed)),
        cut_us=less(device.cut_us),
        z_report_us=less(device.z_report_us),
        commands=MappingProxyType({code: less(us) for code, us in device.commands.items()}),
        replies=MappingProxyType({code: less(us) for code, us in device.replies.items()}),
    )
