"""Intervals for rates. 95 %, by Wilson's score method and by Clopper and Pearson's exact one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

LEVEL: Final = 0.95
_Z: Final = NormalDist().inv_cdf(0.5 + LEVEL / 2)


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    hits: float
    of: int

    @property
    def rate(self) -> float:
        """As a fraction of 1; nan of nothing."""
        return self.hits / self.of if self.of else math.nan


def wilson(share: Share) -> tuple[float, float]:
    """Wilson's score interval (J. Am. Stat. Assoc. 22, 1927, 209-212); 0 to 1 of nothing."""
    if not share.of:
        return 0.0, 1.0
    n, p = share.of, share.rate
    centre = p + _Z**2 / (2 * n)
    half = _Z * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
    scale = 1 + _Z**2 / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def by_case(shares: Iterable[Share]) -> Share:
    """One share for all cases, each of which counts once: the sum of their rates, of as many as there are.

    Runs of one case with several seeds are alike, so they are no independent trials of what a new program would give.
    Here a case is one trial, however often it was run: as if its runs told nothing that the first did not. Kish's
    design effect is never larger than that, so an interval made from this share is never too narrow for that reason.
    """
    rates = [share.rate for share in shares if share.of]
    return Share(sum(rates), len(rates))


def upper_bound(share: Share) -> float:
    """Exact one-sided upper bound of the rate: C. J. Clopper and E. S. Pearson, Biometrika 26 (1934), 404-413."""
    hits = math.ceil(share.hits)
    if hits >= share.of:
        return 1.0
    low, high = share.rate, 1.0
    for _ in range(60):  # halving leaves nothing of a double
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(hits, share.of, middle) > 1 - LEVEL else (low, middle)
    return high


def _at_most(hits: int, of: int, rate: float) -> float:
    """Probability of so few hits."""
    return math.fsum(math.comb(of, k) * rate**k * (1 - rate) ** (of - k) for k in range(hits + 1))
