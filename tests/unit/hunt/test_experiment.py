from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby, pairwise
from pathlib import Path
from typing import TypeAlias

import pytest

from leakhunt.analysis.assess import Assessment, RouteState
from leakhunt.analysis.error_rate import MAX_BLOCKS
from leakhunt.errors import WorkloadError
from leakhunt.hunt import blocks
from leakhunt.hunt import samples as samples_module
from leakhunt.model.run import Effort, Phase, Run
from leakhunt.samplers.activity import Activity
from unit.hunt.bench import Bench

MIB = 2**20
LEAKY = {"image": 20_000}
Doses: TypeAlias = tuple[tuple[int, ...], ...]


def requests_of(bench: Bench, block: int, step: str) -> int:
    return sum(done.doses.get(step, 0) for done in bench.blocks()[block])


@pytest.fixture
def unsettled(simulated: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench on which no route is ever settled."""

    def assess(run: Run) -> Assessment:
        return Assessment({route: RouteState("open", {}, ()) for route in run.routes.values()})

    monkeypatch.setattr(blocks, "assess", assess)
    monkeypatch.setattr(blocks, "FIRST_BASE", 5)  # few requests do
    return simulated


# --- Phases. --------------------------------------------------------------------------------------------------------


def test_the_phases_follow_each_other_and_peaks_come_last(simulated: Bench) -> None:
    simulated.app.keeps = LEAKY
    assert simulated.experiment(explain=True, peaks=True) == "complete"
    assert [phase.value for phase, _ in groupby(done.phase for done in simulated.run.rounds)] == [
        "warm-up",
        "baseline",
        "dose",
        "repeated",
        "settle",
        "explain",
        "calls",
        "explain",  # neither objects nor calls have explained it
        "peak",
    ]


def test_every_phase_is_announced(simulated: Bench) -> None:
    simulated.app.keeps = LEAKY
    simulated.experiment(explain=True, peaks=True)
    assert simulated.observer.rounds == [done for done in simulated.run.rounds if done.phase is not Phase.PEAK]
    sizes = [sum(sum(done.doses.values()) for done in rounds) for rounds in simulated.blocks().values()]
    assert simulated.observer.phases == [
        "warm-up: every step alone, then together until steady",
        "baseline",
        *(f"verdict rounds, block {number}: {size} requests" for number, size in enumerate(sizes, start=1)),
        "the same names and contents in every request",
        "settle: no load",
        "explain POST /image/<int:pk>/",
        "peak memory of single requests",
    ]


def test_only_suspicious_routes_are_explained(simulated: Bench) -> None:
    simulated.app.keeps = LEAKY
    simulated.experiment(explain=True)
    assert {done.alone for done in simulated.of(Phase.EXPLAIN)} == {"image"}


def test_explanation_and_peaks_can_be_left_out(simulated: Bench) -> None:
    simulated.app.keeps = LEAKY
    simulated.experiment(explain=False, peaks=False)
    assert not simulated.of(Phase.EXPLAIN)
    assert not simulated.of(Phase.PEAK)


def test_each_step_is_repeated_alone_with_the_same_inputs(simulated: Bench) -> None:
    simulated.experiment()
    repeated = [(done.alone, done.doses, done.inputs) for done in simulated.of(Phase.REPEATED)]
    assert repeated == [
        ("image", {"image": 1}, "repeated"),
        ("image", {"image": 5}, "repeated"),
        ("page", {"page": 1}, "repeated"),
        ("page", {"page": 5}, "repeated"),
    ]
    assert [sent.inputs for sent in simulated.replayer.sent if sent.round in range(*span(simulated))] == [
        "repeated"
    ] * 4


def test_a_workload_with_repeated_inputs_is_run_the_other_way_round(simulated: Bench) -> None:
    simulated.replayer.inputs = "repeated"
    simulated.app.keeps = LEAKY
    simulated.experiment(explain=True, peaks=True)
    loaded = [done for done in simulated.run.rounds if done.doses]
    assert {done.inputs for done in loaded if done.phase is not Phase.REPEATED} == {"repeated"}
    assert {done.inputs for done in loaded if done.phase is Phase.REPEATED} == {"distinct"}
    assert "names and contents that differ from request to request" in simulated.observer.phases


def span(bench: Bench) -> tuple[int, int]:
    """Numbers of the repeated rounds: the first, and one past the last."""
    numbers = [done.index for done in bench.of(Phase.REPEATED)]
    return min(numbers), max(numbers) + 1


@pytest.mark.parametrize(("left", "rounds"), [([9, 9, 9], 2), ([9, 8, 7, 7], 3), ([9, 8, 7, 6, 5, 4, 3, 2], 5)])
def test_settling_takes_longer_while_threads_become_fewer(
    simulated: Bench, monkeypatch: pytest.MonkeyPatch, left: list[int], rounds: int
) -> None:
    def read_activity(pid: int) -> Activity:
        settling = "settle: no load" in simulated.observer.phases
        return Activity(0.0, left[len(simulated.of(Phase.SETTLE)) + settling], 10)

    monkeypatch.setattr(samples_module, "read_activity", read_activity)
    simulated.experiment()
    assert len(simulated.of(Phase.SETTLE)) == rounds
    assert ("still-settling" in simulated.caveats) is (rounds == 5)


def test_garbage_is_collected_once_at_the_end_where_the_app_does_without(simulated: Bench) -> None:
    simulated.app.gc_enabled = False
    simulated.experiment()
    (last,) = simulated.of(Phase.COLLECT)
    assert last.index > simulated.of(Phase.SETTLE)[-1].index
    assert sum(entry.startswith("collect, forced") for entry in simulated.target.log) == 1


def test_where_the_app_collects_garbage_none_is_forced(simulated: Bench) -> None:
    simulated.experiment()
    assert not simulated.of(Phase.COLLECT)


# --- Blocks. --------------------------------------------------------------------------------------------------------


def test_a_settled_route_is_left_out_of_the_next_block(simulated: Bench) -> None:
    simulated.app.keeps = LEAKY
    simulated.experiment()
    steps = [set(rounds[0].doses) for rounds in simulated.blocks().values()]
    assert steps[0] == {"image", "page"}
    assert steps[-1] == {"image"}


def test_blocks_end_once_every_route_is_settled(simulated: Bench) -> None:
    simulated.experiment()
    assert len(simulated.blocks()) == 2


def test_with_a_quick_look_the_first_evidence_is_enough(simulated: Bench) -> None:
    simulated.app.keeps = LEAKY
    simulated.experiment(effort=Effort.QUICK)
    assert len(simulated.blocks()) == 2
    assert not simulated.of(Phase.REPEATED)


def test_a_strict_run_has_more_rounds(simulated: Bench) -> None:
    simulated.experiment(effort=Effort.STRICT)
    assert {len(rounds) for rounds in simulated.blocks().values()} == {10}


def test_making_sure_takes_a_quarter_of_the_time_and_no_more(simulated: Bench) -> None:
    simulated.app.keeps = {"image": 2_000}
    simulated.app.seconds = {"image": 0.02, "page": 0.02}
    simulated.experiment(budget=60.0)
    sent = sum(sum(done.doses.values()) for done in simulated.of(Phase.DOSE))
    assert sent * 0.02 <= 60.0 / 4


def test_a_busy_machine_makes_the_run_longer_and_leaves_the_doses(simulated: Bench) -> None:
    simulated.app.keeps = LEAKY
    simulated.app.seconds = {"image": 0.01, "page": 0.01}
    simulated.experiment(budget=20.0)
    quiet = [done.doses for done in simulated.of(Phase.DOSE)]

    def crowd(_: int) -> None:
        crowded = len(simulated.of(Phase.BASELINE)) == 2
        simulated.app.seconds = dict.fromkeys(("image", "page"), 0.02 if crowded else 0.01)

    simulated.replayer.before = crowd
    simulated.experiment(budget=20.0)
    busy = [done.doses for done in simulated.of(Phase.DOSE)][len(quiet) :]
    assert busy == quiet


def test_patience_ends_on_a_machine_that_is_hopelessly_busy(unsettled: Bench) -> None:
    def crowd(_: int) -> None:
        crowded = bool(unsettled.of(Phase.BASELINE))
        unsettled.app.seconds = dict.fromkeys(("image", "page"), 1.0 if crowded else 0.01)

    unsettled.replayer.before = crowd
    unsettled.experiment(budget=20.0)
    assert "busy-machine" in unsettled.caveats
    assert len(unsettled.blocks()) == 2


@pytest.mark.parametrize(("threads", "most"), [(1, 300), (3, 300)])
def test_a_block_leaves_a_bounded_number_of_threads_behind(
    simulated: Bench, monkeypatch: pytest.MonkeyPatch, threads: int, most: int
) -> None:
    def read_activity(pid: int) -> Activity:
        served = sum(sum(link.served.values()) for link in simulated.target.agents.values())
        return Activity(0.0, 3 + threads * served, 10)

    monkeypatch.setattr(samples_module, "read_activity", read_activity)
    simulated.experiment()
    for block in simulated.blocks():
        requests = sum(requests_of(simulated, block, step) for step in ("image", "page"))
        assert requests * threads <= most * 1.2


def test_a_route_that_cannot_be_judged_gets_every_block_and_twice_the_requests_in_each(unsettled: Bench) -> None:
    unsettled.experiment(budget=2000)
    sizes = [requests_of(unsettled, block, "page") for block in unsettled.blocks()]
    assert [later / earlier for earlier, later in pairwise(sizes)] == pytest.approx([2.0] * (MAX_BLOCKS - 1), rel=0.2)


def test_the_same_seed_draws_the_same_doses(simulated: Bench) -> None:
    simulated.experiment()
    first = [done.doses for done in simulated.of(Phase.DOSE)]
    simulated.experiment()
    assert [done.doses for done in simulated.of(Phase.DOSE)][len(first) :][:6] == first[:6]


def test_the_doses_of_an_earlier_run_are_repeated_on_a_slower_machine(
    tmp_path: Path, pids: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn(name: str, seconds: float, earlier: Mapping[str, Doses] | None = None) -> dict[str, Doses]:
        """By step, what was sent in each block."""
        (tmp_path / name).mkdir()
        bench = Bench(tmp_path / name, pids[:1])
        monkeypatch.setattr(samples_module, "read_memory", bench.target.memory_of)
        bench.app.keeps, bench.app.seconds = LEAKY, dict.fromkeys(("image", "page"), seconds)
        bench.experiment(budget=30.0, doses=earlier or {})
        blocks = bench.blocks().values()
        return {
            step: tuple(tuple(done.doses[step] for done in block) for block in blocks if step in block[0].doses)
            for step in ("image", "page")
        }

    quick = drawn("quick", 0.002)
    slow, repeated = drawn("slow", 0.05), drawn("repeated", 0.05, quick)
    for step, sent in quick.items():
        assert sorted(slow[step][0]) < sorted(sent[0])
        assert repeated[step]
        for block, again in zip(sent, repeated[step], strict=False):
            assert sorted(again) == sorted(block)


def test_slow_requests_get_small_doses(simulated: Bench) -> None:
    simulated.app.seconds = {"image": 0.1}
    simulated.experiment(budget=60.0)
    assert requests_of(simulated, 0, "image") < requests_of(simulated, 0, "page") / 5


def test_time_ends_the_blocks_but_not_before_the_second(unsettled: Bench) -> None:
    unsettled.app.seconds = {"image": 1.0, "page": 1.0}
    unsettled.experiment(budget=5.0)
    assert len(unsettled.blocks()) == 2


def test_a_block_grows_the_target_by_a_bounded_amount(simulated: Bench) -> None:
    simulated.app.keeps = {"image": 4 * MIB}
    simulated.experiment()
    assert simulated.blocks()
    for block in simulated.blocks():
        assert requests_of(simulated, block, "image") * 4 * MIB < 300 * MIB


def test_the_second_block_is_bounded_by_what_the_first_has_shown(simulated: Bench) -> None:
    def begin(_: int) -> None:
        simulated.app.keeps = {"image": 2 * MIB} if simulated.of(Phase.BASELINE) else {}

    simulated.replayer.before = begin  # so that the warm-up does not see it
    simulated.experiment()
    assert requests_of(simulated, 0, "image") > 200
    assert requests_of(simulated, 1, "image") * 2 * MIB < 300 * MIB


@pytest.mark.parametrize("seconds", [0.001, 0.2])
def test_with_a_number_of_requests_the_doses_follow_the_seed_and_no_clock(unsettled: Bench, seconds: float) -> None:
    unsettled.app.seconds = {"image": seconds}
    unsettled.experiment(max_requests=400, budget=30.0)
    first = [tuple(done.doses.values()) for done in unsettled.blocks()[0]]
    assert sorted(image for image, _ in first) == sorted(page for _, page in first) == [5, 11, 13, 17, 19, 23]
    assert sum(sum(doses) for doses in first) <= 200


@pytest.mark.parametrize("limit", [100, 150, 1000, 5000])
def test_requests_of_the_verdict_rounds_stay_below_the_limit(unsettled: Bench, limit: int) -> None:
    unsettled.experiment(max_requests=limit)
    assert 0 < sum(sum(done.doses.values()) for done in unsettled.of(Phase.DOSE)) <= limit


def test_a_limit_that_allows_no_block_is_said(simulated: Bench) -> None:
    simulated.experiment(max_requests=81)
    (note,) = simulated.observer.notes
    assert note.startswith("--requests is too low: ")
    assert "82 requests" in note
    assert simulated.caveats["too-few-requests"] == note
    assert not simulated.of(Phase.DOSE)


def recycle(bench: Bench, life: int) -> None:
    """Before each round, workers that have served so many requests make room for new ones."""

    def renew(_: int) -> None:
        for key, link in list(bench.target.agents.items()):
            if sum(link.served.values()) >= life:
                bench.target.end(key)
                bench.target.add(link.hello.pid)

    bench.replayer.before = renew


def test_steps_get_blocks_of_their_own_where_workers_are_recycled_early(unsettled: Bench) -> None:
    recycle(unsettled, 12)
    unsettled.experiment()
    assert len(unsettled.target.lives) > 3
    blocks = [{step for done in rounds for step in done.doses} for rounds in unsettled.blocks().values()]
    alone = blocks[blocks[0] == {"image", "page"} :]  # the first may have been under way when it was noticed
    assert alone == [{"image"}, {"page"}] * (len(alone) // 2)
    assert alone


def test_new_workers_meet_a_route_before_the_block_that_judges_it(unsettled: Bench) -> None:
    recycle(unsettled, 12)
    unsettled.experiment()
    first_rounds = [rounds[0] for rounds in unsettled.blocks().values()][1:]
    assert first_rounds
    for first in first_rounds:
        before = unsettled.run.rounds[first.index - 1]
        assert (before.phase, set(before.doses)) == (Phase.WARM_UP, set(first.doses))


def test_a_long_life_leaves_the_steps_together(unsettled: Bench) -> None:
    recycle(unsettled, 1000)
    unsettled.experiment()
    assert len(unsettled.target.lives) > 1
    assert all(set(rounds[0].doses) == {"image", "page"} for rounds in unsettled.blocks().values())


# --- Steps that do not work. ----------------------------------------------------------------------------------------


def test_a_step_that_is_refused_takes_no_part(simulated: Bench) -> None:
    simulated.app.statuses = {"image": 403}
    assert simulated.experiment(peaks=True) == "complete"
    later = [done for done in simulated.run.rounds if done.phase is not Phase.WARM_UP]
    assert {step for done in later for step in done.doses} == {"page"}


# --- Endings. -------------------------------------------------------------------------------------------------------


def stop_at(bench: Bench, number: int, *, brake: bool) -> None:
    """In the round of that number the target dies, or the brake is pulled."""

    def happen(reached: int) -> None:
        if reached != number:
            return
        if brake:
            bench.brake.check(2 * 10**12)
        else:
            bench.target.died = "gunicorn was killed by SIGKILL"

    bench.replayer.before = happen


@pytest.mark.parametrize("number", [0, 5, 9, 12])
def test_the_brake_ends_the_load_and_says_why(simulated: Bench, number: int) -> None:
    stop_at(simulated, number, brake=True)
    outcome = simulated.experiment(explain=True, peaks=True)
    assert outcome == ("The load was stopped: the target's processes reached 1863 GiB, the limit is 931 GiB.")
    assert simulated.observer.notes == [outcome]
    assert all(sent.round < number for sent in simulated.replayer.sent)


@pytest.mark.parametrize("number", [0, 5, 9, 12])
def test_a_target_that_dies_ends_the_load(simulated: Bench, number: int) -> None:
    stop_at(simulated, number, brake=False)
    outcome = simulated.experiment(explain=True, peaks=True)
    assert outcome == "The target stopped during the run: gunicorn was killed by SIGKILL"
    assert simulated.observer.notes == [outcome]
    assert not [done for done in simulated.run.rounds if done.index > number and done.phase is not Phase.WARM_UP]


def test_a_target_that_dies_before_any_response_is_the_reason_and_not_the_responses(simulated: Bench) -> None:
    simulated.app.statuses = {"image": None, "page": None}
    stop_at(simulated, 0, brake=False)
    assert simulated.experiment() == "The target stopped during the run: gunicorn was killed by SIGKILL"


def test_a_workload_that_never_works_is_an_error(simulated: Bench) -> None:
    simulated.app.statuses = {"image": 403, "page": None}
    with pytest.raises(WorkloadError, match="No step of the workload gets the response it should"):
        simulated.experiment()


def test_what_was_recorded_before_the_end_stands(simulated: Bench) -> None:
    stop_at(simulated, 9, brake=False)
    simulated.experiment()
    assert [done.index for done in simulated.run.rounds] == list(range(10))


def test_an_interrupt_goes_through(simulated: Bench) -> None:
    def interrupt(number: int) -> None:
        if number == 9:
            raise KeyboardInterrupt

    simulated.replayer.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        simulated.experiment()
    assert len(simulated.run.rounds) == 9
