"""`report.json`: the versioned schema of docs/report-schema.md, for machines."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final, TypeAlias

from leakhunt.model.report import (
    BackgroundReport,
    Growth,
    Holding,
    Hotspot,
    Judgement,
    Library,
    MemoryReport,
    Report,
    RouteReport,
    Site,
    Suspect,
    WorkerReport,
)
from leakhunt.model.reproduction import Reproduction
from leakhunt.model.run import Cost, Plan
from leakhunt.model.snapshot import Frame
from leakhunt.reports.base import Format

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

_WHY_NOT: Final = {
    "bytes_per_request": "its memory could not be told apart from that of others",
    "bytes_per_request_interval": "it was measured in too few rounds",
    "count_per_request": "its objects were not counted",
    "bytes_per_second": "its memory could not be told apart from that of others",
    "bytes_per_second_interval": "it was measured in too few rounds",
    "bytes_per_second_basis": "no memory could be read in every round",
    "count_per_second": "its objects were not counted",
    "type": "the growing memory is no Python object of one type",
    "site": "no stack of the application was recorded for it",
    "source": "the file could not be read",
    "library": "no library has a part in the stack",
    "path": "no holder was found",
    "version": "the library does not say",
    "p_value": "no lottery was held",
    "uss_end": "the kernel did not say",
}
"""What a null means where the analysis gave no reason of its own."""

_UNKNOWN: Final = "not measured"
_NULL_IN_WORKERS: Final = {
    "death": "it was alive when the run ended",
    "lived": "it was alive when the run ended",
    "requests": "nothing tells which requests it got",
}


def render(report: Report) -> str:
    """The report as one JSON document, keys in the order of the documentation."""
    return to_text(document(report))


def to_text(values: Json) -> str:
    """JSON as it is written to a file."""
    return json.dumps(_finite(values), indent=2, allow_nan=False) + "\n"


def document(report: Report) -> dict[str, Json]:
    """The report as plain values."""
    return {
        "schema": report.schema,
        "leakhunt": report.leakhunt,
        "name": report.name,
        "started_at": report.started_at,
        "duration_s": report.duration,
        **nullable({"outcome": report.outcome}, {"outcome": "leakhunt was stopped before the run had ended"}),
        "plan": _plan(report.plan),
        "conditions": dict(report.conditions),
        "judgement": _judgement(report.judgement),
        "routes": [_route(route) for route in report.routes],
        **nullable(
            {"background": None if report.background is None else _background(report.background)},
            {"background": "memory did not seem to grow while nothing was requested"},
        ),
        "suspects": [_suspect(suspect) for suspect in report.suspects],
        "hotspots": [_place(hotspot) for hotspot in report.hotspots],
        "workers": [_worker(worker) for worker in report.workers],
        "memory": [_memory(memory) for memory in report.memory],
        "already_there": [_holding(held) for held in report.already_there],
        "hazards": [asdict(hazard) for hazard in report.hazards],
        "evidence": [asdict(found) for found in report.route_evidence],
        "rounds": [
            nullable(
                {**asdict(row), "phase": row.phase.value},
                {"block": "no verdict round", "growth": "not judged", "per_request": "not judged"},
            )
            for row in report.evidence
        ],
        "phases": [{**asdict(phase), "phase": phase.phase.value} for phase in report.phases],
        **nullable(
            {
                "growth_bytes": report.growth,
                "explained_bytes": report.explained,
                "warm_up_growth_bytes": report.warm_up_growth,
            },
            {},
        ),
        "flame": [{"stack": _stack(stack), "bytes_per_request": weight} for stack, weight in report.flame],
        "caveats": [asdict(caveat) for caveat in report.caveats],
        "cost": _cost(report.cost),
        "reproductions": [_reproduction(found) for found in report.reproductions],
        **nullable({"next_command": report.next_command}, {"next_command": "no command would tell more"}),
    }


def _plan(plan: Plan) -> Json:
    return {
        **{name: getattr(plan, name) for name in plan.__slots__ if name != "options"},
        "options": dict(plan.options),
    }


def _judgement(judgement: Judgement) -> Json:
    return {
        "verdict": judgement.verdict.value,
        "reasons": list(judgement.reasons),
        "provisional": judgement.provisional,
        "thresholds": dict(judgement.thresholds),
        **nullable({"minimum_detectable": judgement.minimum_detectable}, {}),
    }


def _route(route: RouteReport) -> Json:
    measured: dict[str, Json] = {
        "bytes_per_request": route.bytes_per_request,
        "bytes_per_request_interval": route.bytes_per_request_interval,
        "bytes_per_request_basis": route.bytes_per_request_basis,
        "live_bytes_per_request": route.live_bytes_per_request,
        "peak_bytes_per_request": route.peak_bytes_per_request,
        "amplification": route.amplification,
        "amplification_interval": route.amplification_interval,
        "minimum_detectable": route.minimum_detectable,
        "median_duration_s": route.median_duration,
    }
    reasons = dict(route.null_reasons)
    reasons["median_duration_s"] = reasons.get("median_duration", _UNKNOWN)
    # An interval is missing for the reason its figure is missing.
    for name in ("bytes_per_request", "amplification"):
        reasons.setdefault(f"{name}_interval", reasons.get(name, _UNKNOWN))
    return {
        "route": route.route,
        "steps": list(route.steps),
        "requests": route.requests,
        "unexpected": route.unexpected,
        "statuses": dict(route.statuses),
        "verdict": route.verdict.value,
        "reasons": list(route.reasons),
        **nullable(measured, reasons),
        "growths": [_growth(growth) for growth in route.growths],
        "signals": list(route.signals),
    }


def _background(background: BackgroundReport) -> Json:
    measured: dict[str, Json] = {
        "bytes_per_second": background.bytes_per_second,
        "bytes_per_second_interval": background.interval,
        "bytes_per_second_basis": background.basis,
    }
    return {
        "verdict": background.verdict.value,
        "reasons": list(background.reasons),
        "seconds": background.seconds,
        **nullable(measured, _WHY_NOT),
    }


def _growth(growth: Growth) -> Json:
    return nullable(asdict(growth), _WHY_NOT)


def _library(library: Library) -> dict[str, Json]:
    """Only where the library is a shared object is there one."""
    return {key: value for key, value in asdict(library).items() if key != "shared_object" or value is not None}


def _suspect(suspect: Suspect) -> Json:
    measured: dict[str, Json] = {
        "bytes_per_request": suspect.bytes_per_request,
        "bytes_per_request_interval": suspect.bytes_per_request_interval,
        "count_per_request": suspect.count_per_request,
        "type": suspect.type,
        "site": None if suspect.site is None else nullable(_place(suspect.site), _WHY_NOT),
        "library": None if suspect.library is None else nullable(_library(suspect.library), _WHY_NOT),
        "path": suspect.path,
        "deep_size": suspect.deep_size,
        "cap": suspect.cap,
        "advice": suspect.advice,
    }
    reasons = {**_WHY_NOT, "cap": "none was found", "advice": "none is known", **suspect.null_reasons}
    return {
        "route": suspect.route,
        "cause": suspect.cause,
        **nullable(measured, reasons),
        **_per_second(suspect),
        "stack": _stack(suspect.stack),
        "path_nodes": list(suspect.path_nodes),
        "chain": list(suspect.chain),
        "also_held_by": list(suspect.also_held_by),
        "fingerprint": suspect.fingerprint,
        "origin": suspect.origin,
        "confidence": suspect.confidence,
        "reasons": list(suspect.reasons),
    }


def _per_second(suspect: Suspect) -> dict[str, Json]:
    """Only of what grows with time."""
    if suspect.bytes_per_second is None and suspect.count_per_second is None:
        return {}
    figures = {"bytes_per_second": suspect.bytes_per_second, "count_per_second": suspect.count_per_second}
    return nullable(figures, _WHY_NOT)


def _stack(stack: tuple[Frame, ...]) -> list[Json]:
    return [asdict(frame) for frame in stack]


def _worker(worker: WorkerReport) -> Json:
    return nullable(asdict(worker), _NULL_IN_WORKERS)


def _memory(memory: MemoryReport) -> Json:
    reasons = {
        "rss_start": "it was not there at the baseline",
        "unshared": "it was not there at the baseline",
        "trimmable": "malloc's free lists did not grow",
    }
    parts: list[Json] = [nullable(asdict(part), {"start": reasons["rss_start"]}) for part in memory.parts]
    return {**nullable(asdict(memory), reasons), "parts": parts}


def _holding(held: Holding) -> Json:
    undated = "the collector's lists tell nothing of its entries"
    reasons = {
        "share": "an allocator does not tell what is in use",
        "dated": undated,
        "newer": undated,
        "growth": "no snapshot was taken of it after that",
    }
    return nullable(asdict(held), reasons)


def _reproduction(found: Reproduction) -> Json:
    values = {name: value for name, value in asdict(found).items() if name not in ("seconds", "null_reasons")}
    return nullable({**values, "duration_s": found.seconds}, {**_WHY_NOT, **found.null_reasons})


def _cost(cost: Cost | None) -> Json:
    spent = cost or Cost(cpu_fraction=None, memory=None, longest_pause=None)
    values: dict[str, Json] = {
        "cpu_fraction": spent.cpu_fraction,
        "memory_bytes": spent.memory,
        "longest_pause_s": spent.longest_pause,
        "snapshot_memory_bytes": spent.child_memory,
    }
    return nullable(values, {})


def _place(at: Site | Hotspot) -> dict[str, Json]:
    """Without the short name, which is for people."""
    return {name: value for name, value in asdict(at).items() if name != "short"}


def nullable(values: Mapping[str, Json], reasons: Mapping[str, str]) -> dict[str, Json]:
    """The values, and after each null its `<key>_reason`."""
    explained: dict[str, Json] = {}
    for key, value in values.items():
        explained[key] = value
        if value is None:
            explained[f"{key}_reason"] = reasons.get(key, _UNKNOWN)
    return explained


def _finite(value: Json) -> Json:
    """JSON has no infinity: an end of an interval that is open becomes null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_finite(one) for one in value]
    return value


JSON: Final = Format("json", ".json", render)
