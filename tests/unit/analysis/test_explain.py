from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from builders import App, Kept, explain, record
from leakhunt.analysis.explain import AloneRounds, Tally, alone_rounds
from leakhunt.model.run import Phase, Run
from leakhunt.model.snapshot import Snapshot, TypeStat

IMAGE = "POST /image"
SEEN = Kept([("shop.views", "module"), ("._SEEN", "list"), ("[*]", "bytes")], size=10)


def explained(workers: int = 1, *, agent: bool = True) -> Run:
    app = App(routes=(IMAGE,))
    return explain(record(app, blocks=1, workers=workers, agent=agent), IMAGE, [SEEN])


def heap(round_: int, worker: str = "1@1", **counts: int) -> Snapshot:
    return Snapshot(worker, round_, tuple(TypeStat(name, count) for name, count in counts.items()))


def by_type(snapshot: Snapshot) -> Mapping[str, tuple[int, int]]:
    return {stat.type: (stat.count, 100 * stat.count) for stat in snapshot.types}


def alone(*pairs: tuple[Snapshot, Snapshot], doses: tuple[int, ...] = (3, 5)) -> AloneRounds:
    return AloneRounds("image", IMAGE, doses, tuple((pair,) for pair in pairs))


def test_rates_are_over_all_rounds_together() -> None:
    tally = Tally((3, 5), (6, 11), (300, 500))
    assert (tally.requests, tally.count_per_request, tally.size_per_request) == (8, 17 / 8, 100)


def test_a_worker_that_has_not_served_the_route_before_is_no_pair_yet() -> None:
    run = explained(workers=2)
    last, worker = run.rounds[-4], run.snapshots[0].worker
    fresh = tuple(replace(each, served={}) if each.worker == worker else each for each in last.samples)
    assert last.phase is Phase.EXPLAIN
    without = replace(run, rounds=(*run.rounds[:-4], replace(last, samples=fresh), *run.rounds[-3:]))
    assert alone_rounds(run)[0].doses == (5, 7, 11)
    assert alone_rounds(without)[0].doses == (7, 11)


def test_both_tallies_of_the_same_rounds_add_up() -> None:
    assert Tally((3, 5), (3, 5), (30, 50)) + Tally((3, 5), (1, -1), (0, 7)) == Tally((3, 5), (4, 4), (30, 57))


@pytest.mark.parametrize(
    ("counts", "sizes", "grew"),
    [
        ((1, 2), (10, 20), True),
        ((1, 2), (-10, 0), True),
        ((0, 0), (10, 20), True),
        ((1, 0), (10, 0), False),
        ((-1, 2), (10, 20), False),
        ((0, 0), (0, 0), False),
    ],
)
def test_growth_is_more_of_them_or_the_same_with_more_bytes_after_every_round(
    counts: tuple[int, int], sizes: tuple[int, int], grew: bool
) -> None:
    assert Tally((3, 5), counts, sizes).grew_every_time is grew


@pytest.mark.parametrize("counts", [(0, 0, 0), (-3, -5, -7), (4, 6, 8)])
def test_no_growth_and_an_odd_one_over_are_no_multiple(counts: tuple[int, int, int]) -> None:
    assert Tally((3, 5, 7), counts, (0, 0, 0)).multiple is None


def test_only_what_changed_has_a_tally() -> None:
    first, second, third = heap(1, dict=9, str=4), heap(2, dict=9, str=7), heap(3, dict=9, str=12, set=2)
    found = alone((first, second), (second, third)).tally(by_type)
    assert found == {"str": Tally((3, 5), (3, 5), (300, 500)), "set": Tally((3, 5), (0, 2), (0, 200))}


def test_what_has_gone_counts_against_growth() -> None:
    found = alone((heap(1, str=4), heap(2)), doses=(3,)).tally(by_type)
    assert found == {"str": Tally((3,), (-4,), (-400,))}


def test_the_workers_of_a_round_are_taken_together() -> None:
    pairs = (
        (heap(1, "1@1", str=1), heap(2, "1@1", str=3)),
        (heap(1, "2@2", str=5), heap(2, "2@2", str=6)),
    )
    assert AloneRounds("image", IMAGE, (3,), (pairs,)).tally(by_type) == {"str": Tally((3,), (3,), (300,))}


def test_a_run_without_explain_rounds_or_without_snapshots_explains_nothing() -> None:
    assert alone_rounds(record(App(), blocks=1)) == ()
    assert alone_rounds(replace(explained(), snapshots=())) == ()


def test_a_round_of_the_route_alone_that_traced_nothing_is_no_explain_round() -> None:
    run = explained()
    untraced = tuple(replace(round_, phase=Phase.REPEATED) if round_.alone else round_ for round_ in run.rounds)
    assert alone_rounds(replace(run, rounds=untraced)) == ()


def test_a_round_in_which_the_route_got_no_request_is_left_out() -> None:
    run = explained()
    base, idle = run.rounds[-4].samples, run.rounds[-3]
    rounds = (*run.rounds[:-3], replace(idle, samples=base), *run.rounds[-2:])
    (found,) = alone_rounds(replace(run, rounds=rounds))
    assert found.doses == (5 + 7, 11)
    assert [before.round for ((before, _),) in found.pairs] == [idle.index, idle.index + 1]


def test_a_single_snapshot_has_nothing_to_be_compared_with() -> None:
    run = explained()
    assert alone_rounds(replace(run, snapshots=run.snapshots[:1])) == ()


def test_a_round_whose_snapshot_is_missing_is_left_out_with_the_one_after_it() -> None:
    run = explained()
    (found,) = alone_rounds(replace(run, snapshots=(run.snapshots[0], *run.snapshots[2:])))
    assert found.doses == (11,)
    assert [[before.round, after.round] for ((before, after),) in found.pairs] == [
        [run.snapshots[2].round, run.snapshots[3].round]
    ]


def test_a_worker_is_compared_with_itself_and_with_no_other() -> None:
    run = explained(workers=2)
    strangers = tuple(
        replace(snapshot, worker="9@9") if number % 2 else snapshot for number, snapshot in enumerate(run.snapshots)
    )
    assert alone_rounds(replace(run, snapshots=strangers)) == ()


def test_requests_are_counted_by_the_workers_that_have_snapshots() -> None:
    run = explained(workers=2)
    other = next(worker.key for worker in run.workers if worker.key != run.snapshots[0].worker)
    busier = tuple(
        replace(
            round_,
            samples=tuple(
                replace(sample, served={IMAGE: 1000 * round_.index}) if sample.worker == other else sample
                for sample in round_.samples
            ),
        )
        for round_ in run.rounds
    )
    (found,) = alone_rounds(replace(run, rounds=busier))
    assert found.doses == (5, 7, 11)


def test_without_route_marks_requests_are_those_that_were_asked_for() -> None:
    (found,) = alone_rounds(explained(agent=False))
    assert found.doses == (5, 7, 11)


def test_two_steps_of_one_route_are_told_apart() -> None:
    run = explained()
    both = explain(replace(run, routes={**run.routes, "thumbnail": IMAGE}), "thumbnail", [SEEN], doses=(2, 3))
    assert [(found.step, found.route, found.doses) for found in alone_rounds(both)] == [
        (IMAGE, IMAGE, (5, 7, 11)),
        ("thumbnail", IMAGE, (3,)),
    ]


def test_a_step_whose_route_was_never_told_stands_for_itself() -> None:
    (found,) = alone_rounds(replace(explained(agent=False), routes={}))
    assert found.route == IMAGE
