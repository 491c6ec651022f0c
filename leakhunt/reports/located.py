"""Where in the repository a suspect allocates, for those who annotate lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from leakhunt.model.report import Suspect


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file."""

    file: str
    """From the root of the repository, with forward slashes."""
    line: int


def located(suspect: Suspect, root: Path) -> Place | None:
    """The allocating line of the application; None where it is not known, or lies outside `root`."""
    if suspect.site is None or suspect.site.line < 1:
        return None
    file = path_below(suspect.site.file, root)
    return None if file is None else Place(file, suspect.site.line)


def path_below(file: str, root: Path) -> str | None:
    """A file as seen from `root`; None where it lies outside."""
    whole = root / file
    for path, base in ((whole, root), (whole.resolve(), root.resolve())):
        if path.is_relative_to(base):
            return path.relative_to(base).as_posix()
    return None
