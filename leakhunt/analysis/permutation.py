"""The exact permutation test on a route's own lottery, for all signals of the run at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from math import ceil, factorial, prod
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from leakhunt.analysis.linear import Vector, dot

ENUMERATED: Final = 5040
"""Up to this many orders all are tried; seven rounds have as many."""
DRAWS: Final = 20_000
"""Orders tried of more rounds than that, the one that was run among them."""
_ROUTES: Final = 10
"""Up to so many routes `DRAWS` are enough: each route has to pass a bar of its share of the error rate."""
_TIE: Final = 1e-9

_Numbers: TypeAlias = NDArray[np.float64]
_Orders: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class PValue:
    """One-sided p-values of "more requests of this route, more growth of this signal"."""

    own: float
    """Of this signal alone."""
    joint: float
    """Of the largest statistic among all signals: the chance that any of them looks as guilty as this one does."""


def permutation_p_values(
    doses: Sequence[float],
    growths: Mapping[str, Sequence[float]],
    nuisance: Sequence[Vector],
    strata: Sequence[int],
    companion: Sequence[float] | None = None,
    routes: int = 1,
) -> Mapping[str, PValue]:
    """The p-values of every signal whose growth, round by round, is given.

    `nuisance` is an orthonormal basis of what else explains growth (the intercepts and the doses of the other
    routes), and has been taken out of each growth already. The statistic is the partial correlation of the route's
    doses with growth, which is its partial slope over its own standard error: of all orders, a perfect dose line
    reaches the maximum only in the order that was run. The slope itself has no such maximum, because orders that
    happen to be almost collinear with the other routes inflate it.

    The test is exact whatever the noise: every route's doses are put in order by a lottery of their own within each
    block, so that if the route does nothing, every order was as likely to be run with the same growths and the same
    doses of the other routes. Permuting within blocks needs no exchangeable noise, and what other routes keep does not
    enter. All signals are permuted by the same orders, so that the p-value of the largest statistic (Westfall and
    Young 1993) holds however the signals depend on each other, and costs no more than that dependence asks for.

    `companion` is a column that goes with the doses wherever they are moved (what the route uploaded beyond its
    average) and is partialled out. A round's excess depends on nothing but its own dose, so that rounds may be swapped
    with both and the test stays exact.

    All orders are tried where there are at most `ENUMERATED`; else random ones are drawn, the same every time, and the
    order that was run is counted as one of them (Phipson and Smyth 2010). `routes` is how many share the error rate:
    more of them have to pass a stricter bar, which takes more draws to reach.
    """
    if not growths:
        return {}
    statistic = _Statistic(doses, growths, nuisance, companion)
    held = statistic(np.arange(len(doses))[np.newaxis, :])[0]
    bars = held - _TIE * np.abs(held)
    own, joint, total = np.zeros(len(growths)), np.zeros(len(growths)), 0
    for orders in _orders(_blocks(strata), routes):
        values = statistic(orders)
        own += (values >= bars).sum(axis=0)
        joint += (values.max(axis=1)[:, np.newaxis] >= bars).sum(axis=0)
        total += len(orders)
    return {
        signal: PValue(float(own[column] / total), float(joint[column] / total))
        for column, signal in enumerate(growths)
    }


def attainable(doses: Sequence[float], strata: Sequence[int]) -> float:
    """The smallest p-value that these doses can reach; equal doses in a block raise it."""
    blocks = _blocks(strata)
    best = 1.0
    for block in blocks:
        repeats = Counter(doses[i] for i in block).values()
        best *= prod(map(factorial, repeats)) / factorial(len(block))
    return best if _countable(blocks) else max(best, 1 / DRAWS)


class _Statistic:
    """Partial correlation of the doses, put in some order, with each signal's growth."""

    def __init__(
        self,
        doses: Sequence[float],
        growths: Mapping[str, Sequence[float]],
        nuisance: Sequence[Vector],
        companion: Sequence[float] | None,
    ) -> None:
        self._doses: _Numbers = np.asarray(doses, dtype=float)
        self._nuisance: _Numbers = np.asarray(nuisance, dtype=float).reshape(len(nuisance), len(doses)).T
        # A signal that did not move at all proves nothing: without a length it correlates with no order.
        moved = [growth if dot(growth, growth) > _TIE else (0.0,) * len(doses) for growth in growths.values()]
        self._growths: _Numbers = np.asarray(moved, dtype=float).T
        self._companion: _Numbers | None = None if companion is None else np.asarray(companion, dtype=float)

    def __call__(self, orders: _Orders) -> _Numbers:
        """One row per order, one column per signal; 0 where an order leaves nothing to correlate."""
        doses = self._doses[orders]
        shares = doses @ self._nuisance
        square = float(self._doses @ self._doses)
        left = square - (shares**2).sum(axis=1)
        along = doses @ self._growths
        total: _Numbers = np.broadcast_to((self._growths**2).sum(axis=0), along.shape)
        if self._companion is not None:
            left, along, total = self._without(self._companion[orders], doses, shares, left, along, total)
        enough = (left > _TIE * square)[:, np.newaxis] & (total > _TIE * (self._growths**2).sum(axis=0))
        length = np.sqrt(np.where(enough, left[:, np.newaxis] * total, 1.0))
        return np.where(enough, along / length, 0.0)

    def _without(
        self,
        companion: _Numbers,
        doses: _Numbers,
        shares: _Numbers,
        left: _Numbers,
        along: _Numbers,
        total: _Numbers,
    ) -> tuple[_Numbers, _Numbers, _Numbers]:
        """The same once the companion has been taken out of doses and growth."""
        others = companion @ self._nuisance
        square = (companion**2).sum(axis=1)
        own = square - (others**2).sum(axis=1)
        there = own > _TIE * square
        own = np.where(there, own, 1.0)
        both = np.where(there, (doses * companion).sum(axis=1) - (shares * others).sum(axis=1), 0.0)
        beside = np.where(there[:, np.newaxis], companion @ self._growths, 0.0)
        return (
            left - both**2 / own,
            along - (both / own)[:, np.newaxis] * beside,
            total - beside**2 / own[:, np.newaxis],
        )


def _orders(blocks: Sequence[Sequence[int]], routes: int) -> Iterator[_Orders]:
    """Orders of all rounds, one per row: every one there is, or the one that was run and then random ones."""
    if _countable(blocks):
        yield np.asarray(list(permutations(blocks[0])), dtype=np.intp)
        return
    rounds = sum(map(len, blocks))
    for portion in range(ceil(routes / _ROUTES)):
        orders: _Orders = np.empty((DRAWS, rounds), dtype=np.intp)
        for number, block in enumerate(blocks):
            orders[:, block] = np.asarray(block, dtype=np.intp)[_shuffles(len(block), number, portion)]
        if portion == 0:
            orders[0] = np.arange(rounds)
        yield orders


@lru_cache(maxsize=64)
def _shuffles(length: int, block: int, portion: int) -> _Orders:
    """Random orders of so many rounds, other ones for each block and portion.

    Seeded and not secret: the same run has to give the same verdict every time, and `RandomState`, unlike numpy's
    newer generators, promises the same numbers in every version (NEP 19).
    """
    random = np.random.RandomState((length, block, portion))
    shuffled: _Orders = random.random_sample((DRAWS, length)).argsort(axis=1)
    return shuffled


def _countable(blocks: Sequence[Sequence[int]]) -> bool:
    return len(blocks) == 1 and factorial(len(blocks[0])) <= ENUMERATED


def _blocks(strata: Sequence[int]) -> list[list[int]]:
    return [[i for i, stratum in enumerate(strata) if stratum == name] for name in dict.fromkeys(strata)]
