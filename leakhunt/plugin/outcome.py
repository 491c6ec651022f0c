"""What a report means for a test: passed, failed or undecided, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from leakhunt.analysis.analyse import LIVE_UNREAD
from leakhunt.analysis.thresholds import DEFAULTS
from leakhunt.model.report import Report, RouteReport, Verdict
from leakhunt.plugin.limits import Limits
from leakhunt.units import Bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one check."""

    state: str
    """`passed`, `failed` or `undecided`."""
    report: Report
    limits: Limits
    unit: str
    """What is counted: `call` or `request`."""
    broken: tuple[str, ...]
    """The limits that do not hold: `max_growth`, `max_peak`, `max_kept`."""
    calls: int
    """Those that were measured."""
    kept: Bytes | None
    """Live bytes that all of them together have kept; None: not measured."""

    @property
    def route(self) -> RouteReport:
        """The figures."""
        return self.report.routes[0]

    @property
    def peak(self) -> float | None:
        """Bytes that a call needs for a moment; None: not measured."""
        return self.route.peak_bytes_per_request

    @property
    def bytes_per_call(self) -> float | None:
        """What a call keeps; None: not measured."""
        return self.route.bytes_per_request if self.measured_growth else None

    @property
    def measured_growth(self) -> bool:
        """Whether growth was asked about."""
        return self.limits.max_growth is not None

    def figures(self) -> Mapping[str, str]:
        """By name, for reports in XML; what was not measured is absent."""
        interval = self.route.bytes_per_request_interval
        grown = self.measured_growth
        values = {
            "verdict": self.report.judgement.verdict.value if grown else None,
            "bytes_per_call": self.bytes_per_call,
            "bytes_per_call_low": interval[0] if interval and grown else None,
            "bytes_per_call_high": interval[1] if interval and grown else None,
            "smallest_leak_seen": self.route.minimum_detectable if grown else None,
            "calls": self.calls or None,
            "kept": self.kept,
            "peak": self.peak,
        }
        return {
            name: f"{value:.6g}" if isinstance(value, float) else str(value)
            for name, value in values.items()
            if value is not None
        }


def judge(report: Report, limits: Limits, unit: str) -> Outcome:
    """Hold the report against the limits."""
    verdict = report.judgement.verdict
    kept = _kept(report)
    peak = report.routes[0].peak_bytes_per_request
    broken = []
    if limits.max_growth is not None and verdict is Verdict.LEAK and not _all_known(report, limits):
        broken.append("max_growth")
    if limits.max_peak is not None and peak is not None and peak > limits.max_peak:
        broken.append("max_peak")
    if limits.max_kept is not None and kept is not None and kept > limits.max_kept:
        broken.append("max_kept")
    open_ = limits.max_growth is not None and (verdict is Verdict.INCONCLUSIVE or _too_coarse(report, limits))
    calls = sum(row.requests for row in report.evidence)
    state = "failed" if broken else "undecided" if open_ else "passed"
    return Outcome(state, report, limits, unit, tuple(broken), calls, kept)


def _too_coarse(report: Report, limits: Limits) -> bool:
    """Whether live bytes could not be read, and the limit is below what anonymous memory can rule out."""
    unread = any(caveat.code == LIVE_UNREAD for caveat in report.caveats)
    return unread and limits.max_growth is not None and limits.max_growth < DEFAULTS.anonymous


def _all_known(report: Report, limits: Limits) -> bool:
    """Whether all that is suspected is accepted; where nothing is suspected there is nothing to accept."""
    return limits.known is not None and bool(report.suspects) and all(map(limits.known, report.suspects))


def _kept(report: Report) -> Bytes | None:
    if report.growth is None:
        return None
    return report.growth + (report.warm_up_growth or 0)
