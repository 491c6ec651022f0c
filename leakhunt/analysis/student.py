"""Student's t distribution, as far as intervals need it."""

from __future__ import annotations

from functools import lru_cache
from math import atan, cos, inf, pi, sin, sqrt, tan
from statistics import NormalDist

_LARGE = 400


def two_sided(t: float, df: int) -> float:
    """P(|T| <= t) for Student's t with `df` degrees of freedom.

    The finite series for whole degrees of freedom: Abramowitz and Stegun, Handbook of Mathematical
    Functions, 26.7.3 (odd) and 26.7.4 (even).
    """
    theta = atan(t / sqrt(df))
    square = cos(theta) ** 2
    if df % 2:
        term, total = cos(theta), cos(theta) if df > 1 else 0.0
        for j in range(3, df - 1, 2):
            term *= square * (j - 1) / j
            total += term
        return 2 / pi * (theta + sin(theta) * total)
    term = total = 1.0
    for j in range(2, df - 1, 2):
        term *= square * (j - 1) / j
        total += term
    return sin(theta) * total


def quantile_99(df: int) -> float:
    """Half width of a two-sided 99 % interval in standard errors; infinite without degrees of freedom."""
    return quantile(0.99, df)


@lru_cache(maxsize=2048)
def quantile(confidence: float, df: int) -> float:
    """Half width of a two-sided interval in standard errors; infinite without degrees of freedom."""
    if df < 1:
        return inf
    if df > _LARGE:
        return NormalDist().inv_cdf((1 + confidence) / 2)
    low, high = 0.0, pi / 2
    for _ in range(80):
        middle = (low + high) / 2
        if two_sided(sqrt(df) * tan(middle), df) < confidence:
            low = middle
        else:
            high = middle
    return sqrt(df) * tan((low + high) / 2)
