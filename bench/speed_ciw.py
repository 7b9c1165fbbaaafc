"""The reference farm in Ciw (extra ``speed``), on the same given numbers as in every other program.

Ciw's own schedules cannot say what a Z-report is: a schedule opens a server again at a set time, a Z-report takes its twelve minutes from
the moment the receipt before it is done. So here it is what it is in bare SimPy, too: a customer of a class of its own, which is served
first, without breaking off the one in service. Which register an order joins is decided as it arrives, by a subclass of Ciw's arrival node
(its routers decide on leaving a node). Times are whole microseconds, which floats hold exactly. Ciw draws lots between events of the same
moment: within a burst that changes nothing, all fifteen come through one arrival node in their order; else see `bench.reference_farm`: no
day is taken in which the order within one microsecond decides.

    >>> from bench import speed_farm
    >>> day = speed_farm.first_orders(2_000)
    >>> (ciw(day)[1][0] == speed_farm.bare_simpy(day)[1][0]).all()
    np.True_
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from math import inf
from typing import Any

import ciw as library
import numpy as np

from bench import reference_farm
from bench.speed_farm import Day, Ran

_Z_REPORT, _ORDER = "a Z-report", "an order"


class _Given(library.dists.Distribution):  # type: ignore[misc]  # the library has no types
    """Gaps between arrivals as given, then no more."""

    def __init__(self, moments_us: Iterable[int]) -> None:
        self._gaps: list[int] = []
        before = 0
        for at_us in moments_us:
            self._gaps.append(at_us - before)
            before = at_us
        self._next = 0

    def sample(self, t: float | None = None, ind: Any = None) -> float:
        self._next += 1
        return self._gaps[self._next - 1] if self._next <= len(self._gaps) else inf


class _OfTheOrder(library.dists.Distribution):  # type: ignore[misc]
    """What the order takes, wherever it is served."""

    def __init__(self, service_us: list[int]) -> None:
        self._service_us = service_us

    def sample(self, t: float | None = None, ind: Any = None) -> float:
        takes: int = self._service_us[ind.order]
        return takes


class _Dispatcher(library.ArrivalNode):  # type: ignore[misc]
    """An order joins the shortest queue among the registers that are open, the first of equals."""

    def release_individual(self, next_node: Any, next_individual: Any) -> None:
        if next_individual.customer_class == _ORDER:
            next_individual.order = self.number_of_individuals_per_class[_ORDER] - 1
            next_node = min(filter(_is_open, self.simulation.transitive_nodes), key=_load)
        super().release_individual(next_node, next_individual)


def _is_open(node: Any) -> bool:
    return not any(report.server for report in node.individuals[0])


def _load(node: Any) -> int:
    return len(node.individuals[1])  # with the one in service


def ciw(day: Day, z_us: Sequence[int] = reference_farm.Z_REPORTS_US) -> Ran:
    """Let Ciw live through a day; what building the network takes is not counted."""
    traffic, service = day
    registers = range(reference_farm.REGISTERS)
    network = library.create_network(
        arrival_distributions={
            _Z_REPORT: [
                _Given([(reference_farm.FIRST_CLOSING_S + s * reference_farm.STAGGER_S) * reference_farm.US])
                for s in registers
            ],
            _ORDER: [_Given(traffic.at_us.tolist()), *[None for _ in registers][1:]],
        },
        service_distributions={
            _Z_REPORT: [library.dists.Deterministic(z_us[s]) for s in registers],
            _ORDER: [_OfTheOrder(service.tolist()) for _ in registers],
        },
        priority_classes={_Z_REPORT: 0, _ORDER: 1},
        routing={
            kind: library.routing.NetworkRouting([library.routing.Leave() for _ in registers])
            for kind in (_Z_REPORT, _ORDER)
        },
        number_of_servers=[1 for _ in registers],
    )
    simulation = library.Simulation(network, arrival_node_class=_Dispatcher)
    began = time.process_time()
    simulation.simulate_until_max_customers(len(traffic) + len(registers), method="Complete")
    spent = time.process_time() - began
    done_us = np.zeros(len(traffic), np.int64)
    for customer in simulation.nodes[-1].all_individuals:
        if customer.customer_class == _ORDER:
            done_us[customer.order] = int(customer.data_records[0].exit_date)
    return spent, [done_us]
