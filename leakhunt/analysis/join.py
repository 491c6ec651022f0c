"""Which line allocates what which path keeps: sites and paths of one step brought together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Final

from leakhunt.analysis.paths import GrowingPath
from leakhunt.analysis.sites import GrowingSite

_FURTHEST: Final = log(32)
"""A line and a path further apart than this factor of bytes have nothing to do with each other."""
_LIBRARY: Final = log(4)
"""A line of the application is preferred to one that is this factor closer but is not."""


@dataclass(frozen=True, slots=True)
class Lead:
    """A path, the line that fills it, or one of both."""

    path: GrowingPath | None
    site: GrowingSite | None
    size_per_request: float
    count_per_request: float


def join(paths: Sequence[GrowingPath], sites: Sequence[GrowingSite]) -> tuple[Lead, ...]:
    """Pair every path with the line that fits best, greedily, and keep what is left as leads of their own.

    The fit is how far bytes and counts per request are apart, in factors. A path's bytes are those of all that
    hangs on it, so lines that fill in the rest of a joined path (a key, an instance's attributes) are part of
    it and no leads of their own.
    """
    taken: dict[int, int] = {}
    pairs = sorted((_distance(p, s), i, j) for i, p in enumerate(paths) for j, s in enumerate(sites))
    for distance, i, j in pairs:
        if distance <= _FURTHEST and i not in taken and j not in taken.values():
            taken[i] = j
    leads = [_lead(path, sites[taken[i]] if i in taken else None) for i, path in enumerate(paths)]
    rest = _unexplained(leads, [site for j, site in enumerate(sites) if j not in taken.values()])
    leads += [Lead(None, site, site.size_per_request, site.count_per_request) for site in rest]
    return tuple(sorted(leads, key=lambda lead: -lead.size_per_request))


def _lead(path: GrowingPath, site: GrowingSite | None) -> Lead:
    # Buffers that no garbage collector walks are seen by the tracer alone, so its figure may be the larger.
    size = max(path.size_per_request, site.size_per_request if site else 0.0)
    return Lead(path, site, size, path.count_per_request)


def _distance(path: GrowingPath, site: GrowingSite) -> float:
    bytes_apart = _apart(path.size_per_request, site.size_per_request)
    count_apart = min(
        _apart(count, site.count_per_request) for count in (path.count_per_request, path.objects_per_request)
    )
    return bytes_apart + count_apart / 2 + (0.0 if site.application else _LIBRARY)


def _apart(a: float, b: float) -> float:
    return abs(log(max(a, 0.01) / max(b, 0.01)))


def _unexplained(leads: Sequence[Lead], sites: Sequence[GrowingSite]) -> list[GrowingSite]:
    """The lines that no joined path has room for."""
    room = sum(
        max(0.0, lead.path.size_per_request - (lead.site.size_per_request if lead.site else 0.0))
        for lead in leads
        if lead.path is not None
    )
    left = []
    for site in sites:
        if site.size_per_request <= room * 1.25:
            room -= site.size_per_request
        else:
            left.append(site)
    return left
