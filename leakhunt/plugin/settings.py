"""The limits of one test: from the settings of the run, then the marks on its class and on itself."""

from __future__ import annotations

import pytest

from leakhunt.errors import UsageError
from leakhunt.plugin.limits import Limits, with_limits

_SETTINGS = ("max_growth", "time", "undecided")


def limits_of(node: pytest.Item) -> Limits:
    """What holds for a test; of several marks the closest has the last word.

    Raises:
        UsageError: something that was set makes no sense.
    """
    limits = Limits()
    for name in _SETTINGS:
        value = getattr(node.config.option, f"leakhunt_{name}", None) or node.config.getini(f"leakhunt_{name}")
        if value:
            limits = with_limits(limits, {name: value}, "the settings of pytest")
    for mark in reversed(list(node.iter_markers("leakhunt"))):
        if mark.args:
            raise UsageError("pytest.mark.leakhunt takes names only.", 'Write for example max_growth="1KiB/call".')
        limits = with_limits(limits, mark.kwargs, "pytest.mark.leakhunt")
    return limits
