"""Path identity: ``wire`` and ``timed`` are one semantics, so the same service times must give the same completion times, to the bit.

How close they are, and where they part:

* Given each receipt's own service time out of the wire run, every receipt is recorded by the same register at the same microsecond,
  under every policy, as long as nobody is asked how it is. A probe takes no time in ``timed`` and some 70 ms on the wire.
* The same holds with Z-reports and a planned outage, whether what waits then is given to others or waits on; as long as no two registers
  get free in the very same microsecond. Then the one takes first whose last exchange (``wire``), or whose receipt (``timed``), began first.
  Equal registers on equal lines do that now and then, so here no two lines are equally slow.
* With probes, a receipt that comes while its register is being asked waits for the answer: at most one in fifty here, by at most 0.1 s.
* With service times as ``timed`` has them by itself (a base and so much a line, measured with a sample receipt), a receipt differs by
  what its names and sums take in bytes: less than 25 ms here. On paper, where commands and printing run side by side, the times are
  measured by the number of lines; a queue is done in the same time to a twentieth. The receipt that opens the shift takes 1.6 s more on the
  wire; ``timed`` opens shifts in no time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from small_shop import small

import bench
import bench.simulate
from bench.log import REGISTER, STATUS, Z_REPORT
from bench.scenario import Scenario
from bench.simulate import Simulation
from bench.timed import TimedSeat

POLICIES = (
    "round_robin",
    "random",
    "shortest_queue",
    "earliest_completion",
    "weighted",
    "sticky",
    "central",
)
RATES = (6, 60)
COMMIT_US = 5_000
BEGIN_US = 1_000_000  # when every register has been asked how it is
SHIFT_OPENING_US = 1_600_000
BYTES_US = 25_000  # what other names and sums than the sample's may take


class Way(NamedTuple):
    """What became of a receipt: which register, when it was begun and when recorded."""

    register: int
    began_us: int
    recorded_us: int

    @property
    def service_us(self) -> int:
        """Time in the register; the commit that follows it is the journal's."""
        return self.recorded_us - self.began_us - COMMIT_US


def hour(policy: str, rate_per_min: float) -> Scenario:
    """An hour of three registers, two of them slower than the third, without faults and Z-reports."""
    return small(
        duration_h=0.5,
        arrivals={
            "kind": "poisson",
            "rate_per_min": rate_per_min,
            "lines": {"kind": "geometric", "mean": 4},
        },
        farm={
            "policy": policy,
            "registers": [
                {"name": "front", "device": "shtrih-m-01f", "count": 2, "weight": 1},
                {
                    "name": "back",
                    "device": "shtrih-mini-01f",
                    "weight": 2,
                    "line": {"kind": "serial", "baud_bps": 57_600},
                },
            ],
        },
        shifts={"close_at": "23:55"},
    )


def simulation(scenario: Scenario, fidelity: str) -> Simulation:
    made = Simulation(scenario, 3, fidelity)
    made.requests[:] = [request for request in made.requests if request.at_us >= BEGIN_US]
    return made


def ways(made: Simulation) -> dict[str, Way]:
    log = made.run().log
    began = {row[2]: row[0] for row in log.rows if row[1] == STATUS and row[4] == "printing"}
    return {
        row[2]: Way(row[3], began[row[2]], row[0])
        for row in log.rows
        if row[1] == STATUS and row[4] == "recorded"
    }


def timed_with_the_services_of(wire: dict[str, Way], scenario: Scenario) -> dict[str, Way]:
    """The same day in ``timed``, each receipt taking as long as it took in the wire run."""
    services = [way.service_us for way in wire.values()]
    places = {key: float(place) for place, key in enumerate(wire)}
    made = simulation(scenario, "timed")
    for seat in made.seats:
        assert isinstance(seat, TimedSeat)
        seat._draws = places
        seat._service = lambda place, lines: services[int(place)]
    return ways(made)


@pytest.fixture
def no_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    configure = bench.simulate.engine_config

    def patient(*arguments: Any, **named: Any) -> Any:
        return replace(configure(*arguments, **named), probe_us=10**13)

    monkeypatch.setattr(bench.simulate, "engine_config", patient)


@pytest.mark.usefixtures("no_probes")
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("policy", POLICIES)
def test_the_same_service_times_give_the_same_way_of_every_receipt(policy: str, rate: float) -> None:
    scenario = hour(policy, rate)
    wire = ways(simulation(scenario, "wire"))
    assert len(wire) > 100
    assert len({way.register for way in wire.values()}) >= (2 if policy != "earliest_completion" else 1)
    assert timed_with_the_services_of(wire, scenario) == wire


def half_hour_with_windows(policy: str, reroute: bool) -> Scenario:
    """Three registers that make their Z-reports one after the other, and one that is out of service for a while; commits take no time."""
    return small(
        [{"kind": "planned_outage", "target": "back", "at": "10:17:01", "for_s": 300}],
        duration_h=0.5,
        shop={"commit_ms": 0},
        arrivals={
            "kind": "poisson",
            "rate_per_min": 30,
            "lines": {"kind": "geometric", "mean": 4},
            "bursts": [{"at": "10:05:30", "orders": 25}, {"at": "10:17:00", "orders": 40}],
        },
        farm={
            "policy": policy,
            "reroute": reroute,
            "registers": [
                {
                    "name": name,
                    "device": device,
                    "weight": weight,
                    "line": {"kind": "serial", "baud_bps": baud_bps, "latency_ms": latency_ms},
                }
                for name, device, weight, baud_bps, latency_ms in (
                    ("left", "shtrih-m-01f", 1, 115_200, 1.003),
                    ("right", "shtrih-m-01f", 1, 115_200, 1.019),
                    ("back", "shtrih-mini-01f", 2, 57_600, 1.031),
                )
            ],
        },
        shifts={"close_at": "10:05", "stagger_min": 4, "z_report_min": 3},
    )


def with_windows(made: Simulation) -> tuple[dict[str, Way], dict[int, int]]:
    """The way of every receipt, and how long each register took for its Z-report."""
    log = made.run().log
    began = {row[2]: row[0] for row in log.rows if row[1] == STATUS and row[4] == "printing"}
    closing = {row[3]: row[0] for row in log.rows if row[1] == REGISTER and row[4].startswith("closing")}
    closed = {row[3]: row[0] - closing[row[3]] for row in log.rows if row[1] == Z_REPORT}
    found = [row for row in log.rows if row[1] == STATUS and row[4] == "recorded"]
    return {row[2]: Way(row[3], began[row[2]], row[0]) for row in found}, closed


@pytest.mark.usefixtures("no_probes")
@pytest.mark.parametrize("reroute", [True, False], ids=["reroute", "wait"])
@pytest.mark.parametrize("policy", POLICIES)
def test_windows_are_the_same_in_both(policy: str, reroute: bool) -> None:
    scenario = half_hour_with_windows(policy, reroute)
    wire, closed = with_windows(simulation(scenario, "wire"))
    assert len(wire) > 800
    assert sorted(closed) == [0, 1, 2]
    made = simulation(scenario, "timed")
    takes = [way.recorded_us - way.began_us for way in wire.values()]
    for index, seat in enumerate(made.seats):
        assert isinstance(seat, TimedSeat)
        seat._draws = {key: float(place) for place, key in enumerate(wire)}
        seat._service = lambda place, lines: takes[int(place)]
        seat._z_report_us = closed[index]
    assert with_windows(made) == (wire, closed)
    assert max(way.began_us for way in wire.values()) > 25 * 60 * 1_000_000


@pytest.mark.parametrize("policy", ["shortest_queue", "central"])
def test_with_probes_a_receipt_waits_at_most_for_one_of_them(policy: str) -> None:
    scenario = hour(policy, 20)
    wire = ways(simulation(scenario, "wire"))
    timed = timed_with_the_services_of(wire, scenario)
    late = {key: wire[key].recorded_us - timed[key].recorded_us for key in wire}
    assert {key: way.register for key, way in timed.items()} == {
        key: way.register for key, way in wire.items()
    }
    assert all(0 <= by_us <= 100_000 for by_us in late.values())
    assert sum(1 for by_us in late.values() if by_us) <= len(wire) // 50


def test_what_timed_takes_for_a_receipt_is_what_the_wire_takes_but_for_its_bytes() -> None:
    scenario = hour("round_robin", 20)
    wire = ways(simulation(scenario, "wire"))
    timed = ways(simulation(scenario, "timed"))
    differ = {key: wire[key].service_us - timed[key].service_us for key in wire}
    opening = {key for key, by_us in differ.items() if by_us > SHIFT_OPENING_US // 2}
    assert len(opening) == 3  # the first receipt of each register opens its shift
    assert opening == {next(key for key, way in wire.items() if way.register == n) for n in range(3)}
    assert all(differ[key] < 1.1 * SHIFT_OPENING_US for key in opening)
    assert all(abs(by_us) < BYTES_US for key, by_us in differ.items() if key not in opening)
    assert {key: way.register for key, way in timed.items()} == {
        key: way.register for key, way in wire.items()
    }


@pytest.mark.parametrize("device", ["shtrih-m-01f", "shtrih-fr-01f", "atol-30f"])
@pytest.mark.parametrize("lines", [1, 5, 12, 21, 40, 90])
def test_a_queue_on_paper_is_done_when_the_paper_is(device: str, lines: int) -> None:
    """Commands and paper run side by side: a short receipt takes what its commands take, a long one what its paper takes."""
    burst = {"at": "10:01:00", "orders": 25, "lines": {"kind": "fixed", "count": lines}}
    scenario = small(
        arrivals={"kind": "poisson", "rate_per_min": 0, "bursts": [burst]},
        farm={"registers": [{"name": "paper", "device": device, "print": "paper"}]},
        shifts={"close_at": "23:00"},
    )
    wire, timed = (
        bench.run(scenario, fidelity=fidelity).receipts["recorded"].sort_values()
        for fidelity in ("wire", "timed")
    )
    took_s = [(run.iloc[-1] - run.iloc[0]).total_seconds() for run in (wire, timed)]
    assert len(wire) == len(timed) == 25
    assert took_s[1] == pytest.approx(took_s[0], rel=0.05)
