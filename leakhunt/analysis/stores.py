"""Suspects for memory that was kept at first and then no more: stores that are full."""

from __future__ import annotations

from dataclasses import replace

from leakhunt.analysis.advice import advice
from leakhunt.analysis.case import Case
from leakhunt.analysis.causes import BOUNDED_CACHE
from leakhunt.analysis.frames import library_of
from leakhunt.analysis.naming import NULL_REASONS, container_of, print_of, site_of
from leakhunt.analysis.paths import GrowingPath
from leakhunt.model.report import Suspect
from leakhunt.units import format_size


def store_suspect(case: Case, path: GrowingPath, *, first: bool) -> Suspect:
    """What holds memory that was kept at first and then no more; its figures are sums, and none is per request.

    The line that fills the largest store is the one whose blocks stayed most in the explain rounds: by then they took
    the place of older ones.
    """
    sites = [lead.site for lead in case.leads if lead.site is not None]
    site = max(sites, key=lambda each: each.size_per_request, default=None) if first else None
    place = site_of(site, case.run.conditions)
    container = container_of(case.run.containers, path)
    cap = container.cap if container else None
    kept = f"{format_size(path.size_per_request)} in {path.count_per_request:.0f} more of it than at the baseline"
    suspect = Suspect(
        route=case.report.route,
        bytes_per_request=None,
        count_per_request=None,
        type=path.type,
        cause=BOUNDED_CACHE,
        site=place,
        library=library_of(site.stack, case.run.conditions) if site else None,
        stack=site.stack if site else (),
        path=path.path,
        path_nodes=tuple(f"{hop.edge} ({hop.type}, {hop.count_per_request:+.0f})" for hop in path.hops),
        fingerprint=print_of(path, place, BOUNDED_CACHE),
        origin="application" if site is None or site.application else "library",
        confidence="strong" if cap else "weak",
        reasons=(f"{kept}, and no more while requests went on",),
        deep_size=container.deep_size if container else None,
        cap=cap,
        chain=container.chain if container else (),
        advice=advice(BOUNDED_CACHE, path.holder, path.holder_type, cap),
    )
    stopped = "it has stopped growing"
    reasons = {name: reason for name, reason in NULL_REASONS.items() if getattr(suspect, name) is None}
    per_request = ("bytes_per_request", "bytes_per_request_interval", "count_per_request")
    return replace(suspect, null_reasons={**reasons, **dict.fromkeys(per_request, stopped)})
