from __future__ import annotations

import os
import threading
import time

from leakhunt.samplers.timeline import Timeline


def _timeline(totals: list[int], interval: float = 0.01) -> Timeline:
    started = time.monotonic()
    return Timeline(lambda: {"me": os.getpid()}, lambda: time.monotonic() - started, totals.append, interval)


def test_points_come_in_order_with_uss_on_every_fourth() -> None:
    totals: list[int] = []
    timeline = _timeline(totals)
    timeline.start()
    while len(totals) < 8:
        time.sleep(0.01)
    timeline.stop()
    points = timeline.drain()
    assert [point.uss is not None for point in points[:8]] == [True, False, False, False] * 2
    assert [point.time for point in points] == sorted(point.time for point in points)
    assert all(point.rss > 0 for point in points)
    assert timeline.drain() == ()


def test_nothing_is_sampled_while_it_is_paused() -> None:
    totals: list[int] = []
    timeline = _timeline(totals)
    timeline.start()
    while not totals:
        time.sleep(0.005)
    with timeline.paused():
        timeline.drain()
        before = len(totals)
        time.sleep(0.1)
        assert len(totals) <= before + 1  # the report of a turn that was taken before the pause
        assert timeline.drain() == ()
    timeline.stop()


def test_a_process_that_ended_is_passed_over() -> None:
    told = threading.Event()
    timeline = Timeline(lambda: {"gone": 2**22 + 1}, lambda: 0.0, lambda _total: told.set(), 0.01)
    timeline.start()
    assert told.wait(5)
    timeline.stop()
    assert timeline.drain() == ()
