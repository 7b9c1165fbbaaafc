"""Dividing a receipt: its payments among groups of its lines, and a too long one into parts.

The lines of a receipt are paid together, by up to five forms of payment. When some of the lines go their own way - into a second document
because one can't hold them all, back to the shop because one article is missing - the payments must be divided so that each group's
payments equal its lines, every form adds up to what it was, and nobody's settlement method is broken: what was transferred on credit takes
the credit with it, an advance takes no earlier money. Apart from that each group gets its proportional share of every form.

One fiscal document holds 32,768 bytes, and a register may have a limit of lines of its own. A longer order becomes part 1 of m, ...,
part m of m, each a complete receipt with a key of its own. Sources: reference sheet on the format, section 1.1 and 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from fiscal.money import spread
from fiscal.receipt import InvalidReceipt, Item, Payments, Problem, Receipt

MAX_DOCUMENT_BYTES: Final = 32_768

_CASH, _CASHLESS, _PREPAID, _CREDIT, _PROVISION = range(5)
_ALL: Final = (_CASH, _CASHLESS, _PREPAID, _CREDIT, _PROVISION)

# Which forms the lines of a method draw on, tier after tier; the methods with a narrow choice draw first.
_DRAWS: Final[tuple[tuple[int, tuple[tuple[int, ...], ...]], ...]] = (
    (3, ((_CASH, _CASHLESS, _PROVISION), _ALL)),
    (6, ((_CREDIT,), _ALL)),
    (5, ((_CREDIT,), _ALL)),
    (1, (_ALL,)),
    (2, (_ALL,)),
    (4, (_ALL,)),
    (7, (_ALL,)),
)


def _draw(pool: list[int], amount_kop: int, tiers: tuple[tuple[int, ...], ...]) -> list[int]:
    """Take an amount out of a pool of forms (which shrinks), proportionally within a tier."""
    drawn = [0] * len(pool)
    for tier in tiers:
        here = min(amount_kop, sum(pool[form] for form in tier))
        if here:
            for form, share in zip(tier, spread(here, [pool[form] for form in tier]), strict=True):
                drawn[form] += share
                pool[form] -= share
            amount_kop -= here
    return drawn


def _pools(payments: Payments, by_method: Sequence[int]) -> dict[int, list[int]]:
    """The payments, divided among the methods of the lines. Methods 1, 2, 4 and 7 share one pool: nothing tells them apart."""
    left = [
        payments.cash_kop,
        payments.cashless_kop,
        payments.prepaid_kop,
        payments.credit_kop,
        payments.provision_kop,
    ]
    pools = {method: _draw(left, by_method[method], tiers) for method, tiers in _DRAWS[:3]}
    pools[0] = left
    return pools


def divide(receipt: Receipt, groups: Sequence[Sequence[Item]]) -> tuple[Payments, ...]:
    """The payments of each group of lines; the groups together are the lines of the receipt.

    Each result equals the sum of its group, and the results add up to the receipt's payments form by form. Raises `ValueError` when the
    receipt's payments are not its lines' sum, or the groups are not its lines.
    """
    by_method = [0] * 8
    for item in receipt.items:
        by_method[item.method] += item.sum_kop
    total = sum(by_method)
    if receipt.payments.total_kop != total:
        raise ValueError(f"payments of {receipt.payments.total_kop} for items of {total} can't be divided")
    if sum(item.sum_kop for group in groups for item in group) != total:
        raise ValueError("the groups are not the lines of the receipt")
    pools = _pools(receipt.payments, by_method)
    divided = []
    for group in groups:
        wanted = [0] * 8
        for item in group:
            wanted[item.method if item.method in (3, 5, 6) else 0] += item.sum_kop
        shares = [0] * len(_ALL)
        for method, pool in pools.items():
            if wanted[method]:
                for form, share in enumerate(_draw(pool, wanted[method], (_ALL,))):
                    shares[form] += share
        divided.append(Payments(*shares))
    return tuple(divided)


def part_keys(key: str, parts: int) -> tuple[str, ...]:
    """The keys of an order's receipts: the key itself for one, ``KEY/1``, ``KEY/2``, ... for several."""
    if parts == 1:
        return (key,)
    return tuple(f"{key}/{part}" for part in range(1, parts + 1))


def split(
    receipt: Receipt,
    fits: Callable[[Receipt], bool] | None = None,
    *,
    max_items: int | None = None,
    max_bytes: int = MAX_DOCUMENT_BYTES,
    estimate: Callable[[Receipt], int] | None = None,
) -> tuple[Receipt, ...]:
    """The receipt itself if it fits into one document, otherwise its parts, as few as possible.

    A part fits when it has at most ``max_items`` lines, ``estimate`` gives at most ``max_bytes``, and ``fits`` agrees, as far as these are
    given. Both functions are asked about the lines of a part with the payments of the whole (a part's own are never larger) and must
    not prefer a longer part to a shorter one. They are asked about ten times a part. Raises `InvalidReceipt` when a single line is
    too long by itself, `ValueError` when payments and lines disagree.
    """

    def fit(items: tuple[Item, ...]) -> bool:
        candidate = receipt if len(items) == len(receipt.items) else replace(receipt, items=items, parts=most)
        return (estimate is None or estimate(candidate) <= max_bytes) and (fits is None or fits(candidate))

    items = receipt.items
    most = len(items)
    limit = most if max_items is None else max(1, max_items)
    asks = estimate is not None or fits is not None
    if most <= limit and (not asks or not items or fit(items)):
        return (receipt,)

    groups: list[tuple[Item, ...]] = []
    start = 0
    while start < most:
        end = min(start + limit, most)
        if asks and not fit(items[start:end]):
            fitting, end = start, end
            while end - fitting > 1:
                middle = (fitting + end) // 2
                if fit(items[start:middle]):
                    fitting = middle
                else:
                    end = middle
            if fitting == start:
                problem = Problem(
                    f"items[{start}]", "the line alone is too long for one document", "shorten its texts"
                )
                raise InvalidReceipt((problem,))
            end = fitting
        groups.append(items[start:end])
        start = end
    return tuple(
        replace(receipt, items=group, payments=payments, part=number, parts=len(groups))
        for number, (group, payments) in enumerate(zip(groups, divide(receipt, groups), strict=True), 1)
    )
