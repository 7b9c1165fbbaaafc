"""Traffic: the orders of a scenario, as receipts with the moment each is paid.

A trace lays real days over the scenario's dates. The first layer is the named day itself; a scale of 3 lays two more real days over it,
chosen by the seed, and a fractional part keeps each order of one further day with that probability. So a scaled day has the unevenness of
real days instead of the same orders many times over. Files know the minute of an order; its second is drawn.

Every draw belongs to one order of one layer of one day, by its number there, from a stream named after that day and layer: a larger scale
adds orders and moves none, and nothing that is not traffic (faults, registers, policies) can move any.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bench.scenario import Scenario
from bench.scenario_farm import Entity
from bench.special_goods import Dresser
from bench.traffic_batches import BUYER, ENTITY, PAYMENT, SITE, TAXATION, Batch, LeftOut, batches, left_out
from fiscal.makes import FFD
from fiscal.receipt import Buyer, Payments, Receipt, SettlementType, Taxation, Vat
from fiscal.splitting import part_keys, split
from fiscal.vat import standard

__all__ = ["BUYERS", "LeftOut", "Till", "TimedOrder", "buyer", "left_out", "make_orders"]

BUYERS = 100_000
_VAT = {"10": Vat.VAT_10, "0": Vat.VAT_0, "5": Vat.VAT_5, "7": Vat.VAT_7, "none": Vat.NONE}


class TimedOrder(NamedTuple):
    """A receipt as the shop hands it over: ``at_us`` microseconds after the start of the run, under its idempotency key."""

    at_us: int
    key: str
    receipt: Receipt


def make_orders(scenario: Scenario, seed: int | None = None, replication: int = 0) -> list[TimedOrder]:
    """All orders of the scenario, sorted by moment and key; ``seed`` None means the scenario's own.

    An order longer than ``shop.max_lines_per_receipt`` comes as several receipts at the same moment, with keys ``KEY/1``, ``KEY/2``.
    Raises ScenarioError for an order file that cannot be used.
    """
    seed = scenario.seed if seed is None else seed
    till = Till(scenario, seed, replication)
    orders = [order for batch in batches(scenario, seed, replication) for order in till.ring(batch)]
    orders.sort(key=lambda order: (order.at_us, order.key))
    return orders


class Till:
    """Makes receipts: who sells, under which tax, paid how. The choices come in as draws between 0 and 1."""

    def __init__(self, scenario: Scenario, seed: int, replication: int) -> None:
        shop = scenario.shop
        self.dresser = Dresser(shop.goods, FFD[shop.ffd], seed, replication)
        self.entities = [entity for entity in shop.entities if entity.order_share > 0]
        shares = np.array([entity.order_share for entity in self.entities])
        self.entity_bounds = (np.cumsum(shares) / shares.sum()).tolist()
        self.sites = {entity.name: entity.sites or shop.sites for entity in self.entities}
        self.taxations = {e.name: tuple(Taxation[name.upper()] for name in e.taxation) for e in self.entities}
        self.rates = {entity.name: entity.vat or shop.vat for entity in self.entities}
        self.cash, self.mixed = shop.payment.cash, shop.payment.mixed
        self.electronic = shop.electronic
        self.max_lines = shop.max_lines_per_receipt
        self.start = scenario.start

    def entity(self, draw: float) -> Entity:
        for bound, entity in zip(self.entity_bounds, self.entities, strict=True):
            if draw < bound:
                return entity
        return self.entities[-1]

    def vat(self, entity: Entity, at_us: int) -> Vat:
        """The rate of the entity's goods on the day of the order."""
        rate = self.rates[entity.name]
        if rate == "standard":
            return standard((self.start + dt.timedelta(microseconds=at_us)).date())
        return _VAT[rate]

    def ring(self, batch: Batch) -> Iterator[TimedOrder]:
        """Each order of a batch as its receipt, or as several when it is too long for one; none when it has no goods."""
        for place, (at_us, draws) in enumerate(zip(batch.at_us.tolist(), batch.draws.tolist(), strict=True)):
            key = batch.key(place)
            entity = self.entity(draws[ENTITY])
            items = self.dresser.dress(key, batch.items(place, self.vat(entity, at_us)))
            if not items:
                continue
            taxations, sites = self.taxations[entity.name], self.sites[entity.name]
            receipt = Receipt(
                type=SettlementType.SALE_RETURN if batch.returned(place) else SettlementType.SALE,
                items=items,
                payments=self.payments(draws[PAYMENT], sum([item.sum_kop for item in items])),
                taxation=taxations[int(draws[TAXATION] * len(taxations))],
                entity=entity.inn,
                site=sites[int(draws[SITE] * len(sites))],
                buyer=Buyer(email=buyer(batch.buyer(place) if batch.buyer is not None else "", draws[BUYER])),
                electronic=self.electronic,
            )
            if len(items) <= self.max_lines:
                yield TimedOrder(at_us, key, receipt)
                continue
            parts = split(receipt, max_items=self.max_lines)
            for part_key, part in zip(part_keys(key, len(parts)), parts, strict=True):
                yield TimedOrder(at_us, part_key, part)

    def payments(self, draw: float, total_kop: int) -> Payments:
        if draw < self.cash:
            return Payments(cash_kop=total_kop)
        if (
            draw < self.cash + self.mixed
        ):  # where in its share the draw lies says how much was prepaid: 10 to 90 %
            within = (draw - self.cash) / self.mixed
            prepaid = int(total_kop * (0.1 + 0.8 * within))
            return Payments(cashless_kop=total_kop - prepaid, prepaid_kop=prepaid)
        return Payments(cashless_kop=total_kop)


def buyer(known: str, draw: float) -> str:
    """The address of a buyer: of the one the file names, or of one drawn."""
    return f"buyer-{known or int(draw * BUYERS):0>5}@example.org"
