"""What a scan found: as text, as JSON for programs, as SARIF for code hosts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

from leakhunt import __version__
from leakhunt.model.finding import Confidence, Finding, RuleNote, ScanResult, Severity
from leakhunt.reports.phrases import plain
from leakhunt.reports.sarif import Place, SarifResult, SarifRule
from leakhunt.reports.sarif import render as render_as_sarif

SCHEMA: Final = 1
_LEVELS: Final = {Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}


def render_text(result: ScanResult) -> str:
    """A line for each finding, its source and its neighbours below; at the end what to do, once per rule."""
    lines = [line for finding in result.findings for line in _finding(finding)]
    found = Counter(finding.rule for finding in result.findings)
    if found:
        lines.extend(("", *(_advice(rule, found[rule.name]) for rule in result.rules if rule.name in found), ""))
    lines.append(_summary(result))
    lines.extend(f"Not looked at: {plain(problem.file)} {plain(problem.reason)}." for problem in result.problems)
    return "\n".join(lines) + "\n"


def render_json(result: ScanResult) -> str:
    """One JSON document; docs/commands/scan.md names its keys."""
    document = {
        "schema": SCHEMA,
        "leakhunt": __version__,
        "files": result.files,
        "lines": result.lines,
        "suppressed": result.suppressed,
        "findings": [asdict(finding) for finding in result.findings],
        "problems": [asdict(problem) for problem in result.problems],
        "rules": [asdict(rule) for rule in result.rules],
    }
    return json.dumps(document, indent=2) + "\n"


def render_sarif(result: ScanResult) -> str:
    """SARIF 2.1.0."""
    return render_as_sarif(
        [_sarif_rule(rule) for rule in result.rules],
        [_sarif_result(finding) for finding in result.findings],
        problems=[f"{problem.file} {problem.reason}." for problem in result.problems],
    )


def _finding(finding: Finding) -> Iterator[str]:
    place = f"{plain(finding.file)}:{finding.line}:{finding.column}"
    words = f"severity {finding.severity.value}, confidence {finding.confidence.value}"
    yield f"{place}: {finding.rule} {plain(finding.message)} ({words})"
    yield f"    {plain(finding.source)}"
    if finding.evidence is not None:
        yield f"    measured: {plain(finding.evidence)}"
    for spot in finding.related:
        yield f"    line {spot.line}: {plain(spot.message)}"


def _advice(rule: RuleNote, count: int) -> str:
    return f"{rule.name} {rule.title} ({count}). {rule.advice}"


def _summary(result: ScanResult) -> str:
    total = len(result.findings)
    sure = sum(finding.confidence is Confidence.HIGH for finding in result.findings)
    words = "no findings" if not total else f"{total} finding{'s' if total > 1 else ''}, {sure} of high confidence,"
    taken_back = f"; {result.suppressed} taken back by comments" if result.suppressed else ""
    files = f"{result.files} file{'' if result.files == 1 else 's'}"
    return f"{words[0].upper()}{words[1:]} in {files} with {result.lines} lines{taken_back}."


def _sarif_rule(rule: RuleNote) -> SarifRule:
    return SarifRule(
        name=rule.name,
        title=f"{rule.title}.",
        help=rule.advice,
        level=_LEVELS[rule.severity],
        precision=rule.confidence.value,
    )


def _sarif_result(finding: Finding) -> SarifResult:
    properties = {"confidence": finding.confidence.value, "function": finding.function}
    if finding.evidence is not None:
        properties["evidence"] = finding.evidence
    return SarifResult(
        rule=finding.rule,
        message=finding.message,
        place=Place(finding.file, finding.line, finding.column, finding.end_line),
        fingerprint=finding.fingerprint,
        level=_LEVELS[finding.severity],
        related=tuple(Place(spot.file, spot.line, message=f"{spot.message}.") for spot in finding.related),
        properties=properties,
    )
