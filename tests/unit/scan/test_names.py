"""Full names of what code refers to, as far as one file tells."""

from __future__ import annotations

import ast

import pytest

from leakhunt.scan.needs import NEEDED
from leakhunt.scan.read import parse_module


def names(source: str) -> list[str | None]:
    """What each call of the source calls."""
    module = parse_module(source, "pkg/app.py", "pkg.app", NEEDED)
    return [module.called(node) for node in module.nodes(ast.Call)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import functools\nfunctools.cache()", "functools.cache"),
        ("from functools import lru_cache as memo\nmemo()", "functools.lru_cache"),
        ("import concurrent.futures\nconcurrent.futures.ThreadPoolExecutor()", "concurrent.futures.ThreadPoolExecutor"),
        ("from . import views\nviews.index()", "pkg.views.index"),
        ("open()", "open"),
        ("def helper(): ...\nhelper()", "pkg.app.helper"),
        ("def f(open):\n    open()", None),
        ("cache = {}\ncache.get()", None),
        ("try:\n    import ujson as json\nexcept ImportError:\n    json = None\njson.dumps()", "ujson.dumps"),
        ("class A:\n    from gc import disable\n    def f(self):\n        disable()", None),
        ("from gc import disable\ndef f():\n    global disable\n    disable()", "gc.disable"),
    ],
)
def test_names_are_looked_up_as_python_does(source: str, expected: str | None) -> None:
    assert names(source)[-1] == expected


def test_decorators_and_defaults_are_outside_of_their_function() -> None:
    source = "from functools import cache\n@cache()\ndef cached(cache=print()): ..."
    assert set(names(source)) == {"functools.cache", "print"}


def test_nodes_know_what_they_stand_in() -> None:
    source = "class A:\n    def f(self):\n        def g():\n            call()\n"
    module = parse_module(source, "app.py", "app", NEEDED)
    (call,) = module.nodes(ast.Call)
    assert module.qualified(call) == "A.f.g"
    function = module.function_of(call)
    assert function is not None
    assert function.name == "g"
