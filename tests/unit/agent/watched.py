"""Run by each interpreter: an app that calls into extensions of the standard library, watched as the agent does it."""

from __future__ import annotations

import ctypes
import json
import sys
from array import array
from csv import reader
from typing import Any

from leakhunt.agent import middleware
from leakhunt.agent import watch as watch_module
from leakhunt.agent.journal import problems
from leakhunt.agent.watch import Watch

LOST = 3000
LINES = [f"first-{number},second-{number}" for number in range(20)]
KEPT: list[Any] = []
libc = ctypes.CDLL(None)
libc.malloc.argtypes = [ctypes.c_size_t]
libc.malloc.restype = ctypes.c_void_p


class Refusal(Exception):
    """What the app raises by itself."""


def leaks_malloc() -> None:
    libc.malloc(LOST)


def keeps_arrays() -> None:
    KEPT.append(array("q", (1, 2, 3)))


def iterates() -> None:
    for row in reader(LINES):
        KEPT.append(row[0])  # noqa: PERF401  # the loop itself is meant


def application(environ: dict[str, str], start_response: Any) -> list[bytes]:
    path = environ["PATH_INFO"]
    if path == "/raise":
        raise Refusal(path)
    if path == "/late":
        leaks_malloc()
        return [str(hooks()).encode()]
    if path == "/profile":
        sys.setprofile(own_profiler)
    for action in (leaks_malloc, keeps_arrays, iterates):
        action()
    start_response("200 OK", [])
    return [path.encode()]


def own_profiler(*_: Any) -> None:
    """The app's own."""


def request(path: str) -> list[bytes]:
    response = middleware.call(application, {"PATH_INFO": path, "REQUEST_METHOD": "GET"}, lambda *_: None)
    return list(response)


def hooks() -> list[Any]:
    return [sys.gettrace(), sys.getprofile()]


def main() -> None:
    """Print what was seen, as JSON."""
    watch = Watch()
    middleware.Onlooker.watch = watch
    for _ in range(3):
        request("/")
    watch.table()
    bodies = [request("/") for _ in range(10)]
    table = watch.table()
    facts: dict[str, Any] = {"table": table, "bodies": [each[0].decode() for each in bodies], "after": str(hooks())}

    try:
        request("/raise")
    except Refusal as error:
        facts["raised"] = str(error)
    facts["after error"] = str(hooks())
    watch.table()

    sys.setprofile(own_profiler)
    request("/")
    facts["profiled"] = [watch.table()["skipped"], sys.getprofile() is own_profiler]
    sys.setprofile(None)
    request("/profile")
    facts["profiler set meanwhile"] = sys.getprofile() is own_profiler
    sys.setprofile(None)

    watch_module._PATIENCE = -1.0
    facts["late"] = [request("/late")[0].decode(), watch.table()["skipped"]]
    watch_module._PATIENCE = 5.0

    watch._gauges.read = broken  # type: ignore[method-assign]
    facts["with broken gauges"] = request("/")[0].decode()
    facts["problems"] = list(problems)
    facts["still active"] = watch.active
    middleware.Onlooker.watch = None
    watch.stop()
    facts["at the end"] = str(hooks())
    json.dump(facts, sys.stdout)


def broken() -> Any:
    """A counter that cannot be read."""
    raise OSError("no such counter")


if __name__ == "__main__":
    main()
