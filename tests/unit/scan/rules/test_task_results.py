"""LH124: results of Celery tasks that never expire."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH124"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_apps_that_are_configured_in_code_are_looked_at() -> None:
    source = """
app.conf.result_expires = 0
app.conf.update(result_expires=None)
app.conf.update(result_expires=60)
"""
    assert lines(RULE, source) == [2, 3]
