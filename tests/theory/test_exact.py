"""What the formulas must do beside giving the numbers of the reference sheet (`test_sheet`): meet each other, and refuse."""

from __future__ import annotations

import math

import pytest

from bench import theory, theory_staffing


def test_who_waits_at_all_waits_longer_than_nothing() -> None:
    queue = theory.MMc(8, 0.95, 8)
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


def test_one_server_of_fixed_service_is_busy_by_its_load() -> None:
    assert theory.MDc(1, 0.7, 1).waiting_share == pytest.approx(0.7, abs=1e-12)


def test_interpolation_meets_both_ends() -> None:
    assert theory.mgc_wait_s(8, 6.8, 1, 0) == theory.MDc(8, 6.8, 1).mean_wait_s
    assert theory.mgc_wait_s(8, 6.8, 1, 1) == theory.MMc(8, 6.8, 1).mean_wait_s


def test_batches_of_one_are_no_batches() -> None:
    assert theory.Batches(0.9, 1, 1).mean_in_system == pytest.approx(theory.MMc(1, 0.9, 1).mean_in_system)


@pytest.mark.parametrize("rho", [0.2, 0.5, 0.8, 0.9])
def test_joining_the_shorter_of_two_lies_between_sharing_and_not(rho: float) -> None:
    found = theory.jsq2_sojourn(rho)
    assert theory.MMc(2, 2 * rho, 1).mean_sojourn_s < found < theory.MMc(1, rho, 1).mean_sojourn_s


def test_gamblers_ruin() -> None:
    assert theory.reaches(60, 0.8) == pytest.approx(3.831e-7, abs=5.1e-11)
    assert theory.reaches(1, 0.8) == pytest.approx(1)
    assert theory.reaches(7, 1.0) == pytest.approx(1 / 7)


@pytest.mark.parametrize("beta", [0.1, 0.5, 1, 1.5, 2])
def test_the_quality_of_service_is_the_inverse_of_halfin_and_whitt(beta: float) -> None:
    assert theory_staffing.square_root_beta(theory_staffing.halfin_whitt(beta)) == pytest.approx(
        beta, abs=1e-9
    )


def test_a_repairer_for_each_machine() -> None:
    assert theory_staffing.machine_repair(8, 720, 12, 8).availability == pytest.approx(720 / 732, abs=1e-12)


def test_a_farm_that_cannot_keep_up_never_drains() -> None:
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
