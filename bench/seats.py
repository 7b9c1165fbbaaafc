"""Registers in fidelity ``wire``: driver, protocol bytes, line, emulated register and fiscal drive, each the real thing's equal.

A seat joins one register's parts and gives the world its two handles: a task to perform, a fault to suffer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import simpy

from bench.faults import Fault
from bench.line import VirtualLine
from bench.timed import ByLines
from fiscal.devices import Device
from fiscal.emulators.drive import Drive
from fiscal.emulators.drive_profile import PROFILES, Phase
from fiscal.emulators.drive_registration import Mode, Registration
from fiscal.emulators.marking_service import MarkingService
from fiscal.emulators.operator import OperatorServer
from fiscal.emulators.operator_queue import OperatorQueues
from fiscal.engine import events
from fiscal.engine.outcomes import Outcome
from fiscal.makes import MAKES, WEB, Setup
from fiscal.receipt import Buyer, Item, Payments, Receipt, SettlementType, Taxation, Vat
from fiscal.registers import tasks
from fiscal.registers.conversation import Settings
from fiscal.registers.marking import REFUSE_BAD, Policy


def registered_drive(
    number: int, registration: Registration, start_s: int, months: str = "15", age_days: int = 30
) -> Drive:
    """A drive in fiscal mode, registered so long before the run; its number follows from its place in the farm. ``months``: its label."""
    drive = Drive(f"99990789{number:08d}", PROFILES[months])
    drive.register(registration, start_s - age_days * 86_400)
    drive.confirm(1, start_s - age_days * 86_400)
    return drive


class WireSeat:
    """One register of the farm with everything between it and the engine."""

    def __init__(
        self,
        env: simpy.Environment,
        name: str,
        device: Device,
        drive: Drive,
        *,
        electronic: bool,
        ffd: int,
        place: str,
        baud_bps: int,
        latency_us: int,
        start_s: int,
        operator: OperatorQueues,
        protocol: str = "",
        relayed: bool = False,
        barriers: Iterable[int] = (),
        noise: np.random.Generator | None = None,
        marking: MarkingService | None = None,
        policy: Policy = REFUSE_BAD,
    ) -> None:
        self.name = name
        self.drive = drive
        self.old_drives: list[Drive] = []
        self.make = device.make
        make = MAKES[device.make]
        self.protocol = protocol or make.protocols[0]
        setup = Setup(ffd, place, not electronic, True, self.protocol, policy)
        self.register = make.register(device, drive, start_s, setup)
        self.line = VirtualLine(env, self.register, baud_bps, latency_us, barriers)
        # what a stream of packets carries arrives whole or not at all
        self.line.noise_draws = noise if self.protocol != WEB else None
        self.line.hang_up = self.register.hang_up
        self.line.documents = lambda: self.drive.receipts_in_shift
        self._driver = make.driver(Settings(), setup)
        self._env = env
        self._start_s = start_s
        self._operator = operator
        self.register.marking = marking
        self.register.relayed = relayed
        if not relayed:
            self.register.port_of = lambda drive: operator.port(drive, name)
        self._unpowered = 0
        self._unplugged = 0
        self._paperless = 0
        self._networkless = 0
        self._act: dict[str, Callable[[Fault, bool], bool]] = {
            "power_cut": self._power,
            "cable_pulled": self._cable,
            "computer_hang": self._hang,
            "web_server_hang": self._web_hang,
            "reply_lost": self._lose,
            "garbled_bytes": self._noise,
            "paper_out": self._paper,
            "register_slow": self._slow,
            "clock_jump": self._clock,
            "drive_replacement": lambda fault, begins: begins,  # the world asks the engine, and then a person
            "internet_lost": self._offline,
        }

    def perform(self, task: events.Task, done: Callable[[Outcome | None], None]) -> None:
        now = int(self._env.now)
        if type(task) is events.Probe:
            self.settle(now)
        self.line.start(tasks.start(self._driver, task, self._start_s + now // 1_000_000), done)

    def abandon(self) -> None:
        self.line.abandon()

    def settle(self, now_us: int) -> None:
        """Bring register and operator up to now."""
        self.line.catch_up(now_us)
        if not self.register.relayed:
            self._operator.settle(self.drive, int(self.register.clock_offset_s), now_us, self.name)
        if self.drive.marks.notices:
            self.register.send_notices(self._start_s + now_us // 1_000_000)

    def change_drive(self) -> bool:
        """A person puts a new drive of the same kind in. ``False``: not now, the register is being talked to."""
        now = int(self._env.now)
        if self.line.busy:
            return False
        self.settle(now)
        old = self.drive
        self.register.power_off(now)
        self.line.silence(now)
        number = int(old.serial[8:]) + 10_000_000
        self.drive = Drive(f"{old.serial[:8]}{number:08d}", old.profile, phase=int(Phase.READY))
        self.register.put_in(self.drive)
        self.register.power_on(now)
        self.old_drives.append(old)
        return True

    def sent(self, now_us: int) -> bool:
        """Whether the operator has confirmed everything, and the marking service as well."""
        self.settle(now_us)
        return not (self.drive.unsent.count or self.drive.marks.notices)

    def fault(self, fault: Fault, begins: bool) -> bool:
        self.line.catch_up(int(self._env.now))
        return self._act[fault.kind](fault, begins)

    def fired(self) -> dict[str, int]:
        return {"reply_lost": self.line.lost, "garbled_bytes": self.line.garbled}

    def _power(self, fault: Fault, begins: bool) -> bool:
        before = self._unpowered
        self._unpowered += 1 if begins else -1
        if begins and not before:
            self.register.power_off(int(self._env.now))
            self.line.silence(int(self._env.now))
        elif not begins and not self._unpowered:
            self.register.power_on(int(self._env.now))
        return True

    def _cable(self, fault: Fault, begins: bool) -> bool:
        before = self._unplugged
        self._unplugged += 1 if begins else -1
        if begins and not before:
            self.line.unplug()
        elif not begins and not self._unplugged:
            self.line.plug()
        return True

    def _hang(self, fault: Fault, begins: bool) -> bool:
        if begins:
            self.line.frozen_until_us = max(self.line.frozen_until_us, fault.until_us)
        return True

    def _web_hang(self, fault: Fault, begins: bool) -> bool:
        if begins:
            self.register.hang(fault.until_us)
        return self.protocol == WEB

    def _offline(self, fault: Fault, begins: bool) -> bool:
        self._networkless += 1 if begins else -1
        self.register.offline = self._networkless > 0  # the queue to the operator knows its outages
        return True

    def _lose(self, fault: Fault, begins: bool) -> bool:
        self.line.lose_replies += int(fault.params["count"]) if begins else 0
        return begins

    def _noise(self, fault: Fault, begins: bool) -> bool:
        self.line.noise = float(fault.params["probability"]) if begins else 0.0
        return True

    def _paper(self, fault: Fault, begins: bool) -> bool:
        before = self._paperless
        self._paperless += 1 if begins else -1
        if begins and not before:
            self.register.paper_out(int(self._env.now))
        elif not begins and not self._paperless:
            self.register.paper_in(int(self._env.now))
        return True

    def _slow(self, fault: Fault, begins: bool) -> bool:
        self.register.slow = float(fault.params["factor"]) if begins else 1.0
        return True

    def _clock(self, fault: Fault, begins: bool) -> bool:
        self.register.clock_offset_s += int(fault.params["shift_us"]) // 1_000_000 if begins else 0
        return begins


def sample_receipt(lines: int, entity: str = "7707083893", site: str = "https://shop.example") -> Receipt:
    """A plain receipt of so many lines, for measuring."""
    items = tuple(Item(f"Goods number {n}", 10_000, 1_000_000, 10_000, Vat.VAT_22) for n in range(lines))
    return Receipt(
        SettlementType.SALE,
        items,
        Payments(cashless_kop=10_000 * lines),
        Taxation.GENERAL,
        entity,
        site,
        Buyer(email="buyer@shop.example"),
    )


Wire = tuple[Device, bool, int, int, int, str]
"""A register as a receipt's time depends on it: device, electronic, version of FFD, bits a second, latency (microseconds), protocol."""

_PRINTED = (*range(1, 41), *range(44, 101, 4))
"""Lines of the receipts that are measured on paper, where times go up in steps; between them a straight line."""
_measured: dict[tuple[Any, ...], int] = {}


def wire_service_us(
    device: Device, electronic: bool, ffd: int, baud_bps: int, latency_us: int, protocol: str = ""
) -> tuple[int, int]:
    """How long a receipt takes on this register over this line: (base, for each line), microseconds, measured by doing it.

    The shift is open and the register idle; printing on paper is included, since the next receipt waits for it. On paper this is a
    straight line through short receipts, good enough for choosing a register; `printed_service` has the true times.
    """
    wire = (device, electronic, ffd, baud_bps, latency_us, protocol)
    one, eleven = (_duration_us(wire, lines) for lines in (1, 11))
    per_line = (eleven - one) // 10
    return one - per_line, per_line


def printed_service(device: Device, ffd: int, baud_bps: int, latency_us: int, protocol: str = "") -> ByLines:
    """How long a receipt on paper takes, by its lines, measured by doing it. The line and the printer work side by side, and the driver
    asks every so often whether the printer is done: so short receipts take what the line takes, long ones what the paper takes."""
    wire = (device, False, ffd, baud_bps, latency_us, protocol)
    took_us = [_duration_us(wire, lines) for lines in _PRINTED]
    every = np.rint(np.interp(np.arange(_PRINTED[-1] + 1), _PRINTED, took_us)).astype(np.int64)
    long = _PRINTED.index(60)
    further_us = (took_us[-1] - took_us[long]) // (_PRINTED[-1] - _PRINTED[long])
    return ByLines(tuple(every.tolist()), further_us)


def _duration_us(wire: Wire, lines: int) -> int:
    """From one receipt to the next, where many wait. Measured once for each kind of register and line."""
    device, *rest = wire
    key = (device.name, *rest, lines)
    if key not in _measured:
        _measured[key] = _measure_us(wire, lines)
    return _measured[key]


def _measure_us(wire: Wire, lines: int) -> int:
    device, electronic, ffd, baud_bps, latency_us, protocol = wire
    env = simpy.Environment()
    start_s = 1_790_000_000
    receipt = sample_receipt(lines)
    registration = Registration(
        receipt.entity, "0000000001000000", taxation=int(receipt.taxation), mode=int(Mode.INTERNET), ffd=ffd
    )
    seat = WireSeat(
        env,
        "sample",
        device,
        registered_drive(1, registration, start_s),
        electronic=electronic,
        ffd=ffd,
        protocol=protocol,
        place=receipt.site,
        baud_bps=baud_bps,
        latency_us=latency_us,
        start_s=start_s,
        operator=OperatorQueues(OperatorServer(epoch_s=start_s)),
    )
    moments: list[int] = []

    def again(_: Outcome | None) -> None:
        moments.append(int(env.now))
        if len(moments) < 3:
            # each is a receipt of its own: the same one is not made twice
            seat.perform(events.Fiscalize("sample", receipt, f"SAMPL{len(moments)}"), again)

    again(None)
    env.run()
    return moments[2] - moments[1]
