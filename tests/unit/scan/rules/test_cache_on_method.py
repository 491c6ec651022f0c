"""LH105: a cache on a method keeps instances."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH105"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_static_methods_have_no_instance() -> None:
    source = """
from functools import cache
class Photo:
    @staticmethod
    @cache
    def load(name): ...
"""
    assert lines(RULE, source) == []


def test_a_class_with_one_instance_is_left_alone() -> None:
    source = """
from functools import lru_cache
class Service:
    @lru_cache(maxsize=None)
    def load(self, name): ...
service = Service()
"""
    assert lines(RULE, source) == []
