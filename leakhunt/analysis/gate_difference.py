"""Limits against the difference of a run and its reference.

What a request leaves behind may be a limit more than it was. Nothing fails that the run by itself has not proven to
leak; whether it leaks more than it did, `judge_change` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from leakhunt.analysis.difference import judge_change
from leakhunt.analysis.gate_facts import CAUSES, Facts
from leakhunt.analysis.reference import kept_types
from leakhunt.analysis.route_change import background_change, grown, memory_change
from leakhunt.analysis.thresholds import DEFAULTS
from leakhunt.model.comparison import Change, RateChange
from leakhunt.model.gate import Check, Limits, Outcome
from leakhunt.model.reference import Compared
from leakhunt.model.report import Report, RouteReport, Verdict

_OUTCOMES: Final[Mapping[bool | None, Outcome]] = {
    True: Outcome.FAILED,
    None: Outcome.UNDECIDED,
    False: Outcome.PASSED,
}
"""By whether it is a regression."""
_WORDS: Final = {Outcome.FAILED: "more", Outcome.UNDECIDED: "perhaps more", Outcome.PASSED: "no more"}


def growth_difference(facts: Facts, limits: Limits) -> Check | None:
    """What the route keeps, and no longer did; None where the reference does not tell."""
    if facts.before is None:
        return None
    allowed = facts.threshold if limits.growth is None else limits.growth.per_request
    tested = facts.report.judgement.thresholds
    thresholds = {**tested, "live": allowed, "anonymous": max(allowed, tested.get("anonymous", 0.0))}
    change = memory_change((facts.before.report, facts.route), thresholds)
    before = change.before
    if before is None:
        return None
    if change.change is Change.NOT_SETTLED and change.regression is None:
        change = _by_blocks(facts.before.report, facts, allowed) or change
    outcome = _OUTCOMES[change.regression]
    if outcome is Outcome.FAILED and not facts.leaks_memory:
        outcome = Outcome.UNDECIDED if facts.route.verdict is Verdict.INCONCLUSIVE else Outcome.PASSED
    told = f"keeps {_WORDS[outcome]} than in the reference: {change.reason}"
    if change.regression and outcome is Outcome.PASSED:
        told = f"is {facts.route.verdict.value}, whatever it was in the reference: {change.reason}"
    rate, interval = facts.route.bytes_per_request, facts.route.bytes_per_request_interval
    suspects = () if outcome is Outcome.PASSED else facts.suspects()
    return Check(facts.route.route, "growth", outcome, told, rate, interval, allowed, suspects, before)


def _by_blocks(before: RouteReport, facts: Facts, allowed: float) -> RateChange | None:
    """What blocks tell where bytes are too vague, as in a verdict: these are counted, and small leaks show in them."""
    tested = facts.report.judgement.thresholds
    budget = tested.get("blocks", DEFAULTS.blocks) * allowed / tested.get("live", DEFAULTS.live)
    change = judge_change("blocks", grown(before, "blocks"), grown(facts.route, "blocks"), budget)
    if change.regression is None:
        return None
    return replace(change, reason=f"in blocks of memory, {change.reason}")


def resource_difference(facts: Facts, name: str, signal: str, allowed: float) -> Check | None:
    """Threads, descriptors or files that a request leaves behind, and did not; None where nothing is to be compared."""
    if facts.before is None or signal not in facts.route.signals:
        return None
    rates = grown(facts.before.report, signal), grown(facts.route, signal)
    if None in rates:
        return None
    change = judge_change(signal, *rates, allowed)
    outcome = _OUTCOMES[change.regression]
    told = f"leaves {_WORDS[outcome]} {name} behind than in the reference: {change.reason}"
    suspects = () if outcome is Outcome.PASSED else facts.suspects(cause=CAUSES[signal])
    measured = facts.growth(signal)
    assert measured is not None
    return Check(
        facts.route.route,
        name,
        outcome,
        told,
        measured.per_request,
        measured.interval,
        allowed,
        suspects,
        change.before,
    )


def time_difference(report: Report, compared: Compared | None) -> RateChange | None:
    """What grows with time, against the reference; None where there is none, or neither grows."""
    if compared is None:
        return None
    return background_change(compared.reference.background, report.background, report.judgement.thresholds)


def types_difference(facts: Facts, allowed: float) -> Check:
    """Types whose objects a request keeps, and did not keep in the reference."""
    check = Check(facts.route.route, "new-types", Outcome.NOT_MEASURED, "", None, None, allowed)
    if facts.before is None:
        return check
    kept = kept_types(facts.report.suspects, facts.route.route) if facts.route.verdict is Verdict.LEAK else {}
    new = sorted(kept.keys() - facts.before.types.keys())
    number = "1 type" if len(new) == 1 else f"{len(new)} types"
    listed = f": {', '.join(new)}" if new else ""
    outcome = Outcome.FAILED if len(new) > allowed else Outcome.PASSED
    return Check(
        facts.route.route,
        "new-types",
        outcome,
        f"keeps objects of {number} that it did not keep in the reference, limit {allowed:g}{listed}",
        float(len(new)),
        None,
        allowed,
        tuple(suspect for suspect in facts.suspects() if suspect.type in new),
    )
