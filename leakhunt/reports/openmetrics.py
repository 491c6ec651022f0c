"""OpenMetrics text, as GitLab's metrics report reads it: what every route keeps, in numbers to be compared."""

from __future__ import annotations

from collections.abc import Iterator

from leakhunt.model.gate import Gate, Outcome
from leakhunt.model.report import Report


def render(gate: Gate, report: Report) -> str:
    """The whole file."""
    return "\n".join([*_families(gate, report), "# EOF"]) + "\n"


def _families(gate: Gate, report: Report) -> Iterator[str]:
    routes = report.routes
    yield from _family(
        "leakhunt_kept_bytes_per_request",
        "Memory that a request leaves behind.",
        [(route.route, route.bytes_per_request) for route in routes],
    )
    yield from _family(
        "leakhunt_peak_bytes_per_request",
        "Memory that a request takes for a while.",
        [(route.route, route.peak_bytes_per_request) for route in routes],
    )
    yield from _family(
        "leakhunt_upload_amplification_ratio",
        "Of that, bytes for each uploaded byte.",
        [(route.route, route.amplification) for route in routes],
    )
    highest = max((worker.rss_max or 0 for worker in report.workers), default=0)
    yield from _plain("leakhunt_worker_memory_bytes", "RSS of the largest worker at its highest.", highest)
    yield from _plain("leakhunt_failed_checks", "Limits that were broken.", len(gate.of(Outcome.FAILED)))


def _family(name: str, text: str, values: list[tuple[str, float | None]]) -> Iterator[str]:
    known = [(route, value) for route, value in values if value is not None]
    if known:
        yield f"# TYPE {name} gauge"
        yield f"# HELP {name} {text}"
        yield from (f'{name}{{route="{_escaped(route)}"}} {value:.10g}' for route, value in sorted(known))


def _plain(name: str, text: str, value: float) -> Iterator[str]:
    yield f"# TYPE {name} gauge"
    yield f"# HELP {name} {text}"
    yield f"{name} {value:.10g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
