"""Checks made in this process, by the fixture itself: what leaks fails, what does not passes."""

from __future__ import annotations

import asyncio
import functools
import gc
import io
import itertools
import os
import re
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from leakhunt.plugin.fixture import Leakhunt

KEPT: list[object] = []
CACHE: dict[int, object] = {}
NUMBERS = itertools.count()

SHORT = {"rounds": 12}
"""Two blocks: as few as prove a leak."""


@pytest.fixture(autouse=True)
def _let_go() -> Iterator[None]:
    yield
    for thing in KEPT:
        if isinstance(thing, threading.Event):
            thing.set()
    KEPT.clear()


def text_of_failure(check: Callable[[], object]) -> str:
    with pytest.raises(pytest.fail.Exception) as caught:
        check()
    return str(caught.value)


def keep_a_hundred_bytes() -> None:
    KEPT.append(bytes(100))


def test_a_hundred_bytes_kept_by_each_call_fail_with_figure_line_and_holder(leakhunt: Leakhunt) -> None:
    line = keep_a_hundred_bytes.__code__.co_firstlineno + 1
    told = text_of_failure(lambda: leakhunt.assert_no_growth(keep_a_hundred_bytes, **SHORT))
    size = float(re.findall(r"leak: ([\d.]+) B kept by each call", told)[0])
    assert abs(size - sys.getsizeof(bytes(100))) < 40
    assert f"test_fixture.py:{line} in keep_a_hundred_bytes" in told
    assert "KEPT.append(bytes(100))" in told
    assert re.search(r"holder +\S*KEPT\[\*\]", told)
    assert not tracemalloc.is_tracing()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


@pytest.mark.slow
def test_descriptors_left_open_in_a_local_variable_fail_and_are_found(leakhunt: Leakhunt) -> None:
    mine: list[io.FileIO] = []

    def open_a_file() -> None:
        mine.append(io.FileIO(os.devnull))

    try:
        told = text_of_failure(lambda: leakhunt.assert_no_growth(open_a_file, calls=200, rounds=12))
        leakhunt.assert_no_growth(open_a_file, ignore="descriptors", max_growth="1KiB", calls=200, rounds=12)
    finally:
        for file in mine:
            file.close()
    assert told.startswith("leak: 1 file descriptor left open by each call\n")
    assert "mine.append(io.FileIO(os.devnull))" in told
    assert re.search(r"holder .*\.mine\[\*\]", told)


def test_a_leak_within_the_limit_passes_and_is_measured(leakhunt: Leakhunt) -> None:
    outcome = leakhunt.assert_no_growth(keep_a_hundred_bytes, max_growth="1KiB/call")
    assert outcome is not None
    assert 100 < outcome.bytes_per_call < 200 if outcome.bytes_per_call is not None else False


@functools.lru_cache(maxsize=64)
def cached(number: int) -> list[int]:
    return [number] * 50


def test_a_bounded_cache_that_fills_passes(leakhunt: Leakhunt) -> None:
    leakhunt.assert_no_growth(lambda: cached(next(NUMBERS)))


def test_what_a_bounded_cache_may_hold_has_a_limit_of_its_own(leakhunt: Leakhunt) -> None:
    big = functools.lru_cache(maxsize=20)(lambda number: bytearray(100_000 + number))
    outcome = leakhunt.assert_no_growth(lambda: big(next(NUMBERS)), max_kept="4MB")
    assert outcome is not None
    assert (outcome.kept or 0) > 1_000_000
    big.cache_clear()
    told = text_of_failure(lambda: leakhunt.assert_no_growth(lambda: big(next(NUMBERS)), max_kept="1MB"))
    assert re.match(r"kept: 1\.\d+ MiB after \d+ calls; allowed: 1MB", told)


def test_what_is_made_once_passes(leakhunt: Leakhunt) -> None:
    def use() -> None:
        re.sub("(a|b)+c[0-9]{3}", "x", "abc123")
        CACHE.setdefault(1, bytearray(10_000))

    leakhunt.assert_no_growth(use)


def cycle() -> None:
    one: list[object] = [bytes(200)]
    one.append(one)


def test_garbage_passes(leakhunt: Leakhunt) -> None:
    leakhunt.assert_no_growth(cycle)


@pytest.mark.slow
def test_garbage_fails_where_it_is_not_to_be_collected(leakhunt: Leakhunt) -> None:
    told = text_of_failure(lambda: leakhunt.assert_no_growth(cycle, collect=False, **SHORT))
    assert "kept by each call" in told
    assert gc.isenabled()


def start_a_thread() -> None:
    event = threading.Event()
    KEPT.append(event)
    threading.Thread(target=event.wait, daemon=True).start()


@pytest.mark.slow
def test_threads_left_running_fail(leakhunt: Leakhunt) -> None:
    told = text_of_failure(lambda: leakhunt.assert_no_growth(start_a_thread, calls=200, rounds=12))
    assert told.startswith("leak: 1 thread left running by each call\n")
    assert "in start_a_thread" in told


def test_peaks_are_limited_and_what_is_within_passes(leakhunt: Leakhunt) -> None:
    def twenty_megabytes() -> int:
        return len(b"x" * int("20000000"))

    outcome = leakhunt.assert_no_growth(twenty_megabytes, max_peak="30MB", max_growth=None)
    assert outcome is not None
    assert 15e6 < (outcome.peak or 0) < 30e6
    told = text_of_failure(lambda: leakhunt.assert_no_growth(twenty_megabytes, max_peak="10MB", max_growth=None))
    assert re.fullmatch(r"peak: \d+\.\d MiB needed by a call; allowed: 10MB", told)


def test_arguments_are_passed_on(leakhunt: Leakhunt) -> None:
    seen: set[tuple[int, int]] = set()

    def add(one: int, two: int) -> None:
        seen.add((one, two))

    leakhunt.assert_no_growth(add, 1, 2)
    assert seen == {(1, 2)}


def test_an_asynchronous_function_is_run_in_a_loop(leakhunt: Leakhunt) -> None:
    ran: set[bool] = set()

    async def work() -> None:
        await asyncio.sleep(0)
        ran.add(True)

    leakhunt.assert_no_growth(work)
    assert ran


def test_within_a_running_loop_it_is_told_what_to_do(leakhunt: Leakhunt) -> None:
    async def work() -> None:
        leakhunt.assert_no_growth(asyncio.sleep, 0)

    assert "Put pytest.mark.leakhunt on the asynchronous test" in text_of_failure(lambda: asyncio.run(work()))


def test_an_error_of_a_later_call_goes_through(leakhunt: Leakhunt) -> None:
    countdown = iter(range(5))
    with pytest.raises(StopIteration):
        leakhunt.assert_no_growth(lambda: next(countdown))


def test_a_check_within_a_check_is_refused(leakhunt: Leakhunt) -> None:
    told = text_of_failure(lambda: leakhunt.assert_no_growth(lambda: leakhunt.assert_no_growth(len, "")))
    assert "A check within a check." in told


@pytest.mark.slow
def test_tracing_that_was_on_goes_on(leakhunt: Leakhunt) -> None:
    tracemalloc.start(3)
    try:
        text_of_failure(lambda: leakhunt.assert_no_growth(keep_a_hundred_bytes, **SHORT))
        assert tracemalloc.is_tracing()
        assert tracemalloc.get_traceback_limit() == 3
    finally:
        tracemalloc.stop()
