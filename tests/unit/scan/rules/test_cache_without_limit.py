"""LH107: a cache that is told to forget nothing."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH107"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_a_size_that_is_never_reached_is_none() -> None:
    source = """
import cachetools, math
CACHE = cachetools.LRUCache(maxsize=math.inf)
SMALL = cachetools.LRUCache(maxsize=100)
"""
    assert lines(RULE, source) == [3]


def test_one_entry_may_stay() -> None:
    source = """
from django.core.cache import cache
def remember(value):
    cache.set("motd", value, timeout=None)
"""
    assert lines(RULE, source) == []
