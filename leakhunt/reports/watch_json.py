"""What is watched, for programs: one JSON document per reading, by templates/watch.schema.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from leakhunt.model.view import EndedView, Inside, ProcessView, TreeView, Trend, TypeView

SCHEMA: Final = 1
_HIDDEN: Final = "the kernel does not show it to this user"
_FIRST: Final = "it takes two readings"
_OUTSIDE: Final = "nothing is brought into the processes unless that is asked for"
_NO_GROWTH: Final = "no growth is told from none"


def render(view: TreeView, *, at: str) -> str:
    """One line; `at` is when the reading was made, UTC in ISO 8601."""
    return json.dumps(document(view, at=at), allow_nan=False) + "\n"


def document(view: TreeView, *, at: str) -> Mapping[str, Any]:
    """The reading as plain values, in the order of the documentation."""
    few = _too_few(view, view.readings)
    return {
        "schema": SCHEMA,
        "time": at,
        "pid": view.pid,
        "name": view.name,
        "watched_s": view.time,
        "interval_s": view.interval,
        "readings": view.readings,
        "verdict": None,
        "verdict_reason": "a trend is no verdict",
        "total": {
            "rss": view.rss,
            **_known("uss", view.uss, _HIDDEN),
            **_known("pss", view.pss, _HIDDEN),
            "growth_of": view.basis,
            **_growth(view.growth, few),
        },
        **_limit(view, few),
        **_attached(view.inside),
        **_types(view.inside),
        "processes": [_process(process, view) for process in view.processes],
        "ended": [_ended(ended) for ended in view.ended],
        "notes": list(view.notes),
    }


def _known(key: str, value: float | None, reason: str) -> dict[str, Any]:
    return {key: value} if value is not None else {key: None, f"{key}_reason": reason}


def _growth(found: Trend | None, reason: str) -> dict[str, Any]:
    if found is None:
        return {"growth_per_minute": None, "growth_interval": None, "growth_per_minute_reason": reason}
    return {
        "growth_per_minute": found.per_second * 60,
        "growth_interval": [found.low * 60, found.high * 60],
        "growth_over_s": found.seconds,
        "growth_told": found.rises or found.high < 0,
    }


def _limit(view: TreeView, few: str) -> dict[str, Any]:
    if view.limit is None:
        return _known("limit", None, "no limit could be read")
    full = view.full_in
    full_reason = few if view.growth is None else _NO_GROWTH
    return {
        "limit": {
            "size": view.limit.size,
            "left": view.limit.left,
            "source": view.limit.source,
            **_known("full_in_s", None if full is None else full[0], full_reason),
            "full_interval_s": None if full is None else list(full[1:]),
        }
    }


def _attached(inside: Inside | None) -> dict[str, Any]:
    if inside is None:
        return {**_known("attached", None, _OUTSIDE), **_known("requests_per_second", None, _OUTSIDE)}
    return {
        "attached": {
            "processes": inside.attached,
            "stopped_s": inside.stopped,
            "looks": inside.looks,
            "looked_s": inside.looked,
            "pause_s": inside.pause,
        },
        **_known("requests_per_second", inside.requests_per_second, "no process has told it twice"),
    }


def _types(inside: Inside | None) -> dict[str, Any]:
    if inside is None or inside.looked is None:
        return {"types": None, "types_reason": _OUTSIDE if inside is None else "the heaps were not looked at yet"}
    return {"types": [_type(each) for each in inside.types]}


def _type(found: TypeView) -> dict[str, Any]:
    once = "it takes two looks into the heaps"
    return {
        "type": found.type,
        "count": found.count,
        "size": found.size,
        **_known("grown_count", found.grown_count, once),
        **_known("grown_size", found.grown_size, once),
        **_known("count_per_minute", found.count_per_minute, once),
        **_known("size_per_minute", found.size_per_minute, once),
    }


def _guest(process: ProcessView, inside: Inside | None) -> dict[str, Any]:
    guest = inside.guests.get(process.key) if inside is not None else None
    if guest is None:
        why = _OUTSIDE if inside is None else "it serves nothing, or others do for it"
        return {"attached": False, "attached_reason": why, **_requests(None, None, why)}
    problem = guest.problem or ("it takes two readings" if guest.attached else "it is being attached to")
    attached = {"attached": True} if guest.attached else {"attached": False, "attached_reason": problem}
    return {**attached, **_requests(guest.requests, guest.requests_per_second, problem)}


def _requests(total: int | None, per_second: float | None, reason: str) -> dict[str, Any]:
    return {**_known("requests", total, reason), **_known("requests_per_second", per_second, reason)}


def _process(process: ProcessView, view: TreeView) -> dict[str, Any]:
    vitals = process.vitals
    return {
        "pid": process.pid,
        "key": process.key,
        "parent": process.parent,
        "role": process.role.value,
        "name": process.name,
        "age_s": process.age,
        "rss": vitals.memory.rss,
        **_known("uss", vitals.memory.uss, _HIDDEN),
        **_known("pss", vitals.memory.pss, _HIDDEN),
        **_known("swap", vitals.memory.swap, _HIDDEN),
        **_growth(process.growth, _too_few(view, len(process.history))),
        "cpu_s": vitals.cpu,
        **_known("cpu_share", process.cpu_share, _FIRST),
        "threads": vitals.threads,
        **_known("descriptors", vitals.descriptors, _HIDDEN),
        **_known("oom_score", vitals.oom_score, _HIDDEN),
        **_guest(process, view.inside),
    }


def _ended(ended: EndedView) -> dict[str, Any]:
    return {"pid": ended.pid, "name": ended.name, "ended_s": ended.ended, "rss": ended.rss}


def _too_few(view: TreeView, readings: int) -> str:
    return f"{readings} of the {view.wanted} readings that a trend takes"
