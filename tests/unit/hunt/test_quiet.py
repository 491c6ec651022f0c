from __future__ import annotations

from itertools import count, repeat
from pathlib import Path

import pytest

from fakes import FakeApp, FakeLink
from leakhunt.hunt import quiet
from leakhunt.hunt.quiet import wait_until_quiet
from leakhunt.samplers.activity import cpu_of


@pytest.fixture
def link(tmp_path: Path) -> FakeLink:
    return FakeLink(FakeApp(), 1, tmp_path, [])


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


def test_work_that_goes_on_after_the_last_response_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    processor_time = iter([0.0, 1.0, 2.0, 2.0])
    monkeypatch.setattr(quiet, "cpu_of", lambda _: next(processor_time))
    assert wait_until_quiet({}, (1,))
    assert list(processor_time) == []


def test_work_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = count()
    monkeypatch.setattr(quiet, "cpu_of", lambda _: float(next(seconds)))
    monkeypatch.setattr(quiet, "_MAX_BACKGROUND", 0.02)
    assert wait_until_quiet({}, (1,))


def test_idle_processes_are_at_rest_at_the_first_look(pids: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []

    def look(watched: tuple[int, ...]) -> float:
        looks.append(cpu_of(watched))
        return looks[-1]

    monkeypatch.setattr(quiet, "cpu_of", look)
    assert wait_until_quiet({}, pids)
    assert len(looks) == 2
