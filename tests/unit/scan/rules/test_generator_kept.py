"""LH122: generators that are kept before they are exhausted hold the frame that they stopped in."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH122"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_generator_expressions_are_generators() -> None:
    source = """
_KEPT = {}
def keep(name, rows):
    _KEPT[name] = (row for row in rows)
"""
    assert lines(RULE, source) == [4]


def test_lists_are_none() -> None:
    source = """
_KEPT = {}
def keep(name, rows):
    _KEPT[name] = [row for row in rows]
"""
    assert lines(RULE, source) == []
