"""The Mann-Kendall test for a trend.

H. B. Mann, Econometrica 13 (1945), 245-259; M. G. Kendall, Rank Correlation Methods (1975), whose variance with ties
and correction for continuity are used where values are tied or many.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist

_EXACT = 30
"""Up to so many values without ties the distribution is counted out."""


def statistic(values: Sequence[float]) -> int:
    """Pairs that rise, less pairs that fall."""
    pairs = ((a, b) for i, a in enumerate(values) for b in values[i + 1 :])
    return sum((b > a) - (b < a) for a, b in pairs)


def rising(values: Sequence[float]) -> float:
    """One-sided p-value against a rise; 1 of fewer than three values."""
    n, s = len(values), statistic(values)
    if n < 3:
        return 1.0
    ties = Counter(values)
    if n <= _EXACT and len(ties) == n:
        return _at_least(s, n)
    variance = _variance(n) - sum(_variance(count) for count in ties.values())
    if variance == 0:
        return 1.0
    shifted = s - math.copysign(1, s) if s else 0.0
    return 1 - NormalDist().cdf(shifted / math.sqrt(variance))


def _variance(n: int) -> float:
    return n * (n - 1) * (2 * n + 5) / 18


def _at_least(s: int, n: int) -> float:
    """Share of the orders of n values with a statistic of at least s. A pair that falls is an inversion."""
    counts = [1]
    for size in range(2, n + 1):
        counts = [sum(counts[max(0, k - size + 1) : k + 1]) for k in range(len(counts) + size - 1)]
    most = (n * (n - 1) // 2 - s) // 2
    return sum(counts[: most + 1]) / math.factorial(n)
