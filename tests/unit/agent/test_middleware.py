from __future__ import annotations

import gc
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from leakhunt.agent.counters import COUNTERS, LIMIT, OTHER
from leakhunt.agent.middleware import CURRENT, Counted, call, counted, name_route

ENVIRON: dict[str, Any] = {"REQUEST_METHOD": "GET", "PATH_INFO": "/items/7", "wsgi.file_wrapper": FileWrapper}


@pytest.fixture(autouse=True)
def fresh_counts() -> Iterator[None]:
    COUNTERS.reset()
    yield
    COUNTERS.reset()
    COUNTERS.server_marks = False


class Closing:
    """A response that counts how often it is closed."""

    extra = "kept"

    def __init__(self, *parts: bytes) -> None:
        self.parts = parts
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.parts)

    def close(self) -> None:
        self.closed += 1


def app_returning(result: Any) -> Callable[..., Any]:
    return Counted(lambda *_: result)


def respond(result: Any) -> Any:
    return app_returning(result)(dict(ENVIRON), None)


def test_a_request_is_in_flight_until_its_response_is_closed_and_closed_once() -> None:
    original = Closing(b"a", b"b")
    response = respond(original)
    assert COUNTERS.in_flight == 1
    assert response.extra == "kept"
    response.close()
    response.close()
    assert original.closed == 1
    assert (COUNTERS.in_flight, COUNTERS.served()) == (0, {"GET /items/{n}": 1})


def test_exhaustion_and_disappearance_end_a_request_too() -> None:
    assert list(respond(iter([b"a"]))) == [b"a"]
    assert COUNTERS.in_flight == 0
    response = respond(Closing())
    assert COUNTERS.in_flight == 1
    del response
    gc.collect()
    assert COUNTERS.in_flight == 0
    assert COUNTERS.served() == {"GET /items/{n}": 2}


def test_a_length_is_kept_and_none_is_invented() -> None:
    class Sized(Closing):
        def __len__(self) -> int:
            return len(self.parts)

    assert len(respond(Sized(b"ok"))) == 1
    assert not hasattr(respond(iter([b"ok"])), "__len__")


def test_a_generator_streams_part_by_part() -> None:
    log: list[str] = []

    def parts() -> Iterable[bytes]:
        for number in range(2):
            log.append(f"made {number}")  # the order of events is what is tested
            yield b"x"

    response = iter(respond(parts()))
    while next(response, None):
        log.append("sent")
    assert log == ["made 0", "sent", "made 1", "sent"]


def test_what_the_server_sends_by_itself_goes_through_unwrapped() -> None:
    file = FileWrapper(io.BytesIO(b"data"))
    assert respond(file) is file
    assert (COUNTERS.in_flight, COUNTERS.served()) == (0, {"GET /items/{n}": 1})


def test_bytes_that_a_server_takes_as_they_are_stay_bytes() -> None:
    whole = b"all of it"
    assert call(lambda *_: whole, dict(ENVIRON), None) is whole
    assert (COUNTERS.in_flight, COUNTERS.served()) == (0, {"GET /items/{n}": 1})


def test_what_is_set_on_a_wrapped_app_is_set_on_the_app() -> None:
    def app(_environ: Any, _start_response: Any) -> list[bytes]:
        return []

    wrapped = counted(app)
    wrapped.setting = 5
    assert vars(app)["setting"] == 5
    del wrapped.setting
    assert not hasattr(app, "setting")
    assert wrapped.__wrapped__ is app


def test_errors_of_the_app_pass_through_and_count() -> None:
    def broken(environ: Any, start_response: Any) -> Any:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        Counted(broken)(dict(ENVIRON), None)

    def breaks_later(environ: Any, start_response: Any) -> Any:
        yield b"a"
        raise LookupError("later")

    with pytest.raises(LookupError, match="later"):
        list(Counted(breaks_later)(dict(ENVIRON), None))
    assert (COUNTERS.in_flight, COUNTERS.served()) == (0, {"GET /items/{n}": 2})


def test_calls_that_are_no_wsgi_pass_through_uncounted() -> None:
    app = Counted(lambda *args, **kwargs: (args, kwargs))
    assert app(1, 2) == ((1, 2), {})
    assert app({"type": "http"}, 2, 3) == (({"type": "http"}, 2, 3), {})
    assert app(scope=1) == ((), {"scope": 1})
    assert COUNTERS.served() == {}


def test_coroutine_functions_and_wrapped_apps_are_not_wrapped() -> None:
    async def asgi(scope: Any, receive: Any, send: Any) -> None: ...

    class Asgi:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    for app in (asgi, Asgi(), None, Counted(print)):
        assert counted(app) is app


def test_the_route_is_the_pattern_that_was_matched_during_the_call() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        name_route("items/<int:pk>")
        return []

    call(app, dict(ENVIRON), None)
    assert COUNTERS.served() == {"GET /items/<int:pk>": 1}
    assert COUNTERS.routes() == {"GET /items/{n}": "GET /items/<int:pk>"}
    assert CURRENT.get() is None


def test_the_number_of_routes_is_bounded() -> None:
    for number in range(LIMIT + 50):
        COUNTERS.start()
        COUNTERS.finish("GET", "/" + "x" * number, None)
    assert len(COUNTERS.served()) == LIMIT + 1
    assert COUNTERS.served()[OTHER] == 50


def test_nothing_of_a_request_outlives_it() -> None:
    class Body(bytes):
        pass

    def alive() -> int:
        return sum(type(each) is Body for each in gc.get_objects() if type(each) is Body)

    response = respond(iter([Body(b"x")]))
    list(response)
    response.close()
    del response
    del respond([Body(b"x")])[:]
    gc.collect()
    assert alive() == 0


@pytest.mark.parametrize("body", [[b"a", b"b"], (b"a", b"b")], ids=["list", "tuple"])
def test_a_list_is_handed_to_the_server_as_it_is_and_ends_its_request(body: Any) -> None:
    assert respond(body) is body
    assert (COUNTERS.in_flight, COUNTERS.served()) == (0, {"GET /items/{n}": 1})
