"""Celery: each task that this worker process runs is a request, its name the route.

A worker calls `task.__trace__` for every message; it sets that for all tasks when it starts, whatever its pool is
(celery/app/trace.py and celery/worker/consumer, versions 4 to 5). A process that only sends tasks has none set up.
"""

from __future__ import annotations

import sys

from leakhunt.agent.arrival import contents
from leakhunt.agent.counters import COUNTERS, TASK
from leakhunt.agent.journal import note
from leakhunt.agent.middleware import CURRENT, Mark, forget_mark
from leakhunt.agent.swaps import SWAPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class CountedTask:
    """What runs one task, whose runs are counted."""

    _leakhunt_retired = False

    def __init__(self, trace: Any, name: str) -> None:
        self.__wrapped__ = trace
        self._name = name

    def retire(self) -> None:
        """Count nothing any more: somebody else may hold this wrapper for ever."""
        self._leakhunt_retired = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        mark = None if self._leakhunt_retired or not COUNTERS.active else _begin(self._name)
        if mark is None:
            return self.__wrapped__(*args, **kwargs)
        token = CURRENT.set(mark)
        try:
            return self.__wrapped__(*args, **kwargs)
        finally:
            forget_mark(token)
            mark.finish()


def count_tasks() -> dict[str, Any] | None:
    """Count the runs of all tasks from now on; a row that says so, or None where no Celery worker runs."""
    tasks = _registry()
    wrapped = 0
    for name, task in tasks.items():
        trace = vars(task).get("__trace__")
        if trace is not None and not isinstance(trace, CountedTask):
            SWAPS.put(task, "__trace__", CountedTask(trace, str(name)))
            wrapped += 1
    if not wrapped:
        return None
    COUNTERS.server_marks = True
    app = f"{wrapped} task{'' if wrapped == 1 else 's'}"
    return {
        "server": "celery",
        "app": app,
        "kind": "task",
        "holder": "celery.app.task.Task.__trace__",
        "seen": "registry",
    }


def _registry() -> dict[str, Any]:
    """The tasks of the worker that runs here, by name."""
    localized = contents(sys.modules.get("celery.app.trace")).get("_localized")
    tasks = localized[0] if isinstance(localized, list) and localized else None
    return dict(tasks) if isinstance(tasks, dict) else {}


def _begin(name: str) -> Mark | None:
    try:
        mark = Mark(TASK, name)
        COUNTERS.start()
    except Exception:
        note("begin")
        return None
    return mark
