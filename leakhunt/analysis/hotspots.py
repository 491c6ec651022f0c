"""The function table: what a request leaves behind, function by function."""

from __future__ import annotations

from collections import defaultdict

from leakhunt.analysis.explain import alone_rounds
from leakhunt.analysis.sites import GrowingSite, growing_sites
from leakhunt.model.report import Hotspot
from leakhunt.model.run import Run


def find_hotspots(run: Run) -> tuple[Hotspot, ...]:
    """Functions with growing allocation sites, route by route, those that keep most first."""
    groups: dict[tuple[str, str, str], list[GrowingSite]] = defaultdict(list)
    for alone in alone_rounds(run):
        for site in growing_sites(alone):
            groups[alone.route, site.frame.file, site.frame.function].append(site)
    rows = [_row(route, sites) for (route, _, _), sites in groups.items()]
    return tuple(sorted(rows, key=lambda row: (-row.kept_per_request, row.file, row.line)))


def _row(route: str, sites: list[GrowingSite]) -> Hotspot:
    heaviest = max(sites, key=lambda site: site.size_per_request)
    return Hotspot(
        heaviest.frame.function,
        heaviest.frame.file,
        heaviest.frame.line,
        route,
        sum(site.size_per_request for site in sites),
        sum(site.count_per_request for site in sites),
    )
