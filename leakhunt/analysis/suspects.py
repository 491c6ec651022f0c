"""Suspects: route, size, line and holder in one answer, ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from linecache import getline
from typing import Final

from leakhunt.analysis import wording
from leakhunt.analysis.advice import advice
from leakhunt.analysis.assess import assess
from leakhunt.analysis.calls import (
    Blame,
    WatchedOperation,
    blame_for_memory,
    blame_for_objects,
    is_held,
    watched_operations,
)
from leakhunt.analysis.causes import (
    BOUNDED_CACHE,
    MAPPED_MEMORY,
    NATIVE_MEMORY,
    PYTHON_OBJECTS,
    THREADS,
    UNEXPLAINED,
    cause_of_objects,
    cause_outside_python,
)
from leakhunt.analysis.explain import AloneRounds, alone_rounds
from leakhunt.analysis.fingerprint import fingerprint
from leakhunt.analysis.frames import function_of, library_of, short_file
from leakhunt.analysis.join import Lead, join
from leakhunt.analysis.judge import RouteJudgement
from leakhunt.analysis.paths import GrowingPath, Hop, growing_paths
from leakhunt.analysis.series import JUDGED_PHASES
from leakhunt.analysis.sites import GrowingSite, growing_sites
from leakhunt.analysis.thresholds import Thresholds, planned_thresholds
from leakhunt.model.report import RouteReport, Site, Suspect
from leakhunt.model.run import Run
from leakhunt.model.snapshot import Container, Frame
from leakhunt.units import format_size

_SHARE: Final = 0.05
"""Share of a route's growth below which a lead is not worth a line of its own."""
_EXPLAINED: Final = 0.5
"""Share of a route's growth that Python's allocations have to explain, else the rest is native."""
_SAME: Final = 0.75
"""Share of a route's growth from which the suspects of the explain rounds are taken to be all of it."""
_OWNED: Final = frozenset({NATIVE_MEMORY, MAPPED_MEMORY})
"""Causes outside Python for which there is an object, or a call, to blame."""
_NOTHING_FOUND: Final = "neither an allocating line nor a growing path was found for it"
_MEMORY: Final = frozenset({"live", "anonymous", "blocks"})
_RESOURCES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "threads": (THREADS, ("thread",)),
    "descriptors": (
        "descriptors",
        ("socket", "fileio", "bufferedreader", "bufferedwriter", "selector", "connection", "mmap"),
    ),
    "temp_files": ("temporary-files", ("bufferedrandom", "bufferedwriter", "_temporaryfile", "textiowrapper")),
}
"""Signal -> cause, and what the types of the objects are called that stand for the resource, in small letters."""
_RESOURCE_CAUSES: Final = frozenset(cause for cause, _ in _RESOURCES.values())
_AGREES: Final = 0.05
"""Share by which two counts may differ that are taken for the same: one object for each thread, descriptor or file."""

_NULL_REASONS: Final[Mapping[str, str]] = {
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


@dataclass(frozen=True, slots=True)
class Case:
    """All there is to say about the growth of one route."""

    run: Run
    judgement: RouteJudgement
    report: RouteReport
    leads: tuple[Lead, ...]
    explained: bool
    """Whether the route was run alone with its allocations traced."""
    stores: tuple[GrowingPath, ...] = ()
    """What holds the memory of a route that has stopped growing."""

    @property
    def total(self) -> float:
        """Bytes per request that want an explanation."""
        return max(0.0, self.report.bytes_per_request or 0.0)

    @property
    def operations(self) -> tuple[WatchedOperation, ...]:
        """What leads into extensions, as far as it was watched."""
        return watched_operations(self.run, self.report.route)

    @property
    def requests(self) -> int:
        """Requests of the verdict rounds, on which the sizes rest."""
        steps = [step for step, route in self.run.routes.items() if route == self.report.route]
        rounds = (each for each in self.run.rounds if each.phase in JUDGED_PHASES)
        return sum(each.doses.get(step, 0) for each in rounds for step in steps)

    @property
    def certain(self) -> float:
        """As many of them as there are in any case, where noise makes the total vague."""
        interval = self.report.bytes_per_request_interval
        return self.total if interval is None else max(interval[0], self.total / 2)


def explained_paths(run: Run) -> Mapping[str, tuple[GrowingPath, ...]]:
    """By step, the paths that its explain rounds show to grow: what is worth a closer look while the target lives."""
    return {alone.step: growing_paths(alone) for alone in alone_rounds(run)}


def wants_calls(run: Run, step: str) -> bool:
    """Whether objects that something in Python holds leave much of the growth of a step unexplained."""
    route = assess(run).routes.get(run.routes.get(step, step))
    leads = [lead for alone in alone_rounds(run) if alone.step == step for lead in _leads_of(alone)]
    held = sum(lead.size_per_request for lead in leads if is_held(lead))
    return route is not None and held < _SAME * route.bytes_per_request


def is_rare(run: Run, step: str) -> bool:
    """Whether neither objects nor calls explain most of what a step keeps: few of its requests may keep it."""
    route = assess(run).routes.get(run.routes.get(step, step))
    if route is None or not wants_calls(run, step):
        return False
    leads = [lead for alone in alone_rounds(run) if alone.step == step for lead in _leads_of(alone)]
    found = sum(lead.size_per_request for lead in leads)
    operations = watched_operations(run, run.routes.get(step, step))
    blames = (blame_for_memory(operations, cause, route.bytes_per_request) for cause in (NATIVE_MEMORY, MAPPED_MEMORY))
    return found < _EXPLAINED * route.bytes_per_request and not any(blames)


def find_leads(run: Run) -> Mapping[str, tuple[Lead, ...]]:
    """By route, joined paths and lines, equal ones of several steps merged."""
    leads: dict[str, tuple[Lead, ...]] = {}
    for alone in alone_rounds(run):
        leads[alone.route] = _merge(leads.get(alone.route, ()), _leads_of(alone))
    return leads


def find_suspects(case: Case) -> tuple[Suspect, ...]:
    """The suspects of one route, the weightiest first."""
    if case.stores:
        return tuple(_full_store(case, path, first=path is case.stores[0]) for path in case.stores)
    suspects = [_python_suspect(case, lead) for lead in _worth_naming(case)]
    for signal in case.judgement.signals:
        if signal in _RESOURCES:
            suspects = _add_resource(case, suspects, signal)
    suspects = _to_scale(case, _add_native(case, suspects))
    thresholds = planned_thresholds(case.run.plan)
    ranked = sorted(suspects, key=lambda suspect: -weight(suspect, thresholds))
    return tuple(_complete(case, suspect, alone=len(ranked) == 1) for suspect in ranked)


def weight(suspect: Suspect, thresholds: Thresholds) -> float:
    """How many times the budget a suspect is: what makes bytes and threads comparable."""
    weights = [0.0]
    if suspect.bytes_per_request is not None:
        weights.append(suspect.bytes_per_request / thresholds.live)
    if suspect.count_per_request is not None and suspect.cause in _RESOURCE_CAUSES:
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
        reasons=tuple(reason.replace("per request", "per second") for reason in suspect.reasons),
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
    reasons = {name: reason for name, reason in _NULL_REASONS.items() if getattr(known, name) is None}
    return replace(known, null_reasons=reasons)


def _leads_of(alone: AloneRounds) -> tuple[Lead, ...]:
    return join(growing_paths(alone), growing_sites(alone))


def _merge(known: Sequence[Lead], more: Sequence[Lead]) -> tuple[Lead, ...]:
    """Both steps' leads; of two for the same place the larger."""
    merged = {_place(lead): lead for lead in known}
    for lead in more:
        other = merged.get(_place(lead))
        if other is None or lead.size_per_request > other.size_per_request:
            merged[_place(lead)] = lead
    return tuple(merged.values())


def _place(lead: Lead) -> tuple[str | None, Frame | None]:
    return (lead.path.path if lead.path else None, lead.site.frame if lead.site else None)


def _counts(lead: Lead) -> bool:
    # Native memory hangs on small objects of some package: one per request is worth naming however small it is.
    return lead.path is not None and lead.path.multiple is not None and _from_package(lead.path.type)


def _from_package(type_: str | None) -> bool:
    """Whether instances of a type may own memory that is not Python's: a list or a str does not."""
    return "." in (type_ or "").removeprefix("builtins.")


def _python_suspect(case: Case, lead: Lead) -> Suspect:
    path, site = lead.path, lead.site
    container = _container(case.run.containers, path)
    cap = container.cap if container else None
    found = cause_of_objects(
        case.run,
        bounded=cap is not None or case.judgement.state == "bounded",
        held=is_held(lead),
        in_garbage=path is not None and path.path.startswith("gc.garbage"),
    )
    cause = found.name
    place = _site(site, case.run.conditions)
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
        path_nodes=tuple(_node(hop) for hop in path.hops) if path else (),
        fingerprint=_fingerprint(path, place, cause),
        origin="application" if site is None or site.application else "library",
        confidence=_confidence(case, lead),
        reasons=(*_reasons(lead), *([found.reason] if found.reason else [])),
        deep_size=container.deep_size if container else None,
        cap=cap,
        chain=container.chain if container else (),
        advice=advice(cause, path.holder if path else None, path.holder_type if path else None, cap),
    )
    return suspect if is_held(lead) else _blamed(case, suspect, blame_for_objects(case.operations, lead))


def _full_store(case: Case, path: GrowingPath, *, first: bool) -> Suspect:
    """What holds memory that was kept at first and then no more; its figures are sums, and none is per request.

    The line that fills the largest store is the one whose blocks stayed most in the explain rounds: by then they took
    the place of older ones.
    """
    sites = [lead.site for lead in case.leads if lead.site is not None]
    site = max(sites, key=lambda each: each.size_per_request, default=None) if first else None
    place = _site(site, case.run.conditions)
    container = _container(case.run.containers, path)
    cap = container.cap if container else None
    kept = f"{format_size(path.size_per_request)} in {path.count_per_request:.0f} more of it than at the baseline"
    suspect = Suspect(
        case.report.route, None, None, path.type, BOUNDED_CACHE, place,
        library_of(site.stack, case.run.conditions) if site else None, site.stack if site else (), path.path,
        tuple(f"{hop.edge} ({hop.type}, {hop.count_per_request:+.0f})" for hop in path.hops),
        _fingerprint(path, place, BOUNDED_CACHE), "application", "strong" if cap else "weak",
        (f"{kept}, and no more while requests went on",),
        deep_size=container.deep_size if container else None,
        cap=cap,
        chain=container.chain if container else (),
        advice=advice(BOUNDED_CACHE, path.holder, path.holder_type, cap),
    )  # fmt: skip
    stopped = "it has stopped growing"
    reasons = {name: reason for name, reason in _NULL_REASONS.items() if getattr(suspect, name) is None}
    per_request = ("bytes_per_request", "bytes_per_request_interval", "count_per_request")
    return replace(suspect, null_reasons={**reasons, **dict.fromkeys(per_request, stopped)})


def _add_native(case: Case, suspects: list[Suspect]) -> list[Suspect]:
    """Growth that Python's allocators do not account for, put down to the objects most likely to own it."""
    missing = case.total - sum(suspect.bytes_per_request or 0.0 for suspect in suspects)
    if not _MEMORY & set(case.judgement.signals) or missing < (1 - _EXPLAINED) * case.total:
        return suspects
    if not case.explained:
        return [_unexplained(case, missing)]
    found = cause_outside_python(case.run, case.report.bytes_per_request_basis, missing * case.requests)
    share = f"{format_size(missing)} of {format_size(case.total)} per request are outside Python's allocators"
    if found.name not in _OWNED and found.name != THREADS:
        return [_bare(case, found.name, missing, None, found.reason or share), *suspects]
    cause, share = found.name, "; ".join([share, *([found.reason] if found.reason else [])])
    blame = blame_for_memory(case.operations, cause, missing)
    threads = next((suspect for suspect in suspects if suspect.cause == THREADS), None)
    if threads is not None:
        return _with_threads(suspects, threads, missing, share)
    owner = _native_owner(suspects)
    if owner is None or (blame is not None and not _from_package(owner.type)):
        return [_blamed(case, _bare(case, cause, missing, None, share), blame), *suspects]
    index = suspects.index(owner)
    owner = _blamed(case, owner, blame)
    suspects[index] = replace(
        owner,
        cause=cause,
        bytes_per_request=(owner.bytes_per_request or 0.0) + missing,
        fingerprint=fingerprint([owner.path or ""], owner.type, cause, owner.site),
        reasons=(*owner.reasons, share),
        # A walk over Python objects does not see what they own outside.
        deep_size=None,
        advice=advice(cause, _holder_of(case, owner), None, owner.cap),
    )
    return suspects


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
    reasons = [each for each in suspect.reasons if each != _NOTHING_FOUND]
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
    return _bare(case, UNEXPLAINED, missing, None, "the route was not run alone to explain its growth")


def _native_owner(suspects: Sequence[Suspect]) -> Suspect | None:
    """A path of objects from a package (a plain list or str owns no native memory), the commonest first."""
    held = [suspect for suspect in suspects if suspect.path is not None]
    foreign = [suspect for suspect in held if _from_package(suspect.type)]
    return max(foreign or held, key=lambda suspect: suspect.count_per_request or 0.0, default=None)


def _add_resource(case: Case, suspects: list[Suspect], signal: str) -> list[Suspect]:
    """The suspect that stands for the resource: by what it is called, else by its number."""
    cause, names = _RESOURCES[signal]
    slope = (case.judgement.slopes or {})[signal]
    reason = f"{wording.amount(signal, slope.per_request)} more per request"
    free = [suspect for suspect in suspects if suspect.cause == PYTHON_OBJECTS]
    named = [suspect for suspect in free if _is_called(suspect, names)]
    as_many = [suspect for suspect in free if _as_many(suspect, slope.per_request)]
    both = [suspect for suspect in named if suspect in as_many]
    chosen = next(iter((*both, *named, *as_many)), None)
    if chosen is None:
        return [*suspects, _bare(case, cause, None, slope.per_request, reason)]
    known = replace(
        chosen,
        cause=cause,
        count_per_request=slope.per_request,
        fingerprint=fingerprint([chosen.path or ""], chosen.type, cause, chosen.site),
        reasons=(reason, *chosen.reasons),
        advice=advice(cause, None, None, None),
    )
    return [known if suspect is chosen else suspect for suspect in suspects]


def _is_called(suspect: Suspect, names: Sequence[str]) -> bool:
    text = " ".join((suspect.type or "", *suspect.path_nodes)).lower()
    return any(name in text for name in names)


def _as_many(suspect: Suspect, per_request: float) -> bool:
    """Whether there is one more of it for each thread, descriptor or file."""
    count = suspect.count_per_request
    return count is not None and abs(count - per_request) <= _AGREES * per_request


def _bare(case: Case, cause: str, size: float | None, count: float | None, reason: str) -> Suspect:
    """A growth without line or holder."""
    print_ = fingerprint([case.report.route], None, cause, None)
    explained = cause != UNEXPLAINED
    looked = (_NOTHING_FOUND,) if explained else ()
    return Suspect(
        case.report.route, size, count, None, cause, None, None, (), None, (), print_, "application",
        "strong" if explained else "weak", (reason, *looked),
        advice=advice(cause, None, None, None) if explained else None,
    )  # fmt: skip


def _container(containers: Sequence[Container], path: GrowingPath | None) -> Container | None:
    if path is None:
        return None
    names = (path.holder, path.path)
    return next((container for container in reversed(containers) if container.path in names), None)


def _site(site: GrowingSite | None, conditions: Mapping[str, str]) -> Site | None:
    if site is None or not site.application:
        return None
    frame = site.frame
    source = getline(frame.file, frame.line).strip() or None
    return Site(frame.file, frame.line, function_of(frame, site.stack), source, short_file(frame.file, conditions))


def _node(hop: Hop) -> str:
    return f"{hop.edge} ({hop.type}, {hop.count_per_request:+.3g} per request)"


def _fingerprint(path: GrowingPath | None, site: Site | None, cause: str) -> str:
    edges = [hop.edge for hop in path.hops[: path.top + 1]] if path else []
    return fingerprint(edges, path.type if path else None, cause, site)


def _confidence(case: Case, lead: Lead) -> str:
    proven = case.judgement.state in {"leak", "bounded"}
    exact = (lead.path.multiple if lead.path else None) or (lead.site.multiple if lead.site else None)
    if proven and exact and lead.path and lead.site:
        return "certain"
    return "strong" if proven and (lead.path or exact) else "weak"


def _reasons(lead: Lead) -> tuple[str, ...]:
    reasons = []
    if lead.path and lead.path.multiple:
        reasons.append(f"exactly {lead.path.multiple} more with every request, in {lead.path.rounds} rounds")
    elif lead.path:
        reasons.append(f"{lead.path.count_per_request:.3g} more per request, in each of {lead.path.rounds} rounds")
    else:
        reasons.append("no growing path was found that this line fills")
    if lead.site is None:
        reasons.append("no allocating line was found that fits")
    elif lead.site.multiple:
        blocks = "1 block" if lead.site.multiple == 1 else f"{lead.site.multiple} blocks"
        reasons.append(f"the line leaves exactly {blocks} behind per request")
    return tuple(reasons)
