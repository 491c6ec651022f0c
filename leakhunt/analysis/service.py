"""How quickly and how well the target answered, from the recorded responses. Told and not judged: machines differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean, median
from typing import Final

from leakhunt.analysis.series import JUDGED_PHASES
from leakhunt.model.run import Run
from leakhunt.units import Seconds

_SLOW: Final = 0.95


@dataclass(frozen=True, slots=True)
class Answers:
    """The responses to one route in the verdict rounds that were as expected; None where there were none."""

    count: int
    median: Seconds | None
    slow: Seconds | None
    """95 of 100 came sooner (nearest rank)."""
    mean: Seconds | None


def read_answers(run: Run) -> Mapping[str, Answers]:
    """The answers by route. Rounds in which the app is traced or its heap looked at do not count."""
    judged = {round_.index for round_ in run.rounds if round_.phase in JUDGED_PHASES}
    durations: dict[str, list[Seconds]] = {route: [] for route in run.routes.values()}
    for record in run.requests:
        if record.round in judged and record.expected:
            durations.setdefault(run.routes.get(record.step, record.step), []).append(record.duration)
    return {route: _summarise(sorted(found)) for route, found in durations.items()}


def throughput(answers: Mapping[str, Answers], routes: Sequence[str], concurrency: int) -> float | None:
    """Requests per second if each of these routes got as many; None where one of them was not answered.

    So many clients that each wait for their answer get as many answers per mean time of one. Runs send routes in
    shares of their own, which therefore do not count.
    """
    means = [answers[route].mean for route in routes if route in answers]
    known = [mean for mean in means if mean]
    if not routes or len(known) < len(routes):
        return None
    return concurrency / fmean(known)


def _summarise(durations: Sequence[Seconds]) -> Answers:
    if not durations:
        return Answers(0, None, None, None)
    slow = durations[ceil(_SLOW * len(durations)) - 1]
    return Answers(len(durations), median(durations), slow, fmean(durations))
