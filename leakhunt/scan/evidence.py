"""Rank what was found in the source by what a recorded run measured there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from leakhunt.model.finding import Finding
from leakhunt.model.report import Suspect


@dataclass(frozen=True, slots=True)
class _Evidence:
    rank: int
    """0 for the very line, rising with the distance."""
    text: str | None


def rank(findings: Sequence[Finding], suspects: Sequence[Suspect]) -> tuple[Finding, ...]:
    """The findings that a suspect speaks for, the closest first; then the others in the order they had.

    A suspect speaks for a finding on its allocating line, on a frame of its stack, in the same function, or about the
    container that holds what leaks. Suspects come weightiest first.
    """
    ranked = [(best, finding) for finding in findings for best in [_best(finding, suspects)]]
    ranked.sort(key=lambda each: each[0].rank)
    return tuple(replace(finding, evidence=best.text) for best, finding in ranked)


def _best(finding: Finding, suspects: Sequence[Suspect]) -> _Evidence:
    found = [
        _Evidence(rank=closeness * (len(suspects) + 1) + number, text=_sentence(suspect, how))
        for number, suspect in enumerate(suspects)
        for closeness, how in [_closeness(finding, suspect)]
        if how is not None
    ]
    return min(found, key=lambda each: each.rank, default=_Evidence(10 * (len(suspects) + 1), None))


def _closeness(finding: Finding, suspect: Suspect) -> tuple[int, str | None]:
    lines = {finding.line, *(spot.line for spot in finding.related)}
    frames = [(frame.file, frame.line, frame.function) for frame in suspect.stack]
    if suspect.site is not None:
        site = (suspect.site.file, suspect.site.line, suspect.site.function)
        if _is_same(site[0], finding.file) and finding.line <= site[1] <= finding.end_line:
            return 0, "on this line"
        if _is_same(site[0], finding.file) and site[1] in lines:
            return 1, f"of what is made on line {site[1]}"
        frames.insert(0, site)
    if finding.subject is not None and _is_held(finding, suspect.path or ""):
        return 2, f"held by {suspect.path}"
    name = finding.function.rpartition(".")[2]
    here = [frame for frame in frames if _is_same(frame[0], finding.file)]
    if any(finding.line <= line <= finding.end_line for _, line, _ in here):
        return 3, "in what this line calls"
    if any(function.rpartition(".")[2] == name for _, _, function in here):
        return 4, "in this function"
    return 9, None


def _is_same(measured: str, found: str) -> bool:
    """A run names files as the target saw them, a scan as seen from here."""
    one, other = PurePosixPath(measured).parts, PurePosixPath(found).parts
    length = min(len(one), len(other))
    return length > 0 and one[-length:] == other[-length:]


def _is_held(finding: Finding, path: str) -> bool:
    """`courseware.uploads.leaky._THUMBNAILS['*'].image` is held by `_THUMBNAILS` of courseware/uploads/leaky.py."""
    names = re.findall(r"\w+", path)
    module = PurePosixPath(finding.file).stem
    subject = (finding.subject or "").rpartition(".")[2]
    return module in names and subject in names


def _sentence(suspect: Suspect, how: str) -> str:
    kept = suspect.bytes_per_request
    amount = "growth" if kept is None else f"{kept:+,.0f} bytes per request"
    return f"{amount} on {suspect.route}, {how}"
