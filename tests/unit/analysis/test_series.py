from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import pytest

from builders import App, record
from leakhunt.analysis.series import Ledger, observe, read_ledger, signal_values
from leakhunt.analysis.thresholds import DEFAULTS
from leakhunt.model.measurement import HeapUsage, MemoryUsage, Sample
from leakhunt.model.run import Phase, Role, Round, Run, Worker
from leakhunt.model.split import MALLOC_FREE, MemorySplit

IMAGE: Final = "POST /image"
EMPTY: Final = replace(record(App(), rounds=0), rounds=(), requests=(), routes={"image": IMAGE, "again": IMAGE})


def reading(
    worker: str, live: int | None, served: Mapping[str, int] | None = None, *, time: float = 0.0, threads: int = 1
) -> Sample:
    heap = None if live is None else HeapUsage(10, live, 0, None)
    return Sample(worker, time, MemoryUsage(10**6), heap, threads=threads, served=served or {})


def played(*samples: tuple[Sample, ...], roles: Mapping[str, Role] | None = None) -> Run:
    """A run of one dose round per entry, five requests of each of two steps in each."""
    keys = dict.fromkeys(sample.worker for group in samples for sample in group)
    workers = (Worker(key, 1, 0, (roles or {}).get(key, Role.WORKER), key, 0.0) for key in keys)
    doses = {"image": 5, "again": 2}
    rounds = (Round(i, Phase.DOSE, i, i + 1, doses, 0, samples=group) for i, group in enumerate(samples))
    return replace(EMPTY, workers=tuple(workers), rounds=tuple(rounds))


def life(key: str, *levels: int | None) -> list[tuple[Sample, ...]]:
    """A process that serves one request per round."""
    return [(reading(key, level, {IMAGE: i}, time=float(i)),) for i, level in enumerate(levels)]


def read(*samples: tuple[Sample, ...], roles: Mapping[str, Role] | None = None) -> Ledger:
    return read_ledger(played(*samples, roles=roles), DEFAULTS)


def test_a_level_that_was_not_read_is_no_signal() -> None:
    sample = Sample("1@1", 0.0, MemoryUsage(10**6), HeapUsage(7, None, 5, None), descriptors=3)
    assert signal_values(sample) == {"blocks": 7.0, "malloc": 5.0, "descriptors": 3.0}
    assert signal_values(Sample("1@1", 0.0, MemoryUsage(10**6, anonymous=0))) == {"anonymous": 0.0}


def test_growth_is_from_one_sample_of_a_life_to_its_next() -> None:
    found = observe(played(*life("1@1", 100, 150, 130)), [IMAGE])
    assert [(each.growth["live"], each.doses, each.seconds) for each in found] == [
        (50, {IMAGE: 1}, 1.0),
        (-20, {IMAGE: 1}, 1.0),
    ]


def test_a_life_that_meets_a_route_for_the_first_time_is_left_out_of_that_round() -> None:
    old = [reading("1@1", 1_000 * served, {IMAGE: served}) for served in (3, 5, 9)]
    new = [reading("2@2", level, {IMAGE: served}) for level, served in ((0, 0), (90_000, 1), (91_000, 2))]
    first, second = read(*zip(old, new, strict=True)).rounds
    assert (first.lives, first.growth["live"], first.doses) == (1, 2_000, {IMAGE: 2})
    assert (second.lives, second.growth["live"], second.doses) == (2, 5_000, {IMAGE: 5})


def test_a_round_in_which_all_lives_are_new_to_the_route_is_kept() -> None:
    assert read(*life("1@1", 100, 150)).rounds[0].doses == {IMAGE: 1}


def test_what_a_process_grew_by_before_its_first_sample_is_its_own_warm_up() -> None:
    assert read(*life("1@1", 100)).rounds == ()


def test_a_signal_has_to_be_read_at_both_ends() -> None:
    rows = read(*life("1@1", 100, None, 300, 350)).rounds
    assert [row.growth.get("live") for row in rows] == [None, None, 50]
    assert [row.growth["threads"] for row in rows] == [0, 0, 0]


def test_the_lives_of_a_round_are_taken_together() -> None:
    both = [
        (reading("1@1", 100 * i, {IMAGE: 3 * i}, time=float(i)), reading("2@2", 7 * i, {IMAGE: i}, time=float(i)))
        for i in range(5)
    ]
    first = read(*both).rounds[0]
    assert (first.lives, first.growth["live"], first.requests) == (2, 107, 4)


def test_a_round_takes_as_long_as_the_longest_of_its_lives() -> None:
    both = [(reading("1@1", 0, {IMAGE: i}, time=float(i)), reading("2@2", 0, time=2.5 * i)) for i in range(5)]
    assert {row.seconds for row in read(*both).rounds} == {2.5}


def test_a_signal_that_one_of_the_lives_lacks_has_no_sum() -> None:
    both = [(reading("1@1", i, {IMAGE: i}), reading("2@2", None, {IMAGE: i})) for i in range(5)]
    assert {frozenset(row.growth) for row in read(*both).rounds} == {frozenset({"threads"})}


def test_masters_and_companions_are_no_lives_to_judge() -> None:
    both = [(reading("1@1", i, {IMAGE: i}), reading("2@2", 900 * i, {IMAGE: i})) for i in range(5)]
    for role in (Role.MASTER, Role.COMPANION, Role.OTHER):
        found = read(*both, roles={"2@2": role})
        assert found.judged == {"1@1"}
        assert {row.growth["live"] for row in found.rounds} == {1}


def test_without_route_marks_requests_are_those_that_were_asked_for_step_by_step() -> None:
    rows = read(*[(reading("1@1", i),) for i in range(5)]).rounds
    assert {row.doses[IMAGE] for row in rows} == {7}


def test_requests_of_routes_outside_the_workload_are_no_doses() -> None:
    samples = [(reading("1@1", i, {IMAGE: i, "GET /health": 50 * i}),) for i in range(5)]
    assert {row.requests for row in read(*samples).rounds} == {1}


def test_several_processes_without_route_marks_cannot_be_told_apart() -> None:
    one, two = ([tuple(reading(key, i) for key in keys) for i in range(5)] for keys in (["1@1"], ["1@1", "2@2"]))
    assert read(*one).split_known
    assert not read(*two).split_known
    assert read(*two, roles={"2@2": Role.COMPANION}).split_known
    assert not read(*one, *two).split_known


@pytest.mark.parametrize(("samples", "judged"), [(3, {"1@1"}), (4, {"1@1", "2@2"})])
def test_a_life_of_fewer_than_three_rounds_is_set_aside(samples: int, judged: set[str]) -> None:
    long = life("1@1", *range(9))
    both = [(*group, reading("2@2", 1)) if i >= 9 - samples else group for i, group in enumerate(long)]
    found = read(*both)
    assert found.judged == judged
    assert found.judged | found.short == {"1@1", "2@2"}
    assert found.rounds[-1].lives == len(judged)


def test_where_recycling_is_what_the_server_does_short_lives_count() -> None:
    lives = [(reading(f"{pid}@{pid}", level, {IMAGE: level}),) for pid in range(6) for level in range(3)]
    found = read(*lives)
    assert len(found.judged) == 6
    assert found.short == frozenset()


def test_a_recycled_life_does_not_give_its_memory_back_to_the_round() -> None:
    rows = read(*life("1@1", 100, 200, 300, 400), *life("2@2", 10, 20, 30, 40)).rounds
    assert {row.growth["live"] for row in rows} == {100, 10}


def test_temporary_files_are_counted_for_the_target_as_a_whole() -> None:
    run = played(*life("1@1", *range(6)))
    counts = (3, 5, None, 9, 9, 8)
    rounds = (replace(round_, temp_files=count) for round_, count in zip(run.rounds, counts, strict=True))
    rows = read_ledger(replace(run, rounds=tuple(rounds)), DEFAULTS).rounds
    assert [row.growth.get("temp_files") for row in rows] == [2, None, None, 0, -1]


def test_rounds_are_found_by_phase_and_by_block() -> None:
    ledger = read_ledger(record(App(routes=(IMAGE,)), blocks=2), DEFAULTS)
    assert [len(block) for block in ledger.blocks()] == [6, 6]
    assert [row.phase for row in ledger.of_phase(Phase.SETTLE, Phase.BASELINE)] == [Phase.BASELINE, Phase.SETTLE]


def test_a_run_without_rounds_has_an_empty_ledger() -> None:
    found = read_ledger(EMPTY, DEFAULTS)
    assert (found.routes, found.rounds, found.judged, found.blocks()) == ((IMAGE,), (), frozenset(), ())


def test_a_young_worker_is_left_out_of_a_round_that_an_old_one_saw_too() -> None:
    old = [(reading("1@1", 100 * i, {IMAGE: 50 + 10 * i}, time=float(i)),) for i in range(4)]
    new = [(reading("2@2", 9_000 * i, {IMAGE: 1 + 10 * i}, time=float(i)),) for i in range(4)]
    run = played(*((a, b) for (a,), (b,) in zip(old, new, strict=True)))
    ended = replace(run.workers[0], died=9.0, death="recycled")
    rows = read_ledger(replace(run, workers=(ended, *run.workers[1:])), DEFAULTS).rounds
    assert [row.growth["live"] for row in rows] == [100, 100, 100]
    assert not any(row.young for row in rows)


def test_a_round_of_young_workers_alone_says_so() -> None:
    lives = [(reading("1@1", 100 * i, {IMAGE: 30 * i}, time=float(i)),) for i in range(5)]
    run = played(*lives)
    ended = replace(run, workers=(replace(run.workers[0], died=9.0, death="recycled"),))
    assert [row.young for row in read_ledger(ended, DEFAULTS).rounds] == [True, True, False, False]


def test_what_malloc_gave_back_is_that_of_the_judged_lives() -> None:
    run = played(*life("1@1", *range(6)))

    def free(worker: str, size: int, *, trimmed: bool = False) -> MemorySplit:
        return MemorySplit(worker, 1, 9_000, {MALLOC_FREE: size}, {}, "glibc", True, trimmed=trimmed)

    splits = (free("1@1", 0), free("1@1", 500), free("7@7", 900), free("1@1", 100, trimmed=True))
    more = (free("7@7", 0, trimmed=True),)
    assert read_ledger(replace(run, splits=(*splits, *more)), DEFAULTS).trimmed == 400
    # What was free at the baseline already is no growth that malloc had kept.
    assert read_ledger(replace(run, splits=(free("1@1", 450), *splits[1:])), DEFAULTS).trimmed == 50
