"""Puts a report on standard output: in colour on a terminal, plain where it is piped."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from leakhunt.model.report import Report
from leakhunt.reports import terminal

_PIPED_WIDTH: Final = 160


def show(report: Report, directory: Path) -> None:
    """The answer first; then where the rest of it lies."""
    # Where the output is piped there is no width to fit: lines stay whole, for grep and for log files.
    console = Console() if sys.stdout.isatty() else Console(width=_PIPED_WIDTH)
    terminal.print_report(report, console)
    click.echo(f"\nReport: {directory / 'report.html'}")
