from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

import pytest

from fakes import FakeApp, FakeLink
from leakhunt.hunt import quiet
from leakhunt.hunt.quiet import wait_until_quiet


@pytest.fixture
def link(tmp_path: Path) -> FakeLink:
    return FakeLink(FakeApp(), 1, tmp_path, [])


@pytest.fixture
def busy() -> Iterator[int]:
    """A process that never stops using the processor."""
    with subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) as process:
        yield process.pid
        process.kill()


def test_it_waits_until_no_request_is_in_flight(link: FakeLink) -> None:
    link.in_flight = iter([2, 1, 1, 0])
    assert wait_until_quiet({link.key: link}, ())
    assert list(link.in_flight) == []


def test_it_waits_for_every_agent(tmp_path: Path) -> None:
    links = {name: FakeLink(FakeApp(), 1, tmp_path, []) for name in ("first", "second")}
    links["first"].in_flight = repeat(0)
    links["second"].in_flight = iter([1, 1, 0])
    assert wait_until_quiet(links, ())
    assert list(links["second"].in_flight) == []


def test_it_gives_up_on_a_request_that_never_ends(link: FakeLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "_MAX_WAIT", 0.02)
    link.in_flight = repeat(1)
    assert not wait_until_quiet({link.key: link}, ())


def test_a_worker_that_has_ended_has_nothing_in_flight(link: FakeLink) -> None:
    link.in_flight = repeat(1)
    link.gone = True
    assert wait_until_quiet({link.key: link}, ())


def test_background_work_is_waited_for_but_not_for_ever(busy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "_POLL", 0.05)
    monkeypatch.setattr(quiet, "_MAX_BACKGROUND", 0.2)
    polls: list[float] = []
    monkeypatch.setattr(time, "sleep", recording(polls))
    assert wait_until_quiet({}, (busy,))
    assert len(polls) > 1


def recording(polls: list[float]) -> Callable[[float], None]:
    """`time.sleep` that writes down how long it slept."""
    real = time.sleep

    def sleep(seconds: float) -> None:
        polls.append(seconds)
        real(seconds)

    return sleep


def test_idle_processes_are_looked_at_once(pids: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    polls: list[float] = []
    monkeypatch.setattr(time, "sleep", recording(polls))
    assert wait_until_quiet({}, pids)
    assert len(polls) == 1
