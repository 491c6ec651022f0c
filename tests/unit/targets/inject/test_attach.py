"""What happens when it does not go well, or not as usual."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import find_attachable
from leakhunt.errors import AttachError
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.inject import helper
from leakhunt.targets.inject.attach import attach
from leakhunt.targets.inject.memory import open_memory, read_mappings
from leakhunt.targets.inject.stop_window import Job, Outcome
from live_target import PROLOGUE, STATES, LiveTarget, live_target, start_target

DEAF = """
import re
begin()
attempt(re.match, "(a+)+$", "a" * 27 + "b")
os.write(1, b"done\\n")
while True:
    attempt(time.sleep, 0.05)
"""
"""The match takes some seconds, in which the thread lets go of nothing."""

FORKS = """
import signal
done = []
signal.signal(signal.SIGUSR1, lambda *_: done.append(1))
import warnings
warnings.simplefilter("error")
inside = outside = pid = None
def fork():
    outside, inside = os.pipe()
    pid = os.fork()
    if pid == 0:
        names = [each for each in sys.modules if each.startswith("_leakhunt")]
        sockets = [each for each in os.listdir("/proc/self/fd") if place(each).startswith("socket:")]
        threads = os.listdir("/proc/self/task")
        os.write(inside, json.dumps([names, sockets, len(threads), len(sys.meta_path)]).encode())
        os._exit(0)
    os.close(inside)
    told = json.loads(os.read(outside, 1000))
    os.close(outside)
    os.waitpid(pid, 0)
    if told != [[], [], 1, len(sys.meta_path) - found]:
        problems.append(told)
found = 0
begin()
while True:
    time.sleep(0.05)
    if done:
        found = len(sys.meta_path) - len(before["finders"])
        done.clear()
        attempt(fork)
        os.write(1, b"forked\\n")
"""


def holds_text(pid: int) -> bool:
    """Whether what was queued lies in memory of its own."""
    nobodys = [each for each in read_mappings(pid) if each.permissions == "rw-p" and not each.path]
    with open_memory(pid) as memory:
        return any(b"_leakhunt_agent.arrival" in memory.read(each.start, each.end - each.start) for each in nobodys)


def test_what_the_preflight_refuses_is_not_touched(hub: AgentHub, place: Path) -> None:
    with live_target(sys.executable, "accept", directory=place, PYTHON_DISABLE_REMOTE_DEBUG="1") as target:
        with pytest.raises(AttachError, match="remote debugging disabled") as raised:
            attach(target.pid, hub)
        assert raised.value.exit_code == 3
        assert raised.value.hint == "Restart it without that."


def test_a_main_thread_that_does_not_listen_is_not_waited_for_longer_than_told(hub: AgentHub, place: Path) -> None:
    with start_target(sys.executable, PROLOGUE + DEAF, directory=place) as target:
        with pytest.raises(AttachError, match=r"did not run what was asked.* its own code\. The request was cancelled"):
            attach(target.pid, hub, timeout=0.8)
        assert holds_text(target.pid)
        fds, threads = target.fds(), target.threads()
        assert target.process.stdout is not None
        assert target.process.stdout.readline() == b"done\n"
        time.sleep(0.3)  # by then it has come to what was queued, and given its memory back
        assert (target.fds(), target.threads()) == (fds, threads)
        assert not holds_text(target.pid)
        attach(target.pid, hub).link.detach()
        assert target.settles(fds, threads)
        before, after, problems = target.end()
    assert problems == []
    assert after == before


def test_an_agent_that_cannot_open_a_socket_tells_nothing_and_is_gone(hub: AgentHub, place: Path) -> None:
    """With no descriptor left, no way leads out."""
    with live_target(sys.executable, "sleep", directory=place) as target:
        limit = target.fds()
        subprocess.run(["prlimit", f"--pid={target.pid}", f"--nofile={limit}:"], check=True)
        with pytest.raises(AttachError, match=r"no agent answered from PID \d+ within 2 s \(the app was stopped for"):
            attach(target.pid, hub)
        assert target.settles(limit, 1)
        subprocess.run(["prlimit", f"--pid={target.pid}", "--nofile=1024:"], check=True)
        attach(target.pid, hub).link.detach()
        assert target.settles(limit, 1)
        before, after, problems = target.end()
    assert problems == []
    assert after == before


def test_an_app_that_forks_while_it_is_attached_has_children_without_an_agent(hub: AgentHub, place: Path) -> None:
    with start_target(sys.executable, PROLOGUE + FORKS, directory=place) as target:
        link = attach(target.pid, hub).link
        for _ in range(3):
            target.process.send_signal(signal.SIGUSR1)
            assert target.process.stdout is not None
            assert target.process.stdout.readline() == b"forked\n"
            assert link.stats().problems == ()
        assert link.detach() == ()
        assert target.settles(3, 1)
        before, after, problems = target.end()
    assert problems == []
    assert after == before


@pytest.mark.parametrize("doing", ["accept", "busy"])
def test_signals_of_the_app_arrive_whatever_is_done_meanwhile(doing: str, hub: AgentHub, place: Path) -> None:
    handler = "caught = []\nsignal.signal(signal.SIGUSR1, lambda *_: caught.append(1))\n"
    check = "signal.signal(signal.SIGTERM, lambda *_: (problems.extend([] if caught else ['none']), tell()))\n"
    with start_target(sys.executable, PROLOGUE + handler + check + STATES[doing], directory=place) as target:
        for _ in range(5):
            link = attach(target.pid, hub, timeout=30).link
            target.process.send_signal(signal.SIGUSR1)
            link.detach()
        assert target.settles(3 + (doing == "accept"), 1)
        assert target.end()[2] == []


def test_one_controller_of_this_machine_injects_at_a_time(
    hub: AgentHub, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leakhunt.targets.inject.attach._LOCK_PATIENCE", 0.1)
    with live_target(sys.executable, "accept", directory=place) as target:
        descriptor = os.open(f"/proc/{target.pid}/mem", os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(AttachError, match=f"another leakhunt is attaching to PID {target.pid}"):
            attach(target.pid, hub)
        os.close(descriptor)
        attach(target.pid, hub).link.detach()


def test_a_helper_that_fails_is_an_error_with_its_last_line(
    hub: AgentHub, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helper, "_START", "raise SystemExit('no ptrace here')")
    with live_target(sys.executable, "accept", directory=place) as target:
        with pytest.raises(AttachError, match=r"cannot be attached to: .*no ptrace here\. Nothing was changed"):
            attach(target.pid, hub)
        assert target.end()[2] == []


def namespaced(target: LiveTarget) -> int:
    """Pid of the process that was started in namespaces of its own, as it is known here."""
    (child,) = Path(f"/proc/{target.pid}/task/{target.pid}/children").read_text().split()
    return int(child)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes namespaces")
def test_a_target_in_other_namespaces_with_a_read_only_root_is_reached(hub: AgentHub, place: Path) -> None:
    """As in a container: other mounts, other pids, other network, and not a place to write to."""
    hide = "for place in /tmp /run /dev/shm /var/tmp; do mount -t tmpfs -o ro none $place; done"
    script = (
        f'mount --make-rprivate / && {hide} && mount -o remount,ro,bind / / && mount -t proc proc /proc && exec "$@"'
    )
    wrapper = ("unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "sh", "-c", script, "sh")
    python = find_attachable()["3.11"]  # lies in none of these directories
    program = PROLOGUE + "begin()\ntime.sleep(60)\n"
    with start_target(python, program, directory=Path("/"), wrapper=wrapper) as target:
        pid = namespaced(target)
        attached = attach(pid, hub)
        assert attached.way == "pair"
        assert attached.link.hello.pid == pid
        assert attached.link.heap()[0].blocks > 0
        assert attached.link.snapshot(0, types=True, sites=False, paths=False).types
        with open_memory(pid):
            assert attached.link.detach() == ()
        os.kill(pid, signal.SIGKILL)


def test_a_job_and_its_outcome_survive_the_way_to_the_helper_and_back() -> None:
    outcome = helper.perform(Job(os.getpid() + 4_000_000, 7, (("run", 0.1), ("queue", 0.1))))
    assert isinstance(outcome, Outcome)
    assert outcome.done is None
