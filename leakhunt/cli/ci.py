"""What the CI system that leakhunt runs in is told: annotations and a summary, and no other file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import click

from leakhunt.model.gate import Gate
from leakhunt.model.report import Report
from leakhunt.reports import gate_markdown, github

_WORKSPACES = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "WORKSPACE")
"""Variables with the root of the repository: of GitHub, GitLab and Jenkins."""


def tell_ci(gate: Gate, report: Report, root: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Annotate lines and add to the step's summary on GitHub Actions; other systems read files that are asked for."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return
    for line in github.annotate(gate, root):
        click.echo(line)
    summary = environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        # What cannot be written there stands in the log, and a build does not fail for it.
        with suppress(OSError):
            _append(Path(summary), gate, report)


def _append(summary: Path, gate: Gate, report: Report) -> None:
    taken = summary.stat().st_size if summary.exists() else 0
    text = gate_markdown.render(gate, report, most=github.MOST_SUMMARY - taken)
    with summary.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)


def repository_root(start: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """The directory that files are named from: the CI system's, else Git's around `start`, else `start` itself."""
    for name in _WORKSPACES:
        workspace = environ.get(name)
        if workspace and start.resolve().is_relative_to(Path(workspace).resolve()):
            return Path(workspace)
    return next((path for path in (start, *start.parents) if (path / ".git").exists()), start)
