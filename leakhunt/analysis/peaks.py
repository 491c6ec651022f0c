"""How much memory a request needs for a moment, and how that follows the size of the upload."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, median
from typing import Final

from leakhunt.analysis.linear import dot, orthonormal, residual
from leakhunt.analysis.student import quantile_99
from leakhunt.model.measurement import PeakSample
from leakhunt.model.report import Interval

_SIZES: Final = 3
_SPAN: Final = 20
"""The sizes have to span this many times the noise of the peak."""


@dataclass(frozen=True, slots=True)
class Peak:
    """What the peak rounds say about one route; a value that is None has its reason in `reason`."""

    bytes_per_request: float | None
    """Median peak at the largest upload size: what a worker has to have free."""
    amplification: float | None
    interval: Interval | None
    reason: str | None
    """Why there is no amplification."""


def read_peak(samples: Sequence[PeakSample]) -> Peak:
    """Peak and upload amplification of one route.

    Amplification is the least-squares slope of peak against upload size, with an intercept for what a
    request needs whatever its size. It is given only where the sizes span 20 times the standard deviation
    of peaks at the same size: below that the slope would be noise.
    """
    if not samples:
        return Peak(None, None, None, "no peak rounds were run for this route")
    largest = max(sample.uploaded for sample in samples)
    typical = float(median(sample.peak for sample in samples if sample.uploaded == largest))
    sizes = _by_size(samples)
    if len(sizes) < _SIZES or len(samples) <= _SIZES - 1:
        return Peak(typical, None, None, f"needs at least {_SIZES} upload sizes, got {len(sizes)}")
    slope, half = _fit(samples)
    if largest - min(sample.uploaded for sample in samples) < _SPAN * _noise(samples):
        return Peak(typical, None, None, f"the upload sizes span less than {_SPAN} times the noise of the peak")
    return Peak(typical, slope, (slope - half, slope + half), None)


def _fit(samples: Sequence[PeakSample]) -> tuple[float, float]:
    """Slope, and half width of its 99 % interval."""
    ones = orthonormal([[1.0] * len(samples)])
    sizes = residual([float(sample.uploaded) for sample in samples], ones)
    peaks = residual([float(sample.peak) for sample in samples], ones)
    slope = dot(sizes, peaks) / dot(sizes, sizes)
    left = max(0.0, dot(peaks, peaks) - slope * slope * dot(sizes, sizes))
    df = len(samples) - 2
    return slope, quantile_99(df) * sqrt(left / df / dot(sizes, sizes))


def _noise(samples: Sequence[PeakSample]) -> float:
    """Standard deviation of the peak at one and the same size, pooled over the sizes.

    Peaks need not follow the size in a straight line, so what a line leaves over is no measure of it.
    """
    groups = [[float(sample.peak) for sample in group] for group in _by_size(samples)]
    df = len(samples) - len(groups)
    return sqrt(sum(sum((peak - fmean(group)) ** 2 for peak in group) for group in groups) / df) if df else 0.0


def _by_size(samples: Sequence[PeakSample]) -> list[list[PeakSample]]:
    """Samples of the same size together; a file name that is a digit longer makes no other size."""
    largest = max(sample.uploaded for sample in samples)
    groups: dict[int, list[PeakSample]] = {}
    for sample in samples:
        groups.setdefault(round(100 * sample.uploaded / largest) if largest else 0, []).append(sample)
    return list(groups.values())
