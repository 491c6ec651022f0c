"""LH116: a function that holds its own frame, and with it all its variables."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH116"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_the_frame_of_the_caller_is_no_cycle() -> None:
    source = """
import inspect
def caller():
    outer = inspect.currentframe().f_back
    return outer.f_code.co_name
def own():
    frame = inspect.currentframe()
    return frame.f_lineno
"""
    assert lines(RULE, source) == [7]


def test_an_exception_that_others_caught_leads_to_their_frames() -> None:
    source = """
import sys
def server_error(request):
    kind, error, trace = sys.exc_info()
    return render(kind, error)
"""
    assert lines(RULE, source) == []
