"""What came of a check, in every format that a CI system reads."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from jsonschema import ValidationError
from markdown_it import MarkdownIt
from xmlschema import XMLSchemaValidationError

from formats import valid_code_quality, valid_junit, valid_open_metrics, valid_report, valid_sarif
from leakhunt.analysis.gate import judge_gate
from leakhunt.analysis.reference import reference_of
from leakhunt.model.gate import Budgets, Gate, KnownLeak, Limits, Outcome
from leakhunt.model.reference import Compared
from leakhunt.model.report import Report, Suspect
from leakhunt.reports import codequality, gate_json, gate_markdown, gate_sarif, github, junit, openmetrics
from leakhunt.reports.gate import headline, render
from leakhunt.reports.located import Place, located
from unit.reports.comparison_samples import run_of
from unit.reports.golden import assert_as_in_golden
from unit.reports.samples import BOUNDED, CLEAN, IMAGE, INCONCLUSIVE, LEAK, NASTY, SAMPLES, VIDEO, hollow, nasty

TODAY = date(2026, 11, 26)
ROOT = Path("/srv/courseware")
BUDGETS = Budgets(Limits(peak=20_000_000, memory=4 << 30), {VIDEO: Limits(amplification=3.0)})


def gate_of(report: Report, *known: KnownLeak) -> Gate:
    return judge_gate(_proven(report), BUDGETS, known, today=TODAY)


def _proven(report: Report) -> Report:
    thresholds = {"live": 64.0, "threads": 0.02, "descriptors": 0.02, "temp_files": 0.02}
    routes = tuple(replace(route, signals=("live",)) for route in report.routes)
    return replace(report, judgement=replace(report.judgement, thresholds=thresholds), routes=routes)


def known(suspect: Suspect) -> KnownLeak:
    return KnownLeak(suspect.fingerprint, "thumbnails", "mended with 2.4", expires=date(2026, 11, 30))


FAILED = gate_of(LEAK, known(next(suspect for suspect in LEAK.suspects if suspect.route == IMAGE)))
PASSED = judge_gate(CLEAN, Budgets(), today=TODAY)


def against(before: Report, after: Report) -> Gate:
    """What comes of a run beside an earlier one."""
    sides = (_proven(before), _proven(after))
    compared = Compared(*(reference_of(run_of(each), each, "leakhunt-reference.toml") for each in sides))
    return judge_gate(sides[1], Budgets(Limits(new_types=0.0)), today=TODAY, compared=compared)


LATER = replace(LEAK, routes=LEAK.routes[1:], conditions={**LEAK.conditions, "python": "CPython 3.12.1"})
EARLIER = replace(LEAK, routes=(*CLEAN.routes[:2], *LEAK.routes[2:]))
COMPARED = against(EARLIER, LATER)
OUTCOMES = {
    "failed": (FAILED, LEAK),
    "passed": (PASSED, CLEAN),
    "undecided": (gate_of(INCONCLUSIVE), LEAK),
    "compared": (COMPARED, LATER),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_text_reads_as_agreed(name: str) -> None:
    assert_as_in_golden(render(*OUTCOMES[name]), f"check-{name}.txt")


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_markdown_reads_as_agreed(name: str) -> None:
    assert_as_in_golden(gate_markdown.render(*OUTCOMES[name]), f"check-{name}.md")


@pytest.mark.parametrize("name", OUTCOMES)
def test_junit_reads_as_agreed(name: str) -> None:
    assert_as_in_golden(junit.render(*OUTCOMES[name]), f"check-{name}.xml")


def test_the_first_line_is_the_answer() -> None:
    assert headline(FAILED).startswith("FAILED  ")
    assert headline(PASSED) == f"PASSED  {len(PASSED.checks)} checks."
    assert headline(judge_gate(BOUNDED, Budgets(), today=TODAY)).startswith("PASSED  ")


@pytest.mark.parametrize("width", [20, 60, 100])
def test_sentences_are_folded_to_the_width_of_a_terminal_and_lose_nothing(width: int) -> None:
    whole, folded = (render(FAILED, LEAK, width=columns) for columns in (None, width))
    assert folded.split() == whole.split()
    table = whole.split("\n\n")[1].splitlines()
    long = [line for line in folded.splitlines() if len(line) > max(width, 40) and line not in table]
    assert all(" " not in line.strip() or line.startswith("Next: ") for line in long)
    assert render(PASSED, CLEAN, width=200) == render(PASSED, CLEAN)


def test_what_cannot_be_measured_on_a_route_is_counted_and_not_listed() -> None:
    gate = gate_of(LEAK)
    rows = render(gate, LEAK).split("\n\n")[1].splitlines()
    assert not [row for row in rows[:-2] if row.startswith("not measured")]
    assert f"not measured, {len(gate.of(Outcome.NOT_MEASURED))} more limits" in rows


REPORTS = {**SAMPLES, "nasty": nasty(), "hollow": hollow()}
EVERY_REPORT = pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)


@EVERY_REPORT
def test_every_file_obeys_the_schema_of_its_format(report: Report) -> None:
    for gate in (gate_of(report), against(LEAK, report)):
        valid_junit(junit.render(gate, report))
        valid_sarif(gate_sarif.render(gate, ROOT))
        valid_code_quality(codequality.render(gate, ROOT))
        valid_open_metrics(openmetrics.render(gate, report))
        valid_report(gate_json.render(gate, report))


def test_the_schemas_refuse_what_is_missing() -> None:
    with pytest.raises(XMLSchemaValidationError, match="tests"):
        valid_junit(junit.render(FAILED, LEAK).replace(' tests="', ' test="'))
    with pytest.raises(ValidationError, match="driver"):
        valid_sarif(gate_sarif.render(FAILED, ROOT).replace('"driver"', '"pilot"'))
    with pytest.raises(ValidationError, match="severity"):
        valid_code_quality(codequality.render(FAILED, ROOT).replace('"severity"', '"gravity"'))
    with pytest.raises(ValueError, match="EOF"):
        valid_open_metrics(openmetrics.render(FAILED, LEAK).replace("# EOF\n", ""))


# --- JUnit. ---------------------------------------------------------------------------------------------------------


def test_every_limit_of_every_route_is_a_test_case_and_the_counts_are_right() -> None:
    suite = ET.fromstring(junit.render(FAILED, LEAK))[0]
    assert int(suite.get("tests", "0")) == len(suite.findall("testcase")) == len(FAILED.checks)
    for kind, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert int(suite.get(name, "-1")) == len(suite.findall(f"testcase/{kind}"))
    (case,) = suite.findall(f"testcase[@classname='leakhunt.{VIDEO}'][@name='growth']")
    assert "2.10 MiB" in case[0].get("message", "")
    assert "held by courseware.processing.QUEUE" in (case[0].text or "")


def test_nasty_names_make_neither_broken_xml_nor_broken_json() -> None:
    report = nasty()
    gate = gate_of(report)
    ET.fromstring(junit.render(gate, report))
    json.loads(codequality.render(gate, ROOT))
    assert "\x1b" not in render(gate, report)


# --- GitLab. --------------------------------------------------------------------------------------------------------


def test_code_quality_points_at_lines_below_the_root() -> None:
    entries = json.loads(codequality.render(FAILED, ROOT))
    assert entries
    for entry in entries:
        assert set(entry) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert not entry["location"]["path"].startswith(("/", "./"))
        assert entry["location"]["lines"]["begin"] >= 1
    assert len({entry["fingerprint"] for entry in entries}) == len(entries)


def test_a_code_quality_fingerprint_depends_on_neither_number_nor_line() -> None:
    moved = tuple(replace(s, site=replace(s.site, line=s.site.line + 9) if s.site else None) for s in LEAK.suspects)
    larger = tuple(replace(r, bytes_per_request=(r.bytes_per_request or 0) * 2) for r in LEAK.routes)
    other = replace(LEAK, suspects=moved, routes=larger)

    def prints(report: Report) -> set[str]:
        return {entry["fingerprint"] for entry in json.loads(codequality.render(gate_of(report), ROOT))}

    assert prints(LEAK) == prints(other)


def test_metrics_have_a_value_for_each_route() -> None:
    metrics = valid_open_metrics(openmetrics.render(FAILED, LEAK))
    assert metrics["leakhunt_kept_bytes_per_request"][VIDEO] == 2202009.6
    assert metrics["leakhunt_failed_checks"] == {"": len(FAILED.of(Outcome.FAILED))}


def test_metrics_keep_the_names_of_routes_as_they_are() -> None:
    report = nasty()
    metrics = valid_open_metrics(openmetrics.render(gate_of(report), report))
    assert set(metrics["leakhunt_kept_bytes_per_request"]) == {route.route for route in report.routes}


# --- SARIF. ---------------------------------------------------------------------------------------------------------


def test_sarif_has_a_result_at_each_line_with_its_stack_and_its_holder() -> None:
    (run,) = json.loads(gate_sarif.render(FAILED, ROOT))["runs"]
    assert run["results"]
    for result in run["results"]:
        location = result["locations"][0]["physicalLocation"]
        assert not location["artifactLocation"]["uri"].startswith(("/", "./", "file:"))
        assert location["region"]["startLine"] >= 1
        assert result["partialFingerprints"]["leakhunt/v1"]
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    first = run["results"][0]
    assert "held by courseware.processing.QUEUE" in first["relatedLocations"][0]["message"]["text"]
    steps = [step["location"]["message"]["text"] for step in first["codeFlows"][0]["threadFlows"][0]["locations"]]
    assert steps == ["_get_response", "upload_video", "enqueue"]


def test_sarif_tells_what_has_no_line() -> None:
    (run,) = json.loads(gate_sarif.render(FAILED, ROOT))["runs"]
    told = [each["message"]["text"] for each in run["invocations"][0]["toolExecutionNotifications"]]
    assert any(" takes 60.1 MiB for a while" in text for text in told)


# --- JSON. ----------------------------------------------------------------------------------------------------------


def test_json_has_every_check_with_its_figures_and_the_reference() -> None:
    gate = valid_report(gate_json.render(COMPARED, LATER))["gate"]
    assert (gate["outcome"], gate["reference"]) == ("failed", "leakhunt-reference.toml")
    assert len(gate["checks"]) == len(COMPARED.checks)
    first = gate["checks"][0]
    assert (first["route"], first["limit"], first["outcome"]) == (IMAGE, "growth", "failed")
    assert first["before"] < first["measured"]
    assert [caveat["code"] for caveat in gate["caveats"]] == ["other-python"]
    assert valid_report(gate_json.render(FAILED, LEAK))["gate"]["reference_reason"] == "there was none"


# --- GitHub. --------------------------------------------------------------------------------------------------------


def test_an_annotation_stands_at_the_allocating_line() -> None:
    lines = list(github.annotate(FAILED, ROOT))
    assert any(line.startswith("::error file=courseware/") and ",line=" in line for line in lines)
    assert any(line.startswith("::notice title=leakhunt::") for line in lines)  # a known leak that will expire


def test_a_step_gets_ten_of_a_kind_and_the_last_says_what_is_missing() -> None:
    many = replace(FAILED, checks=tuple(FAILED.of(Outcome.FAILED)[0] for _ in range(25)), notes=())
    lines = list(github.annotate(many, ROOT))
    assert len(lines) == 10
    assert lines[-1] == "::error title=leakhunt::and 16 more: see the report"


@pytest.mark.parametrize("text", NASTY)
def test_no_text_ends_its_command(text: str) -> None:
    check = replace(FAILED.of(Outcome.FAILED)[0], message=text, route=text, suspects=())
    (line,) = github.annotate(Gate((check,)), ROOT)
    assert len(line.splitlines()) == 1 or "\n" not in line
    assert "\r" not in line


def test_a_summary_stays_below_its_limit_and_keeps_the_answer() -> None:
    checks = tuple(replace(FAILED.checks[0], route=f"GET /{number}") for number in range(5_000))
    text = gate_markdown.render(Gate(checks), LEAK, most=20_000)
    assert len(text.encode()) <= 20_000
    assert text.startswith("## leakhunt: FAILED")
    assert "too long to be shown" in text


def test_the_markdown_is_a_table_whatever_routes_are_called() -> None:
    for text in NASTY:
        check = replace(FAILED.checks[0], route=text)
        tokens = MarkdownIt("commonmark").enable("table").parse(gate_markdown.render(Gate((check,)), LEAK))
        first = [token for token in tokens if token.type == "tbody_open"]
        assert first
        rows = tokens[tokens.index(first[0]) :]
        cells = [token.type for token in rows[: [token.type for token in rows].index("tr_close")]]
        assert cells.count("td_open") == 5


# --- Places. --------------------------------------------------------------------------------------------------------


def test_a_line_outside_the_repository_is_no_place(tmp_path: Path) -> None:
    (suspect, *_) = [each for each in LEAK.suspects if each.site is not None]
    assert suspect.site is not None
    assert located(replace(suspect, site=replace(suspect.site, file="/usr/lib/app.py")), tmp_path) is None
    there = replace(suspect, site=replace(suspect.site, file=str(tmp_path / "app.py"), line=7))
    assert located(there, tmp_path) == Place("app.py", 7)
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    assert located(there, tmp_path / "link") == Place("app.py", 7)
    assert located(replace(suspect, site=None), tmp_path) is None
