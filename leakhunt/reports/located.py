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
    file = root / suspect.site.file
    for path, base in ((file, root), (file.resolve(), root.resolve())):
        if path.is_relative_to(base):
            return Place(path.relative_to(base).as_posix(), suspect.site.line)
    return None
