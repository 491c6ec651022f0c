"""The exact permutation test on a route's own lottery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import permutations
from math import factorial, prod, sqrt
from random import Random
from typing import Final

from leakhunt.analysis.linear import Vector, dot

ENUMERATED: Final = 5040
"""Up to this many orders all are tried; seven rounds have as many."""
DRAWS: Final = 1999
"""Random orders tried of one block with more rounds than that."""
JOINT_DRAWS: Final = 5999
"""Random orders tried of several blocks taken together, which have to pass a stricter bar."""
_ENOUGH: Final = 10
"""Draws at least as extreme as the lottery held after which the p-value is known well enough."""
_TIE: Final = 1e-9


def permutation_p_value(
    doses: Sequence[float],
    growth: Sequence[float],
    nuisance: Sequence[Vector],
    strata: Sequence[int],
    companion: Sequence[float] | None = None,
    seed: int = 0,
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

    `companion` is a column that goes with the doses wherever they are moved (what the route uploaded beyond
    its average) and is partialled out. A round's excess depends on nothing but its own dose, so that rounds
    may be swapped with both and the test stays exact.

    All orders are tried where there are at most `ENUMERATED`; else random ones are drawn from a seeded
    generator until ten are as extreme (Besag and Clifford 1991), at most `JOINT_DRAWS`, and the p-value counts
    the lottery held as one of them.
    """
    if dot(growth, growth) <= _TIE:
        return 1.0
    blocks = _blocks(strata)
    statistic = _Statistic(doses, growth, nuisance, companion)
    observed = statistic(range(len(doses)))
    bar = observed - _TIE * abs(observed)
    if _countable(blocks):
        return _enumerate(len(doses), statistic, bar)
    # Seeded and not secret: the same run has to give the same verdict every time.
    return _draw(blocks, statistic, bar, Random(seed))


class _Statistic:
    """Partial correlation of the doses in some order with growth, up to a factor that is the same for all orders."""

    def __init__(
        self,
        doses: Sequence[float],
        growth: Sequence[float],
        nuisance: Sequence[Vector],
        companion: Sequence[float] | None,
    ) -> None:
        self.doses, self.growth, self.nuisance, self.companion = doses, growth, nuisance, companion
        self.square, self.total = dot(doses, doses), dot(growth, growth)

    def __call__(self, order: Sequence[int]) -> float:
        doses = [self.doses[i] for i in order]
        shares = [dot(doses, direction) for direction in self.nuisance]
        left = self.square - dot(shares, shares)
        along = dot(doses, self.growth)
        if self.companion is None:
            return along / sqrt(left * self.total) if left > _TIE * self.square else 0.0
        return self._without_companion(doses, [self.companion[i] for i in order], shares, left, along)

    def _without_companion(
        self, doses: Sequence[float], companion: Sequence[float], shares: Sequence[float], left: float, along: float
    ) -> float:
        others = [dot(companion, direction) for direction in self.nuisance]
        square = dot(companion, companion)
        own = square - dot(others, others)
        if own > _TIE * square:
            both = dot(doses, companion) - dot(shares, others)
            beside = dot(companion, self.growth)
            left -= both * both / own
            along -= both * beside / own
            total = self.total - beside * beside / own
        else:
            total = self.total
        if left <= _TIE * self.square or total <= _TIE * self.total:
            # All growth follows the sizes: nothing is left for the number of requests to explain.
            return 0.0
        return along / sqrt(left * total)


def attainable(doses: Sequence[float], strata: Sequence[int]) -> float:
    """The smallest p-value that these doses can reach; equal doses in a block raise it."""
    blocks = _blocks(strata)
    best = 1.0
    for block in blocks:
        repeats = Counter(doses[i] for i in block).values()
        best *= prod(map(factorial, repeats)) / factorial(len(block))
    return best if _countable(blocks) else max(best, 1 / (_draws(blocks) + 1))


def _countable(blocks: Sequence[Sequence[int]]) -> bool:
    return len(blocks) == 1 and factorial(len(blocks[0])) <= ENUMERATED


def _draws(blocks: Sequence[Sequence[int]]) -> int:
    return DRAWS if len(blocks) == 1 else JOINT_DRAWS


def _enumerate(rounds: int, statistic: _Statistic, bar: float) -> float:
    extreme = sum(statistic(order) >= bar for order in permutations(range(rounds)))
    return extreme / factorial(rounds)


def _draw(blocks: Sequence[Sequence[int]], statistic: _Statistic, bar: float, random: Random) -> float:
    order = list(range(sum(map(len, blocks))))
    extreme = 0
    draws = _draws(blocks)
    for draw in range(1, draws + 1):
        for block in blocks:
            shuffled = [order[i] for i in block]
            random.shuffle(shuffled)
            for i, source in zip(block, shuffled, strict=True):
                order[i] = source
        extreme += statistic(order) >= bar
        if extreme == _ENOUGH:
            return extreme / draw
    return (extreme + 1) / (draws + 1)


def _blocks(strata: Sequence[int]) -> list[list[int]]:
    return [[i for i, stratum in enumerate(strata) if stratum == name] for name in dict.fromkeys(strata)]
