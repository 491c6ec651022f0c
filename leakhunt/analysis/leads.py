"""Leads: what the rounds of a step alone say about where its growth comes from, brought together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from leakhunt.analysis.assess import RouteState, assess
from leakhunt.analysis.calls import blame_for_memory, is_held, watched_operations
from leakhunt.analysis.causes import MAPPED_MEMORY, NATIVE_MEMORY
from leakhunt.analysis.explain import AloneRounds, alone_rounds
from leakhunt.analysis.join import Lead, join
from leakhunt.analysis.paths import growing_paths
from leakhunt.analysis.rate import alone_rate
from leakhunt.analysis.series import read_ledger
from leakhunt.analysis.sites import growing_sites
from leakhunt.analysis.thresholds import RESOURCE_SIGNALS, planned_thresholds
from leakhunt.model.run import Run
from leakhunt.model.snapshot import Frame

_SAME: Final = 0.75
"""Share of a route's growth from which held objects are taken to be all of it."""
_EXPLAINED: Final = 0.5
"""Share of it that objects have to explain, else they are not what grows."""


def wants_calls(run: Run, step: str) -> bool:
    """Whether objects that something in Python holds leave much of the growth of a step unexplained."""
    route = _route(run, step)
    return route is not None and _held(run, step) < _SAME * route.bytes_per_request


def is_rare(run: Run, step: str) -> bool:
    """Whether few requests of a step may keep its live bytes: alone it kept few of them, or nothing explains most.

    Threads, descriptors and files that become more are a reason of their own.
    """
    thresholds, route = planned_thresholds(run.plan), _route(run, step)
    growth = {} if route is None else route.growth
    live = growth.get("live", 0.0)
    resources = any(growth.get(signal, 0.0) >= thresholds.of(signal) for signal in RESOURCE_SIGNALS)
    if live < thresholds.live or resources:
        return False
    alone = alone_rate(read_ledger(run, thresholds), run.routes.get(step, step), "live")
    if alone is not None and alone[1] is not None and alone[1][1] < _EXPLAINED * live:
        return True
    found = sum(lead.size_per_request for lead in _leads(run, step))
    operations = watched_operations(run, run.routes.get(step, step))
    blames = (blame_for_memory(operations, cause, live) for cause in (NATIVE_MEMORY, MAPPED_MEMORY))
    return found < _EXPLAINED * live and not any(blames)


def _route(run: Run, step: str) -> RouteState | None:
    return assess(run).routes.get(run.routes.get(step, step))


def _leads(run: Run, step: str) -> list[Lead]:
    return [lead for alone in alone_rounds(run) if alone.step == step for lead in _leads_of(alone)]


def _held(run: Run, step: str) -> float:
    return sum(lead.size_per_request for lead in _leads(run, step) if is_held(lead))


def find_leads(run: Run) -> Mapping[str, tuple[Lead, ...]]:
    """By route, joined paths and lines, equal ones of several steps merged."""
    leads: dict[str, tuple[Lead, ...]] = {}
    for alone in alone_rounds(run):
        leads[alone.route] = _merge(leads.get(alone.route, ()), _leads_of(alone))
    return leads


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
