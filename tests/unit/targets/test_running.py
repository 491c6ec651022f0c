from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from leakhunt.model.run import Role
from leakhunt.targets.failures import Explanation
from unit.targets.stage import SERVE, WAIT, Stage, stage

UNTIL_TOLD = """
import os, time
while not os.path.exists("go"):
    time.sleep(0.01)
"""
WORKERS = """
import os, socket, time
for number in range({number}):
    if os.fork() == 0:
        server = socket.create_server(("127.0.0.1", 0))
        while number < {lasting} or not os.path.exists("go"):
            time.sleep(0.01)
        os._exit(3)
time.sleep(60)
"""
"""A master that never looks after its workers."""
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    time.sleep(60)
while not os.path.exists("go"):
    time.sleep(0.01)
os._exit({status})
"""


@pytest.fixture
def play(launch_dir: Path) -> Iterator[Stage]:
    with stage(launch_dir) as made:
        yield made


def tell(play: Stage) -> None:
    (play.directory.path / "go").touch()


def test_a_program_that_runs_may_still_answer(play: Stage) -> None:
    running = play.run(WAIT)
    assert running.start_error() is None
    assert running.failure() is None


@pytest.mark.parametrize(
    ("ending", "sentence"),
    [
        ("raise SystemExit('no licence')", "the target ended with exit code 1 before it answered\n  | no licence"),
        ("raise SystemExit(0)", "the target ended with exit code 0 before it answered"),
        ("import os; os.kill(os.getpid(), 15)", "the target was killed by SIGTERM before it answered"),
    ],
)
def test_a_program_that_has_ended_will_never_answer(play: Stage, ending: str, sentence: str) -> None:
    running = play.run(ending)
    play.supervision.wait(running.pid, 10)
    error = running.start_error()
    assert error is not None
    assert error.message == sentence


def test_an_error_that_is_known_is_explained(play: Stage) -> None:
    running = play.run("raise SystemExit(\"ModuleNotFoundError: No module named 'shop'\")", app="shop.wsgi:app")
    play.supervision.wait(running.pid, 10)
    error = running.start_error()
    assert error is not None
    assert error.message.startswith(f"there is no module shop in {play.directory.path}\n  | ")
    assert error.hint == "Give the directory that holds it with --chdir."


@pytest.mark.parametrize(("status", "lives"), [(0, True), (3, False)])
def test_a_program_that_left_another_in_the_background_may_still_answer_if_it_meant_to(
    play: Stage, status: int, lives: bool
) -> None:
    running = play.run(DAEMON.format(status=status))
    play.until(lambda: len(running.census.target_pids()) == 2)
    tell(play)
    play.supervision.wait(running.pid, 10)
    assert (running.start_error() is None) == lives


def test_a_supervisor_that_was_killed_is_the_end_of_the_target(play: Stage) -> None:
    running = play.run(WAIT)
    play.until(lambda: running.census.target_pids() == (running.pid,))
    os.kill(play.supervision.pid, signal.SIGKILL)
    play.until(lambda: not play.supervision.alive())
    error = running.start_error()
    assert error is not None
    assert error.message == running.failure() == "leakhunt's supervisor process was killed, and the target with it"


def test_an_app_that_cannot_be_called_will_only_answer_with_errors(play: Stage) -> None:
    running = play.run(WAIT, app="shop.wsgi:app")
    assert running.app_error() is None
    running.log.stderr.write_text("Application object must be callable.\n")
    error = running.app_error()
    assert error is not None
    assert error.message.startswith("shop.wsgi:app is not callable")


def test_a_command_of_the_users_own_is_not_interpreted(play: Stage) -> None:
    running = play.run(WAIT)
    running.log.stderr.write_text("Application object must be callable.\n")
    assert running.app_error() is None


def test_an_error_has_the_last_lines_and_the_hint(play: Stage) -> None:
    running = play.run(WAIT)
    running.log.stderr.write_text("first\n\nlast\n")
    error = running.error(Explanation("it would not", "Ask it again."))
    assert (error.message, error.hint) == ("it would not\n  | first\n  | last", "Ask it again.")


def test_a_target_whose_only_process_dies_has_failed(play: Stage) -> None:
    running = play.run(SERVE)
    play.workers(running, 1)
    assert running.failure() is None
    os.kill(running.pid, signal.SIGTERM)
    play.until(lambda: running.failure() is not None)
    assert running.dead() == running.failure() == "the target was killed by SIGTERM"


def test_a_dead_target_is_dead_as_soon_as_its_program_has_ended(play: Stage) -> None:
    running = play.run(SERVE)
    play.workers(running, 1)
    running.census.stop()  # nobody but the question looks at the tree
    assert running.dead() is None
    os.kill(running.pid, signal.SIGKILL)
    assert play.supervision.wait(running.pid, 10) == -signal.SIGKILL
    assert running.dead() == "the target was killed by SIGKILL"


@pytest.mark.parametrize(
    ("number", "lasting", "failure"),
    [(2, 0, None), (4, 1, None), (3, 0, "the target's workers keep dying; the last one was exit code 3")],
    ids=["two died", "one lives on", "three died"],
)
def test_three_workers_that_died_and_none_that_lives_are_a_failure(
    play: Stage, number: int, lasting: int, failure: str | None
) -> None:
    running = play.run(WORKERS.format(number=number, lasting=lasting))
    play.workers(running, number)
    tell(play)
    play.until(lambda: sum(worker.died is not None for worker in running.census.workers()) == number - lasting)
    assert running.failure() == failure
    assert running.dead() is None


CRASHED = "[1] [ERROR] Worker (pid:{}) exited with code {}.\n"


@pytest.mark.parametrize(
    ("told", "error"),
    [
        (CRASHED.format(901, 5) + CRASHED.format(902, 5), None),
        ("".join(CRASHED.format(pid, 0) for pid in (901, 902, 903)), None),
        (CRASHED.format(901, 5) * 3, None),
        (
            CRASHED.format(901, 5) + CRASHED.format(902, 5) + CRASHED.format(903, 6),
            "the target's workers keep dying before it answers; the last one was exit code 6",
        ),
    ],
    ids=["two", "no crashes", "one told thrice", "three"],
)
def test_three_workers_that_crashed_before_an_answer_came_are_an_error(
    play: Stage, told: str, error: str | None
) -> None:
    running = play.run(WAIT)
    play.log.stdout.write_text(told)
    found = running.start_error()
    assert (None if found is None else found.message.splitlines()[0]) == error


def test_a_worker_that_outlives_those_that_crash_may_still_answer(play: Stage) -> None:
    running = play.run(WORKERS.format(number=4, lasting=1))
    play.workers(running, 4)
    pids = [worker.pid for worker in running.census.workers() if worker.role is Role.WORKER]
    play.log.stdout.write_text("".join(CRASHED.format(pid, 3) for pid in pids[1:]))
    tell(play)
    play.until(lambda: sum(worker.died is not None for worker in running.census.workers()) == 3)
    play.until(lambda: running.census.siblings_of(pids[1:]) == (1, True))
    assert running.start_error() is None
    os.kill(pids[0], signal.SIGKILL)
    play.until(lambda: running.start_error() is not None)
