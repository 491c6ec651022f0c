"""One check: measure, judge, tell pytest."""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NoReturn

import pytest

from leakhunt.errors import LeakhuntError, TargetError, UsageError
from leakhunt.model.snapshot import Frame
from leakhunt.plugin.experiment import Experiment
from leakhunt.plugin.limits import Limits
from leakhunt.plugin.message import tell
from leakhunt.plugin.ours import is_ours
from leakhunt.plugin.outcome import Outcome, judge
from leakhunt.plugin.set_aside import set_aside


def check(
    name: str,
    call: Callable[[], object],
    limits: Limits,
    *,
    node: pytest.Item,
    fixtures: Mapping[str, Any],
    unit: str = "call",
) -> Outcome:
    """Call it again and again and judge what it leaves behind; figures go to the properties of the test.

    What it raises goes through.
    """
    __tracebackhide__ = True
    with _only_one():
        # The same test draws the same lottery, whatever runs before it.
        seed = zlib.crc32(f"{node.nodeid} {name}".encode())
        count = _Counted(call)
        try:
            _require_linux()
            with set_aside(fixtures):
                experiment = Experiment(name, count, limits, seed=seed, directory=os.fspath(node.config.rootpath))
                report = experiment.run()
        except LeakhuntError as error:
            refuse(error)
        except Exception as error:
            count.note(error, name)
            error.__traceback__ = _beyond_us(error.__traceback__)
            raise
    outcome = judge(report, limits, unit)
    node.user_properties.extend((f"leakhunt.{key}", value) for key, value in outcome.figures().items())
    return outcome


def finish(outcome: Outcome, limits: Limits, *, pytrace: bool) -> None:
    """Fail or skip the test if it did not pass."""
    __tracebackhide__ = True
    if outcome.state == "failed":
        pytest.fail(tell(outcome), pytrace=pytrace)
    if outcome.state == "undecided":
        if limits.undecided == "skip":
            raise pytest.skip.Exception(tell(outcome), _use_item_location=True)
        pytest.fail(tell(outcome), pytrace=pytrace)


def refuse(error: LeakhuntError) -> NoReturn:
    """Fail the test because it could not be checked."""
    __tracebackhide__ = True
    text = f"leakhunt: {error.message}{f' {error.hint}' if error.hint else ''}"
    raise pytest.fail.Exception(text, pytrace=False) from None


def _require_linux() -> None:
    if not sys.platform.startswith("linux"):
        raise TargetError("Memory can only be measured on Linux.", "Switch the checks off: --leakhunt=off")


def _beyond_us(traceback: TracebackType | None) -> TracebackType | None:
    """Where the traceback leaves this package: our own frames tell nobody anything."""
    found = None
    while traceback is not None:
        if is_ours(Frame(traceback.tb_frame.f_code.co_filename, 0, "")):
            found = traceback.tb_next
        traceback = traceback.tb_next
    return found


class _Counted:
    """Counts the calls, to tell which of them has failed."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._calls = 0

    def __call__(self) -> None:
        __tracebackhide__ = True
        self._calls += 1
        self._call()

    def note(self, error: Exception, name: str) -> None:
        """Say with the error that it came when `name` was called again; Python 3.10 has no place for that."""
        if hasattr(error, "add_note"):
            error.add_note(
                f"leakhunt calls {name} again and again to see what it leaves behind; this was call {self._calls}."
            )


_running: list[bool] = []


@contextmanager
def _only_one() -> Iterator[None]:
    """Raises UsageError where a check is made inside of what is being checked."""
    if _running:
        raise UsageError("A check within a check.", "A test has the mark or calls the fixture, not both.")
    _running.append(True)
    try:
        yield
    finally:
        _running.clear()
