"""The smallest workload that still has an effect: which candidates to try, in which order.

Nothing is replayed here: whoever searches says of each candidate whether it still shows the effect.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

from leakhunt.units import Bytes, format_size
from leakhunt.workload.ddmin import ddmin
from leakhunt.workload.parts import Part, is_sound, parts_of, with_parts
from leakhunt.workload.payloads.kinds import minimum_size
from leakhunt.workload.scenario import FilePart, SizeRange, Workload

Shows: TypeAlias = Callable[[Workload, str], bool]
"""Whether a candidate still shows the effect; the text says what is different about it. May raise `Enough`."""

_CLOSE: Final = 2.0
"""How many times the largest size that shows nothing the smallest one that does may be."""


class Enough(Exception):
    """The search is to end here; what was found so far stands."""


class Shrinking:
    """One search. `smallest` is the smallest workload so far that shows the effect, None until one has."""

    def __init__(self, workload: Workload, shows: Shows) -> None:
        self._whole = workload
        self._shows = shows
        self._tried: list[tuple[Workload, bool]] = []
        self.smallest: Workload | None = None

    def run(self, suspected: Collection[str]) -> bool:
        """Search, from the steps that are suspected on; whether the search came to its end."""
        try:
            if not self._start(suspected):
                return True
            for stage in (self._steps, self._login, self._parts, self._sizes, self._manner):
                stage()
        except Enough:
            return False
        return True

    @property
    def _best(self) -> Workload:
        assert self.smallest is not None  # `_start` has seen to it
        return self.smallest

    def _try(self, candidate: Workload, what: str) -> bool:
        if candidate == self.smallest:
            return True
        known = next((shown for tried, shown in self._tried if tried == candidate), None)
        if known is None:
            known = is_sound(candidate) and self._shows(candidate, what)
            self._tried.append((candidate, known))
        if known:
            self.smallest = candidate
        return known

    def _start(self, suspected: Collection[str]) -> bool:
        """The suspected steps, with those that are sent once; everything, if that is not enough."""
        names = [step.name for step in self._whole.steps if step.once or step.name in suspected]
        return self._try(_only(self._whole, names), _listed(names)) or self._try(self._whole, "the whole workload")

    def _steps(self) -> None:
        start = self._best
        names = [step.name for step in start.steps]
        if len(names) > 1:
            ddmin(names, lambda some: self._try(_only(start, some), _listed(some)))

    def _login(self) -> None:
        if self._best.login is not None:
            self._try(replace(self._best, login=None), "without signing in")

    def _parts(self) -> None:
        start = self._best
        parts = [part for step in start.dosed for part in parts_of(step)]
        ddmin(parts, lambda some: self._try(with_parts(start, some), _with_only(some)))

    def _sizes(self) -> None:
        """The smallest files there are; else by bisection, on a scale of powers, how small they may be."""
        start = self._best
        if not any(True for _ in _files(start)) or self._try(_resized(start, 0.0), "the smallest files"):
            return
        low, high = min(max(minimum_size(part.kind), 1) / max(part.size.high, 1) for part in _files(start)), 1.0
        shown = self._try(_resized(start, high), "files of one size")
        while shown and low < 1.0 and high > _CLOSE * low:
            middle = (low * high) ** 0.5
            candidate = _resized(start, middle)
            fits = self._try(candidate, f"files of {format_size(_uploaded(candidate))}")
            low, high = (low, middle) if fits else (middle, high)

    def _manner(self) -> None:
        """Errors made on purpose, impatience, pauses, several requests at a time: is it them?"""
        simpler: tuple[tuple[str, Mapping[str, Any]], ...] = (
            ("without errors made on purpose", {"fault": None}),
            ("without trying again", {"retries": 0}),
            ("without pauses", {"think": 0.0}),
        )
        for what, fields in simpler:
            steps = tuple(replace(step, **fields) for step in self._best.steps)
            self._try(replace(self._best, steps=steps), what)
        if (self._best.concurrency or 1) > 1:
            self._try(replace(self._best, concurrency=1), "one request at a time")


def _only(workload: Workload, names: Collection[str]) -> Workload:
    return replace(workload, steps=tuple(step for step in workload.steps if step.name in names))


def _files(workload: Workload) -> Iterator[FilePart]:
    return (part for step in workload.dosed for part in step.files)


def _resized(workload: Workload, factor: float) -> Workload:
    """Each file of one size: `factor` times the largest that it had, and no smaller than its kind can be."""
    return replace(
        workload,
        steps=tuple(
            replace(step, files=tuple(_scaled(part, factor) for part in step.files)) if not step.once else step
            for step in workload.steps
        ),
    )


def _scaled(part: FilePart, factor: float) -> FilePart:
    size = max(minimum_size(part.kind), round(part.size.high * factor))
    return replace(part, size=SizeRange(size, size))


def _uploaded(workload: Workload) -> Bytes:
    """Bytes of files, of one request of each repeated step together, at most."""
    return sum(part.size.high for part in _files(workload))


def scale(candidate: Workload, whole: Workload) -> float:
    """The size of a candidate's files as a part of what the same files have in the whole workload; 1.0 without any."""
    before = {(step.name, part.field): part.size.high for step in whole.dosed for part in step.files}
    same = sum(before[step.name, part.field] for step in candidate.dosed for part in step.files)
    return _uploaded(candidate) / same if same else 1.0


def _listed(names: Sequence[str]) -> str:
    return "only " + ", ".join(names) if names else "no step"


def _with_only(parts: Sequence[Part]) -> str:
    return f"only {', '.join(map(str, parts))} of the request" if parts else "the bare request"
