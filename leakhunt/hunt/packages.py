"""Versions of the packages that turn up in allocating stacks, read beside their files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import distributions
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
