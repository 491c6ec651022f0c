"""What came of a check in SARIF 2.1.0: each suspect at its line, with the stack that leads to it and who holds it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from leakhunt.model.gate import Check, Gate, Outcome
from leakhunt.model.report import Suspect
from leakhunt.reports import phrases, sarif
from leakhunt.reports.gate import sentence
from leakhunt.reports.located import located, path_below

_RULES: Final = {
    "growth": "A route keeps memory with every request.",
    "threads": "A route leaves threads behind.",
    "descriptors": "A route leaves descriptors open.",
    "files": "A route leaves temporary files behind.",
    "new-types": "A route keeps objects of types that it did not keep in the reference.",
}
"""By limit. Those of peaks and of whole workers have no line to be shown at."""


def render(gate: Gate, root: Path) -> str:
    """The whole file; files are named as seen from `root`. What has no line below it is told as a notification."""
    rules = [
        sarif.SarifRule(name, title, f"{title} See docs/commands/check.md of leakhunt.", "error", "very-high")
        for name, title in _RULES.items()
    ]
    results: dict[str, sarif.SarifResult] = {}
    problems = []
    for check in gate.of(Outcome.FAILED):
        found = {result.fingerprint: result for result in _results(check, root)}
        results |= found
        problems += [] if found else [sentence(check)]
    problems += [sentence(check) for check in gate.of(Outcome.UNDECIDED)]
    notes = [*gate.notes, *(caveat.text for caveat in gate.caveats)]
    return sarif.render(rules, list(results.values()), problems=problems, notes=notes)


def _results(check: Check, root: Path) -> Iterator[sarif.SarifResult]:
    for suspect in check.suspects:
        place = located(suspect, root)
        if place is not None and check.limit in _RULES:
            yield sarif.SarifResult(
                rule=check.limit,
                message=f"{sentence(check)}: {phrases.grown(suspect)}, {phrases.holder(suspect)}",
                place=sarif.Place(place.file, place.line),
                fingerprint=f"{suspect.fingerprint}/{check.limit}",
                level="error",
                related=(sarif.Place(place.file, place.line, message=phrases.holder(suspect)),),
                flow=tuple(_stack(suspect, root)),
                properties={"route": check.route, "bytes_per_request": suspect.bytes_per_request},
            )


def _stack(suspect: Suspect, root: Path) -> Iterator[sarif.Place]:
    """The frames from the outermost one, those of libraries by their whole path."""
    for frame in reversed(suspect.stack):
        yield sarif.Place(path_below(frame.file, root) or frame.file, frame.line, message=frame.function)
