"""Versions of the packages that turn up in allocating stacks, read beside their files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from leakhunt.model.run import Run

_INSTALLED: Final = re.compile(r"(.*/(?:site|dist)-packages)/([^/]+)")


def package_versions(run: Run) -> dict[str, str]:
    """`package:<distribution>` -> version, for each installed package that a recorded stack runs through."""
    places = {match.groups() for file in _files(run) if (match := _INSTALLED.match(file))}
    found: dict[str, str] = {}
    for directory in {directory for directory, _ in places}:
        names = {name.removesuffix(".py") for place, name in places if place == directory}
        for distribution in distributions(path=[directory]):
            provided = {str(file).split("/", 1)[0].removesuffix(".py") for file in distribution.files or ()}
            if names & provided:
                found[f"package:{distribution.metadata['Name']}"] = distribution.version
    return found


def _files(run: Run) -> Iterable[str]:
    return {frame.file for snapshot in run.snapshots for site in snapshot.sites for frame in site.stack}


class Packages:
    """Which installed distribution a file belongs to."""

    def __init__(self) -> None:
        self._owners: dict[Path, dict[Path, tuple[str, str]]] = {}

    def owner(self, file: Path) -> tuple[str, str] | None:
        """Name and version of the distribution that has installed a file; None where none says so."""
        match = _INSTALLED.match(str(file))
        if match is None:
            return None
        directory = Path(match[1])
        if directory not in self._owners:
            self._owners[directory] = {
                directory / str(each): (distribution.metadata["Name"], distribution.version)
                for distribution in distributions(path=[str(directory)])
                for each in distribution.files or ()
                if ".so" in each.name
            }
        return self._owners[directory].get(file)
