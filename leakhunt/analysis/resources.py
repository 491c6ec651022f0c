"""Suspects for threads, descriptors and temporary files: the objects that stand for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from leakhunt.analysis import wording
from leakhunt.analysis.advice import advice
from leakhunt.analysis.case import Case
from leakhunt.analysis.causes import PYTHON_OBJECTS, THREADS
from leakhunt.analysis.fingerprint import fingerprint
from leakhunt.analysis.naming import bare_suspect
from leakhunt.model.report import Suspect

RESOURCES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "threads": (THREADS, ("thread",)),
    "descriptors": (
        "descriptors",
        ("socket", "fileio", "bufferedreader", "bufferedwriter", "selector", "connection", "mmap"),
    ),
    "temp_files": ("temporary-files", ("bufferedrandom", "bufferedwriter", "_temporaryfile", "textiowrapper")),
}
"""Signal -> cause, and what the types of the objects are called that stand for the resource, in small letters."""
RESOURCE_CAUSES: Final = frozenset(cause for cause, _ in RESOURCES.values())
_AGREES: Final = 0.05
"""Share by which two counts may differ that are taken for the same: one object for each thread, descriptor or file."""


def add_resource(case: Case, suspects: list[Suspect], signal: str) -> list[Suspect]:
    """The suspect that stands for the resource: by what it is called, else by its number."""
    cause, names = RESOURCES[signal]
    slope = (case.judgement.slopes or {})[signal]
    reason = f"{wording.amount(signal, slope.per_request)} more per {case.unit}"
    free = [suspect for suspect in suspects if suspect.cause == PYTHON_OBJECTS]
    named = [suspect for suspect in free if _is_called(suspect, names)]
    as_many = [suspect for suspect in free if _as_many(suspect, slope.per_request)]
    both = [suspect for suspect in named if suspect in as_many]
    chosen = next(iter((*both, *named, *as_many)), None)
    if chosen is None:
        return [*suspects, bare_suspect(case, cause, None, slope.per_request, reason)]
    known = replace(
        chosen,
        cause=cause,
        count_per_request=slope.per_request,
        fingerprint=fingerprint([chosen.path or ""], chosen.type, cause, chosen.site),
        reasons=(reason, *chosen.reasons),
        advice=advice(cause, None, None, None),
    )
    return [known if suspect is chosen else suspect for suspect in suspects]


def _is_called(suspect: Suspect, names: Sequence[str]) -> bool:
    text = " ".join((suspect.type or "", *suspect.path_nodes)).lower()
    return any(name in text for name in names)


def _as_many(suspect: Suspect, per_request: float) -> bool:
    """Whether there is one more of it for each thread, descriptor or file."""
    count = suspect.count_per_request
    return count is not None and abs(count - per_request) <= _AGREES * per_request
