"""Puts a report on standard output: for a terminal, or as plain text where it is piped."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from shlex import quote
from typing import Final

import click

from leakhunt.model.report import Report
from leakhunt.reports import text
from leakhunt.reports.write import PAGE

_DUMB: Final = {"dumb", "unknown"}
"""Terminals that can do nothing but print."""


def show(report: Report, directory: Path) -> None:
    """What the report says, then where the rest of it lies, if it was written."""
    if has_terminal():
        from leakhunt.reports.terminal import print_report

        print_report(report)
    else:
        click.echo(text.render(report), nl=False)
    page = directory / PAGE
    if page.exists():
        click.echo(f"Report: {page}")


def has_terminal() -> bool:
    """Whether standard output is a terminal that knows colours and columns."""
    return sys.stdout.isatty() and os.environ.get("TERM", "").lower() not in _DUMB


def show_recorded(directory: Path) -> None:
    """Where a run lies that was only recorded, and how to have it judged."""
    click.echo(f"Recorded: {directory}")
    click.echo(f"To judge it, here or where the directory was copied to: leakhunt report {quote(str(directory))}")
