"""LH106: a cache without limit on a function that is given request data."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH106"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_what_a_view_hands_on_is_request_data() -> None:
    source = """
from functools import lru_cache
@lru_cache(maxsize=None)
def load(what): ...
def view(request):
    return load(request.GET["what"])
"""
    assert lines(RULE, source) == [3]


def test_a_function_that_is_told_little_is_left_alone() -> None:
    source = """
from functools import cache
@cache
def translations(language): ...
@cache
def settings(): ...
"""
    assert lines(RULE, source) == []
