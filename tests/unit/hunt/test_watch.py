"""Readings of a real tree, one after the other."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from leakhunt.analysis.trend import WANTED
from leakhunt.hunt import watch as module
from leakhunt.hunt.clock import start_clock
from leakhunt.hunt.watch import Watch
from leakhunt.model.run import Role
from leakhunt.model.view import TreeView
from leakhunt.targets.watched import find_process
from watched_tree import WatchedTree, watched_tree

INTERVAL = 0.05


def watch(pid: int) -> Watch:
    return Watch(find_process(pid), interval=INTERVAL, clock=start_clock())


def read(watching: Watch) -> TreeView:
    view = watching.read()
    assert view is not None
    return view


def read_until(watching: Watch, server: WatchedTree, workers: set[int]) -> TreeView:
    """Read until these and no other workers are seen."""
    deadline = time.monotonic() + 10
    while True:
        view = read(watching)
        if {process.pid for process in view.processes} == {server.pid, *workers}:
            return view
        assert time.monotonic() < deadline, view.processes
        time.sleep(INTERVAL)


@contextmanager
def without_privileges() -> Iterator[None]:
    """As a user who may not look into processes of root; who is no root cannot look into them anyway."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_all_that_can_be_seen_of_a_tree_is_read() -> None:
    with watched_tree() as server:
        worker = server.fork()
        watching = watch(server.pid)
        view = read_until(watching, server, {worker})
        master, child = view.processes
        assert (master.pid, child.pid, child.parent) == (server.pid, worker, server.pid)
        assert (master.role, child.role) == (Role.MASTER, Role.WORKER)
        assert view.name == master.name
        assert view.rss == sum(process.vitals.memory.rss for process in view.processes)
        assert view.pss is not None
        assert view.uss is not None
        assert view.uss < view.pss < view.rss
        assert (view.basis, view.notes) == ("pss", ())
        assert view.limit is not None
        assert 0 < view.limit.left <= view.limit.size
        assert child.vitals.threads == 1
        assert child.vitals.descriptors
        assert child.vitals.oom_score is not None


def test_a_worker_that_grows_is_told_from_one_that_does_not() -> None:
    with watched_tree() as server:
        idle, leaking = server.fork(), server.fork(leaking=True)
        watching = watch(server.pid)
        view = read_until(watching, server, {idle, leaking})
        assert {process.growth for process in view.processes} == {None}
        assert (view.growth, view.full_in) == (None, None)
        for _ in range(WANTED + 5):
            time.sleep(INTERVAL)
            view = read(watching)
        growths = {process.pid: process.growth for process in view.processes}
        found = growths[leaking]
        assert found is not None
        assert found.rises
        assert found.low < found.per_second < found.high
        still = growths[idle]
        assert still is not None
        assert not still.rises
        assert view.growth is not None
        assert view.growth.rises
        assert view.limit is not None
        assert view.full_in is not None
        expected, soonest, latest = view.full_in
        assert soonest < expected < latest
        assert expected == pytest.approx(view.limit.left / view.growth.per_second)


def test_what_works_uses_processors_and_what_sleeps_does_not() -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        watching = watch(busy.pid)
        assert read(watching).processes[0].cpu_share is None
        time.sleep(1)
        share = read(watching).processes[0].cpu_share
        busy.kill()
    assert share is not None
    assert 0.02 < share < 1.5
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as idle:
        time.sleep(0.5)
        watching = watch(idle.pid)
        read(watching)
        time.sleep(0.5)
        assert read(watching).processes[0].cpu_share == pytest.approx(0, abs=0.05)
        idle.communicate(b"\n")


def test_workers_come_and_go_and_the_last_that_went_are_told() -> None:
    with watched_tree() as server:
        first = server.fork()
        watching = watch(server.pid)
        name = read_until(watching, server, {first}).processes[1].name
        server.kill(first)
        second = server.fork()
        view = read_until(watching, server, {second})
        (ended,) = view.ended
        assert (ended.pid, ended.name) == (first, name)
        assert 0 < ended.ended <= view.time
        assert ended.rss > 2**20


def test_the_watch_is_over_when_the_process_has_ended() -> None:
    with watched_tree() as server:
        watching = watch(server.pid)
        read(watching)
        server.end()
        assert watching.read() is None
        assert watching.read() is None


def test_of_another_users_process_what_cannot_be_read_is_not_known_and_one_line_says_why() -> None:
    with watched_tree() as server:
        worker = server.fork()
        pid = server.pid if os.geteuid() == 0 else 1
        if pid != 1:
            read_until(watch(pid), server, {worker})
        with without_privileges():
            watching = watch(pid)
            view = read(watching)
        memory = view.processes[0].vitals.memory
        assert memory.rss > 2**20
        assert (memory.uss, memory.pss, view.pss, view.basis) == (None, None, None, "rss")
        assert view.processes[0].vitals.descriptors is None
        (note,) = view.notes
        assert "of user root, may not be read" in note
        assert "sudo" in note


def test_a_long_watch_keeps_the_whole_of_it_in_little_room() -> None:
    curve = module._Curve()
    for second in range(100_000):
        curve.add(float(second), second * 1000)
    assert len(curve.times) <= module._MOST
    assert curve.times[0] == 0
    assert curve.times[-1] > 99_000
    assert {b - a for a, b in zip(curve.times, curve.times[1:], strict=False)} == {256.0}
    found = curve.trend()
    assert found is not None
    assert found.per_second == pytest.approx(1000, rel=0.01)
