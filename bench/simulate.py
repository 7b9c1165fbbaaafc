"""From a scenario to a run: builds the world, lets it live, audits it."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import simpy

from bench.audit import Audit, Document, against_operator, audit, documents_of
from bench.faults import calendar
from bench.measures import Asked, Run
from bench.operator_line import OperatorLine
from bench.progress import Progress
from bench.scenario import Scenario, taxation_mask
from bench.scenario_farm import Register
from bench.scenario_model import US_PER_DAY, day_time_us
from bench.seats import WireSeat, printed_service, registered_drive, wire_service_us
from bench.shop import Request
from bench.special_goods import Piece, against_service, pieces, service_for
from bench.streams import stream
from bench.timed import TimedSeat, service_time
from bench.traffic import make_orders
from bench.world import World
from fiscal import devices
from fiscal.agents import ALL_KINDS
from fiscal.emulators.drive_registration import Mode, Registration, Usage
from fiscal.emulators.operator import OperatorServer
from fiscal.emulators.operator_profile import OperatorProfile, Outage
from fiscal.emulators.operator_queue import OperatorQueues, Windows
from fiscal.engine.config import EngineConfig, RegisterFacts
from fiscal.receipt import fingerprint, mark
from fiscal.watch.z_reports import Book

FIDELITIES = ("wire", "timed")
FFD = {"1.05": 2, "1.2": 4}
_SLICES = 100
_MANY = 1000  # receipts; a shorter run would take less time than sweeping up what was before it
_SETTLE_US = 10_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """A register of the scenario with what the engine and the world need to know of it."""

    register: Register
    device: devices.Device
    facts: RegisterFacts
    registration: Registration

    @property
    def electronic(self) -> bool:
        return self.register.print == "electronic"

    @property
    def baud_bps(self) -> int:
        return self.register.line.baud_bps if self.register.line.kind == "serial" else 0

    @property
    def latency_us(self) -> int:
        return round(self.register.line.latency_ms * 1000)


def places(scenario: Scenario) -> list[Place]:
    """The farm of a scenario."""
    entities = {entity.name: entity for entity in scenario.shop.entities}
    ffd = FFD[scenario.shop.ffd]
    found = []
    for number, register in enumerate(scenario.registers(), start=1):
        entity = entities[register.entity or scenario.shop.entities[0].name]
        device = devices.device(register.device)
        if scenario.shifts.z_report_min is not None:
            device = replace(device, z_report_us=round(scenario.shifts.z_report_min * 60_000_000))
        taxation = taxation_mask(register.taxation or entity.taxation)
        line = register.line
        electronic = register.print == "electronic"
        wire = (
            ffd,
            line.baud_bps if line.kind == "serial" else 0,
            round(line.latency_ms * 1000),
            register.protocol or "",
        )
        base_us, line_us = wire_service_us(device, electronic, *wire)
        if register.service is None and not electronic:
            register = register.model_copy(update={"service": printed_service(device, *wire)})
        facts = RegisterFacts(
            name=register.name,
            entity=entity.inn,
            taxation=int(taxation),
            sites=tuple(register.sites),
            weight=max(1, round(register.weight * 1000)),
            spare=register.spare,
            computer=register.computer,
            service_base_us=base_us,
            service_line_us=line_us,
            z_report_us=device.z_report_us,
            relay=register.sends == "relay",
        )
        registration = Registration(
            entity.inn,
            f"{number:016d}",
            taxation=int(taxation),
            mode=int(Mode.INTERNET),
            user=entity.user,
            address="Moscow",
            place=register.sites[0],
            ofd_inn="7704211201",
            ofd_name="Emulated operator",
            ffd=ffd,
            register_serial=f"{number:016d}",
            register_version="1.0",
            usage=int(Usage.MARKED_GOODS) if scenario.shop.goods.marked_share and ffd >= FFD["1.2"] else 0,
            agents=ALL_KINDS if scenario.shop.goods.agent_share else 0,
        )
        found.append(Place(register, device, facts, registration))
    return found


def engine_config(scenario: Scenario, farm: Sequence[Place], *, relays: bool = False) -> EngineConfig:
    """The engine's view of a scenario. Documents are carried in ``wire`` only (``relays``): in ``timed`` there is no operator."""
    shifts = scenario.shifts
    return EngineConfig(
        registers=tuple(place.facts if relays else replace(place.facts, relay=False) for place in farm),
        policy=scenario.farm.policy,
        reroute=scenario.farm.reroute,
        in_doubt=scenario.shop.in_doubt,
        deadline_us=round(scenario.shop.deadline_s * 1e6),
        close_at_s=tuple(day_time_us(clock) % US_PER_DAY // 1_000_000 for clock in shifts.close_at),
        stagger_us=round(shifts.stagger_min * 60e6),
        max_age_us=round(shifts.max_age_h * 3600e6),
        probe_us=round(scenario.farm.probe_s * 1e6),
        spare_join_queue=scenario.farm.spare_join_queue,
        queue_limit=scenario.farm.queue_limit,
        salt=scenario.seed,
    )


class Simulation:
    """One run of a scenario, ready to go."""

    def __init__(
        self, scenario: Scenario, seed: int | None = None, fidelity: str = "wire", replication: int = 0
    ) -> None:
        self.scenario = scenario
        self.seed = scenario.seed if seed is None else seed
        self.fidelity = fidelity
        self.farm = places(scenario)
        self.faults = calendar(scenario, self.seed, replication)
        self.env = simpy.Environment()
        orders = make_orders(scenario, self.seed, replication)
        deadline_us = round(scenario.shop.deadline_s * 1e6)
        self.requests = [
            Request(
                order.key, order.receipt, fingerprint(order.receipt), order.at_us, order.at_us + deadline_us
            )
            for order in orders
        ]
        if len(self.requests) >= _MANY:
            gc.collect()  # an earlier run is gone before the next one's world stands
        self.asked = {
            order.key: Asked(order.key.partition("/")[0], order.receipt.type, order.receipt.total_kop)
            for order in orders
        }
        names = [place.register.name for place in self.farm]
        computers = {
            computer: tuple(i for i, place in enumerate(self.farm) if place.register.computer == computer)
            for computer in scenario.computers()
        }
        self.marking = service_for(request.receipt for request in self.requests)
        self.operator_lines: dict[int, OperatorLine] = {}
        self.networks: dict[str, Windows] = {}
        self.seats: list[WireSeat] | list[TimedSeat]
        if fidelity == "wire":
            self.seats = self._wire_seats(computers, replication)
        else:
            self.seats = self._timed_seats(replication)
        self.world = World(
            self.env,
            engine_config(scenario, self.farm, relays=fidelity == "wire"),
            self.seats,
            computers,
            names,
            self.requests,
            [fault for fault in self.faults if fidelity == "wire" or fault.kind not in _WIRE_ONLY],
            scenario.start_s,
            round(scenario.shop.commit_ms * 1000),
        )
        self.world.marking = self.marking
        self.world.facts.networks = dict(enumerate(self.networks.values()))
        for register, line in self.operator_lines.items():
            self.world.carry_through(register, line)

    def _wire_seats(self, computers: dict[str, tuple[int, ...]], replication: int) -> list[WireSeat]:
        scenario = self.scenario
        outages = tuple(Outage(f.at_us, f.until_us) for f in self.faults if f.kind == "operator_unreachable")
        unpaid = tuple((f.at_us, f.until_us) for f in self.faults if f.kind == "operator_unpaid")
        reply_us = round(scenario.operator.delay_s * 1e6)
        self.operator = OperatorServer(
            OperatorProfile(reply_us=reply_us, control=False, outages=outages), epoch_s=scenario.start_s
        )
        self.networks = networks = {
            place.register.name: tuple(
                (f.at_us, f.until_us)
                for f in self.faults
                if f.kind == "internet_lost"
                and f.target in (place.register.name, place.register.computer, "all")
            )
            for place in self.farm
        }
        self.queues = queues = OperatorQueues(self.operator, networks=networks, unpaid=unpaid)
        self.operator_lines = {
            index: OperatorLine(self.operator, networks[place.register.name], unpaid)
            for index, place in enumerate(self.farm)
            if place.facts.relay
        }
        seats = []
        for number, place in enumerate(self.farm, start=1):
            mine = (place.register.name, place.register.computer, "all")
            barriers = [
                t
                for f in self.faults
                if f.target in mine or f.kind == "marking_silent"
                for t in (f.at_us, f.until_us)
            ]
            seats.append(
                WireSeat(
                    self.env,
                    place.register.name,
                    place.device,
                    registered_drive(
                        number,
                        place.registration,
                        scenario.start_s,
                        place.register.drive,
                        place.register.drive_age_days,
                    ),
                    electronic=place.electronic,
                    ffd=place.registration.ffd,
                    place=place.registration.place,
                    baud_bps=place.baud_bps,
                    latency_us=place.latency_us,
                    start_s=scenario.start_s,
                    operator=queues,
                    protocol=place.register.protocol or "",
                    relayed=place.facts.relay,
                    barriers=barriers,
                    noise=stream(self.seed, f"noise {place.register.name}", replication),
                    marking=None if place.facts.relay else self.marking,
                    policy=scenario.shop.goods.policy,
                )
            )
        return seats

    def _timed_seats(self, replication: int) -> list[TimedSeat]:
        draws = stream(self.seed, "service", replication).random(len(self.requests))
        by_key = {request.key: float(u) for request, u in zip(self.requests, draws, strict=True)}
        return [
            TimedSeat(
                self.env,
                place.register.name,
                service_time(
                    place.register.service, place.facts.service_base_us, place.facts.service_line_us
                ),
                by_key,
                place.facts.z_report_us,
                self.scenario.start_s,
            )
            for place in self.farm
        ]

    def run(self, progress: Progress | None = None) -> Run:
        """Let the world live until the orders have come and the queues are empty, then audit it."""
        began = time.perf_counter()
        horizon_us = self.scenario.duration_us
        self.live(progress)
        found = self._audit()
        fired: Counter[str] = Counter({spec.kind: 0 for spec in self.scenario.faults})
        fired.update(self.world.fired)
        for seat in self.seats:
            fired.update(seat.fired())
        return Run(
            scenario=self.scenario,
            seed=self.seed,
            fidelity=self.fidelity,
            log=self.world.log,
            registers=tuple(place.register.name for place in self.farm),
            start_s=self.scenario.start_s,
            horizon_us=horizon_us,
            drained_us=int(self.env.now),
            faults=self.faults,
            fired={
                kind: fired[kind]
                for kind in sorted(fired)
                if kind in {spec.kind for spec in self.scenario.faults}
            },
            audit={name: getattr(found, name) for name in found.__dataclass_fields__},
            wall_s=time.perf_counter() - began,
            asked=self.asked,
            operator=self._operator_moments(),
            facts=self.world.facts.rows,
            z_reports=Book(self.world.journal.records()).rows() if self.fidelity == "wire" else (),
        )

    def _operator_moments(self) -> dict[str, tuple[int, int]]:
        """By key: when its document was first sent to the operator, and when the operator's store has it confirmed; -1 for not."""
        engine = self.world.engine
        if self.fidelity != "wire" or engine is None:
            return {}
        found = {}
        relayed = {place.register.name: index for index, place in enumerate(self.farm) if place.facts.relay}
        for key in tuple(engine.keys()):
            view = engine.status(key)
            if view is None or view.recorded is None:
                continue
            drive, document = view.recorded.drive, view.recorded.document
            if view.register in relayed:
                sent = self.operator_lines[relayed[view.register]].sent_us.get((drive, document), -1)
                kept = self.operator.store.find(drive, document)
                confirmed = -1 if kept is None else view.confirmed_wall_us - self.scenario.start_s * 1_000_000
            else:
                by_sent, by_confirmed = self.queues.moments(drive)
                sent, confirmed = by_sent.get(document, -1), by_confirmed.get(document, -1)
            found[key] = sent, confirmed
        return found

    def pieces(self) -> list[Piece]:
        """The marked pieces that were sold or came back, as the drives hold them: register by register, in order."""
        drives = [
            (s.name, d) for s in self.seats if isinstance(s, WireSeat) for d in (*s.old_drives, s.drive)
        ]
        return [piece for name, drive in drives for piece in pieces(name, drive)]

    def live(self, progress: Progress | None = None) -> None:
        """Let time pass until the orders have come and the queues are empty (or the scenario's patience is over)."""
        gc.freeze()  # what was built stays for the whole run: the collector need not look at it again and again
        try:
            self._pass_time(self.scenario.duration_us, progress)
        finally:
            gc.unfreeze()

    def _pass_time(self, horizon_us: int, progress: Progress | None) -> None:
        for n in range(1, _SLICES + 1):
            until_us = horizon_us * n // _SLICES
            if until_us > self.env.now:
                self.env.run(until=until_us)
            if progress is not None:
                progress(n, _SLICES)
        limit_us = horizon_us + round(self.scenario.drain_h * 3600e6)
        while not self._settled() and self.env.now < limit_us:
            self.env.run(until=int(self.env.now) + _SETTLE_US)

    def _settled(self) -> bool:
        engine = self.world.engine
        if engine is None or not engine.settled or self.world.shop.unanswered:
            return False
        return all(seat.sent(int(self.env.now)) for seat in self.seats)

    def _audit(self) -> Audit:
        documents: list[Document] = []
        numbering: list[str] = []
        operator: list[str] = []
        for seat in self.seats:
            if isinstance(seat, WireSeat):
                seat.settle(int(self.env.now))
                for nth, drive in enumerate((*seat.old_drives, seat.drive)):
                    found, problems = documents_of(seat.name, drive)
                    documents += found
                    numbering += problems
                    operator += against_operator(seat.name, drive, self.operator.store, 1 if nth else 2)
                    if seat.register.marking is not None:
                        operator += against_service(seat.name, drive, self.marking)
            else:
                documents += [
                    Document(seat.name, number, mark(key), type_, total_kop, shift, seat.name)
                    for number, key, type_, total_kop, shift in seat.documents
                ]
        history = self.world.journal.records()
        return audit(self.world.engine, self.world.shop, documents, numbering, history, operator)


_WIRE_ONLY = frozenset({"garbled_bytes", "clock_jump", "drive_replacement", "web_server_hang"})
"""Faults of bytes, clocks and drives, which ``timed`` does not have."""
