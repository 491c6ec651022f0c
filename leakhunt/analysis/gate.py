"""Limits against a report: which are kept, which are broken, and which the run cannot tell.

A check fails only on proof. What a route keeps has been tested by the run itself against the smallest limit; a larger
limit is compared with the interval. A peak is the largest of several requests and needs no interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from leakhunt.model.gate import APP, Budgets, Check, Gate, KnownLeak, Limits, Outcome
from leakhunt.model.report import Growth, Interval, Report, RouteReport, Suspect, Verdict
from leakhunt.units import format_size

_MEMORY: Final = frozenset({"live", "anonymous", "blocks"})
_RESOURCES: Final[Mapping[str, tuple[str, str]]] = {
    # By limit: the signal, and the cause of its suspects.
    "threads": ("threads", "threads"),
    "descriptors": ("descriptors", "descriptors"),
    "files": ("temp_files", "temporary-files"),
}
_RESOURCE_CAUSES: Final = frozenset(cause for _, cause in _RESOURCES.values())
_SOON: Final = 14
"""Days before a known leak expires from which that is said."""
_ORDER: Final = tuple(Outcome)


def judge_gate(report: Report, budgets: Budgets, known: Sequence[KnownLeak] = (), *, today: date) -> Gate:
    """All limits, checked; what is known and still accepted does not fail."""
    checks = [*_app_checks(report, budgets.every)]
    for route in report.routes:
        checks += _route_checks(_Facts(report, route), budgets)
    accepted = {leak.fingerprint: leak for leak in known if leak.is_accepted(today)}
    settled = [_accept(check, accepted) for check in checks]
    return Gate(
        tuple(sorted(settled, key=lambda check: _ORDER.index(check.outcome))),
        tuple(_notes(report, settled, known, today)),
    )


@dataclass(frozen=True, slots=True)
class _Facts:
    """One route and what is said of it."""

    report: Report
    route: RouteReport

    @property
    def threshold(self) -> float:
        """Bytes per request that the run itself has tested against."""
        return self.report.judgement.thresholds.get(self.route.bytes_per_request_basis or "live", 0.0)

    def growth(self, signal: str) -> Growth | None:
        return next((growth for growth in self.route.growths if growth.signal == signal), None)

    def suspects(self, *, cause: str | None = None) -> tuple[Suspect, ...]:
        """Those of the route with a cause; without one, all of its memory."""
        mine = (suspect for suspect in self.report.suspects if suspect.route == self.route.route)
        if cause is not None:
            return tuple(suspect for suspect in mine if suspect.cause == cause)
        return tuple(suspect for suspect in mine if suspect.cause not in _RESOURCE_CAUSES)


def _route_checks(facts: _Facts, budgets: Budgets) -> Iterator[Check]:
    limits = budgets.of(facts.route.route)
    own = budgets.routes.get(facts.route.route, Limits())
    yield _growth_check(facts, limits)
    for name, (signal, cause) in _RESOURCES.items():
        allowed = getattr(limits, name)
        yield _resource_check(facts, name, signal, cause, allowed)
    if limits.peak is not None:
        yield _peak_check(facts, limits.peak, wanted=own.peak is not None)
    if limits.amplification is not None:
        yield _amplification_check(facts, limits.amplification, wanted=own.amplification is not None)


def _growth_check(facts: _Facts, limits: Limits) -> Check:
    """What the route keeps: as the verdict has it at the limit that was tested, by the interval at a larger one."""
    route = facts.route
    allowed = facts.threshold if limits.growth is None else limits.growth.per_request
    rate, interval = route.bytes_per_request, route.bytes_per_request_interval
    check = Check(route.route, "growth", Outcome.PASSED, "", rate, interval, allowed)
    kept = "nothing was measured" if rate is None else f"keeps {_size(rate, interval)} per request"
    limit = f"limit {format_size(allowed)}"
    if route.verdict is Verdict.INCONCLUSIVE and (interval is None or interval[1] > allowed):
        reason = route.reasons[0] if route.reasons else "the run could not tell"
        return replace(check, outcome=Outcome.UNDECIDED, message=f"{kept}, {limit}: {reason}")
    if route.verdict is not Verdict.LEAK or not _MEMORY.intersection(route.signals):
        return replace(check, message=f"{kept}, {limit}")
    if allowed > facts.threshold and interval is not None and interval[1] <= allowed:
        return replace(check, message=f"{kept}, proven, and within the limit of {format_size(allowed)}")
    if allowed > facts.threshold and (interval is None or interval[0] <= allowed):
        return replace(
            check,
            outcome=Outcome.UNDECIDED,
            message=f"{kept}: that it grows is proven, that it does by more than {format_size(allowed)} is not",
            suspects=facts.suspects(),
        )
    return replace(check, outcome=Outcome.FAILED, message=f"{kept}, {limit}", suspects=facts.suspects())


def _resource_check(facts: _Facts, name: str, signal: str, cause: str, limit: float | None) -> Check:
    """Threads, descriptors or files that a request leaves behind."""
    growth = facts.growth(signal)
    tested = facts.report.judgement.thresholds.get(signal, 0.0)
    allowed = tested if limit is None else limit
    if growth is None:
        return Check(facts.route.route, name, Outcome.NOT_MEASURED, f"{name} were not measured", None, None, allowed)
    left = f"leaves {max(0.0, growth.per_request):.3g} {name} behind per request, limit {allowed:g}"
    proven = signal in facts.route.signals and growth.per_request > allowed
    beyond = proven and (allowed <= tested or growth.interval[0] > allowed)
    outcome = Outcome.FAILED if beyond else Outcome.PASSED
    suspects = facts.suspects(cause=cause) if beyond else ()
    return Check(facts.route.route, name, outcome, left, growth.per_request, growth.interval, allowed, suspects)


def _peak_check(facts: _Facts, allowed: float, *, wanted: bool) -> Check:
    peak = facts.route.peak_bytes_per_request
    check = Check(facts.route.route, "peak", Outcome.PASSED, "", peak, None, allowed)
    if peak is None:
        return _unmeasured(check, facts.route.null_reasons.get("peak_bytes_per_request"), wanted=wanted)
    outcome = Outcome.FAILED if peak > allowed else Outcome.PASSED
    told = f"takes {format_size(peak)} for a while in one request, limit {format_size(allowed)}"
    return replace(check, outcome=outcome, message=told)


def _amplification_check(facts: _Facts, allowed: float, *, wanted: bool) -> Check:
    ratio, interval = facts.route.amplification, facts.route.amplification_interval
    check = Check(facts.route.route, "amplification", Outcome.PASSED, "", ratio, interval, allowed)
    if ratio is None:
        return _unmeasured(check, facts.route.null_reasons.get("amplification"), wanted=wanted)
    proven = ratio > allowed and (interval is None or interval[0] > allowed)
    told = f"takes {ratio:.2g} bytes for each uploaded byte, limit {allowed:g}"
    if ratio > allowed and not proven:
        told += ", which is not proven to be more"
    return replace(check, outcome=Outcome.FAILED if proven else Outcome.PASSED, message=told)


def _unmeasured(check: Check, reason: str | None, *, wanted: bool) -> Check:
    """A limit that a route has for itself and that cannot be checked is a question left open."""
    outcome = Outcome.UNDECIDED if wanted else Outcome.NOT_MEASURED
    return replace(check, outcome=outcome, message=f"{check.limit} was not measured: {reason or 'nothing to go by'}")


def _app_checks(report: Report, limits: Limits) -> Iterator[Check]:
    """What is limited for the workers, and what grows with time."""
    if limits.memory is not None:
        yield _memory_check(report, limits.memory)
    judged = [route.verdict for route in report.routes]
    if report.judgement.verdict is Verdict.INCONCLUSIVE and Verdict.INCONCLUSIVE not in judged:
        # It stopped early, a worker died, nothing was requested: no route is to blame, and nothing is proven either.
        reason = report.judgement.reasons[0] if report.judgement.reasons else "the run could not tell"
        yield Check(APP, "growth", Outcome.UNDECIDED, f"cannot be called clean: {reason}", None, None, 0.0)
    background = report.background
    if background is None or background.bytes_per_second is None or background.verdict is Verdict.INCONCLUSIVE:
        return
    failed = background.verdict is Verdict.LEAK
    told = f"grows by {format_size(background.bytes_per_second)} per second while nothing is requested"
    suspects = tuple(suspect for suspect in report.suspects if suspect.bytes_per_second is not None)
    yield Check(
        APP,
        "growth",
        Outcome.FAILED if failed else Outcome.PASSED,
        told,
        background.bytes_per_second,
        background.interval,
        0.0,
        suspects if failed else (),
    )


def _memory_check(report: Report, allowed: float) -> Check:
    highest = [worker for worker in report.workers if worker.rss_max is not None and worker.judged]
    if not highest:
        return Check(APP, "memory", Outcome.UNDECIDED, "no worker's memory was measured", None, None, allowed)
    worker = max(highest, key=lambda each: each.rss_max or 0)
    rss = float(worker.rss_max or 0)
    outcome = Outcome.FAILED if rss > allowed else Outcome.PASSED
    told = f"{worker.name} took {format_size(rss)} at most, limit {format_size(allowed)}"
    return Check(APP, "memory", outcome, told, rss, None, allowed)


def _accept(check: Check, known: Mapping[str, KnownLeak]) -> Check:
    """A failure all of whose suspects are known does not fail; one that nobody is known to blame for does."""
    if check.outcome is not Outcome.FAILED or not check.suspects:
        return check
    new = tuple(suspect for suspect in check.suspects if suspect.fingerprint not in known)
    if new:
        return replace(check, suspects=new)
    return replace(check, outcome=Outcome.ACCEPTED, message=f"{check.message} (known)")


def _notes(report: Report, checks: Sequence[Check], known: Sequence[KnownLeak], today: date) -> Iterator[str]:
    seen = {suspect.fingerprint for suspect in report.suspects}
    undecided = any(check.outcome is Outcome.UNDECIDED for check in checks)
    for leak in known:
        if leak.fingerprint not in seen and not undecided:
            yield f"known leak {leak.fingerprint} ({leak.what}) was not seen; if it is mended, take it out of the list"
        elif leak.expires is not None and today > leak.expires:
            yield f"known leak {leak.fingerprint} ({leak.what}) was accepted until {leak.expires}{_of(leak)}"
        elif leak.expires is not None and (leak.expires - today).days <= _SOON:
            yield f"known leak {leak.fingerprint} ({leak.what}) is accepted until {leak.expires} only{_of(leak)}"


def _of(leak: KnownLeak) -> str:
    return f"; ask {leak.owner}" if leak.owner else ""


def _size(rate: float, interval: Interval | None) -> str:
    if interval is None:
        return format_size(rate)
    half = (interval[1] - interval[0]) / 2
    return f"{format_size(rate)} ± {format_size(half)}"
