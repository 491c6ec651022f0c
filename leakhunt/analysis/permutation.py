"""The exact permutation test on a route's own lottery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import permutations
from math import factorial, prod, sqrt
from random import Random
from typing import Final

from leakhunt.analysis.linear import Vector, dot

ENUMERATED: Final = 5040
"""Up to this many orders all are tried; seven rounds have as many."""
DRAWS: Final = 5999
_ENOUGH: Final = 10
"""Draws at least as extreme as the lottery held after which the p-value is known well enough."""
_TIE: Final = 1e-9


def permutation_p_value(
    doses: Sequence[float], growth: Sequence[float], nuisance: Sequence[Vector], strata: Sequence[int], seed: int = 0
) -> float:
    """One-sided p-value of "more requests of this route, more growth".

    `nuisance` is an orthonormal basis of what else explains growth (the intercepts and the doses of the
    other routes), `growth` has it taken out already. The statistic is the partial correlation of the
    route's doses with growth, which is its partial slope over its own standard error: of all orders, a
    perfect dose line reaches the maximum only in the order that was run. The slope itself has no such
    maximum, because orders that happen to be almost collinear with the other routes inflate it.

    The test is exact whatever the noise: every route's doses are put in order by a lottery of their own
    within each block, so that if the route does nothing, every order was as likely to be run with the same
    growths and the same doses of the other routes. Permuting within blocks needs no exchangeable noise.

    All orders are tried where there are at most `ENUMERATED`; else random ones are drawn from a seeded
    generator until ten are as extreme (Besag and Clifford 1991), at most `DRAWS`, and the p-value counts
    the lottery held as one of them.
    """
    if dot(growth, growth) <= _TIE:
        return 1.0
    blocks = _blocks(strata)
    square = dot(doses, doses)

    def statistic(order: Sequence[float]) -> float:
        left = square - sum(dot(order, direction) ** 2 for direction in nuisance)
        return dot(order, growth) / sqrt(left) if left > _TIE * square else 0.0

    observed = statistic(doses)
    bar = observed - _TIE * abs(observed)
    if _countable(blocks):
        return _enumerate(doses, statistic, bar)
    # Seeded and not secret: the same run has to give the same verdict every time.
    return _draw(doses, blocks, statistic, bar, Random(seed))


def attainable(doses: Sequence[float], strata: Sequence[int]) -> float:
    """The smallest p-value that these doses can reach; equal doses in a block raise it."""
    blocks = _blocks(strata)
    best = 1.0
    for block in blocks:
        repeats = Counter(doses[i] for i in block).values()
        best *= prod(map(factorial, repeats)) / factorial(len(block))
    return best if _countable(blocks) else max(best, 1 / (DRAWS + 1))


def _countable(blocks: Sequence[Sequence[int]]) -> bool:
    return len(blocks) == 1 and factorial(len(blocks[0])) <= ENUMERATED


def _enumerate(doses: Sequence[float], statistic: Callable[[Sequence[float]], float], bar: float) -> float:
    extreme = sum(statistic(order) >= bar for order in permutations(doses))
    return extreme / factorial(len(doses))


def _draw(
    doses: Sequence[float],
    blocks: Sequence[Sequence[int]],
    statistic: Callable[[Sequence[float]], float],
    bar: float,
    random: Random,
) -> float:
    order = list(doses)
    extreme = 0
    for draw in range(1, DRAWS + 1):
        for block in blocks:
            shuffled = [order[i] for i in block]
            random.shuffle(shuffled)
            for i, dose in zip(block, shuffled, strict=True):
                order[i] = dose
        extreme += statistic(order) >= bar
        if extreme == _ENOUGH:
            return extreme / draw
    return (extreme + 1) / (DRAWS + 1)


def _blocks(strata: Sequence[int]) -> list[list[int]]:
    return [[i for i, stratum in enumerate(strata) if stratum == name] for name in dict.fromkeys(strata)]
