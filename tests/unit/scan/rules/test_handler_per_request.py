"""LH113: logging handlers and exit functions that are added while requests are served."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH113"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_start_up_may_configure_logging() -> None:
    source = """
def configure():
    logger.addHandler(handler)
"""
    assert lines(RULE, source) == []


def test_a_handler_that_is_there_already_is_asked_for() -> None:
    source = """
def view(request):
    if not logger.handlers:
        logger.addHandler(handler)
"""
    assert lines(RULE, source) == []


def test_exit_functions_pile_up_too() -> None:
    source = """
import atexit
def view(request):
    atexit.register(request.close)
"""
    assert lines(RULE, source) == [4]
