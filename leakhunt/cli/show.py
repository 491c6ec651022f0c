"""Puts a report on standard output: drawn for a terminal, plain where it is piped."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from leakhunt.model.report import Report
from leakhunt.reports import terminal
from leakhunt.reports.text import TEXT


def show(report: Report, directory: Path) -> None:
    """The answer first; then where the rest of it lies."""
    if sys.stdout.isatty():
        terminal.show(report, Console())
    else:
        click.echo(TEXT.render(report))
    click.echo(f"\nReport: {directory / 'report.html'}")
