"""The same scenario with one thing changed: more orders, longer Z-reports, a register out of service.

What would change an answer, and how sensitive it is, are questions about such neighbours. Each function gives a new scenario; the days of
a scenario with more orders are other days (the first orders of them are the same), all others live through the same days.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from bench.scenario import Scenario
from bench.scenario_arrivals import PoissonArrivals, TraceArrivals
from bench.scenario_faults import PlannedOutage
from bench.scenario_model import US_PER_DAY, US_PER_S, day_time_text, day_time_us
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
    at = day_time_text(scenario.start_of_day_us + round(begin_s) * US_PER_S)
    outage = PlannedOutage(kind="planned_outage", target=scenario.registers()[0].name, at=at, for_s=for_s)
    return scenario.model_copy(update={"faults": (*scenario.faults, outage)})


def with_day_before(scenario: Scenario) -> Scenario:
    """The run begins a day earlier, with a day like its own: registers come into the scenario's first day with their shifts open.

    Bursts and faults at set times stay on the dates they were on.
    """

    def later(clock: str) -> str:
        return day_time_text(day_time_us(clock) + US_PER_DAY)

    arrivals = scenario.arrivals
    changes: dict[str, Any] = {
        "bursts": tuple(burst.model_copy(update={"at": later(burst.at)}) for burst in arrivals.bursts)
    }
    if isinstance(arrivals, TraceArrivals) and arrivals.days:
        changes["days"] = (arrivals.days[-1], *arrivals.days)
    faults = tuple(
        fault if fault.at is None else fault.model_copy(update={"at": later(fault.at)})
        for fault in scenario.faults
    )
    return scenario.model_copy(
        update={
            "start": scenario.start - dt.timedelta(days=1),
            "duration_h": scenario.duration_h + 24,
            "arrivals": arrivals.model_copy(update=changes),
            "faults": faults,
        }
    )
