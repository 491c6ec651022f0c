from __future__ import annotations

import functools
from collections import OrderedDict, deque
from typing import Any

import pytest

from leakhunt.agent.probes.holders import cap_of


class BoundedCache(OrderedDict[str, int]):
    def __init__(self, maxsize: int) -> None:
        super().__init__()
        self.maxsize = maxsize


class Locmem:
    def __init__(self) -> None:
        self._max_entries = 300
        self._cache: dict[str, bytes] = {}


@pytest.mark.parametrize(
    ("thing", "owner", "cap"),
    [
        (functools.lru_cache(maxsize=128)(len), None, (128, "cache_info().maxsize")),
        (functools.lru_cache(maxsize=None)(len), None, (None, "cache_info().maxsize")),
        (deque(maxlen=7), None, (7, "deque.maxlen")),
        (deque(), None, (None, None)),
        (BoundedCache(50), None, (50, "BoundedCache.maxsize")),
        ({}, Locmem(), (300, "Locmem._max_entries")),
        ({}, None, (None, None)),
        ([], functools, (None, None)),
    ],
)
def test_the_cap_of_a_container_is_read_where_it_is_written(thing: Any, owner: Any, cap: tuple[Any, Any]) -> None:
    assert cap_of(thing, owner) == cap
