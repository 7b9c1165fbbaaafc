"""Traffic made of rates: weeks, seasons, waves, days that shops know, bursts with a shape, a backlog, days drawn from a trace.

Every expected count of a Poisson source is held to four standard deviations at fixed seeds.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest, truncexpon, truncnorm

import bench
from bench.orders_file import read_bundled
from bench.scenario import BUNDLED, Scenario, ScenarioError, apply_set, parse
from bench.scenario_arrivals import Burst
from bench.streams import stream
from bench.traffic import make_orders
from bench.traffic_batches import batches
from bench.traffic_profiles import READY, burst_seconds
from fiscal.receipt import SettlementType

HOUR_US = 3_600_000_000
ONE_LINE = "lines={kind='fixed', count=1}"


def scenario(*changes: str) -> Scenario:
    data: dict[str, Any] = {
        "schema_version": 1,
        "name": "traffic",
        "question": "Who comes?",
        "seed": 5,
        "start": "2026-03-11T00:00:00",  # a Wednesday
        "shop": {"entities": [{"name": "llc", "inn": "7701234560", "user": "OOO Primer"}]},
        "arrivals": {"kind": "poisson", "rate_per_min": 1},
        "farm": {"registers": [{"name": "front", "device": "shtrih-m-01f", "count": 2}]},
    }
    for change in changes:
        apply_set(data, change)
    return parse(data, "traffic.toml")


def moments_h(of: Scenario, replication: int = 0) -> np.ndarray[Any, Any]:
    """Hours from the start of the run."""
    return np.sort(np.concatenate([batch.at_us for batch in batches(of, of.seed, replication)])) / HOUR_US


def near(found: float, mean: float) -> bool:
    return abs(found - mean) < 4 * math.sqrt(mean)


def test_a_profile_may_have_a_rate_for_each_hour_of_the_week() -> None:
    rates = [0] * 168
    rates[2 * 24 + 9], rates[3 * 24 + 17] = 300, 200  # Wednesday nine o'clock, Thursday five
    week = scenario(f"arrivals={{kind='profile', rate_per_h={rates}}}", "duration_h=336")
    hours = Counter(int(h) for h in moments_h(week))
    assert set(hours) == {9, 41, 168 + 9, 168 + 41}
    assert all(near(hours[h], 300 if h % 168 == 9 else 200) for h in hours)


def test_a_day_of_24_hours_is_the_week_of_seven_such_days() -> None:
    day = [float(n) for n in range(24)]
    one = scenario(
        f"arrivals={{kind='profile', rate_per_h={day}}}", "duration_h=50", "start=2026-03-14T21:30:00"
    )
    week = scenario(
        f"arrivals={{kind='profile', rate_per_h={day * 7}}}", "duration_h=50", "start=2026-03-14T21:30:00"
    )
    assert make_orders(one) == make_orders(week)


@pytest.mark.parametrize("kind", ["profile", "sinusoidal", "ready"])
def test_the_season_and_the_weekday_scale_the_rate(kind: str) -> None:
    what = {
        "profile": f"kind='profile', rate_per_h={[60] * 24}",
        "sinusoidal": "kind='sinusoidal', rate_per_h=60",
        "ready": "kind='ready', profile='sale', orders_per_day=1440",
    }[kind]
    months, weekdays = [1, 1, 3, 0.5] + [1] * 8, [1, 2, 1, 1, 1, 1, 1]
    run = scenario(
        f"arrivals={{{what}, month_factor={months}, weekday_factor={weekdays}}}",
        "start=2026-03-30T00:00:00",  # Monday and Tuesday of March, Wednesday of April
        "duration_h=72",
    )
    days = Counter(int(h // 24) for h in moments_h(run))
    assert near(days[0], 1440 * 3) and near(days[1], 1440 * 6) and near(days[2], 1440 * 0.5)


def test_a_wave_has_its_mean_its_swing_and_its_peak() -> None:
    wave = scenario(
        "arrivals={kind='sinusoidal', rate_per_h=40, swing=0.8, peak_at='14:00', cycle_h=12}",
        "start=2026-03-11T05:00:00",
        "duration_h=240",
    )
    at = moments_h(wave)
    assert near(len(at), 40 * 240)
    turn = 2 * np.pi * (at + 5 - 14) / 12
    # of a Poisson process of rate m (1 + s cos) the mean of cos is s / 2, of sin 0; both have a variance of 1/2 or less a moment
    assert abs(np.cos(turn).mean() - 0.4) < 4 / math.sqrt(2 * len(at))
    assert abs(np.sin(turn).mean()) < 4 / math.sqrt(2 * len(at))
    # the integrated rate makes the gaps exponential of mean 1, and any wrong rate would not
    passed = 40 * (at + 0.8 * 12 / (2 * np.pi) * np.sin(turn))
    assert kstest(np.diff(passed), "expon").pvalue > 0.01
    assert kstest(np.diff(40 * at), "expon").pvalue < 1e-6


def test_a_still_wave_is_poisson_and_no_rate_is_nobody() -> None:
    still = moments_h(scenario("arrivals={kind='sinusoidal', rate_per_h=60, swing=0}"))
    assert kstest(np.diff(still * 60), "expon").pvalue > 0.01
    assert make_orders(scenario("arrivals={kind='sinusoidal', rate_per_h=0}")) == []


@pytest.mark.parametrize("name", sorted(READY))
def test_a_ready_day_has_its_orders_and_its_rush(name: str) -> None:
    shape = READY[name]
    run = scenario(f"arrivals={{kind='ready', profile='{name}', orders_per_day=100000}}", "duration_h=48")
    at = moments_h(run)
    assert near(len(at), 200_000)
    calm = np.array(shape.hours) / sum(shape.hours) * (1 - shape.rush)
    for hour in range(24):
        since, fade_h = hour - shape.opens_h, shape.fade_min / 60
        rush = shape.rush * (math.exp(-since / fade_h) - math.exp(-(since + 1) / fade_h)) if since >= 0 else 0
        expected = 200_000 * (calm[hour] + rush)
        assert near(np.sum((at % 24 >= hour) & (at % 24 < hour + 1)), expected), hour
    if shape.rush:
        opening = np.sum((at % 24 >= shape.opens_h) & (at % 24 < shape.opens_h + 1 / 6))
        calm_opening = 200_000 * calm[shape.opens_h] / 6
        assert opening > 2 * calm_opening


def test_ready_days_differ_as_they_should() -> None:
    """Black Friday opens at midnight, a sale at ten; an ordinary day has no rush."""
    busiest = {
        name: int(
            np.argmax(
                np.histogram(
                    moments_h(scenario(f"arrivals={{kind='ready', profile='{name}', orders_per_day=50000}}")),
                    24,
                    (0, 24),
                )[0]
            )
        )
        for name in READY
    }
    assert busiest == {"ordinary": 20, "sale": 10, "black_friday": 0}


@pytest.mark.parametrize(
    ("shape", "law"),
    [
        ("even", ("uniform", ())),
        ("decay", (truncexpon(3, scale=1 / 3).cdf, ())),
        ("bell", (truncnorm(-3, 3, loc=0.5, scale=1 / 6).cdf, ())),
    ],
)
def test_bursts_have_their_shapes(shape: str, law: tuple[Any, tuple[Any, ...]]) -> None:
    burst = Burst(at="12:00", orders=1, spread_s=600.0, shape=shape)  # type: ignore[arg-type]
    seconds = burst_seconds(burst, stream(1, "shape").random(20_000))
    assert seconds.min() >= 0 and seconds.max() <= 600
    assert kstest(seconds / 600, *law).pvalue > 0.01


def test_a_shape_moves_the_orders_of_its_burst_and_nothing_else() -> None:
    def with_shape(shape: str) -> dict[str, int]:
        burst = f"{{at='12:00', orders=30, spread_s=600, shape='{shape}'}}"
        return {o.key: o.at_us for o in make_orders(scenario(f"arrivals.bursts=[{burst}]"))}

    even, decay = with_shape("even"), with_shape("decay")
    assert even.keys() == decay.keys()
    assert {key for key in even if even[key] != decay[key]} == {
        key for key in even if key.startswith("burst")
    }
    order = [
        sorted((k for k in each if k.startswith("burst")), key=each.__getitem__) for each in (even, decay)
    ]
    assert order[0] == order[1]  # one draw an order: the shape squeezes, it does not shuffle


def test_a_backlog_waits_at_the_first_moment_and_moves_nobody() -> None:
    without = make_orders(scenario())
    waiting = make_orders(scenario("arrivals.backlog=25"))
    added = [order for order in waiting if order.key.startswith("backlog")]
    assert [order for order in waiting if order not in added] == without
    assert len(added) == 25 and {order.at_us for order in added} == {0}
    assert len({len(order.receipt.items) for order in added}) > 1


def test_a_backlog_of_a_trace_is_made_of_its_orders() -> None:
    trace = "arrivals={kind='trace', days='2010-03-10', price_factor=100, backlog=40}"
    added = [order for order in make_orders(scenario(trace)) if order.key.startswith("backlog")]
    assert len({order.key.split("/")[0] for order in added}) == 40 and {order.at_us for order in added} == {0}
    assert {o.receipt.type for o in added} == {SettlementType.SALE, SettlementType.SALE_RETURN}
    assert all("Article" not in order.receipt.items[0].name for order in added)


def test_a_farm_that_starts_with_a_backlog_is_late_for_it() -> None:
    few = ["arrivals.rate_per_min=0.1", "duration_h=1", "farm.registers[0].count=1"]
    assert bench.run(scenario(*few), fidelity="timed").summary["late"] == 0
    late = bench.run(scenario(*few, "arrivals.backlog=1000"), fidelity="timed").summary
    assert late["late"] > 50 and late["lost"] == 0


TRACE = "arrivals={kind='trace', price_factor=100, bootstrap='%s'}"


def drawn_days(of: Scenario, replication: int) -> list[int]:
    """How many orders each scenario day has, of its first layer."""
    days = Counter(
        int(batch.at_us[0] // (24 * HOUR_US)) for batch in batches(of, 5, replication) if len(batch.at_us)
    )
    assert set(days.values()) <= {1}
    return [len(batch.at_us) for batch in batches(of, 5, replication)]


def test_a_bootstrap_draws_whole_days_anew_in_each_replication() -> None:
    plain = scenario(TRACE % "none")
    assert drawn_days(plain, 0) == drawn_days(plain, 1)
    drawn = scenario(TRACE % "days", "duration_h=240")
    counts = [tuple(drawn_days(drawn, r)) for r in range(6)]
    assert len(set(counts)) == 6
    assert all(len(each) == 10 and len(set(each)) > 3 for each in counts)
    assert tuple(drawn_days(drawn, 3)) == counts[3]


def test_a_bootstrap_over_named_days_draws_only_those() -> None:
    named = ["2010-03-10", "2010-11-25", "2010-06-15"]
    whole = {day: drawn_days(scenario(TRACE % "none", f"arrivals.days=['{day}']"), 0)[0] for day in named}
    assert len(set(whole.values())) == 3
    seen = [drawn_days(scenario(TRACE % "days", f"arrivals.days={named}"), r)[0] for r in range(90)]
    counts = Counter(seen)
    assert set(counts) == set(whole.values())
    assert all(abs(n - 30) < 4 * math.sqrt(90 * 2 / 9) for n in counts.values())


def test_a_bootstrap_by_weekday_keeps_the_week() -> None:
    trace = read_bundled(BUNDLED["online_retail"])
    sold_on = {order: int(time_s) // 86_400 for order, time_s in zip(trace.order, trace.time_s, strict=True)}
    week = scenario(
        TRACE % "weekdays", "duration_h=168", "arrivals.scale=2", "shop.max_lines_per_receipt=1000"
    )
    sources: dict[tuple[int, str], set[int]] = {}
    for replication in range(3):
        for order in make_orders(week, replication=replication):
            layer, _, number = order.key.partition("-")
            sources.setdefault((replication, layer), set()).add(sold_on[number])
    assert len(sources) == 3 * 7 * 2
    assert all(len(days) == 1 for days in sources.values())
    for (_, layer), (source,) in sources.items():
        date = dt.date(2026, 3, 10) + dt.timedelta(days=int(layer[1:].partition(".")[0]))
        assert date.weekday() == (dt.date(1970, 1, 1) + dt.timedelta(days=source)).weekday()


def test_a_weekday_the_named_days_do_not_have_stays_empty() -> None:
    week = scenario(TRACE % "weekdays", "arrivals.days=['2010-11-25']", "duration_h=168")  # a Thursday
    assert {int(h // 24) for h in moments_h(week)} == {1}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            "arrivals={kind='profile', rate_per_h=[1, 2, 3]}",
            "traffic.toml: arrivals.rate_per_h: has 3 entries; it needs 24 or 168, got a list",
        ),
        (
            f"arrivals={{kind='profile', rate_per_h={[1] * 24}, month_factor=[1]}}",
            "traffic.toml: arrivals.month_factor: has 1 entries; it needs 12, got a list",
        ),
        (
            "arrivals={kind='ready', profile='black_fridya', orders_per_day=5}",
            'traffic.toml: arrivals.profile: is none of the known values, got text "black_fridya"; did you mean black_friday?',
        ),
        (
            "arrivals={kind='sinusoidal', rate_per_h=5, swing=1.5}",
            "traffic.toml: arrivals.swing: must be at most 1, got a number 1.5",
        ),
        (
            "arrivals.bursts=[{at='12:00', shape='gauss'}]",
            'traffic.toml: arrivals.bursts[0].shape: is none of the known values, got text "gauss"; known: even, decay, bell',
        ),
    ],
)
def test_mistakes_are_said(change: str, line: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario(change)
    assert caught.value.lines == (line,)
