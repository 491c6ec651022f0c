"""Limits against a report: which are kept, which are broken, and which the run cannot tell.

A check fails only on proof. What a route keeps has been tested by the run itself against the smallest limit; a larger
limit is compared with the interval. A peak is the largest of several requests and needs no interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from difflib import get_close_matches
from typing import Final

from leakhunt.analysis.gate_difference import (
    growth_difference,
    resource_difference,
    time_difference,
    types_difference,
)
from leakhunt.analysis.gate_facts import CAUSES, Facts
from leakhunt.analysis.reference import unlike
from leakhunt.model.gate import APP, Budgets, Check, Gate, KnownLeak, Limits, Outcome
from leakhunt.model.reference import Compared
from leakhunt.model.report import Interval, Report, Verdict
from leakhunt.units import format_size

_RESOURCES: Final[Mapping[str, str]] = {"threads": "threads", "descriptors": "descriptors", "files": "temp_files"}
"""Signals by limit."""
_SOON: Final = 14
"""Days before a known leak expires from which that is said."""
_ORDER: Final = tuple(Outcome)


def judge_gate(
    report: Report,
    budgets: Budgets,
    known: Sequence[KnownLeak] = (),
    *,
    today: date,
    compared: Compared | None = None,
) -> Gate:
    """All limits, checked; what is known and still accepted does not fail.

    With a reference, what requests leave behind is judged by how much more it is than there.
    """
    checks = [*_app_checks(report, budgets.every, compared)]
    for route in report.routes:
        before = None if compared is None else compared.reference.routes.get(route.route)
        checks += _route_checks(Facts(report, route, before), budgets)
    accepted = {leak.fingerprint: leak for leak in known if leak.is_accepted(today)}
    settled = [_accept(check, accepted) for check in checks]
    return Gate(
        tuple(sorted(settled, key=lambda check: _ORDER.index(check.outcome))),
        (
            *_unused_limits(report, budgets),
            *_notes(report, settled, known, today),
            *_other_routes(report, compared),
        ),
        reference=None if compared is None else compared.reference.source,
        caveats=() if compared is None else tuple(unlike(compared.reference, compared.now)),
    )


def _route_checks(facts: Facts, budgets: Budgets) -> Iterator[Check]:
    limits = budgets.of(facts.route.route)
    own = budgets.routes.get(facts.route.route, Limits())
    yield growth_difference(facts, limits) or _growth_check(facts, limits)
    for name, signal in _RESOURCES.items():
        tested = facts.report.judgement.thresholds.get(signal, 0.0)
        limit = getattr(limits, name)
        allowed = tested if limit is None else limit
        yield resource_difference(facts, name, signal, allowed) or _resource_check(facts, name, signal, allowed, tested)
    if limits.peak is not None:
        yield _peak_check(facts, limits.peak, wanted=own.peak is not None)
    if limits.amplification is not None:
        yield _amplification_check(facts, limits.amplification, wanted=own.amplification is not None)
    if limits.new_types is not None:
        yield _types_check(facts, limits.new_types, wanted=own.new_types is not None)


def _growth_check(facts: Facts, limits: Limits) -> Check:
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
    if not facts.leaks_memory:
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


def _resource_check(facts: Facts, name: str, signal: str, allowed: float, tested: float) -> Check:
    """Threads, descriptors or files that a request leaves behind."""
    growth = facts.growth(signal)
    if growth is None:
        return Check(facts.route.route, name, Outcome.NOT_MEASURED, f"{name} were not measured", None, None, allowed)
    left = f"leaves {max(0.0, growth.per_request):.3g} {name} behind per request, limit {allowed:g}"
    proven = signal in facts.route.signals and growth.per_request > allowed
    beyond = proven and (allowed <= tested or growth.interval[0] > allowed)
    outcome = Outcome.FAILED if beyond else Outcome.PASSED
    suspects = facts.suspects(cause=CAUSES[signal]) if beyond else ()
    return Check(facts.route.route, name, outcome, left, growth.per_request, growth.interval, allowed, suspects)


def _peak_check(facts: Facts, allowed: float, *, wanted: bool) -> Check:
    peak = facts.route.peak_bytes_per_request
    check = Check(facts.route.route, "peak", Outcome.PASSED, "", peak, None, allowed)
    if peak is None:
        return _unmeasured(check, facts.route.null_reasons.get("peak_bytes_per_request"), wanted=wanted)
    outcome = Outcome.FAILED if peak > allowed else Outcome.PASSED
    told = f"takes {format_size(peak)} for a while in one request, limit {format_size(allowed)}"
    return replace(check, outcome=outcome, message=told)


def _amplification_check(facts: Facts, allowed: float, *, wanted: bool) -> Check:
    ratio, interval = facts.route.amplification, facts.route.amplification_interval
    check = Check(facts.route.route, "amplification", Outcome.PASSED, "", ratio, interval, allowed)
    if ratio is None:
        return _unmeasured(check, facts.route.null_reasons.get("amplification"), wanted=wanted)
    proven = ratio > allowed and (interval is None or interval[0] > allowed)
    told = f"takes {ratio:.2g} bytes for each uploaded byte, limit {allowed:g}"
    if ratio > allowed and not proven:
        told += ", which is not proven to be more"
    return replace(check, outcome=Outcome.FAILED if proven else Outcome.PASSED, message=told)


def _types_check(facts: Facts, allowed: float, *, wanted: bool) -> Check:
    check = types_difference(facts, allowed)
    if check.outcome is not Outcome.NOT_MEASURED:
        return check
    return _unmeasured(check, "the reference does not have this route", wanted=wanted)


def _unmeasured(check: Check, reason: str | None, *, wanted: bool) -> Check:
    """A limit that a route has for itself and that cannot be checked is a question left open."""
    outcome = Outcome.UNDECIDED if wanted else Outcome.NOT_MEASURED
    return replace(check, outcome=outcome, message=f"{check.limit} was not measured: {reason or 'nothing to go by'}")


def _app_checks(report: Report, limits: Limits, compared: Compared | None) -> Iterator[Check]:
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
    change = time_difference(report, compared)
    failed = background.verdict is Verdict.LEAK and (change is None or change.regression is not False)
    told = f"grows by {format_size(background.bytes_per_second)} per second while nothing is requested"
    if change is not None:
        told += f"; against the reference, {change.reason}"
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


def _unused_limits(report: Report, budgets: Budgets) -> Iterator[str]:
    """Limits of routes that were not requested: mistyped, renamed, or not part of this workload."""
    requested = [route.route for route in report.routes]
    for route in sorted(budgets.routes.keys() - set(requested)):
        close = get_close_matches(route, requested, n=1)
        meant = f"; did you mean {close[0]}?" if close else ""
        yield f"{route} has limits and was not requested, so they were not checked{meant}"


def _other_routes(report: Report, compared: Compared | None) -> Iterator[str]:
    """Routes that only one of the two has."""
    if compared is None:
        return
    then, now = compared.reference.routes, {route.route for route in report.routes}
    for route in sorted(then.keys() - now):
        yield f"{route} is in the reference and was not requested; --update-reference takes it out"
    for route in sorted(now - then.keys()):
        yield f"{route} is not in the reference, so only its limits were checked; --update-reference adds it"


def _of(leak: KnownLeak) -> str:
    return f"; ask {leak.owner}" if leak.owner else ""


def _size(rate: float, interval: Interval | None) -> str:
    if interval is None:
        return format_size(rate)
    half = (interval[1] - interval[0]) / 2
    return f"{format_size(rate)} ± {format_size(half)}"
