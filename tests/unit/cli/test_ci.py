"""What a CI system is told."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from leakhunt.analysis.gate import judge_gate
from leakhunt.cli.ci import repository_root, tell_ci
from leakhunt.model.gate import Budgets, Limits
from leakhunt.reports.github import MOST_SUMMARY
from unit.reports.samples import LEAK

GATE = judge_gate(LEAK, Budgets(Limits(memory=1)), today=date(2026, 11, 26))


def test_outside_ci_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell_ci(GATE, LEAK, tmp_path, {"CI": "true", "GITLAB_CI": "true"})
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []


def test_github_gets_annotations_and_a_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    tell_ci(GATE, LEAK, tmp_path, {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)})
    assert capsys.readouterr().out.startswith("::error ")
    assert summary.read_text().startswith("before\n## leakhunt: FAILED")


def test_what_others_wrote_counts_towards_the_limit_of_a_summary(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("x" * (MOST_SUMMARY - 3_000))
    tell_ci(GATE, LEAK, tmp_path, {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)})
    assert MOST_SUMMARY - 3_000 < summary.stat().st_size <= MOST_SUMMARY


def test_a_summary_that_cannot_be_written_fails_no_build(tmp_path: Path) -> None:
    tell_ci(GATE, LEAK, tmp_path, {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "no" / "such")})


def test_files_are_named_from_the_workspace_or_the_repository_around(tmp_path: Path) -> None:
    app = tmp_path / "services" / "shop"
    app.mkdir(parents=True)
    assert repository_root(app, {}) == app
    (tmp_path / ".git").mkdir()
    assert repository_root(app, {}) == tmp_path
    assert repository_root(app, {"CI_PROJECT_DIR": str(tmp_path / "services")}) == tmp_path / "services"
    assert repository_root(app, {"GITHUB_WORKSPACE": "/elsewhere"}) == tmp_path
