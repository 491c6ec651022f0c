"""Who lives below a real supervisor, as far as the kernel tells: no agent is needed for that."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from leakhunt.model.run import Role, Worker
from leakhunt.targets import tree
from leakhunt.targets.census import Census
from leakhunt.targets.launch_dir import LaunchDir
from leakhunt.targets.supervision import Supervision

SERVE: Final = "import socket, time; server = socket.create_server(('127.0.0.1', 0)); time.sleep(60)"
WAIT: Final = "import time; time.sleep(60)"
SPAWN: Final = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WAIT!r}])"
UNTIL_TOLD: Final = """
import os, time
while not os.path.exists('go'):
    time.sleep(0.01)
"""
ABANDON: Final = f"""
import subprocess, sys
subprocess.Popen([sys.executable, '-c', {WAIT!r}], start_new_session=True)
{UNTIL_TOLD}
"""
FORK: Final = f"""
import os, time
if os.fork() == 0:
    {{child}}
    time.sleep(60)
{WAIT}
"""
TAKEN_APART: Final = FORK.format(
    child="""
    import ctypes
    fields = open('/proc/self/stat').read().rpartition(')')[2].split()
    start, end = int(fields[45]), int(fields[46])
    ctypes.memset(start, 0, end - start)
    open('/proc/self/oom_score_adj', 'w').write('1000')
    """.strip()
)
"""Its child has no command line, as a snapshot child has none at its end."""


class Launch:
    """A supervisor with a census whose polls need not be waited for."""

    def __init__(self, directory: LaunchDir) -> None:
        self._directory = directory
        self.log = directory.log("target")
        self.supervision = Supervision(directory.path)
        self.links: tuple[Any, ...] = ()
        self.census = Census(self.supervision, links=lambda: self.links, log=self.log.text, clock=time.monotonic)

    def run(self, name: str, program: str) -> int:
        script = self._directory.path / f"{name}.py"
        script.write_text(program)
        command = (sys.executable, str(script))
        log = self._directory.log(name)
        return self.supervision.start(name, command, cwd=self._directory.path, env={}, log=log)

    def tell(self) -> None:
        """Have the programs that wait for it go on."""
        self._directory.path.joinpath("go").touch()

    def until(self, fits: Callable[[tuple[Worker, ...]], bool]) -> tuple[Worker, ...]:
        deadline = time.monotonic() + 10
        while not fits(self.census.workers()):
            assert time.monotonic() < deadline, self.census.workers()
            time.sleep(0.02)
            self.census.poll()
        return self.census.workers()

    def close(self) -> None:
        self.census.stop()
        self.supervision.close()
        self.census.kill_survivors()


@pytest.fixture
def launch(launch_dir: Path) -> Iterator[Launch]:
    (launch_dir / "logs").mkdir()
    made = Launch(LaunchDir(launch_dir))
    yield made
    made.close()


def test_who_listens_is_a_worker_where_no_agent_tells(launch: Launch) -> None:
    launch.census.start()
    pid = launch.run("shop", SERVE)
    (worker,) = launch.until(lambda workers: any(worker.role is Role.WORKER for worker in workers))
    assert (worker.pid, worker.name, worker.parent) == (pid, "shop worker 1", launch.supervision.pid)
    assert (worker.died, worker.death, worker.python) == (None, None, None)
    assert worker.born <= time.monotonic()
    assert launch.census.target_pids() == (pid,)
    assert launch.census.links() == {}
    assert not launch.census.any_hooked()


def test_a_companion_and_its_children_are_none_of_the_target(launch: Launch) -> None:
    launch.census.register(launch.run("celery", SPAWN), "celery")
    launch.census.start()
    workers = launch.until(lambda workers: len(workers) == 2)
    assert [(worker.role, worker.name) for worker in workers] == [
        (Role.COMPANION, "celery"),
        (Role.COMPANION, "celery 2"),
    ]
    assert launch.census.target_pids() == ()


def test_what_the_set_up_left_running_is_none_of_the_target(launch: Launch) -> None:
    launch.run("broker", WAIT)
    launch.census.start()
    (worker,) = launch.until(lambda workers: len(workers) == 1)
    assert worker.role is Role.COMPANION
    assert launch.census.target_pids() == ()


@pytest.mark.parametrize(
    ("ending", "log", "death"),
    [
        ("raise SystemExit(3)", "", "exit code 3"),
        ("os.kill(os.getpid(), 15)", "", "killed by SIGTERM"),
        ("raise SystemExit(0)", "[{pid}] [INFO] Autorestarting worker after current request.", "recycled"),
    ],
)
def test_a_death_is_told_by_the_log_or_else_by_the_exit_status(
    launch: Launch, ending: str, log: str, death: str
) -> None:
    launch.census.start()
    pid = launch.run("shop", UNTIL_TOLD + ending)
    launch.until(lambda workers: len(workers) == 1)
    launch.log.stdout.write_text(log.format(pid=pid))
    launch.tell()
    (worker,) = launch.until(lambda workers: any(worker.death == death for worker in workers))
    assert worker.died is not None
    assert worker.born < worker.died <= time.monotonic()
    assert launch.census.target_pids() == ()


def test_a_process_that_the_target_abandons_is_still_its_own(launch: Launch) -> None:
    launch.census.start()
    pid = launch.run("daemon", ABANDON)
    launch.until(lambda workers: len(workers) == 2)
    launch.tell()
    launch.until(lambda workers: any(worker.died is not None for worker in workers))
    (left,) = launch.census.target_pids()
    assert left != pid


def test_survivors_of_a_killed_supervisor_are_killed(launch: Launch) -> None:
    launch.census.start()
    pid = launch.run("shop", WAIT)
    launch.until(lambda workers: len(workers) == 1)
    os.kill(launch.supervision.pid, signal.SIGKILL)
    launch.census.stop()
    launch.census.kill_survivors()
    deadline = time.monotonic() + 10
    while (process := tree.read_process(pid)) is not None and not process.ended:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_snapshot_child_at_its_end_is_none_of_the_target(launch: Launch) -> None:
    launch.census.start()
    pid = launch.run("shop", TAKEN_APART)
    deadline = time.monotonic() + 10
    while not any(tree.oom_score_adj(child.pid) == 1000 for child in tree.descendants(pid)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for _ in range(3):
        launch.census.poll()
    assert [worker.pid for worker in launch.census.workers()] == [pid]


def test_a_snapshot_child_that_hangs_from_the_start_is_none_of_the_target(launch: Launch) -> None:
    launch.census.start()
    pid = launch.run("shop", FORK.format(child="pass"))
    launch.until(lambda workers: len(workers) == 2)
    (child,) = tree.descendants(pid)
    launch.links = (SimpleNamespace(key="", hello=SimpleNamespace(pid=pid), children=[child.pid], alive=True),)
    launch.census.poll()
    assert [worker.pid for worker in launch.census.workers()] == [pid]
