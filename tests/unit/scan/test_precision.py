"""Findings on real projects, each labelled by a person: what the docs promise of them."""

from __future__ import annotations

import re

from conftest import ROOT
from leakhunt.scan.registry import RULES
from scan_precision.precision import precision, read_labels, table

PAGE = ROOT / "docs" / "commands" / "scan.md"


def test_there_are_enough_labels_from_enough_projects() -> None:
    labels = read_labels()
    assert len(labels) >= 100
    assert len({label.project for label in labels}) >= 10
    assert {label.label for label in labels} == {"true", "false"}
    assert all(len(label.reason) > 10 for label in labels)
    assert len({(label.project, label.fingerprint) for label in labels}) == len(labels)
    assert {label.rule for label in labels} <= {rule.name for rule in RULES}


def test_findings_are_as_often_true_as_is_promised() -> None:
    labels = read_labels()
    true, total = precision(label for label in labels if label.confidence == "high")
    assert true / total >= 0.85
    true, total = precision(labels)
    assert true / total >= 0.60


def test_the_docs_state_what_the_labels_say() -> None:
    stated = re.findall(r"^\| (?:all|of|LH).*\|$", PAGE.read_text(), re.MULTILINE)
    assert stated == list(table(read_labels()))[2:]
