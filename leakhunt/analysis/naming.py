"""What a suspect is called: its line, its holder, its fingerprint; and one of which none of them is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from linecache import getline
from typing import Final

from leakhunt.analysis.advice import advice
from leakhunt.analysis.case import Case
from leakhunt.analysis.causes import UNEXPLAINED
from leakhunt.analysis.fingerprint import fingerprint
from leakhunt.analysis.frames import function_of, short_file
from leakhunt.analysis.paths import GrowingPath, Hop
from leakhunt.analysis.sites import GrowingSite
from leakhunt.model.report import Site, Suspect
from leakhunt.model.snapshot import Container

NOTHING_FOUND: Final = "neither an allocating line nor a growing path was found for it"
NULL_REASONS: Final[Mapping[str, str]] = {
    "bytes_per_request": "the growth is counted in objects of the system, not in bytes",
    "bytes_per_request_interval": "the interval was measured for the route, not for each of its suspects",
    "count_per_request": "no objects were counted for it",
    "type": "no growing path was found for it",
    "site": "no line of the application was found that allocates it",
    "library": "the memory was not allocated inside a library",
    "path": "no growing path was found for it",
    "deep_size": "the holder was not measured, or what it holds owns memory outside Python's sight",
    "advice": "nothing is known of its cause",
    "cap": "no cap was found",
}


def bare_suspect(case: Case, cause: str, size: float | None, count: float | None, reason: str) -> Suspect:
    """A growth without line or holder."""
    explained = cause != UNEXPLAINED
    return Suspect(
        route=case.report.route,
        bytes_per_request=size,
        count_per_request=count,
        type=None,
        cause=cause,
        site=None,
        library=None,
        stack=(),
        path=None,
        path_nodes=(),
        fingerprint=fingerprint([case.report.route], None, cause, None),
        origin="application",
        confidence="strong" if explained else "weak",
        reasons=(reason, NOTHING_FOUND) if explained else (reason,),
        advice=advice(cause, None, None, None) if explained else None,
    )


def container_of(containers: Sequence[Container], path: GrowingPath | None) -> Container | None:
    """What was measured of the holder of a path, or of the path itself; the latest."""
    if path is None:
        return None
    names = (path.holder, path.path)
    return next((container for container in reversed(containers) if container.path in names), None)


def site_of(site: GrowingSite | None, conditions: Mapping[str, str]) -> Site | None:
    """The line, if it is one of the application."""
    if site is None or not site.application:
        return None
    frame = site.frame
    source = getline(frame.file, frame.line).strip() or None
    return Site(frame.file, frame.line, function_of(frame, site.stack), source, short_file(frame.file, conditions))


def node_of(hop: Hop, unit: str) -> str:
    """A hop of a path, with what grows there."""
    return f"{hop.edge} ({hop.type}, {hop.count_per_request:+.3g} per {unit})"


def print_of(path: GrowingPath | None, site: Site | None, cause: str) -> str:
    """The fingerprint of what a path down to the topmost growing node and a line tell."""
    edges = [hop.edge for hop in path.hops[: path.top + 1]] if path else []
    return fingerprint(edges, path.type if path else None, cause, site)
