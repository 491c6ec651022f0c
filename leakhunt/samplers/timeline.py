"""A thread that follows RSS while the load runs: it draws the growth chart and pulls the brake."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from leakhunt.model.measurement import TimelinePoint
from leakhunt.samplers.memory import ProcessGone, read_memory, read_rss
from leakhunt.units import Bytes, Seconds

_USS_EVERY: Final = 4
"""USS costs the kernel a walk over the page tables, so only every fourth point has it."""


class Timeline:
    """Collects a point per process every `interval` seconds until it is stopped.

    `processes` gives the live processes by worker key; `on_total` is told the RSS of all of them together after each
    turn. No point is taken inside `paused()`, so that a snapshot child, which shares the target's pages, moves nothing.
    """

    def __init__(
        self,
        processes: Callable[[], Mapping[str, int]],
        clock: Callable[[], Seconds],
        on_total: Callable[[Bytes], None],
        interval: Seconds = 0.2,
    ) -> None:
        self._processes = processes
        self._clock = clock
        self._on_total = on_total
        self._interval = interval
        self._points: list[TimelinePoint] = []
        self._turn = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="leakhunt-timeline", daemon=True)

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def stop(self) -> None:
        """Take no further point; returns when the thread has ended."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hold the sampling for a while."""
        with self._turn:
            yield

    def drain(self) -> tuple[TimelinePoint, ...]:
        """The points taken since the last call."""
        points, self._points = self._points, []
        return tuple(points)

    def _follow(self) -> None:
        turn = 0
        while not self._stopped.wait(self._interval):
            with self._turn:
                total = self._take(with_uss=turn % _USS_EVERY == 0)
            self._on_total(total)
            turn += 1

    def _take(self, *, with_uss: bool) -> Bytes:
        now, total = self._clock(), 0
        for key, pid in self._processes().items():
            try:
                if with_uss:
                    usage = read_memory(pid)
                    point = TimelinePoint(key, now, usage.rss, usage.uss)
                else:
                    point = TimelinePoint(key, now, read_rss(pid))
            except ProcessGone:
                continue
            self._points.append(point)
            total += point.rss
        return total
