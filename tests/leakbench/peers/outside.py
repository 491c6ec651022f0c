"""Tests that look at a process from outside only, on the very readings that leakhunt recorded in its verdict
rounds.

RSS grew: mprof, psleak's columns, dashboards and the small middlewares all come down to comparing two levels; here
the last reading with the first after the warm-up. Least squares: the slope over the number of requests, with
Student's t-test; mprof draws that line (`plot --slope`), python-leak-hunter's `diagnose` does, too. Mann-Kendall: the
usual trend test of the literature on software ageing. Both tests are one-sided at 1 %, leakhunt's own level.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from leakbench.peers.mann_kendall import rising
from leakbench.series import Series
from leakhunt.analysis.student import two_sided

LEVEL: Final = 0.01
SHARE: Final = 0.1


def grew(x: Sequence[float], y: Sequence[float]) -> bool:
    """Whether the last level is more than a tenth above the first."""
    return len(y) > 1 and y[-1] > y[0] * (1 + SHARE)


def slopes_up(x: Sequence[float], y: Sequence[float]) -> bool:
    """Whether the least-squares slope is above zero at 1 %."""
    return slope_p_value(x, y) <= LEVEL


def trends_up(x: Sequence[float], y: Sequence[float]) -> bool:
    """Whether Mann and Kendall's test finds a rise at 1 %."""
    return rising(y) <= LEVEL


def slope_p_value(x: Sequence[float], y: Sequence[float]) -> float:
    """One-sided p-value of the slope of y over x; 1 where there is nothing to tell."""
    n = len(x)
    if n < 3:
        return 1.0
    mean_x, mean_y = sum(x) / n, sum(y) / n
    sxx = sum((a - mean_x) ** 2 for a in x)
    sxy = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    syy = sum((b - mean_y) ** 2 for b in y)
    if not sxx or not syy:
        return 1.0
    rest = max(0.0, syy - sxy**2 / sxx)
    if rest <= 1e-12 * syy:
        return 0.0 if sxy > 0 else 1.0
    t = sxy / sxx / math.sqrt(rest / (n - 2) / sxx)
    tail = (1 - two_sided(abs(t), n - 2)) / 2
    return tail if t > 0 else 1 - tail


TESTS: Final[tuple[tuple[str, str, str, Callable[[Sequence[float], Sequence[float]], bool]], ...]] = tuple(
    (f"{signal}_{test.__name__}", f"{label} {words}", signal, test)
    for signal, label in (("rss", "RSS"), ("anonymous", "Anonymous"))
    for words, test in (
        ("grew by more than 10 %", grew),
        ("least squares, 1 %", slopes_up),
        ("Mann-Kendall, 1 %", trends_up),
    )
)
"""Name, title, series and test."""


def verdicts(series: Series) -> dict[str, str]:
    """LEAK or CLEAN by the name of each test; a test without its series is left out."""
    levels = {"rss": series.rss, "anonymous": series.anonymous}
    return {
        name: "LEAK" if test(series.requests, levels[signal]) else "CLEAN"
        for name, _, signal, test in TESTS
        if levels[signal]
    }
