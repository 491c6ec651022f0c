"""SARIF 2.1.0 as code hosts want it."""

from __future__ import annotations

from typing import Any

from formats import valid_sarif
from leakhunt.reports.sarif import FINGERPRINT, Place, SarifResult, SarifRule, render

RULE = SarifRule("LH101", "An upload is read.", "Read pieces.", "error", "high")
RESULT = SarifResult(
    rule="LH101",
    message="It is read.",
    place=Place("shop/my views.py", 3, 5, 4),
    fingerprint="abc",
    level="error",
    related=(Place("shop/a.py", 1, message="made here"),),
    flow=(Place("shop/b.py", 7, message="calls"), Place("shop/my views.py", 3)),
)


def run(*results: SarifResult, problems: tuple[str, ...] = ()) -> dict[str, Any]:
    document = valid_sarif(render([RULE], results, problems=problems))
    assert document["version"] == "2.1.0"
    assert document["$schema"].endswith("sarif-2.1.0.json")
    (only,) = document["runs"]
    return dict(only)


def test_a_result_has_its_rule_a_place_and_a_fingerprint_of_our_own() -> None:
    (result,) = run(RESULT)["results"]
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == ("LH101", 0, "error")
    assert result["partialFingerprints"] == {FINGERPRINT: "abc"}
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "shop/my%20views.py"
    assert place["region"] == {"startLine": 3, "startColumn": 5, "endLine": 4}


def test_related_lines_and_the_way_to_it_are_shown() -> None:
    (result,) = run(RESULT)["results"]
    assert result["relatedLocations"][0]["message"]["text"] == "made here"
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [step["location"]["physicalLocation"]["region"]["startLine"] for step in steps] == [7, 3]


def test_absolute_paths_become_addresses() -> None:
    (result,) = run(SarifResult("X", "m", Place("/srv/a b.py", 0), "f", "note"))["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "file:///srv/a%20b.py"
    assert place["region"]["startLine"] == 1
    assert "ruleIndex" not in result


def test_a_run_without_results_says_so_and_what_was_not_read() -> None:
    empty = run(problems=("a.py cannot be read.",))
    assert empty["results"] == []
    assert empty["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"] == "a.py cannot be read."
