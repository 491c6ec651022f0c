"""LH123: metrics with a label for every path, user or message."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH123"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_labels_are_followed_through_names() -> None:
    source = """
def middleware(request):
    where = request.get_full_path().lower()
    REQUESTS.labels(path=where).inc()
"""
    assert lines(RULE, source) == [4]
