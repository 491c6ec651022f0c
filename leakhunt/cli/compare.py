"""`leakhunt compare`: two recorded runs beside each other, before and after a change."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from leakhunt.analysis.compare import Judged, compare
from leakhunt.cli.show import has_terminal
from leakhunt.errors import RunFileError, UsageError
from leakhunt.model.comparison import Comparison
from leakhunt.reports import compare_text
from leakhunt.reports.compare_formats import FORMATS
from leakhunt.runfile import read_run

EXIT_WORSE: Final = 1
EXIT_UNTOLD: Final = 4


@click.command("compare")
@click.argument("before", metavar="A", type=click.Path(path_type=Path))
@click.argument("after", metavar="B", type=click.Path(path_type=Path))
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write a page with both growth charts.")
@click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Write Markdown for a pull request.")
@click.option("--json", type=click.Path(path_type=Path), metavar="FILE", help="Write JSON for programs.")
@click.option("--text", type=click.Path(path_type=Path), metavar="FILE", help="Write what is shown where it is piped.")
def command(before: Path, after: Path, **files: Path | None) -> int:
    """Compare two recorded runs, before and after a change.

    A and B are run directories or their run.sqlite, as `leakhunt report` takes them. FILE may be - for standard output.

    Exit codes: 0 B is not worse than A, 1 it is, 4 these runs do not tell.
    """
    _check(before, after, files)
    comparison = compare(*(Judged.by_its_budget(read_run(path)) for path in (before, after)))
    for form in FORMATS:
        file = files[form.name]
        if file is not None:
            _write(file, form.name, form.render(comparison))
    if Path("-") not in files.values():
        _show(comparison)
    if comparison.regression is None:
        return EXIT_UNTOLD
    return EXIT_WORSE if comparison.regression else 0


def _check(before: Path, after: Path, files: dict[str, Path | None]) -> None:
    if before.exists() and after.exists() and _directory(before) == _directory(after):
        raise UsageError(
            f"{before} and {after} are the same run", "Name the run before the change first, then the other."
        )
    if list(files.values()).count(Path("-")) > 1:
        raise UsageError("standard output takes one format only", "Give the others a file.")


def _directory(run: Path) -> Path:
    return run.resolve() if run.is_dir() else run.resolve().parent


def _show(comparison: Comparison) -> None:
    if has_terminal():
        from leakhunt.reports.compare_terminal import print_comparison

        print_comparison(comparison)
    else:
        click.echo(compare_text.render(comparison), nl=False)


def _write(file: Path, option: str, text: str) -> None:
    if file == Path("-"):
        sys.stdout.write(text)
        return
    try:
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise RunFileError(
            f"The comparison could not be written to {file}: {error.strerror}.",
            f"Choose another place with --{option}.",
        ) from error
