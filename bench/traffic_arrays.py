"""A day's receipts as arrays, without making a receipt: the same moments, lines, kinds and buyers as `bench.traffic.make_orders` gives.

Sizing needs thousands of days and of each receipt only four numbers. They follow from the draws of the batches
(`bench.traffic_batches`) by the rules by which a till makes receipts of them: a share of the entities, a choice among taxation systems
and sites, a long order in parts. Texts are looked at where two receipts fall on one microsecond: there the key decides who is first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

from bench.scenario import Scenario
from bench.traffic import BUYERS, Till, buyer
from bench.traffic_batches import BUYER, ENTITY, SITE, TAXATION, Batch, Draws, Ints, batches
from fiscal.splitting import part_keys

Kind = tuple[str, int, str]


class ReceiptArrays(NamedTuple):
    """A place for each receipt, in the order of `make_orders`: moment, lines, which of the kinds, and a number for its buyer.

    ``kinds`` (entity, taxation, site) come in the order in which they come first.
    """

    at_us: Ints
    lines: Ints
    kind: Ints
    who: npt.NDArray[np.uint64]
    kinds: tuple[Kind, ...]


def receipt_arrays(scenario: Scenario, seed: int, replication: int = 0) -> ReceiptArrays:
    """The receipts of one replication. Raises ScenarioError as `bench.traffic.make_orders` does."""
    till = Till(scenario, seed, replication)
    kinds = _Kinds(till)
    all_batches = list(batches(scenario, seed, replication))
    columns = [_columns(batch, n, till, kinds) for n, batch in enumerate(all_batches)]
    at_us, lines, kind, who, source, place, part, parts = map(np.concatenate, zip(*columns, strict=True))
    order = np.argsort(at_us, kind="stable")

    def key(n: int) -> str:
        whole = all_batches[int(source[n])].key(int(place[n]))
        return part_keys(whole, int(parts[n]))[int(part[n])]

    _order_equals(at_us, order, key)
    found, first, number = np.unique(kind[order], return_index=True, return_inverse=True)
    coming = np.argsort(first)
    rank = np.empty(len(coming), np.int64)
    rank[coming] = np.arange(len(coming))
    return ReceiptArrays(
        at_us[order],
        lines[order],
        rank[number],
        who[order].astype(np.uint64),
        tuple(kinds.kinds[int(found[n])] for n in coming),
    )


class _Kinds:
    """Every kind of receipt a till can make, by number."""

    def __init__(self, till: Till) -> None:
        numbers: dict[Kind, int] = {}
        self._first, self._taxations, self._sites = [], [], []
        table: list[int] = []
        for entity in till.entities:
            taxations, sites = till.taxations[entity.name], till.sites[entity.name]
            self._first.append(len(table))
            self._taxations.append(len(taxations))
            self._sites.append(len(sites))
            for taxation in taxations:
                for site in sites:
                    table.append(numbers.setdefault((entity.inn, int(taxation), site), len(numbers)))
        self.kinds = tuple(numbers)
        self._bounds = np.array(till.entity_bounds)
        self._table = np.array(table, np.int64)

    def of(self, draws: Draws) -> Ints:
        entity = np.minimum(
            np.searchsorted(self._bounds, draws[:, ENTITY], side="right"), len(self._first) - 1
        )
        sites = np.array(self._sites)[entity]
        taxation = (draws[:, TAXATION] * np.array(self._taxations)[entity]).astype(np.int64)
        site = (draws[:, SITE] * sites).astype(np.int64)
        found: Ints = self._table[np.array(self._first)[entity] + taxation * sites + site]
        return found


def _columns(batch: Batch, number: int, till: Till, kinds: _Kinds) -> tuple[Ints, ...]:
    lines = batch.lines if till.dresser.idle else _dressed(batch, till)
    place = np.flatnonzero(lines)
    draws, lines = batch.draws[place], lines[place]
    parts = -(-lines // till.max_lines)
    again = np.repeat(np.arange(len(place)), parts)
    part = np.arange(len(again)) - np.repeat(np.cumsum(parts) - parts, parts)
    in_part = np.minimum(lines[again] - part * till.max_lines, till.max_lines)
    return (
        batch.at_us[place][again],
        in_part,
        kinds.of(draws)[again],
        _who(batch, place, draws)[again],
        np.full(len(again), number, np.int64),
        place[again],
        part,
        parts[again],
    )


def _dressed(batch: Batch, till: Till) -> Ints:
    """Lines of orders of which some become several (a marked line for each piece); the goods decide, so they are made."""
    counts = []
    for place, (at_us, draws) in enumerate(zip(batch.at_us.tolist(), batch.draws.tolist(), strict=True)):
        items = batch.items(place, till.vat(till.entity(draws[ENTITY]), at_us))
        counts.append(len(till.dresser.dress(batch.key(place), items)))
    return np.array(counts, np.int64)


def _who(batch: Batch, places: Ints, draws: Draws) -> Ints:
    drawn = draws[:, BUYER]
    known = batch.buyer
    if known is None:
        return _anybody()[(drawn * BUYERS).astype(np.int64)]
    numbers = [
        _number(buyer(known(place), draw))
        for place, draw in zip(places.tolist(), drawn.tolist(), strict=True)
    ]
    return np.array(numbers, np.int64)


@functools.cache
def _anybody() -> Ints:
    """The numbers of the buyers that are drawn."""
    return np.array([_number(buyer("", (n + 0.5) / BUYERS)) for n in range(BUYERS)], np.int64)


@functools.lru_cache(maxsize=200_000)
def _number(contact: str) -> int:
    return crc32(contact.encode("utf-8", "surrogatepass"))


def _order_equals(at_us: Ints, order: Ints, key: Callable[[int], str]) -> None:
    """Put receipts of one moment in the order of their keys."""
    sorted_us = at_us[order]
    equal = np.flatnonzero(sorted_us[1:] == sorted_us[:-1])
    if not len(equal):
        return
    starts = equal[np.concatenate(([True], np.diff(equal) > 1))]
    ends = equal[np.concatenate((np.diff(equal) > 1, [True]))] + 2
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        order[start:end] = sorted(order[start:end].tolist(), key=key)
