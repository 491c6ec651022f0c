"""Suspects: route, size, line and holder in one answer, ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from leakhunt.analysis.advice import advice
from leakhunt.analysis.calls import Blame, blame_for_memory, blame_for_objects, is_held, waits_for_collector
from leakhunt.analysis.case import Case
from leakhunt.analysis.causes import (
    MAPPED_MEMORY,
    NATIVE_MEMORY,
    PYTHON_OBJECTS,
    THREADS,
    UNEXPLAINED,
    cause_of_objects,
    cause_outside_python,
)
from leakhunt.analysis.fingerprint import fingerprint
from leakhunt.analysis.frames import library_of
from leakhunt.analysis.join import Lead
from leakhunt.analysis.naming import NOTHING_FOUND, NULL_REASONS, bare_suspect, container_of, node_of, print_of, site_of
from leakhunt.analysis.resources import RESOURCE_CAUSES, RESOURCES, add_resource
from leakhunt.analysis.stores import store_suspect
from leakhunt.analysis.thresholds import Thresholds, planned_thresholds
from leakhunt.model.report import Suspect
from leakhunt.units import format_size

_SAME: Final = 0.75
"""Share of a route's growth from which the suspects of the explain rounds are taken to be all of it."""
_SHARE: Final = 0.05
"""Share of a route's growth below which a lead is not worth a line of its own."""
_EXPLAINED: Final = 0.5
"""Share of a route's growth that Python's allocations have to explain, else the rest is native."""
_OWNED: Final = frozenset({NATIVE_MEMORY, MAPPED_MEMORY})
"""Causes outside Python for which there is an object, or a call, to blame."""
_MEMORY: Final = frozenset({"live", "anonymous", "blocks"})


def find_suspects(case: Case) -> tuple[Suspect, ...]:
    """The suspects of one route, the weightiest first."""
    if case.stores:
        return tuple(store_suspect(case, path, first=path is case.stores[0]) for path in case.stores)
    suspects = [_python_suspect(case, lead) for lead in _worth_naming(case)]
    for signal in case.judgement.signals:
        if signal in RESOURCES:
            suspects = add_resource(case, suspects, signal)
    suspects = _to_scale(case, _add_native(case, suspects))
    thresholds = planned_thresholds(case.run.plan)
    ranked = sorted(suspects, key=lambda suspect: -weight(suspect, thresholds))
    return tuple(_complete(case, suspect, alone=len(ranked) == 1) for suspect in ranked)


def weight(suspect: Suspect, thresholds: Thresholds) -> float:
    """How many times the budget a suspect is: what makes bytes and threads comparable."""
    weights = [0.0]
    if suspect.bytes_per_request is not None:
        weights.append(suspect.bytes_per_request / thresholds.live)
    if suspect.count_per_request is not None and suspect.cause in RESOURCE_CAUSES:
        weights.append(suspect.count_per_request / thresholds.resources)
    return max(weights)


def per_second(suspect: Suspect) -> Suspect:
    """A suspect of what grows with time, whose figures were reckoned as if its seconds were requests."""
    with_time = "it grows with time and not with requests"
    no_figures = ("bytes_per_request", "bytes_per_request_interval", "count_per_request")
    return replace(
        suspect,
        bytes_per_request=None,
        bytes_per_request_interval=None,
        count_per_request=None,
        bytes_per_second=suspect.bytes_per_request,
        count_per_second=suspect.count_per_request,
        null_reasons={**suspect.null_reasons, **dict.fromkeys(no_figures, with_time)},
    )


def _worth_naming(case: Case) -> list[Lead]:
    """The leads that keep a fair share of the route's growth.

    A tracer knows only what was allocated since it began: where a full cache exchanges old entries for new ones, the
    new ones look like growth. The walk over the heap sees what there is. So lines that no path leads to are left what
    the paths certainly leave of the growth, and no more.
    """
    floor = _SHARE * case.total
    named = [lead for lead in case.leads if lead.path and (lead.size_per_request >= floor or _counts(lead))]
    room = case.certain - sum(lead.size_per_request for lead in case.leads if lead.path)
    for lead in case.leads:
        if lead.path is None:
            size = min(lead.size_per_request, room) if case.total else lead.size_per_request
            if size > 0 and size >= floor:
                named.append(replace(lead, size_per_request=size))
                room -= size
    return named


def _to_scale(case: Case, suspects: list[Suspect]) -> list[Suspect]:
    """Suspects that together are the route's growth, sized by the verdict rounds.

    The explain rounds send so few requests that their uploads may be larger or smaller than usual, or that a table
    which doubled shows as much as all its entries. They know the shares, the verdict rounds the sum.
    """
    together = sum(suspect.bytes_per_request or 0.0 for suspect in suspects)
    no_memory = bool(case.judgement.signals) and not _MEMORY & set(case.judgement.signals)
    if not case.total or no_memory or together < _SAME * case.total:
        return suspects
    scale = case.total / together
    return [
        replace(suspect, bytes_per_request=suspect.bytes_per_request * scale)
        if suspect.bytes_per_request is not None
        else suspect
        for suspect in suspects
    ]


def _complete(case: Case, suspect: Suspect, *, alone: bool) -> Suspect:
    """The suspect with an interval where it is all of the route's growth, and a reason for every None."""
    interval = case.report.bytes_per_request_interval if alone and suspect.bytes_per_request is not None else None
    known = replace(suspect, bytes_per_request_interval=interval)
    reasons = {name: reason for name, reason in NULL_REASONS.items() if getattr(known, name) is None}
    return replace(known, null_reasons=reasons)


def _counts(lead: Lead) -> bool:
    # Native memory hangs on small objects of some package: one per request is worth naming however small it is.
    return lead.path is not None and lead.path.multiple is not None and _from_package(lead.path.type)


def _from_package(type_: str | None) -> bool:
    """Whether instances of a type may own memory that is not Python's: a list or a str does not."""
    return "." in (type_ or "").removeprefix("builtins.")


def _python_suspect(case: Case, lead: Lead) -> Suspect:
    path, site = lead.path, lead.site
    container = container_of(case.run.containers, path)
    cap = container.cap if container else None
    found = cause_of_objects(
        case.run,
        bounded=cap is not None or case.judgement.state == "bounded",
        held=is_held(lead) and not waits_for_collector(lead),
        in_garbage=path is not None and path.path.startswith("gc.garbage"),
    )
    cause = found.name
    place = site_of(site, case.run.conditions)
    suspect = Suspect(
        route=case.report.route,
        bytes_per_request=lead.size_per_request,
        count_per_request=lead.count_per_request,
        type=path.type if path else None,
        cause=cause,
        site=place,
        library=library_of(site.stack, case.run.conditions) if site else None,
        stack=site.stack if site else (),
        path=path.path if path else None,
        path_nodes=tuple(node_of(hop, case.unit) for hop in path.hops) if path else (),
        fingerprint=print_of(path, place, cause),
        origin="application" if site is None or site.application else "library",
        confidence=_confidence(case, lead),
        reasons=(*_reasons(case, lead), *([found.reason] if found.reason else [])),
        also_held_by=path.others if path else (),
        deep_size=container.deep_size if container else None,
        cap=cap,
        chain=container.chain if container else (),
        advice=advice(cause, path.holder if path else None, path.holder_type if path else None, cap),
    )
    return suspect if is_held(lead) else _blamed(case, suspect, blame_for_objects(case.operations, lead))


def _add_native(case: Case, suspects: list[Suspect]) -> list[Suspect]:
    """Growth for which no objects were found, put down to its cause."""
    missing = case.total - sum(suspect.bytes_per_request or 0.0 for suspect in suspects)
    if not _MEMORY & set(case.judgement.signals) or missing < (1 - _EXPLAINED) * case.total:
        return suspects
    if not case.explained:
        return [_unexplained(case, missing)]
    found = cause_outside_python(case.run, case.report.bytes_per_request_basis, missing * case.requests)
    share = f"{format_size(missing)} of {format_size(case.total)} per {case.unit} are outside Python's allocators"
    if found.name == PYTHON_OBJECTS:
        return _with_unseen(case, suspects, missing, found.reason or share)
    if found.name not in _OWNED and found.name != THREADS:
        return [bare_suspect(case, found.name, missing, None, found.reason or share), *suspects]
    return _with_native(case, suspects, missing, found.name, "; ".join(filter(None, (share, found.reason))))


def _with_native(case: Case, suspects: list[Suspect], missing: float, cause: str, share: str) -> list[Suspect]:
    """Memory outside Python, put down to threads, or to the objects most likely to own it, or to who called for it."""
    blame = blame_for_memory(case.operations, cause, missing)
    threads = next((suspect for suspect in suspects if suspect.cause == THREADS), None)
    if threads is not None:
        return _with_threads(suspects, threads, missing, share)
    owner = _native_owner(suspects)
    if owner is None or (blame is not None and not _from_package(owner.type)):
        return [_blamed(case, bare_suspect(case, cause, missing, None, share), blame), *suspects]
    blamed = _blamed(case, owner, blame)
    known = replace(
        blamed,
        cause=cause,
        bytes_per_request=(blamed.bytes_per_request or 0.0) + missing,
        fingerprint=fingerprint([blamed.path or ""], blamed.type, cause, blamed.site),
        reasons=(*blamed.reasons, share),
        # A walk over Python objects does not see what they own outside.
        deep_size=None,
        advice=advice(cause, _holder_of(case, blamed), None, blamed.cap),
    )
    return [known if suspect is owner else suspect for suspect in suspects]


def _with_unseen(case: Case, suspects: Sequence[Suspect], missing: float, reason: str) -> list[Suspect]:
    """Objects that the explain rounds did not see grow: put down to those that they did see, the commonest first."""
    owner = _native_owner(suspects)
    if owner is None:
        return [bare_suspect(case, PYTHON_OBJECTS, missing, None, reason), *suspects]
    told = f"{reason}; {format_size(missing)} per {case.unit} of them were not seen when the route ran alone"
    known = replace(
        owner,
        bytes_per_request=(owner.bytes_per_request or 0.0) + missing,
        reasons=(*owner.reasons, told),
        deep_size=None,
    )
    return [known if suspect is owner else suspect for suspect in suspects]


def _with_threads(suspects: Sequence[Suspect], threads: Suspect, missing: float, share: str) -> list[Suspect]:
    """Where threads become more, memory outside Python's allocators comes with them: each has a stack and a state."""
    known = replace(
        threads,
        bytes_per_request=(threads.bytes_per_request or 0.0) + missing,
        reasons=(*threads.reasons, f"{share}; they come with the threads"),
        deep_size=None,
    )
    return [known if suspect is threads else suspect for suspect in suspects]


def _blamed(case: Case, suspect: Suspect, blame: Blame | None) -> Suspect:
    """The suspect with the line and the extension that the watched calls speak against."""
    if blame is None:
        return suspect
    made, site, stack = suspect.site, suspect.site, suspect.stack
    called = blame.site(case.run.conditions)
    if called is not None and (made is None or blame.proven):
        site, stack = called, blame.stack
    reasons = [each for each in suspect.reasons if each != NOTHING_FOUND]
    if made is not None and site is not None and (made.file, made.line) != (site.file, site.line):
        reasons.insert(0, f"what is left behind was made by {made.file.rpartition('/')[2]}:{made.line}")
    return replace(
        suspect,
        site=site,
        library=blame.library(case.run.conditions),
        stack=stack,
        origin="library",
        fingerprint=fingerprint([suspect.path or case.report.route], suspect.type, suspect.cause, site),
        reasons=(*reasons, blame.reason),
    )


def _holder_of(case: Case, suspect: Suspect) -> str | None:
    return next((lead.path.holder for lead in case.leads if lead.path and lead.path.path == suspect.path), None)


def _unexplained(case: Case, missing: float) -> Suspect:
    """Growth of a route that was never run alone, so that nothing is known of its cause."""
    return bare_suspect(case, UNEXPLAINED, missing, None, "the route was not run alone to explain its growth")


def _native_owner(suspects: Sequence[Suspect]) -> Suspect | None:
    """A path of objects from a package (a plain list or str owns no native memory), the commonest first."""
    held = [suspect for suspect in suspects if suspect.path is not None]
    foreign = [suspect for suspect in held if _from_package(suspect.type)]
    return max(foreign or held, key=lambda suspect: suspect.count_per_request or 0.0, default=None)


def _confidence(case: Case, lead: Lead) -> str:
    proven = case.judgement.state in {"leak", "bounded"}
    exact = (lead.path.multiple if lead.path else None) or (lead.site.multiple if lead.site else None)
    if proven and exact and lead.path and lead.site:
        return "certain"
    return "strong" if proven and (lead.path or exact) else "weak"


def _reasons(case: Case, lead: Lead) -> tuple[str, ...]:
    reasons = []
    if lead.path and lead.path.multiple:
        reasons.append(f"exactly {lead.path.multiple} more with every {case.unit}, in {lead.path.rounds} rounds")
    elif lead.path:
        reasons.append(f"{lead.path.count_per_request:.3g} more per {case.unit}, in each of {lead.path.rounds} rounds")
    else:
        reasons.append("no growing path was found that this line fills")
    if lead.site is None:
        reasons.append("no allocating line was found that fits")
    elif lead.site.multiple:
        blocks = "1 block" if lead.site.multiple == 1 else f"{lead.site.multiple} blocks"
        reasons.append(f"the line leaves exactly {blocks} behind per {case.unit}")
    if lead.path and lead.path.others:
        others = " and ".join(lead.path.others)
        reasons.append(f"{others} gained as many entries: what holds the same objects has to let go of them, too")
    return tuple(reasons)
