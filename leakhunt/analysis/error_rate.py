"""How the chance of a wrong verdict is dealt out over the routes, signals and looks of a run.

A run looks at its routes after every block, and there are several of both. Each look gets a share of one error rate
(Bonferroni), so that the rate that is stated holds for the whole run. Signals need no share of their own where the
largest of their statistics is tested.
"""

from __future__ import annotations

from math import sqrt
from typing import Final

from leakhunt.analysis.thresholds import SIGNALS

ERROR: Final = 0.01
"""Chance that a run is called LEAK in which no route keeps anything, and that a leak of the budget is called CLEAN."""
MAX_BLOCKS: Final = 9
_LOOKS: Final = MAX_BLOCKS - 1
"""Pairs of blocks running."""
_TWICE: Final = 0.1
"""Share of the error rate for signals that hit in both blocks of a pair; the rest is for pairs taken together."""
BEST_OF_SIX: Final = 1 / 720
"""The smallest p-value of one block of six rounds."""


def hit_level(routes: int) -> float:
    """Largest p-value of a hit in one block; two of them running, with a lottery each, are a leak."""
    # Half of it, since a dose that came out equal twice is forgiven a factor of two.
    return min(BEST_OF_SIX, sqrt(_TWICE * ERROR / (routes * len(SIGNALS) * _LOOKS)) / 2)


def joint_level(routes: int) -> float:
    """Largest p-value, over all signals, of two blocks taken together that are a leak."""
    return (1 - _TWICE) * ERROR / (routes * _LOOKS)


def bound_confidence(looks: int, bounds: int) -> float:
    """Two-sided confidence of each of so many bounds, the lowest of which is used at the given look, from 1.

    Shares of 1 / (k (k + 1)) over all looks k add up to 1, and a bound is one end of a two-sided interval.
    """
    return 1 - 2 * ERROR / (looks * (looks + 1)) / bounds
