"""LH121: temporary files and directories that nothing deletes."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH121"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_what_is_returned_is_deleted_by_others() -> None:
    source = """
import tempfile
def make():
    return tempfile.mkdtemp()
"""
    assert lines(RULE, source) == []


def test_what_is_removed_is_fine() -> None:
    source = """
import os, tempfile
def use():
    handle, name = tempfile.mkstemp()
    os.unlink(name)
"""
    assert lines(RULE, source) == []
