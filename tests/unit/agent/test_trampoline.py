"""Run in every interpreter: what is changed are code objects."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from conftest import ROOT, find_attachable
from leakhunt.agent.counters import COUNTERS
from leakhunt.agent.trampoline import NoEntry, Trampolines

EVERYWHERE = """
import functools, sys, warnings
warnings.simplefilter("error")
from leakhunt.agent.counters import COUNTERS
from leakhunt.agent.trampoline import TRAMPOLINES

def ask(app, path="/a"):
    return app({"REQUEST_METHOD": "GET", "PATH_INFO": path}, None)

def plain(environ, start_response, extra=b"x", *, more=b"y"):
    return [environ["PATH_INFO"].encode() + extra + more]

def made(first, second):
    def app(environ, start_response):
        return [first, second, environ["PATH_INFO"].encode()]
    return app

class Base:
    def __call__(self, environ, start_response):
        return [b"base"]

class App(Base):
    def __call__(self, environ, start_response):
        return [*super().__call__(environ, start_response), b"app"]

    def wsgi_app(self, environ, start_response):
        raise LookupError("mine")

def generator(environ, start_response):
    yield b"1"
    yield b"2"

closure, app, other = made(b"1", b"2"), App(), App()
captured = app.wsgi_app
codes = [each.__code__ for each in (plain, closure, App.__call__, App.wsgi_app, generator)]
for each in (plain, closure, app, app.wsgi_app, generator):
    TRAMPOLINES.put(each)
assert list(ask(plain)) == [b"/axy"], list(ask(plain))
assert list(plain({"REQUEST_METHOD": "GET", "PATH_INFO": "/a"}, None, more=b"z")) == [b"/axz"]
assert list(ask(closure)) == [b"1", b"2", b"/a"]
assert list(ask(app)) == list(ask(other)) == [b"base", b"app"]
assert list(ask(generator)) == [b"1", b"2"]
try:
    ask(captured)
except LookupError:
    pass
async def asgi(scope, receive, send):
    return scope["path"]

def run(scope):
    coroutine = asgi(scope, None, None)
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value

codes.append(asgi.__code__)
TRAMPOLINES.put(asgi)
assert run({"type": "http", "method": "GET", "path": "/a"}) == "/a"
assert run({"type": "lifespan", "path": "/b"}) == "/b"
started = ask(generator)
next(started)
assert COUNTERS.in_flight == 1
started.close()
assert COUNTERS.served() == {"GET /a": 7}, COUNTERS.served()
assert COUNTERS.in_flight == 0
assert TRAMPOLINES.undo() == []
assert codes == [each.__code__ for each in (plain, closure, App.__call__, App.wsgi_app, generator, asgi)]
assert list(ask(closure)) == [b"1", b"2", b"/a"] and list(ask(app)) == [b"base", b"app"]
assert run({"type": "http", "method": "GET", "path": "/a"}) == "/a"
assert COUNTERS.served() == {"GET /a": 7}
"""


@pytest.fixture
def trampolines() -> Iterator[Trampolines]:
    COUNTERS.reset()
    made = Trampolines()
    yield made
    made.undo()
    COUNTERS.reset()
    COUNTERS.server_marks = False


@pytest.mark.parametrize("version", find_attachable())
def test_functions_of_every_kind_are_counted_and_the_same_again_afterwards(version: str) -> None:
    command = [str(find_attachable()[version]), "-c", EVERYWHERE]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_request_is_in_flight_until_its_response_is_closed(trampolines: Trampolines) -> None:
    def app(_environ: Any, _start_response: Any) -> Iterator[bytes]:
        return iter([b"ok"])

    trampolines.put(app)
    response: Any = app({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, None)
    assert COUNTERS.in_flight == 1
    response.close()
    assert (COUNTERS.in_flight, COUNTERS.served()) == (0, {"GET /": 1})


def test_an_application_that_calls_itself_is_one_request(trampolines: Trampolines) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        inner = {**environ, "PATH_INFO": "/inner"}
        return [b"ok"] if environ["PATH_INFO"] == "/inner" else app(inner, start_response)

    trampolines.put(app)
    assert list(app({"REQUEST_METHOD": "GET", "PATH_INFO": "/outer"}, None)) == [b"ok"]
    assert COUNTERS.served() == {"GET /outer": 1}


def test_code_that_someone_has_changed_after_us_is_left_to_them_and_named(trampolines: Trampolines) -> None:
    def app(_environ: Any, _start_response: Any) -> list[bytes]:
        return [b"ok"]

    def theirs(_environ: Any, _start_response: Any) -> list[bytes]:
        return [b"theirs"]

    trampolines.put(app)
    app.__code__ = theirs.__code__
    (left,) = trampolines.undo()
    assert left.endswith("<locals>.app")
    assert app({}, None) == [b"theirs"]


async def stream(_environ: Any, _start_response: Any) -> Any:
    yield b"ok"


class Compiled(str):
    __slots__ = ()
    __call__ = str.upper  # a function in C


@pytest.mark.parametrize(
    ("app", "why"),
    [
        (len, "not written in Python"),
        (stream, "an asynchronous generator"),
        (Compiled(), "not written in Python"),
        (Compiled, "it is a class"),
    ],
)
def test_what_is_not_written_in_python_is_refused(app: Callable[..., Any], why: str, trampolines: Trampolines) -> None:
    with pytest.raises(NoEntry, match=why):
        trampolines.put(app)
    assert not trampolines.any()
