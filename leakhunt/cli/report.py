"""`leakhunt report`: a recorded run, judged and rendered again."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import click

from leakhunt.analysis.analyse import analyse
from leakhunt.cli.show import show
from leakhunt.errors import RunFileError
from leakhunt.model.report import Report
from leakhunt.reports.formats import FORMATS
from leakhunt.reports.write import PAGE, write_all
from leakhunt.runfile import read_run

_NAMES = tuple(sorted(format_.name for format_ in FORMATS))


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--format", "format_name", type=click.Choice(_NAMES), help="Write in this format; a summary otherwise.")
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to this file instead of standard output."
)
def command(run: Path, format_name: str | None, output: Path | None) -> int:
    """Render a recorded run again.

    RUN is a run directory or its run.sqlite. The run is judged by the rules of this version of leakhunt.
    A run directory without report.html gets its reports now.
    """
    report = analyse(read_run(run))
    if format_name is None and output is None:
        if run.is_dir():
            _complete(run, report)
        show(report, run if run.is_dir() else run.parent)
        return 0
    chosen = next(item for item in FORMATS if item.name == (format_name or "html"))
    text = chosen.render(report)
    if output is None:
        sys.stdout.write(text)
    else:
        _write(output, text)
    return 0


def _complete(directory: Path, report: Report) -> None:
    """Write the files of a run that was killed before it could. One whose end is not recorded may have grown since."""
    if report.outcome is None or not (directory / PAGE).exists():
        with suppress(RunFileError):  # a run that may only be read can still be shown
            write_all(report, directory)


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise RunFileError(
            f"The report could not be written to {output}: {error.strerror}.", "Choose another place with --output."
        ) from error
