"""The cause of growth, of the closed list in docs/report-schema.md, as far as what was measured tells it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from leakhunt.model.run import Phase, Round, Run
from leakhunt.model.split import ARENA_FREE, MALLOC_FREE, MAPPED, NATIVE, OBJECTS, REST, STACKS, MemorySplit
from leakhunt.units import Bytes, format_size

PYTHON_OBJECTS: Final = "python-objects"
BOUNDED_CACHE: Final = "bounded-cache"
CYCLES: Final = "cycles"
NATIVE_MEMORY: Final = "native"
MAPPED_MEMORY: Final = "mapped-by-interpreter-or-extension"
RETENTION: Final = "allocator-retention"
FRAGMENTATION: Final = "fragmentation"
REGRESSION: Final = "interpreter-regression"
THREADS: Final = "threads"
COPY_ON_WRITE: Final = "copy-on-write"
TRANSIENT_PEAK: Final = "transient-peak"
UNEXPLAINED: Final = "unexplained"

_MOST: Final = 0.5
"""Share of a growth from which what it consists of, or what gave it back, is its cause."""
_REGRESSED: Final = re.compile(r"3\.14\.[0-4](?![0-9])")
"""Interpreters whose incremental collector lets garbage pile up: 3.14.5 went back to the collector of 3.13."""
_PARTS: Final = (OBJECTS, NATIVE, MALLOC_FREE, ARENA_FREE, STACKS, MAPPED, REST)


@dataclass(frozen=True, slots=True)
class Cause:
    """One of the list, and what speaks for it."""

    name: str
    reason: str | None = None


def cause_of_objects(run: Run, *, bounded: bool, held: bool, in_garbage: bool) -> Cause:
    """Why Python objects stay: something refers to them, or only they do each other.

    `held` says that something outside them is known to refer to them, `in_garbage` that this is `gc.garbage`.
    """
    if bounded:
        return Cause(BOUNDED_CACHE)
    if in_garbage:
        return Cause(CYCLES, "the collector has given them up: they are in gc.garbage")
    freed = None if held else _given_back_by_collecting(run)
    return Cause(CYCLES, freed) if freed else Cause(PYTHON_OBJECTS)


def cause_outside_python(run: Run, basis: str | None, missing: float) -> Cause:
    """Why memory grows for which no objects were found; `missing` is how many bytes of it, over the verdict rounds.

    Where live bytes have grown malloc has handed it out, unless the split says that it did so for Python's objects.
    Where anonymous memory alone has grown, the split tells in what.
    """
    grown = _growth(run)
    if basis == "live":
        return _of_live(grown, missing)
    grown = Counter({part: size for part, size in grown.items() if part != OBJECTS})
    if not grown:
        return Cause(MAPPED_MEMORY)
    part, size = max(grown.items(), key=lambda item: item[1])
    if size < _MOST * sum(grown.values()):
        return Cause(UNEXPLAINED, "no part of the memory has grown by most of it")
    if part == MALLOC_FREE:
        return _of_free_lists(run, size)
    if part == ARENA_FREE:
        return _regression(run) or Cause(
            FRAGMENTATION,
            f"{format_size(size)} are free inside Python's arenas, each kept by a block or two that are in use",
        )
    words = f"{format_size(size)} of its growth"
    silent = f"{words} are no Python objects, and malloc does not tell how much of it is in use"
    return {
        REST: Cause(NATIVE_MEMORY, silent),
        NATIVE: Cause(NATIVE_MEMORY, f"{words} are in use from malloc"),
        STACKS: Cause(THREADS, f"{words} are stacks of threads"),
        MAPPED: Cause(MAPPED_MEMORY, f"{words} are in no allocator, and seen by RSS alone"),
    }[part]


def _of_live(grown: Counter[str], missing: float) -> Cause:
    """Malloc serves Python's objects, too: all that are larger than half a kilobyte."""
    if grown[NATIVE] < _MOST * missing <= grown[OBJECTS]:
        return Cause(PYTHON_OBJECTS, f"{format_size(grown[OBJECTS])} of the growth are Python objects")
    return Cause(NATIVE_MEMORY)


def _of_free_lists(run: Run, grown: Bytes) -> Cause:
    given = sum(
        max(0, last.parts.get(MALLOC_FREE, 0) - trimmed.parts.get(MALLOC_FREE, 0))
        for _, last, trimmed in _lives(run)
        if trimmed is not None
    )
    told = f"malloc gave {format_size(given)} of {format_size(grown)} back when it was asked to"
    if given >= _MOST * grown:
        return _regression(run) or Cause(RETENTION, told)
    if any(trimmed is not None for _, _, trimmed in _lives(run)):
        return Cause(FRAGMENTATION, told)
    return Cause(
        UNEXPLAINED, f"{format_size(grown)} are on malloc's free lists, and it was not asked to give them back"
    )


def _regression(run: Run) -> Cause | None:
    """Memory that is free once garbage is collected, on an interpreter that collects too late by itself."""
    versions = {worker.python for worker in run.workers if worker.python and _REGRESSED.match(worker.python)}
    collecting = any(s.heap is not None and s.heap.gc_enabled for each in run.rounds for s in each.samples)
    if not versions or not collecting:
        return None
    return Cause(REGRESSION, f"CPython {min(versions)} lets garbage pile up between collections")


def _growth(run: Run) -> Counter[str]:
    """How much each part has grown, over all workers that were there at the baseline; only what has."""
    grown: Counter[str] = Counter()
    for first, last, _ in _lives(run):
        for part in _PARTS:
            grown[part] += last.parts.get(part, 0) - first.parts.get(part, 0)
    return +grown


def _lives(run: Run) -> Iterator[tuple[MemorySplit, MemorySplit, MemorySplit | None]]:
    """Of each worker: at the baseline, at the end, and after malloc was asked to give back, if it was."""
    for worker in dict.fromkeys(split.worker for split in run.splits):
        mine = [split for split in run.splits if split.worker == worker]
        plain = [split for split in mine if not split.trimmed]
        if len(plain) > 1:
            yield plain[0], plain[-1], next((split for split in mine if split.trimmed), None)


def _given_back_by_collecting(run: Run) -> str | None:
    """That one collection at the end gave back most of the growth of live bytes; None if it did not or was not made."""
    collected = next((index for index, each in enumerate(run.rounds) if each.phase is Phase.COLLECT), None)
    baseline = next((each for each in run.rounds if each.phase is Phase.BASELINE), None)
    if not collected or baseline is None:
        return None
    rounds = (baseline, run.rounds[collected - 1], run.rounds[collected])
    first, last, after = (_live_bytes(each) for each in rounds)
    workers = first.keys() & last.keys() & after.keys()
    grown = sum(last[worker] - first[worker] for worker in workers)
    freed = sum(last[worker] - after[worker] for worker in workers)
    if grown <= 0 or freed < _MOST * grown:
        return None
    return f"one collection after the last round gave back {format_size(freed)} of {format_size(grown)}"


def _live_bytes(done: Round) -> Mapping[str, Bytes]:
    levels = {sample.worker: sample.heap.live for sample in done.samples if sample.heap is not None}
    return {worker: live for worker, live in levels.items() if live is not None}
