"""Arrays and receipts are of the same orders: moment, lines, kind, buyer of each, in the same order."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import pytest

import bench
from bench.traffic import make_orders
from bench.traffic_arrays import receipt_arrays

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
SHORT = [path for path in sorted(SCENARIOS.glob("*.toml")) if path.stem != "fourteen_months"]


def same(scenario: bench.Scenario, replication: int) -> int:
    orders = make_orders(scenario, scenario.seed, replication)
    found = receipt_arrays(scenario, scenario.seed, replication)
    wanted = [(o.receipt.entity, int(o.receipt.taxation), o.receipt.site) for o in orders]
    assert found.kinds == tuple(dict.fromkeys(wanted))
    assert [found.kinds[n] for n in found.kind] == wanted
    assert found.at_us.tolist() == [o.at_us for o in orders]
    assert found.lines.tolist() == [len(o.receipt.items) for o in orders]
    assert found.who.tolist() == [crc32((o.receipt.buyer.contact or "").encode()) for o in orders]
    return len(orders)


@pytest.mark.parametrize("path", SHORT, ids=lambda path: path.stem)
@pytest.mark.parametrize("replication", [0, 7])
def test_every_scenario(path: Path, replication: int) -> None:
    assert same(bench.load(path), replication) > 0


def test_long_orders_in_parts_and_cheap_ones_left_out() -> None:
    scenario = bench.load(
        SCENARIOS / "black_friday.toml",
        [
            "shop.max_lines_per_receipt=3",
            "arrivals.price_factor=0.005",
            "arrivals.empty_orders=skip",
            "arrivals.scale=4.5",
        ],
    )
    assert same(scenario, 1) > 500


def test_receipts_of_one_moment_stand_in_the_order_of_their_keys() -> None:
    """A hundred orders in the same microsecond, and each in several parts: only the key orders them ("/10" before "/2")."""
    scenario = bench.load(
        SCENARIOS / "burst_of_15.toml",
        [
            "arrivals.bursts.0.orders=100",
            "arrivals.bursts.0.spread_s=0",
            'arrivals.bursts.0.lines={kind = "fixed", count = 25}',
            "shop.max_lines_per_receipt=2",
        ],
    )
    assert same(scenario, 0) >= 1300


@pytest.mark.parametrize(
    "changes",
    [
        ["arrivals.backlog=300", "shop.max_lines_per_receipt=5"],
        ["arrivals.backlog=12", "arrivals.bootstrap=weekdays", "arrivals.scale=2.5"],
        ["arrivals.bootstrap=days", "duration_h=72"],
        ["arrivals={kind='ready', profile='sale', orders_per_day=900, backlog=20}"],
        ["arrivals={kind='sinusoidal', rate_per_h=30, return_share=0.1}"],
        ["arrivals.bursts=[{at='12:00', orders=300, spread_s=60, shape='bell'}]"],
    ],
    ids=lambda changes: changes[0][:40],
)
def test_every_way_to_come(changes: list[str]) -> None:
    scenario = bench.load(SCENARIOS / "black_friday.toml", changes)
    assert same(scenario, 2) > 200
