"""LH110: settings that leave debugging on, which keeps the log of queries."""

from __future__ import annotations

from rule_examples import check_examples, lines

RULE = "LH110"


def test_the_examples_in_the_docs_are_right() -> None:
    check_examples(RULE)


def test_settings_for_development_may_have_it_on() -> None:
    source = "DEBUG = True\nINSTALLED_APPS = []\n"
    assert lines(RULE, source, "mysite/settings/production.py") == [1]
    assert lines(RULE, source, "mysite/settings/local.py") == []


def test_what_is_set_again_is_not_judged() -> None:
    assert lines(RULE, "DEBUG = True\nINSTALLED_APPS = []\nDEBUG = env('DEBUG')\n", "settings.py") == []
