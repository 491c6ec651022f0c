"""Findings as text, JSON and SARIF."""

from __future__ import annotations

import json

from formats import valid_sarif
from leakhunt.model.finding import Confidence, Finding, RuleNote, ScanProblem, ScanResult, Severity, Spot
from leakhunt.reports.findings import render_json, render_sarif, render_text

FINDING = Finding(
    rule="LH103",
    message="`SEEN` grows.",
    file="shop/views.py",
    line=10,
    column=5,
    end_line=10,
    function="post",
    source="SEEN.append(\x1b[31mrequest)",
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    fingerprint="0123456789abcdef",
    related=(Spot("shop/views.py", 8, "`SEEN` is made here"),),
    evidence="+2,048 bytes per request on POST /orders, on this line",
)
RESULT = ScanResult(
    findings=(FINDING,),
    files=2,
    lines=50,
    suppressed=1,
    problems=(ScanProblem("old.py", "is no Python"),),
    rules=(RuleNote("LH103", "It grows", Severity.HIGH, Confidence.HIGH, "Give it a bound."),),
)


def test_the_text_names_place_rule_evidence_and_advice() -> None:
    text = render_text(RESULT)
    assert "shop/views.py:10:5: LH103 `SEEN` grows. (severity high, confidence medium)" in text
    assert "    measured: +2,048 bytes per request on POST /orders, on this line" in text
    assert "    line 8: `SEEN` is made here" in text
    assert "LH103 It grows (1). Give it a bound." in text
    assert "1 finding, 0 of high confidence, in 2 files with 50 lines; 1 taken back by comments." in text
    assert "Not looked at: old.py is no Python." in text


def test_source_cannot_speak_to_the_terminal() -> None:
    assert "\x1b" not in render_text(RESULT)


def test_json_has_every_field() -> None:
    document = json.loads(render_json(RESULT))
    assert (document["schema"], document["files"], document["lines"], document["suppressed"]) == (1, 2, 50, 1)
    (finding,) = document["findings"]
    assert (finding["fingerprint"], finding["confidence"]) == ("0123456789abcdef", "medium")
    assert document["problems"] == [{"file": "old.py", "reason": "is no Python"}]


def test_sarif_has_severity_as_level_and_confidence_as_precision() -> None:
    (run,) = valid_sarif(render_sarif(RESULT))["runs"]
    assert run["tool"]["driver"]["rules"][0]["properties"]["precision"] == "high"
    (result,) = run["results"]
    assert (result["level"], result["properties"]["confidence"]) == ("error", "medium")
