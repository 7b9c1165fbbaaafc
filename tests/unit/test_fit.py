"""The rate fitted from orders: what a known source was made of comes back, and what is no Poisson source is called so."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2, kstest, norm

from bench.cli import main
from bench.fit import RateFit, fit_rate
from bench.orders_file import Trace, read_bundled
from bench.scenario import BUNDLED, Scenario, ScenarioError, parse
from bench.scenario_arrivals import LognormalLines
from bench.streams import stream
from bench.traffic_profiles import moments

START = dt.date(2025, 1, 1)
DAY = [0.0] * 7 + [2.0, 5, 8, 11, 12, 14, 13, 11, 10, 12, 14, 9, 6, 3] + [0.0] * 3
WEEK = (1.0, 1.2, 0.8, 1.0, 1.5, 0.0, 0.5)
SEASON = (0.7, 0.8, 0.9, 1.0, 1.0, 1.0, 0.9, 0.8, 1.0, 1.1, 1.5, 1.3)


def scenario(arrivals: dict[str, Any], days: int = 364) -> Scenario:
    return parse(
        {
            "schema_version": 1,
            "name": "known",
            "question": "Does the fit find what it was made of?",
            "start": f"{START}T00:00:00",
            "duration_h": 24 * days,
            "shop": {"entities": [{"name": "llc", "inn": "7701234560", "user": "OOO Primer"}]},
            "arrivals": arrivals,
            "farm": {"registers": [{"name": "front", "device": "shtrih-m-01f"}]},
        }
    )


def trace(time_s: np.ndarray[Any, Any], lines: np.ndarray[Any, Any] | None = None) -> Trace:
    """Orders at these seconds since 1970 as a file would give them."""
    plain = read_bundled(BUNDLED["online_retail"])
    n = len(time_s)
    counts = np.ones(n, np.int64) if lines is None else lines
    return dataclasses.replace(
        plain,
        source="known.csv",
        order=tuple(map(str, range(n))),
        returned=tuple(i % 10 == 0 for i in range(n)),
        time_s=np.sort(time_s).astype(np.int64),
        whole_minutes=False,
        buyer=("",) * n,
        first_line=np.concatenate(([0], np.cumsum(counts))),
    )


def drawn(arrivals: dict[str, Any], replication: int = 0, days: int = 364) -> Trace:
    made = scenario(arrivals, days)
    seconds = moments(made, made.arrivals, 7, replication) / 1e6  # type: ignore[arg-type]
    return trace(seconds + made.start_s)


KNOWN = {"kind": "profile", "rate_per_h": DAY, "weekday_factor": WEEK, "month_factor": SEASON}


@pytest.fixture(scope="module")
def known() -> RateFit:
    return fit_rate(drawn(KNOWN))


@pytest.fixture(scope="module")
def retail() -> RateFit:
    return fit_rate(read_bundled(BUNDLED["online_retail"]))


def test_a_known_source_comes_back(known: RateFit) -> None:
    """Of 102 hours with orders, the 95 % intervals hold the true rate in about 97."""
    truth = np.outer(WEEK, DAY)
    season = np.array(SEASON)
    days = [START + dt.timedelta(days=n) for n in range(364)]
    level = np.mean([season[day.month - 1] for day in days if WEEK[day.weekday()]])
    sells = truth > 0
    assert sells.sum() == 84 and (known.counts[~sells] == 0).all()
    held = (known.low <= truth * level) & (truth * level <= known.high)
    assert held[sells].sum() >= 75  # binomial(84, 0.95) is below with chance 0.02
    assert (known.low[~sells] == 0).all() and (known.high[~sells] > 0).all()
    assert np.array(known.month_factor) * level == pytest.approx(season, rel=0.06)


def test_a_known_source_is_called_poisson(known: RateFit) -> None:
    assert known.poisson
    assert 0.9 < known.by_hour.ratio < 1.1 and 0.7 < known.by_day.ratio < 1.3
    assert "No test contradicts" in known.report()


def test_false_alarms_are_as_rare_as_promised() -> None:
    """Four tests at one percent each, on forty drawn quarters: more than six alarms would have a chance below one in a thousand."""
    steady = {**KNOWN, "month_factor": (1.0,) * 12}
    alarms = sum(not fit_rate(drawn(steady, replication, days=91)).poisson for replication in range(40))
    assert alarms <= 6


def test_the_intervals_are_garwoods(known: RateFit) -> None:
    n = known.counts[0, 12]
    days = known.high[0, 12] / (chi2.ppf(0.975, 2 * n + 2) / 2)
    assert known.low[0, 12] * days == pytest.approx(days * days * chi2.ppf(0.025, 2 * n) / 2)
    assert known.rate[0, 12] == pytest.approx(n * days)


def test_the_distance_is_that_of_scipy(retail: RateFit) -> None:
    exact = kstest(retail.gaps, "expon")
    assert retail.kolmogorov_smirnov.statistic == pytest.approx(exact.statistic, rel=1e-12)
    small = fit_rate(drawn({"kind": "poisson", "rate_per_min": 0.05}, days=10))
    assert small.kolmogorov_smirnov.p == pytest.approx(kstest(small.gaps, "expon").pvalue, abs=0.01)


def test_rescaled_gaps_have_mean_one(known: RateFit, retail: RateFit) -> None:
    for fit in (known, retail):
        assert fit.gaps.sum() <= fit.orders
        assert fit.gaps.mean() == pytest.approx(1, abs=0.01)


def test_days_that_scatter_are_seen() -> None:
    """Every day busier or quieter than its profile by a factor of its own: the mean stays, Poisson goes."""
    random = stream(3, "moody days")
    orders = []
    for day in range(140):
        count = random.poisson(80 * random.gamma(10, 0.1))  # variance of a day: 80 + 80^2 / 10 = 9 x 80
        orders.append(day * 86_400 + 3600 * (9 + 10 * random.random(count)))
    fit = fit_rate(trace(np.concatenate(orders) + 1_735_689_600))
    # the ratio of sample to true variance is roughly chi-square over its 133 degrees: 9 +- 4 x 9 sqrt(2 / 133)
    assert abs(fit.by_day.ratio - 9) < 4 * 9 * (2 / 133) ** 0.5
    assert not fit.poisson and fit.by_day.p < 1e-6
    assert 'bootstrap = "weekdays"' in fit.report()


def test_orders_in_pairs_are_seen_in_the_gaps() -> None:
    """Pairs within a second: hours and days are too uneven by a factor of two, and every other gap is nothing."""
    single = drawn({"kind": "poisson", "rate_per_min": 0.2}, days=28)
    fit = fit_rate(trace(np.concatenate([single.time_s, single.time_s])))
    assert fit.by_hour.ratio == pytest.approx(2, abs=0.35)
    assert fit.kolmogorov_smirnov.statistic == pytest.approx(0.5, abs=0.02)
    assert not fit.poisson


def test_the_real_shop(retail: RateFit) -> None:
    assert retail.orders == 25_287 and retail.closed == 15
    assert round(retail.rate[3, 12], 1) == 13.3
    assert (
        retail.counts.sum(1).argmin() == 5 and retail.days[5] == 53
    )  # closed Saturdays count: the shop is hardly ever open then
    assert retail.rate[5].sum() < 1
    assert max(retail.month_factor) == retail.month_factor[10] > 1.4  # before Christmas
    assert retail.by_day.ratio > 4 and not retail.poisson


def test_the_expected_orders_of_the_fit_are_the_orders_seen(retail: RateFit) -> None:
    """Weekdays and months both add up: what makes the fit most likely."""
    day = np.arange(np.datetime64(retail.first), np.datetime64(retail.last + dt.timedelta(days=1)))
    seen = np.unique(read_bundled(BUNDLED["online_retail"]).time_s // 86_400)
    weekday = (day.astype(np.int64) + 3) % 7
    counted = np.isin(day.astype(np.int64), seen) | (weekday == 5)
    factor = np.array(retail.month_factor)[day.astype("datetime64[M]").astype(np.int64) % 12]
    expected = retail.rate.sum(1)[weekday] * factor
    for k in range(7):
        assert expected[counted & (weekday == k)].sum() == pytest.approx(retail.counts[k].sum(), rel=1e-9)


def test_the_piece_of_a_scenario_is_the_fit(retail: RateFit) -> None:
    read = parse(
        {
            **scenario({"kind": "poisson", "rate_per_min": 1}).model_dump(mode="json"),
            **tomllib.loads(retail.toml()),
        },
        "fitted.toml",
    )
    assert read.arrivals == retail.as_arrivals()
    assert isinstance(retail.lines, LognormalLines)
    again = moments(scenario(read.arrivals.model_dump(), 364), read.arrivals, 1, 0)  # type: ignore[arg-type]
    per_day = sum(retail.counts.sum(1) / np.array(retail.days)) / 7
    assert len(again) == pytest.approx(364 * per_day, rel=0.04)


def test_lines_and_returns_are_fitted_too() -> None:
    hours = np.arange(24 * 14) * 3600 + 60
    fit = fit_rate(trace(hours, np.array([1, 1, 2, 8] * 84)))
    assert fit.lines == LognormalLines(kind="lognormal", median=1.5, mean=3.0, max=8)
    assert fit.return_share == pytest.approx(0.1, abs=0.005)
    assert fit_rate(trace(hours)).lines.model_dump() == {"kind": "fixed", "count": 1}


def test_clockwork_is_no_poisson_source_either() -> None:
    """One order an hour, on the dot: scatter of nothing at all."""
    fit = fit_rate(trace(np.arange(24 * 28) * 3600 + 60))
    assert fit.by_hour.ratio < 0.1
    assert fit.kolmogorov_smirnov.p < 1e-6 and not fit.poisson


def test_quiet_days_count_and_holidays_do_not() -> None:
    random = stream(1, "quiet")
    rare = (
        np.sort(random.random(60)) * 60 * 86_400
    )  # one order a day: a third of the days have none, by chance
    assert fit_rate(trace(rare)).closed == 0
    busy = np.concatenate(
        [day * 86_400 + np.arange(30) * 1000 for day in range(60) if day not in (20, 21, 40)]
    )
    fit = fit_rate(trace(busy))
    assert fit.closed == 3 and sum(fit.days) == 57
    assert fit.rate.sum(1) == pytest.approx(30)


def test_too_few_days_are_refused_with_a_way_out() -> None:
    with pytest.raises(
        ScenarioError, match=r'covers 3 days, a profile of the week needs 7 or more; replay .*kind = "trace"'
    ):
        fit_rate(trace(np.arange(3 * 24) * 3600))
    with pytest.raises(ScenarioError, match="has no orders"):
        fit_rate(trace(np.array([], np.int64)))


def test_the_chart_shows_week_and_gaps(retail: RateFit, tmp_path: Path) -> None:
    week, gaps = retail.plot().axes
    assert week.get_title(loc="left").endswith("the week")
    shown = gaps.get_lines()[-1].get_xydata()
    assert shown[-1, 1] == retail.gaps[-1] and shown[0, 1] == retail.gaps[0]
    retail.plot().save(tmp_path / "fit.png")
    assert (tmp_path / "fit.png").read_bytes().startswith(b"\x89PNG")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], retail: RateFit) -> None:
    assert main(["fit", "online_retail"]) == 0
    assert capsys.readouterr().out == f"{retail.report()}\n\n{retail.toml()}\n"
    assert main(["fit", "online_retail", "--toml"]) == 0
    assert tomllib.loads(capsys.readouterr().out)["arrivals"]["kind"] == "profile"
    assert main(["fit", "online_retail", "--json", "--plot", str(tmp_path / "x.png")]) == 0
    assert json.loads(capsys.readouterr().out)["orders"] == 25_287
    assert (tmp_path / "x.png").exists()


def test_the_command_reads_a_file_by_its_own_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{n},2026-03-{1 + n // 10:02} 1{n % 10}:30,Tea,1,5" for n in range(200)]
    (tmp_path / "o.csv").write_text("id,when,name,quantity,price\n" + "\n".join(rows), encoding="utf-8")
    assert main(["fit", str(tmp_path / "o.csv"), "--columns", "order=id, time=when", "--json"]) == 0
    fitted = json.loads(capsys.readouterr().out)
    assert fitted["orders"] == 200 and sum(fitted["rate_per_h"][0]) == pytest.approx(10)
    wrong = {
        "ordr=id": (2, 'bench fit: --columns: no field "ordr"; did you mean order?\n'),
        "order": (2, "bench fit: --columns order: write it as field=column, e.g. order=id\n"),
        "order=idd": (3, 'o.csv: no column "idd" for arrivals.columns.order; did you mean id?'),
    }
    for columns, (code, said) in wrong.items():
        assert main(["fit", str(tmp_path / "o.csv"), "--columns", columns]) == code
        assert capsys.readouterr().err.startswith(said)
    assert main(["fit", str(tmp_path / "none.csv")]) == 3
    assert "no such file" in capsys.readouterr().err
    assert main(["fit", "online_retail", "--plot", str(tmp_path / "no" / "x.png")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_the_normal_law_agrees_on_large_counts(retail: RateFit) -> None:
    """Exact intervals of a large count are nearly those of the normal law."""
    n = retail.counts[1, 12]
    half = norm.ppf(0.975) * retail.rate[1, 12] / np.sqrt(n)
    assert (retail.high[1, 12] - retail.low[1, 12]) / 2 == pytest.approx(half, rel=0.02)
