"""Which processes are watched: the one that was named and its descendants, but no copies and nothing of leakhunt's."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from leakhunt.errors import TargetError
from leakhunt.model.run import Role
from leakhunt.targets import tree, watched
from leakhunt.targets.watched import Lineage, Member, find_process, owner
from watched_tree import watched_tree


def soon(condition: Callable[[], bool], patience: float = 10.0) -> bool:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def pids(members: tuple[Member, ...]) -> list[int]:
    return [member.process.pid for member in members]


def test_a_pid_that_does_not_exist_is_refused_with_a_hint() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with pytest.raises(TargetError, match=rf"PID {child.pid} does not exist \(any more\)\.") as refused:
        find_process(child.pid)
    assert refused.value.exit_code == 3
    assert refused.value.hint


def test_a_zombie_is_refused_and_its_parent_named() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(TargetError, match=r"has exited \(zombie\)") as refused:
        find_process(child.pid)
    assert str(os.getpid()) in (refused.value.hint or "")
    child.wait()


def test_a_thread_of_the_kernel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As recorded on Linux 6.18; in a container there is none to be seen.
    (tmp_path / "2").mkdir()
    stat = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 1 0 0 20 0 1 0 4 0 0 18446744073709551615"
    (tmp_path / "2" / "stat").write_text(f"{stat} 0 0 0 0 0 0 0 2147483647 0 0 0 0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n")
    monkeypatch.setattr(tree, "PROC", tmp_path)
    with pytest.raises(TargetError, match=r"PID 2 \(kthreadd\) is a thread of the kernel"):
        find_process(2)


def test_this_process_is_no_thread_of_the_kernel() -> None:
    assert find_process(os.getpid()).pid == os.getpid()


def test_a_master_shows_its_workers_and_those_born_later() -> None:
    with watched_tree() as server:
        first = server.fork()
        lineage = Lineage(find_process(server.pid))
        assert soon(lambda: pids(lineage.members()) == [server.pid, first])
        second = server.fork()
        assert soon(lambda: pids(lineage.members()) == [server.pid, first, second])
        roles = [member.role for member in lineage.members()]
        assert roles == [Role.MASTER, Role.WORKER, Role.WORKER]


def test_a_worker_alone_shows_no_siblings() -> None:
    with watched_tree() as server:
        first, second = server.fork(), server.fork()
        assert soon(lambda: pids(Lineage(find_process(server.pid)).members())[1:] == [first, second])
        assert pids(Lineage(find_process(first)).members()) == [first]


def test_a_recycled_worker_gets_a_number_of_its_own() -> None:
    with watched_tree() as server:
        first, lineage = server.fork(), Lineage(find_process(server.pid))
        assert soon(lambda: pids(lineage.members()) == [server.pid, first])
        before = lineage.members()[1].name
        server.kill(first)
        second = server.fork()
        assert soon(lambda: pids(lineage.members()) == [server.pid, second])
        assert (before, lineage.members()[1].name) == ("python worker 1", "python worker 2")


def test_a_snapshot_child_is_never_a_worker() -> None:
    with watched_tree() as server:
        worker, copy, later = server.fork(), server.snapshot(), server.fork()
        lineage = Lineage(find_process(server.pid))
        assert soon(lambda: later in pids(lineage.members()))
        assert copy in {process.pid for process in tree.descendants(server.pid)}
        assert pids(lineage.members()) == [server.pid, worker, later]


def test_a_child_too_young_to_have_said_what_it_is_is_left_for_the_next_look() -> None:
    with watched_tree() as server:
        worker = server.fork()
        members = Lineage(find_process(server.pid)).members()
        process = tree.read_process(worker)
        assert process is not None
        assert (worker in pids(members)) <= (tree.age(process) >= watched._YOUNG)
        assert soon(lambda: worker in pids(Lineage(find_process(server.pid)).members()))


def test_leakhunt_itself_is_not_watched() -> None:
    with watched_tree() as server:
        assert soon(lambda: tree.age(find_process(server.pid)) > watched._YOUNG)
        parent = Lineage(find_process(os.getppid())).members()
    found = pids(parent)
    assert os.getpid() not in found
    assert server.pid not in found


@contextmanager
def script(program: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program of one line, killed at the end with what it has forked."""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_without_anybody_to_listen_the_copies_of_a_program_are_its_workers() -> None:
    with script("import os, time; child = os.fork(); child and print(child, flush=True); time.sleep(1000)") as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        lineage = Lineage(find_process(parent.pid))
        assert soon(lambda: child in pids(lineage.members()))
        assert [member.role for member in lineage.members()] == [Role.MASTER, Role.WORKER]


def test_a_script_of_its_own_is_neither() -> None:
    with script("import time; time.sleep(1000)") as alone:
        (member,) = Lineage(find_process(alone.pid)).members()
        assert (member.role, member.name) == (Role.OTHER, Path(sys.executable).name)


def test_when_the_process_has_ended_nothing_is_left_to_watch() -> None:
    with watched_tree() as server:
        lineage = Lineage(find_process(server.pid))
        assert lineage.alive()
        server.end()
        assert not lineage.alive()
        assert lineage.members() == ()


def test_the_owner_of_a_process_is_named() -> None:
    assert owner(os.getpid()) == pwd.getpwuid(os.getuid()).pw_name
