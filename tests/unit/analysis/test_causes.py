from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from builders import App, record
from leakhunt.analysis.causes import Cause, cause_of_objects, cause_outside_python
from leakhunt.model.run import Phase, Run
from leakhunt.model.split import ARENA_FREE, FILES, MALLOC_FREE, MAPPED, NATIVE, OBJECTS, REST, STACKS, MemorySplit

ROUTE = "POST /image"
RUN = record(App(routes=(ROUTE,), keeps={ROUTE: {"live": 10_000}}))
WORKER = RUN.workers[0].key
MIB = 2**20


def split(parts: Mapping[str, int], *, trimmed: bool = False, worker: str = WORKER) -> MemorySplit:
    return MemorySplit(worker, 1, sum(parts.values()), parts, {}, "glibc", True, trimmed=trimmed)


def grown(parts: Mapping[str, int], trimmed: Mapping[str, int] | None = None, run: Run = RUN) -> Cause:
    """The cause where these parts were empty at the baseline and are so large at the end."""
    splits = [split(dict.fromkeys(parts, 0)), split(parts), *([split(trimmed, trimmed=True)] if trimmed else [])]
    return cause_outside_python(replace(run, splits=tuple(splits)), "anonymous", 30 * MIB)


def collected(run: Run, freed: float) -> Run:
    """The run with its last round made one of collection, in which so much of all growth was given back."""
    *before, last = run.rounds
    first = next(s.heap.live or 0 for s in run.rounds[5].samples if s.heap is not None)
    samples = []
    for sample in before[-1].samples:
        assert sample.heap is not None
        live = sample.heap.live or 0
        left = round(live - freed * (live - first))
        samples.append(replace(sample, heap=replace(sample.heap, pymalloc=left // 2, malloc=left - left // 2)))
    return replace(run, rounds=(*before, replace(last, phase=Phase.COLLECT, samples=tuple(samples))))


# --- Outside Python's allocators. -----------------------------------------------------------------------------------


def test_where_live_bytes_grow_malloc_has_handed_it_out() -> None:
    assert cause_outside_python(RUN, "live", 30 * MIB).name == "native"


def test_live_bytes_of_python_objects_are_no_native_memory_though_malloc_handed_them_out() -> None:
    objects = (split({OBJECTS: 0, NATIVE: 0}), split({OBJECTS: 29 * MIB, NATIVE: MIB}))
    native = (split({OBJECTS: 0, NATIVE: 0}), split({OBJECTS: 29 * MIB, NATIVE: 20 * MIB}))
    found = cause_outside_python(replace(RUN, splits=objects), "live", 28 * MIB)
    assert found == Cause("python-objects", "29.0 MiB of the growth are Python objects")
    assert cause_outside_python(replace(RUN, splits=native), "live", 28 * MIB).name == "native"


def test_a_run_without_a_split_knows_only_that_no_allocator_handed_it_out() -> None:
    assert cause_outside_python(RUN, "anonymous", 30 * MIB).name == "mapped-by-interpreter-or-extension"


@pytest.mark.parametrize(
    ("part", "cause"),
    [
        (NATIVE, "native"),
        (MAPPED, "mapped-by-interpreter-or-extension"),
        (STACKS, "threads"),
        (ARENA_FREE, "fragmentation"),
    ],
)
def test_the_part_that_has_grown_names_the_cause(part: str, cause: str) -> None:
    found = grown({part: 30 * MIB, MALLOC_FREE: 2 * MIB, FILES: 90 * MIB, OBJECTS: 50 * MIB})
    assert found.name == cause
    assert found.reason is not None
    assert "30.0 MiB" in found.reason


def test_where_malloc_does_not_tell_what_is_in_use_its_memory_is_taken_to_be() -> None:
    found = grown({REST: 30 * MIB, OBJECTS: 50 * MIB})
    assert found == Cause(
        "native",
        "30.0 MiB of its growth are no Python objects, and malloc does not tell how much of it is in use",
    )


def test_free_lists_that_malloc_gives_back_were_only_retained() -> None:
    found = grown({MALLOC_FREE: 40 * MIB}, {MALLOC_FREE: 4 * MIB})
    assert found == Cause("allocator-retention", "malloc gave 36.0 MiB of 40.0 MiB back when it was asked to")


def test_free_lists_that_it_cannot_give_back_are_fragmentation() -> None:
    found = grown({MALLOC_FREE: 40 * MIB}, {MALLOC_FREE: 36 * MIB})
    assert found == Cause("fragmentation", "malloc gave 4.00 MiB of 40.0 MiB back when it was asked to")


def test_without_having_asked_malloc_neither_is_claimed() -> None:
    assert grown({MALLOC_FREE: 40 * MIB}).name == "unexplained"


def test_no_part_that_is_most_of_the_growth_is_no_cause() -> None:
    assert grown({MALLOC_FREE: 10 * MIB, MAPPED: 10 * MIB, STACKS: 10 * MIB}).name == "unexplained"


def test_a_worker_that_was_born_later_is_not_compared() -> None:
    splits = (split({MAPPED: 0}), split({MAPPED: 9 * MIB}), split({STACKS: 90 * MIB}, worker="9@9"))
    found = cause_outside_python(replace(RUN, splits=splits), "anonymous", 9 * MIB)
    assert found.name == "mapped-by-interpreter-or-extension"


@pytest.mark.parametrize(
    ("version", "cause"),
    [
        ("3.14.0", "interpreter-regression"),
        ("3.14.4", "interpreter-regression"),
        ("3.14.5", "allocator-retention"),
        ("3.14.40", "allocator-retention"),
        ("3.13.4", "allocator-retention"),
    ],
)
def test_retention_on_an_interpreter_that_collects_too_late_is_its_fault(version: str, cause: str) -> None:
    run = replace(RUN, workers=tuple(replace(worker, python=version) for worker in RUN.workers))
    assert grown({MALLOC_FREE: 40 * MIB}, {MALLOC_FREE: MIB}, run).name == cause
    assert grown({MAPPED: 40 * MIB}, run=run).name == "mapped-by-interpreter-or-extension"


# --- Python objects. ------------------------------------------------------------------------------------------------


def test_objects_stay_because_something_refers_to_them() -> None:
    assert cause_of_objects(RUN, bounded=False, held=True, in_garbage=False) == Cause("python-objects")


def test_a_cap_makes_a_bounded_cache() -> None:
    assert cause_of_objects(RUN, bounded=True, held=True, in_garbage=False).name == "bounded-cache"


def test_what_the_collector_has_given_up_is_cycles() -> None:
    assert cause_of_objects(RUN, bounded=False, held=True, in_garbage=True).name == "cycles"


def test_what_one_collection_gives_back_was_cycles() -> None:
    run = collected(RUN, 0.9)
    found = cause_of_objects(run, bounded=False, held=False, in_garbage=False)
    assert found.name == "cycles"
    assert found.reason is not None
    assert "one collection after the last round gave back" in found.reason


def test_what_something_is_known_to_hold_is_not() -> None:
    run = collected(RUN, 0.9)
    assert cause_of_objects(run, bounded=False, held=True, in_garbage=False).name == "python-objects"


def test_nor_is_what_a_collection_leaves() -> None:
    run = collected(RUN, 0.2)
    assert cause_of_objects(run, bounded=False, held=False, in_garbage=False).name == "python-objects"
