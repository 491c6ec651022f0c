"""LH109: a loop over a whole table holds all its rows."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH109"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_a_filtered_table_is_left_alone() -> None:
    source = """
from celery import shared_task
@shared_task
def remind():
    for learner in Learner.objects.filter(active=True):
        learner.remind()
"""
    assert lines(RULE, source) == []


def test_elsewhere_tables_may_be_small() -> None:
    source = """
def menu(request):
    for page in Page.objects.all():
        page.show()
"""
    assert lines(RULE, source) == []
