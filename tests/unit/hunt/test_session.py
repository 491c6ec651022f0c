from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from leakhunt.errors import LeakhuntError, TargetError, UsageError, WorkloadError
from leakhunt.hunt.clock import start_clock
from leakhunt.hunt.session import INTERRUPTED, hunt
from leakhunt.hunt.settings import Settings
from leakhunt.model.run import Run
from leakhunt.runfile import read_run
from leakhunt.targets.base import Target
from leakhunt.workload.replay import Replayer
from leakhunt.workload.scenario import Workload
from unit.hunt.bench import Bench


def run_hunt(bench: Bench, *, connect: Callable[[Target], Replayer] | None = None, limit: int = 10**12) -> Run:
    return hunt(
        target=bench.target,
        workload=Workload("command line", bench.steps),
        connect=connect or (lambda _: bench.replayer),
        settings=Settings(seed=7, memory_limit=limit, peaks=False, explain=False),
        recorder=bench.recorder,
        observer=bench.observer,
        directory=bench.directory,
        clock=bench.clock,
    )


def test_a_hunt_starts_the_target_signs_in_experiments_and_stops_it(simulated: Bench) -> None:
    run = run_hunt(simulated)
    steps = [entry for entry in simulated.target.log if entry in {"start", "prepare", "load", "stop"}]
    assert steps[:3] == ["start", "prepare", "load"]
    assert steps.index("stop") == len(steps) - 1
    assert run.outcome == "complete"
    assert run.conditions["server"] == "fake 1.0"
    assert run == read_run(simulated.directory)


def test_what_the_target_has_to_say_and_what_the_hunt_cost_are_recorded(simulated: Bench) -> None:
    run = run_hunt(simulated)
    assert [caveat.code for caveat in run.caveats] == ["stdlib-server"]
    assert run.cost is not None
    assert run.cost.longest_pause == 0.004


def test_the_end_of_each_worker_is_recorded(simulated: Bench) -> None:
    assert all(worker.died is not None for worker in run_hunt(simulated).workers)


def test_a_memory_limit_that_is_reached_is_the_outcome(simulated: Bench) -> None:
    def wait(number: int) -> None:
        deadline = time.monotonic() + 10
        while number == 3 and not simulated.replayer.stopped and time.monotonic() < deadline:
            time.sleep(0.01)

    simulated.replayer.before = wait
    run = run_hunt(simulated, limit=1)
    assert run.outcome is not None
    assert run.outcome.startswith("The load was stopped: the target's processes reached")
    assert run.requests


def test_a_target_that_dies_in_a_round_gets_no_more_requests(simulated: Bench) -> None:
    def die(number: int) -> None:
        if number == 3:
            simulated.target.died = "the target was killed by SIGKILL"
            deadline = time.monotonic() + 10
            while not simulated.replayer.stopped and time.monotonic() < deadline:
                time.sleep(0.01)

    simulated.replayer.before = die
    run = run_hunt(simulated)
    assert run.outcome == "The target stopped during the run: the target was killed by SIGKILL"
    assert {record.round for record in run.requests} == {0, 1, 2}


def test_an_interrupt_ends_the_run_with_what_was_recorded(simulated: Bench) -> None:
    def interrupt(number: int) -> None:
        if number == 4:
            raise KeyboardInterrupt

    simulated.replayer.before = interrupt
    run = run_hunt(simulated)
    assert run.outcome == INTERRUPTED
    assert len(run.rounds) == 4
    assert simulated.target.log[-1] == "stop"
    assert simulated.observer.notes == ["Interrupted; the report is made from what was recorded."]
    assert read_run(simulated.directory) == run


REFUSALS = [
    TargetError("gunicorn ended with exit code 3."),
    WorkloadError("The sign-in was refused."),
    UsageError("example.org may not be loaded"),
]


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
def test_an_error_is_raised_after_the_target_was_stopped_and_the_outcome_recorded(
    simulated: Bench, error: LeakhuntError
) -> None:
    def connect(_: Target) -> Replayer:
        if isinstance(error, UsageError):
            raise error
        return simulated.replayer

    if isinstance(error, TargetError):
        simulated.target.refusal = error
    if isinstance(error, WorkloadError):
        simulated.replayer.refusal = error
    with pytest.raises(type(error)) as caught:
        run_hunt(simulated, connect=connect)
    assert caught.value is error
    assert simulated.target.log[-1] == "stop"
    assert read_run(simulated.directory).outcome == f"stopped by an error: {error}"


def test_a_bug_of_ours_stops_the_target_too(simulated: Bench) -> None:
    def fail(number: int) -> None:
        raise RuntimeError("boom")

    simulated.replayer.before = fail
    with pytest.raises(RuntimeError, match="boom"):
        run_hunt(simulated)
    assert simulated.target.log[-1] == "stop"
    assert read_run(simulated.directory).outcome == "stopped by an error: boom"


def test_the_clock_starts_now() -> None:
    clock = start_clock()
    first = clock()
    assert 0 <= first <= clock() < 60
