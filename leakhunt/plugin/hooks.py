"""What pytest loads: the mark, the fixture and their settings. All else is imported when a test asks for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from leakhunt.plugin.fixture import Leakhunt

_MARK = (
    "leakhunt(max_growth='64B/call', max_peak=None, max_kept=None, rounds=36, calls=None, time=10, ignore=(), "
    "collect=True, undecided='fail', known=None): call the test again and again, and fail it if its calls leak memory, "
    "threads or file descriptors, or need more memory than allowed."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The settings, on the command line and in the configuration of pytest."""
    group = parser.getgroup("leakhunt", "memory leaks (leakhunt)")
    group.addoption(
        "--leakhunt",
        choices=("on", "off"),
        default="on",
        help="off: run each test once and check nothing (default: on)",
    )
    group.addoption("--leakhunt-time", metavar="SECONDS", help="most time for the calls of one check (default: 10)")
    group.addoption(
        "--leakhunt-undecided",
        choices=("fail", "skip"),
        help="what becomes of a test of which nothing could be proven (default: fail)",
    )
    parser.addini("leakhunt_max_growth", "what a call may keep where nothing else is said, as 64B/call")
    parser.addini("leakhunt_time", "as --leakhunt-time")
    parser.addini("leakhunt_undecided", "as --leakhunt-undecided")


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", _MARK)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Have a marked test called again and again in place of once."""
    if item.config.option.leakhunt == "off" or not isinstance(item, pytest.Function):
        return
    if item.get_closest_marker("leakhunt") is not None:
        from leakhunt.plugin.marked import checked

        vars(item).pop("runtest", None)  # ours, of an earlier run of a test that is run once more
        once: Callable[[], None] = item.runtest
        item.runtest = checked(item, once)  # type: ignore[method-assign]


@pytest.fixture
def leakhunt(request: pytest.FixtureRequest) -> Leakhunt:
    """Checks that something which is called again and again leaves nothing behind."""
    from leakhunt.plugin.fixture import Leakhunt

    return Leakhunt(request)
