"""Traffic: real orders as receipts, the same for the same seed, moved by nothing that is not traffic."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.scenario import Scenario, ScenarioError, apply_set, parse
from bench.streams import stream
from bench.traffic import TimedOrder, left_out, make_orders
from fiscal.receipt import SettlementType, Taxation, Vat
from fiscal.validation import check

ROOT = Path(__file__).resolve().parents[2]
MINUTE_US = 60_000_000
DAY_US = 1440 * MINUTE_US


def scenario(*changes: str, folder: Path = ROOT) -> Scenario:
    data: dict[str, Any] = {
        "schema_version": 1,
        "name": "traffic",
        "question": "Who comes?",
        "seed": 5,
        "start": "2026-03-11T00:00:00",
        "shop": {"entities": [{"name": "llc", "inn": "7701234560", "user": "OOO Primer"}]},
        "arrivals": {"kind": "trace", "days": "2010-03-10", "price_factor": 100},
        "farm": {"registers": [{"name": "front", "device": "shtrih-m-01f", "count": 2}]},
    }
    for change in changes:
        apply_set(data, change)
    return parse(data, "traffic.toml", folder)


def at_and_key(orders: list[TimedOrder]) -> list[tuple[int, str]]:
    return [(order.at_us, order.key) for order in orders]


BUSIEST = ("arrivals.days=busiest",)


def test_the_busiest_day_is_the_day_with_most_sales() -> None:
    orders = make_orders(scenario(*BUSIEST))
    whole = {order.key.split("/")[0] for order in orders}
    sales = {o.key.split("/")[0] for o in orders if o.receipt.type is SettlementType.SALE}
    assert len(sales) == 153  # 25 November 2010, data/README.md
    assert len(whole) > len(sales)


def test_orders_come_sorted_within_the_day_with_keys_that_differ() -> None:
    orders = make_orders(scenario(*BUSIEST, "arrivals.scale=5"))
    assert at_and_key(orders) == sorted(at_and_key(orders))
    assert len({order.key for order in orders}) == len(orders)
    assert all(0 <= order.at_us < DAY_US for order in orders)


def test_the_same_seed_gives_the_same_orders_and_another_seed_others() -> None:
    one = scenario("arrivals.scale=2.5")
    assert make_orders(one) == make_orders(one) == make_orders(one, seed=5)
    assert at_and_key(make_orders(one)) != at_and_key(make_orders(one, seed=6))
    assert at_and_key(make_orders(one)) != at_and_key(make_orders(one, replication=1))


def test_the_streams_are_the_same_bits_on_every_machine() -> None:
    assert stream(1, "arrivals", 0).integers(0, 1 << 32, 3).tolist() == FIRST_DRAWS
    assert stream(1, "arrivals", 1).integers(0, 1 << 32, 3).tolist() != FIRST_DRAWS
    assert stream(1, "arrival", 0).integers(0, 1 << 32, 3).tolist() != FIRST_DRAWS


FIRST_DRAWS = [4173056028, 1777516646, 4109742015]


@pytest.mark.parametrize(
    "change",
    [
        "faults=[{kind='power_cut', per_day=9, mean_for_s=60}, {kind='reply_lost', at='12:00'}]",
        "farm.registers[0].count=9",
        "farm.policy=random",
        "shop.commit_ms=50",
        "shifts.close_at=['11:00', '12:00']",
    ],
)
def test_nothing_but_traffic_moves_traffic(change: str) -> None:
    assert make_orders(scenario("arrivals.scale=1.5", change)) == make_orders(scenario("arrivals.scale=1.5"))


def test_a_burst_adds_its_orders_and_moves_no_others() -> None:
    without = make_orders(scenario())
    burst = "arrivals.bursts=[{at='12:00:05', orders=15, lines={kind='fixed', count=4}}]"
    with_burst = make_orders(scenario(burst))
    added = [order for order in with_burst if order not in without]
    assert [order for order in with_burst if order in without] == without
    assert {order.at_us for order in added} == {12 * 60 * MINUTE_US + 5_000_000}
    assert len(added) == 15
    assert all(len(order.receipt.items) == 4 for order in added)


def test_a_second_burst_leaves_the_first_alone() -> None:
    first = "{at='12:00', orders=20, spread_s=60}"
    one = make_orders(scenario(f"arrivals.bursts=[{first}]"))
    two = make_orders(scenario(f"arrivals.bursts=[{first}, {{at='12:00', orders=7}}]"))
    assert [order for order in two if not order.key.startswith("burst2")] == one
    spread = [order.at_us - 720 * MINUTE_US for order in one if order.key.startswith("burst1")]
    assert len(set(spread)) == 20
    assert all(0 <= at < MINUTE_US for at in spread)


def test_scaling_lays_more_days_on_top_and_moves_none() -> None:
    seen: set[tuple[int, str]] = set()
    for scale in (0.4, 1, 1.5, 2, 2.25, 4, 11):
        now = set(at_and_key(make_orders(scenario(f"arrivals.scale={scale}"))))
        assert seen < now
        seen = now


def test_a_scaled_day_is_made_of_real_days() -> None:
    orders = make_orders(scenario("arrivals.scale=12"))
    layers = Counter(order.key.split("-")[0] for order in orders if "/" not in order.key)
    assert len(layers) == 12
    assert min(layers.values()) >= 5


def test_a_fraction_keeps_about_that_share_of_one_more_day() -> None:
    kept = [
        len(
            make_orders(
                scenario(*BUSIEST, "arrivals.scale=0.3", "shop.max_lines_per_receipt=1000"), replication=r
            )
        )
        for r in range(40)
    ]
    whole = len(make_orders(scenario(*BUSIEST, "shop.max_lines_per_receipt=1000")))
    # the mean of 40 binomial counts lies within 4 standard errors
    assert abs(np.mean(kept) - 0.3 * whole) < 4 * (whole * 0.3 * 0.7 / 40) ** 0.5


def test_more_layers_than_days_use_the_days_over_again() -> None:
    orders = make_orders(scenario("arrivals.scale=400", "start=2026-03-11T12:00:00", "duration_h=0.05"))
    assert len({order.key for order in orders}) == len(orders) > 0


def test_seconds_are_drawn_inside_the_minute_of_the_file() -> None:
    first, second = (make_orders(scenario(), seed=seed) for seed in (1, 2))
    minutes = [{order.key: order.at_us // MINUTE_US for order in orders} for orders in (first, second)]
    assert minutes[0] == minutes[1]
    assert {order.at_us % MINUTE_US for order in first}.isdisjoint(
        {order.at_us % MINUTE_US for order in second}
    )


def test_a_run_that_starts_later_sees_the_rest_of_the_same_day() -> None:
    day = {order.key: order for order in make_orders(scenario())}
    noon_us = 720 * MINUTE_US
    afternoon = make_orders(scenario("start=2026-03-11T12:00:00", "duration_h=4"))
    assert {order.key for order in afternoon} == {
        key for key, order in day.items() if noon_us <= order.at_us < noon_us + 240 * MINUTE_US
    }
    assert all(order.at_us == day[order.key].at_us - noon_us for order in afternoon)


def test_a_shift_moves_the_whole_trace() -> None:
    here = make_orders(scenario())
    later = make_orders(scenario("arrivals.shift_h=1.5"))
    assert [order.at_us + 90 * MINUTE_US for order in here] == [order.at_us for order in later]


def test_several_days_follow_one_another_and_begin_again() -> None:
    orders = make_orders(scenario("arrivals.days=[2010-03-10, 2010-03-11]", "duration_h=72"))
    days = [{o.key.split("-", 1)[1] for o in orders if o.at_us // DAY_US == day} for day in range(3)]
    assert days[0] == days[2] != days[1]
    assert days[1]


def test_receipts_are_whole_and_valid() -> None:
    changes = ("arrivals.scale=3", "shop.payment={cashless=0.5, cash=0.2, mixed=0.3}")
    orders = make_orders(scenario(*BUSIEST, *changes))
    problems = [p for o in orders for p in check(o.receipt, dt.date(2026, 3, 11))]
    assert problems == []
    assert {order.receipt.type for order in orders} == {SettlementType.SALE, SettlementType.SALE_RETURN}
    assert all(order.receipt.buyer.email.endswith("@example.org") for order in orders)
    ways = Counter(
        (
            bool(o.receipt.payments.cash_kop),
            bool(o.receipt.payments.cashless_kop),
            bool(o.receipt.payments.prepaid_kop),
        )
        for o in orders
    )
    assert set(ways) == {(True, False, False), (False, True, False), (False, True, True)}


def test_an_order_too_long_for_one_receipt_becomes_several_of_the_same_total() -> None:
    long = "shop.max_lines_per_receipt=1000"
    whole = {order.key: order.receipt for order in make_orders(scenario(*BUSIEST, long))}
    parts: dict[str, list[TimedOrder]] = {}
    for order in make_orders(scenario(*BUSIEST)):
        parts.setdefault(order.key.split("/")[0], []).append(order)
    assert set(parts) == set(whole)
    split = [key for key, found in parts.items() if len(found) > 1]
    assert {key for key, receipt in whole.items() if len(receipt.items) > 100} == set(split)
    assert split
    for key, found in parts.items():
        assert sum(o.receipt.total_kop for o in found) == whole[key].total_kop
        assert sum(len(o.receipt.items) for o in found) == len(whole[key].items)
        assert all(len(o.receipt.items) <= 100 for o in found)
        assert len({o.at_us for o in found}) == 1
        assert {o.receipt.parts for o in found} == {len(found)}


def test_vat_follows_the_date_of_the_order() -> None:
    new_year = make_orders(scenario("start=2025-12-31T00:00:00", "duration_h=48"))
    rates = {order.at_us // DAY_US: {item.vat for item in order.receipt.items} for order in new_year}
    assert rates == {0: {Vat.VAT_20}, 1: {Vat.VAT_22}}


def test_orders_are_dealt_to_entities_with_their_taxation_vat_and_sites() -> None:
    trader = (
        "shop.sites=['https://a.example', 'https://b.example']",
        "shop.entities=[{name='llc', inn='7701234560', user='OOO', order_share=3}, {name='trader', inn='500100732259', "
        "user='IP', taxation=['patent', 'simplified_income'], vat='none', sites=['https://b.example']}]",
        "farm.registers=[{name='a', device='shtrih-m-01f', entity='llc'}, {name='b', device='shtrih-m-01f', entity='trader'}]",
    )
    orders = make_orders(scenario("arrivals.scale=6", *trader))
    by_entity = {
        inn: [o.receipt for o in orders if o.receipt.entity == inn] for inn in ("7701234560", "500100732259")
    }
    llc, traders = by_entity.values()
    assert 2 < len(llc) / len(traders) < 4.5
    assert {r.site for r in llc} == {"https://a.example", "https://b.example"}
    assert {r.site for r in traders} == {"https://b.example"}
    assert {r.taxation for r in llc} == {Taxation.GENERAL}
    assert {r.taxation for r in traders} == {Taxation.PATENT, Taxation.SIMPLIFIED_INCOME}
    assert {item.vat for r in traders for item in r.items} == {Vat.NONE}


def test_prices_are_exact_to_the_kopeck(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    path.write_text(
        "order,time,name,quantity,price\n1,2026-01-05 10:00:00,Tea,3,0.1\n1,2026-01-05 10:00:00,Cup,1,2.675\n"
    )
    trace = "arrivals={kind='trace', file='o.csv', days=2026-01-05, price_factor=1.15}"
    (order,) = make_orders(scenario(trace, folder=tmp_path))
    # 0.1 * 1.15 = 0.115 -> 12 kopecks; 2.675 * 1.15 = 3.07625 -> 308 kopecks
    assert [(i.price_kop, i.quantity_e6, i.sum_kop) for i in order.receipt.items] == [
        (12, 3_000_000, 36),
        (308, 1_000_000, 308),
    ]


# --- files of the user ---------------------------------------------------------------------------------------------------------


def user_file(tmp_path: Path, text: str, *changes: str) -> Scenario:
    (tmp_path / "o.csv").write_text(text, encoding="utf-8")
    return scenario("arrivals={kind='trace', file='o.csv'}", *changes, folder=tmp_path)


def test_seconds_in_a_file_are_kept(tmp_path: Path) -> None:
    orders = make_orders(
        user_file(
            tmp_path,
            "order,time,name,quantity,price\nA,2026-01-05 10:00:07,Tea,1,5\nB,2026-01-05 10:00:00,Tea,-2,5\n",
        )
    )
    assert [(o.at_us, o.key, o.receipt.type.name) for o in orders] == [
        (36_000_000_000, "d1.0-B", "SALE_RETURN"),
        (36_007_000_000, "d1.0-A", "SALE"),
    ]
    assert orders[0].receipt.total_kop == 1000


EMPTY = "order,time,name,quantity,price\nA,2026-01-05 10:00,Tea,1,5\nB,2026-01-05 11:00,Gift,1,0\nC,2026-01-05 12:00,,,\n"


def test_an_order_with_no_goods_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        make_orders(user_file(tmp_path, EMPTY))
    assert caught.value.lines == (
        "o.csv: row 3, order B (and 1 more): no goods, no line with a price and a quantity above zero; mend the file or set "
        'arrivals.empty_orders = "skip"',
    )


def test_orders_with_no_goods_can_be_skipped_and_are_counted_and_named(tmp_path: Path) -> None:
    skipping = user_file(tmp_path, EMPTY, "arrivals.empty_orders=skip")
    assert [order.key for order in make_orders(skipping)] == ["d1.0-A"]
    out = left_out(skipping)
    assert out.orders == ("B", "C")
    assert out.lines == {"no goods: name, quantity and price are empty": 1, "price of zero": 1}


def test_a_price_factor_that_leaves_nothing_is_one_clear_line(tmp_path: Path) -> None:
    text = "order,time,name,quantity,price\nA,2026-01-05 10:00,Tea,1,5\nB,2026-01-05 10:00,Tea,1,0.4\n"
    tiny = user_file(tmp_path, text, "arrivals.price_factor=0.001")
    with pytest.raises(
        ScenarioError,
        match=r"^o\.csv: order B: no goods left, arrivals\.price_factor = 0\.001 makes all its prices",
    ):
        make_orders(tiny)
    skipping = user_file(tmp_path, text, "arrivals.price_factor=0.001", "arrivals.empty_orders=skip")
    assert [order.key for order in make_orders(skipping)] == ["d1.0-A"]
    assert left_out(skipping).orders == ("B",)


def test_a_day_the_file_does_not_have_is_one_clear_line() -> None:
    with pytest.raises(ScenarioError) as caught:
        make_orders(scenario("arrivals.days=[2010-03-10, 2010-03-13]"))
    assert caught.value.lines == (
        "online_retail.parquet: arrivals.days[1]: no orders on 2010-03-13; the file goes from 2009-12-01 to 2010-12-09, the nearest "
        "day with orders is 2010-03-12",
    )


# --- made-up orders ------------------------------------------------------------------------------------------------------------


def test_poisson_arrivals_have_their_rate() -> None:
    poisson = scenario(
        "arrivals={kind='poisson', rate_per_min=2.0, return_share=0.2, lines={kind='geometric', mean=3.0}}"
    )
    runs = [make_orders(poisson, replication=r) for r in range(4)]
    count, mean = sum(map(len, runs)), 4 * 2 * 1440
    assert abs(count - mean) < 4 * mean**0.5
    lines = [len(o.receipt.items) for orders in runs for o in orders]
    assert (
        abs(np.mean(lines) - 3) < 4 * 6**0.5 / len(lines) ** 0.5
    )  # variance of this geometric: (1 - p) / p^2 = 6
    returns = sum(o.receipt.type is SettlementType.SALE_RETURN for orders in runs for o in orders)
    assert abs(returns - 0.2 * count) < 4 * (count * 0.16) ** 0.5
    gaps = np.diff([order.at_us for order in runs[0]]) / 1e6
    assert abs(np.mean(gaps) - 30) < 4 * 30 / len(gaps) ** 0.5
    assert abs(np.std(gaps) - 30) < 4 * 30 * 1.5 / len(gaps) ** 0.5


def test_a_profile_follows_hours_and_days() -> None:
    rates = [0] * 9 + [120] + [0] * 7 + [60] + [0] * 6
    weekdays = [1, 1, 2, 0, 1, 1, 1]  # from Wednesday, twice, to Thursday, nothing
    profile = scenario(
        f"arrivals={{kind='profile', rate_per_h={rates}, weekday_factor={weekdays}}}", "duration_h=72"
    )
    hours = Counter(order.at_us // (60 * MINUTE_US) for order in make_orders(profile))
    assert set(hours) == {9, 17, 57, 65}
    for hour, mean in {9: 240, 17: 120, 57: 120, 65: 60}.items():
        assert abs(hours[hour] - mean) < 4 * mean**0.5


def test_no_rate_means_no_orders() -> None:
    assert make_orders(scenario("arrivals={kind='poisson', rate_per_min=0}")) == []


def test_fixed_and_lognormal_numbers_of_lines() -> None:
    fixed = scenario("arrivals={kind='poisson', rate_per_min=0.1, lines={kind='fixed', count=7}}")
    assert {len(order.receipt.items) for order in make_orders(fixed)} == {7}
    wide = scenario(
        "arrivals={kind='poisson', rate_per_min=3, lines={kind='lognormal', median=12, mean=21, max=90}}",
    )
    lines = [len(order.receipt.items) for order in make_orders(wide)]
    assert 11 <= np.median(lines) <= 13
    assert max(lines) == 90
