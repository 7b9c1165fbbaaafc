"""Registers that know only how long things take: their distributions, their documents, their faults."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simpy
from small_shop import AUDIT_NEVER, small
from swarm_of_seeds import SCENARIO

from bench.faults import Fault
from bench.scenario import load
from bench.scenario_farm import (
    DeterministicService,
    EmpiricalService,
    ExponentialService,
    LognormalService,
)
from bench.simulate import Simulation
from bench.timed import ByLines, TimedSeat, service_time, service_times
from fiscal.engine import events
from fiscal.engine.outcomes import (
    Attempt,
    Found,
    Recorded,
    Refused,
    Seen,
    ShiftClosed,
    ShiftState,
    Unknown,
)
from fiscal.receipt import Buyer, Item, Payments, Receipt, SettlementType, Taxation, Vat

SECOND = 1_000_000
SERVICE_US = 8 * SECOND
Z_US = 600 * SECOND
DRAWS = np.linspace(0.5e-4, 1 - 0.5e-4, 10_000)  # the middle of each ten-thousandth


def quantiles(service: Any) -> list[int]:
    function = service_time(service, 0, 0)
    return [function(float(u), 3) for u in DRAWS]


def test_a_deterministic_service_is_always_the_same() -> None:
    assert set(quantiles(DeterministicService(kind="deterministic", mean_s=8.0))) == {SERVICE_US}


def test_an_exponential_service_has_its_mean_and_its_quantiles() -> None:
    values = quantiles(ExponentialService(kind="exponential", mean_s=8.0))
    assert statistics.fmean(values) == pytest.approx(SERVICE_US, rel=2e-3)
    assert statistics.median(values) == pytest.approx(SERVICE_US * math.log(2), rel=1e-3)
    assert statistics.stdev(values) == pytest.approx(SERVICE_US, rel=2e-2)
    assert min(values) >= 0


def test_a_lognormal_service_has_its_mean_and_deviation() -> None:
    values = quantiles(LognormalService(kind="lognormal", mean_s=8.0, sd_s=4.0))
    assert statistics.fmean(values) == pytest.approx(SERVICE_US, rel=2e-3)
    assert statistics.stdev(values) == pytest.approx(4 * SECOND, rel=2e-2)


@pytest.mark.parametrize("edge", [0.0, 1 - 2**-53])
def test_no_draw_breaks_a_distribution(edge: float) -> None:
    for service in (
        ExponentialService(kind="exponential", mean_s=8.0),
        LognormalService(kind="lognormal", mean_s=8.0, sd_s=4.0),
        EmpiricalService(kind="empirical", values_s=(1.0, 2.0)),
    ):
        assert service_time(service, 0, 0)(edge, 1) >= 0


def test_an_empirical_service_takes_each_value_as_often() -> None:
    values = quantiles(EmpiricalService(kind="empirical", values_s=(1.0, 2.0, 5.0, 5.0)))
    assert {value: values.count(value) for value in set(values)} == {
        SECOND: 2_500,
        2 * SECOND: 2_500,
        5 * SECOND: 5_000,
    }


def test_without_a_distribution_a_receipt_takes_a_base_and_so_much_a_line() -> None:
    function = service_time(None, 600_000, 25_000)
    assert [function(0.3, lines) for lines in (1, 2, 100)] == [625_000, 650_000, 3_100_000]


def test_measured_times_go_by_lines_and_are_the_same_for_many_receipts_at_once() -> None:
    service = ByLines((500, 1_000, 1_500, 3_000), 700)
    lines = np.array([1, 2, 3, 4, 10])
    assert service_times(service, 0, 0, DRAWS[:5], lines).tolist() == [1_000, 1_500, 3_000, 3_700, 7_900]
    one = service_time(service, 0, 0)
    assert [one(0.3, int(count)) for count in lines] == [1_000, 1_500, 3_000, 3_700, 7_900]


# --- the seat --------------------------------------------------------------------------------------------------------


def make_receipt(kopecks: int = 100, type_: SettlementType = SettlementType.SALE) -> Receipt:
    item = Item("Goods", kopecks, 1_000_000, kopecks, Vat.VAT_22)
    return Receipt(
        type_,
        (item,),
        Payments(cashless_kop=kopecks),
        Taxation.GENERAL,
        "7701234560",
        "https://shop.example",
        Buyer(email="buyer@shop.example"),
    )


class Desk:
    """One seat and what it answered, when."""

    def __init__(self) -> None:
        self.env = simpy.Environment()
        self.seat = TimedSeat(self.env, "front", lambda u, lines: SERVICE_US, {}, Z_US, 1_790_000_000)
        self.answers: list[tuple[int, Any]] = []

    def ask(self, task: events.Task) -> Any:
        self.begin(task)
        self.env.run()
        return self.answers[-1][1]

    def begin(self, task: events.Task) -> None:
        self.seat.perform(task, lambda outcome: self.answers.append((int(self.env.now), outcome)))

    def sell(self, key: str, kopecks: int = 100) -> Any:
        return self.ask(events.Fiscalize(key, make_receipt(kopecks), key))

    def find(self, key: str, last_document: int) -> Any:
        return self.ask(events.Find(key, make_receipt(), Attempt(key, last_document)))

    def fault(self, kind: str, begins: bool = True, **params: Any) -> bool:
        return self.seat.fault(Fault(kind, "front", 0, 10, params), begins)


def test_a_receipt_takes_its_time_and_gets_the_next_number() -> None:
    desk = Desk()
    first, second = desk.sell("a"), desk.sell("b")
    assert isinstance(first, Recorded)
    assert (first.document, second.document) == (3, 4)  # after the registration and the opening of the shift
    assert [at_us for at_us, _ in desk.answers] == [SERVICE_US, 2 * SERVICE_US]


def test_a_z_report_takes_its_time_and_has_the_totals_of_its_shift() -> None:
    desk = Desk()
    desk.sell("a", 100)
    desk.ask(events.Fiscalize("b", make_receipt(40, SettlementType.SALE_RETURN), "b"))
    began_us = int(desk.env.now)
    report = desk.ask(events.CloseShift())
    assert report == ShiftClosed(1, 5, 2, (100, 40, 0, 0))
    assert desk.env.now - began_us == Z_US
    assert isinstance(desk.ask(events.CloseShift()), Refused)
    assert desk.sell("c").shift == 2
    assert desk.ask(events.CloseShift()) == ShiftClosed(2, 8, 1, (100, 0, 0, 0))


def test_a_probe_tells_shift_document_and_paper() -> None:
    desk = Desk()
    seen = desk.ask(events.Probe())
    assert isinstance(seen, Seen)
    assert (seen.shift, seen.last_document, seen.paper) == (ShiftState.CLOSED, 1, True)
    desk.sell("a")
    desk.fault("paper_out")
    seen = desk.ask(events.Probe())
    assert (seen.shift, seen.last_document, seen.paper) == (ShiftState.OPEN, 3, False)


@pytest.mark.parametrize("kind", ["power_cut", "cable_pulled", "computer_hang"])
def test_a_register_that_is_down_refuses_at_once_and_records_nothing(kind: str) -> None:
    desk = Desk()
    assert desk.fault(kind)
    assert isinstance(desk.sell("a"), Refused)
    assert desk.env.now == 0
    desk.fault(kind, begins=False)
    assert isinstance(desk.sell("a"), Recorded)


def test_an_outage_in_the_middle_of_a_receipt_ends_it_there() -> None:
    desk = Desk()
    desk.begin(events.Fiscalize("a", make_receipt(), "a"))
    desk.env.run(until=3 * SECOND)
    desk.fault("power_cut")
    desk.env.run()
    assert [(at_us, type(outcome)) for at_us, outcome in desk.answers] == [(3 * SECOND, Refused)]
    assert desk.seat.documents == []


def test_overlapping_outages_end_with_the_last() -> None:
    desk = Desk()
    desk.fault("power_cut")
    desk.fault("cable_pulled")
    desk.fault("power_cut", begins=False)
    assert isinstance(desk.sell("a"), Refused)
    desk.fault("cable_pulled", begins=False)
    assert isinstance(desk.sell("a"), Recorded)


def test_a_lost_reply_leaves_the_document_to_be_found() -> None:
    desk = Desk()
    desk.fault("reply_lost", count=1)
    assert isinstance(desk.sell("a"), Unknown)
    found = desk.find("a", 1)
    assert isinstance(found, Found)
    assert found.recorded is not None
    assert found.recorded.document == 3
    assert desk.find("b", 1) == Found(None, 3)
    assert desk.find("a", 3).recorded is None  # not after that document
    assert desk.seat.fired() == {"reply_lost": 1}


def test_out_of_paper_is_the_registers_refusal_and_slow_is_slow() -> None:
    desk = Desk()
    desk.fault("paper_out")
    assert isinstance(desk.sell("a"), Refused)
    desk.fault("paper_out", begins=False)
    desk.fault("register_slow", factor=3.0)
    began_us = int(desk.env.now)
    desk.sell("b")
    assert desk.env.now - began_us == 3 * SERVICE_US
    desk.fault("register_slow", begins=False, factor=3.0)
    began_us = int(desk.env.now)
    desk.sell("c")
    assert desk.env.now - began_us == SERVICE_US


def test_a_receipt_in_work_when_the_engine_dies_is_finished_unheard() -> None:
    desk = Desk()
    desk.begin(events.Fiscalize("a", make_receipt(), "a"))
    desk.env.run(until=SECOND)
    desk.seat.abandon()
    desk.env.run()
    assert desk.answers == []
    assert desk.find("a", 1).recorded is not None


def test_a_receipt_that_somebody_asks_about_too_soon_is_dropped_not_made_later() -> None:
    desk = Desk()
    desk.begin(events.Fiscalize("a", make_receipt(), "a"))
    desk.env.run(until=SECOND)
    desk.seat.abandon()
    assert desk.find("a", 1).recorded is None
    desk.env.run()
    assert desk.seat.documents == []


# --- whole runs ------------------------------------------------------------------------------------------------------


def test_a_receipt_has_one_draw_whichever_register_serves_it() -> None:
    """Common random numbers: the same order takes the same time on another farm."""

    def services(policy: str) -> dict[str, int]:
        farm = {
            "policy": policy,
            "registers": [
                {
                    "name": "front",
                    "device": "shtrih-m-01f",
                    "count": 3,
                    "service": {"kind": "exponential", "mean_s": 8.0},
                }
            ],
        }
        log = Simulation(small(farm=farm), 1, "timed").run().log
        began = {row[2]: row[0] for row in log.rows if row[4] == "printing"}
        return {row[2]: row[0] - began[row[2]] for row in log.rows if row[4] == "recorded"}

    assert services("round_robin") == services("sticky")
    assert len(set(services("round_robin").values())) > 5


@pytest.mark.parametrize("start", [0, 25])
def test_days_full_of_faults_lose_nothing_in_timed_either(start: int) -> None:
    scenario = load(Path(__file__).parents[2] / SCENARIO)
    for seed in range(start, start + 25):
        audit = Simulation(scenario, seed, "timed").run().audit
        wrong = [name for name in (*AUDIT_NEVER, "unfinished", "in_doubt") if audit[name]]
        assert not wrong, f"bench run {SCENARIO} --fidelity timed --seed {seed}: {audit['problems']}"
