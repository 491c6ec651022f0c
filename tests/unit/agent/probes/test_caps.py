"""Caps are believed where code keeps to them, and nowhere else."""

from __future__ import annotations

import functools
import queue
import re
import types
from collections import OrderedDict, deque
from typing import Any

import pytest

from leakhunt.agent.probes.caps import cap_of


class Bounded(OrderedDict[int, int]):
    def __init__(self, maxsize: int) -> None:
        super().__init__()
        self.maxsize = maxsize

    def __setitem__(self, key: int, value: int) -> None:
        super().__setitem__(key, value)
        while len(self) > self.maxsize:
            self.popitem(last=False)


class Named(OrderedDict[int, int]):
    """Has a number that sounds like a cap, and never looks at it."""

    max_size = 100


class Locmem:
    """As Django's: two tables of one length, a cap, and culling."""

    def __init__(self, entries: int) -> None:
        self._max_entries = 300
        self._cache = OrderedDict.fromkeys(range(entries), b"")
        self._expire_info = dict.fromkeys(range(entries), 0.0)

    def set(self, key: int, value: bytes) -> None:
        if len(self._cache) >= self._max_entries:
            self._cull()
        self._cache[key] = value

    def _cull(self) -> None:
        self._cache.popitem()


class Pool:
    """Keeps its connections to a number, and its history for ever."""

    def __init__(self) -> None:
        self.max_size = 10
        self.connections = [1, 2]
        self.history = [1, 2, 3, 4, 5, 6]

    def release(self) -> None:
        while len(self.connections) > self.max_size:
            self.connections.pop()


class Slack:
    """As SQLAlchemy's LRUCache: half as many again before it removes any."""

    __slots__ = ("_data", "capacity", "threshold")

    def __init__(self) -> None:
        self.capacity = 100
        self.threshold = 0.5
        self._data = dict.fromkeys(range(120))

    def _manage_size(self) -> None:
        while len(self._data) > self.capacity + self.capacity * self.threshold:
            self._data.popitem()


class Weighted(Locmem):
    """As cachetools': the cap is one of bytes where entries are weighed."""

    def __init__(self) -> None:
        super().__init__(20)
        self.getsizeof = len


class Ageing(OrderedDict[int, int]):
    max_age = 60

    def __getitem__(self, key: int) -> int:
        if key > self.max_age:
            del self[key]
        return super().__getitem__(key)


def module(source: str) -> types.ModuleType:
    made = types.ModuleType("shop")
    exec(source, vars(made))  # a module made for the test
    return made


KEPT_TO = module("""
CACHE, OTHER, CACHE_LIMIT = {1: 1}, {1: 1}, 500
def put(key, value):
    if len(CACHE) >= CACHE_LIMIT:
        del CACHE[next(iter(CACHE))]
    CACHE[key] = value
    OTHER[key] = value
""")
WARNED_OF = module("""
SEEN, MAX_SEEN = {1: 1}, 500
def put(key, warn):
    if len(SEEN) > MAX_SEEN:
        warn("many")
    SEEN[key] = 1
""")
WEIGHTED = Weighted()
LOCMEM, POOL, SLACK, WAITING = Locmem(20), Pool(), Slack(), queue.Queue[int](30)


@pytest.mark.parametrize(
    ("thing", "owner", "name", "cap"),
    [
        (functools.lru_cache(maxsize=128)(len), None, "", (128, "cache_info().maxsize")),
        (deque(maxlen=7), None, "", (7, "deque.maxlen")),
        (Bounded(50), None, "", (50, "Bounded.maxsize")),
        (LOCMEM._cache, LOCMEM, "_cache", (300, "Locmem._max_entries")),
        (SLACK._data, SLACK, "_data", (150, "Slack.capacity")),
        (WAITING.queue, WAITING, "queue", (30, "Queue.maxsize")),
        (KEPT_TO.CACHE, KEPT_TO, "CACHE", (500, "shop.CACHE_LIMIT")),
    ],
)
def test_a_cap_is_read_where_code_keeps_to_it(thing: Any, owner: Any, name: str, cap: tuple[int, str]) -> None:
    assert cap_of(thing, owner, name) == cap


def test_the_interpreters_own_caches_have_their_constant() -> None:
    cap, source = cap_of(re._cache, re, "_cache")  # type: ignore[attr-defined]  # private
    assert (cap, source) == (512, "re._MAXCACHE")


@pytest.mark.parametrize(
    ("thing", "owner", "name"),
    [
        (functools.lru_cache(maxsize=None)(len), None, ""),
        (deque(), None, ""),
        ({}, None, ""),
        (Named(), None, ""),
        (POOL.history, POOL, "history"),
        (KEPT_TO.OTHER, KEPT_TO, "OTHER_TABLE"),
        (WARNED_OF.SEEN, WARNED_OF, "SEEN"),
        (queue.Queue[int]().queue, queue.Queue[int](), "queue"),
        (Locmem(400)._cache, Locmem(400), "_cache"),
        (WEIGHTED._cache, WEIGHTED, "_cache"),
        (Ageing(), None, ""),
    ],
    ids=[
        "a cache without limit",
        "a deque without limit",
        "a dict of nobody",
        "a number that no method reads",
        "one of two containers of an owner",
        "a container that the function does not read",
        "a limit that only warns",
        "a queue without limit",
        "more entries than the number",
        "entries that are weighed",
        "an age",
    ],
)
def test_no_cap_is_better_than_a_wrong_one(thing: Any, owner: Any, name: str) -> None:
    assert cap_of(thing, owner, name)[0] is None
