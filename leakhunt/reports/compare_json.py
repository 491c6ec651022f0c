"""A comparison for machines: the versioned schema of docs/reference/compare.md."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from leakhunt.model.comparison import (
    Comparison,
    Difference,
    Pair,
    Rate,
    RateChange,
    RoleMemory,
    RouteChange,
    SummaryRow,
    SuspectChange,
)
from leakhunt.model.report import Interval, Report, Suspect
from leakhunt.reports import phrases

_UNKNOWN: Final = "not measured"
_OPEN: Final = "these runs do not tell"


def render(comparison: Comparison) -> str:
    """The comparison as one JSON document, keys in the order of the documentation."""
    return json.dumps(document(comparison), indent=2, allow_nan=False) + "\n"


def document(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain values."""
    background = comparison.background
    return {
        "schema": comparison.schema,
        "change": comparison.change.value,
        **_known("regression", comparison.regression, _OPEN),
        "reasons": list(comparison.reasons),
        "before": _side(comparison.before),
        "after": _side(comparison.after),
        "summary": [_summary(row) for row in comparison.summary],
        "routes": [_route(route) for route in comparison.routes],
        **_known(
            "background",
            None if background is None else _rate_change(background),
            "neither run saw memory grow while nothing was requested",
        ),
        "suspects": [_suspect(change) for change in comparison.suspects],
        "memory": [_role(row) for row in comparison.memory],
        "requests": _pair(comparison.requests, _UNKNOWN),
        "caveats": [{"code": caveat.code, "text": caveat.text} for caveat in comparison.caveats],
    }


def _side(report: Report) -> dict[str, Any]:
    plan = report.plan
    return {
        "name": report.name,
        "started_at": report.started_at,
        "leakhunt": report.leakhunt,
        "verdict": report.judgement.verdict.value,
        **_known("outcome", report.outcome, "leakhunt was stopped before the run had ended"),
        "duration_s": report.duration,
        "target": plan.target,
        "workload": plan.workload,
        "seed": plan.seed,
        "conditions": dict(report.conditions),
    }


def _summary(row: SummaryRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "unit": row.unit,
        **_pair(row.pair, _UNKNOWN),
        "before_interval": _interval(row.intervals[0]),
        "after_interval": _interval(row.intervals[1]),
        **_difference(row.difference),
    }


def _route(route: RouteChange) -> dict[str, Any]:
    never = "the run did not request it"
    return {
        "route": route.route,
        **_known("before", route.before and route.before.value, never),
        **_known("after", route.after and route.after.value, never),
        "change": route.change.value,
        **_known("regression", route.regression, _OPEN),
        "rates": [_rate_change(rate) for rate in route.rates],
        "peak": _pair(route.peak, _UNKNOWN),
        "amplification": {
            **_pair(route.amplification, _UNKNOWN),
            **_difference(route.amplification_difference),
        },
        "median_s": _pair(route.service.median, _UNKNOWN),
        "slow_s": _pair(route.service.slow, _UNKNOWN),
        "expected": _pair(route.service.expected, _UNKNOWN),
    }


def _rate_change(change: RateChange) -> dict[str, Any]:
    return {
        "signal": change.signal,
        **_rate("before", change.before),
        **_rate("after", change.after),
        **_difference(change.difference),
        "budget": change.budget,
        "change": change.change.value,
        **_known("regression", change.regression, _OPEN),
        "reason": change.reason,
    }


def _rate(key: str, rate: Rate | None) -> dict[str, Any]:
    value, interval = (None, None) if rate is None else (rate.value, rate.interval)
    return {**_known(key, value, _UNKNOWN), f"{key}_interval": _interval(interval)}


def _difference(found: Difference | None) -> dict[str, Any]:
    value, interval = (None, None) if found is None else (found.value, found.interval)
    return {**_known("difference", value, "not told of both runs"), "difference_interval": _interval(interval)}


def _suspect(change: SuspectChange) -> dict[str, Any]:
    latest = change.latest
    return {
        "state": change.state.value,
        **_known("matched_by", change.matched_by, "it is in one of the runs only"),
        "route": latest.route,
        "cause": latest.cause,
        **_known("type", latest.type, "no growing path was found for it"),
        **_known("line", latest.site and phrases.line(latest.site), "no line of the application was found"),
        **_known("function", latest.site and latest.site.function, "no line of the application was found"),
        **_known("holder", latest.path, "no holder was found"),
        **_known("before", _found(change.before), "it was not found in the run before"),
        **_known("after", _found(change.after), "it was not found in the run after"),
    }


def _found(suspect: Suspect | None) -> dict[str, Any] | None:
    if suspect is None:
        return None
    uncounted = "its growth is counted in objects, or in seconds, or not known"
    return {
        "fingerprint": suspect.fingerprint,
        **_known("bytes_per_request", suspect.bytes_per_request, uncounted),
        **_known("count_per_request", suspect.count_per_request, "its objects were not counted"),
    }


def _role(row: RoleMemory) -> dict[str, Any]:
    return {
        "role": row.role,
        "processes": _pair(row.processes, _UNKNOWN),
        "rss_start": _pair(row.start, _UNKNOWN),
        "rss_end": _pair(row.end, _UNKNOWN),
        "rss_most": _pair(row.most, _UNKNOWN),
    }


def _pair(pair: Pair, reason: str) -> dict[str, Any]:
    return {
        **_known("before", pair.before, reason),
        **_known("after", pair.after, reason),
        **_known("ratio", pair.ratio, "one of both is not known, or there was none before"),
    }


def _interval(interval: Interval | None) -> list[float | None] | None:
    """JSON has no infinity: an end that is open becomes null."""
    return None if interval is None else [end if math.isfinite(end) else None for end in interval]


def _known(key: str, value: Any, reason: str) -> Mapping[str, Any]:
    """The value, and after a null its `<key>_reason`."""
    return {key: value} if value is not None else {key: None, f"{key}_reason": reason}
