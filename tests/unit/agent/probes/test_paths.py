"""Paths read like Python. The walk runs in this process, over a module made for the test."""

from __future__ import annotations

import functools
import gc
import sys
import threading
import types
import weakref
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterator
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Any

import pytest

from leakhunt.agent.probes.paths import explore
from leakhunt.agent.probes.walk import Walk
from unit.agent.probes.inside import oldest_and_newest, run_inside


class Leak:
    pass


class Weakly(Leak):
    pass


class InThread(Leak):
    pass


class Garbage(Leak):
    pass


class Slotted:
    __slots__ = ("inner",)

    def __init__(self, inner: Any) -> None:
        self.inner = inner


class Plain:
    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def method(self) -> None: ...


class Link(Plain):
    pass


class Lazy:
    """As Django's settings: to be asked for its class it has to be set up."""

    asked: list[str] = []  # noqa: RUF012  # of all of them

    @property  # type: ignore[misc]  # nobody sets it
    def __class__(self) -> Any:
        # Others ask, too: the interpreter's own tools, for one.
        caller = sys._getframe(1).f_code.co_filename
        if "/agent/" in caller:
            Lazy.asked.append(caller)
            raise RuntimeError("not set up")
        return Lazy


class Holder(dict[str, Any]):
    pass


CHAIN = (("aaa_shop", "module"), (".CACHE", "dict"))
Pair = namedtuple("Pair", "left right")  # noqa: PYI024  # the kind of class that is meant


def closure(leak: Any) -> Callable[[], Any]:
    return lambda: leak


def generator(leak: Any) -> Iterator[Any]:
    yield leak


def started(leak: Any) -> Iterator[Any]:
    running = generator(leak)
    next(running)
    return running


def cached(maxsize: int | None, leak: Any) -> Any:
    @functools.lru_cache(maxsize=maxsize)
    def make(number: int) -> Any:
        return Plain(number)

    make(1).inner = leak
    return make


def local(leak: Any) -> threading.local:
    data = threading.local()
    data.name = leak
    return data


def context(leak: Any) -> Any:
    variable: ContextVar[Any] = ContextVar("request of Local-140187414937120")
    ours = copy_context()
    ours.run(variable.set, leak)
    return ours


def with_attribute(leak: Any) -> Any:
    def function() -> None: ...

    function.kept = leak  # type: ignore[attr-defined]  # any attribute
    return function


def raised(leak: Any) -> BaseException:
    error = ValueError(leak)
    error.__context__ = None
    return error


def holder(number: int) -> str:
    """A name without a number: those may be masked."""
    return "X" + chr(ord("A") + number // 26) + chr(ord("A") + number % 26)


def paths_to(walk: Walk, kind: str) -> list[str]:
    found = []
    for place, name in enumerate(walk.types):
        if name == kind:
            text, node = "", place
            while node > 0:
                text, node = walk.edges[node] + text, walk.parents[node]
            found.append(text)
    return found


CASES: list[tuple[Callable[[Any], Any], str]] = [
    (lambda leak: leak, ""),
    (lambda leak: [leak], "[*]"),
    (lambda leak: (leak, 1), "[*]"),
    (lambda leak: {leak}, "[*]"),
    (lambda leak: frozenset({leak}), "[*]"),
    (lambda leak: deque([leak]), "[*]"),
    (lambda leak: {"a": leak}, "['*']"),
    (lambda leak: {leak: 1}, ".keys()[*]"),
    (lambda leak: OrderedDict(a=leak), "['*']"),
    (lambda leak: defaultdict(list, a=[leak]), "['*'][*]"),
    (lambda leak: Holder(a=leak), "['*']"),
    (Plain, ".inner"),
    (lambda leak: Plain([Plain(leak)]), ".inner[*].inner"),
    (Slotted, ".inner"),
    (lambda leak: Pair(leak, 1), ".left"),
    (lambda leak: Plain(leak).method, ".__self__.inner"),
    (closure, ".<closure leak>"),
    (with_attribute, ".kept"),
    (lambda leak: functools.partial(print, leak), ".args[*]"),
    (started, ".<local leak of generator>"),
    (functools.partial(cached, None), ".cache['*'].inner"),
    (functools.partial(cached, 10), ".cache['*'].inner"),
    (lambda leak: type("Registry", (), {"members": [leak]}), ".members[*]"),
    (local, ".name"),
    (context, "[<ContextVar request of Local-*>]"),
    (raised, ".args[*]"),
    (lambda leak: lambda given=leak: given, ".__defaults__[*]"),
]


@pytest.fixture(scope="module")
def shop() -> Iterator[types.ModuleType]:
    """A module with one holder of a leak for each case: a walk takes a second, so one serves all."""
    made = types.ModuleType("aaa_shop")
    sys.modules["aaa_shop"] = made
    for number, (make, _) in enumerate(CASES):
        made.__dict__[holder(number)] = make(Leak())
    head: Any = None
    for _ in range(5000):
        head = Link(head)
    made.__dict__["HEAD"] = head
    made.__dict__["LAZY"] = Lazy()
    made.__dict__["LAZY_ONES"] = {"a": [Lazy()]}
    yield made
    del sys.modules["aaa_shop"]


@pytest.fixture(scope="module")
def walk(shop: types.ModuleType) -> Walk:
    weakly = Weakly()
    shop.__dict__["WEAK"] = [weakref.ref(weakly), weakref.WeakValueDictionary({"a": weakly}), weakref.WeakSet([weakly])]
    shop.__dict__["CACHE"] = {"a": 1}
    gc.disable()
    garbage = Garbage()
    garbage.__dict__["me"] = garbage
    del garbage
    go, stop = threading.Event(), threading.Event()

    def work() -> None:
        kept = [InThread()]
        go.set()
        stop.wait()
        kept.clear()

    thread = threading.Thread(target=work, name="encoder-7")
    thread.start()
    go.wait()
    try:
        return explore(gc.get_objects(), [CHAIN])
    finally:
        gc.enable()
        stop.set()
        thread.join()


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: CASES[number][1])
def test_a_holder_is_named_as_one_would_write_it(number: int, walk: Walk) -> None:
    assert f"aaa_shop.{holder(number)}{CASES[number][1]}" in paths_to(walk, f"{__name__}.Leak")


def test_objects_that_are_set_up_when_they_are_asked_for_their_class_are_not_asked(walk: Walk) -> None:
    assert sorted(paths_to(walk, f"{__name__}.Lazy")) == ["aaa_shop.LAZY", "aaa_shop.LAZY_ONES['*'][*]"]
    assert Lazy.asked == []


def test_every_object_is_counted_once(walk: Walk) -> None:
    places = [place for place, name in enumerate(walk.types) if name == f"{__name__}.Leak"]
    assert sum(walk.counts[place] for place in places) == len(CASES)


def test_weak_references_hold_nothing(walk: Walk) -> None:
    assert not any(path.startswith("aaa_shop") for path in paths_to(walk, f"{__name__}.Weakly"))


def test_a_linked_list_is_one_node(walk: Walk) -> None:
    nodes = {
        walk.edges[place]: walk.counts[place] for place, name in enumerate(walk.types) if name == f"{__name__}.Link"
    }
    assert nodes == {".HEAD": 1, ".inner": 4999}


def test_the_frames_of_other_threads_are_roots(walk: Walk) -> None:
    (path,) = paths_to(walk, f"{__name__}.InThread")
    assert path.startswith("thread encoder-*: ")
    assert path.endswith("work.kept[*]")


def test_garbage_that_waits_for_the_collector_is_held_by_nobody_in_python(walk: Walk) -> None:
    assert paths_to(walk, f"{__name__}.Garbage") == ["<cycles not yet collected>.<object>"]


def test_objects_at_the_end_of_a_chain_are_kept(walk: Walk, shop: types.ModuleType) -> None:
    found = {walk.goals[place]: things for place, things in walk.found.items()}
    assert [id(thing) for thing in found[CHAIN] if "a" in thing] == [id(shop.__dict__["CACHE"])]


@oldest_and_newest
def test_the_tree_travels_as_columns_that_share_one_table_of_strings(python: Path) -> None:
    program = """
from leakhunt.agent.probes.paths import paths
shop = sys.modules["shop"] = types.ModuleType("shop")
shop.CACHE = {number: bytes(1000) for number in range(500)}
print(json.dumps(paths(None, scene())))
"""
    tree = run_inside(python, program)
    edges, kinds = ([tree["names"][each] for each in tree[column]] for column in ("edges", "types"))
    assert len(tree["parents"]) == len(edges) == len(kinds) == len(tree["counts"]) == len(tree["sizes"])
    assert all(parent < node for node, parent in enumerate(tree["parents"]))
    (place,) = (
        node for node, parent in enumerate(tree["parents"]) if kinds[node] == "bytes" and edges[parent] == ".CACHE"
    )
    assert (edges[place], tree["counts"][place], tree["sizes"][place]) == ("['*']", 500, 500 * 1033)
    assert edges[tree["parents"][tree["parents"][place]]] == "shop"
