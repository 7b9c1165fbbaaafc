"""The same scenario with one thing changed: more orders, longer Z-reports, a register out of service.

What would change an answer, and how sensitive it is, are questions about such neighbours. Each function gives a new scenario; the days of
a scenario with more orders are other days (the first orders of them are the same), all others live through the same days.
"""

from __future__ import annotations

import datetime as dt

from bench.scenario import Scenario
from bench.scenario_arrivals import PoissonArrivals
from bench.scenario_faults import PlannedOutage
from bench.simulate import places


def more_orders(scenario: Scenario, factor: float) -> Scenario:
    """Orders come so many times as fast; bursts stay as they are."""
    arrivals = scenario.arrivals
    name = "rate_per_min" if isinstance(arrivals, PoissonArrivals) else "scale"
    changed = arrivals.model_copy(update={name: getattr(arrivals, name) * factor})
    return scenario.model_copy(update={"arrivals": changed})


def z_report_minutes(scenario: Scenario) -> float:
    """How long a Z-report makes a register deaf: the scenario's own word, or the mean over the devices."""
    if scenario.shifts.z_report_min is not None:
        return float(scenario.shifts.z_report_min)
    found = [place.device.z_report_us for place in places(scenario)]
    return sum(found) / len(found) / 60e6


def z_reports_of(scenario: Scenario, minutes: float) -> Scenario:
    """Every Z-report takes so many minutes."""
    shifts = scenario.shifts.model_copy(update={"z_report_min": minutes})
    return scenario.model_copy(update={"shifts": shifts})


def closing_at(scenario: Scenario, close_at: tuple[str, ...], stagger_min: float) -> Scenario:
    """Shifts close at other times ("HH:MM"), register after register ``stagger_min`` apart."""
    shifts = scenario.shifts.model_copy(update={"close_at": close_at, "stagger_min": stagger_min})
    return scenario.model_copy(update={"shifts": shifts})


def one_out(scenario: Scenario, begin_s: float, for_s: float) -> Scenario:
    """The first register is out of service from ``begin_s`` seconds of the run on."""
    if for_s <= 0:
        return scenario
    at = (scenario.start + dt.timedelta(seconds=begin_s)).strftime("%H:%M:%S")
    outage = PlannedOutage(kind="planned_outage", target=scenario.registers()[0].name, at=at, for_s=for_s)
    return scenario.model_copy(update={"faults": (*scenario.faults, outage)})
