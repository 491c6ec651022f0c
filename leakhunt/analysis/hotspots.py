"""The function table: what a request leaves behind, function by function."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from leakhunt.analysis.explain import AloneRounds, alone_rounds
from leakhunt.analysis.frames import short_file
from leakhunt.analysis.sites import GrowingSite, growing_sites
from leakhunt.model.report import Hotspot
from leakhunt.model.run import BACKGROUND, Run
from leakhunt.model.snapshot import Frame


def find_hotspots(run: Run) -> tuple[Hotspot, ...]:
    """Functions with growing allocation sites, route by route, those that keep most first."""
    rows: dict[tuple[str, str, str], Hotspot] = {}
    for alone in _requested(run):
        groups: dict[tuple[str, str], list[GrowingSite]] = defaultdict(list)
        for site in growing_sites(alone):
            groups[site.frame.file, site.frame.function].append(site)
        for (file, function), sites in groups.items():
            row = _row(alone.route, sites, run.conditions)
            # Several steps of a route are several ways to request it: what one of them keeps, not all together.
            known = rows.get((alone.route, file, function), row)
            rows[alone.route, file, function] = max(known, row, key=lambda each: each.kept_per_request)
    return tuple(sorted(rows.values(), key=lambda row: (-row.kept_per_request, row.file, row.line)))


def flame_stacks(run: Run) -> tuple[tuple[tuple[Frame, ...], float], ...]:
    """The allocation flame graph: every growing stack with the bytes it keeps per request, the widest first."""
    of_route: dict[tuple[str, tuple[Frame, ...]], float] = {}
    for alone in _requested(run):
        for site in growing_sites(alone):
            for stack, size in site.stacks:
                of_route[alone.route, stack] = max(size, of_route.get((alone.route, stack), 0.0))
    widths: dict[tuple[Frame, ...], float] = defaultdict(float)
    for (_, stack), size in of_route.items():
        widths[stack] += size
    return tuple(sorted(widths.items(), key=lambda item: (-item[1], [(frame.file, frame.line) for frame in item[0]])))


def _requested(run: Run) -> Iterator[AloneRounds]:
    """What grows with time is not per request, and has no place among what is."""
    return (alone for alone in alone_rounds(run) if alone.step != BACKGROUND)


def _row(route: str, sites: list[GrowingSite], conditions: Mapping[str, str]) -> Hotspot:
    heaviest = max(sites, key=lambda site: site.size_per_request)
    return Hotspot(
        heaviest.frame.function,
        heaviest.frame.file,
        heaviest.frame.line,
        route,
        sum(site.size_per_request for site in sites),
        sum(site.count_per_request for site in sites),
        short_file(heaviest.frame.file, conditions),
    )
