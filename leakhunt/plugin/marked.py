"""A marked test: called once as always, and if it passes again and again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from leakhunt.errors import UsageError
from leakhunt.plugin.check import check, finish, refuse
from leakhunt.plugin.set_aside import tidied
from leakhunt.plugin.settings import limits_of


class _Stop(Exception):
    """A call has failed in a way that the test case itself has noted down."""


def checked(item: pytest.Function, once: Callable[[], None]) -> Callable[[], None]:
    """In place of the `runtest` of a marked test, which is `once`."""
    return partial(_run, item, once)


def _run(item: pytest.Function, once: Callable[[], None]) -> None:
    try:
        limits = limits_of(item)
    except UsageError as error:
        refuse(error)
    fixtures = item.funcargs

    def call() -> None:
        # Some plugins put a function of their own in the place of an asynchronous test, each time it is run.
        function = item.obj
        with tidied(fixtures):
            once()
            if getattr(item, "_excinfo", None):  # a test case of unittest notes down what it raised
                raise _Stop
        item.obj = function

    try:
        call()
        outcome = check(item.name, call, limits, node=item, fixtures=fixtures)
    except _Stop:
        return
    finish(outcome, limits, pytrace=False)
