from __future__ import annotations

import threading
import time

import psutil
import pytest

from leakhunt.plugin.look import Look


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE}


@pytest.mark.parametrize("apart", [False, True])
def test_a_copy_tells_two_numbers_and_is_gone(apart: bool) -> None:
    before = children()
    with Look(lambda: (3, -4), 10.0, apart=apart) as look:
        assert look.wait() == (3, -4)
    assert children() == before


def test_what_it_does_is_not_done_here() -> None:
    here: list[int] = []
    with Look(lambda: here.append(1), 10.0) as look:
        assert look.wait() == (0, 0)
    assert here == []


def test_a_copy_that_fails_tells_nothing() -> None:
    def fail() -> tuple[int, int]:
        raise KeyError

    with Look(fail, 10.0) as look:
        assert look.wait() is None


def test_we_go_on_beside_it_and_may_leave_it() -> None:
    before = children()
    began = time.monotonic()
    with Look(lambda: time.sleep(600), 900.0, apart=True):
        assert len(children() - before) == 1
    assert children() == before
    assert time.monotonic() - began < 300


def test_one_that_takes_longer_than_it_may_is_ended() -> None:
    with Look(lambda: time.sleep(600), 0.2) as look:
        assert look.wait() is None


def test_its_maker_is_none_of_the_threads_afterwards() -> None:
    before = threading.active_count()
    with Look(lambda: None, 10.0, apart=True) as look:
        look.wait()
    assert threading.active_count() == before
