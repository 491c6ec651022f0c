"""JUnit XML: a test suite with a test case for every route and limit.

There is no official schema. This keeps to that of Jenkins' xUnit plugin, and within it to what GitLab and GitHub read
too, as collected by testmoapp/junitxml. GitLab shows neither properties nor file and line, so the number stands in
message and text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from leakhunt.model.gate import Check, Gate, Outcome
from leakhunt.model.report import Report, Suspect
from leakhunt.reports import phrases
from leakhunt.reports.gate import sentence

_UNPRINTABLE: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""


def render(gate: Gate, report: Report) -> str:
    """The whole file."""
    failed, undecided = len(gate.of(Outcome.FAILED)), len(gate.of(Outcome.UNDECIDED))
    counts = {
        "tests": str(len(gate.checks)),
        "failures": str(failed),
        "errors": str(undecided),
        "time": f"{report.duration:.3f}",
    }
    suites = ET.Element("testsuites", {"name": "leakhunt", **counts})
    named = {"name": _text(report.name), "timestamp": report.started_at}
    skipped = str(len(gate.of(Outcome.ACCEPTED, Outcome.NOT_MEASURED)))
    suite = ET.SubElement(suites, "testsuite", {**named, **counts, "skipped": skipped})
    for check in sorted(gate.checks, key=lambda each: (each.route, each.limit)):
        _case(suite, check)
    notes = [*gate.notes, *(caveat.text for caveat in gate.caveats)]
    if notes:
        ET.SubElement(suite, "system-out").text = _text("\n".join(notes))
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, check: Check) -> None:
    case = ET.SubElement(
        suite, "testcase", {"classname": _text(f"leakhunt.{check.route}"), "name": check.limit, "time": "0"}
    )
    told = _text(sentence(check))
    if check.outcome is Outcome.FAILED:
        failure = ET.SubElement(case, "failure", {"message": told, "type": f"leakhunt.{check.limit}"})
        failure.text = "\n".join([told, *_blame(check.suspects)])
    elif check.outcome is Outcome.UNDECIDED:
        ET.SubElement(case, "error", {"message": told, "type": "leakhunt.undecided"}).text = told
    elif check.outcome is not Outcome.PASSED:
        ET.SubElement(case, "skipped", {"message": told})
    else:
        ET.SubElement(case, "system-out").text = told


def _blame(suspects: Sequence[Suspect]) -> list[str]:
    return [_text(" | ".join(phrases.dense(suspect))) for suspect in suspects]


def _text(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text)
