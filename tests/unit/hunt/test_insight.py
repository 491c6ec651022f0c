"""What agents add to the readings of a real tree."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from leakhunt.errors import RunFileError, TargetError
from leakhunt.hunt import insight
from leakhunt.hunt.clock import start_clock
from leakhunt.hunt.insight import Insight, announcement, workers_of
from leakhunt.hunt.watch import Watch
from leakhunt.model.run import Role
from leakhunt.model.snapshot import Snapshot
from leakhunt.model.view import Inside, TreeView
from leakhunt.targets.watched import find_process
from unit.reports.watch_samples import GROWING, MASTER, QUIET, a_process, a_view
from watched_tree import WatchedTree, watched_tree

INTERVAL = 0.1


class Looking:
    """A watch with what agents add, reading by reading."""

    def __init__(self, pid: int) -> None:
        clock = start_clock()
        self.watch = Watch(find_process(pid), interval=INTERVAL, clock=clock)
        self.insight = Insight(interval=INTERVAL, clock=clock)

    def read(self) -> TreeView:
        view = self.watch.read()
        assert view is not None
        return self.insight.see(view)

    def until(self, condition: Callable[[TreeView], bool]) -> TreeView:
        deadline = time.monotonic() + 120
        while not condition(view := self.read()):
            assert time.monotonic() < deadline, view
            time.sleep(INTERVAL)
        return view


@contextmanager
def looking(server: WatchedTree, *workers: int) -> Iterator[Looking]:
    """Once these are seen to be the workers."""
    found = Looking(server.pid)
    try:
        found.until(lambda view: {each.pid for each in workers_of(view)} == set(workers))
        yield found
    finally:
        found.insight.close()


def inside(view: TreeView) -> Inside:
    assert view.inside is not None
    return view.inside


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def is_left(pid: int) -> bool:
    """Whether the agent's thread ends, which it does just after it has said so."""
    deadline = time.monotonic() + 30
    while threads(pid) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    return threads(pid) == 1


def test_nothing_is_brought_in_before_it_is_started() -> None:
    with watched_tree() as server:
        worker = server.fork()
        with looking(server, worker) as found:
            assert found.read().inside is None
            assert threads(worker) == 1
        assert threads(worker) == 1


def test_a_worker_is_looked_into_the_less_often_the_longer_that_takes() -> None:
    with watched_tree() as server:
        worker = server.fork(leaking=True)
        with looking(server, worker) as found:
            found.insight.start(found.read(), every=0.2)
            found.insight.require_guests()
            found.until(lambda view: inside(view).looks > 3)
            (known,) = found.insight._known.values()
            assert known.first is known.last


def test_the_type_that_grows_is_named_and_all_is_undone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insight, "SHARE", 1.0)
    with watched_tree() as server:
        idle, leaking = server.fork(), server.fork(leaking=True)
        with looking(server, idle, leaking) as found:
            found.insight.start(found.read(), every=0.5)
            found.insight.require_guests()
            assert inside(found.read()).attached == 2
            view = found.until(lambda view: any(each.grown_size for each in inside(view).types))
            fastest = inside(view).types[0]
            assert fastest.type == "bytearray"
            assert fastest.grown_size is not None
            assert fastest.grown_count is not None
            assert fastest.grown_size >= 200_000 * fastest.grown_count > 0
            assert threads(idle) == threads(leaking) == 2
            # The master only bears workers: it is left alone.
            assert threads(server.pid) == 1
        assert is_left(idle)
        assert is_left(leaking)


def test_workers_that_come_later_are_attached_to_and_those_that_end_are_forgotten() -> None:
    with watched_tree() as server:
        first = server.fork()
        with looking(server, first) as found:
            found.insight.start(found.read(), every=None)
            found.insight.require_guests()
            second = server.fork()
            server.kill(first)
            view = found.until(
                lambda view: {each.pid for each in workers_of(view)} == {second} and inside(view).attached == 1
            )
            assert len(inside(view).guests) == 1
            assert threads(second) == 2


def test_a_snapshot_is_taken_of_each_worker_when_it_is_asked_for_and_not_before() -> None:
    with watched_tree() as server, looking(server, server.fork(), server.fork(leaking=True)) as found:
        found.insight.start(found.read(), every=None)
        found.insight.require_guests()
        time.sleep(1)
        assert inside(found.read()).looks == 0
        kept: list[Snapshot] = []

        def keep(snapshot: Snapshot) -> str:
            kept.append(snapshot)
            return "a-run"

        found.insight.order(keep)
        view = found.until(lambda view: inside(view).looks == 1)
        assert inside(view).event == "Snapshot 1 of 2 workers is in a-run.", view.notes
        assert {each.worker for each in kept} == set(inside(view).guests)
        assert {each.round for each in kept} == {0}
        assert all(each.paths and each.types and each.types[0].size is not None for each in kept)
        found.insight.order(keep)
        found.until(lambda view: inside(view).looks == 2)
        assert {each.round for each in kept} == {0, 1}


def test_a_snapshot_that_cannot_be_kept_is_told_and_the_watch_goes_on() -> None:
    def refuse(_: Snapshot) -> str:
        raise RunFileError("no space is left")

    with watched_tree() as server, looking(server, server.fork()) as found:
        found.insight.start(found.read(), every=None)
        found.insight.order(refuse)
        view = found.until(lambda view: "could not be" in inside(view).event)
        assert any("no space is left" in note for note in view.notes)


def test_a_worker_that_another_leakhunt_observes_is_told_and_the_rest_goes_on() -> None:
    with watched_tree() as server:
        taken = server.fork()
        with looking(server, taken) as other:
            other.insight.start(other.read(), every=None)
            other.insight.require_guests()
            free = server.fork()
            with looking(server, taken, free) as found:
                other.insight._leaving.set()  # it takes no newcomers any more
                found.insight.start(found.read(), every=None)
                view = found.until(
                    lambda view: inside(view).attached == 1 and "already being observed" in "".join(view.notes)
                )
                problems = {each.pid: inside(view).guests[each.key].problem for each in workers_of(view)}
                assert "already being observed" in (problems[taken] or "")
                assert free in problems
                assert any(
                    note.startswith(f"PID {taken}: not attached, for it is already being observed by")
                    for note in view.notes
                )


def test_where_nothing_can_be_attached_to_that_is_an_error() -> None:
    with subprocess.Popen(["sleep", "100"]) as sleeping:
        found = Looking(sleeping.pid)
        found.insight.start(found.read(), every=None)
        try:
            with pytest.raises(TargetError, match="is not a CPython process"):
                found.insight.require_guests()
        finally:
            found.insight.close()
            sleeping.kill()


def test_closing_waits_for_no_look() -> None:
    with watched_tree() as server:
        worker = server.fork()
        with looking(server, worker) as found:
            found.insight.start(found.read(), every=0.01)
            found.insight.require_guests()
            time.sleep(0.3)
            began = time.monotonic()
            found.insight.close()
            assert time.monotonic() - began < 10
        assert is_left(worker)
        assert not [each for each in threading.enumerate() if each.name == "leakhunt-looks"]


def test_who_is_attached_to_is_said_beforehand() -> None:
    assert announcement(GROWING).startswith("Attaching to PID 101, 102 of gunicorn master (PID 100): ")
    alone = a_view(replace(a_process(7, name="script"), role=Role.OTHER))
    assert announcement(alone).startswith("Attaching to PID 7: ")


def test_workers_are_attached_to_or_what_is_alone_but_no_master_without_workers() -> None:
    assert [each.pid for each in workers_of(QUIET)] == [101, 102]
    assert workers_of(a_view(MASTER)) == ()
    alone = replace(a_process(7, name="script"), role=Role.OTHER)
    assert workers_of(a_view(alone)) == (alone,)
