"""Which processes a pid means, seen on real ones."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from leakhunt.errors import AttachError
from leakhunt.targets.scope import serving, survey
from leakhunt.targets.tree import descendants, read_process

FORKING: str = """
import os, socket, subprocess, sys, time
if {listens}:
    server = socket.create_server(("127.0.0.1", 0))
for _ in range({children}):
    if os.fork() == 0:
        time.sleep(600)
print("ready", flush=True)
time.sleep(600)
"""
SERVES_ITSELF: str = """
import os, socket, time
server = socket.create_server(("127.0.0.1", 0))
for _ in range(2):
    if os.fork() == 0:
        time.sleep(600)
print("ready", flush=True)
while True:
    server.accept()
"""


@contextmanager
def started(*command: str) -> Iterator[int]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()


def python(*, children: int = 0, listens: bool = True) -> tuple[str, ...]:
    return (sys.executable, "-c", FORKING.format(children=children, listens=listens))


def children(pid: int) -> list[int]:
    return sorted(process.pid for process in descendants(pid))


def test_a_server_without_workers_is_its_own() -> None:
    with started(*python()) as pid:
        scope = survey(pid, whole_tree=False)
        assert [worker.pid for worker in scope.workers] == [pid]
        assert scope.sentence.startswith(f"Attaching to PID {pid} (")


def test_a_master_means_its_workers_and_which_is_said() -> None:
    with started(*python(children=2)) as pid:
        scope = survey(pid, whole_tree=False)
        first, second = children(pid)
        assert sorted(worker.pid for worker in scope.workers) == [first, second]
        assert f"attaching to PID {first}, {second}" in scope.sentence
        assert next(process.pid for process in scope.family()) == pid


def test_a_worker_means_itself_alone_and_who_else_serves_is_said() -> None:
    with started(*python(children=3)) as pid:
        first, second, third = children(pid)
        scope = survey(second, whole_tree=False)
        assert (scope.alone, [worker.pid for worker in scope.workers]) == (True, [second])
        assert sorted(scope.siblings) == [first, third]
        assert f"({f'PID {first}, {third}'})" in scope.sentence


def test_a_worker_means_its_siblings_too_where_the_tree_is_wanted() -> None:
    with started(*python(children=2)) as pid:
        first, second = children(pid)
        scope = survey(second, whole_tree=True)
        assert (scope.root.pid, sorted(worker.pid for worker in scope.workers)) == (pid, [first, second])


def test_what_runs_a_server_and_is_no_python_means_the_server() -> None:
    command = f'"{sys.executable}" -c "$0"; exit'
    with started("sh", "-c", command, FORKING.format(children=2, listens=True)) as pid:
        (master,) = [process for process in descendants(pid) if process.parent == pid]
        scope = survey(pid, whole_tree=False)
        assert sorted(worker.pid for worker in scope.workers) == children(master.pid)


def test_a_reloader_means_the_process_that_it_has_started() -> None:
    starter = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {FORKING.format(children=0, listens=True)!r}])"
    )
    with started(sys.executable, "-c", starter) as pid:
        assert [worker.pid for worker in survey(pid, whole_tree=False).workers] == children(pid)


def test_a_process_that_listens_nowhere_means_itself() -> None:
    with started(*python(listens=False)) as pid:
        assert [worker.pid for worker in survey(pid, whole_tree=False).workers] == [pid]


CELERY: str = """
import os, sys, time
for _ in range({children}):
    if os.fork() == 0:
        time.sleep(600)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def celery(tmp_path: Path) -> Callable[[int], tuple[str, ...]]:
    """The command of a program that forks as Celery does and is called as it is."""

    def command(children: int) -> tuple[str, ...]:
        script = tmp_path / "celery"
        script.write_text(CELERY.format(children=children))
        return (sys.executable, str(script), "worker")

    return command


def test_a_celery_worker_means_the_processes_that_run_its_tasks(celery: Callable[[int], tuple[str, ...]]) -> None:
    with started(*celery(2)) as pid:
        first, second = children(pid)
        assert sorted(worker.pid for worker in survey(pid, whole_tree=False).workers) == [first, second]
        alone = survey(first, whole_tree=False)
        assert ([worker.pid for worker in alone.workers], alone.siblings) == ([first], (second,))
        assert sorted(worker.pid for worker in survey(first, whole_tree=True).workers) == [first, second]


def test_a_celery_worker_that_forks_none_means_itself(celery: Callable[[int], tuple[str, ...]]) -> None:
    with started(*celery(0)) as pid:
        assert [worker.pid for worker in survey(pid, whole_tree=False).workers] == [pid]


def test_a_process_known_to_serve_is_no_master_of_what_it_forks() -> None:
    with started(*python(children=1)) as pid:
        process = read_process(pid)
        assert process is not None
        family = (process, *descendants(pid))
        assert [each.pid for each in serving(family)] == children(pid)
        assert [each.pid for each in serving(family, {process.key})] == [pid]


def test_a_server_that_accepts_itself_is_no_master_of_helpers_that_hold_its_socket() -> None:
    with started(sys.executable, "-c", SERVES_ITSELF) as pid:
        scope = survey(pid, whole_tree=False)
        assert [worker.pid for worker in scope.workers] == [pid]
        assert len(children(pid)) == 2


def test_a_program_without_any_python_is_refused() -> None:
    with started("sh", "-c", "echo ready; sleep 600; exit") as pid:
        with pytest.raises(
            AttachError, match=rf"PID {pid} \(sh\) is not a CPython process, and no Python process"
        ) as raised:
            survey(pid, whole_tree=False)
        assert raised.value.exit_code == 3
        assert raised.value.hint == "Give the PID of the server or of a worker."


def test_a_process_that_is_gone_is_refused() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    with pytest.raises(AttachError, match=rf"PID {gone.pid} does not exist"):
        survey(gone.pid, whole_tree=False)


def test_a_worker_that_is_stopped_is_refused_before_any_is_touched() -> None:
    with started(*python(children=2)) as pid:
        stopped = children(pid)[1]
        os.kill(stopped, signal.SIGSTOP)
        deadline = time.monotonic() + 5
        while (process := read_process(stopped)) is None or process.state != "T":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(AttachError, match=rf"PID {stopped} is stopped") as raised:
            survey(pid, whole_tree=False)
        assert raised.value.hint == f"Continue it first: kill -CONT {stopped}"
