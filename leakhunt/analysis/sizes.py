"""Upload sizes as a cause of noise: what a route sent in a round beyond its average."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from statistics import fmean, pstdev
from typing import Final

from leakhunt.model.run import Phase, Run

_MATTERS: Final = 10_000
"""Standard deviation of a route's body sizes, in bytes, from which they are worth a column."""


def excess_bytes(run: Run) -> Mapping[int, Mapping[str, float]]:
    """By round and route, bytes sent less the route's mean for as many requests.

    A route that keeps its uploads grows with their sizes, which to the other routes is noise as large as the
    uploads. The sizes are known, so they are taken out. Routes whose bodies hardly differ are absent.
    """
    verdict = {round_.index for round_ in run.rounds if round_.phase in (Phase.DOSE, Phase.REPEATED)}
    sizes: dict[str, list[int]] = defaultdict(list)
    for record in run.requests:
        if record.round in verdict:
            sizes[run.routes.get(record.step, record.step)].append(record.sent)
    means = {route: fmean(sent) for route, sent in sizes.items() if pstdev(sent) >= _MATTERS}
    excess: dict[int, dict[str, float]] = defaultdict(lambda: dict.fromkeys(means, 0.0))
    for record in run.requests:
        route = run.routes.get(record.step, record.step)
        if record.round in verdict and route in means:
            excess[record.round][route] += record.sent - means[route]
    return excess
