"""Write a report's files into its run directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from leakhunt.errors import RunFileError
from leakhunt.model.report import Report
from leakhunt.reports.drawing import draw_files
from leakhunt.reports.html import HTML
from leakhunt.reports.json_ import JSON
from leakhunt.reports.markdown import MARKDOWN

STEM: Final = "report"
PAGE: Final = f"{STEM}{HTML.extension}"
"""The file that people open."""


def write_all(report: Report, directory: Path) -> tuple[Path, ...]:
    """Write report.html, .md and .json and every chart there is data for; the paths, report.html first.

    Each file is readable by its owner only, and either old or new, never half. Charts of an earlier rendering that
    there is no data for any more are removed.

    Raises:
        RunFileError: a file cannot be written.
    """
    files = dict(_files(report))
    try:
        for chart in ("growth", "routes"):
            for extension in (".png", ".svg"):
                (directory / f"{chart}{extension}").unlink(missing_ok=True)
        return tuple(_replace(directory / name, content) for name, content in files.items())
    except OSError as error:
        raise RunFileError(
            f"The report could not be written to {directory}: {error.strerror}.",
            f"Make room or mend the permissions, then run `leakhunt report {directory} --format html`.",
        ) from error


def _files(report: Report) -> Iterator[tuple[str, bytes]]:
    for form in (HTML, MARKDOWN, JSON):
        yield f"{STEM}{form.extension}", form.render(report).encode("utf-8", "backslashreplace")
    yield from draw_files(report).items()


def _replace(path: Path, content: bytes) -> Path:
    draft = path.with_name(f".{path.name}.draft")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123  # the descriptor carries the permissions
            file.write(content)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return path
