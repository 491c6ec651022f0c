from __future__ import annotations

import gc
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from conftest import ROOT, find_interpreters
from leakhunt.agent import lines
from leakhunt.agent.hooks import Hooks

MIB = 2**20

APP = '''
import functools
import mmap

KEPT = []


def pages(mebibytes):
    """Memory that is resident as long as it lives; malloc might hand out what is resident already."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE
    return mmap.mmap(-1, mebibytes * 2**20, flags=flags)


def keeps_and_drops():
    copy = pages(16)
    KEPT.append(pages(8))
    del copy
    return len(KEPT)


def loops():
    total = 0
    big = pages(16)
    for number in range(5):
        total += number
    return total


def frees_below_what_it_keeps():
    blocks = [bytearray(100_000) for _ in range(160)]
    KEPT.append(blocks.pop())
    del blocks


def fails():
    KEPT.append(pages(8))
    raise ValueError("as it should")


def decorate(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


@decorate
@decorate
def decorated(request):
    """Its own words."""
    return request


ROUTES = {"/loops": loops}


class Base:
    def inherited(self, number, *, factor=2):
        return number * factor


class View(Base):
    def inherited(self, number, *, factor=3):
        return super().inherited(number, factor=factor)

    def method(self, number):
        return number

    @staticmethod
    def static(number):
        return number

    @classmethod
    def of_class(cls, number):
        return cls, number


def generates():
    yield 1


async def waits():
    return 1
'''


@pytest.fixture
def app_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module that can be imported, and has not been yet."""
    (tmp_path / "watched_app.py").write_text(APP)
    monkeypatch.syspath_prepend(tmp_path)
    yield "watched_app"
    sys.modules.pop("watched_app", None)


@pytest.fixture(autouse=True)
def hooks() -> Iterator[Hooks]:
    """Hooks that wrap nothing but what a test names."""
    hooks = Hooks()
    hooks.table.clear()
    yield hooks
    hooks.remove()
    lines.unwrap()
    lines.WATCHED.clear()


def watched(hooks: Hooks, app_name: str, *names: str) -> ModuleType:
    """The app, imported while some of its functions are watched.

    What earlier tests have left behind, such as the pages that their apps kept, is not to be freed during a call.
    """
    gc.collect()
    lines.watch([f"{app_name}:{name}" for name in names], hooks)
    hooks.install()
    return importlib.import_module(app_name)


def rises() -> dict[int, tuple[Any, int]]:
    """Of the one function watched: by line number, how far RSS rose and how often the line ran."""
    (entry,) = lines.table()
    return {number: (rise, times) for number, rise, times in entry["lines"]}


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(APP.splitlines(), 1) if text in line)


def test_what_a_call_keeps_is_told_from_what_it_only_uses(hooks: Hooks, app_name: str) -> None:
    app = watched(hooks, app_name, "keeps_and_drops")
    assert [app.keeps_and_drops() for _ in range(3)] == [1, 2, 3]
    (entry,) = lines.table()
    assert entry["calls"] == 3
    assert entry["kept"] / 3 == pytest.approx(8 * MIB, abs=MIB)
    assert entry["peak"] / 3 == pytest.approx(24 * MIB, abs=MIB)


def test_what_malloc_holds_free_is_not_kept(hooks: Hooks, app_name: str) -> None:
    app = watched(hooks, app_name, "frees_below_what_it_keeps")
    for _ in range(2):
        app.frees_below_what_it_keeps()
        (entry,) = lines.table()
        assert entry["kept"] == pytest.approx(0, abs=MIB)
        assert entry["peak"] == pytest.approx(16 * MIB, abs=2 * MIB)


def test_each_line_has_its_own_rise_and_fall(hooks: Hooks, app_name: str) -> None:
    watched(hooks, app_name, "keeps_and_drops").keeps_and_drops()
    measured = rises()
    for text, rise in [("copy = ", 16 * MIB), ("KEPT.append", 8 * MIB), ("del copy", -16 * MIB), ("return len", 0)]:
        assert measured[line_of(text)] == (pytest.approx(rise, abs=MIB), 1)


def test_a_loop_is_not_blamed_for_the_line_before_it(hooks: Hooks, app_name: str) -> None:
    watched(hooks, app_name, "loops").loops()
    measured = rises()
    assert measured[line_of("total += number")] == (pytest.approx(0, abs=MIB), 5)
    assert measured[line_of("big = ")] == (pytest.approx(16 * MIB, abs=MIB), 1)


def test_reading_the_table_starts_it_afresh(hooks: Hooks, app_name: str) -> None:
    watched(hooks, app_name, "loops").loops()
    assert lines.table()[0]["calls"] == 1
    assert lines.table()[0]["calls"] == 0


def test_a_call_that_raises_is_measured_and_still_raises(hooks: Hooks, app_name: str) -> None:
    app = watched(hooks, app_name, "fails")
    with pytest.raises(ValueError, match="as it should"):
        app.fails()
    (entry,) = lines.table()
    assert (entry["calls"], entry["kept"]) == (1, pytest.approx(8 * MIB, abs=MIB))


def test_decorated_functions_and_methods_are_measured_inside(hooks: Hooks, app_name: str) -> None:
    names = ["decorated", "View.method", "View.static", "View.of_class"]
    app = watched(hooks, app_name, *names)
    assert app.decorated("request") == "request"
    assert app.decorated.__doc__ == "Its own words."
    assert (app.View().method(1), app.View.static(2), app.View.of_class(3)) == (1, 2, (app.View, 3))
    returns = [line_of("return request"), *(line_of(f"def {name}") + 1 for name in ("method", "static", "of_class"))]
    for entry, name, number in zip(lines.table(), names, returns, strict=True):
        assert (entry["name"], entry["calls"]) == (f"{app_name}:{name}", 1)
        assert number in [line for line, _, _ in entry["lines"]]


def test_unwrapping_leaves_nothing_behind(hooks: Hooks, app_name: str) -> None:
    app = watched(hooks, app_name, "loops", "decorated", "View.static")
    assert app.loops.__wrapped__.__code__ is not app.loops.__code__
    original = app.loops.__wrapped__.__code__
    lines.unwrap()
    assert app.loops.__code__ is original
    assert not hasattr(app.loops, "__wrapped__")
    app.decorated(1)
    app.loops()
    app.View.static(1)
    assert [entry["calls"] for entry in lines.table()] == [0, 0, 0]


def test_a_function_kept_in_a_table_of_routes_is_measured_there(hooks: Hooks, app_name: str) -> None:
    app = watched(hooks, app_name, "loops")
    assert app.ROUTES["/loops"]() == 10
    assert lines.table()[0]["calls"] == 1


def test_methods_that_call_super_and_have_defaults_work_as_before(hooks: Hooks, app_name: str) -> None:
    app = watched(hooks, app_name, "View.inherited", "Base.inherited")
    assert (app.View().inherited(2), app.View().inherited(2, factor=5)) == (6, 10)
    assert [entry["calls"] for entry in lines.table()] == [2, 2]
    assert str(inspect.signature(app.View.inherited)) == "(self, number, *, factor=3)"


DIVERSION = """
import inspect
from leakhunt.agent.lines import _copy, _divert

class Base:
    def method(self, number, factor=2):
        return number * factor

class View(Base):
    def method(self, number, factor=3):
        "Its own words."
        return super().method(number, factor=factor)

calls, original = [], _copy(View.method)

def by(*args, **kwargs):
    calls.append((args[1:], kwargs))
    return original(*args, **kwargs)

bound = View().method
undo = _divert(View.method, by, original)
assert [View().method(2), View().method(2, factor=5), bound(1)] == [6, 10, 3]
assert calls == [((2,), {}), ((2,), {"factor": 5}), ((1,), {})]
assert str(inspect.signature(View.method)) == "(self, number, factor=3)"
undo()
assert View().method(2) == 6 and len(calls) == 3 and View.method.__doc__ == "Its own words."
"""


@pytest.mark.parametrize("version", find_interpreters())
def test_calls_are_diverted_under_every_interpreter(version: str) -> None:
    command = [str(find_interpreters()[version]), "-W", "error", "-c", DIVERSION]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_functions_imported_before_are_found_too(hooks: Hooks, app_name: str) -> None:
    app = importlib.import_module(app_name)
    watched(hooks, app_name, "loops")
    app.loops()
    assert lines.table()[0]["calls"] == 1


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nowhere", "there is no function nowhere in watched_app"),
        ("View.nowhere", "there is no function View.nowhere in watched_app"),
        ("Nobody.method", "there is no function Nobody.method in watched_app"),
        ("View", "there is no function View in watched_app"),
        ("generates", "it is a generator or coroutine, which cannot be measured by calls"),
        ("waits", "it is a generator or coroutine, which cannot be measured by calls"),
    ],
)
def test_what_cannot_be_measured_is_said(hooks: Hooks, app_name: str, name: str, problem: str) -> None:
    watched(hooks, app_name, name)
    assert lines.table() == [{"name": f"{app_name}:{name}", "problem": problem, "missing": None, "imported": True}]


def test_a_module_that_is_never_imported_is_said(hooks: Hooks, app_name: str) -> None:
    lines.watch([f"{app_name}:loops"], hooks)
    hooks.install()
    (entry,) = lines.table()
    assert (entry["problem"], entry["imported"]) == ("the target has not imported watched_app", False)


def test_a_target_without_memory_profiler_keeps_its_functions(
    hooks: Hooks, app_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "memory_profiler", None)
    assert watched(hooks, app_name, "loops").loops() == 10
    assert lines.table()[0]["missing"] == "memory_profiler"
