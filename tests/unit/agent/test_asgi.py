from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest
import starlette.routing
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from leakhunt.agent import frameworks
from leakhunt.agent.asgi import CountedAsgi
from leakhunt.agent.counters import COUNTERS
from leakhunt.agent.middleware import CURRENT, Onlooker, name_route
from leakhunt.agent.patches import PATCHES
from leakhunt.agent.watch import Watch


@pytest.fixture(autouse=True)
def fresh_counts() -> Iterator[None]:
    COUNTERS.reset()
    yield
    PATCHES.undo()
    COUNTERS.reset()
    COUNTERS.server_marks = COUNTERS.framework_marks = False


def scope(path: str = "/items/7", **more: Any) -> dict[str, Any]:
    return {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b"", **more}


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(_message: Any) -> None: ...


def ask(app: Any, path: str = "/items/7") -> None:
    asyncio.run(CountedAsgi(app)(scope(path), receive, send))


def test_a_request_is_in_flight_until_the_application_is_done_with_it() -> None:
    seen: list[int] = []

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(COUNTERS.in_flight)
        await asyncio.sleep(0)
        seen.append(COUNTERS.in_flight)

    ask(app)
    assert seen == [1, 1]
    assert (COUNTERS.in_flight, COUNTERS.served()) == (0, {"GET /items/{n}": 1})


def test_requests_at_the_same_time_are_told_apart() -> None:
    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        await asyncio.sleep(0.01 if scope["path"] == "/slow/1" else 0)
        name_route(f"/of{scope['path']}")
        await asyncio.create_task(asyncio.sleep(0.01))

    async def both() -> None:
        wrapped = CountedAsgi(app)
        await asyncio.gather(*[wrapped(scope(path), receive, send) for path in ("/slow/1", "/quick/2", "/quick/3")])

    asyncio.run(both())
    assert COUNTERS.served() == {"GET /of/slow/1": 1, "GET /of/quick/2": 1, "GET /of/quick/3": 1}


def test_what_is_no_request_is_the_applications_own_coroutine() -> None:
    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        assert CURRENT.get() is None

    for kind in ("lifespan", "websocket"):
        coroutine = CountedAsgi(app)({"type": kind, "path": "/"}, receive, send)
        assert coroutine.cr_code is app.__code__
        asyncio.run(coroutine)
    assert COUNTERS.served() == {}


def test_an_application_that_is_called_by_keywords_is_counted_too() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> str:
        return "done"

    assert asyncio.run(CountedAsgi(app)(scope=scope(), receive=receive, send=send)) == "done"
    assert COUNTERS.served() == {"GET /items/{n}": 1}


def test_calls_of_the_older_kind_pass_through() -> None:
    def app(scope: Any) -> Any:
        return scope["path"]

    assert CountedAsgi(app)(scope()) == "/items/7"
    assert COUNTERS.served() == {}


def test_errors_and_cancellation_pass_through_and_count() -> None:
    async def broken(_scope: Any, _receive: Any, _send: Any) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        ask(broken)

    async def waits(_scope: Any, _receive: Any, _send: Any) -> None:
        await asyncio.sleep(100)

    async def cancelled() -> None:
        task = asyncio.ensure_future(CountedAsgi(waits)(scope(), receive, send))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert (COUNTERS.in_flight, COUNTERS.served()) == (0, {"GET /items/{n}": 2})


def test_a_request_that_is_dropped_in_the_middle_ends() -> None:
    async def waits(_scope: Any, _receive: Any, _send: Any) -> None:
        await asyncio.sleep(100)

    coroutine = CountedAsgi(waits)(scope(), receive, send)
    with pytest.raises(RuntimeError):  # there is no loop
        coroutine.send(None)
    del coroutine
    gc.collect()
    assert COUNTERS.in_flight == 0


def test_a_request_that_cannot_be_looked_at_is_passed_over_with_a_reason() -> None:
    async def app(_scope: Any, _receive: Any, _send: Any) -> None: ...

    Onlooker.watch = watch = Watch()
    try:
        ask(app)
        table = watch.table()
        assert (table["requests"], table["skipped"]) == (0, {"an event loop handles it": 1})
    finally:
        Onlooker.watch = None
        watch.stop()


def test_a_retired_wrapper_counts_nothing() -> None:
    async def app(_scope: Any, _receive: Any, _send: Any) -> None: ...

    wrapped = CountedAsgi(app)
    wrapped.retire()
    coroutine = wrapped(scope(), receive, send)
    assert coroutine.cr_code is app.__code__
    asyncio.run(coroutine)
    assert COUNTERS.served() == {}


async def item(_request: Any) -> PlainTextResponse:
    return PlainTextResponse("ok")


SITE = Starlette(
    routes=[
        Route("/items/{number:int}", item),
        Mount("/shops/{shop:int}", routes=[Route("/items/{number:int}", item)]),
    ]
)


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/items/7", "GET /items/{number}"),
        ("/shops/12/items/7", "GET /shops/{n}/items/{number}"),
        ("/nowhere/5", "GET /nowhere/{n}"),
    ],
)
@pytest.mark.parametrize("told", ["by the scope", "by the route"])
def test_the_route_is_the_pattern_of_starlette_below_where_it_is_mounted(path: str, route: str, told: str) -> None:
    if told == "by the route":  # as versions of Starlette need it that do not leave it in the scope
        frameworks.starlette_routes(starlette.routing)
    ask(SITE, path)
    assert COUNTERS.served() == {route: 1}


def test_an_entry_is_counted_where_no_server_counts_and_not_twice_where_one_does() -> None:
    frameworks.starlette_entry(__import__("starlette.applications", fromlist=["_"]))
    assert COUNTERS.hooked
    asyncio.run(SITE(scope(), receive, send))
    assert COUNTERS.served() == {"GET /items/{number}": 1}
    ask(SITE)
    assert COUNTERS.served() == {"GET /items/{number}": 2}
