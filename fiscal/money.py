"""Exact kopecks: dividing money so that nothing is lost.

Three small problems come back all over a shop. A discount must be *spread* over lines so that the shares add up to it; a discounted line
must get a *price* that still multiplies to its sum; a sum must be rounded *half up*. All are solved in integers: money in kopecks,
quantities in millionths (``_e6``).

Why the price needs care: a register compares price times quantity with the sum it is given and refuses the line when they differ by
more than one kopeck (47.80 x 21.99 less a discount of 0.12 is such a line). The sum is what the buyer pays, so the sum stays and the
price gives way; where no whole price fits, the line becomes two lines whose prices are one kopeck apart.

Sources: reference sheet on shops, section 9, faults F11-F15; sheet on Shtrih-M, command FF46.
"""

from __future__ import annotations

from collections.abc import Sequence

E6 = 1_000_000
"""Millionths in one unit of quantity."""


def half_up(numerator: int, denominator: int) -> int:
    """The whole number nearest to a fraction, halves upwards."""
    return (2 * numerator + denominator) // (2 * denominator)


def line_sum_kop(price_kop: int, quantity_e6: int) -> int:
    """Price times quantity, rounded half up to the kopeck."""
    return (2 * price_kop * quantity_e6 + E6) // (2 * E6)


def fits(price_kop: int, quantity_e6: int, sum_kop: int) -> bool:
    """Whether price times quantity is within one kopeck of the sum, before any rounding: what every register accepts."""
    return -E6 <= price_kop * quantity_e6 - sum_kop * E6 <= E6


def spread(amount_kop: int, weights: Sequence[int]) -> list[int]:
    """Divide an amount in proportion to weights, by largest remainder; what is left over goes to the earlier of equals.

    The shares add up to the amount, each differs from the exact proportion by less than a kopeck, a weight of zero gets nothing, and
    no share exceeds its weight as long as the amount does not exceed the sum of the weights. Raises `ValueError` for a negative
    amount or weight, and for an amount with nothing to spread it over.
    """
    whole = sum(weights)
    if amount_kop < 0 or (weights and min(weights) < 0):
        raise ValueError("an amount and its weights are zero or more")
    if not amount_kop:
        return [0] * len(weights)
    if not whole:
        raise ValueError(f"{amount_kop} kopecks and nothing to spread them over")
    shares = []
    remainders = []
    for weight in weights:
        share, remainder = divmod(amount_kop * weight, whole)
        shares.append(share)
        remainders.append(remainder)
    left = amount_kop - sum(shares)
    if left:
        for index in sorted(range(len(shares)), key=remainders.__getitem__, reverse=True)[:left]:
            shares[index] += 1
    return shares


def price_lines(price_kop: int, quantity_e6: int, sum_kop: int) -> tuple[tuple[int, int, int], ...]:
    """One or two (price, quantity, sum) that together are this quantity for this sum, each within one kopeck.

    The given price is kept when it yields the sum; otherwise the price follows the sum. Two lines are made only when no whole price
    fits; the quantity is then divided at its own resolution (pieces stay whole). Quantity above zero, price and sum zero or more.
    """
    if line_sum_kop(price_kop, quantity_e6) == sum_kop:
        return ((price_kop, quantity_e6, sum_kop),)
    exact_e6 = sum_kop * E6
    nearest = half_up(exact_e6, quantity_e6)
    if fits(nearest, quantity_e6, sum_kop):
        return ((nearest, quantity_e6, sum_kop),)
    # So much of the quantity must cost one kopeck more than the lower price for the sum to come out exactly. It is a whole number of
    # whatever power of ten (up to one unit) divides the quantity, because that divides a million kopecks' worth too.
    lower, dearer_e6 = divmod(exact_e6, quantity_e6)
    cheaper_e6 = quantity_e6 - dearer_e6
    cheaper_kop = line_sum_kop(lower, cheaper_e6)
    return ((lower, cheaper_e6, cheaper_kop), (lower + 1, dearer_e6, sum_kop - cheaper_kop))
