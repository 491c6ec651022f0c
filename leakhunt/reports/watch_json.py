"""What is watched, for programs: one JSON document per reading, by templates/watch.schema.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from leakhunt.model.view import EndedView, ProcessView, TreeView, Trend

SCHEMA: Final = 1
_HIDDEN: Final = "the kernel does not show it to this user"
_FIRST: Final = "it takes two readings"
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
    }


def _ended(ended: EndedView) -> dict[str, Any]:
    return {"pid": ended.pid, "name": ended.name, "ended_s": ended.ended, "rss": ended.rss}


def _too_few(view: TreeView, readings: int) -> str:
    return f"{readings} of the {view.wanted} readings that a trend takes"
