from __future__ import annotations

import time
from itertools import repeat
from pathlib import Path

import pytest

from fakes import path_of, route_of
from leakhunt.errors import AgentError
from leakhunt.hunt import quiet
from leakhunt.hunt import rounds as rounds_module
from leakhunt.hunt import samples as samples_module
from leakhunt.model.measurement import MemoryUsage
from leakhunt.model.run import Phase, Role
from leakhunt.samplers.memory import read_memory
from unit.hunt.bench import Bench, idle_processes

BOTH = {"image": 3, "page": 2}


@pytest.fixture
def pair(tmp_path: Path, pids: tuple[int, ...]) -> Bench:
    """A bench with two workers."""
    return Bench(tmp_path, pids)


def asked(bench: Bench) -> list[str]:
    """What was asked of agents and kernel, without the polling for rest."""
    return [entry for entry in bench.target.log if not entry.startswith("stats")]


def log_readings(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the log tell, too, when the kernel's figures are read."""

    def logged(pid: int) -> MemoryUsage:
        bench.target.log.append(f"memory {pid}")
        return read_memory(pid)

    monkeypatch.setattr(samples_module, "read_memory", logged)


# --- What is recorded. ----------------------------------------------------------------------------------------------


def test_a_round_records_its_requests(pair: Bench) -> None:
    done = pair.rounds.run(Phase.DOSE, BOTH, block=2)
    assert (done.index, done.phase, done.block, done.doses) == (0, Phase.DOSE, 2, BOTH)
    assert done.ended - done.started == pytest.approx(0.005)
    assert [record.step for record in pair.run.requests] == ["image"] * 3 + ["page"] * 2
    assert pair.run.rounds == (done,)
    assert pair.observer.rounds == [done]


def test_rounds_are_numbered_and_so_are_their_requests(pair: Bench) -> None:
    for _ in range(3):
        pair.rounds.run(Phase.DOSE, {"page": 1})
    assert [done.index for done in pair.run.rounds] == [0, 1, 2]
    assert [record.round for record in pair.run.requests] == [0, 1, 2]


def test_a_round_is_sent_and_recorded_with_the_inputs_that_the_workload_asks_for(pair: Bench) -> None:
    pair.replayer.inputs = "repeated"
    pair.rounds.run(Phase.DOSE, {"page": 1})
    pair.rounds.run(Phase.REPEATED, {"page": 1}, inputs="distinct")
    pair.rounds.send_one(Phase.PEAK, "page", None)
    wanted = ["repeated", "distinct", "repeated"]
    assert [sent.inputs for sent in pair.replayer.sent] == wanted
    assert [done.inputs for done in pair.run.rounds] == wanted


def test_a_round_without_doses_sends_nothing(pair: Bench) -> None:
    pair.rounds.run(Phase.BASELINE, {})
    assert pair.replayer.sent == []
    assert len(pair.run.rounds[0].samples) == 2


def test_every_process_is_sampled_and_the_heap_of_workers_only(pair: Bench) -> None:
    with idle_processes(2) as (celery, master):
        companion = pair.target.add(celery, Role.COMPANION, agent=False)
        parent = pair.target.add(master, Role.MASTER)
        done = pair.rounds.run(Phase.DOSE, BOTH)
    by_worker = {sample.worker: sample for sample in done.samples}
    assert set(by_worker) == {worker.key for worker in pair.target.workers()}
    assert all(sample.memory.rss > 0 and sample.threads == 1 for sample in done.samples)
    assert {key for key, sample in by_worker.items() if sample.heap is None} == {companion, parent}
    assert f"collect {master}" not in pair.target.log


def test_a_sample_says_what_its_process_has_served(pair: Bench) -> None:
    done = pair.rounds.run(Phase.DOSE, BOTH)
    first, second = done.samples
    assert first.served == {route_of("image"): 2, route_of("page"): 1}
    assert second.served == {route_of("image"): 1, route_of("page"): 1}


def test_a_worker_that_was_born_during_the_round_is_sampled(pair: Bench) -> None:
    with idle_processes(1) as (newborn,):
        pair.target.unseen.append(newborn)
        done = pair.rounds.run(Phase.DOSE, BOTH)
    assert len(done.samples) == 3


def test_a_process_that_has_ended_is_not_sampled(pair: Bench) -> None:
    ended, alive = (worker.key for worker in pair.target.workers())
    pair.target.end(ended)
    done = pair.rounds.run(Phase.DOSE, BOTH)
    assert [sample.worker for sample in done.samples] == [alive]
    assert [worker.death for worker in pair.run.workers] == ["recycled", None]


def test_a_process_that_ends_while_it_is_read_is_left_out(pair: Bench) -> None:
    with idle_processes(1) as (gone,):
        pair.target.add(gone, agent=False)
    done = pair.rounds.run(Phase.DOSE, BOTH)
    assert [sample.worker for sample in done.samples] == list(pair.target.agents)


def test_temporary_files_are_counted_where_the_target_makes_them(pair: Bench) -> None:
    before = pair.rounds.run(Phase.BASELINE, {})
    (pair.target.launch_dir / "upload_1.tmp").touch()
    after = pair.rounds.run(Phase.DOSE, BOTH)
    assert before.temp_files is not None
    assert after.temp_files == before.temp_files + 1


def test_without_an_agent_there_is_no_heap_and_no_count_of_files(pair: Bench) -> None:
    pair.target.agents.clear()
    done = pair.rounds.run(Phase.DOSE, BOTH)
    assert len(done.samples) == 2
    assert all(sample.heap is None and sample.served == {} for sample in done.samples)
    assert done.temp_files is None


# --- The order of things. -------------------------------------------------------------------------------------------


def test_load_then_rest_then_garbage_then_heap_then_the_kernel(pair: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    log_readings(pair, monkeypatch)
    pair.rounds.run(Phase.DOSE, BOTH)
    one, two = (link.hello.pid for link in pair.target.agents.values())
    assert asked(pair) == [
        "load",
        *(f"collect {one}", f"heap {one}"),
        *(f"collect {two}", f"heap {two}"),
        *(f"memory {one}", f"memory {two}"),
    ]


def test_requests_in_flight_are_waited_for(pair: Bench) -> None:
    link = next(iter(pair.target.agents.values()))
    link.in_flight = iter([2, 1, 0, 0, 0, 0, 0, 0])
    pair.rounds.run(Phase.DOSE, BOTH)
    before = pair.target.log[: pair.target.log.index(f"collect {link.hello.pid}")]
    assert before.count(f"stats {link.hello.pid}") >= 3
    assert pair.caveats == {}


def test_requests_that_stay_in_flight_are_a_caveat(pair: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "_MAX_WAIT", 0.01)
    next(iter(pair.target.agents.values())).in_flight = repeat(1)
    assert len(pair.rounds.run(Phase.DOSE, BOTH).samples) == 2
    assert "still in flight" in pair.caveats["requests-in-flight"]


def test_no_dot_of_the_chart_is_taken_while_a_snapshot_child_lives(pair: Bench) -> None:
    dots: list[int] = []

    def count() -> None:
        dots.append(len(pair.timeline._points))
        time.sleep(0.03)
        dots.append(len(pair.timeline._points))

    link = next(iter(pair.target.agents.values()))
    link.during_heap = count
    pair.timeline.start()
    try:
        while not pair.timeline._points:
            time.sleep(0.001)
        pair.rounds.run(Phase.DOSE, BOTH)
    finally:
        pair.timeline.stop()
    before, after = dots
    assert before == after > 0
    assert len(pair.run.timeline) >= after


# --- Agents that do not answer. -------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["collect", "heap"])
def test_an_unreadable_heap_is_a_caveat(pair: Bench, command: str) -> None:
    link = next(iter(pair.target.agents.values()))
    link.refuses = frozenset({command})
    done = pair.rounds.run(Phase.DOSE, BOTH)
    assert [sample.heap is None for sample in done.samples] == [True, False]
    assert done.samples[0].served
    assert pair.caveats["heap-unread"] == (
        "The heap of worker 1 could not be read: "
        f"the agent in process {link.hello.pid} refused {command}: it would rather not"
    )


def test_a_worker_that_ends_while_it_is_asked_is_no_caveat(pair: Bench) -> None:
    link = next(iter(pair.target.agents.values()))

    def end() -> None:
        pair.target.end(link.key)
        raise AgentError(f"process {link.hello.pid} has ended or its agent has left")

    link.during_heap = end
    pair.rounds.run(Phase.DOSE, BOTH)
    assert pair.caveats == {}


def test_an_agent_that_leaves_a_worker_that_lives_on_is_a_caveat(pair: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds_module, "_ENDING", 0.01)
    link = next(iter(pair.target.agents.values()))

    def leave() -> None:
        link.gone = True
        raise AgentError(f"process {link.hello.pid} has ended or its agent has left")

    link.during_heap = leave
    pair.rounds.run(Phase.DOSE, BOTH)
    assert "has ended or its agent has left" in pair.caveats["heap-unread"]


def test_the_collection_of_garbage_is_a_pause_too(pair: Bench) -> None:
    next(iter(pair.target.agents.values())).collecting = 0.26
    pair.rounds.run(Phase.DOSE, BOTH)
    assert pair.rounds.longest_pause == 0.26


def test_the_longest_pause_is_kept(pair: Bench) -> None:
    first, second = pair.target.agents.values()
    first.pause, second.pause = 0.02, 0.003
    assert pair.rounds.longest_pause is None
    pair.rounds.run(Phase.DOSE, BOTH)
    first.pause = 0.001
    pair.rounds.run(Phase.DOSE, BOTH)
    assert pair.rounds.longest_pause == 0.02


# --- Routes, and single requests. -----------------------------------------------------------------------------------


def test_routes_are_learnt_from_the_agents(pair: Bench) -> None:
    pair.rounds.run(Phase.WARM_UP, {"image": 1})
    pair.rounds.learn_routes()
    assert pair.run.routes == {"image": route_of("image"), "page": path_of("page")}


def test_a_step_whose_requests_are_scattered_over_routes_is_a_caveat_unless_a_pattern_joins_them(pair: Bench) -> None:
    pair.rounds.run(Phase.WARM_UP, {"image": 1})  # so that its pattern is known
    pair.replayer.scatters = ("image", "page")
    pair.rounds.learn_routes()
    assert list(pair.caveats) == ["scattered-route"]
    assert pair.caveats["scattered-route"].startswith(
        "Each request of page counts as a route of its own; set {n} apart"
    )


def test_an_agent_that_does_not_answer_leaves_the_masked_paths(pair: Bench) -> None:
    for link in pair.target.agents.values():
        link.refuses = frozenset({"stats"})
    pair.rounds.learn_routes()
    assert pair.run.routes == {"image": path_of("image"), "page": path_of("page")}


@pytest.mark.parametrize(("size", "sizes"), [(None, None), (5000, {"image": 5000})])
def test_one_request_is_a_round_without_samples(pair: Bench, size: int | None, sizes: dict[str, int] | None) -> None:
    (request,) = pair.rounds.send_one(Phase.PEAK, "image", size)
    (done,) = pair.run.rounds
    assert (done.phase, done.doses, done.alone, done.samples) == (Phase.PEAK, {"image": 1}, "image", ())
    assert pair.replayer.sent[0].sizes == sizes
    assert pair.run.requests == (request,)
