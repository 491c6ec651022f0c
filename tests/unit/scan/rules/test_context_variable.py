"""LH120: context variables that are made in functions, and tokens that are never used."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH120"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_a_token_that_is_never_used_is_found() -> None:
    source = """
from contextvars import ContextVar
current = ContextVar("current")
def handle(request):
    token = current.set(request)
    return serve()
"""
    assert lines(RULE, source) == [5]
