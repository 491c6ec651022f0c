"""Hazards: memory that is no growth of a route, and may end a worker all the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from leakhunt.analysis.advice import advice
from leakhunt.analysis.causes import COPY_ON_WRITE, RETENTION, TRANSIENT_PEAK
from leakhunt.model.report import Hazard, MemoryReport, RouteReport
from leakhunt.units import Bytes, format_size

_PEAK: Final[Bytes] = 32 * 2**20
"""What a single request needs for a moment from which several at a time are a danger to a worker."""
_WORKER: Final[Bytes] = 2**20
"""Of what workers lose by unsharing or retention: below it is what every process has."""


def find_hazards(routes: Sequence[RouteReport], memory: Sequence[MemoryReport]) -> tuple[Hazard, ...]:
    """Those of the routes, the largest peak first, then those of the workers."""
    peaks = sorted(_peaks(routes), key=lambda hazard: -hazard.size)
    return (*peaks, *_unshared(memory), *_retained(memory))


def _peaks(routes: Sequence[RouteReport]) -> Iterator[Hazard]:
    for route in routes:
        peak = route.peak_bytes_per_request or 0.0
        if peak >= _PEAK:
            times = "" if route.amplification is None else f", {max(0.0, route.amplification):.2f} times its upload"
            yield _hazard(
                TRANSIENT_PEAK, route.route, peak, f"one request needs {format_size(peak)} for a moment{times}"
            )


def _unshared(memory: Sequence[MemoryReport]) -> Iterator[Hazard]:
    sizes = [(each.unshared or 0, each.name) for each in memory]
    total = sum(size for size, _ in sizes if size >= _WORKER)
    if total:
        text = f"{format_size(total)} shared since a fork were written to, and are each worker's own by now"
        yield _hazard(COPY_ON_WRITE, max(sizes)[1], total, text)


def _retained(memory: Sequence[MemoryReport]) -> Iterator[Hazard]:
    sizes = [(each.trimmable or 0, each.name) for each in memory]
    total = sum(size for size, _ in sizes if size >= _WORKER)
    if total:
        text = f"{format_size(total)} were free, and malloc kept them until it was asked to give them back"
        yield _hazard(RETENTION, max(sizes)[1], total, text)


def _hazard(cause: str, subject: str, size: float, text: str) -> Hazard:
    return Hazard(cause, subject, round(size), text, advice(cause, None, None, None))
