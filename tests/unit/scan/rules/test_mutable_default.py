"""LH119: a default that every call adds to."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH119"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_a_default_that_is_only_read_is_fine() -> None:
    source = """
def tag(name, tags=[]):
    return [*tags, name]
"""
    assert lines(RULE, source) == []


def test_one_that_is_replaced_is_fine() -> None:
    source = """
def tag(name, tags=[]):
    tags = list(tags)
    tags.append(name)
"""
    assert lines(RULE, source) == []
