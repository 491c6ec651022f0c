"""Who holds what has grown while an app was looked at under its own traffic, as far as two looks at the heap tell.

Nobody has run a route alone: whatever else was done meanwhile is in the difference of the two as well. So what has
grown is put down to the suspected route whose growth it comes closest to, and no suspect is more than a weak one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Final

from leakhunt.analysis.case import Case
from leakhunt.analysis.dose import Slope
from leakhunt.analysis.explain import AloneRounds
from leakhunt.analysis.join import join
from leakhunt.analysis.judge import RouteJudgement
from leakhunt.analysis.paths import GrowingPath, growing_paths
from leakhunt.analysis.suspects import find_suspects
from leakhunt.model.report import RouteReport, Suspect
from leakhunt.model.run import ALL_TRAFFIC, Run
from leakhunt.model.snapshot import Snapshot

_FURTHEST: Final = log(8)
"""A path and a route whose bytes are further apart than this factor have nothing to do with each other."""
_LINE: Final = "allocations are not traced under an app's own traffic; a workload shows the line"
_LIKE: Final[Mapping[str, str]] = {"malloc": "live"}
"""Signals by the names that they have in the experiment."""


@dataclass(frozen=True, slots=True)
class Grown:
    """A route that is suspected, some that cannot be told from each other, or all traffic together."""

    report: RouteReport
    signals: tuple[str, ...]
    """Those that speak for growth."""


def natural_suspects(run: Run, grown: Sequence[Grown]) -> tuple[Suspect, ...]:
    """The suspects of each, the weightiest first."""
    paths = {each.report.route: _paths(run, each.report) for each in grown}
    chosen = _share_out(grown, paths)
    return tuple(suspect for each in grown for suspect in _suspects_of(run, each, chosen[each.report.route]))


def _suspects_of(run: Run, grown: Grown, paths: Sequence[GrowingPath]) -> list[Suspect]:
    report = grown.report
    slopes = {
        growth.signal: Slope(growth.per_request, growth.interval, None, 1.0, report.requests, 0.0, 0.0)
        for growth in report.growths
    }
    signals = tuple(_LIKE.get(signal, signal) for signal in grown.signals)
    judgement = RouteJudgement(report.route, "growing", report.reasons, signals, slopes)
    case = Case(run, judgement, report, join(paths, ()), explained=False)
    return [_as_seen(suspect) for suspect in find_suspects(case)]


def _as_seen(suspect: Suspect) -> Suspect:
    """With reasons that claim no more than was seen."""
    if suspect.path is not None:
        number = f"{suspect.count_per_request:.3g}" if suspect.count_per_request is not None else "some"
        seen = f"{number} more of them for each of its requests, which nothing shows to have made them"
    else:
        seen = "no place in the heap was seen to grow like it between the two looks"
    return replace(
        suspect,
        confidence="weak",
        reasons=(seen,),
        null_reasons={**suspect.null_reasons, **({"site": _LINE} if suspect.site is None else {})},
    )


def _paths(run: Run, report: RouteReport) -> tuple[GrowingPath, ...]:
    """What became more from the first look to the last, in the workers that were looked at twice."""
    looks: dict[str, list[Snapshot]] = defaultdict(list)
    for snapshot in run.snapshots:
        looks[snapshot.worker].append(snapshot)
    pairs = [(found[0], found[-1]) for found in looks.values() if len(found) > 1 and found[0].paths and found[-1].paths]
    requests = sum(_requests(run, report, before, after) for before, after in pairs)
    if not requests:
        return ()
    alone = AloneRounds(report.route, report.route, (float(requests),), (tuple(pairs),))
    return growing_paths(alone, in_number=True)


def _requests(run: Run, report: RouteReport, before: Snapshot, after: Snapshot) -> int:
    """Requests of these routes that a worker served between two looks."""
    served = {
        done.index: sample.served for done in run.rounds for sample in done.samples if sample.worker == before.worker
    }
    old, new = served.get(before.round, {}), served.get(after.round, {})
    routes = new if report.route == ALL_TRAFFIC else report.steps
    return sum(new.get(route, 0) - old.get(route, 0) for route in routes)


def _share_out(
    grown: Sequence[Grown], paths: Mapping[str, Sequence[GrowingPath]]
) -> Mapping[str, tuple[GrowingPath, ...]]:
    """Each path to the one whose growth per request it comes closest to; none to one that it has nothing to do with."""
    nearest: dict[str, tuple[float, str]] = {}
    for each in grown:
        route = each.report.route
        for path in paths[route]:
            apart = _apart(path, each.report)
            if apart <= _FURTHEST and apart < nearest.get(path.path, (float("inf"), ""))[0]:
                nearest[path.path] = (apart, route)
    return {
        route: tuple(path for path in found if nearest.get(path.path, (0.0, ""))[1] == route)
        for route, found in paths.items()
    }


def _apart(path: GrowingPath, report: RouteReport) -> float:
    """How far their bytes per request are apart, in factors; by the number of blocks where no bytes are known."""
    size, own = report.bytes_per_request, path.size_per_request
    if size is None or size <= 0:
        blocks = next((growth.per_request for growth in report.growths if growth.signal == "blocks"), 0.0)
        size, own = blocks, path.objects_per_request
    return abs(log(max(own, 0.01) / max(size, 0.01)))
