"""Each program is an app of its own: what hooking changes must not reach the other tests."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from conftest import ROOT

PROLOGUE = """
import importlib.util, sys, threading, time, types, urllib.request
from leakhunt.agent.hooks import HOOKS, unhook
HOOKS.leave_out("spawn")
from leakhunt.agent import hooking
from leakhunt.agent.counters import COUNTERS
COUNTERS.active = False

def app(environ, start_response):
    start_response("200 OK", [])
    return [b"ok"]

def refusal(name=None):
    try:
        hooking.hook(name)
    except hooking.NotFound as reason:
        assert not COUNTERS.active and not COUNTERS.hooked and HOOKS not in sys.meta_path
        return str(reason)
    raise AssertionError("nothing was refused")

def ask(app, path="/a"):
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "wsgi.url_scheme": "http"}
    environ.update(SERVER_NAME="a", SERVER_PORT="1")
    return list(app(environ, lambda *_: None))

def serve(port=0, inside=app):
    from wsgiref.simple_server import WSGIRequestHandler, make_server
    class Quiet(WSGIRequestHandler):
        def log_message(self, *_):
            pass
    return make_server("127.0.0.1", port, inside, handler_class=Quiet)

def get(server):
    return urllib.request.urlopen("http://127.0.0.1:%d/a" % server.server_port).read()
"""


def check(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROLOGUE + program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_without_a_server_the_refusal_says_what_is_known() -> None:
    check("""
assert refusal() == "no WSGI or ASGI application found (no server that is known is loaded)", refusal()
import wsgiref.simple_server
assert refusal() == (
    "no WSGI or ASGI application found (wsgiref: it is loaded, but serves nothing)"
), refusal()
assert hooking.find() == {"servers": [], "missing": {"wsgiref": "it is loaded, but serves nothing"}}
""")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("shop.wsgi:application", "this process has not loaded a module 'shop.wsgi'"),
        ("types:nothing.here", "module 'types' has no 'nothing.here'"),
        ("types", "module 'types' has no 'application'"),
        ("sys:path", "sys:path is a list and cannot be called"),
        ("builtins:len", "the calls of builtins:len cannot be seen: it is not written in Python"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(name: str, why: str) -> None:
    check(f"assert refusal({name!r}) == {why!r}, refusal({name!r})")


def test_an_application_that_no_server_holds_is_counted_by_its_name() -> None:
    check("""
captured, code = app, app.__code__
found = hooking.hook("__main__:app")
assert (found["by"], found["entry"], found["servers"]) == ("entry", "__main__.app", []), found
assert ask(captured) == [b"ok"]
try:
    hooking.hook("__main__:app")
except hooking.NotFound as reason:
    assert str(reason) == "requests are counted already"
assert COUNTERS.hooked and COUNTERS.served() == {"GET /a": 1}
assert unhook() == []
assert ask(captured) == [b"ok"] and app.__code__ is code
assert COUNTERS.served() == {"GET /a": 1} and not COUNTERS.hooked
""")


def test_a_named_application_inside_of_middleware_is_counted_by_its_server() -> None:
    check("""
class Outer:
    def __init__(self, app):
        self.app = app
    def __call__(self, environ, start_response):
        return self.app(environ, start_response)

def closing(application):
    def middleware(environ, start_response):
        return application(environ, start_response)
    return middleware

server = serve(inside=closing(Outer(app)))
threading.Thread(target=server.serve_forever, daemon=True).start()
found = hooking.hook("__main__:app")
assert found["by"] == "server" and found["servers"][0]["app"] == "__main__:app", found
assert get(server) == b"ok"
unhook()
server.shutdown()
""")


def test_a_server_beside_the_one_that_serves_does_not_hide_it() -> None:
    check("""
metrics, main = serve(), serve()
threading.Thread(target=metrics.serve_forever, daemon=True).start()
time.sleep(0.1)
found = hooking.find()["servers"]  # the other one waits outside of its own functions
assert sorted(each["seen"] for each in found) == ["heap", "other thread"], found
metrics.shutdown()
""")


def test_what_a_server_in_the_main_thread_shows_needs_no_search_of_the_heap() -> None:
    check("""
from leakhunt.agent import serving
def never(classes):
    raise AssertionError("the heap was searched")
serving.thorough = never
server = serve()
answers = []
def look():
    time.sleep(0.2)
    answers.append(hooking.find())
    server.shutdown()
threading.Thread(target=look).start()
server.serve_forever()
assert [each["seen"] for each in answers[0]["servers"]] == ["main thread"], answers
""")


def test_a_module_that_is_to_be_loaded_when_it_is_used_is_not_loaded_for_us() -> None:
    check("""
spec = importlib.util.find_spec("sndhdr" if sys.version_info < (3, 13) else "colorsys")
spec.loader = importlib.util.LazyLoader(spec.loader)
module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
kind = type(module)
assert kind is not types.ModuleType
server = serve()
threading.Thread(target=server.serve_forever, daemon=True).start()
hooking.hook(None)
unhook()
from leakhunt.agent.arrival import unload
unload(["json"], frozenset())
assert type(module) is kind
server.shutdown()
""")


def test_frameworks_count_where_no_server_is_known() -> None:
    check("""
from flask import Flask
site = Flask("site")
site.add_url_rule("/items/<int:number>", view_func=lambda number: "ok", endpoint="item")
found = hooking.hook(None)
assert (found["by"], found["servers"], found["entry"]) == ("framework", [], None), found
assert ask(site, "/items/7") == [b"ok"]
assert unhook() == []
ask(site, "/items/7")
assert COUNTERS.served() == {"GET /items/<int:number>": 1}, COUNTERS.served()
""")


@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("shop", {"module": b"shop:app"}),
        ("shop", {"module": b"shop", "callable": b"app", "master": True}),
        ("uwsgi_file_shop", {"wsgi-file": b"shop.py", "callable": b"app"}),
    ],
)
def test_uwsgi_tells_what_it_serves(module: str, options: dict[str, object]) -> None:
    check(f"""
sys.modules["uwsgi"], shop = types.ModuleType("uwsgi"), types.ModuleType({module!r})
sys.modules["uwsgi"].opt, sys.modules[{module!r}], shop.app = {options!r}, shop, app
found = hooking.hook(None)
assert (found["by"], found["entry"]) == ("entry", "__main__.app"), found
ask(app)
unhook()
assert COUNTERS.served() == {{"GET /a": 1}}
""")


def test_uwsgi_that_serves_nothing_in_python_has_no_application() -> None:
    check("""
sys.modules["uwsgi"] = types.ModuleType("uwsgi")
assert refusal() == "no WSGI or ASGI application found (no server that is known is loaded)"
sys.modules["uwsgi"].opt = {"module": b"elsewhere:app"}
assert refusal() == "no WSGI or ASGI application found (no server that is known is loaded)"
""")
