"""LH118: the cycle collector is switched off, and never on again."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH118"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_a_threshold_of_nothing_is_off_too() -> None:
    source = """
import gc
gc.set_threshold(0)
"""
    assert lines(RULE, source) == [3]


def test_for_a_while_is_fine() -> None:
    source = """
import gc
def fast():
    gc.disable()
    try:
        work()
    finally:
        gc.enable()
"""
    assert lines(RULE, source) == []
