"""What came of a check as JSON: report.json with one key more."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from leakhunt.model.gate import Check, Gate
from leakhunt.model.report import Report
from leakhunt.reports.json_ import Json, document, nullable, to_text

_WHY_NOT: Final = {
    "interval": "it was measured once, or not at all",
    "before": "the limit counts for the whole, or the reference does not have it",
    "before_interval": "the limit counts for the whole, or the reference does not have it",
    "reference": "there was none",
}


def render(gate: Gate, report: Report) -> str:
    """The whole file."""
    return to_text({**document(report), "gate": _gate(gate)})


def _gate(gate: Gate) -> Json:
    return {
        "outcome": gate.outcome.value,
        **nullable({"reference": gate.reference}, _WHY_NOT),
        "checks": [_check(check) for check in gate.checks],
        "notes": gate.notes,
        "caveats": [asdict(caveat) for caveat in gate.caveats],
    }


def _check(check: Check) -> Json:
    before = check.before
    figures: dict[str, Json] = {
        "measured": check.measured,
        "interval": check.interval,
        "before": None if before is None else before.value,
        "before_interval": None if before is None else before.interval,
    }
    return {
        "route": check.route,
        "limit": check.limit,
        "outcome": check.outcome.value,
        "message": check.message,
        **nullable(figures, _WHY_NOT),
        "allowed": check.allowed,
        "fingerprints": [suspect.fingerprint for suspect in check.suspects],
    }
