"""The curves and shaded phases of the growth chart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from typing import Final

from leakhunt.model.measurement import TimelinePoint
from leakhunt.model.report import PhaseSpan, Series
from leakhunt.model.run import Phase, Round, Run

_POINTS: Final = 600
_LABELS: Final[Mapping[Phase, str]] = {
    Phase.ARRIVAL: "arrival",
    Phase.WARM_UP: "warm-up",
    Phase.BASELINE: "baseline",
    Phase.DOSE: "verdict rounds",
    Phase.SETTLE: "settle",
    Phase.IDLE: "idle",
    Phase.COLLECT: "collect",
    Phase.PEAK: "peaks",
    Phase.EXPLAIN: "explain",
    Phase.CALLS: "calls",
    Phase.NATURAL: "its own traffic",
}


def chart_series(run: Run) -> tuple[Series, ...]:
    """One curve per process life, in the order of birth, thinned to what a chart can show."""
    points: dict[str, list[TimelinePoint]] = defaultdict(list)
    for point in run.timeline:
        points[point.worker].append(point)
    return tuple(
        _series(worker.key, worker.name, thin(points[worker.key]))
        for worker in sorted(run.workers, key=lambda worker: worker.born)
        if points[worker.key]
    )


def thin(points: Sequence[TimelinePoint], most: int = _POINTS) -> Sequence[TimelinePoint]:
    """At most `most` points: the highest of every bucket, since a peak must not vanish, and both ends."""
    if len(points) <= most:
        return points
    inner, buckets = points[1:-1], most - 2
    edges = [len(inner) * i // buckets for i in range(buckets + 1)]
    highest = [max(inner[low:high], key=lambda point: point.rss) for low, high in pairwise(edges)]
    return [points[0], *highest, points[-1]]


def phase_spans(run: Run) -> tuple[PhaseSpan, ...]:
    """Rounds of the same phase that follow each other, as one stretch each."""
    spans = []
    for phase, group in groupby(run.rounds, key=lambda round_: round_.phase):
        rounds = list(group)
        spans.append(PhaseSpan(phase, _label(rounds[0]), rounds[0].started, rounds[-1].ended))
    return tuple(spans)


def _label(first: Round) -> str:
    return f"{first.inputs} inputs" if first.phase is Phase.REPEATED else _LABELS[first.phase]


def _series(worker: str, name: str, points: Sequence[TimelinePoint]) -> Series:
    return Series(
        worker,
        name,
        tuple(point.time for point in points),
        tuple(point.rss for point in points),
        tuple(point.uss for point in points),
    )
