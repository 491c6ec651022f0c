"""LH114: threads and executors that nobody ends."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH114"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_a_pool_that_is_returned_is_ended_by_others() -> None:
    source = """
from concurrent.futures import ThreadPoolExecutor
def pool():
    made = ThreadPoolExecutor()
    return made
"""
    assert lines(RULE, source) == []


def test_threads_of_a_view_that_are_waited_for_are_fine() -> None:
    source = """
import threading
def view(request):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
def careless(request):
    threading.Thread(target=work).start()
"""
    assert lines(RULE, source) == [8]
