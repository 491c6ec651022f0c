from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from builders import App, record
from leakhunt.analysis.memory_split import memory_reports
from leakhunt.model.run import Run
from leakhunt.model.split import FILES, MALLOC_FREE, NATIVE, OBJECTS, SHARED, MemorySplit

RUN = record(App(), blocks=1)
WORKER = RUN.workers[0]
MIB = 2**20


def split(
    parts: Mapping[str, int], round_: int, shared: Mapping[str, int] | None = None, *, trimmed: bool = False
) -> MemorySplit:
    return MemorySplit(WORKER.key, round_, sum(parts.values()), parts, shared or {}, "glibc", True, trimmed=trimmed)


def with_uss(first: int, last: int) -> Run:
    """A run in which USS was so much at its first round and at its last."""
    levels = {RUN.rounds[0].index: first, RUN.rounds[-1].index: last}
    rounds = tuple(
        replace(
            round_,
            samples=tuple(
                replace(s, memory=replace(s.memory, uss=levels.get(round_.index, first))) for s in round_.samples
            ),
        )
        for round_ in RUN.rounds
    )
    return replace(RUN, rounds=rounds)


def test_a_worker_is_shown_at_the_baseline_and_at_the_end() -> None:
    first, last = split({OBJECTS: 10, FILES: 5}, 1), split({OBJECTS: 30, FILES: 5, NATIVE: 7}, 9)
    (found,) = memory_reports(replace(RUN, splits=(first, last)))
    assert (found.worker, found.name, found.pid) == (WORKER.key, WORKER.name, WORKER.pid)
    assert (found.rss_start, found.rss_end) == (15, 42)
    parts = {part.part: (part.start, part.end) for part in found.parts}
    assert (parts[OBJECTS], parts[NATIVE], parts[FILES]) == ((10, 30), (0, 7), (5, 5))


def test_what_is_shared_is_a_part_and_the_parts_sum_to_rss() -> None:
    first = split({OBJECTS: 10, NATIVE: 4, FILES: 5}, 1, {OBJECTS: 6, NATIVE: 1})
    (found,) = memory_reports(replace(RUN, splits=(first, split({OBJECTS: 12, NATIVE: 4, FILES: 5}, 9, {OBJECTS: 2}))))
    parts = {part.part: (part.start, part.end) for part in found.parts}
    assert (parts[OBJECTS], parts[NATIVE], parts[SHARED]) == ((4, 10), (3, 4), (7, 2))
    assert sum(part.end for part in found.parts) == found.rss_end
    assert sum(part.start or 0 for part in found.parts) == found.rss_start


def test_what_has_grown_is_not_shared_where_nobody_knows_which_pages_are() -> None:
    first = split({OBJECTS: 10, NATIVE: 4, FILES: 5}, 1, {OBJECTS: 5, NATIVE: 2})
    last = split({OBJECTS: 10, NATIVE: 16, FILES: 5}, 9, {OBJECTS: 3, NATIVE: 4})
    splits = tuple(replace(each, allocator="jemalloc") for each in (first, last))
    (found,) = memory_reports(replace(RUN, splits=splits))
    parts = {part.part: (part.start, part.end) for part in found.parts}
    assert (parts[OBJECTS], parts[NATIVE], parts[SHARED]) == ((5, 5), (2, 14), (7, 7))


def test_shared_pages_of_a_part_that_has_shrunk_are_anothers() -> None:
    first = split({OBJECTS: 10, NATIVE: 4}, 1, {OBJECTS: 9})
    last = split({OBJECTS: 2, NATIVE: 12}, 9, {OBJECTS: 2, NATIVE: 6})
    splits = tuple(replace(each, allocator="tcmalloc") for each in (first, last))
    (found,) = memory_reports(replace(RUN, splits=splits))
    parts = {part.part: part.end for part in found.parts}
    assert (parts[OBJECTS], parts[NATIVE], parts[SHARED]) == (0, 6, 8)


def test_unsharing_is_what_uss_has_grown_by_and_no_more() -> None:
    ends = RUN.rounds[0].index, RUN.rounds[-1].index
    splits = (
        split({OBJECTS: 9 * MIB}, ends[0], {OBJECTS: 8 * MIB}),
        split({OBJECTS: 9 * MIB}, ends[1], {OBJECTS: MIB}),
    )
    unshared = [
        memory_reports(replace(with_uss(20 * MIB, last), splits=splits))[0].unshared
        for last in (40 * MIB, 23 * MIB, 10 * MIB)
    ]
    assert unshared == [7 * MIB, 3 * MIB, 0]


def test_a_worker_that_was_not_there_at_the_baseline_has_no_growth() -> None:
    (found,) = memory_reports(replace(RUN, splits=(split({OBJECTS: 10}, 9),)))
    assert (found.rss_start, found.rss_end, found.unshared) == (None, 10, None)
    assert {part.start for part in found.parts} == {None}


def test_what_malloc_gave_back_is_told_and_is_not_the_end() -> None:
    splits = (
        split({MALLOC_FREE: 1}, 1),
        split({MALLOC_FREE: 50, OBJECTS: 1}, 9),
        split({MALLOC_FREE: 20, OBJECTS: 1}, 9, trimmed=True),
    )
    (found,) = memory_reports(replace(RUN, splits=splits))
    assert (found.rss_end, found.trimmable) == (51, 30)


def test_an_older_run_has_none() -> None:
    assert memory_reports(RUN) == ()
