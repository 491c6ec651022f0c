"""LH108: rows pile up while an upload is read, or are created one by one with its bytes."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH108"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_a_row_for_each_piece_is_a_query_for_each_piece() -> None:
    source = """
import csv
def view(request):
    for row in csv.reader(request.FILES["csv"]):
        Entry.objects.create(name=row[0])
"""
    assert lines(RULE, source) == [5]


def test_a_loop_over_little_is_left_alone() -> None:
    source = """
def setup():
    for name in ("a", "b"):
        Entry.objects.create(name=name)
"""
    assert lines(RULE, source) == []
