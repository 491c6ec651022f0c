"""The per-route table: verdict, bytes kept, bytes needed for a moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from leakhunt.analysis.blocks import Experiment, memory_signal
from leakhunt.analysis.bound import Bound
from leakhunt.analysis.judge import RouteJudgement
from leakhunt.analysis.peaks import Peak, read_peak
from leakhunt.analysis.rate import alone_rate, better_rate, growth_rate
from leakhunt.analysis.responses import Responses
from leakhunt.model.report import Growth, Interval, RouteReport, Verdict
from leakhunt.model.run import Run

_LIVE_SHARE: Final = 0.7
"""Live bytes are the basis where they are at least this share of a proven growth of anonymous memory."""
_NOT_MEASURED: Final = "no complete block of verdict rounds tells this route from the others"


def route_report(run: Run, experiment: Experiment, judgement: RouteJudgement, responses: Responses) -> RouteReport:
    """One row. Sizes are rates over the last two complete blocks."""
    rates = {signal: _rate(experiment, judgement, signal) for signal in ("live", "anonymous")}
    basis = _basis(rates, judgement)
    rate = rates[basis] if basis else None
    live = rates["live"]
    peak = read_peak([sample for sample in run.peaks if sample.step in responses.steps])
    minimum = minimum_detectable(experiment, judgement, basis)
    return RouteReport(
        route=judgement.route,
        steps=responses.steps,
        requests=responses.requests,
        unexpected=responses.unexpected,
        statuses=responses.statuses,
        verdict=judgement.verdict,
        reasons=judgement.reasons,
        bytes_per_request=rate[0] if rate else None,
        bytes_per_request_interval=rate[1] if rate else None,
        bytes_per_request_basis=basis,
        live_bytes_per_request=live[0] if live else None,
        growths=_growths(experiment, judgement),
        peak_bytes_per_request=peak.bytes_per_request,
        amplification=peak.amplification,
        amplification_interval=peak.interval,
        minimum_detectable=minimum,
        median_duration=responses.median_duration,
        null_reasons=_null_reasons(rate, live, peak, minimum, responses),
        signals=judgement.signals if judgement.verdict is Verdict.LEAK else (),
    )


def _bounded_rate(bound: Bound) -> tuple[float, Interval]:
    """Of a route that is clean: what it is called clean for, and not another estimate beside it.

    It begins at zero, because nobody gives back for long what he has not taken.
    """
    highest = max(0.0, bound.upper)
    return min(max(0.0, bound.per_request), highest), (0.0, highest)


def minimum_detectable(experiment: Experiment, judgement: RouteJudgement, basis: str | None) -> float | None:
    """The smallest leak of this route that the run would have seen, in bytes per request.

    At least the budget, because below it growth is no leak. Of a route that is clean it is the budget: the bound below
    that leaves no room for a leak.
    """
    slope = (judgement.slopes or {}).get(basis or "")
    if slope is None or basis is None:
        return None
    limit = slope.detectable if judgement.bound is None else judgement.bound.upper
    return max(limit, experiment.thresholds.of(basis))


def _rate(experiment: Experiment, judgement: RouteJudgement, signal: str) -> tuple[float, Interval | None] | None:
    rate = growth_rate(experiment.window(judgement.route), judgement.route, signal)
    if judgement.bound is not None and signal == memory_signal(experiment.window(judgement.route).rows):
        return _bounded_rate(judgement.bound)
    alone = alone_rate(experiment.ledger, judgement.route, signal)
    if judgement.early is not None:  # it has stopped growing since
        return alone or rate
    if judgement.verdict is Verdict.CLEAN:
        return rate
    return better_rate(rate, alone)


def _basis(rates: Mapping[str, tuple[float, Interval | None] | None], judgement: RouteJudgement) -> str | None:
    live, anonymous = rates["live"], rates["anonymous"]
    if live is None or anonymous is None:
        return "live" if live else "anonymous" if anonymous else None
    proven = anonymous[1] is not None and anonymous[1][0] > 0 and "anonymous" in judgement.signals
    return "anonymous" if proven and live[0] < _LIVE_SHARE * anonymous[0] else "live"


def _growths(experiment: Experiment, judgement: RouteJudgement) -> tuple[Growth, ...]:
    found = []
    for signal in judgement.slopes or {}:
        slope = experiment.window(judgement.route).slope(judgement.route, signal, test_above=float("-inf"))
        if slope is not None:
            interval = slope.interval or (float("-inf"), float("inf"))
            found.append(Growth(signal, slope.per_request, interval, slope.p_value.own if slope.p_value else None))
    return tuple(found)


def _null_reasons(
    rate: tuple[float, Interval | None] | None,
    live: tuple[float, Interval | None] | None,
    peak: Peak,
    minimum: float | None,
    responses: Responses,
) -> Mapping[str, str]:
    no_interval = "too few rounds are left over to measure the noise with"
    reasons = {
        "bytes_per_request": _NOT_MEASURED if rate is None else None,
        "bytes_per_request_interval": (_NOT_MEASURED if rate is None else no_interval if rate[1] is None else None),
        "bytes_per_request_basis": _NOT_MEASURED if rate is None else None,
        "live_bytes_per_request": "live bytes could not be read in the target" if live is None else None,
        "minimum_detectable": _NOT_MEASURED if minimum is None else None,
        "peak_bytes_per_request": peak.reason if peak.bytes_per_request is None else None,
        "amplification": peak.reason,
        "amplification_interval": peak.reason,
        "median_duration": "no request was made" if responses.median_duration is None else None,
    }
    return {name: reason for name, reason in reasons.items() if reason is not None}
