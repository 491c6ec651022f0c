"""How fast a level has risen, with an interval that holds for levels which remember where they were."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from statistics import fmean, median
from typing import Final

from leakhunt.analysis.student import quantile
from leakhunt.model.view import Trend
from leakhunt.units import Seconds

WANTED: Final = 40
"""Readings below which nothing is said."""
_PIECES: Final = 10
_WIDTH: Final = 3
"""Readings whose median is the level at a bound: what a single request needs for a moment does not count."""
_CONFIDENCE: Final = 0.99
_STEP: Final = 4096.0
"""The kernel accounts for memory by pages, so growth of less than one cannot be told from none."""


def trend(times: Sequence[Seconds], levels: Sequence[float]) -> Trend | None:
    """Growth per second over all readings, with its interval at 99 %; None if there are too few.

    The readings are cut into ten pieces. A piece's growth is its level at the end less that at its start, each the
    median of three readings. The trend is the mean of these growths, and Student's t over them gives the interval.

    A straight line fitted to the readings would have an interval that is far too narrow: the memory of a process
    depends on what it was a moment ago, and the usual formula counts every reading as news. Growths of pieces are
    nearly independent for a level that drifts (a random walk, steps of an arena), and follow each other with the
    opposite sign for one that only jitters, which makes the interval too wide, never too narrow. Where neighbours rise
    together, their covariance widens it as well (Newey and West 1987, lag 1, never below the plain variance). A lone
    step, however high, is no trend: it lies in one piece only.
    """
    if len(levels) < WANTED:
        return None
    bounds = [_bound(times, levels, number) for number in range(_PIECES + 1)]
    seconds = bounds[-1][0] - bounds[0][0]
    if seconds <= 0:
        return None
    slope = (bounds[-1][1] - bounds[0][1]) / seconds
    # Pieces may be of different length, where the machine was too busy to read on time.
    rests = [after - before - slope * (end - start) for (start, before), (end, after) in pairwise(bounds)]
    error = sqrt(_variance(rests) * _PIECES)
    half = max(error * quantile(_CONFIDENCE, _PIECES - 1), _STEP) / seconds
    return Trend(slope, slope - half, slope + half, seconds)


def _bound(times: Sequence[Seconds], levels: Sequence[float], number: int) -> tuple[Seconds, float]:
    """Time and level at the start of a piece, or at the end of the last one."""
    middle = number * (len(levels) - 1) / _PIECES
    low = max(0, min(len(levels) - _WIDTH, round(middle - (_WIDTH - 1) / 2)))
    return fmean(times[low : low + _WIDTH]), float(median(levels[low : low + _WIDTH]))


def _variance(rests: Sequence[float]) -> float:
    """Of what pieces grew by beside the trend, which is 0 on average."""
    plain = sum(rest * rest for rest in rests)
    together = sum(a * b for a, b in pairwise(rests))
    return (plain + max(0.0, 2 * together)) / (len(rests) - 1)
