"""LH117: an object with `__del__` that refers to itself."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH117"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_without_a_finalizer_it_does_not_matter() -> None:
    source = """
class Download:
    def __init__(self):
        self.on_chunk = self.write
    def write(self): ...
"""
    assert lines(RULE, source) == []
