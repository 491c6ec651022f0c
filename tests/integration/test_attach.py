"""Attaching to processes that run already, whatever they are doing: nothing of it may be seen afterwards."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import NEWER_PYTHONS, ROOT, find_attachable
from leakhunt.errors import AttachError
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.inject.attach import attach
from live_target import STATES, LiveTarget, live_target

QUICK = {
    ("3.8", "accept"),
    ("3.11", "busy"),
    ("3.12", "lock"),
    ("3.13", "malloc"),
    ("3.10", "threads"),
    ("3.9", "sleep"),
}

VISITS = 6
A_FEW = 30
"""Blocks per visit that may come from names that the interpreter has not met before; its copy of `ctypes` is 700."""

CONTROLLER = """
import sys, time
from pathlib import Path
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.inject.attach import attach
with AgentHub(Path(sys.argv[2])) as hub:
    print("begin", flush=True)
    link = attach(int(sys.argv[1]), hub, timeout=30).link
    print("attached", flush=True)
    while True:
        link.stats()
        link.snapshot(0, types=True, sites=False, paths=False)
"""

SHORT_LIVED = """
import os
from leakhunt.agent import wire
wire.receive = lambda _: os.kill(os.getpid(), 9)  # the agent has been sent, and is about to say hello
"""

IMPATIENT = """
import functools
from leakhunt.targets import hub
hub.AgentHub = functools.partial(hub.AgentHub, silence=3.0)
"""
"""Its agents leave three seconds after it has fallen silent."""


def cases() -> Iterator[object]:
    for version in find_attachable():
        for doing in STATES:
            marks = () if (version, doing) in QUICK else (pytest.mark.slow,)
            yield pytest.param(version, doing, marks=marks)


def assert_untouched(target: LiveTarget) -> None:
    before, after, problems = target.end()
    assert problems == []
    assert after == before


@pytest.mark.parametrize(("version", "doing"), list(cases()))
def test_an_agent_comes_and_goes_without_a_trace(version: str, doing: str, hub: AgentHub, place: Path) -> None:
    with live_target(find_attachable()[version], doing, directory=place) as target:
        fds, threads = target.fds(), target.threads()
        for _ in range(3):
            attached = attach(target.pid, hub, timeout=60)
            assert attached.link.hello.pid == target.pid
            assert attached.link.hello.python.startswith(f"{version}.")
            assert attached.link.stats().problems == ()
            heap, _ = attached.link.heap()
            assert heap.blocks > 0
            attached.link.trace(1)
            assert attached.link.detach() == ()
            assert target.settles(fds, threads)
        assert_untouched(target)


@pytest.mark.slow
@pytest.mark.parametrize("doing", ["accept", "malloc"])
@pytest.mark.parametrize("version", find_attachable())
def test_thirty_times_in_a_row_leave_nothing(version: str, doing: str, hub: AgentHub, place: Path) -> None:
    with live_target(find_attachable()[version], doing, directory=place) as target:
        fds, threads = target.fds(), target.threads()
        for _ in range(30):
            assert attach(target.pid, hub, timeout=60).link.detach() == ()
        assert target.settles(fds, threads)
        assert_untouched(target)


@pytest.mark.parametrize(
    "version",
    [pytest.param(each, marks=() if each in {"3.8", "3.12"} else pytest.mark.slow) for each in find_attachable()],
)
def test_what_a_visit_brought_is_freed_when_the_app_collects(version: str, hub: AgentHub, place: Path) -> None:
    with live_target(find_attachable()[version], "counts", directory=place) as target:
        fds, threads = target.fds(), target.threads()
        counts = []
        for _ in range(2 + VISITS):  # what the interpreter makes once and keeps comes in the first two
            attached = attach(target.pid, hub, timeout=60)
            attached.link.heap()
            assert attached.link.detach() == ()
            assert target.settles(fds, threads)
            counts.append(target.count())
        assert_untouched(target)
    (objects, blocks), (objects_at_end, blocks_at_end) = counts[1], counts[-1]
    assert objects_at_end == objects
    assert blocks_at_end - blocks < VISITS * A_FEW


@pytest.mark.slow  # `make newer-pythons` gets them first
@pytest.mark.parametrize("doing", ["accept", "busy", "sleep"])
@pytest.mark.parametrize("version", [each for each in find_attachable() if each in NEWER_PYTHONS])
def test_newer_versions_run_the_text_by_their_own_means(version: str, doing: str, hub: AgentHub, place: Path) -> None:
    with live_target(find_attachable()[version], doing, directory=place) as target:
        fds, threads = target.fds(), target.threads()
        attached = attach(target.pid, hub)
        assert attached.method == "remote debugging"
        assert attached.link.detach() == ()
        assert target.settles(fds, threads)
        assert not list(Path("/dev/shm").glob(f"leakhunt-{os.getpid()}-*"))
        assert_untouched(target)


@pytest.mark.parametrize("way", ["unix", "tcp"])
def test_where_no_descriptor_can_be_taken_the_agent_connects_by_itself(way: str, hub: AgentHub, place: Path) -> None:
    with live_target(sys.executable, "accept", directory=place) as target:
        fds, threads = target.fds(), target.threads()
        attached = attach(target.pid, hub, ways=(way,))
        assert attached.way == way
        assert attached.link.heap()[0].blocks > 0
        assert attached.link.detach() == ()
        assert target.settles(fds, threads)
        assert_untouched(target)


def test_a_second_controller_is_refused_by_name(hub: AgentHub, place: Path) -> None:
    with live_target(sys.executable, "accept", directory=place) as target:
        fds = target.fds()
        with controller(target, place) as other:
            refuse(target, other, hub)
            other.kill()
            other.wait()
        assert target.settles(fds, 1)
        attach(target.pid, hub).link.detach()
        assert target.settles(fds, 1)
        assert_untouched(target)


def refuse(target: LiveTarget, other: subprocess.Popen[bytes], hub: AgentHub) -> None:
    assert other.stdout is not None
    assert other.stdout.readline() == b"attached\n"
    with pytest.raises(AttachError, match=rf"already being observed by PID {other.pid} \(-c {target.pid}"):
        attach(target.pid, hub)


@pytest.mark.parametrize("doing", ["accept", "busy"])
def test_a_controller_may_be_killed_at_any_moment(doing: str, hub: AgentHub, place: Path) -> None:
    chance = random.Random(5)
    with live_target(sys.executable, doing, directory=place) as target:
        fds, threads = target.fds(), target.threads()
        for _ in range(8):
            with controller(target, place) as other:
                time.sleep(chance.uniform(0, 0.8 if doing == "accept" else 1.6))
                os.kill(other.pid, signal.SIGKILL)
            assert target.settles(fds, threads)
        attach(target.pid, hub, timeout=30).link.detach()
        assert target.settles(fds, threads)
        assert_untouched(target)


def test_an_agent_whose_controller_dies_before_its_hello_keeps_nobody_out(hub: AgentHub, place: Path) -> None:
    with live_target(sys.executable, "accept", directory=place) as target:
        fds, threads = target.fds(), target.threads()
        with controller(target, place, SHORT_LIVED) as other:
            assert other.wait(30) == -signal.SIGKILL
        assert target.settles(fds, threads)
        attach(target.pid, hub).link.detach()
        assert target.settles(fds, threads)
        assert_untouched(target)


def test_an_agent_whose_controller_hangs_leaves_and_lets_others_in(hub: AgentHub, place: Path) -> None:
    with live_target(sys.executable, "accept", directory=place) as target:
        fds, threads = target.fds(), target.threads()
        with controller(target, place, IMPATIENT) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"attached\n"
            other.send_signal(signal.SIGSTOP)
            assert target.settles(fds, threads)
            attach(target.pid, hub).link.detach()
            assert target.settles(fds, threads)
        assert_untouched(target)


def test_an_agent_that_is_asked_nothing_stays_while_its_controller_lives(hub: AgentHub, place: Path) -> None:
    with (
        live_target(sys.executable, "accept", directory=place) as target,
        AgentHub(place.parent / "q", silence=3) as own,
    ):
        link = attach(target.pid, own).link
        time.sleep(4.5)
        assert link.stats().problems == ()
        link.detach()


class controller:  # noqa: N801  # used as a context manager
    """Another leakhunt that attaches to the target and goes on asking; it has begun when this is entered."""

    def __init__(self, target: LiveTarget, place: Path, before: str = "") -> None:
        self._command = [
            sys.executable,
            "-c",
            before + CONTROLLER,
            str(target.pid),
            str(place.parent / f"c{time.monotonic_ns()}"),
        ]

    def __enter__(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, cwd=ROOT)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"begin\n"
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
