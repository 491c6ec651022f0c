"""Counts of requests, exact without a lock: `next()` of an `itertools.count` is one step under the GIL.

A lock could be held by a thread that does not exist in a forked child, or by the very thread in which the collector
now runs the end of an earlier request.
"""

from __future__ import annotations

from itertools import count

from leakhunt.agent.routes import as_pattern, mask_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

LIMIT = 1000
"""Distinct routes; requests of further ones are counted as `OTHER`."""
OTHER = "other"
TASK = "TASK"
"""What stands for the method where a task is run; its name is its route, and no path."""


class Counters:
    """Requests of this process since it was born."""

    def __init__(self) -> None:
        self.active = True
        self.server_marks = False
        """A server hands its requests to a wrapper of ours, so marks at framework level would count them twice."""
        self.framework_marks = False
        """A framework's entry is wrapped, for servers that have no Python side."""
        self.before_first: Callable[[], None] | None = None
        """Called as each request starts, where the agent may only start in a process that serves."""
        self.reset()

    def reset(self) -> None:
        """Start from zero, as a forked child does."""
        self._started = count()
        self._finished = count()
        self._served: dict[str, count[int]] = {}
        self._routes: dict[str, str] = {}
        self._patterns: dict[str, str] = {}
        self._latest: tuple[str, str, str | None, count[int]] | None = None
        """What the last request was, and where it was counted: the next one is often the same."""

    def start(self) -> None:
        """A request has come in."""
        if self.before_first is not None:
            self.before_first()
        next(self._started)

    def finish(self, method: str, path: str, pattern: str | None) -> None:
        """A request is done; `pattern` is what the framework matched, if it said so."""
        latest = self._latest
        if latest is None or latest[1] != path or latest[0] != method or latest[2] != pattern:
            latest = self._latest = method, path, pattern, self._counter(method, path, pattern)
        next(latest[3])
        next(self._finished)

    def _counter(self, method: str, path: str, pattern: str | None) -> count[int]:
        """Of the route that this request belongs to."""
        masked = f"{method} {path if method == TASK else mask_path(path)}"
        route = masked if pattern is None else f"{method} {self._known(pattern)}"
        counter = self._served.get(route)
        if counter is None:
            counter = self._served.setdefault(route if len(self._served) < LIMIT else OTHER, count())
        if pattern is not None and len(self._routes) < LIMIT:
            self._routes.setdefault(masked, route)
        return counter

    def _known(self, pattern: str) -> str:
        """The pattern as it is written in routes; there are few, and they come again."""
        known = self._patterns.get(pattern)
        if known is None:
            known = as_pattern(pattern)
            if len(self._patterns) < LIMIT:
                self._patterns[pattern] = known
        return known

    @property
    def hooked(self) -> bool:
        """Whether requests of this process would be counted."""
        return self.server_marks or self.framework_marks

    @property
    def in_flight(self) -> int:
        """Requests that have started and not finished."""
        finished = _value(self._finished)
        return _value(self._started) - finished

    def served(self) -> dict[str, int]:
        """Finished requests by route."""
        return {route: _value(counter) for route, counter in list(self._served.items())}

    def routes(self) -> dict[str, str]:
        """`METHOD masked-path` -> route, for the routes that a framework has named."""
        return dict(self._routes)


def _value(counter: count[int]) -> int:
    # The only way to read a count without taking from it that is neither deprecated nor removed in some version.
    return int(repr(counter)[6:-1])


COUNTERS = Counters()
