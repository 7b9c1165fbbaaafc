"""Exact results, each against a published or independently computed number (reference sheet on simulation, section 4)."""

from __future__ import annotations

import math

import pytest

from bench import theory, theory_staffing

DIGITS = 5.1e-7  # the sheet prints six decimals


@pytest.mark.parametrize(
    ("servers", "load", "lost"),
    [
        (1, 1, 0.5),
        (2, 1, 0.2),
        (5, 3, 0.110054),
        (10, 5, 0.018385),
        (20, 15, 0.045593),
        (10, 4.461, 0.009998),
        (20, 12.03, 0.009996),
        (100, 84.06, 0.009992),
    ],
)
def test_erlang_b(servers: int, load: float, lost: float) -> None:
    assert theory.erlang_b(servers, load) == pytest.approx(lost, abs=DIGITS)


@pytest.mark.parametrize(
    ("servers", "load", "waits"),
    [
        (2, 1, 1 / 3),
        (3, 2, 4 / 9),
        (5, 4, 0.554113),
        (8, 6.8, 0.572569),
        (10, 8, 0.409180),
        (10, 9, 0.668732),
        (20, 18, 0.550769),
        (110, 100, 0.23701),
        (420, 400, 0.23029),
    ],
)
def test_erlang_c(servers: int, load: float, waits: float) -> None:
    assert theory.erlang_c(servers, load) == pytest.approx(waits, abs=DIGITS if servers < 100 else 5.1e-6)


def test_mmc_means() -> None:
    assert theory.MMc(8, 6.8, 1).mean_wait_s == pytest.approx(0.477141, abs=DIGITS)
    single = theory.MMc(1, 0.9, 1)
    assert single.mean_wait_s == pytest.approx(9, abs=1e-12)
    assert single.mean_in_system == pytest.approx(9, abs=1e-12)
    for rho, sojourn in ((0.5, 1.33333), (0.8, 2.77778), (0.9, 5.26316)):
        assert theory.MMc(2, 2 * rho, 1).mean_sojourn_s == pytest.approx(sojourn, abs=5.1e-6)


@pytest.mark.parametrize(("rho", "late"), [(0.8, 0.000553), (0.9, 0.023518), (0.95, 0.153355)])
def test_mm1_deadline(rho: float, late: float) -> None:
    assert theory.MMc(1, rho / 8, 8).sojourn_exceeds(300) == pytest.approx(late, abs=DIGITS)


def test_mmc_wait_tail() -> None:
    queue = theory.MMc(8, 0.95, 8)
    assert queue.wait_exceeds(60) == pytest.approx(0.042029, abs=DIGITS)
    assert queue.wait_exceeds(300) == pytest.approx(2.58e-7, abs=5.1e-10)
    assert queue.wait_exceeds(0) == queue.waiting_share


@pytest.mark.parametrize("servers", [1, 2, 3, 8])
@pytest.mark.parametrize("rho", [0.3, 0.5, 0.85])
def test_the_sojourn_tail_integrates_to_its_mean(servers: int, rho: float) -> None:
    """Also where the two rates of the tail are equal (c - 1 = load), where the textbook formula divides by zero."""
    queue = theory.MMc(servers, servers * rho, 1)
    step = 0.001
    area = math.fsum(queue.sojourn_exceeds((n + 0.5) * step) for n in range(120_000)) * step
    assert area == pytest.approx(queue.mean_sojourn_s, rel=1e-5)


def test_equal_rates_in_the_sojourn_tail() -> None:
    equal = theory.MMc(2, 1, 1).sojourn_exceeds(3)
    near = theory.MMc(2, 1 + 1e-7, 1).sojourn_exceeds(3)
    assert near == pytest.approx(equal, rel=1e-5)


@pytest.mark.parametrize(("rho", "wait"), [(0.5, 0.5), (0.8, 2), (0.9, 4.5)])
def test_md1(rho: float, wait: float) -> None:
    assert theory.md1_wait_s(rho, 1) == pytest.approx(wait, abs=1e-12)
    assert theory.MDc(1, rho, 1).mean_wait_s == pytest.approx(wait, abs=1e-9)


@pytest.mark.parametrize(
    ("servers", "rho", "wait"),
    [
        (2, 0.5, 0.176741),
        (2, 0.8, 0.903284),
        (2, 0.9, 2.146923),
        (8, 0.85, 0.248819),
        (8, 0.9, 0.449973),
        (10, 0.8, 0.109828),
        (10, 0.9, 0.344582),
        (10, 0.95, 0.837083),
        (20, 0.9, 0.144286),
        (25, 0.9, 0.107193),
        (50, 0.95, 0.130410),
    ],
)
def test_crommelin(servers: int, rho: float, wait: float) -> None:
    assert theory.MDc(servers, servers * rho, 1).mean_wait_s == pytest.approx(wait, abs=DIGITS)


def test_crommelin_waiting_share() -> None:
    assert theory.MDc(8, 6.8, 1).waiting_share == pytest.approx(0.549297, abs=DIGITS)
    assert theory.MDc(1, 0.7, 1).waiting_share == pytest.approx(0.7, abs=1e-12)


def test_cosmetatos() -> None:
    assert theory.md_c_wait_cosmetatos_s(8, 6.8, 1) == pytest.approx(0.249238, abs=DIGITS)


def test_interpolation_meets_both_ends() -> None:
    assert theory.mgc_wait_s(8, 6.8, 1, 0) == theory.MDc(8, 6.8, 1).mean_wait_s
    assert theory.mgc_wait_s(8, 6.8, 1, 1) == theory.MMc(8, 6.8, 1).mean_wait_s


def test_mg1() -> None:
    assert theory.mg1_wait_s(0.8, 1, 0.5) == pytest.approx(3, abs=1e-12)
    assert theory.mg1_wait_s(0.8, 1, 2) == pytest.approx(6, abs=1e-12)


def test_vacations() -> None:
    assert theory.vacation_wait_s(0.6, 1, 1, 12) == pytest.approx(7.5, abs=1e-12)
    assert theory.vacation_wait_s(0.6, 1, 1, 12, vacation_cv2=1) == pytest.approx(13.5, abs=1e-12)


def test_batches() -> None:
    batches = theory.Batches(0.6 / 15, 1, 15)
    assert batches.mean_in_system == pytest.approx(12, abs=1e-9)
    assert batches.mean_sojourn_s == pytest.approx(20, abs=1e-9)
    assert theory.Batches(0.9, 1, 1).mean_in_system == pytest.approx(theory.MMc(1, 0.9, 1).mean_in_system)


@pytest.mark.parametrize(("rho", "sojourn"), [(0.5, 1.42632), (0.8, 2.95574), (0.9, 5.47491)])
def test_joining_the_shorter_of_two(rho: float, sojourn: float) -> None:
    found = theory.jsq2_sojourn(rho)
    assert found == pytest.approx(sojourn, abs=5.1e-6)
    assert theory.MMc(2, 2 * rho, 1).mean_sojourn_s < found < theory.MMc(1, rho, 1).mean_sojourn_s


def test_relaxation_and_busy_period() -> None:
    for rho, time in ((0.8, 89.7), (0.85, 164.2), (0.9, 379.7)):
        assert theory.relaxation_time(rho) == pytest.approx(time, abs=0.051)
    assert theory.busy_period(0.9) == pytest.approx(10, abs=1e-12)


def test_gamblers_ruin() -> None:
    assert theory.reaches(60, 0.8) == pytest.approx(3.831e-7, abs=5.1e-11)
    assert theory.reaches(1, 0.8) == pytest.approx(1)
    assert theory.reaches(7, 1.0) == pytest.approx(1 / 7)


@pytest.mark.parametrize(
    ("beta", "waits"),
    [(0.1, 0.880287), (0.5, 0.504539), (1, 0.223361), (1.5, 0.084690), (2, 0.026881)],
)
def test_halfin_whitt(beta: float, waits: float) -> None:
    assert theory_staffing.halfin_whitt(beta) == pytest.approx(waits, abs=DIGITS)
    assert theory_staffing.square_root_beta(theory_staffing.halfin_whitt(beta)) == pytest.approx(
        beta, abs=1e-9
    )


def test_square_root_staffing() -> None:
    assert theory_staffing.square_root_staffing(100, 1) == 110
    assert theory_staffing.square_root_staffing(400, 1) == 420


@pytest.mark.parametrize(
    ("repairers", "down", "availability"),
    [(1, 0.147469, 0.981566), (2, 0.131512, 0.983561), (8, 0.131148, 0.983607)],
)
def test_machine_repair(repairers: int, down: float, availability: float) -> None:
    found = theory_staffing.machine_repair(8, 720, 12, repairers)
    assert found.down == pytest.approx(down, abs=DIGITS)
    assert found.availability == pytest.approx(availability, abs=DIGITS)
    assert theory_staffing.machine_repair(8, 720, 12, 8).availability == pytest.approx(720 / 732, abs=1e-12)


def test_sinusoidal_load() -> None:
    hours = theory_staffing.SinusoidalLoad(100, 20, 24, 1)
    assert hours.lag_s == pytest.approx(0.978, abs=5.1e-4)
    assert hours.peak == pytest.approx(119.348, abs=5.1e-4)
    assert hours.load(6 + hours.lag_s) == pytest.approx(hours.peak, abs=1e-9)
    receipts = theory_staffing.SinusoidalLoad(0.72, 0.27, 86_400, 8)
    assert receipts.lag_s == pytest.approx(8.0, abs=0.051)
    assert receipts.load_amplitude == pytest.approx(2.16, abs=5.1e-3)


def test_closed_window() -> None:
    backlog = theory_staffing.closed_window(0.09, 720, 0.125)
    assert round(backlog.orders) == 65
    assert round(backlog.drained_s) == 1851
    assert theory_staffing.closed_window(0.2, 720, 0.125).drained_s == math.inf
    assert theory_staffing.largest_burst(300, 1.0, 0.5) == 150


def test_period_by_period() -> None:
    rates = [0.1, 0.9, 0.1]

    def late(queue: theory.MMc) -> float:
        return queue.sojourn_exceeds(300)

    plain = theory_staffing.sipp(rates, 3600, 8, 1e-3, late)
    assert plain == [theory_staffing.smallest(rate, 8, 1e-3, late) for rate in rates]
    assert plain[1] > plain[0]
    for servers, rate in zip(plain, rates, strict=True):
        assert late(theory.MMc(servers, rate, 8)) <= 1e-3
        assert servers - 1 <= rate * 8 or late(theory.MMc(servers - 1, rate, 8)) > 1e-3
    whole_lag = theory_staffing.sipp(rates, 8, 8, 1e-3, late, lag=True)
    assert whole_lag == [plain[2], plain[0], plain[1]]
    assert theory_staffing.modified_offered_load([rate * 8 for rate in rates], 8, 1e-3, late) == plain


def test_no_steady_state_is_said() -> None:
    for impossible in (
        lambda: theory.erlang_c(8, 8.0),
        lambda: theory.MMc(8, 1.0, 8.0),
        lambda: theory.MDc(2, 2.5, 1),
        lambda: theory.mg1_wait_s(1, 1, 0),
        lambda: theory.Batches(0.1, 1, 15),
    ):
        with pytest.raises(ValueError, match="cannot carry"):
            impossible()
    with pytest.raises(ValueError, match="never perfect"):
        theory_staffing.smallest(1, 8, 0, lambda queue: queue.waiting_share)
    assert theory.beside(2, 1.0, 8.0, 0, 300) == ()
    assert theory.beside(9, 1.0, 8.0, 0.25, 300)[0].name == "utilization"
