"""LH112: a receiver is connected again and again, and held strongly."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH112"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_weak_receivers_go_by_themselves() -> None:
    source = """
def view(request):
    post_save.connect(lambda **message: None)
"""
    assert lines(RULE, source) == []
