"""Compares results with the truth."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from statistics import median

from leakbench.case import Case, Culprit, Side
from leakbench.intervals import Share, by_case
from leakbench.results import Accused, Result


@dataclass(frozen=True, slots=True)
class Scored:
    """A result beside the truth of its side."""

    case: Case
    side: Side
    result: Result

    @property
    def leaks(self) -> bool:
        """Whether LEAK is the one right verdict."""
        return self.side.leaks

    @property
    def harmless(self) -> bool:
        """Whether LEAK would be a false alarm."""
        return self.side.harmless

    @property
    def right(self) -> bool:
        """Whether the verdict is. INCONCLUSIVE and no verdict never are; BOUNDED on a trap only if a cap is named."""
        verdict = self.result.verdict
        if verdict == "BOUNDED" and self.harmless and self.case.origin == "trap" and self.side.name == "leaky":
            return any(suspect.cap is not None for suspect in self.suspects)
        return verdict in self.side.verdicts

    @property
    def suspects(self) -> tuple[Accused, ...]:
        """The weightiest first."""
        return self.result.answer.suspects if self.result.answer else ()

    @property
    def cause_right(self) -> bool:
        """Whether the weightiest suspect has the right cause."""
        return self.right and bool(self.suspects) and self.suspects[0].cause in self.side.causes

    def culprit_in_top(self, count: int) -> bool:
        """Whether one of so many suspects is the culprit."""
        return self.right and any(is_culprit(suspect, self.side.culprit) for suspect in self.suspects[:count])

    @property
    def size_error(self) -> float | None:
        """Relative error of the bytes per request; None where the truth is unknown or no leak was reported."""
        truth, answer = self.side.bytes_per_request, self.result.answer
        if not truth or answer is None or not self.right or answer.bytes_per_request is None:
            return None
        return abs(answer.bytes_per_request - truth) / truth


def score(cases: Iterable[Case], results: Iterable[Result]) -> tuple[Scored, ...]:
    """Each result beside its truth; results of cases that are not among these are left out."""
    known = {case.name: case for case in cases}
    return tuple(
        Scored(known[result.case], known[result.case].side(result.side), result)
        for result in results
        if result.case in known
    )


def is_culprit(suspect: Accused, truth: Culprit) -> bool:
    """Whether a suspect is who it should be: file and function, type or path are equal to the truth.

    Where the truth names a shared object, memory is lost inside it: the suspect has to name it and the line of the
    application that called into it. One of the two alone says too little.
    """
    site = suspect.site is not None and (not truth.sites or any(_same_site(suspect.site, each) for each in truth.sites))
    if truth.shared_object is not None:
        return (site and _is_shared_object(suspect, truth.shared_object)) or _named(suspect, truth)
    places = [place for place in (suspect.site, suspect.library) if place is not None]
    return any(_same_site(place, each) for place in places for each in truth.sites) or _named(suspect, truth)


def _named(suspect: Accused, truth: Culprit) -> bool:
    return suspect.type in truth.types or any((suspect.path or "").startswith(path) for path in truth.paths)


def _same_site(place: str, truth: str) -> bool:
    """Whether `msgpack/x.py:7:Packer.pack` is meant by `x.py:pack`: end of the path, and the function's own name."""
    file, _, function = place.rpartition(":")
    file = file.rstrip("0123456789").rstrip(":")
    true_file, _, true_function = truth.rpartition(":")
    same_function = function.rpartition(".")[2] == true_function.rpartition(".")[2]
    return same_function and f"/{file}".endswith(f"/{true_file}")


def _is_shared_object(suspect: Accused, pattern: str) -> bool:
    file = (suspect.library or "").rpartition(":")[0]
    return fnmatch(file, pattern) or fnmatch(file, f"*/{pattern}")


@dataclass(frozen=True, slots=True)
class Rate:
    """One row of the table: a share of runs, and the same with every case counted once."""

    name: str
    runs: Share
    cases: Share


@dataclass(frozen=True, slots=True)
class Spread:
    """One row of the table: the middle and the 90th percentile of a quantity."""

    name: str
    values: tuple[float, ...]
    unit: str

    @property
    def median(self) -> float:
        """nan of nothing."""
        return median(self.values) if self.values else math.nan

    @property
    def p90(self) -> float:
        """The smallest value that nine of ten do not exceed."""
        return sorted(self.values)[math.ceil(0.9 * len(self.values)) - 1] if self.values else math.nan


def rates(scored: Iterable[Scored]) -> tuple[Rate, ...]:
    """How often leakhunt was right, and how often wrong in which way."""
    every = tuple(scored)
    leaks = [each for each in every if each.leaks]
    with_culprit = [each for each in leaks if each.side.culprit.known]
    harmless = [each for each in every if each.harmless]
    return (
        _rate("leaks found: LEAK", leaks, lambda each: each.right),
        _rate("cause right", leaks, lambda each: each.cause_right),
        _rate("culprit first", with_culprit, lambda each: each.culprit_in_top(1)),
        _rate("culprit in the first three", with_culprit, lambda each: each.culprit_in_top(3)),
        _rate("false alarms: LEAK where nothing leaks", harmless, lambda each: each.result.verdict == "LEAK"),
        _rate("clean sides: CLEAN", _clean(every), lambda each: each.right),
        _rate("traps: CLEAN, or BOUNDED with the cap named", _traps(every), lambda each: each.right),
        _rate("bounded retention: BOUNDED", _bounded(every), lambda each: each.right),
        _rate("INCONCLUSIVE", every, lambda each: each.result.verdict == "INCONCLUSIVE"),
        _rate("no verdict: failed or timed out", every, lambda each: each.result.verdict is None),
        _rate("verdict right", every, lambda each: each.right),
    )


def _clean(scored: Iterable[Scored]) -> list[Scored]:
    return [each for each in scored if each.side.verdicts == ("CLEAN",)]


def _traps(scored: Iterable[Scored]) -> list[Scored]:
    return [each for each in scored if each.case.origin == "trap" and each.harmless and "BOUNDED" in each.side.verdicts]


def _bounded(scored: Iterable[Scored]) -> list[Scored]:
    return [each for each in scored if each.side.verdicts == ("BOUNDED",) and each.case.origin != "trap"]


def _rate(name: str, scored: Iterable[Scored], hit: Callable[[Scored], bool]) -> Rate:
    groups: Mapping[str, list[bool]] = _grouped((each.case.name, hit(each)) for each in scored)
    shares = [Share(sum(hits), len(hits)) for hits in groups.values()]
    return Rate(name, Share(sum(share.hits for share in shares), sum(share.of for share in shares)), by_case(shares))


def _grouped(pairs: Iterable[tuple[str, bool]]) -> dict[str, list[bool]]:
    groups: dict[str, list[bool]] = defaultdict(list)
    for name, hit in pairs:
        groups[name].append(hit)
    return groups


def spreads(scored: Iterable[Scored]) -> tuple[Spread, ...]:
    """How exact leakhunt was, and how long it took."""
    every = tuple(scored)
    answers = [each.result.answer for each in every if each.result.answer]
    errors = tuple(each.size_error for each in every if each.leaks and each.size_error is not None)
    seconds = (answer.seconds_to_verdict for answer in answers)
    return (
        Spread("error of the bytes per request of a leak", errors, "%"),
        Spread("RSS that the memory split leaves unexplained", tuple(_measured(a.unexplained for a in answers)), "%"),
        Spread("rounds to the verdict", tuple(float(answer.rounds) for answer in answers), ""),
        Spread("requests", tuple(float(answer.requests) for answer in answers), ""),
        Spread("seconds to the verdict", tuple(_measured(seconds)), "s"),
        Spread("seconds of the whole run", tuple(each.result.seconds for each in every), "s"),
    )


def _measured(values: Iterable[float | None]) -> Iterator[float]:
    return (value for value in values if value is not None)
