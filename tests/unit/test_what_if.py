"""The same scenario with one thing changed, and nothing else."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import bench
from bench.faults import calendar
from bench.what_if import more_orders, one_out, with_day_before, z_report_minutes, z_reports_of

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
HOUR_S, HOUR_US = 3600, 3_600_000_000


def test_a_register_is_out_on_the_day_that_was_asked_for() -> None:
    """Also on the second day of a run, and of a run that does not begin at midnight."""
    scenario = bench.load(SCENARIOS / "z_windows_together.toml", ["duration_h=40"])
    for begin_h in (2, 30):
        (fault,) = calendar(one_out(scenario, begin_h * HOUR_S, HOUR_S))
        assert (fault.at_us, fault.until_us) == (begin_h * HOUR_US, (begin_h + 1) * HOUR_US)
        assert fault.target == scenario.registers()[0].name
    assert one_out(scenario, HOUR_S, 0) is scenario


def test_the_day_before_leaves_bursts_and_faults_on_their_dates() -> None:
    scenario = bench.load(SCENARIOS / "black_friday.toml")
    longer = with_day_before(scenario)
    assert longer.start == scenario.start - dt.timedelta(days=1)
    moments = [fault.at_us for fault in calendar(scenario)]
    assert moments and [fault.at_us - 24 * HOUR_US for fault in calendar(longer)] == moments
    burst, later = scenario.arrivals.bursts[0], longer.arrivals.bursts[0]
    assert longer.at_us(later.at) == scenario.at_us(burst.at) + 24 * HOUR_US


def test_orders_and_z_reports() -> None:
    scenario = bench.load(SCENARIOS / "black_friday.toml")
    assert more_orders(scenario, 1.5).arrivals.scale == 1.5 * scenario.arrivals.scale
    poisson = bench.load(SCENARIOS / "two_entities.toml", ['arrivals={kind = "poisson", rate_per_min = 2}'])
    assert more_orders(poisson, 1.5).arrivals.rate_per_min == 3
    assert z_report_minutes(z_reports_of(scenario, 7.5)) == 7.5
